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

static void put_content(hr_json *json, const char *schema)
{
    hr_json_key(json, "content");
    hr_json_open_object(json);
    hr_json_key(json, "application/json");
    hr_json_open_object(json);
    hr_json_key(json, "schema");
    put_ref(json, schema);
    hr_json_close_object(json);
    hr_json_close_object(json);
}

static void put_answers(hr_json *json, const api_route *route)
{
    hr_json_key(json, "responses");
    hr_json_open_object(json);
    hr_json_key(json, "2XX");
    hr_json_open_object(json);
    hr_json_key_text(json, "description", "Done");
    if (route->answer_schema != NULL) {
        put_content(json, route->answer_schema);
    }
    hr_json_close_object(json);
    hr_json_key(json, "default");
    hr_json_open_object(json);
    hr_json_key_text(json, "description", "Refused or failed; nothing was changed");
    put_content(json, "Error");
    hr_json_close_object(json);
    hr_json_close_object(json);
}

static void put_parameters(hr_json *json, const api_route *route)
{
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
        hr_json_open_object(json);
        hr_json_key_text(json, "name", param->name);
        hr_json_key_text(json, "in", "query");
        hr_json_key_text(json, "description", param->summary);
        hr_json_key_bool(json, "required", param->is_required);
        hr_json_key(json, "schema");
        hr_json_raw(json, param->schema, strlen(param->schema));
        hr_json_close_object(json);
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
        hr_json_key_bool(json, "required", true);
        put_content(json, route->request_schema);
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
