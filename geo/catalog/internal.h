/* internal.h - what is behind the handles; private to the catalogue. */
#ifndef CATALOG_INTERNAL_H
#define CATALOG_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "catalog/change.h"
#include "db.h"

/* Connections that read at the same time; one more reader waits. */
#define CATALOG_READERS_MAX 8

/* Versions before the current one that are kept in memory for who lags behind: they have nearly all
 * in common. After a change of more edits than this they have not, and are let go of. */
#define CATALOG_RECENT_MAX 16
#define CATALOG_RECENT_EDITS_MAX 256

struct catalog {
    char *path;

    pthread_mutex_t change_lock; /* held while the writer is lent */
    catalog_db *writer;          /* protected by change_lock */

    pthread_mutex_t readers_lock;
    pthread_cond_t reader_free;
    catalog_db *readers[CATALOG_READERS_MAX]; /* idle ones; protected by readers_lock */
    uint32_t idle_count;                      /* protected by readers_lock */
    uint32_t reader_count;                    /* idle or lent; protected by readers_lock */

    pthread_mutex_t state_lock;
    const geo_rules *current; /* protected by state_lock */
    /* By version modulo their number, NULL when not kept; protected by state_lock. */
    const geo_rules *recent[CATALOG_RECENT_MAX];
    uint64_t floor;     /* protected by state_lock */
    geo_interval fresh; /* when no schedule needs renewing; protected by state_lock */
};

struct catalog_change {
    catalog *store;
    geo_rules_builder *builder;
    uint64_t version;       /* that a commit makes */
    const geo_rules *built; /* that version, if nothing was edited since it was asked for */
    char who[CATALOG_WHO_MAX + 1];
    int64_t now_ms;
    catalog_edit *edits;
    size_t edit_count;
    size_t edit_capacity;
    uint32_t other_count; /* changed devices, settings and renewals */
    bool renewed;
    bool broken; /* only abandoning is left */
};

/* Lend a reading connection, inside a read transaction, and take it back. What is given back keeps
 * none of the file's pages: of each connection they would come to 2 MB. */
GEO_MUST_USE geo_err catalog_reader_take(catalog *store, catalog_db **out, geo_why *why);
void catalog_reader_give(catalog *store, catalog_db *db);

/* Likewise the one that writes; whoever comes second waits. */
catalog_db *catalog_writer_take(catalog *store);
void catalog_writer_give(catalog *store);

/* The rules of the last commit; the caller owns one reference. */
const geo_rules *rules_current(catalog *store);

/* Make rules the current ones, whose reference is taken over, after a change of so many edits. */
void rules_succeed(catalog *store, const geo_rules *rules, size_t edit_count);

/* Read a version of the rules from the file. GEO_GONE, GEO_NOT_FOUND as catalog_rules_load. */
GEO_MUST_USE geo_err rules_read(catalog_db *db, uint64_t version, const geo_rules **out,
                                geo_why *why);

/* The settings in force in a version. */
GEO_MUST_USE geo_err settings_read(catalog_db *db, int64_t version, geo_settings *out,
                                   geo_why *why);

/* The oldest and the newest version in the file. */
GEO_MUST_USE geo_err versions_read(catalog_db *db, uint64_t *oldest, uint64_t *newest,
                                   geo_why *why);

/* From when to when no schedule that is in force needs resolving again; always without any. */
GEO_MUST_USE geo_err fresh_read(catalog_db *db, geo_interval *fresh, geo_why *why);

/* Whether the change may go on; sets why if not. */
GEO_MUST_USE geo_err change_usable(const catalog_change *change, geo_why *why);

/* Pass a failure on, and remember when nothing but abandoning is possible any more. */
geo_err change_failed(catalog_change *change, geo_err err);

/* Undo what the edit wrote to the file, unless it went well. Every edit runs between these two;
 * it touches the builder and the list of edits last, when nothing can fail by bad input. */
GEO_MUST_USE geo_err change_edit_begin(catalog_change *change, geo_why *why);
/* The same for an edit of fences. */
GEO_MUST_USE geo_err change_fences_begin(catalog_change *change, geo_why *why);
geo_err change_edit_end(catalog_change *change, geo_err err, geo_why *why);

/* Note what was done to a fence. */
GEO_MUST_USE geo_err change_note(catalog_change *change, const catalog_edit *edit, geo_why *why);

#endif
