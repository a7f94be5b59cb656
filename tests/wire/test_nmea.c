/* tests/wire/test_nmea.c - sentences of several talkers, good and bad. */
#include "wire/nmea.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

/* Reads a sentence given without $ and checksum. */
static hr_err read_body(nmea *receiver, const char *body, hr_fix *fix, hr_why *why)
{
    char line[300];
    uint8_t sum = 0;
    for (const char *at = body; *at != '\0'; at++) {
        sum ^= (uint8_t)*at;
    }
    int size = snprintf(line, sizeof line, "$%s*%02X\r\n", body, sum);
    return nmea_read(receiver, line, (size_t)size, fix, why);
}

static void a_sentence_of_a_real_receiver_gives_a_fix(void **state)
{
    (void)state;
    nmea receiver;
    hr_fix fix;
    nmea_init(&receiver);
    const char *line = "$GPRMC,225446,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E*68";
    assert_int_equal(nmea_read(&receiver, line, strlen(line), &fix, NULL), HR_OK);
    assert_int_equal(fix.lat_e7, 492741667);
    assert_int_equal(fix.lon_e7, -1231853333);
    assert_int_equal(fix.speed_cm_s, 26);
    assert_int_equal(fix.heading_cdeg, 5470);
    assert_int_equal(fix.accuracy_dm, HR_FIX_U16_UNKNOWN);
    assert_int_equal(fix.battery_pct, HR_FIX_U8_UNKNOWN);
}

static void every_talker_is_understood_and_one_moment_is_one_fix(void **state)
{
    (void)state;
    nmea receiver;
    hr_fix fix;
    nmea_init(&receiver);
    assert_int_equal(
        read_body(&receiver, "GNRMC,080000.25,A,5951.0720,N,01622.3500,E,,,201126,,,A", &fix, NULL),
        HR_OK);
    assert_int_equal(fix.time_ms, 1795161600250);
    assert_int_equal(fix.lat_e7, 598512000);
    assert_int_equal(fix.lon_e7, 163725000);
    assert_int_equal(fix.speed_cm_s, HR_FIX_U16_UNKNOWN);
    assert_int_equal(
        read_body(&receiver, "GLRMC,080000.25,A,5951.0720,N,01622.3500,E,,,201126,,,A", &fix, NULL),
        HR_NOT_FOUND);
    assert_int_equal(
        read_body(&receiver, "GARMC,080001.25,A,5951.0720,S,01622.3500,E,,,201126,,,A", &fix, NULL),
        HR_OK);
    assert_int_equal(fix.lat_e7, -598512000);
}

static void accuracy_comes_from_gga_or_gst_of_the_same_moment(void **state)
{
    (void)state;
    nmea receiver;
    hr_fix fix;
    nmea_init(&receiver);
    assert_int_equal(read_body(&receiver,
                               "GPGGA,235959,5951.0720,N,01622.3500,E,1,08,1.5,12,M,,M,,", &fix,
                               NULL),
                     HR_NOT_FOUND);
    assert_int_equal(
        read_body(&receiver, "GPRMC,000001,A,5951.0720,N,01622.3500,E,,,201126,,", &fix, NULL),
        HR_OK);
    assert_int_equal(fix.accuracy_dm, 60);
    assert_int_equal(
        read_body(&receiver, "GPRMC,000010,A,5951.0720,N,01622.3500,E,,,201126,,", &fix, NULL),
        HR_OK);
    assert_int_equal(fix.accuracy_dm, HR_FIX_U16_UNKNOWN);
    assert_int_equal(read_body(&receiver, "GNGST,000011,1,,,,3.0,4.0,9", &fix, NULL), HR_NOT_FOUND);
    assert_int_equal(
        read_body(&receiver, "GPRMC,000011,A,5951.0720,N,01622.3500,E,,,201126,,", &fix, NULL),
        HR_OK);
    assert_int_equal(fix.accuracy_dm, 50);
}

static void what_brings_no_fix_is_told_from_what_is_broken(void **state)
{
    (void)state;
    nmea receiver;
    hr_fix fix;
    hr_why why;
    nmea_init(&receiver);
    static const char *const nothing[] = {
        "GPRMC,080000,V,,,,,,,201126,,",
        "GPRMC,080000,A,5951.0720,N,01622.3500,E,,,201126,,,N",
        "GPGSV,1,1,00",
        "PUBX,00",
    };
    static const char *const broken[] = {
        "GPRMC,080000,A,5951.0720,N,01622.3500,E,,,311126,,",
        "GPRMC,250000,A,5951.0720,N,01622.3500,E,,,201126,,",
        "GPRMC,080000,A,9951.0720,N,01622.3500,E,,,201126,,",
        "GPRMC,080000,A,5961.0720,N,01622.3500,E,,,201126,,",
        "GPRMC,080000,A,5951.0720,X,01622.3500,E,,,201126,,",
        "GPRMC,080000,A,,,,,,,201126,,",
        "GPRMC,080000,A",
    };
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        assert_int_equal(read_body(&receiver, nothing[i], &fix, &why), HR_NOT_FOUND);
    }
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(read_body(&receiver, broken[i], &fix, &why), HR_INVALID);
    }
}

static void a_wrong_checksum_is_refused(void **state)
{
    (void)state;
    nmea receiver;
    hr_fix fix;
    hr_why why;
    nmea_init(&receiver);
    static const char *const lines[] = {
        "$GPRMC,225446,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E*69",
        "$GPRMC,225446,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E",
        "$GPRMC,225446,A,4916.46,N,12311.12,W,000.5,054.7,191194,020.3,E*68",
        "GPRMC*68",
        "",
        "$*",
        "$*00",
        "$*GG",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        hr_err err = nmea_read(&receiver, lines[i], strlen(lines[i]), &fix, &why);
        assert_true(err == HR_INVALID || err == HR_CORRUPT ||
                    (err == HR_NOT_FOUND && strcmp(lines[i], "$*00") == 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_of_a_real_receiver_gives_a_fix),
        cmocka_unit_test(every_talker_is_understood_and_one_moment_is_one_fix),
        cmocka_unit_test(accuracy_comes_from_gga_or_gst_of_the_same_moment),
        cmocka_unit_test(what_brings_no_fix_is_told_from_what_is_broken),
        cmocka_unit_test(a_wrong_checksum_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
