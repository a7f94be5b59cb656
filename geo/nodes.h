/* geo/nodes.h - snap rounding: edges that cross, as edges that only meet at their ends; private to
 * geo/.
 *
 * Every end of an edge and every crossing, rounded to the lattice, makes a lattice point hot; every
 * edge that passes through the unit square around a hot point is led through the point itself. The
 * result has no crossings left (Hobby; Guibas and Marimont) and no edge moved by more than half a
 * unit on each axis. */
#ifndef GEO_NODES_H
#define GEO_NODES_H

#include <stdint.h>

#include "geo/err.h"
#include "geo/point.h"

#define GEO_NODES_EDGES_MAX 4000000
/* The work that may be done, a second or two of it: pairs of edges that lie close together, and of
 * edges and hot points. */
#define GEO_NODES_PAIRS_MAX 100000000

/* From west to east, on one longitude from south to north. The counts say what changes when one
 * passes the edge from its right to its left, which is its north side. */
typedef struct geo_node_edge {
    geo_point west;
    geo_point east;
    int32_t turns;    /* the winding number of tubes grows by this */
    uint32_t toggles; /* so often one enters or leaves the area */
} geo_node_edge;

/* The edges without crossings, sorted by their western ends; equal ones are made one, and those
 * where nothing changes are left out. *out is the caller's to free.
 * GEO_TOO_BIG: more edges, crossings or pairs than the limits above. GEO_NO_MEMORY. */
GEO_MUST_USE geo_err geo_nodes(const geo_node_edge *edges, uint32_t count, geo_node_edge **out,
                               uint32_t *out_count);

#endif
