/* geo/index_block_places.h - step 1 of the block query: ways down to the cells. */
#ifndef GEO_INDEX_BLOCK_PLACES_H
#define GEO_INDEX_BLOCK_PLACES_H

#include <stddef.h>

#include "index_block.h"
#include "index_block_span.h"

/* A branch that is divided as finely as can be: the usual one where it is busy. */
#define BLOCK_DENSE_MASK (3u << INDEX_KIND_SHIFT | 3)
#define BLOCK_DENSE                                                                                \
    ((uint32_t)INDEX_KIND_NODE << INDEX_KIND_SHIFT | (INDEX_FANOUT_MAX - INDEX_FANOUT_MIN))

/* In busy places the root's children are dense (directories), and so are theirs (pages), whose
 * children (tiles) may be divided in any way: all shifts but the last are known. */
#define BLOCK_PAGE_SHIFT 21
#define BLOCK_TILE_SHIFT 16

/* The covers of a branch that has some. */
static inline uint32_t block_covers_place(index_desc branch)
{
    return block_node_place(branch) + (1u << 2 * index_node_fanout(branch)) +
           offsetof(index_tail, covers) / sizeof(index_desc);
}

#define BLOCK_COVERED ((uint32_t)INDEX_KIND_NODE << INDEX_KIND_SHIFT | INDEX_FLAG)

/* Point j lies in a branch with covers. */
static inline void block_add_covered(const block *b, block_covered *covered, uint32_t j,
                                     index_desc branch)
{
    covered->points[covered->count] = (uint8_t)j;
    covered->covers[covered->count++] = block_desc(b->base, block_covers_place(branch));
}

/* Find the branch to start from; the coordinates of the points differ in these bits. */
static inline void block_find_start(block *b, index_desc root, uint32_t differ)
{
    const int32_t x = b->points[0].lon_e7;
    const int32_t y = b->points[0].lat_e7;
    unsigned fanout = INDEX_ROOT_FANOUT;
    b->start = root;
    b->start_shift = INDEX_ROOT_SHIFT;
    while (differ >> (b->start_shift - fanout) == 0) {
        const unsigned shift = b->start_shift - fanout;
        const index_desc child = index_node(b->base, b->start)[index_slot(fanout, shift, x, y)];
        if (index_kind(child) != INDEX_KIND_NODE || shift <= INDEX_CELL_SHIFT_MAX) {
            return;
        }
        if (child & INDEX_FLAG) {
            b->common[b->common_count++] = block_desc(b->base, block_covers_place(child));
        }
        b->start = child;
        b->start_shift = shift;
        fanout = index_node_fanout(child);
    }
}

static inline unsigned block_start_fanout(const block *b)
{
    return b->start_shift == INDEX_ROOT_SHIFT ? INDEX_ROOT_FANOUT : index_node_fanout(b->start);
}

/* Does the block start from a directory? */
static inline bool block_is_dense(const block *b)
{
    const unsigned fanout = block_start_fanout(b);
    return fanout == INDEX_FANOUT_MAX && b->start_shift - fanout == BLOCK_PAGE_SHIFT;
}

/* Step 1 for point j, step by step from the start. A point in a square without cells is done with
 * the descriptor of that square. */
static inline void block_find_place(block *b, uint32_t j)
{
    const int32_t x = b->points[j].lon_e7;
    const int32_t y = b->points[j].lat_e7;
    unsigned fanout = block_start_fanout(b);
    unsigned shift = b->start_shift - fanout;
    uint32_t place = block_node_place(b->start) + index_slot(fanout, shift, x, y);
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
        block_list_add(&b->strays, j);
    }
}

#endif
