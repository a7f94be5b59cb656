/* oracle_events.c - a growing list of events, and how one of them is read. */
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "oracle.h"
#include "oracle_json.h"

hr_err oracle_events_add(oracle_events *events, const oracle_event *event)
{
    if (events->count == events->capacity) {
        size_t capacity = events->capacity > 0 ? events->capacity * 2 : 256;
        oracle_event *all = realloc(events->all, capacity * sizeof *all);
        if (all == NULL) {
            return HR_NO_MEMORY;
        }
        events->all = all;
        events->capacity = capacity;
    }
    events->all[events->count] = *event;
    events->all[events->count].order = events->count;
    events->count++;
    return HR_OK;
}

void oracle_events_free(oracle_events *events)
{
    free(events->all);
    *events = (oracle_events){0};
}

bool oracle_event_read(const cJSON *json, oracle_event *event)
{
    const cJSON *source = cJSON_GetObjectItemCaseSensitive(json, "source");
    const cJSON *crossing = cJSON_GetObjectItemCaseSensitive(json, "crossing");
    const char *device = oracle_json_text(json, "device");
    *event = (oracle_event){
        .device = hr_device_key(device, strlen(device)),
        .late = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "late")),
        .partition = (uint32_t)oracle_json_whole(source, "partition", 0),
        .offset = oracle_json_whole(source, "offset", 0),
        .index = (uint32_t)oracle_json_whole(source, "index", 0),
    };
    oracle_json_copy(json, "id", event->id, sizeof event->id);
    oracle_json_copy(json, "kind", event->kind, sizeof event->kind);
    oracle_json_copy(json, "fence", event->fence, sizeof event->fence);
    oracle_json_copy(json, "fence_name", event->fence_name, sizeof event->fence_name);
    oracle_json_copy(json, "cause", event->cause, sizeof event->cause);
    oracle_json_copy(json, "severity", event->severity, sizeof event->severity);
    event->has_place = oracle_json_place(json, &event->place);
    event->has_crossing = oracle_json_place(crossing, &event->crossing) &&
                          oracle_json_time(crossing, "time", &event->crossing_ms);
    return event->id[0] != '\0' && oracle_json_time(json, "time", &event->time_ms) &&
           oracle_json_time(json, "received", &event->received_ms);
}
