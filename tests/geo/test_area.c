/* tests/geo/test_area.c - making areas, and points in them. */
#include "geo/area.h"

#include "shapes.h"
#include "test.h"

static void assert_side(const geo_area *area, int32_t lon, int32_t lat, geo_side side)
{
    assert_int_equal(geo_area_locate(area, (geo_point){lon, lat}), side);
    assert_int_equal(geo_area_contains(area, (geo_point){lon, lat}), side != GEO_OUTSIDE);
}

static void a_square_has_an_inside_a_boundary_and_an_outside(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 10 0, 10 10, 0 10");
    assert_side(area, 5, 5, GEO_INSIDE);
    assert_side(area, 1, 9, GEO_INSIDE);
    assert_side(area, 0, 0, GEO_BOUNDARY);
    assert_side(area, 10, 10, GEO_BOUNDARY);
    assert_side(area, 10, 4, GEO_BOUNDARY);
    assert_side(area, 4, 10, GEO_BOUNDARY);
    assert_side(area, 11, 4, GEO_OUTSIDE);
    assert_side(area, -1, 0, GEO_OUTSIDE);
    assert_side(area, -1, 10, GEO_OUTSIDE);
    geo_area_free(area);
}

static void a_hole_is_outside_and_its_edge_is_boundary(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 10 0, 10 10, 0 10; 2 2, 8 2, 8 8, 2 8; 4 4, 6 4, 5 6");
    assert_side(area, 1, 5, GEO_INSIDE);
    assert_side(area, 2, 5, GEO_BOUNDARY);
    assert_side(area, 3, 5, GEO_OUTSIDE);
    assert_side(area, 5, 5, GEO_INSIDE);
    geo_area_free(area);
}

static void a_seam_at_the_antimeridian_is_inside(void **state)
{
    (void)state;
    geo_area *area = shape("1799999900 0, 1800000000 0, 1800000000 100, 1799999900 100;"
                           "-1800000000 0, -1799999900 0, -1799999900 50, -1800000000 50");
    assert_side(area, 1800000000, 20, GEO_INSIDE);
    assert_side(area, -1800000000, 20, GEO_INSIDE);
    assert_side(area, -1800000000, 0, GEO_BOUNDARY);
    assert_side(area, 1800000000, 50, GEO_BOUNDARY);
    assert_side(area, -1800000000, 70, GEO_BOUNDARY);
    assert_side(area, 1800000000, 101, GEO_OUTSIDE);
    assert_side(area, -1799999999, 51, GEO_OUTSIDE);
    geo_area_free(area);
}

static void structure_is_checked_and_repeated_vertices_are_left_out(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 0 0, 10 0, 10 10, 10 10, 0 0, 0 0");
    assert_int_equal(area->vertex_count, 3);
    assert_int_equal(area->ring_ends[0], 3);
    geo_area_free(area);

    area = NULL;
    assert_int_equal(shape_try("0 0, 10 0", &area), GEO_INVALID);
    assert_int_equal(shape_try("0 0, 10 0, 0 0, 10 0", &area), GEO_INVALID);
    assert_int_equal(shape_try("0 0, 10 0, 10 10; 5 5", &area), GEO_INVALID);
    assert_int_equal(shape_try("0 0, 1800000001 0, 10 10", &area), GEO_RANGE);
    assert_int_equal(shape_try("0 0, 10 0, 10 -900000001", &area), GEO_RANGE);
    assert_int_equal(geo_area_new(NULL, NULL, 0, &area), GEO_INVALID);
    geo_point corner = {0, 0};
    assert_int_equal(geo_area_new(&corner, (uint32_t[]){GEO_AREA_VERTICES_MAX + 1}, 1, &area),
                     GEO_TOO_BIG);
    assert_int_equal(geo_area_new(&corner, (uint32_t[]){3}, GEO_AREA_RINGS_MAX + 1, &area),
                     GEO_TOO_BIG);
    assert_null(area);
}

static void the_whole_world_does_not_overflow(void **state)
{
    (void)state;
    geo_area *area = shape("-1800000000 -900000000, 1800000000 900000000, -1800000000 900000000");
    assert_side(area, 0, 0, GEO_BOUNDARY);
    assert_side(area, 1, 0, GEO_OUTSIDE);
    assert_side(area, -1, 0, GEO_INSIDE);
    assert_side(area, 1799999998, 899999999, GEO_BOUNDARY);
    assert_side(area, 1799999997, 899999999, GEO_INSIDE);
    geo_area_free(area);
}

static void a_point_on_a_long_edge_is_on_it_and_its_neighbours_are_not(void **state)
{
    (void)state;
    /* Three times (599999999, 299999983) from corner to corner: the products take 61 bits. */
    geo_area *area = shape("-900000001 -449999977, 899999996 449999972, -900000001 449999972");
    for (int32_t i = 1; i < 3; i++) {
        int32_t lon = -900000001 + i * 599999999;
        int32_t lat = -449999977 + i * 299999983;
        assert_side(area, lon, lat, GEO_BOUNDARY);
        assert_side(area, lon + 1, lat, GEO_OUTSIDE);
        assert_side(area, lon - 1, lat, GEO_INSIDE);
        assert_side(area, lon, lat - 1, GEO_OUTSIDE);
        assert_side(area, lon + 2, lat + 1, GEO_INSIDE);
        assert_side(area, lon - 2, lat - 1, GEO_OUTSIDE);
    }
    geo_area_free(area);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_square_has_an_inside_a_boundary_and_an_outside),
        cmocka_unit_test(a_hole_is_outside_and_its_edge_is_boundary),
        cmocka_unit_test(a_seam_at_the_antimeridian_is_inside),
        cmocka_unit_test(structure_is_checked_and_repeated_vertices_are_left_out),
        cmocka_unit_test(the_whole_world_does_not_overflow),
        cmocka_unit_test(a_point_on_a_long_edge_is_on_it_and_its_neighbours_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
