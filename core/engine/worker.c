/* engine/worker.c - threads that read their partitions, apply, and append the events. */
#include <stdio.h>

#include "internal.h"
#include "log/reader.h"

/* Batches taken from one partition before the next one gets its turn. */
#define TURN_BATCHES_MAX 64
/* How long to leave a full disk alone before trying again. */
#define NO_SPACE_WAIT_MS 200
/* And a query that is looking at a partition, or partitions that are too far behind. */
#define SHOW_WAIT_MS 1
#define DURABLE_WAIT_MS 1000 /* between looks at whether the log is well */
/* Versions of the rules between the first and the last partition: each holds its own, and one takes
 * the next. So there is always room for it. */
#define VERSIONS_APART_MAX (ENGINE_WORLDS_MAX - 4)

/* Nobody may wait for a worker that waits for space: a checkpoint, a start, a stop. */
static void set_starved(engine *engine, bool is_starved)
{
    pthread_mutex_lock(&engine->lock);
    atomic_fetch_add(&engine->starved, is_starved ? 1u : UINT32_MAX);
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

hr_err engine_append(engine *engine, const log_batch *batch, hr_why *why)
{
    log_position end;
    hr_err err = log_append(engine->options.log, batch, 1, NULL, NULL, &end);
    if (err == HR_NO_SPACE) {
        set_starved(engine, true);
        while (err == HR_NO_SPACE && !atomic_load(&engine->is_stopping)) {
            log_wait(engine->options.log, LOG_APPENDED, log_appended(engine->options.log),
                     NO_SPACE_WAIT_MS);
            err = log_append(engine->options.log, batch, 1, NULL, NULL, &end);
        }
        set_starved(engine, false);
    }
    if (err == HR_NO_SPACE) {
        return hr_why_set(why, err, "stopped while the disk was full");
    }
    return err == HR_OK ? err : hr_why_set(why, err, "cannot append to the log");
}

hr_err engine_wait_durable(engine *engine, log_position needed, bool outwaits_full_disk,
                           hr_why *why)
{
    log_store *log = engine->options.log;
    log_position durable = log_durable(log);
    if (durable < needed) {
        log_commit_soon(log); /* the last record may be a tick, which causes no commit */
    }
    while (durable < needed) {
        hr_err err = log_health(log, why);
        if (err != HR_OK && !(err == HR_NO_SPACE && outwaits_full_disk)) {
            return err;
        }
        durable = log_wait(log, LOG_COMMITTED, durable, DURABLE_WAIT_MS);
    }
    return HR_OK;
}

/* Everything that queries see is told. The keeper waits for the last of what the log held at the
 * start. */
static void settle(engine *engine, engine_partition *partition)
{
    int64_t start_end = engine->start_ends[partition->number];
    bool catches_up = atomic_load(&partition->settled) < start_end && partition->shown >= start_end;
    atomic_store(&partition->settled, partition->shown);
    if (catches_up) {
        pthread_mutex_lock(&engine->lock);
        pthread_cond_broadcast(&engine->changed);
        pthread_mutex_unlock(&engine->lock);
    }
}

/* Append the gathered events, in frames of a bearable size: one device may be in many fences. A
 * crash between two frames is no harm, since the last event in the log says where to go on. */
static hr_err flush_events(engine *engine, engine_partition *partition, hr_why *why)
{
    const hr_buf *events = &partition->events;
    hr_err err = engine_dead_flush(engine, partition, why);
    for (size_t at = 0; err == HR_OK && at < events->size;) {
        log_batch batch = {
            .topic = HR_TOPIC_EVENTS, .type = HR_RECORD_EVENT, .bytes = events->data + at};
        while (at < events->size && batch.size < ENGINE_EVENTS_BYTES_AIM) {
            size_t record = 4 + hr_load_u32(events->data + at);
            batch.size += record;
            batch.count++;
            at += record;
        }
        err = engine_append(engine, &batch, why);
    }
    hr_buf_clear(&partition->events);
    if (err == HR_OK) {
        settle(engine, partition);
    }
    return err;
}

/* Does a partition that has more to read lag so many versions behind this one? In a replay some are
 * read long before others. One that has read all, yet missed rules to damage, is not waited for. */
static bool is_far_ahead(const engine *engine, const engine_partition *partition)
{
    uint64_t version = atomic_load(&partition->rules_version);
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        const engine_partition *other = &engine->partitions[p];
        if (atomic_load(&other->rules_version) + VERSIONS_APART_MAX <= version &&
            atomic_load(&other->offset) <
                log_end(engine->options.log, HR_TOPIC_POSITIONS, (uint16_t)p, LOG_APPENDED)) {
            return true;
        }
    }
    return false;
}

/* Read and apply what there is, up to a turn. *is_busy is set when there was something. */
static hr_err take_turn(engine *engine, uint32_t number, bool *is_busy, hr_why *why)
{
    engine_partition *partition = &engine->partitions[number];
    engine_seat *seat = &engine->seats[number];
    uint64_t bytes = 0;
    hr_err err = HR_OK;
    for (int i = 0; i < TURN_BATCHES_MAX && err == HR_OK && !is_far_ahead(engine, partition); i++) {
        log_view view;
        err = log_reader_next(seat->reader, &view, why);
        if (err == HR_CORRUPT) {
            /* The log has told the gap; what is lost is lost for everyone alike. */
            engine_partition_skip(partition, log_reader_offset(seat->reader));
            *is_busy = true; /* there may be more behind it */
            err = HR_OK;
            continue;
        }
        if (err != HR_OK) {
            break;
        }
        *is_busy = true;
        bytes += view.size;
        err = engine_partition_apply(partition, &view, why);
    }
    engine_partition_set_wakes(partition);
    if (err == HR_OK || err == HR_TIMEOUT) {
        hr_err shown = engine_partition_show(partition);
        hr_err flushed = shown == HR_OK ? flush_events(engine, partition, why) : shown;
        err = flushed != HR_OK ? flushed : err;
    }
    atomic_fetch_add_explicit(&seat->work_done, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&engine->bytes_since_checkpoint, bytes, memory_order_relaxed);
    if (err == HR_GONE) {
        return hr_why_set(why, HR_CORRUPT, "partition %u: the log no longer holds offset %lld",
                          partition->number, (long long)atomic_load(&partition->offset));
    }
    return err == HR_TIMEOUT ? HR_OK : err;
}

/* Nothing more to read: sleep until there is, or while a query is in the way of showing what was
 * read. A thread without a partition hears of no append. */
static hr_err rest(engine_thread *thread, bool has_partition, bool is_shown, log_position seen,
                   hr_why *why)
{
    engine *engine = thread->engine;
    if (!has_partition) {
        engine_seat_wait(engine, thread->number);
    } else if (log_wait(engine->options.log, LOG_APPENDED, seen, is_shown ? -1 : SHOW_WAIT_MS) ==
                   seen &&
               log_health(engine->options.log, why) == HR_IO) {
        return HR_IO; /* it would wake us for ever */
    }
    hr_counter_add(thread->wakes, 1);
    return HR_OK;
}

typedef struct turn {
    engine *engine;
    hr_why *why;
} turn;

static hr_err flush_in_turn(void *context, engine_partition *partition)
{
    turn *turn = context;
    return flush_events(turn->engine, partition, turn->why);
}

/* A turn with the thread's memory for events: partitions hold none between their turns. */
static hr_err take_turn_with(hr_buf *events, engine *engine, uint32_t number, bool *is_busy,
                             hr_why *why)
{
    engine_partition *partition = &engine->partitions[number];
    hr_buf without = partition->events;
    partition->events = *events;
    partition->flush = flush_in_turn;
    partition->flush_context = &(turn){engine, why};
    hr_err err = take_turn(engine, number, is_busy, why);
    partition->flush = NULL;
    *events = partition->events;
    partition->events = without;
    return err;
}

static hr_err work(engine_thread *thread, hr_why *why)
{
    engine *engine = thread->engine;
    while (!atomic_load(&engine->is_stopping)) {
        bool is_busy = false;
        bool has_partition = false;
        bool is_shown = true;
        log_position seen = log_appended(engine->options.log);
        for (uint32_t p = 0; p < engine->partition_count; p++) {
            if (!engine_seat_take(engine, p, thread->number)) {
                continue;
            }
            has_partition = true;
            hr_err err = take_turn_with(&thread->events, engine, p, &is_busy, why);
            if (err != HR_OK) {
                return err;
            }
            engine_snapshot_take(engine, &engine->partitions[p]);
            is_shown = is_shown && engine_partition_is_shown(&engine->partitions[p]) &&
                       !is_far_ahead(engine, &engine->partitions[p]);
        }
        if (is_busy) {
            engine_keeper_stir(engine);
            continue;
        }
        hr_err err = rest(thread, has_partition, is_shown, seen, why);
        if (err != HR_OK) {
            return err;
        }
    }
    return HR_OK;
}

static void *worker_main(void *context)
{
    engine_thread *thread = context;
    hr_why why = {""};
    hr_err err = work(thread, &why);
    if (err != HR_OK) {
        engine_fail(thread->engine, err, &why);
    }
    return NULL;
}

/* To begin with, each thread has as many partitions as the others: what a replay wants. */
static hr_err make_seats(engine *engine, hr_why *why)
{
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        engine_seat *seat = &engine->seats[p];
        atomic_init(&seat->wanted, p % engine->thread_count);
        atomic_init(&seat->holder, ENGINE_NO_THREAD);
        hr_err err = log_reader_open(engine->options.log, HR_TOPIC_POSITIONS, (uint16_t)p,
                                     atomic_load(&engine->partitions[p].offset), LOG_APPENDED,
                                     &seat->reader);
        if (err != HR_OK) {
            return hr_why_set(why, err, "cannot read partition %u", p);
        }
    }
    return HR_OK;
}

static hr_counter *wakes_counter(hr_metrics *metrics, uint32_t thread)
{
    static hr_counter unseen;
    char labels[32];
    snprintf(labels, sizeof labels, "thread=\"%u\"", thread);
    return metrics == NULL ? &unseen
                           : hr_metrics_counter(metrics, "hedgerow_engine_wakes_total", labels,
                                                "How often a worker has woken up from sleep.");
}

hr_err engine_workers_start(engine *engine, hr_why *why)
{
    hr_err err = make_seats(engine, why);
    if (err != HR_OK) {
        return err;
    }
    for (uint32_t i = 0; i < engine->thread_count; i++) {
        engine_thread *thread = &engine->threads[i];
        *thread = (engine_thread){
            .engine = engine, .number = i, .wakes = wakes_counter(engine->options.metrics, i)};
        hr_buf_init(&thread->events, ENGINE_EVENTS_BYTES_MAX);
        int status = pthread_create(&thread->handle, NULL, worker_main, thread);
        if (status != 0) {
            return hr_why_errno(why, status, "cannot start a partition worker");
        }
        thread->is_started = true;
    }
    return HR_OK;
}

void engine_workers_stop(engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    atomic_store(&engine->is_stopping, true);
    pthread_cond_broadcast(&engine->seat_is_free);
    pthread_mutex_unlock(&engine->lock);
    log_wake(engine->options.log);
    for (uint32_t i = 0; i < engine->thread_count; i++) {
        if (engine->threads[i].is_started) {
            pthread_join(engine->threads[i].handle, NULL);
            engine->threads[i].is_started = false;
        }
        hr_buf_fini(&engine->threads[i].events);
    }
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        log_reader_close(engine->seats[p].reader);
        engine->seats[p].reader = NULL;
    }
}
