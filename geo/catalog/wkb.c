/* wkb.c - areas as well-known binary: even-odd rings sorted into shells and their holes. */
#include "wkb.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct ring {
    const geo_point *vertices;
    uint32_t count;
    geo_box box;
} ring;

static ring ring_of(const geo_area *area, uint32_t number)
{
    uint32_t begin = number == 0 ? 0 : area->ring_ends[number - 1];
    ring made = {.vertices = area->vertices + begin, .count = area->ring_ends[number] - begin};
    made.box = (geo_box){made.vertices[0], made.vertices[0]};
    for (uint32_t i = 1; i < made.count; i++) {
        geo_point point = made.vertices[i];
        geo_box *box = &made.box;
        box->min.lon_e7 = point.lon_e7 < box->min.lon_e7 ? point.lon_e7 : box->min.lon_e7;
        box->min.lat_e7 = point.lat_e7 < box->min.lat_e7 ? point.lat_e7 : box->min.lat_e7;
        box->max.lon_e7 = point.lon_e7 > box->max.lon_e7 ? point.lon_e7 : box->max.lon_e7;
        box->max.lat_e7 = point.lat_e7 > box->max.lat_e7 ? point.lat_e7 : box->max.lat_e7;
    }
    return made;
}

static bool box_within(const geo_box *inner, const geo_box *outer)
{
    return inner->min.lon_e7 >= outer->min.lon_e7 && inner->max.lon_e7 <= outer->max.lon_e7 &&
           inner->min.lat_e7 >= outer->min.lat_e7 && inner->max.lat_e7 <= outer->max.lat_e7;
}

/* A point in half units of the lattice, so that the middle of an edge is exact. */
typedef struct half_point {
    int64_t lon;
    int64_t lat;
} half_point;

static half_point middle_of(geo_point a, geo_point b)
{
    return (half_point){(int64_t)a.lon_e7 + b.lon_e7, (int64_t)a.lat_e7 + b.lat_e7};
}

/* Where a point lies in one ring, by the parity of the edges east of it. */
static geo_side locate(const ring *line, half_point point)
{
    bool inside = false;
    for (uint32_t i = 0; i < line->count; i++) {
        geo_point from = line->vertices[i];
        geo_point to = line->vertices[i + 1 == line->count ? 0 : i + 1];
        half_point a = {2 * (int64_t)from.lon_e7, 2 * (int64_t)from.lat_e7};
        half_point b = {2 * (int64_t)to.lon_e7, 2 * (int64_t)to.lat_e7};
        geo_wide turn = (geo_wide)(b.lon - a.lon) * (point.lat - a.lat) -
                        (geo_wide)(b.lat - a.lat) * (point.lon - a.lon);
        bool between = (a.lat <= point.lat && point.lat <= b.lat) ||
                       (b.lat <= point.lat && point.lat <= a.lat);
        bool beside = (a.lon <= point.lon && point.lon <= b.lon) ||
                      (b.lon <= point.lon && point.lon <= a.lon);
        if (turn == 0 && between && beside) {
            return GEO_BOUNDARY;
        }
        if ((a.lat > point.lat) != (b.lat > point.lat) && (turn > 0) == (b.lat > a.lat)) {
            inside = !inside;
        }
    }
    return inside ? GEO_INSIDE : GEO_OUTSIDE;
}

/* Rings that touch share some points but no way: some vertex or some middle of an edge tells. */
static bool ring_within(const ring *inner, const ring *outer)
{
    if (!box_within(&inner->box, &outer->box)) {
        return false;
    }
    for (uint32_t i = 0; i < inner->count; i++) {
        geo_point vertex = inner->vertices[i];
        geo_side side = locate(outer, middle_of(vertex, vertex));
        if (side == GEO_BOUNDARY) {
            geo_point next = inner->vertices[i + 1 == inner->count ? 0 : i + 1];
            side = locate(outer, middle_of(vertex, next));
        }
        if (side != GEO_BOUNDARY) {
            return side == GEO_INSIDE;
        }
    }
    return false;
}

/* Rings around a ring: an even number makes it a shell. A hole belongs to the innermost of them,
 * which is the one with the most rings around itself. */
static void nest(const ring *rings, uint32_t count, uint32_t *depths, uint32_t *shells)
{
    for (uint32_t i = 0; i < count; i++) {
        depths[i] = 0;
        for (uint32_t j = 0; j < count; j++) {
            if (j != i && ring_within(&rings[i], &rings[j])) {
                depths[i]++;
            }
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        shells[i] = i;
        for (uint32_t j = 0; depths[i] % 2 == 1 && j < count; j++) {
            if (depths[j] + 1 == depths[i] && ring_within(&rings[i], &rings[j])) {
                shells[i] = j;
                break;
            }
        }
    }
}

geo_err area_shells(const geo_area *area, uint32_t **shells)
{
    uint32_t count = area->ring_count;
    uint32_t *made = malloc(count * sizeof *made);
    uint32_t *depths = malloc(count * sizeof *depths);
    ring *rings = malloc(count * sizeof *rings);
    geo_err err = GEO_NO_MEMORY;
    if (made != NULL && depths != NULL && rings != NULL) {
        for (uint32_t i = 0; i < count; i++) {
            rings[i] = ring_of(area, i);
        }
        nest(rings, count, depths, made);
        *shells = made;
        made = NULL;
        err = GEO_OK;
    }
    free(rings);
    free(depths);
    free(made);
    return err;
}

/* Writes forward; the buffer was measured before. */
typedef struct wkb_writer {
    uint8_t *at;
} wkb_writer;

static void put_u32(wkb_writer *writer, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        *writer->at++ = (uint8_t)(value >> (8 * i));
    }
}

static void put_degrees(wkb_writer *writer, int32_t e7)
{
    double degrees = e7 / 1e7;
    uint64_t bits;
    memcpy(&bits, &degrees, sizeof bits);
    for (int i = 0; i < 8; i++) {
        *writer->at++ = (uint8_t)(bits >> (8 * i));
    }
}

static void put_head(wkb_writer *writer, uint32_t type, uint32_t count)
{
    *writer->at++ = 1; /* little-endian */
    put_u32(writer, type);
    put_u32(writer, count);
}

static void put_ring(wkb_writer *writer, const geo_area *area, uint32_t number)
{
    uint32_t begin = number == 0 ? 0 : area->ring_ends[number - 1];
    uint32_t count = area->ring_ends[number] - begin;
    put_u32(writer, count + 1);
    for (uint32_t i = 0; i <= count; i++) {
        geo_point point = area->vertices[begin + (i == count ? 0 : i)];
        put_degrees(writer, point.lon_e7);
        put_degrees(writer, point.lat_e7);
    }
}

#define WKB_POLYGON 3u
#define WKB_MULTIPOLYGON 6u

/* Rings in the order of their shells, each shell before its holes. */
static void put_polygons(wkb_writer *writer, const geo_area *area, const uint32_t *shells)
{
    for (uint32_t shell = 0; shell < area->ring_count; shell++) {
        if (shells[shell] != shell) {
            continue;
        }
        uint32_t count = 0;
        for (uint32_t i = 0; i < area->ring_count; i++) {
            count += shells[i] == shell;
        }
        put_head(writer, WKB_POLYGON, count);
        put_ring(writer, area, shell);
        for (uint32_t i = 0; i < area->ring_count && count > 1; i++) {
            if (i != shell && shells[i] == shell) {
                put_ring(writer, area, i);
            }
        }
    }
}

geo_err area_to_wkb(const geo_area *area, uint8_t **bytes, size_t *size)
{
    uint32_t *shells = NULL;
    geo_err err = area_shells(area, &shells);
    if (err != GEO_OK) {
        return err;
    }
    uint32_t polygons = 0;
    for (uint32_t i = 0; i < area->ring_count; i++) {
        polygons += shells[i] == i;
    }
    size_t needed =
        9 + (size_t)polygons * 9 + (size_t)area->ring_count * 20 + (size_t)area->vertex_count * 16;
    uint8_t *made = malloc(needed);
    if (made == NULL) {
        free(shells);
        return GEO_NO_MEMORY;
    }
    wkb_writer writer = {made};
    put_head(&writer, WKB_MULTIPOLYGON, polygons);
    put_polygons(&writer, area, shells);
    free(shells);
    *bytes = made;
    *size = needed;
    return GEO_OK;
}
