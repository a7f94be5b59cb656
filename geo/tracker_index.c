/* geo/tracker_index.c - joins geo/index.h and geo/tracker.h, which do not know each other. */
#include "geo/tracker_index.h"

#include <stdlib.h>

static size_t at(void *context, geo_point point, uint32_t *areas, size_t capacity)
{
    size_t count = 0;
    /* GEO_TOO_BIG says how many there are, as the tracker wants it. */
    (void)!geo_index_query_one(context, point, areas, capacity, &count);
    return count;
}

static size_t touched(void *context, geo_point from, geo_point to, uint32_t *areas, size_t capacity)
{
    size_t count = 0;
    (void)!geo_index_boundaries(context, from, to, areas, capacity, &count);
    return count;
}

geo_tracker_index geo_tracker_index_of(const geo_index_version *version)
{
    return (geo_tracker_index){at, touched, (void *)(uintptr_t)version};
}

geo_err geo_tracker_index_build(geo_index *index, const geo_rules *rules)
{
    size_t capacity = 2 * (size_t)geo_rules_fence_count(rules) + 1;
    const geo_area **areas = malloc(capacity * sizeof(geo_area *));
    uint32_t *ids = malloc(capacity * sizeof *ids);
    size_t count = 0;
    geo_err err = areas == NULL || ids == NULL ? GEO_NO_MEMORY : GEO_OK;
    for (uint32_t slot = 0; err == GEO_OK && slot < geo_rules_slot_count(rules); slot++) {
        const geo_fence *fence = geo_rules_fence(rules, slot);
        if (fence == NULL) {
            continue;
        }
        areas[count] = fence->area;
        ids[count++] = GEO_AREA_OF_SLOT(slot);
        if (fence->zone != NULL) {
            areas[count] = fence->zone;
            ids[count++] = GEO_ZONE_OF_SLOT(slot);
        }
    }
    err = err == GEO_OK ? geo_index_build(index, areas, ids, count) : err;
    err = err == GEO_OK ? geo_index_publish(index) : err;
    free(areas);
    free(ids);
    return err;
}
