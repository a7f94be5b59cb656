/* engine/show.h - queries see what a worker has judged, and never keep it waiting.
 *
 * The worker judges fixes and ticks without a lock. When it has done a block, it shows what queries
 * shall see of it under the partition's lock, unless a query holds that: then it notes it, goes on,
 * and shows it later. */
#ifndef ENGINE_SHOW_H
#define ENGINE_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fix.h"

/* So many notes the worker makes before it does wait. A query looks at some hundred devices at a
 * time; one that loses its processor meanwhile has it again long before that. */
#define ENGINE_NOTES_MAX (64u << 10)

typedef struct engine_note {
    uint32_t device;
    bool has_fix;
    bool is_inside_changed; /* the device may be in other fences than it is shown in */
    int64_t append_ms;
    hr_fix fix;
} engine_note;

/* The worker's own. */
typedef struct engine_notes {
    engine_note *list;
    uint32_t count;
    uint32_t capacity;
} engine_notes;

struct engine_partition;

/* Room for one more note, valid until the next call; NULL: no memory. */
engine_note *engine_note_add(engine_notes *notes);
void engine_notes_fini(engine_notes *notes);

/* Lock the partition for showing. False: a query has the lock, and what there is to show is to be
 * noted instead. */
bool engine_partition_lock_to_show(struct engine_partition *partition);

/* Show everything that was judged and noted, unless that would mean to wait. Look at
 * engine_partition_is_shown(). */
HR_MUST_USE hr_err engine_partition_show(struct engine_partition *partition);

/* The same under the lock, which the caller holds for writing. */
HR_MUST_USE hr_err engine_partition_show_locked(struct engine_partition *partition);

bool engine_partition_is_shown(const struct engine_partition *partition);

#endif
