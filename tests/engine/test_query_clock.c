/* tests/engine/test_query_clock.c - what standing queries count when a clock is wrong: the
 * gateway's, or a device's. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/id.h"
#include "engine/query.h"
#include "query_scene.h"
#include "test.h"

#define MINUTE_MS INT64_C(60000)
#define TEN_YEARS_MS (INT64_C(3653) * 86400000)

/* Of one query's rows: fixes of ended windows and of open ones, and how many have ended. */
typedef struct told {
    double late;
    double ended;
    double open;
    double bytes; /* of state */
    int windows;
} told;

static told told_of(scene *scene, const char *name)
{
    told told = {.late = 0};
    hr_buf json;
    hr_buf_init(&json, 16 << 20);
    assert_int_equal(engine_query_rows(scene->queries, name, 100000, &json), HR_OK);
    cJSON *root = cJSON_ParseWithLength((const char *)json.data, json.size);
    const cJSON *row = NULL;
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(root, "rows"))
    {
        bool has_ended = cJSON_IsTrue(cJSON_GetObjectItem(row, "final"));
        *(has_ended ? &told.ended : &told.open) +=
            cJSON_GetNumberValue(cJSON_GetObjectItem(row, "n"));
        told.windows += has_ended;
    }
    cJSON_Delete(root);
    hr_buf_clear(&json);
    assert_int_equal(engine_query_get(scene->queries, name, &json), HR_OK);
    root = cJSON_ParseWithLength((const char *)json.data, json.size);
    told.late = cJSON_GetNumberValue(cJSON_GetObjectItem(root, "rows_late"));
    told.bytes = cJSON_GetNumberValue(cJSON_GetObjectItem(root, "state_bytes"));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "status")), "running");
    cJSON_Delete(root);
    hr_buf_fini(&json);
    return told;
}

static void begin(scene *scene)
{
    scene_begin_with(scene, 1,
                     "{\"name\":\"q\",\"from\":\"positions\",\"window\":{\"type\":"
                     "\"tumbling\",\"size\":\"10s\"},\"select\":{\"n\":\"count()\"}}");
    scene_must_put(scene,
                   "{\"name\":\"hop\",\"from\":\"positions\",\"window\":{\"type\":\"hopping\","
                   "\"size\":\"20s\",\"every\":\"10s\"},\"select\":{\"n\":\"count()\"}}");
    scene_must_put(scene, "{\"name\":\"session\",\"from\":\"positions\",\"group_by\":[\"device\"],"
                          "\"window\":{\"type\":\"session\",\"gap\":\"5s\"},"
                          "\"select\":{\"n\":\"count()\"}}");
    scene_must_put(scene, "{\"name\":\"pairs\",\"from\":\"positions\",\"follows\":{\"from\":"
                          "\"positions\",\"on\":[\"device\"],\"within\":\"5s\"},"
                          "\"window\":{\"type\":\"tumbling\",\"size\":\"10s\"},"
                          "\"select\":{\"n\":\"count()\"}}");
}

/* Fixes of one device of the herd, made a while ago by its own clock. */
static void send(scene *scene, int device, int64_t time_ms)
{
    char id[16];
    snprintf(id, sizeof id, "cow-%d", device);
    hr_fix fix = {.device = hr_device_key(id, strlen(id)),
                  .time_ms = time_ms,
                  .lon_e7 = 161000000,
                  .lat_e7 = 591000000};
    farm_fixes(&scene->farm, &fix, 1);
}

/* So many seconds, in each of which every device makes a fix; ticks come as the service makes them,
 * by a clock that is ahead_ms ahead of the devices'. Returns how many fixes. */
static int live(scene *scene, int seconds, int64_t ahead_ms)
{
    for (int i = 0; i < seconds; i++) {
        hr_clock_fake_advance(scene->farm.clock, 1000);
        int64_t now_ms = hr_clock_now_ms(scene->farm.clock);
        for (int d = 0; d < SCENE_DEVICES; d++) {
            send(scene, d, now_ms - ahead_ms - 100 * d);
        }
        if (i % 10 == 9) {
            scene_settle(scene);
            if (engine_queries_want_tick(scene->queries, now_ms)) {
                farm_tick(&scene->farm, now_ms);
            }
        }
    }
    scene_settle(scene);
    return seconds * SCENE_DEVICES;
}

/* A gateway that has no battery clock and no internet is ahead of its collars' satellites. */
static void a_gateway_that_is_ahead_drops_nothing(void **state)
{
    (void)state;
    static const int64_t ahead_ms[] = {5 * MINUTE_MS, 55 * MINUTE_MS};
    for (size_t i = 0; i < sizeof ahead_ms / sizeof ahead_ms[0]; i++) {
        scene scene;
        begin(&scene);
        int sent = live(&scene, 100, ahead_ms[i]);
        told q = told_of(&scene, "q");
        assert_double_near(q.late, 0, 0);
        assert_double_near(q.ended + q.open, sent, 0);
        /* Of a hundred seconds ten windows end, but for what waits for lateness. */
        assert_in_range(q.windows, 5, 8);
        scene_end(&scene);
    }
}

/* What came while the clock was ahead may be lost; nothing that comes after. */
static void a_clock_that_was_put_right_drops_nothing_more(void **state)
{
    (void)state;
    static const char *const names[] = {"q", "hop", "session", "pairs"};
    scene scene;
    told before[4];
    begin(&scene);
    int sent = live(&scene, 60, 0);
    int64_t now_ms = hr_clock_now_ms(scene.farm.clock);
    hr_clock_fake_step(scene.farm.clock, now_ms + TEN_YEARS_MS);
    farm_tick(&scene.farm, now_ms + TEN_YEARS_MS);
    sent += live(&scene, 20, TEN_YEARS_MS);
    hr_clock_fake_step(scene.farm.clock, now_ms + 20000);
    for (int i = 0; i < 4; i++) {
        before[i] = told_of(&scene, names[i]);
    }
    assert_true(before[0].late > 100);
    sent += live(&scene, 200, 0);
    told q = told_of(&scene, "q");
    assert_double_near(q.late, before[0].late, 0);
    assert_double_near(q.ended + q.open, sent - q.late, 0);
    for (int i = 0; i < 4; i++) {
        told after = told_of(&scene, names[i]);
        assert_double_near(after.late, before[i].late, 0);
        /* They end again as before: the last 40 s are open. */
        assert_true(after.windows > before[i].windows + (i == 2 ? -1 : 10));
        assert_true(after.ended > before[i].ended + (i == 2 ? -1 : 1400));
        assert_true(after.bytes < 100000);
    }
    /* A replay of all of it, read in other batches, drops the same rows. */
    scene_crash_queries(&scene, false);
    scene_settle(&scene);
    told again = told_of(&scene, "q");
    assert_double_near(again.late, q.late, 0);
    assert_double_near(again.ended + again.open, sent - q.late, 0);
    scene_end(&scene);
}

/* Its fixes are taken as long as the gateway does not know better (its clock is synchronised). */
static void a_device_years_ahead_hurries_nobody(void **state)
{
    (void)state;
    scene scene;
    begin(&scene);
    int sent = 0;
    for (int i = 0; i < 20; i++) {
        hr_clock_fake_advance(scene.farm.clock, 10000);
        int64_t now_ms = hr_clock_now_ms(scene.farm.clock);
        for (int d = 0; d < SCENE_DEVICES; d++) {
            /* A network that takes two minutes. */
            send(&scene, d, d == 0 ? now_ms + TEN_YEARS_MS : now_ms - 2 * MINUTE_MS);
            sent++;
        }
        scene_settle(&scene);
        if (engine_queries_want_tick(scene.queries, now_ms)) {
            farm_tick(&scene.farm, now_ms);
        }
    }
    told q = told_of(&scene, "q");
    assert_double_near(q.late, 0, 0);
    assert_double_near(q.ended + q.open, sent, 0);
    assert_true(q.windows > 10);
    scene_end(&scene);
}

/* After a power cut a gateway without a battery clock is behind, until somebody tells it the time.
 */
static void a_gateway_that_is_behind_for_a_while_drops_nothing(void **state)
{
    (void)state;
    scene scene;
    begin(&scene);
    int sent = live(&scene, 60, 0);
    int64_t now_ms = hr_clock_now_ms(scene.farm.clock);
    hr_clock_fake_step(scene.farm.clock, 1000);
    sent += live(&scene, 60, 1000 - now_ms);
    hr_clock_fake_step(scene.farm.clock, now_ms + 60000);
    sent += live(&scene, 60, 0);
    told q = told_of(&scene, "q");
    assert_double_near(q.late, 0, 0);
    assert_double_near(q.ended + q.open, sent, 0);
    assert_true(q.windows >= 13);
    scene_end(&scene);
}

static size_t put_in(const uint8_t *bytes, size_t size, uint8_t *at)
{
    memmove(at + 8, at, size - (size_t)(at - bytes));
    hr_store_u64(at, 7);
    return size + 8;
}

/* A checkpoint of the version before: with a count of gaps before the lanes, and the number of the
 * next start behind the devices; without the editions of the definitions. */
static void write_older_version(const scene *scene)
{
    enum {
        HEAD = 8 + 4 + 8, /* magic, version, lanes, offset of events */
        LANE = 8 + 8 + 8 + 4 + 8,
    };
    static uint8_t bytes[1 << 20];
    char path[160];
    snprintf(path, sizeof path, "%s/checkpoint/queries.state", scene->farm.folder);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes - 16, file);
    fclose(file);
    assert_int_equal(hr_load_u32(bytes + 8), FARM_PARTITIONS);
    uint8_t *at = bytes + HEAD + FARM_PARTITIONS * LANE;
    uint32_t devices = hr_load_u32(at);
    at += 4;
    for (uint32_t i = 0; i < devices; i++) {
        at += 27 + 8 * (size_t)at[16]; /* its times */
        at += 1 + at[0];               /* its name */
    }
    uint8_t *starts = at;
    uint32_t runs = hr_load_u32(at);
    at += 4;
    for (uint32_t i = 0; i < runs; i++) {
        at += 16; /* number, hash */
        size -= 8;
        memmove(at, at + 8, size - (size_t)(at - bytes));
        at += 8 + hr_load_u64(at);
    }
    size = put_in(bytes, size, starts);
    size = put_in(bytes, size, bytes + HEAD);
    hr_store_u32(bytes + 4, 3);
    hr_store_u32(bytes + size - 4, hr_crc32c(0, bytes, size - 4));
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void a_checkpoint_of_the_version_before_is_taken_over(void **state)
{
    (void)state;
    scene scene;
    begin(&scene);
    (void)live(&scene, 20, 0);
    /* It sees what comes after its start; had the checkpoint been put aside, it would see all. */
    assert_int_equal(engine_query_start(scene.queries, "q", NULL), HR_OK);
    int sent = live(&scene, 20, 0);
    engine_queries_stop(scene.queries);
    write_older_version(&scene);
    scene_open_queries(&scene);
    sent += live(&scene, 10, 0);
    told q = told_of(&scene, "q");
    assert_double_near(q.ended + q.open, sent, 0);
    scene_end(&scene);
}

/* Killed between its start and the checkpoint of that, and then followed by this version. */
static void a_start_that_the_checkpoint_before_does_not_know_is_one(void **state)
{
    (void)state;
    scene scene;
    char path[160];
    char aside[160];
    begin(&scene);
    snprintf(path, sizeof path, "%s/checkpoint/queries.state", scene.farm.folder);
    snprintf(aside, sizeof aside, "%s/checkpoint/stopped", scene.farm.folder);
    (void)live(&scene, 20, 0);
    assert_int_equal(engine_query_stop(scene.queries, "q", NULL), HR_OK);
    engine_queries_stop(scene.queries);
    write_older_version(&scene);
    assert_int_equal(rename(path, aside), 0);
    scene_open_queries(&scene);
    assert_int_equal(engine_query_start(scene.queries, "q", NULL), HR_OK);
    engine_queries_stop(scene.queries);
    assert_int_equal(rename(aside, path), 0);
    scene_open_queries(&scene);
    int sent = live(&scene, 20, 0);
    told q = told_of(&scene, "q");
    assert_double_near(q.ended + q.open, sent, 0);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_that_is_ahead_drops_nothing),
        cmocka_unit_test(a_clock_that_was_put_right_drops_nothing_more),
        cmocka_unit_test(a_device_years_ahead_hurries_nobody),
        cmocka_unit_test(a_gateway_that_is_behind_for_a_while_drops_nothing),
        cmocka_unit_test(a_checkpoint_of_the_version_before_is_taken_over),
        cmocka_unit_test(a_start_that_the_checkpoint_before_does_not_know_is_one),
    };
    return cmocka_run_group_tests_name("queries and clocks", tests, NULL, NULL);
}
