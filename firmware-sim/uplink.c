/* uplink.c - one MQTT link for all gateways of a simulator; they share a login, not an epoch. */
#include "uplink.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mqtt/link.h"

#define LOGIN_BYTES_MAX 4096
#define NS_PER_S INT64_C(1000000000)

struct sim_uplink {
    mqtt_link *link;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool has_news; /* protected by lock, as all below */
    bool is_up;
    unsigned inflight;
    sim_ack acks[SIM_UPLINK_ACKS_MAX];
    uint32_t ack_first;
    uint32_t ack_count;
};

static void tell(sim_uplink *u)
{
    u->has_news = true;
    pthread_cond_signal(&u->changed);
}

static void keep_ack(sim_uplink *u, const sim_ack *ack)
{
    pthread_mutex_lock(&u->lock);
    if (u->ack_count == SIM_UPLINK_ACKS_MAX) {
        u->ack_first = (u->ack_first + 1) % SIM_UPLINK_ACKS_MAX;
        u->ack_count--;
    }
    u->acks[(u->ack_first + u->ack_count++) % SIM_UPLINK_ACKS_MAX] = *ack;
    tell(u);
    pthread_mutex_unlock(&u->lock);
}

static void on_message(void *context, const mqtt_message *message)
{
    cJSON *json = cJSON_ParseWithLength((const char *)message->payload, message->size);
    const char *epoch = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "epoch"));
    const cJSON *seq = cJSON_GetObjectItemCaseSensitive(json, "seq");
    if (epoch != NULL && cJSON_IsNumber(seq)) {
        keep_ack(context, &(sim_ack){strtoull(epoch, NULL, 10), (int64_t)seq->valuedouble});
    }
    cJSON_Delete(json);
}

static void on_state(void *context, bool is_up)
{
    sim_uplink *u = context;
    pthread_mutex_lock(&u->lock);
    u->is_up = is_up;
    tell(u);
    pthread_mutex_unlock(&u->lock);
}

static void on_sent(void *context, hr_err err)
{
    (void)err; /* the outbox asks for the service's word, not the broker's */
    sim_uplink *u = context;
    pthread_mutex_lock(&u->lock);
    u->inflight--;
    tell(u);
    pthread_mutex_unlock(&u->lock);
}

static void init_lock(sim_uplink *u)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&u->lock, NULL);
    pthread_cond_init(&u->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void drop(sim_uplink *u)
{
    pthread_cond_destroy(&u->changed);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

hr_err sim_uplink_start(const sim_login *login, const char *client_id, sim_uplink **out,
                        hr_why *why)
{
    sim_uplink *u = calloc(1, sizeof *u);
    if (u == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    init_lock(u);
    char acks[128];
    snprintf(acks, sizeof acks, "hedgerow/v1/ack/%s", login->user);
    mqtt_subscription subscription = {acks, 1};
    mqtt_options options = {.addresses = login->address,
                            .client_id = client_id,
                            .user = login->user[0] != '\0' ? login->user : NULL,
                            .password = login->password[0] != '\0' ? login->password : NULL,
                            .subscriptions = &subscription,
                            .subscription_count = 1,
                            .pause_max_ms = 1000,
                            .on_message = on_message,
                            .on_state = on_state,
                            .context = u};
    hr_err err = mqtt_link_start(&options, &u->link, why);
    if (err != HR_OK) {
        drop(u);
        return err;
    }
    *out = u;
    return HR_OK;
}

void sim_uplink_stop(sim_uplink *u)
{
    if (u != NULL) {
        mqtt_link_stop(u->link);
        drop(u);
    }
}

bool sim_uplink_is_up(sim_uplink *u)
{
    pthread_mutex_lock(&u->lock);
    bool is_up = u->is_up;
    pthread_mutex_unlock(&u->lock);
    return is_up;
}

bool sim_uplink_is_idle(sim_uplink *u)
{
    pthread_mutex_lock(&u->lock);
    bool is_idle = u->inflight == 0;
    pthread_mutex_unlock(&u->lock);
    return is_idle;
}

hr_err sim_uplink_send(sim_uplink *u, const char *topic, const void *bytes, size_t size)
{
    pthread_mutex_lock(&u->lock);
    hr_err err = !u->is_up                                ? HR_CLOSED
                 : u->inflight >= SIM_UPLINK_INFLIGHT_MAX ? HR_TIMEOUT
                                                          : HR_OK;
    u->inflight += err == HR_OK;
    pthread_mutex_unlock(&u->lock);
    if (err != HR_OK) {
        return err;
    }
    err = mqtt_link_publish(u->link, topic, bytes, size, 1, false, on_sent, u);
    if (err != HR_OK) {
        pthread_mutex_lock(&u->lock);
        u->inflight--;
        pthread_mutex_unlock(&u->lock);
    }
    return err;
}

bool sim_uplink_next_ack(sim_uplink *u, sim_ack *ack)
{
    pthread_mutex_lock(&u->lock);
    bool has_one = u->ack_count > 0;
    if (has_one) {
        *ack = u->acks[u->ack_first];
        u->ack_first = (u->ack_first + 1) % SIM_UPLINK_ACKS_MAX;
        u->ack_count--;
    }
    pthread_mutex_unlock(&u->lock);
    return has_one;
}

void sim_uplink_wait(sim_uplink *u, int64_t until_ns)
{
    struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_mutex_lock(&u->lock);
    int result = 0;
    while (!u->has_news && result == 0) {
        result = pthread_cond_timedwait(&u->changed, &u->lock, &until);
    }
    u->has_news = false;
    pthread_mutex_unlock(&u->lock);
}

static bool copy_text(const cJSON *json, const char *key, char *to, size_t capacity)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
    return text != NULL && (size_t)snprintf(to, capacity, "%s", text) < capacity;
}

hr_err sim_login_parse(const char *text, size_t size, sim_login *login, hr_why *why)
{
    cJSON *json = cJSON_ParseWithLength(text, size);
    const cJSON *port = cJSON_GetObjectItemCaseSensitive(json, "port");
    char host[128];
    bool is_good = copy_text(json, "user", login->user, sizeof login->user) &&
                   copy_text(json, "password", login->password, sizeof login->password) &&
                   copy_text(json, "host", host, sizeof host) && cJSON_IsNumber(port);
    if (is_good) {
        snprintf(login->address, sizeof login->address, "tcp://%s:%d", host, port->valueint);
    }
    cJSON_Delete(json);
    return is_good ? HR_OK
                   : hr_why_set(why, HR_INVALID,
                                "not a login: {\"user\",\"password\",\"host\",\"port\"}");
}

hr_err sim_login_load(const char *path, sim_login *login, hr_why *why)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return hr_why_errno(why, errno, "%s", path);
    }
    char text[LOGIN_BYTES_MAX];
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    return sim_login_parse(text, size, login, why);
}
