/* stream/descent.c - the normalised least-mean-squares step. */
#include "stream/descent.h"

#include <math.h>

#include "stream/bytes.h"

void stream_descent_init(stream_descent *descent, uint32_t features, double rate)
{
    *descent = (stream_descent){.features = features, .rate = rate};
}

double stream_descent_predict(const stream_descent *descent, const double *x)
{
    double sum = 0;
    for (uint32_t i = 0; i < descent->features; i++) {
        sum += descent->weights[i] * x[i];
    }
    return sum;
}

void stream_descent_add(stream_descent *descent, const double *x, double y)
{
    double error = y - stream_descent_predict(descent, x);
    double size = 0;
    for (uint32_t i = 0; i < descent->features; i++) {
        size += x[i] * x[i];
    }
    descent->count += 1;
    for (uint32_t i = 0; size > 0 && i < descent->features; i++) {
        descent->weights[i] += descent->rate * error * x[i] / size;
    }
}

hr_err stream_descent_merge(stream_descent *into, const stream_descent *from)
{
    if (into->features != from->features) {
        return HR_INVALID;
    }
    double total = into->count + from->count;
    for (uint32_t i = 0; total > 0 && i < into->features; i++) {
        into->weights[i] += (from->weights[i] - into->weights[i]) * from->count / total;
    }
    into->count = total;
    return HR_OK;
}

void stream_descent_write(const stream_descent *descent, hr_buf *out)
{
    hr_buf_put_u8(out, (uint8_t)descent->features);
    stream_put_double(out, descent->count);
    for (uint32_t i = 0; i < descent->features; i++) {
        stream_put_double(out, descent->weights[i]);
    }
}

hr_err stream_descent_read(stream_descent *descent, hr_cursor *in)
{
    if (hr_cursor_u8(in) != descent->features) {
        return HR_CORRUPT;
    }
    descent->count = stream_get_double(in);
    for (uint32_t i = 0; i < descent->features; i++) {
        /* Not finite after large enough numbers, and then kept as it is. */
        descent->weights[i] = stream_get_double(in);
    }
    return in->short_read || !(descent->count >= 0) ? HR_CORRUPT : HR_OK;
}
