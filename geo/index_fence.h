/* geo/index_fence.h - a fence as the writer keeps it, and exact predicates about its edges. */
#ifndef GEO_INDEX_FENCE_H
#define GEO_INDEX_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/area.h"
#include "geo/err.h"
#include "geo/point.h"

#define INDEX_BLOCK_EDGES 64

/* A run of neighbouring edges of one ring, and the box around it, so that the few edges near a
 * square are found without looking at all 100,000. Edge i joins points[i] and points[i + 1]. */
typedef struct index_block {
    uint32_t first;
    uint32_t count;
    geo_box box;
} index_block;

/* Every ring is closed by a copy of its first vertex. One allocation, but for the vertices of a
 * single ring, which are the area's. */
typedef struct index_fence {
    uint32_t edge_count;
    uint32_t block_count;
    size_t bytes;   /* with the vertices, whosoever they are */
    geo_area *area; /* one reference; NULL: the vertices are its own */
    uint64_t span;  /* see geo_index_span() */
    uint64_t stamp; /* of the last walk that met this fence, so that each is met once */
    geo_box box;
    const geo_point *points;
    const index_block *blocks;
} index_fence;

/* Of an area that geo_area_new() made. */
GEO_MUST_USE geo_err index_fence_new(const geo_area *area, index_fence **out);
/* Of any; everything is copied. */
GEO_MUST_USE geo_err index_fence_copy(const geo_area *area, index_fence **out);
void index_fence_free(index_fence *fence);

/* By the half-open rule (an edge has its lower end, not its upper one): does the ray from (x, y) to
 * the left cross the edge a-b? Never for a horizontal edge or when the point lies on the edge. */
static inline bool index_crosses_left(geo_point a, geo_point b, int64_t x, int64_t y)
{
    bool a_above = a.lat_e7 > y;
    bool b_above = b.lat_e7 > y;
    if (a_above == b_above) {
        return false;
    }
    /* Each product fits in 63 bits, their difference would not: so they are compared. */
    int64_t left = ((int64_t)b.lon_e7 - a.lon_e7) * (y - a.lat_e7);
    int64_t right = (x - a.lon_e7) * ((int64_t)b.lat_e7 - a.lat_e7);
    return b_above ? left < right : left > right;
}

/* Does the edge have a point in common with the closed square from (x, y) to (x + side, y + side)?
 * With a strictly bigger box the answer may be asked of the real plane: nothing is rounded. */
static inline bool index_edge_touches(geo_point a, geo_point b, int64_t x, int64_t y, int64_t side)
{
    int64_t x_min = a.lon_e7 < b.lon_e7 ? a.lon_e7 : b.lon_e7;
    int64_t x_max = a.lon_e7 < b.lon_e7 ? b.lon_e7 : a.lon_e7;
    int64_t y_min = a.lat_e7 < b.lat_e7 ? a.lat_e7 : b.lat_e7;
    int64_t y_max = a.lat_e7 < b.lat_e7 ? b.lat_e7 : a.lat_e7;
    if (x_max < x || x_min > x + side || y_max < y || y_min > y + side) {
        return false;
    }
    /* The edge misses the box if all four corners lie strictly on one side of its line. */
    int64_t dx = (int64_t)b.lon_e7 - a.lon_e7;
    int64_t dy = (int64_t)b.lat_e7 - a.lat_e7;
    int64_t px = x - a.lon_e7;
    int64_t py = y - a.lat_e7;
    if (dx == (int32_t)dx && px == (int32_t)px && side <= ((int64_t)1 << 26)) {
        int64_t least = dx * py - dy * px + (dx < 0 ? dx * side : 0) - (dy > 0 ? dy * side : 0);
        int64_t greatest = dx * py - dy * px + (dx > 0 ? dx * side : 0) - (dy < 0 ? dy * side : 0);
        return least <= 0 && greatest >= 0;
    }
    geo_wide corner = (geo_wide)dx * py - (geo_wide)dy * px;
    geo_wide least =
        corner + (dx < 0 ? (geo_wide)dx * side : 0) - (dy > 0 ? (geo_wide)dy * side : 0);
    geo_wide greatest =
        corner + (dx > 0 ? (geo_wide)dx * side : 0) - (dy < 0 ? (geo_wide)dy * side : 0);
    return least <= 0 && greatest >= 0;
}

/* Parity of the edges that the ray from (x, y) to the left crosses. */
bool index_fence_parity(const index_fence *fence, int64_t x, int64_t y);

#endif
