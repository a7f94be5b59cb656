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

#include "index_eval.h"
#include "index_private.h"

#define BLOCK GEO_INDEX_QUERY_POINTS
#define BLOCK_ROOM (BLOCK + 16) /* vectors are written whole */

/* Some points of the block, by their numbers in it. */
typedef struct block_list {
    uint32_t count;
    uint8_t points[BLOCK_ROOM];
} block_list;

/* Points that lie in branches with covers, and what covers each of these. */
typedef struct block_covered {
    uint32_t count;
    uint8_t points[BLOCK_ROOM];
    index_desc covers[BLOCK_ROOM];
} block_covered;

/* From a branch with covers to the next one are two bits at least. */
#define BLOCK_COMMON_MAX ((INDEX_ROOT_SHIFT - INDEX_CELL_SHIFT_MAX) / INDEX_FANOUT_MIN)

typedef struct block {
    const uint8_t *base;
    const geo_point *points;
    uint32_t count;
    uint32_t first;       /* the number of its first point in the answer */
    index_desc start;     /* the deepest branch that holds all the points */
    unsigned start_shift; /* of its square */
    uint32_t common_count;
    index_desc common[BLOCK_COMMON_MAX]; /* what covers the branches down to it, itself included */
    block_covered pages;                 /* these points lie in pages below it that fences cover */
    block_covered tiles;                 /* these in tiles, of pages with covers or without */
    block_list strays;                   /* these lie in branches with covers at odd places */
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
    b->points = points;
    b->count = count;
    b->first = first;
    b->common_count = 0;
    b->pages.count = b->tiles.count = 0;
    b->strays.count = 0;
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

#endif
