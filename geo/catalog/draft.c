/* draft.c - from a GeoJSON Feature to a fence that can be written. */
#include "draft.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "bytes.h"
#include "geo/geojson_fence.h"
#include "geo/json.h"
#include "geo/measure.h"
#include "geo/tracker_event.h"
#include "json_in.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define SCHEDULE_BACK_MS (30 * DAY_MS)
#define SCHEDULE_AHEAD_MS (400 * DAY_MS)

void draft_fini(fence_draft *draft)
{
    geo_fence_unref(draft->fence);
    free(draft->groups);
    free(draft->geometry);
    free(draft->properties);
    free(draft->schedule);
    *draft = (fence_draft){0};
}

static geo_interval schedule_span(int64_t now_ms)
{
    return (geo_interval){now_ms - SCHEDULE_BACK_MS, now_ms + SCHEDULE_AHEAD_MS};
}

geo_err schedule_resolve(const char *lines, int64_t now_ms, geo_instants *instants,
                         geo_interval **intervals, geo_why *why)
{
    *instants = (geo_instants){0};
    if (lines == NULL) {
        return GEO_OK;
    }
    geo_weekly weekly;
    geo_interval span = schedule_span(now_ms);
    geo_err err = schedule_from_lines(lines, &weekly);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "the schedule is damaged");
    }
    uint32_t count = 0;
    err = geo_schedule_resolve(&weekly, span, NULL, intervals, &count, why);
    if (err != GEO_OK) {
        /* The time zone is not found; the fence is. */
        return err == GEO_NOT_FOUND ? GEO_INVALID : err;
    }
    *instants =
        (geo_instants){.scheduled = true, .span = span, .on = *intervals, .on_count = count};
    return GEO_OK;
}

static geo_err choose_id(catalog_db *db, const geo_feature *feature, const draft_options *options,
                         fence_draft *draft, geo_why *why)
{
    const char *id = options->id == NULL ? feature->id : options->id;
    if (options->id == NULL && feature->id[0] == '\0') {
        return id_from_name(db, feature->name, options->taken, draft->id, why);
    }
    if (feature->id[0] != '\0' && strcmp(feature->id, id) != 0) {
        return geo_why_set(why, GEO_INVALID, "the Feature's id is \"%.64s\", not \"%.64s\"",
                           feature->id, id);
    }
    if (!geo_fence_id_valid(id)) {
        return geo_why_set(why, GEO_INVALID,
                           "id \"%.64s\": a fence's id is 1 to %d of A-Z a-z 0-9 . _ - and begins "
                           "with a letter or a digit",
                           id, GEO_FENCE_ID_MAX);
    }
    (void)snprintf(draft->id, sizeof draft->id, "%.64s", id);
    return GEO_OK;
}

/* Names are shown, kept as lines, and written into logs. */
static geo_err check_texts(const geo_feature *feature, geo_why *why)
{
    if (!text_plain(feature->name, strlen(feature->name))) {
        return geo_why_set(why, GEO_INVALID, "name: there are control characters in it");
    }
    for (uint32_t i = 0; i < feature->group_count; i++) {
        const char *name = feature->groups[i];
        if (name[0] == '\0' || !text_plain(name, strlen(name))) {
            return geo_why_set(why, GEO_INVALID,
                               "groups[%u] is empty or has control characters in it", (unsigned)i);
        }
    }
    return GEO_OK;
}

/* The fence's groups, which are sorted and each there once, as lines. */
static geo_err join_groups(const geo_fence *fence, char **lines, geo_why *why)
{
    text_build build = {0};
    catalog_text text = {0};
    for (uint32_t i = 0; i < fence->group_count; i++) {
        text_build_literal(&build, i == 0 ? "" : "\n");
        text_build_literal(&build, fence->groups[i]);
    }
    geo_err err = text_build_end(&build, &text, why);
    *lines = text.data;
    return err;
}

/* Rings that were closed for their writer are kept closed: as a MultiPolygon of lattice points. */
static geo_err closed_geometry(const geo_feature *feature, char **geometry, geo_why *why)
{
    text_build build = {0};
    catalog_text text = {0};
    text_build_literal(&build, "{\"type\":\"MultiPolygon\",\"coordinates\":[");
    for (uint32_t ring = 0; ring < feature->ring_count; ring++) {
        bool shell = ring == 0 || feature->ring_polygons[ring - 1] != feature->ring_polygons[ring];
        text_build_literal(&build, !shell ? "," : ring == 0 ? "[" : "],[");
        uint32_t begin = ring == 0 ? 0 : feature->ring_ends[ring - 1];
        text_build_ring(&build, feature->vertices + begin, feature->ring_ends[ring] - begin);
    }
    text_build_literal(&build, "]]}");
    geo_err err = text_build_end(&build, &text, why);
    *geometry = text.data;
    return err;
}

/* The texts that are kept: the geometry as it was given, the properties without what only the
 * catalogue knows, so that what GET said can be PUT. */
static geo_err keep_texts(catalog_db *db, const geo_feature *feature, const char *text, size_t size,
                          fence_draft *draft, geo_why *why)
{
    db_query query = db_begin(
        db,
        "SELECT CASE WHEN bare THEN json(t) ELSE t -> '$.geometry' END,"
        " json_set(json_patch('{}', json_remove(coalesce(CASE WHEN NOT bare AND"
        " json_type(t, '$.properties') = 'object' THEN t -> '$.properties' END, '{}'), '$.area_ha',"
        " '$.perimeter_m', '$.revision', '$.version', '$.created', '$.created_by', '$.updated',"
        " '$.updated_by')), '$.name', ?2, '$.intent', ?3)"
        " FROM (SELECT ?1 AS t, ?1 ->> '$.type' <> 'Feature' AS bare)");
    db_text_sized(&query, text, size);
    db_text(&query, feature->name);
    db_text(&query, geo_intent_text(feature->intent));
    geo_err err = db_one(&query, why);
    if (err == GEO_OK) {
        if (draft->geometry == NULL) {
            draft->geometry = strdup(db_column_text(&query, 0, NULL));
        }
        draft->properties = strdup(db_column_text(&query, 1, NULL));
        if (draft->geometry == NULL || draft->properties == NULL) {
            err = geo_why_set(why, GEO_NO_MEMORY, "out of memory");
        }
    }
    return db_finish(&query, err, why);
}

/* The fence that decisions read, with SpatiaLite's opinion of it, and its measures. */
static geo_err make_fence(catalog_db *db, const geo_feature *feature, int64_t now_ms,
                          fence_draft *draft, geo_why *why)
{
    geo_measure measure = {0};
    geo_err err =
        geo_feature_fence(feature, draft->id, schedule_span(now_ms), NULL, &draft->fence, why);
    if (err == GEO_NOT_FOUND) {
        err = GEO_INVALID; /* the time zone is not found; the fence is */
    }
    if (err == GEO_OK) {
        err = area_check(db, draft->fence->area, why);
    }
    if (err == GEO_OK) {
        err = geo_area_measure(draft->fence->area, &measure);
        if (err != GEO_OK) {
            (void)geo_why_set(why, err, "the shape cannot be measured");
        }
    }
    /* A square metre and a centimetre are fine enough for people. */
    draft->area_ha = round(measure.area_ha * 1e4) / 1e4;
    draft->perimeter_m = round(measure.perimeter_m * 1e2) / 1e2;
    return err;
}

geo_err draft_from_feature(catalog_db *db, const geo_feature *feature, const char *text,
                           size_t size, const draft_options *options, fence_draft *draft,
                           geo_why *why)
{
    geo_err err = choose_id(db, feature, options, draft, why);
    if (err == GEO_OK) {
        err = check_texts(feature, why);
    }
    if (err == GEO_OK && feature->has_schedule) {
        err = schedule_to_lines(&feature->schedule, &draft->schedule);
    }
    if (err == GEO_OK) {
        err = make_fence(db, feature, options->now_ms, draft, why);
    }
    if (err == GEO_OK) {
        err = join_groups(draft->fence, &draft->groups, why);
    }
    if (err == GEO_OK && options->close_rings && feature->kind == GEO_FEATURE_POLYGON) {
        err = closed_geometry(feature, &draft->geometry, why);
    }
    return err == GEO_OK ? keep_texts(db, feature, text, size, draft, why) : err;
}

geo_err draft_from_text(catalog_db *db, const char *text, size_t size, const draft_options *options,
                        fence_draft *draft, geo_why *why)
{
    geo_geojson reader;
    geo_geojson_options reading = {.close_rings = options->close_rings};
    size_t mark = geo_json_mark(text, size);
    text += mark; /* SQLite would take it for a part of the value */
    size -= mark;
    geo_err err = json_check_text(text, size, CATALOG_JSON_BYTES_MAX, why);
    if (err == GEO_OK) {
        err = geo_geojson_open(text, size, &reading, &reader, why);
    }
    if (err == GEO_OK && reader.collection) {
        err = geo_why_set(why, GEO_INVALID, "one Feature is wanted, not a FeatureCollection");
    }
    if (err != GEO_OK) {
        return err;
    }
    geo_feature *feature = malloc(sizeof *feature);
    if (feature == NULL) {
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    err = geo_geojson_next(&reader, feature, why);
    if (err == GEO_OK) {
        err = draft_from_feature(db, feature, text, size, options, draft, why);
        geo_feature_fini(feature);
    }
    free(feature);
    return err;
}
