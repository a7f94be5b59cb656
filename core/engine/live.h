/* engine/live.h - pull queries: where devices are now, by their latest fix.
 *
 * Answers are exact (boundary included) and come with the offsets that they reflect, which may run
 * ahead of the committed end. A worker must not wait long for a reader: where some hundred devices
 * of a partition have to be looked at, that is done in steps, and each device is shown as it was at
 * that offset or later. Smaller answers are of one moment in each partition. */
#ifndef ENGINE_LIVE_H
#define ENGINE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fix.h"
#include "base/limits.h"
#include "engine/engine.h"
#include "geo/area.h"

#define ENGINE_ANSWER_DEVICES_MAX 100000 /* *is_cut is set when there are more */

typedef struct engine_device {
    hr_fix fix; /* the latest in event time */
    int64_t append_ms;
    double distance_m; /* nearby only */
    int64_t since_ms;  /* fence members only: inside since */
    char id[HR_DEVICE_ID_MAX + 1];
} engine_device;

/* An answer's memory, used again by the next question. Threads: one at a time. */
typedef struct engine_answer {
    engine_device *devices;
    size_t count;
    size_t capacity;
    bool is_cut;
    int64_t as_of[HR_PARTITIONS_MAX]; /* next offset of each partition */
    uint32_t partition_count;
} engine_answer;

void engine_answer_init(engine_answer *answer);
void engine_answer_fini(engine_answer *answer);

/* Devices whose latest fix lies in the area, in no particular order. */
HR_MUST_USE hr_err engine_within(engine *engine, const geo_area *area, engine_answer *answer);

/* The nearest ones within radius_m, nearest first, at most limit. */
HR_MUST_USE hr_err engine_nearby(engine *engine, geo_point center, double radius_m, size_t limit,
                                 engine_answer *answer);

/* Devices inside a fence by the tracker's state (not merely by their latest fix).
 * HR_NOT_FOUND: no such fence. */
HR_MUST_USE hr_err engine_fence_devices(engine *engine, const char *fence_id,
                                        engine_answer *answer);

/* All devices with ids after `after` (NULL: from the start), by id, at most limit. */
HR_MUST_USE hr_err engine_devices_list(engine *engine, const char *after, size_t limit,
                                       engine_answer *answer);

/* HR_NOT_FOUND: no fix of it was ever seen. */
HR_MUST_USE hr_err engine_device_get(engine *engine, const char *id, engine_device *device);

/* The id of a device's key. HR_NOT_FOUND: no fix of it was ever seen, or its name is not known. */
HR_MUST_USE hr_err engine_device_name(engine *engine, uint64_t key, char id[HR_DEVICE_ID_MAX + 1]);

typedef struct engine_stay {
    char fence_id[HR_FENCE_ID_MAX + 1];
    int64_t since_ms;
} engine_stay;

/* The next offset of a partition: what an answer about one device reflects. */
typedef struct engine_as_of {
    uint32_t partition;
    int64_t offset;
} engine_as_of;

/* The fences that a device is in, by the tracker's state. *count is in: room, out: how many there
 * are. HR_NOT_FOUND as above. */
HR_MUST_USE hr_err engine_inside(engine *engine, const char *device_id, engine_stay *stays,
                                 size_t *count, engine_as_of *as_of);

/* How far a looker has seen; all zeros: nothing yet. */
typedef struct engine_moved_mark {
    uint64_t seen[HR_PARTITIONS_MAX];
} engine_moved_mark;

/* For live maps: devices in the box whose latest fix came since the mark, which is moved on. */
HR_MUST_USE hr_err engine_moved(engine *engine, geo_box box, engine_moved_mark *mark,
                                engine_answer *answer);

#endif
