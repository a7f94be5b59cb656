/* stream/frequency.h - how often each thing came: exact for up to 64 different ones, then a
 * count-min sketch.
 *
 * Memory: up to 1 kB while exact, then 32 kB. Error: never too low; too high by at most
 * e / 1024 = 0.27 % of all that was counted, but for one thing in e^4 = 54. A merge of parts equals
 * the whole, to the byte. */
#ifndef STREAM_FREQUENCY_H
#define STREAM_FREQUENCY_H

#include "stream/tally.h"

#define STREAM_FREQUENCY_ROWS 4
#define STREAM_FREQUENCY_COLUMNS 1024

typedef struct stream_frequency {
    stream_tally tally; /* its cells: rows of columns */
    uint64_t total;
} stream_frequency;

/* seed is equal for all parts of a whole. */
void stream_frequency_init(stream_frequency *sketch, uint64_t seed);
void stream_frequency_fini(stream_frequency *sketch);

/* hash is 64 well mixed bits of the thing. On HR_NO_MEMORY nothing was added. */
HR_MUST_USE hr_err stream_frequency_add(stream_frequency *sketch, uint64_t hash, uint64_t count);
uint64_t stream_frequency_count(const stream_frequency *sketch, uint64_t hash);
/* HR_INVALID: of another seed. */
HR_MUST_USE hr_err stream_frequency_merge(stream_frequency *into, const stream_frequency *from);
size_t stream_frequency_bytes(const stream_frequency *sketch);

void stream_frequency_write(const stream_frequency *sketch, hr_buf *out);
/* Into an initialised, empty sketch of the same seed. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_frequency_read(stream_frequency *sketch, hr_cursor *in);

#endif
