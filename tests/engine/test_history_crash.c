/* tests/engine/test_history_crash.c - the service is killed again and again while the historian
 * writes, and each fix of the log is in the tracks once, and each event once. HR_LONG=1: two
 * hundred kills instead of twenty. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/record.h"
#include "ranch.h"
#include "test.h"

#define ROUNDS_QUICK 20
#define ROUNDS_LONG 200
#define RUN_US_MAX 30000

/* Go on with the story until the alarm, which nobody catches, ends the process where it stands. */
static void child(ranch *ranch, uint64_t seed, int64_t run_us)
{
    hr_fix fixes[RANCH_HERD * 3];
    struct itimerval alarm = {.it_value = {.tv_usec = run_us}};
    farm_open(&ranch->farm, 2);
    ranch_open_history(ranch);
    (void)setitimer(ITIMER_REAL, &alarm, NULL);
    int64_t step = log_end(ranch->farm.log, HR_TOPIC_POSITIONS, 0, LOG_APPENDED);
    /* No fix is from the future: readers pass over what was appended before their span. */
    hr_clock_fake_advance(ranch->farm.clock, step * 10000);
    for (;; step++, hr_clock_fake_advance(ranch->farm.clock, 10000)) {
        uint32_t count = ranch_step(seed, step, fixes);
        farm_fixes(&ranch->farm, fixes, count);
        if (step % 2 == 0) {
            (void)!engine_history_settle(ranch->history, 10000, NULL);
        }
    }
}

static void run_until_killed(ranch *ranch, uint64_t seed, hr_random *random)
{
    int64_t run_us = 1000 + (int64_t)hr_random_below(random, RUN_US_MAX);
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child(ranch, seed, run_us);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}

static void after_many_kills_each_fix_and_event_is_kept_once(void **state)
{
    (void)state;
    uint64_t seed = test_seed(__func__);
    int rounds = getenv("HR_LONG") != NULL ? ROUNDS_LONG : ROUNDS_QUICK;
    printf("%d kills\n", rounds);
    fflush(stdout);
    hr_random random = {.state = seed};
    ranch r = {.step = 0};
    ranch_start(&r, seed);
    ranch_close_history(&r);
    farm_close(&r.farm);
    for (int round = 0; round < rounds; round++) {
        run_until_killed(&r, seed, &random);
    }
    farm_open(&r.farm, 2);
    farm_settle(&r.farm);
    ranch_open_history(&r);
    int64_t slots = ranch_ask(&r, "SELECT count(*) FROM slot");
    int64_t kept = ranch_ask(&r, "SELECT coalesce(sum(fixes), 0) FROM slot");
    size_t count = 0;
    hr_fix *wanted = ranch_log_fixes(&r, &count);
    printf("%zu fixes, %lld of them kept in %lld writes\n", count, (long long)kept,
           (long long)slots);
    assert_true(kept > 0 && (size_t)kept <= count);
    r.step = 1000;
    ranch_expect_tracks(&r, wanted, count);
    ranch_expect_events(&r, 0);
    ranch_settle_history(&r);
    ranch_expect_tracks(&r, wanted, count);
    ranch_expect_events(&r, 0);
    assert_int_equal(ranch_ask(&r, "SELECT sum(fixes) FROM slot"), count);
    /* Nor did anyone make it good by beginning anew. */
    char aside[160];
    snprintf(aside, sizeof aside, "%s.damaged-1", r.path);
    assert_true(access(aside, F_OK) != 0);
    assert_int_equal(engine_history_health(r.history, NULL), HR_OK);
    free(wanted);
    ranch_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_many_kills_each_fix_and_event_is_kept_once),
    };
    return cmocka_run_group_tests_name("history crash", tests, NULL, NULL);
}
