/* catalog/document.h - small JSON objects by kind and name, which other parts keep here: the
 * definitions of standing queries. They are not part of the rules and have no versions. */
#ifndef CATALOG_DOCUMENT_H
#define CATALOG_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"

#define CATALOG_DOCUMENT_BYTES_MAX 65536
#define CATALOG_DOCUMENT_KIND_MAX 32

typedef struct catalog_stamp {
    int64_t number;
    uint64_t revision; /* as it is now */
} catalog_stamp;

/* Create or replace, durable when it returns. expected is CATALOG_ANY, CATALOG_NONE or a revision
 * (catalog/change.h); a name is like a fence's id. Waits for an open change. Of *stamp (may be
 * NULL) the number is given once and survives replacing: no other document ever has it. GEO_SYNTAX,
 * GEO_INVALID, GEO_TOO_BIG, GEO_EXISTS, GEO_CONFLICT, GEO_NOT_FOUND. */
GEO_MUST_USE geo_err catalog_document_put(catalog *store, const char *kind, const char *name,
                                          const char *text, size_t size, uint64_t expected,
                                          catalog_stamp *stamp, geo_why *why);

/* GEO_NOT_FOUND, GEO_CONFLICT. */
GEO_MUST_USE geo_err catalog_document_remove(catalog *store, const char *kind, const char *name,
                                             uint64_t expected, geo_why *why);

/* The text as it was given, and its revision. GEO_NOT_FOUND. */
GEO_MUST_USE geo_err catalog_document_get(catalog *store, const char *kind, const char *name,
                                          catalog_text *out, geo_why *why);

/* All of a kind, in the order of their names. What is given is borrowed for the call. */
typedef struct catalog_document {
    int64_t number;
    uint64_t revision;
    const char *name;
    const char *text;
    size_t size;
} catalog_document;

typedef void (*catalog_document_visit)(void *context, const catalog_document *document);
GEO_MUST_USE geo_err catalog_document_each(catalog *store, const char *kind,
                                           catalog_document_visit visit, void *context,
                                           geo_why *why);

#endif
