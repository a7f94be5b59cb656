/* api/routes_health.c - is everything well, and every number there is. */
#include <stdio.h>

#include "accounts.h"
#include "routes.h"

typedef struct reasons {
    hr_json *json;
    unsigned count;
} reasons;

static void add_reason(void *context, const char *reason)
{
    reasons *list = context;
    hr_json_text(list->json, reason);
    list->count++;
}

void route_health(api_context *context, const api_request *request, api_answer *answer)
{
    (void)request;
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key_bool(&json, "ready", atomic_load(&context->ready) != 0);
    hr_json_key(&json, "reasons");
    hr_json_open_array(&json);
    reasons list = {.json = &json};
    for (uint32_t i = 0; i < atomic_load(&context->health_count); i++) {
        context->health[i].source(context->health[i].part, add_reason, &list);
    }
    hr_json_close_array(&json);
    hr_json_key_text(&json, "status", list.count == 0 ? "ok" : "degraded");
    if (context->accounts != NULL) {
        hr_json_key_bool(&json, "needs_setup", !accounts_has_owner(context->accounts));
    }
    hr_json_key_text(&json, "version", context->version);
    hr_json_key_time(&json, "time", hr_clock_now_ms(context->clock));
    hr_json_key_i64(&json, "uptime_s",
                    (hr_clock_now_ms(context->clock) - context->started_ms) / 1000);
    hr_json_close_object(&json);
}

void route_metrics(api_context *context, const api_request *request, api_answer *answer)
{
    (void)request;
    if (context->metrics == NULL) {
        api_answer_error(answer, 503, "metrics.absent", NULL, "there are no metrics here");
        return;
    }
    answer->status = 200;
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    hr_metrics_write(context->metrics, &answer->body);
}

hr_err api_context_add_health(api_context *context, api_health_source *source, void *part)
{
    if (atomic_load(&context->health_count) >= API_HEALTH_SOURCES_MAX) {
        return HR_TOO_BIG;
    }
    uint32_t count = atomic_load(&context->health_count);
    context->health[count].source = source;
    context->health[count].part = part;
    atomic_store(&context->health_count, count + 1);
    return HR_OK;
}
