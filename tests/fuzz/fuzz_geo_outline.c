/* tests/fuzz/fuzz_geo_outline.c - the outline of any tubes beside any area is a valid shape.
 *
 * Input: what to keep, the size of the brush, then closed ways of a byte for each coordinate: a way
 * begins with its length and whether it is a tube's line or a ring of the area. */
#include <stdbool.h>
#include <stdlib.h>

#include "geo/overlay.h"
#include "geo/tube.h"
#include "geo/validate.h"

#define EDGES_MAX 4096
#define LINE_MAX 16
#define BRUSH_CORNERS 8

typedef struct scene {
    const uint8_t *data;
    size_t size;
    uint32_t count;
    geo_node_edge edges[EDGES_MAX];
    geo_point first;
    geo_point last;
    uint32_t drawn;
} scene;

static uint8_t read_byte(scene *s)
{
    if (s->size == 0) {
        return 0;
    }
    s->size--;
    return *s->data++;
}

static geo_point read_point(scene *s)
{
    int32_t lon = (int8_t)read_byte(s);
    int32_t lat = (int8_t)read_byte(s);
    return (geo_point){lon, lat};
}

static bool equal(geo_point a, geo_point b)
{
    return a.lon_e7 == b.lon_e7 && a.lat_e7 == b.lat_e7;
}

static void add_edge(scene *s, geo_point from, geo_point to, bool is_tube)
{
    bool eastward =
        from.lon_e7 < to.lon_e7 || (from.lon_e7 == to.lon_e7 && from.lat_e7 < to.lat_e7);
    if (equal(from, to) || s->count == EDGES_MAX) {
        return;
    }
    s->edges[s->count++] = (geo_node_edge){
        .west = eastward ? from : to,
        .east = eastward ? to : from,
        .turns = !is_tube   ? 0
                 : eastward ? 1
                            : -1,
        .toggles = !is_tube,
    };
}

static geo_err add_vertex(void *context, geo_point vertex)
{
    scene *s = context;
    if (s->drawn++ == 0) {
        s->first = vertex;
    } else {
        add_edge(s, s->last, vertex, true);
    }
    s->last = vertex;
    return GEO_OK;
}

static void add_way(scene *s, const geo_brush *brush)
{
    uint8_t head = read_byte(s);
    geo_point line[LINE_MAX];
    uint32_t count = 0;
    for (uint32_t left = 2 + head % (LINE_MAX - 2); left > 0; left--) {
        geo_point at = read_point(s);
        if (count == 0 || !equal(at, line[count - 1])) {
            line[count++] = at;
        }
    }
    if (head >= 128) {
        for (uint32_t v = 0; v < count; v++) {
            add_edge(s, line[v], line[v + 1 < count ? v + 1 : 0], false);
        }
    } else if (count >= 2) {
        s->drawn = 0;
        if (geo_tube_outline(brush, line, count, add_vertex, s) != GEO_OK) {
            abort();
        }
        add_edge(s, s->last, s->first, true);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static scene s;
    s.data = data;
    s.size = size;
    s.count = 0;
    geo_overlay_keep keep = (geo_overlay_keep)(read_byte(&s) % 3);
    geo_point corners[BRUSH_CORNERS];
    geo_brush brush;
    for (uint32_t i = 0; i < BRUSH_CORNERS; i++) {
        corners[i] = read_point(&s);
    }
    if (geo_brush_init(&brush, corners, BRUSH_CORNERS) != GEO_OK) {
        return 0;
    }
    while (s.size > 0 && s.count < EDGES_MAX / 4) {
        add_way(&s, &brush);
    }
    geo_rings rings;
    if (s.count == 0 || geo_overlay(s.edges, s.count, keep, &rings) != GEO_OK) {
        return 0;
    }
    if (rings.count > 0 &&
        geo_validate(rings.vertices, rings.ends, rings.count, NULL, NULL) != GEO_OK) {
        abort();
    }
    geo_rings_fini(&rings);
    return 0;
}
