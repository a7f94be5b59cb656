/* notify/mqtt_sink.c - publishes events; the group goes forward when the broker has them. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/logline.h"
#include "mqtt/link.h"
#include "notify/feed.h"
#include "notify/sinks.h"
#include "wire/event_json.h"

#define IDLE_MS 1000
#define EVENT_BYTES_MAX 8192
#define TOPIC_SIZE 256

/* A message on its way. Failed ones are published again, so the event is kept. */
typedef struct delivery {
    mqtt_sink *n;
    uint64_t sequence;
    int64_t offset;
    hr_event event;
    hr_err answer; /* protected by n->lock, as next */
    struct delivery *next;
} delivery;

struct mqtt_sink {
    log_store *log;
    const hr_clock *clock;
    mqtt_link *link;
    pthread_t thread;
    hr_counter *sent;
    hr_counter *failed;
    feed feed;       /* the thread's only, as the next */
    bool was_denied; /* and nothing has been taken since */
    hr_buf body;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_stopping;   /* protected by lock, as all below */
    delivery *answered; /* done or failed, for the thread; by their sequence */
    uint32_t inflight;
    uint64_t link_changes; /* times that the link came up or went */
};

/* ---- what is sent ---- */

static void put_event(mqtt_sink *n, const delivery *d)
{
    event_json_frame frame = {.has_offset = true,
                              .offset = d->offset,
                              .has_source = true,
                              .has_emitted = true,
                              .emitted_ms = hr_clock_now_ms(n->clock)};
    hr_buf_clear(&n->body);
    event_json_write(&n->body, &d->event, &frame);
}

/* As an OwnTracks app shows it: {"_type":"transition","event":"enter",...} */
static void put_transition(mqtt_sink *n, const hr_event *event)
{
    hr_buf_clear(&n->body);
    hr_json json = hr_json_into(&n->body);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "_type", "transition");
    hr_json_key_text(&json, "event", event->kind == HR_EVENT_ENTER ? "enter" : "leave");
    hr_json_key_text(&json, "desc",
                     event->fence_name[0] != '\0' ? event->fence_name : event->fence_id);
    hr_json_key(&json, "lat");
    hr_json_decimal(&json, event->lat_e7, 7);
    hr_json_key(&json, "lon");
    hr_json_decimal(&json, event->lon_e7, 7);
    hr_json_key_i64(&json, "tst", event->time_ms / 1000);
    hr_json_key_text(&json, "t", "c");
    hr_json_close_object(&json);
}

/* "user.device" is how ingest names an OwnTracks device. */
static bool transition_topic(const hr_event *event, char topic[TOPIC_SIZE])
{
    const char *dot = strchr(event->device_id, '.');
    bool is_told = event->kind == HR_EVENT_ENTER || event->kind == HR_EVENT_EXIT;
    if (!is_told || dot == NULL || dot[1] == '\0') {
        return false;
    }
    snprintf(topic, TOPIC_SIZE, "owntracks/%.*s/%s/event", (int)(dot - event->device_id),
             event->device_id, dot + 1);
    return true;
}

/* Behind those that are older: what has to be published again goes out in its order. */
static void put_answered(delivery *d, hr_err answer)
{
    mqtt_sink *n = d->n;
    pthread_mutex_lock(&n->lock);
    delivery **at = &n->answered;
    while (*at != NULL && (*at)->sequence < d->sequence) {
        at = &(*at)->next;
    }
    d->answer = answer;
    d->next = *at;
    *at = d;
    pthread_mutex_unlock(&n->lock);
}

static void on_done(void *context, hr_err err)
{
    delivery *d = context;
    mqtt_sink *n = d->n;
    put_answered(d, err);
    pthread_mutex_lock(&n->lock);
    n->inflight--;
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
}

static hr_err publish(mqtt_sink *n, delivery *d)
{
    char topic[TOPIC_SIZE];
    put_event(n, d);
    snprintf(topic, sizeof topic, "hedgerow/v1/event/%s/%s",
             d->event.fence_id[0] != '\0' ? d->event.fence_id : "-",
             hr_event_kind_name(d->event.kind));
    hr_err err = hr_buf_err(&n->body);
    if (err != HR_OK) {
        return err;
    }
    pthread_mutex_lock(&n->lock);
    n->inflight++;
    pthread_mutex_unlock(&n->lock);
    err = mqtt_link_publish(n->link, topic, n->body.data, n->body.size, 1, false, on_done, d);
    if (err != HR_OK) {
        pthread_mutex_lock(&n->lock);
        n->inflight--;
        pthread_mutex_unlock(&n->lock);
        return err;
    }
    if (transition_topic(&d->event, topic)) {
        /* A courtesy to the app on the phone, which asks again by itself: not awaited. */
        put_transition(n, &d->event);
        err = mqtt_link_publish(n->link, topic, n->body.data, n->body.size, 1, false, NULL, NULL);
        if (err != HR_OK) {
            hr_logline(HR_LEVEL_WARN, "notify.no_transition", "device=%s", d->event.device_id);
        }
    }
    return HR_OK;
}

/* ---- the sink's thread ---- */

static bool is_stopping(mqtt_sink *n)
{
    pthread_mutex_lock(&n->lock);
    bool stopping = n->is_stopping;
    pthread_mutex_unlock(&n->lock);
    return stopping;
}

static struct timespec in_a_second(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += 1;
    return at;
}

/* Until there are answers to take, or for a second. */
static void wait_for_answers(mqtt_sink *n)
{
    struct timespec at = in_a_second();
    pthread_mutex_lock(&n->lock);
    if (!n->is_stopping && n->answered == NULL) {
        pthread_cond_timedwait(&n->changed, &n->lock, &at);
    }
    pthread_mutex_unlock(&n->lock);
}

/* Until the link is another one than it was, or for a second; answers to others do not matter. */
static void wait_for_link(mqtt_sink *n, uint64_t changes)
{
    struct timespec at = in_a_second();
    int failed = 0;
    pthread_mutex_lock(&n->lock);
    while (failed == 0 && !n->is_stopping && n->link_changes == changes) {
        failed = pthread_cond_timedwait(&n->changed, &n->lock, &at);
    }
    pthread_mutex_unlock(&n->lock);
}

static uint64_t link_changes(mqtt_sink *n)
{
    pthread_mutex_lock(&n->lock);
    uint64_t changes = n->link_changes;
    pthread_mutex_unlock(&n->lock);
    return changes;
}

/* False: it went back to those that are to be published again, after a pause. */
static bool try_to_publish(mqtt_sink *n, delivery *d)
{
    uint64_t changes = link_changes(n);
    hr_err err = publish(n, d);
    if (err == HR_OK) {
        return true;
    }
    hr_counter_add(n->failed, 1);
    put_answered(d, HR_CLOSED);
    wait_for_link(n, changes);
    return false;
}

/* A broker that does not let us write will not at the next attempt either: tell, and do not hurry.
 */
static void note_refusal(mqtt_sink *n, const delivery *d)
{
    if (d->answer == HR_DENIED && !n->was_denied) {
        hr_logline(HR_LEVEL_ERROR, "notify.denied",
                   "why=\"the broker does not let this user write hedgerow/v1/event/#\"");
    }
    n->was_denied = d->answer == HR_DENIED || (n->was_denied && d->answer != HR_OK);
    if (d->answer == HR_DENIED) {
        hr_counter_add(n->failed, 1);
        wait_for_link(n, link_changes(n));
    }
}

static delivery *next_answered(mqtt_sink *n)
{
    pthread_mutex_lock(&n->lock);
    delivery *d = n->is_stopping ? NULL : n->answered;
    n->answered = d != NULL ? d->next : n->answered;
    pthread_mutex_unlock(&n->lock);
    return d;
}

/* False: some are still to be published, before anything newer. */
static bool take_answers(mqtt_sink *n)
{
    bool are_published = true;
    delivery *d;
    while (are_published && (d = next_answered(n)) != NULL) {
        note_refusal(n, d);
        if (d->answer != HR_OK) {
            are_published = try_to_publish(n, d);
        } else {
            hr_counter_add(n->sent, 1);
            feed_done(&n->feed, d->sequence);
            free(d);
        }
    }
    feed_commit(&n->feed);
    return are_published;
}

/* True if there was one, and it went out. */
static bool publish_next(mqtt_sink *n)
{
    delivery *d = malloc(sizeof *d);
    if (d == NULL) {
        return false;
    }
    *d = (delivery){.n = n};
    if (feed_next(&n->feed, &d->event, &d->offset, &d->sequence) != HR_OK) {
        free(d);
        return false;
    }
    return try_to_publish(n, d);
}

static bool has_room(mqtt_sink *n)
{
    pthread_mutex_lock(&n->lock);
    bool has = n->inflight < NOTIFY_INFLIGHT_MAX && !n->is_stopping;
    pthread_mutex_unlock(&n->lock);
    return has;
}

static bool is_idle(mqtt_sink *n)
{
    pthread_mutex_lock(&n->lock);
    bool idle = n->inflight == 0 && n->answered == NULL;
    pthread_mutex_unlock(&n->lock);
    return idle;
}

static void *run(void *context)
{
    mqtt_sink *n = context;
    while (!is_stopping(n)) {
        log_position seen = log_durable(n->log);
        bool has_more = take_answers(n);
        while (has_more && has_room(n)) {
            has_more = publish_next(n);
        }
        if (!is_idle(n)) {
            wait_for_answers(n);
        } else if (!has_more && !is_stopping(n)) {
            log_wait(n->log, LOG_COMMITTED, seen, IDLE_MS);
        }
    }
    return NULL;
}

/* ---- start and stop ---- */

static void on_state(void *context, bool is_up)
{
    mqtt_sink *n = context;
    (void)is_up;
    pthread_mutex_lock(&n->lock);
    n->link_changes++;
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
}

static void drop_answers(mqtt_sink *n)
{
    while (n->answered != NULL) {
        delivery *d = n->answered;
        n->answered = d->next;
        free(d);
    }
}

static void release(mqtt_sink *n)
{
    drop_answers(n);
    feed_close(&n->feed);
    hr_buf_fini(&n->body);
    pthread_cond_destroy(&n->changed);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

static void make_metrics(mqtt_sink *n, hr_metrics *metrics)
{
    n->sent = hr_metrics_counter(metrics, "hedgerow_notify_sent_total", "sink=\"mqtt\"",
                                 "Events that a sink has taken.");
    n->failed = hr_metrics_counter(metrics, "hedgerow_notify_failed_total", "sink=\"mqtt\"",
                                   "Attempts at telling an event that failed.");
}

static hr_err start_made(mqtt_sink *n, const notify_options *options, hr_why *why)
{
    mqtt_options mqtt = {
        .addresses = options->addresses,
        .client_id = "hedgerow-notify",
        .client_key = options->session_key,
        .user = options->user,
        .password = options->password,
        .ca_file = options->ca_file,
        .cert_file = options->cert_file,
        .key_file = options->key_file,
        .pause_max_ms = 2000,
        .on_state = on_state,
        .context = n,
    };
    make_metrics(n, options->metrics);
    hr_err err = feed_open(&n->feed, options->log, NOTIFY_MQTT_GROUP);
    if (err != HR_OK) {
        return hr_why_set(why, err, "events cannot be read: %s", hr_err_text(err));
    }
    err = mqtt_link_start(&mqtt, &n->link, why);
    if (err != HR_OK) {
        return err;
    }
    int failed = pthread_create(&n->thread, NULL, run, n);
    if (failed != 0) {
        mqtt_link_stop(n->link);
        return hr_why_errno(why, failed, "no thread for notifications");
    }
    return HR_OK;
}

hr_err mqtt_sink_start(const notify_options *options, mqtt_sink **out, hr_why *why)
{
    mqtt_sink *n = calloc(1, sizeof *n);
    if (n == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for notifications");
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&n->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&n->lock, NULL);
    hr_buf_init(&n->body, EVENT_BYTES_MAX);
    n->log = options->log;
    n->clock = options->clock;
    hr_err err = start_made(n, options, why);
    if (err != HR_OK) {
        release(n);
        return err;
    }
    *out = n;
    return HR_OK;
}

void mqtt_sink_stop(mqtt_sink *n)
{
    if (n == NULL) {
        return;
    }
    pthread_mutex_lock(&n->lock);
    n->is_stopping = true;
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
    log_wake(n->log);
    pthread_join(n->thread, NULL);
    /* Deliveries without an answer come back through on_done. */
    mqtt_link_stop(n->link);
    release(n);
}

hr_err mqtt_sink_health(mqtt_sink *n, hr_why *why)
{
    return mqtt_link_health(n->link, why);
}
