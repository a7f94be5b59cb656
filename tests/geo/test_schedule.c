/* tests/geo/test_schedule.c - weekly times in zones, beside what libc says of the same zones. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "geo/csv.h"
#include "geo/schedule.h"
#include "geo/schedule_zone.h"
#include "shapes.h"
#include "test.h"

static int64_t ms(const char *text)
{
    int64_t time_ms = 0;
    assert_int_equal(geo_time_parse(text, strlen(text), &time_ms), GEO_OK);
    return time_ms;
}

#define MON 1
#define FRI 16
#define SAT 32
#define SUN 64
#define EVERY_DAY 127

/* "from to, from to" as minutes since `from`, to compare at a glance. */
static void expect(const char *tz, geo_weekly_time a, geo_weekly_time b, const char *from,
                   const char *to, const char *expected)
{
    geo_weekly weekly = {.count = b.days != 0 ? 2 : 1, .times = {a, b}};
    geo_interval span = {ms(from), ms(to)};
    geo_interval *on = NULL;
    uint32_t count = 0;
    geo_why why = {""};
    char text[512] = "";
    size_t used = 0;
    snprintf(weekly.tz, sizeof weekly.tz, "%s", tz);
    if (geo_schedule_resolve(&weekly, span, NULL, &on, &count, &why) != GEO_OK) {
        fail_msg("%s", why.text);
    }
    for (uint32_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRId64 " %" PRId64,
                                 i > 0 ? ", " : "", (on[i].from_ms - span.from_ms) / 60000,
                                 (on[i].to_ms - span.from_ms) / 60000);
    }
    free(on);
    assert_string_equal(text, expected);
}

static const geo_weekly_time none = {0};

static void days_and_hours_are_those_of_the_zone(void **state)
{
    (void)state;
    expect("Europe/Stockholm", (geo_weekly_time){FRI, 360, 1200}, none, "2026-11-19T00:00:00Z",
           "2026-11-26T00:00:00Z", "1740 2580");
    expect("UTC", (geo_weekly_time){FRI, 360, 1200}, none, "2026-11-19T00:00:00Z",
           "2026-11-26T00:00:00Z", "1800 2640");
    /* Friday in Auckland is Thursday in UTC. */
    expect("Pacific/Auckland", (geo_weekly_time){FRI, 360, 1200}, none, "2026-11-19T00:00:00Z",
           "2026-11-26T00:00:00Z", "1020 1860");
}

static void a_time_that_ends_before_it_begins_ends_the_next_day(void **state)
{
    (void)state;
    expect("UTC", (geo_weekly_time){SUN, 22 * 60, 6 * 60}, none, "2026-11-22T00:00:00Z",
           "2026-11-24T00:00:00Z", "1320 1800");
    expect("UTC", (geo_weekly_time){SUN, 22 * 60, 22 * 60}, none, "2026-11-22T00:00:00Z",
           "2026-11-24T00:00:00Z", "1320 2760");
    expect("UTC", (geo_weekly_time){SUN, 22 * 60, 1440}, none, "2026-11-22T00:00:00Z",
           "2026-11-24T00:00:00Z", "1320 1440");
}

static void times_that_touch_or_overlap_become_one(void **state)
{
    (void)state;
    expect("UTC", (geo_weekly_time){MON, 60, 120}, (geo_weekly_time){MON, 120, 180},
           "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "60 180");
    expect("UTC", (geo_weekly_time){MON, 60, 150}, (geo_weekly_time){MON, 120, 180},
           "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "60 180");
    expect("UTC", (geo_weekly_time){SAT | SUN, 0, 1440}, none, "2026-11-21T00:00:00Z",
           "2026-11-24T00:00:00Z", "0 2880");
}

static void an_interval_that_only_overlaps_the_span_is_whole(void **state)
{
    (void)state;
    expect("UTC", (geo_weekly_time){MON, 60, 120}, none, "2026-11-23T01:30:00Z",
           "2026-11-23T01:31:00Z", "-30 30");
    expect("UTC", (geo_weekly_time){MON, 60, 120}, none, "2026-11-23T02:00:00Z",
           "2026-11-23T03:00:00Z", "");
}

static void the_skipped_hour_of_spring_is_an_instant(void **state)
{
    (void)state;
    /* 29 March 2026: 02:00 to 03:00 does not exist in Stockholm; the skip is at 01:00 UTC. */
    expect("Europe/Stockholm", (geo_weekly_time){SUN, 150, 300}, none, "2026-03-29T00:00:00Z",
           "2026-03-30T00:00:00Z", "60 180");
    expect("Europe/Stockholm", (geo_weekly_time){SUN, 60, 150}, none, "2026-03-29T00:00:00Z",
           "2026-03-30T00:00:00Z", "0 60");
    expect("Europe/Stockholm", (geo_weekly_time){SUN, 130, 150}, none, "2026-03-29T00:00:00Z",
           "2026-03-30T00:00:00Z", "");
}

static void the_repeated_hour_of_autumn_is_whole(void **state)
{
    (void)state;
    /* 25 October 2026: 02:00 to 03:00 comes twice, from 00:00 to 02:00 UTC. */
    expect("Europe/Stockholm", (geo_weekly_time){SUN, 150, 300}, none, "2026-10-25T00:00:00Z",
           "2026-10-26T00:00:00Z", "30 240");
    expect("Europe/Stockholm", (geo_weekly_time){SUN, 60, 150}, none, "2026-10-25T00:00:00Z",
           "2026-10-26T00:00:00Z", "-60 90");
}

static void years_behind_the_last_transition_follow_the_rule(void **state)
{
    (void)state;
    expect("Europe/Stockholm", (geo_weekly_time){EVERY_DAY, 720, 780}, none, "2061-07-01T00:00:00Z",
           "2061-07-02T00:00:00Z", "600 660");
    expect("Europe/Stockholm", (geo_weekly_time){EVERY_DAY, 720, 780}, none, "2061-12-01T00:00:00Z",
           "2061-12-02T00:00:00Z", "660 720");
}

/* So RFC 8536 writes a zone that has daylight time for ever. */
static void daylight_time_may_last_all_the_year(void **state)
{
    (void)state;
    uint8_t bytes[8192];
    FILE *file = fopen(GEO_ZONEINFO_DEFAULT "/Europe/Stockholm", "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    size_t rule = size - 1;
    while (bytes[rule - 1] != '\n') {
        rule--;
    }
    const char always[] = "CET-1CEST,0/0,J365/25\n";
    memcpy(bytes + rule, always, sizeof always - 1);
    geo_zone *zone = NULL;
    assert_int_equal(geo_zone_parse(bytes, rule + sizeof always - 1, &zone), GEO_OK);
    for (int64_t utc_s = 2871763200; utc_s < 2871763200 + 2 * 366 * 86400; utc_s += 1800) {
        assert_int_equal(geo_zone_offset_s(zone, utc_s), 7200);
    }
    geo_zone_free(zone);
}

static void what_is_no_zone_is_refused(void **state)
{
    (void)state;
    const char *wrong[] = {"",  "Europe",         "Europe/Nowhere", "../etc/passwd", "/etc/passwd",
                           "x", "Europe/../../x", "zone.tab",       "posixrules\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        geo_zone *zone = NULL;
        geo_err err = geo_zone_open(NULL, wrong[i], &zone);
        assert_true(err == GEO_NOT_FOUND || err == GEO_SYNTAX);
    }
}

static void damaged_zones_are_refused_and_never_read_past(void **state)
{
    (void)state;
    uint64_t random = shape_seed("damaged_zones_are_refused_and_never_read_past");
    uint8_t bytes[8192];
    FILE *file = fopen(GEO_ZONEINFO_DEFAULT "/Europe/Stockholm", "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t cut = 0; cut < size; cut++) {
        geo_zone *zone = NULL;
        uint8_t *copy = malloc(cut + 1);
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        assert_int_equal(geo_zone_parse(copy, cut, &zone), GEO_SYNTAX);
        free(copy);
    }
    for (int i = 0; i < 20000; i++) {
        uint8_t copy[8192];
        geo_zone *zone = NULL;
        memcpy(copy, bytes, size);
        copy[shape_random(&random, 0, (int64_t)size - 1)] ^= (uint8_t)shape_random(&random, 1, 255);
        if (geo_zone_parse(copy, size, &zone) == GEO_OK) {
            (void)geo_zone_offset_s(zone, shape_random(&random, -3000000000, 5000000000));
            geo_zone_free(zone);
        }
    }
}

static void zones_agree_with_libc(void **state)
{
    (void)state;
    uint64_t random = shape_seed("zones_agree_with_libc");
    const char *names[] = {"Europe/Stockholm",  "America/New_York",    "America/St_Johns",
                           "Asia/Kathmandu",    "Australia/Lord_Howe", "Pacific/Apia",
                           "Africa/Casablanca", "America/Sao_Paulo",   "Asia/Tehran",
                           "Europe/Dublin",     "Antarctica/Troll",    "UTC"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        geo_zone *zone = NULL;
        assert_int_equal(geo_zone_open(NULL, names[i], &zone), GEO_OK);
        setenv("TZ", names[i], 1);
        tzset();
        for (int n = 0; n < 5000; n++) {
            /* 1905 to 2090. */
            time_t at = (time_t)shape_random(&random, -2050000000, 3786912000);
            struct tm parts;
            localtime_r(&at, &parts);
            if (geo_zone_offset_s(zone, at) != parts.tm_gmtoff) {
                fail_msg("%s at %lld: %d, libc says %ld", names[i], (long long)at,
                         (int)geo_zone_offset_s(zone, at), parts.tm_gmtoff);
            }
            int64_t first_s;
            int64_t last_s;
            int64_t local_s = at + parts.tm_gmtoff;
            geo_zone_instants(zone, local_s, &first_s, &last_s);
            /* The local time of an instant exists, so the instant is one of the two. */
            assert_true(first_s == at || last_s == at);
            assert_true(first_s <= last_s);
        }
        geo_zone_free(zone);
    }
    unsetenv("TZ");
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_and_hours_are_those_of_the_zone),
        cmocka_unit_test(a_time_that_ends_before_it_begins_ends_the_next_day),
        cmocka_unit_test(times_that_touch_or_overlap_become_one),
        cmocka_unit_test(an_interval_that_only_overlaps_the_span_is_whole),
        cmocka_unit_test(the_skipped_hour_of_spring_is_an_instant),
        cmocka_unit_test(the_repeated_hour_of_autumn_is_whole),
        cmocka_unit_test(years_behind_the_last_transition_follow_the_rule),
        cmocka_unit_test(daylight_time_may_last_all_the_year),
        cmocka_unit_test(what_is_no_zone_is_refused),
        cmocka_unit_test(damaged_zones_are_refused_and_never_read_past),
        cmocka_unit_test(zones_agree_with_libc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
