/* tests/geo/test_json.c - the JSON reader, and decimal numbers as whole units. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "geo/json.h"
#include "geo/json_number.h"
#include "test.h"

static void numbers_are_rounded_half_away_from_zero(void **state)
{
    (void)state;
    const struct {
        const char *text;
        unsigned scale;
        int64_t value;
    } cases[] = {
        {"16.3725", 7, 163725000},
        {"-16.37254995", 7, -163725500},
        {"16.37254994999999999999999", 7, 163725499},
        {"0.00000005", 7, 1},
        {"-0.00000005", 7, -1},
        {"0.00000004999", 7, 0},
        {"180", 7, 1800000000},
        {"1.8e2", 7, 1800000000},
        {"18000E-2", 7, 1800000000},
        {"1e-400", 7, 0},
        {"0e999999999999", 7, 0},
        {"0.5", 0, 1},
        {"-0.5", 0, -1},
        {"0.49999999999999999999999", 0, 0},
        {"9223372036854775807", 0, INT64_MAX},
        {"000012", 0, 12},
        {".5", 1, 5},
        {"5.", 1, 50},
        {"00000000000000000000000000000001.5", 1, 15},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 0;
        assert_int_equal(
            geo_number_parse(cases[i].text, strlen(cases[i].text), cases[i].scale, &value), GEO_OK);
        if (value != cases[i].value) {
            fail_msg("%s became %" PRId64, cases[i].text, value);
        }
    }
}

static void what_is_no_number_or_too_large_is_refused(void **state)
{
    (void)state;
    const char *wrong[] = {"",    "-",   ".",    "e5", "1e",    "1e+",
                           "NaN", "Inf", "0x10", "1 ", "1.2.3", "--1"};
    const char *large[] = {"1e400", "9223372036854775808", "1e19", "99999999999999999999"};
    int64_t value = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(geo_number_parse(wrong[i], strlen(wrong[i]), 7, &value), GEO_SYNTAX);
    }
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        assert_int_equal(geo_number_parse(large[i], strlen(large[i]), 0, &value), GEO_RANGE);
    }
}

static void numbers_are_written_as_short_as_they_can_be(void **state)
{
    (void)state;
    const struct {
        int64_t value;
        unsigned scale;
        const char *text;
    } cases[] = {
        {163725000, 7, "16.3725"}, {-5, 7, "-0.0000005"}, {0, 7, "0"},
        {1800000000, 7, "180"},    {-10, 1, "-1"},        {INT64_MIN, 0, "-9223372036854775808"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[GEO_NUMBER_TEXT_SIZE + 1] = {0};
        size_t size = geo_number_format(cases[i].value, cases[i].scale, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(size, strlen(cases[i].text));
    }
}

/* One letter for each token: O o A a K T N t f n, E for the end, ! for wrong. */
static void tokens_of(const char *text, char *out)
{
    geo_json json = geo_json_read(text, strlen(text));
    for (;;) {
        geo_json_token token = geo_json_next(&json);
        *out++ = "EOoAaKTNtfn!"[token];
        if (token == GEO_JSON_END || token == GEO_JSON_WRONG) {
            *out = '\0';
            return;
        }
    }
}

static void texts_are_read_token_by_token(void **state)
{
    (void)state;
    const char *cases[][2] = {
        {"1", "NE"},
        {" [1, -2.5e3 ,\"x\"]\n", "ANNTaE"},
        {"{\"a\":{\"b\":[]},\"c\":null}", "OKOKAaoKnoE"},
        {"[true,false,null]", "AtfnaE"},
        {"[[],{}]", "AAaOoaE"},
        {"", "!"},
        {"[1,]", "AN!"},
        {"[1 2]", "AN!"},
        {"{\"a\"}", "O!"},
        {"{\"a\":}", "OK!"},
        {"{\"a\":1,}", "OKN!"},
        {"{a:1}", "O!"},
        {"[1]x", "ANa!"},
        {"[01]", "A!"},
        {"[+1]", "A!"},
        {"[.5]", "A!"},
        {"[1.]", "A!"},
        {"[1e]", "A!"},
        {"[-]", "A!"},
        {"[NaN]", "A!"},
        {"[tru]", "A!"},
        {"[\"a", "A!"},
        {"[\"\\x\"]", "A!"},
        {"[\"\\ud800\"]", "A!"},
        {"[\"\\ud83d\\ude00\"]", "ATaE"},
        {"[\"\t\"]", "A!"},
        {"[\"\xC3\xA5\"]", "ATaE"},
        {"[\"\xC3\"]", "A!"},
        {"[\"\xC0\x80\"]", "A!"},
        {"[\"\xED\xA0\x80\"]", "A!"},
        {"[\"\xF4\x90\x80\x80\"]", "A!"},
        {"[}", "A!"},
        {"]", "!"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char tokens[64];
        tokens_of(cases[i][0], tokens);
        if (strcmp(tokens, cases[i][1]) != 0) {
            fail_msg("%s gave %s", cases[i][0], tokens);
        }
    }
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char text[2 * GEO_JSON_DEPTH_MAX + 4];
    memset(text, '[', GEO_JSON_DEPTH_MAX);
    memset(text + GEO_JSON_DEPTH_MAX, ']', GEO_JSON_DEPTH_MAX);
    geo_json json = geo_json_read(text, 2 * GEO_JSON_DEPTH_MAX);
    assert_true(geo_json_skip(&json));
    assert_int_equal(geo_json_next(&json), GEO_JSON_END);
    memset(text, '[', sizeof text);
    json = geo_json_read(text, sizeof text);
    assert_false(geo_json_skip(&json));
    assert_string_equal(json.wrong, "nested too deeply");
}

/* A checked text is passed over by its brackets; that must end where reading it would end. */
static void skipping_a_checked_text_ends_where_reading_it_ends(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\": [1, {\"b\": \"]}\\\"\"}, []], \"c\": {} ,\"d\":1.5e3,\"e\":\"[{\\\\\",\"f\":null}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[1,2],[3,4],[1,2]]],\"x\": [ ] }",
        "{\"[\":[\"{\"],\"\\u005b\":{\"\\\\\":[[]]}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        geo_json json = geo_json_read(texts[i], strlen(texts[i]));
        assert_int_equal(geo_json_next(&json), GEO_JSON_OBJECT);
        while (geo_json_next(&json) == GEO_JSON_KEY) {
            geo_json checked = json;
            checked.is_checked = true;
            assert_true(geo_json_skip(&json));
            assert_true(geo_json_skip(&checked));
            assert_int_equal(checked.at, json.at);
            assert_int_equal(checked.expect, json.expect);
            assert_int_equal(checked.depth, json.depth);
        }
        assert_int_equal(geo_json_next(&json), GEO_JSON_END);
    }
}

static void escapes_are_resolved_and_lengths_kept(void **state)
{
    (void)state;
    char out[16];
    const char *text = "\"a\\n\\u00e5\\ud83d\\ude00\\\"\"";
    geo_json json = geo_json_read(text, strlen(text));
    assert_int_equal(geo_json_next(&json), GEO_JSON_TEXT);
    assert_int_equal(geo_json_copy(&json, out, sizeof out), GEO_OK);
    assert_string_equal(out, "a\n\xC3\xA5\xF0\x9F\x98\x80\"");
    assert_int_equal(geo_json_copy(&json, out, 10), GEO_OK);
    assert_int_equal(geo_json_copy(&json, out, 9), GEO_TOO_BIG);
    json = geo_json_read("\"\\u0000\"", 8);
    assert_int_equal(geo_json_next(&json), GEO_JSON_TEXT);
    assert_int_equal(geo_json_copy(&json, out, sizeof out), GEO_SYNTAX);
}

static void a_mistake_has_a_line_and_a_column(void **state)
{
    (void)state;
    unsigned line;
    unsigned column;
    const char *text = "{\n  \"a\": [1,\n  x]\n}";
    geo_json json = geo_json_read(text, strlen(text));
    assert_false(geo_json_skip(&json));
    geo_json_position(&json, &line, &column);
    assert_int_equal(line, 3);
    assert_int_equal(column, 3);
}

static void a_byte_order_mark_is_passed_over_at_the_beginning_only(void **state)
{
    (void)state;
    geo_json json = geo_json_read("\xEF\xBB\xBF 7", 5);
    assert_int_equal(geo_json_next(&json), GEO_JSON_NUMBER);
    assert_int_equal(geo_json_next(&json), GEO_JSON_END);
    json = geo_json_read("\xEF\xBB\xBF\xEF\xBB\xBF"
                         "7",
                         7);
    assert_int_equal(geo_json_next(&json), GEO_JSON_WRONG);
    json = geo_json_read("\xEF\xBB", 2);
    assert_int_equal(geo_json_next(&json), GEO_JSON_WRONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_order_mark_is_passed_over_at_the_beginning_only),
        cmocka_unit_test(numbers_are_rounded_half_away_from_zero),
        cmocka_unit_test(what_is_no_number_or_too_large_is_refused),
        cmocka_unit_test(numbers_are_written_as_short_as_they_can_be),
        cmocka_unit_test(texts_are_read_token_by_token),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(skipping_a_checked_text_ends_where_reading_it_ends),
        cmocka_unit_test(escapes_are_resolved_and_lengths_kept),
        cmocka_unit_test(a_mistake_has_a_line_and_a_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
