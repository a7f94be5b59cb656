/* tests/engine/test_packing.c - partitions move between threads, and the events do not notice. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/id.h"
#include "engine/internal.h"
#include "farm.h"
#include "test.h"

#define T0 1795161600000
#define ROUNDS 120

static const double north[4] = {16.0, 59.0, 16.01, 59.01};

static void little_work_gathers_on_the_first_thread(void **state)
{
    (void)state;
    const uint64_t load[4] = {0, 5, 1, 3};
    uint32_t plan[4];
    engine_packing_plan(load, 4, 4, 100, plan);
    for (int p = 0; p < 4; p++) {
        assert_int_equal(plan[p], 0);
    }
}

static void work_fills_threads_in_decreasing_order(void **state)
{
    (void)state;
    const uint64_t load[6] = {10, 60, 50, 40, 40, 5};
    uint32_t plan[6];
    engine_packing_plan(load, 6, 3, 100, plan);
    /* 60 and 40 fill thread 0; 50, 40 and then 10 fill thread 1; 5 is left for thread 2. */
    const uint32_t filled[6] = {1, 0, 1, 0, 1, 2};
    assert_memory_equal(plan, filled, sizeof plan);
}

static void more_work_than_there_is_time_for_is_shared_evenly(void **state)
{
    (void)state;
    const uint64_t load[4] = {900, 900, 900, 900};
    uint32_t plan[4];
    uint32_t counts[2] = {0, 0};
    engine_packing_plan(load, 4, 2, 100, plan);
    for (int p = 0; p < 4; p++) {
        counts[plan[p]]++;
    }
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[1], 2);
}

/* ---- measured load ---- */

#define CPU_CLOCK 1000 /* the clock of thread t is this and t */
#define SECOND INT64_C(1000000000)

static struct farm *_Atomic measured; /* the keeper asks, too */
static _Atomic int64_t used_ns[4];    /* processor time of each worker, as it is said to be */

int __real_pthread_getcpuclockid(pthread_t thread, clockid_t *clock);
int __wrap_pthread_getcpuclockid(pthread_t thread, clockid_t *clock);
int __wrap_pthread_getcpuclockid(pthread_t thread, clockid_t *clock)
{
    const struct farm *farm = atomic_load(&measured);
    for (uint32_t t = 0; farm != NULL && t < farm->engine->thread_count; t++) {
        if (pthread_equal(thread, farm->engine->threads[t].handle)) {
            *clock = (clockid_t)(CPU_CLOCK + t);
            return 0;
        }
    }
    return __real_pthread_getcpuclockid(thread, clock);
}

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock < CPU_CLOCK) {
        return __real_clock_gettime(clock, time);
    }
    int64_t ns = atomic_load(&used_ns[clock - CPU_CLOCK]);
    *time = (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
    return 0;
}

/* So much has each thread used, and so much has each partition had, since the last time. */
static void spend(farm *farm, const double seconds[2], const uint64_t work[FARM_PARTITIONS])
{
    for (int t = 0; t < 2; t++) {
        atomic_fetch_add(&used_ns[t], (int64_t)(seconds[t] * SECOND));
    }
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        atomic_fetch_add(&farm->engine->seats[p].work_done, work[p]);
    }
}

static void assert_packed(farm *farm, int64_t now_ns, const uint32_t plan[FARM_PARTITIONS])
{
    engine_packing_look(farm->engine, now_ns);
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        assert_int_equal(atomic_load(&farm->engine->seats[p].wanted), plan[p]);
    }
}

static void partitions_are_packed_by_the_time_that_they_took(void **state)
{
    (void)state;
    const uint32_t together[] = {0, 0, 0, 0};
    const uint32_t apart[] = {0, 1, 1, 1};
    const uint32_t relieved[] = {0, 0, 1, 0};
    farm farm;
    farm_start(&farm, 2);
    farm_settle(&farm);
    /* Later than the keeper will look, by its own clock. */
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    int64_t now_ns = ((int64_t)start.tv_sec + 3600) * SECOND;
    spend(&farm, (double[]){1000, 1000}, (uint64_t[]){0, 0, 0, 0});
    atomic_store(&measured, &farm);
    engine_packing_look(farm.engine, now_ns);
    assert_packed(&farm, now_ns += 10 * SECOND, together);
    /* Nine seconds of ten, of which a thread takes six: most of them were the first partition's. */
    spend(&farm, (double[]){9, 0}, (uint64_t[]){7000, 1000, 1000, 1000});
    assert_packed(&farm, now_ns += 10 * SECOND, apart);
    /* Half of a thread's time is no reason to look before it is time. */
    spend(&farm, (double[]){0, 0.5}, (uint64_t[]){0, 1000, 9000, 0});
    assert_packed(&farm, now_ns += SECOND, apart);
    /* A whole second is, when another has time: 0.75 each of 1.2, and the idle ones back. */
    spend(&farm, (double[]){0, 1}, (uint64_t[]){0, 14000, 6000, 0});
    assert_packed(&farm, now_ns += SECOND, relieved);
    atomic_store(&measured, NULL);
    farm_end(&farm);
}

/* Every partition goes to any thread. */
static void repack(farm *farm, void *context)
{
    hr_random *where = context;
    uint32_t plan[FARM_PARTITIONS];
    for (int p = 0; p < FARM_PARTITIONS; p++) {
        plan[p] = (uint32_t)hr_random_below(where, farm->engine->thread_count);
    }
    engine_packing_set(farm->engine, plan);
}

static void walk(farm *farm, uint64_t seed, bool is_repacked)
{
    hr_random where = {.state = seed + 1};
    farm_walk(farm, seed, ROUNDS, is_repacked ? repack : NULL, &where);
    farm_settle(farm);
}

static void events_do_not_depend_on_who_works_where(void **state)
{
    (void)state;
    uint64_t seed = test_seed(__func__);
    farm quiet;
    farm_start(&quiet, 1);
    farm_fence(&quiet, "north", north, ",\"intent\":\"keep-out\",\"approach_m\":50");
    walk(&quiet, seed, false);
    for (uint32_t threads = 1; threads <= 4; threads *= 2) {
        farm moved;
        farm_start(&moved, threads);
        farm_fence(&moved, "north", north, ",\"intent\":\"keep-out\",\"approach_m\":50");
        walk(&moved, seed, true);
        for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
            hr_buf one, two;
            hr_buf_init(&one, 16 << 20);
            hr_buf_init(&two, 16 << 20);
            farm_partition_events(&quiet, p, &one);
            farm_partition_events(&moved, p, &two);
            assert_true(one.size > 1000);
            assert_int_equal(one.size, two.size);
            assert_memory_equal(one.data, two.data, one.size);
            hr_buf_fini(&one);
            hr_buf_fini(&two);
        }
        farm_end(&moved);
    }
    farm_end(&quiet);
}

/* Stopping takes a checkpoint, for which every partition must have a thread, whatever moves. */
static void an_engine_stops_while_partitions_move(void **state)
{
    (void)state;
    farm farm;
    hr_random random = {.state = test_seed(__func__)};
    farm_start(&farm, 4);
    for (int round = 0; round < 6; round++) {
        for (int move = 0; move < 20; move++) {
            uint32_t plan[FARM_PARTITIONS];
            for (int p = 0; p < FARM_PARTITIONS; p++) {
                plan[p] = (uint32_t)hr_random_below(&random, 4);
            }
            farm_fix(&farm, "a", T0 + (round * 20 + move) * 1000, 16.005, 59.005);
            engine_packing_set(farm.engine, plan);
        }
        farm_restart(&farm, 4);
    }
    farm_end(&farm);
}

static void the_keeper_packs_a_quiet_herd_onto_one_thread_and_the_others_sleep(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 4);
    farm_fence(&farm, "north", north, "");
    farm_fix(&farm, "a", T0, 16.005, 59.005);
    farm_settle(&farm);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    engine_packing_look(farm.engine, ((int64_t)now.tv_sec + 3600) * 1000000000);
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        assert_int_equal(atomic_load(&farm.engine->seats[p].wanted), 0);
    }
    /* Every worker has followed once all partitions have taken part in a checkpoint. */
    farm_settle(&farm);
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        assert_int_equal(atomic_load(&farm.engine->seats[p].holder), 0);
    }
    uint64_t before[4];
    for (int t = 0; t < 4; t++) {
        before[t] = hr_counter_value(farm.engine->threads[t].wakes);
    }
    for (int i = 1; i <= 100; i++) {
        farm_fix(&farm, "a", T0 + i * 1000, 16.005, 59.005);
        farm_fix(&farm, "b", T0 + i * 1000, 16.005, 59.005);
        farm_fix(&farm, "c", T0 + i * 1000, 16.005, 59.005);
        while (engine_offset(farm.engine, 0) <
               log_end(farm.log, HR_TOPIC_POSITIONS, 0, LOG_APPENDED)) {
            log_wait(farm.log, LOG_APPENDED, UINT64_MAX, 1);
        }
    }
    /* All of it was the first thread's work, which may not even have come to sleep. */
    for (int t = 1; t < 4; t++) {
        /* At most once more, if it was on its way to sleep above. */
        assert_true(hr_counter_value(farm.engine->threads[t].wakes) <= before[t] + 1);
    }
    farm_end(&farm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(little_work_gathers_on_the_first_thread),
        cmocka_unit_test(work_fills_threads_in_decreasing_order),
        cmocka_unit_test(more_work_than_there_is_time_for_is_shared_evenly),
        cmocka_unit_test(partitions_are_packed_by_the_time_that_they_took),
        cmocka_unit_test(events_do_not_depend_on_who_works_where),
        cmocka_unit_test(an_engine_stops_while_partitions_move),
        cmocka_unit_test(the_keeper_packs_a_quiet_herd_onto_one_thread_and_the_others_sleep),
    };
    return cmocka_run_group_tests_name("engine packing", tests, NULL, NULL);
}
