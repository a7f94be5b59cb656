/* geo/area.h - the canonical form of every fence: a multipolygon on the lattice. */
#ifndef GEO_AREA_H
#define GEO_AREA_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/err.h"
#include "geo/point.h"

#define GEO_AREA_VERTICES_MAX 100000
#define GEO_AREA_RINGS_MAX 10000

/* A multipolygon, closed set, inside by the even-odd rule over all its rings: shells and holes need
 * no mark, and the parts of a valid multipolygon do not overlap. Rings are open (the last vertex
 * joins the first), have at least 3 vertices and no two equal neighbours. Immutable once made, so
 * that it may have several holders; they own ring_ends and vertices (one allocation, see
 * geo_area_new). Behind the vertices stands the first one again: a single ring is closed there. */
typedef struct geo_area {
    uint32_t ring_count;
    uint32_t vertex_count;
    const uint32_t *ring_ends; /* ring r is vertices [ring_ends[r - 1], ring_ends[r]) */
    const geo_point *vertices;
    geo_box box;
} geo_area;

typedef enum geo_side {
    GEO_OUTSIDE,
    GEO_BOUNDARY,
    GEO_INSIDE,
} geo_side;

/* Copy rings into a new area; its holder lets go of it with geo_area_free. Structure is checked
 * (limits, ring sizes, ranges), shape is not (see geo/validate.h). A vertex that repeats its
 * neighbour is left out, so a ring may also be given closed. The point at a longitude of -180 and
 * the one at +180 stay as they are given. GEO_TOO_BIG: above the limits. GEO_INVALID: a ring with
 * fewer than 3 different vertices. GEO_RANGE: a vertex outside the world. GEO_NO_MEMORY. */
GEO_MUST_USE geo_err geo_area_new(const geo_point *vertices, const uint32_t *ring_ends,
                                  uint32_t ring_count, geo_area **out);
/* One holder more, of an area that geo_area_new made. Any thread. */
geo_area *geo_area_ref(const geo_area *area);
/* It is freed when the last holder lets go. */
void geo_area_free(geo_area *area);

/* Where a point lies, by exact integer arithmetic: the scalar truth that the index must equal. A
 * point on the antimeridian is looked for at both +180 and -180; where the area lies on both sides
 * of it there is no boundary between them. */
geo_side geo_area_locate(const geo_area *area, geo_point point);

/* Inside or on the boundary: the boundary belongs to the fence. */
bool geo_area_contains(const geo_area *area, geo_point point);

#endif
