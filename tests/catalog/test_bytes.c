/* tests/catalog/test_bytes.c - areas, instants and groups as bytes, and areas as WKB. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/bytes.h"
#include "catalog/draft.h"
#include "catalog/wkb.h"

static geo_area *area_of(const geo_point *vertices, const uint32_t *ends, uint32_t rings)
{
    geo_area *area = NULL;
    assert_int_equal(geo_area_new(vertices, ends, rings, &area), GEO_OK);
    return area;
}

/* A square with a hole in it, an island in the hole, and a triangle apart. */
static geo_area *nested_area(void)
{
    static const geo_point vertices[] = {
        {40, 40}, {50, 40}, {50, 60},   {40, 60}, /* island */
        {0, 0},   {100, 0}, {100, 100}, {0, 100}, /* shell */
        {200, 0}, {210, 0}, {210, 10},            /* apart */
        {60, 30}, {60, 90}, {20, 90},   {20, 30}, /* hole */
    };
    static const uint32_t ends[] = {4, 8, 11, 15};
    return area_of(vertices, ends, 4);
}

static void an_area_comes_back_from_its_bytes(void **state)
{
    (void)state;
    geo_area *area = nested_area();
    uint8_t *bytes = NULL;
    size_t size = 0;
    assert_int_equal(area_to_bytes(area, &bytes, &size), GEO_OK);
    assert_int_equal(size, 8 + 4 * 4 + 15 * 8);
    geo_area *back = NULL;
    assert_int_equal(area_from_bytes(bytes, size, &back), GEO_OK);
    assert_int_equal(back->ring_count, 4);
    assert_memory_equal(back->vertices, area->vertices, 15 * sizeof(geo_point));
    assert_memory_equal(back->ring_ends, area->ring_ends, 4 * sizeof(uint32_t));
    geo_area_free(back);
    for (size_t cut = 0; cut < size; cut++) {
        back = NULL;
        assert_int_equal(area_from_bytes(bytes, cut, &back), GEO_CORRUPT);
        assert_null(back);
    }
    for (int less = -1; less <= 1; less += 2) {
        bytes[8 + 3 * 4] = (uint8_t)(15 + less); /* the last ring ends before or behind the end */
        assert_int_equal(area_from_bytes(bytes, size, &back), GEO_CORRUPT);
    }
    free(bytes);
    geo_area_free(area);
}

static void damaged_bytes_never_make_a_broken_area(void **state)
{
    (void)state;
    geo_area *area = nested_area();
    uint8_t *bytes = NULL;
    size_t size = 0;
    assert_int_equal(area_to_bytes(area, &bytes, &size), GEO_OK);
    for (size_t at = 0; at < size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[at] = (uint8_t)(bytes[at] ^ 1u << bit);
            geo_area *back = NULL;
            geo_err err = area_from_bytes(bytes, size, &back);
            assert_true(err == GEO_CORRUPT || (err == GEO_OK && back->vertex_count <= 15));
            geo_area_free(back);
            bytes[at] = (uint8_t)(bytes[at] ^ 1u << bit);
        }
    }
    free(bytes);
    geo_area_free(area);
}

static void holes_find_their_shells(void **state)
{
    (void)state;
    static const geo_point vertices[] = {
        {2, 2},  {8, 2},  {8, 8},   {2, 8},   /* hole */
        {0, 0},  {10, 0}, {10, 10}, {0, 10},  /* shell around it */
        {4, 4},  {6, 4},  {6, 6},   {4, 6},   /* island in the hole */
        {0, 4},  {1, 5},  {1, 6},             /* hole that touches the shell with a corner */
        {20, 0}, {30, 0}, {30, 10}, {20, 10}, /* another shell */
        {20, 0}, {21, 5}, {22, 3},            /* hole that touches its corner */
    };
    static const uint32_t ends[] = {4, 8, 12, 15, 19, 22};
    geo_area *area = area_of(vertices, ends, 6);
    uint32_t *shells = NULL;
    assert_int_equal(area_shells(area, &shells), GEO_OK);
    static const uint32_t expected[] = {1, 1, 2, 1, 4, 4};
    assert_memory_equal(shells, expected, sizeof expected);
    free(shells);
    uint8_t *wkb = NULL;
    size_t size = 0;
    assert_int_equal(area_to_wkb(area, WKB_DEGREES, &wkb, &size), GEO_OK);
    assert_int_equal(size, 9 + 3 * 9 + 6 * 4 + (22 + 6) * 16);
    assert_int_equal(wkb[5], 3);  /* polygons */
    assert_int_equal(wkb[14], 3); /* rings of the first: the shell and two holes */
    free(wkb);
    geo_area_free(area);
}

static void spatialite_gives_a_second_opinion_with_a_place(void **state)
{
    (void)state;
    static const geo_point crossed[] = {{0, 0}, {20000000, 20000000}, {20000000, 0}, {0, 20000000}};
    static const geo_point sound[] = {{0, 0}, {20000000, 0}, {20000000, 20000000}};
    /* A corner of the hole lies on an edge of the shell, in whole numbers only. */
    static const geo_point touching[] = {{-15000, -39000}, {5000, -75000}, {15000, 13000},
                                         {0, -66000},      {1000, -44000}, {2000, -34000}};
    static const uint32_t ends[] = {4, 3};
    static const uint32_t touching_ends[] = {3, 6};
    catalog_db *db = NULL;
    geo_why why = {""};
    if (db_open(":memory:", DB_WRITE, &db, &why) != GEO_OK ||
        db_need_spatialite(db, &why) != GEO_OK) {
        fail_msg("%s", why.text);
    }
    geo_area *bad = area_of(crossed, &ends[0], 1);
    geo_area *good = area_of(sound, &ends[1], 1);
    assert_int_equal(area_check(db, bad, &why), GEO_INVALID);
    assert_string_equal(why.text, "the shape is not valid: Self-intersection at 1,1");
    assert_int_equal(area_check(db, good, &why), GEO_OK);
    geo_area *exact = area_of(touching, touching_ends, 2);
    assert_int_equal(area_check(db, exact, &why), GEO_OK);
    geo_area_free(exact);
    geo_area_free(good);
    geo_area_free(bad);
    db_close(db);
}

static void schedules_come_back_from_their_lines(void **state)
{
    (void)state;
    geo_weekly weekly = {
        .tz = "Europe/Stockholm", .count = 2, .times = {{31, 360, 1200}, {64, 0, 1440}}};
    geo_weekly back;
    char *lines = NULL;
    assert_int_equal(schedule_to_lines(&weekly, &lines), GEO_OK);
    assert_string_equal(lines, "Europe/Stockholm\n31 360 1200\n64 0 1440");
    assert_int_equal(schedule_from_lines(lines, &back), GEO_OK);
    assert_memory_equal(&back, &weekly, sizeof weekly);
    free(lines);
    static const char *const bad[] = {"",         "\n1 2 3",       "UTC\n",
                                      "UTC\n1 2", "UTC\n128 0 60", "UTC\n1 1440 5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(schedule_from_lines(bad[i], &back), GEO_CORRUPT);
    }
}

static void intervals_come_back_from_their_bytes(void **state)
{
    (void)state;
    const geo_interval on[] = {{INT64_MIN, -1}, {5, INT64_MAX}};
    uint8_t *bytes = NULL;
    size_t size = 0;
    assert_int_equal(intervals_to_bytes(on, 2, &bytes, &size), GEO_OK);
    geo_interval *back = NULL;
    uint32_t count = 0;
    assert_int_equal(intervals_from_bytes(bytes, size, &back, &count), GEO_OK);
    assert_int_equal(count, 2);
    assert_memory_equal(back, on, sizeof on);
    free(back);
    assert_int_equal(intervals_from_bytes(bytes, size - 1, &back, &count), GEO_CORRUPT);
    free(bytes);
}

static void groups_come_back_from_their_lines(void **state)
{
    (void)state;
    group_list list;
    assert_int_equal(group_list_from_lines("", &list), GEO_OK);
    assert_int_equal(list.count, 0);
    group_list_fini(&list);
    assert_int_equal(group_list_from_lines("a\nb c", &list), GEO_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.names[1], "b c");
    group_list_fini(&list);
    char many[2 * (GEO_FENCE_GROUPS_MAX + 1) + 1];
    for (size_t i = 0; i <= GEO_FENCE_GROUPS_MAX; i++) {
        memcpy(many + 2 * i, "x\n", 3);
    }
    assert_int_equal(group_list_from_lines(many, &list), GEO_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_area_comes_back_from_its_bytes),
        cmocka_unit_test(damaged_bytes_never_make_a_broken_area),
        cmocka_unit_test(holes_find_their_shells),
        cmocka_unit_test(spatialite_gives_a_second_opinion_with_a_place),
        cmocka_unit_test(schedules_come_back_from_their_lines),
        cmocka_unit_test(intervals_come_back_from_their_bytes),
        cmocka_unit_test(groups_come_back_from_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
