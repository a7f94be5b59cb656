/* stream/trend.c - sufficient statistics of a line and their posterior. */
#include "stream/trend.h"

#include <math.h>

#include "stream/bytes.h"

/* The prior weighs as much as so many points (noise), and so little that it only keeps the first
 * answers finite (slope). */
#define PRIOR_POINTS 1.0
#define PRIOR_PRECISION 1e-12

void stream_trend_init(stream_trend *trend, double noise)
{
    *trend = (stream_trend){.noise = noise};
}

void stream_trend_add(stream_trend *trend, double x, double y)
{
    if (trend->count == 0) {
        trend->first_y = trend->last_y = y;
    }
    trend->steps += (y - trend->last_y) * (y - trend->last_y);
    trend->last_y = y;
    trend->count += 1;
    double dx = x - trend->mean_x;
    double dy = y - trend->mean_y;
    trend->mean_x += dx / trend->count;
    trend->mean_y += dy / trend->count;
    /* One old and one new distance: the update that does not lose digits. */
    trend->xx += dx * (x - trend->mean_x);
    trend->xy += dx * (y - trend->mean_y);
    trend->yy += dy * (y - trend->mean_y);
}

void stream_trend_merge(stream_trend *into, const stream_trend *from)
{
    if (from->count == 0 || into->count == 0) {
        *into = from->count == 0 ? *into : *from;
        return;
    }
    double total = into->count + from->count;
    double step = from->first_y - into->last_y;
    double dx = from->mean_x - into->mean_x;
    double dy = from->mean_y - into->mean_y;
    double weight = into->count * from->count / total;
    into->xx += from->xx + dx * dx * weight;
    into->xy += from->xy + dx * dy * weight;
    into->yy += from->yy + dy * dy * weight;
    into->mean_x += dx * from->count / total;
    into->mean_y += dy * from->count / total;
    into->count = total;
    into->steps += from->steps + step * step;
    into->last_y = from->last_y;
}

/* As how many points that know nothing of each other do these count? rest: the sum of their squared
 * distances from the line. Neighbours that do not know each other differ by twice its mean. */
static double worth_of(const stream_trend *trend, double rest)
{
    double apart = trend->steps / (trend->count - 1) / 2;
    double spread = rest / trend->count;
    double part = apart < spread ? apart / spread : 1;
    double worth = trend->count * part / (2 - part);
    return worth > 1 ? worth : 1;
}

bool stream_trend_line_of(const stream_trend *trend, stream_trend_line *line)
{
    if (trend->count < 3 || !(trend->xx > 0)) {
        return false;
    }
    double precision = trend->xx + PRIOR_PRECISION;
    double slope = trend->xy / precision;
    double left = trend->yy - slope * trend->xy;
    double rest = left > 0 ? left : 0;
    double worth = worth_of(trend, rest);
    double part = worth / trend->count;
    double freedom = PRIOR_POINTS + (worth > 2 ? worth - 2 : 0);
    double variance = (PRIOR_POINTS * trend->noise * trend->noise + rest * part) / freedom;
    *line = (stream_trend_line){.slope = slope,
                                .slope_error = sqrt(variance / (precision * part)),
                                .at_x = trend->mean_x,
                                .level = trend->mean_y,
                                .level_error = sqrt(variance / worth),
                                .noise = sqrt(variance),
                                .freedom = freedom};
    return true;
}

/* The 97.5 % point of Student's distribution from 1 degree of freedom on, whole or not: a curve
 * through its logarithm, within 0.1 %. */
static double student_975(double freedom)
{
    double w = 1 / freedom;
    return 1.959964 * exp(w * (1.1894 + w * (0.8561 - w * 0.1756)));
}

bool stream_trend_reach(const stream_trend *trend, double y, double *x, double *from, double *to)
{
    stream_trend_line line;
    if (!stream_trend_line_of(trend, &line) || line.slope == 0) {
        return false;
    }
    /* Fieller: all x at which the line may be y, a quadratic inequality in x - at_x. */
    double t = student_975(line.freedom);
    double gap = y - line.level;
    double a = line.slope * line.slope - t * t * line.slope_error * line.slope_error;
    double b = line.slope * gap;
    double c = gap * gap - t * t * line.level_error * line.level_error;
    double inside = b * b - a * c;
    *x = line.at_x + gap / line.slope;
    if (a <= 0 || inside < 0) {
        *from = -INFINITY;
        *to = INFINITY;
        return true;
    }
    *from = line.at_x + (b - sqrt(inside)) / a;
    *to = line.at_x + (b + sqrt(inside)) / a;
    return true;
}

/* The noise is positive. Its sign says that there are steps: there were none in the stored form of
 * the version before. */
void stream_trend_write(const stream_trend *trend, hr_buf *out)
{
    stream_put_double(out, -trend->noise);
    stream_put_double(out, trend->count);
    stream_put_double(out, trend->mean_x);
    stream_put_double(out, trend->mean_y);
    stream_put_double(out, trend->xx);
    stream_put_double(out, trend->xy);
    stream_put_double(out, trend->yy);
    stream_put_double(out, trend->first_y);
    stream_put_double(out, trend->last_y);
    stream_put_double(out, trend->steps);
}

hr_err stream_trend_read(stream_trend *trend, hr_cursor *in)
{
    stream_trend read;
    double *const values[] = {&read.noise, &read.count, &read.mean_x, &read.mean_y,
                              &read.xx,    &read.xy,    &read.yy};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        *values[i] = stream_get_double(in);
    }
    if (read.noise > 0) {
        /* As if those points had known nothing of each other, which was said of them then. */
        read.first_y = read.last_y = read.mean_y;
        read.steps = 2 * read.yy;
    } else {
        read.noise = -read.noise;
        read.first_y = stream_get_double(in);
        read.last_y = stream_get_double(in);
        read.steps = stream_get_double(in);
    }
    /* Sums of large enough numbers are not finite, and are kept as they are. */
    if (in->short_read || !(read.noise > 0) || !(read.count >= 0) || read.xx < 0 || read.yy < 0 ||
        read.steps < 0) {
        return HR_CORRUPT;
    }
    *trend = read;
    return HR_OK;
}
