/* tests/catalog/fixture.c - a catalogue in a folder of its own. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fixture_open(fixture *kit)
{
    geo_why why = {""};
    if (catalog_open(kit->path, &kit->store, &why) != GEO_OK) {
        fail_msg("open: %s", why.text);
    }
}

void fixture_close(fixture *kit)
{
    catalog_close(kit->store);
    kit->store = NULL;
}

int fixture_setup(void **state)
{
    fixture *made = calloc(1, sizeof *made);
    assert_non_null(made);
    (void)snprintf(made->folder, sizeof made->folder, "/tmp/hedgerow-catalog-XXXXXX");
    assert_non_null(mkdtemp(made->folder));
    (void)snprintf(made->path, sizeof made->path, "%s/catalog.db", made->folder);
    fixture_open(made);
    *state = made;
    return 0;
}

int fixture_teardown(void **state)
{
    fixture *kit = *state;
    fixture_close(kit);
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", kit->path, endings[i]);
        (void)unlink(path);
    }
    (void)rmdir(kit->folder);
    free(kit);
    return 0;
}

catalog_change *fixture_begin(fixture *kit)
{
    catalog_change *change = NULL;
    geo_why why = {""};
    if (catalog_change_begin(kit->store, "tester", FIXTURE_NOW_MS, &change, &why) != GEO_OK) {
        fail_msg("begin: %s", why.text);
    }
    return change;
}

uint64_t fixture_commit(catalog_change *change)
{
    uint64_t version = 0;
    geo_why why = {""};
    if (catalog_change_commit(change, &version, &why) != GEO_OK) {
        fail_msg("commit: %s", why.text);
    }
    return version;
}

catalog_edit fixture_put(fixture *kit, const char *id, const char *feature)
{
    catalog_edit edit;
    geo_why why = {""};
    catalog_change *change = fixture_begin(kit);
    if (catalog_change_put(change, id, feature, strlen(feature), CATALOG_ANY, &edit, &why) !=
        GEO_OK) {
        fail_msg("put: %s", why.text);
    }
    (void)fixture_commit(change);
    return edit;
}

const char *fixture_square(double lon, double lat, double side, const char *properties)
{
    static char text[4096];
    (void)snprintf(text, sizeof text,
                   "{\"type\":\"Feature\",\"properties\":%s,\"geometry\":{\"type\":\"Polygon\","
                   "\"coordinates\":[[[%.7f,%.7f],[%.7f,%.7f],[%.7f,%.7f],[%.7f,%.7f],"
                   "[%.7f,%.7f]]]}}",
                   properties, lon, lat, lon + side, lat, lon + side, lat + side, lon, lat + side,
                   lon, lat);
    return text;
}

void fixture_name(fixture *kit, uint64_t key, const char *id)
{
    catalog_name name = {.key = key, .id = id, .seen_ms = FIXTURE_NOW_MS};
    geo_why why = {""};
    if (catalog_names_put(kit->store, &name, 1, &why) != GEO_OK) {
        fail_msg("name: %s", why.text);
    }
}

void assert_has(const catalog_text *text, const char *piece)
{
    if (strstr(text->data, piece) == NULL) {
        fail_msg("there is no %s in %s", piece, text->data);
    }
}

void assert_has_not(const catalog_text *text, const char *piece)
{
    if (strstr(text->data, piece) != NULL) {
        fail_msg("there is %s in %s", piece, text->data);
    }
}

const geo_rules *fixture_rules(fixture *kit)
{
    const geo_rules *rules = NULL;
    geo_why why = {""};
    if (catalog_rules_load(kit->store, catalog_version(kit->store), &rules, &why) != GEO_OK) {
        fail_msg("rules: %s", why.text);
    }
    return rules;
}
