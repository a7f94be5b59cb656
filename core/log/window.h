/* core/log/window.h - a moving piece of a file in memory, for whoever walks over frames. */
#ifndef LOG_WINDOW_H
#define LOG_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "patience.h"

/* Holds bytes [at, at + size) of one file. All zeros is an empty one. Threads: one at a time. */
typedef struct window {
    uint8_t *bytes; /* owned */
    size_t capacity;
    uint64_t at;
    size_t size;
    patience *patience;   /* borrowed; NULL: what cannot be read is an error at once */
    uint64_t unread_from; /* of the bytes held, [unread_from, unread_to) has what could not be */
    uint64_t unread_to;   /* read, as zeros; equal where there is none */
} window;

void window_fini(window *w);

/* Forget the bytes (another file, or they may have changed), keep the memory. */
void window_clear(window *w);

/* Have bytes [at, at + size) of the file in memory; *out is valid until the next call. Where they
 * are not, at least ahead bytes are read at once, but never beyond limit. ENODATA: the file or the
 * limit ends before at + size. Otherwise an errno, 0 is well, also where patience has come to an
 * end and pages are zeros because they cannot be read: no checksum will fit them. */
HR_MUST_USE int window_need(window *w, int fd, uint64_t at, size_t size, uint64_t limit,
                            size_t ahead, const uint8_t **out);

/* Could some of bytes [at, at + size), which are held, not be read? */
bool window_is_unread(const window *w, uint64_t at, size_t size);

#endif
