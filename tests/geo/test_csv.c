/* tests/geo/test_csv.c - fixes as CSV, and times as text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "geo/csv.h"
#include "shapes.h"
#include "test.h"

static geo_csv with_header(const char *header)
{
    geo_csv csv;
    geo_why why = {""};
    if (geo_csv_header(&csv, header, strlen(header), &why) != GEO_OK) {
        fail_msg("%s: %s", header, why.text);
    }
    return csv;
}

static void a_full_row_is_read_exactly(void **state)
{
    (void)state;
    geo_csv csv = with_header("device,time,lon,lat,accuracy_m,speed_mps,heading_deg,battery_pct\r");
    const char *row =
        "cow-17,2026-11-20T08:00:00.123Z,16.37254995,-59.8512,4.25,1.234,359.999,87\r";
    geo_csv_fix fix;
    assert_int_equal(geo_csv_row(&csv, row, strlen(row), &fix, NULL), GEO_OK);
    assert_int_equal(fix.device_size, 6);
    assert_memory_equal(fix.device, "cow-17", 6);
    assert_int_equal(fix.time_ms, INT64_C(1795161600123));
    assert_int_equal(fix.place.lon_e7, 163725500);
    assert_int_equal(fix.place.lat_e7, -598512000);
    assert_int_equal(fix.accuracy_dm, 43);
    assert_int_equal(fix.speed_cm_s, 123);
    assert_int_equal(fix.heading_cdeg, 36000);
    assert_int_equal(fix.battery_pct, 87);
}

static void columns_may_stand_in_any_order_and_be_empty(void **state)
{
    (void)state;
    geo_csv csv = with_header("\xEF\xBB\xBFlat,lon,accuracy_m,battery_pct,\"time\",device");
    const char *row = "1,2,,,1795161600123,\"a:b\"";
    geo_csv_fix fix;
    assert_int_equal(geo_csv_row(&csv, row, strlen(row), &fix, NULL), GEO_OK);
    assert_int_equal(fix.time_ms, INT64_C(1795161600123));
    assert_int_equal(fix.place.lon_e7, 20000000);
    assert_int_equal(fix.accuracy_dm, GEO_CSV_U16_UNKNOWN);
    assert_int_equal(fix.speed_cm_s, GEO_CSV_U16_UNKNOWN);
    assert_int_equal(fix.battery_pct, GEO_CSV_U8_UNKNOWN);
    assert_memory_equal(fix.device, "a:b", 3);
}

static void headers_that_cannot_be_meant_are_refused(void **state)
{
    (void)state;
    const char *cases[][2] = {
        {"", "header: unknown column \"\""},
        {"device,time,lon", "header: column lat is missing"},
        {"device,time,lon,lat,lat", "header: column lat is there twice"},
        {"device,time,lon,lat,altitude", "header: unknown column \"altitude\""},
        {"cow-17,1795161600123,16.3,59.8", "header: unknown column \"cow-17\""},
        {"device,time,lon,\"lat", "header: a quote is not closed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        geo_csv csv;
        geo_why why = {""};
        assert_int_equal(geo_csv_header(&csv, cases[i][0], strlen(cases[i][0]), &why), GEO_SYNTAX);
        if (strncmp(why.text, cases[i][1], strlen(cases[i][1])) != 0) {
            fail_msg("%s: %s", cases[i][0], why.text);
        }
    }
}

static void bad_rows_are_refused_by_column(void **state)
{
    (void)state;
    geo_csv csv = with_header("device,time,lon,lat,accuracy_m,heading_deg");
    const char *cases[][2] = {
        {"", "device \"\" is not"},
        {"a", "1 fields, but 6 columns"},
        {"a,1,2,3,4,5,6", "more fields than the 6 columns"},
        {"a b,1,2,3,,", "device \"a b\" is not"},
        {"-a,1,2,3,,", "device \"-a\" is not"},
        {"a,yesterday,2,3,,", "time \"yesterday\" is not"},
        {"a,2026-02-29T00:00:00Z,2,3,,", "time \"2026-02-29T00:00:00Z\" is not"},
        {"a,,2,3,,", "time \"\" is not"},
        {"a,1.5,2,3,,", "time \"1.5\" is not"},
        {"a,140737488355328,2,3,,", "time \"140737488355328\" is not"},
        {"a,1,,3,,", "lon \"\" is not"},
        {"a,1,180.00000005,3,,", "lon \"180.00000005\" is not"},
        {"a,1,1e400,3,,", "lon \"1e400\" is not"},
        {"a,1,NaN,3,,", "lon \"NaN\" is not"},
        {"a,1,2,-90.1,,", "lat \"-90.1\" is not"},
        {"a,1,2,3,-1,", "accuracy_m \"-1\" is not"},
        {"a,1,2,3,,361", "heading_deg \"361\" is not"},
        {"a,1,2,3,\"4,5", "accuracy_m: a quote is not closed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        geo_why why = {""};
        geo_csv_fix fix;
        assert_int_not_equal(geo_csv_row(&csv, cases[i][0], strlen(cases[i][0]), &fix, &why),
                             GEO_OK);
        if (strncmp(why.text, cases[i][1], strlen(cases[i][1])) != 0) {
            fail_msg("%s: %s", cases[i][0], why.text);
        }
    }
}

static void times_are_read_in_their_usual_forms(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t time_ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-20T08:00:00.123Z", INT64_C(1795161600123)},
        {"2026-11-20T09:00:00.1239+01:00", INT64_C(1795161600123)},
        {"2026-11-20T09:00:00,123+0100", INT64_C(1795161600123)},
        {"2026-11-20 05:00:00.123-03", INT64_C(1795161600123)},
        {"2026-11-20T08:00Z", INT64_C(1795161600000)},
        {"2024-02-29T23:59:59Z", INT64_C(1709251199000)},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
        {"-5", -5},
        {"1795161600123", INT64_C(1795161600123)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t time_ms = 1;
        assert_int_equal(geo_time_parse(cases[i].text, strlen(cases[i].text), &time_ms), GEO_OK);
        assert_int_equal(time_ms, cases[i].time_ms);
    }
    const char *wrong[] = {"",
                           "2026-11-20",
                           "2026-11-20T08:00:00",
                           "2026-13-01T00:00:00Z",
                           "2026-11-31T00:00:00Z",
                           "2100-02-29T00:00:00Z",
                           "2026-11-20T24:00:00Z",
                           "2026-11-20T08:60:00Z",
                           "2026-11-20T08:00:60Z",
                           "2026-11-20T08:00:00.Z",
                           "2026-11-20T08:00:00Zx",
                           "1e3",
                           "0x10",
                           "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t time_ms;
        assert_int_not_equal(geo_time_parse(wrong[i], strlen(wrong[i]), &time_ms), GEO_OK);
    }
}

/* The fast ways through coordinates and times must be the exact ones, only faster. */
static void random_rows_read_as_they_were_written(void **state)
{
    (void)state;
    uint64_t random = shape_seed("random_rows_read_as_they_were_written");
    geo_csv csv = with_header("device,time,lon,lat");
    for (int i = 0; i < 50000; i++) {
        geo_point place = {(int32_t)shape_random(&random, -GEO_LON_E7_MAX, GEO_LON_E7_MAX),
                           (int32_t)shape_random(&random, -GEO_LAT_E7_MAX, GEO_LAT_E7_MAX)};
        int64_t time_ms = shape_random(&random, INT64_C(1795000000000), INT64_C(1795400000000));
        time_t seconds = (time_t)(time_ms / 1000);
        struct tm parts;
        char day[32];
        char row[128];
        gmtime_r(&seconds, &parts);
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
        /* Cut at a random number of digits, so that all lengths of fractions come. */
        int cut = (int)shape_random(&random, 0, 6);
        int32_t unit = (int32_t[]){1, 10, 100, 1000, 10000, 100000, 1000000}[cut];
        place.lon_e7 = place.lon_e7 / unit * unit;
        char lon[16];
        int lon_size = snprintf(lon, sizeof lon, "%.7f", place.lon_e7 / 1e7);
        lon[lon_size - cut] = '\0';
        snprintf(row, sizeof row, "d,%s.%03dZ,%s,%.7f", day, (int)(time_ms % 1000), lon,
                 place.lat_e7 / 1e7);
        geo_csv_fix fix;
        geo_why why = {""};
        if (geo_csv_row(&csv, row, strlen(row), &fix, &why) != GEO_OK) {
            fail_msg("%s: %s", row, why.text);
        }
        if (fix.time_ms != time_ms || fix.place.lon_e7 != place.lon_e7 ||
            fix.place.lat_e7 != place.lat_e7) {
            fail_msg("%s read as %" PRId64 " %d %d", row, fix.time_ms, (int)fix.place.lon_e7,
                     (int)fix.place.lat_e7);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_row_is_read_exactly),
        cmocka_unit_test(columns_may_stand_in_any_order_and_be_empty),
        cmocka_unit_test(headers_that_cannot_be_meant_are_refused),
        cmocka_unit_test(bad_rows_are_refused_by_column),
        cmocka_unit_test(times_are_read_in_their_usual_forms),
        cmocka_unit_test(random_rows_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
