/* api/routes_queries.c - standing queries: definitions, rows, plans, progress. */
#include <stdio.h>
#include <string.h>

#include "body.h"
#include "engine/query.h"
#include "routes.h"

#define ROWS_DEFAULT 1000
#define ROWS_MAX 10000

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

void route_query_add(api_context *context, const api_request *request, api_answer *answer)
{
    engine_query_fault fault = {.field = ""};
    char name[HR_FENCE_ID_MAX + 1];
    if (!are_here(context, answer)) {
        return;
    }
    hr_err err =
        engine_query_put(context->queries, request->body, request->body_size, true, name, &fault);
    if (err != HR_OK) {
        answer_fault(answer, err, &fault);
        return;
    }
    (void)api_answer_json(answer, 201);
    snprintf(answer->location, sizeof answer->location, "/v1/queries/%s", name);
    finish(answer, engine_query_get(context->queries, name, &answer->body), name);
}

void route_query_put(api_context *context, const api_request *request, api_answer *answer)
{
    engine_query_fault fault = {.field = ""};
    char name[HR_FENCE_ID_MAX + 1];
    if (!are_here(context, answer)) {
        return;
    }
    cJSON *body = api_body_parse(request, answer);
    if (body == NULL) {
        return;
    }
    const char *given = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "name"));
    bool is_other = given != NULL && strcmp(given, request->captures[0]) != 0;
    cJSON_Delete(body);
    if (is_other) {
        api_answer_error(answer, 400, "query.invalid", "name", "it must be the one in the path");
        return;
    }
    hr_err err =
        engine_query_put(context->queries, request->body, request->body_size, false, name, &fault);
    if (err != HR_OK) {
        answer_fault(answer, err, &fault);
        return;
    }
    (void)api_answer_json(answer, 200);
    finish(answer, engine_query_get(context->queries, name, &answer->body), name);
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
