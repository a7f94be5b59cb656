/* json_in.h - JSON from outside, looked at with SQLite's own JSON functions; private to the
 * catalogue. */
#ifndef CATALOG_JSON_IN_H
#define CATALOG_JSON_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db.h"

/* What kind a member's value has; the names are json_type()'s. */
typedef enum json_kind {
    JSON_NULL,
    JSON_BOOL,
    JSON_INTEGER,
    JSON_REAL,
    JSON_TEXT,
    JSON_ARRAY,
    JSON_OBJECT,
} json_kind;

/* One member that an object from outside may have, besides null. */
typedef struct json_member {
    const char *name;
    json_kind kind;
    int64_t min; /* of a number; of the bytes of a text; of the items of an array */
    int64_t max;
} json_member;

/* Whether text from outside may be shown to SQLite's JSON functions: not above size_max bytes,
 * UTF-8, without U+0000 in any form. GEO_TOO_BIG, GEO_SYNTAX. */
GEO_MUST_USE geo_err json_check_text(const char *text, size_t size, size_t size_max, geo_why *why);

/* The same, and whether it is one JSON object. */
GEO_MUST_USE geo_err json_check_is_object(catalog_db *db, const char *text, size_t size,
                                          size_t size_max, geo_why *why);

/* The same, and whether it has none but these members, each once, and each null or of its kind and
 * range. Texts must be free of control characters; the items of an array must be such texts too, of
 * 1 to GEO_GROUP_NAME_MAX bytes. GEO_SYNTAX, GEO_INVALID, GEO_TOO_BIG. */
GEO_MUST_USE geo_err json_check_object(catalog_db *db, const char *text, size_t size,
                                       size_t size_max, const json_member *members,
                                       size_t member_count, geo_why *why);

/* Whether the bytes are UTF-8 without a zero byte. */
bool utf8_valid(const char *text, size_t size);

/* Whether a text from outside can be kept and shown: no control characters, size as strlen says. */
bool text_plain(const char *text, size_t size);

/* The items of a JSON array of texts as lines: sorted bytewise, each once. The caller frees *lines.
 */
GEO_MUST_USE geo_err json_lines(catalog_db *db, const char *array, char **lines, geo_why *why);

#endif
