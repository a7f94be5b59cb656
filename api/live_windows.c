/* api/live_windows.c - the latest wins: answers of standing queries, whenever they have changed. */
#include <stdio.h>
#include <string.h>

#include "engine/query.h"
#include "live_parts.h"

#define PERIOD_NS INT64_C(1000000000)
#define ROWS_MAX 200 /* of one query in one frame; `cut` says that there are more */

/* The first name that no query has, or NULL. It stays in the list, for it may be made yet. */
static const char *unknown_query(live_hub *hub, const live_windows *wanted)
{
    engine_queries *queries = hub->server->context->queries;
    for (uint32_t i = 0; i < wanted->count; i++) {
        api_answer_reset(&hub->answer);
        if (queries == NULL ||
            engine_query_get(queries, wanted->list[i].name, &hub->answer.body) == HR_NOT_FOUND) {
            return wanted->list[i].name;
        }
    }
    return NULL;
}

const char *live_windows_complaint(const cJSON *windows)
{
    int count = cJSON_GetArraySize(windows);
    if (!cJSON_IsArray(windows) || count > LIVE_WINDOWS_MAX) {
        return "windows must be a list of at most 8 names of queries";
    }
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, windows)
    {
        const char *name = cJSON_GetStringValue(item);
        if (name == NULL || !hr_fence_id_is_valid(name, strlen(name))) {
            return "windows must be a list of at most 8 names of queries";
        }
    }
    return NULL;
}

const char *live_windows_subscribe(live_hub *hub, live_client *client, const cJSON *windows)
{
    live_windows *wanted = &client->windows;
    const cJSON *item = NULL;
    wanted->count = 0; /* null and false have no items */
    cJSON_ArrayForEach(item, windows)
    {
        live_window *window = &wanted->list[wanted->count++];
        *window = (live_window){.revision = 0};
        snprintf(window->name, sizeof window->name, "%s", item->valuestring);
    }
    wanted->next_ns = 0;
    const char *unknown = unknown_query(hub, wanted);
    if (unknown == NULL) {
        return NULL;
    }
    snprintf(hub->complaint, sizeof hub->complaint,
             "there is no standing query %s; its rows come once there is", unknown);
    return hub->complaint;
}

void live_windows_tick(live_hub *hub, int64_t now_ns)
{
    for (live_client *client = hub->first; client != NULL; client = client->next) {
        live_windows *wanted = &client->windows;
        if (wanted->count > 0 && now_ns >= wanted->next_ns) {
            wanted->next_ns = now_ns + PERIOD_NS;
            wanted->due = wanted->count;
            live_want_write(client);
        }
    }
}

/* One query's answer in a frame, if it has changed since the client's last one. */
int live_windows_write(live_hub *hub, live_client *client)
{
    live_windows *wanted = &client->windows;
    engine_queries *queries = hub->server->context->queries;
    while (wanted->due > 0 && queries != NULL) {
        wanted->due--;
        if (wanted->due >= wanted->count) {
            continue;
        }
        live_window *window = &wanted->list[wanted->due];
        hr_buf_clear(&hub->frame);
        hr_buf_put_text(&hub->frame, "{\"window\":");
        if (engine_query_rows_since(queries, window->name, &window->revision, ROWS_MAX,
                                    &hub->frame) == HR_OK) {
            hr_buf_put_u8(&hub->frame, '}');
            return hr_buf_err(&hub->frame) == HR_OK
                       ? live_write(client, hub->frame.data, hub->frame.size, false)
                       : 0;
        }
    }
    wanted->due = 0;
    return 0;
}
