/* tests/catalog/test_memory.c - what a catalogue holds in memory while nobody edits fences. */
#include "fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMES 40000

/* A file with one fence, made by another process: what that one has loaded is not here. */
static int set_up_elsewhere(void **state)
{
    fixture *made = calloc(1, sizeof *made);
    assert_non_null(made);
    (void)snprintf(made->folder, sizeof made->folder, "/tmp/hedgerow-catalog-XXXXXX");
    assert_non_null(mkdtemp(made->folder));
    (void)snprintf(made->path, sizeof made->path, "%s/catalog.db", made->folder);
    pid_t child = fork();
    if (child == 0) {
        fixture_open(made);
        (void)fixture_put(made, "north", fixture_square(16, 59, 0.01, "{\"name\":\"North\"}"));
        fixture_close(made);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fixture_open(made);
    *state = made;
    return 0;
}

static bool has_spatialite(void)
{
    char line[512];
    bool is_found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        is_found = is_found || strstr(line, "mod_spatialite") != NULL;
    }
    (void)fclose(maps);
    return is_found;
}

static void spatialite_comes_with_the_first_edit_of_a_fence(void **state)
{
    fixture *kit = *state;
    catalog_text text = {0};
    geo_why why = {""};
    const geo_rules *rules = fixture_rules(kit);
    assert_int_equal(geo_rules_fence_count(rules), 1);
    geo_rules_unref(rules);
    assert_int_equal(catalog_fence_get(kit->store, "north", &text, &why), GEO_OK);
    catalog_text_fini(&text);
    fixture_name(kit, 7, "cow-7");
    catalog_change *change = fixture_begin(kit);
    const char groups[] = "{\"groups\":[\"cows\"]}";
    assert_int_equal(
        catalog_change_device(change, "cow-7", groups, strlen(groups), CATALOG_ANY, &why), GEO_OK);
    (void)fixture_commit(change);
    assert_false(has_spatialite());

    /* In the midst of a change, as the second edit of it. */
    change = fixture_begin(kit);
    assert_int_equal(
        catalog_change_device(change, "cow-7", "{\"name\":\"Rosa\"}", 15, CATALOG_ANY, &why),
        GEO_OK);
    assert_int_equal(catalog_change_remove(change, "north", CATALOG_ANY, NULL, &why), GEO_OK);
    (void)fixture_commit(change);
    assert_true(has_spatialite());
}

static void note_name(void *context, uint64_t key, const char *id)
{
    (void)key;
    (void)id;
    ++*(uint32_t *)context;
}

static void connections_at_rest_keep_none_of_the_files_pages(void **state)
{
    fixture *kit = *state;
    geo_why why = {""};
    uint32_t count = 0;
    /* One connection of each kind, with its schema. */
    assert_int_equal(catalog_names_load(kit->store, note_name, &count, &why), GEO_OK);
    int64_t before = sqlite3_memory_used();
    catalog_name *names = calloc(NAMES, sizeof *names);
    char *ids = calloc(NAMES, 16);
    assert_non_null(names);
    assert_non_null(ids);
    for (uint32_t i = 0; i < NAMES; i++) {
        (void)snprintf(ids + (size_t)i * 16, 16, "goat-%u", i);
        names[i] = (catalog_name){.key = UINT64_C(0x9e3779b97f4a7c15) * (i + 1),
                                  .id = ids + (size_t)i * 16,
                                  .seen_ms = FIXTURE_NOW_MS};
    }
    assert_int_equal(catalog_names_put(kit->store, names, NAMES, &why), GEO_OK);
    count = 0;
    assert_int_equal(catalog_names_load(kit->store, note_name, &count, &why), GEO_OK);
    assert_true(count >= NAMES);
    int64_t more = sqlite3_memory_used() - before;
    print_message("%lld bytes more\n", (long long)more);
    assert_true(more < 256 * 1024);
    free(names);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spatialite_comes_with_the_first_edit_of_a_fence),
        cmocka_unit_test(connections_at_rest_keep_none_of_the_files_pages),
    };
    return cmocka_run_group_tests(tests, set_up_elsewhere, fixture_teardown);
}
