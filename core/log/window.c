/* core/log/window.c - see window.h. */
#include "window.h"

#include <errno.h>
#include <stdlib.h>

#include "disk.h"

void window_fini(window *w)
{
    free(w->bytes);
    *w = (window){0};
}

void window_clear(window *w)
{
    w->at = 0;
    w->size = 0;
}

static int make_room(window *w, size_t size)
{
    if (w->capacity >= size) {
        return 0;
    }
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        return ENOMEM;
    }
    free(w->bytes);
    w->bytes = bytes;
    w->capacity = size;
    window_clear(w);
    return 0;
}

int window_need(window *w, int fd, uint64_t at, size_t size, uint64_t limit, size_t ahead,
                const uint8_t **out)
{
    if (at >= w->at && at + size <= w->at + w->size) {
        *out = w->bytes + (at - w->at);
        return 0;
    }
    if (at > limit || limit - at < size) {
        return ENODATA;
    }
    size_t wanted = size > ahead ? size : ahead;
    if (limit - at < wanted) {
        wanted = (size_t)(limit - at);
    }
    int failed = make_room(w, wanted);
    if (failed != 0) {
        return failed;
    }
    window_clear(w);
    size_t got = 0;
    failed = disk_read(fd, w->bytes, wanted, at, &got);
    if (failed != 0) {
        return failed;
    }
    w->at = at;
    w->size = got;
    if (got < size) {
        return ENODATA;
    }
    *out = w->bytes;
    return 0;
}
