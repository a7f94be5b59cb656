/* engine/packing.h - which thread works on which partition, by how much work there was.
 *
 * The keeper measures and decides; workers, who read no clock, follow at the end of a turn. Events
 * do not depend on it: a partition is judged in its own order, whoever does it. */
#ifndef ENGINE_PACKING_H
#define ENGINE_PACKING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "engine/engine.h"
#include "log/reader.h"

#define ENGINE_NO_THREAD UINT32_MAX
#define ENGINE_PACK_PERIOD_MS 10000
/* A thread is filled up to this share of its time; the rest is for what comes in bursts. */
#define ENGINE_PACK_FILL_PERCENT 60

/* A partition's place among the threads. */
typedef struct engine_seat {
    log_reader *reader;         /* used by the holder alone */
    _Atomic uint32_t wanted;    /* the thread that shall have it; written by the keeper */
    _Atomic uint32_t holder;    /* the one that has it; ENGINE_NO_THREAD between two */
    _Atomic uint64_t work_done; /* bytes of the log that were applied; written by the holder */
} engine_seat;

/* What was seen at the last packing and the last look. Protected by the engine's lock. */
typedef struct engine_packing {
    int64_t packed_ns;
    int64_t looked_ns;
    uint64_t work_done[HR_PARTITIONS_MAX];
    int64_t thread_packed_ns[ENGINE_THREADS_MAX]; /* processor time */
    int64_t thread_looked_ns[ENGINE_THREADS_MAX];
} engine_packing;

/* First-fit decreasing: partitions in the order of their load, each onto the first thread that has
 * room for it; what fits nowhere goes onto the least loaded one. So little work gathers on the
 * first threads and the others sleep, and much work spreads. Equal input gives equal plans. */
void engine_packing_plan(const uint64_t *load_ns, uint32_t partition_count, uint32_t thread_count,
                         uint64_t room_ns, uint32_t *plan);

/* For the keeper, as often as it is awake, with its own clock: pack when it is time, or when one
 * thread cannot keep up while another has time. */
void engine_packing_look(engine *engine, int64_t now_ns);

/* Give the partitions to other threads: partition p to plan[p]. */
void engine_packing_set(engine *engine, const uint32_t *plan);

/* ---- for the worker of that number ---- */

/* True when the partition is this thread's now: taken, if it waited to be. What another thread
 * shall have is let go of. */
bool engine_seat_take(engine *engine, uint32_t partition, uint32_t thread);

/* Sleep until there is a partition to take, or the engine stops. */
void engine_seat_wait(engine *engine, uint32_t thread);

#endif
