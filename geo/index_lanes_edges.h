/* geo/index_lanes_edges.h - step 4 of the block query for vectors: the edges of as many records at
 * once as a vector has lanes. Written in the words of the build that includes this. */
#ifndef GEO_INDEX_LANES_EDGES_H
#define GEO_INDEX_LANES_EDGES_H

#include "index_lanes_walk.h"

/* A point for each lane: where it lies in its cell, counted from the cell's centre. */
static inline void lanes_offsets(const block *b, lanes points, lanes *x, lanes *y)
{
    const uint32_t *coordinates = (const uint32_t *)b->points;
    const lanes shifts = lanes_gather(b->shifts, points);
    const lanes sides = lanes_left_by(lanes_all(1), shifts);
    const lanes mask = lanes_sub(sides, lanes_all(1));
    const lanes half = lanes_right(sides, 1);
    const lanes at = lanes_add(points, points);
    *x = lanes_sub(lanes_and(lanes_gather(coordinates, at), mask), half);
    *y = lanes_sub(lanes_and(lanes_gather(coordinates, lanes_add(at, lanes_all(1))), mask), half);
}

/* Step 4 for narrow records. The cross product of an edge a-b and the point p is
 * (b - a) x (p - a) = a x b + b x p - a x p, and each of the three is one instruction. */
static inline void lanes_narrows(const block *b, block_answer *answer, lanes_rest *rest)
{
    const uint32_t *words = (const uint32_t *)b->base;
    const block_list *list = &answer->narrows;
    for (uint32_t t = 0; t < list->count; t += LANES) {
        const lanes_records r = lanes_open(b, list, t);
        lanes x, y;
        lanes_offsets(b, r.points, &x, &y);
        const lanes p =
            lanes_turn_pairs(lanes_or(lanes_left(y, 16), lanes_and(x, lanes_all(0xffff))));
        /* Whatever its x, a vertex is greater than this if its y is greater than the point's. */
        const lanes level = lanes_or(lanes_left(y, 16), lanes_all(0xffff));
        lanes place = lanes_add(r.places, lanes_all(2));
        lanes a = lanes_gather_some(r.valid, lanes_all(0), words, place);
        lanes a_p = lanes_multiply_pairs(a, p);
        lanes_walk walk = lanes_set_out(&r, lanes_greater(a, level));
        do {
            place = lanes_add(place, lanes_all(1));
            /* Lanes without another vertex have an edge from a to a, which crosses nothing. */
            const lanes v = lanes_gather_some(walk.more, a, words, place);
            const lanes v_p = lanes_multiply_pairs(v, p);
            const lanes_mask v_above = lanes_greater(v, level);
            const lanes cross =
                lanes_sub(lanes_add(lanes_multiply_pairs(a, lanes_turn_pairs(v)), v_p), a_p);
            const lanes_mask is_left =
                lanes_greater(lanes_negate_some(v_above, cross), lanes_all(0));
            lanes_go_on(&walk, &r, v_above, is_left, lanes_equal(cross, lanes_all(0)));
            a = v;
            a_p = v_p;
        } while (mask_is_any(walk.more));
        lanes_conclude(b, answer, rest, list, t, &r, 1, &walk);
    }
}

/* Step 4 for long records: the same with coordinates of 32 bits and products of 64. */
static inline void lanes_longs(const block *b, block_answer *answer, lanes_rest *rest)
{
    const uint32_t *words = (const uint32_t *)b->base;
    const block_list *list = &answer->longs;
    for (uint32_t t = 0; t < list->count; t += LANES) {
        const lanes_records r = lanes_open(b, list, t);
        lanes x, y;
        lanes_offsets(b, r.points, &x, &y);
        lanes place = lanes_add(r.places, lanes_all(2));
        lanes ax = lanes_gather_some(r.valid, x, words, place);
        lanes ay = lanes_gather_some(r.valid, y, words, lanes_add(place, lanes_all(1)));
        lanes_walk walk = lanes_set_out(&r, lanes_greater(ay, y));
        do {
            place = lanes_add(place, lanes_all(2));
            const lanes bx = lanes_gather_some(walk.more, ax, words, place);
            const lanes by =
                lanes_gather_some(walk.more, ay, words, lanes_add(place, lanes_all(1)));
            const lanes_mask b_above = lanes_greater(by, y);
            lanes_mask equal;
            const lanes_mask greater = lanes_product_greater(
                lanes_sub(bx, ax), lanes_sub(y, ay), lanes_sub(x, ax), lanes_sub(by, ay), &equal);
            const lanes_mask is_left = mask_without(mask_xor(greater, b_above), equal);
            lanes_go_on(&walk, &r, b_above, is_left, equal);
            ax = bx;
            ay = by;
        } while (mask_is_any(walk.more));
        lanes_conclude(b, answer, rest, list, t, &r, 2, &walk);
    }
}

#endif
