/* tests/geo/test_geodesic.c - distances, destinations, geodesic edges, areas and perimeters. */
#include "geo/geodesic.h"

#include <stdlib.h>

#include "geo/area.h"
#include "geo/measure.h"
#include "shapes.h"
#include "test.h"

static const double pi = 3.141592653589793;

static double distance(double lon1, double lat1, double lon2, double lat2)
{
    double distance_m = -1;
    geo_err err =
        geo_geodesic_inverse((geo_place){lon1, lat1}, (geo_place){lon2, lat2}, &distance_m, NULL);
    assert_int_equal(err, GEO_OK);
    return distance_m;
}

static void distances_equal_known_ones(void **state)
{
    (void)state;
    /* A quarter of a meridian, a degree of the equator. */
    assert_double_near(distance(0, 0, 0, 90), 10001965.7293, 0.001);
    assert_double_near(distance(0, 0, 1, 0), 2 * pi * 6378137 / 360, 0.0001);
    assert_double_near(distance(179.5, 0, -179.5, 0), 2 * pi * 6378137 / 360, 0.0001);
    /* Flinders Peak to Buninyong, on WGS84's near twin GRS 80. */
    double from_lon = 144 + 25 / 60.0 + 29.52440 / 3600;
    double from_lat = -(37 + 57 / 60.0 + 3.72030 / 3600);
    double to_lon = 143 + 55 / 60.0 + 35.38390 / 3600;
    double to_lat = -(37 + 39 / 60.0 + 10.15610 / 3600);
    assert_double_near(distance(from_lon, from_lat, to_lon, to_lat), 54972.271, 0.001);
    assert_double_near(distance(16.37, 59.85, 16.37, 59.85), 0, 0);
    double unused;
    assert_int_equal(
        geo_geodesic_inverse((geo_place){0, 0}, (geo_place){179.9, 0.1}, &unused, NULL),
        GEO_INVALID);
}

static void a_destination_is_as_far_as_one_went(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    for (int round = 0; round < 20000; round++) {
        geo_place from = {(double)shape_random(&random, -180, 180),
                          (double)shape_random(&random, -8999, 8999) / 100};
        double azimuth = (double)shape_random(&random, -3141, 3141) / 1000;
        double length_m = (double)shape_random(&random, 1, 15000000);
        geo_place to = geo_geodesic_direct(from, azimuth, length_m);
        double distance_m;
        double back;
        assert_int_equal(geo_geodesic_inverse(from, to, &distance_m, &back), GEO_OK);
        assert_double_near(distance_m, length_m, 0.001);
        assert_double_near(
            remainder(back - azimuth, 2 * pi) * length_m * cos(from.lat_deg * pi / 180), 0, 0.1);
    }
}

static void a_place_is_rounded_and_wrapped(void **state)
{
    (void)state;
    geo_point point = geo_place_round((geo_place){180.00000006, -12.34567894});
    assert_int_equal(point.lon_e7, -1799999999);
    assert_int_equal(point.lat_e7, -123456789);
    point = geo_place_round(geo_place_of((geo_point){-1799999999, 899999999}));
    assert_int_equal(point.lon_e7, -1799999999);
    assert_int_equal(point.lat_e7, 899999999);
}

/* ---- geodesic edges ---- */

static void geodesic_edges_stay_close_to_the_geodesic(void **state)
{
    (void)state;
    const geo_point ring[] = {
        {1600000000, 500000000}, {-1500000000, 600000000}, {-1650000000, -100000000}};
    uint32_t end = 3;
    uint32_t dense_end = 0;
    geo_point *dense = NULL;
    assert_int_equal(geo_densify(ring, &end, 1, NULL, &dense, &dense_end), GEO_OK);
    assert_true(dense_end > 1000);
    uint32_t corner = 0;
    geo_place start = geo_place_of(ring[0]);
    double azimuth = 0;
    double length_m = 0;
    assert_int_equal(geo_geodesic_inverse(start, geo_place_of(ring[1]), &length_m, &azimuth), 0);
    for (uint32_t v = 0; v + 1 < dense_end; v++) {
        if (corner < 2 && dense[v].lon_e7 == ring[corner + 1].lon_e7 &&
            dense[v].lat_e7 == ring[corner + 1].lat_e7) {
            corner++;
            start = geo_place_of(ring[corner]);
            geo_place to = geo_place_of(ring[(corner + 1) % 3]);
            assert_int_equal(geo_geodesic_inverse(start, to, &length_m, &azimuth), GEO_OK);
        }
        geo_place a = geo_place_of(dense[v]);
        geo_place b = geo_place_of(dense[v + 1]);
        for (int i = 0; i < 8; i++) {
            geo_place at = {a.lon_deg + remainder(b.lon_deg - a.lon_deg, 360) * i / 8,
                            a.lat_deg + (b.lat_deg - a.lat_deg) * i / 8};
            double along_m = distance(start.lon_deg, start.lat_deg, at.lon_deg, at.lat_deg);
            geo_place on = geo_geodesic_direct(start, azimuth, along_m);
            assert_double_near(distance(on.lon_deg, on.lat_deg, at.lon_deg, at.lat_deg), 0,
                               GEO_DENSIFY_ERROR_M * 1.1 + 0.012);
        }
    }
    assert_int_equal(corner, 2);
    free(dense);
}

/* The vertices of the edge from one place to another, as its ring has them, and how many. */
static uint32_t edge_of(geo_point from, geo_point to, geo_point **dense)
{
    const geo_point ring[] = {from, to, {100000000, 850000000}};
    uint32_t end = 3;
    uint32_t dense_end;
    assert_int_equal(geo_densify(ring, &end, 1, NULL, dense, &dense_end), GEO_OK);
    uint32_t count = 0;
    while ((*dense)[count].lon_e7 != to.lon_e7 || (*dense)[count].lat_e7 != to.lat_e7) {
        count++;
    }
    return count;
}

static void neighbours_share_the_vertices_of_a_geodesic_edge(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    for (int round = 0; round < 30; round++) {
        geo_point from = {(int32_t)shape_random(&random, -600000000, 0),
                          (int32_t)shape_random(&random, 100000000, 700000000)};
        geo_point to = {(int32_t)shape_random(&random, 100000000, 600000000),
                        (int32_t)shape_random(&random, -700000000, 700000000)};
        geo_point *there = NULL;
        geo_point *back = NULL;
        uint32_t count = edge_of(from, to, &there);
        assert_true(count > 100);
        assert_int_equal(edge_of(to, from, &back), count);
        for (uint32_t v = 0; v <= count; v++) {
            assert_int_equal(there[v].lon_e7, back[count - v].lon_e7);
            assert_int_equal(there[v].lat_e7, back[count - v].lat_e7);
        }
        free(there);
        free(back);
    }
}

static void unknowable_and_endless_geodesics_are_refused(void **state)
{
    (void)state;
    const geo_point opposite[] = {{0, 0}, {1799000000, 1000000}, {900000000, 500000000}};
    uint32_t end = 3;
    uint32_t dense_end;
    geo_point *dense = NULL;
    geo_why why;
    assert_int_equal(geo_densify(opposite, &end, 1, &why, &dense, &dense_end), GEO_INVALID);
    assert_string_equal(
        why.text, "ring 0, the geodesic edge at 0,0: its ends are nearly opposite each other");
    geo_point many[64];
    for (uint32_t v = 0; v < 64; v++) {
        many[v] = (geo_point){v % 2 == 0 ? 0 : 1500000000, 500000000 + (int32_t)v};
    }
    end = 64;
    assert_int_equal(geo_densify(many, &end, 1, &why, &dense, &dense_end), GEO_TOO_BIG);
    assert_null(dense);
}

/* ---- sizes ---- */

static geo_measure measure(const char *text)
{
    geo_area *area = shape(text);
    geo_measure size;
    assert_int_equal(geo_area_measure(area, &size), GEO_OK);
    geo_area_free(area);
    return size;
}

static void areas_equal_known_ones(void **state)
{
    (void)state;
    /* The whole ellipsoid, but for what lies beyond 89.9999999 degrees. */
    geo_measure world = measure("-1800000000 -899999999, 0 -899999999, 1800000000 -899999999, "
                                "1800000000 899999999, 0 899999999, -1800000000 899999999");
    assert_double_near(world.area_ha, 510065621724088.44 / 1e4, 1);
    /* A hectare at 60 degrees north, with a hole of a quarter of it: there a unit of longitude is
     * 0.00558000 m long, and one of latitude 0.01114123 m. */
    geo_measure field = measure("0 600000000, 17921 600000000, 17921 600008976, 0 600008976;"
                                "4480 600002244, 13440 600002244, 13440 600006732, 4480 600006732");
    assert_double_near(field.area_ha, 0.75, 0.0001);
    assert_double_near(field.perimeter_m, 600, 0.03);
}

static void a_seam_has_no_length_and_crossing_rings_no_area(void **state)
{
    (void)state;
    geo_measure whole = measure("0 0, 20000 0, 20000 10000, 0 10000");
    geo_measure cut = measure("1799990000 0, 1800000000 0, 1800000000 10000, 1799990000 10000;"
                              "-1800000000 0, -1799990000 0, -1799990000 10000, -1800000000 10000");
    assert_double_near(cut.area_ha, whole.area_ha, 1e-9);
    assert_double_near(cut.perimeter_m, whole.perimeter_m, 1e-6);
    /* A side on the antimeridian is one, and so is what is left of a seam beside a notch. */
    geo_measure touching =
        measure("1799980000 0, 1800000000 0, 1800000000 10000, 1799980000 10000");
    assert_double_near(touching.perimeter_m, whole.perimeter_m, 1e-6);
    geo_measure notched =
        measure("1799990000 0, 1800000000 0, 1800000000 2000, 1799995000 2000, 1799995000 7000,"
                "1800000000 7000, 1800000000 10000, 1799990000 10000;"
                "-1800000000 0, -1799990000 0, -1799990000 10000, -1800000000 10000");
    geo_measure notch = measure("0 2000, 5000 2000, 5000 7000, 0 7000");
    assert_double_near(notched.area_ha, whole.area_ha - notch.area_ha, 1e-9);
    assert_double_near(notched.perimeter_m, whole.perimeter_m + notch.perimeter_m, 1e-6);
    geo_area *area = shape("0 0, 10 10, 10 0, 0 10");
    geo_measure size;
    assert_int_equal(geo_area_measure(area, &size), GEO_INVALID);
    geo_area_free(area);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_equal_known_ones),
        cmocka_unit_test(a_destination_is_as_far_as_one_went),
        cmocka_unit_test(a_place_is_rounded_and_wrapped),
        cmocka_unit_test(geodesic_edges_stay_close_to_the_geodesic),
        cmocka_unit_test(neighbours_share_the_vertices_of_a_geodesic_edge),
        cmocka_unit_test(unknowable_and_endless_geodesics_are_refused),
        cmocka_unit_test(areas_equal_known_ones),
        cmocka_unit_test(a_seam_has_no_length_and_crossing_rings_no_area),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
