/* tests/base/test_err.c - codes, texts and details. */
#include "base/err.h"

#include <errno.h>
#include <string.h>

#include "suites.h"
#include "test.h"

static void every_code_has_a_name_and_a_text(void **state)
{
    (void)state;
    for (int code = HR_OK; code <= HR_UNSUPPORTED; code++) {
        assert_string_not_equal(hr_err_name((hr_err)code), "unknown");
        assert_string_not_equal(hr_err_text((hr_err)code), "unknown error");
    }
    assert_string_equal(hr_err_name((hr_err)9999), "unknown");
}

static void a_detail_is_written_and_the_code_returned(void **state)
{
    (void)state;
    hr_why why;
    assert_int_equal(hr_why_set(&why, HR_INVALID, "line %d", 7), HR_INVALID);
    assert_string_equal(why.text, "line 7");
    assert_int_equal(hr_why_set(NULL, HR_CLOSED, "nobody reads %s", "this"), HR_CLOSED);
}

static void system_errors_are_mapped_and_explained(void **state)
{
    (void)state;
    hr_why why;
    assert_int_equal(hr_why_errno(&why, ENOSPC, "cannot write %s", "a.log"), HR_NO_SPACE);
    assert_string_equal(why.text, "cannot write a.log: No space left on device");
    assert_int_equal(hr_why_errno(NULL, EACCES, "x"), HR_DENIED);
    assert_int_equal(hr_err_from_errno(ENOENT), HR_NOT_FOUND);
    assert_int_equal(hr_err_from_errno(EIO), HR_IO);
    assert_int_equal(hr_err_from_errno(0), HR_OK);
}

static void a_long_detail_is_cut_not_overrun(void **state)
{
    (void)state;
    hr_why why;
    char text[2 * HR_WHY_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    hr_why_errno(&why, EIO, "%s", text);
    assert_int_equal(strlen(why.text), HR_WHY_MAX - 1);
}

static void check_value(const hr_why *why, size_t *at, const char *name, bool is_number,
                        const char *text)
{
    hr_why_value value;
    assert_true(hr_why_next_value(why, at, &value));
    assert_int_equal(value.name_size, strlen(name));
    assert_memory_equal(value.name, name, value.name_size);
    assert_int_equal(value.is_number, is_number);
    assert_string_equal(value.text, text);
}

static void a_case_has_a_name_and_values_until_the_next_detail(void **state)
{
    (void)state;
    hr_why why;
    hr_why_value value;
    size_t at = 0;
    memset(&why, 'x', sizeof why);
    hr_why_set(&why, HR_NO_SPACE, "disk %d %% full", 93);
    assert_string_equal(hr_why_reason_of(&why), "");
    assert_false(hr_why_next_value(&why, &at, &value));
    hr_why_reason(&why, "disk.filling");
    hr_why_number(&why, "percent", -93);
    hr_why_text(&why, "name", "a=b#c");
    hr_why_text(&why, "empty", "");
    hr_why copy = why;
    assert_string_equal(copy.text, "disk 93 % full");
    assert_string_equal(hr_why_reason_of(&copy), "disk.filling");
    check_value(&copy, &at, "percent", true, "-93");
    check_value(&copy, &at, "name", false, "a=b#c");
    check_value(&copy, &at, "empty", false, "");
    assert_false(hr_why_next_value(&copy, &at, &value));
    hr_why_errno(&why, EIO, "x");
    assert_string_equal(hr_why_reason_of(&why), "");
    copy.text[0] = '\0';
    assert_string_equal(hr_why_reason_of(&copy), "");
    hr_why_reason(NULL, "nobody.reads_it");
    hr_why_number(NULL, "n", 1);
    hr_why_text(NULL, "n", "");
}

static void a_long_sentence_gives_way_to_its_name_and_values_are_whole_or_absent(void **state)
{
    (void)state;
    char text[2 * HR_WHY_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int cut = 0; cut < 2 * HR_WHY_MAX - 1; cut++) {
        hr_why why;
        hr_why_value value;
        size_t at = 0;
        hr_why_set(&why, HR_IO, "%s", text + cut);
        hr_why_reason(&why, "a.reason");
        hr_why_text(&why, "long", text + cut);
        hr_why_number(&why, "n", 7);
        assert_string_equal(hr_why_reason_of(&why), "a.reason");
        assert_true(strlen(why.text) > 200 || strlen(why.text) == strlen(text + cut));
        while (hr_why_next_value(&why, &at, &value)) {
            assert_string_equal(value.text, value.is_number ? "7" : text + cut);
        }
    }
}

int run_err_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_name_and_a_text),
        cmocka_unit_test(a_detail_is_written_and_the_code_returned),
        cmocka_unit_test(system_errors_are_mapped_and_explained),
        cmocka_unit_test(a_long_detail_is_cut_not_overrun),
        cmocka_unit_test(a_case_has_a_name_and_values_until_the_next_detail),
        cmocka_unit_test(a_long_sentence_gives_way_to_its_name_and_values_are_whole_or_absent),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
