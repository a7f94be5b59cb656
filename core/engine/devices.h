/* engine/devices.h - the devices of one partition: state, latest fix, name, and a grid over where
 * they are. */
#ifndef ENGINE_DEVICES_H
#define ENGINE_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fix.h"
#include "geo/point.h"
#include "geo/tracker_state.h"
#include "shown.h"

#define ENGINE_DEVICES_MAX                                                                         \
    (1u << 24) /* in one partition; fixes of more are counted and dropped                          \
                */

/* What the worker alone reads and writes, but for the key, which never changes. */
typedef struct engine_device_entry {
    uint64_t key;
    int64_t tick_ms; /* newest tick that the tracker was given */
    geo_tracker_state state;
} engine_device_entry;

/* One cell of the grid that has, or had, devices; or two, should their tags be equal. */
typedef struct engine_cell {
    uint32_t tag;   /* 32 bits of its key; 0: not used yet */
    uint32_t first; /* ENGINE_NO_DEVICE: empty */
} engine_cell;

/* Changed by the worker alone: what is marked so, and what adds a device, under the partition's
 * lock; the rest is the worker's own. */
typedef struct engine_devices {
    engine_device_entry *entries; /* the array: under the lock */
    engine_shown *shown;          /* under the lock; by the same numbers */
    engine_device_spot *spots;    /* likewise */
    int64_t *wake_ms;             /* beside the entries, because every tick looks at all of them */
    uint32_t *stirred; /* those whose wake_ms is not known, but for INT64_MIN, until it is asked */
    uint32_t stirred_count;
    uint32_t count; /* from here on all is under the lock */
    uint32_t capacity;
    uint32_t *slots; /* open addressing by key: entry + 1, 0 is empty */
    uint32_t slot_mask;
    char *names; /* ids, each with its terminator; place 0 is "" */
    size_t names_size;
    size_t names_capacity;
    engine_cell *cells; /* open addressing by their tags */
    uint32_t cell_mask;
    uint32_t cell_count;
} engine_devices;

HR_MUST_USE hr_err engine_devices_init(engine_devices *devices);
void engine_devices_fini(engine_devices *devices);

/* ENGINE_NO_DEVICE if there is none. */
uint32_t engine_devices_find(const engine_devices *devices, uint64_t key);

/* Find or make. HR_TOO_BIG: above ENGINE_DEVICES_MAX. */
HR_MUST_USE hr_err engine_devices_get(engine_devices *devices, uint64_t key, uint32_t *index);

/* Fetch ahead of a find: first the slots of many devices, then, when those have come, their
 * entries. */
void engine_devices_fetch_slot(const engine_devices *devices, uint64_t key);
void engine_devices_fetch_entry(const engine_devices *devices, uint64_t key);

HR_MUST_USE hr_err engine_devices_name(engine_devices *devices, uint32_t index, const char *id,
                                       size_t size);

static inline const char *engine_device_id(const engine_devices *devices, uint32_t index)
{
    return devices->names + devices->shown[index].name;
}

/* A device's state has changed, and with it the time when it needs a tick. Finding that out can
 * wait until somebody asks, when the device may have had many fixes more. */
static inline void engine_devices_stir(engine_devices *devices, uint32_t index)
{
    if (devices->wake_ms[index] != INT64_MIN) {
        devices->wake_ms[index] = INT64_MIN;
        devices->stirred[devices->stirred_count++] = index;
    }
}

/* Show a fix, if it is the newest in event time, and put the device where it belongs. */
HR_MUST_USE hr_err engine_devices_show(engine_devices *devices, uint32_t index, const hr_fix *fix,
                                       int64_t append_ms, uint64_t *moved);

/* Show which fences the device is in now, by its state. */
HR_MUST_USE hr_err engine_devices_show_inside(engine_devices *devices, uint32_t index);

/* Show what has changed of a device; fix NULL: it told none. */
static inline hr_err engine_devices_show_change(engine_devices *devices, uint32_t index,
                                                const hr_fix *fix, int64_t append_ms,
                                                bool is_inside_changed, uint64_t *moved)
{
    hr_err err = fix != NULL ? engine_devices_show(devices, index, fix, append_ms, moved) : HR_OK;
    return err == HR_OK && is_inside_changed ? engine_devices_show_inside(devices, index) : err;
}

/* The fix that is shown. */
hr_fix engine_device_fix(const engine_devices *devices, uint32_t index);

/* Call visit for every device whose latest fix lies in the box, boundary included, as long as
 * that takes few steps. False: it would take more than ENGINE_LOOKS_MAX; none has been visited. */
#define ENGINE_LOOKS_MAX 256
typedef void engine_device_visit(const engine_devices *devices, uint32_t index, void *context);
bool engine_devices_in_box(const engine_devices *devices, geo_box box, engine_device_visit *visit,
                           void *context);

static inline bool engine_device_in_box(const engine_devices *devices, uint32_t index,
                                        const geo_box *box)
{
    return devices->shown[index].time_ms != INT64_MIN && geo_box_has(box, devices->spots[index].at);
}

#endif
