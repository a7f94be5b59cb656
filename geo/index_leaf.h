/* geo/index_leaf.h - reads the records of a square, narrow or wide, in one form. */
#ifndef GEO_INDEX_LEAF_H
#define GEO_INDEX_LEAF_H

#include <stdbool.h>
#include <stdint.h>

#include "index_clip.h"
#include "index_form.h"

/* One fence with edges in a square, in lattice coordinates. For every lattice point of the square,
 * inside = base ^ crossings of the edges ^ number of ends at or below the point. */
typedef struct index_entry {
    uint32_t id;
    bool base;
    const index_wide_edge *edges;
    uint32_t edge_count;
    const int32_t *ends;
    uint32_t end_count;
} index_entry;

/* Goes through the entries of one record. */
typedef struct index_leaf {
    index_desc desc;
    const index_narrow *narrow; /* or */
    const index_wide *wide;
    uint32_t next;
    const uint8_t *at;
    int32_t center_x, center_y;
    index_wide_edge edges[INDEX_NARROW_VERTICES_MAX];
    int32_t ends[INDEX_NARROW_VERTICES_MAX];
} index_leaf;

/* desc is a narrow or wide record. *covers and *cover_count: the fences that cover the square; in
 * narrow records their top bit is set. */
void index_leaf_open(index_leaf *leaf, const uint8_t *base, index_desc desc,
                     const index_square *square, const uint32_t **covers, uint32_t *cover_count);

/* The next entry, valid until the next call; false: no more. */
bool index_leaf_next(index_leaf *leaf, index_entry *entry);

/* Does a lattice point of the square lie in the entry's fence? Its boundary counts. */
bool index_entry_contains(const index_entry *entry, geo_point point);

#endif
