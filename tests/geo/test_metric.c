/* tests/geo/test_metric.c - the cosine table and "farther than". */
#include "geo/metric.h"

#include "geo/cos_table.h"
#include "shapes.h"
#include "test.h"

static void the_table_holds_rounded_cosines(void **state)
{
    (void)state;
    const long double pi = 3.14159265358979323846264338327950288L;
    for (int i = 0; i < GEO_COS_TABLE_COUNT; i++) {
        long double cosine = cosl(pi * i / 18000);
        assert_int_equal(geo_cos_table[i], (uint32_t)floorl(GEO_COS_ONE * cosine + 0.5L));
    }
}

static void a_degree_of_latitude_is_111319_491_metres(void **state)
{
    (void)state;
    geo_point from = {0, 0};
    geo_point to = {0, 10000000};
    assert_true(geo_metric_farther_than(from, to, UINT64_C(111319490999)));
    assert_false(geo_metric_farther_than(from, to, UINT64_C(111319491000)));
}

static void a_square_knows_how_far_its_boundary_is(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 10000 0, 10000 10000, 0 10000");
    /* 5,000 units of latitude are 55.66 m. */
    assert_true(geo_boundary_farther(area, (geo_point){5000, 5000}, 556));
    assert_false(geo_boundary_farther(area, (geo_point){5000, 5000}, 557));
    assert_true(geo_boundary_farther(area, (geo_point){15000, 5000}, 556));
    assert_false(geo_boundary_farther(area, (geo_point){15000, 5000}, 557));
    assert_true(geo_boundary_farther(area, (geo_point){1, 1}, 0));
    assert_false(geo_boundary_farther(area, (geo_point){0, 1}, 0));
    geo_area_free(area);
}

/* 10^9 units of latitude are 111,319,491 decimetres, without a remainder. */
static void farther_is_strict_to_the_last_unit(void **state)
{
    (void)state;
    geo_area *area = shape("-100 500000000, 100 500000000, 0 600000000");
    assert_false(geo_boundary_farther(area, (geo_point){0, -500000000}, 111319491));
    assert_true(geo_boundary_farther(area, (geo_point){0, -500000000}, 111319490));
    assert_true(geo_boundary_farther(area, (geo_point){0, -500000001}, 111319491));
    geo_area_free(area);

    geo_point north = {0, 10000};
    assert_false(geo_metric_farther_than((geo_point){0, 0}, north, 111319491));
    assert_true(geo_metric_farther_than((geo_point){0, 0}, north, 111319490));
    assert_true(geo_metric_farther_than((geo_point){0, 1}, (geo_point){0, 0}, 0));
    assert_false(geo_metric_farther_than((geo_point){7, 1}, (geo_point){7, 1}, 0));
    assert_false(geo_metric_farther_than((geo_point){0, 0}, north, UINT64_MAX));
}

static void longitudes_shrink_with_the_latitude_of_the_newer_point(void **state)
{
    (void)state;
    /* cos(60) is exactly one half, at 59.995 and at 60.00499 as well. */
    uint64_t half_um = UINT64_C(55659745500);
    geo_point older = {0, 0};
    for (int32_t lat_e7 = 599950000; lat_e7 <= 600049999; lat_e7 += 49999) {
        older.lat_e7 = lat_e7;
        assert_false(geo_metric_farther_than(older, (geo_point){10000000, lat_e7}, half_um));
        assert_true(geo_metric_farther_than(older, (geo_point){10000000, lat_e7}, half_um - 1));
        older.lat_e7 = -lat_e7;
        assert_true(geo_metric_farther_than(older, (geo_point){10000000, -lat_e7}, half_um - 1));
    }
    assert_false(geo_metric_farther_than((geo_point){90000000, 900000000},
                                         (geo_point){-50000000, 900000000}, 0));
}

static void the_short_way_round_counts(void **state)
{
    (void)state;
    geo_point east = {1799999000, 0};
    geo_point west = {-1799999000, 0};
    assert_true(geo_metric_farther_than(east, west, 22263898));
    assert_false(geo_metric_farther_than(east, west, 22263899));
    assert_true(geo_metric_farther_than(west, east, 22263898));
    assert_false(geo_metric_farther_than(west, east, 22263899));
    geo_area *area = shape("1799990000 -9000, 1799999000 -9000, 1799999000 9000, 1799990000 9000");
    assert_true(geo_boundary_farther(area, west, 222));
    assert_false(geo_boundary_farther(area, west, 223));
    geo_area_free(area);
    area = shape("-1799990000 -9000, -1799999000 -9000, -1799999000 9000, -1799990000 9000");
    assert_true(geo_boundary_farther(area, east, 222));
    assert_false(geo_boundary_farther(area, east, 223));
    geo_area_free(area);
}

static void a_seam_is_no_boundary_where_the_area_goes_on(void **state)
{
    (void)state;
    geo_area *area = shape("1799990000 -9000, 1800000000 -9000, 1800000000 9000, 1799990000 9000;"
                           "-1800000000 -9000, -1799990000 -9000, -1799990000 0, -1800000000 0");
    geo_point south = {1799999990, -4500};
    assert_true(geo_boundary_farther(area, south, 500));
    assert_false(geo_boundary_farther(area, south, 501));
    south.lon_e7 = -1799999990;
    assert_true(geo_boundary_farther(area, south, 500));
    south.lon_e7 = -1800000000;
    assert_true(geo_boundary_farther(area, south, 500));
    geo_point north = {1799999990, 4500};
    assert_true(geo_boundary_farther(area, north, 1));
    assert_false(geo_boundary_farther(area, north, 2));
    north.lon_e7 = -1799999990;
    assert_true(geo_boundary_farther(area, north, 1));
    assert_false(geo_boundary_farther(area, north, 2));
    geo_area_free(area);
}

/* Distance from the origin to a segment, by another formula than the one under test. */
static long double slow_distance(long double ax, long double ay, long double bx, long double by)
{
    long double dx = bx - ax;
    long double dy = by - ay;
    long double t = -(ax * dx + ay * dy) / (dx * dx + dy * dy);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return hypotl(ax + t * dx, ay + t * dy);
}

static long double slow_boundary_dm(const geo_area *area, geo_point point)
{
    long double nearest = HUGE_VALL;
    int32_t lat_e7 = point.lat_e7 < 0 ? -point.lat_e7 : point.lat_e7;
    long double c = geo_cos_table[(lat_e7 + 50000) / 100000] / 65536.0L;
    for (uint32_t r = 0, begin = 0; r < area->ring_count; begin = area->ring_ends[r++]) {
        uint32_t size = area->ring_ends[r] - begin;
        for (uint32_t v = 0; v < size; v++) {
            geo_point a = area->vertices[begin + v];
            geo_point b = area->vertices[begin + (v + 1) % size];
            for (long double turn = -3.6e9L; turn < 4e9L; turn += 3.6e9L) {
                long double ax = a.lon_e7 + turn - point.lon_e7;
                long double bx = b.lon_e7 + turn - point.lon_e7;
                long double here =
                    slow_distance(ax * c, a.lat_e7 - point.lat_e7, bx * c, b.lat_e7 - point.lat_e7);
                nearest = here < nearest ? here : nearest;
            }
        }
    }
    return nearest * 0.111319491L;
}

static void random_distances_equal_long_doubles_where_those_are_sure(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    uint32_t unsure = 0;
    for (int round = 0; round < 20000; round++) {
        int64_t size = shape_random(&random, 0, 1) == 0 ? 20000 : 800000000;
        geo_point vertices[6];
        uint32_t count = (uint32_t)shape_random(&random, 3, 6);
        int64_t lon_e7 = shape_random(&random, -1, 1) * (1800000000 - size);
        for (uint32_t v = 0; v < count; v++) {
            vertices[v].lon_e7 = (int32_t)(lon_e7 + shape_random(&random, -size, size));
            vertices[v].lat_e7 = (int32_t)shape_random(&random, -size, size);
        }
        geo_point point = {(int32_t)(lon_e7 + shape_random(&random, -size, size)),
                           (int32_t)shape_random(&random, -size, size)};
        geo_area *area = NULL;
        assert_int_equal(geo_area_new(vertices, &count, 1, &area), GEO_OK);
        long double distance_dm = slow_boundary_dm(area, point);
        for (int i = 0; i < 5; i++) {
            int64_t around = (int64_t)distance_dm + shape_random(&random, -2, 2);
            uint32_t limit_dm = around < 0 ? 0 : (uint32_t)around;
            if (fabsl(distance_dm - limit_dm) > 1e-9L * distance_dm + 1e-9L) {
                assert_int_equal(geo_boundary_farther(area, point, limit_dm),
                                 distance_dm > limit_dm);
            } else {
                unsure++;
            }
        }
        geo_area_free(area);
    }
    assert_true(unsure < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds_rounded_cosines),
        cmocka_unit_test(a_degree_of_latitude_is_111319_491_metres),
        cmocka_unit_test(a_square_knows_how_far_its_boundary_is),
        cmocka_unit_test(farther_is_strict_to_the_last_unit),
        cmocka_unit_test(longitudes_shrink_with_the_latitude_of_the_newer_point),
        cmocka_unit_test(the_short_way_round_counts),
        cmocka_unit_test(a_seam_is_no_boundary_where_the_area_goes_on),
        cmocka_unit_test(random_distances_equal_long_doubles_where_those_are_sure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
