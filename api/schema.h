/* api/schema.h - the JSON Schemas that the table of routes names, for /v1/openapi.json. */
#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct api_schema {
    const char *name;
    const char *json;
} api_schema;

/* All of them. Static. */
const api_schema *api_schemas(size_t *count);

/* NULL: there is none of that name. */
const api_schema *api_schema_find(const char *name);

/* Whether an object of that schema may have such a member. True too if there is no such schema. */
bool api_schema_knows(const char *schema, const char *member);

#endif
