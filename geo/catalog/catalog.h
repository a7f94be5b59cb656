/* catalog/catalog.h - the fence catalogue: fences, devices and settings, and every version of them.
 *
 * One SQLite file, with SpatiaLite for geometry: WAL, every commit synced. One connection writes,
 * a few others read. What a change is, and how it is made: catalog/change.h. Reading fences:
 * catalog/fence.h. Devices and their names: catalog/device.h. What other parts keep in the same
 * file: catalog/document.h. */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/text.h"
#include "geo/err.h"
#include "geo/rules.h"

/* Opaque. Threads: every function of these headers may be called from any thread, but for those
 * that take a catalog_change, which belongs to the thread that began it. Reads never wait for a
 * change; they see the last commit. */
typedef struct catalog catalog;

/* Versions of one fence that are kept whatever else is dropped, so that a change can be undone. */
#define CATALOG_VERSIONS_KEPT 50

/* Open the file, or make it. The caller sees to it that no other process changes it meanwhile (a
 * change that finds another's version fails with GEO_LOCKED); others may read.
 * GEO_TOO_NEW: a newer program wrote it. GEO_INVALID: some other kind of file. GEO_CORRUPT. GEO_IO,
 * also when it must be made and mod_spatialite is not installed. */
GEO_MUST_USE geo_err catalog_open(const char *path, catalog **out, geo_why *why);

/* No other thread is inside the catalogue any more, and no change is open. NULL is fine. */
void catalog_close(catalog *store);

/* The version of the rules as of the last commit. 0 in a new catalogue: no fence, no device of its
 * own, default settings. Each committed change makes the next one. Does not wait. */
uint64_t catalog_version(const catalog *store);

/* A kept version, whole; the caller owns one reference. The current one costs nothing.
 * GEO_GONE: below the floor. GEO_NOT_FOUND: not made yet. */
GEO_MUST_USE geo_err catalog_rules_load(catalog *store, uint64_t version, const geo_rules **out,
                                        geo_why *why);

/* The oldest version that can still be loaded. */
uint64_t catalog_floor(const catalog *store);

/* Nobody (log, checkpoint) needs versions below floor any more: forget them, but for the last
 * CATALOG_VERSIONS_KEPT of every fence, which stay readable by catalog_fence_at(). A floor below
 * the present one changes nothing; one above the current version counts as the current version. */
GEO_MUST_USE geo_err catalog_prune(catalog *store, uint64_t floor, geo_why *why);

/* Write a whole copy of the file as of one moment, for a backup; changes may go on meanwhile. path
 * must not exist. GEO_EXISTS, GEO_NO_SPACE, GEO_IO. */
GEO_MUST_USE geo_err catalog_backup(catalog *store, const char *path, geo_why *why);

/* Whether schedules must be resolved anew, as a change with catalog_change_renew(): they end too
 * soon, or begin only later, because the clock was ahead when they were resolved. */
bool catalog_renew_due(const catalog *store, int64_t now_ms);

/* The settings, as a JSON object: max_accuracy_m, max_gap_s, max_speed_mps, alert_max_age_s,
 * stale_after_s, tz (an IANA name; "UTC" at first), revision, updated, updated_by. */
GEO_MUST_USE geo_err catalog_settings_get(catalog *store, catalog_text *out, geo_why *why);

/* The history of the rules, newest first, as {"rules":[{"version","time","who","what"}],"next"}:
 * those below `before` (0: from the newest), at most limit. */
GEO_MUST_USE geo_err catalog_history(catalog *store, uint64_t before, uint32_t limit,
                                     catalog_text *out, geo_why *why);

#endif
