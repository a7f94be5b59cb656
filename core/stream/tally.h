/* stream/tally.h - counts of things by their hashes: exact while few are different, then cells in
 * which a sketch counts them its own way.
 *
 * Memory: 16 bytes for each thing, at most STREAM_TALLY_MAX of them, then 8 for each cell. A merge
 * of parts equals the whole, to the byte. */
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

typedef struct stream_tally {
    uint64_t seed; /* equal for all parts of a whole */
    uint32_t used;
    stream_tally_entry *entries; /* sorted by hash; NULL before the first, and with cells */
    uint64_t *cells;             /* NULL while exact */
} stream_tally;

/* What a sketch makes of it. */
typedef struct stream_tally_law {
    uint32_t cells;
    void (*count)(stream_tally *tally, uint64_t hash, uint64_t count); /* in the cells */
} stream_tally_law;

void stream_tally_init(stream_tally *tally, uint64_t seed);
void stream_tally_fini(stream_tally *tally);

/* On HR_NO_MEMORY nothing was added. */
HR_MUST_USE hr_err stream_tally_add(const stream_tally_law *law, stream_tally *tally, uint64_t hash,
                                    uint64_t count);
/* While exact. */
uint64_t stream_tally_count(const stream_tally *tally, uint64_t hash);
/* HR_INVALID: of another seed. */
HR_MUST_USE hr_err stream_tally_merge(const stream_tally_law *law, stream_tally *into,
                                      const stream_tally *from);
/* Beside the tally itself. */
size_t stream_tally_bytes(const stream_tally_law *law, const stream_tally *tally);

/* All but whether it has cells. */
void stream_tally_write(const stream_tally_law *law, const stream_tally *tally, hr_buf *out);
/* Into an empty one. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_tally_read(const stream_tally_law *law, stream_tally *tally,
                                     bool has_cells, hr_cursor *in);

#endif
