/* core/engine/history.c - the historian's thread: read, wait, write, let the oldest go. */
#include "engine/history.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/logline.h"
#include "base/record.h"
#include "history_thread.h"

#define NICENESS 19
#define NAP_MS 1000
#define RETRY_NS INT64_C(5000000000)
#define PATIENCE_MS 60000 /* with a file that the disk cannot read */
#define NS_PER_MS INT64_C(1000000)
#define FREE_BYTES_DEFAULT (UINT64_C(64) << 20)
#define FREE_PART 20 /* of the disk: 5 % */
#define LAG_WRITES 2 /* behind by so many writing times: it lags */
#define RUN_FIXES                                                                                  \
    64 /* so many fixes of each device make chunks that cost little more than they hold */
#define TRIM_ROUNDS 16

static int64_t now_ns(void)
{
    /* Waiting is about real time, whatever the log's clock says. */
    return hr_clock_mono_ns(hr_clock_real());
}

/* ---- what others see ---- */

static void set_trouble(engine_history *history, hr_err err, const hr_why *why)
{
    pthread_mutex_lock(&history->lock);
    bool is_news = history->trouble != err;
    history->trouble = err;
    if (err != HR_OK) {
        history->trouble_why = *why;
    }
    pthread_mutex_unlock(&history->lock);
    if (is_news && err != HR_OK) {
        hr_logline(HR_LEVEL_ERROR, "history.waits", "error=%s why=\"%s\"", hr_err_name(err),
                   why->text);
    } else if (is_news) {
        hr_logline(HR_LEVEL_INFO, "history.goes_on", "path=%s", history->path);
    }
}

hr_err engine_history_health(engine_history *history, hr_why *why)
{
    pthread_mutex_lock(&history->lock);
    hr_err err = HR_OK;
    if (history->trouble != HR_OK) {
        err = hr_why_set(why, history->trouble, "history: %.480s", history->trouble_why.text);
        hr_why_reason(why, "history.waits");
    } else if (history->lag_ms > LAG_WRITES * history->options.write_ms) {
        err = hr_why_set(why, HR_TIMEOUT, "history: %lld minutes behind the log",
                         (long long)(history->lag_ms / 60000));
        hr_why_reason(why, "history.behind");
        hr_why_number(why, "minutes", history->lag_ms / 60000);
    } else if (history->aside_why.text[0] != 0 || history->anew_why.text[0] != 0) {
        bool is_both = history->aside_why.text[0] != 0 && history->anew_why.text[0] != 0;
        err = hr_why_set(why, HR_CORRUPT, "%s%s%s", history->anew_why.text, is_both ? "; " : "",
                         history->aside_why.text);
        hr_why_reason(why, history->aside_why.text[0] != 0 ? "history.aside" : "history.anew");
    } else if (atomic_load(&history->damaged_chunks) > 0) {
        err = hr_why_set(why, HR_CORRUPT, "history: damaged pieces of tracks were left out");
        hr_why_reason(why, "history.damaged");
    }
    pthread_mutex_unlock(&history->lock);
    return err;
}

static void publish(engine_history *history)
{
    uint64_t lag = 0;
    for (uint32_t i = 0; i <= history->partition_count; i++) {
        bool is_event = i == history->partition_count;
        int64_t end = log_end(history->options.log, is_event ? HR_TOPIC_EVENTS : HR_TOPIC_POSITIONS,
                              is_event ? 0 : (uint16_t)i, LOG_COMMITTED);
        lag += (uint64_t)(end - history->stored[i]);
    }
    if (lag == 0) {
        history->caught_ns = now_ns();
    }
    int64_t lag_ms = (now_ns() - history->caught_ns) / NS_PER_MS;
    hr_gauge_set(history->metrics.lag_records, (int64_t)lag);
    hr_gauge_set(history->metrics.lag_seconds, lag_ms / 1000);
    pthread_mutex_lock(&history->lock);
    history->lag_ms = lag_ms;
    pthread_mutex_unlock(&history->lock);
}

/* ---- reading ---- */

/* The next batch of a source. HR_TIMEOUT: none now. */
static hr_err take_next(engine_history *history, uint32_t source, hr_why *why)
{
    log_view view;
    log_reader *reader = history->readers[source];
    int64_t from = log_reader_offset(reader);
    hr_err err = log_reader_next(reader, &view, why);
    if (err == HR_GONE || err == HR_CORRUPT) {
        int64_t lost = log_reader_offset(reader) - from;
        hr_counter_add(history->metrics.gaps, (uint64_t)(lost > 0 ? lost : 1));
        hr_logline(HR_LEVEL_WARN, "history.gap", "source=%u records=%lld why=\"%s\"", source,
                   (long long)lost, why->text);
        return HR_OK;
    }
    if (err != HR_OK) {
        return err;
    }
    err = source < history->partition_count
              ? history_pending_positions(&history->pending, &view, from)
              : history_pending_events(&history->pending, &view, from);
    if (err != HR_OK) {
        log_reader_seek(reader, from);
    }
    return err;
}

static bool is_stopping(engine_history *history)
{
    pthread_mutex_lock(&history->lock);
    bool is = history->is_stopping;
    pthread_mutex_unlock(&history->lock);
    return is;
}

/* Read what is committed, until there is no more (then true) or enough, or somebody stops us. */
static bool read_on(engine_history *history, bool stops)
{
    hr_why why = {.text = ""};
    bool is_read = true;
    while (is_read && !history_pending_is_full(&history->pending)) {
        is_read = false;
        for (uint32_t i = 0; i <= history->partition_count; i++) {
            hr_err err = take_next(history, i, &why);
            if (err != HR_OK && err != HR_TIMEOUT) {
                set_trouble(history, err, &why);
                return false;
            }
            is_read = is_read || err == HR_OK;
        }
        if (is_read && stops && is_stopping(history)) {
            return false;
        }
    }
    return !is_read;
}

/* ---- writing ---- */

/* The last space is the log's: it must be able to go on when we wait. */
static hr_err check_disk(const engine_history *history, hr_why *why)
{
    struct statvfs disk;
    char folder[4096];
    size_t size = strlen(history->path);
    const char *slash = memrchr(history->path, '/', size);
    size_t part = slash != NULL ? (size_t)(slash - history->path) + 1 : 0;
    if (part == 0 || part >= sizeof folder) {
        return HR_OK;
    }
    memcpy(folder, history->path, part);
    folder[part] = 0;
    if (statvfs(folder, &disk) != 0) {
        return HR_OK;
    }
    uint64_t wanted = history->options.free_bytes;
    if (wanted == 0) {
        uint64_t share = (uint64_t)disk.f_blocks * disk.f_frsize / FREE_PART;
        wanted = share < FREE_BYTES_DEFAULT ? share : FREE_BYTES_DEFAULT;
    }
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    return left >= wanted ? HR_OK
                          : hr_why_set(why, HR_NO_SPACE,
                                       "the disk has %llu MB left, which are the log's; tracks are "
                                       "kept in the log until there is space",
                                       (unsigned long long)(left >> 20));
}

static bool has_moved(const engine_history *history)
{
    for (uint32_t i = 0; i <= history->partition_count; i++) {
        if (log_reader_offset(history->readers[i]) != history->stored[i]) {
            return true;
        }
    }
    return false;
}

/* Make one slot of what is pending. caught_ns: since when the log is read to its end; 0: it is not.
 */
static hr_err write_slot(engine_history *history, int64_t caught_ns, hr_why *why)
{
    history_slot slot = {.source_count = history->partition_count + 1};
    uint64_t fixes = history->pending.fix_count;
    uint64_t events = history->pending.event_count;
    for (uint32_t i = 0; i < slot.source_count; i++) {
        slot.sources[i] = log_reader_offset(history->readers[i]);
    }
    hr_err err = check_disk(history, why);
    if (err == HR_OK) {
        err = history_pending_write(&history->pending, history->store, &slot, why);
    }
    if (err != HR_OK) {
        return err;
    }
    memcpy(history->stored, slot.sources, slot.source_count * sizeof slot.sources[0]);
    history->written_ns = now_ns();
    history->caught_ns = caught_ns != 0 ? caught_ns : history->caught_ns;
    hr_counter_add(history->metrics.fixes, fixes);
    hr_counter_add(history->metrics.events, events);
    hr_counter_add(history->metrics.slots, 1);
    hr_counter_add(history->metrics.written_bytes, slot.bytes);
    hr_counter_add(history->metrics.refused, history->pending.refused);
    history->pending.refused = 0;
    return history_file_set_floors(history);
}

/* ---- letting go ---- */

static hr_err trim(engine_history *history, hr_why *why)
{
    const engine_history_options *options = &history->options;
    int64_t oldest_ms = INT64_MIN;
    uint64_t removed = 1;
    hr_err err = HR_OK;
    /* A clock that nobody keeps may be years ahead: then only the size counts. */
    if (options->retain_ms > 0 && hr_clock_is_synchronised(options->clock)) {
        oldest_ms = hr_clock_now_ms(options->clock) - options->retain_ms;
    }
    for (int i = 0; err == HR_OK && removed > 0 && i < TRIM_ROUNDS; i++) {
        err = history_store_trim(history->store, oldest_ms, options->retain_bytes, &removed, why);
    }
    hr_gauge_set(history->metrics.bytes, (int64_t)history_store_bytes(history->store));
    return err;
}

/* ---- the thread ---- */

/* Open the file again, or replace a damaged one. */
static hr_err mend(engine_history *history, hr_err err, hr_why *why)
{
    if (history->store != NULL && history_file_is_gone(history)) {
        /* What is written to a file without a name is lost, and the log would let go of it. */
        hr_logline(HR_LEVEL_WARN, "history.gone", "path=%s", history->path);
        history_store_close(history->store);
        history->store = NULL;
    }
    if (history->store != NULL && atomic_exchange(&history->is_suspect, false)) {
        err = history_store_check(history->store, why);
    }
    if (err == HR_CORRUPT && history->store != NULL) {
        hr_why damage = *why;
        err = history_file_replace(history, &damage, why);
    } else if (history->store == NULL) {
        err = history_file_resume(history, why);
    }
    return err;
}

/* Rows of few fixes cost more than the fixes: where devices speak rarely they wait longer. */
static bool is_due(const engine_history *history)
{
    const history_pending *pending = &history->pending;
    bool is_busy = pending->fix_count >= (size_t)pending->device_count * RUN_FIXES;
    int64_t wait_ms = history->options.write_ms / (is_busy ? ENGINE_HISTORY_BUSY_PART : 1);
    return now_ns() - history->written_ns >= wait_ms * NS_PER_MS;
}

/* One turn. all: somebody wants everything written. *is_behind: there is more to read. */
static hr_err turn(engine_history *history, bool all, bool *is_behind, hr_why *why)
{
    bool is_read = false;
    hr_err err = mend(history, HR_OK, why);
    while (err == HR_OK && !is_read && !is_stopping(history)) {
        int64_t start_ns = now_ns();
        is_read = read_on(history, true);
        bool is_full = history_pending_is_full(&history->pending);
        if (is_full || ((all || is_due(history)) && is_read && has_moved(history))) {
            err = write_slot(history, is_read ? start_ns : 0, why);
            err = err == HR_OK ? trim(history, why) : err;
            publish(history);
        }
        if (err == HR_CORRUPT) {
            err = mend(history, err, why);
            is_read = false;
            continue;
        }
        if (!is_full && !is_read) {
            break; /* reading failed */
        }
    }
    *is_behind = !is_read;
    return err;
}

/* Sleep until it is time to look again. Returns the number of the latest wish. */
static uint64_t nap(engine_history *history, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&history->lock);
    if (!history->is_stopping && history->asked == history->answered) {
        pthread_cond_timedwait(&history->wake, &history->lock, &until);
    }
    uint64_t asked = history->asked;
    pthread_mutex_unlock(&history->lock);
    return asked;
}

static void answer(engine_history *history, uint64_t asked, hr_err err)
{
    pthread_mutex_lock(&history->lock);
    history->answered = asked;
    history->answer = err;
    pthread_cond_broadcast(&history->done);
    pthread_mutex_unlock(&history->lock);
}

/* A cable or a bus comes back; a sector that is gone keeps history from writing for good, and the
 * log from letting go, until nothing more is taken. Then the file counts as damaged: it is kept. */
static hr_err lose_patience(engine_history *history, hr_err err, hr_why *why)
{
    const engine_history_options *options = &history->options;
    int64_t patience_ms = options->patience_ms > 0 ? options->patience_ms : PATIENCE_MS;
    if (err != HR_IO || strcmp(hr_why_reason_of(why), HISTORY_UNREADABLE) != 0) {
        history->unread_ns = 0;
        return err;
    }
    if (history->unread_ns == 0) {
        history->unread_ns = now_ns();
    }
    if (now_ns() - history->unread_ns < patience_ms * NS_PER_MS) {
        return err;
    }
    hr_why damage = *why;
    history->unread_ns = 0;
    return history_file_replace(history, &damage, why);
}

static void *history_main(void *context)
{
    engine_history *history = context;
    uint64_t answered = 0;
    (void)pthread_setname_np(pthread_self(), "historian");
    /* Tracks can wait; whoever judges fixes cannot. Should that starve it for long, the log's hard
     * limit gives it the time. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
    while (!is_stopping(history)) {
        uint64_t asked = nap(history, NAP_MS);
        bool all = asked != answered;
        if (!all && now_ns() < history->retry_ns) {
            continue;
        }
        hr_why why = {.text = ""};
        bool is_behind = false;
        hr_err err = lose_patience(history, turn(history, all, &is_behind, &why), &why);
        if (err != HR_OK) {
            history->retry_ns = now_ns() + RETRY_NS;
        }
        if (err != HR_OK || !is_behind) {
            set_trouble(history, err, &why);
        }
        publish(history);
        answered = asked;
        answer(history, asked, err == HR_OK && is_behind ? HR_CLOSED : err);
    }
    return NULL;
}

hr_err engine_history_settle(engine_history *history, int32_t timeout_ms, hr_why *why)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000 + 1;
    int status = 0;
    pthread_mutex_lock(&history->lock);
    uint64_t wanted = ++history->asked;
    pthread_cond_signal(&history->wake);
    while (history->answered < wanted && !history->is_stopping && status == 0) {
        status = pthread_cond_timedwait(&history->done, &history->lock, &until);
    }
    hr_err err = history->answered >= wanted ? history->answer : HR_TIMEOUT;
    if (err != HR_OK) {
        err = hr_why_set(why, err, "%s",
                         history->trouble != HR_OK ? history->trouble_why.text : hr_err_text(err));
    }
    pthread_mutex_unlock(&history->lock);
    return err;
}

/* ---- start and stop ---- */

static void make_metrics(engine_history *history)
{
    static hr_counter no_counter[7];
    static hr_gauge no_gauge[3];
    history_metrics *m = &history->metrics;
    hr_metrics *metrics = history->options.metrics;
    if (metrics == NULL) {
        *m = (history_metrics){&no_counter[0], &no_counter[1], &no_counter[2], &no_counter[3],
                               &no_counter[4], &no_counter[5], &no_counter[6], &no_gauge[0],
                               &no_gauge[1],   &no_gauge[2]};
        return;
    }
    m->fixes = hr_metrics_counter(metrics, "hedgerow_history_fixes_total", "",
                                  "Fixes written to history.db");
    m->events = hr_metrics_counter(metrics, "hedgerow_history_events_total", "",
                                   "Events and acknowledgements written to history.db");
    m->slots = hr_metrics_counter(metrics, "hedgerow_history_writes_total", "",
                                  "Transactions of the historian");
    m->written_bytes = hr_metrics_counter(metrics, "hedgerow_history_written_bytes_total", "",
                                          "Bytes of chunks and events written to history.db");
    m->gaps = hr_metrics_counter(metrics, "hedgerow_history_gaps_total", "",
                                 "Records that the log had lost before they were kept");
    m->refused = hr_metrics_counter(metrics, "hedgerow_history_refused_total", "",
                                    "Fixes of more devices than history.db can number");
    m->damaged = hr_metrics_counter(metrics, "hedgerow_history_damaged_total", "",
                                    "Times that a damaged history.db was put aside");
    m->bytes = hr_metrics_gauge(metrics, "hedgerow_history_bytes", "", "In use in history.db");
    m->lag_records = hr_metrics_gauge(metrics, "hedgerow_history_lag_records", "",
                                      "Committed records that are not yet in history.db");
    m->lag_seconds = hr_metrics_gauge(metrics, "hedgerow_history_lag_seconds", "",
                                      "Since when history.db has not all that is committed");
}

static void free_all(engine_history *history)
{
    for (uint32_t i = 0; i <= history->partition_count; i++) {
        log_reader_close(history->readers[i]);
    }
    history_store_close(history->store);
    history_pending_fini(&history->pending);
    pthread_cond_destroy(&history->wake);
    pthread_cond_destroy(&history->done);
    pthread_mutex_destroy(&history->lock);
    free(history->path);
    free(history);
}

static engine_history *make(const engine_history_options *options)
{
    engine_history *history = calloc(1, sizeof *history);
    char *path = history != NULL ? strdup(options->path) : NULL;
    if (path == NULL) {
        free(history);
        return NULL;
    }
    history->options = *options;
    history->path = path;
    if (options->write_ms == 0) {
        history->options.write_ms = ENGINE_HISTORY_WRITE_MS;
    }
    history->partition_count = log_topic_get(options->log, HR_TOPIC_POSITIONS)->partition_count;
    history_pending_init(&history->pending);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&history->lock, NULL);
    pthread_cond_init(&history->wake, &attributes);
    pthread_cond_init(&history->done, &attributes);
    pthread_condattr_destroy(&attributes);
    make_metrics(history);
    history->written_ns = now_ns();
    history->caught_ns = history->written_ns;
    return history;
}

hr_err engine_history_start(const engine_history_options *options, engine_history **out,
                            hr_why *why)
{
    engine_history *history = make(options);
    hr_why trouble = {.text = ""};
    if (history == NULL) {
        return HR_NO_MEMORY;
    }
    hr_err err = history_file_resume(history, &trouble);
    if (err == HR_TOO_NEW || err == HR_NO_MEMORY) {
        err = hr_why_set(why, err, "%s", trouble.text);
    } else if (err != HR_OK) {
        /* A full disk must not keep the service from starting. The log keeps everything as long. */
        set_trouble(history, err, &trouble);
        for (uint32_t i = 0; i <= history->partition_count; i++) {
            history->stored[i] = 0;
        }
        err = history_file_set_floors(history);
    }
    if (err == HR_OK && pthread_create(&history->thread, NULL, history_main, history) != 0) {
        err = hr_why_set(why, HR_NO_MEMORY, "cannot start the historian's thread");
    }
    if (err != HR_OK) {
        free_all(history);
        return err;
    }
    history->is_started = true;
    *out = history;
    return HR_OK;
}

void engine_history_stop(engine_history *history)
{
    if (history == NULL) {
        return;
    }
    pthread_mutex_lock(&history->lock);
    history->is_stopping = true;
    pthread_cond_broadcast(&history->wake);
    pthread_cond_broadcast(&history->done);
    pthread_mutex_unlock(&history->lock);
    if (history->is_started) {
        pthread_join(history->thread, NULL);
    }
    hr_why why = {.text = ""};
    if (history->store != NULL) {
        /* What came in the last moment, so that the next start finds little to do. */
        (void)read_on(history, false);
    }
    if (history->store != NULL && has_moved(history) && write_slot(history, 0, &why) != HR_OK) {
        /* The log has it; the next start reads it again. */
        hr_logline(HR_LEVEL_WARN, "history.not_written", "why=\"%s\"", why.text);
    }
    free_all(history);
}
