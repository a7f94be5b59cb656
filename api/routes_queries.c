/* api/routes_queries.c - standing queries: definitions, rows, plans, progress. */
#include <stdio.h>
#include <string.h>

#include "body.h"
#include "engine/query.h"
#include "routes.h"

#define ROWS_DEFAULT 1000
#define ROWS_MAX 10000
#define ABOUT_BYTES_MAX 4096

static bool are_here(const api_context *context, api_answer *answer)
{
    if (context->queries == NULL) {
        api_answer_error(answer, 503, "query.absent", NULL, "the queries have not started yet");
    }
    return context->queries != NULL;
}

static void answer_missing(api_answer *answer, const char *name)
{
    api_answer_error(answer, 404, "query.not_found", NULL, "there is no query \"%s\"", name);
}

/* What a call has put into the answer's body, or why it has not. */
static void finish(api_answer *answer, hr_err err, const char *name)
{
    if (err == HR_NOT_FOUND) {
        answer_missing(answer, name);
    } else if (err != HR_OK) {
        api_answer_failure(answer, err, "query", NULL);
    }
}

void route_queries(api_context *context, const api_request *request, api_answer *answer)
{
    (void)request;
    if (are_here(context, answer)) {
        (void)api_answer_json(answer, 200);
        finish(answer, engine_queries_list(context->queries, &answer->body), "");
    }
}

static void answer_fault(api_answer *answer, hr_err err, const engine_query_fault *fault)
{
    if (err == HR_INVALID) {
        api_answer_error(answer, 400, "query.invalid", fault->field[0] != 0 ? fault->field : NULL,
                         "%s", fault->why.text);
    } else {
        api_answer_failure(answer, err, "query", &fault->why);
    }
}

/* The rest is looked at where it is understood. name: what it must be; NULL: any. */
static bool definition_is_well(const api_request *request, const char *name, api_answer *answer)
{
    cJSON *body = api_body_parse(request, answer);
    if (body == NULL || api_body_text(body, "about", ABOUT_BYTES_MAX, "", answer) == NULL) {
        cJSON_Delete(body);
        return false;
    }
    const char *given = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "name"));
    bool is_other = name != NULL && given != NULL && strcmp(given, name) != 0;
    cJSON_Delete(body);
    if (is_other) {
        api_answer_error(answer, 400, "query.invalid", "name", "it must be the one in the path");
    }
    return !is_other;
}

/* status: what to answer when it is done. */
static bool put_query(api_context *context, const api_request *request, int status,
                      char name[HR_FENCE_ID_MAX + 1], api_answer *answer)
{
    engine_query_fault fault = {.field = ""};
    hr_err err = engine_query_put(context->queries, request->body, request->body_size,
                                  status == 201, name, &fault);
    if (err != HR_OK) {
        answer_fault(answer, err, &fault);
        return false;
    }
    (void)api_answer_json(answer, status);
    finish(answer, engine_query_get(context->queries, name, &answer->body), name);
    return true;
}

void route_query_add(api_context *context, const api_request *request, api_answer *answer)
{
    char name[HR_FENCE_ID_MAX + 1];
    if (are_here(context, answer) && definition_is_well(request, NULL, answer) &&
        put_query(context, request, 201, name, answer)) {
        snprintf(answer->location, sizeof answer->location, "/v1/queries/%s", name);
    }
}

void route_query_put(api_context *context, const api_request *request, api_answer *answer)
{
    char name[HR_FENCE_ID_MAX + 1];
    if (are_here(context, answer) && definition_is_well(request, request->captures[0], answer)) {
        (void)put_query(context, request, 200, name, answer);
    }
}

void route_query(api_context *context, const api_request *request, api_answer *answer)
{
    const char *name = request->captures[0];
    if (are_here(context, answer)) {
        (void)api_answer_json(answer, 200);
        finish(answer, engine_query_get(context->queries, name, &answer->body), name);
    }
}

void route_query_rows(api_context *context, const api_request *request, api_answer *answer)
{
    const char *name = request->captures[0];
    int64_t limit = 0;
    if (are_here(context, answer) &&
        api_param_number(request, "limit", 1, ROWS_MAX, ROWS_DEFAULT, &limit, answer)) {
        (void)api_answer_json(answer, 200);
        finish(answer, engine_query_rows(context->queries, name, (uint32_t)limit, &answer->body),
               name);
    }
}

void route_query_explain(api_context *context, const api_request *request, api_answer *answer)
{
    const char *name = request->captures[0];
    if (are_here(context, answer)) {
        (void)api_answer_json(answer, 200);
        finish(answer, engine_query_explain(context->queries, name, &answer->body), name);
    }
}

void route_query_progress(api_context *context, const api_request *request, api_answer *answer)
{
    const char *name = request->captures[0];
    if (are_here(context, answer)) {
        (void)api_answer_json(answer, 200);
        finish(answer, engine_query_progress(context->queries, name, &answer->body), name);
    }
}

typedef hr_err query_change(engine_queries *queries, const char *name, hr_why *why);

static bool change(api_context *context, const api_request *request, api_answer *answer,
                   query_change *apply)
{
    hr_why why = {.text = ""};
    if (!are_here(context, answer)) {
        return false;
    }
    hr_err err = apply(context->queries, request->captures[0], &why);
    if (err == HR_NOT_FOUND) {
        answer_missing(answer, request->captures[0]);
    } else if (err != HR_OK) {
        api_answer_failure(answer, err, "query", &why);
    }
    return err == HR_OK;
}

void route_query_remove(api_context *context, const api_request *request, api_answer *answer)
{
    if (change(context, request, answer, engine_query_remove)) {
        answer->status = 204;
    }
}

void route_query_start(api_context *context, const api_request *request, api_answer *answer)
{
    if (change(context, request, answer, engine_query_start)) {
        route_query(context, request, answer);
    }
}

void route_query_stop(api_context *context, const api_request *request, api_answer *answer)
{
    if (change(context, request, answer, engine_query_stop)) {
        route_query(context, request, answer);
    }
}
