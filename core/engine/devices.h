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

#define ENGINE_DEVICES_MAX                                                                         \
    (1u << 24) /* in one partition; fixes of more are counted and dropped                          \
                */
#define ENGINE_NO_DEVICE UINT32_MAX

typedef struct engine_device_entry {
    uint64_t key;
    int64_t tick_ms; /* newest tick that the tracker was given */
    geo_tracker_state state;
    hr_fix latest; /* newest in event time; time_ms is INT64_MIN before the first fix */
    int64_t latest_append_ms;
    uint64_t moved;    /* value of the partition's counter when latest changed */
    uint64_t cell_key; /* of the cell that it is in */
    uint32_t cell;     /* its place in the cells; ENGINE_NO_DEVICE: not in the grid */
    uint32_t name;     /* place in the names; 0: not known */
} engine_device_entry;

/* Where a device is, again, and its neighbours in the list of its cell. Beside the entries, because
 * who looks for devices in a box passes many of which few lie in it, and entries are large. */
typedef struct engine_device_spot {
    geo_point at;
    uint32_t next;
    uint32_t previous;
} engine_device_spot;

/* A cell of the grid is 2^16 units, about 700 m: some of a herd, few cells for a paddock. */
#define ENGINE_CELL_SHIFT 16

static inline uint64_t engine_cell_key(const hr_fix *fix)
{
    return (uint64_t)(uint32_t)(fix->lon_e7 >> ENGINE_CELL_SHIFT) << 32 |
           (uint32_t)(fix->lat_e7 >> ENGINE_CELL_SHIFT);
}

/* One cell of the grid that has, or had, devices. */
typedef struct engine_cell {
    uint64_t key;
    uint32_t first; /* ENGINE_NO_DEVICE: empty */
    bool is_used;
} engine_cell;

/* Protected by its partition's lock. */
typedef struct engine_devices {
    engine_device_entry *entries;
    engine_device_spot *spots;
    int64_t *wake_ms;  /* beside the entries, because every tick looks at all of them */
    uint32_t *stirred; /* those whose wake_ms is not known, but for INT64_MIN, until it is asked */
    uint32_t stirred_count;
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* open addressing by key: entry + 1, 0 is empty */
    uint32_t slot_mask;
    char *names; /* ids, each with its terminator; place 0 is "" */
    size_t names_size;
    size_t names_capacity;
    engine_cell *cells; /* open addressing by cell key */
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
    return devices->names + devices->entries[index].name;
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

/* Put it into the list of the cell that its latest fix is in. */
HR_MUST_USE hr_err engine_devices_enter_cell(engine_devices *devices, uint32_t index);

/* The device's latest fix has changed: put it where it belongs. Inline, since mostly it is in that
 * cell already. */
HR_MUST_USE static inline hr_err engine_devices_place(engine_devices *devices, uint32_t index)
{
    const engine_device_entry *entry = &devices->entries[index];
    devices->spots[index].at = (geo_point){entry->latest.lon_e7, entry->latest.lat_e7};
    return entry->cell != ENGINE_NO_DEVICE && entry->cell_key == engine_cell_key(&entry->latest)
               ? HR_OK
               : engine_devices_enter_cell(devices, index);
}

/* Call visit for every device whose latest fix lies in the box, boundary included, as long as
 * that takes few steps. False: it would take more than ENGINE_LOOKS_MAX; none has been visited. */
#define ENGINE_LOOKS_MAX 256
typedef void engine_device_visit(const engine_devices *devices, uint32_t index, void *context);
bool engine_devices_in_box(const engine_devices *devices, geo_box box, engine_device_visit *visit,
                           void *context);

static inline bool engine_device_in_box(const engine_device_entry *entry, const geo_box *box)
{
    const hr_fix *fix = &entry->latest;
    return entry->cell != ENGINE_NO_DEVICE && fix->lon_e7 >= box->min.lon_e7 &&
           fix->lon_e7 <= box->max.lon_e7 && fix->lat_e7 >= box->min.lat_e7 &&
           fix->lat_e7 <= box->max.lat_e7;
}

#endif
