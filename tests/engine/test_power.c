/* tests/engine/test_power.c - the power fails at any call that changes the journal, again and
 * again; in the end the log's events are those of an undisturbed run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "fault/fault.h"
#include "fault/power.h"
#include "story.h"
#include "test.h"

#define CUTS_QUICK 20
#define CUTS_LONG 500
#define STEPS_PER_CUT 10
#define CALLS_MAX 160 /* of one life, before the power fails at the latest */

/* One life: on with the story until the disk is dead, or this part of it has been told. */
static void live(farm *farm, uint64_t seed, int64_t last_step)
{
    hr_why why;
    int64_t step = story_next(farm);
    for (hr_err err = HR_OK; err == HR_OK && step < last_step; step++) {
        err = story_tell(farm, seed, step);
        if (err == HR_OK && step % 2 == 0) {
            err = engine_checkpoint(farm->engine, &why);
        }
        assert_true(err == HR_OK || fault_is_frozen());
    }
}

static void assert_same_events(farm *one, farm *two)
{
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        hr_buf left, right;
        hr_buf_init(&left, 256 << 20);
        hr_buf_init(&right, 256 << 20);
        farm_partition_events(one, p, &left);
        farm_partition_events(two, p, &right);
        assert_int_equal(left.size, right.size);
        assert_memory_equal(left.data, right.data, left.size);
        hr_buf_fini(&left);
        hr_buf_fini(&right);
    }
}

static void events_after_many_power_cuts_are_those_of_a_quiet_run(void **state)
{
    (void)state;
    uint64_t seed = test_seed(__func__);
    int cuts = getenv("HR_LONG") != NULL ? CUTS_LONG : CUTS_QUICK;
    int64_t steps = (int64_t)cuts * STEPS_PER_CUT;
    char journal[128];
    unsigned died = 0;
    printf("%d cuts\n", cuts);
    fflush(stdout);
    hr_random random = {.state = seed};
    farm cut, quiet;
    farm_start(&cut, 2);
    snprintf(journal, sizeof journal, "%s/journal", cut.folder);
    farm_close(&cut);
    power_watch(journal);
    for (int i = 0; i < cuts; i++) {
        hr_why why = {""};
        fault_freeze_at(1 + hr_random_below(&random, CALLS_MAX), hr_random_below(&random, 2) == 0);
        if (farm_try_open(&cut, 1 + (uint32_t)i % 4, &why) == HR_OK) {
            live(&cut, seed, (i + 1) * STEPS_PER_CUT);
            farm_close(&cut);
        }
        died += fault_is_frozen();
        fault_clear();
        power_cut(hr_random_next(&random));
    }
    power_forget();
    assert_true(died > (unsigned)cuts / 4);
    farm_open(&cut, 4);
    live(&cut, seed, steps);
    farm_settle(&cut);
    assert_true(story_check(&cut) > 100);
    farm_start(&quiet, 1);
    live(&quiet, seed, steps);
    farm_settle(&quiet);
    assert_same_events(&cut, &quiet);
    farm_end(&quiet);
    farm_end(&cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_after_many_power_cuts_are_those_of_a_quiet_run),
    };
    return cmocka_run_group_tests_name("engine power", tests, NULL, NULL);
}
