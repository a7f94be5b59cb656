/* tests/notify/test_notify.c - committed events reach a reader that is not ours, once each, through
 * crashes of the broker and restarts of the service. */
#include "notify/notify.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/logline.h"
#include "base/record.h"
#include "ingest/site.h"
#include "ingest/support.h"
#include "log/group.h"
#include "mqtt/link.h"
#include "test.h"

typedef struct stage {
    site *s;
    notify *n;
    char reader_password[BROKER_PASSWORD_SIZE];
    char seen[128];
    pid_t reader;
    size_t wanted;
} stage;

static void start_notify_as(stage *st, const char *user, const char *password,
                            const char *session_key)
{
    char address[64];
    hr_why why = {{0}};
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", st->s->port);
    notify_options options = {.log = st->s->log,
                              .clock = st->s->clock,
                              .addresses = address,
                              .user = user,
                              .password = password,
                              .session_key = session_key};
    if (notify_start(&options, &st->n, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
}

static void start_notify(stage *st)
{
    const char *password = broker_password(st->s->broker);
    start_notify_as(st, BROKER_SERVICE_USER, password, password);
}

static bool is_up(void *context)
{
    const stage *st = context;
    return notify_health(st->n, NULL) == HR_OK;
}

/* A durable session, so that the reader misses nothing while the broker lives. */
static void start_reader(stage *st)
{
    char port[8];
    snprintf(port, sizeof port, "%u", st->s->port);
    snprintf(st->seen, sizeof st->seen, "%s/seen", st->s->root);
    const char *const make[] = {"mosquitto_sub",
                                "-p",
                                port,
                                "-u",
                                "screen",
                                "-P",
                                st->reader_password,
                                "-q",
                                "1",
                                "-t",
                                "hedgerow/v1/event/#",
                                "-i",
                                "screen",
                                "-c",
                                "-E",
                                NULL};
    const char *const argv[] = {"mosquitto_sub",
                                "-p",
                                port,
                                "-u",
                                "screen",
                                "-P",
                                st->reader_password,
                                "-q",
                                "1",
                                "-t",
                                "hedgerow/v1/event/#",
                                "-i",
                                "screen",
                                "-c",
                                "-F",
                                "%t %p",
                                NULL};
    assert_int_equal(support_run(make), 0);
    st->reader = support_spawn(argv, st->seen);
}

static int start_stage(void **state)
{
    stage *st = calloc(1, sizeof *st);
    assert_non_null(st);
    st->s = site_new(NULL);
    /* Nothing comes in here; and two clients of Paho in a process wait for each other. */
    ingest_stop(st->s->ingest);
    st->s->ingest = NULL;
    assert_int_equal(
        broker_user_add(st->s->broker_folder, "screen", BROKER_READER, st->reader_password, NULL),
        HR_OK);
    start_notify(st);
    assert_true(support_until(is_up, st));
    start_reader(st);
    *state = st;
    return 0;
}

static int end_stage(void **state)
{
    stage *st = *state;
    support_kill(st->reader);
    notify_stop(st->n);
    site_free(st->s);
    free(st);
    return 0;
}

static void append_event(stage *st, const hr_event *event)
{
    hr_buf bytes;
    log_position end;
    hr_buf_init(&bytes, 4096);
    hr_buf_put_u32(&bytes, 0);
    hr_event_store(&bytes, event);
    assert_int_equal(hr_buf_err(&bytes), HR_OK);
    hr_store_u32(bytes.data, (uint32_t)bytes.size - 4);
    log_batch batch = {.topic = HR_TOPIC_EVENTS,
                       .type = HR_RECORD_EVENT,
                       .count = 1,
                       .bytes = bytes.data,
                       .size = bytes.size};
    assert_int_equal(log_append(st->s->log, &batch, 1, NULL, NULL, &end), HR_OK);
    hr_buf_fini(&bytes);
}

static hr_event make_event(int number)
{
    hr_event event = {.kind = HR_EVENT_EXIT,
                      .severity = HR_SEVERITY_ALARM,
                      .time_ms = 1795161600000 + number,
                      .lon_e7 = 163725000,
                      .lat_e7 = 598512000,
                      .received_ms = 1795161600500,
                      .device_id = "cow-17",
                      .fence_id = "north",
                      .fence_name = "North paddock"};
    return event;
}

static size_t read_seen(stage *st, char *text, size_t capacity)
{
    FILE *file = fopen(st->seen, "r");
    size_t size = 0;
    if (file != NULL) {
        size = fread(text, 1, capacity - 1, file);
        fclose(file);
    }
    text[size] = '\0';
    return size;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

/* How many of the events 0..wanted-1 were seen, by their ids. */
static bool all_seen(void *context)
{
    static char text[1 << 20];
    stage *st = context;
    read_seen(st, text, sizeof text);
    for (size_t i = 0; i < st->wanted; i++) {
        char id[96];
        snprintf(id, sizeof id, "\"exit/north/cow-17/%lld\"",
                 (long long)(1795161600000 + (int64_t)i));
        if (strstr(text, id) == NULL) {
            return false;
        }
    }
    return true;
}

static void seen_in_order(stage *st, int count)
{
    static char text[1 << 20];
    const char *before = text;
    read_seen(st, text, sizeof text);
    for (int i = 0; i < count; i++) {
        char id[96];
        snprintf(id, sizeof id, "\"exit/north/cow-17/%lld\"", (long long)(1795161600000 + i));
        const char *at = strstr(text, id);
        assert_non_null(at);
        assert_true(at >= before);
        before = at;
    }
}

static void wait_for_events(stage *st, size_t count)
{
    st->wanted = count;
    if (!support_until(all_seen, st)) {
        fail_msg("not all of %zu events were told", count);
    }
}

static void an_event_is_published_under_its_fence_and_kind(void **state)
{
    stage *st = *state;
    static char text[1 << 16];
    hr_event event = make_event(0);
    append_event(st, &event);
    wait_for_events(st, 1);
    read_seen(st, text, sizeof text);
    assert_int_equal(strncmp(text, "hedgerow/v1/event/north/exit {", 30), 0);
    assert_non_null(strstr(text, "\"offset\":0"));
    assert_non_null(strstr(text, "\"severity\":\"alarm\""));
    assert_non_null(strstr(text, "\"emitted\":"));
}

static void late_events_are_no_news(void **state)
{
    stage *st = *state;
    static char text[1 << 16];
    hr_event late = make_event(500);
    late.late = true;
    hr_event event = make_event(0);
    append_event(st, &late);
    append_event(st, &event);
    wait_for_events(st, 1);
    read_seen(st, text, sizeof text);
    assert_int_equal(count_of(text, "\"id\""), 1);
}

static void a_stale_device_is_told_under_a_dash(void **state)
{
    stage *st = *state;
    static char text[1 << 16];
    hr_event stale = make_event(7);
    stale.kind = HR_EVENT_STALE;
    stale.fence_id[0] = '\0';
    hr_event event = make_event(0);
    append_event(st, &stale);
    append_event(st, &event);
    wait_for_events(st, 1);
    read_seen(st, text, sizeof text);
    assert_non_null(strstr(text, "hedgerow/v1/event/-/stale {"));
}

static void what_happened_while_the_service_was_down_is_told_after(void **state)
{
    stage *st = *state;
    static char text[1 << 16];
    notify_stop(st->n);
    hr_event old = make_event(500);
    append_event(st, &old);
    st->n = NULL;
    start_notify(st);
    hr_event event = make_event(0);
    append_event(st, &event);
    wait_for_events(st, 1);
    read_seen(st, text, sizeof text);
    assert_int_equal(count_of(text, "\"id\""), 2);
}

static bool everything_is_answered(void *context)
{
    stage *st = context;
    return log_group_offset(st->s->log, "notify-mqtt", HR_TOPIC_EVENTS, 0) ==
           log_end(st->s->log, HR_TOPIC_EVENTS, 0, LOG_COMMITTED);
}

static void events_that_happen_while_the_broker_is_dead_are_told_after(void **state)
{
    stage *st = *state;
    support_kill(st->reader);
    site_kill_broker(st->s);
    for (int i = 0; i < 300; i++) {
        hr_event event = make_event(i);
        append_event(st, &event);
    }
    start_reader(st);
    assert_true(support_until(is_up, st));
    assert_true(support_until(everything_is_answered, st));
}

static void a_restarted_service_goes_on_where_it_was(void **state)
{
    stage *st = *state;
    static char text[1 << 20];
    for (int i = 0; i < 200; i++) {
        hr_event event = make_event(i);
        append_event(st, &event);
        if (i % 50 == 49) {
            notify_stop(st->n);
            start_notify(st);
        }
    }
    wait_for_events(st, 200);
    assert_true(support_until(everything_is_answered, st));
    read_seen(st, text, sizeof text);
    /* Repeats are allowed, but a stop in good order makes few. */
    assert_in_range(count_of(text, "\"id\""), 200, 200 + 3 * NOTIFY_INFLIGHT_MAX);
}

/* A broker that takes some messages, answers none, and is gone then. */
#define TAKEN 20

typedef struct broken_link {
    mqtt_done *done[TAKEN];
    void *context[TAKEN];
} broken_link;

static broken_link broken;
static _Atomic bool is_broken, is_denying;
static _Atomic unsigned taken, refused;

HR_MUST_USE hr_err __real_mqtt_link_publish(mqtt_link *link, const char *topic, const void *payload,
                                            size_t size, int qos, bool is_retained, mqtt_done *done,
                                            void *context);
hr_err __wrap_mqtt_link_publish(mqtt_link *link, const char *topic, const void *payload,
                                size_t size, int qos, bool is_retained, mqtt_done *done,
                                void *context);
hr_err __wrap_mqtt_link_publish(mqtt_link *link, const char *topic, const void *payload,
                                size_t size, int qos, bool is_retained, mqtt_done *done,
                                void *context)
{
    if (atomic_load(&is_denying)) {
        atomic_fetch_add(&refused, 1);
        done(context, HR_DENIED);
        return HR_OK;
    }
    if (!atomic_load(&is_broken)) {
        return __real_mqtt_link_publish(link, topic, payload, size, qos, is_retained, done,
                                        context);
    }
    unsigned at = atomic_load(&taken);
    if (at == TAKEN) {
        atomic_fetch_add(&refused, 1);
        return HR_CLOSED;
    }
    broken.done[at] = done;
    broken.context[at] = context;
    atomic_fetch_add(&taken, 1);
    return HR_OK;
}

static bool are_refused(void *context)
{
    return atomic_load(&refused) >= *(unsigned *)context;
}

static void a_broker_that_goes_without_answering_keeps_nobody_busy(void **state)
{
    stage *st = *state;
    unsigned wanted = 1;
    atomic_store(&taken, 0);
    atomic_store(&refused, 0);
    atomic_store(&is_broken, true);
    for (int i = 0; i <= TAKEN; i++) {
        hr_event event = make_event(i);
        append_event(st, &event);
    }
    assert_true(support_until(are_refused, &wanted));
    for (int i = 0; i < TAKEN; i++) {
        broken.done[i](broken.context[i], HR_CLOSED);
    }
    /* The second of these attempts comes a whole pause after the first. */
    int64_t from_ns = hr_clock_mono_ns(hr_clock_real());
    wanted = atomic_load(&refused) + 2;
    assert_true(support_until(are_refused, &wanted));
    int64_t took_ms = (hr_clock_mono_ns(hr_clock_real()) - from_ns) / 1000000;
    atomic_store(&is_broken, false);
    wait_for_events(st, TAKEN + 1);
    assert_in_range(took_ms, 500, SUPPORT_TIMEOUT_MS);
    /* An animal that went out and came back must not be seen coming back and going out. */
    seen_in_order(st, TAKEN + 1);
}

static void a_broker_that_does_not_let_us_write_is_not_pressed(void **state)
{
    stage *st = *state;
    unsigned wanted = 1;
    atomic_store(&refused, 0);
    atomic_store(&is_denying, true);
    hr_event event = make_event(0);
    append_event(st, &event);
    assert_true(support_until(are_refused, &wanted));
    /* The second of these attempts comes a whole pause after the first. */
    int64_t from_ns = hr_clock_mono_ns(hr_clock_real());
    wanted = atomic_load(&refused) + 2;
    assert_true(support_until(are_refused, &wanted));
    int64_t took_ms = (hr_clock_mono_ns(hr_clock_real()) - from_ns) / 1000000;
    atomic_store(&is_denying, false);
    wait_for_events(st, 1);
    assert_in_range(took_ms, 500, SUPPORT_TIMEOUT_MS);
}

static void note_plain_name(const char *line, void *context)
{
    if (strstr(line, " as hedgerow-notify (") != NULL) {
        atomic_store((atomic_bool *)context, true);
    }
}

static bool is_noted(void *context)
{
    return atomic_load((atomic_bool *)context);
}

static void at_a_broker_of_others_the_name_of_the_session_has_no_key(void **state)
{
    stage *st = *state;
    atomic_bool is_plain = false;
    hr_logline_redirect(note_plain_name, &is_plain, hr_clock_real());
    hr_logline_set_level(HR_LEVEL_DEBUG);
    notify_stop(st->n);
    start_notify_as(st, "barn", st->s->password, NULL);
    bool is_met = support_until(is_noted, &is_plain);
    hr_logline_set_level(HR_LEVEL_INFO);
    hr_logline_redirect(NULL, NULL, NULL);
    assert_true(is_met);
}

#define WITH_STAGE(test) cmocka_unit_test_setup_teardown(test, start_stage, end_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(an_event_is_published_under_its_fence_and_kind),
        WITH_STAGE(at_a_broker_of_others_the_name_of_the_session_has_no_key),
        WITH_STAGE(late_events_are_no_news),
        WITH_STAGE(a_stale_device_is_told_under_a_dash),
        WITH_STAGE(what_happened_while_the_service_was_down_is_told_after),
        WITH_STAGE(events_that_happen_while_the_broker_is_dead_are_told_after),
        WITH_STAGE(a_restarted_service_goes_on_where_it_was),
        WITH_STAGE(a_broker_that_goes_without_answering_keeps_nobody_busy),
        WITH_STAGE(a_broker_that_does_not_let_us_write_is_not_pressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
