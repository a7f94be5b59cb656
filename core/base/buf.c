/* base/buf.c - the growing buffer and the bounded cursor. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_CAPACITY_MIN 64

void hr_buf_init(hr_buf *buf, size_t size_max)
{
    *buf = (hr_buf){.size_max = size_max, .err = HR_OK};
}

void hr_buf_fini(hr_buf *buf)
{
    free(buf->data);
    *buf = (hr_buf){.size_max = buf->size_max, .err = HR_OK};
}

void hr_buf_clear(hr_buf *buf)
{
    buf->size = 0;
    buf->err = HR_OK;
}

/* Doubling keeps appends linear over a buffer's life. */
static bool grow(hr_buf *buf, size_t needed)
{
    size_t capacity = buf->capacity > 0 ? buf->capacity : BUF_CAPACITY_MIN;
    while (capacity < needed) {
        capacity *= 2;
    }
    uint8_t *data = realloc(buf->data, capacity);
    if (data == NULL) {
        buf->err = HR_NO_MEMORY;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

uint8_t *hr_buf_extend(hr_buf *buf, size_t size)
{
    if (buf->err != HR_OK) {
        return NULL;
    }
    if (size > buf->size_max - buf->size) {
        buf->err = HR_TOO_BIG;
        return NULL;
    }
    if (buf->size + size > buf->capacity || buf->data == NULL) {
        if (!grow(buf, buf->size + size)) {
            return NULL;
        }
    }
    uint8_t *room = buf->data + buf->size;
    buf->size += size;
    return room;
}

void hr_buf_put(hr_buf *buf, const void *bytes, size_t size)
{
    uint8_t *room = hr_buf_extend(buf, size);
    if (room != NULL && size > 0) {
        memcpy(room, bytes, size);
    }
}

void hr_buf_put_text(hr_buf *buf, const char *text)
{
    hr_buf_put(buf, text, strlen(text));
}

void hr_buf_printf(hr_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(size >= 0);
    /* One byte more for vsnprintf's terminator, given back at once. */
    uint8_t *room = hr_buf_extend(buf, (size_t)size + 1);
    if (room != NULL) {
        vsnprintf((char *)room, (size_t)size + 1, format, again);
        buf->size--;
    }
    va_end(again);
}

void hr_buf_put_u16(hr_buf *buf, uint16_t value)
{
    uint8_t *room = hr_buf_extend(buf, 2);
    if (room != NULL) {
        hr_store_u16(room, value);
    }
}

void hr_buf_put_u32(hr_buf *buf, uint32_t value)
{
    uint8_t *room = hr_buf_extend(buf, 4);
    if (room != NULL) {
        hr_store_u32(room, value);
    }
}

void hr_buf_put_u64(hr_buf *buf, uint64_t value)
{
    uint8_t *room = hr_buf_extend(buf, 8);
    if (room != NULL) {
        hr_store_u64(room, value);
    }
}

void hr_buf_consume(hr_buf *buf, size_t count)
{
    assert(count <= buf->size);
    if (count > 0) {
        memmove(buf->data, buf->data + count, buf->size - count);
        buf->size -= count;
    }
}

const uint8_t *hr_cursor_take(hr_cursor *cursor, size_t size)
{
    if (size > hr_cursor_left(cursor)) {
        cursor->short_read = true;
        cursor->at = cursor->size;
        return NULL;
    }
    const uint8_t *bytes = cursor->data + cursor->at;
    cursor->at += size;
    return bytes;
}

uint8_t hr_cursor_u8(hr_cursor *cursor)
{
    const uint8_t *bytes = hr_cursor_take(cursor, 1);
    return bytes != NULL ? bytes[0] : 0;
}

uint16_t hr_cursor_u16(hr_cursor *cursor)
{
    const uint8_t *bytes = hr_cursor_take(cursor, 2);
    return bytes != NULL ? hr_load_u16(bytes) : 0;
}

uint32_t hr_cursor_u32(hr_cursor *cursor)
{
    const uint8_t *bytes = hr_cursor_take(cursor, 4);
    return bytes != NULL ? hr_load_u32(bytes) : 0;
}

uint64_t hr_cursor_u64(hr_cursor *cursor)
{
    const uint8_t *bytes = hr_cursor_take(cursor, 8);
    return bytes != NULL ? hr_load_u64(bytes) : 0;
}
