/* stored.h - a fence as a row of the file has it; private to the catalogue. */
#ifndef CATALOG_STORED_H
#define CATALOG_STORED_H

#include "bytes.h"
#include "db.h"

/* The columns that stored_fence_read wants first in a SELECT from revision AS r. */
#define STORED_COLUMNS                                                                             \
    "r.fence, r.slot, r.name, r.intent, r.dwell_s, r.approach_cm, r.confirm_fixes,"                \
    " r.expires_at_ms, r.groups, r.area, r.zone"
#define STORED_COLUMN_COUNT 11

/* What geo_fence_new takes, and what holds it. Borrows the row's texts. */
typedef struct stored_fence {
    geo_fence description;
    uint32_t slot;
    group_list groups;
    geo_area *area;
    geo_area *zone;
    geo_interval *intervals;
} stored_fence;

/* Without instants. *out is to be freed with stored_fence_fini, also on failure. */
GEO_MUST_USE geo_err stored_fence_read(db_query *query, stored_fence *out);

/* Make the fence that decisions read; the areas are its from then on. */
GEO_MUST_USE geo_err stored_fence_make(stored_fence *stored, const geo_fence **out, geo_why *why);
void stored_fence_fini(stored_fence *stored);

#endif
