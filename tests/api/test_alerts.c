/* tests/api/test_alerts.c - alerts and who has seen them, also when the log has let go of them. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/alerts.h"
#include "base/record.h"
#include "engine/history.h"
#include "log/group.h"
#include "log/log.h"
#include "test.h"

#define T0 INT64_C(1795161600000)
#define ALARMS 600
#define WAIT_MS 20000

typedef struct site {
    char folder[64];
    char journal[96];
    char history_path[96];
    log_store *log;
    engine_history *history;
} site;

static const log_topic topics[] = {{"positions", 2}, {"events", 1}, {"dead", 1}};

static void open_site(site *s)
{
    hr_why why = {""};
    log_options options = {.folder = s->journal,
                           .topics = topics,
                           .topic_count = 3,
                           .clock = hr_clock_real(),
                           .file_bytes = 16 << 10,
                           .retain_bytes = 32 << 10,
                           .commit_min_gap_ms = 0};
    assert_int_equal(log_open(&options, &s->log, &why), HR_OK);
    engine_history_options keep = {
        .log = s->log, .clock = hr_clock_real(), .path = s->history_path, .free_bytes = 1};
    assert_int_equal(engine_history_start(&keep, &s->history, &why), HR_OK);
}

static void close_site(site *s)
{
    engine_history_stop(s->history);
    log_close(s->log);
}

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

static void commit(site *s)
{
    log_position end = log_appended(s->log);
    while (log_durable(s->log) < end) {
        (void)log_wait(s->log, LOG_COMMITTED, log_durable(s->log), 100);
    }
}

static void append(site *s, uint8_t type, const hr_buf *record)
{
    hr_buf bytes;
    log_position end = 0;
    hr_buf_init(&bytes, 1 << 20);
    hr_buf_put_u32(&bytes, (uint32_t)record->size);
    hr_buf_put(&bytes, record->data, record->size);
    log_batch batch = {.topic = HR_TOPIC_EVENTS,
                       .type = type,
                       .count = 1,
                       .bytes = bytes.data,
                       .size = bytes.size};
    assert_int_equal(log_append(s->log, &batch, 1, NULL, NULL, &end), HR_OK);
    hr_buf_fini(&bytes);
}

static void tell_event(site *s, int64_t number, hr_severity severity)
{
    hr_buf record;
    hr_event event = {.kind = HR_EVENT_EXIT,
                      .severity = severity,
                      .has_place = true,
                      .time_ms = T0 + number * 1000,
                      .received_ms = T0 + number * 1000,
                      .device_id = "cow-1",
                      .fence_id = "north",
                      .fence_name = "North"};
    hr_buf_init(&record, 4096);
    hr_event_store(&record, &event);
    append(s, HR_RECORD_EVENT, &record);
    hr_buf_fini(&record);
}

static void tell_seen(site *s, int64_t offset)
{
    hr_buf record;
    hr_buf_init(&record, 4096);
    hr_buf_printf(&record,
                  "{\"alert\":%lld,\"user\":\"anna\",\"time\":\"2026-11-20T08:00:00.000Z\"}",
                  (long long)offset);
    append(s, HR_RECORD_ALERT_ACK, &record);
    hr_buf_fini(&record);
}

static void count_alert(const alert *alert, void *context)
{
    (void)alert;
    *(uint32_t *)context += 1;
}

/* A new start, so that everything is found again. */
static void expect_alerts(site *s, uint32_t wanted, uint32_t wanted_open, bool second_is_seen)
{
    uint32_t count = 0;
    uint32_t open = 0;
    hr_why why = {""};
    alert found;
    alerts *all = alerts_new(s->log, s->history);
    assert_non_null(all);
    assert_int_equal(alerts_each(all, true, ALERTS_MAX, count_alert, &count, &open, &why), HR_OK);
    assert_int_equal(count, wanted);
    assert_int_equal(open, wanted_open);
    hr_err err = alerts_find(all, 2, &found, &why);
    assert_int_equal(err, second_is_seen ? HR_OK : HR_NOT_FOUND);
    if (second_is_seen) {
        assert_string_equal(found.acked_by, "anna");
    }
    /* What comes later is found too. */
    int64_t end = log_end(s->log, HR_TOPIC_EVENTS, 0, LOG_COMMITTED);
    tell_event(s, end, HR_SEVERITY_ALARM);
    commit(s);
    assert_int_equal(alerts_find(all, end, &found, &why), HR_OK);
    assert_int_equal(found.acked_ms, 0);
    alerts_free(all);
}

static void alerts_and_their_acknowledgements_outlive_the_log(void **state)
{
    (void)state;
    site s = {.folder = "/tmp/hr_alerts_XXXXXX"};
    hr_why why = {""};
    assert_non_null(mkdtemp(s.folder));
    snprintf(s.journal, sizeof s.journal, "%s/journal", s.folder);
    snprintf(s.history_path, sizeof s.history_path, "%s/history.db", s.folder);
    open_site(&s);
    for (int64_t i = 0; i < ALARMS; i++) {
        tell_event(&s, i, i % 2 == 0 ? HR_SEVERITY_ALARM : HR_SEVERITY_INFO);
    }
    tell_seen(&s, 2);
    commit(&s);
    assert_int_equal(engine_history_settle(s.history, WAIT_MS, &why), HR_OK);
    expect_alerts(&s, ALARMS / 2, ALARMS / 2 - 1, true);
    assert_int_equal(log_retain(s.log, NULL), HR_OK);
    assert_true(log_start(s.log, HR_TOPIC_EVENTS, 0) > 4);
    expect_alerts(&s, ALARMS / 2 + 1, ALARMS / 2, true);
    close_site(&s);
    open_site(&s);
    expect_alerts(&s, ALARMS / 2 + 2, ALARMS / 2 + 1, true);
    close_site(&s);
    nftw(s.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_and_their_acknowledgements_outlive_the_log),
    };
    return cmocka_run_group_tests_name("alerts", tests, NULL, NULL);
}
