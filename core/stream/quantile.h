/* stream/quantile.h - quantiles of numbers: exact for up to 32, then DDSketch.
 *
 * Memory: up to 256 bytes while exact, then 8 bytes for each bucket between the least and the most,
 * at most 2,048 for each sign (a thousandfold range takes 350). Error: 1 % of the value, as long
 * as the numbers of one sign span less than 17 decades; beyond, those nearest to zero are told as
 * the nearest kept. Numbers within 1e-9 of zero are zero. A merge of parts equals the whole, to the
 * byte. */
#ifndef STREAM_QUANTILE_H
#define STREAM_QUANTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define STREAM_QUANTILE_EXACT_MAX 32
#define STREAM_QUANTILE_BUCKETS_MAX 2048
#define STREAM_QUANTILE_ERROR 0.01

/* Counts of consecutive buckets; bucket i holds (gamma^(i-1), gamma^i]. */
typedef struct stream_quantile_side {
    int32_t first;
    uint32_t used;
    uint64_t *counts; /* NULL while used is 0 */
} stream_quantile_side;

/* All zeros is empty. */
typedef struct stream_quantile {
    uint32_t exact_count;
    bool is_sketch;
    double *exact; /* sorted; NULL before the first and once a sketch */
    uint64_t zeros;
    stream_quantile_side above;
    stream_quantile_side below; /* by absolute value */
} stream_quantile;

void stream_quantile_fini(stream_quantile *sketch);

/* value is finite. On HR_NO_MEMORY nothing was added. */
HR_MUST_USE hr_err stream_quantile_add(stream_quantile *sketch, double value);
uint64_t stream_quantile_count(const stream_quantile *sketch);

/* The value of rank floor(part * (count - 1)), part in 0..1; NaN when empty. */
double stream_quantile_at(const stream_quantile *sketch, double part);
HR_MUST_USE hr_err stream_quantile_merge(stream_quantile *into, const stream_quantile *from);
size_t stream_quantile_bytes(const stream_quantile *sketch);

void stream_quantile_write(const stream_quantile *sketch, hr_buf *out);
/* Into an empty one. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_quantile_read(stream_quantile *sketch, hr_cursor *in);

#endif
