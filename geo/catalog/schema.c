/* schema.c - the tables of the catalogue.
 *
 * What rules are made of carries the versions of the rules in which it is in force: from_version
 * up to, not including, until_version. So a version is a SELECT, a change writes only what it
 * changes, and forgetting old versions is a DELETE. Where a statement knows the fence, it says
 * +until_version, so that the planner takes the fence's few rows and not all that are in force. */
#include "schema.h"

#include <stddef.h>

#include "geo/rules.h"

/* "HEDG": how file(1) and we tell a catalogue from any other SQLite file. */
#define APPLICATION_ID 0x48454447

static const char *const schema_sql[] = {
    "SELECT InitSpatialMetaDataFull(0, 'WGS84')",

    /* One row for each version of the rules that is kept. */
    "CREATE TABLE version(version INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL,"
    " who TEXT NOT NULL, what TEXT NOT NULL)",
    "INSERT INTO version VALUES (0, 0, '', 'made')",

    /* The fences of now, for people's SQL: what is looked at, not what decisions are made of. */
    "CREATE TABLE fence(id TEXT PRIMARY KEY NOT NULL, slot INTEGER NOT NULL,"
    " revision INTEGER NOT NULL, name TEXT NOT NULL, intent TEXT NOT NULL, area_ha REAL NOT NULL,"
    " perimeter_m REAL NOT NULL)",
    "SELECT AddGeometryColumn('fence', 'geom', 4326, 'MULTIPOLYGON', 'XY')",
    "SELECT CreateSpatialIndex('fence', 'geom')",

    /* Every kept revision of every fence, removals included (those are never in force). geometry
     * and properties are as they were given; area and zone are the canonical lattice form; groups
     * are lines of text. */
    "CREATE TABLE revision(fence TEXT NOT NULL, revision INTEGER NOT NULL, what TEXT NOT NULL,"
    " who TEXT NOT NULL, time_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " created_by TEXT NOT NULL, from_version INTEGER NOT NULL, until_version INTEGER NOT NULL,"
    " slot INTEGER NOT NULL, name TEXT NOT NULL, intent INTEGER NOT NULL, dwell_s INTEGER NOT NULL,"
    " approach_cm INTEGER NOT NULL, confirm_fixes INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,"
    " groups TEXT NOT NULL, schedule TEXT, area BLOB, zone BLOB, area_ha REAL NOT NULL,"
    " perimeter_m REAL NOT NULL, geometry TEXT, properties TEXT,"
    " PRIMARY KEY (fence, revision))",
    "CREATE INDEX revision_in_force ON revision(until_version, from_version)",
    "CREATE INDEX revision_removed ON revision(fence, revision) WHERE what = 'removed'",

    /* A revision as people outside see it; removals have no text. */
    "CREATE VIEW fence_text AS SELECT fence, revision, until_version,"
    " '{\"type\":\"Feature\",\"id\":' || json_quote(fence) || ',\"geometry\":' || geometry ||"
    " ',\"properties\":' || json_patch(properties, json_object('area_ha', area_ha, 'perimeter_m',"
    " perimeter_m, 'revision', revision, 'version', from_version, 'created',"
    " strftime('%Y-%m-%dT%H:%M:%fZ', created_ms / 1000.0, 'unixepoch'), 'created_by', created_by,"
    " 'updated', strftime('%Y-%m-%dT%H:%M:%fZ', time_ms / 1000.0, 'unixepoch'), 'updated_by', who))"
    " || '}' AS text FROM revision WHERE geometry IS NOT NULL",

    /* What a revision's schedule comes to in UTC: renewed without a new revision. */
    "CREATE TABLE instants(fence TEXT NOT NULL, revision INTEGER NOT NULL,"
    " from_version INTEGER NOT NULL, until_version INTEGER NOT NULL,"
    " span_from_ms INTEGER NOT NULL, span_to_ms INTEGER NOT NULL, switches BLOB NOT NULL,"
    " PRIMARY KEY (fence, revision, from_version)) WITHOUT ROWID",
    "CREATE INDEX instants_in_force ON instants(until_version, span_to_ms)",

    /* Names of devices as the log has them, and what people said about them last; groups are a
     * JSON array here, lines of text in device_rule. */
    "CREATE TABLE device(key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " first_seen_ms INTEGER NOT NULL, removed INTEGER NOT NULL DEFAULT 0,"
    " revision INTEGER NOT NULL DEFAULT 0, name TEXT NOT NULL DEFAULT '',"
    " groups TEXT NOT NULL DEFAULT '[]', stale_after_s INTEGER,"
    " updated_ms INTEGER, updated_by TEXT)",
    /* A device as people outside see it. */
    "CREATE VIEW device_text AS SELECT id, revision, json_object('id', id, 'name', name, 'groups',"
    " json(groups), 'stale_after_s', stale_after_s, 'first_seen',"
    " strftime('%Y-%m-%dT%H:%M:%fZ', first_seen_ms / 1000.0, 'unixepoch'), 'revision', revision,"
    " 'updated', strftime('%Y-%m-%dT%H:%M:%fZ', updated_ms / 1000.0, 'unixepoch'), 'updated_by',"
    " updated_by) AS text FROM device WHERE removed = 0",
    "CREATE TABLE device_rule(key INTEGER NOT NULL, from_version INTEGER NOT NULL,"
    " until_version INTEGER NOT NULL, groups TEXT NOT NULL, stale_after_s INTEGER,"
    " PRIMARY KEY (key, from_version)) WITHOUT ROWID",
    "CREATE INDEX device_rule_in_force ON device_rule(until_version, from_version)",

    "CREATE TABLE setting(from_version INTEGER PRIMARY KEY, until_version INTEGER NOT NULL,"
    " revision INTEGER NOT NULL, time_ms INTEGER NOT NULL, who TEXT NOT NULL,"
    " max_accuracy_m INTEGER NOT NULL, max_gap_s INTEGER NOT NULL, max_speed_mps INTEGER NOT NULL,"
    " alert_max_age_s INTEGER NOT NULL, stale_after_s INTEGER NOT NULL, tz TEXT NOT NULL)",

    /* What other parts keep here (catalog/document.h). */
    "CREATE TABLE document(number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
    " name TEXT NOT NULL, revision INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE (kind, name))",
};

/* The defaults come from geo/, so that they are written down once. */
static geo_err insert_default_settings(catalog_db *db, geo_why *why)
{
    db_query query = db_begin(db, "INSERT INTO setting VALUES (0, ?, 1, 0, '', ?, ?, ?, ?, ?, "
                                  "'UTC')");
    db_i64(&query, VERSION_OPEN);
    db_i64(&query, geo_settings_default.max_accuracy_m);
    db_i64(&query, geo_settings_default.max_gap_s);
    db_i64(&query, geo_settings_default.max_speed_mps);
    db_i64(&query, geo_settings_default.alert_max_age_s);
    db_i64(&query, geo_settings_default.stale_after_s);
    return db_run(&query, why);
}

static geo_err make_tables(catalog_db *db, geo_why *why)
{
    geo_err err = db_need_spatialite(db, why);
    if (err == GEO_OK) {
        err = db_exec(db, "BEGIN IMMEDIATE", why);
    }
    for (size_t i = 0; err == GEO_OK && i < sizeof schema_sql / sizeof *schema_sql; i++) {
        err = db_exec(db, schema_sql[i], why);
    }
    if (err == GEO_OK) {
        err = insert_default_settings(db, why);
    }
    if (err == GEO_OK) {
        err = db_exec(db, "PRAGMA user_version = 1", why);
    }
    if (err == GEO_OK) {
        err = db_exec(db, "PRAGMA application_id = 1212499015", why);
    }
    if (err == GEO_OK) {
        err = db_exec(db, "COMMIT", why);
    }
    if (err != GEO_OK) {
        db_rollback(db);
    }
    return err;
}

static geo_err number_of(catalog_db *db, const char *sql, int64_t *number, geo_why *why)
{
    db_query query = db_begin(db, sql);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK) {
        *number = db_column_i64(&query, 0);
    }
    db_end(&query);
    return err;
}

/* Decide what the file is before anything of it is touched. */
static geo_err look_at(catalog_db *db, bool *empty, geo_why *why)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t tables = 0;
    geo_err err = number_of(db, "PRAGMA application_id", &application, why);
    if (err == GEO_OK) {
        err = number_of(db, "PRAGMA user_version", &version, why);
    }
    if (err == GEO_OK) {
        err = number_of(db, "SELECT count(*) FROM sqlite_schema", &tables, why);
    }
    if (err != GEO_OK) {
        return err;
    }
    *empty = application == 0 && version == 0 && tables == 0;
    if (!*empty && application != APPLICATION_ID) {
        return geo_why_set(why, GEO_INVALID, "the file is not a fence catalogue");
    }
    if (version > SCHEMA_VERSION) {
        return geo_why_set(why, GEO_TOO_NEW,
                           "the catalogue is of format %lld, this program knows up to %d: install "
                           "a newer one",
                           (long long)version, SCHEMA_VERSION);
    }
    return GEO_OK;
}

geo_err schema_open(catalog_db *db, geo_why *why)
{
    static const char *const settings[] = {
        "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
        "PRAGMA journal_size_limit = 16777216", /* after a large import */
        "PRAGMA secure_delete = OFF",           /* Debian's default costs writes to an SD card */
    };
    bool empty = false;
    geo_err err = look_at(db, &empty, why);
    for (size_t i = 0; err == GEO_OK && i < sizeof settings / sizeof *settings; i++) {
        err = db_exec(db, settings[i], why);
    }
    if (err == GEO_OK && empty) {
        err = make_tables(db, why);
    }
    return err;
}
