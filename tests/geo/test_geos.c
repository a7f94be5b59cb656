/* tests/geo/test_geos.c - points and segments in areas and in the index, against GEOS. HR_LONG=1
 * compares ten million pairs each. */
#include <geos_c.h>
#include <stdio.h>
#include <stdlib.h>

#include "geo/area.h"
#include "geo/crossing.h"
#include "geo/index.h"
#include "geo/validate.h"
#include "shapes.h"
#include "test.h"

#define VERTICES_MAX 6000
#define RINGS_MAX 8

/* Rings, and which polygon each belongs to. */
typedef struct drawing {
    geo_point vertices[VERTICES_MAX];
    uint32_t ends[RINGS_MAX];
    uint32_t polygons[RINGS_MAX];
    uint32_t count;
} drawing;

static GEOSContextHandle_t geos;

static GEOSGeometry *geos_ring(const drawing *d, uint32_t ring)
{
    uint32_t begin = ring > 0 ? d->ends[ring - 1] : 0;
    uint32_t size = d->ends[ring] - begin;
    GEOSCoordSequence *points = GEOSCoordSeq_create_r(geos, size + 1, 2);
    for (uint32_t v = 0; v <= size; v++) {
        geo_point at = d->vertices[begin + v % size];
        GEOSCoordSeq_setXY_r(geos, points, v, at.lon_e7, at.lat_e7);
    }
    return GEOSGeom_createLinearRing_r(geos, points);
}

static GEOSGeometry *geos_shape(const drawing *d)
{
    GEOSGeometry *polygons[RINGS_MAX];
    uint32_t count = 0;
    for (uint32_t ring = 0; ring < d->count;) {
        GEOSGeometry *holes[RINGS_MAX];
        uint32_t hole_count = 0;
        GEOSGeometry *shell = geos_ring(d, ring);
        uint32_t polygon = d->polygons[ring++];
        while (ring < d->count && d->polygons[ring] == polygon) {
            holes[hole_count++] = geos_ring(d, ring++);
        }
        polygons[count++] = GEOSGeom_createPolygon_r(geos, shell, holes, hole_count);
    }
    return GEOSGeom_createCollection_r(geos, GEOS_MULTIPOLYGON, polygons, count);
}

static void add_ring(drawing *d, uint32_t polygon, uint32_t size)
{
    d->ends[d->count] = (d->count > 0 ? d->ends[d->count - 1] : 0) + size;
    d->polygons[d->count++] = polygon;
}

static geo_point *next_vertex(drawing *d)
{
    return d->vertices + (d->count > 0 ? d->ends[d->count - 1] : 0);
}

/* ---- kinds of drawings ---- */

static void draw_star(uint64_t *random, drawing *d, int32_t radius, uint32_t size)
{
    shape_star(random, (geo_point){163700000, 598500000}, radius, size, d->vertices);
    add_ring(d, 0, size);
}

static void draw_star_with_holes(uint64_t *random, drawing *d)
{
    draw_star(random, d, 900000, 58);
    for (int32_t hole = 0; hole < 3; hole++) {
        geo_point center = {163700000 + (hole - 1) * 130000, 598500000 + hole % 2 * 80000};
        shape_star(random, center, 60000, 12, next_vertex(d));
        add_ring(d, 0, 12);
    }
}

static void draw_archipelago(uint64_t *random, drawing *d)
{
    for (uint32_t polygon = 0; polygon < 6; polygon++) {
        geo_point center = {163700000 + (int32_t)(polygon % 3) * 50, 598500000};
        center.lat_e7 += (int32_t)(polygon / 3) * 50;
        shape_star(random, center, 24, 8, next_vertex(d));
        add_ring(d, polygon, 8);
    }
}

/* So thin that edges pass between lattice points. */
static void draw_sliver(uint64_t *random, drawing *d)
{
    d->vertices[0] = (geo_point){0, 0};
    d->vertices[1] =
        (geo_point){(int32_t)shape_random(random, 100, 2000), (int32_t)shape_random(random, 1, 50)};
    d->vertices[2] = (geo_point){d->vertices[1].lon_e7 + 1, d->vertices[1].lat_e7};
    add_ring(d, 0, 3);
}

/* A block whose sides are runs of several edges; its neighbours would share them. */
static void draw_block(uint64_t *random, drawing *d)
{
    int32_t step = (int32_t)shape_random(random, 2, 6);
    for (int32_t i = 0; i < 4; i++) {
        d->vertices[i] = (geo_point){0, i * step};
        d->vertices[4 + i] = (geo_point){i * step, 4 * step};
        d->vertices[8 + i] = (geo_point){4 * step, (4 - i) * step};
        d->vertices[12 + i] = (geo_point){(4 - i) * step, 0};
    }
    add_ring(d, 0, 16);
}

/* Up to a world's size, so that products of differences need all their bits. */
static void draw_triangle(uint64_t *random, drawing *d)
{
    for (uint32_t v = 0; v < 3; v++) {
        d->vertices[v] = (geo_point){(int32_t)shape_random(random, -1799999999, 1799999999),
                                     (int32_t)shape_random(random, -899999999, 899999999)};
    }
    add_ring(d, 0, 3);
}

static void draw(uint64_t *random, uint32_t kind, drawing *d)
{
    d->count = 0;
    switch (kind % 8) {
    case 0:
        draw_star(random, d, 900000, (uint32_t)shape_random(random, 4, 200));
        break;
    case 1:
        draw_star_with_holes(random, d);
        break;
    case 2:
        draw_archipelago(random, d);
        break;
    case 3:
        draw_sliver(random, d);
        break;
    case 4:
        draw_block(random, d);
        break;
    case 5:
        draw_triangle(random, d);
        break;
    case 6:
        draw_star(random, d, 12, 8);
        break;
    default:
        draw_star(random, d, 50000000, 5000);
        break;
    }
}

/* ---- points that are hard to judge ---- */

static geo_point hard_point(uint64_t *random, const geo_area *area)
{
    geo_point a = area->vertices[shape_random(random, 0, area->vertex_count - 1)];
    geo_point b = area->vertices[shape_random(random, 0, area->vertex_count - 1)];
    geo_point point = a;
    int64_t kind = shape_random(random, 0, 5);
    if (kind == 0) {
        point.lon_e7 = (int32_t)shape_random(random, area->box.min.lon_e7, area->box.max.lon_e7);
        point.lat_e7 = (int32_t)shape_random(random, area->box.min.lat_e7, area->box.max.lat_e7);
    } else if (kind == 1) {
        point = geo_segment_place(a, b, (geo_fraction){(uint64_t)shape_random(random, 0, 64), 64});
    } else if (kind == 2) {
        point.lat_e7 = b.lat_e7;
    } else if (kind == 3) {
        point.lon_e7 = (int32_t)shape_random(random, area->box.min.lon_e7, area->box.max.lon_e7);
    }
    point.lon_e7 += (int32_t)shape_random(random, -1, 1);
    point.lat_e7 += (int32_t)shape_random(random, -1, 1);
    return point;
}

static GEOSGeometry *geos_segment(geo_point from, geo_point to)
{
    GEOSCoordSequence *points = GEOSCoordSeq_create_r(geos, 2, 2);
    GEOSCoordSeq_setXY_r(geos, points, 0, from.lon_e7, from.lat_e7);
    GEOSCoordSeq_setXY_r(geos, points, 1, to.lon_e7, to.lat_e7);
    return GEOSGeom_createLineString_r(geos, points);
}

/* GEOS takes the longitudes as they are, so only ways that are short as written are compared. */
static void compare_segment(const GEOSPreparedGeometry *prepared, const geo_area *area,
                            geo_point from, geo_point to)
{
    if (llabs((int64_t)to.lon_e7 - from.lon_e7) > GEO_LON_E7_MAX ||
        (from.lon_e7 == to.lon_e7 && from.lat_e7 == to.lat_e7)) {
        return;
    }
    GEOSGeometry *way = geos_segment(from, to);
    char expected = GEOSPreparedIntersects_r(geos, prepared, way);
    GEOSGeom_destroy_r(geos, way);
    geo_pieces pieces = geo_segment_pieces(area, from, to);
    if ((pieces.count > 0) != (expected == 1)) {
        fail_msg("%d %d to %d %d: GEOS says %d", from.lon_e7, from.lat_e7, to.lon_e7, to.lat_e7,
                 expected);
    }
}

static uint32_t compare_drawing(uint64_t *random, const drawing *d, uint32_t points)
{
    geo_area *area = NULL;
    if (geo_validate(d->vertices, d->ends, d->count, d->polygons, NULL) != GEO_OK ||
        geo_area_new(d->vertices, d->ends, d->count, &area) != GEO_OK) {
        return 0;
    }
    GEOSGeometry *shape = geos_shape(d);
    const GEOSPreparedGeometry *prepared = GEOSPrepare_r(geos, shape);
    for (uint32_t i = 0; i < points; i++) {
        geo_point point = hard_point(random, area);
        GEOSGeometry *place = GEOSGeom_createPointFromXY_r(geos, point.lon_e7, point.lat_e7);
        char expected = GEOSPreparedIntersects_r(geos, prepared, place);
        GEOSGeom_destroy_r(geos, place);
        if (geo_area_contains(area, point) != (expected == 1)) {
            fail_msg("%d %d: GEOS says %d", point.lon_e7, point.lat_e7, expected);
        }
        if (i % 8 == 0) {
            compare_segment(prepared, area, point, hard_point(random, area));
        }
    }
    GEOSPreparedGeom_destroy_r(geos, prepared);
    GEOSGeom_destroy_r(geos, shape);
    geo_area_free(area);
    return points;
}

static void points_and_segments_meet_areas_as_geos_says(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    bool full = getenv("HR_LONG") != NULL;
    uint32_t pairs_min = full ? 10000000 : 200000;
    static drawing d;
    uint32_t pairs = 0;
    for (uint32_t kind = 0; pairs < pairs_min; kind++) {
        draw(&random, kind, &d);
        pairs += compare_drawing(&random, &d, 1000);
    }
    printf("%u pairs are equal\n", pairs);
}

/* ---- the index: many fences at once ---- */

#define WORLD_FENCES 24
#define WORLD_POINTS 640 /* whole blocks, so that vectors are tried, too */
#define WORLD_HITS (WORLD_POINTS * WORLD_FENCES)

typedef struct world {
    uint32_t count;
    geo_area *areas[WORLD_FENCES];
    GEOSGeometry *shapes[WORLD_FENCES];
    const GEOSPreparedGeometry *prepared[WORLD_FENCES];
} world;

static void add_fence(world *w, const drawing *d)
{
    geo_area *area = NULL;
    if (w->count == WORLD_FENCES ||
        geo_validate(d->vertices, d->ends, d->count, d->polygons, NULL) != GEO_OK ||
        geo_area_new(d->vertices, d->ends, d->count, &area) != GEO_OK) {
        return;
    }
    w->areas[w->count] = area;
    w->shapes[w->count] = geos_shape(d);
    w->prepared[w->count] = GEOSPrepare_r(geos, w->shapes[w->count]);
    w->count++;
}

/* Every other fence gets a neighbour: the same shape, moved so that their boxes share a side. Of a
 * block the two then share a border, vertex by vertex. */
static void fill_world(uint64_t *random, world *w)
{
    static drawing d;
    w->count = 0;
    while (w->count < WORLD_FENCES) {
        /* The last kind has 5,000 spikes, which is enough for one world. */
        draw(random, w->count == 0 ? 7 : (uint32_t)shape_random(random, 0, 6), &d);
        add_fence(w, &d);
        const geo_box *box = w->count > 0 ? &w->areas[w->count - 1]->box : NULL;
        const int64_t width = box != NULL ? (int64_t)box->max.lon_e7 - box->min.lon_e7 : 0;
        if (w->count > 1 && box->max.lon_e7 + width < GEO_LON_E7_MAX &&
            shape_random(random, 0, 1) == 0) {
            for (uint32_t v = 0; v < d.ends[d.count - 1]; v++) {
                d.vertices[v].lon_e7 += (int32_t)width;
            }
            add_fence(w, &d);
        }
    }
}

static void free_world(world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        GEOSPreparedGeom_destroy_r(geos, w->prepared[i]);
        GEOSGeom_destroy_r(geos, w->shapes[i]);
        geo_area_free(w->areas[i]);
    }
}

/* Which fences GEOS finds at a place or on a way: one bit each. */
static uint32_t geos_hits(const world *w, GEOSGeometry *shape)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        bits |= (uint32_t)(GEOSPreparedIntersects_r(geos, w->prepared[i], shape) == 1) << i;
    }
    GEOSGeom_destroy_r(geos, shape);
    return bits;
}

static void compare_hits(const world *w, const geo_index_version *version, const geo_point *points)
{
    static geo_hit hits[WORLD_HITS];
    uint32_t found[WORLD_POINTS] = {0};
    size_t count;
    size_t done;
    assert_int_equal(
        geo_index_query(version, points, WORLD_POINTS, hits, WORLD_HITS, &count, &done), GEO_OK);
    assert_int_equal(done, WORLD_POINTS);
    for (size_t h = 0; h < count; h++) {
        assert_false(found[hits[h].point] >> hits[h].id & 1);
        found[hits[h].point] |= 1u << hits[h].id;
    }
    for (uint32_t p = 0; p < WORLD_POINTS; p++) {
        uint32_t expected =
            geos_hits(w, GEOSGeom_createPointFromXY_r(geos, points[p].lon_e7, points[p].lat_e7));
        if (found[p] != expected) {
            fail_msg("%d %d: fences %x, GEOS says %x", points[p].lon_e7, points[p].lat_e7, found[p],
                     expected);
        }
    }
}

static void compare_ways(const world *w, const geo_index_version *version, const geo_point *points)
{
    for (uint32_t p = 0; p + 1 < WORLD_POINTS; p += 8) {
        const geo_point from = points[p];
        const geo_point to = points[p + 1];
        uint32_t ids[WORLD_FENCES];
        uint32_t found = 0;
        size_t count;
        if (llabs((int64_t)to.lon_e7 - from.lon_e7) > GEO_LON_E7_MAX ||
            (from.lon_e7 == to.lon_e7 && from.lat_e7 == to.lat_e7)) {
            continue;
        }
        assert_int_equal(geo_index_segment(version, from, to, ids, WORLD_FENCES, &count), GEO_OK);
        for (size_t i = 0; i < count; i++) {
            found |= 1u << ids[i];
        }
        assert_int_equal(found, geos_hits(w, geos_segment(from, to)));
    }
}

static void the_index_finds_what_geos_finds(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    uint32_t pairs_min = getenv("HR_LONG") != NULL ? 10000000 : 150000;
    uint32_t pairs = 0;
    while (pairs < pairs_min) {
        world w;
        geo_point points[WORLD_POINTS];
        uint32_t ids[WORLD_FENCES];
        geo_index *index = NULL;
        fill_world(&random, &w);
        for (uint32_t i = 0; i < w.count; i++) {
            ids[i] = i;
        }
        for (uint32_t p = 0; p < WORLD_POINTS; p++) {
            points[p] = hard_point(&random, w.areas[shape_random(&random, 0, w.count - 1)]);
        }
        assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
        assert_int_equal(geo_index_build(index, (const geo_area *const *)w.areas, ids, w.count),
                         GEO_OK);
        assert_int_equal(geo_index_publish(index), GEO_OK);
        geo_index_version *version = geo_index_acquire(index);
        compare_hits(&w, version, points);
        compare_ways(&w, version, points);
        geo_index_release(version);
        geo_index_free(index);
        free_world(&w);
        pairs += WORLD_POINTS * w.count;
    }
    printf("%u pairs are equal\n", pairs);
}

int main(void)
{
    geos = GEOS_init_r();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_and_segments_meet_areas_as_geos_says),
        cmocka_unit_test(the_index_finds_what_geos_finds),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    GEOS_finish_r(geos);
    return failed;
}
