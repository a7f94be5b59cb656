/* stream/trend.h - a straight line through a stream of points, with its uncertainty: Bayesian
 * linear regression with unknown noise.
 *
 * y = level + slope * (x - origin) + noise, under a weak prior (slope and level anywhere within
 * 1e6 noise widths, noise of the order of `noise`). Points that come one after the other may miss
 * the line together: a battery is told in whole per cents, and is low on a cold night. Then many of
 * them tell no more than a few. How few is known by how little neighbours differ: of n points whose
 * distances from the line go with those of their neighbours by r (their correlation), so much is
 * left as of n (1 - r) / (1 + r) that know nothing of each other.
 *
 * Memory: 80 bytes. Error: the posterior itself. Its 95 % interval holds the truth 95 times in 100
 * where points know nothing of each other; more often where they are rounded; 87 times where they
 * swing for hours and are rounded beside. Numerically about 1e-9. A merge of parts that
 * follow each other is the whole, but for rounding. */
#ifndef STREAM_TREND_H
#define STREAM_TREND_H

#include <stdbool.h>

#include "base/buf.h"

typedef struct stream_trend {
    double noise; /* the prior's width of the noise */
    double count;
    double mean_x;
    double mean_y;
    double xx; /* sums of products of the distances from the means */
    double xy;
    double yy;
    double first_y;
    double last_y;
    double steps; /* sum of squared differences between one y and the next */
} stream_trend;

typedef struct stream_trend_line {
    double slope;
    double slope_error; /* one standard deviation */
    double at_x;        /* the mean of x, where the level is best known */
    double level;
    double level_error;
    double noise;
    double freedom; /* degrees of freedom of their Student distributions */
} stream_trend_line;

/* noise > 0. */
void stream_trend_init(stream_trend *trend, double noise);

/* x and y are finite. */
void stream_trend_add(stream_trend *trend, double x, double y);
/* What `from` saw came later. */
void stream_trend_merge(stream_trend *into, const stream_trend *from);

/* False with fewer than three points or all at one x. */
bool stream_trend_line_of(const stream_trend *trend, stream_trend_line *line);

/* Where the line meets y: *x, and the ends of its 95 % interval (infinite when the slope may be
 * zero). False when there is no line, or a level one. */
bool stream_trend_reach(const stream_trend *trend, double y, double *x, double *from, double *to);

void stream_trend_write(const stream_trend *trend, hr_buf *out);
/* HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_trend_read(stream_trend *trend, hr_cursor *in);

#endif
