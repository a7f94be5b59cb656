/* core/engine/history_store.c - see history_store.h. */
#include "history_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define BUSY_TIMEOUT_MS 10000
#define TRIM_SLOTS_MAX 256       /* in one transaction */
#define TRIM_BYTES_MAX (4 << 20) /* likewise, by what the slots say of themselves */
#define VACUUM_PAGES 512
#define FREE_PAGES_KEPT 256 /* they are used again before the file grows */

enum {
    PUT_DEVICE,
    PUT_NAME,
    PUT_CHUNK,
    PUT_EVENT,
    PUT_SLOT,
    PUT_SOURCES,
    STATEMENTS,
};

static const char *const texts[STATEMENTS] = {
    [PUT_DEVICE] = "INSERT OR REPLACE INTO device(number, key) VALUES(?1, ?2)",
    [PUT_NAME] = "UPDATE device SET id = ?2 WHERE key = ?1 AND id IS NOT ?2",
    [PUT_CHUNK] = "INSERT INTO chunk(place, bytes) VALUES(?1, ?2)",
    [PUT_EVENT] = "INSERT INTO event(offset, type, bytes) VALUES(?1, ?2, ?3)",
    [PUT_SLOT] = "INSERT INTO slot VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [PUT_SOURCES] = "INSERT OR REPLACE INTO source(id, next) VALUES(1, ?1)",
};

/* Page size and vacuum mode count only while the file is empty. Commits are fsynced: what is kept
 * here the log may let go of. */
static const char pragmas[] = "PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL;"
                              "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                              "PRAGMA cache_size=-2048; PRAGMA temp_store=MEMORY;"
                              "PRAGMA wal_autocheckpoint=256; PRAGMA journal_size_limit=4194304;"
                              "PRAGMA secure_delete=OFF;";

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE source(id INTEGER PRIMARY KEY, next BLOB NOT NULL);"
    "CREATE TABLE device(number INTEGER PRIMARY KEY, key INTEGER NOT NULL UNIQUE, id TEXT);"
    "CREATE TABLE slot(number INTEGER PRIMARY KEY, from_ms INTEGER NOT NULL, to_ms INTEGER NOT "
    "NULL, newest_ms INTEGER NOT NULL, events_end INTEGER NOT NULL, fixes INTEGER NOT NULL, chunks "
    "INTEGER NOT NULL, bytes INTEGER NOT NULL, events_to_ms INTEGER);"
    "CREATE TABLE chunk(place INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE event(offset INTEGER PRIMARY KEY, type INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "PRAGMA application_id=0x48524859; PRAGMA user_version=2;"
    "COMMIT;";

static const char from_format_1[] = "BEGIN IMMEDIATE;"
                                    "ALTER TABLE slot ADD COLUMN events_to_ms INTEGER;"
                                    "PRAGMA user_version=2;"
                                    "COMMIT;";

struct history_store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    int64_t slot; /* of the transaction at hand, or the next one */
    bool is_open; /* a transaction is */
};

hr_err history_err(sqlite3 *db, int code, const char *what, hr_why *why)
{
    hr_err err = HR_IO;
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return HR_OK;
    case SQLITE_NOMEM:
        err = HR_NO_MEMORY;
        break;
    case SQLITE_FULL:
        err = HR_NO_SPACE;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT: /* a key that only we make is there already */
    case SQLITE_MISMATCH:
        err = HR_CORRUPT;
        break;
    default:
        break;
    }
    hr_why_set(why, err, "history.db: %s: %s", what,
               db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    if (db != NULL && sqlite3_extended_errcode(db) == SQLITE_IOERR_READ) {
        hr_why_reason(why, HISTORY_UNREADABLE);
    }
    return err;
}

static hr_err run(history_store *store, const char *sql, hr_why *why)
{
    return history_err(store->db, sqlite3_exec(store->db, sql, NULL, NULL, NULL), "writing", why);
}

static hr_err read_number(history_store *store, const char *sql, int64_t *number, hr_why *why)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        *number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    }
    hr_err err = history_err(store->db, code, "reading", why);
    sqlite3_finalize(statement);
    return err;
}

/* ---- opening ---- */

/* HR_CORRUPT: where a statement does not fit the tables. */
static hr_err schema_err(history_store *store, int code, hr_why *why)
{
    return code == SQLITE_ERROR
               ? hr_why_set(why, HR_CORRUPT, "history.db has not the tables of a history: %s",
                            sqlite3_errmsg(store->db))
               : history_err(store->db, code, "opening", why);
}

static hr_err check_format(history_store *store, hr_why *why)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t tables = 0;
    hr_err err = read_number(store, "PRAGMA application_id", &application, why);
    if (err == HR_OK) {
        err = read_number(store, "PRAGMA user_version", &version, why);
    }
    if (err == HR_OK) {
        err = read_number(store, "SELECT count(*) FROM sqlite_schema", &tables, why);
    }
    if (err != HR_OK) {
        return err;
    }
    if (tables == 0 && application == 0) {
        return run(store, schema, why);
    }
    if (application != HISTORY_APPLICATION) {
        return hr_why_set(why, HR_CORRUPT, "history.db is a database of something else");
    }
    if (version > HISTORY_FORMAT) {
        return hr_why_set(why, HR_TOO_NEW,
                          "history.db was written by a newer Hedgerow (its format is %lld, this "
                          "program knows up to %d): update this one",
                          (long long)version, HISTORY_FORMAT);
    }
    return version < HISTORY_FORMAT
               ? schema_err(store, sqlite3_exec(store->db, from_format_1, NULL, NULL, NULL), why)
               : HR_OK;
}

static hr_err prepare(history_store *store, hr_why *why)
{
    for (int i = 0; i < STATEMENTS; i++) {
        int code = sqlite3_prepare_v3(store->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &store->statements[i], NULL);
        if (code != SQLITE_OK) {
            return schema_err(store, code, why);
        }
    }
    return HR_OK;
}

hr_err history_store_open(const char *path, history_store **out, hr_why *why)
{
    history_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return HR_NO_MEMORY;
    }
    int code = sqlite3_open_v2(
        path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    hr_err err = history_err(store->db, code, "opening", why);
    if (err == HR_OK) {
        sqlite3_extended_result_codes(store->db, 1);
        sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
        err = run(store, pragmas, why);
    }
    if (err == HR_OK) {
        err = check_format(store, why);
    }
    if (err == HR_OK) {
        err = prepare(store, why);
    }
    if (err == HR_OK) {
        err =
            read_number(store, "SELECT coalesce(max(number), 0) + 1 FROM slot", &store->slot, why);
    }
    if (err != HR_OK) {
        history_store_close(store);
        return err;
    }
    *out = store;
    return HR_OK;
}

void history_store_close(history_store *store)
{
    if (store == NULL) {
        return;
    }
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
    }
    sqlite3_close(store->db);
    free(store);
}

hr_err history_store_sources(history_store *store, uint32_t source_count, int64_t *sources,
                             hr_why *why)
{
    sqlite3_stmt *statement = NULL;
    int code =
        sqlite3_prepare_v2(store->db, "SELECT next FROM source WHERE id = 1", -1, &statement, NULL);
    code = code == SQLITE_OK ? sqlite3_step(statement) : code;
    hr_err err = history_err(store->db, code, "reading", why);
    if (err == HR_OK && code == SQLITE_DONE) {
        err = HR_NOT_FOUND;
    } else if (err == HR_OK) {
        const uint8_t *bytes = sqlite3_column_blob(statement, 0);
        int size = sqlite3_column_bytes(statement, 0);
        if (bytes == NULL || size != (int)(source_count * 8)) {
            err = hr_why_set(why, HR_CORRUPT, "history.db belongs to a log of other partitions");
        }
        for (uint32_t i = 0; err == HR_OK && i < source_count; i++) {
            sources[i] = (int64_t)hr_load_u64(bytes + (size_t)i * 8);
        }
    }
    sqlite3_finalize(statement);
    return err;
}

hr_err history_store_devices(history_store *store, history_device_visit *visit, void *context,
                             hr_why *why)
{
    sqlite3_stmt *statement = NULL;
    bool goes_on = true;
    int code = sqlite3_prepare_v2(store->db, "SELECT number, key FROM device ORDER BY number", -1,
                                  &statement, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            goes_on = visit(context, (uint32_t)sqlite3_column_int64(statement, 0),
                            (uint64_t)sqlite3_column_int64(statement, 1));
        }
        if (!goes_on) {
            break;
        }
    }
    hr_err err = goes_on ? history_err(store->db, code, "reading", why) : HR_NO_MEMORY;
    sqlite3_finalize(statement);
    return err;
}

/* ---- one slot ---- */

static hr_err step(history_store *store, int which, hr_why *why)
{
    sqlite3_stmt *statement = store->statements[which];
    int code = sqlite3_step(statement);
    hr_err err = history_err(store->db, code, "writing", why);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return err;
}

hr_err history_store_begin(history_store *store, hr_why *why)
{
    if (store->slot >= HISTORY_SLOTS_MAX) {
        return hr_why_set(why, HR_TOO_BIG, "history.db has no number left: put it aside");
    }
    hr_err err = run(store, "BEGIN IMMEDIATE", why);
    store->is_open = err == HR_OK;
    return err;
}

hr_err history_store_put_device(history_store *store, uint32_t number, uint64_t key, hr_why *why)
{
    sqlite3_bind_int64(store->statements[PUT_DEVICE], 1, number);
    sqlite3_bind_int64(store->statements[PUT_DEVICE], 2, (int64_t)key);
    return step(store, PUT_DEVICE, why);
}

hr_err history_store_put_name(history_store *store, uint64_t key, const char *id, size_t size,
                              hr_why *why)
{
    sqlite3_bind_int64(store->statements[PUT_NAME], 1, (int64_t)key);
    sqlite3_bind_text(store->statements[PUT_NAME], 2, id, (int)size, SQLITE_STATIC);
    return step(store, PUT_NAME, why);
}

hr_err history_store_put_chunk(history_store *store, uint32_t device, uint32_t turn,
                               const uint8_t *bytes, size_t size, hr_why *why)
{
    int64_t place =
        store->slot << HISTORY_SLOT_SHIFT | (int64_t)((uint64_t)device << HISTORY_TURN_BITS | turn);
    sqlite3_bind_int64(store->statements[PUT_CHUNK], 1, place);
    sqlite3_bind_blob(store->statements[PUT_CHUNK], 2, bytes, (int)size, SQLITE_STATIC);
    return step(store, PUT_CHUNK, why);
}

hr_err history_store_put_event(history_store *store, int64_t offset, uint8_t type,
                               const uint8_t *bytes, size_t size, hr_why *why)
{
    sqlite3_bind_int64(store->statements[PUT_EVENT], 1, offset);
    sqlite3_bind_int(store->statements[PUT_EVENT], 2, type);
    sqlite3_bind_blob(store->statements[PUT_EVENT], 3, bytes, (int)size, SQLITE_STATIC);
    return step(store, PUT_EVENT, why);
}

static hr_err put_slot(history_store *store, const history_slot *slot, hr_why *why)
{
    sqlite3_stmt *statement = store->statements[PUT_SLOT];
    const int64_t numbers[] = {store->slot,
                               slot->from_ms,
                               slot->to_ms,
                               slot->newest_ms,
                               slot->sources[slot->source_count - 1],
                               (int64_t)slot->fixes,
                               (int64_t)slot->chunks,
                               (int64_t)slot->bytes,
                               slot->events_to_ms};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sqlite3_bind_int64(statement, (int)i + 1, numbers[i]);
    }
    return step(store, PUT_SLOT, why);
}

hr_err history_store_commit(history_store *store, const history_slot *slot, hr_why *why)
{
    uint8_t next[HISTORY_SOURCES_MAX * 8];
    for (uint32_t i = 0; i < slot->source_count; i++) {
        hr_store_u64(next + (size_t)i * 8, (uint64_t)slot->sources[i]);
    }
    sqlite3_bind_blob(store->statements[PUT_SOURCES], 1, next, (int)(slot->source_count * 8),
                      SQLITE_STATIC);
    hr_err err = step(store, PUT_SOURCES, why);
    if (err == HR_OK) {
        err = put_slot(store, slot, why);
    }
    if (err == HR_OK) {
        err = run(store, "COMMIT", why);
    }
    if (err == HR_OK) {
        store->slot++;
        store->is_open = false;
    }
    return err;
}

void history_store_abandon(history_store *store)
{
    if (store->is_open && sqlite3_get_autocommit(store->db) == 0) {
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    store->is_open = false;
}

/* ---- retention ---- */

uint64_t history_store_bytes(history_store *store)
{
    int64_t bytes = 0;
    hr_err err = read_number(store,
                             "SELECT (page_count - freelist_count) * page_size FROM "
                             "pragma_page_count, pragma_freelist_count, pragma_page_size",
                             &bytes, NULL);
    return err == HR_OK ? (uint64_t)bytes : 0;
}

/* How many of the oldest slots to remove now, as the number of the first that stays. */
static hr_err find_trim(history_store *store, int64_t oldest_ms, uint64_t excess, int64_t *keep,
                        uint64_t *count, hr_why *why)
{
    sqlite3_stmt *statement = NULL;
    uint64_t bytes = 0;
    *count = 0;
    int code = sqlite3_prepare_v2(
        store->db, "SELECT number, newest_ms, bytes FROM slot ORDER BY number LIMIT ?1", -1,
        &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int(statement, 1, TRIM_SLOTS_MAX + 1);
    }
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        *keep = sqlite3_column_int64(statement, 0);
        bool is_old = sqlite3_column_int64(statement, 1) < oldest_ms;
        if ((!is_old && bytes >= excess) || *count == TRIM_SLOTS_MAX || bytes > TRIM_BYTES_MAX ||
            *keep + 1 >= store->slot) {
            break;
        }
        bytes += (uint64_t)sqlite3_column_int64(statement, 2);
        *count += 1;
        code = SQLITE_OK;
    }
    hr_err err = history_err(store->db, code, "reading", why);
    sqlite3_finalize(statement);
    return err;
}

static hr_err remove_before(history_store *store, int64_t keep, hr_why *why)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "BEGIN IMMEDIATE;"
             "DELETE FROM chunk WHERE place < %lld;"
             "DELETE FROM event WHERE offset < (SELECT max(events_end) FROM slot WHERE number < "
             "%lld);"
             "DELETE FROM slot WHERE number < %lld;"
             "COMMIT;",
             (long long)(keep << HISTORY_SLOT_SHIFT), (long long)keep, (long long)keep);
    store->is_open = true;
    hr_err err = run(store, sql, why);
    history_store_abandon(store);
    return err;
}

/* Give pages back to the disk only when many are free: what is written next uses the others. */
static hr_err shrink(history_store *store, hr_why *why)
{
    char sql[64];
    int64_t free_pages = 0;
    int64_t pages = 0;
    hr_err err = read_number(store, "PRAGMA freelist_count", &free_pages, why);
    if (err == HR_OK) {
        err = read_number(store, "PRAGMA page_count", &pages, why);
    }
    if (err != HR_OK || free_pages < FREE_PAGES_KEPT + pages / 8) {
        return err;
    }
    snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
    return run(store, sql, why);
}

hr_err history_store_trim(history_store *store, int64_t oldest_ms, uint64_t bytes_max,
                          uint64_t *removed, hr_why *why)
{
    uint64_t bytes = bytes_max > 0 ? history_store_bytes(store) : 0;
    int64_t keep = 0;
    *removed = 0;
    hr_err err =
        find_trim(store, oldest_ms, bytes > bytes_max ? bytes - bytes_max : 0, &keep, removed, why);
    if (err == HR_OK && *removed > 0) {
        err = remove_before(store, keep, why);
    }
    return err == HR_OK ? shrink(store, why) : err;
}

hr_err history_store_check(history_store *store, hr_why *why)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    code = code == SQLITE_OK ? sqlite3_step(statement) : code;
    hr_err err = history_err(store->db, code, "checking", why);
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (text == NULL || strcmp(text, "ok") != 0) {
            err =
                hr_why_set(why, HR_CORRUPT, "history.db is damaged: %s", text != NULL ? text : "");
        }
    }
    sqlite3_finalize(statement);
    return err;
}
