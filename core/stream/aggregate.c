/* stream/aggregate.c - which sketch is behind which name. */
#include "stream/aggregate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLUSTERS_STEP 512  /* points: so that centres move also where no pane ends */
#define DESCENT_FEATURES 2 /* 1 and x */
#define STAY_TIME_MS_MAX 1e15
#define STAY_UNCERTAINTY_S_MAX 4e8
#define CLUSTERS_HALF_MS 86400000.0 /* of what is older, half is left */

static const stream_aggregate_law laws[] = {
#define STREAM_AGGREGATE_LAW(value, name, arguments, constant, least, most)                        \
    {name, arguments, constant, least, most},
    STREAM_AGGREGATE_LIST(STREAM_AGGREGATE_LAW)
#undef STREAM_AGGREGATE_LAW
};

const stream_aggregate_law *stream_aggregate_law_of(stream_aggregate_kind kind)
{
    return &laws[kind];
}

hr_err stream_aggregate_parse(const char *name, size_t size, stream_aggregate_kind *kind)
{
    for (int i = 0; i < STREAM_AGGREGATE_KINDS; i++) {
        if (strlen(laws[i].name) == size && memcmp(laws[i].name, name, size) == 0) {
            *kind = (stream_aggregate_kind)i;
            return HR_OK;
        }
    }
    return HR_NOT_FOUND;
}

hr_err stream_state_init(const stream_aggregate *aggregate, uint64_t part_seed, stream_state *state)
{
    memset(state, 0, stream_state_size(aggregate->kind));
    switch (aggregate->kind) {
    case STREAM_FREQUENCY:
        stream_frequency_init(&state->watched.counts, aggregate->seed);
        break;
    case STREAM_MOMENT:
        stream_moment_init(&state->moment, aggregate->seed);
        break;
    case STREAM_SAMPLE:
        stream_sample_init(&state->sample, (uint32_t)aggregate->constant, part_seed);
        break;
    case STREAM_CLUSTERS:
        state->clusters = malloc(sizeof *state->clusters);
        if (state->clusters == NULL) {
            return HR_NO_MEMORY;
        }
        stream_clusters_init(state->clusters, (uint32_t)aggregate->constant, part_seed);
        break;
    case STREAM_TREND:
        stream_trend_init(&state->trend, aggregate->constant);
        break;
    case STREAM_DESCENT:
        stream_descent_init(&state->descent, DESCENT_FEATURES, aggregate->constant);
        break;
    default:
        break;
    }
    return HR_OK;
}

void stream_state_fini(const stream_aggregate *aggregate, stream_state *state)
{
    switch (aggregate->kind) {
    case STREAM_DISTINCT:
        stream_distinct_fini(&state->distinct);
        break;
    case STREAM_TOPK:
        stream_topk_fini(&state->topk);
        break;
    case STREAM_FREQUENCY:
        stream_frequency_fini(&state->watched.counts);
        break;
    case STREAM_QUANTILE:
        stream_quantile_fini(&state->quantile);
        break;
    case STREAM_SAMPLE:
        stream_sample_fini(&state->sample);
        break;
    case STREAM_MOMENT:
        stream_moment_fini(&state->moment);
        break;
    case STREAM_CLUSTERS:
        free(state->clusters);
        state->clusters = NULL;
        break;
    default:
        break;
    }
}

static hr_err add_numbers(const stream_aggregate *aggregate, stream_state *state,
                          const stream_value *arguments)
{
    double first;
    double second = 0;
    bool wants_two = laws[aggregate->kind].arguments > 1;
    if (!stream_value_number(&arguments[0], &first) ||
        (wants_two && !stream_value_number(&arguments[1], &second))) {
        return HR_OK;
    }
    switch (aggregate->kind) {
    case STREAM_QUANTILE:
        return stream_quantile_add(&state->quantile, first);
    case STREAM_CLUSTERS:
        stream_clusters_add(state->clusters, first, second);
        if (stream_clusters_gathered(state->clusters) >= CLUSTERS_STEP) {
            stream_clusters_step(state->clusters, 1);
        }
        return HR_OK;
    case STREAM_TREND:
        /* trend(y, x): what is told first is what is told about. */
        stream_trend_add(&state->trend, second, first);
        return HR_OK;
    case STREAM_DESCENT:
        stream_descent_add(&state->descent, (double[DESCENT_FEATURES]){1, second}, first);
        return HR_OK;
    default:
        stream_total_add(&state->total, first);
        return HR_OK;
    }
}

static bool is_text(const stream_value *value, const char *text)
{
    return value->type == STREAM_TEXT && value->size == strlen(text) &&
           memcmp(value->text, text, value->size) == 0;
}

static void add_stay(stream_stay *stay, const stream_value *arguments)
{
    double time_ms;
    double uncertainty_s;
    if (!stream_value_number(&arguments[1], &time_ms) || !(fabs(time_ms) < STAY_TIME_MS_MAX)) {
        return;
    }
    if (!stream_value_number(&arguments[2], &uncertainty_s) ||
        !(uncertainty_s >= 0 && uncertainty_s < STAY_UNCERTAINTY_S_MAX)) {
        uncertainty_s = 0;
    }
    uint32_t s10 = (uint32_t)ceil(uncertainty_s * 10);
    if (is_text(&arguments[0], "enter")) {
        stream_stay_enter(stay, (int64_t)time_ms, s10);
    } else if (is_text(&arguments[0], "exit")) {
        stream_stay_exit(stay, (int64_t)time_ms, s10);
    }
}

hr_err stream_state_add(const stream_aggregate *aggregate, stream_state *state,
                        const stream_value *arguments)
{
    char buffer[32];
    const char *text;
    size_t size;
    if (aggregate->kind == STREAM_COUNT) {
        state->count++;
        return HR_OK;
    }
    if (arguments[0].type == STREAM_NULL) {
        return HR_OK;
    }
    switch (aggregate->kind) {
    case STREAM_DISTINCT:
        return stream_distinct_add(&state->distinct, stream_value_hash(&arguments[0]));
    case STREAM_TOPK:
        size = stream_value_text(&arguments[0], buffer, &text);
        return stream_topk_add(&state->topk, text, size);
    case STREAM_FREQUENCY:
        state->watched.hash = stream_value_hash(&arguments[1]);
        return stream_frequency_add(&state->watched.counts, stream_value_hash(&arguments[0]), 1);
    case STREAM_SAMPLE:
        size = stream_value_text(&arguments[0], buffer, &text);
        return stream_sample_add(&state->sample, text, size);
    case STREAM_MOMENT:
        return stream_moment_add(&state->moment, stream_value_hash(&arguments[0]));
    case STREAM_STAY:
        add_stay(&state->stay, arguments);
        return HR_OK;
    default:
        return add_numbers(aggregate, state, arguments);
    }
}

hr_err stream_state_merge(const stream_aggregate *aggregate, stream_state *into,
                          const stream_state *from)
{
    switch (aggregate->kind) {
    case STREAM_COUNT:
        into->count += from->count;
        return HR_OK;
    case STREAM_DISTINCT:
        return stream_distinct_merge(&into->distinct, &from->distinct);
    case STREAM_TOPK:
        return stream_topk_merge(&into->topk, &from->topk);
    case STREAM_FREQUENCY:
        if (from->watched.counts.total > 0) {
            into->watched.hash = from->watched.hash;
        }
        return stream_frequency_merge(&into->watched.counts, &from->watched.counts);
    case STREAM_QUANTILE:
        return stream_quantile_merge(&into->quantile, &from->quantile);
    case STREAM_SAMPLE:
        return stream_sample_merge(&into->sample, &from->sample);
    case STREAM_MOMENT:
        return stream_moment_merge(&into->moment, &from->moment);
    case STREAM_CLUSTERS:
        return stream_clusters_merge(into->clusters, from->clusters);
    case STREAM_TREND:
        stream_trend_merge(&into->trend, &from->trend);
        return HR_OK;
    case STREAM_DESCENT:
        return stream_descent_merge(&into->descent, &from->descent);
    case STREAM_STAY:
        stream_stay_merge(&into->stay, &from->stay);
        return HR_OK;
    default:
        stream_total_merge(&into->total, &from->total);
        return HR_OK;
    }
}

void stream_state_fade(const stream_aggregate *aggregate, stream_state *state, int64_t passed_ms)
{
    if (aggregate->kind == STREAM_CLUSTERS) {
        stream_clusters_step(state->clusters, exp2(-(double)passed_ms / CLUSTERS_HALF_MS));
    }
}

size_t stream_state_size(stream_aggregate_kind kind)
{
    switch (kind) {
    case STREAM_COUNT:
        return sizeof(uint64_t);
    case STREAM_DISTINCT:
        return sizeof(stream_distinct);
    case STREAM_TOPK:
        return sizeof(stream_topk);
    case STREAM_FREQUENCY:
        return sizeof(stream_watched);
    case STREAM_QUANTILE:
        return sizeof(stream_quantile);
    case STREAM_SAMPLE:
        return sizeof(stream_sample);
    case STREAM_MOMENT:
        return sizeof(stream_moment);
    case STREAM_CLUSTERS:
        return sizeof(stream_clusters *);
    case STREAM_TREND:
        return sizeof(stream_trend);
    case STREAM_STAY:
        return sizeof(stream_stay);
    case STREAM_DESCENT:
        return sizeof(stream_descent);
    default:
        return sizeof(stream_total);
    }
}

size_t stream_state_bytes(const stream_aggregate *aggregate, const stream_state *state)
{
    size_t bytes = 0;
    switch (aggregate->kind) {
    case STREAM_DISTINCT:
        bytes = stream_distinct_bytes(&state->distinct) - sizeof state->distinct;
        break;
    case STREAM_TOPK:
        bytes = stream_topk_bytes(&state->topk) - sizeof state->topk;
        break;
    case STREAM_FREQUENCY:
        bytes = stream_frequency_bytes(&state->watched.counts) - sizeof state->watched.counts;
        break;
    case STREAM_QUANTILE:
        bytes = stream_quantile_bytes(&state->quantile) - sizeof state->quantile;
        break;
    case STREAM_SAMPLE:
        bytes = stream_sample_bytes(&state->sample) - sizeof state->sample;
        break;
    case STREAM_MOMENT:
        bytes = stream_moment_bytes(&state->moment) - sizeof state->moment;
        break;
    case STREAM_CLUSTERS:
        bytes = sizeof *state->clusters;
        break;
    default:
        break;
    }
    return bytes;
}

/* ---- telling ---- */

static void tell_topk(const stream_aggregate *aggregate, const stream_topk *topk, hr_json *json)
{
    const stream_topk_entry *list[STREAM_TOPK_ENTRIES];
    uint32_t count = stream_topk_list(topk, (uint32_t)aggregate->constant, list);
    hr_json_open_array(json);
    for (uint32_t i = 0; i < count; i++) {
        hr_json_open_object(json);
        hr_json_key_text(json, "value", list[i]->text);
        hr_json_key_u64(json, "count", list[i]->count);
        hr_json_key_u64(json, "over", list[i]->over);
        hr_json_close_object(json);
    }
    hr_json_close_array(json);
}

static int compare_numbers(const void *left, const void *right)
{
    const stream_sample_entry *const *a = left;
    const stream_sample_entry *const *b = right;
    return ((*a)->number > (*b)->number) - ((*a)->number < (*b)->number);
}

static void tell_sample(const stream_sample *sample, hr_json *json)
{
    const stream_sample_entry *list[STREAM_SAMPLE_MAX];
    for (uint32_t i = 0; i < sample->used; i++) {
        list[i] = &sample->entries[i];
    }
    qsort(list, sample->used, sizeof *list, compare_numbers);
    hr_json_open_array(json);
    for (uint32_t i = 0; i < sample->used; i++) {
        hr_json_text(json, list[i]->text);
    }
    hr_json_close_array(json);
}

static void tell_clusters(const stream_clusters *clusters, hr_json *json)
{
    stream_cluster list[STREAM_CLUSTERS_MAX];
    uint32_t count = stream_clusters_list(clusters, list);
    hr_json_open_array(json);
    for (uint32_t i = 0; i < count; i++) {
        hr_json_open_object(json);
        hr_json_key_double(json, "x", list[i].x);
        hr_json_key_double(json, "y", list[i].y);
        hr_json_key_double(json, "weight", list[i].weight);
        hr_json_close_object(json);
    }
    hr_json_close_array(json);
}

/* zero: where the line meets 0, which is when a battery is empty; its 95 % interval. */
static void tell_trend(const stream_trend *trend, hr_json *json)
{
    stream_trend_line line;
    double zero;
    double from;
    double to;
    if (!stream_trend_line_of(trend, &line)) {
        hr_json_null(json);
        return;
    }
    hr_json_open_object(json);
    hr_json_key_double(json, "slope", line.slope);
    hr_json_key_double(json, "slope_error", line.slope_error);
    hr_json_key_double(json, "at", line.at_x);
    hr_json_key_double(json, "level", line.level);
    hr_json_key_double(json, "level_error", line.level_error);
    hr_json_key_double(json, "noise", line.noise);
    if (stream_trend_reach(trend, 0, &zero, &from, &to)) {
        hr_json_key_double(json, "zero", zero);
        hr_json_key_double(json, "zero_from", from);
        hr_json_key_double(json, "zero_to", to);
    }
    hr_json_close_object(json);
}

static void tell_total(stream_aggregate_kind kind, const stream_total *total, hr_json *json)
{
    double sum = stream_total_sum(total);
    if (kind == STREAM_SUM) {
        hr_json_double(json, sum);
    } else if (total->count == 0) {
        hr_json_null(json);
    } else if (kind == STREAM_MEAN) {
        hr_json_double(json, sum / (double)total->count);
    } else {
        hr_json_double(json, kind == STREAM_MIN ? total->least : total->most);
    }
}

static void tell_descent(const stream_descent *descent, hr_json *json)
{
    hr_json_open_object(json);
    hr_json_key_double(json, "slope", descent->weights[1]);
    hr_json_key_double(json, "level_at_zero", descent->weights[0]);
    hr_json_key_double(json, "count", descent->count);
    hr_json_close_object(json);
}

/* value: the time inside, in seconds; the truth lies within uncertainty_s of it. */
static void tell_stay(const stream_stay *stay, int64_t until_ms, hr_json *json)
{
    hr_json_open_object(json);
    hr_json_key_double(json, "value", (double)stream_stay_inside_ms(stay, until_ms) / 1000);
    hr_json_key_double(json, "uncertainty_s", (double)stay->uncertainty_s10 / 10);
    hr_json_key_u64(json, "visits", stay->visits);
    if (stay->is_inside) {
        hr_json_key_time(json, "since", stay->since_ms);
    }
    hr_json_close_object(json);
}

void stream_state_tell(const stream_aggregate *aggregate, const stream_state *state,
                       int64_t until_ms, hr_json *json)
{
    switch (aggregate->kind) {
    case STREAM_COUNT:
        hr_json_u64(json, state->count);
        break;
    case STREAM_DISTINCT:
        hr_json_double(json, round(stream_distinct_count(&state->distinct)));
        break;
    case STREAM_TOPK:
        tell_topk(aggregate, &state->topk, json);
        break;
    case STREAM_FREQUENCY:
        hr_json_u64(json, stream_frequency_count(&state->watched.counts, state->watched.hash));
        break;
    case STREAM_QUANTILE:
        hr_json_double(json, stream_quantile_at(&state->quantile, aggregate->constant));
        break;
    case STREAM_SAMPLE:
        tell_sample(&state->sample, json);
        break;
    case STREAM_MOMENT:
        hr_json_double(json, stream_moment_f2(&state->moment));
        break;
    case STREAM_CLUSTERS:
        tell_clusters(state->clusters, json);
        break;
    case STREAM_TREND:
        tell_trend(&state->trend, json);
        break;
    case STREAM_DESCENT:
        tell_descent(&state->descent, json);
        break;
    case STREAM_STAY:
        tell_stay(&state->stay, until_ms, json);
        break;
    default:
        tell_total(aggregate->kind, &state->total, json);
    }
}

/* ---- stored form ---- */

void stream_state_write(const stream_aggregate *aggregate, const stream_state *state, hr_buf *out)
{
    switch (aggregate->kind) {
    case STREAM_COUNT:
        hr_buf_put_u64(out, state->count);
        break;
    case STREAM_DISTINCT:
        stream_distinct_write(&state->distinct, out);
        break;
    case STREAM_TOPK:
        stream_topk_write(&state->topk, out);
        break;
    case STREAM_FREQUENCY:
        hr_buf_put_u64(out, state->watched.hash);
        stream_frequency_write(&state->watched.counts, out);
        break;
    case STREAM_QUANTILE:
        stream_quantile_write(&state->quantile, out);
        break;
    case STREAM_SAMPLE:
        stream_sample_write(&state->sample, out);
        break;
    case STREAM_MOMENT:
        stream_moment_write(&state->moment, out);
        break;
    case STREAM_CLUSTERS:
        stream_clusters_write(state->clusters, out);
        break;
    case STREAM_TREND:
        stream_trend_write(&state->trend, out);
        break;
    case STREAM_DESCENT:
        stream_descent_write(&state->descent, out);
        break;
    case STREAM_STAY:
        stream_stay_write(&state->stay, out);
        break;
    default:
        stream_total_write(&state->total, out);
    }
}

hr_err stream_state_read(const stream_aggregate *aggregate, stream_state *state, hr_cursor *in)
{
    switch (aggregate->kind) {
    case STREAM_COUNT:
        state->count = hr_cursor_u64(in);
        return in->short_read ? HR_CORRUPT : HR_OK;
    case STREAM_DISTINCT:
        return stream_distinct_read(&state->distinct, in);
    case STREAM_TOPK:
        return stream_topk_read(&state->topk, in);
    case STREAM_FREQUENCY:
        state->watched.hash = hr_cursor_u64(in);
        return stream_frequency_read(&state->watched.counts, in);
    case STREAM_QUANTILE:
        return stream_quantile_read(&state->quantile, in);
    case STREAM_SAMPLE:
        return stream_sample_read(&state->sample, in);
    case STREAM_MOMENT:
        return stream_moment_read(&state->moment, in);
    case STREAM_CLUSTERS:
        return stream_clusters_read(state->clusters, in);
    case STREAM_TREND:
        return stream_trend_read(&state->trend, in);
    case STREAM_DESCENT:
        return stream_descent_read(&state->descent, in);
    case STREAM_STAY:
        return stream_stay_read(&state->stay, in);
    default:
        return stream_total_read(&state->total, in);
    }
}
