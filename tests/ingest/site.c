/* tests/ingest/site.c - the parts under test, started for real. */
#include "ingest/site.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/record.h"
#include "ingest/support.h"
#include "log/reader.h"
#include "test.h"
#include "wire/hrf1.h"

#define SITE_TIME_MS 1735689600000 /* of the past, whatever the date: the future is refused */

void site_start_broker(site *s)
{
    hr_why why = {{0}};
    broker_options options = {
        .folder = s->broker_folder, .port = s->port, .clock = hr_clock_real()};
    if (broker_start(&options, &s->broker, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
}

void site_open_log(site *s)
{
    static const log_topic topics[] = {{"positions", SITE_PARTITIONS}, {"events", 1}, {"dead", 1}};
    hr_why why = {{0}};
    log_options options = {.folder = s->log_folder,
                           .topics = topics,
                           .topic_count = 3,
                           .clock = s->clock,
                           .lazy_types = UINT64_C(1) << HR_RECORD_TICK,
                           .file_bytes = s->file_bytes,
                           .retain_bytes = s->retain_bytes,
                           .hard_bytes = s->hard_bytes,
                           .commit_min_gap_ms = s->commit_min_gap_ms};
    if (log_open(&options, &s->log, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
}

void site_start_ingest_as(site *s, const char *password)
{
    char address[64];
    hr_why why = {{0}};
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u",
             s->ingest_port != 0 ? s->ingest_port : s->port);
    ingest_options options = {.log = s->log,
                              .clock = s->clock,
                              .keep_alive_s = s->keep_alive_s,
                              .addresses = address,
                              .user = BROKER_SERVICE_USER,
                              .password = password,
                              .session_key = password,
                              .presence = s->presence,
                              .ticks_wanted = s->ticks_wanted};
    if (ingest_start(&options, &s->ingest, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
}

void site_start_ingest(site *s)
{
    site_start_ingest_as(s, broker_password(s->broker));
}

static bool is_connected(void *context)
{
    site *s = context;
    return ingest_health(s->ingest, NULL) == HR_OK;
}

void site_wait_connected(site *s)
{
    assert_true(support_until(is_connected, s));
}

void site_settle(site *s, const hr_clock *clock)
{
    s->clock = clock != NULL ? clock : hr_clock_real();
    snprintf(s->root, sizeof s->root, "%s", support_folder());
    snprintf(s->broker_folder, sizeof s->broker_folder, "%s/broker", s->root);
    snprintf(s->log_folder, sizeof s->log_folder, "%s/journal", s->root);
    s->port = support_port();
    assert_int_equal(broker_user_add(s->broker_folder, "barn", BROKER_GATEWAY, s->password, NULL),
                     HR_OK);
    site_start_broker(s);
}

site *site_new(const hr_clock *clock)
{
    site *s = calloc(1, sizeof *s);
    assert_non_null(s);
    site_settle(s, clock);
    site_open_log(s);
    site_start_ingest(s);
    site_wait_connected(s);
    return s;
}

void site_leave(site *s)
{
    log_close(s->log);
    broker_stop(s->broker);
    support_folder_remove(s->root);
}

void site_free(site *s)
{
    ingest_stop(s->ingest);
    site_leave(s);
    free(s);
}

typedef struct changed {
    broker *b;
    pid_t from;
} changed;

static bool has_another_pid(void *context)
{
    const changed *c = context;
    pid_t pid = broker_pid(c->b);
    return pid != 0 && pid != c->from;
}

static bool is_disconnected(void *context)
{
    const site *s = context;
    return s->ingest == NULL || !is_connected(context);
}

void site_kill_broker(site *s)
{
    changed c = {s->broker, broker_pid(s->broker)};
    assert_int_equal(kill(c.from, SIGKILL), 0);
    assert_true(support_until(is_disconnected, s));
    assert_true(support_until(has_another_pid, &c));
}

/* Calls visit for every committed batch of a topic's partition. */
typedef void batch_visitor(const log_view *view, void *context);

static void each_batch(site *s, uint8_t topic, uint16_t partition, batch_visitor *visit,
                       void *context)
{
    log_reader *reader;
    assert_int_equal(log_reader_open(s->log, topic, partition, 0, LOG_COMMITTED, &reader), HR_OK);
    log_view view;
    while (log_reader_next(reader, &view, NULL) == HR_OK) {
        visit(&view, context);
    }
    log_reader_close(reader);
}

typedef struct fix_list {
    site_fix *fixes;
    size_t count;
} fix_list;

static void collect_fixes(const log_view *view, void *context)
{
    fix_list *list = context;
    if (view->type != HR_RECORD_FIX) {
        return;
    }
    list->fixes = realloc(list->fixes, (list->count + view->count) * sizeof *list->fixes);
    assert_non_null(list->fixes);
    for (uint32_t i = 0; i < view->count; i++) {
        site_fix *fix = &list->fixes[list->count++];
        hr_fix_load(view->bytes + (size_t)i * HR_FIX_BYTES, &fix->fix);
        fix->append_ms = view->append_ms;
    }
}

site_fix *site_fixes(site *s, size_t *count)
{
    fix_list list = {.fixes = NULL};
    for (uint16_t i = 0; i < SITE_PARTITIONS; i++) {
        each_batch(s, HR_TOPIC_POSITIONS, i, collect_fixes, &list);
    }
    *count = list.count;
    return list.fixes;
}

typedef struct type_count {
    uint8_t type;
    size_t count;
} type_count;

static void count_type(const log_view *view, void *context)
{
    type_count *c = context;
    c->count += view->type == c->type ? view->count : 0;
}

size_t site_record_count(site *s, uint8_t topic, uint8_t type)
{
    type_count c = {.type = type};
    uint32_t partition_count = log_topic_get(s->log, topic)->partition_count;
    for (uint32_t i = 0; i < partition_count; i++) {
        each_batch(s, topic, (uint16_t)i, count_type, &c);
    }
    return c.count;
}

size_t site_fix_count(site *s)
{
    return site_record_count(s, HR_TOPIC_POSITIONS, HR_RECORD_FIX);
}

typedef struct wanted {
    site *s;
    size_t count;
} wanted;

static bool has_fixes(void *context)
{
    const wanted *w = context;
    return site_fix_count(w->s) >= w->count;
}

void site_wait_fixes(site *s, size_t count)
{
    wanted w = {s, count};
    if (!support_until(has_fixes, &w)) {
        fail_msg("%zu fixes are in the log, %zu are wanted", site_fix_count(s), count);
    }
}

static void publish_file(site *s, const char *topic, const char *path)
{
    char port[8];
    snprintf(port, sizeof port, "%u", s->port);
    const char *const argv[] = {"mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-u", "barn", "-P",
                                s->password,     "-t", topic,       "-q", "1",  "-f", path,   NULL};
    assert_int_equal(support_run(argv), 0);
}

void site_publish_bytes(site *s, const char *topic, const uint8_t *bytes, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/batch", s->root);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    publish_file(s, topic, path);
}

void site_publish_batch(site *s, uint64_t epoch, uint64_t base_seq, uint64_t oldest_seq,
                        uint32_t count)
{
    hrf1_writer *writer = hrf1_writer_new();
    assert_non_null(writer);
    hrf1_writer_begin(writer);
    for (uint32_t i = 0; i < count; i++) {
        char id[16];
        uint64_t seq = base_seq + i;
        int id_size = snprintf(id, sizeof id, "cow-%u", (unsigned)(seq % 7));
        hr_fix fix = {.time_ms = SITE_TIME_MS + (int64_t)seq * 1000,
                      .lon_e7 = 163725000,
                      .lat_e7 = (int32_t)seq,
                      .accuracy_dm = 30};
        assert_int_equal(hrf1_writer_add(writer, id, (size_t)id_size, &fix), HR_OK);
    }
    hr_buf out;
    hr_buf_init(&out, HRF1_BYTES_MAX);
    hrf1_header header = {epoch, base_seq, oldest_seq, false};
    assert_int_equal(hrf1_writer_finish(writer, &header, &out), HR_OK);
    site_publish_bytes(s, "hedgerow/v1/fixes/barn", out.data, out.size);
    hr_buf_fini(&out);
    hrf1_writer_free(writer);
}

void site_publish_text(site *s, const char *topic, const char *text)
{
    assert_int_equal(support_publish(s->port, "barn", s->password, topic, text), 0);
}

void site_hear_acks(site *s, site_ear *ear)
{
    static const char topic[] = "hedgerow/v1/ack/barn";
    snprintf(ear->path, sizeof ear->path, "%s/acks", s->root);
    unlink(ear->path);
    assert_int_equal(support_session(s->port, "barn", s->password, "barn-acks", topic), 0);
    ear->pid = support_hear(s->port, "barn", s->password, "barn-acks", topic, ear->path);
}

bool site_has_acks(const site_ear *ear, const char *ack, size_t times)
{
    return support_file_has(ear->path, ack, times);
}

typedef struct wanted_ack {
    const site_ear *ear;
    const char *text;
    size_t times;
} wanted_ack;

static bool is_heard(void *context)
{
    const wanted_ack *w = context;
    return site_has_acks(w->ear, w->text, w->times);
}

void site_wait_acks(const site_ear *ear, const char *ack, size_t times)
{
    if (!support_until(is_heard, &(wanted_ack){ear, ack, times})) {
        fail_msg("no acknowledgement %s, %zu times", ack, times);
    }
}

static bool has_dead(void *context)
{
    const wanted *w = context;
    return site_record_count(w->s, HR_TOPIC_DEAD, HR_RECORD_DEAD) >= w->count;
}

void site_wait_dead(site *s, size_t count)
{
    assert_true(support_until(has_dead, &(wanted){s, count}));
}

void site_read_dead(site *s, int64_t offset, site_dead *out)
{
    log_reader *reader;
    log_view view;
    assert_int_equal(log_reader_open(s->log, HR_TOPIC_DEAD, 0, offset, LOG_COMMITTED, &reader),
                     HR_OK);
    assert_int_equal(log_reader_next(reader, &view, NULL), HR_OK);
    const uint8_t *bytes;
    size_t size, at = 0;
    int64_t record = view.first_offset;
    while (log_record_next(&view, &at, &bytes, &size) && record < offset) {
        record++;
    }
    *out = (site_dead){.payload_size = 0};
    hr_cursor cursor = hr_cursor_of(bytes, size);
    uint16_t topic_size = hr_cursor_u16(&cursor);
    memcpy(out->topic, hr_cursor_take(&cursor, topic_size), topic_size);
    uint16_t reason_size = hr_cursor_u16(&cursor);
    memcpy(out->reason, hr_cursor_take(&cursor, reason_size), reason_size);
    out->payload_size = hr_cursor_left(&cursor);
    memcpy(out->payload, bytes + cursor.at, out->payload_size);
    log_reader_close(reader);
}
