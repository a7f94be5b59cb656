/* geo/index_build.h - from pieces of fences to the descriptor of a square, top down. */
#ifndef GEO_INDEX_BUILD_H
#define GEO_INDEX_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/err.h"
#include "index_clip.h"
#include "index_form.h"
#include "index_layout.h"
#include "index_maker.h"
#include "index_record.h"

/* The square of everything. */
#define INDEX_ROOT_SQUARE ((index_square){INT32_MIN, INT32_MIN, INDEX_ROOT_SHIFT})

/* Is a square with so many edges a branch? If not, and above the cells, it is one record. */
static inline bool index_wants_branch(unsigned shift, uint64_t edge_count)
{
    return shift > INDEX_BRANCH_SHIFT_MAX ? edge_count > INDEX_BRANCH_EDGES_FEW
                                          : shift > INDEX_CELL_SHIFT_MAX && edge_count != 0;
}

/* Is the branch worth the edges that its children have together? Short edges nearly keep their
 * number when a square is divided; long ones are in a child for every step of their way, and where
 * many lie upon each other no division parts them. If not, a square above 2^16 is one wide record
 * after all; a smaller one is divided in fewer children, and if that does not help, it is one, too.
 */
bool index_branch_pays(unsigned shift, unsigned fanout, const index_desc *node,
                       const index_tail *tail);

/* A fence of a page's width and height or more. */
static inline bool index_is_large(const index_fence *fence)
{
    const int64_t side = (int64_t)1 << INDEX_PAGE_SHIFT;
    return (int64_t)fence->box.max.lon_e7 - fence->box.min.lon_e7 >= side &&
           (int64_t)fence->box.max.lat_e7 - fence->box.min.lat_e7 >= side;
}

/* Does a branch note the fences that cover it in each of its cells, or once for all in its tail? In
 * the cells they are faster to ask. But where they are many, all of them times up to a thousand
 * cells is too much; and large ones, which are not counted here, are never noted: to draw one over
 * 100,000 paddocks would write every cell of the index anew. */
static inline bool index_notes_covers(unsigned shift, unsigned fanout, uint32_t small_count)
{
    return shift - fanout <= INDEX_CELL_SHIFT_MAX && small_count <= INDEX_CELL_COVERS_MAX;
}

/* Does it note this one? A divided cell has no tail, and notes all. */
static inline bool index_is_noted(unsigned shift, bool notes_covers, const index_piece *cover)
{
    return notes_covers && (shift <= INDEX_CELL_SHIFT_MAX || !index_is_large(cover->fence));
}

/* How finely a branch divides its square, from the edges that touch it: the denser, the finer. A
 * pure function, so that an index does not depend on how it came to be. */
unsigned index_branch_fanout(unsigned shift, uint64_t edge_count);

/* The descriptor of a square that holds exactly these pieces, ascending by id; the same for the
 * same pieces but for the offsets. Pieces without edges cover the square. The root is a plain node.
 */
GEO_MUST_USE geo_err index_build_square(index_maker *maker, const index_square *square,
                                        const index_piece *pieces, uint32_t count, index_desc *out);

/* A node for a grid of children; *node is its descriptor array. shift is the square's. */
GEO_MUST_USE geo_err index_node_make(index_maker *maker, unsigned shift, unsigned fanout,
                                     index_desc **node, index_desc *out);

/* The place of child number `child` (counted by rows) of a square in its node. */
static inline uint32_t index_child_slot(const index_square *square, unsigned fanout, uint32_t child)
{
    index_square at = index_child_square(square, fanout, child);
    return index_slot(fanout, at.shift, (int32_t)at.x, (int32_t)at.y);
}

#endif
