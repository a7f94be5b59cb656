/* base/json.c - the JSON writer. */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

/* A comma where one is due, before a key or an array's value. */
static void begin_item(hr_json *json)
{
    if (json->after_key) {
        json->after_key = false;
        return;
    }
    uint32_t bit = 1u << json->depth;
    if ((json->has_members & bit) != 0) {
        hr_buf_put_u8(json->buf, ',');
    }
    json->has_members |= bit;
}

static void open_level(hr_json *json, char mark)
{
    begin_item(json);
    hr_buf_put_u8(json->buf, (uint8_t)mark);
    json->depth++;
    assert(json->depth < HR_JSON_DEPTH_MAX);
    json->has_members &= ~(1u << json->depth);
}

static void close_level(hr_json *json, char mark)
{
    assert(json->depth > 0 && !json->after_key);
    json->depth--;
    hr_buf_put_u8(json->buf, (uint8_t)mark);
}

void hr_json_open_object(hr_json *json)
{
    open_level(json, '{');
}

void hr_json_close_object(hr_json *json)
{
    close_level(json, '}');
}

void hr_json_open_array(hr_json *json)
{
    open_level(json, '[');
}

void hr_json_close_array(hr_json *json)
{
    close_level(json, ']');
}

static void put_escaped(hr_buf *buf, uint8_t c)
{
    switch (c) {
    case '"':
        hr_buf_put_text(buf, "\\\"");
        return;
    case '\\':
        hr_buf_put_text(buf, "\\\\");
        return;
    case '\n':
        hr_buf_put_text(buf, "\\n");
        return;
    case '\r':
        hr_buf_put_text(buf, "\\r");
        return;
    case '\t':
        hr_buf_put_text(buf, "\\t");
        return;
    default:
        hr_buf_printf(buf, "\\u%04x", c);
    }
}

/* ASCII that stands for itself. */
static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* A text of nothing but plain characters, as nearly all are, in one go. */
static bool put_plain_string(hr_buf *buf, const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_plain(text[i])) {
            return false;
        }
    }
    uint8_t *room = hr_buf_extend(buf, size + 2);
    if (room != NULL) {
        room[0] = '"';
        memcpy(room + 1, text, size);
        room[size + 1] = '"';
    }
    return true;
}

static void put_string(hr_buf *buf, const uint8_t *text, size_t size)
{
    if (put_plain_string(buf, text, size)) {
        return;
    }
    hr_buf_put_u8(buf, '"');
    size_t plain = 0; /* start of the run not yet written */
    for (size_t i = 0; i < size;) {
        uint8_t c = text[i];
        if (is_plain(c)) {
            i++;
            continue;
        }
        size_t length = hr_utf8_length((const char *)text + i, size - i);
        if (length > 1) {
            i += length;
            continue;
        }
        hr_buf_put(buf, text + plain, i - plain);
        if (length == 0) {
            hr_buf_put_text(buf, "\xef\xbf\xbd");
        } else {
            put_escaped(buf, c);
        }
        plain = ++i;
    }
    hr_buf_put(buf, text + plain, size - plain);
    hr_buf_put_u8(buf, '"');
}

void hr_json_key(hr_json *json, const char *key)
{
    assert(!json->after_key);
    begin_item(json);
    put_string(json->buf, (const uint8_t *)key, strlen(key));
    hr_buf_put_u8(json->buf, ':');
    json->after_key = true;
}

void hr_json_text_sized(hr_json *json, const char *text, size_t size)
{
    begin_item(json);
    put_string(json->buf, (const uint8_t *)text, size);
}

void hr_json_text(hr_json *json, const char *text)
{
    hr_json_text_sized(json, text, strlen(text));
}

void hr_json_i64(hr_json *json, int64_t value)
{
    hr_json_decimal(json, value, 0);
}

void hr_json_u64(hr_json *json, uint64_t value)
{
    begin_item(json);
    hr_buf_printf(json->buf, "%llu", (unsigned long long)value);
}

void hr_json_bool(hr_json *json, bool value)
{
    begin_item(json);
    hr_buf_put_text(json->buf, value ? "true" : "false");
}

void hr_json_null(hr_json *json)
{
    begin_item(json);
    hr_buf_put_text(json->buf, "null");
}

void hr_json_double(hr_json *json, double value)
{
    if (!isfinite(value)) {
        hr_json_null(json);
        return;
    }
    begin_item(json);
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    hr_buf_put_text(json->buf, text);
}

void hr_json_decimal(hr_json *json, int64_t value, unsigned scale)
{
    char text[HR_DECIMAL_TEXT_SIZE];
    begin_item(json);
    hr_buf_put(json->buf, text, hr_decimal_format(value, scale, text));
}

void hr_json_time(hr_json *json, int64_t time_ms)
{
    char text[HR_TIME_TEXT_SIZE];
    hr_time_format(time_ms, text);
    hr_json_text(json, text);
}

void hr_json_raw(hr_json *json, const char *text, size_t size)
{
    begin_item(json);
    hr_buf_put(json->buf, text, size);
}

void hr_json_key_text(hr_json *json, const char *key, const char *text)
{
    hr_json_key(json, key);
    hr_json_text(json, text);
}

void hr_json_key_hex(hr_json *json, const char *key, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    hr_json_key(json, key);
    hr_json_raw(json, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        hr_buf_put(json->buf, pair, sizeof pair);
    }
    hr_buf_put(json->buf, "\"", 1);
}

void hr_json_key_i64(hr_json *json, const char *key, int64_t value)
{
    hr_json_key(json, key);
    hr_json_i64(json, value);
}

void hr_json_key_u64(hr_json *json, const char *key, uint64_t value)
{
    hr_json_key(json, key);
    hr_json_u64(json, value);
}

void hr_json_key_bool(hr_json *json, const char *key, bool value)
{
    hr_json_key(json, key);
    hr_json_bool(json, value);
}

void hr_json_key_double(hr_json *json, const char *key, double value)
{
    hr_json_key(json, key);
    hr_json_double(json, value);
}

void hr_json_key_time(hr_json *json, const char *key, int64_t time_ms)
{
    hr_json_key(json, key);
    hr_json_time(json, time_ms);
}
