/* stream/value.c - values as numbers, texts, hashes and bytes. */
#include "stream/value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/hash.h"
#include "stream/bytes.h"

#define WHOLE_DOUBLE_MAX 9007199254740992.0 /* above, doubles are not all whole numbers */

bool stream_value_number(const stream_value *value, double *number)
{
    if (value->type == STREAM_WHOLE) {
        *number = (double)value->whole;
    } else if (value->type == STREAM_REAL) {
        *number = value->real;
    } else {
        return false;
    }
    return true;
}

/* A real that is a whole number counts as that, as it does in SQL's comparisons. */
static bool is_whole(const stream_value *value, int64_t *whole)
{
    if (value->type == STREAM_WHOLE) {
        *whole = value->whole;
        return true;
    }
    if (value->type == STREAM_REAL && fabs(value->real) < WHOLE_DOUBLE_MAX &&
        value->real == floor(value->real)) {
        *whole = (int64_t)value->real;
        return true;
    }
    return false;
}

size_t stream_value_text(const stream_value *value, char buffer[32], const char **text)
{
    int64_t whole;
    int size = 0;
    *text = buffer;
    if (value->type == STREAM_TEXT) {
        *text = value->text;
        return value->size;
    }
    if (is_whole(value, &whole)) {
        size = snprintf(buffer, 32, "%" PRId64, whole);
    } else if (value->type == STREAM_REAL) {
        size = snprintf(buffer, 32, "%.15g", value->real);
    }
    return (size_t)size;
}

uint64_t stream_value_hash(const stream_value *value)
{
    int64_t whole;
    if (is_whole(value, &whole)) {
        return hr_hash64_seeded(&whole, sizeof whole, STREAM_WHOLE);
    }
    if (value->type == STREAM_REAL) {
        return hr_hash64_seeded(&value->real, sizeof value->real, STREAM_REAL);
    }
    return hr_hash64_seeded(value->text, value->type == STREAM_TEXT ? value->size : 0, STREAM_TEXT);
}

void stream_value_write(const stream_value *value, hr_buf *out)
{
    int64_t whole;
    if (is_whole(value, &whole)) {
        hr_buf_put_u8(out, STREAM_WHOLE);
        hr_buf_put_u64(out, (uint64_t)whole);
        return;
    }
    hr_buf_put_u8(out, (uint8_t)value->type);
    if (value->type == STREAM_REAL) {
        stream_put_double(out, value->real);
    } else if (value->type == STREAM_TEXT) {
        size_t size = value->size < STREAM_VALUE_TEXT_MAX ? value->size : STREAM_VALUE_TEXT_MAX;
        hr_buf_put_u16(out, (uint16_t)size);
        hr_buf_put(out, value->text, size);
    }
}

hr_err stream_value_read(stream_value *value, hr_cursor *in)
{
    *value = (stream_value){.type = (stream_value_type)hr_cursor_u8(in)};
    switch (value->type) {
    case STREAM_NULL:
        break;
    case STREAM_WHOLE:
        value->whole = (int64_t)hr_cursor_u64(in);
        break;
    case STREAM_REAL:
        value->real = stream_get_double(in);
        break;
    case STREAM_TEXT:
        value->size = hr_cursor_u16(in);
        value->text = (const char *)hr_cursor_take(in, value->size);
        break;
    default:
        return HR_CORRUPT;
    }
    return in->short_read || (value->type == STREAM_REAL && !isfinite(value->real)) ? HR_CORRUPT
                                                                                    : HR_OK;
}
