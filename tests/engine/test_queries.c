/* tests/engine/test_queries.c - standing queries against the oracle, under repeats, disorder, late
 * fixes and restarts; and their definitions, limits and life. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/id.h"
#include "engine/query.h"
#include "query_oracle.h"
#include "query_scene.h"
#include "test.h"

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

static void answers_equal_the_oracles(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        scene scene;
        scene_begin(&scene, seed);
        scene_open_queries(&scene);
        for (size_t i = 0; i < JUDGED; i++) {
            scene_must_put(&scene, judged[i].text);
        }
        scene_make_herd(&scene);
        for (int second = 1; second <= 240; second++) {
            scene_live_a_second(&scene);
            if (second % 70 == 0) {
                scene_change_rules(&scene);
            }
            if (second % 60 == 0) {
                scene_settle(&scene);
                if (seed > 1) {
                    /* A clean restart, which goes on from the checkpoint .. */
                    engine_queries_stop(scene.queries);
                    farm_restart(&scene.farm, 1);
                    scene_open_queries(&scene);
                }
            }
            if (seed == 3 && second % 45 == 0) {
                /* .. and one that counts again what came after an older one, or everything. */
                scene_settle(&scene);
                scene_crash_queries(&scene, second % 2 == 0);
            }
        }
        scene_settle(&scene);
        judge(&scene, seed);
        scene_end(&scene);
    }
}

static void damage_checkpoint(scene *scene, const char *name, uint64_t how)
{
    char path[160];
    snprintf(path, sizeof path, "%s/checkpoint/%s", scene->farm.folder, name);
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
    scene_begin(&scene, 9);
    scene_open_queries(&scene);
    for (size_t i = 0; i < JUDGED; i++) {
        scene_must_put(&scene, judged[i].text);
    }
    scene_make_herd(&scene);
    for (uint64_t round = 0; round < 6; round++) {
        for (int second = 0; second < 20; second++) {
            scene_live_a_second(&scene);
        }
        scene_settle(&scene);
        engine_queries_stop(scene.queries);
        damage_checkpoint(&scene, "queries.state", round);
        if (round >= 4) {
            damage_checkpoint(&scene, "queries.state.before", round);
        }
        scene_open_queries(&scene);
    }
    scene_settle(&scene);
    judge(&scene, 9);
    scene_end(&scene);
}

static void expect_fault(scene *scene, const char *text, const char *field, const char *part)
{
    engine_query_fault fault;
    assert_int_equal(scene_put(scene, text, &fault), HR_INVALID);
    assert_string_equal(fault.field, field);
    if (strstr(fault.why.text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", fault.why.text, part);
    }
}

static void a_bad_definition_is_refused_with_the_part_that_is_bad(void **state)
{
    (void)state;
    scene scene;
    scene_begin(&scene, 1);
    scene_open_queries(&scene);
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
    scene_must_put(&scene, BEGINNING COUNT "}");
    engine_query_fault fault;
    assert_int_equal(scene_put(&scene, BEGINNING COUNT "}", &fault), HR_EXISTS);
    scene_end(&scene);
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
    scene_begin(&scene, 1);
    scene.state_bytes_max = 60000;
    scene_open_queries(&scene);
    scene_make_herd(&scene);
    scene_must_put(&scene, "{\"name\":\"greedy\",\"from\":\"positions\",\"group_by\":[\"time\"],"
                           "\"select\":{\"n\":\"count()\"}}");
    scene_must_put(&scene, "{\"name\":\"modest\",\"from\":\"positions\",\"group_by\":[\"device\"],"
                           "\"select\":{\"n\":\"count()\"}}");
    for (int second = 0; second < 200; second++) {
        scene_live_a_second(&scene);
    }
    scene_settle(&scene);
    (void)member_of(&scene, "greedy", "runId", status, sizeof status);
    assert_string_equal(status, "failed");
    (void)member_of(&scene, "modest", "runId", status, sizeof status);
    assert_string_equal(status, "running");
    scene_end(&scene);
}

/* A service that is killed before it could keep anything must not give the same numbers again. */
static void each_start_of_the_service_is_a_run_of_its_own(void **state)
{
    (void)state;
    scene scene;
    char status[16];
    scene_begin_with(&scene, 1,
                     "{\"name\":\"q\",\"from\":\"positions\",\"select\":{\"n\":\"count()\"}}");
    scene_live_a_second(&scene);
    scene_settle(&scene);
    double id = member_of(&scene, "q", "id", status, sizeof status);
    double run = member_of(&scene, "q", "runId", status, sizeof status);
    double rows = member_of(&scene, "q", "rows_in", status, sizeof status);
    assert_true(rows > 0);
    for (int is_killed = 0; is_killed < 2; is_killed++) {
        if (is_killed) {
            scene_crash_queries(&scene, true);
        } else {
            engine_queries_stop(scene.queries);
            scene_open_queries(&scene);
        }
        double next = member_of(&scene, "q", "runId", status, sizeof status);
        assert_true(next != run);
        assert_double_near(member_of(&scene, "q", "id", status, sizeof status), id, 0);
        assert_double_near(member_of(&scene, "q", "rows_in", status, sizeof status), rows, 0);
        run = next;
    }
    scene_end(&scene);
}

static void stop_and_start_outlast_a_restart(void **state)
{
    (void)state;
    scene scene;
    char status[16];
    scene_begin_with(&scene, 1,
                     "{\"name\":\"q\",\"from\":\"events\",\"select\":{\"n\":\"count()\"}}");
    double id = member_of(&scene, "q", "id", status, sizeof status);
    double run = member_of(&scene, "q", "runId", status, sizeof status);
    assert_int_equal(engine_query_stop(scene.queries, "q", NULL), HR_OK);
    engine_queries_stop(scene.queries);
    scene_open_queries(&scene);
    assert_double_near(member_of(&scene, "q", "runId", status, sizeof status), run, 0);
    assert_string_equal(status, "stopped");
    assert_int_equal(engine_query_start(scene.queries, "q", NULL), HR_OK);
    assert_true(member_of(&scene, "q", "runId", status, sizeof status) != run);
    assert_double_near(member_of(&scene, "q", "id", status, sizeof status), id, 0);
    assert_string_equal(status, "running");
    assert_int_equal(engine_query_remove(scene.queries, "q", NULL), HR_OK);
    assert_int_equal(engine_query_remove(scene.queries, "q", NULL), HR_NOT_FOUND);
    assert_int_equal(engine_query_start(scene.queries, "q", NULL), HR_NOT_FOUND);
    scene_end(&scene);
}

/* Killed just after it was stopped, or started anew: the checkpoint is of before, the catalogue of
 * after. */
static void stop_and_start_outlast_a_kill(void **state)
{
    (void)state;
    enum {
        STOP,
        START,
        START_ANEW, /* it runs */
        CASES
    };
    for (int what = STOP; what < CASES; what++) {
        scene scene;
        char status[16];
        char path[160];
        char before[160];
        scene_begin_with(&scene, 1,
                         "{\"name\":\"q\",\"from\":\"positions\","
                         "\"select\":{\"n\":\"count()\"}}");
        scene_live_a_second(&scene);
        scene_settle(&scene);
        double rows = member_of(&scene, "q", "rows_in", status, sizeof status);
        assert_true(rows > 0);
        if (what == START) {
            assert_int_equal(engine_query_stop(scene.queries, "q", NULL), HR_OK);
        }
        engine_queries_stop(scene.queries);
        snprintf(path, sizeof path, "%s/checkpoint/queries.state", scene.farm.folder);
        snprintf(before, sizeof before, "%s/checkpoint/queries.before", scene.farm.folder);
        assert_int_equal(link(path, before), 0);
        scene_open_queries(&scene);
        assert_int_equal(what == STOP ? engine_query_stop(scene.queries, "q", NULL)
                                      : engine_query_start(scene.queries, "q", NULL),
                         HR_OK);
        engine_queries_stop(scene.queries);
        assert_int_equal(rename(before, path), 0);
        scene_open_queries(&scene);
        double kept = member_of(&scene, "q", "rows_in", status, sizeof status);
        assert_string_equal(status, what == STOP ? "stopped" : "running");
        assert_double_near(kept, what == STOP ? rows : 0, 0);
        scene_end(&scene);
    }
}

/* A full disk, say: once there is room, what was not kept is. */
static void a_checkpoint_that_failed_is_made_later(void **state)
{
    (void)state;
    scene scene;
    char path[128];
    char aside[160];
    scene_begin(&scene, 1);
    snprintf(path, sizeof path, "%s/checkpoint/queries.state", scene.farm.folder);
    snprintf(aside, sizeof aside, "%s/checkpoint/queries.state.new", scene.farm.folder);
    assert_int_equal(mkdir(aside, 0700), 0);
    scene_open_queries(&scene);
    scene_must_put(&scene, "{\"name\":\"q\",\"from\":\"events\",\"select\":{\"n\":\"count()\"}}");
    /* An edit is kept at the end of a round: two later it has been tried. */
    scene_settle(&scene);
    scene_settle(&scene);
    assert_int_equal(rmdir(aside), 0);
    engine_queries_stop(scene.queries);
    assert_int_equal(access(path, F_OK), 0);
    scene_open_queries(&scene);
    scene_end(&scene);
}

static void shipped_queries_run_and_stay_removed(void **state)
{
    (void)state;
    scene scene;
    char status[16];
    static const char *const names[] = {"crossings-10s",   "crossings-10m",   "trending",
                                        "animals-per-day", "events-per-kind", "time-inside",
                                        "speed-per-group"};
    scene_begin(&scene, 1);
    scene.ships = true;
    scene_open_queries(&scene);
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
    scene_open_queries(&scene);
    hr_buf rows;
    uint64_t revision = 0;
    hr_buf_init(&rows, 1 << 20);
    assert_int_equal(engine_query_rows(scene.queries, "trending", 10, &rows), HR_NOT_FOUND);
    assert_int_equal(engine_query_rows_since(scene.queries, "crossings-10m", &revision, 10, &rows),
                     HR_OK);
    assert_int_equal(engine_query_rows_since(scene.queries, "crossings-10m", &revision, 10, &rows),
                     HR_TIMEOUT);
    hr_buf_fini(&rows);
    scene_end(&scene);
}

/* A battery goes from 100 to 5 % in 95 days, is changed, and goes on alike. */
static void days_left_begin_anew_with_a_changed_battery(void **state)
{
    (void)state;
    enum {
        DAY_MS = 86400000,
        DAYS = 95,
        AFTER = 30
    };
    scene scene;
    hr_buf json;
    scene_begin(&scene, 1);
    scene.ships = true;
    scene_open_queries(&scene);
    farm_name(&scene.farm, "cow-1");
    assert_int_equal(engine_query_start(scene.queries, "battery-days", NULL), HR_OK);
    for (int i = 0; i < DAYS + AFTER; i++) {
        hr_clock_fake_advance(scene.farm.clock, DAY_MS);
        hr_fix fix = {.device = hr_device_key("cow-1", 5),
                      .time_ms = hr_clock_now_ms(scene.farm.clock),
                      .battery_pct = (uint8_t)(100 - i % DAYS)};
        farm_fixes(&scene.farm, &fix, 1);
        if (i % 10 == 9) {
            farm_tick(&scene.farm, fix.time_ms);
        }
    }
    double now_days = (double)hr_clock_now_ms(scene.farm.clock) / DAY_MS;
    scene_settle(&scene);
    hr_buf_init(&json, 1 << 20);
    assert_int_equal(engine_query_rows(scene.queries, "battery-days", 10, &json), HR_OK);
    cJSON *root = cJSON_ParseWithLength((const char *)json.data, json.size);
    const cJSON *rows = cJSON_GetObjectItem(root, "rows");
    assert_int_equal(cJSON_GetArraySize(rows), 1);
    const cJSON *line = cJSON_GetObjectItem(cJSON_GetArrayItem(rows, 0), "battery");
    double left = cJSON_GetNumberValue(cJSON_GetObjectItem(line, "zero")) - now_days;
    assert_double_near(left, 70, 3);
    cJSON_Delete(root);
    hr_buf_fini(&json);
    scene_end(&scene);
}

/* A release that ships more than before must start where there is no room for them. */
static void shipped_queries_that_find_no_room_keep_nobody_from_starting(void **state)
{
    (void)state;
    scene scene;
    char status[16];
    scene_begin(&scene, 1);
    scene_open_queries(&scene);
    for (int i = 0; i < ENGINE_QUERIES_MAX; i++) {
        char text[128];
        snprintf(text, sizeof text,
                 "{\"name\":\"a%d\",\"from\":\"events\",\"select\":{\"n\":\"count()\"}}", i);
        scene_must_put(&scene, text);
    }
    engine_queries_stop(scene.queries);
    scene.ships = true;
    scene_open_queries(&scene);
    member_of(&scene, "a0", "id", status, sizeof status);
    assert_string_equal(status, "running");
    member_of(&scene, "a63", "id", status, sizeof status);
    assert_string_equal(status, "running");
    scene_end(&scene);
}

/* Seven partitions of eight may be silent: a tick is asked for when it could end a window. */
static void silent_partitions_are_ended_by_ticks(void **state)
{
    (void)state;
    scene scene;
    hr_buf rows;
    scene_begin_with(&scene, 1,
                     "{\"name\":\"q\",\"from\":\"positions\",\"window\":{\"type\":"
                     "\"tumbling\",\"size\":\"10s\"},\"select\":{\"n\":\"count()\"}}");
    int64_t now_ms = hr_clock_now_ms(scene.farm.clock);
    scene_settle(&scene);
    assert_false(engine_queries_want_tick(scene.queries, now_ms));
    farm_fix(&scene.farm, "cow-0", now_ms, 16.1, 59.1);
    farm_tick(&scene.farm, now_ms);
    scene_settle(&scene);
    assert_false(engine_queries_want_tick(scene.queries, now_ms + 50000));
    assert_true(engine_queries_want_tick(scene.queries, now_ms + 110000));
    assert_false(engine_queries_want_tick(scene.queries, now_ms + 111000));
    assert_true(engine_queries_want_tick(scene.queries, now_ms + 120000));
    hr_clock_fake_advance(scene.farm.clock, 110000);
    farm_tick(&scene.farm, now_ms + 110000);
    scene_settle(&scene);
    assert_false(engine_queries_want_tick(scene.queries, now_ms + 140000));
    hr_buf_init(&rows, 1 << 20);
    assert_int_equal(engine_query_rows(scene.queries, "q", 10, &rows), HR_OK);
    hr_buf_put_u8(&rows, 0);
    assert_non_null(strstr((const char *)rows.data, "\"final\":true"));
    hr_buf_fini(&rows);
    scene_end(&scene);
}

/* What a gateway kept while it was away says nothing of how far its partition is. */
static void a_backlog_does_not_advance_the_watermark(void **state)
{
    (void)state;
    scene scene;
    char status[16];
    scene_begin_with(&scene, 1,
                     "{\"name\":\"q\",\"from\":\"positions\",\"window\":{\"type\":"
                     "\"tumbling\",\"size\":\"10s\"},\"select\":{\"n\":\"count()\"}}");
    int64_t start_ms = hr_clock_now_ms(scene.farm.clock);
    static const struct {
        int64_t after_ms;
        uint8_t flags;
    } fixes[] = {{0, 0}, {600000, HR_FIX_BACKLOG}, {1000, 0}, {700000, 0}, {2000, 0}};
    hr_clock_fake_advance(scene.farm.clock, 800000);
    for (size_t i = 0; i < sizeof fixes / sizeof fixes[0]; i++) {
        hr_fix fix = {.device = hr_device_key("cow-0", 5),
                      .time_ms = start_ms + fixes[i].after_ms,
                      .flags = fixes[i].flags};
        farm_fixes(&scene.farm, &fix, 1);
    }
    scene_settle(&scene);
    /* The last one alone is late: after a fix that does advance it. */
    assert_double_near(member_of(&scene, "q", "rows_late", status, sizeof status), 1, 0);
    assert_double_near(member_of(&scene, "q", "rows_in", status, sizeof status), 5, 0);
    scene_end(&scene);
}

/* Asked, changed and explained by others while it counts. */
static void *ask_and_change(void *context)
{
    scene *scene = context;
    for (int i = 0; i < 60; i++) {
        hr_buf out;
        engine_query_fault fault;
        uint64_t revision = 0;
        hr_buf_init(&out, 16 << 20);
        (void)scene_put(scene,
                        "{\"name\":\"guest\",\"from\":\"positions\",\"join\":[\"device\"],"
                        "\"follows\":{\"from\":\"events\",\"on\":[\"device\"],"
                        "\"within\":\"1m\"},\"group_by\":[\"device_group\"],"
                        "\"select\":{\"n\":\"count()\"}}",
                        &fault);
        assert_int_equal(engine_queries_list(scene->queries, &out), HR_OK);
        hr_buf_clear(&out);
        assert_int_equal(engine_query_rows(scene->queries, "fixes", 1000, &out), HR_OK);
        hr_buf_clear(&out);
        (void)!engine_query_rows_since(scene->queries, "tumbling", &revision, 100, &out);
        hr_buf_clear(&out);
        assert_int_equal(engine_query_explain(scene->queries, "guest", &out), HR_OK);
        hr_buf_clear(&out);
        assert_int_equal(engine_query_progress(scene->queries, "guest", &out), HR_OK);
        assert_int_equal(engine_query_stop(scene->queries, "guest", NULL), HR_OK);
        assert_int_equal(engine_query_start(scene->queries, "guest", NULL), HR_OK);
        (void)engine_queries_want_tick(scene->queries, i * 20000);
        assert_int_equal(engine_query_remove(scene->queries, "guest", NULL), HR_OK);
        hr_buf_fini(&out);
    }
    return NULL;
}

static void others_may_ask_and_change_meanwhile(void **state)
{
    (void)state;
    scene scene;
    pthread_t thread;
    scene_begin(&scene, 4);
    farm_restart(&scene.farm, 4);
    hr_clock_fake_set_synchronised(scene.farm.clock, false);
    scene_open_queries(&scene);
    for (size_t i = 0; i < JUDGED; i++) {
        scene_must_put(&scene, judged[i].text);
    }
    scene_make_herd(&scene);
    assert_int_equal(pthread_create(&thread, NULL, ask_and_change, &scene), 0);
    for (int second = 1; second <= 120; second++) {
        scene_live_a_second(&scene);
        if (second % 40 == 0) {
            scene_change_rules(&scene);
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    scene_settle(&scene);
    judge(&scene, 4);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_equal_the_oracles),
        cmocka_unit_test(a_damaged_checkpoint_costs_time_and_no_answer),
        cmocka_unit_test(a_bad_definition_is_refused_with_the_part_that_is_bad),
        cmocka_unit_test(a_query_that_grows_too_large_stops_alone),
        cmocka_unit_test(each_start_of_the_service_is_a_run_of_its_own),
        cmocka_unit_test(stop_and_start_outlast_a_restart),
        cmocka_unit_test(stop_and_start_outlast_a_kill),
        cmocka_unit_test(a_checkpoint_that_failed_is_made_later),
        cmocka_unit_test(shipped_queries_run_and_stay_removed),
        cmocka_unit_test(days_left_begin_anew_with_a_changed_battery),
        cmocka_unit_test(shipped_queries_that_find_no_room_keep_nobody_from_starting),
        cmocka_unit_test(silent_partitions_are_ended_by_ticks),
        cmocka_unit_test(others_may_ask_and_change_meanwhile),
        cmocka_unit_test(a_backlog_does_not_advance_the_watermark),
    };
    return cmocka_run_group_tests_name("standing queries", tests, NULL, NULL);
}
