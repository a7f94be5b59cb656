/* tests/wire/test_ack_json.c - acknowledgements out and in. */
#include "wire/ack_json.h"

#include <string.h>

#include "test.h"

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    static const ack_json acks[] = {
        {0, -1}, {UINT64_MAX, 0}, {7, 9000000000000000}, {18446744073709551614u, 12345}};
    for (size_t i = 0; i < sizeof acks / sizeof acks[0]; i++) {
        char text[ACK_JSON_SIZE];
        ack_json read;
        size_t size = ack_json_write(&acks[i], text);
        assert_int_equal(size, strlen(text));
        assert_int_equal(ack_json_read(text, size, &read, NULL), HR_OK);
        assert_memory_equal(&read, &acks[i], sizeof read);
    }
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{\"epoch\":7,\"seq\":1}",
        "{\"epoch\":\"\",\"seq\":1}",
        "{\"epoch\":\"7x\",\"seq\":1}",
        "{\"epoch\":\"18446744073709551616\",\"seq\":1}",
        "{\"epoch\":\"7\"}",
        "{\"epoch\":\"7\",\"seq\":-2}",
        "{\"epoch\":\"7\",\"seq\":\"1\"}",
        "{\"epoch\":\"7\",\"seq\":1e300}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ack_json read;
        assert_int_equal(ack_json_read(texts[i], strlen(texts[i]), &read, NULL), HR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
