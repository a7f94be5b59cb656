/* wkb.c - areas as well-known binary: even-odd rings sorted into shells and their holes. */
#include "wkb.h"

#include <stdlib.h>
#include <string.h>

#include "geo/validate.h"

geo_err area_shells(const geo_area *area, uint32_t **shells)
{
    uint32_t *made = malloc(area->ring_count * sizeof *made);
    geo_err err = made == NULL ? GEO_NO_MEMORY : geo_area_shells(area, made);
    if (err == GEO_NO_MEMORY) {
        free(made);
        return err;
    }
    for (uint32_t i = 0; i < area->ring_count && err == GEO_INVALID; i++) {
        made[i] = i;
    }
    *shells = made;
    return GEO_OK;
}

/* Writes forward; the buffer was measured before. */
typedef struct wkb_writer {
    uint8_t *at;
    wkb_unit unit;
} wkb_writer;

static void put_u32(wkb_writer *writer, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        *writer->at++ = (uint8_t)(value >> (8 * i));
    }
}

static void put_coordinate(wkb_writer *writer, int32_t e7)
{
    double value = writer->unit == WKB_DEGREES ? e7 / 1e7 : e7;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
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
        put_coordinate(writer, point.lon_e7);
        put_coordinate(writer, point.lat_e7);
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

geo_err area_to_wkb(const geo_area *area, wkb_unit unit, uint8_t **bytes, size_t *size)
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
    wkb_writer writer = {made, unit};
    put_head(&writer, WKB_MULTIPOLYGON, polygons);
    put_polygons(&writer, area, shells);
    free(shells);
    *bytes = made;
    *size = needed;
    return GEO_OK;
}
