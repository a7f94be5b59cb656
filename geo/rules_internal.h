/* geo/rules_internal.h - how a version of the rules lies in memory; for geo/rules*.c only. */
#ifndef GEO_RULES_INTERNAL_H
#define GEO_RULES_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "geo/rules.h"
#include "rules_devices.h"

/* Slots by fence id: open addressing over 1 + slot, 0 when free, at most half full. The ids
 * themselves are read from the slots. */
typedef struct id_map {
    uint32_t mask;
    uint32_t *places;
} id_map;

struct geo_rules {
    atomic_uint_fast32_t refs;
    uint64_t version;
    geo_settings settings;
    uint32_t slot_count;
    uint32_t fence_count;
    const geo_fence **slots; /* each counted here; NULL when free */
    uint32_t *by_id;         /* fence_count slots in the bytewise order of their ids */
    id_map ids;
    device_table *devices; /* counted here; NULL when empty */
};

/* The slot of an id in a map over the given slots, or GEO_NO_SLOT. */
uint32_t id_map_find(const id_map *map, const geo_fence *const *slots, const char *id);

/* The id must not be there, and there must be room. */
void id_map_add(id_map *map, const geo_fence *const *slots, uint32_t slot);

/* The slot must be there and still hold its fence. */
void id_map_remove(id_map *map, const geo_fence *const *slots, uint32_t slot);

/* An empty map for up to `count` ids. */
GEO_MUST_USE geo_err id_map_new(uint32_t count, id_map *out);

#endif
