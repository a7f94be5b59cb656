/* api/routes_log.c - the log as it is: topics, records, groups. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts.h"
#include "base/fix.h"
#include "base/record.h"
#include "body.h"
#include "engine/history.h"
#include "engine/live.h"
#include "engine/query.h"
#include "event_text.h"
#include "log/group.h"
#include "log/log.h"
#include "notify/notify.h"
#include "record_text.h"
#include "routes.h"
#include "schema.h"

#define RECORDS_DEFAULT 100
#define RECORDS_MAX 10000
#define ANSWER_BYTES_ENOUGH (4u << 20) /* a page ends early beyond this */

static bool has_log(api_context *context, api_answer *answer)
{
    if (context->log == NULL) {
        api_answer_error(answer, 503, "log.absent", NULL, "the log is not open yet");
        return false;
    }
    return true;
}

void route_log(api_context *context, const api_request *request, api_answer *answer)
{
    (void)request;
    if (!has_log(context, answer)) {
        return;
    }
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "epoch", context->folder_id);
    hr_json_key(&json, "topics");
    hr_json_open_array(&json);
    for (uint32_t i = 0; i < log_topic_count(context->log); i++) {
        const log_topic *topic = log_topic_get(context->log, (uint8_t)i);
        hr_json_open_object(&json);
        hr_json_key_text(&json, "topic", topic->name);
        hr_json_key(&json, "partitions");
        hr_json_open_array(&json);
        for (uint32_t p = 0; p < topic->partition_count; p++) {
            uint16_t partition = (uint16_t)p;
            hr_json_open_object(&json);
            hr_json_key_i64(&json, "partition", p);
            hr_json_key_i64(&json, "start", log_start(context->log, (uint8_t)i, partition));
            hr_json_key_i64(&json, "end",
                            log_end(context->log, (uint8_t)i, partition, LOG_COMMITTED));
            hr_json_close_object(&json);
        }
        hr_json_close_array(&json);
        hr_json_close_object(&json);
    }
    hr_json_close_array(&json);
    hr_json_close_object(&json);
}

/* The topic and partition that two texts name. */
static bool find_partition(log_store *log, const char *topic_name, const char *partition_text,
                           uint8_t *topic, uint16_t *partition)
{
    char *end = NULL;
    unsigned long number = strtoul(partition_text, &end, 10);
    if (partition_text[0] < '0' || partition_text[0] > '9' || *end != 0) {
        return false;
    }
    for (uint32_t i = 0; i < log_topic_count(log); i++) {
        const log_topic *each = log_topic_get(log, (uint8_t)i);
        if (strcmp(each->name, topic_name) == 0 && number < each->partition_count) {
            *topic = (uint8_t)i;
            *partition = (uint16_t)number;
            return true;
        }
    }
    return false;
}

/* The log knows devices by their keys; the name is the engine's. */
static void put_fix(const api_context *context, hr_json *json, const uint8_t *bytes)
{
    hr_fix fix;
    hr_fix_load(bytes, &fix);
    char id[HR_DEVICE_ID_MAX + 1];
    if (context->engine != NULL && engine_device_name(context->engine, fix.device, id) == HR_OK) {
        hr_json_key_text(json, "device", id);
    }
    record_fix_write(json, &fix);
}

static void put_dead(hr_json *json, const uint8_t *bytes, size_t size)
{
    const uint8_t *payload;
    size_t payload_size;
    if (record_dead_write(json, "topic", bytes, size, &payload, &payload_size)) {
        hr_json_key_i64(json, "payload_bytes", (int64_t)payload_size);
        hr_json_key_hex(json, "hex", payload, payload_size);
    }
}

static void put_record(const api_context *context, hr_json *json, const log_view *view,
                       const uint8_t *bytes, size_t size, int64_t offset)
{
    hr_json_open_object(json);
    hr_json_key_i64(json, "offset", offset);
    hr_json_key_i64(json, "append_ms", view->append_ms);
    hr_json_key_text(json, "type", record_type_text(view->type));
    if (view->type == HR_RECORD_FIX && size == HR_FIX_BYTES) {
        put_fix(context, json, bytes);
    } else if (view->type == HR_RECORD_RULES && size == HR_RULES_BYTES) {
        hr_json_key_u64(json, "version", hr_load_u64(bytes));
    } else if (view->type == HR_RECORD_TICK && size == HR_TICK_BYTES) {
        hr_json_key_i64(json, "ms", (int64_t)hr_load_u64(bytes));
    } else if (view->type == HR_RECORD_NAME) {
        (void)record_name_write(json, bytes, size);
    } else if (view->type == HR_RECORD_EVENT) {
        (void)record_event_write(json, bytes, size, offset);
    } else if (view->type == HR_RECORD_EDIT || view->type == HR_RECORD_ALERT_ACK) {
        hr_json_key(json, "what");
        api_edit_write(json, bytes, size, offset);
    } else if (view->type == HR_RECORD_DEAD) {
        put_dead(json, bytes, size);
    }
    hr_json_close_object(json);
}

/* The records of a view from *offset on, at most *left of them. */
static void put_view(const api_context *context, hr_json *json, const log_view *view,
                     int64_t *offset, int64_t *left)
{
    size_t at = 0;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    for (int64_t each = view->first_offset; log_record_next(view, &at, &bytes, &size); each++) {
        if (each >= *offset && *left > 0) {
            put_record(context, json, view, bytes, size, each);
            *offset = each + 1;
            --*left;
        }
    }
}

static hr_err put_records(const api_context *context, hr_json *json, uint8_t topic,
                          uint16_t partition, int64_t *offset, int64_t limit, hr_why *why)
{
    log_reader *reader = NULL;
    hr_err err = log_reader_open(context->log, topic, partition, *offset, LOG_COMMITTED, &reader);
    while (err == HR_OK && limit > 0 && json->buf->size < ANSWER_BYTES_ENOUGH) {
        log_view view;
        err = log_reader_next(reader, &view, why);
        if (err == HR_OK) {
            put_view(context, json, &view, offset, &limit);
        } else if (err == HR_GONE || err == HR_CORRUPT) {
            /* The offsets in the answer show what is missing. */
            *offset = log_reader_offset(reader);
            err = HR_OK;
        }
    }
    log_reader_close(reader);
    return err == HR_TIMEOUT ? HR_OK : err;
}

void route_log_records(api_context *context, const api_request *request, api_answer *answer)
{
    uint8_t topic = 0;
    uint16_t partition = 0;
    int64_t offset = 0;
    int64_t limit = 0;
    if (!has_log(context, answer)) {
        return;
    }
    if (!find_partition(context->log, request->captures[0], request->captures[1], &topic,
                        &partition)) {
        api_answer_error(answer, 404, "log.not_found", NULL, "there is no such topic or partition");
        return;
    }
    int64_t start = log_start(context->log, topic, partition);
    if (!api_param_number(request, "offset", 0, INT64_MAX, start, &offset, answer) ||
        !api_param_number(request, "limit", 1, RECORDS_MAX, RECORDS_DEFAULT, &limit, answer)) {
        return;
    }
    hr_why why = {.text = ""};
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key(&json, "records");
    hr_json_open_array(&json);
    int64_t next = offset < start ? start : offset;
    hr_err err = put_records(context, &json, topic, partition, &next, limit, &why);
    hr_json_close_array(&json);
    hr_json_key_i64(&json, "next", next);
    hr_json_key_i64(&json, "start", start);
    hr_json_key_i64(&json, "end", log_end(context->log, topic, partition, LOG_COMMITTED));
    hr_json_close_object(&json);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "log", &why);
    }
}

typedef struct group_list {
    hr_json *json;
    log_store *log;
    const char *group;
    uint32_t count;
} group_list;

static void put_group_offset(const char *group, uint8_t topic, uint16_t partition, int64_t offset,
                             void *context)
{
    group_list *list = context;
    if (list->group != NULL && strcmp(group, list->group) != 0) {
        return;
    }
    hr_json *json = list->json;
    hr_json_open_object(json);
    if (list->group == NULL) {
        hr_json_key_text(json, "group", group);
    }
    hr_json_key_text(json, "topic", log_topic_get(list->log, topic)->name);
    hr_json_key_i64(json, "partition", partition);
    hr_json_key_i64(json, "offset", offset);
    hr_json_key_i64(json, "lag", log_end(list->log, topic, partition, LOG_COMMITTED) - offset);
    hr_json_close_object(json);
    list->count++;
}

/* All groups, or one; a group that never committed has no offsets. */
static void answer_offsets(api_context *context, const char *group, api_answer *answer)
{
    hr_json json = api_answer_json(answer, 200);
    group_list list = {.json = &json, .log = context->log, .group = group};
    hr_json_open_object(&json);
    hr_json_key(&json, "offsets");
    hr_json_open_array(&json);
    log_group_each(context->log, put_group_offset, &list);
    hr_json_close_array(&json);
    hr_json_close_object(&json);
}

void route_groups(api_context *context, const api_request *request, api_answer *answer)
{
    (void)request;
    if (has_log(context, answer)) {
        answer_offsets(context, NULL, answer);
    }
}

void route_group_offsets(api_context *context, const api_request *request, api_answer *answer)
{
    if (has_log(context, answer)) {
        answer_offsets(context, request->captures[0], answer);
    }
}

/* Groups by which the service itself reads. Whoever moved them would have events told twice or not
 * at all. */
static bool is_our_own(const char *group)
{
    return strcmp(group, ENGINE_HISTORY_GROUP) == 0 || strcmp(group, ENGINE_QUERIES_GROUP) == 0 ||
           strcmp(group, NOTIFY_MQTT_GROUP) == 0 || strncmp(group, "hedgerow", 8) == 0 ||
           strncmp(group, NOTIFY_WEBHOOK_GROUP, strlen(NOTIFY_WEBHOOK_GROUP)) == 0;
}

/* One {"topic","partition","offset"}. Looks only, or commits too. */
static bool take_offset(api_context *context, const char *group, const cJSON *item, bool commits,
                        api_answer *answer)
{
    uint8_t topic = 0;
    uint16_t partition = 0;
    int64_t number = 0;
    int64_t offset = 0;
    char text[16];
    const char *stranger = api_schema_stranger("NewOffset", item);
    if (stranger != NULL) {
        api_answer_error(answer, 400, "body.field", stranger,
                         "offsets know no \"%.64s\", or it is there twice", stranger);
        return false;
    }
    const char *name = api_body_text(item, "topic", LOG_TOPIC_NAME_MAX, NULL, answer);
    if (name == NULL || !api_body_number(item, "partition", 0, UINT16_MAX, -1, &number, answer) ||
        !api_body_number(item, "offset", 0, INT64_C(1) << 53, -1, &offset, answer)) {
        return false;
    }
    snprintf(text, sizeof text, "%lld", (long long)number);
    if (!find_partition(context->log, name, text, &topic, &partition) || offset < 0 ||
        offset > log_end(context->log, topic, partition, LOG_COMMITTED)) {
        api_answer_error(answer, 400, "group.offset", "offsets",
                         "each needs a topic, a partition and an offset up to its end");
        return false;
    }
    if (!commits) {
        return true;
    }
    hr_err err = log_group_commit(context->log, group, topic, partition, offset);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "group", NULL);
    }
    return err == HR_OK;
}

static bool take_offsets(api_context *context, const char *group, const cJSON *offsets,
                         bool commits, api_answer *answer)
{
    bool is_done = true;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, offsets)
    {
        is_done = is_done && take_offset(context, group, item, commits, answer);
    }
    return is_done;
}

void route_group_commit(api_context *context, const api_request *request, api_answer *answer)
{
    const char *group = request->captures[0];
    if (!has_log(context, answer)) {
        return;
    }
    if (!hr_fence_id_is_valid(group, strlen(group))) {
        api_answer_error(answer, 400, "group.invalid", "group",
                         "a group's name has 1 to 64 letters, digits, dots, dashes or "
                         "underscores");
        return;
    }
    if (is_our_own(group)) {
        api_answer_error(answer, 403, "group.reserved", NULL,
                         "the service itself reads as this group: choose another name");
        return;
    }
    cJSON *body = api_body_parse(request, answer);
    const cJSON *offsets = body != NULL ? cJSON_GetObjectItemCaseSensitive(body, "offsets") : NULL;
    if (body != NULL && !cJSON_IsArray(offsets)) {
        api_answer_error(answer, 400, "body.field", "offsets", "offsets must be a list");
    } else if (body != NULL) {
        /* All of them are looked at before the first is committed: a bad one changes nothing. */
        if (take_offsets(context, group, offsets, false, answer) &&
            take_offsets(context, group, offsets, true, answer)) {
            answer_offsets(context, group, answer);
        }
    }
    cJSON_Delete(body);
}
