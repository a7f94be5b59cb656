/* core/engine/query_run.c - rows into windows, windows into answers. */
#include "query_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "stream/bytes.h"

#define KEY_BYTES_MAX 4096
#define ROW_BYTES_MAX (64u << 10)
#define SUM_MS_MAX 1e33 /* of 2^64 rows */

/* ---- life ---- */

static hr_err make_state(query_run *run)
{
    const query_spec *spec = run->spec;
    stream_aggregate aggregates[STREAM_AGGREGATES_MAX];
    memcpy(aggregates, spec->aggregates, sizeof aggregates);
    for (uint32_t i = 0; i < spec->select_count; i++) {
        /* The same for every run, so that a replay gives the same sketch. */
        aggregates[i].seed = run->number * 31 + i;
    }
    return stream_windows_new(&spec->window, aggregates, spec->select_count, run->number,
                              &run->windows);
}

hr_err query_run_new(query_spec *spec, uint64_t number, uint64_t run_id, query_run **out,
                     hr_why *why)
{
    query_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        query_spec_free(spec);
        return HR_NO_MEMORY;
    }
    run->spec = spec;
    run->number = number;
    run->run_id = run_id;
    run->revision = 1;
    run->status = spec->is_enabled ? QUERY_RUNNING : QUERY_STOPPED;
    snprintf(run->name, sizeof run->name, "%s", spec->name);
    hr_buf_init(&run->key, KEY_BYTES_MAX);
    run->kept = calloc(ENGINE_QUERY_ROWS_KEPT, sizeof *run->kept);
    hr_err err = run->kept != NULL ? query_spec_compile(spec, &run->evaluator, why) : HR_NO_MEMORY;
    if (err == HR_OK) {
        err = make_state(run);
    }
    if (err != HR_OK) {
        query_run_free(run);
        return err;
    }
    *out = run;
    return HR_OK;
}

hr_err query_run_new_failed(const char *name, uint64_t number, const char *reason, query_run **out)
{
    query_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return HR_NO_MEMORY;
    }
    run->number = number;
    run->revision = 1;
    snprintf(run->name, sizeof run->name, "%s", name);
    hr_buf_init(&run->key, KEY_BYTES_MAX);
    query_run_fail(run, reason);
    *out = run;
    return HR_OK;
}

static void forget_kept(query_run *run)
{
    for (uint32_t i = 0; run->kept != NULL && i < ENGINE_QUERY_ROWS_KEPT; i++) {
        free(run->kept[i]);
        run->kept[i] = NULL;
    }
    run->kept_count = 0;
    run->kept_next = 0;
    run->kept_bytes = 0;
}

void query_run_free(query_run *run)
{
    if (run == NULL) {
        return;
    }
    forget_kept(run);
    free(run->kept);
    stream_evaluator_free(run->evaluator);
    stream_windows_free(run->windows);
    query_spec_free(run->spec);
    hr_buf_fini(&run->key);
    free(run);
}

hr_err query_run_reset(query_run *run, uint64_t run_id)
{
    forget_kept(run);
    stream_windows_free(run->windows);
    run->windows = NULL;
    run->run_id = run_id;
    run->revision++;
    run->report = (query_report){.rows_in = 0};
    run->report_count = 0;
    run->reason[0] = 0;
    run->status = QUERY_RUNNING;
    hr_err err = make_state(run);
    if (err != HR_OK) {
        query_run_fail(run, "out of memory");
    }
    return err;
}

void query_run_fail(query_run *run, const char *reason)
{
    run->status = QUERY_FAILED;
    run->revision++;
    snprintf(run->reason, sizeof run->reason, "%s", reason);
    /* What it held is what it must give back; the ended windows are worth their few bytes. */
    stream_windows_free(run->windows);
    run->windows = NULL;
}

size_t query_run_bytes(const query_run *run)
{
    return (run->windows != NULL ? stream_windows_bytes(run->windows) : 0) + run->kept_bytes;
}

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

static void tell_output(const query_run *run, const stream_output *output, hr_json *json)
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
        stream_state_tell(&spec->aggregates[i], &output->states[i], json);
    }
    hr_json_close_object(json);
}

/* Remember an ended window, in the place of the oldest. Without memory it is only counted. */
static void keep_text(query_run *run, const char *text, size_t size)
{
    char *copy = strndup(text, size);
    if (copy == NULL) {
        return;
    }
    char **place = &run->kept[run->kept_next];
    if (*place != NULL) {
        run->kept_bytes -= strlen(*place) + 1;
        free(*place);
    } else {
        run->kept_count++;
    }
    *place = copy;
    run->kept_bytes += size + 1;
    run->kept_next = (run->kept_next + 1) % ENGINE_QUERY_ROWS_KEPT;
}

static bool keep_output(void *context, const stream_output *output)
{
    query_run *run = context;
    hr_buf text;
    hr_buf_init(&text, ROW_BYTES_MAX);
    hr_json json = hr_json_into(&text);
    tell_output(run, output, &json);
    if (hr_buf_err(&text) == HR_OK) {
        keep_text(run, (const char *)text.data, text.size);
    }
    hr_buf_fini(&text);
    run->report.rows_out++;
    return true;
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
    tell_output(teller->run, output, teller->json);
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
        stream_windows_open(run->windows, false, tell_open_row, &teller) != HR_OK) {
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

/* ---- counting ---- */

typedef struct batch_context {
    query_run *run;
    const void *rows;
} batch_context;

static hr_err count_row(void *context, size_t at, const stream_value *values)
{
    const batch_context *batch = context;
    query_run *run = batch->run;
    const query_spec *spec = run->spec;
    const query_row *row = query_row_at(spec->source, batch->rows, at);
    bool is_late = false;
    hr_buf_clear(&run->key);
    for (uint32_t i = 0; i < spec->group_count; i++) {
        stream_value_write(&values[i], &run->key);
    }
    if (hr_buf_err(&run->key) != HR_OK) {
        return hr_buf_err(&run->key);
    }
    int64_t watermark_ms =
        row->mark_ms == STREAM_TIME_NONE ? STREAM_TIME_NONE : row->mark_ms - spec->lateness_ms;
    /* A key of no columns has no bytes, which is a group all the same. */
    hr_err err = stream_windows_add(run->windows, run->key.size > 0 ? run->key.data : (uint8_t *)"",
                                    run->key.size, row->time_ms, watermark_ms,
                                    values + spec->group_count, &is_late);
    run->report.rows_passed++;
    run->report.rows_late += is_late;
    return err;
}

static void note_times(query_run *run, const void *rows, size_t count)
{
    query_report *report = &run->report;
    for (size_t i = 0; i < count; i++) {
        int64_t time_ms = query_row_at(run->spec->source, rows, i)->time_ms;
        if (report->rows_in == 0) {
            report->time_first_ms = time_ms;
            report->time_min_ms = time_ms;
            report->time_max_ms = time_ms;
        }
        report->time_min_ms = time_ms < report->time_min_ms ? time_ms : report->time_min_ms;
        report->time_max_ms = time_ms > report->time_max_ms ? time_ms : report->time_max_ms;
        report->time_sum_ms += (double)(time_ms - report->time_first_ms);
        report->rows_in++;
    }
}

void query_run_batch(query_run *run, const void *rows, size_t count, const hr_clock *clock)
{
    batch_context batch = {.run = run, .rows = rows};
    hr_why why = {.text = ""};
    int64_t start_ns = hr_clock_mono_ns(clock);
    hr_err err = stream_evaluator_run(run->evaluator, rows, count, clock, ENGINE_QUERY_BATCH_MS_MAX,
                                      count_row, &batch, &why);
    int64_t took_ns = hr_clock_mono_ns(clock) - start_ns;
    note_times(run, rows, count);
    run->report.batches++;
    run->report.evaluate_ns += took_ns;
    run->report.batch_ns_max =
        took_ns > run->report.batch_ns_max ? took_ns : run->report.batch_ns_max;
    run->revision++;
    if (err != HR_OK) {
        query_run_fail(run, why.text[0] != 0 ? why.text : hr_err_text(err));
    }
}

void query_run_close(query_run *run, int64_t mark_ms, const hr_clock *clock)
{
    if (mark_ms == STREAM_TIME_NONE || run->windows == NULL) {
        return;
    }
    int64_t start_ns = hr_clock_mono_ns(clock);
    uint64_t out = run->report.rows_out;
    run->report.watermark_ms = mark_ms - run->spec->lateness_ms;
    hr_err err = stream_windows_close(run->windows, run->report.watermark_ms, keep_output, run);
    int64_t took_ns = hr_clock_mono_ns(clock) - start_ns;
    run->report.close_ns += took_ns;
    run->revision += run->report.rows_out != out;
    if (err != HR_OK) {
        query_run_fail(run, hr_err_text(err));
    } else if (took_ns / 1000000 > ENGINE_QUERY_CLOSE_MS_MAX) {
        query_run_fail(run, "ending its windows took too long: fewer groups, or a longer `every`");
    }
}

/* ---- progress ---- */

static void fill_report(const query_run *run, query_report *report)
{
    *report = run->report;
    report->state_bytes = query_run_bytes(run);
    report->groups = run->windows != NULL ? stream_windows_groups(run->windows) : 0;
}

void query_run_note(query_run *run, int64_t now_ms)
{
    query_report *report = &run->reports[run->report_count % QUERY_REPORTS_MAX];
    fill_report(run, report);
    report->at_ms = now_ms;
    run->report_count++;
}

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
    fill_report(run, &last);
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
    if (run->status == QUERY_FAILED) {
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

/* ---- stored form ---- */

void query_run_write(const query_run *run, hr_buf *out)
{
    const query_report *report = &run->report;
    const uint64_t numbers[] = {report->rows_in,
                                report->rows_passed,
                                report->rows_late,
                                report->rows_out,
                                report->batches,
                                (uint64_t)report->time_min_ms,
                                (uint64_t)report->time_max_ms,
                                (uint64_t)report->time_first_ms,
                                (uint64_t)report->watermark_ms};
    hr_buf_put_u64(out, run->run_id);
    hr_buf_put_u8(out, (uint8_t)run->status);
    hr_buf_put_u16(out, (uint16_t)strlen(run->reason));
    hr_buf_put_text(out, run->reason);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        hr_buf_put_u64(out, numbers[i]);
    }
    stream_put_double(out, report->time_sum_ms);
    hr_buf_put_u32(out, run->kept_count);
    for (uint32_t i = run->kept_count; i > 0; i--) {
        const char *text =
            run->kept[(run->kept_next + ENGINE_QUERY_ROWS_KEPT - i) % ENGINE_QUERY_ROWS_KEPT];
        hr_buf_put_u32(out, (uint32_t)strlen(text));
        hr_buf_put_text(out, text);
    }
    hr_buf_put_u8(out, run->windows != NULL);
    if (run->windows != NULL) {
        stream_windows_write(run->windows, out);
    }
}

static hr_err read_kept(query_run *run, hr_cursor *in)
{
    uint32_t count = hr_cursor_u32(in);
    if (count > ENGINE_QUERY_ROWS_KEPT) {
        return HR_CORRUPT;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = hr_cursor_u32(in);
        const uint8_t *text = hr_cursor_take(in, size);
        if (text == NULL || size > ROW_BYTES_MAX || memchr(text, 0, size) != NULL) {
            return HR_CORRUPT;
        }
        keep_text(run, (const char *)text, size);
    }
    return HR_OK;
}

static bool time_is_sane(int64_t time_ms)
{
    return time_ms >= HR_TIME_MS_MIN && time_ms <= HR_TIME_MS_MAX;
}

hr_err query_run_read(query_run *run, hr_cursor *in)
{
    query_report *report = &run->report;
    run->run_id = hr_cursor_u64(in);
    uint8_t status = hr_cursor_u8(in);
    uint16_t reason_size = hr_cursor_u16(in);
    const uint8_t *reason = hr_cursor_take(in, reason_size);
    if (reason == NULL || status > QUERY_FAILED || reason_size >= sizeof run->reason) {
        return HR_CORRUPT;
    }
    run->status = (query_status)status;
    snprintf(run->reason, sizeof run->reason, "%.*s", (int)reason_size, (const char *)reason);
    report->rows_in = hr_cursor_u64(in);
    report->rows_passed = hr_cursor_u64(in);
    report->rows_late = hr_cursor_u64(in);
    report->rows_out = hr_cursor_u64(in);
    report->batches = hr_cursor_u64(in);
    report->time_min_ms = (int64_t)hr_cursor_u64(in);
    report->time_max_ms = (int64_t)hr_cursor_u64(in);
    report->time_first_ms = (int64_t)hr_cursor_u64(in);
    report->watermark_ms = (int64_t)hr_cursor_u64(in);
    report->time_sum_ms = stream_get_double(in);
    if (!time_is_sane(report->time_min_ms) || !time_is_sane(report->time_max_ms) ||
        !time_is_sane(report->time_first_ms) || !(fabs(report->time_sum_ms) < SUM_MS_MAX)) {
        return HR_CORRUPT;
    }
    hr_err err = read_kept(run, in);
    uint8_t has_windows = hr_cursor_u8(in);
    if (err != HR_OK || in->short_read || has_windows > 1) {
        return err != HR_OK ? err : HR_CORRUPT;
    }
    if (has_windows == 1) {
        return stream_windows_read(run->windows, in);
    }
    stream_windows_free(run->windows);
    run->windows = NULL;
    return run->status == QUERY_RUNNING ? HR_CORRUPT : HR_OK;
}
