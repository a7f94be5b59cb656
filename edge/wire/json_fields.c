/* wire/json_fields.c - single fields of JSON that came from outside. Numbers reach the lattice by
 * decimal digits, so that a place typed with seven decimals is that place exactly. */
#include "wire/json_fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"

#define COORDINATE_SCALE 7

/* Below it a double and its 15 digits differ by less than a hundredth of a unit. */
#define SURE_MAX 1e13

/* Zeros behind the text: some versions of cJSON look a byte too far. */
#define PARSE_SLACK 8

/* number * 10^scale, rounded half away from zero by the number's decimal digits. Unless it lies
 * near the middle between two units, its binary form cannot round to another one than they do. */
static hr_err units_of(double number, unsigned scale, int64_t *value)
{
    static const double powers[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7};
    double scaled = number * powers[scale];
    if (!(scaled > -SURE_MAX && scaled < SURE_MAX)) {
        return hr_decimal_from_double(number, scale, value);
    }
    int64_t nearest = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
    double distance = scaled - (double)nearest;
    if (distance > 0.49 || distance < -0.49) {
        return hr_decimal_from_double(number, scale, value);
    }
    *value = nearest;
    return HR_OK;
}

const cJSON *wire_json_member(const cJSON *object, const char *name)
{
    if (!cJSON_IsObject(object)) {
        return NULL;
    }
    /* Most names differ in the first letter, and there are many to look at for each fix. */
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        if (item->string[0] == name[0] && strcmp(item->string, name) == 0) {
            return cJSON_IsNull(item) ? NULL : item;
        }
    }
    return NULL;
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

/* A zero, plain or escaped, would end cJSON's text early: "cow\u0000x" would be read as "cow". A
 * question mark stands in for it, which neither an id nor a time may have. */
static void replace_zeros(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\0') {
            text[i] = '?';
        } else if (text[i] == '\\' && ++i + 5 <= size && memcmp(text + i, "u0000", 5) == 0) {
            memcpy(text + i, "u003f", 5);
        }
    }
}

static hr_err parse_any(const void *bytes, size_t size, cJSON **out, hr_why *why)
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
    replace_zeros(text, size);
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

hr_err wire_json_parse(const void *bytes, size_t size, wire_json *out, hr_why *why)
{
    out->root = flat_json_parse(&out->flat, bytes, size);
    out->is_flat = out->root != NULL;
    return out->is_flat ? HR_OK : parse_any(bytes, size, &out->root, why);
}

void wire_json_free(wire_json *json)
{
    if (!json->is_flat) {
        cJSON_Delete(json->root);
    }
}

hr_err wire_json_coordinate(const cJSON *object, const char *name, int32_t bound_degrees,
                            int32_t *value, hr_why *why)
{
    const cJSON *item = wire_json_member(object, name);
    if (item == NULL) {
        return hr_why_set(why, HR_INVALID, "%s is missing", name);
    }
    if (!cJSON_IsNumber(item)) {
        return hr_why_set(why, HR_INVALID, "%s is not a number", name);
    }
    int64_t wide;
    int64_t bound = (int64_t)bound_degrees * 10000000;
    if (units_of(item->valuedouble, COORDINATE_SCALE, &wide) != HR_OK || wide < -bound ||
        wide > bound) {
        return hr_why_set(why, HR_INVALID, "%s %g is not within +-%d degrees", name,
                          item->valuedouble, bound_degrees);
    }
    *value = (int32_t)wide;
    return HR_OK;
}

/* A detail in units of 10^-scale: negative is unknown, above the field is its highest. */
hr_err wire_json_detail(const cJSON *object, const char *name, double factor, unsigned scale,
                        uint16_t *value, hr_why *why)
{
    const cJSON *item = wire_json_member(object, name);
    *value = HR_FIX_U16_UNKNOWN;
    if (item == NULL) {
        return HR_OK;
    }
    if (!cJSON_IsNumber(item)) {
        return hr_why_set(why, HR_INVALID, "%s is not a number", name);
    }
    int64_t wide;
    double number = item->valuedouble * factor;
    if (number >= HR_FIX_U16_UNKNOWN) {
        /* An accuracy of light years must not become an unknown one, which counts as perfect. */
        *value = HR_FIX_U16_UNKNOWN - 1;
    } else if (units_of(number, scale, &wide) == HR_OK && wide >= 0) {
        *value = (uint16_t)(wide < HR_FIX_U16_UNKNOWN ? wide : HR_FIX_U16_UNKNOWN - 1);
    }
    return HR_OK;
}

hr_err wire_json_heading(const cJSON *object, const char *name, uint16_t *value, hr_why *why)
{
    hr_err err = wire_json_detail(object, name, 1, 2, value, why);
    if (*value == 36000) {
        *value = 0;
    } else if (*value > 36000) {
        *value = HR_FIX_U16_UNKNOWN;
    }
    return err;
}

hr_err wire_json_battery(const cJSON *object, const char *name, uint8_t *value, hr_why *why)
{
    uint16_t wide;
    hr_err err = wire_json_detail(object, name, 1, 0, &wide, why);
    *value = wide <= 100 ? (uint8_t)wide : HR_FIX_U8_UNKNOWN;
    return err;
}

/* ISO 8601 text, or a number in units of ms_per_unit; nothing at all gets the flag. */
hr_err wire_json_time(const cJSON *object, const char *name, int64_t ms_per_unit, hr_fix *fix,
                      hr_why *why)
{
    const cJSON *item = wire_json_member(object, name);
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
    return units_of(ms, 0, &fix->time_ms);
}

hr_err wire_json_device(wire_fix *out, const char *id, hr_why *why)
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
