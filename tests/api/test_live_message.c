/* tests/api/test_live_message.c - what a WebSocket client may say, taken apart. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "api/live_handles.h"
#include "api/live_message.h"

/* The text as one object. */
static hr_err split(const char *text, live_object *object)
{
    size_t at = 0;
    size_t size = strlen(text);
    hr_err err = live_object_read(text, size, &at, object);
    return err == HR_OK && live_pass_blanks(text, size, at) != size ? HR_INVALID : err;
}

static void members_and_their_values_are_found(void **state)
{
    (void)state;
    live_object object;
    assert_int_equal(
        split(" {\"id\" : 7,\"get\":\"/a?b=}\\\"]\", \"body\":{\"x\":[1,{}]} } ", &object), HR_OK);
    assert_int_equal(object.count, 3);
    assert_true(live_span_is(live_object_get(&object, "id"), "7"));
    assert_true(live_span_is(live_object_get(&object, "get"), "\"/a?b=}\\\"]\""));
    assert_true(live_span_is(live_object_get(&object, "body"), "{\"x\":[1,{}]}"));
    assert_null(live_object_get(&object, "i"));
    assert_int_equal(split("{}", &object), HR_OK);
    assert_int_equal(object.count, 0);
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "7",
                                      "[]",
                                      "{",
                                      "{]",
                                      "{}x",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{\"a\":1 2}",
                                      "{\"a\":[}",
                                      "{\"a\":[1}",
                                      "{\"a\":\"",
                                      "{\"a\":\"\\",
                                      "{\"a\":{\"b\":1]}"};
    live_object object;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(split(bad[i], &object), HR_INVALID);
    }
    char deep[2 * LIVE_DEPTH_MAX + 16] = "{\"a\":";
    memset(deep + 5, '[', LIVE_DEPTH_MAX + 1);
    memset(deep + 6 + LIVE_DEPTH_MAX, ']', LIVE_DEPTH_MAX + 1);
    deep[7 + 2 * LIVE_DEPTH_MAX] = '}';
    assert_int_equal(split(deep, &object), HR_INVALID);
}

static size_t count_items(const char *text, bool *is_whole)
{
    size_t at = 0;
    size_t count = 0;
    live_object object;
    while (live_array_next(text, strlen(text), &at)) {
        if (live_object_read(text, strlen(text), &at, &object) != HR_OK) {
            at = SIZE_MAX;
            break;
        }
        count++;
    }
    *is_whole = at == strlen(text);
    return count;
}

static void arrays_are_walked(void **state)
{
    (void)state;
    bool is_whole = false;
    assert_int_equal(count_items("[]", &is_whole), 0);
    assert_true(is_whole);
    assert_int_equal(count_items(" [ {\"a\":1} ,{}, {\"x\":\",]\"} ] ", &is_whole), 3);
    assert_true(is_whole);
    static const char *const bad[] = {"[{}",     "[{},", "[{},]", "[{}]2", "[",
                                      "[{} {}]", "[,]",  "{}",    "[1]"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)count_items(bad[i], &is_whole);
        assert_false(is_whole);
    }
}

static void handles_count_up_and_stay(void **state)
{
    (void)state;
    live_handles handles = {0};
    live_told told = {0};
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 20000; i++) {
            uint32_t handle = 0;
            assert_int_equal(live_handles_get(&handles, (uint64_t)i * 0x9e3779b97f4a7c15u, &handle),
                             HR_OK);
            assert_int_equal(handle, i);
            assert_int_equal(live_told_mark(&told, handle), round == 1);
        }
    }
    live_handles_fini(&handles);
    live_told_fini(&told);
}

static bool is_id(const char *text)
{
    /* Without a terminator, so that a sanitizer sees a look beyond the end. */
    size_t size = strlen(text);
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    bool result = live_span_is_id(&(live_span){.at = copy, .size = size});
    free(copy);
    return result;
}

static void an_id_is_a_number_or_a_text_and_comes_back_as_json(void **state)
{
    (void)state;
    static const char *const good[] = {"0",    "-1",   "12.5",    "1e9",
                                       "1E-3", "\"\"", "\"a b\"", "\"\\u00e5\\n\\\"\""};
    static const char *const bad[] = {
        "",         "-",    "01",   "1.",  ".5",       "1e",      "1x",        "--1",
        "+1",       "\"",   "\"a",  "a\"", "\"a\"b\"", "\"\\x\"", "\"\\u12\"", "\"\\\"",
        "\"\x01\"", "true", "null", "{}",  "[1]",      "1 2",     "-Infinity"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(is_id(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(is_id(bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_and_their_values_are_found),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(arrays_are_walked),
        cmocka_unit_test(handles_count_up_and_stay),
        cmocka_unit_test(an_id_is_a_number_or_a_text_and_comes_back_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
