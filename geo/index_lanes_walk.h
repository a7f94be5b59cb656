/* geo/index_lanes_walk.h - from vertex to vertex around the records of a block query, one record in
 * each lane of a vector. Written in the words of the build that includes this. */
#ifndef GEO_INDEX_LANES_WALK_H
#define GEO_INDEX_LANES_WALK_H

#include "index_lanes_tell.h"

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

/* On the way from vertex to vertex, each lane around its own record. */
typedef struct lanes_walk {
    lanes_mask more;    /* has the record another vertex? */
    lanes_mask above;   /* the last vertex lies above the point */
    lanes_mask on_line; /* the point lies on the line of some edge */
    lanes crossed;      /* one bit for each edge that the ray from the point crosses */
    lanes bit;          /* the next edge's */
    lanes number;       /* of the next vertex */
} lanes_walk;

static inline lanes_walk lanes_set_out(const lanes_records *r, lanes_mask above)
{
    return (lanes_walk){.more = r->valid,
                        .above = above,
                        .on_line = mask_none(),
                        .crossed = lanes_all(0),
                        .bit = lanes_all(1),
                        .number = lanes_all(1)};
}

/* Past an edge to the next vertex. is_left: the point is on the left of the edge as it rises. */
static inline void lanes_go_on(lanes_walk *walk, const lanes_records *r, lanes_mask above,
                               lanes_mask is_left, lanes_mask is_on)
{
    walk->crossed =
        lanes_or_some(mask_and(mask_xor(walk->above, above), is_left), walk->crossed, walk->bit);
    walk->on_line = mask_or(walk->on_line, mask_and(is_on, walk->more));
    walk->bit = lanes_add(walk->bit, walk->bit);
    walk->number = lanes_add(walk->number, lanes_all(1));
    walk->more = lanes_greater(r->vertex_count, walk->number);
    walk->above = above;
}

/* The records' edges have spoken. vertex_words: how long a vertex is. */
static inline void lanes_conclude(const block *b, block_answer *answer, lanes_rest *rest,
                                  const block_list *list, uint32_t t, const lanes_records *r,
                                  uint32_t vertex_words, const lanes_walk *walk)
{
    lanes_fences f;
    f.points = lanes_add(r->points, lanes_all(b->first));
    f.ids = lanes_add(r->places, lanes_add(r->vertex_count, lanes_all(2)));
    f.ids = vertex_words == 2 ? lanes_add(f.ids, r->vertex_count) : f.ids;
    f.masks = lanes_add(f.ids, r->id_count);
    f.left = r->id_count;
    f.crossed = walk->crossed;
    f.on_edges = lanes_all(0);
    if (__builtin_expect(mask_is_any(walk->on_line), 0)) {
        f.on_edges = lanes_on_edges(b, list, t, mask_bits(walk->on_line));
    }
    lanes_tell(b, answer, rest, r->valid, &f);
}

#endif
