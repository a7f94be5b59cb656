/* engine/worker.c - threads that read their partitions, apply, and append the events. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "log/reader.h"

/* Batches taken from one partition before the next one gets its turn. */
#define TURN_BATCHES_MAX 64
/* A turn's events go into the log together, but in frames of about this size at the most. */
#define FRAME_BYTES_AIM (256u << 10)
/* How long an idle worker sleeps at most; anything appended wakes it at once. */
#define IDLE_WAIT_MS 500
/* How long to leave a full disk alone before trying again. */
#define NO_SPACE_WAIT_MS 200

/* Append a frame of events. Waits out a full disk: the state is ahead already, so nothing else may
 * be done first. */
static hr_err append_frame(engine *engine, const log_batch *batch, hr_why *why)
{
    for (;;) {
        log_position end;
        hr_err err = log_append(engine->options.log, batch, 1, NULL, NULL, &end);
        if (err == HR_OK) {
            return err;
        }
        if (err != HR_NO_SPACE) {
            return hr_why_set(why, err, "cannot append events to the log");
        }
        if (atomic_load(&engine->is_stopping)) {
            return hr_why_set(why, err, "stopped while the disk was full");
        }
        log_wait(engine->options.log, LOG_APPENDED, log_appended(engine->options.log),
                 NO_SPACE_WAIT_MS);
    }
}

/* Append the gathered events, in frames of a bearable size: one record may tell of every device. A
 * crash between two frames is no harm, since the last event in the log says where to go on. */
static hr_err flush_events(engine *engine, engine_partition *partition, hr_why *why)
{
    const hr_buf *events = &partition->events;
    hr_err err = HR_OK;
    for (size_t at = 0; err == HR_OK && at < events->size;) {
        log_batch batch = {
            .topic = HR_TOPIC_EVENTS, .type = HR_RECORD_EVENT, .bytes = events->data + at};
        while (at < events->size && batch.size < FRAME_BYTES_AIM) {
            size_t record = 4 + hr_load_u32(events->data + at);
            batch.size += record;
            batch.count++;
            at += record;
        }
        err = append_frame(engine, &batch, why);
    }
    hr_buf_clear(&partition->events);
    if (err == HR_OK) {
        atomic_store(&partition->settled, atomic_load(&partition->offset));
    }
    return err;
}

/* Read and apply what there is, up to a turn. *is_busy is set when there was something. */
static hr_err take_turn(engine *engine, engine_partition *partition, log_reader *reader,
                        bool *is_busy, hr_why *why)
{
    uint64_t bytes = 0;
    hr_err err = HR_OK;
    for (int i = 0; i < TURN_BATCHES_MAX && err == HR_OK; i++) {
        log_view view;
        err = log_reader_next(reader, &view, why);
        if (err == HR_CORRUPT) {
            /* The log has told the gap; what is lost is lost for everyone alike. */
            engine_partition_skip(partition, log_reader_offset(reader));
            err = HR_OK;
            continue;
        }
        if (err != HR_OK) {
            break;
        }
        *is_busy = true;
        bytes += view.size;
        err = engine_partition_apply(partition, &view, why);
        if (err == HR_OK && partition->events.size >= FRAME_BYTES_AIM) {
            err = flush_events(engine, partition, why);
        }
    }
    engine_partition_set_wakes(partition);
    if (err == HR_OK || err == HR_TIMEOUT) {
        hr_err flushed = flush_events(engine, partition, why);
        err = flushed != HR_OK ? flushed : err;
    }
    atomic_fetch_add_explicit(&engine->bytes_since_checkpoint, bytes, memory_order_relaxed);
    if (err == HR_GONE) {
        return hr_why_set(why, HR_CORRUPT, "partition %u: the log no longer holds offset %lld",
                          partition->number, (long long)atomic_load(&partition->offset));
    }
    return err == HR_TIMEOUT ? HR_OK : err;
}

static void close_readers(log_reader **readers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        log_reader_close(readers[i]);
    }
}

static hr_err open_readers(engine *engine, uint32_t first, log_reader **readers)
{
    for (uint32_t p = first; p < engine->partition_count; p += engine->thread_count) {
        hr_err err =
            log_reader_open(engine->options.log, HR_TOPIC_POSITIONS, (uint16_t)p,
                            atomic_load(&engine->partitions[p].offset), LOG_APPENDED, &readers[p]);
        if (err != HR_OK) {
            return err;
        }
    }
    return HR_OK;
}

static hr_err work(engine_thread *thread, log_reader **readers, hr_why *why)
{
    engine *engine = thread->engine;
    while (!atomic_load(&engine->is_stopping)) {
        bool is_busy = false;
        log_position seen = log_appended(engine->options.log);
        for (uint32_t p = thread->number; p < engine->partition_count; p += engine->thread_count) {
            hr_err err = take_turn(engine, &engine->partitions[p], readers[p], &is_busy, why);
            if (err != HR_OK) {
                return err;
            }
            engine_snapshot_take(engine, &engine->partitions[p]);
        }
        if (!is_busy) {
            log_wait(engine->options.log, LOG_APPENDED, seen, IDLE_WAIT_MS);
        }
    }
    return HR_OK;
}

static void *worker_main(void *context)
{
    engine_thread *thread = context;
    log_reader *readers[HR_PARTITIONS_MAX] = {NULL};
    hr_why why = {""};
    hr_err err = open_readers(thread->engine, thread->number, readers);
    if (err == HR_OK) {
        err = work(thread, readers, &why);
    }
    if (err != HR_OK) {
        engine_fail(thread->engine, err, &why);
    }
    close_readers(readers, HR_PARTITIONS_MAX);
    return NULL;
}

hr_err engine_workers_start(engine *engine, hr_why *why)
{
    for (uint32_t i = 0; i < engine->thread_count; i++) {
        engine_thread *thread = &engine->threads[i];
        *thread = (engine_thread){.engine = engine, .number = i};
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
    atomic_store(&engine->is_stopping, true);
    log_wake(engine->options.log);
    for (uint32_t i = 0; i < engine->thread_count; i++) {
        if (engine->threads[i].is_started) {
            pthread_join(engine->threads[i].handle, NULL);
            engine->threads[i].is_started = false;
        }
    }
}
