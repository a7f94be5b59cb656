/* base/metrics.c - the registry. */
#include "base/metrics.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum metric_kind {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
} metric_kind;

typedef struct metric {
    metric_kind kind;
    const char *name;
    const char *help;
    char labels[HR_METRIC_LABELS_MAX];
    double scale; /* histograms only */
    void *value;  /* hr_counter, hr_gauge or hr_histogram; owned */
} metric;

struct hr_metrics {
    pthread_mutex_t lock;
    unsigned count;                 /* protected by lock */
    metric entries[HR_METRICS_MAX]; /* protected by lock; a value's address never changes */
};

/* What callers get when there is no room: counting goes on, nobody sees it. */
static hr_counter spare_counter;
static hr_gauge spare_gauge;
static hr_histogram spare_histogram;

hr_metrics *hr_metrics_new(void)
{
    hr_metrics *metrics = calloc(1, sizeof *metrics);
    if (metrics != NULL) {
        pthread_mutex_init(&metrics->lock, NULL);
    }
    return metrics;
}

void hr_metrics_free(hr_metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    for (unsigned i = 0; i < metrics->count; i++) {
        free(metrics->entries[i].value);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static metric *find(hr_metrics *metrics, metric_kind kind, const char *name, const char *labels)
{
    for (unsigned i = 0; i < metrics->count; i++) {
        metric *entry = &metrics->entries[i];
        if (entry->kind == kind && strcmp(entry->name, name) == 0 &&
            strcmp(entry->labels, labels) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* The value of a metric, made if need be; NULL when there is no room. */
static void *find_or_make(hr_metrics *metrics, metric made, const char *labels, size_t value_size)
{
    pthread_mutex_lock(&metrics->lock);
    metric *entry = find(metrics, made.kind, made.name, labels);
    if (entry == NULL && metrics->count < HR_METRICS_MAX && strlen(labels) < HR_METRIC_LABELS_MAX) {
        made.value = calloc(1, value_size);
        if (made.value != NULL) {
            entry = &metrics->entries[metrics->count++];
            *entry = made;
            snprintf(entry->labels, sizeof entry->labels, "%s", labels);
        }
    }
    void *value = entry != NULL ? entry->value : NULL;
    pthread_mutex_unlock(&metrics->lock);
    return value;
}

hr_counter *hr_metrics_counter(hr_metrics *metrics, const char *name, const char *labels,
                               const char *help)
{
    metric made = {.kind = METRIC_COUNTER, .name = name, .help = help};
    hr_counter *value = find_or_make(metrics, made, labels, sizeof *value);
    return value != NULL ? value : &spare_counter;
}

hr_gauge *hr_metrics_gauge(hr_metrics *metrics, const char *name, const char *labels,
                           const char *help)
{
    metric made = {.kind = METRIC_GAUGE, .name = name, .help = help};
    hr_gauge *value = find_or_make(metrics, made, labels, sizeof *value);
    return value != NULL ? value : &spare_gauge;
}

hr_histogram *hr_metrics_histogram(hr_metrics *metrics, const char *name, const char *labels,
                                   const char *help, double scale)
{
    metric made = {.kind = METRIC_HISTOGRAM, .name = name, .help = help, .scale = scale};
    hr_histogram *value = find_or_make(metrics, made, labels, sizeof *value);
    return value != NULL ? value : &spare_histogram;
}

/* Values below STEPS have a bucket each; above, the top 5 bits choose it. */
static unsigned bucket_of(uint64_t value)
{
    if (value < HR_HISTOGRAM_STEPS) {
        return (unsigned)value;
    }
    unsigned octave = 63u - (unsigned)__builtin_clzll(value) - 4u;
    return (octave + 1) * HR_HISTOGRAM_STEPS + (unsigned)(value >> octave) - HR_HISTOGRAM_STEPS;
}

static double bucket_middle(unsigned bucket)
{
    if (bucket < HR_HISTOGRAM_STEPS) {
        return bucket;
    }
    unsigned octave = bucket / HR_HISTOGRAM_STEPS - 1;
    uint64_t step = bucket % HR_HISTOGRAM_STEPS + HR_HISTOGRAM_STEPS;
    double width = (double)(1ull << octave);
    return (double)step * width + (width - 1) / 2;
}

void hr_histogram_record(hr_histogram *histogram, uint64_t value)
{
    atomic_fetch_add_explicit(&histogram->buckets[bucket_of(value)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->count, 1, memory_order_relaxed);
}

double hr_histogram_quantile(const hr_histogram *histogram, double part)
{
    /* The buckets are summed rather than trusting count, which another thread may be ahead with. */
    uint64_t total = 0;
    for (unsigned i = 0; i < HR_HISTOGRAM_BUCKETS; i++) {
        total += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
    }
    if (total == 0) {
        return 0;
    }
    double wanted = part * (double)total;
    uint64_t seen = 0;
    unsigned last = 0;
    for (unsigned i = 0; i < HR_HISTOGRAM_BUCKETS; i++) {
        uint64_t here = atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        if (here == 0) {
            continue;
        }
        seen += here;
        last = i;
        if ((double)seen >= wanted) {
            break;
        }
    }
    return bucket_middle(last);
}

static void write_sample(hr_buf *out, const metric *entry, const char *suffix, const char *extra,
                         double value)
{
    bool has_labels = entry->labels[0] != '\0';
    bool has_extra = extra[0] != '\0';
    hr_buf_printf(out, "%s%s", entry->name, suffix);
    if (has_labels || has_extra) {
        hr_buf_printf(out, "{%s%s%s}", entry->labels, has_labels && has_extra ? "," : "", extra);
    }
    hr_buf_printf(out, " %.17g\n", value);
}

static void write_histogram(hr_buf *out, const metric *entry)
{
    static const char *const parts[] = {"0.5", "0.9", "0.99", "0.999"};
    static const double part_values[] = {0.5, 0.9, 0.99, 0.999};
    const hr_histogram *histogram = entry->value;
    for (unsigned i = 0; i < 4; i++) {
        char extra[32];
        snprintf(extra, sizeof extra, "quantile=\"%s\"", parts[i]);
        write_sample(out, entry, "", extra,
                     hr_histogram_quantile(histogram, part_values[i]) * entry->scale);
    }
    write_sample(out, entry, "_sum", "", (double)atomic_load(&histogram->sum) * entry->scale);
    write_sample(out, entry, "_count", "", (double)atomic_load(&histogram->count));
}

static void write_metric(hr_buf *out, const metric *entry)
{
    switch (entry->kind) {
    case METRIC_COUNTER:
        write_sample(out, entry, "", "", (double)hr_counter_value(entry->value));
        break;
    case METRIC_GAUGE:
        write_sample(out, entry, "", "", (double)hr_gauge_value(entry->value));
        break;
    case METRIC_HISTOGRAM:
        write_histogram(out, entry);
        break;
    }
}

void hr_metrics_write(hr_metrics *metrics, hr_buf *out)
{
    static const char *const kind_names[] = {"counter", "gauge", "summary"};
    pthread_mutex_lock(&metrics->lock);
    for (unsigned i = 0; i < metrics->count; i++) {
        const metric *first = &metrics->entries[i];
        bool is_written = false;
        for (unsigned j = 0; j < i && !is_written; j++) {
            is_written = strcmp(metrics->entries[j].name, first->name) == 0;
        }
        if (is_written) {
            continue;
        }
        hr_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", first->name, first->help, first->name,
                      kind_names[first->kind]);
        for (unsigned j = i; j < metrics->count; j++) {
            if (strcmp(metrics->entries[j].name, first->name) == 0) {
                write_metric(out, &metrics->entries[j]);
            }
        }
    }
    pthread_mutex_unlock(&metrics->lock);
}
