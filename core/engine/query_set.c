/* core/engine/query_set.c - the thread that feeds the standing queries, and their start. */
#include "query_set.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/logline.h"
#include "base/record.h"
#include "catalog/document.h"
#include "engine/change.h"
#include "log/group.h"
#include "log/patience.h"

#define WAIT_MS 500
#define READ_NS INT64_C(250000000) /* before looking at what else is to be done */
#define BEHIND_WAIT_MS 20          /* while workers are at it */
#define SAVE_GAP_NS INT64_C(30000000000)
#define REPORT_GAP_NS INT64_C(10000000000)
#define SETTLE_STEP_MS 50
#define BRIEFLY_NS 2000000

/* ---- the set, under lock ---- */

void query_set_enter(engine_queries *queries)
{
    atomic_fetch_add(&queries->asking, 1);
    pthread_mutex_lock(&queries->lock);
    atomic_fetch_sub(&queries->asking, 1);
}

bool query_set_enter_briefly(engine_queries *queries)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += BRIEFLY_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    atomic_fetch_add(&queries->asking, 1);
    bool is_entered = pthread_mutex_timedlock(&queries->lock, &until) == 0;
    atomic_fetch_sub(&queries->asking, 1);
    return is_entered;
}

void query_set_leave(engine_queries *queries)
{
    pthread_mutex_unlock(&queries->lock);
}

query_run *query_set_find(engine_queries *queries, const char *name)
{
    for (uint32_t i = 0; i < queries->run_count; i++) {
        if (strcmp(queries->runs[i]->name, name) == 0) {
            return queries->runs[i];
        }
    }
    return NULL;
}

hr_err query_set_place(engine_queries *queries, query_run *run)
{
    uint32_t at = 0;
    while (at < queries->run_count && strcmp(queries->runs[at]->name, run->name) < 0) {
        at++;
    }
    queries->is_changed = true;
    queries->is_edited = true;
    if (at < queries->run_count && strcmp(queries->runs[at]->name, run->name) == 0) {
        run->revision += queries->runs[at]->revision;
        query_run_free(queries->runs[at]);
        queries->runs[at] = run;
        return HR_OK;
    }
    if (queries->run_count == ENGINE_QUERIES_MAX) {
        return HR_TOO_BIG;
    }
    memmove(queries->runs + at + 1, queries->runs + at,
            (queries->run_count - at) * sizeof *queries->runs);
    queries->runs[at] = run;
    queries->run_count++;
    return HR_OK;
}

/* ---- counting ---- */

/* It was running. */
static void note_if_stopped(engine_queries *queries, const query_run *run)
{
    if (run->status == QUERY_FAILED) {
        hr_counter_add(queries->stopped, 1);
        hr_logline(HR_LEVEL_WARN, "query.stopped", "name=%s why=\"%s\"", run->name, run->reason);
    }
}

/* Above the limit the query that holds most is stopped: it is the one that hurts. The ended windows
 * of one that has stopped count too, else the others would be stopped for them. */
static void bound_state(engine_queries *queries)
{
    for (;;) {
        size_t total = 0;
        query_run *largest = NULL;
        for (uint32_t i = 0; i < queries->run_count; i++) {
            query_run *run = queries->runs[i];
            total += query_run_bytes(run);
            if (largest == NULL || query_run_bytes(run) > query_run_bytes(largest)) {
                largest = run;
            }
        }
        hr_gauge_set(queries->state_bytes, (int64_t)total);
        if (total <= queries->options.state_bytes_max) {
            return;
        }
        bool was_failed = largest->status == QUERY_FAILED;
        query_run_shrink(largest);
        if (!was_failed) {
            note_if_stopped(queries, largest);
        }
    }
}

static void give_rows(void *context, query_source source, const void *rows, size_t count)
{
    engine_queries *queries = context;
    queries->is_changed = true;
    hr_counter_add(queries->rows, count);
    for (uint32_t i = 0; i < queries->run_count; i++) {
        query_run *run = queries->runs[i];
        if (run->status == QUERY_RUNNING && query_run_reads(run, source)) {
            query_run_batch(run, source, rows, count, hr_clock_real());
            note_if_stopped(queries, run);
        }
    }
    bound_state(queries);
}

/* True: there are more to end. */
static bool close_windows(engine_queries *queries)
{
    bool is_ending = false;
    for (uint32_t i = 0; i < queries->run_count; i++) {
        query_run *run = queries->runs[i];
        if (run->status == QUERY_RUNNING) {
            int64_t mark_ms = query_input_mark(&queries->input);
            is_ending = query_run_close(run, mark_ms, hr_clock_real()) || is_ending;
            note_if_stopped(queries, run);
        }
    }
    return is_ending;
}

/* The least mark at which a query has something to end. */
static int64_t due_ms(const engine_queries *queries)
{
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < queries->run_count; i++) {
        const query_run *run = queries->runs[i];
        int64_t due = run->status == QUERY_RUNNING ? query_run_due_ms(run) : INT64_MAX;
        least = due < least ? due : least;
    }
    return least;
}

/* Everything has been read: then the clock may stand in for the ticks that nobody committed. */
static void end_silence(engine_queries *queries, int64_t now_ms)
{
    if (!query_input_is_behind(&queries->input) &&
        query_input_tick_ms(&queries->input, due_ms(queries)) <= now_ms &&
        hr_clock_is_synchronised(queries->options.clock)) {
        query_input_raise(&queries->input, now_ms);
    }
}

/* Count what is committed. False: there is more, and may be for hours. */
static bool read_on(engine_queries *queries)
{
    int64_t until_ns = hr_clock_mono_ns(hr_clock_real()) + READ_NS;
    bool is_read = true;
    while (is_read && !atomic_load(&queries->is_stopping) &&
           hr_clock_mono_ns(hr_clock_real()) < until_ns) {
        hr_why why = {.text = ""};
        pthread_mutex_lock(&queries->lock);
        int64_t now_ms = hr_clock_now_ms(queries->options.clock);
        hr_err err = query_input_next(&queries->input, give_rows, queries, &is_read, &why);
        hr_counter_add(queries->gaps, queries->input.gaps);
        queries->input.gaps = 0;
        if (err != HR_OK) {
            hr_logline(HR_LEVEL_WARN, "query.no_input", "why=\"%s\"", why.text);
            is_read = false;
        } else if (!is_read) {
            end_silence(queries, now_ms);
        }
        is_read = close_windows(queries) || is_read;
        bound_state(queries);
        int64_t due = is_read ? INT64_MAX : due_ms(queries);
        atomic_store(&queries->tick_ms, query_input_tick_ms(&queries->input, due));
        pthread_mutex_unlock(&queries->lock);
        while (atomic_load(&queries->asking) > 0) {
            sched_yield();
        }
    }
    return !is_read;
}

bool engine_queries_want_tick(engine_queries *queries, int64_t now_ms)
{
    int64_t asked_ms = atomic_load(&queries->asked_ms);
    /* A clock that stepped back must not silence it. */
    bool was_asked = now_ms >= asked_ms && now_ms - asked_ms < ENGINE_QUERY_TICK_MS;
    if (was_asked || atomic_load(&queries->tick_ms) > now_ms) {
        return false;
    }
    atomic_store(&queries->asked_ms, now_ms);
    return true;
}

static void note_reports(engine_queries *queries)
{
    int64_t now_ms = hr_clock_now_ms(queries->options.clock);
    pthread_mutex_lock(&queries->lock);
    for (uint32_t i = 0; i < queries->run_count; i++) {
        if (queries->runs[i]->status == QUERY_RUNNING) {
            query_run_note(queries->runs[i], now_ms);
        }
    }
    pthread_mutex_unlock(&queries->lock);
}

static void save(engine_queries *queries)
{
    hr_why why = {.text = ""};
    pthread_mutex_lock(&queries->lock);
    bool is_changed = queries->is_changed;
    int64_t offset = queries->input.events_offset;
    pthread_mutex_unlock(&queries->lock);
    if (!is_changed) {
        return;
    }
    hr_err err = query_keep_save(queries, &why);
    if (err == HR_OK) {
        err = log_group_commit(queries->options.log, ENGINE_QUERIES_GROUP, HR_TOPIC_EVENTS, 0,
                               offset);
    }
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_WARN, "query.not_kept", "why=\"%s\"", why.text);
    }
}

static void *run_thread(void *context)
{
    engine_queries *queries = context;
    int64_t saved_ns = hr_clock_mono_ns(hr_clock_real());
    int64_t reported_ns = saved_ns;
    log_position seen = 0;
    while (!atomic_load(&queries->is_stopping)) {
        log_position end = log_durable(queries->options.log);
        bool is_done = read_on(queries);
        pthread_mutex_lock(&queries->lock);
        /* Workers that have not judged it yet hold a part of it back. */
        bool is_behind = !is_done || query_input_is_behind(&queries->input);
        queries->settled_at = is_behind ? queries->settled_at : end;
        queries->rounds += is_done;
        bool is_edited = queries->is_edited;
        queries->is_edited = false;
        pthread_cond_broadcast(&queries->settled);
        pthread_mutex_unlock(&queries->lock);
        int64_t now_ns = hr_clock_mono_ns(hr_clock_real());
        if (now_ns - reported_ns > REPORT_GAP_NS) {
            note_reports(queries);
            reported_ns = now_ns;
        }
        if (now_ns - saved_ns > SAVE_GAP_NS || is_edited) {
            save(queries);
            saved_ns = now_ns;
        }
        seen = end;
        if (is_done && !atomic_load(&queries->is_stopping)) {
            (void)log_wait(queries->options.log, LOG_COMMITTED, seen,
                           is_behind ? BEHIND_WAIT_MS : WAIT_MS);
        }
    }
    return NULL;
}

hr_err engine_queries_settle(engine_queries *queries, int32_t timeout_ms)
{
    log_position target = log_durable(queries->options.log);
    int64_t until_ns = hr_clock_mono_ns(hr_clock_real()) + (int64_t)timeout_ms * INT64_C(1000000);
    hr_err err = HR_OK;
    pthread_mutex_lock(&queries->lock);
    /* A round that is going on now may have passed the clock's last step already. */
    uint64_t round = queries->rounds + 2;
    while (err == HR_OK && (queries->settled_at < target || queries->rounds < round)) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += SETTLE_STEP_MS * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        log_wake(queries->options.log);
        pthread_cond_timedwait(&queries->settled, &queries->lock, &until);
        if (hr_clock_mono_ns(hr_clock_real()) > until_ns) {
            err = HR_TIMEOUT;
        }
    }
    pthread_mutex_unlock(&queries->lock);
    return err;
}

/* ---- start and stop ---- */

typedef struct loader {
    engine_queries *queries;
    hr_err err;
} loader;

static void load_document(void *context, const catalog_document *document)
{
    loader *loader = context;
    engine_queries *queries = loader->queries;
    engine_query_fault fault;
    query_spec *spec = NULL;
    query_run *run = NULL;
    if (loader->err != HR_OK) {
        return;
    }
    hr_err err = query_spec_parse(document->text, document->size, &spec, &fault);
    if (err == HR_OK) {
        err = query_run_new(spec, (uint64_t)document->number, queries->next_run_id,
                            queries->options.state_bytes_max, &run, &fault.why);
    }
    if (err == HR_INVALID) {
        err =
            query_run_new_failed(document->name, (uint64_t)document->number, fault.why.text, &run);
    }
    if (err == HR_OK) {
        queries->next_run_id++;
        run->edition = document->revision;
        err = query_set_place(queries, run);
        if (err != HR_OK) {
            query_run_free(run);
        }
    }
    if (err == HR_TOO_BIG) {
        /* A release may ship more than there is room for beside the owner's. */
        hr_logline(HR_LEVEL_WARN, "query.left_out", "name=%s why=\"there are %d already\"",
                   document->name, ENGINE_QUERIES_MAX);
        err = HR_OK;
    }
    loader->err = err;
}

static void drop_runs(engine_queries *queries)
{
    for (uint32_t i = 0; i < queries->run_count; i++) {
        query_run_free(queries->runs[i]);
    }
    queries->run_count = 0;
}

static hr_err load_definitions(engine_queries *queries, hr_why *why)
{
    geo_why geo = {.text = ""};
    loader loader = {.queries = queries, .err = HR_OK};
    geo_err err = catalog_document_each(queries->options.catalog, QUERY_DOCUMENT_KIND,
                                        load_document, &loader, &geo);
    if (err != GEO_OK) {
        return hr_why_set(why, engine_err_from_geo(err), "queries: %s", geo.text);
    }
    return loader.err == HR_OK ? HR_OK
                               : hr_why_set(why, loader.err, "the queries cannot be loaded");
}

hr_err query_set_begin(engine_queries *queries, hr_why *why)
{
    drop_runs(queries);
    query_input_fini(&queries->input);
    hr_err err = query_input_init(&queries->input, queries->options.log, queries->options.catalog,
                                  queries->options.engine, why);
    return err == HR_OK ? load_definitions(queries, why) : err;
}

static hr_err load_state(engine_queries *queries, hr_why *why)
{
    hr_err err = query_set_begin(queries, why);
    if (err == HR_OK) {
        err = query_keep_load(queries, why);
    }
    if (err == HR_CORRUPT) {
        hr_logline(HR_LEVEL_ERROR, "query.begins_anew", "queries=%u", queries->run_count);
        for (uint32_t i = 0; i < queries->run_count; i++) {
            query_run_note_loss(queries->runs[i]);
        }
    }
    return err == HR_CORRUPT || err == HR_NOT_FOUND ? HR_OK : err;
}

static void free_all(engine_queries *queries)
{
    drop_runs(queries);
    query_input_fini(&queries->input);
    pthread_cond_destroy(&queries->settled);
    pthread_mutex_destroy(&queries->lock);
    pthread_mutex_destroy(&queries->edit_lock);
    free(queries->folder);
    free(queries);
}

static void make_metrics(engine_queries *queries)
{
    static hr_gauge no_gauge;
    static hr_counter no_counter[3];
    hr_metrics *metrics = queries->options.metrics;
    queries->state_bytes = &no_gauge;
    queries->rows = &no_counter[0];
    queries->stopped = &no_counter[1];
    queries->gaps = &no_counter[2];
    if (metrics != NULL) {
        queries->state_bytes = hr_metrics_gauge(metrics, "hedgerow_query_state_bytes", "",
                                                "What all standing queries hold in memory");
        queries->rows = hr_metrics_counter(metrics, "hedgerow_query_rows_total", "",
                                           "Rows read for standing queries");
        queries->stopped = hr_metrics_counter(metrics, "hedgerow_query_stopped_total", "",
                                              "Standing queries stopped by a limit or an error");
        queries->gaps = hr_metrics_counter(metrics, "hedgerow_query_gaps_total", "",
                                           "Times that records were gone or damaged when standing "
                                           "queries came to them");
    }
}

/* A count would have to be on the disk before anyone is told of it: a service that is killed at
 * once must not give the same numbers again. */
static hr_err choose_run_ids(engine_queries *queries, hr_why *why)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random) {
        return hr_why_errno(why, errno, "no random number");
    }
    queries->next_run_id = random >> 16; /* whole in everyone's JSON */
    return HR_OK;
}

hr_err engine_queries_start(const engine_queries_options *options, engine_queries **out,
                            hr_why *why)
{
    engine_queries *queries = calloc(1, sizeof *queries);
    char *folder = queries != NULL ? strdup(options->folder) : NULL;
    if (folder == NULL) {
        free(queries);
        return HR_NO_MEMORY;
    }
    queries->options = *options;
    queries->folder = folder;
    atomic_init(&queries->tick_ms, INT64_MAX);
    atomic_init(&queries->asked_ms, INT64_MAX);
    if (options->state_bytes_max == 0) {
        queries->options.state_bytes_max = ENGINE_QUERY_STATE_BYTES;
    }
    if (options->patience_ms == 0) {
        queries->options.patience_ms = PATIENCE_MS;
    }
    pthread_mutex_init(&queries->lock, NULL);
    pthread_mutex_init(&queries->edit_lock, NULL);
    pthread_cond_init(&queries->settled, NULL);
    make_metrics(queries);
    hr_err err = choose_run_ids(queries, why);
    if (err == HR_OK && options->ships) {
        err = query_shipped_add(options->catalog, why);
    }
    if (err == HR_OK) {
        err = load_state(queries, why);
    }
    if (err == HR_OK && pthread_create(&queries->thread, NULL, run_thread, queries) != 0) {
        err = hr_why_set(why, HR_NO_MEMORY, "cannot start a thread");
    }
    if (err != HR_OK) {
        free_all(queries);
        return err;
    }
    *out = queries;
    return HR_OK;
}

void engine_queries_stop(engine_queries *queries)
{
    if (queries == NULL) {
        return;
    }
    atomic_store(&queries->is_stopping, true);
    log_wake(queries->options.log);
    pthread_join(queries->thread, NULL);
    save(queries);
    free_all(queries);
}
