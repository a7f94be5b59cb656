/* geo/index_block.h - the block query: what its builds, scalar and vector, have in common.
 *
 * A block of points goes through the levels of the index together, so that the memory which one
 * point waits for is fetched while the others are computed, and so that nothing depends on a jump
 * that cannot be guessed:
 *   1. every point walks down the branches, which are few and stay in the cache, to the place of
 *      its cell's descriptor;
 *   2. the descriptors are read and sorted by kind;
 *   3. divided cells are walked to their end;
 *   4. wide records, lists, long and narrow records are evaluated, one kind after the other: which
 *      edges does the point's ray cross, and is the point in the record's first fence?
 *   5. records with more fences are asked for their second ones, then for the third ones, and so
 * on. All builds do the same in the same order, so that they write the same hits. */
#ifndef GEO_INDEX_BLOCK_H
#define GEO_INDEX_BLOCK_H

#include "index_block_span.h"
#include "index_eval.h"
#include "index_private.h"

#define BLOCK GEO_INDEX_QUERY_POINTS
#define BLOCK_ROOM (BLOCK + 16) /* vectors are written whole */

/* Some points of the block, by their numbers in it. */
typedef struct block_list {
    uint32_t count;
    uint8_t points[BLOCK_ROOM];
} block_list;

typedef struct block {
    const uint8_t *base;
    index_desc root;
    const geo_point *points;
    uint32_t count;
    uint32_t first;     /* the number of its first point in the answer */
    block_list covered; /* these lie in branches that fences cover as a whole */
    _Alignas(
        64) uint32_t places[BLOCK_ROOM]; /* step 1: descriptors, counted from the arena's base */
    uint32_t shifts[BLOCK_ROOM];         /* of the squares that the descriptors stand for */
    index_desc descs[BLOCK_ROOM];        /* step 2 */
    geo_point padded[BLOCK_ROOM]; /* room for the points where whole vectors need more of them */
} block;

/* Steps 2 to 5 of one block. */
typedef struct block_answer {
    index_sink sink;
    block_list nodes, lists, wides, longs, narrows;
} block_answer;

static inline void block_begin(block *b, const geo_index_version *version, const geo_point *points,
                               uint32_t count, uint32_t first)
{
    b->base = version->base;
    b->root = version->root;
    b->points = points;
    b->count = count;
    b->first = first;
    b->covered.count = 0;
}

static inline void block_answer_begin(block_answer *answer, geo_hit *hits, size_t hits_max)
{
    answer->sink = (index_sink){hits, hits_max, 0};
    answer->nodes.count = answer->lists.count = answer->wides.count = 0;
    answer->longs.count = answer->narrows.count = 0;
}

static inline void block_list_add(block_list *list, uint32_t point)
{
    list->points[list->count++] = (uint8_t)point;
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
    bool is_covered = false;
    index_desc desc;
    while (shift > INDEX_CELL_SHIFT_MAX &&
           index_kind(desc = block_desc(b->base, place)) == INDEX_KIND_NODE) {
        fanout = index_node_fanout(desc);
        is_covered |= (desc & INDEX_FLAG) != 0;
        shift -= fanout;
        place = block_node_place(desc) + index_slot(fanout, shift, x, y);
    }
    __builtin_prefetch((const index_desc *)b->base + place);
    b->places[j] = place;
    b->shifts[j] = shift;
    if (is_covered) {
        block_list_add(&b->covered, j);
    }
}

#endif
