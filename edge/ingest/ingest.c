/* ingest/ingest.c - the intake's life, and its own threads: one sends acknowledgements, one follows
 * the log's durable end and appends ticks. */
#include "ingest/ingest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/id.h"
#include "base/logline.h"
#include "base/record.h"
#include "ingest/broker.h"
#include "ingest/ingest_private.h"
#include "wire/ack_json.h"

#define TICK_GAP_NS INT64_C(1000000000)

/* ---- acknowledgements ---- */

static void on_state(void *context, bool is_up)
{
    ingest *in = context;
    if (is_up) {
        pthread_mutex_lock(&in->lock);
        in->is_up = true;
        acks_answer_all(in->acks);
        pthread_cond_broadcast(&in->changed);
        pthread_mutex_unlock(&in->lock);
    }
}

static void send_ack(ingest *in, const ack *a)
{
    char topic[HR_USER_ID_MAX + 32], text[ACK_JSON_SIZE];
    snprintf(topic, sizeof topic, "hedgerow/v1/ack/%s", a->user);
    size_t size = ack_json_write(&(ack_json){a->epoch, a->seq}, text);
    hr_err err = mqtt_link_publish(in->link, topic, text, size, 1, false, NULL, NULL);
    if (err == HR_OK) {
        hr_counter_add(in->acks_sent, 1);
    } else if (err == HR_TIMEOUT) {
        /* The window is full: once more, in a little while. */
        pthread_mutex_lock(&in->lock);
        err = acks_answer(in->acks, a->user, a->epoch, (uint64_t)(a->seq + 1));
        pthread_mutex_unlock(&in->lock);
    }
    /* HR_CLOSED: the next connection says everything again. */
}

/* Wait for news, or until end_ns. Under the lock. */
static void wait_for_news(ingest *in, int64_t end_ns)
{
    if (end_ns == INT64_MAX) {
        pthread_cond_wait(&in->changed, &in->lock);
        return;
    }
    struct timespec at = {.tv_sec = end_ns / 1000000000, .tv_nsec = end_ns % 1000000000};
    pthread_cond_timedwait(&in->changed, &in->lock, &at);
}

static void *run_acks(void *context)
{
    ingest *in = context;
    pthread_mutex_lock(&in->lock);
    while (!in->is_stopping) {
        ack a;
        int64_t wake_ns;
        if (former_is_due(in)) {
            pthread_mutex_unlock(&in->lock);
            former_go_on(in);
            pthread_mutex_lock(&in->lock);
        } else if (acks_next(in->acks, in->durable, hr_clock_mono_ns(hr_clock_real()), &a,
                             &wake_ns)) {
            pthread_mutex_unlock(&in->lock);
            send_ack(in, &a);
            pthread_mutex_lock(&in->lock);
        } else {
            wait_for_news(in, wake_ns);
        }
    }
    pthread_mutex_unlock(&in->lock);
    return NULL;
}

/* ---- the durable end, and ticks ---- */

static void append_tick(ingest *in)
{
    log_batch batches[HR_PARTITIONS_MAX];
    uint8_t bytes[HR_TICK_BYTES];
    log_position end;
    hr_store_u64(bytes, (uint64_t)hr_clock_now_ms(in->clock));
    for (uint32_t i = 0; i < in->partition_count; i++) {
        batches[i] = (log_batch){.topic = HR_TOPIC_POSITIONS,
                                 .type = HR_RECORD_TICK,
                                 .partition = (uint16_t)i,
                                 .count = 1,
                                 .record_bytes = HR_TICK_BYTES,
                                 .bytes = bytes,
                                 .size = sizeof bytes};
    }
    hr_err err = log_append(in->log, batches, in->partition_count, NULL, NULL, &end);
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_WARN, "ingest.no_tick", "why=\"%s\"", hr_err_text(err));
    }
}

/* Tell the other thread how far the disk is; true once the intake stops. */
static bool note_durable(ingest *in, log_position durable)
{
    pthread_mutex_lock(&in->lock);
    if (in->durable != durable) {
        in->durable = durable;
        pthread_cond_broadcast(&in->changed);
    }
    bool is_stopping = in->is_stopping;
    pthread_mutex_unlock(&in->lock);
    return is_stopping;
}

static void *run_watch(void *context)
{
    ingest *in = context;
    const hr_clock *real = hr_clock_real();
    int64_t tick_ns = hr_clock_mono_ns(real) + TICK_GAP_NS;
    log_position durable = in->durable;
    while (!note_durable(in, durable)) {
        int64_t left_ns = tick_ns - hr_clock_mono_ns(real);
        if (left_ns > 0) {
            durable = log_wait(in->log, LOG_COMMITTED, durable, (int32_t)(left_ns / 1000000 + 1));
            continue;
        }
        tick_ns = hr_clock_mono_ns(real) + TICK_GAP_NS;
        if (in->ticks_wanted != NULL && in->ticks_wanted(in->ticks_context)) {
            append_tick(in);
        }
    }
    return NULL;
}

/* ---- start and stop ---- */

static hr_err make_metrics(ingest *in, hr_metrics *metrics)
{
    static const char *const reasons[] = {
#define INGEST_DEAD_LABEL(value, name) "reason=\"" name "\"",
        INGEST_DEAD_LIST(INGEST_DEAD_LABEL)
#undef INGEST_DEAD_LABEL
    };
    if (metrics == NULL) {
        in->own_metrics = hr_metrics_new();
        metrics = in->own_metrics;
    }
    if (metrics == NULL) {
        return HR_NO_MEMORY;
    }
    in->fixes = hr_metrics_counter(metrics, "hedgerow_ingest_fixes_total", "",
                                   "Fixes appended to the log.");
    in->messages = hr_metrics_counter(metrics, "hedgerow_ingest_messages_total", "",
                                      "MQTT messages received.");
    in->repeated = hr_metrics_counter(metrics, "hedgerow_ingest_repeated_batches_total", "",
                                      "Batches that the log had already.");
    in->refused = hr_metrics_counter(metrics, "hedgerow_ingest_refused_batches_total", "",
                                     "Batches that came before an earlier one.");
    in->acks_sent = hr_metrics_counter(metrics, "hedgerow_ingest_acks_total", "",
                                       "Acknowledgements sent to gateways.");
    for (int i = 0; i < DEAD_REASONS; i++) {
        in->dead[i] = hr_metrics_counter(metrics, "hedgerow_ingest_dead_total", reasons[i],
                                         "Input refused into the topic dead.");
    }
    in->broker_dropped = hr_metrics_gauge(metrics, "hedgerow_broker_dropped_messages", "",
                                          "Messages that the broker dropped, by its own count.");
    in->is_blocked = hr_metrics_gauge(metrics, "hedgerow_ingest_blocked", "",
                                      "1 while the log takes no more and nothing is read.");
    return HR_OK;
}

static void release(ingest *in)
{
    frame_fini(&in->frame);
    names_fini(&in->names);
    free(in->devices);
    acks_free(in->acks);
    hr_metrics_free(in->own_metrics);
    pthread_cond_destroy(&in->changed);
    pthread_mutex_destroy(&in->lock);
    free(in);
}

static hr_err make(const ingest_options *options, ingest **out, hr_why *why)
{
    const log_topic *positions = log_topic_get(options->log, HR_TOPIC_POSITIONS);
    if (positions->partition_count > HR_PARTITIONS_MAX) {
        return hr_why_set(why, HR_TOO_BIG, "%u partitions", positions->partition_count);
    }
    ingest *in = calloc(1, sizeof *in);
    if (in == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the intake");
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&in->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&in->lock, NULL);
    in->log = options->log;
    in->clock = options->clock;
    in->presence = options->presence;
    in->ticks_wanted = options->ticks_wanted;
    in->ticks_context = options->ticks_context;
    in->partition_count = positions->partition_count;
    in->dropped = -1;
    frame_init(&in->frame, in->partition_count);
    in->acks = acks_new();
    hr_err err = names_init(&in->names, INGEST_DEVICES_MAX);
    if (err == HR_OK) {
        err = make_metrics(in, options->metrics);
    }
    if (err != HR_OK || in->acks == NULL) {
        release(in);
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the intake");
    }
    *out = in;
    return HR_OK;
}

static hr_err start_link(ingest *in, const ingest_options *options, hr_why *why)
{
    static const mqtt_subscription subscriptions[] = {
        {"hedgerow/v1/fixes/+", 1},  {"hedgerow/v1/fix/+", 1},
        {"hedgerow/v1/status/+", 1}, {"hedgerow/v1/dead/+", 1},
        {"owntracks/+/+", 1},        {"$SYS/broker/publish/messages/dropped", 0},
    };
    mqtt_options mqtt = {
        .addresses = options->addresses,
        .client_id = BROKER_SERVICE_CLIENT,
        .client_key = options->session_key,
        .user = options->user,
        .password = options->password,
        .ca_file = options->ca_file,
        .cert_file = options->cert_file,
        .key_file = options->key_file,
        .keep_alive_s = options->keep_alive_s,
        .subscriptions = subscriptions,
        .subscription_count = sizeof subscriptions / sizeof subscriptions[0],
        .pause_max_ms = 2000,
        .on_message = ingest_take,
        .on_state = on_state,
        .context = in,
    };
    mqtt.is_held = mqtt.client_key != NULL && mqtt.client_key[0] != BROKER_KEYED_LETTER;
    in->is_released = !mqtt.is_held;
    hr_err err = mqtt_link_start(&mqtt, &in->link, why);
    if (err == HR_OK && mqtt.is_held) {
        err = former_begin(in, &mqtt, why);
    }
    if (err != HR_OK) {
        mqtt_link_stop(in->link);
    }
    return err;
}

static hr_err load_names(ingest *in, const ingest_options *options, hr_why *why)
{
    if (options->load_names == NULL) {
        return HR_OK;
    }
    hr_err err = options->load_names(options->names_context, in);
    return err == HR_OK
               ? HR_OK
               : hr_why_set(why, err, "cannot load the names of devices: %s", hr_err_text(err));
}

/* End both threads; started says how many there are. */
static void end_threads(ingest *in, int started)
{
    pthread_mutex_lock(&in->lock);
    in->is_stopping = true;
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
    log_wake(in->log);
    if (started > 0) {
        pthread_join(in->watcher, NULL);
    }
    if (started > 1) {
        pthread_join(in->speaker, NULL);
    }
}

/* The link comes first: the threads speak through it. */
static hr_err start_made(ingest *in, const ingest_options *options, hr_why *why)
{
    hr_err err = load_names(in, options, why);
    if (err == HR_OK) {
        in->durable = log_durable(in->log);
        err = start_link(in, options, why);
    }
    if (err != HR_OK) {
        return err;
    }
    int started = 0;
    int failed = pthread_create(&in->watcher, NULL, run_watch, in);
    if (failed == 0) {
        started++;
        failed = pthread_create(&in->speaker, NULL, run_acks, in);
    }
    if (failed != 0) {
        end_threads(in, started);
        mqtt_link_stop(in->former.link);
        mqtt_link_stop(in->link);
        return hr_why_errno(why, failed, "no thread for the intake");
    }
    return HR_OK;
}

hr_err ingest_start(const ingest_options *options, ingest **out, hr_why *why)
{
    ingest *in = NULL;
    hr_err err = make(options, &in, why);
    if (err != HR_OK) {
        return err;
    }
    err = start_made(in, options, why);
    if (err != HR_OK) {
        release(in);
        return err;
    }
    *out = in;
    return HR_OK;
}

void ingest_stop(ingest *in)
{
    if (in == NULL) {
        return;
    }
    end_threads(in, 2);
    mqtt_link_stop(in->former.link);
    mqtt_link_stop(in->link);
    release(in);
}

/* ---- what others ask ---- */

void ingest_name_known(ingest *in, const char *id, size_t id_size)
{
    if (names_meet(&in->names, hr_device_key(id, id_size), id, id_size) == NAMES_CLASH) {
        hr_logline(HR_LEVEL_ERROR, "ingest.clash", "device=%.*s", (int)id_size, id);
    }
}

hr_err ingest_health(ingest *in, hr_why *why)
{
    pthread_mutex_lock(&in->lock);
    hr_why trouble = in->trouble;
    pthread_mutex_unlock(&in->lock);
    if (trouble.text[0] != '\0') {
        hr_why_set(why, HR_NO_SPACE, "%.500s", trouble.text);
        hr_why_reason(why, "ingest.waits");
        return HR_NO_SPACE;
    }
    pthread_mutex_lock(&in->lock);
    hr_err err = mqtt_link_health(former_or_new(in), why);
    pthread_mutex_unlock(&in->lock);
    return err;
}

hr_err ingest_drops(ingest *in, hr_why *why)
{
    pthread_mutex_lock(&in->lock);
    int64_t ago_ms = (hr_clock_mono_ns(in->clock) - in->dropped_ns) / 1000000;
    int64_t dropped = ago_ms <= INGEST_DROPS_MS ? in->dropped_since : 0;
    pthread_mutex_unlock(&in->lock);
    if (dropped == 0) {
        return HR_OK;
    }
    hr_why_set(why, HR_NO_SPACE,
               "the broker dropped %" PRId64 " messages %" PRId64
               " min ago: one of its clients is too slow, or away for too long",
               dropped, ago_ms / 60000);
    hr_why_reason(why, "broker.dropped");
    hr_why_number(why, "messages", dropped);
    hr_why_number(why, "minutes", ago_ms / 60000);
    return HR_NO_SPACE;
}

void ingest_count(ingest *in, ingest_counts *counts)
{
    *counts = (ingest_counts){
        .fixes = hr_counter_value(in->fixes),
        .repeated = hr_counter_value(in->repeated),
        .refused = hr_counter_value(in->refused),
        .broker_dropped = (uint64_t)hr_gauge_value(in->broker_dropped),
    };
    for (int i = 0; i < DEAD_REASONS; i++) {
        counts->dead += hr_counter_value(in->dead[i]);
    }
}
