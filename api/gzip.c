/* api/gzip.c - zlib in one call. */
#include "gzip.h"

#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16) /* 16 asks zlib for gzip's head and tail */

hr_err api_gzip(hr_buf *body)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return HR_NO_MEMORY;
    }
    hr_buf packed;
    hr_buf_init(&packed, body->size_max);
    uint8_t *room = hr_buf_extend(&packed, body->size);
    hr_err err = hr_buf_err(&packed);
    if (room != NULL) {
        stream.next_in = body->data;
        stream.avail_in = (uInt)body->size;
        stream.next_out = room;
        stream.avail_out = (uInt)body->size;
        err = deflate(&stream, Z_FINISH) == Z_STREAM_END ? HR_OK : HR_TOO_BIG;
        packed.size = stream.total_out;
    }
    deflateEnd(&stream);
    if (err != HR_OK) {
        hr_buf_fini(&packed);
        return err;
    }
    hr_buf_fini(body);
    *body = packed;
    return HR_OK;
}
