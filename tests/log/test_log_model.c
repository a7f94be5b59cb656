/* tests/log/test_log_model.c - random operations, crashes and power cuts against a model. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "fault/fault.h"
#include "fault/power.h"
#include "model.h"
#include "test.h"

#define QUICK_OPS 20000
#define LONG_OPS 100000

static void die(model *m, bool is_power_cut)
{
    fixture *f = m->f;
    model_see_durable(m);
    fixture_crash(f);
    fault_clear();
    if (is_power_cut) {
        power_cut(hr_random_next(&m->random));
    }
}

/* Recovery itself may die at any step, by either death, before it comes through. */
static model_after come_back(model *m, model_after after)
{
    fixture *f = m->f;
    for (int i = 0; i < 2 && hr_random_below(&m->random, 4) == 0; i++) {
        fault_freeze_at(1 + hr_random_below(&m->random, 12), true);
        if (log_open(&f->options, &f->log, NULL) == HR_OK) {
            fixture_crash(f);
        }
        fault_clear();
        if (hr_random_below(&m->random, 2) == 0) {
            power_cut(hr_random_next(&m->random));
            after = AFTER_POWER_CUT;
        }
    }
    fixture_open(f);
    return after;
}

static void crash(model *m, bool is_power_cut)
{
    die(m, is_power_cut);
    model_after after = come_back(m, is_power_cut ? AFTER_POWER_CUT : AFTER_CRASH);
    model_check_opened(m, after);
}

/* Input and output have failed or will: nothing more is promised until the next start. */
static bool may_fail(void)
{
    return fault_is_frozen() || fault_struck();
}

static void ordinary(model *m)
{
    uint64_t what = hr_random_below(&m->random, 100);
    model_see_durable(m);
    if (what < 62) {
        hr_err err = model_append(m, what < 15);
        assert_true(err == HR_OK || ((err == HR_IO || err == HR_NO_SPACE) && may_fail()));
    } else if (what < 70 && !may_fail()) {
        log_wait(m->f->log, LOG_COMMITTED, log_durable(m->f->log), 1);
    } else if (what < 82) {
        model_read(m);
    } else if (what < 90) {
        model_commit_group(m);
    } else if (what < 94) {
        model_retain(m);
    } else if (what < 95) {
        int64_t days = (int64_t)hr_random_below(&m->random, 3) - 1;
        hr_clock_fake_step(m->f->clock, FIXTURE_NOW_MS + days * 86400000);
    } else {
        hr_clock_fake_advance(m->f->clock, (int64_t)hr_random_below(&m->random, 1000));
    }
}

static void step(model *m)
{
    uint64_t what = hr_random_below(&m->random, 1000);
    if (what < 5) {
        fixture_close(m->f);
        fixture_open(m->f);
        model_check_opened(m, AFTER_CLOSE);
    } else if (what < 10) {
        crash(m, false);
    } else if (what < 20) {
        crash(m, true);
    } else if (what < 30) {
        /* Dies within some call, and a few more are tried meanwhile. */
        fault_freeze_at(1 + hr_random_below(&m->random, 20), what % 2 == 0);
        for (int i = 0; i < 20; i++) {
            ordinary(m);
        }
        crash(m, what % 3 != 0);
    } else if (what < 35) {
        /* A sync fails, and what it should have written is lost even though it can be read. */
        fault_arm(FAULT_SYNC, 1 + hr_random_below(&m->random, 5), FAULT_FOREVER, EIO);
        for (int i = 0; i < 20; i++) {
            ordinary(m);
        }
        crash(m, what % 2 == 0);
    } else {
        ordinary(m);
    }
}

static void the_log_does_what_the_model_says(void **state)
{
    (void)state;
    fixture f;
    model m;
    uint64_t seed = test_seed(__func__);
    const char *ops_text = getenv("HR_OPS");
    long ops = ops_text != NULL    ? strtol(ops_text, NULL, 10)
               : fixture_is_long() ? LONG_OPS
                                   : QUICK_OPS;
    fixture_init(&f);
    f.options.retain_bytes = 256 << 10;
    power_watch(f.folder);
    fixture_open(&f);
    model_init(&m, &f, seed);
    for (long i = 0; i < ops; i++) {
        step(&m);
    }
    printf("%ld operations, %llu records\n", ops, (unsigned long long)m.next_value);
    power_forget();
    model_fini(&m);
    fixture_fini(&f);
}

int main(void)
{
    fixture_hush();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_does_what_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
