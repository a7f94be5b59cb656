/* geo/point.h - the lattice: whole units of 1e-7 degree. */
#ifndef GEO_POINT_H
#define GEO_POINT_H

#include <stdbool.h>
#include <stdint.h>

#define GEO_LON_E7_MAX 1800000000
#define GEO_LAT_E7_MAX 900000000

/* A place. Longitude +180 and -180 are the same meridian and both may occur. */
typedef struct geo_point {
    int32_t lon_e7;
    int32_t lat_e7;
} geo_point;

/* A closed box; min <= max on both axes. A box never crosses the antimeridian. */
typedef struct geo_box {
    geo_point min;
    geo_point max;
} geo_box;

static inline bool geo_box_has(const geo_box *box, geo_point point)
{
    return point.lon_e7 >= box->min.lon_e7 && point.lon_e7 <= box->max.lon_e7 &&
           point.lat_e7 >= box->min.lat_e7 && point.lat_e7 <= box->max.lat_e7;
}

/* Wide products of lattice differences: two int32 differences multiply to 66 bits. */
__extension__ typedef __int128 geo_wide;

#endif
