/* tests/engine/test_live.c - answers about now: right for few and for many devices, and no reader
 * holds a partition for long. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/record.h"
#include "engine/internal.h"
#include "engine/live.h"
#include "farm.h"
#include "geo/metric.h"
#include "test.h"

#define T0 1795161600000
#define MANY 5000

static _Thread_local unsigned read_locks;

int __real_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    read_locks++;
    return __real_pthread_rwlock_rdlock(lock);
}

static hr_fix fix_of(int d, int64_t time_ms)
{
    char id[16];
    int size = snprintf(id, sizeof id, "cow-%04d", d);
    return (hr_fix){
        .device = hr_device_key(id, (size_t)size),
        .time_ms = time_ms,
        /* A row of 0.1 degrees. The last one of those asked for lies on the boundary. */
        .lon_e7 = 160000000 + d * 200,
        .lat_e7 = 590050000,
        .accuracy_dm = 30};
}

/* Five thousand animals in a row from west to east, all inside the fence "row". */
static void begin_row(farm *farm)
{
    const double box[4] = {15.9, 59.0, 16.2, 59.01};
    static hr_fix fixes[MANY];
    farm_start(farm, 2);
    farm_fence(farm, "row", box, "");
    for (int d = 0; d < MANY; d++) {
        char id[16];
        snprintf(id, sizeof id, "cow-%04d", d);
        farm_name(farm, id);
        fixes[d] = fix_of(d, T0);
    }
    farm_fixes(farm, fixes, MANY);
    farm_settle(farm);
}

static size_t within(farm *farm, int32_t west, int32_t east, engine_answer *answer)
{
    const geo_point corners[] = {
        {west, 590000000}, {east, 590000000}, {east, 590100000}, {west, 590100000}};
    uint32_t ring_end = 4;
    geo_area *area;
    assert_int_equal(geo_area_new(corners, &ring_end, 1, &area), GEO_OK);
    assert_int_equal(engine_within(farm->engine, area, answer), HR_OK);
    geo_area_free(area);
    return answer->count;
}

static void answers_are_the_same_by_the_grid_and_by_steps(void **state)
{
    (void)state;
    farm farm;
    engine_answer answer;
    engine_answer_init(&answer);
    begin_row(&farm);
    for (int count = 1; count <= MANY; count = count * 3 + 1) {
        assert_int_equal(within(&farm, 159999900, 160000000 + (count - 1) * 200, &answer), count);
        bool seen[MANY] = {false};
        for (size_t i = 0; i < answer.count; i++) {
            int d = (answer.devices[i].fix.lon_e7 - 160000000) / 200;
            assert_false(seen[d]);
            seen[d] = true;
            char id[16];
            snprintf(id, sizeof id, "cow-%04d", d);
            assert_string_equal(answer.devices[i].id, id);
        }
    }
    assert_int_equal(engine_fence_devices(farm.engine, "row", &answer), HR_OK);
    assert_int_equal(answer.count, MANY);
    assert_int_equal(answer.devices[17].since_ms, T0);
    assert_int_equal(
        engine_nearby(farm.engine, (geo_point){160000000, 590050000}, 1000000, 3, &answer), HR_OK);
    assert_int_equal(answer.count, 3);
    assert_true(answer.is_cut);
    assert_string_equal(answer.devices[0].id, "cow-0000");
    assert_string_equal(answer.devices[2].id, "cow-0002");
    engine_answer_fini(&answer);
    farm_end(&farm);
}

/* Whoever is told 100 m must not find that the tracker counts them otherwise. */
static void nearness_is_measured_as_events_are_decided(void **state)
{
    (void)state;
    farm farm;
    engine_answer answer;
    geo_point center = {160500000, 590090000};
    engine_answer_init(&answer);
    begin_row(&farm);
    assert_int_equal(engine_nearby(farm.engine, center, 4000, MANY, &answer), HR_OK);
    assert_true(answer.count > 1000);
    for (size_t i = 0; i < answer.count; i++) {
        const hr_fix *fix = &answer.devices[i].fix;
        geo_point place = {fix->lon_e7, fix->lat_e7};
        double um = answer.devices[i].distance_m * 1e6;
        assert_true(geo_metric_farther_than(center, place, (uint64_t)(um * 0.9998)));
        assert_false(geo_metric_farther_than(center, place, (uint64_t)(um * 1.0002)));
    }
    engine_answer_fini(&answer);
    farm_end(&farm);
}

static void a_list_comes_page_by_page_in_the_order_of_ids(void **state)
{
    (void)state;
    farm farm;
    engine_answer answer;
    char after[HR_DEVICE_ID_MAX + 1] = "";
    size_t total = 0;
    engine_answer_init(&answer);
    begin_row(&farm);
    do {
        assert_int_equal(engine_devices_list(farm.engine, after, 777, &answer), HR_OK);
        for (size_t i = 0; i < answer.count; i++, total++) {
            char id[16];
            snprintf(id, sizeof id, "cow-%04d", (int)total);
            assert_string_equal(answer.devices[i].id, id);
        }
        memcpy(after, answer.devices[answer.count - 1].id, sizeof after);
    } while (answer.is_cut);
    assert_int_equal(total, MANY);
    engine_answer_fini(&answer);
    farm_end(&farm);
}

static void what_has_moved_is_told_once(void **state)
{
    (void)state;
    farm farm;
    engine_answer answer;
    engine_moved_mark mark = {{0}};
    geo_box world = {{-GEO_LON_E7_MAX, -GEO_LAT_E7_MAX}, {GEO_LON_E7_MAX, GEO_LAT_E7_MAX}};
    engine_answer_init(&answer);
    begin_row(&farm);
    assert_int_equal(engine_moved(farm.engine, world, &mark, &answer), HR_OK);
    assert_int_equal(answer.count, MANY);
    assert_int_equal(engine_moved(farm.engine, world, &mark, &answer), HR_OK);
    assert_int_equal(answer.count, 0);
    hr_fix fix = fix_of(4321, T0 + 1000);
    farm_fixes(&farm, &fix, 1);
    farm_settle(&farm);
    assert_int_equal(engine_moved(farm.engine, world, &mark, &answer), HR_OK);
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.devices[0].id, "cow-4321");
    engine_answer_fini(&answer);
    farm_end(&farm);
}

/* New rules and new devices do wait for the lock, and other queries behind them: so it is let go of
 * after every few hundred devices. */
static void no_reader_holds_a_partition_for_more_than_some_hundred_devices(void **state)
{
    (void)state;
    farm farm;
    engine_answer answer;
    engine_answer_init(&answer);
    begin_row(&farm);
    engine_moved_mark mark = {{0}};
    geo_box world = {{-GEO_LON_E7_MAX, -GEO_LAT_E7_MAX}, {GEO_LON_E7_MAX, GEO_LAT_E7_MAX}};
    for (int question = 0; question < 5; question++) {
        read_locks = 0;
        hr_err err = HR_OK;
        switch (question) {
        case 0:
            err = engine_devices_list(farm.engine, NULL, 10, &answer);
            break;
        case 1:
            err = engine_moved(farm.engine, world, &mark, &answer);
            break;
        case 2:
            err = engine_fence_devices(farm.engine, "row", &answer);
            break;
        case 3:
            err = engine_nearby(farm.engine, (geo_point){160000000, 590050000}, 1e6, 10, &answer);
            break;
        default:
            within(&farm, 159000000, 162000000, &answer);
        }
        assert_int_equal(err, HR_OK);
        assert_true(read_locks >= MANY / ENGINE_LOOKS_MAX);
    }
    engine_answer_fini(&answer);
    farm_end(&farm);
}

static void wait_for_event(farm *farm, int64_t count)
{
    for (int tries = 0; log_end(farm->log, HR_TOPIC_EVENTS, 0, LOG_APPENDED) < count; tries++) {
        assert_true(tries < 6000);
        log_wait(farm->log, LOG_APPENDED, UINT64_MAX, 10);
    }
}

/* As if a query had lost its processor at the worst moment. */
static void a_query_that_holds_a_partition_keeps_no_worker_waiting(void **state)
{
    (void)state;
    farm farm;
    engine_device device;
    engine_stay stays[4];
    size_t count = 4;
    engine_as_of as_of;
    const double north[4] = {16.0, 59.0, 16.01, 59.01};
    farm_start(&farm, 1);
    farm_fence(&farm, "north", north, "");
    farm_fix(&farm, "cow-1", T0, 15.9, 59.005);
    farm_settle(&farm);
    uint32_t p = hr_device_partition(hr_device_key("cow-1", 5), FARM_PARTITIONS);
    engine_partition *partition = &farm.engine->partitions[p];
    int64_t told = log_end(farm.log, HR_TOPIC_EVENTS, 0, LOG_APPENDED);
    int64_t settled = engine_offset(farm.engine, p);

    pthread_rwlock_rdlock(&partition->lock);
    farm_fix(&farm, "cow-1", T0 + 10000, 16.005, 59.005);
    wait_for_event(&farm, told + 1);
    farm_fix(&farm, "cow-1", T0 + 20000, 15.9, 59.005);
    farm_fix(&farm, "cow-1", T0 + 30000, 16.006, 59.005);
    wait_for_event(&farm, told + 3);
    /* What is told is not shown yet, and nobody says that it is. */
    assert_int_equal(partition->devices.shown[0].time_ms, T0);
    assert_int_equal(partition->shown, settled);
    assert_int_equal(engine_offset(farm.engine, p), settled);
    pthread_rwlock_unlock(&partition->lock);

    farm_settle(&farm);
    assert_int_equal(engine_device_get(farm.engine, "cow-1", &device), HR_OK);
    assert_int_equal(device.fix.time_ms, T0 + 30000);
    assert_int_equal(engine_inside(farm.engine, "cow-1", stays, &count, &as_of), HR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(stays[0].since_ms, T0 + 30000);
    assert_int_equal(as_of.offset,
                     log_end(farm.log, HR_TOPIC_POSITIONS, (uint16_t)p, LOG_APPENDED));
    farm_end(&farm);
}

static void *take_checkpoint(void *context)
{
    farm *farm = context;
    assert_int_equal(engine_checkpoint(farm->engine, NULL), HR_OK);
    return NULL;
}

static void pass_time(farm *farm, int tries)
{
    for (int i = 0; i < tries; i++) {
        log_wait(farm->log, LOG_APPENDED, UINT64_MAX, 1);
    }
}

/* One that is taken while a query keeps something from being shown must not be without it. */
static void what_is_not_shown_yet_is_not_missing_after_a_crash(void **state)
{
    (void)state;
    farm farm;
    engine_device device;
    pthread_t thread;
    char path[128];
    farm_start(&farm, 1);
    farm_fix(&farm, "cow-1", T0, 16.0, 59.005);
    farm_settle(&farm);
    uint32_t p = hr_device_partition(hr_device_key("cow-1", 5), FARM_PARTITIONS);
    engine_partition *partition = &farm.engine->partitions[p];
    pthread_rwlock_rdlock(&partition->lock);
    farm_fix(&farm, "cow-1", T0 + 10000, 16.005, 59.005);
    int64_t end = log_end(farm.log, HR_TOPIC_POSITIONS, (uint16_t)p, LOG_APPENDED);
    while (atomic_load(&partition->offset) < end) {
        pass_time(&farm, 1);
    }
    assert_int_equal(pthread_create(&thread, NULL, take_checkpoint, &farm), 0);
    pass_time(&farm, 30); /* if it did not wait for the query, it would be taken by now */
    pthread_rwlock_unlock(&partition->lock);
    pthread_join(thread, NULL);
    uint64_t taken = farm.engine->checkpoint_number;
    farm_close(&farm);
    /* As if it had crashed: without the checkpoint of its end. */
    snprintf(path, sizeof path, "%s/checkpoint/%010d.ckpt", farm.folder, (int)taken + 1);
    assert_int_equal(unlink(path), 0);
    farm_open(&farm, 1);
    assert_int_equal(engine_device_get(farm.engine, "cow-1", &device), HR_OK);
    assert_int_equal(device.fix.time_ms, T0 + 10000);
    farm_end(&farm);
}

/* ids gets the fences' ids, of one letter each. */
static size_t inside(farm *farm, const char *device, char ids[9])
{
    engine_stay stays[8];
    size_t count = 8;
    engine_as_of as_of;
    farm_settle(farm);
    assert_int_equal(engine_inside(farm->engine, device, stays, &count, &as_of), HR_OK);
    for (size_t i = 0; i < count; i++) {
        ids[i] = stays[i].fence_id[0];
    }
    ids[count] = '\0';
    return count;
}

static void the_fences_of_a_device_follow_fixes_rules_and_ticks(void **state)
{
    (void)state;
    farm farm;
    char ids[9];
    const double wide[4] = {16.0, 59.0, 16.1, 59.1};
    const double narrow[4] = {16.0, 59.0, 16.01, 59.01};
    farm_start(&farm, 2);
    farm_fence(&farm, "a", wide, "");
    farm_fence(&farm, "b", narrow, ",\"expires_at\":\"2026-11-20T08:01:00Z\"");
    farm_fence(&farm, "c", narrow, "");
    farm_fix(&farm, "cow", T0, 16.005, 59.005);
    assert_int_equal(inside(&farm, "cow", ids), 3);
    farm_restart(&farm, 1);
    assert_int_equal(inside(&farm, "cow", ids), 3);
    farm_tick(&farm, T0 + 61000); /* b expires */
    assert_int_equal(inside(&farm, "cow", ids), 2);
    assert_null(strchr(ids, 'b'));
    farm_remove_fence(&farm, "a");
    assert_int_equal(inside(&farm, "cow", ids), 1);
    assert_string_equal(ids, "c");
    farm_fence(&farm, "d", wide, "");
    assert_int_equal(inside(&farm, "cow", ids), 2);
    farm_fix(&farm, "cow", T0 + 70000, 16.05, 59.05);
    assert_int_equal(inside(&farm, "cow", ids), 1);
    assert_string_equal(ids, "d");
    farm_end(&farm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_the_same_by_the_grid_and_by_steps),
        cmocka_unit_test(nearness_is_measured_as_events_are_decided),
        cmocka_unit_test(a_list_comes_page_by_page_in_the_order_of_ids),
        cmocka_unit_test(what_has_moved_is_told_once),
        cmocka_unit_test(no_reader_holds_a_partition_for_more_than_some_hundred_devices),
        cmocka_unit_test(a_query_that_holds_a_partition_keeps_no_worker_waiting),
        cmocka_unit_test(what_is_not_shown_yet_is_not_missing_after_a_crash),
        cmocka_unit_test(the_fences_of_a_device_follow_fixes_rules_and_ticks),
    };
    return cmocka_run_group_tests_name("engine live", tests, NULL, NULL);
}
