/* api/dispatch.c - the checks every request passes, in the order of their cost. */
#include "dispatch.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "accounts.h"
#include "base/logline.h"
#include "body.h"
#include "gzip.h"
#include "rate.h"
#include "replay.h"
#include "schema.h"

#define GZIP_BYTES_MIN 1400          /* what fits into one packet is not worth it */
#define GZIP_INLINE_BYTES_MAX 262144 /* more would hold up the service thread */

/* True if text stands in a list separated by commas. */
static bool list_has(const char *list, const char *text, size_t size)
{
    while (list != NULL && *list != 0) {
        list += strspn(list, ", ");
        size_t item = strcspn(list, ", ");
        if (item == size && item > 0 && strncasecmp(list, text, size) == 0) {
            return true;
        }
        list += item;
    }
    return false;
}

/* The name within "name:port" or "[v6]:port". */
static size_t host_name(const char *host, const char **name)
{
    if (host[0] == '[') {
        *name = host + 1;
        return strcspn(host + 1, "]");
    }
    *name = host;
    return strcspn(host, ":");
}

static bool ends_with(const char *text, size_t size, const char *end)
{
    size_t end_size = strlen(end);
    return size > end_size && strncasecmp(text + size - end_size, end, end_size) == 0;
}

/* A page elsewhere can make its own name point to us (DNS rebinding) and would then count as of our
 * origin. So only names that nobody outside can own are served: addresses, localhost, .local, names
 * of one word (a machine in the house), this machine's own, and what is configured. */
bool api_host_is_allowed(const api_context *context, const char *host)
{
    const char *name = NULL;
    size_t size = host_name(host, &name);
    char text[64];
    struct in6_addr ignored;
    if (size == 0 || size >= sizeof text) {
        return false;
    }
    memcpy(text, name, size);
    text[size] = 0;
    if (inet_pton(AF_INET, text, &ignored) == 1 || inet_pton(AF_INET6, text, &ignored) == 1 ||
        strchr(text, '.') == NULL || ends_with(text, size, ".localhost") ||
        ends_with(text, size, ".local") || list_has(context->hosts, text, size)) {
        return true;
    }
    char own[64];
    return gethostname(own, sizeof own) == 0 && memchr(own, 0, sizeof own) != NULL &&
           strcasecmp(own, text) == 0;
}

bool api_has_names(const api_context *context)
{
    return (context->hosts != NULL && context->hosts[0] != 0) ||
           (context->origins != NULL && context->origins[0] != 0);
}

bool api_origin_is_allowed(const api_context *context, const char *origin, const char *host)
{
    const char *after_scheme = strstr(origin, "://");
    if (after_scheme == NULL) {
        return false; /* also "null", which sandboxed pages send */
    }
    return strcasecmp(after_scheme + 3, host) == 0 ||
           list_has(context->origins, origin, strlen(origin));
}

static bool is_change(api_method method)
{
    return method != API_GET && method != API_HEAD && method != API_OPTIONS;
}

static const api_route *find_route(api_request *request, api_answer *answer)
{
    uint32_t allowed = 0;
    const api_route *route = api_route_find(request, &allowed);
    if (route != NULL) {
        return route;
    }
    if (allowed == 0) {
        api_answer_error(answer, 404, "route.not_found", NULL, "there is nothing at this address");
        return NULL;
    }
    api_allow_text(allowed, answer->allow, sizeof answer->allow);
    if (request->method == API_OPTIONS) {
        answer->status = 204;
    } else {
        api_answer_error(answer, 405, "route.method", NULL, "this address knows %s", answer->allow);
    }
    return NULL;
}

void api_identify(api_context *context, api_request *request)
{
    request->caller = (api_caller){.role = API_ROLE_NONE};
    if (context->accounts == NULL) {
        return;
    }
    if (request->bearer[0] != 0) {
        (void)accounts_by_token(context->accounts, request->bearer, &request->caller);
    } else if (request->session[0] != 0) {
        (void)accounts_by_session(context->accounts, request->session, &request->caller);
    }
}

static bool has_allowance(api_context *context, const api_route *route, const api_request *request,
                          api_answer *answer)
{
    int wait_s = context->rates != NULL ? api_rates_take(context->rates, route->rate,
                                                         request->caller.user, request->peer)
                                        : 0;
    if (wait_s > 0) {
        api_answer_error(answer, 429, "rate.exceeded", NULL, "too many requests; wait %d s",
                         wait_s);
        answer->retry_after_s = wait_s;
    }
    return wait_s == 0;
}

static bool admit_caller(api_context *context, const api_route *route, api_request *request,
                         api_answer *answer)
{
    if (is_change(request->method) && request->origin[0] != 0 && !request->is_live &&
        !api_origin_is_allowed(context, request->origin, request->host)) {
        api_answer_error(answer, 403, "origin.denied", NULL,
                         "changes are not taken from pages of other origins");
        return false;
    }
    if (!request->is_live) {
        api_identify(context, request);
    }
    if (request->caller.role >= route->role) {
        return has_allowance(context, route, request, answer);
    }
    if (request->caller.role == API_ROLE_NONE) {
        api_answer_error(answer, 401, "auth.required", NULL,
                         "log in (POST /v1/login) or send Authorization: Bearer");
    } else {
        api_answer_error(answer, 403, "auth.role", NULL, "this needs the role %s, yours is %s",
                         api_role_text(route->role), api_role_text(request->caller.role));
    }
    return false;
}

const api_route *api_admit(api_context *context, api_request *request, api_answer *answer)
{
    if (!request->is_live && !api_host_is_allowed(context, request->host)) {
        api_answer_error(answer, 421, "host.unknown", NULL,
                         "this service does not go by that name; see the setting `hosts`");
        return NULL;
    }
    if (request->origin[0] != 0 &&
        list_has(context->origins, request->origin, strlen(request->origin))) {
        memcpy(answer->cors_origin, request->origin, sizeof answer->cors_origin);
    }
    const api_route *route = find_route(request, answer);
    if (route == NULL || !admit_caller(context, route, request, answer) ||
        !api_params_are_known(route, request, answer)) {
        return NULL;
    }
    request->body_schema = route->request_schema;
    return route;
}

static bool is_json_type(const char *type)
{
    size_t size = strcspn(type, "; ");
    return (size == 16 && strncasecmp(type, "application/json", size) == 0) ||
           (size == 20 && strncasecmp(type, "application/geo+json", size) == 0);
}

bool api_admit_body(const api_route *route, const api_request *request, int64_t content_length,
                    bool is_chunked, api_answer *answer)
{
    bool takes_body =
        request->method == API_POST || request->method == API_PUT || request->method == API_PATCH;
    /* Where a body is not needed, none at all is as good as an empty one. */
    bool is_missing = takes_body && content_length < 0;
    if (is_chunked || (is_missing && !api_schema_is_optional(route->request_schema))) {
        api_answer_error(answer, 411, "body.length", NULL,
                         "send the body with a Content-Length, not in chunks");
        answer->close = true;
        return false;
    }
    answer->close = is_missing; /* lws waits for a body all the same */
    if (content_length > (int64_t)route->body_bytes_max) {
        api_answer_error(answer, 413, "body.too_big", NULL, "at most %u bytes are taken here",
                         route->body_bytes_max);
        answer->close = true;
        return false;
    }
    if (content_length > 0 && request->content_type[0] != 0 &&
        !is_json_type(request->content_type)) {
        api_answer_error(answer, 415, "body.type", NULL,
                         "send JSON, with Content-Type: application/json");
        return false;
    }
    return true;
}

/* If-None-Match may list several tags, or be "*". */
static bool etag_matches(const char *list, const char *etag)
{
    return strcmp(list, "*") == 0 || strstr(list, etag) != NULL;
}

static bool is_compressible(const char *type)
{
    return type != NULL &&
           (strncmp(type, "application/json", 16) == 0 ||
            strncmp(type, "application/geo+json", 20) == 0 || strncmp(type, "text/", 5) == 0);
}

static void compress(const api_route *route, const api_request *request, api_answer *answer)
{
    size_t size = answer->body.size;
    if (!request->accepts_gzip || answer->encoding != NULL || answer->borrowed != NULL ||
        size < GZIP_BYTES_MIN || !is_compressible(answer->content_type) ||
        (route->lane == API_INLINE && size > GZIP_INLINE_BYTES_MAX)) {
        return;
    }
    if (api_gzip(&answer->body) == HR_OK) {
        answer->encoding = "gzip";
    }
}

void api_dispatch_init(api_context *context)
{
    static const char *const classes[API_STATUS_CLASSES] = {
        "class=\"1xx\"", "class=\"2xx\"", "class=\"3xx\"", "class=\"4xx\"", "class=\"5xx\""};
    for (int i = 0; i < API_STATUS_CLASSES && context->metrics != NULL; i++) {
        context->answers[i] =
            hr_metrics_counter(context->metrics, "hedgerow_http_answers_total", classes[i],
                               "Answers over HTTP and WebSocket, by class of status.");
    }
}

static void count_answer(api_context *context, const api_answer *answer)
{
    int class_index = answer->status / 100 - 1;
    if (class_index >= 0 && class_index < API_STATUS_CLASSES &&
        context->answers[class_index] != NULL) {
        hr_counter_add(context->answers[class_index], 1);
    }
}

void api_note(api_context *context, const api_request *request, const api_answer *answer)
{
    count_answer(context, answer);
    if (answer->status >= 500 || context->logs_answers) {
        hr_logline(answer->status >= 500 ? HR_LEVEL_WARN : HR_LEVEL_DEBUG, "http.answer",
                   "request=%s method=%s path=\"%s\" status=%d user=%s peer=%s", request->id,
                   api_method_text(request->method), request->path, answer->status,
                   request->caller.user[0] != 0 ? request->caller.user : "-", request->peer);
    }
}

/* A body that no handler would have to read is read here, for what it does not know. */
static bool optional_body_is_well(const api_request *request, api_answer *answer)
{
    if (request->body_schema == NULL || request->body_size == 0 ||
        !api_schema_is_optional(request->body_schema)) {
        return true;
    }
    cJSON *body = api_body_parse(request, answer);
    cJSON_Delete(body);
    return body != NULL;
}

void api_perform(api_context *context, const api_route *route, const api_request *request,
                 api_answer *answer)
{
    bool is_kept = api_route_keeps_answers(route) && request->idempotency_key[0] != 0 &&
                   context->replays != NULL;
    if (optional_body_is_well(request, answer) &&
        (!is_kept || api_replays_begin(context->replays, request, answer))) {
        route->handle(context, request, answer);
        if (answer->is_left) {
            return;
        }
        if (is_kept) {
            api_replays_end(context->replays, request, answer);
        }
    }
    if (hr_buf_err(&answer->body) != HR_OK) {
        hr_err err = hr_buf_err(&answer->body);
        answer->borrowed = NULL;
        answer->encoding = NULL;
        api_answer_error(answer, err == HR_TOO_BIG ? 500 : 503, "answer.failed", NULL,
                         err == HR_TOO_BIG ? "the answer is too large; ask for less"
                                           : "out of memory");
    }
    if (answer->status == 200 && answer->etag[0] != 0 && request->if_none_match[0] != 0 &&
        etag_matches(request->if_none_match, answer->etag)) {
        answer->status = 304;
        answer->borrowed = NULL;
        answer->encoding = NULL;
        hr_buf_clear(&answer->body);
    }
    compress(route, request, answer);
    api_note(context, request, answer);
}
