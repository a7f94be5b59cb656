/* tests/engine/test_query_crash.c - the service is killed again and again, with standing queries
 * running: every row that the oracle counts is counted, and none twice. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/id.h"
#include "base/record.h"
#include "query_oracle.h"
#include "query_scene.h"
#include "test.h"

#define T0 1795161600000
#define HERD 6
#define ROUNDS_QUICK 20
#define ROUNDS_LONG 500
#define STEPS_PER_ROUND 10
#define STEP_MS 10000
#define RUN_MS_MAX 60
#define QUERIES 4
#define SELECT                                                                                     \
    "\"select\":{\"n\":\"count()\",\"animals\":\"distinct(device)\",\"sum\":\"sum(time % 1000)\"," \
    "\"least\":\"min(time % 1000)\",\"most\":\"max(time % 1000)\"}}"

static const double north[4] = {16.0, 59.0, 16.01, 59.01};

/* Step i of the story: a pure function of i, so that whoever goes on after a crash knows it. Of the
 * fixes 30 % come again, some are late. Always as many records. */
static void tell_step(farm *farm, uint64_t seed, int64_t step)
{
    hr_fix fixes[HERD];
    for (int d = 0; d < HERD; d++) {
        char id[16];
        int size = snprintf(id, sizeof id, "cow-%d", d);
        hr_random random = {.state = seed ^ ((uint64_t)step << 20) ^ (uint64_t)d};
        int64_t late_ms = hr_random_below(&random, 20) == 0 ? 90000 : 0;
        fixes[d] = (hr_fix){.device = hr_device_key(id, (size_t)size),
                            .time_ms = T0 + step * STEP_MS + d - late_ms,
                            .lon_e7 = 159950000 + (int32_t)hr_random_below(&random, 200000),
                            .lat_e7 = 589950000 + (int32_t)hr_random_below(&random, 200000),
                            .accuracy_dm = 30,
                            .speed_cm_s = HR_FIX_U16_UNKNOWN,
                            .heading_cdeg = HR_FIX_U16_UNKNOWN,
                            .battery_pct = HR_FIX_U8_UNKNOWN};
        if (d > 0 && hr_random_below(&random, 10) < 3) {
            fixes[d] = fixes[d - 1];
        }
    }
    hr_clock_fake_step(farm->clock, T0 + step * STEP_MS + 500);
    farm_fixes(farm, fixes, HERD);
}

static int64_t steps_in_log(farm *farm)
{
    int64_t records = 0;
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        records += log_end(farm->log, HR_TOPIC_POSITIONS, p, LOG_APPENDED);
    }
    /* A name for each animal and the rules for each partition come before the first step. */
    return (records - HERD - FARM_PARTITIONS) / HERD;
}

/* Windows so long that all of them are remembered. */
static void make_queries(scene *scene, int64_t size_s, oracle_query queries[QUERIES])
{
    char text[1024];
    oracle_query laws[QUERIES] = {
        {.window = ORACLE_PANED, .size_ms = size_s * 1000, .every_ms = size_s * 1000},
        {.window = ORACLE_RUNNING, .by_device = true},
        {.window = ORACLE_SESSION, .by_device = true, .gap_ms = size_s * 100},
        {.window = ORACLE_PANED,
         .from_positions = true,
         .by_device = true,
         .size_ms = size_s * 2000,
         .every_ms = size_s * 1000},
    };
    for (int i = 0; i < QUERIES; i++) {
        char window[160] = "{\"type\":\"running\"}";
        if (laws[i].window == ORACLE_SESSION) {
            snprintf(window, sizeof window, "{\"type\":\"session\",\"gap\":\"%" PRId64 "ms\"}",
                     laws[i].gap_ms);
        } else if (laws[i].window == ORACLE_PANED) {
            snprintf(window, sizeof window,
                     "{\"type\":\"hopping\",\"size\":\"%" PRId64 "ms\",\"every\":\"%" PRId64
                     "ms\"}",
                     laws[i].size_ms, laws[i].every_ms);
        }
        laws[i].lateness_ms = 30000;
        snprintf(text, sizeof text,
                 "{\"name\":\"q%d\",\"from\":\"%s\",\"group_by\":[\"%s\"],\"window\":%s,%s", i,
                 laws[i].from_positions ? "positions" : "events",
                 laws[i].by_device ? "device" : "fence", window, SELECT);
        if (scene->queries != NULL) {
            scene_must_put(scene, text);
        }
        queries[i] = laws[i];
    }
}

/* Go on with the story until killed; now and then the queries keep their state. */
static void child(scene *scene, uint64_t seed, int64_t last_step, int is_open)
{
    farm_open(&scene->farm, 2);
    hr_clock_fake_set_synchronised(scene->farm.clock, false);
    scene_open_queries(scene);
    if (write(is_open, "", 1) != 1) {
        abort();
    }
    for (int64_t step = steps_in_log(&scene->farm); step < last_step; step++) {
        tell_step(&scene->farm, seed, step);
        if (step % 4 == 0) {
            engine_queries_stop(scene->queries);
            scene_open_queries(scene);
        }
    }
    for (;;) {
        pause();
    }
}

/* One time in four perhaps while it starts, else some time after that. */
static void kill_after_a_while(pid_t pid, int is_open, hr_random *random)
{
    char byte;
    if (hr_random_below(random, 4) > 0) {
        assert_int_equal(read(is_open, &byte, 1), 1);
    }
    struct timespec wait = {.tv_nsec = (long)(1 + hr_random_below(random, RUN_MS_MAX)) * 1000000};
    sigset_t none;
    sigemptyset(&none);
    /* Waits for a signal that does not come: the moment of the kill is the random part. */
    sigtimedwait(&none, NULL, &wait);
    kill(pid, SIGKILL);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void judge(scene *scene, const oracle_query queries[QUERIES], uint64_t seed)
{
    for (int i = 0; i < QUERIES; i++) {
        char name[16];
        hr_buf json, lines, truth;
        uint64_t late;
        snprintf(name, sizeof name, "q%d", i);
        hr_buf_init(&json, 64 << 20);
        assert_int_equal(engine_query_rows(scene->queries, name, 100000, &json), HR_OK);
        oracle_lines_of_json(&json, &lines);
        oracle_answer(&scene->farm, &queries[i], &truth, &late);
        print_message("%s: %zu bytes of rows, %" PRIu64 " late\n", name, truth.size, late);
        if (strcmp((const char *)lines.data, (const char *)truth.data) != 0) {
            print_message("seed %" PRIu64 "\n--- is\n%.900s\n", seed, (const char *)lines.data);
            print_message("--- should be\n%.900s\n", (const char *)truth.data);
            fail();
        }
        hr_buf_fini(&json);
        hr_buf_fini(&lines);
        hr_buf_fini(&truth);
    }
}

static void answers_after_many_kills_are_the_oracles(void **state)
{
    (void)state;
    uint64_t seed = test_seed(__func__);
    int rounds = getenv("HR_LONG") != NULL ? ROUNDS_LONG : ROUNDS_QUICK;
    int64_t steps = (int64_t)rounds * STEPS_PER_ROUND;
    int64_t size_s = steps * STEP_MS / 1000 / 20;
    oracle_query queries[QUERIES];
    hr_random random = {.state = seed};
    scene scene;
    printf("%d kills\n", rounds);
    fflush(stdout);
    scene_begin(&scene, seed);
    scene_open_queries(&scene);
    make_queries(&scene, size_s, queries);
    farm_fence(&scene.farm, "north", north, ",\"intent\":\"keep-in\"");
    for (int d = 0; d < HERD; d++) {
        char id[16];
        snprintf(id, sizeof id, "cow-%d", d);
        farm_name(&scene.farm, id);
    }
    engine_queries_stop(scene.queries);
    scene.queries = NULL;
    farm_close(&scene.farm);
    for (int round = 0; round < rounds; round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            child(&scene, seed, (int64_t)(round + 1) * STEPS_PER_ROUND, pipes[1]);
        }
        kill_after_a_while(pid, pipes[0], &random);
        close(pipes[0]);
        close(pipes[1]);
    }
    farm_open(&scene.farm, 4);
    hr_clock_fake_set_synchronised(scene.farm.clock, false);
    print_message("%" PRId64 " of %" PRId64 " steps were made between kills\n",
                  steps_in_log(&scene.farm), steps);
    scene_open_queries(&scene);
    for (int64_t step = steps_in_log(&scene.farm); step < steps; step++) {
        tell_step(&scene.farm, seed, step);
    }
    scene_settle(&scene);
    judge(&scene, queries, seed);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_after_many_kills_are_the_oracles),
    };
    return cmocka_run_group_tests_name("crashes of standing queries", tests, NULL, NULL);
}
