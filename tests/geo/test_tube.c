/* tests/geo/test_tube.c - tubes around lines, and the outline of what they cover. */
#include "geo/tube.h"

#include <stdio.h>

#include "geo/area.h"
#include "geo/overlay.h"
#include "geo/predicate.h"
#include "geo/validate.h"
#include "shapes.h"
#include "test.h"

#define EDGES_MAX 20000

typedef struct outline {
    uint32_t count;
    geo_point vertices[EDGES_MAX];
} outline;

static geo_err add_vertex(void *context, geo_point vertex)
{
    outline *o = context;
    assert_true(o->count < EDGES_MAX);
    o->vertices[o->count++] = vertex;
    return GEO_OK;
}

/* ---- the tube by definition: brush and line meet ---- */

static bool slow_in_brush(const geo_brush *brush, geo_point at)
{
    for (uint32_t i = 0; i < brush->count; i++) {
        if (geo_orientation(brush->vertices[i], brush->vertices[(i + 1) % brush->count], at) < 0) {
            return false;
        }
    }
    return true;
}

/* Whether point - brush meets the segment from a to b. */
static bool slow_in_capsule(const geo_brush *brush, geo_point a, geo_point b, geo_point point)
{
    geo_point to_a = {point.lon_e7 - a.lon_e7, point.lat_e7 - a.lat_e7};
    geo_point to_b = {point.lon_e7 - b.lon_e7, point.lat_e7 - b.lat_e7};
    if (slow_in_brush(brush, to_a) || slow_in_brush(brush, to_b)) {
        return true;
    }
    for (uint32_t i = 0; i < brush->count; i++) {
        if (geo_segments_meet(to_a, to_b, brush->vertices[i],
                              brush->vertices[(i + 1) % brush->count]) != GEO_APART) {
            return true;
        }
    }
    return false;
}

static bool slow_in_tube(const geo_brush *brush, const geo_point *line, uint32_t count,
                         geo_point point)
{
    for (uint32_t i = 1; i < count; i++) {
        if (slow_in_capsule(brush, line[i - 1], line[i], point)) {
            return true;
        }
    }
    return false;
}

/* How often a closed curve goes round a point that is not on it; *on tells when it is. */
static int slow_winding(const outline *o, geo_point point, bool *on)
{
    int winding = 0;
    *on = false;
    for (uint32_t i = 0; i < o->count; i++) {
        geo_point a = o->vertices[i];
        geo_point b = o->vertices[(i + 1) % o->count];
        *on = *on || geo_on_segment(a, b, point);
        int side = geo_orientation(a, b, point);
        if (a.lat_e7 <= point.lat_e7 && b.lat_e7 > point.lat_e7 && side > 0) {
            winding++;
        } else if (b.lat_e7 <= point.lat_e7 && a.lat_e7 > point.lat_e7 && side < 0) {
            winding--;
        }
    }
    return winding;
}

static void random_brush(uint64_t *random, int64_t size, geo_brush *brush)
{
    geo_point corners[12];
    do {
        for (uint32_t i = 0; i < 12; i++) {
            corners[i].lon_e7 = (int32_t)shape_random(random, -size, size);
            corners[i].lat_e7 = (int32_t)shape_random(random, -size, size);
        }
    } while (geo_brush_init(brush, corners, 12) != GEO_OK);
}

/* On a few lattice points, so that lines lead straight on, straight back and over themselves. */
static uint32_t random_line(uint64_t *random, int64_t size, geo_point *line)
{
    uint32_t wanted = (uint32_t)shape_random(random, 2, 8);
    uint32_t count = 0;
    while (count < wanted) {
        geo_point at = {(int32_t)shape_random(random, -size, size) * 4,
                        (int32_t)shape_random(random, -size, size) * 4};
        if (count == 0 || at.lon_e7 != line[count - 1].lon_e7 ||
            at.lat_e7 != line[count - 1].lat_e7) {
            line[count++] = at;
        }
    }
    return count;
}

static void a_tube_is_where_its_outline_winds(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    static outline o;
    uint32_t inside = 0;
    for (int round = 0; round < 5000; round++) {
        geo_brush brush;
        geo_point line[8];
        random_brush(&random, shape_random(&random, 1, 12), &brush);
        uint32_t count = random_line(&random, shape_random(&random, 1, 8), line);
        o.count = 0;
        assert_int_equal(geo_tube_outline(&brush, line, count, add_vertex, &o), GEO_OK);
        for (int i = 0; i < 100; i++) {
            geo_point point = {(int32_t)shape_random(&random, -45, 45),
                               (int32_t)shape_random(&random, -45, 45)};
            bool on;
            int winding = slow_winding(&o, point, &on);
            assert_true(winding >= 0);
            if (!on) {
                assert_int_equal(winding > 0, slow_in_tube(&brush, line, count, point));
                inside += winding > 0;
            }
        }
    }
    printf("%u points inside\n", inside);
    assert_true(inside > 30000);
}

/* ---- outlines ---- */

typedef struct scene {
    uint32_t count;
    geo_node_edge edges[EDGES_MAX];
} scene;

static void add_edge(scene *s, geo_point from, geo_point to, bool is_tube)
{
    bool eastward =
        from.lon_e7 < to.lon_e7 || (from.lon_e7 == to.lon_e7 && from.lat_e7 < to.lat_e7);
    assert_true(s->count < EDGES_MAX);
    s->edges[s->count++] = (geo_node_edge){
        .west = eastward ? from : to,
        .east = eastward ? to : from,
        .turns = !is_tube   ? 0
                 : eastward ? 1
                            : -1,
        .toggles = !is_tube,
    };
}

static void add_tube(scene *s, uint64_t *random, int64_t size)
{
    static outline o;
    geo_brush brush;
    geo_point line[8];
    random_brush(random, size / 4, &brush);
    uint32_t count = random_line(random, size / 6, line);
    o.count = 0;
    assert_int_equal(geo_tube_outline(&brush, line, count, add_vertex, &o), GEO_OK);
    for (uint32_t i = 0; i < o.count; i++) {
        geo_point next = o.vertices[(i + 1) % o.count];
        if (o.vertices[i].lon_e7 != next.lon_e7 || o.vertices[i].lat_e7 != next.lat_e7) {
            add_edge(s, o.vertices[i], next, true);
        }
    }
}

static void add_area(scene *s, uint64_t *random, int64_t size)
{
    geo_point ring[8];
    for (uint32_t v = 0; v < 8; v++) {
        ring[v].lon_e7 = (int32_t)shape_random(random, -size, size);
        ring[v].lat_e7 = (int32_t)shape_random(random, -size, size);
    }
    for (uint32_t v = 0; v < 8; v++) {
        geo_point next = ring[(v + 1) % 8];
        if (ring[v].lon_e7 != next.lon_e7 || ring[v].lat_e7 != next.lat_e7) {
            add_edge(s, ring[v], next, false);
        }
    }
}

/* What a point is covered by; false when it lies too close to an edge to tell after rounding. */
static bool slow_cover(const scene *s, geo_point point, int *turns, bool *in_area)
{
    *turns = 0;
    *in_area = false;
    for (uint32_t i = 0; i < s->count; i++) {
        geo_point a = s->edges[i].west;
        geo_point b = s->edges[i].east;
        double dx = (double)b.lon_e7 - a.lon_e7;
        double dy = (double)b.lat_e7 - a.lat_e7;
        double x = (double)point.lon_e7 - a.lon_e7;
        double y = (double)point.lat_e7 - a.lat_e7;
        double t = fmin(1, fmax(0, (x * dx + y * dy) / (dx * dx + dy * dy)));
        if (hypot(x - t * dx, y - t * dy) < 1.5) {
            return false;
        }
        if (a.lon_e7 <= point.lon_e7 && b.lon_e7 > point.lon_e7 && x * dy < y * dx) {
            *turns += s->edges[i].turns;
            *in_area ^= s->edges[i].toggles % 2 != 0;
        }
    }
    return true;
}

static bool wanted(geo_overlay_keep keep, int turns, bool in_area)
{
    return turns > 0 && (keep == GEO_KEEP_TUBES || (keep == GEO_KEEP_TUBES_INSIDE_AREA) == in_area);
}

static void assert_outline(const scene *s, uint64_t *random, int64_t size, geo_overlay_keep keep,
                           uint32_t *compared)
{
    geo_rings rings;
    geo_area *area = NULL;
    assert_int_equal(geo_overlay(s->edges, s->count, keep, &rings), GEO_OK);
    if (rings.count > 0) {
        geo_why why = {""};
        geo_err err = geo_validate(rings.vertices, rings.ends, rings.count, NULL, &why);
        if (err != GEO_OK) {
            fail_msg("%s", why.text);
        }
        assert_int_equal(geo_area_new(rings.vertices, rings.ends, rings.count, &area), GEO_OK);
    }
    for (int i = 0; i < 200; i++) {
        geo_point point = {(int32_t)shape_random(random, -size, size),
                           (int32_t)shape_random(random, -size, size)};
        int turns;
        bool in_area;
        if (slow_cover(s, point, &turns, &in_area)) {
            bool in = area != NULL && geo_area_contains(area, point);
            if (in != wanted(keep, turns, in_area)) {
                fail_msg("%d %d of %d edges: %d turns, area %d", point.lon_e7, point.lat_e7,
                         s->count, turns, in_area);
            }
            (*compared)++;
        }
    }
    geo_area_free(area);
    geo_rings_fini(&rings);
}

static void an_outline_keeps_what_it_is_told_to_within_a_unit(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    static scene s;
    uint32_t compared = 0;
    for (int round = 0; round < 2000; round++) {
        int64_t size = shape_random(&random, 0, 2) == 0 ? 30 : 2000;
        s.count = 0;
        for (int64_t tubes = shape_random(&random, 1, 3); tubes > 0; tubes--) {
            add_tube(&s, &random, size);
        }
        add_area(&s, &random, size);
        geo_overlay_keep keep = (geo_overlay_keep)(round % 3);
        assert_outline(&s, &random, size, keep, &compared);
    }
    printf("%u points compared\n", compared);
    assert_true(compared > 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tube_is_where_its_outline_winds),
        cmocka_unit_test(an_outline_keeps_what_it_is_told_to_within_a_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
