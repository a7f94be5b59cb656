/* geo/buffer.h - corridors along lines, and approach zones along boundaries.
 *
 * Distances are geodesic, on WGS84; lines and boundaries are straight in longitude and latitude.
 * The outlines are off by at most GEO_DERIVED_ERROR_M or GEO_DERIVED_ERROR_PART of the distance,
 * whichever is larger (geo/circle.h), at any latitude and over the antimeridian. Corridors may
 * cross themselves; what a corridor or zone covers twice, it covers. */
#ifndef GEO_BUFFER_H
#define GEO_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/area.h"

/* The least and the most that a boundary may be moved, in metres: half the width of a corridor. */
#define GEO_BUFFER_M_MIN 0.5
#define GEO_BUFFER_M_MAX 100000.0

/* All that lies within width_m / 2 of a line, round at its ends. Vertices that repeat their
 * neighbour are left out; of a line of one place remains a circle. GEO_RANGE: the width is not
 * within the limits or a vertex not in the world. GEO_POLE: too close to a pole. GEO_TOO_BIG: too
 * many vertices, given or made. GEO_INVALID: no vertex, or the line goes round the world.
 * GEO_NO_MEMORY. */
GEO_MUST_USE geo_err geo_corridor_new(const geo_point *line, uint32_t count, double width_m,
                                      geo_why *why, geo_area **out);

/* What lies within distance_m of the boundary, at the inner or at the outer side of it; the
 * boundary itself belongs to the zone, seams at the antimeridian do not count. The errors of
 * geo_corridor_new. */
GEO_MUST_USE geo_err geo_zone_new(const geo_area *area, double distance_m, bool inside,
                                  geo_why *why, geo_area **out);

#endif
