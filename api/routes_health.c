/* api/routes_health.c - is everything well, and every number there is. */
#include <stdio.h>
#include <unistd.h>

#include "accounts.h"
#include "base/record.h"
#include "engine/engine.h"
#include "ingest/presence.h"
#include "log/log.h"
#include "routes.h"

#define GATEWAYS_SHOWN_MAX 64 /* with numbers of their own; the rest only in the sum */

/* Each reason twice: as a sentence, and as an item by which others make their own. */
typedef struct reasons {
    hr_json *json;
    hr_json items;
    unsigned count;
} reasons;

static void add_reason(void *context, const hr_why *why)
{
    reasons *list = context;
    const char *reason = hr_why_reason_of(why);
    hr_json_text(list->json, why->text);
    hr_json_open_object(&list->items);
    hr_json_key_text(&list->items, "code", reason[0] != 0 ? reason : "service.fails");
    hr_json_key_text(&list->items, "message", why->text);
    api_why_values_write(&list->items, why);
    hr_json_close_object(&list->items);
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
    hr_buf items;
    hr_buf_init(&items, API_ANSWER_BYTES_MAX);
    reasons list = {.json = &json, .items = hr_json_into(&items)};
    hr_json_open_array(&list.items);
    for (uint32_t i = 0; i < atomic_load(&context->health_count); i++) {
        context->health[i].source(context->health[i].part, add_reason, &list);
    }
    hr_json_close_array(&json);
    hr_json_close_array(&list.items);
    hr_json_key(&json, "items");
    if (hr_buf_err(&items) == HR_OK) {
        hr_json_raw(&json, (const char *)items.data, items.size);
    } else {
        hr_json_null(&json);
    }
    hr_buf_fini(&items);
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

static void set_gauge(hr_metrics *metrics, const char *name, const char *labels, const char *help,
                      int64_t value)
{
    hr_gauge_set(hr_metrics_gauge(metrics, name, labels, help), value);
}

/* What is known only when somebody asks: how far the log and the workers are. */
static void gauge_offsets(api_context *context)
{
    hr_metrics *metrics = context->metrics;
    for (uint32_t t = 0; t < log_topic_count(context->log); t++) {
        const log_topic *topic = log_topic_get(context->log, (uint8_t)t);
        for (uint32_t p = 0; p < topic->partition_count; p++) {
            char labels[80];
            uint16_t partition = (uint16_t)p;
            int64_t end = log_end(context->log, (uint8_t)t, partition, LOG_COMMITTED);
            snprintf(labels, sizeof labels, "topic=\"%s\",partition=\"%u\"", topic->name, p);
            set_gauge(metrics, "hedgerow_log_end_offset", labels,
                      "Offset that the next committed record will get.", end);
            set_gauge(metrics, "hedgerow_log_start_offset", labels, "Oldest offset kept.",
                      log_start(context->log, (uint8_t)t, partition));
            if (t == HR_TOPIC_POSITIONS && context->engine != NULL) {
                int64_t offset = engine_offset(context->engine, p);
                set_gauge(metrics, "hedgerow_engine_offset", labels,
                          "Offset that the partition's worker reads next.", offset);
                set_gauge(metrics, "hedgerow_engine_lag", labels,
                          "Committed records that the worker has not read.",
                          end > offset ? end - offset : 0);
            }
        }
    }
}

typedef struct gateway_gauges {
    hr_metrics *metrics;
    uint32_t shown;
    int64_t online;
} gateway_gauges;

static void gauge_gateway(void *context, const presence_view *view)
{
    gateway_gauges *g = context;
    char labels[HR_USER_ID_MAX + 16];
    g->online += view->is_online;
    if (!view->has_status || g->shown == GATEWAYS_SHOWN_MAX) {
        return;
    }
    g->shown++;
    snprintf(labels, sizeof labels, "gateway=\"%s\"", view->user);
    set_gauge(g->metrics, "hedgerow_gateway_online", labels, "1 while it is connected.",
              view->is_online);
    set_gauge(g->metrics, "hedgerow_gateway_waiting_fixes", labels,
              "Fixes in its outbox, as it told.", (int64_t)view->status.waiting);
    set_gauge(g->metrics, "hedgerow_gateway_dropped_fixes", labels,
              "Fixes that its full disk cost, since its start.", (int64_t)view->status.dropped);
    set_gauge(g->metrics, "hedgerow_gateway_last_seen_timestamp_seconds", labels,
              "When it was last heard of.",
              view->last_seen_ms != STATUS_NO_TIME ? view->last_seen_ms / 1000 : 0);
}

static void gauge_gateways(api_context *context)
{
    gateway_gauges g = {.metrics = context->metrics};
    presence_each(context->presence, gauge_gateway, &g);
    set_gauge(context->metrics, "hedgerow_gateways_online", "", "Gateways that are connected.",
              g.online);
}

static void gauge_process(api_context *context)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%*d %ld", &pages) == 1) {
            set_gauge(context->metrics, "process_resident_memory_bytes", "",
                      "Memory in use by the service.", pages * sysconf(_SC_PAGESIZE));
        }
        fclose(file);
    }
    set_gauge(context->metrics, "hedgerow_uptime_seconds", "", "Since the service was started.",
              (hr_clock_now_ms(context->clock) - context->started_ms) / 1000);
    set_gauge(context->metrics, "hedgerow_ready", "", "1 once everything serves.",
              atomic_load(&context->ready));
}

void route_metrics(api_context *context, const api_request *request, api_answer *answer)
{
    (void)request;
    if (context->metrics == NULL) {
        api_answer_error(answer, 503, "metrics.absent", NULL, "there are no metrics here");
        return;
    }
    if (context->log != NULL) {
        gauge_offsets(context);
    }
    if (context->presence != NULL) {
        gauge_gateways(context);
    }
    gauge_process(context);
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
