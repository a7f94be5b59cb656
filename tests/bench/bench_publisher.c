/* tests/bench/bench_publisher.c - makes messages and pushes them through MQTT connections. */
#include "bench_publisher.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/logline.h"
#include "bench_bare_mqtt.h"
#include "mqtt/link.h"
#include "wire/ack_json.h"
#include "wire/hrf1.h"

#define WINDOW 100                              /* messages unanswered by the broker */
#define AHEAD_MAX (500 * PUBLISHER_BATCH_FIXES) /* fixes that the service has not acknowledged */

#define PHONE_CONNECTIONS 10
#define PHONE_BURST 20 /* messages in one write */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int inflight; /* protected by lock, as is_up */
static bool is_up;
static uint64_t acked; /* fixes; protected by lock */

const char *publisher_pack(const publisher_options *options)
{
    static char text[200];
    snprintf(text, sizeof text, "%u:%d:%" PRIu64 ":%s", options->port, (int)options->kind,
             options->fixes, options->password);
    return text;
}

void publisher_make_batch(hr_buf *out, uint64_t epoch, uint64_t base_seq)
{
    hrf1_writer *writer = hrf1_writer_new();
    if (writer == NULL) {
        exit(1);
    }
    hrf1_writer_begin(writer);
    for (uint32_t i = 0; i < PUBLISHER_BATCH_FIXES; i++) {
        char id[16];
        uint64_t seq = base_seq + i;
        int size = snprintf(id, sizeof id, "cow-%u", (unsigned)(seq % PUBLISHER_DEVICES));
        hr_fix fix = {.time_ms = 1700000000000 + (int64_t)seq,
                      .lon_e7 = 163725000 + (int32_t)(seq % 100000),
                      .lat_e7 = 598512000 + (int32_t)(seq % 77777),
                      .accuracy_dm = 30};
        if (hrf1_writer_add(writer, id, (size_t)size, &fix) != HR_OK) {
            exit(1);
        }
    }
    hrf1_header header = {epoch, base_seq, base_seq, false};
    if (hrf1_writer_finish(writer, &header, out) != HR_OK) {
        exit(1);
    }
    hrf1_writer_free(writer);
}

size_t publisher_make_json(char text[PUBLISHER_JSON_SIZE], uint64_t number)
{
    int size =
        snprintf(text, PUBLISHER_JSON_SIZE,
                 "{\"_type\":\"location\",\"lat\":59.%07u,\"lon\":16.3725011,\"tst\":%" PRIu64
                 ",\"acc\":12,\"vel\":4,\"cog\":271,\"batt\":81,\"alt\":31,\"tid\":\"ph\","
                 "\"conn\":\"m\",\"vac\":3}",
                 (unsigned)(number % 10000000), 1700000000 + number);
    return (size_t)size;
}

static void on_state(void *context, bool up)
{
    (void)context;
    pthread_mutex_lock(&lock);
    is_up = up;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void on_ack(void *context, const mqtt_message *message)
{
    (void)context;
    ack_json ack;
    if (ack_json_read(message->payload, message->size, &ack, NULL) == HR_OK) {
        pthread_mutex_lock(&lock);
        acked = (uint64_t)(ack.seq + 1);
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
}

/* As a gateway does: what is sent too far ahead only fills the broker's queue. */
static void wait_for_service(uint64_t seq)
{
    pthread_mutex_lock(&lock);
    while (seq > acked + AHEAD_MAX) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static void on_done(void *context, hr_err err)
{
    (void)context;
    (void)err;
    pthread_mutex_lock(&lock);
    inflight--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Until the client takes it: its window is the only brake. */
static void publish(mqtt_link *link, const char *topic, const void *bytes, size_t size)
{
    pthread_mutex_lock(&lock);
    while (inflight >= WINDOW) {
        pthread_cond_wait(&changed, &lock);
    }
    inflight++;
    pthread_mutex_unlock(&lock);
    while (mqtt_link_publish(link, topic, bytes, size, 1, false, on_done, NULL) != HR_OK) {
        poll(NULL, 0, 1);
    }
}

/* One message, renumbered for each sending: making fixes is not what is measured. */
static void publish_batches(mqtt_link *link, uint64_t fixes)
{
    hr_buf message;
    hr_buf_init(&message, HRF1_BYTES_MAX);
    publisher_make_batch(&message, 4711, 0);
    for (uint64_t seq = 0; seq < fixes; seq += PUBLISHER_BATCH_FIXES) {
        wait_for_service(seq);
        hr_store_u64(message.data + 20, seq);
        hr_store_u64(message.data + 28, seq);
        hr_store_u64(message.data + 36, 1700000000000 + seq);
        hr_store_u32(message.data + 44, 0);
        hr_store_u32(message.data + 44, hr_crc32c(0, message.data, message.size));
        publish(link, "hedgerow/v1/fixes/barn", message.data, message.size);
    }
    hr_buf_fini(&message);
}

/* Phones: each message is a PUBLISH of its own, over several connections; no client library, since
 * the phones' work is done by the phones. */
static int publish_singles(uint16_t port, const char *password, uint64_t fixes)
{
    static uint8_t bytes[PHONE_BURST * (PUBLISHER_JSON_SIZE + 80)];
    int fds[PHONE_CONNECTIONS];
    for (int i = 0; i < PHONE_CONNECTIONS; i++) {
        char id[32];
        snprintf(id, sizeof id, "phones%d", i);
        fds[i] = bare_connect(port, "barn", password, id);
        if (fds[i] < 0) {
            return 1;
        }
    }
    for (uint64_t i = 0; i < fixes;) {
        int fd = fds[i / PHONE_BURST % PHONE_CONNECTIONS];
        size_t size = 0;
        for (int k = 0; k < PHONE_BURST && i < fixes; k++, i++) {
            char text[PUBLISHER_JSON_SIZE], topic[64];
            size_t text_size = publisher_make_json(text, i);
            snprintf(topic, sizeof topic, "owntracks/barn/phone%u",
                     (unsigned)(i % PUBLISHER_DEVICES));
            size += bare_put_publish(bytes + size, topic, text, text_size);
        }
        if (!bare_send(fd, bytes, size)) {
            return 1;
        }
    }
    return 0;
}

int publisher_run(const char *packed)
{
    unsigned port;
    int kind, used;
    uint64_t fixes;
    char address[64];
    if (sscanf(packed, "%u:%d:%" SCNu64 ":%n", &port, &kind, &fixes, &used) != 3) {
        return 2;
    }
    hr_logline_set_level(HR_LEVEL_ERROR);
    if (kind == PUBLISHER_SINGLES) {
        int failed = publish_singles((uint16_t)port, packed + used, fixes);
        while (failed == 0) {
            pause();
        }
        return failed;
    }
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", port);
    mqtt_subscription acks = {"hedgerow/v1/ack/barn", 1};
    mqtt_options options = {.addresses = address,
                            .subscriptions = &acks,
                            .subscription_count = 1,
                            .on_message = on_ack,
                            .client_id = "bench",
                            .user = "barn",
                            .password = packed + used,
                            .on_state = on_state};
    mqtt_link *link = NULL;
    if (mqtt_link_start(&options, &link, NULL) != HR_OK) {
        return 1;
    }
    pthread_mutex_lock(&lock);
    while (!is_up) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    publish_batches(link, fixes);
    for (;;) {
        pause();
    }
}
