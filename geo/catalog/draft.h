/* draft.h - a fence on its way into the catalogue: read, checked and derived, but not yet written;
 * private to the catalogue. */
#ifndef CATALOG_DRAFT_H
#define CATALOG_DRAFT_H

#include <stdint.h>

#include "catalog/change.h"
#include "db.h"
#include "geo/geojson.h"

typedef struct fence_draft {
    char id[GEO_FENCE_ID_MAX + 1];
    const geo_fence *fence; /* one reference; owns area, zone and instants */
    char *groups;           /* lines, sorted, each once */
    char *geometry;         /* JSON, as it was given */
    char *properties;       /* JSON: what was given, without what the catalogue knows itself */
    char *schedule;         /* as schedule_to_lines says it; NULL: none */
    double area_ha;
    double perimeter_m;
} fence_draft;

/* Frees what the draft holds. */
void draft_fini(fence_draft *draft);

typedef struct draft_options {
    const char *id;    /* of the URL; NULL: the Feature's, or made from its name */
    const char *taken; /* SQL: whether ?1 is an id that may not be made up any more */
    int64_t now_ms;    /* schedules are resolved around it */
    bool close_rings;
} draft_options;

/* Read, check and derive a fence from one GeoJSON Feature. On failure the draft is to be freed all
 * the same. GEO_SYNTAX, GEO_INVALID, GEO_RANGE, GEO_POLE, GEO_TOO_BIG. */
GEO_MUST_USE geo_err draft_from_text(catalog_db *db, const char *text, size_t size,
                                     const draft_options *options, fence_draft *draft,
                                     geo_why *why);

/* The same for a Feature or bare geometry that geo_geojson_next has read; text is what it read. */
GEO_MUST_USE geo_err draft_from_feature(catalog_db *db, const geo_feature *feature,
                                        const char *text, size_t size, const draft_options *options,
                                        fence_draft *draft, geo_why *why);

/* An id that is not taken, from a fence's name: "Norra hagen" gives norra-hagen or norra-hagen-2.
 */
GEO_MUST_USE geo_err id_from_name(catalog_db *db, const char *name, const char *taken,
                                  char id[GEO_FENCE_ID_MAX + 1], geo_why *why);

/* What a schedule in lines (NULL: none) comes to around now_ms. The caller frees *intervals, which
 * instants borrows. GEO_INVALID. */
GEO_MUST_USE geo_err schedule_resolve(const char *lines, int64_t now_ms, geo_instants *instants,
                                      geo_interval **intervals, geo_why *why);

/* What the catalogue holds of an id. */
typedef struct fence_state {
    uint64_t revision; /* the newest, be it a removal; 0: never heard of */
    bool live;
    int64_t created_ms;
    char created_by[CATALOG_WHO_MAX + 1];
} fence_state;

GEO_MUST_USE geo_err fence_state_read(catalog_db *db, const char *id, fence_state *out,
                                      geo_why *why);

/* Whether the state is what the editor expects. GEO_EXISTS, GEO_CONFLICT, GEO_NOT_FOUND. */
GEO_MUST_USE geo_err fence_state_expect(const fence_state *state, const char *id, uint64_t expected,
                                        geo_why *why);

/* Where a draft's shape was said in the same words as that of the revision in force, take the
 * stored shape: what is derived is derived once, though a later program may do it a little
 * differently, and a new name must not move a boundary. */
GEO_MUST_USE geo_err draft_keep_shape(catalog_db *db, fence_draft *draft, const fence_state *state,
                                      geo_why *why);

/* Write a draft as the newest revision, into the file and the rules. Inside an edit. */
GEO_MUST_USE geo_err draft_write(catalog_change *change, const fence_draft *draft,
                                 const fence_state *state, catalog_edit_kind kind,
                                 catalog_edit *edit, geo_why *why);

/* Write that a fence is no more. */
GEO_MUST_USE geo_err removal_write(catalog_change *change, const char *id, const fence_state *state,
                                   catalog_edit *edit, geo_why *why);

/* Write the newest instants of a fence's schedule. */
GEO_MUST_USE geo_err instants_write(catalog_change *change, const char *id, uint64_t revision,
                                    const geo_instants *instants, geo_why *why);

/* SpatiaLite's second opinion on an area. GEO_INVALID, with the reason and the place that it gives.
 */
GEO_MUST_USE geo_err area_check(catalog_db *db, const geo_area *area, geo_why *why);

#endif
