/* tests/catalog/test_document.c - documents of other parts, and backups. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "catalog/document.h"

static geo_err put(fixture *kit, const char *name, const char *text, uint64_t expected,
                   catalog_stamp *stamp)
{
    return catalog_document_put(kit->store, "query", name, text, strlen(text), expected, stamp,
                                NULL);
}

static void a_document_keeps_its_text_and_its_number(void **state)
{
    fixture *kit = *state;
    catalog_stamp first = {0};
    catalog_stamp again = {0};
    catalog_stamp other = {0};
    assert_int_equal(put(kit, "busiest", "{\"from\": \"events\"}", CATALOG_NONE, &first), GEO_OK);
    assert_int_equal(put(kit, "busiest", "{ \"from\":1}", 1, &again), GEO_OK);
    assert_int_equal(first.number, again.number);
    assert_int_equal(first.revision, 1);
    assert_int_equal(again.revision, 2);
    fixture_close(kit);
    fixture_open(kit);
    catalog_text text = {0};
    assert_int_equal(catalog_document_get(kit->store, "query", "busiest", &text, NULL), GEO_OK);
    assert_string_equal(text.data, "{ \"from\":1}");
    assert_int_equal(text.revision, 2);
    catalog_text_fini(&text);
    assert_int_equal(catalog_document_get(kit->store, "sink", "busiest", &text, NULL),
                     GEO_NOT_FOUND);
    assert_int_equal(catalog_document_remove(kit->store, "query", "busiest", 2, NULL), GEO_OK);
    assert_int_equal(put(kit, "busiest", "{}", CATALOG_NONE, &other), GEO_OK);
    assert_true(other.number > first.number);
    assert_int_equal(catalog_version(kit->store), 0);
}

static void expectations_and_bad_documents_are_refused(void **state)
{
    fixture *kit = *state;
    assert_int_equal(put(kit, "a", "{}", 3, NULL), GEO_NOT_FOUND);
    assert_int_equal(put(kit, "a", "{}", CATALOG_NONE, NULL), GEO_OK);
    assert_int_equal(put(kit, "a", "{}", CATALOG_NONE, NULL), GEO_EXISTS);
    assert_int_equal(put(kit, "a", "{}", 3, NULL), GEO_CONFLICT);
    assert_int_equal(put(kit, "a/b", "{}", CATALOG_ANY, NULL), GEO_INVALID);
    assert_int_equal(put(kit, "a", "[]", CATALOG_ANY, NULL), GEO_SYNTAX);
    assert_int_equal(put(kit, "a", "{", CATALOG_ANY, NULL), GEO_SYNTAX);
    assert_int_equal(catalog_document_remove(kit->store, "query", "b", CATALOG_ANY, NULL),
                     GEO_NOT_FOUND);
    assert_int_equal(catalog_document_remove(kit->store, "query", "a", 3, NULL), GEO_CONFLICT);
    catalog_text text = {0};
    assert_int_equal(catalog_document_get(kit->store, "query", "a", &text, NULL), GEO_OK);
    assert_int_equal(text.revision, 1);
    catalog_text_fini(&text);
}

static void join_names(void *context, const catalog_document *document)
{
    char *names = context;
    (void)snprintf(names + strlen(names), 64 - strlen(names), "%s=%.*s ", document->name,
                   (int)document->size, document->text);
}

static void documents_come_in_the_order_of_their_names(void **state)
{
    fixture *kit = *state;
    char names[64] = "";
    assert_int_equal(put(kit, "b", "{\"x\":1}", CATALOG_NONE, NULL), GEO_OK);
    assert_int_equal(put(kit, "a", "{}", CATALOG_NONE, NULL), GEO_OK);
    assert_int_equal(catalog_document_each(kit->store, "query", join_names, names, NULL), GEO_OK);
    assert_string_equal(names, "a={} b={\"x\":1} ");
}

static void a_backup_is_a_catalogue_of_its_own(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "a", fixture_square(16, 59, 0.01, "{}"));
    fixture copy = *kit;
    (void)snprintf(copy.path, sizeof copy.path, "%s/copy.db", kit->folder);
    assert_int_equal(catalog_backup(kit->store, copy.path, NULL), GEO_OK);
    assert_int_equal(catalog_backup(kit->store, copy.path, NULL), GEO_EXISTS);
    (void)fixture_put(kit, "b", fixture_square(16, 59, 0.01, "{}"));
    fixture_open(&copy);
    assert_int_equal(catalog_version(copy.store), 1);
    (void)fixture_put(&copy, "c", fixture_square(16, 59, 0.01, "{}"));
    fixture_close(&copy);
    assert_int_equal(unlink(copy.path), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_document_keeps_its_text_and_its_number),
        CASE(expectations_and_bad_documents_are_refused),
        CASE(documents_come_in_the_order_of_their_names),
        CASE(a_backup_is_a_catalogue_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
