/* base/logline.c - formatting, and counting of repeats. */
#include "base/logline.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define QUOTE_MARK '\x01' /* stands for a quote of the format while a line is put together */

/* How often one event was told lately. */
typedef struct event_rate {
    const char *event;
    int64_t period_start_ns;
    unsigned told;
    unsigned suppressed;
} event_rate;

/* All below: protected by lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static hr_level least_level = HR_LEVEL_INFO;
static event_rate rates[HR_LOGLINE_EVENTS_MAX];
static unsigned rate_count;
static hr_logline_sink *redirect_sink;
static void *redirect_context;
static const hr_clock *redirect_clock;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void hr_logline_set_level(hr_level level)
{
    pthread_mutex_lock(&lock);
    least_level = level;
    pthread_mutex_unlock(&lock);
}

hr_err hr_level_parse(const char *text, hr_level *level)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (hr_level)i;
            return HR_OK;
        }
    }
    return HR_INVALID;
}

void hr_logline_redirect(hr_logline_sink *sink, void *context, const hr_clock *clock)
{
    pthread_mutex_lock(&lock);
    redirect_sink = sink;
    redirect_context = context;
    redirect_clock = clock;
    rate_count = 0;
    pthread_mutex_unlock(&lock);
}

/* The entry of an event; NULL when the table is full, and then the event is never held back. */
static event_rate *find_rate(const char *event, int64_t now_ns)
{
    for (unsigned i = 0; i < rate_count; i++) {
        if (strcmp(rates[i].event, event) == 0) {
            return &rates[i];
        }
    }
    if (rate_count == HR_LOGLINE_EVENTS_MAX) {
        return NULL;
    }
    rates[rate_count] = (event_rate){.event = event, .period_start_ns = now_ns};
    return &rates[rate_count++];
}

/* True if the line may be told; *suppressed gets how many were not since the last one. */
static bool may_tell(const char *event, int64_t now_ns, unsigned *suppressed)
{
    *suppressed = 0;
    event_rate *rate = find_rate(event, now_ns);
    if (rate == NULL) {
        return true;
    }
    if (now_ns - rate->period_start_ns >= (int64_t)HR_LOGLINE_PERIOD_MS * 1000000) {
        rate->period_start_ns = now_ns;
        rate->told = 0;
        *suppressed = rate->suppressed;
        rate->suppressed = 0;
    }
    if (rate->told >= HR_LOGLINE_BURST_MAX) {
        rate->suppressed++;
        return false;
    }
    rate->told++;
    return true;
}

static void append(char *line, size_t *used, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void append(char *line, size_t *used, const char *format, va_list args)
{
    size_t room = HR_LOGLINE_BYTES_MAX - 1 - *used; /* one byte is kept for the line end */
    int size = vsnprintf(line + *used, room, format, args);
    if (size > 0) {
        *used += (size_t)size < room ? (size_t)size : room - 1;
    }
}

static void append_format(char *line, size_t *used, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append_format(char *line, size_t *used, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append(line, used, format, args);
    va_end(args);
}

static const char *mark_quotes(const char *format, char marked[HR_LOGLINE_BYTES_MAX],
                               unsigned *count) __attribute__((format_arg(1)));

/* The format with its quotes marked, so that they can be told from those within values. */
static const char *mark_quotes(const char *format, char marked[HR_LOGLINE_BYTES_MAX],
                               unsigned *count)
{
    size_t i = 0;
    *count = 0;
    for (; format[i] != '\0' && i < HR_LOGLINE_BYTES_MAX - 1; i++) {
        bool is_quote = format[i] == '"';
        marked[i] = is_quote ? QUOTE_MARK : format[i];
        *count += is_quote;
    }
    marked[i] = '\0';
    return marked;
}

/* A value ends where its quotes end, whatever it contains: quotes and backslashes within quotes are
 * escaped, control characters and what is not UTF-8 become '?'. Somebody who forges a mark gets no
 * quotes at all. */
static size_t clean(const char *raw, size_t raw_size, unsigned quotes,
                    char line[HR_LOGLINE_BYTES_MAX])
{
    size_t used = 0;
    unsigned marks = 0;
    bool is_quoted = false;
    for (size_t i = 0; i < raw_size; i++) {
        marks += raw[i] == QUOTE_MARK;
    }
    bool is_forged = marks > quotes;
    for (size_t i = 0, length = 0; i < raw_size; i += length) {
        char c = raw[i];
        length = hr_utf8_length(raw + i, raw_size - i);
        bool is_shown = length > 0 && (unsigned char)c >= 0x20 && c != 0x7f;
        length = length > 0 ? length : 1;
        size_t needed = length + (is_quoted ? 2 : 0); /* an escape and the closing quote */
        if (used + needed >= HR_LOGLINE_BYTES_MAX) {
            break;
        }
        if (c == QUOTE_MARK && !is_forged) {
            is_quoted = !is_quoted;
            line[used++] = '"';
            continue;
        }
        if (is_quoted && (c == '"' || c == '\\')) {
            line[used++] = '\\';
        }
        memcpy(line + used, is_shown ? raw + i : "?", length);
        used += length;
    }
    if (is_quoted) {
        line[used++] = '"'; /* the line was cut */
    }
    return used;
}

static void write_line(const char *raw, size_t raw_size, unsigned quotes)
{
    char line[HR_LOGLINE_BYTES_MAX];
    size_t used = clean(raw, raw_size, quotes, line);
    if (redirect_sink != NULL) {
        line[used] = '\0';
        redirect_sink(line, redirect_context);
        return;
    }
    line[used++] = '\n';
    /* Nothing can be done about a stderr that is gone. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}

void hr_logline(hr_level level, const char *event, const char *format, ...)
{
    pthread_mutex_lock(&lock);
    const hr_clock *clock = redirect_clock != NULL ? redirect_clock : hr_clock_real();
    unsigned suppressed;
    if (level >= least_level && may_tell(event, hr_clock_mono_ns(clock), &suppressed)) {
        char line[HR_LOGLINE_BYTES_MAX];
        char marked[HR_LOGLINE_BYTES_MAX];
        char time_text[HR_TIME_TEXT_SIZE];
        size_t used = 0;
        hr_time_format(hr_clock_now_ms(clock), time_text);
        append_format(line, &used, "%s %s %s ", time_text, level_names[level], event);
        if (suppressed > 0) {
            append_format(line, &used, "suppressed=%u ", suppressed);
        }
        unsigned quotes;
        va_list args;
        va_start(args, format);
        append(line, &used, mark_quotes(format, marked, &quotes), args);
        va_end(args);
        write_line(line, used, quotes);
    }
    pthread_mutex_unlock(&lock);
}

void hr_logline_hold_files(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR); /* programs that we start get them too */
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}
