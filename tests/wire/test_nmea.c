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

#define DAY_MS INT64_C(86400000)
#define WEEKS_1024_MS (1024 * 7 * DAY_MS)
#define MORNING_MS 1795161600000 /* 2026-11-20T08:00:00Z */

static void a_receiver_that_has_counted_beyond_its_weeks_is_put_right(void **state)
{
    (void)state;
    static const struct {
        const char *date; /* of an RMC at 08:00:00 */
        bool is_live;
        int64_t now_ms;
        int64_t time_ms;
    } cases[] = {
        /* As it should be. */
        {"201126", true, NMEA_NO_CLOCK, MORNING_MS},
        {"201126", true, MORNING_MS + 400, MORNING_MS},
        {"201126", false, NMEA_NO_CLOCK, MORNING_MS},
        /* 2007-04-06, which is 1,024 weeks before. */
        {"060407", true, NMEA_NO_CLOCK, MORNING_MS},
        {"060407", true, MORNING_MS, MORNING_MS},
        {"060407", false, NMEA_NO_CLOCK, MORNING_MS - WEEKS_1024_MS},
        /* Before anybody ran this, or just not. */
        {"311223", true, NMEA_NO_CLOCK, 1704009600000 + WEEKS_1024_MS},
        {"010124", true, NMEA_NO_CLOCK, 1704096000000},
        /* A clock that is right knows better: years back are no rollover. */
        {"311225", true, MORNING_MS, 1767168000000},
        /* 1987-08-21 is 2,048 weeks before: counted from 1980, twice around. */
        {"210887", true, NMEA_NO_CLOCK, MORNING_MS},
        {"210887", true, MORNING_MS + 400, MORNING_MS},
        {"210887", false, NMEA_NO_CLOCK, MORNING_MS - 2 * WEEKS_1024_MS},
        /* Twice around: in 2046 it says 2007 again. */
        {"060407", true, MORNING_MS + WEEKS_1024_MS, MORNING_MS + WEEKS_1024_MS},
        /* Ahead of us: nothing to mend, the service refuses it. */
        {"201127", true, MORNING_MS, MORNING_MS + 365 * DAY_MS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nmea receiver;
        hr_fix fix;
        char body[96];
        nmea_init(&receiver);
        if (cases[i].is_live) {
            nmea_set_clock(&receiver, cases[i].now_ms);
        }
        snprintf(body, sizeof body, "GPRMC,080000,A,5951.0720,N,01622.3500,E,,,%s,,",
                 cases[i].date);
        assert_int_equal(read_body(&receiver, body, &fix, NULL), HR_OK);
        if (fix.time_ms != cases[i].time_ms) {
            fail_msg("case %zu: %ld", i, fix.time_ms);
        }
    }
}

/* Feeds GGA sentences of that time of day until one gives a fix, as without an RMC. */
static hr_err read_gga_alone(nmea *receiver, const char *time, hr_fix *fix)
{
    char body[96];
    hr_err err = HR_NOT_FOUND;
    snprintf(body, sizeof body, "GPGGA,%s,5951.0720,N,01622.3500,E,1,08,1.5,12,M,,M,,", time);
    for (int i = 0; i < 4 && err == HR_NOT_FOUND; i++) {
        err = read_body(receiver, body, fix, NULL);
    }
    return err;
}

static void a_time_of_day_finds_its_day(void **state)
{
    (void)state;
    static const struct {
        int64_t now_ms;   /* our clock; NMEA_NO_CLOCK: not right */
        const char *date; /* of a ZDA at 12:00 before; NULL: none */
        const char *time;
        int64_t time_ms; /* -1: without a time */
    } cases[] = {
        {MORNING_MS, NULL, "080000", MORNING_MS},
        {MORNING_MS, NULL, "075959", MORNING_MS - 1000},
        {MORNING_MS, NULL, "080001", MORNING_MS + 1000},
        /* Midnight: 23:59:59 seen a second late, 00:00:00 seen a second early. */
        {MORNING_MS + 16 * 3600000 + 500, NULL, "235959", MORNING_MS + 16 * 3600000 - 1000},
        {MORNING_MS + 16 * 3600000 - 500, NULL, "000000", MORNING_MS + 16 * 3600000},
        {MORNING_MS, NULL, "200000", MORNING_MS + 12 * 3600000},
        {MORNING_MS, NULL, "200001", MORNING_MS - 12 * 3600000 + 1000},
        /* Our clock is wrong, but the receiver has said the day. */
        {NMEA_NO_CLOCK, "20,11,2026", "080000", MORNING_MS},
        {NMEA_NO_CLOCK, "20,11,2026", "235959", MORNING_MS + 16 * 3600000 - 1000},
        {NMEA_NO_CLOCK, "31,12,2026", "235959", 1798761599000},
        {NMEA_NO_CLOCK, "06,04,2007", "080000", MORNING_MS},
        /* Our clock is right, and the receiver is not. */
        {MORNING_MS, "06,04,2007", "080000", MORNING_MS},
        {NMEA_NO_CLOCK, NULL, "080000", -1},
        {NMEA_NO_CLOCK, "31,02,2026", "080000", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nmea receiver;
        hr_fix fix;
        char body[64];
        nmea_init(&receiver);
        nmea_set_clock(&receiver, cases[i].now_ms);
        if (cases[i].date != NULL) {
            snprintf(body, sizeof body, "GPZDA,120000.00,%s,00,00", cases[i].date);
            assert_int_equal(read_body(&receiver, body, &fix, NULL), HR_NOT_FOUND);
        }
        assert_int_equal(read_gga_alone(&receiver, cases[i].time, &fix), HR_OK);
        bool has_time = (fix.flags & HR_FIX_TIME_ASSIGNED) == 0;
        if (has_time != (cases[i].time_ms >= 0) || (has_time && fix.time_ms != cases[i].time_ms)) {
            fail_msg("case %zu: %ld", i, fix.time_ms);
        }
        assert_int_equal(fix.lat_e7, 598512000);
        assert_int_equal(fix.accuracy_dm, 60);
        assert_int_equal(fix.speed_cm_s, HR_FIX_U16_UNKNOWN);
    }
}

static void fixes_of_gga_go_on_over_midnight_without_any_clock(void **state)
{
    (void)state;
    static const char *const times[] = {"235958", "235959", "000000", "000001"};
    nmea receiver;
    hr_fix fix;
    nmea_init(&receiver);
    assert_int_equal(read_body(&receiver, "GPZDA,235957.00,20,11,2026,00,00", &fix, NULL),
                     HR_NOT_FOUND);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(read_gga_alone(&receiver, times[i], &fix), HR_OK);
        assert_int_equal(fix.time_ms, MORNING_MS + 16 * 3600000 + (i - 2) * 1000);
    }
    /* The same moment again is no new fix. */
    assert_int_equal(read_gga_alone(&receiver, times[3], &fix), HR_NOT_FOUND);
}

static void gga_beside_rmc_is_no_fix_of_its_own(void **state)
{
    (void)state;
    nmea receiver;
    hr_fix fix;
    nmea_init(&receiver);
    nmea_set_clock(&receiver, MORNING_MS);
    for (int i = 0; i < 10; i++) {
        char body[96];
        snprintf(body, sizeof body, "GPGGA,08000%d,5951.0720,N,01622.3500,E,1,08,1.5,12,M,,M,,", i);
        assert_int_equal(read_body(&receiver, body, &fix, NULL), HR_NOT_FOUND);
        snprintf(body, sizeof body, "GNRMC,08000%d,A,5951.0720,N,01622.3500,E,2.0,90,201126,,", i);
        assert_int_equal(read_body(&receiver, body, &fix, NULL), HR_OK);
        assert_int_equal(fix.heading_cdeg, 9000);
    }
}

/* What receivers of several makers say of one moment, as their manuals show it. */
static void the_ways_of_many_makers_mean_the_same(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        /* NMEA 2.2, 2.3 (mode), 4.1 (navigational status), with every mode that has a fix. */
        "GPRMC,080000.00,A,5951.07200,N,01622.35000,E,0.004,77.52,201126,,",
        "GPRMC,080000.000,A,5951.0720,N,01622.3500,E,0.13,309.62,201126,,,A",
        "GNRMC,080000.00,A,5951.07200,N,01622.35000,E,0.004,,201126,,,A,V",
        "GNRMC,080000.00,A,5951.07200,N,01622.35000,E,0.004,77.52,201126,6.2,E,D,C",
        "GBRMC,080000,A,5951.0720,N,01622.3500,E,,,201126,,,E",
        "BDRMC,080000.00,A,5951.07200,N,01622.35000,E,0.0,0.0,201126,,,R",
        "GARMC,080000.00,A,5951.0720000,N,01622.3500000,E,0.0,360.0,201126,,,F,S",
        "QZRMC,080000.0,A,5951.072,N,01622.35,E,,,201126,4.8,E,P",
        "GIRMC,080000.00,A,5951.07200,N,01622.35000,E,,,201126,,,A",
        "INRMC,080000.00,A,5951.07200,N,01622.35000,E,,,201126,,,A,U,7,8,9",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        nmea receiver;
        hr_fix fix;
        nmea_init(&receiver);
        if (read_body(&receiver, bodies[i], &fix, NULL) != HR_OK || fix.time_ms != MORNING_MS ||
            fix.lat_e7 != 598512000 || fix.lon_e7 != 163725000) {
            fail_msg("%s", bodies[i]);
        }
    }
}

static void what_others_say_on_the_same_wire_does_no_harm(void **state)
{
    (void)state;
    nmea receiver;
    hr_fix fix;
    nmea_init(&receiver);
    static const char *const others[] = {
        "!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C",
        "$PMTK001,604,3*32\r\n",
        "\\s:ais1,c:1795161600*00\\!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C\r\n",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(nmea_read(&receiver, others[i], strlen(others[i]), &fix, NULL),
                         HR_NOT_FOUND);
    }
    const char *tagged = "\\g:1-2-73874,n:157036,s:r003669945,c:1241544035*4A\\"
                         "$GPRMC,225446,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E*68";
    assert_int_equal(nmea_read(&receiver, tagged, strlen(tagged), &fix, NULL), HR_OK);
    assert_int_equal(fix.lat_e7, 492741667);
    /* Tags alone, and tags without an end. */
    assert_int_equal(nmea_read(&receiver, "\\s:a*00\\", 8, &fix, NULL), HR_INVALID);
    assert_int_equal(nmea_read(&receiver, "\\s:a*00", 7, &fix, NULL), HR_INVALID);
    assert_int_equal(nmea_read(&receiver, "\\", 1, &fix, NULL), HR_INVALID);
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
        cmocka_unit_test(a_receiver_that_has_counted_beyond_its_weeks_is_put_right),
        cmocka_unit_test(a_time_of_day_finds_its_day),
        cmocka_unit_test(fixes_of_gga_go_on_over_midnight_without_any_clock),
        cmocka_unit_test(gga_beside_rmc_is_no_fix_of_its_own),
        cmocka_unit_test(the_ways_of_many_makers_mean_the_same),
        cmocka_unit_test(what_others_say_on_the_same_wire_does_no_harm),
        cmocka_unit_test(what_brings_no_fix_is_told_from_what_is_broken),
        cmocka_unit_test(a_wrong_checksum_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
