/* base/buf.h - a growing byte buffer, and little-endian bytes in and out. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* Bytes that grow up to a limit. A failed append sets err, and later appends do nothing: check
 * once at the end (hr_buf_err). Threads: one at a time. */
typedef struct hr_buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t size_max;
    hr_err err;
} hr_buf;

/* size_max: HR_TOO_BIG once an append would pass it. */
void hr_buf_init(hr_buf *buf, size_t size_max);
void hr_buf_fini(hr_buf *buf);

/* Empty again, error forgotten, memory kept. */
void hr_buf_clear(hr_buf *buf);

static inline hr_err hr_buf_err(const hr_buf *buf)
{
    return buf->err;
}

/* Room for size more bytes, to be filled by the caller; NULL on error. */
uint8_t *hr_buf_extend(hr_buf *buf, size_t size);
void hr_buf_put(hr_buf *buf, const void *bytes, size_t size);
void hr_buf_put_text(hr_buf *buf, const char *text);
void hr_buf_printf(hr_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void hr_buf_put_u16(hr_buf *buf, uint16_t value);
void hr_buf_put_u32(hr_buf *buf, uint32_t value);
void hr_buf_put_u64(hr_buf *buf, uint64_t value);

/* Inline, since writers of text put every comma and quote by it. */
static inline void hr_buf_put_u8(hr_buf *buf, uint8_t value)
{
    if (buf->err == HR_OK && buf->size < buf->capacity && buf->size < buf->size_max) {
        buf->data[buf->size++] = value;
    } else {
        hr_buf_put(buf, &value, 1);
    }
}

/* Drop the first count bytes (count <= size). */
void hr_buf_consume(hr_buf *buf, size_t count);

/* Little-endian stores and loads; compilers make one instruction of each. */
static inline void hr_store_u16(uint8_t *to, uint16_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

static inline void hr_store_u32(uint8_t *to, uint32_t value)
{
    hr_store_u16(to, (uint16_t)value);
    hr_store_u16(to + 2, (uint16_t)(value >> 16));
}

static inline void hr_store_u64(uint8_t *to, uint64_t value)
{
    hr_store_u32(to, (uint32_t)value);
    hr_store_u32(to + 4, (uint32_t)(value >> 32));
}

static inline uint16_t hr_load_u16(const uint8_t *from)
{
    return (uint16_t)(from[0] | from[1] << 8);
}

static inline uint32_t hr_load_u32(const uint8_t *from)
{
    return (uint32_t)hr_load_u16(from) | (uint32_t)hr_load_u16(from + 2) << 16;
}

static inline uint64_t hr_load_u64(const uint8_t *from)
{
    return (uint64_t)hr_load_u32(from) | (uint64_t)hr_load_u32(from + 4) << 32;
}

/* Reads bytes that came from outside. A read past the end gives zeros and sets short_read, which
 * stays set: read everything, then look once. Borrows the bytes. */
typedef struct hr_cursor {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool short_read;
} hr_cursor;

static inline hr_cursor hr_cursor_of(const void *data, size_t size)
{
    return (hr_cursor){.data = data, .size = size};
}

static inline size_t hr_cursor_left(const hr_cursor *cursor)
{
    return cursor->size - cursor->at;
}

/* The next size bytes, borrowed; NULL (and short_read) when there are fewer. */
const uint8_t *hr_cursor_take(hr_cursor *cursor, size_t size);
uint8_t hr_cursor_u8(hr_cursor *cursor);
uint16_t hr_cursor_u16(hr_cursor *cursor);
uint32_t hr_cursor_u32(hr_cursor *cursor);
uint64_t hr_cursor_u64(hr_cursor *cursor);

#endif
