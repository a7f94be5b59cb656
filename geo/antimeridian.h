/* geo/antimeridian.h - from rings as people write them to an area that fits the map of +-180.
 *
 * Two neighbours more than 180 degrees apart are meant the short way round. Rings that so cross the
 * antimeridian are cut there, all rings of a shape together, and the parts beyond it are moved to
 * the other side of the map. The seams that this makes are no boundary for anything in geo/. */
#ifndef GEO_ANTIMERIDIAN_H
#define GEO_ANTIMERIDIAN_H

#include <stdint.h>

#include "geo/area.h"

/* A longitude moved by whole turns into -180 (excluded) .. +180; -180 itself stays what it is. */
int32_t geo_lon_wrap_e7(int64_t lon_e7);

/* Like geo_area_new, but rings may cross the antimeridian. A place where an edge is cut is rounded
 * to the lattice. A ring from -180 to +180 that would be nothing by the short way is taken as
 * written. GEO_POLE: a ring goes round a pole or touches one. GEO_INVALID: a ring with fewer than
 * three different vertices, or wider than 360 degrees. GEO_RANGE, GEO_TOO_BIG, GEO_NO_MEMORY. */
GEO_MUST_USE geo_err geo_area_new_cut(const geo_point *vertices, const uint32_t *ring_ends,
                                      uint32_t ring_count, geo_why *why, geo_area **out);

#endif
