/* document.c - small JSON objects by kind and name. */
#include "catalog/document.h"

#include <string.h>

#include "build.h"
#include "internal.h"
#include "json_in.h"

static geo_err check_name(const char *kind, const char *name, geo_why *why)
{
    if (kind[0] == '\0' || strlen(kind) > CATALOG_DOCUMENT_KIND_MAX || !geo_fence_id_valid(name)) {
        return geo_why_set(why, GEO_INVALID,
                           "a name is 1 to %d of A-Z a-z 0-9 . _ - and begins with a letter or a "
                           "digit",
                           GEO_FENCE_ID_MAX);
    }
    return GEO_OK;
}

/* The document's revision; 0 when there is none. */
static geo_err read_revision(catalog_db *db, const char *kind, const char *name, uint64_t *revision,
                             geo_why *why)
{
    db_query query = db_begin(db, "SELECT revision FROM document WHERE kind = ? AND name = ?");
    db_text(&query, kind);
    db_text(&query, name);
    bool row = false;
    geo_err err = db_step(&query, &row, why);
    *revision = err == GEO_OK && row ? (uint64_t)db_column_i64(&query, 0) : 0;
    db_end(&query);
    return err;
}

static geo_err expect(catalog_db *db, const char *kind, const char *name, uint64_t expected,
                      geo_why *why)
{
    uint64_t revision = 0;
    geo_err err = read_revision(db, kind, name, &revision, why);
    if (err != GEO_OK || expected == CATALOG_ANY || expected == revision) {
        return err;
    }
    if (expected == CATALOG_NONE) {
        return geo_why_set(why, GEO_EXISTS, "there is a %.32s %.64s already", kind, name);
    }
    if (revision == 0) {
        return geo_why_set(why, GEO_NOT_FOUND, "there is no %.32s %.64s", kind, name);
    }
    return geo_why_set(why, GEO_CONFLICT, "someone has changed %.32s %.64s", kind, name);
}

static geo_err write_document(catalog_db *db, const char *kind, const char *name, const char *text,
                              size_t size, catalog_stamp *stamp, geo_why *why)
{
    db_query query = db_begin(db, "INSERT INTO document(kind, name, revision, text) VALUES (?, ?,"
                                  " 1, ?) ON CONFLICT (kind, name) DO UPDATE SET"
                                  " revision = revision + 1, text = excluded.text"
                                  " RETURNING number, revision");
    db_text(&query, kind);
    db_text(&query, name);
    db_text_sized(&query, text, size);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK && stamp != NULL) {
        stamp->number = db_column_i64(&query, 0);
        stamp->revision = (uint64_t)db_column_i64(&query, 1);
    }
    return db_finish(&query, err, why);
}

/* Ends the transaction as err says. */
static geo_err end_transaction(catalog_db *db, geo_err err, geo_why *why)
{
    if (err == GEO_OK) {
        err = db_exec(db, "COMMIT", why);
    }
    if (err != GEO_OK) {
        db_rollback(db);
    }
    return err;
}

geo_err catalog_document_put(catalog *store, const char *kind, const char *name, const char *text,
                             size_t size, uint64_t expected, catalog_stamp *stamp, geo_why *why)
{
    geo_err err = check_name(kind, name, why);
    if (err != GEO_OK) {
        return err;
    }
    catalog_db *db = catalog_writer_take(store);
    err = json_check_is_object(db, text, size, CATALOG_DOCUMENT_BYTES_MAX, why);
    if (err == GEO_OK) {
        err = db_exec(db, "BEGIN IMMEDIATE", why);
    }
    if (err == GEO_OK) {
        err = expect(db, kind, name, expected, why);
        if (err == GEO_OK) {
            err = write_document(db, kind, name, text, size, stamp, why);
        }
        err = end_transaction(db, err, why);
    }
    catalog_writer_give(store);
    return err;
}

static geo_err delete_document(catalog_db *db, const char *kind, const char *name,
                               uint64_t expected, geo_why *why)
{
    uint64_t revision = 0;
    geo_err err = read_revision(db, kind, name, &revision, why);
    if (err == GEO_OK && revision == 0) {
        err = geo_why_set(why, GEO_NOT_FOUND, "there is no %.32s %.64s", kind, name);
    }
    if (err == GEO_OK) {
        err = expect(db, kind, name, expected, why);
    }
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(db, "DELETE FROM document WHERE kind = ? AND name = ?");
    db_text(&query, kind);
    db_text(&query, name);
    return db_run(&query, why);
}

geo_err catalog_document_remove(catalog *store, const char *kind, const char *name,
                                uint64_t expected, geo_why *why)
{
    catalog_db *db = catalog_writer_take(store);
    geo_err err = db_exec(db, "BEGIN IMMEDIATE", why);
    if (err == GEO_OK) {
        err = end_transaction(db, delete_document(db, kind, name, expected, why), why);
    }
    catalog_writer_give(store);
    return err;
}

geo_err catalog_document_get(catalog *store, const char *kind, const char *name, catalog_text *out,
                             geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(db, "SELECT text, revision FROM document WHERE kind = ? AND"
                                  " name = ?");
    db_text(&query, kind);
    db_text(&query, name);
    err = text_from_row(&query, "there is no such document", out, why);
    catalog_reader_give(store, db);
    return err;
}

geo_err catalog_document_each(catalog *store, const char *kind, catalog_document_visit visit,
                              void *context, geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(db, "SELECT number, revision, name, text FROM document"
                                  " WHERE kind = ? ORDER BY name");
    db_text(&query, kind);
    bool row = false;
    while ((err = db_step(&query, &row, why)) == GEO_OK && row) {
        catalog_document document = {
            .number = db_column_i64(&query, 0),
            .revision = (uint64_t)db_column_i64(&query, 1),
            .name = db_column_text(&query, 2, NULL),
        };
        document.text = db_column_text(&query, 3, &document.size);
        if (query.code == SQLITE_OK) {
            visit(context, &document);
        }
    }
    err = db_finish(&query, err, why);
    catalog_reader_give(store, db);
    return err;
}
