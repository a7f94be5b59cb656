/* api/routes_events.c - what happened: events, and alerts that somebody must look at. */
#include <stdio.h>
#include <string.h>

#include "accounts.h"
#include "alerts.h"
#include "base/record.h"
#include "body.h"
#include "event_text.h"
#include "events_past.h"
#include "log/log.h"
#include "routes.h"

#define EVENTS_DEFAULT 100
#define EVENTS_MAX 10000
#define ALERTS_DEFAULT 200
#define NOTE_BYTES_MAX 500
#define SCAN_NS_MAX INT64_C(5000000000) /* then the cursor says where to go on */
#define TRIES_MAX 3                     /* the log may move on while it is read */
#define COMMIT_TIMEOUT_MS 10000

static bool read_severity(const api_request *request, event_filter *filter, api_answer *answer)
{
    const char *name = api_request_param(request, "severity");
    filter->has_severity = name != NULL;
    for (int i = 0; name != NULL && i < HR_SEVERITIES; i++) {
        filter->severity = (hr_severity)i;
        if (strcmp(name, hr_severity_name(filter->severity)) == 0) {
            return true;
        }
    }
    if (name != NULL) {
        api_answer_error(answer, 400, "query.parameter", "severity",
                         "severity must be info, warning or alarm");
    }
    return name == NULL;
}

static bool read_late(const api_request *request, event_filter *filter, api_answer *answer)
{
    const char *late = api_request_param(request, "late");
    filter->has_late = late != NULL;
    filter->late = late != NULL && strcmp(late, "true") == 0;
    if (late != NULL && !filter->late && strcmp(late, "false") != 0) {
        api_answer_error(answer, 400, "query.parameter", "late", "late must be true or false");
        return false;
    }
    return true;
}

static bool read_filter(const api_request *request, event_filter *filter, api_answer *answer)
{
    const char *kind = api_request_param(request, "kind");
    filter->fence = api_request_param(request, "fence");
    filter->device = api_request_param(request, "device");
    filter->has_kind = kind != NULL;
    if (kind != NULL && hr_event_kind_parse(kind, strlen(kind), &filter->kind) != HR_OK) {
        api_answer_error(answer, 400, "query.parameter", "kind",
                         "kind must be enter, exit, cross, dwell, approach or stale");
        return false;
    }
    return read_severity(request, filter, answer) && read_late(request, filter, answer) &&
           api_param_time(request, "from", INT64_MIN, &filter->from_ms, answer) &&
           api_param_time(request, "to", INT64_MAX, &filter->to_ms, answer);
}

typedef struct event_scan {
    hr_json *json;
    const event_filter *filter;
    int64_t cursor; /* offset of the last record looked at */
    int64_t left;
} event_scan;

/* Go on behind the cursor, until enough is found, the end, or for too long. */
static hr_err scan_events(history_reader *reader, event_scan *scan, hr_why *why)
{
    history_record record = {.offset = 0};
    hr_err err = history_events_begin(reader, scan->cursor + 1, why);
    while (err == HR_OK && scan->left > 0) {
        hr_event event;
        err = history_events_next(reader, &record, why);
        if (err != HR_OK) {
            break;
        }
        scan->cursor = record.offset;
        if (record.type == HR_RECORD_EVENT &&
            hr_event_load(record.bytes, record.size, &event) == HR_OK &&
            event_filter_passes(scan->filter, &event)) {
            api_event_write(scan->json, &event, record.offset);
            scan->left--;
        }
    }
    if (err == HR_NOT_FOUND) {
        /* All that there is was looked at, also what is no event. */
        scan->cursor = record.offset - 1 > scan->cursor ? record.offset - 1 : scan->cursor;
        err = HR_OK;
    }
    return err == HR_TIMEOUT ? HR_OK : err;
}

static hr_err new_reader(const api_context *context, history_reader **reader, hr_why *why)
{
    hr_err err = history_reader_new(context->history, context->log, reader, why);
    if (err == HR_OK) {
        history_reader_set_deadline(*reader, hr_clock_mono_ns(hr_clock_real()) + SCAN_NS_MAX);
    }
    return err;
}

static hr_err find_events(api_context *context, event_scan *scan, hr_why *why)
{
    history_reader *reader = NULL;
    hr_err err = new_reader(context, &reader, why);
    if (err != HR_OK) {
        return err;
    }
    int64_t first = history_events_at(reader, scan->filter->from_ms);
    scan->cursor = first - 1 > scan->cursor ? first - 1 : scan->cursor;
    err = HR_GONE;
    for (int i = 0; i < TRIES_MAX && err == HR_GONE; i++) {
        err = scan_events(reader, scan, why);
    }
    history_reader_free(reader);
    return err;
}

static bool has_log(const api_context *context, api_answer *answer)
{
    if (context->log == NULL) {
        api_answer_error(answer, 503, "log.absent", NULL, "the log is not open yet");
        return false;
    }
    return true;
}

static void put_past(const hr_event *event, int64_t offset, void *context)
{
    api_event_write(context, event, offset);
}

/* From `before` backwards, newest first; the cursor is the next `before`. */
static hr_err find_past(api_context *context, const event_filter *filter, int64_t before,
                        int64_t limit, hr_json *json, events_past *past, hr_why *why)
{
    history_reader *reader = NULL;
    int64_t end = log_end(context->log, HR_TOPIC_EVENTS, 0, LOG_COMMITTED);
    *past = (events_past){.filter = filter,
                          .before = before < end ? before : end,
                          .left = (uint32_t)limit,
                          .visit = put_past,
                          .context = json};
    hr_err err = new_reader(context, &reader, why);
    if (err == HR_OK) {
        past->floor = history_events_at(reader, filter->from_ms);
        err = events_past_each(reader, past, why);
        history_reader_free(reader);
    }
    return err;
}

void route_events(api_context *context, const api_request *request, api_answer *answer)
{
    event_filter filter;
    int64_t after = 0;
    int64_t before = 0;
    int64_t limit = 0;
    bool is_past = api_request_param(request, "before") != NULL;
    int64_t limit_max = is_past ? EVENTS_PAST_MAX : EVENTS_MAX;
    if (!has_log(context, answer) || !read_filter(request, &filter, answer) ||
        !api_param_number(request, "after", -1, INT64_MAX - 1, -1, &after, answer) ||
        !api_param_number(request, "before", 0, INT64_MAX, 0, &before, answer) ||
        !api_param_number(request, "limit", 1, limit_max, EVENTS_DEFAULT, &limit, answer)) {
        return;
    }
    if (is_past && api_request_param(request, "after") != NULL) {
        api_answer_error(answer, 400, "query.parameter", "before",
                         "before reads backwards, after forwards: one of them");
        return;
    }
    hr_why why = {.text = ""};
    hr_json json = api_answer_json(answer, 200);
    event_scan scan = {.json = &json, .filter = &filter, .cursor = after, .left = limit};
    events_past past = {.before = before};
    hr_json_open_object(&json);
    hr_json_key(&json, "events");
    hr_json_open_array(&json);
    hr_err err = is_past ? find_past(context, &filter, before, limit, &json, &past, &why)
                         : find_events(context, &scan, &why);
    hr_json_close_array(&json);
    hr_json_key_i64(&json, "next", is_past ? past.before : scan.cursor);
    hr_json_key_bool(&json, "more",
                     is_past ? past.before > past.floor
                             : scan.cursor + 1 <
                                   log_end(context->log, HR_TOPIC_EVENTS, 0, LOG_COMMITTED));
    hr_json_close_object(&json);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "events", &why);
    }
}

/* ---- alerts ---- */

static bool has_alerts(const api_context *context, api_answer *answer)
{
    if (context->alerts == NULL) {
        api_answer_error(answer, 503, "alerts.absent", NULL, "the log is not open yet");
        return false;
    }
    return true;
}

static void put_ack(hr_json *json, const alert *alert)
{
    hr_json_open_object(json);
    hr_json_key_text(json, "user", alert->acked_by);
    hr_json_key_time(json, "time", alert->acked_ms);
    hr_json_close_object(json);
}

static void put_alert(const alert *alert, void *context)
{
    hr_json *json = context;
    hr_json_open_object(json);
    hr_json_key_i64(json, "alert", alert->offset);
    hr_json_key(json, "event");
    api_event_write(json, &alert->event, alert->offset);
    hr_json_key(json, "acked");
    if (alert->acked_ms != 0) {
        put_ack(json, alert);
    } else {
        hr_json_null(json);
    }
    hr_json_close_object(json);
}

void route_alerts(api_context *context, const api_request *request, api_answer *answer)
{
    alert_choice choice;
    int64_t limit = 0;
    const char *state = api_request_param(request, "state");
    bool is_all = state != NULL && strcmp(state, "all") == 0;
    if (!has_alerts(context, answer) ||
        !api_param_number(request, "limit", 1, ALERTS_MAX, ALERTS_DEFAULT, &limit, answer) ||
        !api_param_number(request, "before", 0, INT64_MAX, INT64_MAX, &choice.before, answer)) {
        return;
    }
    choice.all = is_all;
    choice.limit = (uint32_t)limit;
    if (state != NULL && !is_all && strcmp(state, "open") != 0) {
        api_answer_error(answer, 400, "query.parameter", "state", "state must be open or all");
        return;
    }
    hr_why why = {.text = ""};
    hr_json json = api_answer_json(answer, 200);
    uint32_t open_count = 0;
    hr_json_open_object(&json);
    hr_json_key(&json, "alerts");
    hr_json_open_array(&json);
    hr_err err = alerts_each(context->alerts, &choice, put_alert, &json, &open_count, &why);
    hr_json_close_array(&json);
    hr_json_key_i64(&json, "open", open_count);
    hr_json_close_object(&json);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "alerts", &why);
    }
}

/* What the log keeps of it; equal for the WebSocket, which sends it as it is. */
static void put_ack_record(hr_buf *record, const api_request *request, const alert *alert,
                           const char *note, int64_t now_ms)
{
    char id[HR_EVENT_ID_SIZE];
    hr_event_id(&alert->event, id);
    hr_json json = hr_json_into(record);
    hr_json_open_object(&json);
    hr_json_key_i64(&json, "alert", alert->offset);
    hr_json_key_text(&json, "event", id);
    hr_json_key_text(&json, "user", request->caller.user);
    hr_json_key_time(&json, "time", now_ms);
    hr_json_key_text(&json, "note", note);
    hr_json_close_object(&json);
}

static hr_err append_durably(api_context *context, const hr_buf *record, hr_why *why)
{
    hr_buf bytes;
    hr_buf_init(&bytes, record->size + 16);
    hr_buf_put_u32(&bytes, (uint32_t)record->size);
    hr_buf_put(&bytes, record->data, record->size);
    log_batch batch = {.topic = HR_TOPIC_EVENTS,
                       .type = HR_RECORD_ALERT_ACK,
                       .count = 1,
                       .bytes = bytes.data,
                       .size = bytes.size};
    log_position end = 0;
    hr_err err = hr_buf_err(&bytes);
    if (err == HR_OK) {
        err = log_append(context->log, &batch, 1, NULL, NULL, &end);
    }
    hr_buf_fini(&bytes);
    int64_t until_ns = hr_clock_mono_ns(context->clock) + COMMIT_TIMEOUT_MS * INT64_C(1000000);
    while (err == HR_OK && log_durable(context->log) < end) {
        err = log_health(context->log, why);
        if (err == HR_OK && hr_clock_mono_ns(context->clock) > until_ns) {
            err = hr_why_set(why, HR_TIMEOUT, "the disk takes too long");
        }
        if (err == HR_OK) {
            (void)log_wait(context->log, LOG_COMMITTED, log_durable(context->log), 100);
        }
    }
    return err;
}

static hr_err acknowledge(api_context *context, const api_request *request, alert *alert,
                          const char *note, hr_why *why)
{
    hr_buf record;
    int64_t now_ms = hr_clock_now_ms(context->clock);
    hr_buf_init(&record, 8192);
    put_ack_record(&record, request, alert, note, now_ms);
    hr_err err = hr_buf_err(&record);
    if (err == HR_OK) {
        err = append_durably(context, &record, why);
    }
    hr_buf_fini(&record);
    if (err == HR_OK) {
        alert->acked_ms = now_ms;
        snprintf(alert->acked_by, sizeof alert->acked_by, "%s", request->caller.user);
    }
    return err;
}

/* A second acknowledgement changes nothing and tells of the first. */
void route_alert_ack(api_context *context, const api_request *request, api_answer *answer)
{
    int64_t offset = 0;
    hr_why why = {.text = ""};
    alert alert;
    if (!has_alerts(context, answer)) {
        return;
    }
    cJSON *body = request->body_size > 0 ? api_body_parse(request, answer) : NULL;
    if (request->body_size > 0 && body == NULL) {
        return;
    }
    const char *note = body != NULL ? api_body_text(body, "note", NOTE_BYTES_MAX, "", answer) : "";
    if (note == NULL) {
        cJSON_Delete(body);
        return;
    }
    alerts_begin_ack(context->alerts);
    hr_err err = api_path_number(request->captures[0], &offset)
                     ? alerts_find(context->alerts, offset, &alert, &why)
                     : HR_NOT_FOUND;
    bool is_first = err == HR_OK && alert.acked_ms == 0;
    if (is_first) {
        err = acknowledge(context, request, &alert, note, &why);
    }
    alerts_end_ack(context->alerts);
    if (is_first && err == HR_OK && context->accounts != NULL) {
        accounts_audit(context->accounts, request->caller.user, request->peer, "alert.ack",
                       request->captures[0]);
    }
    cJSON_Delete(body);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "alert", &why);
        return;
    }
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key_i64(&json, "alert", alert.offset);
    hr_json_key(&json, "acked");
    put_ack(&json, &alert);
    hr_json_close_object(&json);
}
