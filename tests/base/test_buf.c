/* tests/base/test_buf.c - the growing buffer and the bounded cursor. */
#include "base/buf.h"
#include "suites.h"
#include "test.h"

static void appended_bytes_come_back_in_order(void **state)
{
    (void)state;
    hr_buf buf;
    hr_buf_init(&buf, 1000);
    hr_buf_put_u8(&buf, 0x01);
    hr_buf_put_u16(&buf, 0x0203);
    hr_buf_put_u32(&buf, 0x04050607);
    hr_buf_put_u64(&buf, 0x08090a0b0c0d0e0fu);
    hr_buf_printf(&buf, "%d-%s", 42, "x");
    assert_int_equal(hr_buf_err(&buf), HR_OK);
    hr_cursor cursor = hr_cursor_of(buf.data, buf.size);
    assert_int_equal(hr_cursor_u8(&cursor), 0x01);
    assert_int_equal(hr_cursor_u16(&cursor), 0x0203);
    assert_int_equal(hr_cursor_u32(&cursor), 0x04050607);
    assert_true(hr_cursor_u64(&cursor) == 0x08090a0b0c0d0e0fu);
    assert_memory_equal(hr_cursor_take(&cursor, 4), "42-x", 4);
    assert_false(cursor.short_read);
    assert_int_equal(hr_cursor_left(&cursor), 0);
    hr_buf_fini(&buf);
}

static void stored_numbers_are_little_endian(void **state)
{
    (void)state;
    uint8_t bytes[8];
    hr_store_u64(bytes, 0x0807060504030201u);
    assert_memory_equal(bytes, "\1\2\3\4\5\6\7\10", 8);
    assert_true(hr_load_u64(bytes) == 0x0807060504030201u);
}

static void an_append_above_the_limit_fails_and_later_ones_do_nothing(void **state)
{
    (void)state;
    hr_buf buf;
    hr_buf_init(&buf, 10);
    hr_buf_put(&buf, "1234567890", 10);
    assert_int_equal(hr_buf_err(&buf), HR_OK);
    hr_buf_put_u8(&buf, 'x');
    assert_int_equal(hr_buf_err(&buf), HR_TOO_BIG);
    assert_int_equal(buf.size, 10);
    assert_null(hr_buf_extend(&buf, 0));
    hr_buf_clear(&buf);
    hr_buf_put_u8(&buf, 'x');
    assert_int_equal(hr_buf_err(&buf), HR_OK);
    assert_int_equal(buf.size, 1);
    hr_buf_fini(&buf);
}

static void consume_drops_from_the_front(void **state)
{
    (void)state;
    hr_buf buf;
    hr_buf_init(&buf, 100);
    hr_buf_put_text(&buf, "abcdef");
    hr_buf_consume(&buf, 2);
    assert_int_equal(buf.size, 4);
    assert_memory_equal(buf.data, "cdef", 4);
    hr_buf_fini(&buf);
}

static void a_read_past_the_end_gives_zero_and_says_so(void **state)
{
    (void)state;
    hr_cursor cursor = hr_cursor_of("\1\2\3", 3);
    assert_int_equal(hr_cursor_u32(&cursor), 0);
    assert_true(cursor.short_read);
    assert_int_equal(hr_cursor_u8(&cursor), 0);
    assert_null(hr_cursor_take(&cursor, SIZE_MAX));
}

int run_buf_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_bytes_come_back_in_order),
        cmocka_unit_test(stored_numbers_are_little_endian),
        cmocka_unit_test(an_append_above_the_limit_fails_and_later_ones_do_nothing),
        cmocka_unit_test(consume_drops_from_the_front),
        cmocka_unit_test(a_read_past_the_end_gives_zero_and_says_so),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
