/* tests/base/test_logline.c - lines, levels, and repeats that are counted. */
#include "base/logline.h"

#include <stdio.h>
#include <string.h>

#include "suites.h"
#include "test.h"

typedef struct capture {
    unsigned count;
    char last[HR_LOGLINE_BYTES_MAX];
} capture;

static void keep_line(const char *line, void *context)
{
    capture *lines = context;
    lines->count++;
    snprintf(lines->last, sizeof lines->last, "%s", line);
}

static void lines_have_time_level_event_and_pairs(void **state)
{
    (void)state;
    capture lines = {0};
    hr_clock *clock = hr_clock_fake_new(1795161600123);
    hr_logline_redirect(keep_line, &lines, clock);
    hr_logline(HR_LEVEL_WARN, "disk.full", "free_bytes=%d path=%s", 17,
               "a\nb\x1b[0m \xc3\xa5\xff\xc3");
    assert_string_equal(lines.last, "2026-11-20T08:00:00.123Z warn disk.full "
                                    "free_bytes=17 path=a?b?[0m \xc3\xa5??");
    hr_logline(HR_LEVEL_DEBUG, "too.quiet", "x=1");
    assert_int_equal(lines.count, 1);
    hr_logline_redirect(NULL, NULL, NULL);
    hr_clock_fake_free(clock);
}

static void a_value_cannot_get_out_of_its_quotes(void **state)
{
    (void)state;
    capture lines = {0};
    hr_clock *clock = hr_clock_fake_new(1795161600123);
    hr_logline_redirect(keep_line, &lines, clock);
    hr_logline(HR_LEVEL_WARN, "a.b", "path=\"%s\" n=%d", "x\" status=\"200\\", 1);
    assert_string_equal(lines.last, "2026-11-20T08:00:00.123Z warn a.b "
                                    "path=\"x\\\" status=\\\"200\\\\\" n=1");
    hr_logline(HR_LEVEL_WARN, "a.b", "path=\"%s\" n=%d", "x\x01 y=\x01", 1);
    assert_string_equal(lines.last, "2026-11-20T08:00:00.123Z warn a.b path=?x? y=?? n=1");
    static char long_text[2 * HR_LOGLINE_BYTES_MAX];
    memset(long_text, '"', sizeof long_text - 1);
    hr_logline(HR_LEVEL_WARN, "a.b", "path=\"%s\" n=%d", long_text, 1);
    assert_int_equal(lines.last[strlen(lines.last) - 1], '"');
    assert_true(strlen(lines.last) < HR_LOGLINE_BYTES_MAX);
    hr_logline_redirect(NULL, NULL, NULL);
    hr_clock_fake_free(clock);
}

static void repeats_are_counted_and_told_later(void **state)
{
    (void)state;
    capture lines = {0};
    hr_clock *clock = hr_clock_fake_new(0);
    hr_logline_redirect(keep_line, &lines, clock);
    for (int i = 0; i < HR_LOGLINE_BURST_MAX + 5; i++) {
        hr_logline(HR_LEVEL_INFO, "again", "i=%d", i);
    }
    assert_int_equal(lines.count, HR_LOGLINE_BURST_MAX);
    hr_logline(HR_LEVEL_INFO, "other", "not=held");
    assert_int_equal(lines.count, HR_LOGLINE_BURST_MAX + 1);
    hr_clock_fake_advance(clock, HR_LOGLINE_PERIOD_MS);
    hr_logline(HR_LEVEL_INFO, "again", "i=last");
    assert_non_null(strstr(lines.last, "again suppressed=5 i=last"));
    hr_logline_redirect(NULL, NULL, NULL);
    hr_clock_fake_free(clock);
}

static void a_line_above_the_limit_is_cut(void **state)
{
    (void)state;
    capture lines = {0};
    char text[2 * HR_LOGLINE_BYTES_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    hr_logline_redirect(keep_line, &lines, NULL);
    hr_logline(HR_LEVEL_ERROR, "long", "text=%s", text);
    assert_true(strlen(lines.last) < HR_LOGLINE_BYTES_MAX);
    assert_true(strlen(lines.last) > HR_LOGLINE_BYTES_MAX - 4);
    hr_logline_redirect(NULL, NULL, NULL);
}

static void levels_are_read_by_name(void **state)
{
    (void)state;
    hr_level level;
    assert_int_equal(hr_level_parse("warn", &level), HR_OK);
    assert_int_equal(level, HR_LEVEL_WARN);
    assert_int_equal(hr_level_parse("loud", &level), HR_INVALID);
}

int run_logline_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_time_level_event_and_pairs),
        cmocka_unit_test(a_value_cannot_get_out_of_its_quotes),
        cmocka_unit_test(repeats_are_counted_and_told_later),
        cmocka_unit_test(a_line_above_the_limit_is_cut),
        cmocka_unit_test(levels_are_read_by_name),
    };
    return cmocka_run_group_tests_name("logline", tests, NULL, NULL);
}
