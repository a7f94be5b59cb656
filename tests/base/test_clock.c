/* tests/base/test_clock.c - real and fake clocks. */
#include "base/clock.h"
#include "suites.h"
#include "test.h"

static void the_fake_clock_stands_still_until_told(void **state)
{
    (void)state;
    hr_clock *fake = hr_clock_fake_new(1000);
    assert_non_null(fake);
    int64_t mono_ns = hr_clock_mono_ns(fake);
    assert_int_equal(hr_clock_now_ms(fake), 1000);
    hr_clock_fake_advance(fake, 5);
    assert_int_equal(hr_clock_now_ms(fake), 1005);
    assert_int_equal(hr_clock_mono_ns(fake) - mono_ns, 5000000);
    hr_clock_fake_free(fake);
}

static void a_step_of_wall_time_leaves_monotonic_time_alone(void **state)
{
    (void)state;
    hr_clock *fake = hr_clock_fake_new(1000);
    int64_t mono_ns = hr_clock_mono_ns(fake);
    hr_clock_fake_step(fake, -86400000);
    assert_int_equal(hr_clock_now_ms(fake), -86400000);
    assert_int_equal(hr_clock_mono_ns(fake), mono_ns);
    assert_true(hr_clock_is_synchronised(fake));
    hr_clock_fake_set_synchronised(fake, false);
    assert_false(hr_clock_is_synchronised(fake));
    hr_clock_fake_free(fake);
}

static void real_monotonic_time_does_not_go_back(void **state)
{
    (void)state;
    const hr_clock *clock = hr_clock_real();
    int64_t before = hr_clock_mono_ns(clock);
    for (int i = 0; i < 1000; i++) {
        int64_t now = hr_clock_mono_ns(clock);
        assert_true(now >= before);
        before = now;
    }
    /* 2020-01-01: an unset clock would be a fault of the machine, a wrong unit one of ours. */
    assert_true(hr_clock_now_ms(clock) > 1577836800000);
    assert_true(hr_clock_now_ms(clock) < 32503680000000);
}

int run_clock_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fake_clock_stands_still_until_told),
        cmocka_unit_test(a_step_of_wall_time_leaves_monotonic_time_alone),
        cmocka_unit_test(real_monotonic_time_does_not_go_back),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
