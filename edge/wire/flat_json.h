/* wire/flat_json.h - the JSON that trackers really send, one flat object, parsed without a single
 * allocation. Anything else is left to cJSON. */
#ifndef WIRE_FLAT_JSON_H
#define WIRE_FLAT_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#define FLAT_JSON_BYTES_MAX 1000 /* longer texts go to cJSON */
#define FLAT_JSON_MEMBERS_MAX 31 /* so do objects of more members */

typedef struct flat_json {
    char text[FLAT_JSON_BYTES_MAX + 8];
    cJSON nodes[FLAT_JSON_MEMBERS_MAX + 1]; /* the object, and its members */
} flat_json;

/* The same tree that cJSON would make of the text; its strings lie within flat. NULL: not a flat
 * object of plain names, plain strings, plain numbers and literals, or not JSON at all. */
cJSON *flat_json_parse(flat_json *flat, const void *bytes, size_t size);

#endif
