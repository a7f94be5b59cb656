/* prune.c - forgetting versions of the rules that nobody needs, but not what people may undo. */
#include "internal.h"

/* until_version <= floor: not in any version that is still kept. Removals and revisions that never
 * came into force carry their own version there, so they go by the same rule. */
static const char *const prune_sql[] = {
    "DELETE FROM version WHERE version < ?1",
    "DELETE FROM device_rule WHERE until_version <= ?1",
    "DELETE FROM setting WHERE until_version <= ?1",
    "DELETE FROM instants WHERE until_version <= ?1",
    ("DELETE FROM revision WHERE until_version <= ?1 AND revision <="
     " (SELECT max(n.revision) FROM revision AS n WHERE n.fence = revision.fence) - ?2"),
};

static geo_err prune(catalog_db *db, int64_t floor, geo_why *why)
{
    geo_err err = db_exec(db, "BEGIN IMMEDIATE", why);
    for (size_t i = 0; err == GEO_OK && i < sizeof prune_sql / sizeof *prune_sql; i++) {
        db_query query = db_begin(db, prune_sql[i]);
        db_i64(&query, floor);
        if (i + 1 == sizeof prune_sql / sizeof *prune_sql) {
            db_i64(&query, CATALOG_VERSIONS_KEPT);
        }
        err = db_run(&query, why);
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
    uint64_t version = catalog_version(store);
    floor = floor < version ? floor : version;
    if (floor <= catalog_floor(store)) {
        return GEO_OK;
    }
    (void)pthread_mutex_lock(&store->change_lock);
    geo_err err = prune(store->writer, (int64_t)floor, why);
    if (err == GEO_OK) {
        (void)pthread_mutex_lock(&store->state_lock);
        store->floor = floor > store->floor ? floor : store->floor;
        (void)pthread_mutex_unlock(&store->state_lock);
    }
    (void)pthread_mutex_unlock(&store->change_lock);
    return err;
}
