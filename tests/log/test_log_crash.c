/* tests/log/test_log_crash.c - the process dies at every call that changes the disk: in append,
 * roll, commit, retention, close and recovery, and again while it recovers. */
#include <stdio.h>
#include <stdlib.h>

#include "fault/fault.h"
#include "fault/power.h"
#include "model.h"
#include "test.h"

/* The same work each time. It ends by itself when the log is dead. */
static void work(model *m)
{
    fixture *f = m->f;
    for (int i = 0; i < 120; i++) {
        hr_err err = model_append(m, i % 4 == 0);
        /* A dead disk cannot give the headroom either, which looks like a full one. */
        assert_true(err == HR_OK || err == HR_IO || (err == HR_NO_SPACE && fault_is_frozen()));
        model_see_durable(m);
        /* With nothing left to commit, the wait would only end by its timeout. */
        log_position durable = log_durable(f->log);
        if (i % 10 == 9 && durable < log_appended(f->log) && log_health(f->log, NULL) == HR_OK) {
            log_wait(f->log, LOG_COMMITTED, durable, 100);
        }
        if (i % 30 == 29) {
            model_see_durable(m);
            model_commit_group(m);
            model_retain(m);
        }
    }
}

typedef enum death {
    DEATH_KILL,
    DEATH_TORN, /* killed in the middle of a write */
    DEATH_POWER,
} death;

static void bury(model *m, death how, uint64_t seed)
{
    fixture_crash(m->f);
    fault_clear();
    if (how == DEATH_POWER) {
        power_cut(seed);
    }
}

/* Recovery that dies at its k-th step, then one that does not. False once k is beyond its end. */
static bool recover(model *m, death how, uint64_t k, model_after after)
{
    fixture *f = m->f;
    bool is_cut_short = false;
    if (k > 0) {
        fault_freeze_at(k, how == DEATH_TORN);
        hr_err err = log_open(&f->options, &f->log, NULL);
        is_cut_short = fault_is_frozen();
        if (err != HR_OK) {
            f->log = NULL;
        }
        bury(m, how, k);
    }
    fixture_open(f);
    model_check_opened(m, after);
    /* It is not only readable, it works. */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(model_append(m, i % 2 == 0), HR_OK);
    }
    model_read(m);
    fixture_reopen(f);
    model_check_opened(m, AFTER_CLOSE);
    return is_cut_short;
}

/* Die at step n of the work, and at step k of recovery (0: not there). *is_alive: the work was done
 * before n. Returns whether k was within recovery. */
static bool die_at(death how, uint64_t n, uint64_t k, bool *is_alive)
{
    fixture f;
    model m;
    fixture_init(&f);
    f.options.file_bytes = 16 << 10;
    f.options.reserve_bytes = 4 << 10;
    f.options.retain_bytes = 32 << 10;
    model_init(&m, &f, 42);
    power_watch(f.folder);
    fault_freeze_at(n, how == DEATH_TORN);
    if (log_open(&f.options, &f.log, NULL) == HR_OK) {
        work(&m);
        if (!fault_is_frozen()) {
            fixture_close(&f);
        }
    } else {
        f.log = NULL;
    }
    *is_alive = !fault_is_frozen();
    bury(&m, how, n);
    bool is_cut_short = recover(&m, how, k, how == DEATH_POWER ? AFTER_POWER_CUT : AFTER_CRASH);
    power_forget();
    model_fini(&m);
    fixture_fini(&f);
    return is_cut_short;
}

static void die_everywhere(death how)
{
    bool is_alive = false;
    uint64_t n = 1;
    uint64_t deaths = 0;
    for (; !is_alive; n++) {
        die_at(how, n, 0, &is_alive);
        deaths++;
    }
    /* Commits come when they come, so the number of steps differs from run to run. */
    uint64_t steps = n;
    uint64_t second_stride = fixture_is_long() ? 7 : 61;
    for (n = 2; n < steps; n += second_stride) {
        bool is_cut_short = true;
        for (uint64_t k = 1; is_cut_short; k++) {
            is_cut_short = die_at(how, n, k, &is_alive);
            deaths++;
        }
    }
    printf("died %llu times in %llu steps\n", (unsigned long long)deaths,
           (unsigned long long)steps);
}

static void killed_at_every_step(void **state)
{
    (void)state;
    die_everywhere(DEATH_KILL);
}

static void killed_in_the_middle_of_every_write(void **state)
{
    (void)state;
    die_everywhere(DEATH_TORN);
}

static void the_power_fails_at_every_step(void **state)
{
    (void)state;
    die_everywhere(DEATH_POWER);
}

int main(void)
{
    fixture_hush();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_every_step),
        cmocka_unit_test(killed_in_the_middle_of_every_write),
        cmocka_unit_test(the_power_fails_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
