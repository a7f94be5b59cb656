/* tests/engine/test_power.c - the power fails at any call that changes the journal, again and
 * again; in the end the log's events are those of an undisturbed run. */
#include <dirent.h>
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
#define CALLS_MAX 160   /* of one life, before the power fails at the latest */
#define TAKING_CALLS 24 /* about those of a step and a checkpoint */

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

/* ---- checkpoints ---- */

/* The newest checkpoint's file, and how many there are. */
static int find_newest(const farm *farm, int *count)
{
    char path[128];
    int newest = 0;
    snprintf(path, sizeof path, "%s/checkpoint", farm->folder);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    *count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strstr(entry->d_name, ".ckpt") != NULL) {
            int number = (int)strtol(entry->d_name, NULL, 10);
            newest = number > newest ? number : newest;
            ++*count;
        }
    }
    closedir(folder);
    return newest;
}

static size_t read_file(const farm *farm, int number, uint8_t *bytes, size_t room)
{
    char path[160];
    snprintf(path, sizeof path, "%s/checkpoint/%010d.ckpt", farm->folder, number);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

/* Take a checkpoint, during which the power may fail; whether it was taken. */
static bool walk_and_take(farm *farm, uint64_t seed)
{
    hr_why why;
    return story_tell(farm, seed, story_next(farm)) == HR_OK &&
           engine_checkpoint(farm->engine, &why) == HR_OK;
}

/* What is told to be on the disk must be there: the log lets go of what it stands for. And what
 * stays of those that failed must not gather. */
static void a_checkpoint_that_was_taken_outlives_power_cuts(void **state)
{
    (void)state;
    static uint8_t taken[1 << 20];
    static uint8_t found[1 << 20];
    uint64_t seed = test_seed(__func__);
    int cuts = getenv("HR_LONG") != NULL ? CUTS_LONG : CUTS_QUICK;
    hr_random random = {.state = seed};
    char folder[128];
    farm farm;
    farm_start(&farm, 2);
    snprintf(folder, sizeof folder, "%s/checkpoint", farm.folder);
    power_watch(folder);
    for (int i = 0; i < cuts; i++) {
        int count;
        assert_true(walk_and_take(&farm, seed));
        int number = find_newest(&farm, &count);
        assert_true(count <= 2);
        fault_freeze_at(1 + hr_random_below(&random, TAKING_CALLS), hr_random_below(&random, 2));
        if (walk_and_take(&farm, seed)) {
            number = find_newest(&farm, &count);
        }
        size_t size = read_file(&farm, number, taken, sizeof taken);
        fault_freeze_at(1, false); /* the end takes none */
        farm_close(&farm);
        fault_clear();
        power_cut(hr_random_next(&random));
        assert_true(find_newest(&farm, &count) >= number);
        assert_int_equal(read_file(&farm, number, found, sizeof found), size);
        assert_memory_equal(taken, found, size);
        farm_open(&farm, 2);
    }
    power_forget();
    farm_settle(&farm);
    assert_true(story_check(&farm) > 10);
    farm_end(&farm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_that_was_taken_outlives_power_cuts),
        cmocka_unit_test(events_after_many_power_cuts_are_those_of_a_quiet_run),
    };
    return cmocka_run_group_tests_name("engine power", tests, NULL, NULL);
}
