/* tests/catalog/fixture.h - a catalogue in a folder of its own, and short ways to change it. */
#ifndef CATALOG_FIXTURE_H
#define CATALOG_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "test.h"

#include "catalog/catalog.h"
#include "catalog/change.h"
#include "catalog/device.h"
#include "catalog/fence.h"

/* 2026-11-20T08:00:00Z. */
#define FIXTURE_NOW_MS INT64_C(1795161600000)

typedef struct fixture {
    char folder[64];
    char path[96];
    catalog *store;
} fixture;

/* cmocka's setup and teardown: *state is a fixture with an open, new catalogue. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

void fixture_open(fixture *kit);
void fixture_close(fixture *kit);

catalog_change *fixture_begin(fixture *kit);
uint64_t fixture_commit(catalog_change *change);

/* One fence put and committed; fails the test when that fails. */
catalog_edit fixture_put(fixture *kit, const char *id, const char *feature);

/* A square Feature with its corner at (lon, lat) and a side in degrees. properties is JSON. The
 * text is valid until the next call. */
const char *fixture_square(double lon, double lat, double side, const char *properties);

void fixture_name(fixture *kit, uint64_t key, const char *id);

/* Whether the text has the piece in it; says both if not. */
void assert_has(const catalog_text *text, const char *piece);
void assert_has_not(const catalog_text *text, const char *piece);

/* The current rules; the caller counts down. */
const geo_rules *fixture_rules(fixture *kit);

#endif
