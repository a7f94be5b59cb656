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

int run_err_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_name_and_a_text),
        cmocka_unit_test(a_detail_is_written_and_the_code_returned),
        cmocka_unit_test(system_errors_are_mapped_and_explained),
        cmocka_unit_test(a_long_detail_is_cut_not_overrun),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
