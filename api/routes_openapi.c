/* api/routes_openapi.c - OpenAPI 3.1, made from the table of routes. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "routes.h"
#include "schema.h"

static void put_ref(hr_json *json, const char *schema)
{
    char ref[96];
    snprintf(ref, sizeof ref, "#/components/schemas/%s", schema);
    hr_json_open_object(json);
    hr_json_key_text(json, "$ref", ref);
    hr_json_close_object(json);
}

/* Answers that are not JSON, or not only, or JSON of a kind. */
static const struct {
    const char *path;
    const char *types[5];
} other_types[] = {
    {"/metrics", {"text/plain"}},
    {"/v1/export/fences", {"application/geo+json"}},
    {"/v1/devices/{id}/track", {"application/geo+json", "application/gpx+xml", "text/csv"}},
    {"/tiles/{z}/{x}/{y}",
     {"image/png", "image/jpeg", "image/webp", "application/vnd.mapbox-vector-tile"}},
};

/* schema NULL: any. */
static void put_type(hr_json *json, const char *type, const char *schema)
{
    hr_json_key(json, type);
    hr_json_open_object(json);
    if (schema != NULL && strstr(type, "json") != NULL) {
        hr_json_key(json, "schema");
        put_ref(json, schema);
    }
    hr_json_close_object(json);
}

static void put_content(hr_json *json, const char *path, const char *schema)
{
    const char *const json_only[] = {"application/json", NULL};
    const char *const *types = json_only;
    for (size_t i = 0; path != NULL && i < sizeof other_types / sizeof other_types[0]; i++) {
        types = strcmp(other_types[i].path, path) == 0 ? other_types[i].types : types;
    }
    hr_json_key(json, "content");
    hr_json_open_object(json);
    for (; *types != NULL; types++) {
        put_type(json, *types, schema);
    }
    hr_json_close_object(json);
}

static void put_answers(hr_json *json, const api_route *route)
{
    hr_json_key(json, "responses");
    hr_json_open_object(json);
    hr_json_key(json, "2XX");
    hr_json_open_object(json);
    hr_json_key_text(json, "description", "Done");
    if (route->answer_schema != NULL || route->method == API_GET) {
        put_content(json, route->path, route->answer_schema);
    }
    hr_json_close_object(json);
    hr_json_key(json, "default");
    hr_json_open_object(json);
    hr_json_key_text(json, "description", "Refused or failed; nothing was changed");
    put_content(json, NULL, "Error");
    hr_json_close_object(json);
    hr_json_close_object(json);
}

static void put_parameter(hr_json *json, const api_known_param *param)
{
    bool is_header = (param->marks & API_PARAM_HEADER) != 0;
    hr_json_open_object(json);
    hr_json_key_text(json, "name", param->name);
    hr_json_key_text(json, "in", is_header ? "header" : "query");
    hr_json_key_text(json, "description", param->summary);
    hr_json_key_bool(json, "required", (param->marks & API_PARAM_REQUIRED) != 0);
    hr_json_key(json, "schema");
    hr_json_raw(json, param->schema, strlen(param->schema));
    hr_json_close_object(json);
}

static void put_parameters(hr_json *json, const api_route *route)
{
    static const api_known_param repeated = {"Idempotency-Key", "{\"type\":\"string\"}",
                                             "Once for the same key, however often it is sent",
                                             API_PARAM_HEADER};
    hr_json_key(json, "parameters");
    hr_json_open_array(json);
    for (const char *at = strchr(route->path, '{'); at != NULL; at = strchr(at + 1, '{')) {
        hr_json_open_object(json);
        hr_json_key(json, "name");
        hr_json_text_sized(json, at + 1, strcspn(at + 1, "}"));
        hr_json_key_text(json, "in", "path");
        hr_json_key_bool(json, "required", true);
        hr_json_key(json, "schema");
        hr_json_open_object(json);
        hr_json_key_text(json, "type", "string");
        hr_json_close_object(json);
        hr_json_close_object(json);
    }
    for (const api_known_param *param = route->params; param != NULL && param->name != NULL;
         param++) {
        put_parameter(json, param);
    }
    if (api_route_keeps_answers(route)) {
        put_parameter(json, &repeated);
    }
    hr_json_close_array(json);
}

static void put_operation(hr_json *json, const api_route *route)
{
    char method[16];
    snprintf(method, sizeof method, "%s", api_method_text(route->method));
    for (char *c = method; *c != 0; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    hr_json_key(json, method);
    hr_json_open_object(json);
    hr_json_key_text(json, "summary", route->summary);
    hr_json_key_text(json, "x-role", api_role_text(route->role));
    hr_json_key_i64(json, "x-body-bytes-max", route->body_bytes_max);
    put_parameters(json, route);
    if (route->request_schema != NULL) {
        hr_json_key(json, "requestBody");
        hr_json_open_object(json);
        hr_json_key_bool(json, "required", !api_schema_is_optional(route->request_schema));
        put_content(json, NULL, route->request_schema);
        hr_json_close_object(json);
    }
    put_answers(json, route);
    hr_json_key(json, "security");
    hr_json_open_array(json);
    if (route->role != API_ROLE_NONE) {
        hr_json_raw(json, "{\"cookie\":[]},{\"token\":[]}", 26);
    }
    hr_json_close_array(json);
    hr_json_close_object(json);
}

/* One path with all its methods; the rows of a path need not stand together. */
static void put_path(hr_json *json, const api_route *routes, size_t count, size_t first)
{
    for (size_t i = 0; i < first; i++) {
        if (strcmp(routes[i].path, routes[first].path) == 0) {
            return;
        }
    }
    hr_json_key(json, routes[first].path);
    hr_json_open_object(json);
    for (size_t i = first; i < count; i++) {
        if (strcmp(routes[i].path, routes[first].path) == 0) {
            put_operation(json, &routes[i]);
        }
    }
    hr_json_close_object(json);
}

static void put_components(hr_json *json)
{
    static const char security[] =
        "{\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"hedgerow\"},"
        "\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}}";
    size_t count = 0;
    const api_schema *schemas = api_schemas(&count);
    hr_json_key(json, "components");
    hr_json_open_object(json);
    hr_json_key(json, "securitySchemes");
    hr_json_raw(json, security, sizeof security - 1);
    hr_json_key(json, "schemas");
    hr_json_open_object(json);
    for (size_t i = 0; i < count; i++) {
        hr_json_key(json, schemas[i].name);
        hr_json_raw(json, schemas[i].json, strlen(schemas[i].json));
    }
    hr_json_close_object(json);
    hr_json_close_object(json);
}

void route_openapi(api_context *context, const api_request *request, api_answer *answer)
{
    (void)request;
    size_t count = 0;
    const api_route *routes = api_routes(&count);
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "openapi", "3.1.0");
    hr_json_key(&json, "info");
    hr_json_open_object(&json);
    hr_json_key_text(&json, "title", "Hedgerow");
    hr_json_key_text(&json, "version", context->version);
    hr_json_close_object(&json);
    hr_json_key(&json, "paths");
    hr_json_open_object(&json);
    for (size_t i = 0; i < count; i++) {
        if (strstr(routes[i].path, "{*}") == NULL) {
            put_path(&json, routes, count, i);
        }
    }
    hr_json_close_object(&json);
    put_components(&json);
    hr_json_close_object(&json);
}
