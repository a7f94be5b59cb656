/* geo/index_block.h - the block query: steps that the scalar and the vector builds share.
 *
 * A block of points goes through the levels of the index together, so that the memory which one
 * point waits for is fetched while the others are computed:
 *   1. every point walks down the branches, which are few and stay in the cache, to the place of
 *      its cell's descriptor;
 *   2. the descriptors are read and sorted by kind;
 *   3. divided cells are walked to their end;
 *   4. lists, wide and narrow records are evaluated, one kind after the other.
 * All builds do the same in the same order, so that they write the same hits. */
#ifndef GEO_INDEX_BLOCK_H
#define GEO_INDEX_BLOCK_H

#include "index_block_span.h"
#include "index_eval.h"
#include "index_private.h"

#define BLOCK GEO_INDEX_BLOCK_POINTS
#define BLOCK_ROOM (BLOCK + 16) /* vectors are written whole */

/* Some points of the block, with what is known of each. */
typedef struct block_list {
    uint32_t count;
    uint32_t points[BLOCK_ROOM]; /* their numbers in the block */
    index_desc descs[BLOCK_ROOM];
} block_list;

typedef struct block {
    const uint8_t *base;
    const geo_point *points;
    uint32_t count;
    uint32_t first;
    index_sink sink;
    uint32_t places[BLOCK_ROOM]; /* step 1: descriptors, counted from the arena's base */
    uint32_t shifts[BLOCK_ROOM]; /* of the squares that the descriptors stand for */
    block_list nodes, lists, wides, narrows;
} block;

static inline void block_begin(block *b, const geo_index_version *version, const geo_point *points,
                               uint32_t count, uint32_t first, geo_hit *hits, size_t hits_max)
{
    b->base = version->base;
    b->points = points;
    b->count = count;
    b->first = first;
    b->sink = (index_sink){hits, hits_max, 0};
    b->nodes.count = b->lists.count = b->wides.count = b->narrows.count = 0;
}

static inline index_desc block_desc(const uint8_t *base, uint32_t place)
{
    return ((const index_desc *)base)[place];
}

/* The place of a node's first child. */
static inline uint32_t block_node_place(index_desc node)
{
    return (node & (INDEX_OFFSET_MASK & ~3u)) * (INDEX_UNIT_BYTES / sizeof(index_desc));
}

/* A branch that is divided as finely as can be: the usual one where it is busy. */
#define BLOCK_DENSE_MASK (3u << INDEX_KIND_SHIFT | 3)
#define BLOCK_DENSE                                                                                \
    ((uint32_t)INDEX_KIND_NODE << INDEX_KIND_SHIFT | (INDEX_FANOUT_MAX - INDEX_FANOUT_MIN))

/* In busy places the root's children are dense (directories), and so are theirs (pages), whose
 * children (tiles) may be divided in any way: all shifts but the last are known. */
#define BLOCK_PAGE_SHIFT 21
#define BLOCK_TILE_SHIFT 16

/* The deepest branch that holds all points of the block and has no covers on the way. */
static inline index_desc block_common_branch(const block *b, index_desc root, uint32_t differ,
                                             unsigned *shift)
{
    const int32_t x = b->points[0].lon_e7;
    const int32_t y = b->points[0].lat_e7;
    index_desc desc = root;
    unsigned fanout = INDEX_ROOT_FANOUT;
    *shift = INDEX_ROOT_SHIFT;
    while (differ >> (*shift - fanout) == 0) {
        index_desc child = index_node(b->base, desc)[index_slot(fanout, *shift - fanout, x, y)];
        if (!index_is_plain_branch(child, *shift - fanout)) {
            break;
        }
        desc = child;
        *shift -= fanout;
        fanout = index_node_fanout(desc);
    }
    return desc;
}

/* Step 1 for point j from a node whose children have 2^shift units. A point in a square without
 * cells is done with the descriptor of that square. */
static inline void block_find_place(block *b, uint32_t j, index_desc node, unsigned fanout,
                                    unsigned shift)
{
    const int32_t x = b->points[j].lon_e7;
    const int32_t y = b->points[j].lat_e7;
    uint32_t place = block_node_place(node) + index_slot(fanout, shift, x, y);
    index_desc desc;
    while (shift > INDEX_CELL_SHIFT_MAX &&
           index_kind(desc = block_desc(b->base, place)) == INDEX_KIND_NODE) {
        fanout = index_node_fanout(desc);
        if (desc & INDEX_FLAG) {
            const index_tail *tail =
                (const index_tail *)(index_node(b->base, desc) + (1u << 2 * fanout));
            index_sink_list(&b->sink, b->base, tail->covers, b->first + j);
        }
        shift -= fanout;
        place = block_node_place(desc) + index_slot(fanout, shift, x, y);
    }
    __builtin_prefetch((const index_desc *)b->base + place);
    b->places[j] = place;
    b->shifts[j] = shift;
}

/* The fences that cover a page, for point j. */
static inline void block_page_covers(block *b, uint32_t j, index_desc page)
{
    const index_tail *tail =
        (const index_tail *)(index_node(b->base, page) + (1u << 2 * INDEX_FANOUT_MAX));
    index_sink_list(&b->sink, b->base, tail->covers, b->first + j);
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
