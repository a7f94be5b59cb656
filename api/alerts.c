/* api/alerts.c - a ring of the newest alerts, brought up to date on each question. */
#include "alerts.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/record.h"
#include "base/text.h"
#include "engine/history_read.h"
#include "log/reader.h"

/* How far behind the log's start the first question looks: alerts are some of the events. */
#define PAST_RECORDS_MAX 100000

struct alerts {
    log_store *log;
    engine_history *history;  /* NULL: the log alone */
    pthread_mutex_t ack_lock; /* held from looking whether somebody has, until it is durable */
    pthread_mutex_t lock;
    log_reader *reader; /* protected by lock */
    uint64_t count;     /* alerts ever seen; the newest is at (count - 1) % ALERTS_MAX */
    alert ring[ALERTS_MAX];
};

alerts *alerts_new(log_store *log, engine_history *history)
{
    alerts *made = calloc(1, sizeof *made);
    if (made != NULL) {
        made->log = log;
        made->history = history;
        pthread_mutex_init(&made->ack_lock, NULL);
        pthread_mutex_init(&made->lock, NULL);
    }
    return made;
}

void alerts_free(alerts *alerts)
{
    if (alerts == NULL) {
        return;
    }
    log_reader_close(alerts->reader);
    pthread_mutex_destroy(&alerts->lock);
    pthread_mutex_destroy(&alerts->ack_lock);
    free(alerts);
}

static uint64_t oldest_of(const alerts *alerts)
{
    return alerts->count > ALERTS_MAX ? alerts->count - ALERTS_MAX : 0;
}

/* The ring is in the order of offsets. */
static alert *find(alerts *alerts, int64_t offset)
{
    uint64_t low = oldest_of(alerts);
    uint64_t high = alerts->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (alerts->ring[middle % ALERTS_MAX].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    alert *found = &alerts->ring[low % ALERTS_MAX];
    return low < alerts->count && found->offset == offset ? found : NULL;
}

static void take_event(alerts *alerts, const uint8_t *bytes, size_t size, int64_t offset)
{
    hr_event event;
    if (hr_event_load(bytes, size, &event) == HR_OK && event.severity != HR_SEVERITY_INFO &&
        !event.late) {
        alerts->ring[alerts->count++ % ALERTS_MAX] = (alert){.offset = offset, .event = event};
    }
}

/* The first acknowledgement counts. */
static void take_ack(alerts *alerts, const uint8_t *bytes, size_t size)
{
    cJSON *json = cJSON_ParseWithLength((const char *)bytes, size);
    const cJSON *offset = cJSON_GetObjectItemCaseSensitive(json, "alert");
    const char *user = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "user"));
    const char *time = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "time"));
    int64_t time_ms = 0;
    alert *acked = cJSON_IsNumber(offset) ? find(alerts, (int64_t)offset->valuedouble) : NULL;
    if (acked != NULL && acked->acked_ms == 0 && user != NULL && time != NULL &&
        hr_time_parse(time, strlen(time), &time_ms) == HR_OK) {
        acked->acked_ms = time_ms;
        snprintf(acked->acked_by, sizeof acked->acked_by, "%s", user);
    }
    cJSON_Delete(json);
}

static void take_record(alerts *alerts, uint8_t type, const uint8_t *bytes, size_t size,
                        int64_t offset)
{
    if (type == HR_RECORD_EVENT) {
        take_event(alerts, bytes, size, offset);
    } else if (type == HR_RECORD_ALERT_ACK) {
        take_ack(alerts, bytes, size);
    }
}

static void take_view(alerts *alerts, const log_view *view)
{
    size_t at = 0;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    for (int64_t offset = view->first_offset; log_record_next(view, &at, &bytes, &size); offset++) {
        take_record(alerts, view->type, bytes, size, offset);
    }
}

/* What was before the first question, also when the log has let go of it; *next: where to go on in
 * the log. A history that cannot be read costs the oldest alerts, not the newest. */
static void take_past(alerts *alerts, int64_t *next)
{
    history_reader *reader = NULL;
    history_record record = {.offset = *next};
    hr_err err = history_reader_new(alerts->history, alerts->log, &reader, NULL);
    int64_t first = *next > PAST_RECORDS_MAX ? *next - PAST_RECORDS_MAX : 0;
    if (err == HR_OK) {
        err = history_events_begin(reader, first, NULL);
    }
    while (err == HR_OK) {
        err = history_events_next(reader, &record, NULL);
        if (err == HR_OK) {
            take_record(alerts, record.type, record.bytes, record.size, record.offset);
            *next = record.offset + 1;
        }
    }
    history_reader_free(reader);
}

static hr_err begin(alerts *alerts)
{
    int64_t next = log_start(alerts->log, HR_TOPIC_EVENTS, 0);
    alerts->count = 0; /* an earlier try may have come half way */
    if (next > 0 && alerts->history != NULL) {
        take_past(alerts, &next);
    }
    return log_reader_open(alerts->log, HR_TOPIC_EVENTS, 0, next, LOG_COMMITTED, &alerts->reader);
}

/* Read what has been committed since the last question; the lock is held. */
static hr_err follow(alerts *alerts, hr_why *why)
{
    hr_err err = alerts->reader == NULL ? begin(alerts) : HR_OK;
    while (err == HR_OK) {
        log_view view;
        err = log_reader_next(alerts->reader, &view, why);
        if (err == HR_OK) {
            take_view(alerts, &view);
        } else if (err == HR_GONE || err == HR_CORRUPT) {
            err = HR_OK; /* the reader stands behind what is lost */
        }
    }
    return err == HR_TIMEOUT ? HR_OK : err;
}

hr_err alerts_each(alerts *alerts, const alert_choice *choice, alert_visitor *visit, void *context,
                   uint32_t *open_count, hr_why *why)
{
    uint32_t left = choice->limit;
    *open_count = 0;
    pthread_mutex_lock(&alerts->lock);
    hr_err err = follow(alerts, why);
    for (uint64_t i = alerts->count; err == HR_OK && i > oldest_of(alerts); i--) {
        const alert *each = &alerts->ring[(i - 1) % ALERTS_MAX];
        bool is_open = each->acked_ms == 0;
        *open_count += is_open ? 1 : 0;
        if ((choice->all || is_open) && each->offset < choice->before && left > 0) {
            visit(each, context);
            left--;
        }
    }
    pthread_mutex_unlock(&alerts->lock);
    return err;
}

hr_err alerts_find(alerts *alerts, int64_t offset, alert *found, hr_why *why)
{
    pthread_mutex_lock(&alerts->lock);
    hr_err err = follow(alerts, why);
    const alert *kept = err == HR_OK ? find(alerts, offset) : NULL;
    if (kept != NULL) {
        *found = *kept;
    } else if (err == HR_OK) {
        err =
            hr_why_set(why, HR_NOT_FOUND, "there is no such alert among the newest %d", ALERTS_MAX);
    }
    pthread_mutex_unlock(&alerts->lock);
    return err;
}

void alerts_begin_ack(alerts *alerts)
{
    pthread_mutex_lock(&alerts->ack_lock);
}

void alerts_end_ack(alerts *alerts)
{
    pthread_mutex_unlock(&alerts->ack_lock);
}
