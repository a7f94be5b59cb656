/* prune.c - forgetting versions of the rules that nobody needs, but not what people may undo. */
#include "internal.h"

/* What ended with ?1 or before is in no version that is still kept. Removals and revisions that
 * never came into force carry their own version there, so they go by the same rule. */
static const char *const prune_sql[] = {
    "DELETE FROM version WHERE version < ?1",
    "DELETE FROM device_rule WHERE until_version <= ?1",
    "DELETE FROM setting WHERE until_version <= ?1",
    "DELETE FROM instants WHERE until_version <= ?1",
};

/* Only what ended since the last floor is looked at: of what ended before, the last of each fence
 * are left, and those go when newer ones are written. */
static geo_err prune_revisions(catalog_db *db, int64_t before, int64_t floor, geo_why *why)
{
    db_query query = db_begin(
        db, "DELETE FROM revision WHERE until_version > ?1 AND until_version <= ?2 AND revision <="
            " (SELECT max(n.revision) FROM revision AS n WHERE n.fence = revision.fence) - ?3");
    db_i64(&query, before);
    db_i64(&query, floor);
    db_i64(&query, CATALOG_VERSIONS_KEPT);
    return db_run(&query, why);
}

static geo_err prune(catalog_db *db, int64_t before, int64_t floor, geo_why *why)
{
    geo_err err = db_exec(db, "BEGIN IMMEDIATE", why);
    for (size_t i = 0; err == GEO_OK && i < sizeof prune_sql / sizeof *prune_sql; i++) {
        db_query query = db_begin(db, prune_sql[i]);
        db_i64(&query, floor);
        err = db_run(&query, why);
    }
    if (err == GEO_OK) {
        err = prune_revisions(db, before, floor, why);
    }
    if (err == GEO_OK) {
        err = db_exec(db, "COMMIT", why);
    }
    if (err != GEO_OK) {
        db_rollback(db);
    }
    return err;
}

geo_err catalog_prune(catalog *store, uint64_t floor, geo_why *why)
{
    catalog_db *db = catalog_writer_take(store);
    uint64_t before = catalog_floor(store);
    uint64_t version = catalog_version(store);
    geo_err err = GEO_OK;
    floor = floor < version ? floor : version;
    if (floor > before) {
        err = prune(db, (int64_t)before, (int64_t)floor, why);
        if (err == GEO_OK) {
            (void)pthread_mutex_lock(&store->state_lock);
            store->floor = floor;
            (void)pthread_mutex_unlock(&store->state_lock);
        }
    }
    catalog_writer_give(store);
    return err;
}
