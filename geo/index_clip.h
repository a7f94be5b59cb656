/* geo/index_clip.h - the part of a fence that matters in one square, and cutting it further. */
#ifndef GEO_INDEX_CLIP_H
#define GEO_INDEX_CLIP_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/err.h"
#include "geo/point.h"
#include "index_fence.h"
#include "index_scratch.h"
#include "ring.h"

/* The lattice points [x, x + 2^shift) x [y, y + 2^shift). An edge belongs to a square when it
 * touches the CLOSED square up to x + 2^shift, so that closed squares tile the real plane. */
typedef struct index_square {
    int64_t x;
    int64_t y;
    unsigned shift;
} index_square;

/* What a fence means to a square. The edges are those that touch it, in ring order. The rest of the
 * boundary is not here, yet its share in the parity of a leftward ray is known: as the ray's point
 * moves within the square it changes only where the ray passes a chain end that lies left of the
 * square within its rows. So for every lattice point of the square
 *     inside = base ^ crossings of these edges ^ number of such ends at or below the point.
 * No edges: the fence covers the square. */
typedef struct index_piece {
    const index_fence *fence;
    const uint32_t *edges; /* indices of their first points; NULL: all edges of the fence */
    uint32_t id;
    uint32_t edge_count;
    bool base;
} index_piece;

/* One child of a square (counted by rows, from the lower left) and what a piece means to it. */
typedef struct index_part {
    uint32_t child;
    index_piece piece;
} index_part;

/* Where a chain of edges is open: the index_piece's edges before and after edge number e do not
 * join it, or they do. Two ends at one place cancel each other, so places may be compared. */
typedef struct index_link {
    geo_point a, b;
    bool joins_previous;
    bool joins_next;
} index_link;

static inline index_link index_piece_link(const index_piece *piece, uint32_t e)
{
    const geo_point *points = piece->fence->points;
    const uint32_t last = piece->edge_count - 1;
    const uint32_t this = piece->edges[e];
    const uint32_t previous = piece->edges[e == 0 ? last : e - 1];
    const uint32_t next = piece->edges[e == last ? 0 : e + 1];
    index_link link = {.a = points[this], .b = points[this + 1]};
    link.joins_previous = geo_point_equal(points[previous + 1], link.a);
    link.joins_next = geo_point_equal(points[next], link.b);
    return link;
}

/* Does a chain end at `end` toggle the parity of points in this square? */
static inline bool index_end_counts(geo_point end, const index_square *square)
{
    int64_t rows = (int64_t)1 << square->shift;
    return end.lon_e7 < square->x && end.lat_e7 >= square->y && end.lat_e7 < square->y + rows;
}

static inline index_square index_child_square(const index_square *square, unsigned fanout,
                                              uint32_t child)
{
    unsigned shift = square->shift - fanout;
    int64_t column = child & ((1u << fanout) - 1);
    int64_t row = child >> fanout;
    return (index_square){square->x + (column << shift), square->y + (row << shift), shift};
}

/* A piece of everything: the fence seen from the root. */
index_piece index_piece_whole(const index_fence *fence, uint32_t id);

/* The piece of a fence in a square, from its rings; edge_count 0 and base false: not there. */
GEO_MUST_USE geo_err index_piece_of(index_scratch *scratch, const index_fence *fence, uint32_t id,
                                    const index_square *square, index_piece *out);

/* Give every edge its number, if they are still "all". */
GEO_MUST_USE geo_err index_piece_list(index_scratch *scratch, index_piece *piece);

/* Cut a piece that has edges into the 2^fanout x 2^fanout children of its square, ascending by
 * child. Children that it leaves alone are left out. *parts lies in scratch. */
GEO_MUST_USE geo_err index_piece_cut(index_scratch *scratch, const index_piece *piece,
                                     const index_square *square, unsigned fanout,
                                     index_part **parts, uint32_t *part_count);

#endif
