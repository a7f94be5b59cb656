/* geo/predicate.c - exact predicates on segments. */
#include "geo/predicate.h"

#include "ring.h"

static bool in_box_of(geo_point a, geo_point b, geo_point point)
{
    return point.lon_e7 >= geo_min32(a.lon_e7, b.lon_e7) &&
           point.lon_e7 <= geo_max32(a.lon_e7, b.lon_e7) &&
           point.lat_e7 >= geo_min32(a.lat_e7, b.lat_e7) &&
           point.lat_e7 <= geo_max32(a.lat_e7, b.lat_e7);
}

bool geo_on_segment(geo_point a, geo_point b, geo_point point)
{
    return in_box_of(a, b, point) && geo_orientation(a, b, point) == 0;
}

/* Segments on one line: their common piece is where their boxes overlap, and on a line the box of a
 * piece tells its ends. */
static geo_meeting collinear_meet(geo_point a, geo_point b, geo_point c, geo_point d)
{
    int32_t west = geo_max32(geo_min32(a.lon_e7, b.lon_e7), geo_min32(c.lon_e7, d.lon_e7));
    int32_t east = geo_min32(geo_max32(a.lon_e7, b.lon_e7), geo_max32(c.lon_e7, d.lon_e7));
    int32_t south = geo_max32(geo_min32(a.lat_e7, b.lat_e7), geo_min32(c.lat_e7, d.lat_e7));
    int32_t north = geo_min32(geo_max32(a.lat_e7, b.lat_e7), geo_max32(c.lat_e7, d.lat_e7));
    if (west > east || south > north) {
        return GEO_APART;
    }
    return west == east && south == north ? GEO_TOUCH : GEO_OVERLAP;
}

geo_meeting geo_segments_meet(geo_point a, geo_point b, geo_point c, geo_point d)
{
    if (geo_point_equal(a, b)) {
        return geo_on_segment(c, d, a) ? GEO_TOUCH : GEO_APART;
    }
    if (geo_point_equal(c, d)) {
        return geo_on_segment(a, b, c) ? GEO_TOUCH : GEO_APART;
    }
    int c_side = geo_orientation(a, b, c);
    int d_side = geo_orientation(a, b, d);
    if (c_side == 0 && d_side == 0) {
        return collinear_meet(a, b, c, d);
    }
    int a_side = geo_orientation(c, d, a);
    int b_side = geo_orientation(c, d, b);
    if (c_side * d_side < 0 && a_side * b_side < 0) {
        return GEO_CROSS;
    }
    if ((c_side == 0 && in_box_of(a, b, c)) || (d_side == 0 && in_box_of(a, b, d)) ||
        (a_side == 0 && in_box_of(c, d, a)) || (b_side == 0 && in_box_of(c, d, b))) {
        return GEO_TOUCH;
    }
    return GEO_APART;
}
