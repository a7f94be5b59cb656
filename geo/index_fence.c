/* geo/index_fence.c - rings of fences, cut into blocks of edges. */
#include "index_fence.h"

#include <stdlib.h>
#include <string.h>

#include "geo/index.h"
#include "ring.h"

#define INDEX_SPAN_SHIFT 21

static uint32_t ring_first(const geo_area *area, uint32_t ring)
{
    return ring == 0 ? 0 : area->ring_ends[ring - 1];
}

uint64_t geo_index_span(const geo_area *area)
{
    uint64_t span = 0;
    for (uint32_t r = 0; r < area->ring_count; r++) {
        const uint32_t first = ring_first(area, r);
        geo_point a = area->vertices[area->ring_ends[r] - 1];
        for (uint32_t i = first; i < area->ring_ends[r]; i++) {
            const geo_point b = area->vertices[i];
            const int64_t columns = (int64_t)b.lon_e7 - a.lon_e7;
            const int64_t rows = (int64_t)b.lat_e7 - a.lat_e7;
            span += (uint64_t)((columns < 0 ? -columns : columns) + (rows < 0 ? -rows : rows)) >>
                    INDEX_SPAN_SHIFT;
            a = b;
        }
    }
    return span;
}

/* All rings, closed. */
static void copy_rings(const geo_area *area, geo_point *points)
{
    for (uint32_t r = 0; r < area->ring_count; r++) {
        const uint32_t first = ring_first(area, r);
        const uint32_t edges = area->ring_ends[r] - first;
        geo_point *ring = points + first + r;
        memcpy(ring, area->vertices + first, edges * sizeof *ring);
        ring[edges] = ring[0];
    }
}

static void cut_blocks(const geo_area *area, const geo_point *points, index_block *blocks)
{
    for (uint32_t r = 0; r < area->ring_count; r++) {
        const uint32_t first = ring_first(area, r);
        const uint32_t edges = area->ring_ends[r] - first;
        const geo_point *ring = points + first + r;
        for (uint32_t e = 0; e < edges; e += INDEX_BLOCK_EDGES) {
            uint32_t count = edges - e < INDEX_BLOCK_EDGES ? edges - e : INDEX_BLOCK_EDGES;
            *blocks++ = (index_block){first + r + e, count, geo_box_of(ring + e, count + 1)};
        }
    }
}

static geo_err make(const geo_area *area, bool shares, index_fence **out)
{
    uint32_t block_count = 0;
    for (uint32_t r = 0; r < area->ring_count; r++) {
        uint32_t edges = area->ring_ends[r] - ring_first(area, r);
        block_count += (edges + INDEX_BLOCK_EDGES - 1) / INDEX_BLOCK_EDGES;
    }
    const size_t own_bytes = sizeof(index_fence) + block_count * sizeof(index_block);
    const size_t point_bytes = ((size_t)area->vertex_count + area->ring_count) * sizeof(geo_point);
    index_fence *fence = malloc(shares ? own_bytes : own_bytes + point_bytes);
    if (fence == NULL) {
        return GEO_NO_MEMORY;
    }
    index_block *blocks = (index_block *)(fence + 1);
    geo_point *copies = (geo_point *)(blocks + block_count);
    const geo_point *points = shares ? area->vertices : copies;
    if (!shares) {
        copy_rings(area, copies);
    }
    cut_blocks(area, points, blocks);
    *fence = (index_fence){
        .edge_count = area->vertex_count,
        .block_count = block_count,
        .bytes = own_bytes + point_bytes,
        .area = shares ? geo_area_ref(area) : NULL,
        .span = geo_index_span(area),
        .box = area->box,
        .points = points,
        .blocks = blocks,
    };
    *out = fence;
    return GEO_OK;
}

geo_err index_fence_new(const geo_area *area, index_fence **out)
{
    return make(area, area->ring_count == 1, out);
}

geo_err index_fence_copy(const geo_area *area, index_fence **out)
{
    return make(area, false, out);
}

void index_fence_free(index_fence *fence)
{
    if (fence != NULL) {
        geo_area_free(fence->area);
        free(fence);
    }
}

bool index_fence_parity(const index_fence *fence, int64_t x, int64_t y)
{
    bool parity = false;
    for (uint32_t b = 0; b < fence->block_count; b++) {
        const index_block *block = &fence->blocks[b];
        if (block->box.min.lat_e7 > y || block->box.max.lat_e7 <= y || block->box.min.lon_e7 >= x) {
            continue;
        }
        const geo_point *points = fence->points + block->first;
        for (uint32_t i = 0; i < block->count; i++) {
            parity ^= index_crosses_left(points[i], points[i + 1], x, y);
        }
    }
    return parity;
}
