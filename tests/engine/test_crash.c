/* tests/engine/test_crash.c - the service is killed again and again, and the events of the log are
 * those of an undisturbed run: none lost, none told twice. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/record.h"
#include "farm.h"
#include "test.h"

#define T0 1795161600000
#define HERD 24
#define ROUNDS_QUICK 20
#define ROUNDS_LONG 500
#define STEPS_PER_ROUND 40
#define RUN_MS_MAX 60

static const double north[4] = {16.0, 59.0, 16.01, 59.01};

/* Step i of the story: a pure function of i, so that whoever goes on after a crash knows it. */
static void tell_step(farm *farm, uint64_t seed, int64_t step)
{
    hr_fix fixes[HERD];
    for (int d = 0; d < HERD; d++) {
        char id[16];
        int size = snprintf(id, sizeof id, "cow-%d", d);
        hr_random random = {.state = seed ^ ((uint64_t)step << 20) ^ (uint64_t)d};
        fixes[d] = (hr_fix){.device = hr_device_key(id, (size_t)size),
                            .time_ms = T0 + step * 10000 + d,
                            .lon_e7 = 159950000 + (int32_t)hr_random_below(&random, 200000),
                            .lat_e7 = 589950000 + (int32_t)hr_random_below(&random, 200000),
                            .accuracy_dm = 30,
                            .speed_cm_s = HR_FIX_U16_UNKNOWN,
                            .heading_cdeg = HR_FIX_U16_UNKNOWN,
                            .battery_pct = HR_FIX_U8_UNKNOWN};
    }
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

static void begin_story(farm *farm)
{
    farm_fence(farm, "north", north, ",\"intent\":\"keep-in\",\"approach_m\":100");
    for (int d = 0; d < HERD; d++) {
        char id[16];
        snprintf(id, sizeof id, "cow-%d", d);
        farm_name(farm, id);
    }
}

/* Go on with the story until killed. */
static void child(farm *farm, uint64_t seed, int64_t last_step)
{
    farm_open(farm, 2);
    for (int64_t step = steps_in_log(farm); step < last_step; step++) {
        tell_step(farm, seed, step);
        if (step % 10 == 0) {
            hr_why why;
            hr_err err = engine_checkpoint(farm->engine, &why);
            (void)err;
        }
    }
    for (;;) {
        pause();
    }
}

static void kill_after_a_while(pid_t pid, hr_random *random)
{
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

static void assert_same_events(farm *farm, struct farm *other)
{
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        hr_buf one, two;
        hr_buf_init(&one, 256 << 20);
        hr_buf_init(&two, 256 << 20);
        farm_partition_events(farm, p, &one);
        farm_partition_events(other, p, &two);
        assert_true(one.size > 0);
        assert_int_equal(one.size, two.size);
        assert_memory_equal(one.data, two.data, one.size);
        hr_buf_fini(&one);
        hr_buf_fini(&two);
    }
}

static void events_after_many_kills_are_those_of_a_quiet_run(void **state)
{
    (void)state;
    uint64_t seed = test_seed(__func__);
    int rounds = getenv("HR_LONG") != NULL ? ROUNDS_LONG : ROUNDS_QUICK;
    int64_t steps = (int64_t)rounds * STEPS_PER_ROUND;
    printf("%d kills\n", rounds);
    fflush(stdout);
    hr_random random = {.state = seed};
    farm killed, quiet;
    farm_start(&killed, 2);
    begin_story(&killed);
    farm_close(&killed);
    for (int round = 0; round < rounds; round++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            child(&killed, seed, (int64_t)(round + 1) * STEPS_PER_ROUND);
        }
        kill_after_a_while(pid, &random);
    }
    farm_open(&killed, 4);
    for (int64_t step = steps_in_log(&killed); step < steps; step++) {
        tell_step(&killed, seed, step);
    }
    farm_settle(&killed);
    farm_start(&quiet, 1);
    begin_story(&quiet);
    for (int64_t step = 0; step < steps; step++) {
        tell_step(&quiet, seed, step);
    }
    farm_settle(&quiet);
    assert_same_events(&killed, &quiet);
    farm_end(&quiet);
    farm_end(&killed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_after_many_kills_are_those_of_a_quiet_run),
    };
    return cmocka_run_group_tests_name("engine crash", tests, NULL, NULL);
}
