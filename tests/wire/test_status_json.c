/* tests/wire/test_status_json.c - what gateways tell about themselves, out and in. */
#include "wire/status_json.h"

#include <string.h>

#include "test.h"

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    static const status_json all[] = {
        {STATUS_ONLINE, 1795161600123, 4320000, 1794902400000, 17, 3, "0.1.0"},
        {STATUS_STOPPED, 1795161600000, 0, STATUS_NO_TIME, 0, 0, ""},
        {STATUS_OFFLINE, STATUS_NO_TIME, 0, STATUS_NO_TIME, 0, 0, ""},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        hr_buf out;
        status_json read;
        hr_buf_init(&out, 512);
        status_json_write(&all[i], &out);
        assert_int_equal(hr_buf_err(&out), HR_OK);
        assert_int_equal(status_json_read(out.data, out.size, &read, NULL), HR_OK);
        assert_int_equal(read.state, all[i].state);
        assert_int_equal(read.time_ms, all[i].time_ms);
        assert_int_equal(read.waiting, all[i].waiting);
        assert_int_equal(read.oldest_ms, all[i].oldest_ms);
        assert_int_equal(read.dropped, all[i].dropped);
        assert_int_equal(read.refused, all[i].refused);
        assert_string_equal(read.version, all[i].version);
        hr_buf_fini(&out);
    }
}

static void the_will_is_a_status(void **state)
{
    (void)state;
    status_json read;
    assert_int_equal(status_json_read(STATUS_WILL, strlen(STATUS_WILL), &read, NULL), HR_OK);
    assert_int_equal(read.state, STATUS_OFFLINE);
    assert_int_equal(read.time_ms, STATUS_NO_TIME);
}

static void members_of_a_later_version_are_passed_over(void **state)
{
    (void)state;
    const char *text = "{\"state\":\"online\",\"battery\":[1,{\"a\":null}],\"version\":"
                       "\"9.9.9-with-a-very-long-name-of-its-own-indeed\"}";
    status_json read;
    assert_int_equal(status_json_read(text, strlen(text), &read, NULL), HR_OK);
    assert_int_equal(strlen(read.version), STATUS_VERSION_SIZE - 1);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "last",
        "[]",
        "{}",
        "{\"state\":\"happy\"}",
        "{\"state\":1}",
        "{\"state\":\"online\",\"time\":1795161600000}",
        "{\"state\":\"online\",\"time\":\"yesterday\"}",
        "{\"state\":\"online\",\"waiting\":-1}",
        "{\"state\":\"online\",\"waiting\":1e300}",
        "{\"state\":\"online\",\"dropped\":\"many\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        status_json read;
        hr_why why = {{0}};
        assert_int_equal(status_json_read(texts[i], strlen(texts[i]), &read, &why), HR_INVALID);
        assert_string_not_equal(why.text, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(the_will_is_a_status),
        cmocka_unit_test(members_of_a_later_version_are_passed_over),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
