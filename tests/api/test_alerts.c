/* tests/api/test_alerts.c - alerts and who has seen them, and the way back through all events, also
 * when the log has let go of them. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/alerts.h"
#include "api/events_past.h"
#include "base/record.h"
#include "engine/history.h"
#include "log/group.h"
#include "log/log.h"
#include "test.h"

#define T0 INT64_C(1795161600000)
#define ALARMS 600
#define WAIT_MS 20000
#define PAST_RECORDS 6000 /* several windows of what reads them */
#define PAST_ROUNDS 60

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
    alert_choice choice = {.all = true, .limit = ALERTS_MAX, .before = INT64_MAX};
    assert_int_equal(alerts_each(all, &choice, count_alert, &count, &open, &why), HR_OK);
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

static void make_site(site *s)
{
    snprintf(s->folder, sizeof s->folder, "/tmp/hr_alerts_XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->journal, sizeof s->journal, "%s/journal", s->folder);
    snprintf(s->history_path, sizeof s->history_path, "%s/history.db", s->folder);
    open_site(s);
}

static void remove_site(site *s)
{
    close_site(s);
    nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void alerts_and_their_acknowledgements_outlive_the_log(void **state)
{
    (void)state;
    site s;
    hr_why why = {""};
    make_site(&s);
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
    remove_site(&s);
}

/* ---- alerts and events page by page, the newest first ---- */

typedef struct page {
    int64_t offsets[EVENTS_PAST_MAX];
    uint32_t count;
} page;

static void note_alert(const alert *alert, void *context)
{
    page *p = context;
    p->offsets[p->count++] = alert->offset;
}

static void note_event(const hr_event *event, int64_t offset, void *context)
{
    page *p = context;
    (void)event;
    assert_true(p->count < EVENTS_PAST_MAX);
    p->offsets[p->count++] = offset;
}

static void alerts_go_on_below_an_offset(void **state)
{
    (void)state;
    site s;
    hr_why why = {""};
    uint32_t open = 0;
    make_site(&s);
    for (int64_t i = 0; i < 10; i++) {
        tell_event(&s, i, HR_SEVERITY_ALARM);
    }
    tell_seen(&s, 4);
    commit(&s);
    alerts *all = alerts_new(s.log, s.history);
    page got = {.count = 0};
    alert_choice choice = {.limit = 3, .before = 6};
    assert_int_equal(alerts_each(all, &choice, note_alert, &got, &open, &why), HR_OK);
    assert_int_equal(got.count, 3);
    assert_int_equal(got.offsets[0], 5);
    assert_int_equal(got.offsets[1], 3); /* 4 has been seen */
    assert_int_equal(got.offsets[2], 2);
    assert_int_equal(open, 9); /* of all, wherever one looks */
    alerts_free(all);
    remove_site(&s);
}

/* Every event, and now and then something else; severities[i] is that of offset i, or -1. */
static void tell_past(site *s, int severities[PAST_RECORDS], unsigned *seed)
{
    for (int64_t i = 0; i < PAST_RECORDS; i++) {
        bool is_event = rand_r(seed) % 5 > 0;
        /* Alarms are rare: one looks for them through many windows. */
        int severity = rand_r(seed) % 600 == 0 ? HR_SEVERITY_ALARM : HR_SEVERITY_INFO;
        severities[i] = is_event ? severity : -1;
        if (is_event) {
            tell_event(s, i, (hr_severity)severity);
        } else {
            tell_seen(s, i - 1);
        }
    }
    commit(s);
}

/* From `before` down to the oldest in pages of some size: each that is wanted, once, in order. */
static void walk_back(site *s, const int severities[PAST_RECORDS], const event_filter *filter,
                      int64_t before, uint32_t limit)
{
    int64_t next = before;
    events_past past = {.filter = filter, .before = before, .visit = note_event};
    do {
        page got = {.count = 0};
        history_reader *reader = NULL;
        assert_int_equal(history_reader_new(s->history, s->log, &reader, NULL), HR_OK);
        past.left = limit;
        past.context = &got;
        assert_int_equal(events_past_each(reader, &past, NULL), HR_OK);
        history_reader_free(reader);
        assert_true(got.count == limit || past.before == 0);
        for (uint32_t i = 0; i < got.count; i++) {
            do {
                next--;
            } while (severities[next] < 0 ||
                     (filter->has_severity && severities[next] != (int)filter->severity));
            assert_int_equal(got.offsets[i], next);
        }
    } while (past.before > 0);
    while (--next >= 0) {
        assert_true(severities[next] < 0 ||
                    (filter->has_severity && severities[next] != (int)filter->severity));
    }
}

static void the_past_is_told_backwards_without_a_gap_or_a_repeat(void **state)
{
    (void)state;
    static int severities[PAST_RECORDS];
    unsigned seed = (unsigned)getpid();
    site s;
    print_message("seed %u\n", seed);
    make_site(&s);
    tell_past(&s, severities, &seed);
    assert_int_equal(engine_history_settle(s.history, WAIT_MS, NULL), HR_OK);
    assert_int_equal(log_retain(s.log, NULL), HR_OK);
    assert_true(log_start(s.log, HR_TOPIC_EVENTS, 0) > 0);
    for (int i = 0; i < PAST_ROUNDS; i++) {
        event_filter filter = {.has_severity = i % 2 == 0,
                               .severity = HR_SEVERITY_ALARM,
                               .from_ms = INT64_MIN,
                               .to_ms = INT64_MAX};
        int64_t before = rand_r(&seed) % (PAST_RECORDS + 1);
        uint32_t limit = 1 + (uint32_t)rand_r(&seed) % (filter.has_severity ? 5 : EVENTS_PAST_MAX);
        walk_back(&s, severities, &filter, before, limit);
    }
    remove_site(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_and_their_acknowledgements_outlive_the_log),
        cmocka_unit_test(alerts_go_on_below_an_offset),
        cmocka_unit_test(the_past_is_told_backwards_without_a_gap_or_a_repeat),
    };
    return cmocka_run_group_tests_name("alerts", tests, NULL, NULL);
}
