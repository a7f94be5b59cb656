/* stream/tally.h - exact counts of a few different things: how the counting sketches begin.
 *
 * Memory: 16 bytes for each thing, at most STREAM_TALLY_MAX of them, then it is full. Exact. */
#ifndef STREAM_TALLY_H
#define STREAM_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define STREAM_TALLY_MAX 64

typedef struct stream_tally_entry {
    uint64_t hash;
    uint64_t count;
} stream_tally_entry;

/* All zeros is empty. */
typedef struct stream_tally {
    uint32_t used;
    stream_tally_entry *entries; /* sorted by hash; NULL before the first */
} stream_tally;

void stream_tally_fini(stream_tally *tally);

/* HR_TOO_BIG: full, and hash is not among them; nothing was added. HR_NO_MEMORY. */
HR_MUST_USE hr_err stream_tally_add(stream_tally *tally, uint64_t hash, uint64_t count);
uint64_t stream_tally_count(const stream_tally *tally, uint64_t hash);
size_t stream_tally_bytes(const stream_tally *tally);

void stream_tally_write(const stream_tally *tally, hr_buf *out);
/* Into an empty one. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_tally_read(stream_tally *tally, hr_cursor *in);

#endif
