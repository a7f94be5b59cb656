/* mqtt/publish.c - sends messages and tells what became of them. */
#include <stdlib.h>
#include <string.h>

#include "mqtt/link_private.h"

/* Lives from mqtt_link_publish to the answer, in the link's list: Paho forgets those without an
 * answer when it ends. */
typedef struct delivery {
    mqtt_link *link;
    mqtt_done *done;
    void *context;
    struct delivery *next; /* protected by link->lock, as previous */
    struct delivery *previous;
} delivery;

static delivery *make_delivery(mqtt_link *link, mqtt_done *done, void *context)
{
    delivery *d = malloc(sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    *d = (delivery){.link = link, .done = done, .context = context};
    pthread_mutex_lock(&link->lock);
    d->next = link->deliveries;
    if (d->next != NULL) {
        d->next->previous = d;
    }
    link->deliveries = d;
    pthread_mutex_unlock(&link->lock);
    return d;
}

static void drop_delivery(delivery *d)
{
    mqtt_link *link = d->link;
    pthread_mutex_lock(&link->lock);
    if (d->previous != NULL) {
        d->previous->next = d->next;
    } else {
        link->deliveries = d->next;
    }
    if (d->next != NULL) {
        d->next->previous = d->previous;
    }
    pthread_mutex_unlock(&link->lock);
    free(d);
}

static void finish_delivery(delivery *d, hr_err err)
{
    d->done(d->context, err);
    drop_delivery(d);
}

void mqtt_deliveries_end(mqtt_link *link)
{
    while (link->deliveries != NULL) {
        finish_delivery(link->deliveries, HR_CLOSED);
    }
}

static void on_delivered5(void *context, MQTTAsync_successData5 *data)
{
    finish_delivery(context, data->reasonCode < 0x80 ? HR_OK : HR_DENIED);
}

static void on_undelivered5(void *context, MQTTAsync_failureData5 *data)
{
    finish_delivery(context, data != NULL && data->reasonCode >= 0x80 ? HR_DENIED : HR_CLOSED);
}

static void on_delivered(void *context, MQTTAsync_successData *data)
{
    (void)data;
    finish_delivery(context, HR_OK);
}

static void on_undelivered(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    finish_delivery(context, HR_CLOSED);
}

static hr_err err_of_send(int code)
{
    switch (code) {
    case MQTTASYNC_SUCCESS:
        return HR_OK;
    case MQTTASYNC_MAX_BUFFERED_MESSAGES:
    case MQTTASYNC_MAX_MESSAGES_INFLIGHT:
    case MQTTASYNC_NO_MORE_MSGIDS:
        return HR_TIMEOUT;
    default:
        return HR_CLOSED;
    }
}

/* Room in the answer for a delivery's callbacks; false without memory. */
static bool expect_answer(mqtt_link *link, mqtt_done *done, void *context,
                          MQTTAsync_responseOptions *response)
{
    delivery *d = make_delivery(link, done, context);
    if (d == NULL) {
        return false;
    }
    response->context = d;
    if (link->version == MQTTVERSION_5) {
        response->onSuccess5 = on_delivered5;
        response->onFailure5 = on_undelivered5;
    } else {
        response->onSuccess = on_delivered;
        response->onFailure = on_undelivered;
    }
    return true;
}

static bool enter(mqtt_link *link)
{
    pthread_mutex_lock(&link->lock);
    bool is_up = link->state == LINK_UP && !link->is_stopping;
    link->sender_count += is_up;
    pthread_mutex_unlock(&link->lock);
    return is_up;
}

static void leave(mqtt_link *link)
{
    pthread_mutex_lock(&link->lock);
    link->sender_count--;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
}

hr_err mqtt_link_publish(mqtt_link *link, const char *topic, const void *payload, size_t size,
                         int qos, bool is_retained, mqtt_done *done, void *context)
{
    if (size > INT32_MAX || strlen(topic) > MQTT_TOPIC_BYTES_MAX) {
        return HR_TOO_BIG;
    }
    if (!enter(link)) {
        return HR_CLOSED;
    }
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    hr_err err = HR_OK;
    bool is_expected = done != NULL && qos > 0;
    if (is_expected && !expect_answer(link, done, context, &response)) {
        err = HR_NO_MEMORY;
    } else {
        err = err_of_send(
            MQTTAsync_send(link->client, topic, (int)size, payload, qos, is_retained, &response));
        if (err != HR_OK && is_expected) {
            drop_delivery(response.context);
        }
    }
    leave(link);
    return err;
}
