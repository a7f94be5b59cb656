/* api/live_events.c - what must arrive: new events out of a ring that all clients share, older
 * ones out of the log by a job for each client that asks. */
#include <stdlib.h>
#include <string.h>

#include "base/logline.h"
#include "base/record.h"
#include "event_text.h"
#include "live_parts.h"

#define CATCH_UP_BYTES_ENOUGH (256u << 10) /* one job's share; the next follows when it is sent */
#define RECORDS_PER_POLL_MAX 2000          /* so that a flood of events leaves room for the rest */

/* One record of the topic as a message. False: a type of a later version; nothing is written. */
static bool put_message(hr_buf *out, const log_view *view, const uint8_t *bytes, size_t size,
                        int64_t offset)
{
    hr_json json = hr_json_into(out);
    hr_event event;
    if (view->type == HR_RECORD_EVENT && hr_event_load(bytes, size, &event) == HR_OK) {
        hr_json_open_object(&json);
        hr_json_key(&json, "event");
        api_event_write(&json, &event, offset);
        hr_json_close_object(&json);
        return true;
    }
    if (view->type == HR_RECORD_EDIT || view->type == HR_RECORD_ALERT_ACK) {
        hr_json_open_object(&json);
        hr_json_key(&json, view->type == HR_RECORD_EDIT ? "edit" : "ack");
        api_edit_write(&json, bytes, size, offset);
        hr_json_close_object(&json);
        return true;
    }
    return false;
}

static void put_gap(hr_buf *out, int64_t from, int64_t to)
{
    hr_json json = hr_json_into(out);
    hr_json_open_object(&json);
    hr_json_key(&json, "gap");
    hr_json_open_object(&json);
    hr_json_key_i64(&json, "from", from);
    hr_json_key_i64(&json, "to", to);
    hr_json_close_object(&json);
    hr_json_close_object(&json);
}

/* ---- the ring ---- */

hr_err live_events_init(live_hub *hub)
{
    log_store *log = hub->server->context->log;
    if (log == NULL) {
        return HR_OK;
    }
    hub->ring_next = log_end(log, HR_TOPIC_EVENTS, 0, LOG_COMMITTED);
    return log_reader_open(log, HR_TOPIC_EVENTS, 0, hub->ring_next, LOG_COMMITTED, &hub->tail);
}

static void drop_oldest(live_hub *hub)
{
    int64_t oldest = hub->ring_next - hub->ring_count;
    struct live_ring_entry *entry = &hub->ring[oldest % LIVE_RING_MAX];
    hub->ring_bytes -= entry->size;
    hub->ring_count--;
    free(entry->text);
    *entry = (struct live_ring_entry){0};
}

void live_events_fini(live_hub *hub)
{
    while (hub->ring_count > 0) {
        drop_oldest(hub);
    }
    log_reader_close(hub->tail);
    hub->tail = NULL;
}

int64_t live_events_newest(const live_hub *hub)
{
    return hub->ring_next - 1;
}

/* Without memory the ring begins anew behind the event: clients then find it in the log. */
static void ring_push(live_hub *hub, int64_t offset, const hr_buf *message)
{
    while (hub->ring_count > 0 && (hub->ring_count >= LIVE_RING_MAX || offset != hub->ring_next ||
                                   hub->ring_bytes + message->size > LIVE_RING_BYTES_MAX)) {
        drop_oldest(hub);
    }
    char *text = malloc(message->size + 1);
    hub->ring_next = offset + 1;
    if (text == NULL || hr_buf_err(message) != HR_OK) {
        free(text);
        while (hub->ring_count > 0) {
            hub->ring_next--;
            drop_oldest(hub);
            hub->ring_next++;
        }
        return;
    }
    memcpy(text, message->data, message->size);
    hub->ring[offset % LIVE_RING_MAX] =
        (struct live_ring_entry){.offset = offset, .text = text, .size = message->size};
    hub->ring_bytes += message->size;
    hub->ring_count++;
}

/* A record of an unknown type keeps its place, with nothing to send. */
static uint32_t push_view(live_hub *hub, const log_view *view)
{
    size_t at = 0;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    uint32_t count = 0;
    for (int64_t offset = view->first_offset; log_record_next(view, &at, &bytes, &size); offset++) {
        if (offset >= hub->ring_next) {
            hr_buf_clear(&hub->frame);
            (void)put_message(&hub->frame, view, bytes, size, offset);
            ring_push(hub, offset, &hub->frame);
            count++;
        }
    }
    return count;
}

void live_hub_poll(live_hub *hub)
{
    uint32_t count = 0;
    hr_why why = {.text = ""};
    while (hub->tail != NULL && count < RECORDS_PER_POLL_MAX) {
        log_view view;
        hr_err err = log_reader_next(hub->tail, &view, &why);
        if (err == HR_OK) {
            count += push_view(hub, &view);
        } else if (err != HR_GONE && err != HR_CORRUPT) {
            if (err != HR_TIMEOUT) {
                hr_logline(HR_LEVEL_WARN, "live.tail_failed", "why=\"%s\"", why.text);
            }
            break;
        }
    }
    if (count == 0) {
        return;
    }
    for (live_client *client = hub->first; client != NULL; client = client->next) {
        if (client->wants_events) {
            live_want_write(client);
        }
    }
    if (count >= RECORDS_PER_POLL_MAX) {
        server_wake(hub->server); /* there may be more */
    }
}

/* ---- older ones ---- */

typedef struct catch_up {
    server_job job;
    live_client *client;
    uint32_t subscription;
    log_store *log;
    int64_t next;
    int64_t end;
    hr_err err;
    hr_why why;
    hr_buf out;
    hr_buf message;
} catch_up;

static void catch_up_view(catch_up *work, const log_view *view)
{
    size_t at = 0;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    for (int64_t offset = view->first_offset; log_record_next(view, &at, &bytes, &size); offset++) {
        if (offset >= work->next) {
            hr_buf_clear(&work->message);
            if (put_message(&work->message, view, bytes, size, offset)) {
                live_queue_put(&work->out, work->message.data, work->message.size);
            }
            work->next = offset + 1;
        }
    }
}

/* On a pool thread. */
static void catch_up_run(api_job *job)
{
    catch_up *work = (catch_up *)(void *)job;
    log_reader *reader = NULL;
    hr_err err = log_reader_open(work->log, HR_TOPIC_EVENTS, 0, work->next, LOG_COMMITTED, &reader);
    while (err == HR_OK && work->next < work->end && work->out.size < CATCH_UP_BYTES_ENOUGH) {
        log_view view;
        err = log_reader_next(reader, &view, &work->why);
        if (err == HR_OK) {
            catch_up_view(work, &view);
        } else if (err == HR_GONE || err == HR_CORRUPT) {
            /* Said, because the client counts on having everything. */
            int64_t next = log_reader_offset(reader);
            hr_buf_clear(&work->message);
            put_gap(&work->message, work->next, next);
            live_queue_put(&work->out, work->message.data, work->message.size);
            work->next = next > work->next ? next : work->next + 1;
            err = HR_OK;
        }
    }
    log_reader_close(reader);
    work->err = err;
}

/* Back on the service thread. */
static void catch_up_finish(server_job *job)
{
    catch_up *work = (catch_up *)(void *)job;
    live_client *client = work->client;
    bool is_wanted = client->wsi != NULL && work->subscription == client->subscription;
    client->is_catching_up = false;
    if (is_wanted && work->err != HR_OK) {
        /* Asked again at once, it would fail again at once. */
        hr_logline(HR_LEVEL_WARN, "live.resume_failed", "offset=%lld why=\"%s\"",
                   (long long)work->next, work->why.text);
        live_end(client);
    }
    if (is_wanted) {
        client->next_event = work->next;
        hr_buf_fini(&client->missed);
        client->missed = work->out;
        client->missed_at = 0;
    } else {
        hr_buf_fini(&work->out);
    }
    live_want_write(client);
    hr_buf_fini(&work->message);
    live_client_release(client);
    free(work);
}

static int begin_catch_up(live_hub *hub, live_client *client, int64_t end)
{
    catch_up *work = calloc(1, sizeof *work);
    if (work == NULL) {
        return -1;
    }
    work->job.job.run = catch_up_run;
    work->job.finish = catch_up_finish;
    /* Each by itself: after a restart a hundred screens of one user come back at once. */
    work->job.job.caller = (uint64_t)(uintptr_t)client;
    work->client = client;
    work->subscription = client->subscription;
    work->log = hub->server->context->log;
    work->next = client->next_event;
    work->end = end;
    hr_buf_init(&work->out, API_ANSWER_BYTES_MAX);
    hr_buf_init(&work->message, API_ANSWER_BYTES_MAX);
    if (api_pool_submit(hub->server->pool, API_LANE_WORK, &work->job.job) != HR_OK) {
        free(work);
        return -1; /* it comes back and resumes */
    }
    client->is_catching_up = true;
    client->job_count++;
    return 0;
}

void live_events_subscribe(live_hub *hub, live_client *client, const char *epoch, int64_t after)
{
    const api_context *context = hub->server->context;
    client->wants_events = true;
    client->subscription++;
    hr_buf_clear(&client->missed);
    client->missed_at = 0;
    if (context->log == NULL || epoch == NULL) {
        client->next_event = hub->ring_next;
        return;
    }
    bool is_ours = strcmp(epoch, context->folder_id) == 0 && after < hub->ring_next;
    client->next_event = is_ours ? (after >= -1 ? after + 1 : 0) : hub->ring_next;
    if (!is_ours) {
        /* Another data folder: what the client has seen is of another history. Not in hub->frame,
         * which holds what this very message is answered with. */
        hr_buf gap;
        hr_buf_init(&gap, API_ANSWER_BYTES_MAX);
        put_gap(&gap, 0, hub->ring_next);
        live_answer(client, &gap);
        hr_buf_fini(&gap);
    }
}

int live_events_write(live_hub *hub, live_client *client)
{
    if (!client->wants_events || client->is_catching_up) {
        return 0;
    }
    int64_t oldest = hub->ring_next - hub->ring_count;
    if (client->next_event < oldest) {
        return begin_catch_up(hub, client, oldest);
    }
    while (client->next_event < hub->ring_next) {
        const struct live_ring_entry *entry = &hub->ring[client->next_event++ % LIVE_RING_MAX];
        if (entry->size > 0) {
            return live_write(client, entry->text, entry->size, false);
        }
    }
    return 0;
}
