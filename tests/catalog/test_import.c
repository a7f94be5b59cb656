/* tests/catalog/test_import.c - files of fences: all or nothing, and out again. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct growing_text {
    char *data;
    size_t size;
    size_t pieces_max; /* of a sink that stops; 0: it never does */
} growing_text;

static void add(growing_text *all, const char *piece, size_t size)
{
    all->data = realloc(all->data, all->size + size + 1);
    assert_non_null(all->data);
    memcpy(all->data + all->size, piece, size);
    all->size += size;
    all->data[all->size] = '\0';
}

static bool take(void *context, const char *piece, size_t size)
{
    growing_text *all = context;
    add(all, piece, size);
    return all->pieces_max == 0 || --all->pieces_max > 0;
}

static void add_text(growing_text *all, const char *piece)
{
    add(all, piece, strlen(piece));
}

static geo_err import(fixture *kit, const char *data, const catalog_import_options *options,
                      uint32_t *count, geo_why *why)
{
    catalog_change *change = fixture_begin(kit);
    geo_err err = catalog_change_import(change, data, strlen(data), options, count, why);
    if (err == GEO_OK) {
        (void)fixture_commit(change);
    } else {
        catalog_change_abandon(change);
    }
    return err;
}

static const catalog_import_options strict = {0};

static void a_collection_becomes_fences_in_one_version(void **state)
{
    fixture *kit = *state;
    growing_text all = {0};
    add_text(&all, " {\"type\": \"FeatureCollection\", \"name\":\"farm\", \"features\": [\n");
    for (int i = 0; i < 200; i++) {
        add_text(&all, i == 0 ? "" : " ,\n");
        add_text(&all, fixture_square(16 + 0.01 * i, 59, 0.005, "{\"name\":\"Camp\"}"));
    }
    add_text(&all, "]}\n");
    uint32_t count = 0;
    geo_why why = {""};
    assert_int_equal(import(kit, all.data, &strict, &count, &why), GEO_OK);
    assert_int_equal(count, 200);
    assert_int_equal(catalog_version(kit->store), 1);
    const geo_rules *rules = fixture_rules(kit);
    assert_int_equal(geo_rules_fence_count(rules), 200);
    assert_int_not_equal(geo_rules_find(rules, "camp"), GEO_NO_SLOT);
    assert_int_not_equal(geo_rules_find(rules, "camp-200"), GEO_NO_SLOT);
    geo_rules_unref(rules);
    free(all.data);
}

static void an_id_made_from_a_name_leaves_alone_what_comes_later(void **state)
{
    fixture *kit = *state;
    growing_text all = {0};
    uint32_t count = 0;
    geo_why why = {""};
    add_text(&all, "{\"type\":\"FeatureCollection\",\"features\":[");
    add_text(&all, fixture_square(16, 59, 0.01, "{\"name\":\"North\"}"));
    add_text(&all, ",{\"id\":\"north\",");
    add_text(&all, fixture_square(17, 59, 0.01, "{\"name\":\"Other\"}") + 1);
    add_text(&all, "]}");
    if (import(kit, all.data, &strict, &count, &why) != GEO_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(count, 2);
    catalog_text text = {0};
    assert_int_equal(catalog_fence_get(kit->store, "north", &text, NULL), GEO_OK);
    assert_has(&text, "\"name\":\"Other\"");
    catalog_text_fini(&text);
    assert_int_equal(catalog_fence_get(kit->store, "north-2", &text, NULL), GEO_OK);
    assert_has(&text, "\"name\":\"North\"");
    catalog_text_fini(&text);
    free(all.data);
}

static void a_single_feature_and_a_bare_geometry_are_imported_too(void **state)
{
    fixture *kit = *state;
    uint32_t count = 0;
    assert_int_equal(import(kit, fixture_square(16, 59, 0.01, "{}"), &strict, &count, NULL),
                     GEO_OK);
    assert_int_equal(count, 1);
    assert_int_equal(import(kit,
                            "{\"type\":\"Polygon\",\"coordinates\":[[[1,1],[2,1],[2,2],[1,1]]]}",
                            &strict, &count, NULL),
                     GEO_OK);
    assert_int_equal(count, 1);
    assert_int_equal(
        import(kit, "{\"type\":\"FeatureCollection\",\"features\":[]}", &strict, &count, NULL),
        GEO_OK);
    assert_int_equal(count, 0);
    assert_int_equal(catalog_version(kit->store), 2);
    /* With a byte order mark, as some editors save it. */
    char marked[1024];
    (void)snprintf(marked, sizeof marked, "\xEF\xBB\xBF%s",
                   fixture_square(17, 59, 0.01, "{\"name\":\"Marked\"}"));
    assert_int_equal(import(kit, marked, &strict, &count, NULL), GEO_OK);
    assert_int_equal(count, 1);
    catalog_text text = {0};
    assert_int_equal(catalog_fence_get(kit->store, "marked", &text, NULL), GEO_OK);
    assert_has(&text, "\"name\":\"Marked\"");
    catalog_text_fini(&text);
}

static void one_bad_feature_refuses_all_and_is_named(void **state)
{
    fixture *kit = *state;
    static const char *const bad[] = {
        "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\","
        "\"coordinates\":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}}",
        "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\","
        "\"coordinates\":[[[0,0],[1,1],[1,0],[0,1]]]}}",
        "{\"type\":\"Feature\",\"id\":\"north\",\"properties\":{},\"geometry\":{\"type\":"
        "\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]}}",
        "{\"type\":\"Feature\",\"id\":\"a b\",\"properties\":{},\"geometry\":{\"type\":"
        "\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]}}",
        "{\"type\":\"Feature\",\"properties\":{},\"geometry\":null}",
        "7",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        growing_text all = {0};
        add_text(&all, "{\"type\":\"FeatureCollection\",\"features\":[{\"id\":\"north\",");
        add_text(&all, fixture_square(16, 59, 0.01, "{}") + 1);
        add_text(&all, ",");
        add_text(&all, bad[i]);
        add_text(&all, ",");
        add_text(&all, fixture_square(17, 59, 0.01, "{}"));
        add_text(&all, "]}");
        geo_why why = {""};
        geo_err err = import(kit, all.data, &strict, NULL, &why);
        assert_true(err == GEO_INVALID || err == GEO_SYNTAX);
        if (strstr(why.text, "feature 1") == NULL) {
            fail_msg("%s: %s", bad[i], why.text);
        }
        free(all.data);
    }
    assert_int_equal(catalog_version(kit->store), 0);
    catalog_text none = {0};
    catalog_page page = {0};
    assert_int_equal(catalog_fence_list(kit->store, &page, &none, NULL), GEO_OK);
    assert_has(&none, "\"features\":[]");
    catalog_text_fini(&none);
}

static void open_rings_are_closed_only_when_asked(void **state)
{
    fixture *kit = *state;
    static const char open[] =
        "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"id\":\"a\","
        "\"properties\":{},\"geometry\":{\"type\":\"Polygon\",\"coordinates\":"
        "[[[0,0],[9,0],[9,9],[0,9]],[[1,1],[2,1],[2,2.5]]]}}]}";
    geo_why why;
    assert_int_equal(import(kit, open, &strict, NULL, &why), GEO_INVALID);
    assert_non_null(strstr(why.text, "closed"));
    catalog_import_options closing = {.close_rings = true};
    assert_int_equal(import(kit, open, &closing, NULL, &why), GEO_OK);
    catalog_text fence = {0};
    assert_int_equal(catalog_fence_get(kit->store, "a", &fence, NULL), GEO_OK);
    /* What is kept is closed, so that it can be edited like any other. */
    assert_has(&fence, "\"coordinates\":[[[[0,0],[9,0],[9,9],[0,9],[0,0]],"
                       "[[1,1],[2,1],[2,2.5],[1,1]]]]");
    catalog_text_fini(&fence);
    catalog_change *change = fixture_begin(kit);
    static const char patch[] = "{\"properties\":{\"name\":\"x\"}}";
    assert_int_equal(
        catalog_change_patch(change, "a", patch, sizeof patch - 1, CATALOG_ANY, NULL, &why),
        GEO_OK);
    (void)fixture_commit(change);
}

static void fences_that_exist_are_replaced_only_when_asked(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "a", fixture_square(16, 59, 0.01, "{}"));
    growing_text all = {0};
    add_text(&all, "{\"id\":\"a\",");
    add_text(&all, fixture_square(17, 59, 0.01, "{\"name\":\"new\"}") + 1);
    geo_why why;
    assert_int_equal(import(kit, all.data, &strict, NULL, &why), GEO_EXISTS);
    catalog_import_options replacing = {.replace_existing = true};
    assert_int_equal(import(kit, all.data, &replacing, NULL, &why), GEO_OK);
    catalog_text fence = {0};
    assert_int_equal(catalog_fence_get(kit->store, "a", &fence, NULL), GEO_OK);
    assert_int_equal(fence.revision, 2);
    assert_has(&fence, "\"name\":\"new\"");
    catalog_text_fini(&fence);
    free(all.data);
}

static void what_is_exported_can_be_imported_and_is_the_same(void **state)
{
    fixture *kit = *state;
    char id[16];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(id, sizeof id, "f%d", i);
        (void)fixture_put(kit, id,
                          fixture_square(16 + 0.1 * i, 59, 0.01,
                                         "{\"name\":\"\xc3\xa5 \\\"q\\\"\",\"intent\":\"keep-in\","
                                         "\"groups\":[\"g\"],\"own\":{\"a\":[null,1.50]}}"));
    }
    growing_text first = {0};
    growing_text second = {0};
    geo_why why = {""};
    assert_int_equal(catalog_export(kit->store, take, &first, NULL), GEO_OK);
    catalog_import_options replacing = {.replace_existing = true};
    uint32_t count = 0;
    assert_int_equal(import(kit, first.data, &replacing, &count, &why), GEO_OK);
    assert_int_equal(count, 20);
    fixture_close(kit);
    fixture_open(kit);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(id, sizeof id, "f%d", i);
        const geo_rules *before = NULL;
        const geo_rules *after = fixture_rules(kit);
        assert_int_equal(catalog_rules_load(kit->store, 20, &before, NULL), GEO_OK);
        assert_int_equal(geo_fence_compare(geo_rules_fence(before, geo_rules_find(before, id)),
                                           geo_rules_fence(after, geo_rules_find(after, id))),
                         GEO_FENCE_SAME);
        geo_rules_unref(before);
        geo_rules_unref(after);
    }
    assert_int_equal(catalog_export(kit->store, take, &second, NULL), GEO_OK);
    assert_int_equal(first.size, second.size - 9); /* versions 1 to 9 are 21 now */
    second.pieces_max = 3;
    assert_int_equal(catalog_export(kit->store, take, &second, NULL), GEO_IO);
    free(first.data);
    free(second.data);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_collection_becomes_fences_in_one_version),
        CASE(an_id_made_from_a_name_leaves_alone_what_comes_later),
        CASE(a_single_feature_and_a_bare_geometry_are_imported_too),
        CASE(one_bad_feature_refuses_all_and_is_named),
        CASE(open_rings_are_closed_only_when_asked),
        CASE(fences_that_exist_are_replaced_only_when_asked),
        CASE(what_is_exported_can_be_imported_and_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
