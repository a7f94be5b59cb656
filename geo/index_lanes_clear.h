/* geo/index_lanes_clear.h - which of a block of segments touch no boundary, for vectors. Written in
 * the words of the build that includes this. */
#ifndef GEO_INDEX_LANES_CLEAR_H
#define GEO_INDEX_LANES_CLEAR_H

#include "index_lanes_edges.h"

/* The lanes of a value that is 0, 1 or -1. */
static inline lanes_mask at_most_one(lanes a)
{
    return mask_or(lanes_equal(a, lanes_all(0)),
                   mask_or(lanes_equal(a, lanes_all(1)), lanes_equal(a, lanes_all(~0u))));
}

/* The lanes of squares without edges: an ID, or a list, which is a narrow record with the flag. */
static inline lanes_mask without_edges(lanes descs)
{
    const lanes tops = lanes_right(descs, INDEX_KIND_SHIFT - 1);
    return mask_or(lanes_equal(tops, lanes_all(INDEX_KIND_ID << 1)),
                   lanes_equal(tops, lanes_all(INDEX_KIND_NARROW << 1 | 1)));
}

/* is_clear() of the scalar build for the LANES segments from number j on, as bits; those within one
 * cell with a narrow record are for lanes_steps() to ask. */
static inline uint32_t lanes_squares(block *a, const block *b, uint32_t j, block_list *narrows)
{
    const uint32_t *words = (const uint32_t *)a->base;
    const lanes_mask valid = lanes_within(j, a->count);
    lanes ax, ay, bx, by;
    lanes_load_pairs(a->points + j, &ax, &ay);
    lanes_load_pairs(b->points + j, &bx, &by);
    const lanes shifts = lanes_load(a->shifts + j);
    const lanes columns = lanes_sub(lanes_right_by(bx, shifts), lanes_right_by(ax, shifts));
    const lanes rows = lanes_sub(lanes_right_by(by, shifts), lanes_right_by(ay, shifts));
    const lanes places = lanes_load(a->places + j);
    const lanes descs = lanes_gather(words, places);
    const lanes to_descs = lanes_gather(words, lanes_load(b->places + j));
    const lanes_mask is_beside =
        mask_or(mask_and(lanes_equal(columns, lanes_all(0)), at_most_one(rows)),
                mask_and(lanes_equal(rows, lanes_all(0)), at_most_one(columns)));
    const lanes_mask is_alike = lanes_equal(shifts, lanes_load(b->shifts + j));
    const lanes_mask is_empty = mask_and(without_edges(descs), without_edges(to_descs));
    const lanes_mask is_narrow = mask_and(
        lanes_equal(lanes_right(descs, INDEX_KIND_SHIFT - 1), lanes_all(INDEX_KIND_NARROW << 1)),
        mask_and(lanes_equal(places, lanes_load(b->places + j)), valid));
    lanes_store(a->descs + j, descs);
    lanes_store_numbers(narrows->points + narrows->count, is_narrow, j);
    narrows->count += mask_count(is_narrow);
    return mask_bits(mask_and(mask_and(is_beside, valid), mask_and(is_alike, is_empty)));
}

/* Do two values have one sign, and is none of them 0? */
static inline lanes_mask on_one_side(lanes a, lanes b)
{
    const lanes zero = lanes_all(0);
    return mask_or(mask_and(lanes_greater(a, zero), lanes_greater(b, zero)),
                   mask_and(lanes_greater(zero, a), lanes_greater(zero, b)));
}

/* index_narrow_is_clear() for the segments whose records lanes_open() has opened. */
static inline lanes_mask lanes_step(const block *a, const block *b, const lanes_records *r)
{
    const uint32_t *words = (const uint32_t *)a->base;
    lanes px, py, qx, qy;
    lanes_offsets(a, r->points, &px, &py);
    lanes_offsets(b, r->points, &qx, &qy);
    const lanes low = lanes_all(0xffff);
    const lanes plain_p = lanes_or(lanes_left(py, 16), lanes_and(px, low));
    const lanes p = lanes_turn_pairs(plain_p);
    const lanes q = lanes_turn_pairs(lanes_or(lanes_left(qy, 16), lanes_and(qx, low)));
    const lanes way = lanes_turn_pairs(
        lanes_or(lanes_left(lanes_sub(qy, py), 16), lanes_and(lanes_sub(qx, px), low)));
    const lanes p_way = lanes_multiply_pairs(plain_p, way);
    lanes place = lanes_add(r->places, lanes_all(2));
    lanes v = lanes_gather_some(r->valid, lanes_all(0), words, place);
    lanes v_p = lanes_multiply_pairs(v, p);
    lanes v_q = lanes_multiply_pairs(v, q);
    lanes v_side = lanes_sub(p_way, lanes_multiply_pairs(v, way));
    lanes number = lanes_all(1);
    lanes_mask clear = r->valid;
    lanes_mask more = r->valid;
    do {
        place = lanes_add(place, lanes_all(1));
        const lanes w = lanes_gather_some(more, v, words, place);
        const lanes w_p = lanes_multiply_pairs(w, p);
        const lanes w_q = lanes_multiply_pairs(w, q);
        const lanes w_side = lanes_sub(p_way, lanes_multiply_pairs(w, way));
        const lanes v_w = lanes_multiply_pairs(v, lanes_turn_pairs(w));
        const lanes_mask is_apart = mask_or(
            on_one_side(lanes_sub(lanes_add(v_w, w_p), v_p), lanes_sub(lanes_add(v_w, w_q), v_q)),
            on_one_side(v_side, w_side));
        clear = mask_without(clear, mask_without(more, is_apart));
        number = lanes_add(number, lanes_all(1));
        more = lanes_greater(r->vertex_count, number);
        v = w;
        v_p = w_p;
        v_q = w_q;
        v_side = w_side;
    } while (mask_is_any(more));
    return clear;
}

/* The segments within one cell that touch none of its record's edges: bits by number. */
static inline uint64_t lanes_steps(const block *a, const block *b, const block_list *narrows)
{
    uint64_t clear = 0;
    for (uint32_t t = 0; t < narrows->count; t += LANES) {
        const lanes_records r = lanes_open(a, narrows, t);
        uint32_t left = mask_bits(lanes_step(a, b, &r));
        for (; left != 0; left &= left - 1) {
            clear |= (uint64_t)1 << narrows->points[t + (uint32_t)__builtin_ctz(left)];
        }
    }
    return clear;
}

#endif
