/* plane.c - metres around an origin, and sines of arithmetic alone. */
#include "plane.h"

#define TAU 6.283185307179586
#define LAT_E7_PER_M 89.83152841195214 /* 1e7 degrees over the circumference of the sphere */
#define LON_E7_MAX 1800000000.0
#define LAT_E7_MAX 900000000.0

static double whole_part(double value)
{
    double cut = (double)(int64_t)value;
    return cut > value ? cut - 1.0 : cut;
}

double sim_sin(double turns)
{
    /* Into [-0.5, 0.5), then mirrored into [-0.25, 0.25], where the series is short. */
    double t = turns + 0.5;
    t = t - whole_part(t) - 0.5;
    if (t > 0.25) {
        t = 0.5 - t;
    } else if (t < -0.25) {
        t = -0.5 - t;
    }
    double a = t * TAU;
    double s = a * a;
    double series = 1.0 - s / 110.0;
    series = 1.0 - s / 72.0 * series;
    series = 1.0 - s / 42.0 * series;
    series = 1.0 - s / 20.0 * series;
    return a * (1.0 - s / 6.0 * series);
}

double sim_cos(double turns)
{
    return sim_sin(turns + 0.25);
}

void sim_plane_init(sim_plane *plane, double lon_deg, double lat_deg)
{
    plane->lon_e7 = lon_deg * 1e7;
    plane->lat_e7 = lat_deg * 1e7;
    plane->lat_e7_per_m = LAT_E7_PER_M;
    plane->lon_e7_per_m = LAT_E7_PER_M / sim_cos(lat_deg / 360.0);
}

/* The same meridian within +-180 degrees. */
static double wrap(double lon_e7)
{
    return lon_e7 > LON_E7_MAX    ? lon_e7 - 2 * LON_E7_MAX
           : lon_e7 < -LON_E7_MAX ? lon_e7 + 2 * LON_E7_MAX
                                  : lon_e7;
}

static int32_t nearest(double value, double limit)
{
    double kept = value > limit ? limit : value < -limit ? -limit : value;
    return (int32_t)(kept < 0.0 ? kept - 0.5 : kept + 0.5);
}

void sim_plane_place(const sim_plane *plane, sim_point at, int32_t *lon_e7, int32_t *lat_e7)
{
    *lon_e7 = nearest(wrap(plane->lon_e7 + at.x_m * plane->lon_e7_per_m), LON_E7_MAX);
    *lat_e7 = nearest(plane->lat_e7 + at.y_m * plane->lat_e7_per_m, LAT_E7_MAX);
}
