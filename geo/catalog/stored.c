/* stored.c - a fence as a row of the file has it. */
#include "stored.h"

#include <stdlib.h>

static geo_err read_areas(db_query *query, int column, geo_area **area, geo_area **zone)
{
    size_t size = 0;
    const uint8_t *bytes = db_column_blob(query, column, &size);
    geo_err err = area_from_bytes(bytes, size, area);
    if (err == GEO_OK && !db_column_null(query, column + 1)) {
        bytes = db_column_blob(query, column + 1, &size);
        err = area_from_bytes(bytes, size, zone);
    }
    return err;
}

geo_err stored_fence_read(db_query *query, stored_fence *out)
{
    *out = (stored_fence){
        .slot = (uint32_t)db_column_i64(query, 1),
        .description =
            {
                .id = db_column_text(query, 0, NULL),
                .name = db_column_text(query, 2, NULL),
                .intent = (geo_intent)db_column_i64(query, 3),
                .dwell_s = (uint32_t)db_column_i64(query, 4),
                .approach_cm = (uint32_t)db_column_i64(query, 5),
                .confirm_fixes = (uint32_t)db_column_i64(query, 6),
                .expires_at_ms = db_column_i64(query, 7),
            },
    };
    geo_err err = group_list_from_lines(db_column_text(query, 8, NULL), &out->groups);
    if (err == GEO_OK) {
        err = read_areas(query, 9, &out->area, &out->zone);
    }
    if (query->code != SQLITE_OK) {
        return GEO_NO_MEMORY; /* what was read is not what is there */
    }
    return err;
}

geo_err stored_fence_make(stored_fence *stored, const geo_fence **out, geo_why *why)
{
    stored->description.groups = stored->groups.names;
    stored->description.group_count = stored->groups.count;
    stored->description.area = stored->area;
    stored->description.zone = stored->zone;
    geo_err err = geo_fence_new(&stored->description, out, why);
    if (err == GEO_OK) {
        stored->area = NULL;
        stored->zone = NULL;
    }
    return err;
}

void stored_fence_fini(stored_fence *stored)
{
    free(stored->intervals);
    geo_area_free(stored->zone);
    geo_area_free(stored->area);
    group_list_fini(&stored->groups);
}
