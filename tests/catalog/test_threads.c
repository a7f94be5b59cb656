/* tests/catalog/test_threads.c - readers on many threads beside a writer: no waiting for it, and
 * each sees one moment whole. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define READERS 12 /* more than there are connections for */
#define CHANGES 60

typedef struct crowd {
    fixture *kit;
    atomic_bool stop;
    atomic_uint reads;
    atomic_uint failures;
} crowd;

/* Every change puts both fences with the same name: whoever sees two names saw half a change. */
static bool one_moment(crowd *crowd_of, catalog_text *text)
{
    catalog_page page = {0};
    if (catalog_fence_list(crowd_of->kit->store, &page, text, NULL) != GEO_OK) {
        return false;
    }
    const char *first = strstr(text->data, "\"name\":\"");
    const char *second = first == NULL ? NULL : strstr(first + 1, "\"name\":\"");
    return second != NULL && strcspn(first + 8, "\"") == strcspn(second + 8, "\"") &&
           strncmp(first + 8, second + 8, strcspn(first + 8, "\"")) == 0;
}

static bool rules_agree(crowd *crowd_of)
{
    const geo_rules *rules = NULL;
    uint64_t version = catalog_version(crowd_of->kit->store);
    geo_err err = catalog_rules_load(crowd_of->kit->store, version, &rules, NULL);
    if (err != GEO_OK) {
        return err == GEO_GONE; /* a slow thread's version may be pruned meanwhile */
    }
    uint32_t a = geo_rules_find(rules, "a");
    uint32_t b = geo_rules_find(rules, "b");
    bool agree = geo_rules_version(rules) == version && a != GEO_NO_SLOT && b != GEO_NO_SLOT &&
                 strcmp(geo_rules_fence(rules, a)->name, geo_rules_fence(rules, b)->name) == 0;
    geo_rules_unref(rules);
    return agree;
}

static void *read_on(void *context)
{
    crowd *crowd_of = context;
    while (!atomic_load(&crowd_of->stop)) {
        catalog_text text = {0};
        if (!one_moment(crowd_of, &text) || !rules_agree(crowd_of)) {
            atomic_fetch_add(&crowd_of->failures, 1);
        }
        catalog_text_fini(&text);
        atomic_fetch_add(&crowd_of->reads, 1);
    }
    return NULL;
}

static void put_both(fixture *kit, int number)
{
    char properties[64];
    (void)snprintf(properties, sizeof properties, "{\"name\":\"round %d\"}", number);
    catalog_change *change = fixture_begin(kit);
    const char *feature = fixture_square(16, 59, 0.01, properties);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(catalog_change_put(change, i == 0 ? "a" : "b", feature, strlen(feature),
                                            CATALOG_ANY, NULL, NULL),
                         GEO_OK);
    }
    (void)fixture_commit(change);
}

static void readers_see_whole_changes_and_never_fail(void **state)
{
    fixture *kit = *state;
    put_both(kit, 0);
    crowd crowd_of = {.kit = kit};
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &crowd_of), 0);
    }
    for (int i = 1; i <= CHANGES; i++) {
        put_both(kit, i);
        if (i % 20 == 0) {
            assert_int_equal(catalog_prune(kit->store, (uint64_t)i - 5, NULL), GEO_OK);
        }
    }
    while (atomic_load(&crowd_of.reads) < READERS * 10) {
        put_both(kit, CHANGES);
    }
    atomic_store(&crowd_of.stop, true);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&crowd_of.failures), 0);
    print_message("%u reads\n", atomic_load(&crowd_of.reads));
}

static void a_reader_does_not_wait_for_an_open_change(void **state)
{
    fixture *kit = *state;
    put_both(kit, 0);
    catalog_change *change = fixture_begin(kit);
    assert_int_equal(catalog_change_remove(change, "a", CATALOG_ANY, NULL, NULL), GEO_OK);
    catalog_text text = {0};
    assert_int_equal(catalog_fence_get(kit->store, "a", &text, NULL), GEO_OK);
    catalog_text_fini(&text);
    assert_int_equal(catalog_version(kit->store), 1);
    (void)fixture_commit(change);
    assert_int_equal(catalog_fence_get(kit->store, "a", &text, NULL), GEO_NOT_FOUND);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(readers_see_whole_changes_and_never_fail),
        CASE(a_reader_does_not_wait_for_an_open_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
