/* geo/status.h - the edges that a sweep line meets, from south to north; private to geo/.
 *
 * A treap over edge numbers with a list of neighbours. It knows nothing of geometry: its user finds
 * the place of a new edge by walking down from the root. */
#ifndef GEO_STATUS_H
#define GEO_STATUS_H

#include <stdint.h>

#include "geo/err.h"

#define GEO_STATUS_NONE UINT32_MAX

typedef struct geo_status_node {
    uint32_t parent;
    uint32_t child[2]; /* south, north */
    uint32_t beside[2];
} geo_status_node;

typedef struct geo_status {
    geo_status_node *nodes; /* one for each edge there is, owned */
    uint32_t root;
} geo_status;

GEO_MUST_USE geo_err geo_status_init(geo_status *status, uint32_t edge_count);
void geo_status_fini(geo_status *status);

/* Insert an edge directly south (side 0) or north (side 1) of a leaf place: the child of parent on
 * that side must be none. The first edge has GEO_STATUS_NONE for a parent. */
void geo_status_insert(geo_status *status, uint32_t edge, uint32_t parent, int side);
void geo_status_remove(geo_status *status, uint32_t edge);

/* The next edge to the south or to the north, or GEO_STATUS_NONE. */
static inline uint32_t geo_status_south(const geo_status *status, uint32_t edge)
{
    return status->nodes[edge].beside[0];
}

static inline uint32_t geo_status_north(const geo_status *status, uint32_t edge)
{
    return status->nodes[edge].beside[1];
}

#endif
