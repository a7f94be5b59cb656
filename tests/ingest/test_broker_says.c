/* test_broker_says.c - what is made of mosquitto's lines. */
#include "ingest/broker_says.h"

#include <stdio.h>

#include "test.h"

static void take_over(broker_says *s, const char *client, int64_t now_ms)
{
    char line[160];
    int size =
        snprintf(line, sizeof line,
                 "1795161600: Client %s already connected, closing old connection.\n", client);
    broker_says_take(s, line, (size_t)size, now_ms);
}

static void a_name_that_two_programs_use_is_known_by_how_often_it_is_taken_over(void **state)
{
    (void)state;
    broker_says s = {.line_size = 0};
    for (int i = 0; i < BROKER_TWIN_TIMES - 1; i++) {
        take_over(&s, "barn", 1000000 + i);
    }
    assert_string_equal(s.twin, "");
    /* Others are no business of its. */
    take_over(&s, "mill", 1000100);
    assert_string_equal(s.twin, "");
    take_over(&s, "barn", 1000000 + BROKER_TWIN_MS);
    assert_string_equal(s.twin, "barn");
    assert_int_equal(s.twin_ms, 1000000 + BROKER_TWIN_MS);
}

static void a_link_that_comes_back_now_and_then_has_no_twin(void **state)
{
    (void)state;
    broker_says s = {.line_size = 0};
    for (int i = 0; i < 100; i++) {
        take_over(&s, "barn", 1000000 + i * (BROKER_TWIN_MS / (BROKER_TWIN_TIMES - 1) + 1));
    }
    assert_string_equal(s.twin, "");
}

static void among_many_names_the_busiest_are_watched(void **state)
{
    (void)state;
    broker_says s = {.line_size = 0};
    for (int i = 0; i < 2 * BROKER_TWIN_TIMES; i++) {
        char name[16];
        snprintf(name, sizeof name, "g%d", i);
        take_over(&s, name, 1000000 + 2 * i);
        take_over(&s, i % 2 == 0 ? "barn" : "mill", 1000001 + 2 * i);
    }
    assert_string_equal(s.twin, "mill");
}

static void lines_are_understood_after_2038(void **state)
{
    (void)state;
    static const char line[] = "-2147483000: mosquitto version 2.0.11 running\n";
    broker_says s = {.line_size = 0};
    broker_says_take(&s, line, sizeof line - 1, 1);
    assert_true(s.is_running);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_understood_after_2038),
        cmocka_unit_test(a_name_that_two_programs_use_is_known_by_how_often_it_is_taken_over),
        cmocka_unit_test(a_link_that_comes_back_now_and_then_has_no_twin),
        cmocka_unit_test(among_many_names_the_busiest_are_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
