/* tests/engine/test_apart.c - partitions that are read far apart from each other, through more
 * versions of the rules than may be in use at a time. */
#include <stdio.h>

#include "base/record.h"
#include "farm.h"
#include "test.h"

#define PARTITIONS 32
#define BATCHES 70 /* more than a worker takes from a partition in one go */

/* Nothing to decide in one partition, but much to read. */
static void append_ticks(farm *farm, uint16_t partition)
{
    uint8_t record[4 + HR_TICK_BYTES];
    log_position end;
    hr_store_u32(record, HR_TICK_BYTES);
    hr_store_u64(record + 4, (uint64_t)hr_clock_now_ms(farm->clock));
    log_batch batch = {.topic = HR_TOPIC_POSITIONS,
                       .type = HR_RECORD_TICK,
                       .partition = partition,
                       .count = 1,
                       .bytes = record,
                       .size = sizeof record};
    for (int i = 0; i < BATCHES; i++) {
        assert_int_equal(log_append(farm->log, &batch, 1, NULL, NULL, &end), HR_OK);
    }
}

/* Each partition has much to read under another version, so that a replay by turns has them all at
 * different ones. */
static void a_replay_needs_no_more_versions_than_there_may_be(void **state)
{
    (void)state;
    farm farm;
    char path[128];
    farm_make(&farm);
    farm.partitions = PARTITIONS;
    farm_open(&farm, 2);
    for (uint16_t p = 0; p < PARTITIONS; p++) {
        double west = 16 + 0.001 * p;
        farm_fence(&farm, "north", (double[4]){west, 59, west + 0.001, 59.001}, "");
        append_ticks(&farm, p);
    }
    farm_close(&farm);
    snprintf(path, sizeof path, "%s/checkpoint", farm.folder);
    farm_remove_tree(path);
    farm_open(&farm, 2);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        assert_int_equal(engine_rules_version(farm.engine, p), catalog_version(farm.catalog));
    }
    farm_end(&farm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replay_needs_no_more_versions_than_there_may_be),
    };
    return cmocka_run_group_tests_name("partitions apart", tests, NULL, NULL);
}
