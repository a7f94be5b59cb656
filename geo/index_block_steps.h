/* geo/index_block_steps.h - the later steps of the block query, as far as all builds share them. */
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

/* Step 4 for wide records without the flag. */
static inline void block_wide(block *b, uint32_t t)
{
    const uint32_t j = b->wides.points[t];
    index_wide_eval(index_at(b->base, b->wides.descs[t]), b->points[j].lon_e7, b->points[j].lat_e7,
                    b->first + j, &b->sink);
}

/* Do both points lie in squares without edges, in one or in two of a size that share a side? Then
 * nothing is touched between them, for the two together are convex. */
static inline bool block_is_clear(const block *from, const block *to, uint32_t j)
{
    const unsigned shift = from->shifts[j];
    const uint32_t columns =
        ((uint32_t)to->points[j].lon_e7 >> shift) - ((uint32_t)from->points[j].lon_e7 >> shift);
    const uint32_t rows =
        ((uint32_t)to->points[j].lat_e7 >> shift) - ((uint32_t)from->points[j].lat_e7 >> shift);
    const bool is_beside = (columns == 0 && rows + 1 <= 2) || (rows == 0 && columns + 1 <= 2);
    return is_beside && to->shifts[j] == shift &&
           !index_has_edges(block_desc(from->base, from->places[j])) &&
           !index_has_edges(block_desc(to->base, to->places[j]));
}

#endif
