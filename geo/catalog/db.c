/* db.c - one SQLite connection: opening it the way the catalogue needs, and its statements. */
#include "db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Someone with a sqlite3 shell may hold the file for a moment; we wait that long. */
#define DB_BUSY_MS 5000

static geo_err err_of_code(catalog_db *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return GEO_NO_MEMORY;
    case SQLITE_FULL:
        return GEO_NO_SPACE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return GEO_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return GEO_LOCKED;
    case SQLITE_TOOBIG:
        return GEO_TOO_BIG;
    default:
        if (db != NULL && sqlite3_system_errno(db->handle) == ENOSPC) {
            return GEO_NO_SPACE;
        }
        return GEO_IO;
    }
}

geo_err db_fail(catalog_db *db, int code, geo_why *why, const char *doing)
{
    const char *text = db->handle == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(db->handle);
    return geo_why_set(why, err_of_code(db, code), "the catalogue: %s: %s", doing, text);
}

geo_err db_need_spatialite(catalog_db *db, geo_why *why)
{
    char *text = NULL;
    if (db->has_spatialite) {
        return GEO_OK;
    }
    int code = sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, (int *)NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_load_extension(db->handle, "mod_spatialite", NULL, &text);
    }
    if (code != SQLITE_OK) {
        geo_err err = code == SQLITE_NOMEM ? GEO_NO_MEMORY : GEO_IO;
        err =
            geo_why_set(why, err, "SpatiaLite cannot be loaded (is mod_spatialite installed?): %s",
                        text == NULL ? sqlite3_errmsg(db->handle) : text);
        sqlite3_free(text);
        return err;
    }
    /* Nothing that reaches this connection later may load more. */
    code = sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, (int *)NULL);
    db->has_spatialite = code == SQLITE_OK;
    return code == SQLITE_OK ? GEO_OK : db_fail(db, code, why, "configuring");
}

void db_release_memory(catalog_db *db)
{
    (void)sqlite3_db_release_memory(db->handle);
}

geo_err db_open(const char *path, db_mode mode, catalog_db **out, geo_why *why)
{
    catalog_db *db = calloc(1, sizeof *db);
    if (db == NULL) {
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    int flags = SQLITE_OPEN_NOMUTEX;
    flags |= mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
    geo_err err = GEO_OK;
    if (code != SQLITE_OK) {
        err = db_fail(db, code, why, path);
    } else {
        (void)sqlite3_extended_result_codes(db->handle, 1);
        (void)sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
    }
    if (err != GEO_OK) {
        db_close(db);
        return err;
    }
    *out = db;
    return GEO_OK;
}

void db_close(catalog_db *db)
{
    if (db == NULL) {
        return;
    }
    for (size_t i = 0; i < DB_STATEMENTS_MAX; i++) {
        (void)sqlite3_finalize(db->statements[i].stmt);
    }
    (void)sqlite3_close(db->handle);
    free(db);
}

db_query db_begin(catalog_db *db, const char *sql)
{
    db_query query = {.db = db, .code = SQLITE_OK, .next = 1, .slot = -1};
    int free_slot = -1;
    for (int i = 0; i < DB_STATEMENTS_MAX && query.stmt == NULL; i++) {
        if (db->statements[i].sql == NULL) {
            free_slot = i;
            break;
        }
        if (db->statements[i].sql == sql && !db->statements[i].busy) {
            query.stmt = db->statements[i].stmt;
            query.slot = i;
        }
    }
    if (query.stmt == NULL) {
        query.code =
            sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &query.stmt, NULL);
        if (query.code == SQLITE_OK && free_slot >= 0) {
            db->statements[free_slot].sql = sql;
            db->statements[free_slot].stmt = query.stmt;
            query.slot = free_slot;
        }
    }
    if (query.slot >= 0) {
        db->statements[query.slot].busy = true;
    }
    return query;
}

void db_end(db_query *query)
{
    if (query->stmt == NULL) {
        return;
    }
    if (query->slot < 0) {
        (void)sqlite3_finalize(query->stmt);
    } else {
        (void)sqlite3_reset(query->stmt);
        (void)sqlite3_clear_bindings(query->stmt);
        query->db->statements[query->slot].busy = false;
    }
    query->stmt = NULL;
}

static void note(db_query *query, int code)
{
    if (query->code == SQLITE_OK) {
        query->code = code;
    }
    query->next++;
}

void db_i64(db_query *query, int64_t value)
{
    note(query, sqlite3_bind_int64(query->stmt, query->next, value));
}

void db_f64(db_query *query, double value)
{
    note(query, sqlite3_bind_double(query->stmt, query->next, value));
}

void db_text(db_query *query, const char *text)
{
    note(query, sqlite3_bind_text(query->stmt, query->next, text, -1, SQLITE_STATIC));
}

void db_text_sized(db_query *query, const char *text, size_t size)
{
    note(query,
         sqlite3_bind_text64(query->stmt, query->next, text, size, SQLITE_STATIC, SQLITE_UTF8));
}

void db_blob(db_query *query, const void *bytes, size_t size)
{
    note(query, sqlite3_bind_blob64(query->stmt, query->next, bytes, size, SQLITE_STATIC));
}

geo_err db_step(db_query *query, bool *row, geo_why *why)
{
    int code = query->code;
    if (code == SQLITE_OK) {
        code = sqlite3_step(query->stmt);
    }
    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        *row = code == SQLITE_ROW;
        return GEO_OK;
    }
    query->code = code;
    return db_fail(query->db, code, why, "reading or writing");
}

geo_err db_run(db_query *query, geo_why *why)
{
    bool row = true;
    geo_err err = GEO_OK;
    while (err == GEO_OK && row) {
        err = db_step(query, &row, why);
    }
    db_end(query);
    return err;
}

geo_err db_one(db_query *query, geo_why *why)
{
    bool row = false;
    geo_err err = db_step(query, &row, why);
    if (err == GEO_OK && !row) {
        err = geo_why_set(why, GEO_CORRUPT, "the catalogue: a row is missing");
    }
    return err;
}

geo_err db_exec(catalog_db *db, const char *sql, geo_why *why)
{
    db_query query = db_begin(db, sql);
    return db_run(&query, why);
}

geo_err db_finish(db_query *query, geo_err err, geo_why *why)
{
    if (err == GEO_OK && query->code != SQLITE_OK) {
        err = db_fail(query->db, query->code, why, "reading");
    }
    db_end(query);
    return err;
}

void db_rollback(catalog_db *db)
{
    /* After some failures SQLite has rolled back by itself; then there is nothing to do. */
    if (sqlite3_get_autocommit(db->handle) == 0) {
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
}

int64_t db_column_i64(const db_query *query, int column)
{
    return sqlite3_column_int64(query->stmt, column);
}

double db_column_f64(const db_query *query, int column)
{
    return sqlite3_column_double(query->stmt, column);
}

/* SQLite answers NULL both for NULL and when it has no memory to make the text. */
static void note_lack_of_memory(db_query *query)
{
    if (query->code == SQLITE_OK && sqlite3_errcode(query->db->handle) == SQLITE_NOMEM) {
        query->code = SQLITE_NOMEM;
    }
}

const char *db_column_text(db_query *query, int column, size_t *size)
{
    const unsigned char *text = sqlite3_column_text(query->stmt, column);
    if (size != NULL) {
        *size = text == NULL ? 0 : (size_t)sqlite3_column_bytes(query->stmt, column);
    }
    if (text == NULL) {
        note_lack_of_memory(query);
        return "";
    }
    return (const char *)text;
}

const void *db_column_blob(db_query *query, int column, size_t *size)
{
    const void *bytes = sqlite3_column_blob(query->stmt, column);
    *size = bytes == NULL ? 0 : (size_t)sqlite3_column_bytes(query->stmt, column);
    if (bytes == NULL) {
        note_lack_of_memory(query);
        return "";
    }
    return bytes;
}

bool db_column_null(const db_query *query, int column)
{
    return sqlite3_column_type(query->stmt, column) == SQLITE_NULL;
}
