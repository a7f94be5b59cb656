/* wire/dead_letter.c - see dead_letter.h. */
#include "wire/dead_letter.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "wire/json_fields.h"

void dead_letter_write(const dead_letter *letter, hr_buf *out)
{
    hr_json json = hr_json_into(out);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "source", letter->source);
    hr_json_key_text(&json, "reason", letter->reason);
    hr_json_key_text(&json, "why", letter->why);
    hr_json_close_object(&json);
    hr_buf_put_u8(out, '\n');
    size_t kept = letter->size < DEAD_LETTER_BYTES_MAX ? letter->size : DEAD_LETTER_BYTES_MAX;
    if (kept > 0) {
        hr_buf_put(out, letter->bytes, kept);
    }
}

static hr_err read_text(const cJSON *root, const char *name, char *to, size_t capacity, hr_why *why)
{
    const cJSON *item = wire_json_member(root, name);
    if (!cJSON_IsString(item)) {
        return hr_why_set(why, HR_INVALID, "%s is not a text", name);
    }
    snprintf(to, capacity, "%s", item->valuestring);
    return HR_OK;
}

static hr_err read_head(const cJSON *root, dead_letter *letter, hr_why *why)
{
    hr_err err = read_text(root, "source", letter->source, sizeof letter->source, why);
    if (err == HR_OK) {
        err = read_text(root, "reason", letter->reason, sizeof letter->reason, why);
    }
    if (err == HR_OK) {
        err = read_text(root, "why", letter->why, sizeof letter->why, why);
    }
    return err;
}

hr_err dead_letter_read(const void *message, size_t size, dead_letter *letter, hr_why *why)
{
    wire_json json;
    dead_letter read = {.source = ""};
    const uint8_t *feed = size > 0 ? memchr(message, '\n', size) : NULL;
    if (feed == NULL) {
        return hr_why_set(why, HR_INVALID, "a dead letter without a line feed");
    }
    size_t head_size = (size_t)(feed - (const uint8_t *)message);
    hr_err err = wire_json_parse(message, head_size, &json, why);
    if (err != HR_OK) {
        return err;
    }
    err = read_head(json.root, &read, why);
    wire_json_free(&json);
    if (err == HR_OK) {
        read.size = size - head_size - 1;
        read.bytes = read.size > 0 ? feed + 1 : NULL;
        *letter = read;
    }
    return err;
}
