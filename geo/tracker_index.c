/* geo/tracker_index.c - joins geo/index.h and geo/tracker.h, which do not know each other. */
#include "geo/tracker_index.h"

#include <stdlib.h>

static size_t at(void *context, geo_point point, uint32_t *areas, size_t capacity)
{
    const geo_tracker_view *view = context;
    size_t count = 0;
    /* GEO_TOO_BIG says how many there are, as the tracker wants it. */
    (void)!geo_index_query_one(view->version, point, areas, capacity, &count);
    return count;
}

static bool boxes_meet(const geo_box *box, geo_point from, geo_point to)
{
    int32_t west = from.lon_e7 < to.lon_e7 ? from.lon_e7 : to.lon_e7;
    int32_t east = from.lon_e7 < to.lon_e7 ? to.lon_e7 : from.lon_e7;
    int32_t south = from.lat_e7 < to.lat_e7 ? from.lat_e7 : to.lat_e7;
    int32_t north = from.lat_e7 < to.lat_e7 ? to.lat_e7 : from.lat_e7;
    /* Two points more than half the world apart are joined over the antimeridian. */
    bool goes_round = (int64_t)east - west > GEO_LON_E7_MAX;
    bool lon_meets = goes_round ? box->min.lon_e7 <= west || box->max.lon_e7 >= east
                                : box->min.lon_e7 <= east && box->max.lon_e7 >= west;
    return lon_meets && box->min.lat_e7 <= north && box->max.lat_e7 >= south;
}

/* Every fence whose box the segment's box meets: more than are touched, which does no harm. */
static size_t touched(void *context, geo_point from, geo_point to, uint32_t *areas, size_t capacity)
{
    const geo_rules *rules = ((const geo_tracker_view *)context)->rules;
    uint32_t slot_count = geo_rules_slot_count(rules);
    size_t count = 0;
    for (uint32_t slot = 0; slot < slot_count; slot++) {
        const geo_fence *fence = geo_rules_fence(rules, slot);
        if (fence == NULL || !boxes_meet(&fence->area->box, from, to)) {
            continue;
        }
        if (count < capacity) {
            areas[count] = GEO_AREA_OF_SLOT(slot);
        }
        count++;
    }
    return count;
}

geo_tracker_index geo_tracker_index_of(const geo_tracker_view *view)
{
    return (geo_tracker_index){at, touched, (void *)(uintptr_t)view};
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
