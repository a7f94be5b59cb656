/* tests/base/test_json.c - the JSON writer. */
#include "base/json.h"

#include <math.h>

#include "suites.h"
#include "test.h"

static void assert_written(hr_buf *buf, const char *expected)
{
    assert_int_equal(hr_buf_err(buf), HR_OK);
    hr_buf_put_u8(buf, 0);
    assert_string_equal((const char *)buf->data, expected);
    hr_buf_fini(buf);
}

static void commas_and_nesting_look_after_themselves(void **state)
{
    (void)state;
    hr_buf buf;
    hr_buf_init(&buf, 1000);
    hr_json json = hr_json_into(&buf);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "a", "x");
    hr_json_key(&json, "b");
    hr_json_open_array(&json);
    hr_json_i64(&json, -1);
    hr_json_u64(&json, UINT64_MAX);
    hr_json_open_object(&json);
    hr_json_close_object(&json);
    hr_json_null(&json);
    hr_json_close_array(&json);
    hr_json_key_bool(&json, "c", false);
    hr_json_key_time(&json, "t", 0);
    hr_json_key(&json, "r");
    hr_json_raw(&json, "[1]", 3);
    hr_json_key_hex(&json, "h", (const uint8_t *)"\x00\xa9", 2);
    hr_json_key_hex(&json, "e", NULL, 0);
    hr_json_close_object(&json);
    assert_written(&buf, "{\"a\":\"x\",\"b\":[-1,18446744073709551615,{},null],\"c\":false,"
                         "\"t\":\"1970-01-01T00:00:00.000Z\",\"r\":[1],\"h\":\"00a9\",\"e\":\"\"}");
}

static void text_is_escaped_and_made_utf8(void **state)
{
    (void)state;
    hr_buf buf;
    hr_buf_init(&buf, 1000);
    hr_json json = hr_json_into(&buf);
    hr_json_open_array(&json);
    hr_json_text(&json, "q\" b\\ n\n c\x01 \x7f");
    hr_json_text(&json, "\xc3\xa5 \xe2\x82\xac \xf0\x9f\x90\x84");
    hr_json_text(&json, "\xff \xc3 \xc0\x80 \xed\xa0\x80");
    hr_json_close_array(&json);
    assert_written(&buf, "[\"q\\\" b\\\\ n\\n c\\u0001 \\u007f\","
                         "\"\xc3\xa5 \xe2\x82\xac \xf0\x9f\x90\x84\","
                         "\"\xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd "
                         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]");
}

static void numbers_are_exact_and_short(void **state)
{
    (void)state;
    hr_buf buf;
    hr_buf_init(&buf, 1000);
    hr_json json = hr_json_into(&buf);
    hr_json_open_array(&json);
    hr_json_double(&json, 0.1);
    hr_json_double(&json, 1e300);
    hr_json_double(&json, 0.1 + 0.2);
    hr_json_double(&json, NAN);
    hr_json_double(&json, INFINITY);
    hr_json_decimal(&json, 163725000, 7);
    hr_json_decimal(&json, -1, 7);
    hr_json_close_array(&json);
    assert_written(&buf, "[0.1,1e+300,0.30000000000000004,null,null,16.3725,-0.0000001]");
}

int run_json_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_nesting_look_after_themselves),
        cmocka_unit_test(text_is_escaped_and_made_utf8),
        cmocka_unit_test(numbers_are_exact_and_short),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
