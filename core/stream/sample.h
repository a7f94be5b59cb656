/* stream/sample.h - a uniform sample of a stream, without replacement (Algorithm L).
 *
 * Each thing that is kept bears its random key: the sample is the k things with the lowest keys, of
 * which Algorithm L draws only those that get in. So parts merge into a sample of the whole.
 * Memory: k (at most 64) entries of 24 bytes and their texts (at most 256 bytes each). Error: every
 * thing is in the sample with the same probability, k / count. */
#ifndef STREAM_SAMPLE_H
#define STREAM_SAMPLE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"

#define STREAM_SAMPLE_MAX 64
#define STREAM_SAMPLE_TEXT_MAX 256 /* longer texts are cut */

typedef struct stream_sample_entry {
    double key;
    uint64_t number; /* which one of the stream it was; the first is 0 */
    char *text;      /* owned */
} stream_sample_entry;

typedef struct stream_sample {
    uint64_t count; /* of the stream */
    uint64_t skip;  /* so many pass before the next gets in */
    hr_random random;
    uint32_t size; /* k */
    uint32_t used;
    size_t text_bytes;
    stream_sample_entry *entries; /* NULL before the first */
} stream_sample;

/* size is 1..STREAM_SAMPLE_MAX. Parts of a whole need different seeds. */
void stream_sample_init(stream_sample *sample, uint32_t size, uint64_t seed);
void stream_sample_fini(stream_sample *sample);

/* On HR_NO_MEMORY nothing was added. */
HR_MUST_USE hr_err stream_sample_add(stream_sample *sample, const char *text, size_t size);
/* HR_INVALID: of another size. */
HR_MUST_USE hr_err stream_sample_merge(stream_sample *into, const stream_sample *from);
size_t stream_sample_bytes(const stream_sample *sample);

void stream_sample_write(const stream_sample *sample, hr_buf *out);
/* Into an initialised, empty one of the same size. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_sample_read(stream_sample *sample, hr_cursor *in);

#endif
