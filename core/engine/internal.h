/* engine/internal.h - the engine's own parts, for the files of this folder. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/record.h"
#include "engine/change.h"
#include "engine/engine.h"
#include "packing.h"
#include "partition.h"

#define ENGINE_NO_PARTITION UINT32_MAX

typedef struct engine_thread {
    engine *engine;
    pthread_t handle;
    uint32_t number;
    bool is_started;
    hr_counter *wakes;
    hr_buf events; /* empty between turns; lent to the partition whose turn it is */
} engine_thread;

/* One partition as its worker left it at a batch's end, in a checkpoint. The fields but for
 * position are the checkpoint's header, which every later version can read. */
typedef struct engine_snapshot {
    int64_t offset; /* next to read */
    uint64_t rules_version;
    engine_source told; /* the last event in the log */
    int64_t tick_ms;
    int64_t events_offset; /* events of what comes next lie at or after it */
    log_position position; /* durable before the checkpoint may count */
    uint64_t size;         /* of the devices' states, bytes */
} engine_snapshot;

struct engine {
    engine_options options;
    char *folder;
    engine_worlds *worlds;
    engine_counters counters;
    uint32_t partition_count;
    engine_partition *partitions;
    int64_t *start_ends; /* ends of the partitions when the engine was started */

    uint32_t thread_count;
    engine_thread threads[ENGINE_THREADS_MAX]; /* workers */
    engine_seat *seats;                        /* which partition belongs to which of them */
    engine_packing packing;                    /* protected by lock */
    pthread_t keeper;
    bool keeper_is_started;

    _Atomic bool is_stopping;
    _Atomic bool is_ready;
    _Atomic bool is_stirred; /* something was read since the keeper looked */
    /* The catalogue's newest version may not be in the log; set under change_lock. */
    _Atomic bool is_change_untold;
    _Atomic uint32_t starved; /* workers that stand still until the log takes their events */
    _Atomic uint64_t bytes_since_checkpoint;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_cond_t seat_is_free; /* or the engine stops; for workers without a partition */
    hr_err failure;              /* protected by lock */
    hr_why failure_why;          /* protected by lock */

    /* A checkpoint in the making. One partition after the other is asked for, and its worker fills
     * in what is asked of it: so one partition's states are in memory twice, not everyone's. */
    uint32_t snapshot_of;        /* the partition asked for; or none. Protected by lock */
    bool snapshot_is_begun;      /* its worker is at it. Protected by lock */
    hr_buf snapshot_bytes;       /* while it is, the worker's; else protected by checkpoint_lock */
    engine_snapshot *snapshots;  /* likewise */
    pthread_mutex_t names_lock;  /* one at a time brings names to the catalogue */
    pthread_mutex_t change_lock; /* one change of the rules, from its begin to the log's yes */
    pthread_mutex_t checkpoint_lock; /* one checkpoint at a time */
    uint64_t checkpoint_number;      /* of the newest file; protected by checkpoint_lock */
    uint64_t checkpoint_size;        /* bytes; protected by checkpoint_lock */
    int64_t checkpoint_offsets[HR_PARTITIONS_MAX]; /* and where it stands; likewise */
};

/* Keep the first failure and wake everyone. */
void engine_fail(engine *engine, hr_err err, const hr_why *why);

/* worker.c */
HR_MUST_USE hr_err engine_workers_start(engine *engine, hr_why *why);
void engine_workers_stop(engine *engine);

/* Append a batch of a worker's. Waits out a full disk: the state is ahead already, so nothing else
 * may be done first. */
HR_MUST_USE hr_err engine_append(engine *engine, const log_batch *batch, hr_why *why);

/* Wait until the log holds for good what lies before `needed`. A full disk takes no frame, but it
 * syncs what it has: HR_NO_SPACE only to who does not outwait it. Other failures of the log. */
HR_MUST_USE hr_err engine_wait_durable(engine *engine, log_position needed, bool outwaits_full_disk,
                                       hr_why *why);

/* dead.c: append the partition's dead records, but for those that are in `dead` already. */
HR_MUST_USE hr_err engine_dead_flush(engine *engine, engine_partition *partition, hr_why *why);

/* checkpoint.c: files. */
HR_MUST_USE hr_err engine_checkpoint_load(engine *engine, hr_why *why);

/* Called by a worker between batches: copy the partition if a checkpoint is asking for it. */
void engine_snapshot_take(engine *engine, engine_partition *partition);

/* snapshot.c: a partition as bytes. Nothing but what a decision reads, and the live view. */
void engine_snapshot_write(const engine_partition *partition, hr_buf *out);

/* Into a partition that is still empty. HR_CORRUPT: not such bytes; then the partition must be
 * freed. */
HR_MUST_USE hr_err engine_snapshot_read(engine_partition *partition, const uint8_t *bytes,
                                        size_t size);

/* names.c: the catalogue learns every name before a checkpoint forgets its record. */
HR_MUST_USE hr_err engine_names_flush(engine *engine, hr_why *why);

/* keeper.c: what the log is told at the start, and checkpoints as the log grows. */
void *engine_keeper_main(void *context);

/* Called by a worker that has read something. An idle engine has nothing to keep: then the keeper
 * sleeps, too. */
void engine_keeper_stir(engine *engine);

/* Append "rules = version" to all partitions and the edit to `events`, and wait until durable. */
HR_MUST_USE hr_err engine_rules_announce(engine *engine, uint64_t version, const char *edit,
                                         size_t edit_size, hr_why *why);

#endif
