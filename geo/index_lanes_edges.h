/* geo/index_lanes_edges.h - step 4 of the block query for vectors: the edges of as many records at
 * once as a vector has lanes. Written in the words of the build that includes this. */
#ifndef GEO_INDEX_LANES_EDGES_H
#define GEO_INDEX_LANES_EDGES_H

#include "index_lanes_tell.h"

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

/* The records of some points, one for each lane. */
typedef struct lanes_records {
    lanes_mask valid;
    lanes points;       /* their numbers in the block */
    lanes places;       /* of the records' first words */
    lanes vertex_count; /* 0: there is no record in this lane */
    lanes id_count;
} lanes_records;

static inline lanes_records lanes_open(const block *b, const block_list *list, uint32_t t)
{
    lanes_records r;
    r.valid = lanes_within(t, list->count);
    r.points = lanes_load_numbers(list->points + t, r.valid);
    r.places = lanes_places(b, r.points);
    const lanes heads =
        lanes_gather_some(r.valid, lanes_all(0), (const uint32_t *)b->base, r.places);
    r.vertex_count = lanes_right(heads, 16);
    r.id_count = lanes_add(lanes_and(heads, lanes_all(255)),
                           lanes_and(lanes_right(heads, 8), lanes_all(255)));
    return r;
}

/* The records' edges have spoken. vertex_words: how long a vertex is. */
static inline void lanes_conclude(const block *b, block_answer *answer, lanes_rest *rest,
                                  const block_list *list, uint32_t t, const lanes_records *r,
                                  uint32_t vertex_words, lanes crossed, lanes_mask on_line)
{
    lanes_fences f;
    f.points = lanes_add(r->points, lanes_all(b->first));
    f.ids = lanes_add(r->places, lanes_add(r->vertex_count, lanes_all(2)));
    f.ids = vertex_words == 2 ? lanes_add(f.ids, r->vertex_count) : f.ids;
    f.masks = lanes_add(f.ids, r->id_count);
    f.left = r->id_count;
    f.crossed = crossed;
    f.on_edges = lanes_all(0);
    if (__builtin_expect(mask_is_any(on_line), 0)) {
        f.on_edges = lanes_on_edges(b, list, t, mask_bits(on_line));
    }
    lanes_tell(b, answer, rest, r->valid, &f);
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
        lanes_mask a_above = lanes_greater(a, level);
        lanes crossed = lanes_all(0);
        lanes_mask on_line = mask_none();
        lanes bit = lanes_all(1);
        lanes number = lanes_all(1);
        lanes_mask more = r.valid;
        do {
            place = lanes_add(place, lanes_all(1));
            /* Lanes without another vertex have an edge from a to a, which crosses nothing. */
            const lanes v = lanes_gather_some(more, a, words, place);
            const lanes v_p = lanes_multiply_pairs(v, p);
            const lanes_mask v_above = lanes_greater(v, level);
            const lanes cross =
                lanes_sub(lanes_add(lanes_multiply_pairs(a, lanes_turn_pairs(v)), v_p), a_p);
            const lanes_mask is_left =
                lanes_greater(lanes_negate_some(v_above, cross), lanes_all(0));
            crossed = lanes_or_some(mask_and(mask_xor(a_above, v_above), is_left), crossed, bit);
            on_line = mask_or(on_line, mask_and(lanes_equal(cross, lanes_all(0)), more));
            bit = lanes_add(bit, bit);
            number = lanes_add(number, lanes_all(1));
            more = lanes_greater(r.vertex_count, number);
            a = v;
            a_p = v_p;
            a_above = v_above;
        } while (mask_is_any(more));
        lanes_conclude(b, answer, rest, list, t, &r, 1, crossed, on_line);
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
        lanes_mask a_above = lanes_greater(ay, y);
        lanes crossed = lanes_all(0);
        lanes_mask on_line = mask_none();
        lanes bit = lanes_all(1);
        lanes number = lanes_all(1);
        lanes_mask more = r.valid;
        do {
            place = lanes_add(place, lanes_all(2));
            const lanes bx = lanes_gather_some(more, ax, words, place);
            const lanes by = lanes_gather_some(more, ay, words, lanes_add(place, lanes_all(1)));
            const lanes_mask b_above = lanes_greater(by, y);
            lanes_mask equal;
            const lanes_mask greater = lanes_product_greater(
                lanes_sub(bx, ax), lanes_sub(y, ay), lanes_sub(x, ax), lanes_sub(by, ay), &equal);
            const lanes_mask is_left = mask_without(mask_xor(greater, b_above), equal);
            crossed = lanes_or_some(mask_and(mask_xor(a_above, b_above), is_left), crossed, bit);
            on_line = mask_or(on_line, mask_and(equal, more));
            bit = lanes_add(bit, bit);
            number = lanes_add(number, lanes_all(1));
            more = lanes_greater(r.vertex_count, number);
            ax = bx;
            ay = by;
            a_above = b_above;
        } while (mask_is_any(more));
        lanes_conclude(b, answer, rest, list, t, &r, 2, crossed, on_line);
    }
}

#endif
