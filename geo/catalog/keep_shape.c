/* keep_shape.c - the stored shape for a fence whose shape is said in the same words as before. */
#include "bytes.h"
#include "draft.h"
#include "geo/buffer.h"

/* The draft's fence with another area and zone, which become its own; on failure they stay the
 * caller's. */
static geo_err change_shape(fence_draft *draft, geo_area *area, geo_area *zone, geo_why *why)
{
    const geo_fence *fence = NULL;
    geo_fence description = *draft->fence;
    description.area = area;
    description.zone = zone;
    geo_err err = geo_fence_new(&description, &fence, why);
    if (err == GEO_OK) {
        geo_fence_unref(draft->fence);
        draft->fence = fence;
    }
    return err;
}

/* The stored zone, or if that was said in other words, one around the stored area. */
static geo_err take_zone(db_query *query, const geo_fence *fence, const geo_area *area,
                         geo_area **zone, geo_why *why)
{
    if (db_column_i64(query, 3) == 0 && fence->zone != NULL) {
        return geo_zone_new(area, fence->approach_cm / 100.0, fence->intent == GEO_KEEP_IN, why,
                            zone);
    }
    if (db_column_i64(query, 3) == 0 || db_column_null(query, 1)) {
        return GEO_OK;
    }
    size_t size = 0;
    const uint8_t *bytes = db_column_blob(query, 1, &size);
    return area_from_bytes(bytes, size, zone);
}

/* Columns: area, zone, same shape, same zone too, area_ha, perimeter_m. */
static geo_err take_stored(db_query *query, fence_draft *draft, geo_why *why)
{
    geo_area *area = NULL;
    geo_area *zone = NULL;
    size_t size = 0;
    const uint8_t *bytes = db_column_blob(query, 0, &size);
    geo_err err = area_from_bytes(bytes, size, &area);
    if (err == GEO_OK) {
        err = take_zone(query, draft->fence, area, &zone, why);
    }
    if (err == GEO_OK && query->code != SQLITE_OK) {
        err = GEO_NO_MEMORY;
    }
    if (err == GEO_OK) {
        err = change_shape(draft, area, zone, why);
    } else {
        (void)geo_why_set(why, err, "the stored shape cannot be read: %s", geo_err_text(err));
    }
    if (err != GEO_OK) {
        geo_area_free(area);
        geo_area_free(zone);
        return err;
    }
    draft->area_ha = db_column_f64(query, 4);
    draft->perimeter_m = db_column_f64(query, 5);
    return GEO_OK;
}

geo_err draft_keep_shape(catalog_db *db, fence_draft *draft, const fence_state *state, geo_why *why)
{
    if (!state->live) {
        return GEO_OK;
    }
    db_query query = db_begin(
        db, "SELECT area, zone, same_shape, same_shape AND same_zone, area_ha, perimeter_m FROM"
            " (SELECT *, geometry = ?3 AND json_extract(properties, '$.radius_m', '$.width_m',"
            " '$.geodesic') = json_extract(?4, '$.radius_m', '$.width_m', '$.geodesic') AS"
            " same_shape, json_extract(properties, '$.approach_m', '$.intent') ="
            " json_extract(?4, '$.approach_m', '$.intent') AS same_zone FROM revision)"
            " WHERE fence = ?1 AND revision = ?2");
    db_text(&query, draft->id);
    db_i64(&query, (int64_t)state->revision);
    db_text(&query, draft->geometry);
    db_text(&query, draft->properties);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK && db_column_i64(&query, 2) != 0) {
        err = take_stored(&query, draft, why);
    }
    return db_finish(&query, err, why);
}
