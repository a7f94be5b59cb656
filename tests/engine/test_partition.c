/* tests/engine/test_partition.c - one partition by itself: what a record with very many events
 * does. */
#include <stdio.h>
#include <stdlib.h>

#include "base/record.h"
#include "engine/partition.h"
#include "test.h"

#define T0 INT64_C(1795161600000)
#define FENCES 100
#define DEVICES 80

/* So many fences over one place. */
static const geo_rules *pile_of_fences(uint32_t count, uint64_t version)
{
    geo_rules_builder *builder = NULL;
    const geo_rules *rules = NULL;
    const geo_point ring[] = {
        {160000000, 590000000}, {160010000, 590000000}, {160010000, 590010000}};
    assert_int_equal(geo_rules_builder_new(NULL, &builder), GEO_OK);
    for (uint32_t i = 0; i < count; i++) {
        char id[16];
        geo_area *area = NULL;
        const geo_fence *fence = NULL;
        snprintf(id, sizeof id, "f%u", i);
        assert_int_equal(geo_area_new(ring, &(uint32_t){3}, 1, &area), GEO_OK);
        const geo_fence description = {
            .id = id, .name = "", .expires_at_ms = GEO_NEVER_MS, .area = area};
        assert_int_equal(geo_fence_new(&description, &fence, NULL), GEO_OK);
        assert_int_equal(geo_rules_put_fence(builder, fence, NULL), GEO_OK);
        geo_fence_unref(fence);
    }
    assert_int_equal(geo_rules_build(builder, version, &rules), GEO_OK);
    geo_rules_builder_free(builder);
    return rules;
}

/* What was flushed, and how often. */
typedef struct told {
    hr_buf bytes;
    unsigned flushes;
} told;

/* A full disk keeps this waiting, which must not keep queries waiting. */
static hr_err flush_unlocked(void *context, engine_partition *partition)
{
    told *told = context;
    assert_int_equal(pthread_rwlock_trywrlock(&partition->lock), 0);
    pthread_rwlock_unlock(&partition->lock);
    hr_buf_put(&told->bytes, partition->events.data, partition->events.size);
    hr_buf_clear(&partition->events);
    told->flushes++;
    return HR_OK;
}

static void apply(engine_partition *partition, log_view view)
{
    hr_why why = {""};
    view.first_offset = atomic_load(&partition->offset);
    assert_int_equal(engine_partition_apply(partition, &view, &why), HR_OK);
}

/* All devices are there, and are in every fence that there will be; then the fences come. */
static void live(engine_flush *flush, told *told)
{
    engine_worlds *worlds = NULL;
    static hr_counter counter;
    const engine_counters counters = {&counter, &counter, &counter, &counter,
                                      &counter, &counter, &counter};
    engine_partition partition;
    uint8_t fixes[DEVICES * HR_FIX_BYTES];
    uint8_t rules[4 + HR_RULES_BYTES];
    assert_int_equal(engine_worlds_new(NULL, &worlds, NULL), HR_OK);
    for (uint64_t version = 0; version < 2; version++) {
        const geo_rules *pile = pile_of_fences(version == 0 ? 0 : FENCES, version);
        assert_int_equal(engine_world_prepare(worlds, pile, NULL), HR_OK);
        geo_rules_unref(pile);
    }
    assert_int_equal(engine_partition_init(&partition, 0, worlds, &counters, NULL), HR_OK);
    assert_int_equal(engine_partition_use(&partition, 0, NULL), HR_OK);
    partition.flush = flush;
    partition.flush_context = told;
    for (int step = 0; step < 2; step++) {
        for (uint32_t d = 0; d < DEVICES; d++) {
            const hr_fix fix = {.device = d,
                                .time_ms = T0 + step * 60000,
                                .lon_e7 = step == 0 ? 160006000 : 160900000,
                                .lat_e7 = 590001000};
            hr_fix_store(fixes + (size_t)d * HR_FIX_BYTES, &fix);
        }
        apply(&partition, (log_view){.type = HR_RECORD_FIX,
                                     .append_ms = T0 + step * 60000,
                                     .count = DEVICES,
                                     .record_bytes = HR_FIX_BYTES,
                                     .bytes = fixes,
                                     .size = sizeof fixes});
        hr_store_u32(rules, HR_RULES_BYTES);
        hr_store_u64(rules + 4, 1);
        apply(&partition, (log_view){.type = HR_RECORD_RULES,
                                     .append_ms = T0 + 1000,
                                     .count = 1,
                                     .bytes = rules,
                                     .size = sizeof rules});
    }
    hr_buf_put(&told->bytes, partition.events.data, partition.events.size);
    assert_int_equal(partition.shown, atomic_load(&partition.offset));
    engine_partition_fini(&partition);
    engine_worlds_free(worlds);
}

static void a_record_of_very_many_events_is_told_in_parts(void **state)
{
    (void)state;
    told whole = {.flushes = 0};
    told parts = {.flushes = 0};
    hr_buf_init(&whole.bytes, SIZE_MAX);
    hr_buf_init(&parts.bytes, SIZE_MAX);
    live(NULL, &whole);
    live(flush_unlocked, &parts);
    assert_int_equal(parts.flushes, 4); /* two for those who enter, two for those who leave */
    assert_int_equal(parts.bytes.size, whole.bytes.size);
    assert_memory_equal(parts.bytes.data, whole.bytes.data, whole.bytes.size);
    hr_buf_fini(&whole.bytes);
    hr_buf_fini(&parts.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_of_very_many_events_is_told_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
