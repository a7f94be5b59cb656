/* wire/ack_json.c - reads and writes acknowledgements. */
#include "wire/ack_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "wire/json_fields.h"

size_t ack_json_write(const ack_json *ack, char text[ACK_JSON_SIZE])
{
    int size = snprintf(text, ACK_JSON_SIZE, "{\"epoch\":\"%" PRIu64 "\",\"seq\":%" PRId64 "}",
                        ack->epoch, ack->seq);
    return (size_t)size;
}

/* All 64 bits, which a JSON number would not keep: so it is a text. */
static bool read_epoch(const cJSON *item, uint64_t *epoch)
{
    const char *text = cJSON_IsString(item) ? item->valuestring : "";
    size_t size = strlen(text);
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *epoch = value;
    return size > 0;
}

hr_err ack_json_read(const void *bytes, size_t size, ack_json *ack, hr_why *why)
{
    wire_json json;
    ack_json read = {.seq = -1};
    hr_err err = wire_json_parse(bytes, size, &json, why);
    if (err != HR_OK) {
        return err;
    }
    const cJSON *seq = wire_json_member(json.root, "seq");
    if (!read_epoch(wire_json_member(json.root, "epoch"), &read.epoch)) {
        err = hr_why_set(why, HR_INVALID, "epoch is not a decimal text");
    } else if (!cJSON_IsNumber(seq) || seq->valuedouble < -1 || seq->valuedouble > 9e15 ||
               hr_decimal_from_double(seq->valuedouble, 0, &read.seq) != HR_OK) {
        err = hr_why_set(why, HR_INVALID, "seq is not a sequence number");
    }
    wire_json_free(&json);
    if (err == HR_OK) {
        *ack = read;
    }
    return err;
}
