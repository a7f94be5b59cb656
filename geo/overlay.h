/* geo/overlay.h - the outline of what tubes cover, alone or beside an area; private to geo/. */
#ifndef GEO_OVERLAY_H
#define GEO_OVERLAY_H

#include <stdint.h>

#include "geo/err.h"
#include "geo/point.h"
#include "nodes.h"

typedef enum geo_overlay_keep {
    GEO_KEEP_TUBES,
    GEO_KEEP_TUBES_OUTSIDE_AREA,
    GEO_KEEP_TUBES_INSIDE_AREA,
} geo_overlay_keep;

/* Rings of vertices that belong to whoever made them. */
typedef struct geo_rings {
    geo_point *vertices;
    uint32_t *ends;
    uint32_t count;
} geo_rings;

void geo_rings_fini(geo_rings *rings);

/* The outline of what is to be kept, as rings that may touch each other in points. No rings:
 * nothing is kept. The errors of geo_nodes. */
GEO_MUST_USE geo_err geo_overlay(const geo_node_edge *edges, uint32_t count, geo_overlay_keep keep,
                                 geo_rings *out);

#endif
