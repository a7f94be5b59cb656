/* stream/total.h - count, sum, least, most and mean of numbers.
 *
 * Memory: 40 bytes. Error: count, least and most are exact; the sum carries what rounding took
 * (Neumaier), so its error stays near one rounding however many numbers come. Whole numbers whose
 * sum stays below 2^53 are summed exactly, in any order and any parts. */
#ifndef STREAM_TOTAL_H
#define STREAM_TOTAL_H

#include <stdint.h>

#include "base/buf.h"

/* Plain data; all zeros is empty. */
typedef struct stream_total {
    uint64_t count;
    double sum;
    double rest; /* what the sum lost by rounding */
    double least;
    double most;
} stream_total;

/* Numbers that are not finite are the caller's to leave out. */
void stream_total_add(stream_total *total, double value);
void stream_total_merge(stream_total *into, const stream_total *from);

/* 0 when empty. */
double stream_total_sum(const stream_total *total);

void stream_total_write(const stream_total *total, hr_buf *out);
/* HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_total_read(stream_total *total, hr_cursor *in);

#endif
