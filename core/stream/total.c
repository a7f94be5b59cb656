/* stream/total.c - a compensated sum with its companions. */
#include "stream/total.h"

#include <math.h>

#include "stream/bytes.h"

static void add_to_sum(stream_total *total, double value)
{
    double sum = total->sum + value;
    /* Whichever is larger lost nothing; the difference is what the smaller one lost. */
    total->rest +=
        fabs(total->sum) >= fabs(value) ? (total->sum - sum) + value : (value - sum) + total->sum;
    total->sum = sum;
}

void stream_total_add(stream_total *total, double value)
{
    if (total->count == 0 || value < total->least) {
        total->least = value;
    }
    if (total->count == 0 || value > total->most) {
        total->most = value;
    }
    total->count++;
    add_to_sum(total, value);
}

void stream_total_merge(stream_total *into, const stream_total *from)
{
    if (from->count == 0) {
        return;
    }
    if (into->count == 0 || from->least < into->least) {
        into->least = from->least;
    }
    if (into->count == 0 || from->most > into->most) {
        into->most = from->most;
    }
    into->count += from->count;
    add_to_sum(into, from->sum);
    into->rest += from->rest;
}

double stream_total_sum(const stream_total *total)
{
    double sum = total->sum + total->rest;
    /* An overflow makes the rest NaN; the sum still says infinity. */
    return isnan(sum) ? total->sum : sum;
}

void stream_total_write(const stream_total *total, hr_buf *out)
{
    hr_buf_put_u64(out, total->count);
    stream_put_double(out, total->sum);
    stream_put_double(out, total->rest);
    stream_put_double(out, total->least);
    stream_put_double(out, total->most);
}

hr_err stream_total_read(stream_total *total, hr_cursor *in)
{
    stream_total read;
    read.count = hr_cursor_u64(in);
    read.sum = stream_get_double(in);
    read.rest = stream_get_double(in);
    read.least = stream_get_double(in);
    read.most = stream_get_double(in);
    if (in->short_read || !(read.least <= read.most)) {
        return HR_CORRUPT;
    }
    *total = read;
    return HR_OK;
}
