/* device.c - devices: names as the log has heard them, and reading what is known of them. */
#include "catalog/device.h"

#include <string.h>

#include "build.h"
#include "internal.h"
#include "schema.h"

static bool letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool device_id_valid(const char *id)
{
    size_t size = strlen(id);
    if (size == 0 || size > CATALOG_DEVICE_ID_MAX || !letter_or_digit(id[0])) {
        return false;
    }
    for (size_t i = 1; i < size; i++) {
        if (!letter_or_digit(id[i]) && strchr("._:-", id[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* Whether the pair is known already; GEO_EXISTS when one of the two belongs to another. */
static geo_err look_up(catalog_db *db, const catalog_name *name, bool *known, geo_why *why)
{
    db_query query = db_begin(db, "SELECT key, id, removed FROM device WHERE key = ?1 OR id = ?2");
    db_i64(&query, (int64_t)name->key);
    db_text(&query, name->id);
    bool row = false;
    geo_err err = db_step(&query, &row, why);
    if (err == GEO_OK && row) {
        const char *id = db_column_text(&query, 1, NULL);
        if (query.code == SQLITE_OK &&
            (db_column_i64(&query, 0) != (int64_t)name->key || strcmp(id, name->id) != 0)) {
            err = geo_why_set(why, GEO_EXISTS,
                              "device %.64s cannot be told from device %.64s: give it another id",
                              name->id, id);
        }
        *known = db_column_i64(&query, 2) == 0;
    }
    return db_finish(&query, err, why);
}

static geo_err put_name(catalog_db *db, const catalog_name *name, geo_why *why)
{
    if (!device_id_valid(name->id)) {
        return geo_why_set(why, GEO_INVALID, "\"%.64s\" is not a device's id", name->id);
    }
    bool known = false;
    geo_err err = look_up(db, name, &known, why);
    if (err != GEO_OK || known) {
        return err;
    }
    db_query query = db_begin(db, "INSERT INTO device(key, id, first_seen_ms) VALUES (?1, ?2, ?3)"
                                  " ON CONFLICT (key) DO UPDATE SET removed = 0");
    db_i64(&query, (int64_t)name->key);
    db_text(&query, name->id);
    db_i64(&query, name->seen_ms);
    return db_run(&query, why);
}

geo_err catalog_names_put(catalog *store, const catalog_name *names, size_t count, geo_why *why)
{
    if (count == 0) {
        return GEO_OK;
    }
    catalog_db *db = catalog_writer_take(store);
    geo_err err = db_exec(db, "BEGIN IMMEDIATE", why);
    if (err == GEO_OK) {
        for (size_t i = 0; err == GEO_OK && i < count; i++) {
            err = put_name(db, &names[i], why);
        }
        if (err == GEO_OK) {
            err = db_exec(db, "COMMIT", why);
        }
        if (err != GEO_OK) {
            db_rollback(db);
        }
    }
    catalog_writer_give(store);
    return err;
}

geo_err catalog_names_load(catalog *store, catalog_name_visit visit, void *context, geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    /* Keys are unsigned outside: those above INT64_MAX are negative here, and come last. */
    db_query query = db_begin(db, "SELECT key, id FROM device ORDER BY key < 0, key");
    bool row = false;
    while ((err = db_step(&query, &row, why)) == GEO_OK && row) {
        const char *id = db_column_text(&query, 1, NULL);
        if (query.code == SQLITE_OK) {
            visit(context, (uint64_t)db_column_i64(&query, 0), id);
        }
    }
    err = db_finish(&query, err, why);
    catalog_reader_give(store, db);
    return err;
}

geo_err catalog_device_get(catalog *store, const char *id, catalog_text *out, geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(db, "SELECT text, revision FROM device_text WHERE id = ?");
    db_text(&query, id);
    err = text_from_row(&query, "there is no such device", out, why);
    catalog_reader_give(store, db);
    return err;
}

geo_err catalog_device_list(catalog *store, const catalog_page *page, catalog_text *out,
                            geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    uint32_t limit =
        page->limit == 0 || page->limit > CATALOG_PAGE_MAX ? CATALOG_PAGE_MAX : page->limit;
    db_query query = db_begin(db, "SELECT text, json_quote(id) FROM device_text WHERE id > ?"
                                  " ORDER BY id LIMIT ?");
    db_text(&query, page->after == NULL ? "" : page->after);
    db_i64(&query, (int64_t)limit + 1);
    err = text_from_page(&query, "{\"devices\":[", limit, CATALOG_PAGE_BYTES_MAX, out, why);
    catalog_reader_give(store, db);
    return err;
}

geo_err catalog_groups(catalog *store, catalog_text *out, geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(
        db,
        "SELECT json_object('groups', json_group_array(json_object('name', name, 'fences', f,"
        " 'devices', d))), 0 FROM (SELECT name, sum(fence) AS f, sum(device) AS d FROM"
        " (SELECT DISTINCT r.fence AS owner, g.value AS name, 1 AS fence, 0 AS device"
        " FROM revision AS r, json_each(r.properties, '$.groups') AS g"
        " WHERE r.until_version = ?1 AND r.groups <> ''"
        " UNION ALL SELECT DISTINCT v.id, g.value, 0, 1 FROM device AS v, json_each(v.groups) AS g"
        " WHERE v.removed = 0 AND v.groups <> '[]') GROUP BY name ORDER BY name)");
    db_i64(&query, VERSION_OPEN);
    err = text_from_row(&query, "there are no groups", out, why);
    catalog_reader_give(store, db);
    return err;
}
