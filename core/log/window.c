/* core/log/window.c - see window.h. */
#include "window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
    w->unread_from = 0;
    w->unread_to = 0;
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

/* One piece of a page at the end of what is held. *is_end: the file ends in it. */
static int read_piece(window *w, int fd, size_t size, bool *is_end)
{
    size_t got = 0;
    uint64_t at = w->at + w->size;
    int failed = disk_read(fd, w->bytes + w->size, size, at, &got);
    for (uint32_t tries = 1; patience_is_bad_place(failed) && patience_wait(w->patience, tries);
         tries++) {
        failed = disk_read(fd, w->bytes + w->size, size, at, &got);
    }
    if (patience_is_bad_place(failed) && patience_give_up(w->patience)) {
        memset(w->bytes + w->size, 0, size);
        w->unread_from = w->unread_from == w->unread_to ? at : w->unread_from;
        w->unread_to = at + size;
        got = size;
        failed = 0;
    }
    w->size += failed == 0 ? got : 0;
    *is_end = got < size;
    return failed;
}

/* Page by page, no more than is needed. */
static int read_pages(window *w, int fd, uint64_t at, size_t size, uint64_t limit)
{
    uint64_t end = (at + size + DISK_PAGE_BYTES - 1) / DISK_PAGE_BYTES * DISK_PAGE_BYTES;
    end = end < limit ? end : limit;
    int failed = make_room(w, (size_t)(end - at));
    bool is_end = false;
    w->at = at;
    while (failed == 0 && !is_end && w->at + w->size < end) {
        uint64_t from = w->at + w->size;
        uint64_t to = (from / DISK_PAGE_BYTES + 1) * DISK_PAGE_BYTES;
        failed = read_piece(w, fd, (size_t)((to < end ? to : end) - from), &is_end);
    }
    return failed;
}

bool window_is_unread(const window *w, uint64_t at, size_t size)
{
    return at < w->unread_to && at + size > w->unread_from;
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
    if (failed == 0 || got >= size) {
        /* What cannot be read behind that is met by whoever needs it. */
        failed = 0;
        w->at = at;
        w->size = got;
    } else if (w->patience != NULL && patience_is_bad_place(failed)) {
        failed = read_pages(w, fd, at, size, limit);
    }
    if (failed != 0) {
        window_clear(w);
        return failed;
    }
    if (w->size < size) {
        return ENODATA;
    }
    *out = w->bytes;
    return 0;
}
