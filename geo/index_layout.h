/* geo/index_layout.h - how the index lies in memory: descriptors and nodes. */
#ifndef GEO_INDEX_LAYOUT_H
#define GEO_INDEX_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

/* The lattice is cut into squares whose sides are powers of two. One 32-bit descriptor says what a
 * square holds; its upper two bits are the kind:
 *
 *   ID      0: no fence at all; else one fence, number `descriptor - 1`, covers the square.
 *   NARROW  edges as 16-bit vertices (index_narrow); with the flag: a list of covering fences.
 *   WIDE    edges as 32-bit lattice coordinates (index_wide); with the flag: edges as 32-bit
 *           vertices, otherwise like a narrow record.
 *   NODE    a grid of smaller squares; with the flag: fences cover the whole of it, and nothing
 *           below says so (index_tail).
 *
 * The rest is an offset into the arena in units of 16 bytes. A node begins at a multiple of 64
 * bytes, so that its lowest two bits are free to hold the size of the grid. */
typedef uint32_t index_desc;

enum {
    INDEX_KIND_ID,
    INDEX_KIND_NARROW,
    INDEX_KIND_WIDE,
    INDEX_KIND_NODE,
};

#define INDEX_KIND_SHIFT 30
#define INDEX_FLAG (1u << 29)
#define INDEX_OFFSET_MASK ((1u << 29) - 1)
#define INDEX_UNIT_BYTES 16
#define INDEX_NODE_BYTES_ALIGN 64

/* A node of fan-out f is a grid of 2^f x 2^f descriptors, 2 <= f <= 5. The root alone is 64 x 64
 * squares of 2^26 units and covers the whole int32 plane. */
#define INDEX_FANOUT_MIN 2
#define INDEX_FANOUT_MAX 5
#define INDEX_ROOT_FANOUT 6
#define INDEX_ROOT_SHIFT 32

/* Squares above 2^14 units are branches as soon as an edge touches them: nodes with a tail. But
 * where a square above 2^16 has a few edges only, as at the border of a country, or where any has
 * so long ones that they would be in most of its children, see index_branch_pays(), it is one wide
 * record. Smaller squares are cells: a record, or a 4 x 4 node without a tail where a record would
 * be crowded. */
#define INDEX_BRANCH_SHIFT_MAX 16
#define INDEX_PAGE_SHIFT 21
#define INDEX_BRANCH_EDGES_FEW 4
#define INDEX_BRANCH_EDGES_MANY 128
#define INDEX_CELL_SHIFT_MAX 14
#define INDEX_CELL_COVERS_MAX 3 /* that cover the branch above; see index_notes_covers() */
#define INDEX_CELL_SHIFT_MIN 6

/* After the descriptors of a branch. Edges are those that touch the square; parted_count is how
 * many touch its children, added up. They fit: each of them takes four bytes of the arena at the
 * least. The fences that cover it all are two lists, or ids: those of `covers` are told by the tail
 * alone, those of `noted` stand in every cell, too. */
typedef struct index_tail {
    uint32_t edge_count;
    uint32_t parted_count;
    index_desc covers;
    index_desc noted;
} index_tail;

static inline unsigned index_kind(index_desc desc)
{
    return desc >> INDEX_KIND_SHIFT;
}

static inline const void *index_at(const uint8_t *base, index_desc desc)
{
    return base + (uint64_t)(desc & INDEX_OFFSET_MASK) * INDEX_UNIT_BYTES;
}

static inline unsigned index_node_fanout(index_desc desc)
{
    return (desc & 3) + INDEX_FANOUT_MIN;
}

static inline const index_desc *index_node(const uint8_t *base, index_desc desc)
{
    return (const index_desc *)(base +
                                (uint64_t)(desc & (INDEX_OFFSET_MASK & ~3u)) * INDEX_UNIT_BYTES);
}

/* How a node of fan-out f numbers its children where they are cells: 4 x 4 neighbours share one
 * cache line. Bits from 2 up of the row and the column number the blocks. */
typedef struct index_grid {
    uint32_t side;
    uint32_t block_mask;
} index_grid;

static const index_grid index_grids[] = {{4, 0}, {8, 4}, {16, 12}, {32, 28}};

/* The place of a point's cell in such a node, whose cells have 2^shift units. */
static inline uint32_t index_slot_of_cell(unsigned fanout, unsigned shift, int32_t x, int32_t y)
{
    const index_grid grid = index_grids[fanout - INDEX_FANOUT_MIN];
    const uint32_t column = (uint32_t)x >> shift;
    const uint32_t row = (uint32_t)y >> shift;
    return (row & grid.block_mask) * grid.side | (column & grid.block_mask) << 2 | (row & 3) << 2 |
           (column & 3);
}

/* The place of a point's child in any node: by rows above the cells. */
static inline uint32_t index_slot(unsigned fanout, unsigned shift, int32_t x, int32_t y)
{
    if (shift <= INDEX_CELL_SHIFT_MAX) {
        return index_slot_of_cell(fanout, shift, x, y);
    }
    const uint32_t mask = (1u << fanout) - 1;
    return ((uint32_t)y >> shift & mask) << fanout | ((uint32_t)x >> shift & mask);
}

#endif
