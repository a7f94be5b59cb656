/* oracle_trend.c - the posterior of stream/trend.h in two passes of long double. */
#include "oracle_trend.h"

#include <math.h>
#include <stdio.h>

#include "oracle_json.h"

/* The published prior: slopes within 1e6 widths of the noise, which weighs as much as one point. */
#define PRIOR_PRECISION 1e-12L
#define PRIOR_POINTS 1.0L
#define POINTS_MIN 3

/* Times in days since 1970 are doubles of 4e-12 days: between fixes that are seconds apart that
 * is one part in a million of a slope, or less than this of what the slope may be off anyway. */
#define NEAR 1e-6
#define NEAR_OF_ERROR 1e-4
#define AT_ERROR 1e-8 /* days: a millisecond */

#define COVERAGE 0.95
#define COVERAGE_ERROR 0.002 /* the curve that stands for Student's table is 0.1 % off */
#define STEPS 2000           /* of the integral; even */
#define T_MAX 50.0           /* beyond lies nothing that counts */

typedef struct line {
    double slope, slope_error, at, level, level_error, noise, freedom;
} line;

static bool fit(const double *x, const double *y, size_t count, double noise, line *out)
{
    long double mean_x = 0, mean_y = 0, xx = 0, xy = 0, rest = 0, steps = 0;
    for (size_t i = 0; i < count; i++) {
        mean_x += x[i];
        mean_y += y[i];
    }
    mean_x /= (long double)(count > 0 ? count : 1);
    mean_y /= (long double)(count > 0 ? count : 1);
    for (size_t i = 0; i < count; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    if (count < POINTS_MIN || xx == 0) {
        return false;
    }
    long double slope = xy / (xx + PRIOR_PRECISION);
    for (size_t i = 0; i < count; i++) {
        /* Of the prior's line, what is left is (y - slope x) y, summed. */
        rest += (y[i] - mean_y) * ((y[i] - mean_y) - slope * (x[i] - mean_x));
        steps += i > 0 ? (long double)(y[i] - y[i - 1]) * (y[i] - y[i - 1]) : 0;
    }
    rest = rest > 0 ? rest : 0;
    /* The published worth of points that know of each other: n (1 - r) / (1 + r). */
    long double n = (long double)count;
    long double apart = steps / (n - 1) / 2;
    long double r = apart < rest / n ? 1 - apart / (rest / n) : 0;
    long double worth = n * (1 - r) / (1 + r);
    worth = worth > 1 ? worth : 1;
    rest *= worth / n;
    xx *= worth / n;
    long double freedom = PRIOR_POINTS + (worth > 2 ? worth - 2 : 0);
    long double variance = (PRIOR_POINTS * noise * noise + rest) / freedom;
    *out = (line){.slope = (double)slope,
                  .slope_error = (double)sqrtl(variance / (xx + PRIOR_PRECISION)),
                  .at = (double)mean_x,
                  .level = (double)mean_y,
                  .level_error = (double)sqrtl(variance / worth),
                  .noise = (double)sqrtl(variance),
                  .freedom = (double)freedom};
    return true;
}

/* How much of Student's distribution lies within -t .. t: Simpson's rule. */
static double coverage_of(double t, double freedom)
{
    double height = exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2)) /
                    sqrt(freedom * 3.14159265358979323846);
    double sum = 0;
    t = t < T_MAX ? t : T_MAX;
    for (int i = 0; i <= STEPS; i++) {
        double at = t * i / STEPS;
        double weight = i == 0 || i == STEPS ? 1 : i % 2 == 1 ? 4 : 2;
        sum += weight * pow(1 + at * at / freedom, -(freedom + 1) / 2);
    }
    return 2 * height * sum * t / STEPS / 3;
}

static bool is_near(const cJSON *said, const char *key, double wanted, double error, char *what,
                    size_t what_size)
{
    double value = oracle_json_number(said, key);
    bool is_right = fabs(value - wanted) <= error;
    if (!is_right) {
        snprintf(what, what_size, "%s is %.12g, the fixes say %.12g", key, value, wanted);
    }
    return is_right;
}

/* The line may be zero where it is as far from zero as 95 in 100 of its errors are. */
static bool is_end(const cJSON *said, const line *l, const char *key, char *what, size_t what_size)
{
    double x = oracle_json_number(said, key) - l->at;
    double t = fabs(l->level + l->slope * x) / hypot(l->level_error, l->slope_error * x);
    double coverage = coverage_of(t, l->freedom);
    bool is_right = fabs(coverage - COVERAGE) <= COVERAGE_ERROR;
    if (!is_right) {
        snprintf(what, what_size, "up to its %s lie %.4f of all lines, not 0.95", key, coverage);
    }
    return is_right;
}

/* Where a slope may be zero, the line may be zero anywhere; JSON has no infinity. */
static bool is_reach_right(const cJSON *said, const line *l, char *what, size_t what_size)
{
    double reach = l->level / l->slope;
    double zero = l->at - reach;
    double error =
        AT_ERROR + fabs(reach) * (NEAR + NEAR_OF_ERROR * l->slope_error / fabs(l->slope));
    double slope_coverage = coverage_of(fabs(l->slope) / l->slope_error, l->freedom);
    bool has_ends = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(said, "zero_from")) ||
                    cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(said, "zero_to"));
    if (fabs(zero) < 1e12 && !is_near(said, "zero", zero, error, what, what_size)) {
        return false;
    }
    if (fabs(slope_coverage - COVERAGE) <= COVERAGE_ERROR || !isfinite(zero)) {
        return true; /* too close to say whether there are ends */
    }
    if (has_ends != (slope_coverage > COVERAGE)) {
        snprintf(what, what_size, "its interval has %s ends", has_ends ? "" : "no");
        return false;
    }
    return !has_ends || (is_end(said, l, "zero_from", what, what_size) &&
                         is_end(said, l, "zero_to", what, what_size));
}

bool oracle_trend_is_right(const cJSON *said, const double *x, const double *y, size_t count,
                           double noise, char *what, size_t what_size)
{
    line l;
    bool has_line = fit(x, y, count, noise, &l);
    if (has_line != cJSON_IsObject(said)) {
        snprintf(what, what_size, "a line through %zu fixes where there is %s", count,
                 has_line ? "one to be told" : "none");
        return false;
    }
    return !has_line ||
           (is_near(said, "slope", l.slope, NEAR * fabs(l.slope) + NEAR_OF_ERROR * l.slope_error,
                    what, what_size) &&
            is_near(said, "slope_error", l.slope_error, NEAR * l.slope_error, what, what_size) &&
            is_near(said, "at", l.at, AT_ERROR, what, what_size) &&
            is_near(said, "level", l.level, NEAR, what, what_size) &&
            is_near(said, "level_error", l.level_error, NEAR * l.level_error, what, what_size) &&
            is_near(said, "noise", l.noise, NEAR * l.noise, what, what_size) &&
            is_reach_right(said, &l, what, what_size));
}
