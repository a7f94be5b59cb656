/* geo/metric.c - exact comparison of distances. */
#include "geo/metric.h"

#include "cos_table.h"
#include "wide.h"

/* One unit of latitude is UNIT_NUMERATOR / UNIT_DENOMINATOR micrometres. */
#define UNIT_NUMERATOR 111319491
#define UNIT_DENOMINATOR 10000
/* No two points of the plane lie this far apart: it is 360 degrees wide, of which the short way
 * round is at most 180, and 180 degrees high, so at most 28,400 km. */
#define LIMIT_UM_MAX UINT64_C(30000000000000)
#define WORLD_E7 INT64_C(3600000000)

/* The plane at a point, and a limit in it. Coordinates of the plane are lattice units times
 * GEO_COS_ONE, relative to the point: x below 2^49, y below 2^47. */
typedef struct reach {
    geo_point center;
    int64_t cosine;
    /* limit_um^2 * UNIT_DENOMINATOR^2 * 2^10: at most 2^127. The missing 2^22 of GEO_COS_ONE^2
     * stand at the other factor, so that both stay below 2^128. */
    geo_wide_unsigned limit_squared;
    /* What lies farther than this many lattice units on one axis is farther than the limit. */
    int64_t lon_e7_max;
    int64_t lat_e7_max;
} reach;

typedef struct plane_point {
    int64_t x;
    int64_t y;
} plane_point;

static int64_t cosine_at(int32_t lat_e7)
{
    int64_t lat = lat_e7 < 0 ? -(int64_t)lat_e7 : lat_e7;
    return geo_cos_table[(lat + 50000) / 100000];
}

static reach reach_at(geo_point center, uint64_t limit_um)
{
    reach r = {.center = center, .cosine = cosine_at(center.lat_e7)};
    geo_wide_unsigned scaled = (geo_wide_unsigned)limit_um * UNIT_DENOMINATOR;
    r.limit_squared = (scaled * scaled) << 10;
    r.lat_e7_max = (int64_t)(scaled / UNIT_NUMERATOR) + 1;
    r.lon_e7_max = r.cosine == 0 ? 4 * WORLD_E7 : r.lat_e7_max * GEO_COS_ONE / r.cosine + 1;
    return r;
}

static plane_point to_plane(const reach *r, int64_t lon_e7, int64_t lat_e7)
{
    return (plane_point){
        .x = (lon_e7 - r->center.lon_e7) * r->cosine,
        .y = (lat_e7 - r->center.lat_e7) * GEO_COS_ONE,
    };
}

static geo_wide_unsigned length_squared(plane_point v)
{
    return (geo_wide_unsigned)((geo_wide)v.x * v.x + (geo_wide)v.y * v.y);
}

static geo_wide dot(plane_point v, plane_point w)
{
    return (geo_wide)v.x * w.x + (geo_wide)v.y * w.y;
}

static bool point_farther(const reach *r, plane_point v)
{
    geo_wide_unsigned unit_squared = (geo_wide_unsigned)UNIT_NUMERATOR * UNIT_NUMERATOR;
    return geo_wide_compare_products(length_squared(v), unit_squared, r->limit_squared, 1u << 22) >
           0;
}

/* The distance from the origin to the inner part of a segment is |a x b| / |b - a|. */
static bool line_farther(const reach *r, plane_point a, plane_point b)
{
    geo_wide cross = (geo_wide)a.x * b.y - (geo_wide)a.y * b.x;
    geo_wide_unsigned height = (geo_wide_unsigned)(cross < 0 ? -cross : cross) * UNIT_NUMERATOR;
    plane_point along = {b.x - a.x, b.y - a.y};
    return geo_wide_compare_products(height, height, r->limit_squared,
                                     length_squared(along) << 22) > 0;
}

static bool segment_farther(const reach *r, plane_point a, plane_point b)
{
    plane_point along = {b.x - a.x, b.y - a.y};
    if (dot(a, along) >= 0) {
        return point_farther(r, a);
    }
    if (dot(b, along) <= 0) {
        return point_farther(r, b);
    }
    return line_farther(r, a, b);
}

bool geo_metric_farther_than(geo_point older, geo_point newer, uint64_t limit_um)
{
    if (limit_um > LIMIT_UM_MAX) {
        return false;
    }
    reach r = reach_at(newer, limit_um);
    int64_t lon = older.lon_e7;
    if (lon - newer.lon_e7 > WORLD_E7 / 2) {
        lon -= WORLD_E7;
    } else if (lon - newer.lon_e7 < -WORLD_E7 / 2) {
        lon += WORLD_E7;
    }
    return point_farther(&r, to_plane(&r, lon, older.lat_e7));
}

/* Whether an interval lies beyond max from a center, and so whatever lies in it. */
static bool beyond(int64_t a, int64_t b, int64_t center, int64_t max)
{
    return (a > center + max && b > center + max) || (a < center - max && b < center - max);
}

static bool edge_farther(const reach *r, geo_point a, geo_point b, int64_t shift)
{
    int64_t a_lon = a.lon_e7 + shift;
    int64_t b_lon = b.lon_e7 + shift;
    if (beyond(a.lat_e7, b.lat_e7, r->center.lat_e7, r->lat_e7_max) ||
        beyond(a_lon, b_lon, r->center.lon_e7, r->lon_e7_max)) {
        return true;
    }
    return segment_farther(r, to_plane(r, a_lon, a.lat_e7), to_plane(r, b_lon, b.lat_e7));
}

static bool is_along_antimeridian(geo_point a, geo_point b)
{
    return a.lon_e7 == b.lon_e7 && (a.lon_e7 == GEO_LON_E7_MAX || a.lon_e7 == -GEO_LON_E7_MAX);
}

/* All edges of the area, moved by a whole turn, except those along the antimeridian. */
static bool edges_farther(const reach *r, const geo_area *area, int64_t shift)
{
    if (beyond(area->box.min.lon_e7 + shift, area->box.max.lon_e7 + shift, r->center.lon_e7,
               r->lon_e7_max)) {
        return true;
    }
    uint32_t begin = 0;
    for (uint32_t ring = 0; ring < area->ring_count; ring++) {
        uint32_t end = area->ring_ends[ring];
        geo_point a = area->vertices[end - 1];
        for (uint32_t v = begin; v < end; v++) {
            geo_point b = area->vertices[v];
            if (!is_along_antimeridian(a, b) && !edge_farther(r, a, b, shift)) {
                return false;
            }
            a = b;
        }
        begin = end;
    }
    return true;
}

/* Whether the antimeridian at this latitude is a boundary: covered by edges from one side only. */
static bool antimeridian_is_boundary(const geo_area *area, int32_t lat_e7)
{
    bool odd = false;
    uint32_t begin = 0;
    for (uint32_t ring = 0; ring < area->ring_count; ring++) {
        uint32_t end = area->ring_ends[ring];
        geo_point a = area->vertices[end - 1];
        for (uint32_t v = begin; v < end; v++) {
            geo_point b = area->vertices[v];
            odd ^= is_along_antimeridian(a, b) && (a.lat_e7 > lat_e7) != (b.lat_e7 > lat_e7);
            a = b;
        }
        begin = end;
    }
    return odd;
}

/* Of the boundary along the antimeridian only the point at the same latitude is looked at: the
 * others are farther, and the ends of it are ends of edges that leave the meridian. */
static bool antimeridian_farther(const reach *r, const geo_area *area)
{
    int64_t lon = r->center.lon_e7 > 0 ? GEO_LON_E7_MAX : -GEO_LON_E7_MAX;
    return point_farther(r, to_plane(r, lon, r->center.lat_e7)) ||
           !antimeridian_is_boundary(area, r->center.lat_e7);
}

bool geo_boundary_farther(const geo_area *area, geo_point point, uint32_t accuracy_dm)
{
    uint64_t limit_um = (uint64_t)accuracy_dm * GEO_METRIC_UM_PER_DM;
    if (limit_um > LIMIT_UM_MAX) {
        return false;
    }
    reach r = reach_at(point, limit_um);
    if (beyond(area->box.min.lat_e7, area->box.max.lat_e7, point.lat_e7, r.lat_e7_max)) {
        return true;
    }
    return edges_farther(&r, area, 0) && edges_farther(&r, area, WORLD_E7) &&
           edges_farther(&r, area, -WORLD_E7) && antimeridian_farther(&r, area);
}
