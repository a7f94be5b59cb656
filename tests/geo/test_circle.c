/* tests/geo/test_circle.c - circles at every latitude are as round as promised. */
#include "geo/circle.h"

#include "geo/geodesic.h"
#include "shapes.h"
#include "test.h"

static double allowed_m(double radius_m)
{
    double part_m = radius_m * GEO_DERIVED_ERROR_PART;
    return part_m > GEO_DERIVED_ERROR_M ? part_m : GEO_DERIVED_ERROR_M;
}

static bool is_seam(geo_point a, geo_point b)
{
    return a.lon_e7 == b.lon_e7 && (a.lon_e7 == GEO_LON_E7_MAX || a.lon_e7 == -GEO_LON_E7_MAX);
}

static void assert_round(const geo_area *area, geo_point center, double radius_m)
{
    for (uint32_t r = 0, begin = 0; r < area->ring_count; begin = area->ring_ends[r++]) {
        uint32_t size = area->ring_ends[r] - begin;
        for (uint32_t v = 0; v < size; v++) {
            geo_point a = area->vertices[begin + v];
            geo_point b = area->vertices[begin + (v + 1) % size];
            for (int i = 0; i < 7 && !is_seam(a, b); i++) {
                geo_place at = {(a.lon_e7 + ((double)b.lon_e7 - a.lon_e7) * i / 7) / 1e7,
                                (a.lat_e7 + ((double)b.lat_e7 - a.lat_e7) * i / 7) / 1e7};
                double distance_m;
                assert_int_equal(geo_geodesic_inverse(geo_place_of(center), at, &distance_m, NULL),
                                 GEO_OK);
                assert_double_near(distance_m, radius_m, allowed_m(radius_m));
            }
        }
    }
    assert_true(geo_area_contains(area, center));
}

static void circles_are_round_everywhere(void **state)
{
    (void)state;
    const double radii_m[] = {1, 3, 10, 49.9, 500, 10000, 300000, 2000000};
    const int32_t lats_e7[] = {0, 123456789, -450000000, 598500000, -700000000, 850000000};
    const int32_t lons_e7[] = {163700000, 1800000000, -1799999990};
    for (size_t r = 0; r < sizeof radii_m / sizeof *radii_m; r++) {
        for (size_t i = 0; i < sizeof lats_e7 / sizeof *lats_e7; i++) {
            for (size_t j = 0; j < sizeof lons_e7 / sizeof *lons_e7; j++) {
                geo_point center = {lons_e7[j], lats_e7[i]};
                geo_area *area = NULL;
                geo_err err = geo_circle_new(center, radii_m[r], NULL, &area);
                bool has_pole = radii_m[r] > (90 - fabs(lats_e7[i] / 1e7)) * 111000;
                assert_int_equal(err, has_pole ? GEO_POLE : GEO_OK);
                if (err == GEO_OK) {
                    assert_round(area, center, radii_m[r]);
                    assert_int_equal(area->ring_count, 1 + (j > 0 && radii_m[r] > 0.2));
                    geo_area_free(area);
                }
            }
        }
    }
}

static void a_paddock_sized_circle_has_few_vertices(void **state)
{
    (void)state;
    geo_area *area = NULL;
    assert_int_equal(geo_circle_new((geo_point){163700000, 598500000}, 200, NULL, &area), GEO_OK);
    assert_true(area->vertex_count <= 52);
    geo_area_free(area);
}

static void impossible_circles_are_refused(void **state)
{
    (void)state;
    geo_area *area = NULL;
    geo_point center = {0, 0};
    assert_int_equal(geo_circle_new(center, 0, NULL, &area), GEO_RANGE);
    assert_int_equal(geo_circle_new(center, -5, NULL, &area), GEO_RANGE);
    assert_int_equal(geo_circle_new(center, NAN, NULL, &area), GEO_RANGE);
    assert_int_equal(geo_circle_new(center, INFINITY, NULL, &area), GEO_RANGE);
    assert_int_equal(geo_circle_new((geo_point){0, 900000001}, 5, NULL, &area), GEO_RANGE);
    assert_int_equal(geo_circle_new((geo_point){0, 900000000}, 5, NULL, &area), GEO_POLE);
    assert_int_equal(geo_circle_new((geo_point){0, 899999900}, 50, NULL, &area), GEO_POLE);
    assert_null(area);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(circles_are_round_everywhere),
        cmocka_unit_test(a_paddock_sized_circle_has_few_vertices),
        cmocka_unit_test(impossible_circles_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
