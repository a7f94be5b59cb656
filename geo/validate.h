/* geo/validate.h - whether rings make a shape, and if not, where they fail to. */
#ifndef GEO_VALIDATE_H
#define GEO_VALIDATE_H

#include <stdint.h>

#include "geo/area.h"
#include "geo/err.h"
#include "geo/point.h"

/* Check rings as people write them, on the lattice and before they are cut at the antimeridian.
 * Rings must not cross themselves or each other nor run along each other; they may touch in points.
 * Each hole must lie in its shell and no shell in the land of another: ring_polygons[r] tells the
 * polygon of ring r, ascending, and the first ring of a polygon is its shell. ring_polygons may be
 * NULL, then nesting is not checked. Costs O(n log n): 0.1 s for 100,000 vertices. GEO_INVALID,
 * with the place in *why: "ring 0 crosses itself at 16.37,59.85". Otherwise the errors of
 * geo_area_new_cut. */
GEO_MUST_USE geo_err geo_validate(const geo_point *vertices, const uint32_t *ring_ends,
                                  uint32_t ring_count, const uint32_t *ring_polygons, geo_why *why);

/* Which rings of an area are shells, and whose holes the others are: shells[r] gets the shell that
 * ring r belongs to, r itself for a shell. It has room for all rings. Costs as much as
 * geo_validate. GEO_INVALID: rings cross, so that none is meant. GEO_NO_MEMORY. */
GEO_MUST_USE geo_err geo_area_shells(const geo_area *area, uint32_t *shells);

#endif
