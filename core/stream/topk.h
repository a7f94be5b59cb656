/* stream/topk.h - the things that came most often: exact for up to 64 different ones, then
 * Space-Saving.
 *
 * Memory: at most 64 entries of 32 bytes and their texts (at most 256 bytes each). Error: a told
 * count is never too low, and too high by at most its own `over`, which is at most 1/64 of all that
 * was counted; everything that came more often than that is there. A merge of parts keeps these
 * bounds (and is the whole itself while exact). */
#ifndef STREAM_TOPK_H
#define STREAM_TOPK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define STREAM_TOPK_ENTRIES 64
#define STREAM_TOPK_TEXT_MAX 256 /* longer texts are cut */

typedef struct stream_topk_entry {
    uint64_t hash;
    uint64_t count;
    uint64_t over; /* at most so many of the count were others */
    char *text;    /* owned */
} stream_topk_entry;

/* All zeros is empty. */
typedef struct stream_topk {
    uint64_t total;
    uint32_t used;
    size_t text_bytes;
    stream_topk_entry *entries; /* in no order; NULL before the first */
} stream_topk;

void stream_topk_fini(stream_topk *sketch);

/* On HR_NO_MEMORY nothing was added. */
HR_MUST_USE hr_err stream_topk_add(stream_topk *sketch, const char *text, size_t size);

/* The most frequent ones, most frequent first, equal ones by text. Borrowed until the next change.
 * Returns how many there are, at most limit. */
uint32_t stream_topk_list(const stream_topk *sketch, uint32_t limit,
                          const stream_topk_entry *list[STREAM_TOPK_ENTRIES]);
/* On failure `into` is as it was. */
HR_MUST_USE hr_err stream_topk_merge(stream_topk *into, const stream_topk *from);
size_t stream_topk_bytes(const stream_topk *sketch);

void stream_topk_write(const stream_topk *sketch, hr_buf *out);
/* Into an empty one. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_topk_read(stream_topk *sketch, hr_cursor *in);

#endif
