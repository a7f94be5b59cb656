/* core/engine/query_run.c - rows into windows, windows into answers. */
#include "query_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "query_views.h"
#include "stream/bytes.h"

#define KEY_BYTES_MAX 4096
#define ROW_BYTES_MAX (1u << 20) /* as JSON: the longest possible is 0.8 MB */
#define CHARGE_NS INT64_C(250000000)
#define CLOSE_SLICE_NS INT64_C(50000000) /* of ending windows, between looks at who else waits */
#define CLOSE_SHARE 10                   /* of event time, a tenth may go to ending its windows */
#define SUM_MS_MAX 1e33                  /* of 2^64 rows */

/* ---- life ---- */

static void drop_state(query_run *run)
{
    stream_windows_free(run->windows);
    query_pairs_free(run->pairs);
    run->windows = NULL;
    run->pairs = NULL;
}

static hr_err make_state(query_run *run, hr_why *why)
{
    const query_spec *spec = run->spec;
    stream_aggregate aggregates[STREAM_AGGREGATES_MAX];
    memcpy(aggregates, spec->states, sizeof aggregates);
    for (uint32_t i = 0; i < spec->state_count; i++) {
        /* The same for every run, so that a replay gives the same sketch. */
        aggregates[i].seed = run->number * 31 + i;
    }
    hr_err err = stream_windows_new(&spec->window, aggregates, spec->state_count, run->number,
                                    &run->windows);
    if (err == HR_OK && spec->follows.is_used) {
        err = query_pairs_new(spec, run->bytes_max, &run->pairs, why);
    }
    return err;
}

hr_err query_run_new(query_spec *spec, uint64_t number, uint64_t run_id, size_t bytes_max,
                     query_run **out, hr_why *why)
{
    query_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        query_spec_free(spec);
        return HR_NO_MEMORY;
    }
    run->spec = spec;
    run->bytes_max = bytes_max;
    run->number = number;
    run->run_id = run_id;
    run->revision = 1;
    run->status = spec->is_enabled ? QUERY_RUNNING : QUERY_STOPPED;
    snprintf(run->name, sizeof run->name, "%s", spec->name);
    hr_buf_init(&run->key, KEY_BYTES_MAX);
    run->kept = calloc(ENGINE_QUERY_ROWS_KEPT, sizeof *run->kept);
    run->mark_ms = STREAM_TIME_NONE;
    hr_err err = run->kept != NULL ? HR_OK : HR_NO_MEMORY;
    if (err == HR_OK && !spec->follows.is_used) {
        err = query_spec_compile(spec, true, &run->evaluator, why);
    }
    if (err == HR_OK) {
        err = make_state(run, why);
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
    drop_state(run);
    query_spec_free(run->spec);
    hr_buf_fini(&run->key);
    free(run);
}

hr_err query_run_reset(query_run *run, uint64_t run_id)
{
    forget_kept(run);
    drop_state(run);
    run->mark_ms = STREAM_TIME_NONE;
    run->spent_ns = 0;
    run->spent_on = 0;
    run->is_ending = false;
    run->ending_ns = 0;
    run->run_id = run_id;
    run->revision++;
    run->report = (query_report){.rows_in = 0};
    run->report_count = 0;
    run->reason[0] = 0;
    run->status = QUERY_RUNNING;
    hr_why why;
    hr_err err = make_state(run, &why);
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
    drop_state(run);
}

void query_run_note_loss(query_run *run)
{
    if (run->status != QUERY_FAILED) {
        snprintf(
            run->reason, sizeof run->reason,
            "what was kept of it could not be read: it has begun anew with what the log holds");
    }
}

size_t query_run_bytes(const query_run *run)
{
    return (run->windows != NULL ? stream_windows_bytes(run->windows) : 0) +
           (run->pairs != NULL ? query_pairs_bytes(run->pairs) : 0) + run->kept_bytes;
}

void query_run_shrink(query_run *run)
{
    char reason[HR_WHY_MAX];
    if (run->windows == NULL) {
        forget_kept(run);
        run->revision++;
        return;
    }
    snprintf(reason, sizeof reason,
             "its state grew to %zu bytes; all queries together may hold %zu", query_run_bytes(run),
             run->bytes_max);
    query_run_fail(run, reason);
}

/* ---- ended windows ---- */

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
    query_run_tell_output(run, output, &json);
    if (hr_buf_err(&text) == HR_OK) {
        keep_text(run, (const char *)text.data, text.size);
    }
    hr_buf_fini(&text);
    run->report.rows_out++;
    return true;
}

/* ---- counting ---- */

static hr_err count(query_run *run, int64_t time_ms, int64_t watermark_ms,
                    const stream_value *values)
{
    const query_spec *spec = run->spec;
    bool is_late = false;
    hr_buf_clear(&run->key);
    for (uint32_t i = 0; i < spec->group_count; i++) {
        stream_value_write(&values[i], &run->key);
    }
    if (hr_buf_err(&run->key) != HR_OK) {
        return hr_buf_err(&run->key);
    }
    /* A key of no columns has no bytes, which is a group all the same. */
    hr_err err = stream_windows_add(run->windows, run->key.size > 0 ? run->key.data : (uint8_t *)"",
                                    run->key.size, time_ms, watermark_ms,
                                    values + spec->group_count, &is_late);
    run->report.rows_late += is_late;
    /* Here and not after the batch: each of its rows may make a group. */
    return err == HR_OK && query_run_bytes(run) > run->bytes_max ? HR_TOO_BIG : err;
}

static hr_err count_row(void *context, const query_row *row, const stream_value *values)
{
    query_run *run = context;
    run->report.rows_passed++;
    return count(run, row->time_ms,
                 row->mark_ms == STREAM_TIME_NONE ? STREAM_TIME_NONE
                                                  : row->mark_ms - run->spec->lateness_ms,
                 values);
}

/* Its rows were in time, so that it is. */
static hr_err count_pair(void *context, int64_t time_ms, const stream_value *values)
{
    return count(context, time_ms, STREAM_TIME_NONE, values);
}

static void note_times(query_run *run, query_source source, const void *rows, size_t count)
{
    query_report *report = &run->report;
    for (size_t i = 0; i < count; i++) {
        int64_t time_ms = query_row_at(source, rows, i)->time_ms;
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

static void fail_for(query_run *run, hr_err err, const hr_why *why)
{
    if (query_run_bytes(run) > run->bytes_max) {
        query_run_shrink(run);
    } else {
        query_run_fail(run, why->text[0] != 0 ? why->text : hr_err_text(err));
    }
}

/* No single batch is slow, but the others wait for all of them. A query that seems to be slow is
 * watched by the thread's own time, which a busy machine does not lengthen but which costs a call
 * into the system. */
static void charge(query_run *run, int64_t took_ns, size_t rows)
{
    run->spent_ns += took_ns;
    run->spent_on += rows;
    if (run->spent_ns < CHARGE_NS) {
        return;
    }
    int64_t row_ns = run->spent_ns / (int64_t)(run->spent_on + 1);
    bool is_slow = row_ns > ENGINE_QUERY_ROW_US_MAX * 1000;
    if (is_slow && run->is_watched) {
        char reason[HR_WHY_MAX];
        snprintf(reason, sizeof reason, "it takes %lld us for each row; at most %d are given to it",
                 (long long)(row_ns / 1000), ENGINE_QUERY_ROW_US_MAX);
        query_run_fail(run, reason);
    }
    run->is_watched = is_slow;
    run->spent_ns = 0;
    run->spent_on = 0;
}

bool query_run_reads(const query_run *run, query_source source)
{
    return run->spec->source == source ||
           (run->spec->follows.is_used && run->spec->follows.source == source);
}

int64_t query_run_due_ms(const query_run *run)
{
    int64_t lateness_ms = run->spec->lateness_ms;
    int64_t due_ms = run->windows != NULL ? stream_windows_due_ms(run->windows) : INT64_MAX;
    int64_t pair_ms = run->pairs != NULL ? query_pairs_due_ms(run->pairs) : INT64_MAX;
    due_ms = pair_ms < due_ms ? pair_ms : due_ms;
    return due_ms < INT64_MAX ? due_ms + lateness_ms : INT64_MAX;
}

void query_run_batch(query_run *run, query_source source, const void *rows, size_t count,
                     const hr_clock *clock)
{
    hr_why why = {.text = ""};
    hr_err err;
    query_report *report = &run->report;
    int64_t start_ns = hr_clock_mono_ns(clock);
    int64_t spent_ns = run->is_watched ? stream_thread_ns() : 0;
    if (run->pairs != NULL) {
        err = query_pairs_add(run->pairs, source, rows, count, ENGINE_QUERY_BATCH_MS_MAX,
                              &report->rows_passed, &report->rows_late, &why);
    } else {
        err = query_views_run(run->evaluator, query_spec_shape(run->spec, source), source, rows,
                              count, ENGINE_QUERY_BATCH_MS_MAX, count_row, run, &why);
    }
    int64_t took_ns = hr_clock_mono_ns(clock) - start_ns;
    note_times(run, source, rows, count);
    report->batches++;
    report->evaluate_ns += took_ns;
    report->batch_ns_max = took_ns > report->batch_ns_max ? took_ns : report->batch_ns_max;
    run->revision++;
    if (err != HR_OK) {
        fail_for(run, err, &why);
    } else {
        charge(run, run->is_watched ? stream_thread_ns() - spent_ns : took_ns, count);
    }
}

/* Pairs first: they belong into windows that the same watermark ends. */
static hr_err close_pairs(query_run *run, const hr_clock *clock, hr_why *why)
{
    if (run->pairs == NULL) {
        return HR_OK;
    }
    int64_t start_ns = hr_clock_mono_ns(clock);
    int64_t spent_ns = run->is_watched ? stream_thread_ns() : 0;
    hr_err err = query_pairs_advance(run->pairs, run->report.watermark_ms,
                                     ENGINE_QUERY_BATCH_MS_MAX, count_pair, run, why);
    int64_t took_ns = hr_clock_mono_ns(clock) - start_ns;
    run->report.pair_ns += took_ns;
    charge(run, run->is_watched ? stream_thread_ns() - spent_ns : took_ns, 0);
    return err;
}

/* End windows for a while, by the thread's own time as for rows. Rows that are counted before the
 * rest has ended are not of it: what is over for all lanes is over for each. */
static hr_err end_windows(query_run *run, int64_t *spent_ns)
{
    int64_t watermark_ms = run->report.watermark_ms;
    int64_t due_ms = stream_windows_due_ms(run->windows);
    if (due_ms > watermark_ms) {
        run->is_ending = false;
        return stream_windows_close(run->windows, watermark_ms, keep_output, run);
    }
    hr_err err = HR_OK;
    int64_t start_ns = stream_thread_ns();
    run->ending_from_ms = run->ending_ns == 0 ? due_ms : run->ending_from_ms;
    while (err == HR_OK && due_ms <= watermark_ms && *spent_ns < CLOSE_SLICE_NS) {
        /* Sessions end all in one pass, others end by end. */
        bool is_session = run->spec->window.type == STREAM_SESSION;
        err = stream_windows_close(run->windows, is_session ? watermark_ms : due_ms, keep_output,
                                   run);
        due_ms = stream_windows_due_ms(run->windows);
        *spent_ns = stream_thread_ns() - start_ns;
    }
    run->is_ending = due_ms <= watermark_ms;
    run->ending_ns += *spent_ns;
    return err;
}

/* A service that was away for a day may end that day's windows in a minute; but nobody may take ten
 * seconds for each minute's, for ever; nor so long at once that everyone waits. */
static bool ends_too_slowly(query_run *run, int64_t spent_ns)
{
    if (spent_ns >= ENGINE_QUERY_CLOSE_MS_MAX * INT64_C(1000000)) {
        return true;
    }
    if (run->ending_ns < ENGINE_QUERY_CLOSE_MS_MAX * INT64_C(1000000)) {
        return false;
    }
    int64_t due_ms = stream_windows_due_ms(run->windows);
    int64_t watermark_ms = run->report.watermark_ms;
    int64_t ended_ms = due_ms < watermark_ms ? due_ms : watermark_ms;
    run->ending_ns = 0;
    return ended_ms >= run->ending_from_ms &&
           ended_ms - run->ending_from_ms < ENGINE_QUERY_CLOSE_MS_MAX * CLOSE_SHARE;
}

bool query_run_close(query_run *run, int64_t mark_ms, const hr_clock *clock)
{
    hr_why why = {.text = ""};
    if (mark_ms == STREAM_TIME_NONE || run->windows == NULL ||
        (mark_ms == run->mark_ms && !run->is_ending)) {
        return false;
    }
    uint64_t out = run->report.rows_out;
    run->mark_ms = mark_ms;
    run->report.watermark_ms = mark_ms - run->spec->lateness_ms;
    int64_t spent_ns = 0;
    hr_err err = close_pairs(run, clock, &why);
    int64_t start_ns = hr_clock_mono_ns(clock);
    if (err == HR_OK && run->windows != NULL) {
        err = end_windows(run, &spent_ns);
    }
    run->report.close_ns += hr_clock_mono_ns(clock) - start_ns;
    run->revision += run->report.rows_out != out;
    if (err != HR_OK) {
        fail_for(run, err, &why);
    } else if (run->windows != NULL && ends_too_slowly(run, spent_ns)) {
        query_run_fail(run, "ending its windows takes too long: fewer groups, or a longer `every`");
    }
    return run->windows != NULL && run->is_ending;
}

void query_run_report(const query_run *run, query_report *report)
{
    *report = run->report;
    report->state_bytes = query_run_bytes(run);
    report->groups = run->windows != NULL ? stream_windows_groups(run->windows) : 0;
}

/* ---- progress ---- */

void query_run_note(query_run *run, int64_t now_ms)
{
    query_report *report = &run->reports[run->report_count % QUERY_REPORTS_MAX];
    query_run_report(run, report);
    report->at_ms = now_ms;
    run->report_count++;
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
    if (run->windows != NULL && run->pairs != NULL) {
        query_pairs_write(run->pairs, out);
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
    /* Unsigned, so that no bytes can overflow. */
    int64_t mark_ms = (int64_t)((uint64_t)report->watermark_ms + (uint64_t)run->spec->lateness_ms);
    if (!time_is_sane(report->time_min_ms) || !time_is_sane(report->time_max_ms) ||
        !time_is_sane(report->time_first_ms) || !(fabs(report->time_sum_ms) < SUM_MS_MAX) ||
        !time_is_sane(mark_ms)) {
        return HR_CORRUPT;
    }
    if (report->watermark_ms != 0) {
        /* One that has stopped hears of no mark any more, but what goes on lasts until there. */
        run->mark_ms = mark_ms;
    }
    hr_err err = read_kept(run, in);
    uint8_t has_windows = hr_cursor_u8(in);
    if (err != HR_OK || in->short_read || has_windows > 1) {
        return err != HR_OK ? err : HR_CORRUPT;
    }
    if (has_windows == 1) {
        err = stream_windows_read(run->windows, in);
        run->is_ending = true; /* perhaps */
        return err == HR_OK && run->pairs != NULL ? query_pairs_read(run->pairs, in) : err;
    }
    drop_state(run);
    return run->status == QUERY_RUNNING ? HR_CORRUPT : HR_OK;
}
