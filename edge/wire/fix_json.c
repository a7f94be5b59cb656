/* wire/fix_json.c - reads fixes from JSON. Numbers reach the lattice by decimal digits, so that a
 * place typed with seven decimals is that place exactly. */
#include "wire/fix_json.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"

#define COORDINATE_SCALE 7

/* Zeros behind the text: some versions of cJSON look a byte too far. */
#define PARSE_SLACK 8

/* km/h to cm/s: * 100000 / 3600. */
#define CM_S_PER_KM_H (250.0 / 9.0)

static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNull(item) ? NULL : item;
}

static hr_err refuse_rest(const char *text, const char *end, size_t size, hr_why *why)
{
    while (end < text + size && (*end == ' ' || *end == '\t' || *end == '\r' || *end == '\n')) {
        end++;
    }
    if (end == text + size) {
        return HR_OK;
    }
    return hr_why_set(why, HR_INVALID, "more text after the JSON value, at byte %zu",
                      (size_t)(end - text));
}

/* Parse exactly size bytes; only white space may follow the value. *out is for cJSON_Delete. */
static hr_err parse(const void *bytes, size_t size, cJSON **out, hr_why *why)
{
    if (size == 0 || size > FIX_JSON_BYTES_MAX) {
        return hr_why_set(why, HR_INVALID, "%zu bytes, a JSON message has 1 to %u", size,
                          FIX_JSON_BYTES_MAX);
    }
    char *text = malloc(size + PARSE_SLACK);
    if (text == NULL) {
        return HR_NO_MEMORY;
    }
    memcpy(text, bytes, size);
    memset(text + size, 0, PARSE_SLACK);
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, size, &end, false);
    hr_err err = HR_OK;
    if (root == NULL) {
        size_t at = end != NULL ? (size_t)(end - text) : 0;
        err = hr_why_set(why, HR_INVALID, "not JSON at byte %zu", at);
    } else if (refuse_rest(text, end, size, why) != HR_OK) {
        cJSON_Delete(root);
        err = HR_INVALID;
    } else {
        *out = root;
    }
    free(text);
    return err;
}

static hr_err read_coordinate(const cJSON *object, const char *name, int32_t bound_degrees,
                              int32_t *value, hr_why *why)
{
    const cJSON *item = member(object, name);
    if (item == NULL) {
        return hr_why_set(why, HR_INVALID, "%s is missing", name);
    }
    if (!cJSON_IsNumber(item)) {
        return hr_why_set(why, HR_INVALID, "%s is not a number", name);
    }
    int64_t wide;
    int64_t bound = (int64_t)bound_degrees * 10000000;
    if (hr_decimal_from_double(item->valuedouble, COORDINATE_SCALE, &wide) != HR_OK ||
        wide < -bound || wide > bound) {
        return hr_why_set(why, HR_INVALID, "%s %g is not within +-%d degrees", name,
                          item->valuedouble, bound_degrees);
    }
    *value = (int32_t)wide;
    return HR_OK;
}

/* A detail in units of 10^-scale: negative or absurd is unknown, above the field is its highest. */
static hr_err read_detail(const cJSON *object, const char *name, double factor, unsigned scale,
                          uint16_t *value, hr_why *why)
{
    const cJSON *item = member(object, name);
    *value = HR_FIX_U16_UNKNOWN;
    if (item == NULL) {
        return HR_OK;
    }
    if (!cJSON_IsNumber(item)) {
        return hr_why_set(why, HR_INVALID, "%s is not a number", name);
    }
    int64_t wide;
    if (hr_decimal_from_double(item->valuedouble * factor, scale, &wide) == HR_OK && wide >= 0) {
        *value = (uint16_t)(wide < HR_FIX_U16_UNKNOWN ? wide : HR_FIX_U16_UNKNOWN - 1);
    }
    return HR_OK;
}

static hr_err read_heading(const cJSON *object, const char *name, uint16_t *value, hr_why *why)
{
    hr_err err = read_detail(object, name, 1, 2, value, why);
    if (*value == 36000) {
        *value = 0;
    } else if (*value > 36000) {
        *value = HR_FIX_U16_UNKNOWN;
    }
    return err;
}

static hr_err read_battery(const cJSON *object, const char *name, uint8_t *value, hr_why *why)
{
    uint16_t wide;
    hr_err err = read_detail(object, name, 1, 0, &wide, why);
    *value = wide <= 100 ? (uint8_t)wide : HR_FIX_U8_UNKNOWN;
    return err;
}

/* ISO 8601 text, or a number in units of ms_per_unit; nothing at all gets the flag. */
static hr_err read_time(const cJSON *object, const char *name, int64_t ms_per_unit, hr_fix *fix,
                        hr_why *why)
{
    const cJSON *item = member(object, name);
    if (item == NULL) {
        fix->time_ms = 0;
        fix->flags |= HR_FIX_TIME_ASSIGNED;
        return HR_OK;
    }
    if (cJSON_IsString(item)) {
        if (hr_time_parse(item->valuestring, strlen(item->valuestring), &fix->time_ms) != HR_OK) {
            return hr_why_set(why, HR_INVALID, "%s \"%.40s\" is not a time like %s", name,
                              item->valuestring, "2026-11-20T08:00:00Z");
        }
        return HR_OK;
    }
    double ms = cJSON_IsNumber(item) ? item->valuedouble * (double)ms_per_unit : 1e300;
    if (!(ms >= (double)HR_TIME_MS_MIN && ms <= (double)HR_TIME_MS_MAX)) {
        return hr_why_set(why, HR_INVALID, "%s is neither text nor a number that is a time", name);
    }
    return hr_decimal_from_double(ms, 0, &fix->time_ms);
}

static hr_err set_device(wire_fix *out, const char *id, hr_why *why)
{
    size_t size = strlen(id);
    if (!hr_device_id_is_valid(id, size)) {
        return hr_why_set(why, HR_INVALID, "device id \"%.70s\" is not 1-64 of [A-Za-z0-9._:-]",
                          id);
    }
    memcpy(out->id, id, size + 1);
    out->id_size = (uint8_t)size;
    out->fix.device = hr_device_key(id, size);
    return HR_OK;
}

static hr_err read_place(const cJSON *object, hr_fix *fix, hr_why *why)
{
    hr_err err = read_coordinate(object, "lon", 180, &fix->lon_e7, why);
    return err != HR_OK ? err : read_coordinate(object, "lat", 90, &fix->lat_e7, why);
}

static hr_err read_owntracks(const cJSON *object, const char *device, wire_fix *out, hr_why *why)
{
    const cJSON *type = member(object, "_type");
    if (!cJSON_IsString(type)) {
        return hr_why_set(why, HR_INVALID, "_type is missing");
    }
    if (strcmp(type->valuestring, "location") != 0) {
        return hr_why_set(why, HR_UNSUPPORTED, "_type \"%.40s\" is not a location",
                          type->valuestring);
    }
    *out = (wire_fix){.id_size = 0};
    hr_fix *fix = &out->fix;
    hr_err err = set_device(out, device, why);
    if (err == HR_OK) {
        err = read_place(object, fix, why);
    }
    if (err == HR_OK) {
        err = read_time(object, "tst", 1000, fix, why);
    }
    if (err == HR_OK) {
        err = read_detail(object, "acc", 1, 1, &fix->accuracy_dm, why);
    }
    if (err == HR_OK) {
        err = read_detail(object, "vel", CM_S_PER_KM_H, 0, &fix->speed_cm_s, why);
    }
    if (err == HR_OK) {
        err = read_heading(object, "cog", &fix->heading_cdeg, why);
    }
    if (err == HR_OK) {
        err = read_battery(object, "batt", &fix->battery_pct, why);
    }
    return err;
}

static hr_err read_plain(const cJSON *object, const char *device_default, wire_fix *out,
                         hr_why *why)
{
    *out = (wire_fix){.id_size = 0};
    hr_fix *fix = &out->fix;
    const cJSON *device = member(object, "device");
    if (device != NULL && !cJSON_IsString(device)) {
        return hr_why_set(why, HR_INVALID, "device is not a text");
    }
    hr_err err = set_device(out, device != NULL ? device->valuestring : device_default, why);
    if (err == HR_OK) {
        err = read_place(object, fix, why);
    }
    if (err == HR_OK) {
        err = read_time(object, "time", 1, fix, why);
    }
    if (err == HR_OK) {
        err = read_detail(object, "accuracy_m", 1, 1, &fix->accuracy_dm, why);
    }
    if (err == HR_OK) {
        err = read_detail(object, "speed_mps", 1, 2, &fix->speed_cm_s, why);
    }
    if (err == HR_OK) {
        err = read_heading(object, "heading_deg", &fix->heading_cdeg, why);
    }
    if (err == HR_OK) {
        err = read_battery(object, "battery_pct", &fix->battery_pct, why);
    }
    return err;
}

static hr_err read_element(const cJSON *object, const char *device_default, wire_fix *fix,
                           hr_why *why)
{
    if (!cJSON_IsObject(object)) {
        return hr_why_set(why, HR_INVALID, "a fix is not a JSON object");
    }
    if (member(object, "_type") != NULL) {
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
    cJSON *root;
    hr_err err = parse(bytes, size, &root, why);
    if (err != HR_OK) {
        return err;
    }
    if (cJSON_IsArray(root)) {
        err = read_array(root, device_default, visit, context, why);
    } else {
        wire_fix fix;
        err = read_element(root, device_default, &fix, why);
        if (err == HR_UNSUPPORTED) {
            err = HR_INVALID;
        }
        if (err == HR_OK) {
            err = visit(context, 0, &fix, NULL);
        }
    }
    cJSON_Delete(root);
    return err;
}

hr_err fix_json_owntracks(const void *bytes, size_t size, const char *device, wire_fix *fix,
                          hr_why *why)
{
    cJSON *root;
    hr_err err = parse(bytes, size, &root, why);
    if (err != HR_OK) {
        return err;
    }
    err = cJSON_IsObject(root)
              ? read_owntracks(root, device, fix, why)
              : hr_why_set(why, HR_INVALID, "an OwnTracks message is a JSON object");
    cJSON_Delete(root);
    return err;
}
