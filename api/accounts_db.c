/* api/accounts_db.c - the schema of accounts.db, and statements with bound values. */
#include "accounts_db.h"

#include <stdarg.h>
#include <stddef.h>

#define SCHEMA_VERSION 1
#define BUSY_TIMEOUT_MS 5000

static const char schema[] =
    "CREATE TABLE user (name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE session (hash BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES user(name)"
    " ON DELETE CASCADE, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE token (id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE,"
    " name TEXT NOT NULL, user TEXT NOT NULL REFERENCES user(name) ON DELETE CASCADE,"
    " role TEXT NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL);"
    "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL,"
    " user TEXT NOT NULL, peer TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL);"
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version = 1;";

static hr_err failure(sqlite3 *db, hr_why *why)
{
    int code = sqlite3_errcode(db);
    hr_err err = code == SQLITE_FULL                               ? HR_NO_SPACE
                 : code == SQLITE_NOMEM                            ? HR_NO_MEMORY
                 : code == SQLITE_CONSTRAINT                       ? HR_EXISTS
                 : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? HR_CORRUPT
                                                                   : HR_IO;
    return hr_why_set(why, err, "accounts.db: %s", sqlite3_errmsg(db));
}

static hr_err execute(sqlite3 *db, const char *sql, hr_why *why)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? HR_OK : failure(db, why);
}

static void read_number(sqlite3_stmt *row, void *context)
{
    *(int64_t *)context = sqlite3_column_int64(row, 0);
}

static hr_err prepare_schema(sqlite3 *db, hr_why *why)
{
    int64_t version = 0;
    hr_err err = execute(db,
                         "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                         "PRAGMA foreign_keys=ON;",
                         why);
    if (err == HR_OK) {
        err = accounts_db_each(db, read_number, &version, why, "PRAGMA user_version", "");
    }
    if (err == HR_OK && version > SCHEMA_VERSION) {
        return hr_why_set(why, HR_TOO_NEW,
                          "accounts.db has version %lld, this program knows up to %d",
                          (long long)version, SCHEMA_VERSION);
    }
    if (err == HR_OK && version == 0) {
        err = execute(db, "BEGIN IMMEDIATE", why);
        err = err == HR_OK ? execute(db, schema, why) : err;
        err = err == HR_OK ? execute(db, "COMMIT", why) : err;
    }
    return err;
}

hr_err accounts_db_open(const char *path, sqlite3 **out, hr_why *why)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
        hr_err err = hr_why_set(why, HR_IO, "cannot open %s: %s", path, sqlite3_errmsg(db));
        sqlite3_close(db);
        return err;
    }
    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    hr_err err = prepare_schema(db, why);
    if (err != HR_OK) {
        sqlite3_close(db);
        return err;
    }
    *out = db;
    return HR_OK;
}

static int bind(sqlite3_stmt *statement, const char *types, va_list arguments)
{
    int result = SQLITE_OK;
    for (int i = 0; types[i] != 0 && result == SQLITE_OK; i++) {
        switch (types[i]) {
        case 't':
            result = sqlite3_bind_text(statement, i + 1, va_arg(arguments, const char *), -1,
                                       SQLITE_STATIC);
            break;
        case 'i':
            result = sqlite3_bind_int64(statement, i + 1, va_arg(arguments, int64_t));
            break;
        case 'b':
            result = sqlite3_bind_blob(statement, i + 1, va_arg(arguments, const void *), 32,
                                       SQLITE_STATIC);
            break;
        default:
            result = sqlite3_bind_null(statement, i + 1);
        }
    }
    return result;
}

static hr_err run(sqlite3 *db, accounts_db_visitor *visit, void *context, hr_why *why,
                  const char *sql, const char *types, va_list arguments)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        return failure(db, why);
    }
    int result = bind(statement, types, arguments);
    while (result == SQLITE_OK || result == SQLITE_ROW) {
        result = sqlite3_step(statement);
        if (result == SQLITE_ROW && visit != NULL) {
            visit(statement, context);
        }
    }
    hr_err err = result == SQLITE_DONE ? HR_OK : failure(db, why);
    sqlite3_finalize(statement);
    return err;
}

hr_err accounts_db_run(sqlite3 *db, hr_why *why, const char *sql, const char *types, ...)
{
    va_list arguments;
    va_start(arguments, types);
    hr_err err = run(db, NULL, NULL, why, sql, types, arguments);
    va_end(arguments);
    return err;
}

hr_err accounts_db_each(sqlite3 *db, accounts_db_visitor *visit, void *context, hr_why *why,
                        const char *sql, const char *types, ...)
{
    va_list arguments;
    va_start(arguments, types);
    hr_err err = run(db, visit, context, why, sql, types, arguments);
    va_end(arguments);
    return err;
}

const char *accounts_db_text(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text != NULL ? text : "";
}
