/* tests/geo/test_index_shapes.c - segment, box and area queries beside the same questions asked of
 * every fence. */
#include <stdlib.h>

#include "crowds.h"
#include "geo/predicate.h"
#include "test.h"
#include "worlds.h"

#define IDS_MAX 512

static const struct {
    geo_point center;
    int32_t radius;
} places[] = {
    {{163725000, 598512000}, 300},     {{163725000, 598512000}, 20000},
    {{163725000, 598512000}, 700000},  {{-33554432, 67108864}, 3000000},
    {{1799990000, -200000000}, 50000}, {{-1000000000, -300000000}, 300000000},
};

#define PLACE_COUNT (sizeof places / sizeof places[0])

/* Call visit for all edges; true as soon as it says so. */
typedef bool edge_test(geo_point a, geo_point b, const void *context);

static bool any_edge(const geo_area *area, edge_test *test, const void *context)
{
    uint32_t first = 0;
    for (uint32_t r = 0; r < area->ring_count; r++) {
        uint32_t end = area->ring_ends[r];
        for (uint32_t v = first; v < end; v++) {
            if (test(area->vertices[v], area->vertices[v + 1 < end ? v + 1 : first], context)) {
                return true;
            }
        }
        first = end;
    }
    return false;
}

static bool edge_meets_segment(geo_point a, geo_point b, const void *context)
{
    const geo_point *segment = context;
    return geo_segments_meet(a, b, segment[0], segment[1]) != GEO_APART;
}

static bool edge_meets_area(geo_point a, geo_point b, const void *context)
{
    const geo_point segment[2] = {a, b};
    return any_edge(context, edge_meets_segment, segment);
}

static bool vertex_in_area(geo_point a, geo_point b, const void *context)
{
    (void)b;
    return geo_area_contains(context, a);
}

static void check_ids(const world *w, const uint32_t *ids, size_t count, const bool *expected,
                      const char *what)
{
    size_t n = 0;
    for (uint32_t id = 0; id < w->id_end; id++) {
        bool found = n < count && ids[n] == id;
        n += found;
        if (found != expected[id]) {
            fail_msg("%s: fence %u: expected %d, found %d", what, id, expected[id], found);
        }
    }
    assert_int_equal(n, count);
}

static void check_segment(const world *w, const geo_index_version *version, geo_point a,
                          geo_point b)
{
    bool expected[WORLD_FENCES_MAX] = {0};
    bool boundary[WORLD_FENCES_MAX] = {0};
    uint32_t ids[IDS_MAX];
    size_t count;
    const geo_point segment[2] = {a, b};
    for (uint32_t id = 0; id < w->id_end; id++) {
        boundary[id] = any_edge(w->areas[id], edge_meets_segment, segment);
        expected[id] = geo_area_contains(w->areas[id], a) || geo_area_contains(w->areas[id], b) ||
                       boundary[id];
    }
    assert_int_equal(geo_index_segment(version, a, b, ids, IDS_MAX, &count), GEO_OK);
    check_ids(w, ids, count, expected, "segment");
    assert_int_equal(geo_index_boundaries(version, a, b, ids, IDS_MAX, &count), GEO_OK);
    check_ids(w, ids, count, boundary, "boundaries");
}

static void check_area(const world *w, const geo_index_version *version, const geo_area *area)
{
    bool expected[WORLD_FENCES_MAX] = {0};
    uint32_t ids[IDS_MAX];
    size_t count;
    for (uint32_t id = 0; id < w->id_end; id++) {
        const geo_area *fence = w->areas[id];
        expected[id] = any_edge(area, vertex_in_area, fence) ||
                       any_edge(fence, vertex_in_area, area) ||
                       any_edge(area, edge_meets_area, fence);
    }
    assert_int_equal(geo_index_area(version, area, ids, IDS_MAX, &count), GEO_OK);
    check_ids(w, ids, count, expected, "area");
}

static void check_box(const world *w, const geo_index_version *version, geo_point a, geo_point b)
{
    geo_box box = {
        {a.lon_e7 < b.lon_e7 ? a.lon_e7 : b.lon_e7, a.lat_e7 < b.lat_e7 ? a.lat_e7 : b.lat_e7},
        {a.lon_e7 < b.lon_e7 ? b.lon_e7 : a.lon_e7, a.lat_e7 < b.lat_e7 ? b.lat_e7 : a.lat_e7}};
    geo_point corners[4] = {
        box.min, {box.max.lon_e7, box.min.lat_e7}, box.max, {box.min.lon_e7, box.max.lat_e7}};
    bool expected[WORLD_FENCES_MAX] = {0};
    uint32_t ids[IDS_MAX];
    size_t count;
    for (uint32_t id = 0; id < w->id_end; id++) {
        const geo_area *fence = w->areas[id];
        for (uint32_t v = 0; v < fence->vertex_count && !expected[id]; v++) {
            geo_point p = fence->vertices[v];
            expected[id] = p.lon_e7 >= box.min.lon_e7 && p.lon_e7 <= box.max.lon_e7 &&
                           p.lat_e7 >= box.min.lat_e7 && p.lat_e7 <= box.max.lat_e7;
        }
        for (int c = 0; c < 4 && !expected[id]; c++) {
            const geo_point side[2] = {corners[c], corners[(c + 1) % 4]};
            expected[id] =
                geo_area_contains(fence, side[0]) || any_edge(fence, edge_meets_segment, side);
        }
    }
    assert_int_equal(geo_index_box(version, box, ids, IDS_MAX, &count), GEO_OK);
    check_ids(w, ids, count, expected, "box");
}

static bool on_meridian(geo_point p)
{
    return abs(p.lon_e7) >= GEO_LON_E7_MAX;
}

/* Segments, boxes and areas in the world of this index. */
static void check_shapes(world *w, geo_index *index, int segment_count, int area_count)
{
    geo_index_version *version = geo_index_acquire(index);
    for (int i = 0; i < segment_count; i++) {
        geo_point a = world_point(w);
        geo_point b = world_point(w);
        if (i % 3 == 0) {
            b = (geo_point){a.lon_e7 / 2 + b.lon_e7 / 2, a.lat_e7 / 2 + b.lat_e7 / 2};
        }
        if (i % 5 == 0) {
            b = world_step(w, a);
        }
        if (i % 7 == 0) {
            b = a;
        }
        /* Across and on the antimeridian: the tests below. */
        if (on_meridian(a) || on_meridian(b) ||
            llabs((int64_t)a.lon_e7 - b.lon_e7) > GEO_LON_E7_MAX) {
            continue;
        }
        check_segment(w, version, a, b);
        check_box(w, version, a, b);
    }
    for (int i = 0; i < area_count; i++) {
        geo_area *area = world_area(w);
        if (area->box.min.lon_e7 > -GEO_LON_E7_MAX && area->box.max.lon_e7 < GEO_LON_E7_MAX) {
            check_area(w, version, area);
        }
        geo_area_free(area);
    }
    geo_index_release(version);
}

static void shapes_find_the_fences_that_they_touch(void **state)
{
    (void)state;
    uint64_t seed = shape_seed(__func__);
    for (size_t place = 0; place < PLACE_COUNT; place++) {
        for (uint32_t fences = 1; fences <= 64; fences *= 8) {
            world w;
            world_init(&w, seed + place * 100 + fences, places[place].center, places[place].radius);
            world_fill(&w, fences);
            geo_index *index = world_index(&w);
            check_shapes(&w, index, 300, 40);
            geo_index_free(index);
            world_fini(&w);
        }
    }
}

static void shapes_find_what_lies_in_piles(void **state)
{
    (void)state;
    uint64_t seed = shape_seed(__func__);
    for (int kind = 0; kind < CROWD_KINDS; kind++) {
        for (int32_t radius = 40000; radius <= 4000000; radius *= 100) {
            world w;
            world_init(&w, seed, places[0].center, radius);
            for (w.id_end = 0; w.id_end < 150; w.id_end++) {
                w.areas[w.id_end] = crowd_area(&w, (crowd_kind)kind, w.id_end);
            }
            geo_index *index = world_index(&w);
            check_shapes(&w, index, 100, 5);
            geo_index_free(index);
            world_fini(&w);
        }
    }
}

static void assert_segment(geo_index *index, geo_point a, geo_point b, size_t expected_count,
                           uint32_t expected)
{
    uint32_t ids[8];
    size_t count;
    geo_index_version *version = geo_index_acquire(index);
    assert_int_equal(geo_index_segment(version, a, b, ids, 8, &count), GEO_OK);
    assert_int_equal(count, expected_count);
    if (count != 0) {
        assert_int_equal(ids[0], expected);
    }
    geo_index_release(version);
}

static void a_segment_goes_the_short_way_round(void **state)
{
    (void)state;
    /* One fence east of 180 degrees, one west of it, one at the other side of the world. */
    geo_area *areas[] = {
        shape("1799990000 0, 1799995000 0, 1799995000 1000, 1799990000 1000"),
        shape("-1799995000 0, -1799990000 0, -1799990000 1000, -1799995000 1000"),
        shape("-1000 0, 1000 0, 1000 1000, -1000 1000"),
    };
    geo_index *index = NULL;
    assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
    for (uint32_t id = 0; id < 3; id++) {
        assert_int_equal(geo_index_put(index, id, areas[id]), GEO_OK);
    }
    assert_int_equal(geo_index_publish(index), GEO_OK);
    const geo_point west = {-1799000000, 500};
    const geo_point east = {1799000000, 500};
    const geo_point meridian = {GEO_LON_E7_MAX, 500};
    const geo_point same_meridian = {-GEO_LON_E7_MAX, 400};
    assert_segment(index, west, east, 2, 0);
    assert_segment(index, east, west, 2, 0);
    assert_segment(index, east, meridian, 1, 0);
    assert_segment(index, west, meridian, 1, 1);
    assert_segment(index, meridian, same_meridian, 0, 0);
    assert_segment(index, (geo_point){-5000, 500}, (geo_point){5000, 500}, 1, 2);
    /* The crossing of the meridian lies between the lattice's latitudes: 0.5 units below 1001. */
    assert_segment(index, (geo_point){1799992500, 1000}, (geo_point){-1799992500, 1001}, 1, 0);
    assert_segment(index, (geo_point){1799992500, 1001}, (geo_point){-1799992500, 1000}, 1, 1);
    for (uint32_t id = 0; id < 3; id++) {
        geo_area_free(areas[id]);
    }
    geo_index_free(index);
}

static void a_fence_at_the_antimeridian_is_met_from_both_sides(void **state)
{
    (void)state;
    geo_area *area = shape("1799990000 0, 1800000000 0, 1800000000 1000, 1799990000 1000");
    geo_index *index = NULL;
    assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
    assert_int_equal(geo_index_put(index, 5, area), GEO_OK);
    assert_int_equal(geo_index_publish(index), GEO_OK);
    const geo_point at = {-GEO_LON_E7_MAX, 500};
    const geo_point west = {-1799999999, 500};
    assert_segment(index, west, at, 1, 5);
    assert_segment(index, at, west, 1, 5);
    assert_segment(index, at, (geo_point){-GEO_LON_E7_MAX, 5000}, 1, 5);
    assert_segment(index, west, (geo_point){-1799999999, 5000}, 0, 0);
    geo_area_free(area);
    geo_index_free(index);
}

static void too_many_ids_are_refused(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 1000 0, 1000 1000, 0 1000");
    geo_index *index = NULL;
    uint32_t ids[2];
    size_t count;
    assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
    for (uint32_t id = 0; id < 3; id++) {
        assert_int_equal(geo_index_put(index, id, area), GEO_OK);
    }
    assert_int_equal(geo_index_publish(index), GEO_OK);
    geo_index_version *version = geo_index_acquire(index);
    const geo_point inside = {500, 500};
    const geo_point outside = {-500, 500};
    const geo_box box = {{1, 1}, {2, 2}};
    assert_int_equal(geo_index_query_one(version, inside, ids, 2, &count), GEO_TOO_BIG);
    assert_int_equal(count, 3);
    assert_int_equal(geo_index_segment(version, outside, inside, ids, 2, &count), GEO_TOO_BIG);
    assert_int_equal(geo_index_box(version, box, ids, 2, &count), GEO_TOO_BIG);
    assert_int_equal(count, 3);
    assert_int_equal(geo_index_area(version, area, ids, 2, &count), GEO_TOO_BIG);
    geo_index_release(version);
    geo_area_free(area);
    geo_index_free(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_find_the_fences_that_they_touch),
        cmocka_unit_test(shapes_find_what_lies_in_piles),
        cmocka_unit_test(a_segment_goes_the_short_way_round),
        cmocka_unit_test(a_fence_at_the_antimeridian_is_met_from_both_sides),
        cmocka_unit_test(too_many_ids_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
