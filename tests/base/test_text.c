/* tests/base/test_text.c - times and decimals as text. */
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "suites.h"
#include "test.h"

static void times_are_written_and_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00.000Z", 0},
        {"2026-11-20T08:00:00.123Z", 1795161600123 - 0},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2000-02-29T12:00:00.000Z", 951825600000},
        {"0000-01-01T00:00:00.000Z", HR_TIME_MS_MIN},
        {"9999-12-31T23:59:59.999Z", HR_TIME_MS_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[HR_TIME_TEXT_SIZE];
        int64_t ms;
        hr_time_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(hr_time_parse(text, strlen(text), &ms), HR_OK);
        assert_true(ms == cases[i].ms);
    }
}

static void times_agree_with_the_c_library(void **state)
{
    (void)state;
    hr_random random = {.state = 7};
    for (int i = 0; i < 20000; i++) {
        time_t seconds = (time_t)(hr_random_below(&random, 300000000000u)) - 60000000000;
        struct tm parts;
        char expected[64];
        char text[HR_TIME_TEXT_SIZE];
        gmtime_r(&seconds, &parts);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
        hr_time_format((int64_t)seconds * 1000, text);
        if (parts.tm_year + 1900 >= 1000 && parts.tm_year + 1900 <= 9999) {
            assert_string_equal(text, expected);
        }
    }
}

static void offsets_and_short_forms_are_read(void **state)
{
    (void)state;
    static const char *const same[] = {
        "2026-11-20T08:00:00Z",      "2026-11-20T08:00Z",         "2026-11-20 08:00:00Z",
        "2026-11-20T09:00:00+01:00", "2026-11-20T09:00:00+0100",  "2026-11-20T09:00:00+01",
        "2026-11-20T02:30:00-05:30", "2026-11-20t08:00:00.0000z",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        int64_t ms = 0;
        assert_int_equal(hr_time_parse(same[i], strlen(same[i]), &ms), HR_OK);
        assert_true(ms == 1795161600000);
    }
}

static void times_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026-11-20",
        "2026-11-20T08:00:00",
        "2026-02-29T08:00:00Z",
        "2100-02-29T08:00:00Z",
        "2026-13-01T08:00:00Z",
        "2026-00-01T08:00:00Z",
        "2026-04-31T08:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T08:60:00Z",
        "2026-11-20T08:00:00.Z",
        "2026-11-20T08:00:00Zx",
        "2026-11-20T08:00:00+15:00",
        "2026-11-20T08:00:00+01:",
        "26-11-20T08:00:00Z",
        "2026-11-20T8:00:00Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ms;
        assert_int_equal(hr_time_parse(bad[i], strlen(bad[i]), &ms), HR_INVALID);
    }
}

static void decimals_round_half_away_from_zero(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"16.3725", 163725000},
        {"16.37250005", 163725001},
        {"-16.37250005", -163725001},
        {"16.372500049999999999999999", 163725000},
        {"0.00000005", 1},
        {"0.00000004999", 0},
        {"-0.00000005", -1},
        {"1e1", 100000000},
        {"1.5E-3", 15000},
        {"0", 0},
        {"-0", 0},
        {"+7", 70000000},
        {".5", 5000000},
        {"5.", 50000000},
        {"000000000000000000000000000000000001", 10000000},
        {"1e-400", 0},
        {"0e400", 0},
        {"180", 1800000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = -12345;
        assert_int_equal(hr_decimal_parse(cases[i].text, strlen(cases[i].text), 7, &value), HR_OK);
        assert_true(value == cases[i].value);
    }
}

static void text_that_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   "-",   ".",   "e5",  "1e",  "1e+", "0x10", "1 ",
                                      " 1", "1,5", "nan", "inf", "--1", "1-",  "1.2.3"};
    int64_t value;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(hr_decimal_parse(bad[i], strlen(bad[i]), 7, &value), HR_INVALID);
    }
    assert_int_equal(hr_decimal_parse("1e400", 5, 7, &value), HR_TOO_BIG);
    assert_int_equal(hr_decimal_parse("922337203685.4775808", 20, 7, &value), HR_TOO_BIG);
    assert_int_equal(hr_decimal_parse("922337203685.4775807", 20, 7, &value), HR_OK);
    assert_true(value == INT64_MAX);
}

static void doubles_read_from_text_round_as_the_text_would(void **state)
{
    (void)state;
    int64_t value;
    /* The double nearest to this text lies below it. */
    assert_int_equal(hr_decimal_from_double(16.37250005, 7, &value), HR_OK);
    assert_true(value == 163725001);
    assert_int_equal(hr_decimal_from_double(-59.85125555, 7, &value), HR_OK);
    assert_true(value == -598512556);
    assert_int_equal(hr_decimal_from_double(NAN, 7, &value), HR_INVALID);
    assert_int_equal(hr_decimal_from_double(INFINITY, 7, &value), HR_INVALID);
    assert_int_equal(hr_decimal_from_double(1e300, 7, &value), HR_TOO_BIG);
}

static void formatted_decimals_read_back(void **state)
{
    (void)state;
    uint64_t seed = test_seed(__func__);
    hr_random random = {.state = seed};
    for (int i = 0; i < 20000; i++) {
        char text[HR_DECIMAL_TEXT_SIZE];
        int64_t value = (int64_t)(hr_random_next(&random) >> hr_random_below(&random, 64));
        int64_t again;
        value = i % 2 == 0 ? value : -value;
        size_t size = hr_decimal_format(value, 7, text);
        assert_int_equal(strlen(text), size);
        assert_int_equal(hr_decimal_parse(text, size, 7, &again), HR_OK);
        assert_true(again == value);
    }
    char text[HR_DECIMAL_TEXT_SIZE];
    hr_decimal_format(INT64_MIN, 7, text);
    assert_string_equal(text, "-922337203685.4775808");
    hr_decimal_format(-5000000, 7, text);
    assert_string_equal(text, "-0.5");
    hr_decimal_format(30000000, 7, text);
    assert_string_equal(text, "3");
    hr_decimal_format(0, 7, text);
    assert_string_equal(text, "0");
}

static void text_is_utf8_or_not(void **state)
{
    (void)state;
    assert_true(hr_utf8_is_valid("", 0));
    assert_true(hr_utf8_is_valid("a\xc3\xa5\xe2\x82\xac\xf0\x9f\x90\x84", 10));
    assert_false(hr_utf8_is_valid("a\xc3\xa5\xe2\x82\xac\xf0\x9f\x90\x84", 9));
    assert_false(hr_utf8_is_valid("a\xff", 2));
    assert_false(hr_utf8_is_valid("\xc0\x80", 2));
    assert_int_equal(hr_utf8_length("\xed\xa0\x80", 3), 0);
}

int run_text_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_and_read_back),
        cmocka_unit_test(times_agree_with_the_c_library),
        cmocka_unit_test(offsets_and_short_forms_are_read),
        cmocka_unit_test(times_that_do_not_exist_are_refused),
        cmocka_unit_test(decimals_round_half_away_from_zero),
        cmocka_unit_test(text_that_is_no_number_is_refused),
        cmocka_unit_test(doubles_read_from_text_round_as_the_text_would),
        cmocka_unit_test(formatted_decimals_read_back),
        cmocka_unit_test(text_is_utf8_or_not),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
