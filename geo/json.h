/* geo/json.h - reads JSON token by token: strict, bounded in depth, without allocating. */
#ifndef GEO_JSON_H
#define GEO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"

#define GEO_JSON_DEPTH_MAX 64

typedef enum geo_json_token {
    GEO_JSON_END, /* the value is complete and nothing but space follows */
    GEO_JSON_OBJECT,
    GEO_JSON_OBJECT_END,
    GEO_JSON_ARRAY,
    GEO_JSON_ARRAY_END,
    GEO_JSON_KEY,
    GEO_JSON_TEXT,
    GEO_JSON_NUMBER,
    GEO_JSON_TRUE,
    GEO_JSON_FALSE,
    GEO_JSON_NULL,
    GEO_JSON_WRONG, /* and ever after; `wrong` says why, `at` where */
} geo_json_token;

/* A reader is a plain value: a copy of it comes back to the same place. The text is borrowed. */
typedef struct geo_json {
    const char *text;
    size_t size;
    size_t at;
    /* Of the last KEY, TEXT or NUMBER: its bytes as written, texts without their quotes. */
    const char *slice;
    size_t slice_size;
    const char *wrong; /* static; NULL as long as all is well */
    uint32_t depth;
    uint64_t objects; /* bit d: at depth d there is an object, else an array */
    uint8_t expect;   /* of the grammar; see json.c */
    bool is_checked;  /* the whole text is known to be JSON: skipping only looks for the end */
} geo_json;

/* A byte order mark at the beginning, as some editors put one, is passed over. */
geo_json geo_json_read(const char *text, size_t size);

/* The size of that mark: 3 or 0. */
size_t geo_json_mark(const char *text, size_t size);

/* The next token. Texts are checked to be UTF-8 with sound escapes. */
geo_json_token geo_json_next(geo_json *json);

/* After KEY, or wherever a value comes next: pass over the whole value. False when it is wrong. */
bool geo_json_skip(geo_json *json);

/* Whether the last KEY or TEXT says just this plain ASCII. */
bool geo_json_is(const geo_json *json, const char *text);

/* The last KEY or TEXT, its escapes resolved, with a terminator.
 * GEO_TOO_BIG: longer than size - 1 bytes. GEO_SYNTAX: contains U+0000. */
GEO_MUST_USE geo_err geo_json_copy(const geo_json *json, char *text, size_t size);

/* The line, from 1, and the column in bytes, from 1, where the reader stands. */
void geo_json_position(const geo_json *json, unsigned *line, unsigned *column);

#endif
