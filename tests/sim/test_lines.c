/* tests/sim/test_lines.c - what a gateway reads from our lines is the fix that was meant. */
#include "test.h"

#include <string.h>

#include "base/hash.h"
#include "firmware-sim/lines.h"
#include "wire/fix_json.h"
#include "wire/nmea.h"

#define ROUNDS 20000
#define T0 INT64_C(1795161600000)
#define YEAR_MS INT64_C(31536000000)

static hr_fix random_fix(hr_random *random)
{
    bool is_known = hr_random_below(random, 10) != 0;
    return (hr_fix){
        .time_ms = T0 + (int64_t)hr_random_below(random, YEAR_MS),
        .lon_e7 = (int32_t)((int64_t)hr_random_below(random, 3600000001) - 1800000000),
        .lat_e7 = (int32_t)((int64_t)hr_random_below(random, 1800000001) - 900000000),
        .accuracy_dm = is_known ? (uint16_t)hr_random_below(random, 60001) : HR_FIX_U16_UNKNOWN,
        .speed_cm_s = is_known ? (uint16_t)hr_random_below(random, 20001) : HR_FIX_U16_UNKNOWN,
        .heading_cdeg = is_known ? (uint16_t)hr_random_below(random, 36000) : HR_FIX_U16_UNKNOWN,
        .battery_pct = is_known ? (uint8_t)hr_random_below(random, 101) : HR_FIX_U8_UNKNOWN,
    };
}

static void expect_same(const hr_fix *read, const hr_fix *meant)
{
    assert_int_equal(read->time_ms, meant->time_ms);
    assert_int_equal(read->lon_e7, meant->lon_e7);
    assert_int_equal(read->lat_e7, meant->lat_e7);
    assert_int_equal(read->accuracy_dm, meant->accuracy_dm);
    assert_int_equal(read->speed_cm_s, meant->speed_cm_s);
    assert_int_equal(read->heading_cdeg, meant->heading_cdeg);
}

static hr_err take(void *context, size_t index, const wire_fix *fix, const hr_why *why)
{
    assert_non_null(fix);
    assert_null(why);
    assert_int_equal(index, 0);
    *(wire_fix *)context = *fix;
    return HR_OK;
}

static void a_json_line_is_read_back_as_the_same_fix(void **state)
{
    (void)state;
    hr_random random = {test_seed(__func__)};
    hr_buf line;
    hr_buf_init(&line, 4096);
    for (int i = 0; i < ROUNDS; i++) {
        hr_fix meant = random_fix(&random);
        wire_fix read;
        hr_why why = {""};
        hr_buf_clear(&line);
        sim_line_json(&line, "cow-17", &meant);
        assert_int_equal(line.data[line.size - 1], '\n');
        assert_int_equal(fix_json_read(line.data, line.size, "nobody", take, &read, &why), HR_OK);
        assert_string_equal(read.id, "cow-17");
        expect_same(&read.fix, &meant);
        assert_int_equal(read.fix.battery_pct, meant.battery_pct);
    }
    hr_buf_fini(&line);
}

/* The sentences of one fix, one after the other; the last one must bring it. */
static void read_sentences(const hr_buf *lines, hr_fix *fix)
{
    nmea receiver;
    hr_err err = HR_NOT_FOUND;
    nmea_init(&receiver);
    for (const char *at = (const char *)lines->data, *end = at + lines->size; at < end;) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        hr_why why = {""};
        assert_non_null(feed);
        assert_int_equal(err, HR_NOT_FOUND);
        err = nmea_read(&receiver, at, (size_t)(feed - at) + 1, fix, &why);
        at = feed + 1;
    }
    assert_int_equal(err, HR_OK);
}

static void sentences_are_read_back_as_the_same_fix(void **state)
{
    (void)state;
    hr_random random = {test_seed(__func__)};
    hr_buf lines;
    hr_buf_init(&lines, 4096);
    for (int i = 0; i < ROUNDS; i++) {
        hr_fix meant = random_fix(&random);
        hr_fix read = {0};
        hr_buf_clear(&lines);
        sim_line_nmea(&lines, &meant);
        read_sentences(&lines, &read);
        expect_same(&read, &meant);
    }
    hr_buf_fini(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_json_line_is_read_back_as_the_same_fix),
        cmocka_unit_test(sentences_are_read_back_as_the_same_fix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
