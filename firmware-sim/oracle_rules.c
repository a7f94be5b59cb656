/* oracle_rules.c - a version of the rules, as GET /v1/rules/{v} tells it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "oracle_json.h"

static bool read_groups(const cJSON *json, char (**groups)[HR_FENCE_ID_MAX + 1], uint32_t *count)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "groups");
    const cJSON *item;
    *groups = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof **groups);
    if (*groups == NULL) {
        return false;
    }
    cJSON_ArrayForEach(item, list)
    {
        const char *name = cJSON_GetStringValue(item);
        snprintf((*groups)[(*count)++], sizeof **groups, "%s", name != NULL ? name : "");
    }
    return true;
}

static bool read_schedule(const cJSON *json, oracle_fence *fence)
{
    const cJSON *schedule = cJSON_GetObjectItemCaseSensitive(json, "schedule");
    if (!cJSON_IsObject(schedule)) {
        return true;
    }
    fence->known_ms[0] = oracle_json_whole(schedule, "known_from_ms", INT64_MIN);
    fence->known_ms[1] = oracle_json_whole(schedule, "known_to_ms", INT64_MAX);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(schedule, "on_ms");
    const cJSON *item;
    fence->has_schedule = true;
    fence->on_ms = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *fence->on_ms);
    if (fence->on_ms == NULL) {
        return false;
    }
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *from = cJSON_GetArrayItem(item, 0);
        const cJSON *to = cJSON_GetArrayItem(item, 1);
        if (!cJSON_IsNumber(from) || !cJSON_IsNumber(to)) {
            return false;
        }
        fence->on_ms[fence->on_count][0] = (int64_t)from->valuedouble;
        fence->on_ms[fence->on_count++][1] = (int64_t)to->valuedouble;
    }
    return true;
}

/* What makes another fence of it, apart from its schedule; NULL without memory. */
static char *print_essence(const cJSON *json)
{
    cJSON *copy = cJSON_Duplicate(json, true);
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "name");
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "schedule");
    char *text = copy != NULL ? cJSON_PrintUnformatted(copy) : NULL;
    cJSON_Delete(copy);
    return text;
}

static hr_err read_fence(const cJSON *json, oracle_fence *fence, hr_why *why)
{
    const char *intent = oracle_json_text(json, "intent");
    oracle_json_copy(json, "id", fence->id, sizeof fence->id);
    oracle_json_copy(json, "name", fence->name, sizeof fence->name);
    fence->intent = strcmp(intent, "keep-in") == 0    ? ORACLE_KEEP_IN
                    : strcmp(intent, "keep-out") == 0 ? ORACLE_KEEP_OUT
                                                      : ORACLE_INFO;
    fence->dwell_ms = oracle_json_whole(json, "dwell_s", 0) * 1000;
    fence->confirm_fixes = (uint32_t)oracle_json_whole(json, "confirm_fixes", 0);
    fence->expires_ms = oracle_json_whole(json, "expires_at_ms", ORACLE_NEVER_MS);
    fence->text = print_essence(json);
    if (fence->text == NULL || !read_groups(json, &fence->groups, &fence->group_count) ||
        !read_schedule(json, fence)) {
        return hr_why_set(why, HR_INVALID, "fence %s of the rules cannot be read", fence->id);
    }
    hr_err err =
        oracle_area_new(cJSON_GetObjectItemCaseSensitive(json, "rings_e7"), &fence->area, why);
    if (err == HR_OK && fence->area == NULL) {
        err = hr_why_set(why, HR_INVALID, "fence %s has no area", fence->id);
    }
    return err == HR_OK ? oracle_area_new(cJSON_GetObjectItemCaseSensitive(json, "zone_rings_e7"),
                                          &fence->zone, why)
                        : err;
}

static int by_fence_id(const void *a, const void *b)
{
    return strcmp(((const oracle_fence *)a)->id, ((const oracle_fence *)b)->id);
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const oracle_member *)a)->device, y = ((const oracle_member *)b)->device;
    return (x > y) - (x < y);
}

static hr_err read_fences(const cJSON *json, oracle_rules *rules, oracle_slot_of *slot_of,
                          void *context, hr_why *why)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "fences");
    const cJSON *item;
    rules->fences = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *rules->fences);
    if (rules->fences == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    cJSON_ArrayForEach(item, list)
    {
        oracle_fence *fence = &rules->fences[rules->fence_count++];
        hr_err err = read_fence(item, fence, why);
        if (err != HR_OK) {
            return err;
        }
        fence->slot = slot_of(context, fence->id);
    }
    qsort(rules->fences, rules->fence_count, sizeof *rules->fences, by_fence_id);
    return HR_OK;
}

static hr_err read_members(const cJSON *json, oracle_rules *rules, hr_why *why)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "devices");
    const cJSON *item;
    rules->members = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *rules->members);
    if (rules->members == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    cJSON_ArrayForEach(item, list)
    {
        oracle_member *member = &rules->members[rules->member_count++];
        int64_t stale_s = oracle_json_whole(item, "stale_after_s", -1);
        member->device = oracle_json_key(item);
        member->stale_after_ms = stale_s < 0 ? -1 : stale_s * 1000;
        if (!read_groups(item, &member->groups, &member->group_count)) {
            return hr_why_set(why, HR_NO_MEMORY, "out of memory");
        }
    }
    qsort(rules->members, rules->member_count, sizeof *rules->members, by_key);
    return HR_OK;
}

hr_err oracle_rules_read(const cJSON *json, oracle_slot_of *slot_of, void *context,
                         oracle_rules **out, hr_why *why)
{
    oracle_rules *rules = calloc(1, sizeof *rules);
    if (rules == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    const cJSON *settings = cJSON_GetObjectItemCaseSensitive(json, "settings");
    rules->version = (uint64_t)oracle_json_whole(json, "version", 0);
    rules->max_accuracy_m = (double)oracle_json_whole(settings, "max_accuracy_m", 100);
    rules->max_gap_ms = oracle_json_whole(settings, "max_gap_s", 300) * 1000;
    rules->max_speed_mps = (double)oracle_json_whole(settings, "max_speed_mps", 60);
    rules->alert_max_age_ms = oracle_json_whole(settings, "alert_max_age_s", 600) * 1000;
    rules->stale_after_ms = oracle_json_whole(settings, "stale_after_s", 21600) * 1000;
    hr_err err = read_fences(json, rules, slot_of, context, why);
    if (err == HR_OK) {
        err = read_members(json, rules, why);
    }
    if (err != HR_OK) {
        oracle_rules_free(rules);
        return err;
    }
    *out = rules;
    return HR_OK;
}

void oracle_rules_free(oracle_rules *rules)
{
    if (rules == NULL) {
        return;
    }
    for (uint32_t i = 0; i < rules->fence_count; i++) {
        oracle_area_free(rules->fences[i].area);
        oracle_area_free(rules->fences[i].zone);
        free(rules->fences[i].on_ms);
        free(rules->fences[i].groups);
        free(rules->fences[i].text);
    }
    for (uint32_t i = 0; i < rules->member_count; i++) {
        free(rules->members[i].groups);
    }
    free(rules->fences);
    free(rules->members);
    free(rules);
}

const oracle_member *oracle_find_member(const oracle_rules *rules, uint64_t device)
{
    oracle_member key = {.device = device};
    return bsearch(&key, rules->members, rules->member_count, sizeof key, by_key);
}

const oracle_fence *oracle_find_fence(const oracle_rules *rules, const char *id)
{
    oracle_fence key;
    snprintf(key.id, sizeof key.id, "%s", id);
    return bsearch(&key, rules->fences, rules->fence_count, sizeof key, by_fence_id);
}

/* The i-th time that a schedule is on within a span, as far as it lies there; false: no more. */
static bool next_on(const oracle_fence *fence, const int64_t span_ms[2], uint32_t *i,
                    int64_t on_ms[2])
{
    for (; *i < fence->on_count; ++*i) {
        const int64_t *on = fence->on_ms[*i];
        on_ms[0] = on[0] > span_ms[0] ? on[0] : span_ms[0];
        on_ms[1] = on[1] < span_ms[1] ? on[1] : span_ms[1];
        if (on_ms[0] < on_ms[1]) {
            ++*i;
            return true;
        }
    }
    return false;
}

static bool schedules_differ(const oracle_fence *a, const oracle_fence *b)
{
    int64_t span_ms[2] = {a->known_ms[0] > b->known_ms[0] ? a->known_ms[0] : b->known_ms[0],
                          a->known_ms[1] < b->known_ms[1] ? a->known_ms[1] : b->known_ms[1]};
    uint32_t i = 0, k = 0;
    for (;;) {
        int64_t x_ms[2], y_ms[2];
        bool has_x = next_on(a, span_ms, &i, x_ms);
        bool has_y = next_on(b, span_ms, &k, y_ms);
        if (!has_x || !has_y) {
            return has_x != has_y;
        }
        if (x_ms[0] != y_ms[0] || x_ms[1] != y_ms[1]) {
            return true;
        }
    }
}

bool oracle_fence_differs(const oracle_fence *a, const oracle_fence *b)
{
    return strcmp(a->text, b->text) != 0 || a->has_schedule != b->has_schedule ||
           (a->has_schedule && schedules_differ(a, b));
}

bool oracle_is_member(const oracle_rules *rules, const oracle_fence *fence, uint64_t device)
{
    if (fence->group_count == 0) {
        return true;
    }
    const oracle_member *member = oracle_find_member(rules, device);
    for (uint32_t i = 0; member != NULL && i < member->group_count; i++) {
        for (uint32_t k = 0; k < fence->group_count; k++) {
            if (strcmp(member->groups[i], fence->groups[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

bool oracle_is_active(const oracle_rules *rules, const oracle_fence *fence, uint64_t device,
                      int64_t time_ms)
{
    if (time_ms >= fence->expires_ms || !oracle_is_member(rules, fence, device)) {
        return false;
    }
    bool is_on = !fence->has_schedule;
    for (uint32_t i = 0; i < fence->on_count; i++) {
        is_on = is_on || (time_ms >= fence->on_ms[i][0] && time_ms < fence->on_ms[i][1]);
    }
    return is_on;
}

int64_t oracle_stale_after_ms(const oracle_rules *rules, uint64_t device)
{
    const oracle_member *member = oracle_find_member(rules, device);
    return member != NULL && member->stale_after_ms >= 0 ? member->stale_after_ms
                                                         : rules->stale_after_ms;
}
