/* core/engine/query_tell.c - what a query says of itself: rows, progress, how it is. */
#include <string.h>

#include "query_run.h"

/* ---- telling rows ---- */

static void tell_value(hr_json *json, const stream_value *value)
{
    switch (value->type) {
    case STREAM_WHOLE:
        hr_json_i64(json, value->whole);
        break;
    case STREAM_REAL:
        hr_json_double(json, value->real);
        break;
    case STREAM_TEXT:
        hr_json_text_sized(json, value->text, value->size);
        break;
    default:
        hr_json_null(json);
    }
}

/* Until when has lasted what goes on in a window? */
static int64_t until_of(const query_run *run, const stream_output *output)
{
    bool has_ended =
        output->is_final || (output->to_ms != STREAM_TIME_NONE && output->to_ms < run->mark_ms);
    return has_ended ? output->to_ms : run->mark_ms;
}

void query_run_tell_output(const query_run *run, const stream_output *output, hr_json *json)
{
    const query_spec *spec = run->spec;
    hr_cursor key = hr_cursor_of(output->key, output->key_size);
    hr_json_open_object(json);
    if (output->from_ms != STREAM_TIME_NONE) {
        hr_json_key_time(json, "from", output->from_ms);
        hr_json_key_time(json, "to", output->to_ms);
    }
    hr_json_key_bool(json, "final", output->is_final);
    hr_json_key(json, "group");
    hr_json_open_array(json);
    for (uint32_t i = 0; i < spec->group_count; i++) {
        stream_value value;
        if (stream_value_read(&value, &key) == HR_OK) {
            tell_value(json, &value);
        }
    }
    hr_json_close_array(json);
    for (uint32_t i = 0; i < spec->select_count; i++) {
        hr_json_key(json, spec->names[i]);
        stream_state_tell(&spec->aggregates[i], stream_output_state(output, spec->state_of[i]),
                          until_of(run, output), json);
    }
    hr_json_close_object(json);
}

typedef struct row_teller {
    query_run *run;
    hr_json *json;
    uint32_t left;
    bool is_cut;
} row_teller;

static bool tell_open_row(void *context, const stream_output *output)
{
    row_teller *teller = context;
    if (teller->left == 0) {
        teller->is_cut = true;
        return false;
    }
    teller->left--;
    query_run_tell_output(teller->run, output, teller->json);
    return true;
}

/* Open windows first, then the ended ones, newest first. */
void query_run_tell_rows(query_run *run, uint32_t limit, hr_json *json)
{
    row_teller teller = {.run = run, .json = json, .left = limit};
    hr_json_open_object(json);
    hr_json_key_text(json, "query", run->name);
    hr_json_key_u64(json, "runId", run->run_id);
    hr_json_key(json, "rows");
    hr_json_open_array(json);
    if (run->windows != NULL && run->spec->output != QUERY_APPEND &&
        stream_windows_open(run->windows, tell_open_row, &teller) != HR_OK) {
        teller.is_cut = true;
    }
    for (uint32_t i = 1; i <= run->kept_count && run->spec->output != QUERY_COMPLETE; i++) {
        if (teller.left == 0) {
            teller.is_cut = true;
            break;
        }
        teller.left--;
        const char *text =
            run->kept[(run->kept_next + ENGINE_QUERY_ROWS_KEPT - i) % ENGINE_QUERY_ROWS_KEPT];
        hr_json_raw(json, text, strlen(text));
    }
    hr_json_close_array(json);
    hr_json_key_bool(json, "cut", teller.is_cut);
    hr_json_close_object(json);
}

/* ---- progress ---- */

static void tell_report(const query_report *report, const query_report *before, hr_json *json)
{
    hr_json_open_object(json);
    if (report->at_ms != 0) {
        hr_json_key_time(json, "time", report->at_ms);
    }
    hr_json_key_u64(json, "rows_in", report->rows_in);
    hr_json_key_u64(json, "rows_passed", report->rows_passed);
    hr_json_key_u64(json, "rows_late", report->rows_late);
    hr_json_key_u64(json, "rows_out", report->rows_out);
    if (before != NULL && report->at_ms > before->at_ms) {
        hr_json_key_double(json, "rows_per_s",
                           (double)(report->rows_in - before->rows_in) * 1000 /
                               (double)(report->at_ms - before->at_ms));
    }
    hr_json_key_u64(json, "batches", report->batches);
    hr_json_key_double(json, "evaluate_ms", (double)report->evaluate_ns / 1e6);
    hr_json_key_double(json, "pair_ms", (double)report->pair_ns / 1e6);
    hr_json_key_double(json, "close_ms", (double)report->close_ns / 1e6);
    hr_json_key_double(json, "batch_ms_max", (double)report->batch_ns_max / 1e6);
    if (report->rows_in > 0) {
        hr_json_key_time(json, "time_min", report->time_min_ms);
        hr_json_key_time(json, "time_max", report->time_max_ms);
        hr_json_key_time(json, "time_mean",
                         report->time_first_ms +
                             (int64_t)(report->time_sum_ms / (double)report->rows_in));
    }
    if (report->watermark_ms != 0) {
        hr_json_key_time(json, "watermark", report->watermark_ms);
    }
    hr_json_key_u64(json, "groups", report->groups);
    hr_json_key_u64(json, "state_bytes", report->state_bytes);
    hr_json_close_object(json);
}

void query_run_tell_progress(const query_run *run, hr_json *json)
{
    query_report last;
    query_run_report(run, &last);
    uint32_t count = run->report_count < QUERY_REPORTS_MAX ? run->report_count : QUERY_REPORTS_MAX;
    hr_json_open_object(json);
    hr_json_key_text(json, "query", run->name);
    hr_json_key_u64(json, "runId", run->run_id);
    hr_json_key(json, "last");
    tell_report(&last, NULL, json);
    hr_json_key(json, "recent");
    hr_json_open_array(json);
    for (uint32_t i = 1; i <= count; i++) {
        uint32_t at = run->report_count - i;
        tell_report(&run->reports[at % QUERY_REPORTS_MAX],
                    i < count ? &run->reports[(at - 1) % QUERY_REPORTS_MAX] : NULL, json);
    }
    hr_json_close_array(json);
    hr_json_close_object(json);
}

void query_run_tell(const query_run *run, hr_json *json)
{
    static const char *const states[] = {"running", "stopped", "failed"};
    hr_json_open_object(json);
    hr_json_key_text(json, "name", run->name);
    hr_json_key_u64(json, "id", run->number);
    hr_json_key_u64(json, "runId", run->run_id);
    hr_json_key_text(json, "status", states[run->status]);
    if (run->reason[0] != 0) {
        hr_json_key_text(json, "reason", run->reason);
    }
    hr_json_key_u64(json, "rows_in", run->report.rows_in);
    hr_json_key_u64(json, "rows_late", run->report.rows_late);
    hr_json_key_u64(json, "state_bytes", query_run_bytes(run));
    if (run->spec != NULL) {
        hr_json_key(json, "definition");
        hr_json_raw(json, run->spec->text, strlen(run->spec->text));
    }
    hr_json_close_object(json);
}
