/* catalog/fence.h - reading fences as GeoJSON, as they are now and as they were. */
#ifndef CATALOG_FENCE_H
#define CATALOG_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"

#define CATALOG_PAGE_MAX 1000

/* One fence as a Feature: id, the geometry as it was given (for editing), and properties: those
 * that were given, `name` and `intent` always, and what the catalogue knows: area_ha, perimeter_m,
 * revision, version (of the rules that brought this revision), created, created_by, updated,
 * updated_by. out->revision is for the ETag. GEO_NOT_FOUND. */
GEO_MUST_USE geo_err catalog_fence_get(catalog *store, const char *id, catalog_text *out,
                                       geo_why *why);

/* The same at an older revision, also of a fence that is removed now. GEO_NOT_FOUND: not kept, or
 * that revision is the removal. */
GEO_MUST_USE geo_err catalog_fence_at(catalog *store, const char *id, uint64_t revision,
                                      catalog_text *out, geo_why *why);

/* The canonical area of a fence now, as a GeoJSON MultiPolygon: what decisions are made of, for
 * circles and corridors on a map. */
GEO_MUST_USE geo_err catalog_fence_shape(catalog *store, const char *id, catalog_text *out,
                                         geo_why *why);

typedef struct catalog_page {
    const char *after; /* ids after this one, bytewise; NULL or "": from the start */
    uint32_t limit;    /* at most CATALOG_PAGE_MAX; 0: that */
} catalog_page;

/* Fences in the order of their ids: {"type":"FeatureCollection","features":[..],"next":id|null}.
 * A page ends early when it passes CATALOG_PAGE_BYTES_MAX, with at least one Feature. */
#define CATALOG_PAGE_BYTES_MAX (8u * 1024 * 1024)
GEO_MUST_USE geo_err catalog_fence_list(catalog *store, const catalog_page *page, catalog_text *out,
                                        geo_why *why);

/* Kept revisions, newest first, below `before` (0: from the newest):
 * {"versions":[{"revision","version","what","who","time","name","area_ha"}],"next":n|null}; what is
 * created, replaced, patched, removed or restored. GEO_NOT_FOUND: never heard of the fence. */
GEO_MUST_USE geo_err catalog_fence_versions(catalog *store, const char *id, uint64_t before,
                                            uint32_t limit, catalog_text *out, geo_why *why);

/* Fences that were removed and can be restored: {"removed":[{"id","revision","who","time",
 * "name"}],"next":id|null}; revision is that of the removal. */
GEO_MUST_USE geo_err catalog_fence_removed(catalog *store, const catalog_page *page,
                                           catalog_text *out, geo_why *why);

/* Takes the next piece; false stops the export. */
typedef bool (*catalog_sink)(void *context, const char *piece, size_t size);

/* All fences as one FeatureCollection, of one moment, in pieces. What import takes gives them back.
 * GEO_IO: the sink said stop. */
GEO_MUST_USE geo_err catalog_export(catalog *store, catalog_sink sink, void *context, geo_why *why);

#endif
