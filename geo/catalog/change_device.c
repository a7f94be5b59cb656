/* change_device.c - changes of devices' entries and of the settings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "catalog/change.h"
#include "internal.h"
#include "json_in.h"
#include "schema.h"

#define PATCH_BYTES_MAX 65536
#define DAY_S 86400
#define STALE_AFTER_S_MAX (366 * DAY_S)

static const json_member device_members[] = {
    {"name", JSON_TEXT, 0, GEO_FENCE_NAME_MAX},
    {"groups", JSON_ARRAY, 0, GEO_DEVICE_GROUPS_MAX},
    {"stale_after_s", JSON_INTEGER, 0, STALE_AFTER_S_MAX},
};

static const json_member setting_members[] = {
    {"max_accuracy_m", JSON_INTEGER, 1, 6553},
    {"max_gap_s", JSON_INTEGER, 1, 30 * DAY_S},
    {"max_speed_mps", JSON_INTEGER, 1, 100000},
    {"alert_max_age_s", JSON_INTEGER, 0, 30 * DAY_S},
    {"stale_after_s", JSON_INTEGER, 0, STALE_AFTER_S_MAX},
    {"tz", JSON_TEXT, 1, 64},
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* The device's key, when it is there and at the expected revision. */
static geo_err find_device(catalog_db *db, const char *id, uint64_t expected, int64_t *key,
                           geo_why *why)
{
    db_query query = db_begin(db, "SELECT key, revision FROM device WHERE id = ? AND removed = 0");
    db_text(&query, id);
    bool row = false;
    geo_err err = db_step(&query, &row, why);
    if (err == GEO_OK && !row) {
        err = geo_why_set(why, GEO_NOT_FOUND, "there is no device %.64s", id);
    }
    if (err == GEO_OK) {
        *key = db_column_i64(&query, 0);
        uint64_t revision = (uint64_t)db_column_i64(&query, 1);
        if (expected != CATALOG_ANY && expected != CATALOG_SOME && expected != revision) {
            err = geo_why_set(why, GEO_CONFLICT,
                              "device %.64s is at revision %llu, not %llu: someone has changed it",
                              id, (unsigned long long)revision, (unsigned long long)expected);
        }
    }
    return db_finish(&query, err, why);
}

/* Bring the device's entry in the rules, in the file and in memory, to what its row says now. */
static geo_err follow_device(catalog_change *change, int64_t key, geo_why *why)
{
    catalog_db *db = change->store->writer;
    char *lines = NULL;
    geo_device_rules rules = {.device = (uint64_t)key};
    db_query query = db_begin(db, "SELECT groups, stale_after_s FROM device WHERE key = ?");
    db_i64(&query, key);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK) {
        rules.has_stale_after = !db_column_null(&query, 1);
        rules.stale_after_s = (uint32_t)db_column_i64(&query, 1);
        err = json_lines(db, db_column_text(&query, 0, NULL), &lines, why);
    }
    err = db_finish(&query, err, why);
    if (err != GEO_OK) {
        free(lines);
        return err;
    }
    query = db_begin(db, "UPDATE device_rule SET until_version = ?2 WHERE key = ?1 AND"
                         " +until_version = ?3");
    db_i64(&query, key);
    db_i64(&query, (int64_t)change->version);
    db_i64(&query, VERSION_OPEN);
    err = db_run(&query, why);
    if (err == GEO_OK && (rules.has_stale_after || lines[0] != '\0')) {
        query = db_begin(db, "INSERT OR REPLACE INTO device_rule SELECT key, ?2, ?3, ?4,"
                             " stale_after_s FROM device WHERE key = ?1");
        db_i64(&query, key);
        db_i64(&query, (int64_t)change->version);
        db_i64(&query, VERSION_OPEN);
        db_text(&query, lines);
        err = db_run(&query, why);
    }
    group_list groups = {0};
    if (err == GEO_OK) {
        err = group_list_from_lines(lines, &groups);
        rules.groups = groups.names;
        rules.group_count = groups.count;
    }
    if (err == GEO_OK) {
        err = geo_rules_put_device(change->builder, &rules);
    }
    group_list_fini(&groups);
    free(lines);
    return err;
}

static geo_err patch_device(catalog_change *change, const char *id, const char *patch, size_t size,
                            uint64_t expected, geo_why *why)
{
    catalog_db *db = change->store->writer;
    int64_t key = 0;
    geo_err err = json_check_object(db, patch, size, PATCH_BYTES_MAX, device_members,
                                    COUNT_OF(device_members), why);
    if (err == GEO_OK) {
        err = find_device(db, id, expected, &key, why);
    }
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(
        db, "UPDATE device SET revision = revision + 1, updated_ms = ?3, updated_by = ?4,"
            " name = coalesce(p ->> '$.name', ''), groups = coalesce(p -> '$.groups', '[]'),"
            " stale_after_s = p ->> '$.stale_after_s'"
            " FROM (SELECT json_patch(json_object('name', name, 'groups', json(groups),"
            " 'stale_after_s', stale_after_s), ?2) AS p FROM device WHERE key = ?1)"
            " WHERE key = ?1");
    db_i64(&query, key);
    db_text_sized(&query, patch, size);
    db_i64(&query, change->now_ms);
    db_text(&query, change->who);
    err = db_run(&query, why);
    return err == GEO_OK ? follow_device(change, key, why) : err;
}

geo_err catalog_change_device(catalog_change *change, const char *id, const char *patch,
                              size_t size, uint64_t expected, geo_why *why)
{
    geo_err err = change_edit_begin(change, why);
    if (err != GEO_OK) {
        return err;
    }
    err = change_edit_end(change, patch_device(change, id, patch, size, expected, why), why);
    change->other_count += err == GEO_OK;
    return err;
}

static geo_err remove_device(catalog_change *change, const char *id, uint64_t expected,
                             geo_why *why)
{
    catalog_db *db = change->store->writer;
    int64_t key = 0;
    geo_err err = find_device(db, id, expected, &key, why);
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(db, "UPDATE device SET removed = 1, revision = revision + 1,"
                                  " name = '', groups = '[]', stale_after_s = NULL,"
                                  " updated_ms = ?2, updated_by = ?3 WHERE key = ?1");
    db_i64(&query, key);
    db_i64(&query, change->now_ms);
    db_text(&query, change->who);
    err = db_run(&query, why);
    return err == GEO_OK ? follow_device(change, key, why) : err;
}

geo_err catalog_change_device_remove(catalog_change *change, const char *id, uint64_t expected,
                                     geo_why *why)
{
    geo_err err = change_edit_begin(change, why);
    if (err != GEO_OK) {
        return err;
    }
    err = change_edit_end(change, remove_device(change, id, expected, why), why);
    change->other_count += err == GEO_OK;
    return err;
}

static geo_err expect_settings(catalog_db *db, uint64_t expected, geo_why *why)
{
    db_query query = db_begin(db, "SELECT revision FROM setting WHERE until_version = ?");
    db_i64(&query, VERSION_OPEN);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK && expected != CATALOG_ANY && expected != CATALOG_SOME &&
        expected != (uint64_t)db_column_i64(&query, 0)) {
        err = geo_why_set(why, GEO_CONFLICT, "someone has changed the settings");
    }
    return db_finish(&query, err, why);
}

/* The new row carries this version, and so does a row that this change has made before. */
static geo_err write_settings(catalog_change *change, const char *patch, size_t size, geo_why *why)
{
    catalog_db *db = change->store->writer;
    db_query query = db_begin(
        db, "INSERT OR REPLACE INTO setting SELECT ?1, ?2, revision + 1, ?3, ?4,"
            " p ->> '$.max_accuracy_m', p ->> '$.max_gap_s', p ->> '$.max_speed_mps',"
            " p ->> '$.alert_max_age_s', p ->> '$.stale_after_s', p ->> '$.tz'"
            " FROM (SELECT revision, json_patch(json_object('max_accuracy_m', max_accuracy_m,"
            " 'max_gap_s', max_gap_s, 'max_speed_mps', max_speed_mps, 'alert_max_age_s',"
            " alert_max_age_s, 'stale_after_s', stale_after_s, 'tz', tz), ?5) AS p"
            " FROM setting WHERE until_version = ?2)");
    db_i64(&query, (int64_t)change->version);
    db_i64(&query, VERSION_OPEN);
    db_i64(&query, change->now_ms);
    db_text(&query, change->who);
    db_text_sized(&query, patch, size);
    geo_err err = db_run(&query, why);
    if (err == GEO_OK) {
        query = db_begin(db, "UPDATE setting SET until_version = ?1 WHERE until_version = ?2 AND"
                             " from_version < ?1");
        db_i64(&query, (int64_t)change->version);
        db_i64(&query, VERSION_OPEN);
        err = db_run(&query, why);
    }
    return err;
}

static geo_err follow_settings(catalog_change *change, geo_why *why)
{
    geo_settings settings;
    geo_err err = settings_read(change->store->writer, (int64_t)change->version, &settings, why);
    if (err == GEO_OK) {
        geo_rules_set_settings(change->builder, &settings);
    }
    return err;
}

/* A merge patch takes away what it sets to null, but each setting has a value. */
static geo_err check_has_no_null(catalog_db *db, const char *patch, size_t size, geo_why *why)
{
    db_query query = db_begin(db, "SELECT max(key) FROM json_each(?) WHERE type = 'null'");
    db_text_sized(&query, patch, size);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK && !db_column_null(&query, 0)) {
        err = geo_why_set(why, GEO_INVALID, "%s cannot be null", db_column_text(&query, 0, NULL));
    }
    return db_finish(&query, err, why);
}

/* A zone that the system does not know is found by asking for something in it. */
static geo_err check_zone(catalog_db *db, const char *patch, size_t size, geo_why *why)
{
    geo_weekly weekly = {.count = 1, .times = {{.days = 1, .from_min = 0, .to_min = 60}}};
    geo_interval day = {0, DAY_S * INT64_C(1000)};
    geo_interval *on = NULL;
    uint32_t count = 0;
    db_query query = db_begin(db, "SELECT ?1 ->> '$.tz'");
    db_text_sized(&query, patch, size);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK && !db_column_null(&query, 0)) {
        (void)snprintf(weekly.tz, sizeof weekly.tz, "%s", db_column_text(&query, 0, NULL));
        err = geo_schedule_resolve(&weekly, day, NULL, &on, &count, why);
        if (err == GEO_NOT_FOUND) {
            err = geo_why_set(why, GEO_INVALID, "tz: there is no time zone \"%s\"", weekly.tz);
        }
    }
    free(on);
    return db_finish(&query, err, why);
}

static geo_err patch_settings(catalog_change *change, const char *patch, size_t size,
                              uint64_t expected, geo_why *why)
{
    catalog_db *db = change->store->writer;
    geo_err err = json_check_object(db, patch, size, PATCH_BYTES_MAX, setting_members,
                                    COUNT_OF(setting_members), why);
    if (err == GEO_OK) {
        err = check_has_no_null(db, patch, size, why);
    }
    if (err == GEO_OK) {
        err = check_zone(db, patch, size, why);
    }
    if (err == GEO_OK) {
        err = expect_settings(db, expected, why);
    }
    if (err == GEO_OK) {
        err = write_settings(change, patch, size, why);
    }
    return err == GEO_OK ? follow_settings(change, why) : err;
}

geo_err catalog_change_settings(catalog_change *change, const char *patch, size_t size,
                                uint64_t expected, geo_why *why)
{
    geo_err err = change_edit_begin(change, why);
    if (err != GEO_OK) {
        return err;
    }
    err = change_edit_end(change, patch_settings(change, patch, size, expected, why), why);
    change->other_count += err == GEO_OK;
    return err;
}
