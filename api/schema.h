/* api/schema.h - the JSON Schemas that the table of routes names, for /v1/openapi.json. */
#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct api_schema {
    const char *name;
    const char *json;
} api_schema;

/* All of them. Static. */
const api_schema *api_schemas(size_t *count);

/* Whether a body of that schema may be left out; so it is where there is no schema. */
bool api_schema_is_optional(const char *name);

/* The first member of an object that the schema does not know, or a second one of a name; NULL:
 * there is none, or no such schema. */
const char *api_schema_stranger(const char *schema, const cJSON *object);

#endif
