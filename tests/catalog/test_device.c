/* tests/catalog/test_device.c - names, devices' entries, settings. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

static geo_err change_device(fixture *kit, const char *id, const char *patch, uint64_t expected,
                             geo_why *why)
{
    catalog_change *change = fixture_begin(kit);
    geo_err err = catalog_change_device(change, id, patch, strlen(patch), expected, why);
    if (err == GEO_OK) {
        (void)fixture_commit(change);
    } else {
        catalog_change_abandon(change);
    }
    return err;
}

static geo_err change_settings(fixture *kit, const char *patch, uint64_t expected, geo_why *why)
{
    catalog_change *change = fixture_begin(kit);
    geo_err err = catalog_change_settings(change, patch, strlen(patch), expected, why);
    if (err == GEO_OK) {
        (void)fixture_commit(change);
    } else {
        catalog_change_abandon(change);
    }
    return err;
}

typedef struct heard {
    uint64_t keys[8];
    char ids[8][CATALOG_DEVICE_ID_MAX + 1];
    size_t count;
} heard;

static void hear(void *context, uint64_t key, const char *id)
{
    heard *list = context;
    assert_true(list->count < 8);
    list->keys[list->count] = key;
    (void)snprintf(list->ids[list->count], sizeof list->ids[0], "%s", id);
    list->count++;
}

static void names_are_kept_over_a_restart_in_the_order_of_their_keys(void **state)
{
    fixture *kit = *state;
    fixture_name(kit, UINT64_MAX - 1, "cow-3");
    fixture_name(kit, 7, "cow-1");
    fixture_name(kit, 7, "cow-1");
    fixture_name(kit, UINT64_C(1) << 62, "cow-2");
    fixture_close(kit);
    fixture_open(kit);
    heard list = {0};
    assert_int_equal(catalog_names_load(kit->store, hear, &list, NULL), GEO_OK);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.keys[0], 7);
    assert_string_equal(list.ids[0], "cow-1");
    assert_string_equal(list.ids[1], "cow-2");
    assert_true(list.keys[2] == UINT64_MAX - 1);
    assert_string_equal(list.ids[2], "cow-3");
}

static void a_second_id_with_the_same_key_is_refused_and_nothing_of_the_call_is_kept(void **state)
{
    fixture *kit = *state;
    fixture_name(kit, 7, "cow-1");
    catalog_name names[] = {{9, "goat", 0}, {7, "cow-2", 0}};
    geo_why why;
    assert_int_equal(catalog_names_put(kit->store, names, 2, &why), GEO_EXISTS);
    assert_non_null(strstr(why.text, "cow-2"));
    catalog_name other_key = {8, "cow-1", 0};
    assert_int_equal(catalog_names_put(kit->store, &other_key, 1, &why), GEO_EXISTS);
    catalog_name bad = {10, "no blanks", 0};
    assert_int_equal(catalog_names_put(kit->store, &bad, 1, &why), GEO_INVALID);
    heard list = {0};
    assert_int_equal(catalog_names_load(kit->store, hear, &list, NULL), GEO_OK);
    assert_int_equal(list.count, 1);
}

static void a_devices_entry_reaches_the_rules_and_the_page(void **state)
{
    fixture *kit = *state;
    fixture_name(kit, 42, "cow-17");
    assert_int_equal(catalog_version(kit->store), 0);
    assert_int_equal(change_device(kit, "cow-17",
                                   "{\"name\":\"Rosa \\\"the\\\" cow\",\"groups\":[\"herd b\","
                                   "\"\\u00e5r\",\"a\\\\n\",\"herd b\"],\"stale_after_s\":60}",
                                   0, NULL),
                     GEO_OK);
    assert_int_equal(catalog_version(kit->store), 1);
    for (int round = 0; round < 2; round++) {
        const geo_rules *rules = fixture_rules(kit);
        const geo_device_rules *device = geo_rules_device(rules, 42);
        assert_non_null(device);
        assert_true(device->has_stale_after);
        assert_int_equal(device->stale_after_s, 60);
        assert_int_equal(device->group_count, 3);
        assert_string_equal(device->groups[0], "a\\n");
        assert_string_equal(device->groups[1], "herd b");
        assert_string_equal(device->groups[2], "\xc3\xa5r");
        geo_rules_unref(rules);
        fixture_close(kit);
        fixture_open(kit);
    }
    catalog_text text = {0};
    assert_int_equal(catalog_device_get(kit->store, "cow-17", &text, NULL), GEO_OK);
    assert_int_equal(text.revision, 1);
    assert_has(&text, "\"name\":\"Rosa \\\"the\\\" cow\"");
    assert_has(&text, "\"stale_after_s\":60");
    assert_has(&text, "\"updated_by\":\"tester\"");
    assert_has(&text, "\"updated\":\"2026-11-20T08:00:00.000Z\"");
    catalog_text_fini(&text);
}

static void null_in_a_patch_takes_a_member_back(void **state)
{
    fixture *kit = *state;
    fixture_name(kit, 42, "cow-17");
    assert_int_equal(
        change_device(kit, "cow-17", "{\"groups\":[\"a\"],\"stale_after_s\":5}", CATALOG_ANY, NULL),
        GEO_OK);
    assert_int_equal(
        change_device(kit, "cow-17", "{\"groups\":null,\"stale_after_s\":null}", CATALOG_ANY, NULL),
        GEO_OK);
    const geo_rules *rules = fixture_rules(kit);
    assert_null(geo_rules_device(rules, 42));
    geo_rules_unref(rules);
    assert_int_equal(catalog_rules_load(kit->store, 1, &rules, NULL), GEO_OK);
    assert_non_null(geo_rules_device(rules, 42));
    geo_rules_unref(rules);
}

static void bad_patches_of_a_device_name_the_member_and_change_nothing(void **state)
{
    fixture *kit = *state;
    fixture_name(kit, 42, "cow-17");
    static const struct {
        const char *patch;
        geo_err err;
        const char *piece;
    } cases[] = {
        {"", GEO_SYNTAX, "JSON"},
        {"[]", GEO_SYNTAX, "object"},
        {"{\"name\":1}", GEO_INVALID, "name"},
        {"{\"nam\":\"x\"}", GEO_INVALID, "nam"},
        {"{\"name\":\"x\",\"name\":\"y\"}", GEO_INVALID, "twice"},
        {"{\"name\":\"a\\u0000b\"}", GEO_SYNTAX, "u0000"},
        {"{\"name\":\"a\\u0001b\"}", GEO_INVALID, "name"},
        {"{\"name\":\"\xff\"}", GEO_SYNTAX, "UTF-8"},
        {"{\"groups\":\"a\"}", GEO_INVALID, "groups"},
        {"{\"groups\":[1]}", GEO_INVALID, "groups[0]"},
        {"{\"groups\":[\"a\",\"\"]}", GEO_INVALID, "groups[1]"},
        {"{\"groups\":[\"a\\nb\"]}", GEO_INVALID, "groups[0]"},
        {"{\"stale_after_s\":-1}", GEO_INVALID, "stale_after_s"},
        {"{\"stale_after_s\":1.5}", GEO_INVALID, "stale_after_s"},
        {"{\"stale_after_s\":1e400}", GEO_INVALID, "stale_after_s"},
        {"{\"stale_after_s\":99999999999999999999}", GEO_INVALID, "stale_after_s"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        geo_why why = {""};
        assert_int_equal(change_device(kit, "cow-17", cases[i].patch, CATALOG_ANY, &why),
                         cases[i].err);
        assert_non_null(strstr(why.text, cases[i].piece));
    }
    assert_int_equal(catalog_version(kit->store), 0);
    geo_why why;
    assert_int_equal(change_device(kit, "cow-18", "{}", CATALOG_ANY, &why), GEO_NOT_FOUND);
    assert_int_equal(change_device(kit, "cow-17", "{}", 5, &why), GEO_CONFLICT);
}

static void a_removed_device_is_gone_until_it_is_heard_of_again(void **state)
{
    fixture *kit = *state;
    fixture_name(kit, 42, "cow-17");
    assert_int_equal(change_device(kit, "cow-17", "{\"groups\":[\"a\"]}", 0, NULL), GEO_OK);
    catalog_change *change = fixture_begin(kit);
    assert_int_equal(catalog_change_device_remove(change, "cow-17", 1, NULL), GEO_OK);
    assert_int_equal(fixture_commit(change), 2);
    const geo_rules *rules = fixture_rules(kit);
    assert_null(geo_rules_device(rules, 42));
    geo_rules_unref(rules);
    catalog_text text = {0};
    assert_int_equal(catalog_device_get(kit->store, "cow-17", &text, NULL), GEO_NOT_FOUND);
    fixture_name(kit, 42, "cow-17");
    assert_int_equal(catalog_device_get(kit->store, "cow-17", &text, NULL), GEO_OK);
    assert_has(&text, "\"groups\":[]");
    catalog_text_fini(&text);
}

static void devices_come_in_pages(void **state)
{
    fixture *kit = *state;
    for (uint64_t i = 0; i < 5; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "cow-%d", (int)i);
        fixture_name(kit, 100 - i, id);
    }
    catalog_text text = {0};
    catalog_page page = {.limit = 3};
    assert_int_equal(catalog_device_list(kit->store, &page, &text, NULL), GEO_OK);
    assert_has(&text, "\"id\":\"cow-2\"");
    assert_has_not(&text, "\"id\":\"cow-3\"");
    assert_has(&text, "\"next\":\"cow-2\"}");
    catalog_text_fini(&text);
    page.after = "cow-2";
    assert_int_equal(catalog_device_list(kit->store, &page, &text, NULL), GEO_OK);
    assert_has(&text, "\"id\":\"cow-4\"");
    assert_has_not(&text, "\"id\":\"cow-2\"");
    assert_has(&text, "\"next\":null}");
    catalog_text_fini(&text);
}

static void settings_are_versioned_and_checked(void **state)
{
    fixture *kit = *state;
    catalog_text text = {0};
    assert_int_equal(catalog_settings_get(kit->store, &text, NULL), GEO_OK);
    assert_has(&text, "\"max_accuracy_m\":100,");
    assert_has(&text, "\"tz\":\"UTC\"");
    assert_int_equal(text.revision, 1);
    catalog_text_fini(&text);
    geo_why why;
    assert_int_equal(change_settings(kit, "{\"max_gap_s\":0}", 1, &why), GEO_INVALID);
    assert_int_equal(change_settings(kit, "{\"tz\":\"Mars/Olympus\"}", 1, &why), GEO_INVALID);
    assert_int_equal(change_settings(kit, "{\"tz\":\"../etc/passwd\"}", 1, &why), GEO_INVALID);
    assert_int_equal(change_settings(kit, "{\"max_gap_s\":90}", 7, &why), GEO_CONFLICT);
    assert_int_equal(
        change_settings(kit, "{\"max_gap_s\":90,\"tz\":\"Europe/Stockholm\"}", 1, &why), GEO_OK);
    assert_int_equal(change_settings(kit, "{\"max_speed_mps\":9}", 2, &why), GEO_OK);
    const geo_rules *rules = NULL;
    uint32_t gaps[] = {geo_settings_default.max_gap_s, 90, 90};
    uint32_t speeds[] = {geo_settings_default.max_speed_mps, geo_settings_default.max_speed_mps, 9};
    fixture_close(kit);
    fixture_open(kit);
    for (uint64_t v = 0; v < 3; v++) {
        assert_int_equal(catalog_rules_load(kit->store, v, &rules, NULL), GEO_OK);
        assert_int_equal(geo_rules_version(rules), v);
        assert_int_equal(geo_rules_settings(rules)->max_gap_s, gaps[v]);
        assert_int_equal(geo_rules_settings(rules)->max_speed_mps, speeds[v]);
        geo_rules_unref(rules);
    }
    assert_int_equal(catalog_rules_load(kit->store, 3, &rules, &why), GEO_NOT_FOUND);
}

static void two_edits_of_one_device_in_one_change_make_one_version(void **state)
{
    fixture *kit = *state;
    fixture_name(kit, 42, "cow-17");
    catalog_change *change = fixture_begin(kit);
    static const char first[] = "{\"stale_after_s\":60}";
    static const char second[] = "{\"stale_after_s\":70}";
    assert_int_equal(
        catalog_change_device(change, "cow-17", first, sizeof first - 1, CATALOG_ANY, NULL),
        GEO_OK);
    assert_int_equal(
        catalog_change_device(change, "cow-17", second, sizeof second - 1, CATALOG_ANY, NULL),
        GEO_OK);
    assert_int_equal(catalog_change_settings(change, first, sizeof first - 1, 1, NULL), GEO_OK);
    assert_int_equal(catalog_change_settings(change, second, sizeof second - 1, 2, NULL), GEO_OK);
    assert_int_equal(fixture_commit(change), 1);
    fixture_close(kit);
    fixture_open(kit);
    const geo_rules *rules = fixture_rules(kit);
    assert_int_equal(geo_rules_stale_after_s(rules, 42), 70);
    assert_int_equal(geo_rules_settings(rules)->stale_after_s, 70);
    geo_rules_unref(rules);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(names_are_kept_over_a_restart_in_the_order_of_their_keys),
        CASE(a_second_id_with_the_same_key_is_refused_and_nothing_of_the_call_is_kept),
        CASE(a_devices_entry_reaches_the_rules_and_the_page),
        CASE(null_in_a_patch_takes_a_member_back),
        CASE(bad_patches_of_a_device_name_the_member_and_change_nothing),
        CASE(a_removed_device_is_gone_until_it_is_heard_of_again),
        CASE(devices_come_in_pages),
        CASE(settings_are_versioned_and_checked),
        CASE(two_edits_of_one_device_in_one_change_make_one_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
