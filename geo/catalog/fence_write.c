/* fence_write.c - revisions of fences into the file and the rules of a change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "draft.h"
#include "geo/index.h"
#include "geo/tracker_event.h"
#include "internal.h"
#include "schema.h"
#include "wkb.h"

geo_err fence_state_read(catalog_db *db, const char *id, fence_state *out, geo_why *why)
{
    db_query query = db_begin(db, "SELECT revision, until_version, created_ms, created_by"
                                  " FROM revision WHERE fence = ? ORDER BY revision DESC LIMIT 1");
    db_text(&query, id);
    bool row = false;
    fence_state state = {0};
    geo_err err = db_step(&query, &row, why);
    if (err == GEO_OK && row) {
        state.revision = (uint64_t)db_column_i64(&query, 0);
        state.live = db_column_i64(&query, 1) == VERSION_OPEN;
        state.created_ms = db_column_i64(&query, 2);
        (void)snprintf(state.created_by, sizeof state.created_by, "%s",
                       db_column_text(&query, 3, NULL));
    }
    err = db_finish(&query, err, why);
    if (err == GEO_OK) {
        *out = state;
    }
    return err;
}

geo_err fence_state_expect(const fence_state *state, const char *id, uint64_t expected,
                           geo_why *why)
{
    if (expected == CATALOG_ANY) {
        return GEO_OK;
    }
    if (expected == CATALOG_NONE) {
        return state->live ? geo_why_set(why, GEO_EXISTS, "there is a fence %.64s already", id)
                           : GEO_OK;
    }
    if (!state->live) {
        return geo_why_set(why, GEO_NOT_FOUND, "there is no fence %.64s", id);
    }
    if (expected != CATALOG_SOME && state->revision != expected) {
        return geo_why_set(why, GEO_CONFLICT,
                           "fence %.64s is at revision %llu, not %llu: someone has changed it", id,
                           (unsigned long long)state->revision, (unsigned long long)expected);
    }
    return GEO_OK;
}

/* From this version on, the revision in force is not in force any more. */
static geo_err close_revision(catalog_change *change, const char *id, geo_why *why)
{
    db_query query = db_begin(change->store->writer,
                              "UPDATE revision SET until_version = ?1 WHERE fence = ?2 AND"
                              " +until_version = ?3");
    db_i64(&query, (int64_t)change->version);
    db_text(&query, id);
    db_i64(&query, VERSION_OPEN);
    geo_err err = db_run(&query, why);
    if (err != GEO_OK) {
        return err;
    }
    query = db_begin(change->store->writer,
                     "UPDATE instants SET until_version = ?1 WHERE fence = ?2 AND"
                     " +until_version = ?3");
    db_i64(&query, (int64_t)change->version);
    db_text(&query, id);
    db_i64(&query, VERSION_OPEN);
    return db_run(&query, why);
}

/* Keep CATALOG_VERSIONS_KEPT, and those that versions of the rules still need. */
static geo_err drop_old_revisions(catalog_change *change, const char *id, uint64_t revision,
                                  geo_why *why)
{
    if (revision <= CATALOG_VERSIONS_KEPT) {
        return GEO_OK;
    }
    db_query query =
        db_begin(change->store->writer, "DELETE FROM revision WHERE fence = ? AND revision <= ? AND"
                                        " +until_version <= (SELECT min(version) FROM version)");
    db_text(&query, id);
    db_i64(&query, (int64_t)(revision - CATALOG_VERSIONS_KEPT));
    return db_run(&query, why);
}

geo_err instants_write(catalog_change *change, const char *id, uint64_t revision,
                       const geo_instants *instants, geo_why *why)
{
    if (!instants->scheduled) {
        return GEO_OK;
    }
    uint8_t *bytes = NULL;
    size_t size = 0;
    geo_err err = intervals_to_bytes(instants->on, instants->on_count, &bytes, &size);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "%s", geo_err_text(err));
    }
    db_query query = db_begin(change->store->writer,
                              "INSERT OR REPLACE INTO instants VALUES (?, ?, ?, ?, ?, ?, ?)");
    db_text(&query, id);
    db_i64(&query, (int64_t)revision);
    db_i64(&query, (int64_t)change->version);
    db_i64(&query, VERSION_OPEN);
    db_i64(&query, instants->span.from_ms);
    db_i64(&query, instants->span.to_ms);
    db_blob(&query, bytes, size);
    err = db_run(&query, why);
    free(bytes);
    return err;
}

/* The values of one row of revision, in the order of its columns. */
static void bind_revision(db_query *query, const catalog_change *change, const fence_draft *draft,
                          const fence_state *state, const catalog_edit *edit, uint32_t slot)
{
    const geo_fence *fence = draft->fence;
    db_text(query, edit->id);
    db_i64(query, (int64_t)edit->revision);
    db_text(query, catalog_edit_text(edit->kind));
    db_text(query, change->who);
    db_i64(query, change->now_ms);
    db_i64(query, state->live ? state->created_ms : change->now_ms);
    db_text(query, state->live ? state->created_by : change->who);
    db_i64(query, (int64_t)change->version);
    db_i64(query, VERSION_OPEN);
    db_i64(query, slot);
    db_text(query, fence->name);
    db_i64(query, (int64_t)fence->intent);
    db_i64(query, fence->dwell_s);
    db_i64(query, fence->approach_cm);
    db_i64(query, fence->confirm_fixes);
    db_i64(query, fence->expires_at_ms);
    db_text(query, draft->groups);
    db_text(query, draft->schedule);
}

static geo_err insert_revision(catalog_change *change, const fence_draft *draft,
                               const fence_state *state, const catalog_edit *edit, uint32_t slot,
                               geo_why *why)
{
    uint8_t *area = NULL;
    uint8_t *zone = NULL;
    size_t area_size = 0;
    size_t zone_size = 0;
    geo_err err = area_to_bytes(draft->fence->area, &area, &area_size);
    if (err == GEO_OK && draft->fence->zone != NULL) {
        err = area_to_bytes(draft->fence->zone, &zone, &zone_size);
    }
    if (err == GEO_OK) {
        db_query query = db_begin(change->store->writer,
                                  "INSERT INTO revision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                                  " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        bind_revision(&query, change, draft, state, edit, slot);
        db_blob(&query, area, area_size);
        db_blob(&query, zone, zone_size);
        db_f64(&query, draft->area_ha);
        db_f64(&query, draft->perimeter_m);
        db_text(&query, draft->geometry);
        db_text(&query, draft->properties);
        err = db_run(&query, why);
    } else {
        err = geo_why_set(why, err, "%s", geo_err_text(err));
    }
    free(area);
    free(zone);
    return err;
}

/* The table that people's SQL sees. */
static geo_err show_fence(catalog_change *change, const fence_draft *draft,
                          const catalog_edit *edit, uint32_t slot, geo_why *why)
{
    uint8_t *wkb = NULL;
    size_t size = 0;
    geo_err err = area_to_wkb(draft->fence->area, WKB_DEGREES, &wkb, &size);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "%s", geo_err_text(err));
    }
    db_query query = db_begin(
        change->store->writer,
        "INSERT INTO fence(id, slot, revision, name, intent, area_ha, perimeter_m, geom)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, MPolyFromWKB(?, 4326)) ON CONFLICT (id) DO UPDATE SET"
        " slot = excluded.slot, revision = excluded.revision, name = excluded.name,"
        " intent = excluded.intent, area_ha = excluded.area_ha,"
        " perimeter_m = excluded.perimeter_m, geom = excluded.geom");
    db_text(&query, edit->id);
    db_i64(&query, slot);
    db_i64(&query, (int64_t)edit->revision);
    db_text(&query, draft->fence->name);
    db_text(&query, geo_intent_text(draft->fence->intent));
    db_f64(&query, draft->area_ha);
    db_f64(&query, draft->perimeter_m);
    db_blob(&query, wkb, size);
    err = db_run(&query, why);
    free(wkb);
    return err;
}

/* The rules have the draft already: what fails from here on cannot be taken back. */
static geo_err write_files(catalog_change *change, const fence_draft *draft,
                           const fence_state *state, const catalog_edit *edit, uint32_t slot,
                           geo_why *why)
{
    geo_err err = close_revision(change, edit->id, why);
    if (err == GEO_OK) {
        err = insert_revision(change, draft, state, edit, slot, why);
    }
    if (err == GEO_OK) {
        err = instants_write(change, edit->id, edit->revision, &draft->fence->schedule, why);
    }
    if (err == GEO_OK) {
        err = show_fence(change, draft, edit, slot, why);
    }
    if (err == GEO_OK) {
        err = drop_old_revisions(change, edit->id, edit->revision, why);
    }
    if (err == GEO_OK) {
        err = change_note(change, edit, why);
    }
    change->broken = change->broken || err != GEO_OK;
    return err;
}

geo_err draft_write(catalog_change *change, const fence_draft *draft, const fence_state *state,
                    catalog_edit_kind kind, catalog_edit *edit, geo_why *why)
{
    catalog_edit made = {.kind = kind, .revision = state->revision + 1};
    (void)snprintf(made.id, sizeof made.id, "%s", draft->id);
    uint32_t slot = 0;
    geo_err err = geo_rules_put_fence(change->builder, draft->fence, &slot);
    if (err == GEO_TOO_BIG) {
        return geo_why_set(why, err,
                           "the fence cannot be taken up: all fences together may be %u, and their "
                           "edges may span %u squares of 23 km",
                           GEO_RULES_FENCES_MAX, GEO_INDEX_SPAN_MAX);
    }
    if (err != GEO_OK) {
        return geo_why_set(why, err, "the fence cannot be taken up: %s", geo_err_text(err));
    }
    err = write_files(change, draft, state, &made, slot, why);
    if (err == GEO_OK && edit != NULL) {
        *edit = made;
    }
    return err;
}

/* A removal is a revision that is never in force. */
static geo_err insert_removal(catalog_change *change, const catalog_edit *edit, geo_why *why)
{
    db_query query =
        db_begin(change->store->writer,
                 "INSERT INTO revision SELECT fence, ?2, ?3, ?4, ?5, created_ms, created_by, ?6,"
                 " ?6, slot, name, intent, 0, 0, 0, 0, '', NULL, NULL, NULL, 0, 0, NULL, NULL"
                 " FROM revision WHERE fence = ?1 AND revision = ?2 - 1");
    db_text(&query, edit->id);
    db_i64(&query, (int64_t)edit->revision);
    db_text(&query, catalog_edit_text(edit->kind));
    db_text(&query, change->who);
    db_i64(&query, change->now_ms);
    db_i64(&query, (int64_t)change->version);
    geo_err err = db_run(&query, why);
    if (err == GEO_OK) {
        query = db_begin(change->store->writer, "DELETE FROM fence WHERE id = ?");
        db_text(&query, edit->id);
        err = db_run(&query, why);
    }
    return err;
}

geo_err removal_write(catalog_change *change, const char *id, const fence_state *state,
                      catalog_edit *edit, geo_why *why)
{
    catalog_edit made = {.kind = CATALOG_REMOVED, .revision = state->revision + 1};
    (void)snprintf(made.id, sizeof made.id, "%s", id);
    geo_err err = geo_rules_remove_fence(change->builder, id);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "fence %.64s: %s", id, geo_err_text(err));
    }
    err = close_revision(change, id, why);
    if (err == GEO_OK) {
        err = insert_removal(change, &made, why);
    }
    if (err == GEO_OK) {
        err = drop_old_revisions(change, id, made.revision, why);
    }
    if (err == GEO_OK) {
        err = change_note(change, &made, why);
    }
    change->broken = change->broken || err != GEO_OK;
    if (err == GEO_OK && edit != NULL) {
        *edit = made;
    }
    return err;
}

/* On spiky shapes GEOS takes time as the square of their vertices: 0.1 s for this many, 10 s for
 * the most that a fence may have. geo_validate has judged them exactly before, so that nothing but
 * the second opinion is missing. */
#define SECOND_OPINION_VERTICES_MAX 10000

/* "Self-intersection[10000000 10000000]", in degrees. */
static geo_err tell_reason(const char *reason, geo_why *why)
{
    double lon_e7 = 0;
    double lat_e7 = 0;
    int name_size = (int)strcspn(reason, "[");
    if (sscanf(reason + name_size, "[%lf %lf]", &lon_e7, &lat_e7) != 2) {
        return geo_why_set(why, GEO_INVALID, "the shape is not valid: %s", reason);
    }
    return geo_why_set(why, GEO_INVALID, "the shape is not valid: %.*s at %.10g,%.10g", name_size,
                       reason, lon_e7 / 1e7, lat_e7 / 1e7);
}

static geo_err ask_reason(catalog_db *db, const uint8_t *wkb, size_t size, geo_why *why)
{
    db_query query = db_begin(db, "SELECT ST_IsValidReason(MPolyFromWKB(?, 4326))");
    db_blob(&query, wkb, size);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK) {
        err = tell_reason(db_column_text(&query, 0, NULL), why);
    }
    return db_finish(&query, err, why);
}

/* What is exact in units of the lattice is not in degrees: there GEOS takes some vertices that lie
 * on an edge for ones that lie beyond it. */
geo_err area_check(catalog_db *db, const geo_area *area, geo_why *why)
{
    if (area->vertex_count > SECOND_OPINION_VERTICES_MAX) {
        return GEO_OK;
    }
    uint8_t *wkb = NULL;
    size_t size = 0;
    geo_err err = area_to_wkb(area, WKB_LATTICE, &wkb, &size);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "%s", geo_err_text(err));
    }
    db_query query = db_begin(db, "SELECT ST_IsValid(MPolyFromWKB(?, 4326))");
    db_blob(&query, wkb, size);
    err = db_one(&query, why);
    bool valid = err == GEO_OK && db_column_i64(&query, 0) == 1;
    err = db_finish(&query, err, why);
    if (err == GEO_OK && !valid) {
        err = ask_reason(db, wkb, size, why);
    }
    free(wkb);
    return err;
}
