/* stream/moment.h - the second moment F2, the sum of squared counts (how skewed a stream is):
 * exact for up to 64 different things, then an AMS sketch in its fast form.
 *
 * Memory: up to 1 kB while exact, then 20 kB. Error: standard deviation at most
 * sqrt(2 / 512) = 6.3 % of F2 in each of 5 rows, whose median is told. A merge of parts equals the
 * whole, to the byte. */
#ifndef STREAM_MOMENT_H
#define STREAM_MOMENT_H

#include "stream/tally.h"

#define STREAM_MOMENT_ROWS 5
#define STREAM_MOMENT_COLUMNS 512

typedef struct stream_moment {
    stream_tally tally; /* its cells: rows of columns, signed */
} stream_moment;

/* seed is equal for all parts of a whole. */
void stream_moment_init(stream_moment *sketch, uint64_t seed);
void stream_moment_fini(stream_moment *sketch);

/* hash is 64 well mixed bits of the thing. On HR_NO_MEMORY nothing was added. */
HR_MUST_USE hr_err stream_moment_add(stream_moment *sketch, uint64_t hash);
double stream_moment_f2(const stream_moment *sketch);
/* HR_INVALID: of another seed. */
HR_MUST_USE hr_err stream_moment_merge(stream_moment *into, const stream_moment *from);
size_t stream_moment_bytes(const stream_moment *sketch);

void stream_moment_write(const stream_moment *sketch, hr_buf *out);
/* Into an initialised, empty sketch of the same seed. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_moment_read(stream_moment *sketch, hr_cursor *in);

#endif
