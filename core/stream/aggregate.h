/* stream/aggregate.h - one aggregate of a query: which one, its arguments, its state. */
#ifndef STREAM_AGGREGATE_H
#define STREAM_AGGREGATE_H

#include "base/json.h"
#include "stream/clusters.h"
#include "stream/descent.h"
#include "stream/distinct.h"
#include "stream/frequency.h"
#include "stream/moment.h"
#include "stream/quantile.h"
#include "stream/sample.h"
#include "stream/stay.h"
#include "stream/topk.h"
#include "stream/total.h"
#include "stream/trend.h"
#include "stream/value.h"

#define STREAM_ARGUMENTS_MAX 3 /* expressions; constants come after them */

/* name, how many expressions it takes, its constant: default, least, most (0,0,0: none) */
#define STREAM_AGGREGATE_LIST(X)                                                                   \
    X(STREAM_COUNT, "count", 0, 0, 0, 0)                                                           \
    X(STREAM_SUM, "sum", 1, 0, 0, 0)                                                               \
    X(STREAM_MIN, "min", 1, 0, 0, 0)                                                               \
    X(STREAM_MAX, "max", 1, 0, 0, 0)                                                               \
    X(STREAM_MEAN, "mean", 1, 0, 0, 0)                                                             \
    X(STREAM_DISTINCT, "distinct", 1, 0, 0, 0)                                                     \
    X(STREAM_TOPK, "topk", 1, 10, 1, STREAM_TOPK_ENTRIES)                                          \
    X(STREAM_FREQUENCY, "frequency", 2, 0, 0, 0)                                                   \
    X(STREAM_QUANTILE, "quantile", 1, 0.5, 0, 1)                                                   \
    X(STREAM_SAMPLE, "sample", 1, 10, 1, STREAM_SAMPLE_MAX)                                        \
    X(STREAM_MOMENT, "moment", 1, 0, 0, 0)                                                         \
    X(STREAM_CLUSTERS, "clusters", 2, 4, 1, STREAM_CLUSTERS_MAX)                                   \
    X(STREAM_TREND, "trend", 2, 1, 1e-6, 1e6)                                                      \
    X(STREAM_STAY, "stay", 3, 0, 0, 0)                                                             \
    X(STREAM_DESCENT, "descent", 2, 0.05, 0.001, 1)

#define STREAM_AGGREGATE_ENUM(value, name, arguments, constant, least, most) value,
typedef enum stream_aggregate_kind {
    STREAM_AGGREGATE_LIST(STREAM_AGGREGATE_ENUM) STREAM_AGGREGATE_KINDS
} stream_aggregate_kind;
#undef STREAM_AGGREGATE_ENUM

typedef struct stream_aggregate_law {
    const char *name;
    uint32_t arguments;
    double constant;
    double least;
    double most;
} stream_aggregate_law;

/* Static. */
const stream_aggregate_law *stream_aggregate_law_of(stream_aggregate_kind kind);
/* HR_NOT_FOUND: no such aggregate. */
HR_MUST_USE hr_err stream_aggregate_parse(const char *name, size_t size,
                                          stream_aggregate_kind *kind);

typedef struct stream_aggregate {
    stream_aggregate_kind kind;
    double constant;
    uint64_t seed; /* of the query; equal for all its parts */
} stream_aggregate;

/* trend(y, x, noise), descent(y, x, rate): a line through points, the latter forgetting old ones.
 * stay(what, time, uncertainty_s): what is 'enter' or 'exit', time is in ms; all else is left out.
 * frequency(x, this): how often x was `this`, which is the last one that was given. */
typedef struct stream_watched {
    stream_frequency counts;
    uint64_t hash;
} stream_watched;

typedef union stream_state {
    uint64_t count;
    stream_total total;
    stream_distinct distinct;
    stream_topk topk;
    stream_watched watched;
    stream_quantile quantile;
    stream_sample sample;
    stream_moment moment;
    stream_clusters *clusters; /* the largest by far, so apart */
    stream_trend trend;
    stream_stay stay;
    stream_descent descent;
} stream_state;

/* part_seed differs between parts that will be merged. */
HR_MUST_USE hr_err stream_state_init(const stream_aggregate *aggregate, uint64_t part_seed,
                                     stream_state *state);
void stream_state_fini(const stream_aggregate *aggregate, stream_state *state);

/* Nulls, and texts where numbers are meant, are left out. HR_NO_MEMORY. */
HR_MUST_USE hr_err stream_state_add(const stream_aggregate *aggregate, stream_state *state,
                                    const stream_value *arguments);
HR_MUST_USE hr_err stream_state_merge(const stream_aggregate *aggregate, stream_state *into,
                                      const stream_state *from);

/* So much event time has passed in a total that no window ends: where herds are is asked of the
 * last days. */
void stream_state_fade(const stream_aggregate *aggregate, stream_state *state, int64_t passed_ms);

/* What a state of that kind takes of the union: never copy or clear more than that. */
size_t stream_state_size(stream_aggregate_kind kind);

/* Beside that. */
size_t stream_state_bytes(const stream_aggregate *aggregate, const stream_state *state);

/* The answer as a JSON value. until_ms: what goes on has lasted until then; INT64_MIN: not known.
 */
void stream_state_tell(const stream_aggregate *aggregate, const stream_state *state,
                       int64_t until_ms, hr_json *json);

void stream_state_write(const stream_aggregate *aggregate, const stream_state *state, hr_buf *out);
/* Into an initialised one. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_state_read(const stream_aggregate *aggregate, stream_state *state,
                                     hr_cursor *in);

#endif
