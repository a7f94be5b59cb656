/* db.h - one SQLite connection and its statements; private to the catalogue. */
#ifndef CATALOG_DB_H
#define CATALOG_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "geo/err.h"

/* Statements that a connection keeps prepared; one more is prepared anew each time. */
#define DB_STATEMENTS_MAX 96

/* A connection, used by one thread at a time. */
typedef struct catalog_db {
    sqlite3 *handle;
    bool has_spatialite;
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
        bool busy;
    } statements[DB_STATEMENTS_MAX];
} catalog_db;

typedef enum db_mode {
    DB_READ,
    DB_WRITE, /* makes the file, if there is none */
} db_mode;

GEO_MUST_USE geo_err db_open(const char *path, db_mode mode, catalog_db **out, geo_why *why);
void db_close(catalog_db *db);

/* Before a statement that uses SpatiaLite, or changes a table whose triggers do; none may be on its
 * way. It brings 50 libraries and 17 MB, so a catalogue that is only read goes without. */
GEO_MUST_USE geo_err db_need_spatialite(catalog_db *db, geo_why *why);

/* Let go of the pages that it keeps to read them again: the system has them too. */
void db_release_memory(catalog_db *db);

/* What the connection's last failure means, with its text in why. */
geo_err db_fail(catalog_db *db, int code, geo_why *why, const char *doing);

/* One statement without values or rows. sql is a literal. */
GEO_MUST_USE geo_err db_exec(catalog_db *db, const char *sql, geo_why *why);

/* Give up the transaction, if there is one. */
void db_rollback(catalog_db *db);

/* A statement on its way. A failure stays in code, so that only stepping has to be checked. */
typedef struct db_query {
    catalog_db *db;
    sqlite3_stmt *stmt;
    int code;
    int next; /* the value that is bound next, from 1 */
    int slot; /* in statements; -1: not kept */
} db_query;

/* sql is a static string: its address is what the prepared statement is found by. */
db_query db_begin(catalog_db *db, const char *sql);
void db_end(db_query *query);

/* Bind the next value. Text and bytes are borrowed until db_end. */
void db_i64(db_query *query, int64_t value);
void db_f64(db_query *query, double value);
void db_text(db_query *query, const char *text); /* NULL is NULL */
void db_text_sized(db_query *query, const char *text, size_t size);
void db_blob(db_query *query, const void *bytes, size_t size); /* NULL is NULL */

/* The next row; *row is false when there is none. */
GEO_MUST_USE geo_err db_step(db_query *query, bool *row, geo_why *why);

/* To the end, and end. */
GEO_MUST_USE geo_err db_run(db_query *query, geo_why *why);

/* The first row, which must be there. GEO_CORRUPT otherwise. */
GEO_MUST_USE geo_err db_one(db_query *query, geo_why *why);

/* End a query whose columns were read, err being how that went so far. A column that could not be
 * read for want of memory is found here, or by the next step. */
GEO_MUST_USE geo_err db_finish(db_query *query, geo_err err, geo_why *why);

/* Columns of the present row, from 0. Borrowed until the next step; never NULL. */
int64_t db_column_i64(const db_query *query, int column);
double db_column_f64(const db_query *query, int column);
const char *db_column_text(db_query *query, int column, size_t *size);
const void *db_column_blob(db_query *query, int column, size_t *size);
bool db_column_null(const db_query *query, int column);

#endif
