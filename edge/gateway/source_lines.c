/* gateway/source_lines.c - lines of JSON or NMEA from the standard input, a file, a serial port or
 * a TCP server. What can be opened again is, after growing pauses. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/logline.h"
#include "gateway/source_private.h"
#include "wire/nmea.h"

#define PAUSE_MIN_MS 500
#define PAUSE_MAX_MS 30000
#define READ_BYTES 16384

typedef struct lines {
    source *s;
    nmea receiver;
    char line[SOURCE_LINE_MAX];
    size_t size;
    bool is_too_long;
} lines;

/* ---- one line ---- */

static hr_err visit(void *context, size_t index, const wire_fix *fix, const hr_why *why)
{
    source *s = context;
    if (fix == NULL) {
        hr_why reason;
        hr_why_set(&reason, HR_INVALID, "element %zu: %.400s", index, why->text);
        source_refuse(s, SOURCE_FIX, reason.text);
        return HR_OK;
    }
    wire_fix copy = *fix;
    return source_take(s, &copy) ? HR_OK : HR_CLOSED;
}

static void take_line(lines *l)
{
    hr_why why = {{0}};
    hr_err err;
    if (l->s->options.what->kind == CONFIG_JSON) {
        err = fix_json_read(l->line, l->size, l->s->device, visit, l->s, &why);
    } else {
        wire_fix fix = {.id_size = 0};
        err = nmea_read(&l->receiver, l->line, l->size, &fix.fix, &why);
        if (err == HR_OK) {
            source_take(l->s, &fix);
        }
    }
    if (err == HR_INVALID || err == HR_CORRUPT) {
        source_refuse(l->s, err == HR_CORRUPT ? SOURCE_CHECKSUM : SOURCE_FORMAT, why.text);
    }
}

static void end_line(lines *l)
{
    if (l->is_too_long) {
        source_refuse(l->s, SOURCE_TOO_LONG, "a line above 65536 bytes");
    } else if (l->size > 0) {
        take_line(l);
    }
    l->size = 0;
    l->is_too_long = false;
}

static void take_bytes(lines *l, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size && !atomic_load(&l->s->is_stopping); i++) {
        if (bytes[i] == '\n') {
            end_line(l);
        } else if (l->size < sizeof l->line) {
            l->line[l->size++] = bytes[i];
        } else {
            l->is_too_long = true;
        }
    }
}

/* ---- where they come from ---- */

/* "host:port" */
static int connect_tcp(const char *place)
{
    char host[CONFIG_TEXT_MAX];
    const char *colon = strrchr(place, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (colon == NULL) {
        return -1;
    }
    snprintf(host, sizeof host, "%.*s", (int)(colon - place), place);
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

static speed_t speed_of(long baud)
{
    static const struct {
        long baud;
        speed_t speed;
    } speeds[] = {{4800, B4800},   {9600, B9600},   {19200, B19200},
                  {38400, B38400}, {57600, B57600}, {115200, B115200}};
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (speeds[i].baud == baud) {
            return speeds[i].speed;
        }
    }
    return B9600;
}

/* "/dev/ttyUSB0@9600", a plain file, or a named pipe. */
static int open_path(const char *place)
{
    char path[CONFIG_TEXT_MAX];
    struct termios settings;
    const char *mark = strrchr(place, '@');
    size_t size = mark != NULL ? (size_t)(mark - place) : strlen(place);
    snprintf(path, sizeof path, "%.*s", (int)size, place);
    int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && tcgetattr(fd, &settings) == 0) {
        speed_t speed = speed_of(mark != NULL ? strtol(mark + 1, NULL, 10) : 9600);
        cfmakeraw(&settings);
        cfsetispeed(&settings, speed);
        cfsetospeed(&settings, speed);
        if (tcsetattr(fd, TCSANOW, &settings) != 0) {
            hr_logline(HR_LEVEL_WARN, "source.speed", "source=%s", place);
        }
    }
    return fd;
}

static int open_place(const char *place)
{
    if (strcmp(place, "-") == 0) {
        return STDIN_FILENO;
    }
    return strncmp(place, "tcp://", 6) == 0 ? connect_tcp(place + 6) : open_path(place);
}

/* Read until the end or an error. */
static void follow(lines *l, int fd)
{
    char bytes[READ_BYTES];
    bool has_bytes;
    while (source_wait(l->s, fd, -1, &has_bytes)) {
        if (!has_bytes) {
            continue;
        }
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (got <= 0) {
            end_line(l);
            return;
        }
        take_bytes(l, bytes, (size_t)got);
    }
}

static bool ends_for_good(const char *place, int fd)
{
    struct stat st;
    return strcmp(place, "-") == 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
}

void source_run_lines(source *s)
{
    lines *l = calloc(1, sizeof *l);
    const char *place = s->options.what->place;
    int pause_ms = PAUSE_MIN_MS;
    bool ignored;
    if (l == NULL) {
        hr_logline(HR_LEVEL_ERROR, "source.failed", "source=%s why=\"out of memory\"", place);
        return;
    }
    l->s = s;
    nmea_init(&l->receiver);
    do {
        int fd = open_place(place);
        if (fd < 0) {
            hr_logline(HR_LEVEL_WARN, "source.closed", "source=%s again_in_ms=%d", place, pause_ms);
            pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
            continue;
        }
        pause_ms = PAUSE_MIN_MS;
        source_note_open(s);
        follow(l, fd);
        if (!atomic_load(&s->is_stopping) && ends_for_good(place, fd)) {
            atomic_store(&s->is_finished, true);
            s->options.finished(s->options.context);
        }
        if (fd != STDIN_FILENO) {
            close(fd);
        }
    } while (!atomic_load(&s->is_finished) && source_wait(s, -1, pause_ms, &ignored));
    free(l);
}
