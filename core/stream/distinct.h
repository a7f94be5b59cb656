/* stream/distinct.h - how many different things: exact up to 64, then HyperLogLog.
 *
 * Memory: 8 to 16 bytes for each thing while exact (0.5 kB at most), then 4 kB. Error: standard
 * deviation 1.04 / sqrt(4096) = 1.6 % of the count. A merge of parts equals the whole, to the byte.
 */
#ifndef STREAM_DISTINCT_H
#define STREAM_DISTINCT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define STREAM_DISTINCT_EXACT_MAX 64
#define STREAM_DISTINCT_BITS 12
#define STREAM_DISTINCT_REGISTERS (1u << STREAM_DISTINCT_BITS)

/* All zeros is empty. */
typedef struct stream_distinct {
    union {
        uint64_t *exact;    /* sorted hashes; NULL before the first */
        uint8_t *registers; /* when it is a sketch */
    };
    uint32_t exact_count;
    bool is_sketch;
} stream_distinct;

void stream_distinct_fini(stream_distinct *sketch);

/* hash is 64 well mixed bits of the thing. On HR_NO_MEMORY nothing was added. */
HR_MUST_USE hr_err stream_distinct_add(stream_distinct *sketch, uint64_t hash);
double stream_distinct_count(const stream_distinct *sketch);
HR_MUST_USE hr_err stream_distinct_merge(stream_distinct *into, const stream_distinct *from);
size_t stream_distinct_bytes(const stream_distinct *sketch);

void stream_distinct_write(const stream_distinct *sketch, hr_buf *out);
/* Into an empty sketch. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_distinct_read(stream_distinct *sketch, hr_cursor *in);

#endif
