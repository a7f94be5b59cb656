/* geo/predicate.h - which side, on which segment: the exact questions everything else is made of.
 * No answer is ever rounded. Longitudes are plain numbers here; the antimeridian is the caller's.
 */
#ifndef GEO_PREDICATE_H
#define GEO_PREDICATE_H

#include <stdbool.h>

#include "geo/point.h"

/* 1 when point lies left of the line from a to b, -1 when right of it, 0 when on it. */
static inline int geo_orientation(geo_point a, geo_point b, geo_point point)
{
    /* Two differences of lattice coordinates multiply to at most 3.6e9 * 1.8e9, which int64 holds;
     * only the difference of the products would not fit, so they are compared instead. */
    int64_t left = ((int64_t)b.lon_e7 - a.lon_e7) * ((int64_t)point.lat_e7 - a.lat_e7);
    int64_t right = ((int64_t)b.lat_e7 - a.lat_e7) * ((int64_t)point.lon_e7 - a.lon_e7);
    return (left > right) - (left < right);
}

/* Whether point lies on the closed segment from a to b, which may be a single point. */
bool geo_on_segment(geo_point a, geo_point b, geo_point point);

typedef enum geo_meeting {
    GEO_APART,
    GEO_CROSS,   /* in one point that is inside both segments */
    GEO_TOUCH,   /* in one point that is an end of at least one of them */
    GEO_OVERLAP, /* along a piece of both */
} geo_meeting;

/* How two closed segments meet. */
geo_meeting geo_segments_meet(geo_point a, geo_point b, geo_point c, geo_point d);

#endif
