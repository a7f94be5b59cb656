/* tests/geo/test_buffer.c - corridors and zones are as wide as promised, on the ellipsoid. */
#include "geo/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "geo/antimeridian.h"
#include "geo/circle.h"
#include "geo/geodesic.h"
#include "geo/measure.h"
#include "geo/validate.h"
#include "shapes.h"
#include "test.h"

#define LINE_MAX 12

static double allowed_m(double distance_m)
{
    return fmax(GEO_DERIVED_ERROR_M, GEO_DERIVED_ERROR_PART * distance_m);
}

/* ---- the distance from a place to an edge, by search along the edge ---- */

static double distance_at(geo_place place, geo_point a, geo_point b, double part)
{
    double lon = remainder((b.lon_e7 - (double)a.lon_e7) / 1e7, 360);
    geo_place at = {a.lon_e7 / 1e7 + lon * part,
                    a.lat_e7 / 1e7 + (b.lat_e7 - (double)a.lat_e7) / 1e7 * part};
    double distance_m = 0;
    assert_int_equal(geo_geodesic_inverse(place, at, &distance_m, NULL), GEO_OK);
    return distance_m;
}

static double distance_to_edge(geo_place place, geo_point a, geo_point b)
{
    double low = 0;
    double high = 1;
    for (int i = 0; i < 28; i++) {
        double first = low + (high - low) * 0.4;
        double second = low + (high - low) * 0.6;
        if (distance_at(place, a, b, first) < distance_at(place, a, b, second)) {
            high = second;
        } else {
            low = first;
        }
    }
    return distance_at(place, a, b, (low + high) / 2);
}

/* Whether an edge is surely farther than a limit, on a plane with much to spare. */
static bool is_far(geo_place place, geo_point a, geo_point b, double limit_m)
{
    double margin_deg = limit_m * 1.5 / 110000;
    double north = fmax(a.lat_e7, b.lat_e7) / 1e7;
    double south = fmin(a.lat_e7, b.lat_e7) / 1e7;
    return place.lat_deg > north + margin_deg || place.lat_deg < south - margin_deg;
}

static double distance_to_line(geo_place place, const geo_point *line, uint32_t count,
                               double limit_m)
{
    double nearest = HUGE_VAL;
    for (uint32_t i = 1; i < count; i++) {
        if (!is_far(place, line[i - 1], line[i], limit_m)) {
            nearest = fmin(nearest, distance_to_edge(place, line[i - 1], line[i]));
        }
    }
    return nearest;
}

static bool on_antimeridian(geo_point a, geo_point b)
{
    return a.lon_e7 == b.lon_e7 && (a.lon_e7 == GEO_LON_E7_MAX || a.lon_e7 == -GEO_LON_E7_MAX);
}

/* ---- corridors ---- */

/* Every part of the outline lies at the promised distance from the line. */
static void assert_outline(const geo_area *area, const geo_point *line, uint32_t count,
                           double distance_m)
{
    for (uint32_t r = 0, begin = 0; r < area->ring_count; begin = area->ring_ends[r++]) {
        uint32_t size = area->ring_ends[r] - begin;
        for (uint32_t v = 0; v < size; v++) {
            geo_point a = area->vertices[begin + v];
            geo_point b = area->vertices[begin + (v + 1) % size];
            for (int i = 0; i < 2 && !on_antimeridian(a, b); i++) {
                geo_place at = {(a.lon_e7 + ((double)b.lon_e7 - a.lon_e7) * i / 2) / 1e7,
                                (a.lat_e7 + ((double)b.lat_e7 - a.lat_e7) * i / 2) / 1e7};
                double found_m = distance_to_line(at, line, count, 2 * distance_m);
                assert_double_near(found_m, distance_m, allowed_m(distance_m));
            }
        }
    }
}

static uint32_t assert_covers(uint64_t *random, const geo_area *area, const geo_point *line,
                              uint32_t count, double distance_m)
{
    uint32_t inside = 0;
    for (int i = 0; i < 40; i++) {
        geo_point from = line[shape_random(random, 0, count - 1)];
        double azimuth = (double)shape_random(random, 0, 6283) / 1000;
        double away_m = distance_m * (double)shape_random(random, 0, 2000) / 1000;
        geo_point point = geo_place_round(geo_geodesic_direct(geo_place_of(from), azimuth, away_m));
        double found_m = distance_to_line(geo_place_of(point), line, count, 3 * distance_m);
        if (fabs(found_m - distance_m) > allowed_m(distance_m)) {
            assert_int_equal(geo_area_contains(area, point), found_m < distance_m);
            inside += found_m < distance_m;
        }
    }
    return inside;
}

/* A line that wanders by a few times its width, and often meets itself. */
static uint32_t random_line(uint64_t *random, geo_point start, double step_m, geo_point *line)
{
    uint32_t count = (uint32_t)shape_random(random, 2, LINE_MAX);
    geo_place at = geo_place_of(start);
    for (uint32_t v = 0; v < count; v++) {
        line[v] = geo_place_round(at);
        double azimuth = (double)shape_random(random, 0, 6283) / 1000;
        double length_m = step_m * (double)shape_random(random, 1, 1000) / 300;
        at = geo_geodesic_direct(at, azimuth, length_m);
    }
    return count;
}

static void corridors_are_as_wide_as_promised_everywhere(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    const double distances_m[] = {0.5, 2, 20, 300, 5000, 60000};
    const int32_t lats_e7[] = {0, 598500000, -300000000, 780000000};
    const int32_t lons_e7[] = {163700000, 1800000000};
    uint32_t inside = 0;
    for (int round = 0; round < 24; round++) {
        double distance_m = distances_m[round % 6];
        geo_point start = {lons_e7[round / 6 % 2], lats_e7[round / 6]};
        geo_point line[LINE_MAX];
        uint32_t count = random_line(&random, start, distance_m * 3, line);
        geo_area *area = NULL;
        geo_why why = {""};
        geo_err err = geo_corridor_new(line, count, distance_m * 2, &why, &area);
        if (err != GEO_OK) {
            fail_msg("%s", why.text);
        }
        assert_int_equal(
            geo_validate(area->vertices, area->ring_ends, area->ring_count, NULL, &why), GEO_OK);
        assert_outline(area, line, count, distance_m);
        inside += assert_covers(&random, area, line, count, distance_m);
        geo_area_free(area);
    }
    assert_true(inside > 500);
}

static void a_line_of_one_place_is_a_circle(void **state)
{
    (void)state;
    const geo_point line[] = {{163700000, 598500000}, {163700000, 598500000}};
    geo_area *area = NULL;
    geo_measure size;
    assert_int_equal(geo_corridor_new(line, 2, 200, NULL, &area), GEO_OK);
    assert_int_equal(geo_area_measure(area, &size), GEO_OK);
    assert_double_near(size.area_ha, 3.14159, 0.01);
    geo_area_free(area);
}

static void impossible_corridors_are_refused(void **state)
{
    (void)state;
    const geo_point line[] = {{0, 0}, {1000, 1000}};
    const geo_point north[] = {{0, 899990000}, {1000, 899990000}};
    const geo_point outside[] = {{0, 0}, {0, 900000001}};
    const geo_point around[] = {{0, 0}, {1700000000, 0}, {-200000000, 0}, {300000000, 0}};
    geo_area *area = NULL;
    geo_why why;
    assert_int_equal(geo_corridor_new(line, 2, 0, &why, &area), GEO_RANGE);
    assert_int_equal(geo_corridor_new(line, 2, NAN, &why, &area), GEO_RANGE);
    assert_int_equal(geo_corridor_new(line, 2, 1e9, &why, &area), GEO_RANGE);
    assert_int_equal(geo_corridor_new(line, 0, 10, &why, &area), GEO_INVALID);
    assert_int_equal(geo_corridor_new(outside, 2, 10, &why, &area), GEO_RANGE);
    assert_int_equal(geo_corridor_new(north, 2, 1000, &why, &area), GEO_POLE);
    assert_int_equal(geo_corridor_new(around, 4, 10, &why, &area), GEO_INVALID);
    assert_null(area);
}

/* ---- zones ---- */

static double distance_to_boundary(geo_place place, const geo_area *area, double limit_m)
{
    double nearest = HUGE_VAL;
    for (uint32_t r = 0, begin = 0; r < area->ring_count; begin = area->ring_ends[r++]) {
        uint32_t size = area->ring_ends[r] - begin;
        for (uint32_t v = 0; v < size; v++) {
            geo_point edge[2] = {area->vertices[begin + v], area->vertices[begin + (v + 1) % size]};
            if (!on_antimeridian(edge[0], edge[1])) {
                nearest = fmin(nearest, distance_to_line(place, edge, 2, limit_m));
            }
        }
    }
    return nearest;
}

/* Returns how many of a hundred points were in the zone. */
static uint32_t assert_zone(uint64_t *random, const geo_area *area, double distance_m, bool inside)
{
    geo_area *zone = NULL;
    geo_why why = {""};
    if (geo_zone_new(area, distance_m, inside, &why, &zone) != GEO_OK) {
        fail_msg("%s", why.text);
    }
    if (geo_validate(zone->vertices, zone->ring_ends, zone->ring_count, NULL, &why) != GEO_OK) {
        fail_msg("%s", why.text);
    }
    uint32_t in_zone = 0;
    for (int i = 0; i < 100; i++) {
        geo_point from = area->vertices[shape_random(random, 0, area->vertex_count - 1)];
        double azimuth = (double)shape_random(random, 0, 6283) / 1000;
        double away_m = distance_m * (double)shape_random(random, 0, 2500) / 1000;
        geo_point point = geo_place_round(geo_geodesic_direct(geo_place_of(from), azimuth, away_m));
        double found_m = distance_to_boundary(geo_place_of(point), area, 4 * distance_m);
        if (fabs(found_m - distance_m) > allowed_m(distance_m) && found_m > 0.03) {
            bool wanted = found_m < distance_m && geo_area_contains(area, point) == inside;
            assert_int_equal(geo_area_contains(zone, point), wanted);
            in_zone += wanted;
        }
    }
    geo_area_free(zone);
    return in_zone;
}

static geo_area *paddock(uint64_t *random, geo_point center, int32_t size_e7)
{
    geo_point vertices[40];
    uint32_t ends[] = {24, 34, 40};
    shape_star(random, (geo_point){0, 0}, size_e7, 24, vertices);
    shape_star(random, (geo_point){size_e7 / 6, 0}, size_e7 / 10, 10, vertices + 24);
    shape_star(random, (geo_point){size_e7 * 2, 0}, size_e7 / 2, 6, vertices + 34);
    for (uint32_t v = 0; v < 40; v++) {
        vertices[v].lon_e7 = geo_lon_wrap_e7((int64_t)center.lon_e7 + 2 * vertices[v].lon_e7);
        vertices[v].lat_e7 += center.lat_e7;
    }
    geo_area *area = NULL;
    assert_int_equal(geo_area_new_cut(vertices, ends, 3, NULL, &area), GEO_OK);
    return area;
}

static void zones_lie_along_the_boundary_at_one_side_of_it(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    const geo_point centers[] = {{163700000, 598500000}, {1800000000, -180000000}};
    const double distances_m[] = {1, 15, 60, 900};
    uint32_t in_zones = 0;
    for (int round = 0; round < 16; round++) {
        geo_area *area = paddock(&random, centers[round / 4 % 2], 50000);
        in_zones += assert_zone(&random, area, distances_m[round % 4], round < 8);
        geo_area_free(area);
    }
    assert_true(in_zones > 200);
}

static void a_zone_over_the_antimeridian_ignores_the_seam(void **state)
{
    (void)state;
    geo_area *area = shape("1799900000 0, 1800000000 0, 1800000000 200000, 1799900000 200000;"
                           "-1800000000 0, -1799900000 0, -1799900000 200000, -1800000000 200000");
    geo_area *zone = NULL;
    assert_int_equal(geo_zone_new(area, 100, true, NULL, &zone), GEO_OK);
    assert_false(geo_area_contains(zone, (geo_point){1800000000, 100000}));
    assert_false(geo_area_contains(zone, (geo_point){1799999000, 100000}));
    assert_true(geo_area_contains(zone, (geo_point){1800000000, 5000}));
    assert_true(geo_area_contains(zone, (geo_point){-1799905000, 100000}));
    assert_false(geo_area_contains(zone, (geo_point){-1800000000, -5000}));
    geo_area_free(zone);
    assert_int_equal(geo_zone_new(area, 100, false, NULL, &zone), GEO_OK);
    assert_true(geo_area_contains(zone, (geo_point){-1800000000, -5000}));
    assert_false(geo_area_contains(zone, (geo_point){1799999000, 100000}));
    geo_area_free(zone);
    geo_area_free(area);
}

static void a_zone_follows_the_antimeridian_where_the_area_ends_there(void **state)
{
    (void)state;
    geo_area *area = shape("1799900000 0, 1800000000 0, 1800000000 200000, 1799900000 200000;"
                           "-1800000000 0, -1799900000 0, -1799900000 100000, -1800000000 100000");
    geo_area *zone = NULL;
    assert_int_equal(geo_zone_new(area, 100, true, NULL, &zone), GEO_OK);
    assert_false(geo_area_contains(zone, (geo_point){1799999000, 50000}));
    assert_true(geo_area_contains(zone, (geo_point){1799999000, 150000}));
    geo_area_free(zone);
    assert_int_equal(geo_zone_new(area, 100, false, NULL, &zone), GEO_OK);
    assert_true(geo_area_contains(zone, (geo_point){-1799999000, 150000}));
    assert_false(geo_area_contains(zone, (geo_point){-1799999000, 50000}));
    geo_area_free(zone);
    geo_area_free(area);
    area = shape("1799900000 0, 1800000000 0, 1800000000 200000, 1799900000 200000");
    assert_int_equal(geo_zone_new(area, 100, false, NULL, &zone), GEO_OK);
    assert_true(geo_area_contains(zone, (geo_point){-1799999000, 100000}));
    assert_false(geo_area_contains(zone, (geo_point){1799999000, 100000}));
    assert_false(geo_area_contains(zone, (geo_point){-1799980000, 100000}));
    geo_area_free(zone);
    geo_area_free(area);
}

static void a_zone_may_lie_at_both_sides_of_the_map_and_in_its_middle(void **state)
{
    (void)state;
    geo_area *area = shape("1799900000 0, 1800000000 0, 1800000000 200000, 1799900000 200000;"
                           "-1800000000 0, -1799900000 0, -1799900000 200000, -1800000000 200000;"
                           "-100000 0, 100000 0, 100000 200000, -100000 200000");
    geo_area *zone = NULL;
    geo_why why = {""};
    if (geo_zone_new(area, 100, false, &why, &zone) != GEO_OK) {
        fail_msg("%s", why.text);
    }
    assert_true(geo_area_contains(zone, (geo_point){-1800000000, -5000}));
    assert_false(geo_area_contains(zone, (geo_point){-1800000000, 100000}));
    assert_true(geo_area_contains(zone, (geo_point){-105000, 100000}));
    assert_false(geo_area_contains(zone, (geo_point){-115000, 100000}));
    geo_area_free(zone);
    geo_area_free(area);
}

/* Straight on for more than half the way round the world. */
static void what_is_long_does_not_go_the_other_way_round(void **state)
{
    (void)state;
    const geo_point line[] = {{-1700000000, 100000000}, {0, 100000000}, {1700000000, 100000000}};
    geo_area *made = NULL;
    assert_int_equal(geo_corridor_new(line, 3, 2000, NULL, &made), GEO_OK);
    assert_true(geo_area_contains(made, (geo_point){500000000, 100080000}));
    assert_false(geo_area_contains(made, (geo_point){1750000000, 100000000}));
    geo_area_free(made);
    geo_area *area = shape("-1700000000 -100000000, 0 -100000000, 1700000000 -100000000,"
                           "1700000000 100000000, 0 100000000, -1700000000 100000000");
    for (int inside = 0; inside < 2; inside++) {
        assert_int_equal(geo_zone_new(area, 1000, inside == 1, NULL, &made), GEO_OK);
        geo_point near = {500000000, inside == 1 ? 99920000 : 100080000};
        assert_true(geo_area_contains(made, near));
        assert_false(geo_area_contains(made, (geo_point){1750000000, near.lat_e7}));
        geo_area_free(made);
    }
    geo_area_free(area);
}

/* SpatiaLite takes a ring that touches itself for no valid one. */
static void rings_do_not_touch_themselves(void **state)
{
    (void)state;
    const geo_point lines[][4] = {
        {{84, 589999775}, {-13, 590000087}, {254, 589999889}, {266, 589999676}},
        {{45, 200000061}, {153, 199999926}, {339, 200000017}, {193, 200000028}},
    };
    for (int i = 0; i < 2; i++) {
        geo_area *area = NULL;
        assert_int_equal(geo_corridor_new(lines[i], 4, 1, NULL, &area), GEO_OK);
        for (uint32_t r = 0, begin = 0; r < area->ring_count; begin = area->ring_ends[r++]) {
            for (uint32_t v = begin; v < area->ring_ends[r]; v++) {
                for (uint32_t w = begin; w < v; w++) {
                    assert_memory_not_equal(&area->vertices[v], &area->vertices[w],
                                            sizeof(geo_point));
                }
            }
        }
        geo_area_free(area);
    }
}

/* ---- size ---- */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void large_fences_get_their_zone_in_time(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    const uint32_t counts[] = {58, 1000, 5000};
    for (int i = 0; i < 3; i++) {
        geo_point vertices[5000];
        uint32_t count = counts[i];
        shape_star(&random, (geo_point){163700000, 598500000}, 300000, count, vertices);
        geo_area *area = NULL;
        geo_area *zone = NULL;
        assert_int_equal(geo_area_new(vertices, &count, 1, &area), GEO_OK);
        double start_s = now_s();
        assert_int_equal(geo_zone_new(area, 25, i % 2 == 0, NULL, &zone), GEO_OK);
        printf("%u vertices: %.3f s, %u vertices in the zone\n", count, now_s() - start_s,
               zone->vertex_count);
        geo_area_free(area);
        geo_area_free(zone);
    }
}

/* Many sharp bends in one place, drawn with a brush a million times as wide: no honest shape. */
static void a_knot_under_a_wide_brush_is_too_big(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    enum {
        KNOT = 20000
    };
    geo_point *line = malloc(KNOT * sizeof *line);
    assert_non_null(line);
    for (uint32_t v = 0; v < KNOT; v++) {
        line[v].lon_e7 = 163700000 + (int32_t)shape_random(&random, -10, 10);
        line[v].lat_e7 = 598500000 + (int32_t)shape_random(&random, -10, 10);
    }
    geo_area *area = NULL;
    double start_s = now_s();
    geo_why why;
    assert_int_equal(geo_corridor_new(line, KNOT, 100000, &why, &area), GEO_TOO_BIG);
    assert_non_null(strstr(why.text, "make the distance smaller or the shape simpler"));
    printf("refused after %.3f s\n", now_s() - start_s);
    assert_null(area);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corridors_are_as_wide_as_promised_everywhere),
        cmocka_unit_test(a_line_of_one_place_is_a_circle),
        cmocka_unit_test(impossible_corridors_are_refused),
        cmocka_unit_test(zones_lie_along_the_boundary_at_one_side_of_it),
        cmocka_unit_test(a_zone_over_the_antimeridian_ignores_the_seam),
        cmocka_unit_test(a_zone_follows_the_antimeridian_where_the_area_ends_there),
        cmocka_unit_test(a_zone_may_lie_at_both_sides_of_the_map_and_in_its_middle),
        cmocka_unit_test(what_is_long_does_not_go_the_other_way_round),
        cmocka_unit_test(rings_do_not_touch_themselves),
        cmocka_unit_test(large_fences_get_their_zone_in_time),
        cmocka_unit_test(a_knot_under_a_wide_brush_is_too_big),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
