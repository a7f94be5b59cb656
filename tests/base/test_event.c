/* tests/base/test_event.c - stored events, stored fixes, event ids. */
#include "base/event.h"

#include <string.h>

#include "base/fix.h"
#include "suites.h"
#include "test.h"

static hr_event sample(void)
{
    return (hr_event){.kind = HR_EVENT_EXIT,
                      .cause = HR_CAUSE_FIX,
                      .severity = HR_SEVERITY_ALARM,
                      .late = true,
                      .has_place = true,
                      .has_crossing = true,
                      .time_ms = 1795161600123,
                      .lon_e7 = 163725000,
                      .lat_e7 = -598512000,
                      .crossing_time_ms = 1795161598900,
                      .crossing_lon_e7 = 163721000,
                      .crossing_lat_e7 = -598510000,
                      .device = 0x1122334455667788u,
                      .rules_version = 9,
                      .received_ms = 1795161600300,
                      .source_partition = 3,
                      .source_offset = 90211,
                      .source_index = 1,
                      .device_id = "cow-17",
                      .fence_id = "north",
                      .fence_name = "North paddock"};
}

static void a_stored_event_comes_back_equal(void **state)
{
    (void)state;
    hr_event event = sample();
    hr_event loaded;
    hr_buf bytes, again;
    hr_buf_init(&bytes, 1000);
    hr_buf_init(&again, 1000);
    hr_event_store(&bytes, &event);
    assert_int_equal(hr_event_load(bytes.data, bytes.size, &loaded), HR_OK);
    hr_event_store(&again, &loaded);
    assert_int_equal(bytes.size, again.size);
    assert_memory_equal(bytes.data, again.data, bytes.size);
    assert_string_equal(loaded.fence_name, "North paddock");
    assert_int_equal(loaded.crossing_lat_e7, -598510000);
    assert_true(loaded.has_place && loaded.has_crossing && loaded.late);
    event.has_place = false;
    event.late = false;
    hr_buf_clear(&bytes);
    hr_event_store(&bytes, &event);
    assert_int_equal(hr_event_load(bytes.data, bytes.size, &loaded), HR_OK);
    assert_true(!loaded.has_place && loaded.has_crossing && !loaded.late);
    hr_buf_fini(&bytes);
    hr_buf_fini(&again);
}

static void every_cut_of_a_stored_event_is_refused(void **state)
{
    (void)state;
    hr_event event = sample();
    hr_event loaded;
    hr_buf bytes;
    hr_buf_init(&bytes, 1000);
    hr_event_store(&bytes, &event);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(hr_event_load(bytes.data, size, &loaded), HR_CORRUPT);
    }
    hr_buf_put_u8(&bytes, 0);
    assert_int_equal(hr_event_load(bytes.data, bytes.size, &loaded), HR_CORRUPT);
    hr_buf_fini(&bytes);
}

static void ids_tell_what_happened_and_by_what_cause(void **state)
{
    (void)state;
    char id[HR_EVENT_ID_SIZE];
    hr_event event = sample();
    hr_event_id(&event, id);
    assert_string_equal(id, "exit/north/cow-17/1795161600123");
    event.cause = HR_CAUSE_RULES;
    hr_event_id(&event, id);
    assert_string_equal(id, "exit/north/cow-17/1795161600123/rules-9");
    event.cause = HR_CAUSE_EXPIRY;
    hr_event_id(&event, id);
    assert_string_equal(id, "exit/north/cow-17/1795161600123/expiry");
    event.kind = HR_EVENT_STALE;
    event.cause = HR_CAUSE_TICK;
    event.fence_id[0] = '\0';
    hr_event_id(&event, id);
    assert_string_equal(id, "stale/-/cow-17/1795161600123");
}

static void names_of_kinds_are_read_back(void **state)
{
    (void)state;
    hr_event_kind kind;
    for (unsigned i = 0; i < HR_EVENT_KINDS; i++) {
        const char *name = hr_event_kind_name((hr_event_kind)i);
        assert_int_equal(hr_event_kind_parse(name, strlen(name), &kind), HR_OK);
        assert_int_equal(kind, i);
    }
    assert_int_equal(hr_event_kind_parse("ente", 4, &kind), HR_INVALID);
}

static void a_stored_fix_has_the_documented_layout(void **state)
{
    (void)state;
    uint8_t bytes[HR_FIX_BYTES];
    hr_fix fix = {.device = 0x0807060504030201u,
                  .time_ms = 0x100f0e0d0c0b0a09,
                  .lon_e7 = 0x14131211,
                  .lat_e7 = 0x18171615,
                  .accuracy_dm = 0x1a19,
                  .speed_cm_s = 0x1c1b,
                  .heading_cdeg = 0x1e1d,
                  .battery_pct = 0x1f,
                  .flags = 0x20};
    hr_fix loaded;
    hr_fix_store(bytes, &fix);
    for (unsigned i = 0; i < HR_FIX_BYTES; i++) {
        assert_int_equal(bytes[i], i + 1);
    }
    hr_fix_load(bytes, &loaded);
    assert_memory_equal(&loaded, &fix, sizeof fix);
}

int run_event_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stored_event_comes_back_equal),
        cmocka_unit_test(every_cut_of_a_stored_event_is_refused),
        cmocka_unit_test(ids_tell_what_happened_and_by_what_cause),
        cmocka_unit_test(names_of_kinds_are_read_back),
        cmocka_unit_test(a_stored_fix_has_the_documented_layout),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
