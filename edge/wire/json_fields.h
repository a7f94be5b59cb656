/* wire/json_fields.h - reads single fields of JSON that came from outside; shared by the decoders.
 */
#ifndef WIRE_JSON_FIELDS_H
#define WIRE_JSON_FIELDS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/fix_json.h"
#include "wire/flat_json.h"

/* A parsed text: in place if it is plain, by cJSON if not. */
typedef struct wire_json {
    cJSON *root;
    bool is_flat;
    flat_json flat;
} wire_json;

/* Parse exactly size bytes; only white space may follow the value. Then it is for wire_json_free.
 */
HR_MUST_USE hr_err wire_json_parse(const void *bytes, size_t size, wire_json *out, hr_why *why);
void wire_json_free(wire_json *json);

/* A member that is there and not null; else NULL. */
const cJSON *wire_json_member(const cJSON *object, const char *name);

HR_MUST_USE hr_err wire_json_coordinate(const cJSON *object, const char *name,
                                        int32_t bound_degrees, int32_t *value, hr_why *why);

/* A detail times factor in units of 10^-scale: absent or negative is unknown, above the field is
 * its highest. HR_INVALID: not a number. */
HR_MUST_USE hr_err wire_json_detail(const cJSON *object, const char *name, double factor,
                                    unsigned scale, uint16_t *value, hr_why *why);
HR_MUST_USE hr_err wire_json_heading(const cJSON *object, const char *name, uint16_t *value,
                                     hr_why *why);
HR_MUST_USE hr_err wire_json_battery(const cJSON *object, const char *name, uint8_t *value,
                                     hr_why *why);

/* ISO 8601 text, or a number in units of ms_per_unit; nothing at all gets the flag. */
HR_MUST_USE hr_err wire_json_time(const cJSON *object, const char *name, int64_t ms_per_unit,
                                  hr_fix *fix, hr_why *why);

/* Set id and key. HR_INVALID: not a device id. */
HR_MUST_USE hr_err wire_json_device(wire_fix *out, const char *id, hr_why *why);

#endif
