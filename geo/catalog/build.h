/* build.h - text put together piece by piece; private to the catalogue. */
#ifndef CATALOG_BUILD_H
#define CATALOG_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "catalog/text.h"
#include "db.h"
#include "geo/point.h"

/* A failed append stays failed: check once, in text_build_end. */
typedef struct text_build {
    char *data;
    size_t size;
    size_t capacity;
    bool failed;
} text_build;

void text_build_put(text_build *build, const char *text, size_t size);
void text_build_literal(text_build *build, const char *text);
void text_build_u64(text_build *build, uint64_t value);
/* A JSON string of plain ASCII without quotes or backslashes: our own ids. */
void text_build_id(text_build *build, const char *id);
/* The vertices of a ring as GeoJSON has them, the first once more at the end. */
void text_build_ring(text_build *build, const geo_point *vertices, uint32_t count);
void text_build_fini(text_build *build);

/* Hand the text over to *out. GEO_NO_MEMORY: an append failed; the build is emptied. */
GEO_MUST_USE geo_err text_build_end(text_build *build, catalog_text *out, geo_why *why);

/* Column 0 of the query's only row as the text, column 1 as its revision; ends the query.
 * GEO_NOT_FOUND, with that as the reason, when there is no row. */
GEO_MUST_USE geo_err text_from_row(db_query *query, const char *not_found, catalog_text *out,
                                   geo_why *why);

/* Rows of (text, cursor) as a page: head, the texts with commas, then "],"next":" and the cursor of
 * the last row of the page, as it stands, if there are more rows than limit; null if not. Ends
 * the query, which must ask for limit + 1 rows. */
GEO_MUST_USE geo_err text_from_page(db_query *query, const char *head, uint32_t limit,
                                    size_t bytes_max, catalog_text *out, geo_why *why);

#endif
