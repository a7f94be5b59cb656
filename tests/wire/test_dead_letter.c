/* tests/wire/test_dead_letter.c - what a gateway could not read, out and in. */
#include "wire/dead_letter.h"

#include <string.h>

#include "test.h"

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    static const uint8_t bytes[] = "$GPRMC,\n\0\xff line feeds and all";
    dead_letter letter = {.source = "nmea:/dev/ttyUSB0@9600",
                          .reason = "checksum",
                          .why = "\"1F\" is not 2A\n",
                          .bytes = bytes,
                          .size = sizeof bytes};
    dead_letter read;
    hr_buf out;
    hr_buf_init(&out, DEAD_LETTER_MESSAGE_MAX);
    dead_letter_write(&letter, &out);
    assert_int_equal(hr_buf_err(&out), HR_OK);
    assert_int_equal(dead_letter_read(out.data, out.size, &read, NULL), HR_OK);
    assert_string_equal(read.source, letter.source);
    assert_string_equal(read.reason, letter.reason);
    assert_string_equal(read.why, letter.why);
    assert_int_equal(read.size, sizeof bytes);
    assert_memory_equal(read.bytes, bytes, sizeof bytes);
    hr_buf_fini(&out);
}

static void what_is_long_is_cut_and_fits_a_message(void **state)
{
    (void)state;
    static uint8_t bytes[DEAD_LETTER_BYTES_MAX + 1];
    dead_letter letter = {.bytes = bytes, .size = sizeof bytes};
    dead_letter read;
    hr_buf out;
    /* Each of these takes six characters. */
    memset(letter.source, 1, sizeof letter.source - 1);
    memset(letter.reason, 1, sizeof letter.reason - 1);
    memset(letter.why, 1, sizeof letter.why - 1);
    hr_buf_init(&out, DEAD_LETTER_MESSAGE_MAX);
    dead_letter_write(&letter, &out);
    assert_int_equal(hr_buf_err(&out), HR_OK);
    assert_int_equal(dead_letter_read(out.data, out.size, &read, NULL), HR_OK);
    assert_int_equal(read.size, DEAD_LETTER_BYTES_MAX);
    assert_string_equal(read.why, letter.why);
    hr_buf_fini(&out);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n",
        "{}\n",
        "[]\nx",
        "{\"source\":\"a\",\"reason\":\"b\",\"why\":\"c\"}",
        "{\"source\":\"a\",\"reason\":\"b\"}\nx",
        "{\"source\":\"a\",\"reason\":\"b\",\"why\":7}\nx",
        "{\"source\":\"a\",\"reason\":\"b\",\"why\":\n\"c\"}x",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        dead_letter read = {.reason = "kept"};
        assert_int_equal(dead_letter_read(texts[i], strlen(texts[i]), &read, NULL), HR_INVALID);
        assert_string_equal(read.reason, "kept");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(what_is_long_is_cut_and_fits_a_message),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
