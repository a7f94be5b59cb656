/* api/routes_devices.c - devices: where they are, what they are called, where they were. */
#include <stdio.h>
#include <string.h>

#include "accounts.h"
#include "body.h"
#include "catalog/change.h"
#include "catalog/device.h"
#include "device_text.h"
#include "engine/change.h"
#include "geo_answer.h"
#include "routes.h"

#define DEVICES_DEFAULT 200
#define DEVICES_MAX 1000

static bool has_parts(const api_context *context, api_answer *answer)
{
    return api_has_catalog(context, answer) && api_has_engine(context, answer);
}

/* What people have said about a device joins what it has said itself. One that was heard of just
 * now is not in the catalogue yet. */
static void put_entry(const api_context *context, hr_json *json, const char *id, uint64_t *revision)
{
    catalog_text text;
    if (catalog_device_get(context->catalog, id, &text, NULL) != GEO_OK) {
        hr_json_key_text(json, "id", id);
        return;
    }
    if (text.size > 2 && text.data[0] == '{' && text.data[text.size - 1] == '}') {
        hr_json_raw(json, text.data + 1, text.size - 2);
    }
    *revision = text.revision;
    catalog_text_fini(&text);
}

static void put_device(const api_context *context, hr_json *json, const engine_device *device,
                       uint64_t *revision)
{
    hr_json_open_object(json);
    api_device_write(json, device);
    hr_json_key_time(json, "received", device->append_ms);
    put_entry(context, json, device->id, revision);
    hr_json_close_object(json);
}

void route_devices(api_context *context, const api_request *request, api_answer *answer)
{
    int64_t limit = 0;
    uint64_t revision = 0;
    if (!has_parts(context, answer) ||
        !api_param_number(request, "limit", 1, DEVICES_MAX, DEVICES_DEFAULT, &limit, answer)) {
        return;
    }
    engine_answer found;
    engine_answer_init(&found);
    hr_err err = engine_devices_list(context->engine, api_request_param(request, "after"),
                                     (size_t)limit, &found);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "device", NULL);
        engine_answer_fini(&found);
        return;
    }
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key(&json, "devices");
    hr_json_open_array(&json);
    for (size_t i = 0; i < found.count; i++) {
        put_device(context, &json, &found.devices[i], &revision);
    }
    hr_json_close_array(&json);
    hr_json_key(&json, "next");
    if (found.count == (size_t)limit) {
        hr_json_text(&json, found.devices[found.count - 1].id);
    } else {
        hr_json_null(&json);
    }
    api_as_of_write(&json, &found);
    hr_json_close_object(&json);
    engine_answer_fini(&found);
}

static void answer_device(api_context *context, const char *id, api_answer *answer)
{
    engine_device device;
    uint64_t revision = 0;
    hr_err err = engine_device_get(context->engine, id, &device);
    if (err == HR_NOT_FOUND) {
        api_answer_error(answer, 404, "device.not_found", NULL, "there is no device %.64s", id);
        return;
    }
    if (err != HR_OK) {
        api_answer_failure(answer, err, "device", NULL);
        return;
    }
    hr_json json = api_answer_json(answer, 200);
    put_device(context, &json, &device, &revision);
    if (revision != 0) {
        snprintf(answer->etag, sizeof answer->etag, "\"%llu\"", (unsigned long long)revision);
    }
}

void route_device(api_context *context, const api_request *request, api_answer *answer)
{
    if (has_parts(context, answer)) {
        answer_device(context, request->captures[0], answer);
    }
}

/* PATCH and DELETE alike: one edit, committed. */
static bool change_device(api_context *context, const api_request *request, bool remove,
                          uint64_t expected, api_answer *answer)
{
    engine_change *change = NULL;
    uint64_t version = 0;
    hr_why why = {.text = ""};
    geo_why geo = {.text = ""};
    const char *id = request->captures[0];
    hr_err err = engine_change_begin(context->engine, request->caller.user,
                                     hr_clock_now_ms(context->clock), &change, &why);
    if (err == HR_OK) {
        catalog_change *edits = engine_change_edits(change);
        geo_err result = remove ? catalog_change_device_remove(edits, id, expected, &geo)
                                : catalog_change_device(edits, id, request->body,
                                                        request->body_size, expected, &geo);
        if (result != GEO_OK) {
            engine_change_abandon(change);
            api_answer_geo_failure(answer, result, "device", &geo);
            return false;
        }
        err = engine_change_commit(change, &version, &why);
    }
    if (err != HR_OK) {
        api_answer_failure(answer, err, "device", &why);
        return false;
    }
    if (context->accounts != NULL) {
        accounts_audit(context->accounts, request->caller.user, request->peer,
                       remove ? "device.remove" : "device.change", id);
    }
    return true;
}

/* A device that the workers know may be new to the catalogue still, or forgotten there by a person:
 * whoever changes it says that it is there. A failure shows when the change is made. */
static void recall_device(api_context *context, const char *id)
{
    engine_device device;
    if (engine_device_get(context->engine, id, &device) == HR_OK) {
        const catalog_name name = {.key = device.fix.device, .id = id, .seen_ms = device.append_ms};
        (void)!catalog_names_put(context->catalog, &name, 1, NULL);
    }
}

void route_device_patch(api_context *context, const api_request *request, api_answer *answer)
{
    uint64_t expected = 0;
    if (!has_parts(context, answer)) {
        return;
    }
    recall_device(context, request->captures[0]);
    if (api_expected_revision(request, &expected, answer) &&
        change_device(context, request, false, expected, answer)) {
        answer_device(context, request->captures[0], answer);
    }
}

void route_device_remove(api_context *context, const api_request *request, api_answer *answer)
{
    uint64_t expected = 0;
    if (!has_parts(context, answer)) {
        return;
    }
    recall_device(context, request->captures[0]);
    if (api_expected_revision(request, &expected, answer) &&
        change_device(context, request, true, expected, answer)) {
        answer->status = 204;
    }
}

void route_device_groups(api_context *context, const api_request *request, api_answer *answer)
{
    catalog_text text;
    geo_why why = {.text = ""};
    (void)request;
    if (!api_has_catalog(context, answer)) {
        return;
    }
    geo_err err = catalog_groups(context->catalog, &text, &why);
    api_answer_catalog(answer, 200, err, "groups", &text, &why);
}
