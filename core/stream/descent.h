/* stream/descent.h - linear regression on several features by stochastic gradient descent, for
 * streams whose law changes.
 *
 * Normalised steps: each point corrects the prediction error by `rate`, whatever the features'
 * scale, so old points fade with about 1 / rate of new ones. Memory: 8 bytes for each feature, at
 * most 8. Error: around the truth, with a standard deviation of about sqrt(rate / (2 - rate)) of
 * the noise in its predictions. A merge is the mean, weighted by counts. */
#ifndef STREAM_DESCENT_H
#define STREAM_DESCENT_H

#include <stdint.h>

#include "base/buf.h"

#define STREAM_DESCENT_FEATURES_MAX 8

typedef struct stream_descent {
    uint32_t features; /* give a constant 1 as one of them for the level */
    double rate;       /* 0 < rate < 2 */
    double count;
    double weights[STREAM_DESCENT_FEATURES_MAX];
} stream_descent;

void stream_descent_init(stream_descent *descent, uint32_t features, double rate);
void stream_descent_add(stream_descent *descent, const double *x, double y);
double stream_descent_predict(const stream_descent *descent, const double *x);
/* HR_INVALID: of other features. */
HR_MUST_USE hr_err stream_descent_merge(stream_descent *into, const stream_descent *from);

void stream_descent_write(const stream_descent *descent, hr_buf *out);
/* Into an initialised one. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_descent_read(stream_descent *descent, hr_cursor *in);

#endif
