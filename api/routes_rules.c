/* api/routes_rules.c - everything that a decision read, by version; and the settings. */
#include <stdio.h>
#include <string.h>

#include "accounts.h"
#include "base/hash.h"
#include "body.h"
#include "catalog/change.h"
#include "engine/change.h"
#include "geo/rules.h"
#include "geo_answer.h"
#include "routes.h"

#define HISTORY_DEFAULT 50

static const char *intent_text(geo_intent intent)
{
    static const char *const texts[] = {"info", "keep-in", "keep-out"};
    return texts[intent];
}

/* Rings as lists of lattice numbers: exact, and read back without rounding. */
static void put_area(hr_json *json, const geo_area *area)
{
    uint32_t vertex = 0;
    hr_json_open_array(json);
    for (uint32_t ring = 0; ring < area->ring_count; ring++) {
        hr_json_open_array(json);
        for (; vertex < area->ring_ends[ring]; vertex++) {
            hr_json_open_array(json);
            hr_json_i64(json, area->vertices[vertex].lon_e7);
            hr_json_i64(json, area->vertices[vertex].lat_e7);
            hr_json_close_array(json);
        }
        hr_json_close_array(json);
    }
    hr_json_close_array(json);
}

static void put_groups(hr_json *json, const char *const *groups, uint32_t count)
{
    hr_json_key(json, "groups");
    hr_json_open_array(json);
    for (uint32_t i = 0; i < count; i++) {
        hr_json_text(json, groups[i]);
    }
    hr_json_close_array(json);
}

static void put_schedule(hr_json *json, const geo_instants *schedule)
{
    hr_json_key(json, "schedule");
    if (!schedule->scheduled) {
        hr_json_null(json);
        return;
    }
    hr_json_open_object(json);
    hr_json_key_i64(json, "known_from_ms", schedule->span.from_ms);
    hr_json_key_i64(json, "known_to_ms", schedule->span.to_ms);
    hr_json_key(json, "on_ms");
    hr_json_open_array(json);
    for (uint32_t i = 0; i < schedule->on_count; i++) {
        hr_json_open_array(json);
        hr_json_i64(json, schedule->on[i].from_ms);
        hr_json_i64(json, schedule->on[i].to_ms);
        hr_json_close_array(json);
    }
    hr_json_close_array(json);
    hr_json_close_object(json);
}

static void put_fence(hr_json *json, const geo_fence *fence)
{
    hr_json_open_object(json);
    hr_json_key_text(json, "id", fence->id);
    hr_json_key_text(json, "name", fence->name);
    hr_json_key_text(json, "intent", intent_text(fence->intent));
    hr_json_key_i64(json, "dwell_s", fence->dwell_s);
    hr_json_key_i64(json, "approach_cm", fence->approach_cm);
    hr_json_key_i64(json, "confirm_fixes", fence->confirm_fixes);
    hr_json_key(json, "expires_at_ms");
    if (fence->expires_at_ms == GEO_NEVER_MS) {
        hr_json_null(json);
    } else {
        hr_json_i64(json, fence->expires_at_ms);
    }
    put_groups(json, fence->groups, fence->group_count);
    put_schedule(json, &fence->schedule);
    hr_json_key(json, "rings_e7");
    put_area(json, fence->area);
    hr_json_key(json, "zone_rings_e7");
    if (fence->zone != NULL) {
        put_area(json, fence->zone);
    } else {
        hr_json_null(json);
    }
    hr_json_close_object(json);
}

static void put_device(hr_json *json, const geo_device_rules *device)
{
    char key[24];
    snprintf(key, sizeof key, "%016llx", (unsigned long long)device->device);
    hr_json_open_object(json);
    hr_json_key_text(json, "device_key", key);
    put_groups(json, device->groups, device->group_count);
    hr_json_key(json, "stale_after_s");
    if (device->has_stale_after) {
        hr_json_i64(json, device->stale_after_s);
    } else {
        hr_json_null(json);
    }
    hr_json_close_object(json);
}

static void put_rules(hr_json *json, const geo_rules *rules)
{
    const geo_settings *settings = geo_rules_settings(rules);
    hr_json_open_object(json);
    hr_json_key_u64(json, "version", geo_rules_version(rules));
    hr_json_key(json, "settings");
    hr_json_open_object(json);
    hr_json_key_i64(json, "max_accuracy_m", settings->max_accuracy_m);
    hr_json_key_i64(json, "max_gap_s", settings->max_gap_s);
    hr_json_key_i64(json, "max_speed_mps", settings->max_speed_mps);
    hr_json_key_i64(json, "alert_max_age_s", settings->alert_max_age_s);
    hr_json_key_i64(json, "stale_after_s", settings->stale_after_s);
    hr_json_close_object(json);
    hr_json_key(json, "fences");
    hr_json_open_array(json);
    for (uint32_t rank = 0; rank < geo_rules_fence_count(rules); rank++) {
        put_fence(json, geo_rules_fence(rules, geo_rules_slot_by_rank(rules, rank)));
    }
    hr_json_close_array(json);
    hr_json_key(json, "devices");
    hr_json_open_array(json);
    for (uint32_t rank = 0; rank < geo_rules_device_count(rules); rank++) {
        put_device(json, geo_rules_device_by_rank(rules, rank));
    }
    hr_json_close_array(json);
    hr_json_close_object(json);
}

void route_rules(api_context *context, const api_request *request, api_answer *answer)
{
    int64_t version = 0;
    const geo_rules *rules = NULL;
    geo_why why = {.text = ""};
    if (!api_has_catalog(context, answer)) {
        return;
    }
    geo_err err = api_path_number(request->captures[0], &version)
                      ? catalog_rules_load(context->catalog, (uint64_t)version, &rules, &why)
                      : GEO_NOT_FOUND;
    if (err != GEO_OK) {
        api_answer_geo_failure(answer, err, "rules", &why);
        return;
    }
    hr_json json = api_answer_json(answer, 200);
    put_rules(&json, rules);
    geo_rules_unref(rules);
    /* After a restore other rules may get the same number: whoever keeps a version asks again. */
    snprintf(answer->etag, sizeof answer->etag, "\"%016llx\"",
             (unsigned long long)hr_hash64(answer->body.data, answer->body.size));
    answer->cache_control = "private, no-cache";
}

void route_rules_history(api_context *context, const api_request *request, api_answer *answer)
{
    int64_t before = 0;
    int64_t limit = 0;
    catalog_text text;
    geo_why why = {.text = ""};
    if (api_has_catalog(context, answer) &&
        api_param_number(request, "before", 0, INT64_MAX, 0, &before, answer) &&
        api_param_number(request, "limit", 1, 1000, HISTORY_DEFAULT, &limit, answer)) {
        geo_err err =
            catalog_history(context->catalog, (uint64_t)before, (uint32_t)limit, &text, &why);
        api_answer_catalog(answer, 200, err, "rules", &text, &why);
    }
}

void route_settings(api_context *context, const api_request *request, api_answer *answer)
{
    catalog_text text;
    geo_why why = {.text = ""};
    (void)request;
    if (api_has_catalog(context, answer)) {
        geo_err err = catalog_settings_get(context->catalog, &text, &why);
        api_answer_catalog(answer, 200, err, "settings", &text, &why);
    }
}

void route_settings_patch(api_context *context, const api_request *request, api_answer *answer)
{
    uint64_t expected = 0;
    uint64_t version = 0;
    hr_why why = {.text = ""};
    geo_why geo = {.text = ""};
    engine_change *change = NULL;
    if (!api_has_catalog(context, answer) || !api_has_engine(context, answer) ||
        !api_expected_revision(request, &expected, answer)) {
        return;
    }
    hr_err err = engine_change_begin(context->engine, request->caller.user,
                                     hr_clock_now_ms(context->clock), &change, &why);
    if (err == HR_OK) {
        geo_err result = catalog_change_settings(engine_change_edits(change), request->body,
                                                 request->body_size, expected, &geo);
        if (result != GEO_OK) {
            engine_change_abandon(change);
            api_answer_geo_failure(answer, result, "settings", &geo);
            return;
        }
        err = engine_change_commit(change, &version, &why);
    }
    if (err != HR_OK) {
        api_answer_failure(answer, err, "settings", &why);
        return;
    }
    if (context->accounts != NULL) {
        accounts_audit(context->accounts, request->caller.user, request->peer, "settings.change",
                       "");
    }
    route_settings(context, request, answer);
}
