/* tests/engine/test_query_run.c - one query by itself: kept and read again at any moment, it goes
 * on as if nothing had been. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/query_device.h"
#include "engine/query_run.h"
#include "test.h"

#define BATCHES 120
#define ROWS 20
#define STEP_MS 700

#define EVERYTHING                                                                                 \
    "\"a\":\"sum(lon * 1.1)\",\"b\":\"distinct(time % 1000)\",\"c\":\"topk(time % 97, 64)\","      \
    "\"d\":\"frequency(time % 300, 7)\",\"e\":\"quantile(lat * speed_mps, 0.9)\","                 \
    "\"f\":\"sample(time, 8)\",\"g\":\"moment(time % 300)\",\"h\":\"clusters(lon, lat, 3)\""
#define MODELS                                                                                     \
    "\"a\":\"trend(lon, time_days)\",\"b\":\"descent(lat, lon)\",\"c\":\"mean(lat)\","             \
    "\"d\":\"min(lon)\",\"e\":\"max(lon)\",\"f\":\"count()\","                                     \
    "\"g\":\"stay(case when lon > 0 then 'enter' else 'exit' end, time, lat)\""

static const char *const definitions[] = {
    "\"window\":{\"type\":\"tumbling\",\"size\":\"10s\"},\"select\":{" EVERYTHING "}",
    "\"window\":{\"type\":\"hopping\",\"size\":\"20s\",\"every\":\"2s\"},"
    "\"group_by\":[\"device\"],\"select\":{" EVERYTHING "}",
    "\"group_by\":[\"device\"],\"window\":{\"type\":\"session\",\"gap\":\"3s\"},"
    "\"select\":{" EVERYTHING "}",
    "\"select\":{" EVERYTHING "}",
    "\"group_by\":[\"device\"],\"select\":{" MODELS "}",
    "\"window\":{\"type\":\"hopping\",\"size\":\"20s\",\"every\":\"2s\"},\"select\":{" MODELS "}",
    "\"follows\":{\"from\":\"positions\",\"on\":[\"device\"],\"within\":\"9s\",\"match\":\"all\"},"
    "\"select\":{\"a\":\"sample(earlier_time, 9)\",\"b\":\"topk(time - earlier_time, 9)\"}",
    "\"follows\":{\"from\":\"positions\",\"on\":[\"time % 3\"],\"within\":\"9s\"},"
    "\"window\":{\"type\":\"session\",\"gap\":\"3s\"},"
    "\"select\":{\"a\":\"descent(earlier_lon, lat)\",\"b\":\"clusters(earlier_lon, lon)\"}",
};

static query_run *make_run(const char *rest)
{
    char text[2048];
    engine_query_fault fault;
    query_spec *spec;
    query_run *run;
    int size = snprintf(text, sizeof text,
                        "{\"name\":\"q\",\"from\":\"positions\",\"lateness\":\"4s\",%s}", rest);
    if (query_spec_parse(text, (size_t)size, &spec, &fault) != HR_OK) {
        fail_msg("%s: %s: %s", rest, fault.field, fault.why.text);
    }
    assert_int_equal(query_run_new(spec, 5, 1, 64u << 20, &run, &fault.why), HR_OK);
    return run;
}

/* Fixes of three devices, some of them late, in two lanes. */
static void feed(query_run *run, hr_random *random, int batch)
{
    static const char *const ids[] = {"a", "b", "c"};
    query_fix_row rows[ROWS];
    int64_t now_ms = INT64_C(1795161600000) + (int64_t)batch * STEP_MS;
    for (int i = 0; i < ROWS; i++) {
        uint32_t device = (uint32_t)hr_random_below(random, 3);
        int64_t time_ms = now_ms - (int64_t)hr_random_below(random, 6000);
        rows[i] =
            (query_fix_row){.base = {.lane = (uint16_t)(device % 2),
                                     .time_ms = time_ms,
                                     .mark_ms = batch > 0 ? now_ms - STEP_MS : STREAM_TIME_NONE,
                                     .offset = batch * ROWS + i},
                            .fix = {.time_ms = time_ms,
                                    .lon_e7 = (int32_t)hr_random_below(random, 20000) - 10000,
                                    .lat_e7 = (int32_t)hr_random_below(random, 30000) - 10000,
                                    .speed_cm_s = (uint16_t)hr_random_below(random, 60000)},
                            .device = ids[device]};
    }
    query_run_batch(run, QUERY_POSITIONS, rows, ROWS, hr_clock_real());
    assert_string_equal(run->reason, "");
    while (query_run_close(run, now_ms, hr_clock_real())) {
    }
    assert_string_equal(run->reason, "");
}

static query_run *keep_and_read(query_run *run, const char *rest)
{
    hr_buf kept;
    query_run *again = make_run(rest);
    hr_buf_init(&kept, 64u << 20);
    query_run_write(run, &kept);
    assert_int_equal(hr_buf_err(&kept), HR_OK);
    hr_cursor in = hr_cursor_of(kept.data, kept.size);
    assert_int_equal(query_run_read(again, &in), HR_OK);
    assert_int_equal(hr_cursor_left(&in), 0);
    query_run_free(run);
    hr_buf_fini(&kept);
    return again;
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Its rows, sorted: open windows have no order of their own. */
static void tell(query_run *run, hr_buf *out)
{
    char *rows[4000];
    size_t count = 0;
    hr_json json = hr_json_into(out);
    query_run_tell_rows(run, 100000, &json);
    hr_buf_put_u8(out, 0);
    assert_int_equal(hr_buf_err(out), HR_OK);
    for (char *at = strstr((char *)out->data, "{\"f"); at != NULL; at = strstr(at, "{\"f")) {
        assert_true(count < 4000);
        rows[count++] = at;
        at[-1] = 0;
        at++;
    }
    qsort(rows, count, sizeof *rows, compare_texts);
    hr_buf sorted;
    hr_buf_init(&sorted, 64u << 20);
    for (size_t i = 0; i < count; i++) {
        hr_buf_put_text(&sorted, rows[i]);
        hr_buf_put_u8(&sorted, '\n');
    }
    hr_buf_put_u8(&sorted, 0);
    hr_buf_fini(out);
    *out = sorted;
}

static void a_run_goes_on_as_it_was_kept(void **state)
{
    (void)state;
    uint64_t seed = test_seed(__func__);
    for (size_t d = 0; d < sizeof definitions / sizeof definitions[0]; d++) {
        hr_random random = {seed + d};
        hr_random same = random;
        hr_random when = {seed * 31 + d};
        query_run *whole = make_run(definitions[d]);
        query_run *parts = make_run(definitions[d]);
        hr_buf one;
        hr_buf two;
        for (int batch = 0; batch < BATCHES; batch++) {
            feed(whole, &random, batch);
            feed(parts, &same, batch);
            if (hr_random_below(&when, 8) == 0) {
                parts = keep_and_read(parts, definitions[d]);
            }
        }
        /* One that has stopped is told as it was, with no rows coming any more. */
        parts = keep_and_read(parts, definitions[d]);
        hr_buf_init(&one, 64u << 20);
        hr_buf_init(&two, 64u << 20);
        tell(whole, &one);
        tell(parts, &two);
        assert_int_equal(whole->report.rows_late, parts->report.rows_late);
        size_t at = 0;
        while (one.data[at] == two.data[at] && one.data[at] != 0) {
            at++;
        }
        if (one.data[at] != two.data[at]) {
            at -= at < 100 ? at : 100;
            fail_msg("%s: kept and read it tells\n%.200s, else\n%.200s", definitions[d],
                     (char *)two.data + at, (char *)one.data + at);
        }
        assert_true(one.size > 10);
        hr_buf_fini(&one);
        hr_buf_fini(&two);
        query_run_free(whole);
        query_run_free(parts);
    }
}

/* The time that the runner's thread has had, if each look at it takes so long. */
static int64_t look_ns;
static int64_t thread_ns;

int64_t __real_stream_thread_ns(void);
int64_t __wrap_stream_thread_ns(void);

int64_t __wrap_stream_thread_ns(void)
{
    thread_ns += look_ns;
    return look_ns > 0 ? thread_ns : __real_stream_thread_ns();
}

/* Rows of so many windows in a row, which are over when the last lane comes up; each takes
 * window_ms of the thread's time to end. Returns how often others were let in before all had ended;
 * the caller ends the run. */
static int end_all(query_run **run, const char *rest, int64_t every_ms, int windows,
                   int64_t window_ms)
{
    enum {
        WINDOWS_MAX = 64
    };
    static query_fix_row rows[WINDOWS_MAX];
    int64_t start_ms = INT64_C(1795161600000);
    int times = 0;
    for (int i = 0; i < windows; i++) {
        int64_t time_ms = start_ms + i * every_ms;
        rows[i] = (query_fix_row){.base = {.time_ms = time_ms, .mark_ms = STREAM_TIME_NONE},
                                  .fix = {.time_ms = time_ms},
                                  .device = "a"};
    }
    *run = make_run(rest);
    query_run_batch(*run, QUERY_POSITIONS, rows, (size_t)windows, hr_clock_real());
    look_ns = window_ms * 1000000;
    while (query_run_close(*run, start_ms + (windows + 9) * every_ms, hr_clock_real())) {
        assert_in_range(++times, 1, WINDOWS_MAX);
    }
    look_ns = 0;
    return times;
}

static void others_are_let_in_between_ends_of_windows(void **state)
{
    (void)state;
    static const char minutes[] = "\"window\":{\"type\":\"tumbling\",\"size\":\"1m\"},"
                                  "\"select\":{\"n\":\"count()\"}";
    static const char seconds[] = "\"window\":{\"type\":\"tumbling\",\"size\":\"1s\"},"
                                  "\"select\":{\"n\":\"count()\"}";
    query_run *run;
    /* A window that takes more than a slice of time is the last before others are let in. */
    assert_int_equal(end_all(&run, minutes, 60000, 60, 60), 59);
    assert_string_equal(run->reason, "");
    assert_int_equal(run->report.rows_out, 60);
    query_run_free(run);
    assert_int_equal(end_all(&run, minutes, 60000, 60, 1), 1);
    assert_int_equal(run->report.rows_out, 60);
    query_run_free(run);
    /* A minute of work in an hour of windows is a lot to catch up, and no reason to stop. */
    assert_int_equal(end_all(&run, minutes, 60000, 60, 1000), 59);
    assert_string_equal(run->reason, "");
    query_run_free(run);
    /* A second of work in each second is too much for ever. */
    assert_int_equal(end_all(&run, seconds, 1000, 60, 1000), 4);
    assert_non_null(strstr(run->reason, "ending its windows"));
    query_run_free(run);
    /* So is a single window that takes that long. */
    assert_int_equal(end_all(&run, minutes, 60000, 60, 6000), 0);
    assert_non_null(strstr(run->reason, "ending its windows"));
    query_run_free(run);
}

/* Under trees an animal's fixes are too bad to decide anything, for hours; then it is found in a
 * fence. Nobody knows since when: since the last good fix at most. */
static void what_nobody_saw_is_as_uncertain_as_it_was_long(void **state)
{
    (void)state;
    for (int bad = 0; bad < 20; bad++) {
        query_devices devices = {.count = 0};
        query_devices again = {.count = 0};
        hr_buf kept;
        int64_t minute_ms = 60000;
        for (int i = 0; i < 4 + bad; i++) {
            query_device *device = query_devices_get(&devices, 7);
            assert_non_null(device);
            assert_false(query_device_repeats(device, i * minute_ms, i < 4));
        }
        const hr_event enter = {.cause = HR_CAUSE_FIX, .time_ms = (4 + bad) * minute_ms};
        hr_buf_init(&kept, 10000);
        query_devices_write(&devices, &kept);
        hr_cursor in = hr_cursor_of(kept.data, kept.size);
        assert_int_equal(query_devices_read(&again, &in), HR_OK);
        assert_int_equal(hr_cursor_left(&in), 0);
        /* The good ones were those of minutes 0 to 3. */
        assert_true(query_device_uncertainty_ms(query_devices_get(&again, 7), &enter, NULL,
                                                &geo_settings_default) >= (1 + bad) * minute_ms);
        query_devices_fini(&devices);
        query_devices_fini(&again);
        hr_buf_fini(&kept);
    }
}

/* Eight lists of 64 texts, each text as long as one may be and full of what JSON writes in six
 * letters: the longest row there can be. */
static void the_longest_row_is_kept(void **state)
{
    (void)state;
    hr_buf rest;
    query_fix_row rows[64];
    hr_buf_init(&rest, 2048);
    hr_buf_put_text(&rest, "\"window\":{\"type\":\"tumbling\",\"size\":\"1m\"},\"select\":{");
    for (int i = 0; i < STREAM_AGGREGATES_MAX; i++) {
        hr_buf_printf(&rest,
                      "%s\"t%d\":\"topk(replace(printf('%%.*c', 250, 'a'), 'a', char(%d)) || "
                      "time, 64)\"",
                      i > 0 ? "," : "", i, i + 1);
    }
    hr_buf_put_text(&rest, "}");
    hr_buf_put_u8(&rest, 0);
    query_run *run = make_run((const char *)rest.data);
    for (int i = 0; i < 64; i++) {
        rows[i] = (query_fix_row){.base = {.time_ms = i, .mark_ms = STREAM_TIME_NONE},
                                  .fix = {.time_ms = i}};
    }
    query_run_batch(run, QUERY_POSITIONS, rows, 64, hr_clock_real());
    assert_false(query_run_close(run, 120000, hr_clock_real()));
    assert_string_equal(run->reason, "");
    assert_int_equal(run->report.rows_out, 1);
    assert_int_equal(run->kept_count, 1);
    assert_true(run->kept_bytes > 700000);
    query_run_free(run);
    hr_buf_fini(&rest);
}

static void must_tell(const hr_buf *json, const char *part, int times)
{
    int found = 0;
    for (const char *at = (const char *)json->data; (at = strstr(at, part)) != NULL; at++) {
        found++;
    }
    if (found != times) {
        fail_msg("%s is told %d times and not %d: %s", part, found, times, (char *)json->data);
    }
}

static void progress_tells_what_was_counted(void **state)
{
    (void)state;
    int64_t start_ms = INT64_C(1795161600000); /* 2026-11-20T08:00:00Z */
    static const int64_t after_ms[] = {0, 1000, 2000, 9000, 500};
    query_fix_row rows[5];
    query_run *run = make_run("\"where\":\"time % 2000 <> 1000\",\"window\":{\"type\":\"tumbling\","
                              "\"size\":\"1s\"},\"group_by\":[\"device\"],"
                              "\"select\":{\"n\":\"count()\"}");
    for (int i = 0; i < 5; i++) {
        int64_t time_ms = start_ms + after_ms[i];
        /* The last one is late. */
        rows[i] = (query_fix_row){
            .base = {.time_ms = time_ms, .mark_ms = i == 4 ? start_ms + 10000 : STREAM_TIME_NONE},
            .fix = {.time_ms = time_ms},
            .device = i % 2 == 0 ? "a" : "b"};
    }
    query_run_batch(run, QUERY_POSITIONS, rows, 5, hr_clock_real());
    assert_false(query_run_close(run, start_ms + 10000, hr_clock_real()));
    query_run_note(run, start_ms + 10000);
    query_run_batch(run, QUERY_POSITIONS, rows + 2, 1, hr_clock_real());
    /* Of 2.5 s that are reported each, the last 20 are kept. */
    for (int i = 1; i <= 30; i++) {
        query_run_note(run, start_ms + 10000 + 2500 * i);
    }
    hr_buf out;
    hr_buf_init(&out, 1u << 20);
    hr_json json = hr_json_into(&out);
    query_run_tell_progress(run, &json);
    hr_buf_put_u8(&out, 0);
    must_tell(&out, "{\"time\":\"2026-11-20T08:0", 20);
    must_tell(&out, "\"rows_in\":6,\"rows_passed\":4,\"rows_late\":1,\"rows_out\":2,", 21);
    must_tell(&out, "\"rows_per_s\":0,", 19);
    must_tell(&out, "\"batches\":2,\"evaluate_ms\":", 21);
    must_tell(&out, ",\"pair_ms\":0,\"close_ms\":", 21);
    must_tell(&out, ",\"batch_ms_max\":", 21);
    must_tell(&out, "\"time_min\":\"2026-11-20T08:00:00.000Z\"", 21);
    must_tell(&out, "\"time_max\":\"2026-11-20T08:00:09.000Z\"", 21);
    /* (0 + 1 + 2 + 9 + 0.5 + 2) / 6 */
    must_tell(&out, "\"time_mean\":\"2026-11-20T08:00:02.416Z\"", 21);
    must_tell(&out, "\"watermark\":\"2026-11-20T08:00:06.000Z\",\"groups\":1,", 21);
    must_tell(&out, "\"state_bytes\":", 21);
    hr_buf_fini(&out);
    query_run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_saw_is_as_uncertain_as_it_was_long),
        cmocka_unit_test(the_longest_row_is_kept),
        cmocka_unit_test(progress_tells_what_was_counted),
        cmocka_unit_test(others_are_let_in_between_ends_of_windows),
        cmocka_unit_test(a_run_goes_on_as_it_was_kept),
    };
    return cmocka_run_group_tests_name("one query", tests, NULL, NULL);
}
