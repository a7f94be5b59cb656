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
    double total = into->count + from->count;
    if (from->count == 0) {
        return;
    }
    double dx = from->mean_x - into->mean_x;
    double dy = from->mean_y - into->mean_y;
    double weight = into->count * from->count / total;
    into->xx += from->xx + dx * dx * weight;
    into->xy += from->xy + dx * dy * weight;
    into->yy += from->yy + dy * dy * weight;
    into->mean_x += dx * from->count / total;
    into->mean_y += dy * from->count / total;
    into->count = total;
}

bool stream_trend_line_of(const stream_trend *trend, stream_trend_line *line)
{
    if (trend->count < 3 || !(trend->xx > 0)) {
        return false;
    }
    double precision = trend->xx + PRIOR_PRECISION;
    double slope = trend->xy / precision;
    double rest = trend->yy - slope * trend->xy;
    double freedom = PRIOR_POINTS + trend->count - 2;
    double variance =
        (PRIOR_POINTS * trend->noise * trend->noise + (rest > 0 ? rest : 0)) / freedom;
    *line = (stream_trend_line){.slope = slope,
                                .slope_error = sqrt(variance / precision),
                                .at_x = trend->mean_x,
                                .level = trend->mean_y,
                                .level_error = sqrt(variance / trend->count),
                                .noise = sqrt(variance),
                                .freedom = freedom};
    return true;
}

/* The 97.5 % point of Student's distribution: the expansion by Cornish and Fisher, within 0.5 %
 * from 3 degrees on; below, the table's values. */
static double student_975(double freedom)
{
    if (freedom < 1.5) {
        return 12.706;
    }
    if (freedom < 2.5) {
        return 4.303;
    }
    double z = 1.959964;
    double z3 = z * z * z;
    double z5 = z3 * z * z;
    double z7 = z5 * z * z;
    return z + (z3 + z) / (4 * freedom) + (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom * freedom) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * freedom * freedom * freedom);
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

void stream_trend_write(const stream_trend *trend, hr_buf *out)
{
    stream_put_double(out, trend->noise);
    stream_put_double(out, trend->count);
    stream_put_double(out, trend->mean_x);
    stream_put_double(out, trend->mean_y);
    stream_put_double(out, trend->xx);
    stream_put_double(out, trend->xy);
    stream_put_double(out, trend->yy);
}

hr_err stream_trend_read(stream_trend *trend, hr_cursor *in)
{
    stream_trend read;
    double *const values[] = {&read.noise, &read.count, &read.mean_x, &read.mean_y,
                              &read.xx,    &read.xy,    &read.yy};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        *values[i] = stream_get_double(in);
    }
    /* Sums of large enough numbers are not finite, and are kept as they are. */
    if (in->short_read || !(read.noise > 0) || !(read.count >= 0) || read.xx < 0 || read.yy < 0) {
        return HR_CORRUPT;
    }
    *trend = read;
    return HR_OK;
}
