/* stream/bytes.h - doubles in stored bytes: their IEEE bits, little-endian. */
#ifndef STREAM_BYTES_H
#define STREAM_BYTES_H

#include <string.h>

#include "base/buf.h"

static inline void stream_put_double(hr_buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    hr_buf_put_u64(out, bits);
}

static inline double stream_get_double(hr_cursor *in)
{
    uint64_t bits = hr_cursor_u64(in);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
