/* api/route.c - finds a request's row by comparing path segments, and looks at its parameters. */
#include "route.h"

#include <stdio.h>
#include <string.h>

/* Where the n-th capture began and how long it is; copied only once the whole path has matched. */
typedef struct capture {
    const char *at;
    size_t size;
} capture;

static bool match_segments(const char *pattern, const char *path, capture *captures, int *count)
{
    *count = 0;
    while (*pattern != 0) {
        if (*pattern != '{') {
            if (*pattern++ != *path++) {
                return false;
            }
            continue;
        }
        bool takes_rest = pattern[1] == '*';
        size_t size = takes_rest ? strlen(path) : strcspn(path, "/");
        if ((size == 0 && !takes_rest) || *count >= API_CAPTURES_MAX) {
            return false;
        }
        captures[(*count)++] = (capture){.at = path, .size = size};
        path += size;
        pattern = strchr(pattern, '}') + 1;
    }
    return *path == 0;
}

/* Captures go to the end of the arena's used part; when that is full the path was absurdly long. */
static bool keep_captures(api_request *request, const capture *captures, int count)
{
    for (int i = 0; i < count; i++) {
        if (captures[i].size + 1 > sizeof request->arena - request->arena_size) {
            return false;
        }
        char *copy = request->arena + request->arena_size;
        memcpy(copy, captures[i].at, captures[i].size);
        copy[captures[i].size] = 0;
        request->arena_size += captures[i].size + 1;
        request->captures[i] = copy;
    }
    return true;
}

/* A path without captures is just its text: what is asked most often is found so. */
static const api_route *find_literal(const char *path, api_method method)
{
    size_t count = 0;
    const api_route *routes = api_routes(&count);
    for (size_t i = 0; i < count; i++) {
        if (routes[i].method == method && strcmp(routes[i].path, path) == 0) {
            return &routes[i];
        }
    }
    return NULL;
}

const api_route *api_route_find(api_request *request, uint32_t *allowed)
{
    size_t count = 0;
    const api_route *routes = api_routes(&count);
    api_method method = request->method == API_HEAD ? API_GET : request->method;
    const api_route *literal = find_literal(request->path, method);
    if (literal != NULL && strchr(request->path, '{') == NULL) {
        *allowed = 1u << method;
        return literal;
    }
    *allowed = 0;
    for (size_t i = 0; i < count; i++) {
        capture captures[API_CAPTURES_MAX];
        int capture_count = 0;
        if (!match_segments(routes[i].path, request->path, captures, &capture_count)) {
            continue;
        }
        /* The catch-all for files must not make an unknown API path look known. */
        bool is_rest = capture_count > 0 && strstr(routes[i].path, "{*}") != NULL;
        if (is_rest && (*allowed != 0 || strncmp(request->path, "/v1/", 4) == 0)) {
            continue;
        }
        *allowed |= 1u << routes[i].method;
        if (routes[i].method == method) {
            return keep_captures(request, captures, capture_count) ? &routes[i] : NULL;
        }
    }
    return NULL;
}

static const api_known_param *find_param(const api_route *route, const char *name)
{
    const api_known_param *known = route->params;
    while (known != NULL && known->name != NULL &&
           ((known->marks & API_PARAM_HEADER) != 0 || strcmp(known->name, name) != 0)) {
        known++;
    }
    return known != NULL && known->name != NULL ? known : NULL;
}

static void refuse_param(const api_route *route, const char *name, api_answer *answer)
{
    char list[160] = "no parameters";
    size_t at = 0;
    for (const api_known_param *known = route->params; known != NULL && known->name != NULL;
         known++) {
        if ((known->marks & API_PARAM_HEADER) != 0) {
            continue;
        }
        int put = snprintf(list + at, sizeof list - at, "%s%s", at > 0 ? ", " : "", known->name);
        at += put > 0 && (size_t)put < sizeof list - at ? (size_t)put : 0;
    }
    api_answer_error(answer, 400, "query.parameter", name,
                     "%.64s is not known here; this address takes %s", name, list);
}

bool api_params_are_known(const api_route *route, const api_request *request, api_answer *answer)
{
    if (route->rate == API_RATE_FREE || strncmp(route->path, "/v1/", 4) != 0) {
        return true;
    }
    for (uint32_t i = 0; i < request->param_count; i++) {
        const char *name = request->params[i].name;
        if (find_param(route, name) == NULL) {
            refuse_param(route, name, answer);
            return false;
        }
        /* Only one of them could be obeyed, and nobody could tell which. */
        if (api_request_param(request, name) != request->params[i].value) {
            api_answer_error(answer, 400, "query.parameter", name, "%s is given twice", name);
            return false;
        }
    }
    return true;
}

bool api_route_keeps_answers(const api_route *route)
{
    return route->method == API_POST && route->role != API_ROLE_NONE;
}

void api_allow_text(uint32_t allowed, char *text, size_t size)
{
    if ((allowed & (1u << API_GET)) != 0) {
        allowed |= 1u << API_HEAD;
    }
    allowed |= 1u << API_OPTIONS;
    size_t at = 0;
    text[0] = 0;
    for (int method = API_GET; method <= API_OPTIONS && at < size; method++) {
        if ((allowed & (1u << method)) != 0) {
            int put = snprintf(text + at, size - at, "%s%s", at > 0 ? ", " : "",
                               api_method_text((api_method)method));
            at += put > 0 ? (size_t)put : 0;
        }
    }
}
