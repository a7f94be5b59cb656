/* stream/stay.h - time spent inside: the sum of the stays between an enter and the next exit.
 *
 * Memory: 40 bytes. Error: none of its own; the uncertainties of the ends are added up (rounded up
 * to tenths of a second, at most 13 years), so that the truth lies within their sum. A stay of
 * which one end was not seen does not count. Parts merge in the order of time: then they are the
 * whole. */
#ifndef STREAM_STAY_H
#define STREAM_STAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

typedef struct stream_stay {
    int64_t since_ms; /* of the stay that goes on, if it does */
    int64_t ended_ms; /* of an exit that came before any enter, if one did */
    int64_t inside_ms;
    uint32_t uncertainty_s10; /* tenths of a second, rounded up */
    uint32_t ended_uncertainty_s10;
    uint32_t visits : 30;
    uint32_t is_inside : 1;
    uint32_t has_ended : 1;
} stream_stay;

/* All zeros is empty. Times are within 2^60 ms of 1970. */
void stream_stay_enter(stream_stay *stay, int64_t time_ms, uint32_t uncertainty_s10);
void stream_stay_exit(stream_stay *stay, int64_t time_ms, uint32_t uncertainty_s10);

/* What `from` saw came later. */
void stream_stay_merge(stream_stay *into, const stream_stay *from);

/* The stay that goes on counts until then; INT64_MIN: not at all. */
int64_t stream_stay_inside_ms(const stream_stay *stay, int64_t until_ms);

void stream_stay_write(const stream_stay *stay, hr_buf *out);
/* HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_stay_read(stream_stay *stay, hr_cursor *in);

#endif
