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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds_rounded_cosines),
        cmocka_unit_test(a_degree_of_latitude_is_111319_491_metres),
        cmocka_unit_test(a_square_knows_how_far_its_boundary_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
