/* tests/fuzz/fuzz_query.c - any bytes as a standing query's definition (which is then explained and
 * run over a few rows), or, behind a zero byte, as its stored state. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/query_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROWS 32
#define DEFINITION                                                                                 \
    "{\"name\":\"q\",\"from\":\"positions\",\"group_by\":[\"device\"],"                            \
    "\"window\":{\"type\":\"hopping\",\"size\":\"1m\",\"every\":\"10s\"},"                         \
    "\"select\":{\"a\":\"count()\",\"b\":\"distinct(time)\",\"c\":\"quantile(lon, 0.5)\","         \
    "\"d\":\"topk(time, 3)\",\"e\":\"sample(time, 4)\",\"f\":\"clusters(lon, lat, 3)\","           \
    "\"g\":\"trend(battery_pct, time)\",\"h\":\"moment(time)\"}}"

static void feed(query_run *run)
{
    static query_fix_row fixes[ROWS];
    static query_event_row events[ROWS];
    for (int i = 0; i < ROWS; i++) {
        query_row base = {.time_ms = 1000 * i, .mark_ms = 1000 * (i - 8), .offset = i};
        fixes[i] = (query_fix_row){.base = base, .fix = {.lon_e7 = i, .lat_e7 = -i}};
        fixes[i].device = i % 3 == 0 ? NULL : "cow";
        events[i] = (query_event_row){.base = base, .event = {.device_id = "cow"}};
    }
    const void *const rows[QUERY_SOURCES] = {events, fixes};
    for (int source = 0; source < QUERY_SOURCES; source++) {
        if (run->windows != NULL && query_run_reads(run, (query_source)source)) {
            query_run_batch(run, (query_source)source, rows[source], ROWS, hr_clock_real());
        }
    }
    if (run->windows != NULL) {
        (void)query_run_close(run, 20000, hr_clock_real());
    }
}

/* What was kept of a run is read again by another one. */
static void read_again(const query_run *run, const hr_buf *kept)
{
    engine_query_fault fault;
    query_spec *spec;
    query_run *again;
    hr_cursor in = hr_cursor_of(kept->data, kept->size);
    if (query_spec_parse(run->spec->text, strlen(run->spec->text), &spec, &fault) != HR_OK ||
        query_run_new(spec, 1, 1, ENGINE_QUERY_STATE_BYTES, &again, &fault.why) != HR_OK ||
        query_run_read(again, &in) != HR_OK || hr_cursor_left(&in) > 0) {
        abort();
    }
    query_run_free(again);
}

/* Whatever it holds must be told, kept, and read again. */
static void tell(query_run *run)
{
    hr_buf text;
    hr_buf_init(&text, 64 << 20);
    hr_json json = hr_json_into(&text);
    hr_json_open_array(&json);
    query_run_tell(run, &json);
    query_run_tell_rows(run, 1000, &json);
    query_run_tell_progress(run, &json);
    hr_json_close_array(&json);
    hr_buf_clear(&text);
    query_run_write(run, &text);
    read_again(run, &text);
    hr_buf_fini(&text);
}

static void try_definition(const uint8_t *data, size_t size)
{
    engine_query_fault fault;
    query_spec *spec;
    query_run *run;
    hr_buf text;
    if (query_spec_parse((const char *)data, size, &spec, &fault) != HR_OK) {
        return;
    }
    hr_buf_init(&text, 1 << 20);
    hr_json json = hr_json_into(&text);
    hr_json_open_object(&json);
    query_spec_explain(spec, &json);
    hr_json_close_object(&json);
    hr_buf_fini(&text);
    /* What was checked in its parts must do as a whole. */
    if (query_run_new(spec, 1, 1, ENGINE_QUERY_STATE_BYTES, &run, &fault.why) == HR_OK) {
        feed(run);
        tell(run);
        query_run_free(run);
    }
}

static void try_state(const uint8_t *data, size_t size)
{
    engine_query_fault fault;
    query_spec *spec;
    query_run *run;
    if (query_spec_parse(DEFINITION, strlen(DEFINITION), &spec, &fault) != HR_OK ||
        query_run_new(spec, 1, 1, ENGINE_QUERY_STATE_BYTES, &run, &fault.why) != HR_OK) {
        abort();
    }
    hr_cursor in = hr_cursor_of(data, size);
    if (query_run_read(run, &in) == HR_OK) {
        feed(run);
        tell(run);
    }
    query_run_free(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 0) {
        try_state(data + 1, size - 1);
    } else {
        try_definition(data, size);
    }
    return 0;
}
