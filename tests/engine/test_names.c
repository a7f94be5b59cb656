/* tests/engine/test_names.c - names on their way from a partition to the catalogue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "catalog/device.h"
#include "engine/internal.h"
#include "farm.h"
#include "test.h"

#define NAMES 100

/* While it is set there is no memory for any buffer's growth. */
static bool memory_is_gone;

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);

void *__wrap_realloc(void *block, size_t size)
{
    return memory_is_gone ? NULL : __real_realloc(block, size);
}

static void note_names(engine_partition *partition, int from, int to)
{
    for (int i = from; i < to; i++) {
        char id[16];
        snprintf(id, sizeof id, "cow-%d", i);
        engine_names_note(partition, hr_device_key(id, strlen(id)), id, strlen(id), 1000 + i);
    }
}

static void count_name(void *context, uint64_t key, const char *id)
{
    assert_int_equal(key, hr_device_key(id, strlen(id)));
    (*(int *)context)++;
}

/* Without memory names wait; they are not lost, and nothing stays in the way of those behind them.
 */
static void names_outlast_a_want_of_memory(void **state)
{
    (void)state;
    farm farm;
    engine_partition partitions[2];
    hr_why why = {""};
    int known = 0;
    farm_start(&farm, 1);
    engine engine = {
        .options = {.catalog = farm.catalog}, .partition_count = 2, .partitions = partitions};
    pthread_mutex_init(&engine.names_lock, NULL);
    for (uint32_t p = 0; p < 2; p++) {
        assert_int_equal(engine_partition_init(&partitions[p], p, farm.engine->worlds,
                                               &farm.engine->counters, &why),
                         HR_OK);
        note_names(&partitions[p], (int)p * NAMES, (int)(p + 1) * NAMES);
    }
    memory_is_gone = true;
    hr_err err = engine_names_flush(&engine, &why);
    memory_is_gone = false;
    assert_true(err == HR_OK || err == HR_NO_MEMORY);
    note_names(&partitions[1], 2 * NAMES, 3 * NAMES);
    assert_int_equal(engine_names_flush(&engine, &why), HR_OK);
    assert_int_equal(catalog_names_load(farm.catalog, count_name, &known, NULL), GEO_OK);
    assert_int_equal(known, 3 * NAMES);
    for (uint32_t p = 0; p < 2; p++) {
        engine_partition_fini(&partitions[p]);
    }
    pthread_mutex_destroy(&engine.names_lock);
    farm_end(&farm);
}

/* The log may let go of their records then. */
static void a_checkpoint_has_no_name_that_the_catalogue_does_not_have(void **state)
{
    (void)state;
    farm farm;
    int known = 0;
    farm_start(&farm, 2);
    for (int i = 0; i < NAMES; i++) {
        char id[16];
        snprintf(id, sizeof id, "cow-%d", i);
        farm_name(&farm, id);
    }
    farm_settle(&farm); /* which is a checkpoint */
    assert_int_equal(catalog_names_load(farm.catalog, count_name, &known, NULL), GEO_OK);
    assert_int_equal(known, NAMES);
    farm_end(&farm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_outlast_a_want_of_memory),
        cmocka_unit_test(a_checkpoint_has_no_name_that_the_catalogue_does_not_have),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
