/* tests/notify/test_webhook.c - webhooks against a web server that fails as told. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/id.h"
#include "base/record.h"
#include "ingest/support.h"
#include "log/group.h"
#include "log/reader.h"
#include "notify/notify.h"
#include "notify/private_net.h"
#include "notify/web_server.h"
#include "test.h"

#define EVENT_TIME_MS 1795161600000

typedef struct stage {
    char root[64];
    hr_clock *clock;
    log_store *log;
    web_server *servers[2];
    char urls[2][64];
    notify_webhook hooks[2];
    notify *n;
    size_t wanted;
} stage;

static void open_log(stage *st)
{
    static const log_topic topics[] = {{"positions", 1}, {"events", 1}, {"dead", 1}};
    char folder[96];
    snprintf(folder, sizeof folder, "%s/journal", st->root);
    log_options options = {
        .folder = folder, .topics = topics, .topic_count = 3, .clock = hr_clock_real()};
    assert_int_equal(log_open(&options, &st->log, NULL), HR_OK);
}

static void start(stage *st, size_t hook_count)
{
    hr_why why = {{0}};
    notify_options options = {
        .log = st->log, .clock = st->clock, .webhooks = st->hooks, .webhook_count = hook_count};
    if (notify_start(&options, &st->n, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
}

static int make_stage(void **state)
{
    stage *st = calloc(1, sizeof *st);
    assert_non_null(st);
    snprintf(st->root, sizeof st->root, "%s", support_folder());
    st->clock = hr_clock_fake_new(EVENT_TIME_MS);
    open_log(st);
    for (size_t i = 0; i < 2; i++) {
        st->servers[i] = web_server_new();
        snprintf(st->urls[i], sizeof st->urls[i], "http://127.0.0.1:%u/hook",
                 web_server_port(st->servers[i]));
        st->hooks[i] = (notify_webhook){
            .name = i == 0 ? "first" : "second", .url = st->urls[i], .allow_private = true};
    }
    *state = st;
    return 0;
}

static int drop_stage(void **state)
{
    stage *st = *state;
    notify_stop(st->n);
    log_close(st->log);
    web_server_free(st->servers[0]);
    web_server_free(st->servers[1]);
    hr_clock_fake_free(st->clock);
    support_folder_remove(st->root);
    free(st);
    return 0;
}

static void append_event(stage *st, const char *device, int number)
{
    hr_event event = {.kind = HR_EVENT_EXIT,
                      .severity = HR_SEVERITY_ALARM,
                      .time_ms = EVENT_TIME_MS + number,
                      .received_ms = EVENT_TIME_MS,
                      .device = hr_device_key(device, strlen(device)),
                      .fence_id = "north"};
    snprintf(event.device_id, sizeof event.device_id, "%s", device);
    hr_buf bytes;
    log_position end;
    hr_buf_init(&bytes, 4096);
    hr_buf_put_u32(&bytes, 0);
    hr_event_store(&bytes, &event);
    assert_int_equal(hr_buf_err(&bytes), HR_OK);
    hr_store_u32(bytes.data, (uint32_t)bytes.size - 4);
    log_batch batch = {.topic = HR_TOPIC_EVENTS,
                       .type = HR_RECORD_EVENT,
                       .count = 1,
                       .bytes = bytes.data,
                       .size = bytes.size};
    assert_int_equal(log_append(st->log, &batch, 1, NULL, NULL, &end), HR_OK);
    hr_buf_fini(&bytes);
}

static bool has_posts(void *context)
{
    stage *st = context;
    return web_server_count(st->servers[0]) >= st->wanted;
}

static void wait_posts(stage *st, size_t count)
{
    st->wanted = count;
    assert_true(support_until(has_posts, st));
}

/* The value of a header, up to the line's end. */
static void header_of(const web_post *post, const char *name, char *value, size_t capacity)
{
    const char *at = strstr(post->head, name);
    assert_non_null(at);
    at += strlen(name) + 2;
    snprintf(value, capacity, "%.*s", (int)strcspn(at, "\r"), at);
}

static void a_post_bears_the_events_id_and_a_signature(void **state)
{
    stage *st = *state;
    web_post post;
    char id[200], time[32], signature[128], text[9000], expected[80] = "sha256=";
    uint8_t code[EVP_MAX_MD_SIZE];
    unsigned size;
    st->hooks[0].secret = "between us";
    start(st, 1);
    append_event(st, "cow-17", 1);
    wait_posts(st, 1);
    web_server_get(st->servers[0], 0, &post);
    header_of(&post, "X-Hedgerow-Id", id, sizeof id);
    assert_string_equal(id, "exit/north/cow-17/1795161600001");
    header_of(&post, "X-Hedgerow-Time", time, sizeof time);
    assert_string_equal(time, "1795161600");
    header_of(&post, "X-Hedgerow-Signature", signature, sizeof signature);
    snprintf(text, sizeof text, "%s.%s", time, post.body);
    assert_non_null(
        HMAC(EVP_sha256(), "between us", 10, (uint8_t *)text, strlen(text), code, &size));
    for (unsigned i = 0; i < size; i++) {
        snprintf(expected + 7 + i * 2, 3, "%02x", code[i]);
    }
    assert_string_equal(signature, expected);
    assert_non_null(strstr(post.body, "\"id\":\"exit/north/cow-17/1795161600001\""));
}

static void a_failed_post_is_repeated_and_its_devices_next_event_waits(void **state)
{
    stage *st = *state;
    web_post post;
    web_server_fail(st->servers[0], 1, 503);
    start(st, 1);
    append_event(st, "cow-17", 1);
    wait_posts(st, 1);
    append_event(st, "cow-17", 2);
    append_event(st, "cow-18", 3);
    wait_posts(st, 4);
    static const char *const order[] = {"cow-17/1795161600001", "cow-18/1795161600003",
                                        "cow-17/1795161600001", "cow-17/1795161600002"};
    for (size_t i = 0; i < 4; i++) {
        web_server_get(st->servers[0], i, &post);
        assert_non_null(strstr(post.body, order[i]));
    }
}

static void a_hook_that_never_answers_delays_no_other(void **state)
{
    stage *st = *state;
    web_server_fail(st->servers[1], 100, 0);
    start(st, 2);
    for (int i = 0; i < 20; i++) {
        char device[16];
        snprintf(device, sizeof device, "cow-%d", i);
        append_event(st, device, i);
    }
    wait_posts(st, 20);
}

static bool is_failing(void *context)
{
    stage *st = context;
    return notify_health(st->n, NULL) != HR_OK;
}

static void a_private_address_is_refused_unless_it_is_allowed(void **state)
{
    stage *st = *state;
    hr_why why = {{0}};
    st->hooks[0].allow_private = false;
    start(st, 1);
    append_event(st, "cow-17", 1);
    assert_true(support_until(is_failing, st));
    assert_int_equal(notify_health(st->n, &why), HR_IO);
    assert_int_equal(web_server_count(st->servers[0]), 0);
}

static bool has_dead(void *context)
{
    stage *st = context;
    return log_end(st->log, HR_TOPIC_DEAD, 0, LOG_COMMITTED) == 1;
}

static void after_a_day_an_event_goes_to_the_dead_topic(void **state)
{
    stage *st = *state;
    web_server_fail(st->servers[0], 100, 500);
    start(st, 1);
    append_event(st, "cow-17", 1);
    assert_true(support_until(is_failing, st));
    hr_clock_fake_advance(st->clock, NOTIFY_RETRY_MAX_MS + 1000);
    assert_true(support_until(has_dead, st));
    assert_int_equal(notify_health(st->n, NULL), HR_OK);
    log_reader *reader;
    log_view view;
    const uint8_t *bytes;
    size_t size, at = 0;
    assert_int_equal(log_reader_open(st->log, HR_TOPIC_DEAD, 0, 0, LOG_COMMITTED, &reader), HR_OK);
    assert_int_equal(log_reader_next(reader, &view, NULL), HR_OK);
    assert_true(log_record_next(&view, &at, &bytes, &size));
    assert_int_equal(hr_load_u16(bytes), strlen("webhook/first"));
    assert_memory_equal(bytes + 2, "webhook/first", 13);
    assert_memory_equal(bytes + 17, "answered 500, after ", 20);
    log_reader_close(reader);
}

/* The gateway was off for days, or its clock was set only now. */
static void what_is_old_when_it_is_first_tried_is_tried_again_all_the_same(void **state)
{
    stage *st = *state;
    web_server_fail(st->servers[0], 1, 503);
    start(st, 1);
    hr_clock_fake_step(st->clock, EVENT_TIME_MS + 3 * (int64_t)NOTIFY_RETRY_MAX_MS);
    append_event(st, "cow-17", 1);
    wait_posts(st, 2);
    notify_stop(st->n);
    st->n = NULL;
    assert_int_equal(log_end(st->log, HR_TOPIC_DEAD, 0, LOG_APPENDED), 0);
}

static bool is_settled(void *context)
{
    const stage *st = context;
    return log_group_offset(st->log, "webhook-first", HR_TOPIC_EVENTS, 0) ==
           log_end(st->log, HR_TOPIC_EVENTS, 0, LOG_APPENDED);
}

static void a_restarted_hook_goes_on_where_it_was(void **state)
{
    stage *st = *state;
    web_post post;
    start(st, 1);
    append_event(st, "cow-17", 1);
    wait_posts(st, 1);
    /* The server has it before the hook has its answer; without that it would tell it again. */
    assert_true(support_until(is_settled, st));
    notify_stop(st->n);
    append_event(st, "cow-17", 2);
    start(st, 1);
    wait_posts(st, 2);
    web_server_get(st->servers[0], web_server_count(st->servers[0]) - 1, &post);
    assert_non_null(strstr(post.body, "cow-17/1795161600002"));
}

static void bad_webhooks_are_refused_at_the_start(void **state)
{
    stage *st = *state;
    static const notify_webhook bad[] = {
        {.name = "a b", .url = "http://x/"},
        {.name = "a-name-of-one-and-fifty-letters-is-too-long-for-one", .url = "http://x/"},
        {.name = "a", .url = "ftp://x/"},
        {.name = "a", .url = "file:///etc/passwd"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        notify_options options = {
            .log = st->log, .clock = st->clock, .webhooks = &bad[i], .webhook_count = 1};
        assert_int_equal(notify_start(&options, &st->n, NULL), HR_INVALID);
    }
}

static bool is_private(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        return private_net_holds((struct sockaddr *)&in);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return private_net_holds((struct sockaddr *)&in6);
}

static void private_networks_are_known(void **state)
{
    (void)state;
    static const char *const private[] = {"127.0.0.1",       "10.1.2.3",      "172.16.0.1",
                                          "172.31.255.255",  "192.168.1.1",   "169.254.169.254",
                                          "100.64.0.1",      "0.0.0.0",       "224.0.0.1",
                                          "255.255.255.255", "::1",           "::",
                                          "fe80::1",         "fd00::1",       "::ffff:10.0.0.1",
                                          "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1"};
    static const char *const open[] = {"8.8.8.8",       "172.32.0.1",      "192.169.0.1",
                                       "100.128.0.1",   "2606:4700::1111", "::ffff:8.8.8.8",
                                       "2002:808:808::"};
    for (size_t i = 0; i < sizeof private / sizeof private[0]; i++) {
        assert_true(is_private(private[i]));
    }
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        assert_false(is_private(open[i]));
    }
}

#define WITH_STAGE(test) cmocka_unit_test_setup_teardown(test, make_stage, drop_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(a_post_bears_the_events_id_and_a_signature),
        WITH_STAGE(a_failed_post_is_repeated_and_its_devices_next_event_waits),
        WITH_STAGE(a_hook_that_never_answers_delays_no_other),
        WITH_STAGE(a_private_address_is_refused_unless_it_is_allowed),
        WITH_STAGE(after_a_day_an_event_goes_to_the_dead_topic),
        WITH_STAGE(what_is_old_when_it_is_first_tried_is_tried_again_all_the_same),
        WITH_STAGE(a_restarted_hook_goes_on_where_it_was),
        WITH_STAGE(bad_webhooks_are_refused_at_the_start),
        cmocka_unit_test(private_networks_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
