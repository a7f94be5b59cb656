/* geo/index_block_steps.h - the later steps of the block query, which all builds share. They use
 * simd_edges() and simd_long_edges(), which the build that includes this has defined. */
#ifndef GEO_INDEX_BLOCK_STEPS_H
#define GEO_INDEX_BLOCK_STEPS_H

#include "index_block.h"

static inline void block_list_add(block_list *list, uint32_t point, index_desc desc)
{
    list->points[list->count] = point;
    list->descs[list->count++] = desc;
}

/* A point's place in its cell, for records whose vertices are relative to the centre. */
static inline int32_t block_x(const block *b, uint32_t j)
{
    return index_cell_offset(b->points[j].lon_e7, b->shifts[j]);
}

static inline int32_t block_y(const block *b, uint32_t j)
{
    return index_cell_offset(b->points[j].lat_e7, b->shifts[j]);
}

static inline void block_prefetch(const block *b, index_desc desc)
{
    const uint8_t *at = index_at(b->base, desc);
    __builtin_prefetch(at);
    __builtin_prefetch(at + 64);
}

/* Step 3. */
static inline void block_walk_nodes(block *b)
{
    for (uint32_t t = 0; t < b->nodes.count; t++) {
        const uint32_t j = b->nodes.points[t];
        const geo_point p = b->points[j];
        unsigned shift = b->shifts[j];
        index_desc desc = b->nodes.descs[t];
        do {
            shift -= INDEX_FANOUT_MIN;
            desc = block_desc(b->base,
                              block_node_place(desc) +
                                  index_slot_of_cell(INDEX_FANOUT_MIN, shift, p.lon_e7, p.lat_e7));
        } while (index_kind(desc) == INDEX_KIND_NODE);
        b->shifts[j] = shift;
        block_prefetch(b, desc);
        if (index_kind(desc) == INDEX_KIND_ID) {
            index_sink_list(&b->sink, b->base, desc, b->first + j);
        } else if (index_kind(desc) == INDEX_KIND_WIDE) {
            block_list_add(&b->wides, j, desc);
        } else {
            block_list_add(desc & INDEX_FLAG ? &b->lists : &b->narrows, j, desc);
        }
    }
}

/* Step 4 for lists. False, here and below: the buffer may be too small. */
static inline bool block_lists(block *b)
{
    for (uint32_t t = 0; t < b->lists.count; t++) {
        if (!index_list_hits(index_at(b->base, b->lists.descs[t]), b->first + b->lists.points[t],
                             &b->sink)) {
            return false;
        }
    }
    return true;
}

/* Step 4 for one record, whose edges' bits are known. */
static inline bool block_add_hits(block *b, const index_narrow *record, const uint32_t *ids,
                                  uint32_t crossed, uint32_t on_edges, uint32_t j)
{
    geo_hit *hits = b->sink.hits + b->sink.count;
    if (b->sink.count + INDEX_NARROW_IDS_MAX >= b->sink.max) {
        return false;
    }
    b->sink.count += __builtin_expect(on_edges != 0, 0)
                         ? index_narrow_hits(record, ids, crossed, on_edges, b->first + j, hits)
                         : index_few_hits(record, ids, crossed, b->first + j, hits);
    return true;
}

static inline bool block_wides(block *b)
{
    bool fits = true;
    for (uint32_t t = 0; t < b->wides.count && fits; t++) {
        const uint32_t j = b->wides.points[t];
        const index_narrow *record = index_at(b->base, b->wides.descs[t]);
        uint32_t crossed;
        uint32_t on_edges;
        if (__builtin_expect(!index_is_long(b->wides.descs[t]), 0)) {
            index_wide_eval((const index_wide *)record, b->points[j].lon_e7, b->points[j].lat_e7,
                            b->first + j, &b->sink);
            continue;
        }
        const int32_t x = block_x(b, j);
        const int32_t y = block_y(b, j);
        simd_long_edges(record, x, y, &crossed, &on_edges);
        if (__builtin_expect(on_edges != 0, 0)) {
            on_edges = index_long_on_edges(record, on_edges, x, y);
        }
        fits = block_add_hits(b, record, index_long_ids(record), crossed, on_edges, j);
    }
    return fits;
}

static inline bool block_narrows(block *b)
{
    bool fits = true;
    for (uint32_t t = 0; t < b->narrows.count && fits; t++) {
        const uint32_t j = b->narrows.points[t];
        const index_narrow *record = index_at(b->base, b->narrows.descs[t]);
        const int32_t x = block_x(b, j);
        const int32_t y = block_y(b, j);
        uint32_t crossed;
        uint32_t on_edges;
        simd_edges(record, x, y, &crossed, &on_edges);
        if (__builtin_expect(on_edges != 0, 0)) {
            on_edges = index_narrow_on_edges(record, on_edges, x, y);
        }
        fits = block_add_hits(b, record, index_narrow_ids(record), crossed, on_edges, j);
    }
    return fits;
}

/* Steps 3 and 4; the hits of the block. */
static inline bool block_evaluate(block *b, size_t *hit_count)
{
    block_walk_nodes(b);
    const bool fits = block_lists(b) && block_wides(b) && block_narrows(b);
    *hit_count = b->sink.count;
    return fits && b->sink.count <= b->sink.max;
}

#endif
