/* tests/ingest/test_acks.c - who is told what, and when; the set of known devices. */
#include "ingest/acks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "ingest/names.h"
#include "test.h"

#define MS INT64_C(1000000)

static void nothing_is_told_before_it_is_durable(void **state)
{
    (void)state;
    acks *table = acks_new();
    ack a;
    int64_t wake_ns;
    assert_int_equal(acks_appended(table, "barn", 7, 0, 10, 100), HR_OK);
    assert_int_equal(acks_appended(table, "barn", 7, 10, 20, 200), HR_OK);
    assert_false(acks_next(table, 99, 0, &a, &wake_ns));
    assert_int_equal(wake_ns, INT64_MAX);
    assert_true(acks_next(table, 100, 0, &a, &wake_ns));
    assert_string_equal(a.user, "barn");
    assert_int_equal(a.epoch, 7);
    assert_int_equal(a.seq, 9);
    assert_false(acks_next(table, 199, 50 * MS, &a, &wake_ns));
    assert_true(acks_next(table, 200, 50 * MS, &a, &wake_ns));
    assert_int_equal(a.seq, 19);
    assert_false(acks_next(table, 1000, 100 * MS, &a, &wake_ns));
    acks_free(table);
}

static void a_stream_is_told_at_most_every_20_ms(void **state)
{
    (void)state;
    acks *table = acks_new();
    ack a;
    int64_t wake_ns;
    assert_int_equal(acks_appended(table, "barn", 7, 0, 10, 100), HR_OK);
    assert_true(acks_next(table, 100, 1 * MS, &a, &wake_ns));
    assert_int_equal(acks_appended(table, "barn", 7, 0, 20, 200), HR_OK);
    assert_false(acks_next(table, 200, 2 * MS, &a, &wake_ns));
    assert_int_equal(wake_ns, 21 * MS);
    assert_true(acks_next(table, 200, 21 * MS, &a, &wake_ns));
    assert_int_equal(a.seq, 19);
    acks_free(table);
}

static void a_repeat_is_answered_with_what_is_durable(void **state)
{
    (void)state;
    acks *table = acks_new();
    ack a;
    int64_t wake_ns;
    assert_int_equal(acks_answer(table, "barn", 7, 30), HR_OK);
    assert_true(acks_next(table, 0, 0, &a, &wake_ns));
    assert_int_equal(a.seq, 29);
    assert_int_equal(acks_appended(table, "barn", 7, 30, 40, 100), HR_OK);
    /* The log expects 40 by now, but the disk has only 30. */
    assert_int_equal(acks_answer(table, "barn", 7, 40), HR_OK);
    assert_true(acks_next(table, 99, 30 * MS, &a, &wake_ns));
    assert_int_equal(a.seq, 29);
    assert_true(acks_next(table, 100, 60 * MS, &a, &wake_ns));
    assert_int_equal(a.seq, 39);
    assert_int_equal(acks_answer(table, "mill", 1, 0), HR_OK);
    assert_true(acks_next(table, 100, 90 * MS, &a, &wake_ns));
    assert_string_equal(a.user, "mill");
    assert_int_equal(a.seq, -1);
    acks_free(table);
}

static void two_epochs_of_a_user_do_not_mix(void **state)
{
    (void)state;
    acks *table = acks_new();
    ack a;
    int64_t wake_ns;
    assert_int_equal(acks_appended(table, "barn", 1, 0, 10, 100), HR_OK);
    assert_int_equal(acks_appended(table, "barn", 2, 0, 99, 200), HR_OK);
    assert_int_equal(acks_answer(table, "barn", 1, 10), HR_OK);
    assert_true(acks_next(table, 0, 0, &a, &wake_ns));
    assert_int_equal(a.epoch, 1);
    assert_int_equal(a.seq, -1);
    assert_true(acks_next(table, 200, 30 * MS, &a, &wake_ns));
    int64_t first = a.seq;
    assert_true(acks_next(table, 200, 30 * MS, &a, &wake_ns));
    assert_int_equal(first + a.seq, 9 + 98);
    acks_free(table);
}

static void many_waiting_appends_merge_and_are_never_told_early(void **state)
{
    (void)state;
    acks *table = acks_new();
    ack a;
    int64_t wake_ns;
    for (uint64_t i = 1; i <= 100; i++) {
        assert_int_equal(acks_appended(table, "barn", 7, 0, i * 10, i * 100), HR_OK);
    }
    assert_true(acks_next(table, 500, 0, &a, &wake_ns));
    assert_int_equal(a.seq, 49);
    /* 32 to 99 became one with 100. */
    assert_true(acks_next(table, 9900, 30 * MS, &a, &wake_ns));
    assert_int_equal(a.seq, 309);
    assert_true(acks_next(table, 10000, 60 * MS, &a, &wake_ns));
    assert_int_equal(a.seq, 999);
    acks_free(table);
}

static void a_full_table_forgets_the_longest_idle_stream(void **state)
{
    (void)state;
    acks *table = acks_new();
    ack a;
    int64_t wake_ns;
    char user[32];
    for (unsigned i = 0; i < ACKS_STREAMS_MAX; i++) {
        snprintf(user, sizeof user, "u%u", i);
        assert_int_equal(acks_appended(table, user, 7, 0, 10, i == 3 ? 200 : 100), HR_OK);
    }
    assert_int_equal(acks_answer(table, "new", 7, 0), HR_TOO_BIG);
    unsigned told = 0;
    while (acks_next(table, 100, 0, &a, &wake_ns)) {
        told++;
    }
    assert_int_equal(told, ACKS_STREAMS_MAX - 1);
    /* u0 is idle for longest; u3 still waits. */
    assert_int_equal(acks_answer(table, "new", 7, 5), HR_OK);
    assert_true(acks_next(table, 100, 0, &a, &wake_ns));
    assert_string_equal(a.user, "new");
    assert_true(acks_next(table, 200, 0, &a, &wake_ns));
    assert_string_equal(a.user, "u3");
    acks_free(table);
}

static void everything_is_said_again_after_a_new_connection(void **state)
{
    (void)state;
    acks *table = acks_new();
    ack a;
    int64_t wake_ns;
    assert_int_equal(acks_answer(table, "a", 1, 5), HR_OK);
    assert_int_equal(acks_answer(table, "b", 1, 6), HR_OK);
    while (acks_next(table, 0, 0, &a, &wake_ns)) {
    }
    acks_answer_all(table);
    unsigned told = 0;
    while (acks_next(table, 0, 50 * MS, &a, &wake_ns)) {
        told++;
    }
    assert_int_equal(told, 2);
    acks_free(table);
}

static void a_device_is_new_once_and_a_second_id_of_its_key_is_told_apart(void **state)
{
    (void)state;
    names set;
    assert_int_equal(names_init(&set, 100000), HR_OK);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 5000; i++) {
            char id[16];
            int size = snprintf(id, sizeof id, "cow-%u", i);
            uint64_t key = hr_hash64(id, (size_t)size);
            assert_int_equal(names_meet(&set, key, id, (size_t)size),
                             round == 0 ? NAMES_NEW : NAMES_KNOWN);
        }
    }
    assert_int_equal(names_meet(&set, hr_hash64("cow-7", 5), "other", 5), NAMES_CLASH);
    assert_int_equal(names_meet(&set, 0, "zero", 4), NAMES_NEW);
    assert_int_equal(names_meet(&set, 0, "zero", 4), NAMES_KNOWN);
    names_forget(&set, 0);
    assert_int_equal(names_meet(&set, 0, "zero", 4), NAMES_NEW);
    names_fini(&set);
}

static void the_set_of_devices_has_a_limit(void **state)
{
    (void)state;
    names set;
    assert_int_equal(names_init(&set, 2), HR_OK);
    assert_int_equal(names_meet(&set, 1, "a", 1), NAMES_NEW);
    assert_int_equal(names_meet(&set, 2, "b", 1), NAMES_NEW);
    assert_int_equal(names_meet(&set, 3, "c", 1), NAMES_FULL);
    assert_int_equal(names_meet(&set, 1, "a", 1), NAMES_KNOWN);
    names_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_told_before_it_is_durable),
        cmocka_unit_test(a_stream_is_told_at_most_every_20_ms),
        cmocka_unit_test(a_repeat_is_answered_with_what_is_durable),
        cmocka_unit_test(two_epochs_of_a_user_do_not_mix),
        cmocka_unit_test(many_waiting_appends_merge_and_are_never_told_early),
        cmocka_unit_test(a_full_table_forgets_the_longest_idle_stream),
        cmocka_unit_test(everything_is_said_again_after_a_new_connection),
        cmocka_unit_test(a_device_is_new_once_and_a_second_id_of_its_key_is_told_apart),
        cmocka_unit_test(the_set_of_devices_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
