/* tests/wire/test_lorawan.c - uplinks as two network servers publish them. */
#include "wire/lorawan.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "test.h"

static hr_err read_text(const char *text, wire_fix *fix, hr_why *why)
{
    return lorawan_read(text, strlen(text), fix, why);
}

static void a_chirpstack_uplink_gives_a_fix(void **state)
{
    (void)state;
    wire_fix fix;
    assert_int_equal(
        read_text("{\"deduplicationId\":\"3ac7\",\"time\":\"2026-11-20T08:00:00.123456+00:00\","
                  "\"deviceInfo\":{\"tenantName\":\"farm\",\"deviceName\":\"Cow 17\","
                  "\"devEui\":\"0101010101010101\"},\"fCnt\":4,\"fPort\":1,\"object\":"
                  "{\"gpsLocation\":{\"1\":{\"latitude\":59.8512,\"longitude\":16.3725,"
                  "\"altitude\":30}},\"battery\":77},\"rxInfo\":[{\"location\":{\"latitude\":1,"
                  "\"longitude\":2}}]}",
                  &fix, NULL),
        HR_OK);
    assert_string_equal(fix.id, "0101010101010101");
    assert_int_equal(fix.fix.device, hr_device_key("0101010101010101", 16));
    assert_int_equal(fix.fix.lon_e7, 163725000);
    assert_int_equal(fix.fix.lat_e7, 598512000);
    assert_int_equal(fix.fix.time_ms, 1795161600123);
    assert_int_equal(fix.fix.battery_pct, 77);
    assert_int_equal(fix.fix.accuracy_dm, HR_FIX_U16_UNKNOWN);
}

static void a_things_stack_uplink_gives_a_fix(void **state)
{
    (void)state;
    wire_fix fix;
    assert_int_equal(
        read_text("{\"end_device_ids\":{\"device_id\":\"cow-17\",\"application_ids\":"
                  "{\"application_id\":\"farm\"}},\"received_at\":\"2026-11-20T08:00:01Z\","
                  "\"uplink_message\":{\"f_port\":1,\"decoded_payload\":{\"lat\":59.8512,"
                  "\"lng\":16.3725,\"accuracy\":4.5},\"received_at\":\"2026-11-20T08:00:00Z\"}}",
                  &fix, NULL),
        HR_OK);
    assert_string_equal(fix.id, "cow-17");
    assert_int_equal(fix.fix.time_ms, 1795161600000);
    assert_int_equal(fix.fix.accuracy_dm, 45);
}

/* The decoded payloads of common trackers, each at the same place. */
static void the_decoders_of_common_trackers_are_understood(void **state)
{
    (void)state;
    static const char *const payloads[] = {
        "{\"gps_1\":{\"altitude\":30,\"latitude\":59.8512,\"longitude\":16.3725}}",
        "{\"BatV\":4.1,\"Latitude\":59.8512,\"Longitude\":16.3725,\"MD\":1}",
        ("{\"type\":\"position\",\"inTrip\":true,\"latitudeDeg\":59.8512,"
         "\"longitudeDeg\":16.3725,\"headingDeg\":45,\"speedKmph\":5,\"batV\":4.05}"),
        "{\"valid\":true,\"gpsLatitude\":59.8512,\"gpsLongitude\":16.3725}",
        "{\"data\":[{\"status\":\"ok\"},{\"position\":{\"lat\":59.8512,\"lng\":16.3725}}]}",
        "{\"battery\":null,\"position\":{\"latitude\":59.8512,\"longitude\":16.3725}}",
    };
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        char text[512];
        wire_fix fix;
        snprintf(
            text, sizeof text,
            "{\"deduplicationId\":\"3ac7\",\"time\":\"2026-11-20T08:00:00.775023242+00:00\","
            "\"deviceInfo\":{\"devEui\":\"0101010101010101\",\"tags\":{}},\"adr\":true,"
            "\"margin\":null,\"object\":%s,\"rxInfo\":[],\"txInfo\":{\"frequency\":868300000}}",
            payloads[i]);
        if (read_text(text, &fix, NULL) != HR_OK || fix.fix.lat_e7 != 598512000 ||
            fix.fix.lon_e7 != 163725000 || fix.fix.time_ms != 1795161600775) {
            fail_msg("%s", text);
        }
    }
}

static void an_uplink_without_a_place_does_no_harm(void **state)
{
    (void)state;
    wire_fix fix;
    static const char too_deep[] = "{\"deviceInfo\":{\"devEui\":\"01\"},\"object\":{\"a\":{\"a\":{"
                                   "\"a\":{\"a\":{\"a\":{\"a\":{\"lat\":1,\"lon\":2}}}}}}}}";
    static const char *const texts[] = {
        "{\"deviceInfo\":{\"devEui\":\"01\"},\"object\":{\"temperature\":4}}",
        "{\"deviceInfo\":{\"devEui\":\"01\"},\"data\":\"AAA=\"}",
        "{\"deviceInfo\":{\"devEui\":\"01\"},\"object\":{\"latitude\":0,\"longitude\":0}}",
        "{\"end_device_ids\":{\"device_id\":\"a\"},\"join_accept\":{}}",
        too_deep,
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(read_text(texts[i], &fix, NULL), HR_UNSUPPORTED);
    }
}

static void what_is_no_uplink_is_refused(void **state)
{
    (void)state;
    wire_fix fix;
    hr_why why;
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"deviceInfo\":7}",
        "{\"lat\":1,\"lon\":2}",
        "{\"deviceInfo\":{\"devEui\":\"a b\"},\"object\":{\"lat\":1,\"lon\":2}}",
        "{\"deviceInfo\":{\"devEui\":\"01\"},\"object\":{\"lat\":91,\"lon\":2}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(read_text(texts[i], &fix, &why), HR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chirpstack_uplink_gives_a_fix),
        cmocka_unit_test(a_things_stack_uplink_gives_a_fix),
        cmocka_unit_test(the_decoders_of_common_trackers_are_understood),
        cmocka_unit_test(an_uplink_without_a_place_does_no_harm),
        cmocka_unit_test(what_is_no_uplink_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
