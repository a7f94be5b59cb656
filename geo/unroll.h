/* geo/unroll.h - rings whose longitudes go on beyond 180 degrees; private to geo/. */
#ifndef GEO_UNROLL_H
#define GEO_UNROLL_H

#include <stdint.h>

#include "geo/err.h"
#include "geo/point.h"

#define GEO_TURN_E7 INT64_C(3600000000)

/* A vertex whose longitude may go on beyond 180 degrees. */
typedef struct geo_unrolled {
    int64_t lon_e7;
    int64_t lat_e7;
} geo_unrolled;

/* Check rings and unroll each, so that neighbours are as close as they are on the globe, to begin
 * in -180 .. +180 (excluded) at its western end and to be at most 360 degrees wide. The errors are
 * those of geo_area_new_cut. *out gets as many vertices as there are; free it. */
GEO_MUST_USE geo_err geo_unroll_new(const geo_point *vertices, const uint32_t *ring_ends,
                                    uint32_t ring_count, geo_why *why, geo_unrolled **out);

#endif
