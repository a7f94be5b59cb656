/* engine/engine.c - starting, stopping, and what the engine says of itself. */
#include "engine/engine.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define MAPPED_BYTES_MIN (1 << 20)
#define HEAPS_MAX 2

void engine_fail(engine *engine, hr_err err, const hr_why *why)
{
    pthread_mutex_lock(&engine->lock);
    if (engine->failure == HR_OK) {
        engine->failure = err;
        engine->failure_why = *why;
    }
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

static hr_counter *fate_counter(hr_metrics *metrics, const char *fate)
{
    return hr_metrics_counter(metrics, "hedgerow_engine_fixes_total", fate,
                              "Fixes that workers have read, by what became of them.");
}

static void make_counters(engine *engine)
{
    static hr_counter unseen;
    hr_metrics *metrics = engine->options.metrics;
    engine_counters *counters = &engine->counters;
    if (metrics == NULL) {
        *counters =
            (engine_counters){&unseen, &unseen, &unseen, &unseen, &unseen, &unseen, &unseen};
        return;
    }
    counters->fixes = fate_counter(metrics, "fate=\"read\"");
    counters->repeated = fate_counter(metrics, "fate=\"repeated\"");
    counters->out_of_order = fate_counter(metrics, "fate=\"out_of_order\"");
    counters->inaccurate = fate_counter(metrics, "fate=\"inaccurate\"");
    counters->refused = fate_counter(metrics, "fate=\"refused\"");
    counters->events = hr_metrics_counter(metrics, "hedgerow_engine_events_total", "",
                                          "Events decided, repeats of a replay included.");
    counters->suppressed =
        hr_metrics_counter(metrics, "hedgerow_engine_events_suppressed_total", "",
                           "Events of a replay that were in the log already.");
}

static uint32_t choose_thread_count(const engine *engine)
{
    long count = engine->options.thread_count;
    if (count == 0) {
        count = sysconf(_SC_NPROCESSORS_ONLN);
    }
    if (count > (long)engine->partition_count) {
        count = engine->partition_count;
    }
    if (count > ENGINE_THREADS_MAX) {
        count = ENGINE_THREADS_MAX;
    }
    return count > 0 ? (uint32_t)count : 1;
}

static void free_partitions(engine *engine)
{
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        if (engine->partitions != NULL && engine->partitions[p].worlds != NULL) {
            engine_partition_fini(&engine->partitions[p]);
        }
    }
    free(engine->partitions);
    free(engine->seats);
    free(engine->start_ends);
    free(engine->snapshots);
}

static void free_engine(engine *engine)
{
    free_partitions(engine);
    engine_worlds_free(engine->worlds);
    pthread_cond_destroy(&engine->changed);
    pthread_cond_destroy(&engine->seat_is_free);
    pthread_mutex_destroy(&engine->lock);
    pthread_mutex_destroy(&engine->names_lock);
    pthread_mutex_destroy(&engine->change_lock);
    pthread_mutex_destroy(&engine->checkpoint_lock);
    free(engine->folder);
    free(engine);
}

static void init_locks(engine *engine)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_cond_init(&engine->seat_is_free, NULL);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->names_lock, NULL);
    pthread_mutex_init(&engine->change_lock, NULL);
    pthread_mutex_init(&engine->checkpoint_lock, NULL);
}

static hr_err make_partitions(engine *engine, hr_why *why)
{
    log_store *log = engine->options.log;
    uint32_t count = log_topic_get(log, HR_TOPIC_POSITIONS)->partition_count;
    if (count > HR_PARTITIONS_MAX) {
        return hr_why_set(why, HR_TOO_BIG, "the log has %u partitions, %d are the limit", count,
                          HR_PARTITIONS_MAX);
    }
    engine->partitions = calloc(count, sizeof *engine->partitions);
    engine->seats = calloc(count, sizeof *engine->seats);
    engine->start_ends = calloc(count, sizeof *engine->start_ends);
    engine->snapshots = calloc(count, sizeof *engine->snapshots);
    engine->snapshot_of = ENGINE_NO_PARTITION;
    if (engine->partitions == NULL || engine->seats == NULL || engine->start_ends == NULL ||
        engine->snapshots == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for %u partitions", count);
    }
    engine->partition_count = count;
    for (uint32_t p = 0; p < count; p++) {
        engine->start_ends[p] = log_end(log, HR_TOPIC_POSITIONS, (uint16_t)p, LOG_APPENDED);
    }
    for (uint32_t p = 0; p < count; p++) {
        hr_err err = engine_partition_init(&engine->partitions[p], p, engine->worlds,
                                           &engine->counters, why);
        if (err != HR_OK) {
            engine->partitions[p].worlds = NULL;
            return err;
        }
    }
    return HR_OK;
}

static hr_err start_threads(engine *engine, hr_why *why)
{
    engine->thread_count = choose_thread_count(engine);
    hr_err err = engine_workers_start(engine, why);
    if (err == HR_OK) {
        int status = pthread_create(&engine->keeper, NULL, engine_keeper_main, engine);
        engine->keeper_is_started = status == 0;
        if (status != 0) {
            err = hr_why_errno(why, status, "cannot start the engine's keeper");
        }
    }
    return err;
}

/* A process that runs for years must not end up with its memory in holes. What is large (tables
 * that grow by doubling, a checkpoint's bytes) is a mapping of its own: it grows in place, its
 * unused end takes no memory, and it goes back to the system; the library would otherwise raise
 * that limit with the largest block that was ever freed. And threads share two heaps instead of
 * having one each. */
static void keep_memory_together(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
    (void)mallopt(M_ARENA_MAX, HEAPS_MAX);
}

hr_err engine_start(const engine_options *options, engine **out, hr_why *why)
{
    engine *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the engine");
    }
    made->options = *options;
    atomic_store(&made->is_change_untold, true); /* a crash may have kept it from the log */
    keep_memory_together();
    init_locks(made);
    make_counters(made);
    made->folder = strdup(options->folder);
    hr_err err = made->folder != NULL ? HR_OK : HR_NO_MEMORY;
    if (err == HR_OK && mkdir(made->folder, 0700) != 0 && errno != EEXIST) {
        err = hr_why_errno(why, errno, "cannot make %s", made->folder);
    }
    if (err == HR_OK) {
        err = engine_worlds_new(options->catalog, &made->worlds, why);
    }
    if (err == HR_OK) {
        err = make_partitions(made, why);
    }
    if (err == HR_OK) {
        err = engine_checkpoint_load(made, why);
    }
    if (err == HR_OK) {
        err = start_threads(made, why);
    }
    if (err != HR_OK) {
        engine_workers_stop(made);
        free_engine(made);
        return err;
    }
    *out = made;
    return HR_OK;
}

void engine_stop(engine *engine)
{
    if (engine == NULL) {
        return;
    }
    hr_why why;
    if (engine_is_ready(engine) && engine_health(engine, NULL) == HR_OK) {
        /* Only time at the next start depends on it. */
        hr_err err = engine_checkpoint(engine, &why);
        (void)err;
    }
    pthread_mutex_lock(&engine->lock);
    atomic_store(&engine->is_stopping, true);
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    engine_workers_stop(engine);
    if (engine->keeper_is_started) {
        pthread_join(engine->keeper, NULL);
    }
    free_engine(engine);
}

bool engine_is_ready(const engine *engine)
{
    return atomic_load(&engine->is_ready);
}

hr_err engine_wait_ready(engine *engine, int32_t timeout_ms, hr_why *why)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int status = 0;
    pthread_mutex_lock(&engine->lock);
    while (!atomic_load(&engine->is_ready) && engine->failure == HR_OK && status == 0) {
        status = pthread_cond_timedwait(&engine->changed, &engine->lock, &until);
    }
    pthread_mutex_unlock(&engine->lock);
    hr_err err = engine_health(engine, why);
    if (err == HR_OK && !engine_is_ready(engine)) {
        return hr_why_set(why, HR_TIMEOUT, "the log is still being replayed");
    }
    return err;
}

hr_err engine_health(engine *engine, hr_why *why)
{
    pthread_mutex_lock(&engine->lock);
    hr_err err = engine->failure;
    if (err != HR_OK && why != NULL) {
        *why = engine->failure_why;
    }
    pthread_mutex_unlock(&engine->lock);
    return err;
}

bool engine_wants_tick(engine *engine, int64_t now_ms)
{
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        if (atomic_load_explicit(&engine->partitions[p].wake_ms, memory_order_relaxed) <= now_ms) {
            return true;
        }
    }
    return false;
}

int64_t engine_offset(engine *engine, uint32_t partition)
{
    return atomic_load(&engine->partitions[partition].settled);
}

uint64_t engine_rules_version(engine *engine, uint32_t partition)
{
    return atomic_load(&engine->partitions[partition].rules_version);
}
