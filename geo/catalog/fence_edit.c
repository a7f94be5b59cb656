/* fence_edit.c - edits of one fence: put, patch, remove, restore, and renewing schedules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/change.h"
#include "draft.h"
#include "internal.h"
#include "json_in.h"
#include "schema.h"
#include "stored.h"

static const char fence_taken[] = "SELECT EXISTS (SELECT 1 FROM revision WHERE fence = ?1)";

static geo_err put_fence(catalog_change *change, const char *id, const char *feature, size_t size,
                         uint64_t expected, catalog_edit *edit, geo_why *why)
{
    fence_draft draft = {0};
    fence_state state;
    draft_options options = {.id = id, .taken = fence_taken, .now_ms = change->now_ms};
    geo_err err = draft_from_text(change->store->writer, feature, size, &options, &draft, why);
    if (err == GEO_OK) {
        err = fence_state_read(change->store->writer, draft.id, &state, why);
    }
    if (err == GEO_OK) {
        err = fence_state_expect(&state, draft.id, expected, why);
    }
    if (err == GEO_OK) {
        err = draft_keep_shape(change->store->writer, &draft, &state, why);
    }
    if (err == GEO_OK) {
        err = draft_write(change, &draft, &state, state.live ? CATALOG_REPLACED : CATALOG_CREATED,
                          edit, why);
    }
    draft_fini(&draft);
    return err;
}

geo_err catalog_change_put(catalog_change *change, const char *id, const char *feature, size_t size,
                           uint64_t expected, catalog_edit *edit, geo_why *why)
{
    geo_err err = change_fences_begin(change, why);
    if (err == GEO_OK) {
        err = put_fence(change, id, feature, size, expected, edit, why);
        err = change_edit_end(change, err, why);
    }
    return err;
}

/* The Feature as it is with the patch laid over it; the caller frees *feature. */
static geo_err patched_feature(catalog_db *db, const char *id, uint64_t revision, const char *patch,
                               size_t size, char **feature, geo_why *why)
{
    db_query query =
        db_begin(db, "SELECT json_patch(json_object('type', 'Feature', 'id', fence, 'geometry',"
                     " json(geometry), 'properties', json(properties)), ?3) FROM revision"
                     " WHERE fence = ?1 AND revision = ?2");
    db_text(&query, id);
    db_i64(&query, (int64_t)revision);
    db_text_sized(&query, patch, size);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK) {
        *feature = strdup(db_column_text(&query, 0, NULL));
        if (*feature == NULL) {
            err = geo_why_set(why, GEO_NO_MEMORY, "out of memory");
        }
    }
    return db_finish(&query, err, why);
}

/* What a patch may name; what stands in them is checked with the whole Feature. */
static const json_member patch_members[] = {
    {"type", JSON_TEXT, 0, GEO_FENCE_ID_MAX},
    {"id", JSON_TEXT, 0, GEO_FENCE_ID_MAX},
    {"geometry", JSON_OBJECT, 0, 0},
    {"properties", JSON_OBJECT, 0, 0},
};

static geo_err patch_fence(catalog_change *change, const char *id, const char *patch, size_t size,
                           uint64_t expected, catalog_edit *edit, geo_why *why)
{
    catalog_db *db = change->store->writer;
    fence_draft draft = {0};
    fence_state state;
    char *feature = NULL;
    draft_options options = {.id = id, .taken = fence_taken, .now_ms = change->now_ms};
    geo_err err = json_check_object(db, patch, size, CATALOG_JSON_BYTES_MAX, patch_members,
                                    sizeof patch_members / sizeof patch_members[0], why);
    if (err == GEO_OK) {
        err = fence_state_read(db, id, &state, why);
    }
    if (err == GEO_OK && !state.live) {
        err = geo_why_set(why, GEO_NOT_FOUND, "there is no fence %.64s", id);
    }
    if (err == GEO_OK) {
        err = fence_state_expect(&state, id, expected, why);
    }
    if (err == GEO_OK) {
        err = patched_feature(db, id, state.revision, patch, size, &feature, why);
    }
    if (err == GEO_OK) {
        err = draft_from_text(db, feature, strlen(feature), &options, &draft, why);
    }
    if (err == GEO_OK) {
        err = draft_keep_shape(db, &draft, &state, why);
    }
    if (err == GEO_OK) {
        err = draft_write(change, &draft, &state, CATALOG_PATCHED, edit, why);
    }
    free(feature);
    draft_fini(&draft);
    return err;
}

geo_err catalog_change_patch(catalog_change *change, const char *id, const char *patch, size_t size,
                             uint64_t expected, catalog_edit *edit, geo_why *why)
{
    geo_err err = change_fences_begin(change, why);
    if (err == GEO_OK) {
        err = patch_fence(change, id, patch, size, expected, edit, why);
        err = change_edit_end(change, err, why);
    }
    return err;
}

static geo_err remove_fence(catalog_change *change, const char *id, uint64_t expected,
                            catalog_edit *edit, geo_why *why)
{
    fence_state state;
    geo_err err = fence_state_read(change->store->writer, id, &state, why);
    if (err == GEO_OK && !state.live) {
        err = geo_why_set(why, GEO_NOT_FOUND, "there is no fence %.64s", id);
    }
    if (err == GEO_OK) {
        err = fence_state_expect(&state, id, expected, why);
    }
    if (err == GEO_OK) {
        err = removal_write(change, id, &state, edit, why);
    }
    return err;
}

geo_err catalog_change_remove(catalog_change *change, const char *id, uint64_t expected,
                              catalog_edit *edit, geo_why *why)
{
    geo_err err = change_fences_begin(change, why);
    if (err == GEO_OK) {
        err = remove_fence(change, id, expected, edit, why);
        err = change_edit_end(change, err, why);
    }
    return err;
}

static geo_err copy_text(db_query *query, int column, char **out)
{
    if (db_column_null(query, column)) {
        return GEO_OK;
    }
    *out = strdup(db_column_text(query, column, NULL));
    return *out == NULL ? GEO_NO_MEMORY : GEO_OK;
}

/* Columns behind the fence's: schedule, geometry, properties, area_ha, perimeter_m. */
static geo_err draft_from_row(db_query *query, int64_t now_ms, fence_draft *draft, geo_why *why)
{
    stored_fence stored;
    int column = STORED_COLUMN_COUNT;
    geo_err err = stored_fence_read(query, &stored);
    if (err == GEO_OK) {
        err = copy_text(query, column, &draft->schedule);
    }
    if (err == GEO_OK) {
        err = copy_text(query, 8, &draft->groups);
    }
    if (err == GEO_OK) {
        err = copy_text(query, column + 1, &draft->geometry);
    }
    if (err == GEO_OK) {
        err = copy_text(query, column + 2, &draft->properties);
    }
    if (err != GEO_OK) {
        (void)geo_why_set(why, err, "the stored fence cannot be read: %s", geo_err_text(err));
    } else {
        err = schedule_resolve(draft->schedule, now_ms, &stored.description.schedule,
                               &stored.intervals, why);
    }
    if (err == GEO_OK) {
        err = stored_fence_make(&stored, &draft->fence, why);
    }
    (void)snprintf(draft->id, sizeof draft->id, "%s", db_column_text(query, 0, NULL));
    draft->area_ha = db_column_f64(query, column + 3);
    draft->perimeter_m = db_column_f64(query, column + 4);
    stored_fence_fini(&stored);
    return err;
}

static geo_err draft_from_revision(catalog_db *db, const char *id, uint64_t revision,
                                   int64_t now_ms, fence_draft *draft, geo_why *why)
{
    db_query query = db_begin(db, "SELECT " STORED_COLUMNS ", r.schedule, r.geometry, r.properties,"
                                  " r.area_ha, r.perimeter_m FROM revision AS r"
                                  " WHERE r.fence = ? AND r.revision = ?");
    db_text(&query, id);
    db_i64(&query, revision > INT64_MAX ? -1 : (int64_t)revision);
    bool row = false;
    geo_err err = db_step(&query, &row, why);
    if (err == GEO_OK && !row) {
        err = geo_why_set(why, GEO_NOT_FOUND, "revision %llu of fence %.64s is not kept",
                          (unsigned long long)revision, id);
    }
    if (err == GEO_OK && db_column_null(&query, STORED_COLUMN_COUNT + 1)) {
        err = geo_why_set(why, GEO_INVALID, "revision %llu of fence %.64s is its removal",
                          (unsigned long long)revision, id);
    }
    if (err == GEO_OK) {
        err = draft_from_row(&query, now_ms, draft, why);
    }
    return db_finish(&query, err, why);
}

static geo_err restore_fence(catalog_change *change, const char *id, uint64_t revision,
                             uint64_t expected, catalog_edit *edit, geo_why *why)
{
    catalog_db *db = change->store->writer;
    fence_draft draft = {0};
    fence_state state;
    geo_err err = fence_state_read(db, id, &state, why);
    if (err == GEO_OK) {
        err = fence_state_expect(&state, id, expected, why);
    }
    if (err == GEO_OK) {
        err = draft_from_revision(db, id, revision, change->now_ms, &draft, why);
    }
    if (err == GEO_OK) {
        err = draft_write(change, &draft, &state, CATALOG_RESTORED, edit, why);
    }
    draft_fini(&draft);
    return err;
}

geo_err catalog_change_restore(catalog_change *change, const char *id, uint64_t revision,
                               uint64_t expected, catalog_edit *edit, geo_why *why)
{
    geo_err err = change_fences_begin(change, why);
    if (err == GEO_OK) {
        err = restore_fence(change, id, revision, expected, edit, why);
        err = change_edit_end(change, err, why);
    }
    return err;
}

/* The new instants of one fence, into the rules and the file. */
static geo_err renew_fence(catalog_change *change, const char *id, uint64_t revision, geo_why *why)
{
    catalog_db *db = change->store->writer;
    fence_draft draft = {0};
    geo_err err = draft_from_revision(db, id, revision, change->now_ms, &draft, why);
    if (err == GEO_OK) {
        err = geo_rules_put_fence(change->builder, draft.fence, NULL);
    }
    if (err == GEO_OK) {
        change->broken = true; /* until the file has it too */
        db_query query = db_begin(db, "UPDATE instants SET until_version = ?1 WHERE fence = ?2 AND"
                                      " +until_version = ?3");
        db_i64(&query, (int64_t)change->version);
        db_text(&query, id);
        db_i64(&query, VERSION_OPEN);
        err = db_run(&query, why);
    }
    if (err == GEO_OK) {
        err = instants_write(change, id, revision, &draft.fence->schedule, why);
    }
    if (err == GEO_OK) {
        change->broken = false;
    }
    draft_fini(&draft);
    return err;
}

static geo_err renew_all(catalog_change *change, uint32_t *count, geo_why *why)
{
    db_query query = db_begin(change->store->writer,
                              "SELECT fence, revision FROM revision WHERE until_version = ? AND"
                              " schedule IS NOT NULL");
    db_i64(&query, VERSION_OPEN);
    bool row = false;
    geo_err err = GEO_OK;
    while (err == GEO_OK && (err = db_step(&query, &row, why)) == GEO_OK && row) {
        const char *id = db_column_text(&query, 0, NULL);
        err = renew_fence(change, id, (uint64_t)db_column_i64(&query, 1), why);
        *count += err == GEO_OK;
    }
    return db_finish(&query, err, why);
}

geo_err catalog_change_renew(catalog_change *change, uint32_t *count, geo_why *why)
{
    uint32_t renewed = 0;
    geo_err err = change_edit_begin(change, why);
    if (err == GEO_OK) {
        err = change_edit_end(change, renew_all(change, &renewed, why), why);
        /* Some fences may be renewed in the rules, and none in the file. */
        change->broken = change->broken || (err != GEO_OK && renewed > 0);
    }
    if (err == GEO_OK) {
        change->renewed = renewed > 0;
        change->other_count += renewed > 0;
        if (count != NULL) {
            *count = renewed;
        }
    }
    return err;
}
