/* tests/geo/test_geojson.c - features as people write them, good and bad. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geo/area.h"
#include "geo/geojson_fence.h"
#include "test.h"

#define SQUARE "[[[0,0],[1,0],[1,1],[0,1],[0,0]]]"
#define POLYGON "{\"type\":\"Polygon\",\"coordinates\":" SQUARE "}"

static geo_err read_one(const char *text, bool close_rings, geo_feature *feature, geo_why *why)
{
    geo_geojson reader;
    geo_geojson_options options = {.close_rings = close_rings};
    geo_err err = geo_geojson_open(text, strlen(text), &options, &reader, why);
    return err == GEO_OK ? geo_geojson_next(&reader, feature, why) : err;
}

static void a_feature_with_everything_is_read(void **state)
{
    (void)state;
    geo_feature f;
    geo_why why = {""};
    const char *text =
        "{\"geometry\":" POLYGON ",\"properties\":{\"name\":\"S\\u00f6dra\",\"intent\":\"keep-in\","
        "\"groups\":[\"cows\",\"calves\"],\"dwell_s\":90,\"approach_m\":12.345,\"confirm_fixes\":3,"
        "\"expires_at\":\"2026-11-20T08:00:00Z\",\"geodesic\":true,\"color\":\"#f00\",\"unknown\":["
        "{}],"
        "\"schedule\":{\"tz\":\"Europe/Stockholm\",\"weekly\":[{\"days\":[\"mon\",\"sun\"],"
        "\"from\":\"22:30\",\"to\":\"24:00\"}]}},\"id\":\"south\",\"type\":\"Feature\"}";
    if (read_one(text, false, &f, &why) != GEO_OK) {
        fail_msg("%s", why.text);
    }
    assert_string_equal(f.id, "south");
    assert_string_equal(f.name, "S\xC3\xB6"
                                "dra");
    assert_int_equal(f.intent, GEO_KEEP_IN);
    assert_int_equal(f.group_count, 2);
    assert_string_equal(f.groups[1], "calves");
    assert_int_equal(f.dwell_s, 90);
    assert_int_equal(f.approach_cm, 1235);
    assert_int_equal(f.confirm_fixes, 3);
    assert_int_equal(f.expires_at_ms, INT64_C(1795161600000));
    assert_true(f.geodesic);
    assert_string_equal(f.color, "#f00");
    assert_true(f.has_schedule);
    assert_int_equal(f.schedule.count, 1);
    assert_int_equal(f.schedule.times[0].days, 1 | 64);
    assert_int_equal(f.schedule.times[0].from_min, 22 * 60 + 30);
    assert_int_equal(f.schedule.times[0].to_min, GEO_DAY_MINUTES);
    assert_int_equal(f.kind, GEO_FEATURE_POLYGON);
    assert_int_equal(f.vertex_count, 4);
    assert_int_equal(f.ring_count, 1);
    geo_feature_fini(&f);
}

static void what_is_not_said_is_the_default(void **state)
{
    (void)state;
    geo_feature f;
    assert_int_equal(
        read_one("{\"type\":\"Feature\",\"id\":17.50,\"properties\":null,\"geometry\":" POLYGON "}",
                 false, &f, NULL),
        GEO_OK);
    assert_string_equal(f.id, "17.50");
    assert_int_equal(f.intent, GEO_INFO);
    assert_int_equal(f.expires_at_ms, GEO_NEVER_MS);
    assert_false(f.has_schedule);
    geo_feature_fini(&f);
    assert_int_equal(read_one(POLYGON, false, &f, NULL), GEO_OK);
    assert_string_equal(f.id, "");
    geo_feature_fini(&f);
}

static void multipolygons_keep_which_ring_is_whose(void **state)
{
    (void)state;
    geo_feature f;
    const char *text = "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[9,0],[9,9,120],[0,0]],"
                       "[[5,2],[6,2],[6,3],[5,2]]],[[[20,0],[29,0],[29,9],[20,0]]]]}";
    assert_int_equal(read_one(text, false, &f, NULL), GEO_OK);
    assert_int_equal(f.ring_count, 3);
    assert_int_equal(f.ring_polygons[0], 0);
    assert_int_equal(f.ring_polygons[1], 0);
    assert_int_equal(f.ring_polygons[2], 1);
    assert_int_equal(f.ring_ends[2], 9);
    geo_feature_fini(&f);
}

static void circles_and_corridors_keep_their_size(void **state)
{
    (void)state;
    geo_feature f;
    geo_area *area = NULL;
    assert_int_equal(
        read_one("{\"type\":\"Feature\",\"properties\":{\"radius_m\":50.5},\"geometry\":"
                 "{\"type\":\"Point\",\"coordinates\":[16.5,59.25]}}",
                 false, &f, NULL),
        GEO_OK);
    assert_int_equal(f.kind, GEO_FEATURE_CIRCLE);
    assert_int_equal(f.size_cm, 5050);
    assert_int_equal(geo_feature_area(&f, &area, NULL), GEO_OK);
    assert_true(geo_area_contains(area, (geo_point){165000000, 592500000}));
    geo_area_free(area);
    geo_feature_fini(&f);
    for (int geodesic = 0; geodesic < 2; geodesic++) {
        char text[256];
        snprintf(
            text, sizeof text,
            "{\"type\":\"Feature\",\"properties\":{\"width_m\":30,\"geodesic\":%s},\"geometry\":"
            "{\"type\":\"LineString\",\"coordinates\":[[16,59],[17,59]]}}",
            geodesic ? "true" : "false");
        assert_int_equal(read_one(text, false, &f, NULL), GEO_OK);
        assert_int_equal(f.kind, GEO_FEATURE_CORRIDOR);
        assert_int_equal(f.size_cm, 3000);
        assert_int_equal(geo_feature_area(&f, &area, NULL), GEO_OK);
        /* Half way, the geodesic is 220 m north of the parallel. */
        assert_int_equal(geo_area_contains(area, (geo_point){165000000, 590000000}), !geodesic);
        assert_true(geo_area_contains(area, (geo_point){160000000, 590000000}));
        assert_true(geo_area_contains(area, (geo_point){170000000, 590000000}));
        geo_area_free(area);
        geo_feature_fini(&f);
    }
}

static void a_ring_may_be_closed_for_its_writer(void **state)
{
    (void)state;
    geo_feature f;
    const char *text = "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,1]]]}";
    assert_int_equal(read_one(text, false, &f, NULL), GEO_INVALID);
    assert_int_equal(read_one(text, true, &f, NULL), GEO_OK);
    assert_int_equal(f.vertex_count, 4);
    geo_feature_fini(&f);
}

#define FEATURE(properties, geometry)                                                              \
    "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\","                         \
    "\"properties\":" properties ",\"geometry\":" geometry "}]}"
#define WITH(properties) FEATURE(properties, POLYGON)
#define RING(positions) FEATURE("{}", "{\"type\":\"Polygon\",\"coordinates\":[" positions "]}")
#define WEEKLY(time) WITH("{\"schedule\":{\"tz\":\"UTC\",\"weekly\":[" time "]}}")

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    const char *cases[][2] = {
        {"", "line 1, column 1: the text ends too early"},
        {"{\"type\":\"Feature\",\n \"a\":nul}", "line 2, column 6: not a value"},
        {"[]", "not GeoJSON"},
        {"{}", "not GeoJSON"},
        {"{\"type\":\"Topology\"}", "\"type\" is neither"},
        {"{\"type\":\"FeatureCollection\"}", "the FeatureCollection has no array"},
        {"{\"type\":\"FeatureCollection\",\"features\":[3]}", "feature 0: not an object"},
        {"{\"type\":\"Feature\"}", "no geometry"},
        {"{\"type\":\"Feature\",\"geometry\":null}", "the geometry is not an object"},
        {FEATURE("{}", "{\"type\":\"Point\",\"coordinates\":[1,2]}"),
         "feature 0: radius_m must be"},
        {FEATURE("{\"radius_m\":-1}", "{\"type\":\"Point\",\"coordinates\":[1,2]}"),
         "feature 0: radius_m must be"},
        {FEATURE("{\"radius_m\":1e400}", "{\"type\":\"Point\",\"coordinates\":[1,2]}"),
         "feature 0: radius_m must be"},
        {FEATURE("{}", "{\"type\":\"MultiPoint\",\"coordinates\":[[1,2]]}"),
         "feature 0: a geometry of type MultiPoint"},
        {RING("[[0,0],[1,0],[1,1],[0,1]]"), "feature 0: geometry ring 0 is not closed"},
        {RING("[[0,0],[1,0],[1,1],[0,0]],[[0,0],[1,0],[1,1],[5,5]]"),
         "feature 0: geometry ring 1 is not closed"},
        {RING("[[0,0],[1,0],[0,0]]"), "feature 0: geometry ring 0 has fewer than 3"},
        {RING("[[0,0],[181,0],[1,1],[0,0]]"), "feature 0: geometry ring 0 has the longitude 181"},
        {RING("[[0,0],[1,90.00000005],[1,1],[0,0]]"),
         "feature 0: geometry ring 0 has the latitude"},
        {RING("[[0,0],[1,1e400],[1,1],[0,0]]"),
         "feature 0: geometry ring 0 has the latitude 1e400"},
        {RING("[[0,0],[1],[1,1],[0,0]]"), "feature 0: geometry ring 0 has a position that is not"},
        {RING("[[0,0],[\"1\",2],[1,1],[0,0]]"),
         "feature 0: geometry ring 0 has a position that is not"},
        {RING("[[0,0],[1,2,[]],[1,1],[0,0]]"),
         "feature 0: geometry ring 0 has a position that is not"},
        {RING("5"), "feature 0: geometry ring 0 is not an array"},
        {RING(""), "feature 0: geometry ring 0 is missing"},
        {FEATURE("{}", "{\"type\":\"MultiPolygon\",\"coordinates\":[" SQUARE
                       ",[[[0,0],[1,0],[1,1],[0,1]]]]}"),
         "feature 0: geometry polygon 1 ring 0 is not closed"},
        {WITH("{\"name\":5}"), "feature 0: name must be"},
        {WITH("{\"intent\":\"keepin\"}"), "feature 0: intent must be"},
        {WITH("{\"groups\":\"cows\"}"), "feature 0: groups must be"},
        {WITH("{\"groups\":[\"\"]}"), "feature 0: groups must be"},
        {WITH("{\"dwell_s\":-5}"), "feature 0: dwell_s must be"},
        {WITH("{\"dwell_s\":\"5\"}"), "feature 0: dwell_s must be"},
        {WITH("{\"dwell_s\":0.4}"), "feature 0: dwell_s must be a whole number"},
        {WITH("{\"confirm_fixes\":1.5}"), "feature 0: confirm_fixes must be a whole number"},
        {WITH("{\"confirm_fixes\":101}"), "feature 0: confirm_fixes must be"},
        {WITH("{\"expires_at\":\"soon\"}"), "feature 0: expires_at must be"},
        {WITH("{\"geodesic\":1}"), "feature 0: geodesic must be"},
        {WITH("{\"schedule\":{}}"), "feature 0: schedule needs a time zone"},
        {WITH("{\"schedule\":{\"tz\":\"UTC\"}}"), "feature 0: schedule needs an array"},
        {WEEKLY("7"), "feature 0: schedule.weekly must be"},
        {WEEKLY("{\"days\":[],\"from\":\"06:00\",\"to\":\"07:00\"}"),
         "feature 0: schedule.weekly[0].days"},
        {WEEKLY("{\"days\":[\"mon\"],\"from\":\"6:00\",\"to\":\"07:00\"}"),
         "feature 0: schedule.weekly[0]: from"},
        {WEEKLY("{\"days\":[\"mon\"],\"from\":\"24:00\",\"to\":\"07:00\"}"),
         "feature 0: schedule.weekly[0]: from"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        geo_feature f;
        geo_why why = {""};
        assert_int_not_equal(read_one(cases[i][0], false, &f, &why), GEO_OK);
        if (strncmp(why.text, cases[i][1], strlen(cases[i][1])) != 0) {
            fail_msg("%s: \"%s\", expected \"%s\"", cases[i][0], why.text, cases[i][1]);
        }
    }
}

static void a_bad_feature_does_not_hide_the_next(void **state)
{
    (void)state;
    const char *text =
        "{\"features\":[" POLYGON ",{\"type\":\"Polygon\",\"coordinates\":[]}," POLYGON
        "],\"type\":\"FeatureCollection\"}";
    geo_geojson reader;
    geo_feature f;
    geo_why why = {""};
    assert_int_equal(geo_geojson_open(text, strlen(text), NULL, &reader, NULL), GEO_OK);
    assert_int_equal(geo_geojson_next(&reader, &f, NULL), GEO_OK);
    geo_feature_fini(&f);
    assert_int_equal(geo_geojson_next(&reader, &f, &why), GEO_INVALID);
    assert_memory_equal(why.text, "feature 1: ", 11);
    assert_int_equal(geo_geojson_next(&reader, &f, NULL), GEO_OK);
    geo_feature_fini(&f);
    assert_int_equal(geo_geojson_next(&reader, &f, NULL), GEO_NOT_FOUND);
    assert_int_equal(geo_geojson_next(&reader, &f, NULL), GEO_NOT_FOUND);
}

static void vertices_are_bounded(void **state)
{
    (void)state;
    size_t size = 0;
    char *text = malloc((GEO_AREA_VERTICES_MAX + 10) * 8 + 100);
    assert_non_null(text);
    size_t room = (GEO_AREA_VERTICES_MAX + 10) * 8 + 100;
    size += (size_t)snprintf(text, room, "{\"type\":\"Polygon\",\"coordinates\":[[[0,0]");
    for (int i = 0; i <= GEO_AREA_VERTICES_MAX; i++) {
        size += (size_t)snprintf(text + size, room - size, ",[1,%d]", i % 90);
    }
    size += (size_t)snprintf(text + size, room - size, ",[0,0]]]}");
    geo_geojson reader;
    geo_feature f;
    assert_int_equal(geo_geojson_open(text, size, NULL, &reader, NULL), GEO_OK);
    assert_int_equal(geo_geojson_next(&reader, &f, NULL), GEO_TOO_BIG);
    free(text);
}

static void a_fence_has_its_area_zone_and_instants(void **state)
{
    (void)state;
    geo_feature f;
    const geo_fence *fence = NULL;
    geo_why why = {""};
    geo_interval span = {INT64_C(1795046400000), INT64_C(1795651200000)}; /* 19-26 November 2026 */
    const char *text =
        "{\"type\":\"Feature\",\"properties\":{\"approach_m\":20,\"intent\":\"keep-out\","
        "\"schedule\":"
        "{\"tz\":\"Europe/Stockholm\",\"weekly\":[{\"days\":[\"fri\"],\"from\":\"06:00\",\"to\":"
        "\"20:00\"}]}},\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[16,59],[16.01,59],"
        "[16.01,59.01],[16,59.01],[16,59]]]}}";
    assert_int_equal(read_one(text, false, &f, NULL), GEO_OK);
    if (geo_feature_fence(&f, "pond", span, NULL, &fence, &why) != GEO_OK) {
        fail_msg("%s", why.text);
    }
    assert_string_equal(fence->id, "pond");
    geo_point outside_by_10_m = {159998500, 590050000};
    assert_false(geo_area_contains(fence->area, outside_by_10_m));
    assert_true(geo_area_contains(fence->zone, outside_by_10_m));
    assert_int_equal(fence->schedule.on_count, 1);
    assert_int_equal(fence->schedule.on[0].from_ms, INT64_C(1795150800000));
    assert_int_equal(fence->schedule.on[0].to_ms, INT64_C(1795201200000));
    geo_fence_unref(fence);
    geo_feature_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_feature_with_everything_is_read),
        cmocka_unit_test(what_is_not_said_is_the_default),
        cmocka_unit_test(multipolygons_keep_which_ring_is_whose),
        cmocka_unit_test(circles_and_corridors_keep_their_size),
        cmocka_unit_test(a_ring_may_be_closed_for_its_writer),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(a_bad_feature_does_not_hide_the_next),
        cmocka_unit_test(vertices_are_bounded),
        cmocka_unit_test(a_fence_has_its_area_zone_and_instants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
