/* tests/engine/test_query_input.c - what standing queries read of the log, round by round, and how
 * long they may take over it. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "engine/query_input.h"
#include "engine/query_run.h"
#include "farm.h"
#include "test.h"

#define FIXES 50000
#define ROUND_MAX 10000 /* while a round goes on, nobody gets an answer */

static void count_rows(void *context, query_source source, const void *rows, size_t count)
{
    (void)source;
    (void)rows;
    *(size_t *)context += count;
}

/* All that a gateway has kept for a day may come in one batch. */
static void a_large_batch_is_read_in_several_rounds(void **state)
{
    (void)state;
    farm farm;
    hr_why why = {""};
    size_t total = 0;
    bool is_read = true;
    hr_fix *fixes = calloc(FIXES, sizeof *fixes);
    query_input *input = calloc(1, sizeof *input);
    assert_non_null(fixes);
    assert_non_null(input);
    farm_start(&farm, 1);
    for (int i = 0; i < FIXES; i++) {
        fixes[i] = (hr_fix){.device = hr_device_key("cow-1", 5),
                            .time_ms = hr_clock_now_ms(farm.clock) - FIXES + i};
    }
    farm_fixes(&farm, fixes, FIXES);
    farm_settle(&farm);
    assert_int_equal(query_input_init(input, farm.log, farm.catalog, NULL, &why), HR_OK);
    while (is_read) {
        size_t round = 0;
        assert_int_equal(query_input_next(input, count_rows, &round, &is_read, &why), HR_OK);
        assert_in_range(round, 0, ROUND_MAX);
        total += round;
    }
    assert_int_equal(total, FIXES);
    query_input_fini(input);
    farm_end(&farm);
    free(input);
    free(fixes);
}

/* There is always more to read: the next batch has come when one has been counted. */
static _Atomic bool never_ends;

hr_err __real_query_input_next(query_input *input, query_rows_visit *visit, void *context,
                               bool *is_read, hr_why *why);
hr_err __wrap_query_input_next(query_input *input, query_rows_visit *visit, void *context,
                               bool *is_read, hr_why *why);

hr_err __wrap_query_input_next(query_input *input, query_rows_visit *visit, void *context,
                               bool *is_read, hr_why *why)
{
    hr_err err = __real_query_input_next(input, visit, context, is_read, why);
    *is_read = *is_read || atomic_load(&never_ends);
    return err;
}

/* A drain of hours, or more load than the queries can bear. */
static void what_is_kept_is_kept_while_there_is_more_to_read(void **state)
{
    (void)state;
    static const char text[] =
        "{\"name\":\"q\",\"from\":\"events\",\"select\":{\"n\":\"count()\"}}";
    farm farm;
    char folder[100];
    char path[128];
    char name[HR_FENCE_ID_MAX + 1];
    engine_query_fault fault;
    engine_queries *queries;
    farm_start(&farm, 1);
    snprintf(folder, sizeof folder, "%s/checkpoint", farm.folder);
    snprintf(path, sizeof path, "%s/queries.state", folder);
    const engine_queries_options options = {.log = farm.log,
                                            .catalog = farm.catalog,
                                            .engine = farm.engine,
                                            .clock = farm.clock,
                                            .folder = folder};
    atomic_store(&never_ends, true);
    assert_int_equal(engine_queries_start(&options, &queries, &fault.why), HR_OK);
    assert_int_equal(engine_query_put(queries, text, sizeof text - 1, true, name, &fault), HR_OK);
    for (int tries = 0; access(path, F_OK) != 0; tries++) {
        /* Waits on something that never comes, for a millisecond. */
        log_wait(farm.log, LOG_APPENDED, UINT64_MAX, 1);
        assert_true(tries < 10000);
    }
    atomic_store(&never_ends, false);
    engine_queries_stop(queries);
    farm_end(&farm);
}

/* The whole machine stands still for so long at each look at the clock. */
static int64_t pause_ns;

int64_t __real_hr_clock_mono_ns(const hr_clock *clock);
int64_t __wrap_hr_clock_mono_ns(const hr_clock *clock);

int64_t __wrap_hr_clock_mono_ns(const hr_clock *clock)
{
    static int64_t paused_ns;
    paused_ns += pause_ns;
    return __real_hr_clock_mono_ns(clock) + paused_ns;
}

/* A gateway may be out of memory, its card slow, its process stopped: none of that is a query's
 * fault, which would be stopped for good. */
static void a_machine_that_pauses_stops_no_query(void **state)
{
    (void)state;
    static const char text[] = "{\"name\":\"q\",\"from\":\"positions\",\"window\":{\"type\":"
                               "\"tumbling\",\"size\":\"1s\"},\"select\":{\"n\":\"count()\"}}";
    engine_query_fault fault;
    query_spec *spec;
    query_run *run;
    assert_int_equal(query_spec_parse(text, sizeof text - 1, &spec, &fault), HR_OK);
    assert_int_equal(query_run_new(spec, 1, 1, ENGINE_QUERY_STATE_BYTES, &run, &fault.why), HR_OK);
    pause_ns = INT64_C(10000000000);
    for (int i = 0; i < 10; i++) {
        query_fix_row row = {.base = {.time_ms = 1000 * i, .mark_ms = STREAM_TIME_NONE}};
        query_run_batch(run, QUERY_POSITIONS, &row, 1, hr_clock_real());
        (void)query_run_close(run, 1000 * i + 31000, hr_clock_real());
        assert_string_equal(run->reason, "");
    }
    pause_ns = 0;
    assert_int_equal(run->report.rows_out, 10);
    query_run_free(run);
}

static int catalog_fails_at; /* the call from now that finds no memory; 0: none */

geo_err __real_catalog_rules_load(catalog *store, uint64_t version, const geo_rules **out,
                                  geo_why *why);
geo_err __wrap_catalog_rules_load(catalog *store, uint64_t version, const geo_rules **out,
                                  geo_why *why);

geo_err __wrap_catalog_rules_load(catalog *store, uint64_t version, const geo_rules **out,
                                  geo_why *why)
{
    if (catalog_fails_at > 0 && --catalog_fails_at == 0) {
        return GEO_NO_MEMORY;
    }
    return __real_catalog_rules_load(store, version, out, why);
}

static void count_fences(void *context, query_source source, const void *rows, size_t count)
{
    size_t *fences = context;
    for (size_t i = 0; source == QUERY_EVENTS && i < count; i++) {
        *fences += query_row_at(source, rows, i)->fence != NULL;
    }
}

/* A total since the start would miss what a moment without memory has made of its rows. */
static void rows_wait_for_their_rules(void **state)
{
    (void)state;
    static const double boxes[2][4] = {{16.0, 59.0, 16.1, 59.1}, {16.0, 59.0, 16.2, 59.2}};
    farm farm;
    hr_why why = {""};
    farm_start(&farm, 1);
    farm_name(&farm, "cow-1");
    for (int i = 0; i < 2; i++) {
        /* Each set of rules judges an event. */
        farm_fence(&farm, i == 0 ? "north" : "south", boxes[i], "");
        hr_fix fix = {.device = hr_device_key("cow-1", 5),
                      .time_ms = hr_clock_now_ms(farm.clock) + i,
                      .lon_e7 = 160500000,
                      .lat_e7 = 590500000};
        farm_fixes(&farm, &fix, 1);
    }
    farm_settle(&farm);
    for (int nth = 1; catalog_fails_at == 0; nth++) {
        query_input *input = calloc(1, sizeof *input);
        size_t fences = 0;
        bool is_read = true;
        hr_err err = HR_OK;
        assert_non_null(input);
        assert_int_equal(query_input_init(input, farm.log, farm.catalog, NULL, &why), HR_OK);
        catalog_fails_at = nth;
        while (is_read || err != HR_OK) {
            err = query_input_next(input, count_fences, &fences, &is_read, &why);
        }
        assert_int_equal(fences, 2);
        assert_int_equal(input->gaps, 0);
        query_input_fini(input);
        free(input);
    }
    catalog_fails_at = 0;
    farm_end(&farm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_batch_is_read_in_several_rounds),
        cmocka_unit_test(a_machine_that_pauses_stops_no_query),
        cmocka_unit_test(what_is_kept_is_kept_while_there_is_more_to_read),
        cmocka_unit_test(rows_wait_for_their_rules),
    };
    return cmocka_run_group_tests_name("input of standing queries", tests, NULL, NULL);
}
