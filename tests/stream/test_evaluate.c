/* tests/stream/test_evaluate.c - expressions: the short way says what SQLite says, and what is
 * refused. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "stream/evaluate.h"
#include "suites.h"
#include "test.h"

#define ROWS 64
#define TIME_MS_MAX 1000

static const char *const columns[] = {"kind", "late", "speed", "note"};

typedef struct test_row {
    stream_value values[4];
} test_row;

static void read_row(const void *rows, size_t at, int column, stream_value *value)
{
    *value = ((const test_row *)rows)[at].values[column];
}

static const stream_shape shape = {"things", columns, 4, read_row};

static void random_value(hr_random *random, stream_value *value)
{
    static const char *const texts[] = {"enter", "exit", "ex", "", "1", "ENTER", "it"};
    *value = (stream_value){.type = STREAM_NULL};
    switch (hr_random_below(random, 4)) {
    case 0:
        break;
    case 1:
        value->type = STREAM_WHOLE;
        value->whole = (int64_t)hr_random_below(random, 4) - 1;
        break;
    case 2:
        value->type = STREAM_REAL;
        value->real = (double)hr_random_below(random, 6) / 2;
        break;
    default:
        value->type = STREAM_TEXT;
        value->text = texts[hr_random_below(random, 7)];
        value->size = strlen(value->text);
    }
}

typedef struct seen {
    hr_buf bytes;
} seen;

static hr_err note_row(void *context, size_t row, const stream_value *values)
{
    seen *seen = context;
    hr_buf_put_u32(&seen->bytes, (uint32_t)row);
    stream_value_write(&values[0], &seen->bytes);
    stream_value_write(&values[1], &seen->bytes);
    return HR_OK;
}

static void run(const test_row *rows, const char *const expressions[2], const char *where,
                bool is_simple, seen *seen)
{
    stream_evaluator *evaluator;
    hr_why why = {""};
    hr_buf_init(&seen->bytes, 1 << 20);
    if (stream_evaluator_new(&shape, expressions, 2, where, &evaluator, &why) != HR_OK) {
        fail_msg("%s: %s", where, why.text);
    }
    assert_int_equal(stream_evaluator_is_simple(evaluator), is_simple);
    assert_int_equal(stream_evaluator_run(evaluator, rows, ROWS, TIME_MS_MAX, note_row, seen, &why),
                     HR_OK);
    for (int i = 0; i < 4; i++) {
        /* Both ways know which columns they read. */
        bool is_used = i == 0 || i == 2 || (where != NULL && strstr(where, columns[i]) != NULL);
        assert_int_equal(stream_evaluator_reads(evaluator, i), is_used);
    }
    stream_evaluator_free(evaluator);
}

static void the_short_way_says_what_sqlite_says(void **state)
{
    (void)state;
    static const char *const conditions[] = {"kind = 'enter'",
                                             "kind == 'exit'",
                                             "kind in ('enter','exit','cross')",
                                             " KIND  IN( 'enter' , 'it')",
                                             "late = 0",
                                             "late = 1",
                                             "late in (1, 2)",
                                             "speed is not null",
                                             "speed IS NULL",
                                             "note = ''",
                                             "note in ('1')",
                                             "note = 1",
                                             "speed = 1",
                                             "kind = 'x'"};
    static const char *const plain[2] = {"kind", " Speed "};
    static const char *const bracketed[2] = {"(kind)", "(speed)"};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        hr_random random = {.state = seed};
        test_row rows[ROWS];
        for (int r = 0; r < ROWS; r++) {
            for (int c = 0; c < 4; c++) {
                random_value(&random, &rows[r].values[c]);
            }
        }
        for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
            seen quick, slow;
            run(rows, plain, conditions[i], true, &quick);
            run(rows, bracketed, conditions[i], false, &slow);
            if (quick.bytes.size != slow.bytes.size ||
                (quick.bytes.size > 0 &&
                 memcmp(quick.bytes.data, slow.bytes.data, quick.bytes.size) != 0)) {
                fail_msg("seed %" PRIu64 ": %s", seed, conditions[i]);
            }
            hr_buf_fini(&quick.bytes);
            hr_buf_fini(&slow.bytes);
        }
    }
}

static void other_conditions_are_left_to_sqlite(void **state)
{
    (void)state;
    static const char *const conditions[] = {"kind = \"enter\"",
                                             "kind = 'it''s'",
                                             "kind in ('a', 'b') or late",
                                             "kind <> 'a'",
                                             "kind = 1.5",
                                             "kind = 1e3",
                                             "kind = 'a' ",
                                             "kind = x'00'",
                                             "not kind",
                                             "kind in ()",
                                             "kind = 99999999999999999999",
                                             "kind = -1",
                                             "kind is 'a'",
                                             "kind in ('a'",
                                             "kind = 'a",
                                             "kinds = 'a'"};
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        stream_condition condition;
        bool is_simple = stream_condition_parse(&shape, conditions[i], &condition);
        assert_int_equal(is_simple, strcmp(conditions[i], "kind = 'a' ") == 0);
    }
    assert_int_equal(stream_simple_column(&shape, "late"), 1);
    assert_int_equal(stream_simple_column(&shape, "late + 1"), -1);
    assert_int_equal(stream_simple_column(&shape, "later"), -1);
    assert_int_equal(stream_simple_column(&shape, ""), -1);
}

static void what_could_hurt_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "(select 1)",
        "(select count(*) from things a, things b, things c)",
        "exists (select 1 from things)",
        "late in (select late from things)",
        "(with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c)",
        "count(*)",
        "max(speed)",
        "group_concat(note)",
        "sum(speed) over ()",
        "row_number() over (order by speed)",
        "random()",
        "randomblob(1000000)",
        "rowid % 2",
        "_rowid_",
        "things.oid = 1",
        "zeroblob(1000000000)",
        "load_extension('x')",
        "sqlite_version()",
        "datetime(late, 'unixepoch', 'localtime')",
        "strftime('%H', late / 1000, 'unixepoch', 'LocalTime')",
        "time(kind, 'utc')",
        "kind = date('now', 'local' || 'time')",
        "readfile('/etc/passwd')",
        "1; select 2",
        "1) from things, (select 2",
        "kind --",
        "raise(ignore)",
        "?1",
        "things.nothing",
        "main.things.kind",
        "sqlite_schema",
        "",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        hr_why why = {""};
        hr_err err = stream_expression_check(&shape, bad[i], &why);
        /* A comment cannot reach beyond the expression, and a name may be written in full. */
        bool is_harmless = strcmp(bad[i], "kind --") == 0 || strcmp(bad[i], "?1") == 0 ||
                           strcmp(bad[i], "main.things.kind") == 0;
        if (!is_harmless && (err != HR_INVALID || why.text[0] == 0)) {
            fail_msg("\"%s\" is taken", bad[i]);
        }
    }
}

static hr_err first_number(void *context, size_t row, const stream_value *values)
{
    (void)row;
    *(int64_t *)context = values[0].whole;
    return HR_OK;
}

static hr_err run_one(const char *expression, int64_t time_ms_max, int64_t *number, hr_why *why)
{
    static test_row rows[ROWS];
    stream_evaluator *evaluator = NULL;
    rows[1].values[1] = (stream_value){.type = STREAM_WHOLE};
    if (stream_expression_check(&shape, expression, why) != HR_OK ||
        stream_evaluator_new(&shape, &expression, 1, NULL, &evaluator, why) != HR_OK) {
        fail_msg("%s: %s", expression, why->text);
    }
    hr_err err =
        stream_evaluator_run(evaluator, rows, ROWS, time_ms_max, first_number, number, why);
    stream_evaluator_free(evaluator);
    return err;
}

static void an_expression_knows_no_time_and_is_bounded(void **state)
{
    (void)state;
    int64_t number = -1;
    hr_why why = {""};
    assert_int_equal(run_one("cast(strftime('%s','now') as integer)", 1000, &number, &why), HR_OK);
    assert_int_equal(number, 0);
    assert_int_equal(
        run_one("cast(strftime('%Y', current_timestamp) as integer)", 1000, &number, &why), HR_OK);
    assert_int_equal(number, 1970);
    const char *month = "unixepoch('2026-11-20', '+15 days', 'start of month')";
    assert_int_equal(run_one(month, 1000, &number, &why), HR_OK);
    assert_int_equal(number, 1796083200);
    /* What no definition shows is met when it comes. */
    const char *hidden = "date(late, case late when 0 then 'localtime' end)";
    assert_int_equal(run_one(hidden, 1000, &number, &why), HR_INVALID);
    assert_non_null(strstr(why.text, "localtime"));
    assert_int_equal(
        run_one("length(replace(printf('%.*c', 900, 'a'), 'a', 'bb'))", 1000, &number, &why),
        HR_INVALID);
    assert_non_null(strstr(why.text, "too big"));
}

/* SQLite is looked at between its steps, of which one may be a function that takes the product of
 * two texts' lengths. So no text is long, whoever makes it; printf() gives null beyond. */
static void an_expression_is_stopped_soon_after_its_time(void **state)
{
    (void)state;
    static const char *const dear[] = {
        "length(trim(printf('%.*c', 12 * N + (kind is null), 'a'), printf('%.*c', N, 'b') || 'a'))",
        "(printf('%.*c', 12 * N + (kind is null), 'a') like '%' || printf('%.*c', N, 'a') || 'b')",
    };
    static const char *const sizes[] = {"80", "950", "1300"};
    for (size_t d = 0; d < sizeof dear / sizeof dear[0]; d++) {
        for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
            int64_t number;
            hr_why why = {""};
            hr_buf slow;
            hr_buf_init(&slow, STREAM_EXPRESSION_BYTES_MAX);
            for (int i = 0; i < 6; i++) {
                hr_buf_put_text(&slow, i > 0 ? "+" : "");
                for (const char *at = dear[d]; *at != 0; at++) {
                    hr_buf_put(&slow, *at == 'N' ? sizes[n] : at,
                               *at == 'N' ? strlen(sizes[n]) : 1);
                }
            }
            hr_buf_put_u8(&slow, 0);
            int64_t from_ns = stream_thread_ns();
            hr_err err = run_one((const char *)slow.data, 1, &number, &why);
            assert_true(stream_thread_ns() - from_ns < 1000000000);
            assert_true(n > 0 || err == HR_TIMEOUT);
            hr_buf_fini(&slow);
        }
    }
}

int run_evaluate_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_short_way_says_what_sqlite_says),
        cmocka_unit_test(other_conditions_are_left_to_sqlite),
        cmocka_unit_test(what_could_hurt_is_refused),
        cmocka_unit_test(an_expression_knows_no_time_and_is_bounded),
        cmocka_unit_test(an_expression_is_stopped_soon_after_its_time),
    };
    return cmocka_run_group_tests_name("stream evaluate", tests, NULL, NULL);
}
