/* tests/fuzz/fuzz_geo_area.c - any rings: locating equals a naive ring test, pieces agree with it,
 * and checking and cutting hold whatever the shape.
 *
 * Input: scale, ring count, then for each ring its size and its vertices, a byte for each
 * coordinate; what is left over are points. */
#include <stdlib.h>

#include "geo/antimeridian.h"
#include "geo/area.h"
#include "geo/crossing.h"
#include "geo/measure.h"
#include "geo/metric.h"
#include "geo/validate.h"

#define RINGS_MAX 4
#define VERTICES_MAX 256

typedef struct reader {
    const uint8_t *data;
    size_t size;
    int32_t scale;
} reader;

static uint8_t read_byte(reader *r)
{
    if (r->size == 0) {
        return 0;
    }
    r->size--;
    return *r->data++;
}

static geo_point read_point(reader *r)
{
    int8_t lon = (int8_t)read_byte(r);
    int8_t lat = (int8_t)read_byte(r);
    return (geo_point){lon * 2 * r->scale, lat * r->scale};
}

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Vertical lines to the south, with sums instead of products of differences. */
static geo_side naive_locate(const geo_area *area, geo_point point)
{
    bool inside = false;
    for (uint32_t r = 0, begin = 0; r < area->ring_count; begin = area->ring_ends[r++]) {
        for (uint32_t v = begin; v < area->ring_ends[r]; v++) {
            geo_point a = area->vertices[v];
            geo_point b = area->vertices[v + 1 < area->ring_ends[r] ? v + 1 : begin];
            if (a.lon_e7 > b.lon_e7) {
                geo_point swap = a;
                a = b;
                b = swap;
            }
            if (point.lon_e7 < a.lon_e7 || point.lon_e7 > b.lon_e7) {
                continue;
            }
            if (a.lon_e7 == b.lon_e7) {
                int32_t south = a.lat_e7 < b.lat_e7 ? a.lat_e7 : b.lat_e7;
                int32_t north = a.lat_e7 < b.lat_e7 ? b.lat_e7 : a.lat_e7;
                if (point.lat_e7 >= south && point.lat_e7 <= north) {
                    return GEO_BOUNDARY;
                }
                continue;
            }
            geo_wide width = (geo_wide)b.lon_e7 - a.lon_e7;
            geo_wide edge = a.lat_e7 * ((geo_wide)b.lon_e7 - point.lon_e7) +
                            b.lat_e7 * ((geo_wide)point.lon_e7 - a.lon_e7);
            if (edge == point.lat_e7 * width) {
                return GEO_BOUNDARY;
            }
            inside ^= point.lon_e7 < b.lon_e7 && edge < point.lat_e7 * width;
        }
    }
    return inside ? GEO_INSIDE : GEO_OUTSIDE;
}

static void check_point(const geo_area *area, geo_point from, geo_point to)
{
    geo_side side = geo_area_locate(area, from);
    require(side == naive_locate(area, from));
    require(geo_area_contains(area, from) == (side != GEO_OUTSIDE));
    /* At a pole the metric has no longitudes, so all points of its latitude are one. */
    bool polar = from.lat_e7 == GEO_LAT_E7_MAX || from.lat_e7 == -GEO_LAT_E7_MAX;
    require(polar || geo_boundary_farther(area, from, 0) == (side != GEO_BOUNDARY));
    geo_pieces pieces = geo_segment_pieces(area, from, to);
    bool first_in = pieces.count > 0 && pieces.first.start.num == 0;
    require(first_in == geo_area_contains(area, from));
    bool last_in = pieces.count > 0 && pieces.last.end.num == pieces.last.end.den;
    require(last_in == geo_area_contains(area, to));
    if (pieces.count > 0) {
        geo_point place = geo_segment_place(from, to, pieces.first.end);
        require(place.lat_e7 >= -GEO_LAT_E7_MAX && place.lat_e7 <= GEO_LAT_E7_MAX);
    }
}

static void check_shape(const geo_point *vertices, const uint32_t *ends, uint32_t count)
{
    const uint32_t polygons[RINGS_MAX] = {0};
    geo_area *cut = NULL;
    bool valid = geo_validate(vertices, ends, count, NULL, NULL) == GEO_OK;
    bool nested = geo_validate(vertices, ends, count, polygons, NULL) == GEO_OK;
    require(valid || !nested);
    if (geo_area_new_cut(vertices, ends, count, NULL, &cut) == GEO_OK) {
        geo_measure size;
        geo_err err = geo_area_measure(cut, &size);
        require(!valid || (err == GEO_OK && size.area_ha > 0));
        geo_area_free(cut);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int32_t scales[] = {1, 1000, 123457, 7031250};
    reader r = {.data = data, .size = size};
    r.scale = scales[read_byte(&r) % 4];
    uint32_t ring_count = 1 + read_byte(&r) % RINGS_MAX;
    geo_point vertices[VERTICES_MAX];
    uint32_t ends[RINGS_MAX];
    uint32_t count = 0;
    for (uint32_t ring = 0; ring < ring_count; ring++) {
        for (uint32_t left = read_byte(&r) % (VERTICES_MAX / RINGS_MAX); left > 0; left--) {
            vertices[count++] = read_point(&r);
        }
        ends[ring] = count;
    }
    geo_area *area = NULL;
    check_shape(vertices, ends, ring_count);
    if (geo_area_new(vertices, ends, ring_count, &area) == GEO_OK) {
        geo_point from = read_point(&r);
        while (r.size > 0) {
            geo_point to = read_point(&r);
            /* The antimeridian has sides of its own, and a way over it is another way. */
            int64_t way = (int64_t)to.lon_e7 - from.lon_e7;
            if (from.lon_e7 != -GEO_LON_E7_MAX && to.lon_e7 != -GEO_LON_E7_MAX &&
                llabs(way) <= GEO_LON_E7_MAX) {
                check_point(area, from, to);
            }
            from = to;
        }
        geo_area_free(area);
    }
    return 0;
}
