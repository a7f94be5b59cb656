/* tests/geo/crowds.c - members of crowds of fences. */
#include "crowds.h"

#include <math.h>

#include "test.h"

#define TURN 6.283185307179586
#define QUILT_REACH 300000

static geo_area *area_of(const geo_point *ring, uint32_t count)
{
    geo_area *area = NULL;
    assert_int_equal(geo_area_new(ring, &count, 1, &area), GEO_OK);
    return area;
}

static geo_area *square(geo_point center, int32_t half)
{
    const geo_point ring[] = {{center.lon_e7 - half, center.lat_e7 - half},
                              {center.lon_e7 + half, center.lat_e7 - half},
                              {center.lon_e7 + half, center.lat_e7 + half},
                              {center.lon_e7 - half, center.lat_e7 + half}};
    return area_of(ring, 4);
}

static geo_point around(geo_point center, double radius, double angle)
{
    return (geo_point){center.lon_e7 + (int32_t)lround(radius * cos(angle)),
                       center.lat_e7 + (int32_t)lround(radius * sin(angle))};
}

static geo_area *star(world *w, geo_point near)
{
    geo_point ring[58];
    near.lon_e7 += (int32_t)shape_random(&w->random, -3000, 3000);
    near.lat_e7 += (int32_t)shape_random(&w->random, -3000, 3000);
    shape_star(&w->random, near, 2000, 58, ring);
    return area_of(ring, 58);
}

geo_area *crowd_area(world *w, crowd_kind kind, uint32_t number)
{
    geo_point center = w->center;
    geo_point ring[12];
    switch (kind) {
    case CROWD_SHIFTED:
        center.lon_e7 += (int32_t)number * 37;
        center.lat_e7 -= (int32_t)number * 91;
        break;
    case CROWD_RINGS:
        for (int i = 0; i < 12; i++) {
            ring[i] = around(center, w->radius - 10.0 * number, 0.1 + TURN * i / 12);
        }
        return area_of(ring, 12);
    case CROWD_FAN:
        ring[0] = center;
        ring[1] = around(center, w->radius, 0.006 * number);
        ring[2] = around(center, w->radius, 0.006 * number + 0.001);
        return area_of(ring, 3);
    case CROWD_MIXED:
        if (number % 64 == 0) {
            return star(w, center);
        }
        center.lon_e7 -= w->radius;
        break;
    case CROWD_COVERED:
        if (number % 2 == 0) {
            return star(w, center);
        }
        /* So large that they cover some tiles, and no page. */
        return square(center, w->radius < 150000 ? w->radius : 150000);
    case CROWD_QUILT:
        center.lon_e7 += (int32_t)shape_random(&w->random, -QUILT_REACH, QUILT_REACH);
        center.lat_e7 += (int32_t)shape_random(&w->random, -QUILT_REACH, QUILT_REACH);
        return number % 4 == 0 ? square(center, 2 * QUILT_REACH) : star(w, center);
    default:
        break;
    }
    return square(center, w->radius);
}
