/* tests/catalog/test_alloc.c - the n-th allocation fails, in every operation: an answer that says
 * so, nothing leaked, nothing half done. */
#include "fixture.h"

#include <errno.h>
#include <string.h>

#include "fault/fault.h"

static const char feature[] =
    "{\"type\":\"Feature\",\"properties\":{\"name\":\"North\",\"groups\":[\"b\",\"a\"],"
    "\"radius_m\":50,\"approach_m\":10,\"schedule\":{\"tz\":\"Europe/Stockholm\",\"weekly\":"
    "[{\"days\":[\"mon\"],\"from\":\"06:00\",\"to\":\"20:00\"}]}},"
    "\"geometry\":{\"type\":\"Point\",\"coordinates\":[16.3,59.2]}}";
static const char collection[] =
    "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"properties\":{},"
    "\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[1,1],[2,1],[2,2],[1,1]]]}},"
    "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\",\"coordinates\":"
    "[[[3,1],[4,1],[4,2],[3,2],[3,1]]]}}]}";
static const char groups[] = "{\"groups\":[\"b\",\"a\"],\"stale_after_s\":5}";
static const char name[] = "{\"properties\":{\"name\":\"x\"}}";

typedef geo_err operation(fixture *kit);

static bool swallow(void *context, const char *piece, size_t size)
{
    (void)piece;
    *(size_t *)context += size;
    return true;
}

/* Every kind of edit in one change. */
static geo_err all_edits(fixture *kit)
{
    static const catalog_import_options closing = {.close_rings = true, .replace_existing = true};
    catalog_change *change = NULL;
    const geo_rules *rules = NULL;
    geo_why why;
    geo_err err = catalog_change_begin(kit->store, "x", FIXTURE_NOW_MS, &change, &why);
    if (err != GEO_OK) {
        return err;
    }
    err = catalog_change_put(change, NULL, feature, sizeof feature - 1, CATALOG_ANY, NULL, &why);
    if (err == GEO_OK) {
        err = catalog_change_patch(change, "old", name, sizeof name - 1, CATALOG_ANY, NULL, &why);
    }
    if (err == GEO_OK) {
        err = catalog_change_restore(change, "old", 1, CATALOG_ANY, NULL, &why);
    }
    if (err == GEO_OK) {
        err =
            catalog_change_import(change, collection, sizeof collection - 1, &closing, NULL, &why);
    }
    if (err == GEO_OK) {
        err = catalog_change_device(change, "cow", groups, sizeof groups - 1, CATALOG_ANY, &why);
    }
    if (err == GEO_OK) {
        err = catalog_change_renew(change, NULL, &why);
    }
    if (err == GEO_OK) {
        err = catalog_change_remove(change, "old", CATALOG_ANY, NULL, &why);
    }
    if (err == GEO_OK) {
        err = catalog_change_rules(change, &rules, &why);
        geo_rules_unref(rules);
    }
    if (err != GEO_OK) {
        catalog_change_abandon(change);
        return err;
    }
    return catalog_change_commit(change, NULL, &why);
}

static geo_err all_reads(fixture *kit)
{
    catalog_text text = {0};
    catalog_page page = {0};
    const geo_rules *rules = NULL;
    size_t size = 0;
    geo_why why;
    geo_err err = catalog_fence_get(kit->store, "old", &text, &why);
    catalog_text_fini(&text);
    if (err == GEO_OK) {
        err = catalog_fence_list(kit->store, &page, &text, &why);
        catalog_text_fini(&text);
    }
    if (err == GEO_OK) {
        err = catalog_fence_versions(kit->store, "old", 0, 0, &text, &why);
        catalog_text_fini(&text);
    }
    if (err == GEO_OK) {
        err = catalog_export(kit->store, swallow, &size, &why);
    }
    if (err == GEO_OK) {
        err = catalog_device_list(kit->store, &page, &text, &why);
        catalog_text_fini(&text);
    }
    if (err == GEO_OK) {
        err = catalog_rules_load(kit->store, 1, &rules, &why);
        geo_rules_unref(rules);
    }
    return err;
}

/* A second handle on the same file. */
static geo_err open_again(fixture *kit)
{
    catalog *store = NULL;
    geo_why why;
    geo_err err = catalog_open(kit->path, &store, &why);
    catalog_close(store);
    return err;
}

static void fail_each(fixture *kit, operation *run, bool changes)
{
    fixture_name(kit, 5, "cow");
    (void)fixture_put(kit, "old", feature);
    (void)fixture_put(kit, "old", fixture_square(16, 59, 0.01, "{}"));
    unsigned failed = 0;
    for (uint64_t nth = 1;; nth++) {
        uint64_t before = catalog_version(kit->store);
        fault_arm(FAULT_ALLOC, nth, FAULT_ONCE, ENOMEM);
        geo_err err = run(kit);
        bool struck = fault_struck();
        fault_clear();
        assert_int_equal(catalog_version(kit->store), before + (changes && err == GEO_OK));
        if (!struck) {
            assert_int_equal(err, GEO_OK);
            break;
        }
        assert_int_equal(err, GEO_NO_MEMORY);
        failed++;
        assert_true(nth < 5000);
    }
    print_message("%u allocations\n", failed);
    assert_true(failed > 0);
}

static void a_change_survives_every_failed_allocation(void **state)
{
    fail_each(*state, all_edits, true);
}

static void reading_survives_every_failed_allocation(void **state)
{
    fail_each(*state, all_reads, false);
}

static void opening_survives_every_failed_allocation(void **state)
{
    fail_each(*state, open_again, false);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_change_survives_every_failed_allocation),
        CASE(reading_survives_every_failed_allocation),
        CASE(opening_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
