/* rules_read.c - a version of the rules from the file: what was in force then. */
#include "internal.h"
#include "schema.h"
#include "stored.h"

/* Schedules are resolved 400 days ahead and again when fewer than this many are left, so that a
 * device's timers never meet the end, even on a gateway that slept for months. */
#define RENEW_WHEN_LEFT_MS (INT64_C(370) * 24 * 3600 * 1000)

geo_err versions_read(catalog_db *db, uint64_t *oldest, uint64_t *newest, geo_why *why)
{
    db_query query = db_begin(db, "SELECT min(version), max(version) FROM version");
    geo_err err = db_one(&query, why);
    if (err == GEO_OK && db_column_null(&query, 0)) {
        err = geo_why_set(why, GEO_CORRUPT, "the catalogue: there is no version in it");
    }
    if (err == GEO_OK) {
        *oldest = (uint64_t)db_column_i64(&query, 0);
        *newest = (uint64_t)db_column_i64(&query, 1);
    }
    return db_finish(&query, err, why);
}

geo_err settings_read(catalog_db *db, int64_t version, geo_settings *out, geo_why *why)
{
    db_query query = db_begin(db, "SELECT max_accuracy_m, max_gap_s, max_speed_mps,"
                                  " alert_max_age_s, stale_after_s FROM setting"
                                  " WHERE from_version <= ?1 AND until_version > ?1");
    db_i64(&query, version);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK) {
        *out = (geo_settings){
            .max_accuracy_m = (uint32_t)db_column_i64(&query, 0),
            .max_gap_s = (uint32_t)db_column_i64(&query, 1),
            .max_speed_mps = (uint32_t)db_column_i64(&query, 2),
            .alert_max_age_s = (uint32_t)db_column_i64(&query, 3),
            .stale_after_s = (uint32_t)db_column_i64(&query, 4),
        };
    }
    return db_finish(&query, err, why);
}

/* The instants' columns follow those of the fence. */
static geo_err read_instants(db_query *query, stored_fence *stored)
{
    int column = STORED_COLUMN_COUNT;
    if (db_column_null(query, column)) {
        return GEO_OK;
    }
    geo_instants *instants = &stored->description.schedule;
    size_t size = 0;
    const uint8_t *bytes = db_column_blob(query, column + 2, &size);
    instants->scheduled = true;
    instants->span.from_ms = db_column_i64(query, column);
    instants->span.to_ms = db_column_i64(query, column + 1);
    geo_err err = intervals_from_bytes(bytes, size, &stored->intervals, &instants->on_count);
    instants->on = stored->intervals;
    return err;
}

static geo_err read_fence(db_query *query, geo_rules_builder *builder)
{
    stored_fence stored;
    const geo_fence *fence = NULL;
    geo_err err = stored_fence_read(query, &stored);
    if (err == GEO_OK) {
        err = read_instants(query, &stored);
    }
    if (err == GEO_OK) {
        err = stored_fence_make(&stored, &fence, NULL);
    }
    if (err == GEO_OK) {
        err = geo_rules_put_fence_at(builder, fence, stored.slot);
    }
    geo_fence_unref(fence);
    stored_fence_fini(&stored);
    return err == GEO_OK || err == GEO_NO_MEMORY ? err : GEO_CORRUPT;
}

static geo_err read_fences(catalog_db *db, int64_t version, geo_rules_builder *builder,
                           geo_why *why)
{
    db_query query = db_begin(
        db, "SELECT " STORED_COLUMNS ", i.span_from_ms, i.span_to_ms, i.switches FROM revision AS r"
            " LEFT JOIN instants AS i ON i.fence = r.fence AND i.revision = r.revision"
            " AND i.from_version <= ?1 AND i.until_version > ?1"
            " WHERE r.from_version <= ?1 AND r.until_version > ?1");
    db_i64(&query, version);
    bool row = true;
    geo_err err = GEO_OK;
    while (err == GEO_OK) {
        err = db_step(&query, &row, why);
        if (err != GEO_OK || !row) {
            break;
        }
        err = read_fence(&query, builder);
        if (err != GEO_OK) {
            (void)geo_why_set(why, err, "the catalogue: fence %.64s cannot be read: %s",
                              db_column_text(&query, 0, NULL), geo_err_text(err));
        }
    }
    return db_finish(&query, err, why);
}

static geo_err read_devices(catalog_db *db, int64_t version, geo_rules_builder *builder,
                            geo_why *why)
{
    db_query query = db_begin(db, "SELECT key, groups, stale_after_s FROM device_rule"
                                  " WHERE from_version <= ?1 AND until_version > ?1");
    db_i64(&query, version);
    bool row = true;
    geo_err err = GEO_OK;
    while (err == GEO_OK) {
        err = db_step(&query, &row, why);
        if (err != GEO_OK || !row) {
            break;
        }
        group_list groups = {0};
        err = group_list_from_lines(db_column_text(&query, 1, NULL), &groups);
        if (err == GEO_OK) {
            geo_device_rules device = {
                .device = (uint64_t)db_column_i64(&query, 0),
                .has_stale_after = !db_column_null(&query, 2),
                .stale_after_s = (uint32_t)db_column_i64(&query, 2),
                .groups = groups.names,
                .group_count = groups.count,
            };
            err = geo_rules_put_device(builder, &device);
        }
        group_list_fini(&groups);
        if (err != GEO_OK) {
            (void)geo_why_set(why, err, "the catalogue: a device cannot be read: %s",
                              geo_err_text(err));
        }
    }
    return db_finish(&query, err, why);
}

geo_err rules_read(catalog_db *db, uint64_t version, const geo_rules **out, geo_why *why)
{
    uint64_t oldest = 0;
    uint64_t newest = 0;
    geo_err err = versions_read(db, &oldest, &newest, why);
    if (err != GEO_OK) {
        return err;
    }
    if (version < oldest) {
        return geo_why_set(why, GEO_GONE, "rules %llu are no longer kept, the oldest are %llu",
                           (unsigned long long)version, (unsigned long long)oldest);
    }
    if (version > newest) {
        return geo_why_set(why, GEO_NOT_FOUND, "there are no rules %llu yet, the newest are %llu",
                           (unsigned long long)version, (unsigned long long)newest);
    }
    geo_rules_builder *builder = NULL;
    err = geo_rules_builder_new(NULL, &builder);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "%s", geo_err_text(err));
    }
    geo_settings settings;
    err = settings_read(db, (int64_t)version, &settings, why);
    if (err == GEO_OK) {
        geo_rules_set_settings(builder, &settings);
        err = read_fences(db, (int64_t)version, builder, why);
    }
    if (err == GEO_OK) {
        err = read_devices(db, (int64_t)version, builder, why);
    }
    if (err == GEO_OK) {
        err = geo_rules_build(builder, version, out);
    }
    geo_rules_builder_free(builder);
    return err;
}

geo_err fresh_read(catalog_db *db, geo_interval *fresh, geo_why *why)
{
    /* All spans are equally long, so that the one that ends last begins last. */
    db_query query =
        db_begin(db, "SELECT (SELECT span_from_ms FROM instants WHERE until_version = ?1"
                     " ORDER BY span_to_ms DESC LIMIT 1),"
                     " (SELECT min(span_to_ms) FROM instants WHERE until_version = ?1)");
    db_i64(&query, VERSION_OPEN);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK) {
        *fresh = (geo_interval){INT64_MIN, INT64_MAX};
        if (!db_column_null(&query, 0)) {
            fresh->from_ms = db_column_i64(&query, 0);
            fresh->to_ms = db_column_i64(&query, 1) - RENEW_WHEN_LEFT_MS;
        }
    }
    return db_finish(&query, err, why);
}
