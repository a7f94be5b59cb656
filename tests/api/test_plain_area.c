/* tests/api/test_plain_area.c - the short way gives what the long way gives, or nothing. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/plain_area.h"
#include "base/hash.h"
#include "geo/geojson.h"
#include "geo/geojson_fence.h"

static geo_area *plain(const char *text)
{
    /* Exactly as long as it is, so that a sanitizer sees a step beyond. */
    size_t size = strlen(text);
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    geo_area *area = plain_area_new(copy, size);
    free(copy);
    return area;
}

static geo_area *general(const char *text)
{
    static const geo_geojson_options options = {.geometry_only = true};
    geo_geojson reader;
    geo_why why = {.text = ""};
    geo_area *area = NULL;
    static geo_feature feature;
    if (geo_geojson_open(text, strlen(text), &options, &reader, &why) == GEO_OK &&
        geo_geojson_next(&reader, &feature, &why) == GEO_OK) {
        if (geo_feature_area(&feature, &area, &why) != GEO_OK) {
            area = NULL;
        }
        geo_feature_fini(&feature);
    }
    return area;
}

static void assert_taken(const char *text, bool is_taken)
{
    geo_area *area = plain(text);
    if ((area != NULL) != is_taken) {
        fail_msg("%s: %s", is_taken ? "not taken" : "taken", text);
    }
    geo_area_free(area);
}

static void what_clients_write_is_taken(void **state)
{
    (void)state;
    assert_taken("{\"type\":\"Polygon\",\"coordinates\":[[[16,59],[16.1,59],[16.1,59.1],[16,59]]]}",
                 true);
    assert_taken(" { \"coordinates\" : [ [ [ -1.5 , 0 ] ,[1,0.0000001],\n[0,-0.5],[-1.50,0] ]\t] ,"
                 "\"type\":\"Polygon\"}\r\n",
                 true);
}

static void anything_else_is_left_to_the_general_reader(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "{",
        "[]",
        "{\"type\":\"Polygon\"}",
        "{\"type\":\"Polygon\",\"coordinates\":[]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]}x",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]],\"bbox\":[0,0,1,1]}",
        "{\"type\":\"Polygon\",\"type\":\"Point\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]}",
        "{\"type\":\"Polygons\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]}",
        /* not closed, two vertices, two rings, heights */
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,1]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[0,0]]]}",
        ("{\"type\":\"Polygon\","
         "\"coordinates\":[[[0,0],[9,0],[9,9],[0,0]],[[1,1],[2,1],[2,2],[1,1]]]}"),
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0,1],[1,0,1],[1,1,1],[0,0,1]]]}",
        /* numbers that are none, or that need rounding */
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[01,0],[1,1],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1.,0],[1,1],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[.5,0],[1,1],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[- 1,0],[1,1],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[+1,0],[1,1],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1e0,0],[1,1],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1.00000001,0],[1,1],[0,0]]]}",
        /* the antimeridian, a pole, beyond the world, the long way round */
        "{\"type\":\"Polygon\",\"coordinates\":[[[170,0],[180,0],[180,1],[170,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[170,0],[181,0],[180,1],[170,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,90],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[-170,0],[170,0],[170,1],[-170,0]]]}",
        /* a bow tie, a vertex on an edge, one on a line between its neighbours, one that repeats */
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,4],[2,0],[0,4],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[2,0],[1,1],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,0],[1,1],[0,0]]]}",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_taken(others[i], false);
    }
}

/* A ring around a centre, with now and then a corner pulled through the others. */
static size_t put_ring(hr_random *random, char *text, size_t size)
{
    uint32_t count = 3 + (uint32_t)hr_random_below(random, PLAIN_AREA_VERTICES_MAX);
    double reach =
        hr_random_below(random, 8) == 0 ? 100 : 1e-6 * (1 << hr_random_below(random, 24));
    char first[64] = "";
    size_t used = (size_t)snprintf(text, size, "{\"type\":\"Polygon\",\"coordinates\":[[");
    for (uint32_t i = 0; i < count; i++) {
        char vertex[64];
        double lon = reach * ((double)hr_random_below(random, 2001) / 1000 - 1) + 3;
        double lat = reach / 2 * ((double)hr_random_below(random, 2001) / 1000 - 1) - 40;
        snprintf(vertex, sizeof vertex, "[%.7f,%.7f]", lon, lat);
        used += (size_t)snprintf(text + used, size - used, "%s,", vertex);
        if (i == 0) {
            memcpy(first, vertex, sizeof first);
        }
    }
    return used + (size_t)snprintf(text + used, size - used, "%s]]}", first);
}

static void what_is_taken_is_the_same_area(void **state)
{
    (void)state;
    hr_random random = {.state = test_seed(__func__)};
    unsigned taken = 0;
    for (int i = 0; i < 20000; i++) {
        char text[1024];
        (void)put_ring(&random, text, sizeof text);
        geo_area *quick = plain(text);
        if (quick == NULL) {
            continue;
        }
        taken++;
        geo_area *whole = general(text);
        assert_non_null(whole);
        assert_memory_equal(&quick->box, &whole->box, sizeof quick->box);
        assert_int_equal(quick->vertex_count, whole->vertex_count);
        for (int n = 0; n < 20; n++) {
            geo_point at = {quick->vertices[n % (int)quick->vertex_count].lon_e7,
                            quick->vertices[(n + 1) % (int)quick->vertex_count].lat_e7};
            at.lon_e7 += (int32_t)hr_random_below(&random, 3) - 1;
            at.lat_e7 += (int32_t)hr_random_below(&random, 3) - 1;
            assert_int_equal(geo_area_locate(quick, at), geo_area_locate(whole, at));
        }
        geo_area_free(whole);
        geo_area_free(quick);
    }
    assert_true(taken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_clients_write_is_taken),
        cmocka_unit_test(anything_else_is_left_to_the_general_reader),
        cmocka_unit_test(what_is_taken_is_the_same_area),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
