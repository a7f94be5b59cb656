/* oracle_stays.c - goes through the events once more for each row of a query of stays. */
#include "oracle_stays.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "oracle_json.h"

#define STAY "stay(kind, crossing_time, uncertainty_s)"
#define ROUNDING_MS 1 /* of seconds as a double */
#define ROUNDING_S 0.001
#define UNSURE_STEP_S 0.1 /* each change is told upwards to this */

/* What the events say of one fence and one device. */
typedef struct stay {
    const char *fence;
    uint64_t device;
    int64_t closed_ms; /* of stays that have ended */
    int64_t since_ms;  /* of the one that goes on */
    bool is_inside;
    int64_t visits;
    double unsure_s[2]; /* at least, at most */
    int changes;
} stay;

/* The events in the order of their topic. */
typedef struct story_line {
    const oracle_event **all;
    size_t count;
} story_line;

static const cJSON *only_select(const cJSON *definition)
{
    const cJSON *select = cJSON_GetObjectItemCaseSensitive(definition, "select");
    const cJSON *first = cJSON_IsObject(select) ? select->child : NULL;
    return first != NULL && first->next == NULL ? first : NULL;
}

bool oracle_stays_can_check(const cJSON *query)
{
    const cJSON *definition = cJSON_GetObjectItemCaseSensitive(query, "definition");
    const cJSON *window = cJSON_GetObjectItemCaseSensitive(definition, "window");
    const cJSON *groups = cJSON_GetObjectItemCaseSensitive(definition, "group_by");
    const char *select = cJSON_GetStringValue(only_select(definition));
    const char *first = cJSON_GetStringValue(cJSON_GetArrayItem(groups, 0));
    const char *second = cJSON_GetStringValue(cJSON_GetArrayItem(groups, 1));
    return strcmp(oracle_json_text(query, "status"), "running") == 0 &&
           strcmp(oracle_json_text(definition, "from"), "events") == 0 &&
           strcmp(oracle_json_text(definition, "where"), "kind in ('enter','exit')") == 0 &&
           strcmp(oracle_json_text(window, "type"), "running") == 0 && select != NULL &&
           strcmp(select, STAY) == 0 && cJSON_GetArraySize(groups) == 2 && first != NULL &&
           strcmp(first, "fence") == 0 && second != NULL && strcmp(second, "device") == 0 &&
           !cJSON_HasObjectItem(definition, "join");
}

static bool is_about(const stay *s, const oracle_event *event)
{
    return event->device == s->device && strcmp(event->fence, s->fence) == 0 &&
           (strcmp(event->kind, "enter") == 0 || strcmp(event->kind, "exit") == 0);
}

static void sum_up(const story_line *line, stay *s)
{
    for (size_t i = 0; i < line->count; i++) {
        const oracle_event *event = line->all[i];
        int64_t at_ms = event->has_crossing ? event->crossing_ms : event->time_ms;
        if (!is_about(s, event)) {
            continue;
        }
        if (strcmp(event->kind, "enter") == 0 || s->is_inside) {
            s->unsure_s[0] += (double)event->unsure_ms[0] / 1000;
            s->unsure_s[1] += (double)event->unsure_ms[1] / 1000;
            s->changes++;
        }
        if (strcmp(event->kind, "enter") == 0) {
            s->is_inside = true;
            s->since_ms = at_ms;
            s->visits++;
        } else if (s->is_inside) {
            s->closed_ms += at_ms > s->since_ms ? at_ms - s->since_ms : 0;
            s->is_inside = false;
        }
    }
}

static void tell(oracle_verdict *v, size_t *count, const char *query, const char *fence,
                 const char *device, const char *what)
{
    ++*count;
    if (v->stories < ORACLE_STORIES_MAX) {
        v->stories++;
        printf("query %s, %s in %s: %s\n", query, device, fence, what);
    }
}

/* A stay that goes on counts to one moment, the same for all rows: *until_ms, once it is known. */
static bool is_as_long(const stay *s, int64_t said_ms, int64_t *until_ms)
{
    int64_t rest_ms = said_ms - s->closed_ms;
    if (s->is_inside && rest_ms > ROUNDING_MS) {
        *until_ms = *until_ms == INT64_MIN ? s->since_ms + rest_ms : *until_ms;
        rest_ms -= *until_ms - s->since_ms;
    }
    return rest_ms >= -ROUNDING_MS && rest_ms <= ROUNDING_MS;
}

static void check_row(const char *query, const char *select, const cJSON *row,
                      const story_line *line, int64_t *until_ms, oracle_verdict *v)
{
    const cJSON *group = cJSON_GetObjectItemCaseSensitive(row, "group");
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(row, select);
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(value, "value");
    const char *fence = cJSON_GetStringValue(cJSON_GetArrayItem(group, 0));
    const char *device = cJSON_GetStringValue(cJSON_GetArrayItem(group, 1));
    if (fence == NULL || device == NULL || !cJSON_IsNumber(seconds)) {
        tell(v, &v->extra, query, "?", "?", "a row that cannot be read");
        return;
    }
    stay s = {.fence = fence, .device = hr_device_key(device, strlen(device))};
    int64_t since_ms = INT64_MIN;
    char what[160];
    bool has_since = oracle_json_time(value, "since", &since_ms);
    int64_t visits = oracle_json_whole(value, "visits", -1);
    double unsure_s = oracle_json_number(value, "uncertainty_s");
    sum_up(line, &s);
    if (visits != s.visits) {
        snprintf(what, sizeof what, "%" PRId64 " visits, the events say %" PRId64, visits,
                 s.visits);
        tell(v, &v->different, query, fence, device, what);
    } else if (has_since != s.is_inside || (has_since && since_ms != s.since_ms)) {
        tell(v, &v->different, query, fence, device, "the stay that goes on began at another time");
    } else if (!(unsure_s >= s.unsure_s[0] - ROUNDING_S &&
                 unsure_s <= s.unsure_s[1] + UNSURE_STEP_S * s.changes + ROUNDING_S)) {
        snprintf(what, sizeof what, "uncertain by %.3f s, by the fixes around %d changes %.3f s",
                 unsure_s, s.changes, s.unsure_s[0]);
        tell(v, &v->different, query, fence, device, what);
    } else if (!is_as_long(&s, (int64_t)(seconds->valuedouble * 1000 + 0.5), until_ms)) {
        snprintf(what, sizeof what, "%.3f s, of which the events that ended say %.3f s",
                 seconds->valuedouble, (double)s.closed_ms / 1000);
        tell(v, &v->different, query, fence, device, what);
    }
}

static bool has_row(const cJSON *rows, const oracle_event *event)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        const cJSON *group = cJSON_GetObjectItemCaseSensitive(row, "group");
        const char *fence = cJSON_GetStringValue(cJSON_GetArrayItem(group, 0));
        const char *device = cJSON_GetStringValue(cJSON_GetArrayItem(group, 1));
        if (fence != NULL && device != NULL && strcmp(fence, event->fence) == 0 &&
            hr_device_key(device, strlen(device)) == event->device) {
            return true;
        }
    }
    return false;
}

/* The first event of each pair. */
static bool is_first(const story_line *line, size_t index)
{
    const oracle_event *event = line->all[index];
    stay s = {.fence = event->fence, .device = event->device};
    size_t i = 0;
    while (i < index && !is_about(&s, line->all[i])) {
        i++;
    }
    return i == index && is_about(&s, event);
}

hr_err oracle_stays_check(const cJSON *query, const cJSON *rows, bool are_cut,
                          const oracle_events *demanded, oracle_verdict *v)
{
    story_line line = {calloc(demanded->count + 1, sizeof *line.all), demanded->count};
    if (line.all == NULL) {
        return HR_NO_MEMORY;
    }
    for (size_t i = 0; i < demanded->count; i++) {
        line.all[demanded->all[i].order] = &demanded->all[i];
    }
    const char *name = oracle_json_text(query, "name");
    const char *select = only_select(cJSON_GetObjectItemCaseSensitive(query, "definition"))->string;
    int64_t until_ms = INT64_MIN;
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        check_row(name, select, row, &line, &until_ms, v);
    }
    for (size_t i = 0; i < line.count && !are_cut; i++) {
        if (is_first(&line, i) && !has_row(rows, line.all[i])) {
            tell(v, &v->missing, name, line.all[i]->fence, line.all[i]->id, "there is no row");
        }
    }
    free(line.all);
    return HR_OK;
}
