/* tests/engine/test_queries.c - standing queries against the oracle, under repeats, disorder, late
 * fixes and restarts; and their definitions, limits and life. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/id.h"
#include "engine/query.h"
#include "query_oracle.h"
#include "test.h"

#define WAIT_MS 20000
#define DEVICES 10
#define SELECT                                                                                     \
    "\"select\":{\"n\":\"count()\",\"animals\":\"distinct(device)\",\"sum\":\"sum(time % 1000)\"," \
    "\"least\":\"min(time % 1000)\",\"most\":\"max(time % 1000)\"}}"

/* Each query with what the oracle must know about it. */
static const struct {
    const char *name;
    const char *text;
    oracle_query query;
} judged[] = {
    {"tumbling",
     "{\"name\":\"tumbling\",\"from\":\"events\",\"group_by\":[\"fence\"],"
     "\"window\":{\"type\":\"tumbling\",\"size\":\"20s\"}," SELECT,
     {.window = ORACLE_PANED, .size_ms = 20000, .every_ms = 20000, .lateness_ms = 30000}},
    {"hopping",
     "{\"name\":\"hopping\",\"from\":\"events\",\"group_by\":[\"fence\"],\"lateness\":\"5s\","
     "\"window\":{\"type\":\"hopping\",\"size\":\"1m\",\"every\":\"20s\"}," SELECT,
     {.window = ORACLE_PANED, .size_ms = 60000, .every_ms = 20000, .lateness_ms = 5000}},
    {"running",
     "{\"name\":\"running\",\"from\":\"events\",\"group_by\":[\"device\"]," SELECT,
     {.window = ORACLE_RUNNING, .by_device = true}},
    {"sessions",
     "{\"name\":\"sessions\",\"from\":\"events\",\"group_by\":[\"device\"],\"lateness\":\"10s\","
     "\"window\":{\"type\":\"session\",\"gap\":\"8s\"}," SELECT,
     {.window = ORACLE_SESSION, .by_device = true, .gap_ms = 8000, .lateness_ms = 10000}},
    {"fixes",
     "{\"name\":\"fixes\",\"from\":\"positions\",\"group_by\":[\"device\"],"
     "\"window\":{\"type\":\"tumbling\",\"size\":\"30s\"}," SELECT,
     {.from_positions = true,
      .by_device = true,
      .window = ORACLE_PANED,
      .size_ms = 30000,
      .every_ms = 30000,
      .lateness_ms = 30000}},
    {"quick",
     "{\"name\":\"quick\",\"from\":\"positions\",\"group_by\":[\"device\"],\"lateness\":\"2s\","
     "\"window\":{\"type\":\"hopping\",\"size\":\"2m\",\"every\":\"1m\"}," SELECT,
     {.from_positions = true,
      .by_device = true,
      .window = ORACLE_PANED,
      .size_ms = 120000,
      .every_ms = 60000,
      .lateness_ms = 2000}},
};
#define JUDGED (sizeof judged / sizeof judged[0])

typedef struct scene {
    farm farm;
    engine_queries *queries;
    hr_random random;
    size_t state_bytes_max;
    bool ships;
} scene;

static void open_queries(scene *scene)
{
    char folder[128];
    hr_why why = {.text = ""};
    snprintf(folder, sizeof folder, "%s/checkpoint", scene->farm.folder);
    engine_queries_options options = {.log = scene->farm.log,
                                      .catalog = scene->farm.catalog,
                                      .engine = scene->farm.engine,
                                      .clock = scene->farm.clock,
                                      .metrics = scene->farm.metrics,
                                      .folder = folder,
                                      .state_bytes_max = scene->state_bytes_max,
                                      .ships = scene->ships};
    if (engine_queries_start(&options, &scene->queries, &why) != HR_OK) {
        fail_msg("engine_queries_start: %s", why.text);
    }
}

static void begin(scene *scene, uint64_t seed)
{
    *scene = (struct scene){.random = {.state = seed}};
    farm_start(&scene->farm, 2);
    /* The tests say themselves what time it is; silence must close nothing. */
    hr_clock_fake_set_synchronised(scene->farm.clock, false);
}

static void end(scene *scene)
{
    engine_queries_stop(scene->queries);
    farm_end(&scene->farm);
}

static hr_err put(scene *scene, const char *text, engine_query_fault *fault)
{
    char name[HR_FENCE_ID_MAX + 1];
    return engine_query_put(scene->queries, text, strlen(text), true, name, fault);
}

static void must_put(scene *scene, const char *text)
{
    engine_query_fault fault;
    if (put(scene, text, &fault) != HR_OK) {
        fail_msg("%s: %s", fault.field, fault.why.text);
    }
}

static void settle(scene *scene)
{
    farm_settle(&scene->farm);
    assert_int_equal(engine_queries_settle(scene->queries, WAIT_MS), HR_OK);
}

static void device_id(uint64_t number, char id[24])
{
    snprintf(id, 24, "cow-%" PRIu64, number);
}

/* A second of the farm's life: some devices move; 30 % of fixes come again, 10 % out of order, 5 %
 * late, some after an outage. */
static void live_a_second(scene *scene)
{
    hr_fix fixes[2 * DEVICES + 4];
    uint32_t count = 0;
    hr_random *random = &scene->random;
    hr_clock_fake_advance(scene->farm.clock, 1000);
    int64_t now_ms = hr_clock_now_ms(scene->farm.clock);
    for (uint64_t d = 0; d < DEVICES; d++) {
        char id[24];
        device_id(d, id);
        if (hr_random_below(random, 3) == 0) {
            continue;
        }
        int64_t time_ms = now_ms - (int64_t)hr_random_below(random, 900);
        uint64_t law = hr_random_below(random, 100);
        uint8_t flags = 0;
        if (law < 5) {
            time_ms -= (int64_t)hr_random_below(random, 120000);
        } else if (law < 15) {
            time_ms -= (int64_t)hr_random_below(random, 4000);
        } else if (law < 17) {
            time_ms -= (int64_t)hr_random_below(random, 60000);
            flags = HR_FIX_BACKLOG;
        }
        fixes[count] = (hr_fix){.device = hr_device_key(id, strlen(id)),
                                .time_ms = time_ms,
                                .lon_e7 = 160000000 + (int32_t)hr_random_below(random, 40000),
                                .lat_e7 = 590000000 + (int32_t)hr_random_below(random, 40000),
                                .accuracy_dm = 0,
                                .speed_cm_s = 100,
                                .heading_cdeg = HR_FIX_U16_UNKNOWN,
                                .battery_pct = 80,
                                .flags = flags};
        count++;
        if (hr_random_below(random, 10) < 3) {
            fixes[count] = fixes[count - 1];
            count++;
        }
    }
    if (count > 0) {
        farm_fixes(&scene->farm, fixes, count);
    }
    if (hr_random_below(random, 20) == 0) {
        farm_tick(&scene->farm, now_ms);
    }
}

static void make_herd(scene *scene)
{
    static const double boxes[3][4] = {{16.0, 59.0, 16.002, 59.002},
                                       {16.001, 59.001, 16.003, 59.003},
                                       {16.002, 59.0, 16.004, 59.001}};
    static const char *const names[3] = {"north", "south", "brook"};
    for (int i = 0; i < 3; i++) {
        farm_fence(&scene->farm, names[i], boxes[i], "");
    }
    for (uint64_t d = 0; d < DEVICES; d++) {
        char id[24];
        device_id(d, id);
        farm_name(&scene->farm, id);
    }
}

static void judge(scene *scene, uint64_t seed)
{
    for (size_t i = 0; i < JUDGED; i++) {
        hr_buf json;
        hr_buf lines;
        hr_buf truth;
        uint64_t late;
        hr_buf_init(&json, 64 << 20);
        assert_int_equal(engine_query_rows(scene->queries, judged[i].name, 100000, &json), HR_OK);
        oracle_lines_of_json(&json, &lines);
        oracle_answer(&scene->farm, &judged[i].query, &truth, &late);
        if (strcmp((const char *)lines.data, (const char *)truth.data) != 0) {
            print_message("seed %" PRIu64 ", %s\n--- is\n%.3000s--- should be\n%.3000s", seed,
                          judged[i].name, (const char *)lines.data, (const char *)truth.data);
            fail();
        }
        hr_buf_clear(&json);
        assert_int_equal(engine_query_progress(scene->queries, judged[i].name, &json), HR_OK);
        hr_buf_put_u8(&json, 0);
        cJSON *progress = cJSON_Parse((const char *)json.data);
        double told = cJSON_GetNumberValue(
            cJSON_GetObjectItem(cJSON_GetObjectItem(progress, "last"), "rows_late"));
        assert_double_near(told, (double)late, 0);
        print_message("%s: %zu bytes of rows, %" PRIu64 " late\n", judged[i].name, truth.size,
                      late);
        cJSON_Delete(progress);
        hr_buf_fini(&json);
        hr_buf_fini(&lines);
        hr_buf_fini(&truth);
    }
}

/* As after a kill: what was not saved is lost, and an older checkpoint is there, or none. */
static void crash_queries(scene *scene, bool keeps_file)
{
    char path[160];
    char copy[160];
    snprintf(path, sizeof path, "%s/checkpoint/queries.state", scene->farm.folder);
    snprintf(copy, sizeof copy, "%s/checkpoint/queries.older", scene->farm.folder);
    bool has_copy = keeps_file && link(path, copy) == 0;
    engine_queries_stop(scene->queries);
    if (has_copy) {
        assert_int_equal(rename(copy, path), 0);
    } else {
        unlink(path);
    }
    open_queries(scene);
}

static void answers_equal_the_oracles(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        scene scene;
        begin(&scene, seed);
        open_queries(&scene);
        for (size_t i = 0; i < JUDGED; i++) {
            must_put(&scene, judged[i].text);
        }
        make_herd(&scene);
        for (int second = 1; second <= 240; second++) {
            live_a_second(&scene);
            if (second % 60 == 0) {
                settle(&scene);
                if (seed > 1) {
                    /* A clean restart, which goes on from the checkpoint .. */
                    engine_queries_stop(scene.queries);
                    farm_restart(&scene.farm, 1);
                    open_queries(&scene);
                }
            }
            if (seed == 3 && second % 45 == 0) {
                /* .. and one that counts again what came after an older one, or everything. */
                settle(&scene);
                crash_queries(&scene, second % 2 == 0);
            }
        }
        settle(&scene);
        judge(&scene, seed);
        end(&scene);
    }
}

static void damage_checkpoint(scene *scene, uint64_t how)
{
    char path[160];
    snprintf(path, sizeof path, "%s/checkpoint/queries.state", scene->farm.folder);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    long at = (long)hr_random_below(&scene->random, (uint64_t)size);
    if (how % 2 == 0) {
        assert_int_equal(ftruncate(fileno(file), at), 0);
    } else {
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        int byte = fgetc(file);
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_true(fputc(byte ^ 0x10, file) != EOF);
    }
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_checkpoint_costs_time_and_no_answer(void **state)
{
    (void)state;
    scene scene;
    begin(&scene, 9);
    open_queries(&scene);
    for (size_t i = 0; i < JUDGED; i++) {
        must_put(&scene, judged[i].text);
    }
    make_herd(&scene);
    for (uint64_t round = 0; round < 6; round++) {
        for (int second = 0; second < 20; second++) {
            live_a_second(&scene);
        }
        settle(&scene);
        engine_queries_stop(scene.queries);
        damage_checkpoint(&scene, round);
        open_queries(&scene);
    }
    settle(&scene);
    judge(&scene, 9);
    end(&scene);
}

static void expect_fault(scene *scene, const char *text, const char *field, const char *part)
{
    engine_query_fault fault;
    assert_int_equal(put(scene, text, &fault), HR_INVALID);
    assert_string_equal(fault.field, field);
    if (strstr(fault.why.text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", fault.why.text, part);
    }
}

static void a_bad_definition_is_refused_with_the_part_that_is_bad(void **state)
{
    (void)state;
    scene scene;
    begin(&scene, 1);
    open_queries(&scene);
#define BEGINNING "{\"name\":\"q\",\"from\":\"events\","
#define COUNT "\"select\":{\"n\":\"count()\"}"
    expect_fault(&scene, "nonsense", "", "JSON");
    expect_fault(&scene, "{\"from\":\"events\"," COUNT "}", "name", "letters");
    expect_fault(&scene, "{\"name\":\"q\",\"from\":\"fences\"," COUNT "}", "from", "positions");
    expect_fault(&scene, BEGINNING COUNT ",\"colour\":1}", "colour", "no such member");
    expect_fault(&scene, BEGINNING COUNT ",\"where\":\"kindd = 1\"}", "where", "kindd");
    expect_fault(&scene, BEGINNING COUNT ",\"where\":\"1, 2\"}", "where", "");
    expect_fault(&scene, BEGINNING COUNT ",\"where\":\"(select 1 from sqlite_schema)\"}", "where",
                 "");
    expect_fault(&scene, BEGINNING COUNT ",\"where\":\"load_extension('x')\"}", "where", "");
    expect_fault(&scene, BEGINNING COUNT ",\"where\":\"random()\"}", "where", "");
    expect_fault(&scene, BEGINNING COUNT ",\"group_by\":[\"fence\",\"devic\"]}", "group_by[1]",
                 "devic");
    expect_fault(&scene, BEGINNING "\"select\":{\"n\":\"median(time)\"}}", "select.n", "aggregate");
    expect_fault(&scene, BEGINNING "\"select\":{\"n\":\"sum()\"}}", "select.n", "1 expression");
    expect_fault(&scene, BEGINNING "\"select\":{\"n\":\"sum(time\"}}", "select.n", "not closed");
    expect_fault(&scene, BEGINNING "\"select\":{\"n\":\"sum(time) + 1\"}}", "select.n", "follow");
    expect_fault(&scene, BEGINNING "\"select\":{\"n\":\"quantile(time, 7)\"}}", "select.n",
                 "0 to 1");
    expect_fault(&scene, BEGINNING COUNT ",\"window\":{\"type\":\"sliding\"}}", "window.type", "");
    expect_fault(&scene, BEGINNING COUNT ",\"window\":{\"type\":\"tumbling\",\"size\":\"9\"}}",
                 "window.size", "10s");
    expect_fault(&scene,
                 BEGINNING COUNT
                 ",\"window\":{\"type\":\"hopping\",\"size\":\"10m\",\"every\":\"7m\"}}",
                 "window.every", "multiple");
    expect_fault(&scene, BEGINNING COUNT ",\"output\":\"append\"}", "output", "never end");
    must_put(&scene, BEGINNING COUNT "}");
    engine_query_fault fault;
    assert_int_equal(put(&scene, BEGINNING COUNT "}", &fault), HR_EXISTS);
    end(&scene);
}

static double member_of(scene *scene, const char *name, const char *member, char *status,
                        size_t size)
{
    hr_buf json;
    hr_buf_init(&json, 1 << 20);
    assert_int_equal(engine_query_get(scene->queries, name, &json), HR_OK);
    cJSON *root = cJSON_ParseWithLength((const char *)json.data, json.size);
    snprintf(status, size, "%s", cJSON_GetStringValue(cJSON_GetObjectItem(root, "status")));
    double value = cJSON_GetNumberValue(cJSON_GetObjectItem(root, member));
    cJSON_Delete(root);
    hr_buf_fini(&json);
    return value;
}

static void a_query_that_grows_too_large_stops_alone(void **state)
{
    (void)state;
    scene scene;
    char status[16];
    begin(&scene, 1);
    scene.state_bytes_max = 100000;
    open_queries(&scene);
    make_herd(&scene);
    must_put(&scene, "{\"name\":\"greedy\",\"from\":\"positions\",\"group_by\":[\"time\"],"
                     "\"select\":{\"n\":\"count()\"}}");
    must_put(&scene, "{\"name\":\"modest\",\"from\":\"positions\",\"group_by\":[\"device\"],"
                     "\"select\":{\"n\":\"count()\"}}");
    for (int second = 0; second < 200; second++) {
        live_a_second(&scene);
    }
    settle(&scene);
    (void)member_of(&scene, "greedy", "runId", status, sizeof status);
    assert_string_equal(status, "failed");
    (void)member_of(&scene, "modest", "runId", status, sizeof status);
    assert_string_equal(status, "running");
    end(&scene);
}

static void stop_and_start_outlast_a_restart(void **state)
{
    (void)state;
    scene scene;
    char status[16];
    begin(&scene, 1);
    open_queries(&scene);
    make_herd(&scene);
    must_put(&scene, "{\"name\":\"q\",\"from\":\"events\",\"select\":{\"n\":\"count()\"}}");
    double id = member_of(&scene, "q", "id", status, sizeof status);
    double run = member_of(&scene, "q", "runId", status, sizeof status);
    assert_int_equal(engine_query_stop(scene.queries, "q", NULL), HR_OK);
    engine_queries_stop(scene.queries);
    open_queries(&scene);
    assert_double_near(member_of(&scene, "q", "runId", status, sizeof status), run, 0);
    assert_string_equal(status, "stopped");
    assert_int_equal(engine_query_start(scene.queries, "q", NULL), HR_OK);
    assert_true(member_of(&scene, "q", "runId", status, sizeof status) > run);
    assert_double_near(member_of(&scene, "q", "id", status, sizeof status), id, 0);
    assert_string_equal(status, "running");
    assert_int_equal(engine_query_remove(scene.queries, "q", NULL), HR_OK);
    assert_int_equal(engine_query_remove(scene.queries, "q", NULL), HR_NOT_FOUND);
    assert_int_equal(engine_query_start(scene.queries, "q", NULL), HR_NOT_FOUND);
    end(&scene);
}

static void shipped_queries_run_and_stay_removed(void **state)
{
    (void)state;
    scene scene;
    char status[16];
    static const char *const names[] = {"crossings-10s", "crossings-10m", "trending",
                                        "animals-per-day", "events-per-kind"};
    begin(&scene, 1);
    scene.ships = true;
    open_queries(&scene);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        hr_buf plan;
        hr_buf_init(&plan, 1 << 20);
        (void)member_of(&scene, names[i], "id", status, sizeof status);
        assert_string_equal(status, "running");
        assert_int_equal(engine_query_explain(scene.queries, names[i], &plan), HR_OK);
        hr_buf_fini(&plan);
    }
    (void)member_of(&scene, "battery-days", "id", status, sizeof status);
    assert_string_equal(status, "stopped");
    assert_int_equal(engine_query_remove(scene.queries, "trending", NULL), HR_OK);
    engine_queries_stop(scene.queries);
    open_queries(&scene);
    hr_buf rows;
    uint64_t revision = 0;
    hr_buf_init(&rows, 1 << 20);
    assert_int_equal(engine_query_rows(scene.queries, "trending", 10, &rows), HR_NOT_FOUND);
    assert_int_equal(engine_query_rows_since(scene.queries, "crossings-10m", &revision, 10, &rows),
                     HR_OK);
    assert_int_equal(engine_query_rows_since(scene.queries, "crossings-10m", &revision, 10, &rows),
                     HR_TIMEOUT);
    hr_buf_fini(&rows);
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_equal_the_oracles),
        cmocka_unit_test(a_damaged_checkpoint_costs_time_and_no_answer),
        cmocka_unit_test(a_bad_definition_is_refused_with_the_part_that_is_bad),
        cmocka_unit_test(a_query_that_grows_too_large_stops_alone),
        cmocka_unit_test(stop_and_start_outlast_a_restart),
        cmocka_unit_test(shipped_queries_run_and_stay_removed),
    };
    return cmocka_run_group_tests_name("standing queries", tests, NULL, NULL);
}
