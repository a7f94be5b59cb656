/* tests/wire/test_fix_json.c - JSON fixes: what is read, what is unknown, what is refused. */
#include "wire/fix_json.h"

#include <string.h>

#include "base/id.h"
#include "test.h"

typedef struct walk {
    wire_fix fixes[8];
    size_t good;
    size_t bad;
    size_t bad_index;
    hr_why reason;
} walk;

static hr_err note(void *context, size_t index, const wire_fix *fix, const hr_why *why)
{
    walk *w = context;
    if (fix != NULL) {
        assert_true(w->good < 8);
        w->fixes[w->good++] = *fix;
    } else {
        w->bad++;
        w->bad_index = index;
        w->reason = *why;
    }
    return HR_OK;
}

static hr_err read_text(const char *text, walk *w, hr_why *why)
{
    *w = (walk){.good = 0};
    return fix_json_read(text, strlen(text), "tractor", note, w, why);
}

static void a_plain_fix_is_read_whole(void **state)
{
    (void)state;
    walk w;
    hr_why why;
    assert_int_equal(
        read_text("{\"device\":\"cow-17\",\"time\":\"2026-11-20T08:00:00.123Z\",\"lon\":16.3725,"
                  "\"lat\":59.8512,\"accuracy_m\":4.25,\"speed_mps\":1.2,\"heading_deg\":270.5,"
                  "\"battery_pct\":88} \n",
                  &w, &why),
        HR_OK);
    assert_int_equal(w.good, 1);
    assert_string_equal(w.fixes[0].id, "cow-17");
    assert_int_equal(w.fixes[0].id_size, 6);
    hr_fix expected = {.device = hr_device_key("cow-17", 6),
                       .time_ms = 1795161600123,
                       .lon_e7 = 163725000,
                       .lat_e7 = 598512000,
                       .accuracy_dm = 43,
                       .speed_cm_s = 120,
                       .heading_cdeg = 27050,
                       .battery_pct = 88};
    assert_memory_equal(&w.fixes[0].fix, &expected, sizeof expected);
}

static void what_a_fix_does_not_say_is_unknown(void **state)
{
    (void)state;
    walk w;
    assert_int_equal(read_text("{\"lon\":-180,\"lat\":90,\"time\":null}", &w, NULL), HR_OK);
    assert_string_equal(w.fixes[0].id, "tractor");
    hr_fix expected = {.device = hr_device_key("tractor", 7),
                       .lon_e7 = -1800000000,
                       .lat_e7 = 900000000,
                       .accuracy_dm = HR_FIX_U16_UNKNOWN,
                       .speed_cm_s = HR_FIX_U16_UNKNOWN,
                       .heading_cdeg = HR_FIX_U16_UNKNOWN,
                       .battery_pct = HR_FIX_U8_UNKNOWN,
                       .flags = HR_FIX_TIME_ASSIGNED};
    assert_memory_equal(&w.fixes[0].fix, &expected, sizeof expected);
}

static void details_out_of_range_are_unknown_or_the_highest(void **state)
{
    (void)state;
    walk w;
    assert_int_equal(read_text("{\"lon\":1,\"lat\":2,\"time\":1795161600123,\"accuracy_m\":1e9,"
                               "\"speed_mps\":-1,\"heading_deg\":360,\"battery_pct\":101}",
                               &w, NULL),
                     HR_OK);
    assert_int_equal(w.fixes[0].fix.time_ms, 1795161600123);
    assert_int_equal(w.fixes[0].fix.accuracy_dm, 65534);
    assert_int_equal(w.fixes[0].fix.speed_cm_s, HR_FIX_U16_UNKNOWN);
    assert_int_equal(w.fixes[0].fix.heading_cdeg, 0);
    assert_int_equal(w.fixes[0].fix.battery_pct, HR_FIX_U8_UNKNOWN);
    assert_int_equal(read_text("{\"lon\":1,\"lat\":2,\"accuracy_m\":1e300}", &w, NULL), HR_OK);
    assert_int_equal(w.fixes[0].fix.accuracy_dm, 65534);
    assert_int_equal(read_text("{\"lon\":1,\"lat\":2,\"accuracy_m\":-1,\"heading_deg\":400,"
                               "\"battery_pct\":120,\"speed_mps\":-3}",
                               &w, NULL),
                     HR_OK);
    assert_int_equal(w.fixes[0].fix.accuracy_dm, HR_FIX_U16_UNKNOWN);
    assert_int_equal(w.fixes[0].fix.heading_cdeg, HR_FIX_U16_UNKNOWN);
    assert_int_equal(w.fixes[0].fix.battery_pct, HR_FIX_U8_UNKNOWN);
    assert_int_equal(w.fixes[0].fix.speed_cm_s, HR_FIX_U16_UNKNOWN);
}

static void coordinates_keep_every_digit_of_the_lattice(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t lon_e7;
    } cases[] = {
        {"{\"lat\":0,\"lon\":0.00000005}", 1},
        {"{\"lat\":0,\"lon\":-0.00000005}", -1},
        {"{\"lat\":0,\"lon\":0.000000049}", 0},
        {"{\"lat\":0,\"lon\":16.37250005}", 163725001},
        {"{\"lat\":0,\"lon\":179.9999999}", 1799999999},
        {"{\"lat\":0,\"lon\":1.5e1}", 150000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        walk w;
        assert_int_equal(read_text(cases[i].text, &w, NULL), HR_OK);
        assert_int_equal(w.fixes[0].fix.lon_e7, cases[i].lon_e7);
    }
}

static void an_array_gives_its_good_fixes_and_says_which_are_bad(void **state)
{
    (void)state;
    walk w;
    assert_int_equal(read_text("[{\"device\":\"a\",\"lon\":1,\"lat\":2,\"time\":1},"
                               "{\"device\":\"b\",\"lon\":1,\"lat\":91,\"time\":1},"
                               "{\"device\":\"c\",\"lon\":3,\"lat\":4,\"time\":2}]",
                               &w, NULL),
                     HR_OK);
    assert_int_equal(w.good, 2);
    assert_int_equal(w.bad, 1);
    assert_int_equal(w.bad_index, 1);
    assert_string_equal(w.reason.text, "lat 91 is not within +-90 degrees");
    assert_string_equal(w.fixes[1].id, "c");
    assert_int_equal(read_text("[]", &w, NULL), HR_OK);
    assert_int_equal(w.good + w.bad, 0);
}

static void poison_is_refused_with_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {
        {"", "0 bytes, a JSON message has 1 to 1048576"},
        {"{", "not JSON at byte 0"},
        {"{\"lon\":1,", "not JSON at byte 8"},
        {"7", "a fix is not a JSON object"},
        {"{}", "lon is missing"},
        {"{\"lon\":1}", "lat is missing"},
        {"{\"lon\":\"1\",\"lat\":2}", "lon is not a number"},
        {"{\"lon\":1e400,\"lat\":2}", "lon inf is not within +-180 degrees"},
        {"{\"lon\":180.0000001,\"lat\":2}", "lon 180 is not within +-180 degrees"},
        {"{\"lon\":1,\"lat\":2} x", "more text after the JSON value, at byte 18"},
        {"{\"lon\":1,\"lat\":2,\"device\":7}", "device is not a text"},
        {"{\"lon\":1,\"lat\":2,\"device\":\"a/b\"}",
         "device id \"a/b\" is not 1-64 of [A-Za-z0-9._:-]"},
        {"{\"lon\":1,\"lat\":2,\"time\":\"now\"}",
         "time \"now\" is not a time like 2026-11-20T08:00:00Z"},
        {"{\"lon\":1,\"lat\":2,\"time\":true}", "time is neither text nor a number that is a time"},
        {"{\"lon\":1,\"lat\":2,\"time\":1e18}", "time is neither text nor a number that is a time"},
        {"{\"lon\":1,\"lat\":2,\"accuracy_m\":\"4\"}", "accuracy_m is not a number"},
        {"{\"_type\":\"lwt\",\"tst\":1}", "_type \"lwt\" is not a location"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        walk w;
        hr_why why = {{0}};
        assert_int_equal(read_text(cases[i].text, &w, &why), HR_INVALID);
        assert_int_equal(w.good + w.bad, 0);
        assert_string_equal(why.text, cases[i].reason);
    }
}

static void a_zero_in_a_text_does_not_cut_it_short(void **state)
{
    (void)state;
    static const char plain[] = "{\"lon\":1,\"lat\":2,\"device\":\"a\0b\"}";
    walk w = {.good = 0};
    hr_why why = {{0}};
    assert_int_equal(fix_json_read(plain, sizeof plain - 1, "d", note, &w, &why), HR_INVALID);
    assert_string_equal(why.text, "device id \"a?b\" is not 1-64 of [A-Za-z0-9._:-]");
    const char *escaped = "{\"lon\":1,\"lat\":2,\"device\":\"a\\u0000b\"}";
    assert_int_equal(read_text(escaped, &w, NULL), HR_INVALID);
    const char *in_a_time = "{\"lon\":1,\"lat\":2,\"time\":\"2026-11-20T08:00:00Z\\u0000\"}";
    assert_int_equal(read_text(in_a_time, &w, NULL), HR_INVALID);
    const char *elsewhere = "{\"lon\":1,\"lat\":2,\"lon\\u0000\":3,\"SSID\":\"x\\u0000\"}";
    assert_int_equal(read_text(elsewhere, &w, NULL), HR_OK);
    assert_int_equal(w.fixes[0].fix.lon_e7, 10000000);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    char text[4000];
    memset(text, '[', sizeof text);
    walk w = {.good = 0};
    assert_int_equal(fix_json_read(text, sizeof text, "a", note, &w, NULL), HR_INVALID);
}

static void an_owntracks_location_is_read(void **state)
{
    (void)state;
    const char *text = "{\"_type\":\"location\",\"lat\":59.8512,\"lon\":16.3725,\"tst\":1795161600,"
                       "\"acc\":12,\"vel\":36,\"cog\":90,\"batt\":55,\"tid\":\"ph\"}";
    wire_fix fix;
    assert_int_equal(fix_json_owntracks(text, strlen(text), "ann.phone", &fix, NULL), HR_OK);
    hr_fix expected = {.device = hr_device_key("ann.phone", 9),
                       .time_ms = 1795161600000,
                       .lon_e7 = 163725000,
                       .lat_e7 = 598512000,
                       .accuracy_dm = 120,
                       .speed_cm_s = 1000,
                       .heading_cdeg = 9000,
                       .battery_pct = 55};
    assert_memory_equal(&fix.fix, &expected, sizeof expected);
    assert_string_equal(fix.id, "ann.phone");
    walk w;
    assert_int_equal(read_text(text, &w, NULL), HR_OK);
    assert_string_equal(w.fixes[0].id, "tractor");
}

/* What the apps of both phones, and trackers that speak their language, really send. */
static void what_owntracks_apps_leave_out_or_add_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_ms; /* -1: none */
        uint16_t accuracy_dm;
        uint16_t speed_cm_s;
    } cases[] = {
        {"{\"_type\":\"location\",\"BSSID\":\"00:11:22:33:44:55\",\"SSID\":\"farm\",\"_id\":"
         "\"1a2b\","
         "\"acc\":12,\"alt\":154,\"batt\":53,\"bs\":1,\"conn\":\"w\",\"created_at\":1795161603,"
         "\"lat\":59.8512,\"lon\":16.3725,\"m\":1,\"t\":\"p\",\"tid\":\"3s\",\"topic\":\"owntracks/"
         "a/b\","
         "\"tst\":1795161600,\"vac\":1,\"vel\":0}",
         1795161600000, 120, 0},
        {"{\"cog\":270,\"batt\":76,\"lon\":16.3725,\"acc\":5,\"bs\":1,\"p\":99.9,\"vel\":-1,"
         "\"vac\":3,"
         "\"lat\":59.8512,\"conn\":\"m\",\"m\":1,\"tst\":1795161600,\"alt\":54,\"_type\":"
         "\"location\",\"tid\":\"pi\",\"inregions\":[\"home\"],\"inrids\":[\"6da9cf\"]}",
         1795161600000, 50, HR_FIX_U16_UNKNOWN},
        {"{\"_type\":\"location\",\"lat\":59.8512,\"lon\":16.3725,\"tst\":1795161600.25}",
         1795161600250, HR_FIX_U16_UNKNOWN, HR_FIX_U16_UNKNOWN},
        {"{\"_type\":\"location\",\"lat\":59.8512,\"lon\":16.3725,\"tst\":1.7951616e9}",
         1795161600000, HR_FIX_U16_UNKNOWN, HR_FIX_U16_UNKNOWN},
        {"{\"_type\":\"location\",\"lat\":59.8512,\"lon\":16.3725}", -1, HR_FIX_U16_UNKNOWN,
         HR_FIX_U16_UNKNOWN},
        {"{\"_type\":\"location\",\"lat\":59.8512,\"lon\":16.3725,\"tst\":null,\"acc\":null,"
         "\"batt\":null,\"vel\":null,\"cog\":null}",
         -1, HR_FIX_U16_UNKNOWN, HR_FIX_U16_UNKNOWN},
        {" {\"_type\":\"location\",\"lat\":59.8512,\"lon\":16.3725,\"tst\":1795161600,\"acc\":1414,"
         "\"vel\":3.6,\"batt\":-1,\"cog\":-1,\"poi\":\"\\u00e5\\ud83d\\ude00\"}\r\n",
         1795161600000, 14140, 100},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_fix fix;
        hr_why why = {{0}};
        const char *text = cases[i].text;
        if (fix_json_owntracks(text, strlen(text), "ann.phone", &fix, &why) != HR_OK) {
            fail_msg("%s: %s", text, why.text);
        }
        bool has_time = (fix.fix.flags & HR_FIX_TIME_ASSIGNED) == 0;
        assert_int_equal(has_time ? fix.fix.time_ms : -1, cases[i].time_ms);
        assert_int_equal(fix.fix.lat_e7, 598512000);
        assert_int_equal(fix.fix.lon_e7, 163725000);
        assert_int_equal(fix.fix.accuracy_dm, cases[i].accuracy_dm);
        assert_int_equal(fix.fix.speed_cm_s, cases[i].speed_cm_s);
    }
}

static void other_owntracks_messages_do_no_harm(void **state)
{
    (void)state;
    wire_fix fix;
    const char *lwt = "{\"_type\":\"lwt\",\"tst\":1795161600}";
    const char *bare = "{\"lat\":1,\"lon\":2}";
    assert_int_equal(fix_json_owntracks(lwt, strlen(lwt), "a.b", &fix, NULL), HR_UNSUPPORTED);
    assert_int_equal(fix_json_owntracks(bare, strlen(bare), "a.b", &fix, NULL), HR_INVALID);
    assert_int_equal(fix_json_owntracks("[]", 2, "a.b", &fix, NULL), HR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_fix_is_read_whole),
        cmocka_unit_test(what_a_fix_does_not_say_is_unknown),
        cmocka_unit_test(details_out_of_range_are_unknown_or_the_highest),
        cmocka_unit_test(coordinates_keep_every_digit_of_the_lattice),
        cmocka_unit_test(an_array_gives_its_good_fixes_and_says_which_are_bad),
        cmocka_unit_test(poison_is_refused_with_its_reason),
        cmocka_unit_test(a_zero_in_a_text_does_not_cut_it_short),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(an_owntracks_location_is_read),
        cmocka_unit_test(what_owntracks_apps_leave_out_or_add_is_taken),
        cmocka_unit_test(other_owntracks_messages_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
