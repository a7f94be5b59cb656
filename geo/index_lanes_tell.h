/* geo/index_lanes_tell.h - steps 4 and 5 of the block query for vectors: which points are in which
 * fences of their records, once the edges have spoken. Every lane has a point of its own. Written
 * in the words of the build that includes this. */
#ifndef GEO_INDEX_LANES_TELL_H
#define GEO_INDEX_LANES_TELL_H

#include "index_block_steps.h"

/* The lanes that a list of `count` still fills from number t on. */
static inline lanes_mask lanes_within(uint32_t t, uint32_t count)
{
    return lanes_greater(lanes_all(count - t), lanes_iota());
}

/* Points that have been asked for some fences of their record, but not for all. */
typedef struct lanes_rest {
    uint32_t count;
    _Alignas(64) uint32_t points[BLOCK_ROOM]; /* their numbers in the answer */
    uint32_t ids[BLOCK_ROOM];                 /* where the next id is, in words from the base */
    uint32_t masks[BLOCK_ROOM];               /* and the mask of its edges */
    uint32_t left[BLOCK_ROOM];                /* so many ids from there on */
    uint32_t crossed[BLOCK_ROOM];             /* the edges that the leftward ray crosses */
    uint32_t on_edges[BLOCK_ROOM];            /* the edges that hold the point */
} lanes_rest;

/* The same of one point in each lane. */
typedef struct lanes_fences {
    lanes points, ids, masks, left, crossed, on_edges;
} lanes_fences;

/* Write the points that are in their next fence; those with more fences are left for later. */
static inline void lanes_tell(const block *b, block_answer *answer, lanes_rest *rest,
                              lanes_mask valid, const lanes_fences *f)
{
    const uint32_t *words = (const uint32_t *)b->base;
    const lanes one = lanes_all(1);
    const lanes zero = lanes_all(0);
    const lanes ids = lanes_gather_some(valid, zero, words, f->ids);
    const lanes masks = lanes_gather_some(valid, zero, words, f->masks);
    const lanes parity =
        lanes_xor(lanes_parity(lanes_and(f->crossed, masks)), lanes_right(ids, 31));
    const lanes_mask outside = mask_and(lanes_equal(lanes_and(parity, one), zero),
                                        lanes_equal(lanes_and(f->on_edges, masks), zero));
    const lanes_mask inside = mask_without(valid, outside);
    lanes_store_pairs(answer->sink.hits + answer->sink.count, lanes_pack(f->points, inside),
                      lanes_pack(lanes_and(ids, lanes_all(~INDEX_BASE_BIT)), inside));
    answer->sink.count += mask_count(inside);
    const lanes_mask more = mask_and(valid, lanes_greater(f->left, one));
    if (mask_is_any(more)) {
        lanes_store(rest->points + rest->count, lanes_pack(f->points, more));
        lanes_store(rest->ids + rest->count, lanes_pack(lanes_add(f->ids, one), more));
        lanes_store(rest->masks + rest->count, lanes_pack(lanes_add(f->masks, one), more));
        lanes_store(rest->left + rest->count, lanes_pack(lanes_sub(f->left, one), more));
        lanes_store(rest->crossed + rest->count, lanes_pack(f->crossed, more));
        lanes_store(rest->on_edges + rest->count, lanes_pack(f->on_edges, more));
        rest->count += mask_count(more);
    }
}

/* The blocks of the points' descriptors, in words from the base. */
static inline lanes lanes_places(const block *b, lanes points)
{
    const lanes descs = lanes_gather(b->descs, points);
    return lanes_left(lanes_and(descs, lanes_all(INDEX_OFFSET_MASK)), 2);
}

/* Step 4 for lists: like records without edges, whose ids begin behind the first word. No edge is
 * crossed, so any words will do for the masks. */
static inline void lanes_lists(const block *b, block_answer *answer, lanes_rest *rest)
{
    const block_list *list = &answer->lists;
    for (uint32_t t = 0; t < list->count; t += LANES) {
        const lanes_mask valid = lanes_within(t, list->count);
        const lanes points = lanes_load_numbers(list->points + t, valid);
        const lanes places = lanes_places(b, points);
        lanes_fences f;
        f.points = lanes_add(points, lanes_all(b->first));
        f.left = lanes_gather_some(valid, lanes_all(0), (const uint32_t *)b->base, places);
        f.ids = f.masks = lanes_add(places, lanes_all(1));
        f.crossed = f.on_edges = lanes_all(0);
        lanes_tell(b, answer, rest, valid, &f);
    }
}

/* The edges that hold the points of some lanes, which lie on the line of an edge. Rare. */
static __attribute__((noinline)) lanes lanes_on_edges(const block *b, const block_list *list,
                                                      uint32_t t, uint32_t lane_bits)
{
    uint32_t on_edges[LANES] = {0};
    for (; lane_bits != 0; lane_bits &= lane_bits - 1) {
        const uint32_t lane = (uint32_t)__builtin_ctz(lane_bits);
        const uint32_t j = list->points[t + lane];
        const index_desc desc = b->descs[j];
        on_edges[lane] =
            index_on_edges(desc, index_at(b->base, desc), block_x(b, j), block_y(b, j));
    }
    return lanes_load(on_edges);
}

/* Step 5. What is left after a round moves to the front, behind which the next vectors are read.
 * False: the buffer may be too small. */
static inline bool lanes_ask_rest(const block *b, block_answer *answer, lanes_rest *rest)
{
    for (uint32_t count = rest->count; count != 0; count = rest->count) {
        if (answer->sink.count + count + LANES > answer->sink.max) {
            return false;
        }
        rest->count = 0;
        for (uint32_t t = 0; t < count; t += LANES) {
            const lanes_fences f = {
                lanes_load(rest->points + t),  lanes_load(rest->ids + t),
                lanes_load(rest->masks + t),   lanes_load(rest->left + t),
                lanes_load(rest->crossed + t), lanes_load(rest->on_edges + t),
            };
            lanes_tell(b, answer, rest, lanes_within(t, count), &f);
        }
    }
    return true;
}

#endif
