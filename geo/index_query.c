/* geo/index_query.c - point queries: blocks for the chosen instruction set, and the careful way. */
#include <stdlib.h>

#include "index_eval.h"
#include "index_isa.h"
#include "index_private.h"

static bool is_on_antimeridian(geo_point point)
{
    return point.lon_e7 == GEO_LON_E7_MAX || point.lon_e7 == -GEO_LON_E7_MAX;
}

static int compare_hits(const void *a, const void *b)
{
    uint32_t x = ((const geo_hit *)a)->id;
    uint32_t y = ((const geo_hit *)b)->id;
    return x < y ? -1 : x > y;
}

/* Most points have none or one, and a record gives its own in order. */
#define FEW_HITS 16

static void sort_few_hits(geo_hit *hits, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const geo_hit hit = hits[i];
        size_t at = i;
        for (; at > 0 && hits[at - 1].id > hit.id; at--) {
            hits[at] = hits[at - 1];
        }
        hits[at] = hit;
    }
}

/* Sort hits by id and drop repeats; the new count. */
static size_t unique_hits(geo_hit *hits, size_t count)
{
    size_t n = 0;
    if (count > FEW_HITS) {
        qsort(hits, count, sizeof *hits, compare_hits);
    } else {
        sort_few_hits(hits, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (n == 0 || hits[n - 1].id != hits[i].id) {
            hits[n++] = hits[i];
        }
    }
    return n;
}

/* All hits of one point. False: they do not fit; *hit_count is how many there are at most. */
static bool query_point(const geo_index_version *version, geo_point point, uint32_t number,
                        geo_hit *hits, size_t hits_max, size_t *hit_count)
{
    index_sink sink = {hits, hits_max, 0};
    if (point.lon_e7 < -GEO_LON_E7_MAX || point.lon_e7 > GEO_LON_E7_MAX ||
        point.lat_e7 < -GEO_LAT_E7_MAX || point.lat_e7 > GEO_LAT_E7_MAX) {
        *hit_count = 0;
        return true;
    }
    (void)index_eval_point(version->base, version->root, point, number, &sink);
    if (is_on_antimeridian(point)) {
        const geo_point twin = {-point.lon_e7, point.lat_e7};
        (void)index_eval_point(version->base, version->root, twin, number, &sink);
    }
    *hit_count = sink.count;
    if (sink.count > hits_max) {
        return false;
    }
    if (is_on_antimeridian(point)) {
        *hit_count = unique_hits(hits, sink.count);
    }
    return true;
}

/* The points of a block one by one, as many as fit; *need is set when not even the first fits. */
static uint32_t query_carefully(const geo_index_version *version, const geo_point *points,
                                uint32_t count, uint32_t first, geo_hit *hits, size_t hits_max,
                                size_t *hit_count, size_t *need)
{
    size_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t own;
        if (!query_point(version, points[i], first + i, hits + n, hits_max - n, &own)) {
            *need = own;
            *hit_count = n;
            return i;
        }
        n += own;
    }
    *hit_count = n;
    return count;
}

geo_err geo_index_query(const geo_index_version *version, const geo_point *points, size_t count,
                        geo_hit *hits, size_t hits_max, size_t *hit_count, size_t *points_done)
{
    index_block_query *query_block = index_isa_block_query();
    size_t n = 0;
    size_t done = 0;
    /* Hits number points in 32 bits; more points are for another call. */
    count = count > UINT32_MAX ? UINT32_MAX : count;
    while (done < count) {
        const geo_point *block = points + done;
        uint32_t size = count - done < GEO_INDEX_QUERY_POINTS ? (uint32_t)(count - done)
                                                              : GEO_INDEX_QUERY_POINTS;
        size_t own;
        if (query_block(version, block, size, (uint32_t)done, hits + n, hits_max - n, &own)) {
            n += own;
            done += size;
            continue;
        }
        size_t need = 0;
        uint32_t answered = query_carefully(version, block, size, (uint32_t)done, hits + n,
                                            hits_max - n, &own, &need);
        n += own;
        done += answered;
        if (answered < size) {
            if (done == 0) {
                *hit_count = need;
                *points_done = 0;
                return GEO_TOO_BIG;
            }
            break;
        }
    }
    *hit_count = n;
    *points_done = done;
    return GEO_OK;
}

uint64_t geo_index_clear(const geo_index_version *version, const geo_point *from,
                         const geo_point *to, uint32_t count)
{
    return count == 0 ? 0 : index_isa_block_clear()(version, from, to, count);
}

/* Hits of one point on the stack, or more of them on no account: then the ids are counted only. */
#define POINT_HITS_MAX 256

geo_err geo_index_query_one(const geo_index_version *version, geo_point point, uint32_t *ids,
                            size_t ids_max, size_t *id_count)
{
    geo_hit few[POINT_HITS_MAX];
    geo_hit *hits = few;
    size_t count;
    if (!query_point(version, point, 0, few, POINT_HITS_MAX, &count)) {
        hits = malloc(count * sizeof *hits);
        if (hits == NULL) {
            return GEO_NO_MEMORY;
        }
        (void)query_point(version, point, 0, hits, count, &count);
    }
    count = unique_hits(hits, count);
    *id_count = count;
    if (count <= ids_max) {
        for (size_t i = 0; i < count; i++) {
            ids[i] = hits[i].id;
        }
    }
    if (hits != few) {
        free(hits);
    }
    return count <= ids_max ? GEO_OK : GEO_TOO_BIG;
}
