/* wire/fix_json.c - reads fixes from JSON: our plain form, arrays of it, OwnTracks. */
#include "wire/fix_json.h"

#include <string.h>

#include "wire/json_fields.h"

/* km/h to cm/s: * 100000 / 3600. */
#define CM_S_PER_KM_H (250.0 / 9.0)

static hr_err read_place(const cJSON *object, hr_fix *fix, hr_why *why)
{
    hr_err err = wire_json_coordinate(object, "lon", 180, &fix->lon_e7, why);
    return err != HR_OK ? err : wire_json_coordinate(object, "lat", 90, &fix->lat_e7, why);
}

static hr_err read_owntracks(const cJSON *object, const char *device, wire_fix *out, hr_why *why)
{
    const cJSON *type = wire_json_member(object, "_type");
    if (!cJSON_IsString(type)) {
        return hr_why_set(why, HR_INVALID, "_type is missing");
    }
    if (strcmp(type->valuestring, "location") != 0) {
        return hr_why_set(why, HR_UNSUPPORTED, "_type \"%.40s\" is not a location",
                          type->valuestring);
    }
    *out = (wire_fix){.id_size = 0};
    hr_fix *fix = &out->fix;
    hr_err err = wire_json_device(out, device, why);
    if (err == HR_OK) {
        err = read_place(object, fix, why);
    }
    if (err == HR_OK) {
        err = wire_json_time(object, "tst", 1000, fix, why);
    }
    if (err == HR_OK) {
        err = wire_json_detail(object, "acc", 1, 1, &fix->accuracy_dm, why);
    }
    if (err == HR_OK) {
        err = wire_json_detail(object, "vel", CM_S_PER_KM_H, 0, &fix->speed_cm_s, why);
    }
    if (err == HR_OK) {
        err = wire_json_heading(object, "cog", &fix->heading_cdeg, why);
    }
    if (err == HR_OK) {
        err = wire_json_battery(object, "batt", &fix->battery_pct, why);
    }
    return err;
}

static hr_err read_plain(const cJSON *object, const char *device_default, wire_fix *out,
                         hr_why *why)
{
    *out = (wire_fix){.id_size = 0};
    hr_fix *fix = &out->fix;
    const cJSON *device = wire_json_member(object, "device");
    if (device != NULL && !cJSON_IsString(device)) {
        return hr_why_set(why, HR_INVALID, "device is not a text");
    }
    hr_err err = wire_json_device(out, device != NULL ? device->valuestring : device_default, why);
    if (err == HR_OK) {
        err = read_place(object, fix, why);
    }
    if (err == HR_OK) {
        err = wire_json_time(object, "time", 1, fix, why);
    }
    if (err == HR_OK) {
        err = wire_json_detail(object, "accuracy_m", 1, 1, &fix->accuracy_dm, why);
    }
    if (err == HR_OK) {
        err = wire_json_detail(object, "speed_mps", 1, 2, &fix->speed_cm_s, why);
    }
    if (err == HR_OK) {
        err = wire_json_heading(object, "heading_deg", &fix->heading_cdeg, why);
    }
    if (err == HR_OK) {
        err = wire_json_battery(object, "battery_pct", &fix->battery_pct, why);
    }
    return err;
}

static hr_err read_element(const cJSON *object, const char *device_default, wire_fix *fix,
                           hr_why *why)
{
    if (!cJSON_IsObject(object)) {
        return hr_why_set(why, HR_INVALID, "a fix is not a JSON object");
    }
    if (wire_json_member(object, "_type") != NULL) {
        return read_owntracks(object, device_default, fix, why);
    }
    return read_plain(object, device_default, fix, why);
}

static hr_err read_array(const cJSON *array, const char *device_default, fix_json_visitor *visit,
                         void *context, hr_why *why)
{
    size_t count = 0;
    const cJSON *element;
    cJSON_ArrayForEach(element, array)
    {
        count++;
    }
    if (count > FIX_JSON_FIXES_MAX) {
        return hr_why_set(why, HR_INVALID, "%zu fixes in one array, at most %u are allowed", count,
                          FIX_JSON_FIXES_MAX);
    }
    size_t index = 0;
    cJSON_ArrayForEach(element, array)
    {
        wire_fix fix;
        hr_why reason = {{0}};
        bool is_good = read_element(element, device_default, &fix, &reason) == HR_OK;
        hr_err err = visit(context, index++, is_good ? &fix : NULL, is_good ? NULL : &reason);
        if (err != HR_OK) {
            return err;
        }
    }
    return HR_OK;
}

hr_err fix_json_read(const void *bytes, size_t size, const char *device_default,
                     fix_json_visitor *visit, void *context, hr_why *why)
{
    wire_json json;
    hr_err err = wire_json_parse(bytes, size, &json, why);
    if (err != HR_OK) {
        return err;
    }
    if (cJSON_IsArray(json.root)) {
        err = read_array(json.root, device_default, visit, context, why);
    } else {
        wire_fix fix;
        err = read_element(json.root, device_default, &fix, why);
        if (err == HR_UNSUPPORTED) {
            err = HR_INVALID;
        }
        if (err == HR_OK) {
            err = visit(context, 0, &fix, NULL);
        }
    }
    wire_json_free(&json);
    return err;
}

hr_err fix_json_owntracks(const void *bytes, size_t size, const char *device, wire_fix *fix,
                          hr_why *why)
{
    wire_json json;
    hr_err err = wire_json_parse(bytes, size, &json, why);
    if (err != HR_OK) {
        return err;
    }
    err = cJSON_IsObject(json.root)
              ? read_owntracks(json.root, device, fix, why)
              : hr_why_set(why, HR_INVALID, "an OwnTracks message is a JSON object");
    wire_json_free(&json);
    return err;
}
