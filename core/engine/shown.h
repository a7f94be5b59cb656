/* engine/shown.h - what queries see of a device; of no use to the tracker. */
#ifndef ENGINE_SHOWN_H
#define ENGINE_SHOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/point.h"

#define ENGINE_NO_DEVICE UINT32_MAX

/* A fence that a device is in, by its slot in the partition's rules. */
typedef struct engine_inside_of {
    int64_t since_ms;
    uint32_t slot;
} engine_inside_of;

typedef struct engine_inside_many {
    uint32_t count;
    engine_inside_of of[];
} engine_inside_many;

/* In the place of a slot. */
#define ENGINE_INSIDE_NONE UINT32_MAX
#define ENGINE_INSIDE_MANY (UINT32_MAX - 1)

/* Protected by the partition's lock. 48 bytes, because a gateway may have a hundred thousand. */
typedef struct engine_shown {
    int64_t time_ms; /* of the newest fix in event time; INT64_MIN: none yet, it is in no cell */
    int64_t append_ms;
    uint16_t accuracy_dm;
    uint16_t speed_cm_s;
    uint16_t heading_cdeg;
    uint8_t battery_pct;
    uint8_t flags;
    uint64_t moved; /* value of the partition's counter when the fix changed */
    union {
        int64_t since_ms;         /* of one fence */
        engine_inside_many *many; /* owned; of more */
    } inside;
    uint32_t inside_slot; /* of one fence, or as above */
    uint32_t name;        /* place in the names; 0: not known */
} engine_shown;

/* Where it is, and its neighbours in the list of its cell. By itself, because who looks for devices
 * in a box passes many of which few lie in it. */
typedef struct engine_device_spot {
    geo_point at;
    uint32_t next;
    uint32_t previous;
} engine_device_spot;

/* A cell of the grid is 2^16 units, about 700 m: some of a herd, few cells for a paddock. */
#define ENGINE_CELL_SHIFT 16

static inline uint64_t engine_cell_key(geo_point at)
{
    return (uint64_t)(uint32_t)(at.lon_e7 >> ENGINE_CELL_SHIFT) << 32 |
           (uint32_t)(at.lat_e7 >> ENGINE_CELL_SHIFT);
}

/* The n-th fence that a device is shown in; false when there are no more. */
static inline bool engine_device_inside(const engine_shown *shown, uint32_t n,
                                        engine_inside_of *inside)
{
    if (shown->inside_slot == ENGINE_INSIDE_MANY) {
        const engine_inside_many *many = shown->inside.many;
        if (n < many->count) {
            *inside = many->of[n];
        }
        return n < many->count;
    }
    *inside = (engine_inside_of){.since_ms = shown->inside.since_ms, .slot = shown->inside_slot};
    return n == 0 && shown->inside_slot != ENGINE_INSIDE_NONE;
}

#endif
