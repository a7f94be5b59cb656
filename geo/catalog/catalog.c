/* catalog.c - the handle: opening, the connections that read, versions, settings, a backup. */
#include "catalog/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "catalog/fence.h"
#include "internal.h"
#include "schema.h"

static geo_err read_current(catalog *store, geo_why *why)
{
    uint64_t oldest = 0;
    uint64_t newest = 0;
    geo_err err = versions_read(store->writer, &oldest, &newest, why);
    if (err == GEO_OK) {
        err = rules_read(store->writer, newest, &store->current, why);
    }
    if (err == GEO_OK) {
        store->floor = oldest;
        err = fresh_read(store->writer, &store->fresh, why);
    }
    return err;
}

geo_err catalog_open(const char *path, catalog **out, geo_why *why)
{
    catalog *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    /* With the default attributes these cannot fail on Linux. */
    (void)pthread_mutex_init(&made->change_lock, NULL);
    (void)pthread_mutex_init(&made->readers_lock, NULL);
    (void)pthread_mutex_init(&made->state_lock, NULL);
    (void)pthread_cond_init(&made->reader_free, NULL);
    geo_err err = GEO_OK;
    made->path = strdup(path);
    if (made->path == NULL) {
        err = geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    if (err == GEO_OK) {
        err = db_open(path, DB_WRITE, &made->writer, why);
    }
    if (err == GEO_OK) {
        err = schema_open(made->writer, why);
    }
    if (err == GEO_OK) {
        err = read_current(made, why);
    }
    if (err != GEO_OK) {
        catalog_close(made);
        return err;
    }
    db_release_memory(made->writer);
    *out = made;
    return GEO_OK;
}

void catalog_close(catalog *store)
{
    if (store == NULL) {
        return;
    }
    for (uint32_t i = 0; i < store->idle_count; i++) {
        db_close(store->readers[i]);
    }
    db_close(store->writer);
    geo_rules_unref(store->current);
    for (uint32_t i = 0; i < CATALOG_RECENT_MAX; i++) {
        geo_rules_unref(store->recent[i]);
    }
    (void)pthread_cond_destroy(&store->reader_free);
    (void)pthread_mutex_destroy(&store->state_lock);
    (void)pthread_mutex_destroy(&store->readers_lock);
    (void)pthread_mutex_destroy(&store->change_lock);
    free(store->path);
    free(store);
}

/* An idle connection; NULL when the caller is to open one, which is then counted already. */
static catalog_db *take_idle(catalog *store)
{
    catalog_db *db = NULL;
    (void)pthread_mutex_lock(&store->readers_lock);
    while (store->idle_count == 0 && store->reader_count == CATALOG_READERS_MAX) {
        (void)pthread_cond_wait(&store->reader_free, &store->readers_lock);
    }
    if (store->idle_count > 0) {
        store->idle_count--;
        db = store->readers[store->idle_count];
    } else {
        store->reader_count++;
    }
    (void)pthread_mutex_unlock(&store->readers_lock);
    return db;
}

static void drop_reader(catalog *store, catalog_db *db)
{
    db_close(db);
    (void)pthread_mutex_lock(&store->readers_lock);
    store->reader_count--;
    (void)pthread_cond_signal(&store->reader_free);
    (void)pthread_mutex_unlock(&store->readers_lock);
}

geo_err catalog_reader_take(catalog *store, catalog_db **out, geo_why *why)
{
    catalog_db *db = take_idle(store);
    geo_err err = GEO_OK;
    if (db == NULL) {
        err = db_open(store->path, DB_READ, &db, why);
    }
    if (err == GEO_OK) {
        err = db_exec(db, "BEGIN", why);
    }
    if (err != GEO_OK) {
        drop_reader(store, db);
        return err;
    }
    *out = db;
    return GEO_OK;
}

void catalog_reader_give(catalog *store, catalog_db *db)
{
    if (db_exec(db, "COMMIT", NULL) != GEO_OK) {
        drop_reader(store, db); /* it would hold on to an old moment */
        return;
    }
    db_release_memory(db);
    (void)pthread_mutex_lock(&store->readers_lock);
    store->readers[store->idle_count] = db;
    store->idle_count++;
    (void)pthread_cond_signal(&store->reader_free);
    (void)pthread_mutex_unlock(&store->readers_lock);
}

catalog_db *catalog_writer_take(catalog *store)
{
    (void)pthread_mutex_lock(&store->change_lock);
    return store->writer;
}

void catalog_writer_give(catalog *store)
{
    db_release_memory(store->writer);
    (void)pthread_mutex_unlock(&store->change_lock);
}

/* The handle is const to the callers of these: only its lock moves. */
static catalog *unlocked(const catalog *store)
{
    return (struct catalog *)(uintptr_t)store;
}

uint64_t catalog_version(const catalog *store)
{
    struct catalog *state = unlocked(store);
    (void)pthread_mutex_lock(&state->state_lock);
    uint64_t version = geo_rules_version(state->current);
    (void)pthread_mutex_unlock(&state->state_lock);
    return version;
}

uint64_t catalog_floor(const catalog *store)
{
    struct catalog *state = unlocked(store);
    (void)pthread_mutex_lock(&state->state_lock);
    uint64_t floor = state->floor;
    (void)pthread_mutex_unlock(&state->state_lock);
    return floor;
}

bool catalog_renew_due(const catalog *store, int64_t now_ms)
{
    struct catalog *state = unlocked(store);
    (void)pthread_mutex_lock(&state->state_lock);
    geo_interval fresh = state->fresh;
    (void)pthread_mutex_unlock(&state->state_lock);
    return now_ms < fresh.from_ms || now_ms >= fresh.to_ms;
}

const geo_rules *rules_current(catalog *store)
{
    (void)pthread_mutex_lock(&store->state_lock);
    const geo_rules *current = geo_rules_ref(store->current);
    (void)pthread_mutex_unlock(&store->state_lock);
    return current;
}

void rules_succeed(catalog *store, const geo_rules *rules, size_t edit_count)
{
    const geo_rules *dropped[CATALOG_RECENT_MAX + 1] = {NULL};
    (void)pthread_mutex_lock(&store->state_lock);
    const geo_rules *before = store->current;
    uint64_t at = geo_rules_version(before) % CATALOG_RECENT_MAX;
    store->current = rules;
    if (edit_count > CATALOG_RECENT_EDITS_MAX) {
        dropped[CATALOG_RECENT_MAX] = before;
        for (uint32_t i = 0; i < CATALOG_RECENT_MAX; i++) {
            dropped[i] = store->recent[i];
            store->recent[i] = NULL;
        }
    } else {
        dropped[0] = store->recent[at];
        store->recent[at] = before;
    }
    (void)pthread_mutex_unlock(&store->state_lock);
    for (uint32_t i = 0; i <= CATALOG_RECENT_MAX; i++) {
        geo_rules_unref(dropped[i]);
    }
}

/* A version that is in memory, one more reference to it; or NULL. */
static const geo_rules *rules_held(catalog *store, uint64_t version)
{
    (void)pthread_mutex_lock(&store->state_lock);
    const geo_rules *held = store->recent[version % CATALOG_RECENT_MAX];
    held = geo_rules_version(store->current) == version ? store->current : held;
    bool fits = held != NULL && geo_rules_version(held) == version && version >= store->floor;
    held = fits ? geo_rules_ref(held) : NULL;
    (void)pthread_mutex_unlock(&store->state_lock);
    return held;
}

geo_err catalog_rules_load(catalog *store, uint64_t version, const geo_rules **out, geo_why *why)
{
    const geo_rules *held = rules_held(store, version);
    if (held != NULL) {
        *out = held;
        return GEO_OK;
    }
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err == GEO_OK) {
        err = rules_read(db, version, out, why);
        catalog_reader_give(store, db);
    }
    return err;
}

geo_err catalog_settings_get(catalog *store, catalog_text *out, geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(
        db, "SELECT json_object('max_accuracy_m', max_accuracy_m, 'max_gap_s', max_gap_s,"
            " 'max_speed_mps', max_speed_mps, 'alert_max_age_s', alert_max_age_s,"
            " 'stale_after_s', stale_after_s, 'tz', tz, 'revision', revision, 'updated',"
            " strftime('%Y-%m-%dT%H:%M:%fZ', time_ms / 1000.0, 'unixepoch'), 'updated_by', who),"
            " revision FROM setting WHERE until_version = ?");
    db_i64(&query, VERSION_OPEN);
    err = text_from_row(&query, "there are no settings", out, why);
    catalog_reader_give(store, db);
    return err;
}

geo_err catalog_history(catalog *store, uint64_t before, uint32_t limit, catalog_text *out,
                        geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    limit = limit == 0 || limit > CATALOG_PAGE_MAX ? CATALOG_PAGE_MAX : limit;
    db_query query =
        db_begin(db, "SELECT json_object('version', version, 'time',"
                     " strftime('%Y-%m-%dT%H:%M:%fZ', time_ms / 1000.0, 'unixepoch'), 'who', who,"
                     " 'what', what), version FROM version WHERE version < ?"
                     " ORDER BY version DESC LIMIT ?");
    db_i64(&query, before == 0 || before > INT64_MAX ? INT64_MAX : (int64_t)before);
    db_i64(&query, (int64_t)limit + 1);
    err = text_from_page(&query, "{\"rules\":[", limit, CATALOG_PAGE_BYTES_MAX, out, why);
    catalog_reader_give(store, db);
    return err;
}

/* SQLite does not sync what VACUUM INTO writes. */
static geo_err sync_file(const char *path, geo_why *why)
{
    int file = open(path, O_RDWR | O_CLOEXEC);
    bool synced = file >= 0 && fsync(file) == 0;
    int error = errno;
    if (file >= 0) {
        (void)close(file);
    }
    return synced ? GEO_OK
                  : geo_why_set(why, error == ENOSPC ? GEO_NO_SPACE : GEO_IO,
                                "%.150s cannot be synced: %s", path, strerror(error));
}

geo_err catalog_backup(catalog *store, const char *path, geo_why *why)
{
    if (access(path, F_OK) == 0) {
        return geo_why_set(why, GEO_EXISTS, "%.200s is there already", path);
    }
    catalog_db *db = NULL;
    /* A connection of its own, because VACUUM works outside transactions only. */
    geo_err err = db_open(store->path, DB_READ, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(db, "VACUUM INTO ?");
    db_text(&query, path);
    err = db_run(&query, why);
    db_close(db);
    return err == GEO_OK ? sync_file(path, why) : err;
}
