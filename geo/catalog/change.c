/* change.c - a change from its beginning to its commit: one SQLite transaction, one new version. */
#include "catalog/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

const char *catalog_edit_text(catalog_edit_kind kind)
{
    static const char *const texts[] = {"created", "replaced", "patched", "removed", "restored"};
    size_t at = (size_t)kind;
    return at < sizeof texts / sizeof *texts ? texts[at] : "changed";
}

/* Free the change and let the next one begin. */
static void end_change(catalog_change *change)
{
    catalog *store = change->store;
    geo_rules_unref(change->built);
    geo_rules_builder_free(change->builder);
    free(change->edits);
    free(change);
    catalog_writer_give(store);
}

static geo_err begin_transaction(catalog_change *change, geo_why *why)
{
    catalog *store = change->store;
    geo_err err = geo_rules_builder_new(store->current, &change->builder);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "%s", geo_err_text(err));
    }
    err = db_exec(store->writer, "BEGIN IMMEDIATE", why);
    if (err != GEO_OK) {
        return err;
    }
    uint64_t oldest = 0;
    uint64_t newest = 0;
    err = versions_read(store->writer, &oldest, &newest, why);
    if (err == GEO_OK && newest + 1 != change->version) {
        err = geo_why_set(why, GEO_LOCKED,
                          "another program has changed the catalogue: restart the service");
    }
    if (err != GEO_OK) {
        db_rollback(store->writer);
    }
    return err;
}

geo_err catalog_change_begin(catalog *store, const char *who, int64_t now_ms, catalog_change **out,
                             geo_why *why)
{
    if (strlen(who) > CATALOG_WHO_MAX) {
        return geo_why_set(why, GEO_TOO_BIG, "a name of more than %d bytes", CATALOG_WHO_MAX);
    }
    catalog_change *change = calloc(1, sizeof *change);
    if (change == NULL) {
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    (void)catalog_writer_take(store);
    change->store = store;
    /* Only a commit replaces what is current, and it holds the lock that we hold now. */
    change->version = geo_rules_version(store->current) + 1;
    change->now_ms = now_ms;
    (void)snprintf(change->who, sizeof change->who, "%s", who);
    geo_err err = begin_transaction(change, why);
    if (err != GEO_OK) {
        end_change(change);
        return err;
    }
    *out = change;
    return GEO_OK;
}

geo_err change_usable(const catalog_change *change, geo_why *why)
{
    return change->broken ? geo_why_set(why, GEO_IO, "the change has failed before") : GEO_OK;
}

geo_err change_failed(catalog_change *change, geo_err err)
{
    switch (err) {
    case GEO_NO_MEMORY:
    case GEO_IO:
    case GEO_NO_SPACE:
    case GEO_CORRUPT:
    case GEO_LOCKED:
        change->broken = true;
        break;
    default:
        break;
    }
    return err;
}

geo_err change_edit_begin(catalog_change *change, geo_why *why)
{
    geo_err err = change_usable(change, why);
    if (err == GEO_OK) {
        geo_rules_unref(change->built);
        change->built = NULL;
        err = change_failed(change, db_exec(change->store->writer, "SAVEPOINT edit", why));
    }
    return err;
}

geo_err change_fences_begin(catalog_change *change, geo_why *why)
{
    geo_err err = db_need_spatialite(change->store->writer, why);
    return err == GEO_OK ? change_edit_begin(change, why) : err;
}

geo_err change_edit_end(catalog_change *change, geo_err err, geo_why *why)
{
    if (err != GEO_OK) {
        geo_why ignored;
        if (db_exec(change->store->writer, "ROLLBACK TO edit", &ignored) != GEO_OK) {
            change->broken = true;
        }
        why = &ignored; /* the edit's own reason is the one to tell */
        if (db_exec(change->store->writer, "RELEASE edit", why) != GEO_OK) {
            change->broken = true;
        }
        return change_failed(change, err);
    }
    return change_failed(change, db_exec(change->store->writer, "RELEASE edit", why));
}

geo_err change_note(catalog_change *change, const catalog_edit *edit, geo_why *why)
{
    if (change->edit_count == change->edit_capacity) {
        size_t capacity = change->edit_capacity == 0 ? 8 : change->edit_capacity * 2;
        catalog_edit *edits = realloc(change->edits, capacity * sizeof *edits);
        if (edits == NULL) {
            return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
        }
        change->edits = edits;
        change->edit_capacity = capacity;
    }
    change->edits[change->edit_count] = *edit;
    change->edit_count++;
    return GEO_OK;
}

const catalog_edit *catalog_change_edits(const catalog_change *change, size_t *count)
{
    *count = change->edit_count;
    return change->edits;
}

geo_err catalog_change_rules(catalog_change *change, const geo_rules **out, geo_why *why)
{
    geo_err err = change_usable(change, why);
    if (err == GEO_OK && change->built == NULL) {
        err = geo_rules_build(change->builder, change->version, &change->built);
        if (err != GEO_OK) {
            (void)geo_why_set(why, err, "the rules: %s", geo_err_text(err));
        }
        err = change_failed(change, err);
    }
    if (err == GEO_OK) {
        *out = geo_rules_ref(change->built);
    }
    return err;
}

/* What the history will say: "created north", "12 fences", "renewed schedules". */
static void summarise(const catalog_change *change, char *text, size_t size)
{
    if (change->edit_count == 1 && change->other_count == 0) {
        (void)snprintf(text, size, "%s %s", catalog_edit_text(change->edits[0].kind),
                       change->edits[0].id);
    } else if (change->edit_count == 0 && change->renewed) {
        (void)snprintf(text, size, "renewed schedules");
    } else if (change->edit_count == 0) {
        (void)snprintf(text, size, "changed devices or settings");
    } else {
        (void)snprintf(text, size, "changed %zu fences", change->edit_count);
    }
}

static geo_err insert_version(catalog_change *change, geo_why *why)
{
    char what[CATALOG_WHO_MAX];
    summarise(change, what, sizeof what);
    db_query query = db_begin(change->store->writer, "INSERT INTO version VALUES (?, ?, ?, ?)");
    db_i64(&query, (int64_t)change->version);
    db_i64(&query, change->now_ms);
    db_text(&query, change->who);
    db_text(&query, what);
    return db_run(&query, why);
}

geo_err catalog_change_commit(catalog_change *change, uint64_t *version, geo_why *why)
{
    catalog *store = change->store;
    const geo_rules *rules = NULL;
    geo_err err = change_usable(change, why);
    bool empty = change->edit_count == 0 && change->other_count == 0;
    if (err == GEO_OK && empty) {
        if (version != NULL) {
            *version = change->version - 1;
        }
        catalog_change_abandon(change);
        return GEO_OK;
    }
    if (err == GEO_OK) {
        err = catalog_change_rules(change, &rules, why);
    }
    if (err == GEO_OK) {
        err = insert_version(change, why);
    }
    geo_interval fresh = {0, 0};
    if (err == GEO_OK) {
        err = fresh_read(store->writer, &fresh, why);
    }
    if (err == GEO_OK) {
        err = db_exec(store->writer, "COMMIT", why);
    }
    if (err != GEO_OK) {
        geo_rules_unref(rules);
        catalog_change_abandon(change);
        return err;
    }
    (void)pthread_mutex_lock(&store->state_lock);
    store->fresh = fresh;
    (void)pthread_mutex_unlock(&store->state_lock);
    rules_succeed(store, rules, change->edit_count);
    if (version != NULL) {
        *version = change->version;
    }
    end_change(change);
    return GEO_OK;
}

void catalog_change_abandon(catalog_change *change)
{
    if (change == NULL) {
        return;
    }
    db_rollback(change->store->writer);
    end_change(change);
}
