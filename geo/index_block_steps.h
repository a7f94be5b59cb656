/* geo/index_block_steps.h - the later steps of the block query that all builds share. */
#ifndef GEO_INDEX_BLOCK_STEPS_H
#define GEO_INDEX_BLOCK_STEPS_H

#include "index_block.h"

/* A point's place in its cell, for records whose vertices are relative to the centre. */
static inline int32_t block_x(const block *b, uint32_t j)
{
    return index_cell_offset(b->points[j].lon_e7, b->shifts[j]);
}

static inline int32_t block_y(const block *b, uint32_t j)
{
    return index_cell_offset(b->points[j].lat_e7, b->shifts[j]);
}

/* A record of more than one line begins a line, see index_arena_alloc(): what begins inside one is
 * there with it. */
static inline void block_prefetch(const block *b, index_desc desc)
{
    const uint8_t *at = index_at(b->base, desc);
    __builtin_prefetch(at);
    __builtin_prefetch(at + ((desc & 3) == 0 ? 64 : 0));
}

static inline void block_tell_covered(const block *b, const block_covered *covered,
                                      index_sink *sink)
{
    for (uint32_t t = 0; t < covered->count; t++) {
        index_sink_list(sink, b->base, covered->covers[t], b->first + covered->points[t]);
    }
}

/* The fences that cover branches on the way to the points: large ones. */
static inline void block_tell_covers(const block *b, block_answer *answer)
{
    for (uint32_t c = 0; c < b->common_count; c++) {
        for (uint32_t j = 0; j < b->count; j++) {
            index_sink_list(&answer->sink, b->base, b->common[c], b->first + j);
        }
    }
    block_tell_covered(b, &b->pages, &answer->sink);
    block_tell_covered(b, &b->tiles, &answer->sink);
    for (uint32_t t = 0; t < b->strays.count; t++) {
        const uint32_t j = b->strays.points[t];
        index_eval_branches(b->base, b->start, b->start_shift, b->points[j], b->first + j,
                            &answer->sink);
    }
}

/* Step 3. */
static inline void block_walk_nodes(block *b, block_answer *answer)
{
    for (uint32_t t = 0; t < answer->nodes.count; t++) {
        const uint32_t j = answer->nodes.points[t];
        const geo_point p = b->points[j];
        unsigned shift = b->shifts[j];
        index_desc desc = b->descs[j];
        do {
            shift -= INDEX_FANOUT_MIN;
            desc = block_desc(b->base,
                              block_node_place(desc) +
                                  index_slot_of_cell(INDEX_FANOUT_MIN, shift, p.lon_e7, p.lat_e7));
        } while (index_kind(desc) == INDEX_KIND_NODE);
        b->shifts[j] = shift;
        b->descs[j] = desc;
        block_prefetch(b, desc);
        if (index_kind(desc) == INDEX_KIND_ID) {
            index_sink_list(&answer->sink, b->base, desc, b->first + j);
        } else if (index_kind(desc) == INDEX_KIND_WIDE) {
            block_list_add(desc & INDEX_FLAG ? &answer->longs : &answer->wides, j);
        } else {
            block_list_add(desc & INDEX_FLAG ? &answer->lists : &answer->narrows, j);
        }
    }
}

/* Step 4 for wide records, which are rare. */
static inline void block_wides(const block *b, block_answer *answer)
{
    for (uint32_t t = 0; t < answer->wides.count; t++) {
        const uint32_t j = answer->wides.points[t];
        index_wide_eval(index_at(b->base, b->descs[j]), b->points[j].lon_e7, b->points[j].lat_e7,
                        b->first + j, &answer->sink);
    }
}

#endif
