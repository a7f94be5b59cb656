/* base/json.h - writes JSON into a buffer; commas and escapes look after themselves. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define HR_JSON_DEPTH_MAX 32

/* Errors gather in the buffer: look once, at hr_buf_err(). Threads: one at a time. */
typedef struct hr_json {
    hr_buf *buf;
    unsigned depth;
    uint32_t has_members; /* bit d: something was written at depth d already */
    bool after_key;
} hr_json;

static inline hr_json hr_json_into(hr_buf *buf)
{
    return (hr_json){.buf = buf};
}

void hr_json_open_object(hr_json *json);
void hr_json_close_object(hr_json *json);
void hr_json_open_array(hr_json *json);
void hr_json_close_array(hr_json *json);

/* key is plain ASCII of ours. */
void hr_json_key(hr_json *json, const char *key);

/* Bytes that are not UTF-8 come out as U+FFFD. */
void hr_json_text(hr_json *json, const char *text);
void hr_json_text_sized(hr_json *json, const char *text, size_t size);
void hr_json_i64(hr_json *json, int64_t value);
void hr_json_u64(hr_json *json, uint64_t value);
void hr_json_bool(hr_json *json, bool value);
void hr_json_null(hr_json *json);

/* The shortest text that reads back as the same double; null for NaN and infinities. */
void hr_json_double(hr_json *json, double value);

/* value * 10^-scale, exact. */
void hr_json_decimal(hr_json *json, int64_t value, unsigned scale);

/* ISO 8601 text. */
void hr_json_time(hr_json *json, int64_t time_ms);

/* A value that is JSON already. */
void hr_json_raw(hr_json *json, const char *text, size_t size);

/* Key and value in one. */
void hr_json_key_text(hr_json *json, const char *key, const char *text);
void hr_json_key_hex(hr_json *json, const char *key, const uint8_t *bytes, size_t size);
void hr_json_key_i64(hr_json *json, const char *key, int64_t value);
void hr_json_key_u64(hr_json *json, const char *key, uint64_t value);
void hr_json_key_bool(hr_json *json, const char *key, bool value);
void hr_json_key_double(hr_json *json, const char *key, double value);
void hr_json_key_time(hr_json *json, const char *key, int64_t time_ms);

#endif
