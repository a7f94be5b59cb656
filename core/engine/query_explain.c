/* core/engine/query_explain.c - a query's plan in words, with its panes, bound and cost. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "query_define.h"

#define TEXT_BYTES_MAX (1u << 16)
#define TIME_TEXT_SIZE 32

/* What a part of a window takes at most, once its sketches have grown. */
static size_t aggregate_bytes_max(stream_aggregate_kind kind)
{
    switch (kind) {
    case STREAM_DISTINCT:
        return STREAM_DISTINCT_REGISTERS;
    case STREAM_TOPK:
        return STREAM_TOPK_ENTRIES * (2 * sizeof(stream_topk_entry) + STREAM_TOPK_TEXT_MAX);
    case STREAM_FREQUENCY:
        return STREAM_FREQUENCY_ROWS * STREAM_FREQUENCY_COLUMNS * sizeof(uint64_t);
    case STREAM_QUANTILE:
        return 2 * STREAM_QUANTILE_BUCKETS_MAX * sizeof(uint64_t);
    case STREAM_SAMPLE:
        return STREAM_SAMPLE_MAX * (sizeof(stream_sample_entry) + STREAM_SAMPLE_TEXT_MAX);
    case STREAM_MOMENT:
        return STREAM_MOMENT_ROWS * STREAM_MOMENT_COLUMNS * sizeof(int64_t);
    case STREAM_CLUSTERS:
        return sizeof(stream_clusters);
    default:
        return 0;
    }
}

/* 90000 as "90 s", 600000 as "10 min". */
static const char *say_time(int64_t ms, char text[TIME_TEXT_SIZE])
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    size_t at = 0;
    while (at < 4 && (ms % units[at].ms != 0 || ms < units[at].ms)) {
        at++;
    }
    snprintf(text, TIME_TEXT_SIZE, "%lld %s", (long long)(ms / units[at].ms), units[at].unit);
    return text;
}

static const char *say_bytes(size_t bytes, char text[TIME_TEXT_SIZE])
{
    if (bytes < 2000) {
        snprintf(text, TIME_TEXT_SIZE, "%zu bytes", bytes);
    } else if (bytes < 2000000) {
        snprintf(text, TIME_TEXT_SIZE, "%.1f kB", (double)bytes / 1e3);
    } else {
        snprintf(text, TIME_TEXT_SIZE, "%.1f MB", (double)bytes / 1e6);
    }
    return text;
}

static void list(hr_buf *text, char *const *expressions, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        hr_buf_printf(text, "%s%s", i > 0 ? ", " : "", expressions[i]);
    }
}

static void explain_input(const query_spec *spec, hr_buf *text, int *step)
{
    const query_follows *follows = &spec->follows;
    char time[TIME_TEXT_SIZE];
    hr_buf_printf(text, "%d. read committed %s, each with its partition's watermark\n", ++*step,
                  query_shape(spec->source, 0)->name);
    if (spec->tables != 0) {
        hr_buf_printf(
            text,
            "%d. look up the %s%s%s in the rules by which each was judged; one in several "
            "groups counts in each, where its group is asked for\n",
            ++*step, (spec->tables & QUERY_TABLE_DEVICE) != 0 ? "device" : "",
            spec->tables == (QUERY_TABLE_DEVICE | QUERY_TABLE_FENCE) ? " and the " : "",
            (spec->tables & QUERY_TABLE_FENCE) != 0 ? "fence" : "");
    }
    if (follows->is_used) {
        hr_buf_printf(text, "%d. pair each with %s of the %s before it, at most %s older", ++*step,
                      follows->takes_all ? "all" : "the last",
                      query_shape(follows->source, 0)->name, say_time(follows->within_ms, time));
        if (follows->where != NULL) {
            hr_buf_printf(text, ", where %s", follows->where);
        }
        hr_buf_put_text(text, ", with the same ");
        list(text, follows->on, follows->on_count);
        hr_buf_put_text(text, "; when every partition has passed it\n");
    }
    hr_buf_printf(text, "%d. keep %s%s\n", ++*step, spec->where != NULL ? "those where " : "all",
                  spec->where != NULL ? spec->where : "");
    hr_buf_printf(text, "%d. group by ", ++*step);
    list(text, spec->groups, spec->group_count);
    hr_buf_put_text(text, spec->group_count > 0 ? "\n" : "nothing: one group\n");
}

static void explain_window(const query_spec *spec, hr_buf *text, int *step)
{
    const stream_window *window = &spec->window;
    char size[TIME_TEXT_SIZE];
    char every[TIME_TEXT_SIZE];
    hr_buf_printf(text, "%d. ", ++*step);
    switch (window->type) {
    case STREAM_RUNNING:
        hr_buf_put_text(text, "keep one running total for each group, without end\n");
        break;
    case STREAM_SESSION:
        hr_buf_printf(text, "a session of a group ends %s after its last row\n",
                      say_time(window->gap_ms, size));
        break;
    default:
        hr_buf_printf(
            text,
            "count each row once, in its pane of %s; %lld pane%s make a window of "
            "%s, and one ends every %s\n",
            say_time(window->every_ms, every), (long long)(window->size_ms / window->every_ms),
            window->size_ms > window->every_ms ? "s" : "", say_time(window->size_ms, size), every);
    }
}

static void explain_select(const query_spec *spec, hr_buf *text, int *step)
{
    hr_buf_printf(text, "%d. aggregate ", ++*step);
    for (uint32_t i = 0; i < spec->select_count; i++) {
        const stream_aggregate_law *law = stream_aggregate_law_of(spec->aggregates[i].kind);
        hr_buf_printf(text, "%s%s = %s(", i > 0 ? "; " : "", spec->names[i], law->name);
        list(text, spec->arguments + spec->first_arguments[spec->state_of[i]], law->arguments);
        if (law->most > 0) {
            hr_buf_printf(text, ", %g", spec->aggregates[i].constant);
        }
        hr_buf_put_text(text, ")");
    }
    hr_buf_put_text(text, "\n");
}

static void explain_output(const query_spec *spec, hr_buf *text, int *step)
{
    static const char *const outputs[] = {"windows that have ended",
                                          "open windows as they change, and those that have ended",
                                          "all open windows"};
    char lateness[TIME_TEXT_SIZE];
    if (spec->window.type != STREAM_RUNNING) {
        hr_buf_printf(text,
                      "%d. end a window when every partition is %s past it; rows that come later "
                      "are counted as late\n",
                      ++*step, say_time(spec->lateness_ms, lateness));
    }
    hr_buf_printf(text, "%d. tell %s\n", ++*step, outputs[spec->output]);
}

/* How rows are evaluated, and what that comes to; measured on one core of a small server. */
static bool is_simple(const query_spec *spec)
{
    stream_evaluator *evaluator;
    hr_why why;
    if (query_spec_compile(spec, true, &evaluator, &why) != HR_OK) {
        return false;
    }
    bool is_simple = stream_evaluator_is_simple(evaluator);
    stream_evaluator_free(evaluator);
    return is_simple;
}

static void explain_cost(const query_spec *spec, size_t pane_bytes, size_t pane_bytes_max,
                         int64_t panes, hr_buf *text)
{
    char least[TIME_TEXT_SIZE];
    char most[TIME_TEXT_SIZE];
    bool simple = is_simple(spec);
    hr_buf_printf(text, "Cost: %s; about %s us for each row that is counted\n",
                  simple ? "columns are read as they are" : "SQLite evaluates the expressions",
                  simple ? "0.1" : "1");
    hr_buf_printf(text, "State: %lld open pane%s for each group that was seen, %s to %s each; ",
                  (long long)panes, panes > 1 ? "s" : "", say_bytes(pane_bytes, least),
                  say_bytes(pane_bytes_max, most));
    if (spec->follows.is_used) {
        char within[TIME_TEXT_SIZE];
        hr_buf_printf(text, "the earlier rows of the last %s, about 100 bytes each; ",
                      say_time(spec->follows.within_ms + spec->lateness_ms, within));
    }
    hr_buf_printf(text, "all queries together may hold %s, above which the largest is stopped\n",
                  say_bytes(ENGINE_QUERY_STATE_BYTES, most));
}

void query_spec_explain(const query_spec *spec, hr_json *json)
{
    hr_buf text;
    int step = 0;
    size_t pane_bytes = stream_windows_pane_bytes(&spec->window, spec->states, spec->state_count);
    size_t grown_bytes = pane_bytes;
    int64_t panes = spec->window.every_ms > 0 ? spec->window.size_ms / spec->window.every_ms : 1;
    int64_t lateness_panes =
        spec->window.every_ms > 0 ? 1 + spec->lateness_ms / spec->window.every_ms : 0;
    for (uint32_t i = 0; i < spec->state_count; i++) {
        grown_bytes += aggregate_bytes_max(spec->states[i].kind);
    }
    hr_buf_init(&text, TEXT_BYTES_MAX);
    explain_input(spec, &text, &step);
    explain_window(spec, &text, &step);
    explain_select(spec, &text, &step);
    explain_output(spec, &text, &step);
    explain_cost(spec, pane_bytes, grown_bytes, panes + lateness_panes, &text);
    hr_json_key(json, "plan");
    hr_json_text_sized(json, (const char *)text.data, text.size);
    hr_json_key_u64(json, "panes_per_window", (uint64_t)panes);
    hr_json_key_u64(json, "pane_bytes", pane_bytes);
    hr_json_key_u64(json, "pane_bytes_max", grown_bytes);
    hr_json_key_u64(json, "group_bytes_max", grown_bytes * (uint64_t)(panes + lateness_panes));
    hr_json_key_u64(json, "state_bytes_max", ENGINE_QUERY_STATE_BYTES);
    hr_json_key_i64(json, "lateness_ms", spec->lateness_ms);
    hr_json_key_u64(json, "expressions", spec->group_count + spec->argument_count);
    hr_json_key_bool(json, "sqlite", !is_simple(spec));
    hr_buf_fini(&text);
}
