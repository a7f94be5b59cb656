/* engine/partition.h - one partition's state, and what a batch of its records does to it.
 *
 * A pure function of the log: it reads no clock and waits for nobody. */
#ifndef ENGINE_PARTITION_H
#define ENGINE_PARTITION_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "dead.h"
#include "devices.h"
#include "log/log.h"
#include "log/reader.h"
#include "show.h"
#include "world.h"

/* Room for the events of one device's input, which may be as many as there are fences. */
#define ENGINE_EVENTS_BYTES_MAX ((size_t)1 << 30)
/* With so many gathered, partition->flush is called. */
#define ENGINE_EVENTS_BYTES_AIM ((size_t)256 << 10)

/* Where an event comes from; events of a partition are told in this order. */
typedef struct engine_source {
    int64_t offset;
    uint32_t index;
} engine_source;

typedef struct engine_counters {
    hr_counter *fixes;
    hr_counter *repeated;
    hr_counter *out_of_order;
    hr_counter *inaccurate;
    hr_counter *refused; /* out of range, or above the limit of devices */
    hr_counter *events;
    hr_counter *suppressed;
} engine_counters;

typedef struct engine_partition engine_partition;

/* Append the events that have gathered, and forget them. Called without the partition's lock. */
typedef hr_err engine_flush(void *context, engine_partition *partition);

struct engine_partition {
    uint32_t number;
    /* Written by the worker under lock; read by pull queries under lock, and by the worker. Of the
     * devices some is the worker's own, see there. */
    pthread_rwlock_t lock;
    engine_devices devices;
    const engine_world *world;
    uint64_t moved; /* grows with every latest fix that changes */
    int64_t shown;  /* queries see what lies before this offset */

    /* The worker's own. */
    engine_notes notes; /* what they shall see of the rest */
    int64_t tick_ms;
    geo_tracker *tracker;
    engine_worlds *worlds;
    engine_source told; /* the last event that is in the log already: not told again */
    hr_buf events; /* stored events not yet appended, each behind its length; its memory is lent by
                      the thread whose turn it is */
    engine_flush *flush; /* likewise; NULL: all events stay in there */
    void *flush_context;
    engine_dead dead;   /* what was refused and is not in `dead` yet */
    hr_buf new_names;   /* of devices that the catalogue has not been told of; under lock */
    hr_buf taken_names; /* those on their way to it; protected by the engine's names_lock */
    const engine_counters *counters;
    struct partition_block *block; /* scratch of the fix path */

    /* Written by the worker, read by anyone. */
    _Atomic int64_t offset;  /* next to read */
    _Atomic int64_t settled; /* the events of everything before it are in the log */
    _Atomic uint64_t rules_version;
    _Atomic int64_t wake_ms; /* no tick before this has anything to tell */
};

/* Begins empty, at offset 0, without rules: those come by engine_partition_use(). */
HR_MUST_USE hr_err engine_partition_init(engine_partition *partition, uint32_t number,
                                         engine_worlds *worlds, const engine_counters *counters,
                                         hr_why *why);
void engine_partition_fini(engine_partition *partition);

/* Judge by the rules of a version from here on, without telling anyone: for the start. */
HR_MUST_USE hr_err engine_partition_use(engine_partition *partition, uint64_t version, hr_why *why);

/* Apply the records of a view that lie at or after the partition's offset. Events gather in
 * partition->events, and are flushed when they are many. Queries may see it later (show.h). On
 * failure the partition must not be used any more, only freed. */
HR_MUST_USE hr_err engine_partition_apply(engine_partition *partition, const log_view *view,
                                          hr_why *why);

/* The device's state has changed: when does it need a tick? */
void engine_partition_set_wake(engine_partition *partition, uint32_t index);

/* The same for all whose state has changed; whoever reads wake_ms wants it done now and then. */
void engine_partition_set_wakes(engine_partition *partition);

/* A name that the catalogue may not have: noted until engine_names_flush() (names.c). */
void engine_names_note(engine_partition *partition, uint64_t key, const char *id, size_t size,
                       int64_t seen_ms);

/* Go on at an offset behind damage in the log. */
void engine_partition_skip(engine_partition *partition, int64_t offset);

/* Where a partition begins to read, before its worker runs. */
void engine_partition_begin_at(engine_partition *partition, int64_t offset);

#endif
