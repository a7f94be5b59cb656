/* base/metrics.h - counters, gauges and histograms, and their Prometheus text. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"

#define HR_METRICS_MAX 1024
#define HR_METRIC_LABELS_MAX 128

/* Holds every metric of a process. Threads: registering and writing take its lock; counting does
 * not. Metrics live as long as the registry. */
typedef struct hr_metrics hr_metrics;

typedef struct hr_counter {
    _Atomic uint64_t value;
} hr_counter;

typedef struct hr_gauge {
    _Atomic int64_t value;
} hr_gauge;

/* Log-linear buckets, 16 to an octave: a quantile is at most 1/32 off, whatever the range. */
#define HR_HISTOGRAM_STEPS 16
#define HR_HISTOGRAM_BUCKETS (HR_HISTOGRAM_STEPS * 61)

typedef struct hr_histogram {
    _Atomic uint64_t count;
    _Atomic uint64_t sum;
    _Atomic uint64_t buckets[HR_HISTOGRAM_BUCKETS];
} hr_histogram;

/* NULL when memory is short. */
hr_metrics *hr_metrics_new(void);
void hr_metrics_free(hr_metrics *metrics);

/* Find or make. name and help are static; labels is "" or like `reason="late"` and is copied.
 * Never NULL: beyond HR_METRICS_MAX, or without memory, a shared metric that is not shown. */
hr_counter *hr_metrics_counter(hr_metrics *metrics, const char *name, const char *labels,
                               const char *help);
hr_gauge *hr_metrics_gauge(hr_metrics *metrics, const char *name, const char *labels,
                           const char *help);

/* Values are counted in whole units and shown multiplied by scale (1e-9: counted in ns, shown in
 * seconds). */
hr_histogram *hr_metrics_histogram(hr_metrics *metrics, const char *name, const char *labels,
                                   const char *help, double scale);

static inline void hr_counter_add(hr_counter *counter, uint64_t by)
{
    atomic_fetch_add_explicit(&counter->value, by, memory_order_relaxed);
}

static inline uint64_t hr_counter_value(const hr_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

static inline void hr_gauge_set(hr_gauge *gauge, int64_t value)
{
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

static inline int64_t hr_gauge_value(const hr_gauge *gauge)
{
    return atomic_load_explicit(&gauge->value, memory_order_relaxed);
}

void hr_histogram_record(hr_histogram *histogram, uint64_t value);

/* The value below which a part (0..1) of the records lies; 0 when there are none. */
double hr_histogram_quantile(const hr_histogram *histogram, double part);

/* Everything, as Prometheus text format 0.0.4, metrics of one name together. */
void hr_metrics_write(hr_metrics *metrics, hr_buf *out);

#endif
