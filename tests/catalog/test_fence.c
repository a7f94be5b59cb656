/* tests/catalog/test_fence.c - fences in, fences out, their revisions, and bad input. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#define PLAIN "{\"name\":\"North paddock\"}"

static geo_err put_expecting(fixture *kit, const char *id, const char *feature, uint64_t expected,
                             geo_why *why)
{
    catalog_change *change = fixture_begin(kit);
    geo_err err = catalog_change_put(change, id, feature, strlen(feature), expected, NULL, why);
    if (err == GEO_OK) {
        (void)fixture_commit(change);
    } else {
        catalog_change_abandon(change);
    }
    return err;
}

static catalog_text get(fixture *kit, const char *id)
{
    catalog_text text = {0};
    geo_why why = {""};
    if (catalog_fence_get(kit->store, id, &text, &why) != GEO_OK) {
        fail_msg("get: %s", why.text);
    }
    return text;
}

static uint64_t patch(fixture *kit, const char *id, const char *text)
{
    catalog_edit edit;
    geo_why why = {""};
    catalog_change *change = fixture_begin(kit);
    if (catalog_change_patch(change, id, text, strlen(text), CATALOG_ANY, &edit, &why) != GEO_OK) {
        fail_msg("patch: %s", why.text);
    }
    (void)fixture_commit(change);
    return edit.revision;
}

static uint64_t remove_fence(fixture *kit, const char *id)
{
    catalog_edit edit;
    catalog_change *change = fixture_begin(kit);
    assert_int_equal(catalog_change_remove(change, id, CATALOG_ANY, &edit, NULL), GEO_OK);
    (void)fixture_commit(change);
    return edit.revision;
}

static geo_err restore(fixture *kit, const char *id, uint64_t revision, geo_why *why)
{
    catalog_change *change = fixture_begin(kit);
    geo_err err = catalog_change_restore(change, id, revision, CATALOG_ANY, NULL, why);
    if (err == GEO_OK) {
        (void)fixture_commit(change);
    } else {
        catalog_change_abandon(change);
    }
    return err;
}

static void a_fence_comes_back_as_it_was_given_with_what_the_catalogue_knows(void **state)
{
    fixture *kit = *state;
    catalog_edit edit = fixture_put(
        kit, "north",
        fixture_square(16.37, 59.85, 0.01,
                       "{\"name\":\"North\",\"intent\":\"keep-in\",\"groups\":[\"b\",\"a\",\"b\"],"
                       "\"dwell_s\":60,\"color\":\"#ff0000\",\"field\":{\"soil\":[1,2]},"
                       "\"expires_at\":null}"));
    assert_int_equal(edit.kind, CATALOG_CREATED);
    assert_int_equal(edit.revision, 1);
    catalog_text text = get(kit, "north");
    assert_int_equal(text.revision, 1);
    assert_int_equal(text.size, strlen(text.data));
    assert_has(&text, "{\"type\":\"Feature\",\"id\":\"north\",\"geometry\":{\"type\":\"Polygon\","
                      "\"coordinates\":[[[16.3700000,59.8500000],");
    assert_has(&text, "\"intent\":\"keep-in\"");
    assert_has(&text, "\"field\":{\"soil\":[1,2]}");
    assert_has(&text, "\"color\":\"#ff0000\"");
    assert_has_not(&text, "expires_at");
    assert_has(&text, "\"area_ha\":62.4");
    assert_has(&text, "\"perimeter_m\":334");
    assert_has(&text, "\"revision\":1,\"version\":1,\"created\":\"2026-11-20T08:00:00.000Z\","
                      "\"created_by\":\"tester\",\"updated\":");
    const geo_rules *rules = fixture_rules(kit);
    const geo_fence *fence = geo_rules_fence(rules, geo_rules_find(rules, "north"));
    assert_int_equal(fence->intent, GEO_KEEP_IN);
    assert_int_equal(fence->dwell_s, 60);
    assert_int_equal(fence->group_count, 2);
    assert_string_equal(fence->groups[0], "a");
    assert_int_equal(fence->area->vertex_count, 4);
    assert_int_equal(fence->area->box.min.lon_e7, 163700000);
    assert_int_equal(fence->area->box.max.lat_e7, 598600000);
    geo_rules_unref(rules);
    /* What was read can be written. */
    assert_int_equal(put_expecting(kit, "north", text.data, 1, NULL), GEO_OK);
    catalog_text_fini(&text);
    text = get(kit, "north");
    assert_int_equal(text.revision, 2);
    assert_has(&text, "\"area_ha\":62.4");
    assert_has(&text, "\"revision\":2,\"version\":2,");
    catalog_text_fini(&text);
}

static void expected_revisions_are_held_to(void **state)
{
    fixture *kit = *state;
    geo_why why;
    char feature[1024];
    (void)snprintf(feature, sizeof feature, "%s", fixture_square(16, 59, 0.01, PLAIN));
    assert_int_equal(put_expecting(kit, "a", feature, 1, &why), GEO_NOT_FOUND);
    assert_int_equal(put_expecting(kit, "a", feature, CATALOG_NONE, &why), GEO_OK);
    assert_int_equal(put_expecting(kit, "a", feature, CATALOG_NONE, &why), GEO_EXISTS);
    assert_int_equal(put_expecting(kit, "a", feature, 1, &why), GEO_OK);
    assert_int_equal(put_expecting(kit, "a", feature, 1, &why), GEO_CONFLICT);
    assert_non_null(strstr(why.text, "revision 2"));
    catalog_change *change = fixture_begin(kit);
    assert_int_equal(catalog_change_remove(change, "a", 1, NULL, &why), GEO_CONFLICT);
    assert_int_equal(catalog_change_patch(change, "a", "{}", 2, 1, NULL, &why), GEO_CONFLICT);
    assert_int_equal(catalog_change_restore(change, "a", 1, 1, NULL, &why), GEO_CONFLICT);
    catalog_change_abandon(change);
    assert_int_equal(catalog_version(kit->store), 2);
}

static void an_id_comes_from_the_address_the_feature_or_the_name(void **state)
{
    fixture *kit = *state;
    static const char *const cases[][2] = {
        {"{\"name\":\"\xc3\x84ngen vid \xc3\xa5n!\"}", "angen-vid-an"},
        {"{\"name\":\"\xc3\x84ngen vid \xc3\xa5n?\"}", "angen-vid-an-2"},
        {"{\"name\":\"angen vid an\"}", "angen-vid-an-3"},
        {"{\"name\":\"  \xe6\xb0\xb4 \"}", "fence"},
        {"{}", "fence-2"},
        {"null", "fence-3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        catalog_edit edit = fixture_put(kit, NULL, fixture_square(16, 59, 0.01, cases[i][0]));
        assert_string_equal(edit.id, cases[i][1]);
    }
    char feature[1024];
    (void)snprintf(feature, sizeof feature, "{\"id\":\"own.id\",%s",
                   fixture_square(16, 59, 0.01, PLAIN) + 1);
    assert_string_equal(fixture_put(kit, NULL, feature).id, "own.id");
    geo_why why;
    assert_int_equal(put_expecting(kit, "other", feature, CATALOG_ANY, &why), GEO_INVALID);
    assert_non_null(strstr(why.text, "own.id"));
    static const char *const bad[] = {"",
                                      ".a",
                                      "a/b",
                                      "a b",
                                      "+",
                                      ("0123456789012345678901234567890123456789"
                                       "01234567890123456789012345")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(
            put_expecting(kit, bad[i], fixture_square(16, 59, 0.01, "{}"), CATALOG_ANY, &why),
            GEO_INVALID);
    }
    /* A removed fence's id is not given to another one. */
    (void)remove_fence(kit, "fence-3");
    assert_string_equal(fixture_put(kit, NULL, fixture_square(16, 59, 0.01, "{}")).id, "fence-4");
}

static void a_patch_changes_what_it_names_and_nothing_else(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "a",
                      fixture_square(16, 59, 0.01, "{\"name\":\"A\",\"dwell_s\":5,\"x\":1}"));
    assert_int_equal(patch(kit, "a", "{\"properties\":{\"name\":\"B\",\"x\":null}}"), 2);
    catalog_text text = get(kit, "a");
    assert_has(&text, "\"name\":\"B\"");
    assert_has(&text, "\"dwell_s\":5");
    assert_has_not(&text, "\"x\":");
    assert_has(&text, "[16.0100000,59.0100000]");
    catalog_text_fini(&text);
    (void)patch(kit, "a",
                "{\"geometry\":{\"coordinates\":[[[1,1],[2,1],[2,2],[1,1]]]},\"properties\":"
                "{\"dwell_s\":null}}");
    text = get(kit, "a");
    assert_has(&text, "[[[1,1],[2,1],[2,2],[1,1]]]");
    assert_has_not(&text, "dwell_s");
    catalog_text_fini(&text);
    catalog_change *change = fixture_begin(kit);
    geo_why why;
    static const char *const bad[] = {
        "",
        "[]",
        "{\"geometry\":null}",
        "{\"id\":\"b\"}",
        "{\"name\":\"B\"}",
        "{\"properties\":5}",
        "{\"type\":\"FeatureCollection\"}",
        "{\"properties\":{\"radius_m\":5}}x",
        "{\"properties\":{\"dwell_s\":-1}}",
        "{\"properties\":{\"intent\":\"keep\"}}",
        "{\"geometry\":{\"coordinates\":[[[1,1],[2,1],[2,2]]]}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        geo_err err =
            catalog_change_patch(change, "a", bad[i], strlen(bad[i]), CATALOG_ANY, NULL, &why);
        if (err != GEO_SYNTAX && err != GEO_INVALID && err != GEO_RANGE) {
            fail_msg("%s gives %s", bad[i], geo_err_text(err));
        }
    }
    assert_int_equal(catalog_change_patch(change, "no", "{}", 2, CATALOG_ANY, NULL, &why),
                     GEO_NOT_FOUND);
    catalog_change_abandon(change);
}

static void a_removed_fence_can_be_read_and_restored_to_the_bit(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "a",
                      "{\"type\":\"Feature\",\"properties\":{\"radius_m\":120,\"approach_m\":20},"
                      "\"geometry\":{\"type\":\"Point\",\"coordinates\":[16.3,59.2]}}");
    const geo_rules *before = fixture_rules(kit);
    assert_int_equal(remove_fence(kit, "a"), 2);
    catalog_text text = {0};
    geo_why why;
    assert_int_equal(catalog_fence_get(kit->store, "a", &text, &why), GEO_NOT_FOUND);
    assert_int_equal(catalog_fence_at(kit->store, "a", 2, &text, &why), GEO_NOT_FOUND);
    assert_int_equal(catalog_fence_at(kit->store, "a", 1, &text, &why), GEO_OK);
    assert_has(&text, "\"radius_m\":120");
    catalog_text_fini(&text);
    catalog_page page = {0};
    assert_int_equal(catalog_fence_removed(kit->store, &page, &text, &why), GEO_OK);
    assert_has(&text, "{\"id\":\"a\",\"revision\":2,\"who\":\"tester\"");
    catalog_text_fini(&text);
    assert_int_equal(restore(kit, "a", 2, &why), GEO_INVALID);
    assert_int_equal(restore(kit, "a", 9, &why), GEO_NOT_FOUND);
    assert_int_equal(restore(kit, "b", 1, &why), GEO_NOT_FOUND);
    assert_int_equal(restore(kit, "a", 1, &why), GEO_OK);
    text = get(kit, "a");
    assert_int_equal(text.revision, 3);
    catalog_text_fini(&text);
    const geo_rules *after = fixture_rules(kit);
    const geo_fence *one = geo_rules_fence(before, geo_rules_find(before, "a"));
    const geo_fence *two = geo_rules_fence(after, geo_rules_find(after, "a"));
    assert_int_equal(geo_fence_compare(one, two), GEO_FENCE_SAME);
    assert_non_null(two->zone);
    assert_int_equal(one->area->vertex_count, two->area->vertex_count);
    assert_memory_equal(one->area->vertices, two->area->vertices,
                        one->area->vertex_count * sizeof(geo_point));
    geo_rules_unref(after);
    geo_rules_unref(before);
    assert_int_equal(catalog_fence_versions(kit->store, "a", 0, 0, &text, &why), GEO_OK);
    assert_has(&text, "\"what\":\"restored\"");
    assert_has(&text, "\"what\":\"removed\"");
    assert_has(&text, "\"what\":\"created\"");
    catalog_text_fini(&text);
    assert_int_equal(catalog_fence_removed(kit->store, &page, &text, &why), GEO_OK);
    assert_has(&text, "\"removed\":[]");
    catalog_text_fini(&text);
}

/* What a program that derived circles another way would have stored: the area of "b" for "a". */
static void derive_differently(fixture *kit)
{
    sqlite3 *db = NULL;
    fixture_close(kit);
    assert_int_equal(sqlite3_open(kit->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "UPDATE revision SET area = b.area, zone = b.zone, area_ha = b.area_ha"
                     " FROM (SELECT area, zone, area_ha FROM revision WHERE fence = 'b') AS b"
                     " WHERE fence = 'a'",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    fixture_open(kit);
}

static geo_box shape_box(fixture *kit, const char *id, geo_box *zone)
{
    const geo_rules *rules = fixture_rules(kit);
    const geo_fence *fence = geo_rules_fence(rules, geo_rules_find(rules, id));
    geo_box box = fence->area->box;
    *zone = fence->zone->box;
    geo_rules_unref(rules);
    return box;
}

static void a_new_name_never_moves_a_boundary(void **state)
{
    fixture *kit = *state;
    static const char *const circles[] = {
        "{\"type\":\"Feature\",\"properties\":{\"radius_m\":100,\"approach_m\":20},"
        "\"geometry\":{\"type\":\"Point\",\"coordinates\":[16,59]}}",
        "{\"type\":\"Feature\",\"properties\":{\"radius_m\":200,\"approach_m\":50},"
        "\"geometry\":{\"type\":\"Point\",\"coordinates\":[16,59]}}"};
    (void)fixture_put(kit, "a", circles[0]);
    (void)fixture_put(kit, "b", circles[1]);
    geo_box zones[2];
    geo_box zone;
    geo_box small = shape_box(kit, "a", &zones[0]);
    geo_box large = shape_box(kit, "b", &zones[1]);
    derive_differently(kit);
    (void)patch(kit, "a", "{\"properties\":{\"name\":\"x\"}}");
    geo_box box = shape_box(kit, "a", &zone);
    assert_memory_equal(&box, &large, sizeof box);
    assert_memory_equal(&zone, &zones[1], sizeof zone);
    catalog_text text = get(kit, "a");
    assert_has(&text, "\"area_ha\":12.5");
    catalog_text_fini(&text);
    /* Another zone is derived, around the area that is kept. */
    (void)patch(kit, "a", "{\"properties\":{\"approach_m\":21}}");
    box = shape_box(kit, "a", &zone);
    assert_memory_equal(&box, &large, sizeof box);
    assert_true(zone.max.lat_e7 < zones[1].max.lat_e7);
    assert_true(zone.max.lat_e7 > large.max.lat_e7);
    (void)patch(kit, "a", "{\"properties\":{\"radius_m\":100.0}}");
    box = shape_box(kit, "a", &zone);
    assert_memory_equal(&box, &small, sizeof box);
    (void)fixture_put(kit, "a", circles[0]);
    box = shape_box(kit, "a", &zone);
    assert_memory_equal(&box, &small, sizeof box);
    assert_memory_equal(&zone, &zones[0], sizeof zone);
}

static void the_last_50_revisions_are_kept_and_those_that_kept_rules_need(void **state)
{
    fixture *kit = *state;
    char properties[64];
    for (int i = 1; i <= 60; i++) {
        (void)snprintf(properties, sizeof properties, "{\"name\":\"n%d\"}", i);
        (void)fixture_put(kit, "a", fixture_square(16, 59, 0.01, properties));
    }
    catalog_text text = {0};
    assert_int_equal(catalog_fence_at(kit->store, "a", 1, &text, NULL), GEO_OK);
    catalog_text_fini(&text);
    assert_int_equal(catalog_prune(kit->store, 5, NULL), GEO_OK);
    assert_int_equal(catalog_fence_at(kit->store, "a", 4, &text, NULL), GEO_NOT_FOUND);
    assert_int_equal(catalog_fence_at(kit->store, "a", 5, &text, NULL), GEO_OK);
    catalog_text_fini(&text);
    assert_int_equal(catalog_prune(kit->store, UINT64_MAX, NULL), GEO_OK);
    assert_int_equal(catalog_floor(kit->store), 60);
    assert_int_equal(catalog_fence_at(kit->store, "a", 10, &text, NULL), GEO_NOT_FOUND);
    assert_int_equal(catalog_fence_at(kit->store, "a", 11, &text, NULL), GEO_OK);
    catalog_text_fini(&text);
    (void)fixture_put(kit, "a", fixture_square(16, 59, 0.01, "{}"));
    assert_int_equal(catalog_fence_at(kit->store, "a", 11, &text, NULL), GEO_NOT_FOUND);
    assert_int_equal(catalog_fence_versions(kit->store, "a", 0, 0, &text, NULL), GEO_OK);
    size_t count = 0;
    for (const char *at = text.data; (at = strstr(at, "\"revision\"")) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, CATALOG_VERSIONS_KEPT);
    catalog_text_fini(&text);
}

static void lists_come_in_pages_in_the_order_of_ids(void **state)
{
    fixture *kit = *state;
    static const char *const ids[] = {"b", "a", "C", "d"};
    for (size_t i = 0; i < 4; i++) {
        (void)fixture_put(kit, ids[i], fixture_square(16 + (double)i, 59, 0.01, "{}"));
    }
    catalog_text text = {0};
    catalog_page page = {.limit = 2};
    assert_int_equal(catalog_fence_list(kit->store, &page, &text, NULL), GEO_OK);
    assert_has(&text, "\"id\":\"C\"");
    assert_has(&text, "\"next\":\"a\"}");
    catalog_text_fini(&text);
    page.after = "a";
    assert_int_equal(catalog_fence_list(kit->store, &page, &text, NULL), GEO_OK);
    assert_has_not(&text, "\"id\":\"a\"");
    assert_has(&text, "\"id\":\"d\"");
    assert_has(&text, "\"next\":null}");
    catalog_text_fini(&text);
}

/* Everything that the catalogue shows, as one text. */
static bool append(void *context, const char *piece, size_t size)
{
    catalog_text *all = context;
    all->data = realloc(all->data, all->size + size + 1);
    assert_non_null(all->data);
    memcpy(all->data + all->size, piece, size);
    all->size += size;
    all->data[all->size] = '\0';
    return true;
}

typedef struct bad_input {
    const char *feature;
    geo_err err;
    const char *piece; /* of the reason */
} bad_input;

#define POLYGON(coordinates)                                                                       \
    "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\","                  \
    "\"coordinates\":" coordinates "}}"
#define WITH(properties)                                                                           \
    "{\"type\":\"Feature\",\"properties\":" properties ",\"geometry\":{\"type\":\"Polygon\","      \
    "\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]}}"

static const bad_input bad_inputs[] = {
    {"", GEO_SYNTAX, ""},
    {"{", GEO_SYNTAX, ""},
    {"nonsense", GEO_SYNTAX, ""},
    {"{\"type\":\"FeatureCollection\",\"features\":[]}", GEO_INVALID, "FeatureCollection"},
    {POLYGON("[[[0,0],[1,0],[1,1],[0,1]]]"), GEO_INVALID, "closed"},
    {POLYGON("[[[0,0],[1,1],[1,0],[0,1],[0,0]]]"), GEO_INVALID, "0.5"},
    {POLYGON("[[[0,0],[1,0],[2,0],[0,0]]]"), GEO_INVALID, ""},
    {POLYGON("[[[0,0],[0,0],[0,0],[0,0]]]"), GEO_INVALID, ""},
    {POLYGON("[[[0,0],[1,0],[0,0]]]"), GEO_INVALID, ""},
    {POLYGON("[[]]"), GEO_INVALID, ""},
    {POLYGON("[]"), GEO_INVALID, ""},
    {POLYGON("[[[0,0],[NaN,0],[1,1],[0,0]]]"), GEO_SYNTAX, ""},
    {POLYGON("[[[0,0],[Infinity,0],[1,1],[0,0]]]"), GEO_SYNTAX, ""},
    {POLYGON("[[[0,0],[1e400,0],[1,1],[0,0]]]"), GEO_RANGE, ""},
    {POLYGON("[[[0,0],[1,90.1],[1,1],[0,0]]]"), GEO_RANGE, ""},
    {POLYGON("[[[0,0],[1,-91],[1,1],[0,0]]]"), GEO_RANGE, ""},
    {POLYGON("[[[0,0],[541,0],[1,1],[0,0]]]"), GEO_RANGE, ""},
    {POLYGON("[[[0,80],[90,80],[180,80],[-90,80],[0,80]]]"), GEO_POLE, ""},
    {POLYGON("[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[8,8],[12,8],[12,12],[8,8]]]"), GEO_INVALID, ""},
    {POLYGON("[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[20,20],[21,20],[21,21],[20,20]]]"), GEO_INVALID,
     ""},
    {"{\"type\":\"Feature\",\"properties\":{},\"geometry\":null}", GEO_SYNTAX, ""},
    {"{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Point\",\"coordinates\":"
     "[0,0]}}",
     GEO_INVALID, "radius_m"},
    {WITH("{\"dwell_s\":-5}"), GEO_RANGE, "dwell_s"},
    {WITH("{\"dwell_s\":\"x\"}"), GEO_SYNTAX, "dwell_s"},
    {WITH("{\"intent\":\"jail\"}"), GEO_INVALID, "intent"},
    {WITH("{\"name\":\"a\\u0000b\"}"), GEO_SYNTAX, "u0000"},
    {WITH("{\"name\":\"a\\nb\"}"), GEO_INVALID, "name"},
    {WITH("{\"name\":\"\xff\"}"), GEO_SYNTAX, "UTF-8"},
    {WITH("{\"groups\":[\"a\\tb\"]}"), GEO_INVALID, "groups[0]"},
    {WITH("{\"schedule\":{\"tz\":\"Mars/Olympus\",\"weekly\":[{\"days\":[\"mon\"],\"from\":"
          "\"06:00\",\"to\":\"20:00\"}]}}"),
     GEO_INVALID, "Mars"},
    {WITH("{\"expires_at\":\"yesterday\"}"), GEO_INVALID, "expires_at"},
    /* SQLite keeps the text of the first, decisions would be made of the last. */
    {WITH("{\"dwell_s\":60,\"dwell_s\":70}"), GEO_INVALID, "dwell_s is there twice"},
    {"{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\","
     "\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]},\"geometry\":{\"type\":\"Polygon\","
     "\"coordinates\":[[[5,5],[6,5],[6,6],[5,5]]]}}",
     GEO_INVALID, "geometry is there twice"},
};

static void check_refused(fixture *kit, const bad_input *bad)
{
    geo_why why = {""};
    geo_err err = put_expecting(kit, "new", bad->feature, CATALOG_ANY, &why);
    bool refused = err == GEO_SYNTAX || err == GEO_INVALID || err == GEO_RANGE || err == GEO_POLE ||
                   err == GEO_TOO_BIG;
    if (!refused || why.text[0] == '\0' || strstr(why.text, bad->piece) == NULL) {
        fail_msg("%s gives %s: %s", bad->feature, geo_err_text(err), why.text);
    }
}

static void bad_input_is_refused_with_a_reason_and_changes_nothing(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "old", fixture_square(16, 59, 0.01, PLAIN));
    catalog_text before = {0};
    catalog_text after = {0};
    assert_int_equal(catalog_export(kit->store, append, &before, NULL), GEO_OK);
    for (size_t i = 0; i < sizeof bad_inputs / sizeof *bad_inputs; i++) {
        check_refused(kit, &bad_inputs[i]);
    }
    assert_int_equal(catalog_version(kit->store), 1);
    assert_int_equal(catalog_export(kit->store, append, &after, NULL), GEO_OK);
    assert_string_equal(before.data, after.data);
    catalog_text_fini(&before);
    catalog_text_fini(&after);
}

static void nesting_and_size_are_bounded(void **state)
{
    fixture *kit = *state;
    size_t size = 100000;
    char *deep = malloc(size + 1);
    assert_non_null(deep);
    memset(deep, '[', size);
    deep[size] = '\0';
    geo_why why;
    assert_int_equal(put_expecting(kit, "a", deep, CATALOG_ANY, &why), GEO_SYNTAX);
    free(deep);
    size = CATALOG_JSON_BYTES_MAX + 1u;
    char *long_one = malloc(size + 1);
    assert_non_null(long_one);
    memset(long_one, ' ', size);
    long_one[size] = '\0';
    assert_int_equal(put_expecting(kit, "a", long_one, CATALOG_ANY, &why), GEO_TOO_BIG);
    free(long_one);
    assert_int_equal(catalog_version(kit->store), 0);
}

/* RFC 7946 forbids the member in a Feature, but leaves alone what it does not define. */
static void a_feature_with_coordinates_of_its_own_is_kept_as_a_feature(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "odd",
                      "{\"type\":\"Feature\",\"coordinates\":[1,2],\"properties\":{\"dwell_s\":60},"
                      "\"geometry\":{\"type\":\"Polygon\",\"coordinates\":"
                      "[[[5,5],[6,5],[6,6],[5,5]]]}}");
    catalog_text text = get(kit, "odd");
    assert_has(&text, "\"id\":\"odd\",\"geometry\":{\"type\":\"Polygon\",");
    assert_has(&text, "\"properties\":{\"dwell_s\":60");
    catalog_text_fini(&text);
}

static void shapes_of_every_kind_are_taken(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "holes",
                      POLYGON("[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[1,1],[2,1],[2,2],[1,1]]]"));
    (void)fixture_put(kit, "pacific",
                      POLYGON("[[[179,10],[-179,10],[-179,11],[179,11],[179,10]]]"));
    (void)fixture_put(kit, "road",
                      "{\"type\":\"Feature\",\"properties\":{\"width_m\":30,\"intent\":"
                      "\"keep-out\"},\"geometry\":{\"type\":\"LineString\",\"coordinates\":"
                      "[[16.3,59.2],[16.31,59.21],[16.33,59.2]]}}");
    (void)fixture_put(kit, "bare",
                      "{\"type\":\"Polygon\",\"coordinates\":[[[5,5],[6,5],[6,6],[5,5]]]}");
    (void)fixture_put(
        kit, "curved",
        "{\"type\":\"Feature\",\"properties\":{\"geodesic\":true},\"geometry\":"
        "{\"type\":\"Polygon\",\"coordinates\":[[[10,60],[30,60],[20,50],[10,60]]]}}");
    const geo_rules *rules = fixture_rules(kit);
    const geo_fence *curved = geo_rules_fence(rules, geo_rules_find(rules, "curved"));
    assert_true(curved->area->vertex_count > 20);
    assert_true(geo_area_contains(curved->area, (geo_point){200000000, 603500000}));
    const geo_fence *pacific = geo_rules_fence(rules, geo_rules_find(rules, "pacific"));
    assert_int_equal(pacific->area->ring_count, 2);
    assert_true(geo_area_contains(pacific->area, (geo_point){-1799000000, 105000000}));
    assert_false(geo_area_contains(pacific->area, (geo_point){0, 105000000}));
    const geo_fence *road = geo_rules_fence(rules, geo_rules_find(rules, "road"));
    assert_true(geo_area_contains(road->area, (geo_point){163100000, 592100000}));
    geo_rules_unref(rules);
    catalog_text shape = {0};
    assert_int_equal(catalog_fence_shape(kit->store, "holes", &shape, NULL), GEO_OK);
    assert_string_equal(shape.data,
                        "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[9,0],[9,9],"
                        "[0,9],[0,0]],[[1,1],[2,1],[2,2],[1,1]]]]}");
    catalog_text_fini(&shape);
    assert_int_equal(catalog_fence_shape(kit->store, "none", &shape, NULL), GEO_NOT_FOUND);
    catalog_text text = get(kit, "pacific");
    assert_has(&text, "[179,10],[-179,10]");
    assert_has(&text, "\"area_ha\":2421");
    catalog_text_fini(&text);
    text = get(kit, "bare");
    assert_has(&text, "\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[5,5],");
    catalog_text_fini(&text);
}

static void schedules_are_resolved_and_renewed_without_a_new_revision(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "a",
                      WITH("{\"schedule\":{\"tz\":\"Europe/Stockholm\",\"weekly\":[{\"days\":"
                           "[\"mon\",\"fri\"],\"from\":\"06:00\",\"to\":\"20:00\"}]}}"));
    const geo_rules *rules = fixture_rules(kit);
    const geo_fence *fence = geo_rules_fence(rules, geo_rules_find(rules, "a"));
    assert_true(fence->schedule.scheduled);
    int64_t day_ms = INT64_C(86400000);
    assert_true(fence->schedule.span.from_ms == FIXTURE_NOW_MS - 30 * day_ms);
    assert_true(fence->schedule.span.to_ms == FIXTURE_NOW_MS + 400 * day_ms);
    assert_true(geo_fence_on_at(fence, FIXTURE_NOW_MS)); /* a Friday, 9 o'clock there */
    assert_false(geo_fence_on_at(fence, FIXTURE_NOW_MS + day_ms));
    int64_t due_ms = FIXTURE_NOW_MS + 30 * day_ms;
    assert_false(catalog_renew_due(kit->store, due_ms - 1));
    assert_true(catalog_renew_due(kit->store, due_ms));
    catalog_change *change = NULL;
    assert_int_equal(catalog_change_begin(kit->store, "clock", due_ms, &change, NULL), GEO_OK);
    uint32_t count = 0;
    assert_int_equal(catalog_change_renew(change, &count, NULL), GEO_OK);
    assert_int_equal(count, 1);
    assert_int_equal(fixture_commit(change), 2);
    fixture_close(kit);
    fixture_open(kit);
    const geo_rules *renewed = fixture_rules(kit);
    const geo_fence *later = geo_rules_fence(renewed, geo_rules_find(renewed, "a"));
    assert_true(later->schedule.span.to_ms == due_ms + 400 * day_ms);
    assert_int_equal(geo_fence_compare(fence, later), GEO_FENCE_RESOLVED);
    assert_false(catalog_renew_due(kit->store, due_ms + 30 * day_ms - 1));
    geo_rules_unref(renewed);
    geo_rules_unref(rules);
    catalog_text text = get(kit, "a");
    assert_int_equal(text.revision, 1);
    assert_has(&text, "\"tz\":\"Europe/Stockholm\"");
    catalog_text_fini(&text);
    fixture_close(kit);
    fixture_open(kit);
    assert_int_equal(catalog_rules_load(kit->store, 1, &rules, NULL), GEO_OK);
    fence = geo_rules_fence(rules, geo_rules_find(rules, "a"));
    assert_true(fence->schedule.span.to_ms == FIXTURE_NOW_MS + 400 * day_ms);
    geo_rules_unref(rules);
}

static void a_schedule_resolved_while_the_clock_was_ahead_is_renewed(void **state)
{
    fixture *kit = *state;
    int64_t year_ms = INT64_C(365) * 86400000;
    int64_t wrong_ms = FIXTURE_NOW_MS + 10 * year_ms;
    const char *feature =
        WITH("{\"schedule\":{\"tz\":\"UTC\",\"weekly\":[{\"days\":[\"fri\"],\"from\":\"06:00\","
             "\"to\":\"20:00\"}]}}");
    catalog_change *change = NULL;
    assert_int_equal(catalog_change_begin(kit->store, "clock", wrong_ms, &change, NULL), GEO_OK);
    assert_int_equal(
        catalog_change_put(change, "a", feature, strlen(feature), CATALOG_ANY, NULL, NULL), GEO_OK);
    (void)fixture_commit(change);
    assert_false(catalog_renew_due(kit->store, wrong_ms));
    assert_true(catalog_renew_due(kit->store, FIXTURE_NOW_MS));
    fixture_close(kit);
    fixture_open(kit);
    assert_true(catalog_renew_due(kit->store, FIXTURE_NOW_MS));
    uint32_t count = 0;
    assert_int_equal(catalog_change_begin(kit->store, "clock", FIXTURE_NOW_MS, &change, NULL),
                     GEO_OK);
    assert_int_equal(catalog_change_renew(change, &count, NULL), GEO_OK);
    (void)fixture_commit(change);
    assert_false(catalog_renew_due(kit->store, FIXTURE_NOW_MS));
    const geo_rules *rules = fixture_rules(kit);
    const geo_fence *fence = geo_rules_fence(rules, geo_rules_find(rules, "a"));
    assert_true(geo_fence_on_at(fence, FIXTURE_NOW_MS)); /* a Friday, 8 o'clock */
    geo_rules_unref(rules);
}

static void groups_are_counted(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "a",
                      fixture_square(16, 59, 0.01, "{\"groups\":[\"cows\",\"goats\",\"cows\"]}"));
    (void)fixture_put(kit, "b", fixture_square(16, 59, 0.01, "{\"groups\":[\"cows\"]}"));
    fixture_name(kit, 1, "goat-1");
    catalog_change *change = fixture_begin(kit);
    static const char groups[] = "{\"groups\":[\"goats\",\"goats\"]}";
    assert_int_equal(
        catalog_change_device(change, "goat-1", groups, sizeof groups - 1, CATALOG_ANY, NULL),
        GEO_OK);
    (void)fixture_commit(change);
    catalog_text text = {0};
    assert_int_equal(catalog_groups(kit->store, &text, NULL), GEO_OK);
    assert_string_equal(text.data, "{\"groups\":[{\"name\":\"cows\",\"fences\":2,\"devices\":0},"
                                   "{\"name\":\"goats\",\"fences\":1,\"devices\":1}]}");
    catalog_text_fini(&text);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_fence_comes_back_as_it_was_given_with_what_the_catalogue_knows),
        CASE(expected_revisions_are_held_to),
        CASE(an_id_comes_from_the_address_the_feature_or_the_name),
        CASE(a_patch_changes_what_it_names_and_nothing_else),
        CASE(a_removed_fence_can_be_read_and_restored_to_the_bit),
        CASE(a_new_name_never_moves_a_boundary),
        CASE(the_last_50_revisions_are_kept_and_those_that_kept_rules_need),
        CASE(lists_come_in_pages_in_the_order_of_ids),
        CASE(bad_input_is_refused_with_a_reason_and_changes_nothing),
        CASE(nesting_and_size_are_bounded),
        CASE(a_feature_with_coordinates_of_its_own_is_kept_as_a_feature),
        CASE(shapes_of_every_kind_are_taken),
        CASE(schedules_are_resolved_and_renewed_without_a_new_revision),
        CASE(a_schedule_resolved_while_the_clock_was_ahead_is_renewed),
        CASE(groups_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
