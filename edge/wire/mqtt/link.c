/* mqtt/link.c - drives Paho's asynchronous client: connect, subscribe, publish, and again. */
#include "mqtt/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/logline.h"
#include "mqtt/link_private.h"

#define PAUSE_MIN_MS 200
#define PAUSE_MAX_DEFAULT_MS 10000
#define CONNECT_TIMEOUT_S 10
#define KEEP_ALIVE_DEFAULT_S 30
#define STOP_TIMEOUT_MS 1000
#define SESSION_ID_SIZE 256
#define NS_PER_MS INT64_C(1000000)

/* A session that is lost before is no success: pauses go on growing. */
#define LASTING_NS INT64_C(5000000000)
#define SHORT_SESSIONS_TOLD 3 /* so many in a row are told */

static int64_t now_ns(void)
{
    return hr_clock_mono_ns(hr_clock_real());
}

/* ---- what Paho tells ---- */

/* Next attempt after a pause that doubles, and differs from link to link: a thousand gateways do
 * not come back in the same second. Under the lock. */
static void schedule_attempt(mqtt_link *link)
{
    unsigned doublings = link->attempts < 10 ? link->attempts : 10;
    int64_t pause_ms = (int64_t)PAUSE_MIN_MS << doublings;
    if (pause_ms > link->pause_max_ms) {
        pause_ms = link->pause_max_ms;
    }
    pause_ms = pause_ms / 2 + (int64_t)hr_random_below(&link->random, (uint64_t)pause_ms);
    link->attempts++;
    link->state = LINK_DOWN;
    link->is_subscribed = false;
    link->must_subscribe = false;
    link->next_ns = now_ns() + pause_ms * NS_PER_MS;
    pthread_cond_broadcast(&link->changed);
}

/* Two programs of one name take the session from each other at each attempt, and mosquitto does
 * not say so: the pauses of one must grow until it leaves the other alone. Under the lock. */
static void judge_session(mqtt_link *link)
{
    if (now_ns() - link->up_ns >= LASTING_NS) {
        link->attempts = 0;
        link->short_sessions = 0;
    } else if (++link->short_sessions >= SHORT_SESSIONS_TOLD) {
        link->short_ns = now_ns();
    }
}

/* Under the lock. */
static bool explain_short_sessions(const mqtt_link *link, hr_why *why)
{
    if (link->short_ns == 0 || now_ns() - link->short_ns > MQTT_SHORT_TOLD_MS * NS_PER_MS) {
        return false;
    }
    hr_why_set(
        why, HR_CONFLICT,
        "the broker ends each connection of %s soon: another program uses that name (end one "
        "of the two), or the link is bad",
        link->client_id);
    hr_why_reason(why, "broker.short_sessions");
    hr_why_text(why, "name", link->client_id);
    return true;
}

static void note_failure(mqtt_link *link, const char *what, int code, const char *message)
{
    pthread_mutex_lock(&link->lock);
    if (link->state == LINK_DOWN) {
        pthread_mutex_unlock(&link->lock);
        return;
    }
    if (link->state == LINK_UP) {
        judge_session(link);
    }
    bool was_up = link->is_subscribed;
    hr_why_set(&link->trouble, HR_IO, "%s %s: %s (%d)", what, link->addresses,
               message != NULL ? message : "no reason given", code);
    hr_why_reason(&link->trouble, "broker.away");
    schedule_attempt(link);
    bool is_stopping = link->is_stopping;
    hr_why trouble = link->trouble;
    if (link->short_sessions >= SHORT_SESSIONS_TOLD) {
        (void)explain_short_sessions(link, &trouble);
    }
    pthread_mutex_unlock(&link->lock);
    if (!is_stopping) {
        hr_logline(HR_LEVEL_WARN, "mqtt.down", "client=%s why=\"%s\"", link->client_id,
                   trouble.text);
    }
    if (was_up && link->on_state != NULL) {
        link->on_state(link->context, false);
    }
}

static void on_lost(void *context, char *cause)
{
    note_failure(context, "lost", 0, cause);
}

/* 1 is how a broker of MQTT 3.1.1 refuses a newer version, 132 how one of MQTT 5 would. */
static void on_connect_failed5(void *context, MQTTAsync_failureData5 *data)
{
    mqtt_link *link = context;
    if (data->code == 1 || data->reasonCode == MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION) {
        pthread_mutex_lock(&link->lock);
        link->wants_older = true;
        pthread_mutex_unlock(&link->lock);
    }
    int code = data->reasonCode != MQTTREASONCODE_SUCCESS ? (int)data->reasonCode : data->code;
    const char *name =
        data->message != NULL ? data->message : MQTTReasonCode_toString(data->reasonCode);
    note_failure(link, "cannot connect to", code, name);
}

static void on_connect_failed(void *context, MQTTAsync_failureData *data)
{
    note_failure(context, "cannot connect to", data != NULL ? data->code : 0,
                 data != NULL ? data->message : NULL);
}

static void finish_connect(mqtt_link *link, int refused)
{
    pthread_mutex_lock(&link->lock);
    bool is_up = link->state == LINK_UP && !link->is_subscribed;
    link->is_subscribed = link->is_subscribed || is_up;
    link->trouble.text[0] = '\0';
    if (refused >= 0) {
        hr_why_set(&link->trouble, HR_DENIED, "the broker refuses the subscription %s",
                   link->filters[refused]);
        hr_why_reason(&link->trouble, "broker.refuses");
    }
    hr_why trouble = link->trouble;
    pthread_mutex_unlock(&link->lock);
    if (refused >= 0) {
        hr_logline(HR_LEVEL_ERROR, "mqtt.refused", "client=%s why=\"%s\"", link->client_id,
                   trouble.text);
    }
    if (is_up) {
        hr_logline(HR_LEVEL_INFO, "mqtt.up", "client=%s version=%s", link->client_id,
                   link->version == MQTTVERSION_5 ? "5" : "3.1.1");
        if (link->on_state != NULL) {
            link->on_state(link->context, true);
        }
    }
}

static void on_subscribed5(void *context, MQTTAsync_successData5 *data)
{
    mqtt_link *link = context;
    int refused = -1;
    for (int i = 0; i < data->alt.sub.reasonCodeCount && i < link->filter_count; i++) {
        enum MQTTReasonCodes code =
            link->filter_count == 1 ? data->reasonCode : data->alt.sub.reasonCodes[i];
        refused = code >= 0x80 ? i : refused;
    }
    finish_connect(link, refused);
}

static void on_subscribed(void *context, MQTTAsync_successData *data)
{
    mqtt_link *link = context;
    int refused = -1;
    for (int i = 0; i < link->filter_count; i++) {
        int qos = link->filter_count == 1 ? data->alt.qos : data->alt.qosList[i];
        refused = qos >= MQTT_BAD_SUBSCRIBE ? i : refused;
    }
    finish_connect(link, refused);
}

/* Without a reason from the broker, the connection was lost meanwhile. */
static void on_subscribe_failed5(void *context, MQTTAsync_failureData5 *data)
{
    if (data != NULL && data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
        finish_connect(context, 0);
    } else {
        note_failure(context, "cannot subscribe at", data != NULL ? data->code : 0, NULL);
    }
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData *data)
{
    if (data != NULL && data->code == MQTT_BAD_SUBSCRIBE) {
        finish_connect(context, 0);
    } else {
        note_failure(context, "cannot subscribe at", data != NULL ? data->code : 0, NULL);
    }
}

/* The session may be gone without our knowing: always subscribe. */
static void subscribe(mqtt_link *link)
{
    if (link->filter_count == 0) {
        finish_connect(link, -1);
        return;
    }
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    MQTTSubscribe_options list[MQTT_TOPICS_MAX];
    response.context = link;
    if (link->version == MQTTVERSION_5) {
        MQTTSubscribe_options each = MQTTSubscribe_options_initializer;
        for (int i = 0; i < link->filter_count; i++) {
            list[i] = each;
        }
        response.onSuccess5 = on_subscribed5;
        response.onFailure5 = on_subscribe_failed5;
        response.subscribeOptionsCount = link->filter_count;
        response.subscribeOptionsList = list;
    } else {
        response.onSuccess = on_subscribed;
        response.onFailure = on_subscribe_failed;
    }
    int code = MQTTAsync_subscribeMany(link->client, link->filter_count, link->filters, link->qos,
                                       &response);
    if (code != MQTTASYNC_SUCCESS) {
        note_failure(link, "cannot subscribe at", code, MQTTAsync_strerror(code));
    }
}

static void note_connected(mqtt_link *link, bool had_session)
{
    pthread_mutex_lock(&link->lock);
    link->state = LINK_UP;
    link->had_session = had_session;
    link->up_ns = link->asked_ns = now_ns();
    bool is_held = link->is_held;
    link->must_subscribe = is_held;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
    if (!is_held) {
        subscribe(link);
    }
}

static void on_connected5(void *context, MQTTAsync_successData5 *data)
{
    mqtt_send_at_once(data->alt.connect.serverURI);
    note_connected(context, data->alt.connect.sessionPresent != 0);
}

static void on_connected(void *context, MQTTAsync_successData *data)
{
    mqtt_send_at_once(data->alt.connect.serverURI);
    note_connected(context, data->alt.connect.sessionPresent != 0);
}

static int on_arrived(void *context, char *topic, int topic_size, MQTTAsync_message *message)
{
    mqtt_link *link = context;
    char text[MQTT_TOPIC_BYTES_MAX + 1];
    size_t size = topic_size > 0 ? (size_t)topic_size : strlen(topic);
    if (size <= MQTT_TOPIC_BYTES_MAX && link->on_message != NULL) {
        memcpy(text, topic, size);
        text[size] = '\0';
        mqtt_message m = {.topic = text,
                          .payload = message->payload,
                          .size = message->payloadlen > 0 ? (size_t)message->payloadlen : 0,
                          .is_retained = message->retained != 0};
        link->on_message(link->context, &m);
    }
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

/* ---- the link's own thread ---- */

static bool make_client(mqtt_link *link, int version)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    options.MQTTVersion = version;
    options.maxBufferedMessages = MQTT_INFLIGHT_MAX;
    pthread_mutex_lock(&link->lock);
    while (link->sender_count > 0) {
        pthread_cond_wait(&link->changed, &link->lock);
    }
    pthread_mutex_unlock(&link->lock);
    if (link->client != NULL) {
        MQTTAsync_destroy(&link->client); /* which fails what waits; the link is down already */
        link->client = NULL;
        mqtt_deliveries_end(link);
    }
    pthread_mutex_lock(&link->lock);
    link->state = LINK_CONNECTING;
    pthread_mutex_unlock(&link->lock);
    link->version = version;
    if (MQTTAsync_createWithOptions(&link->client, link->uris[0], link->session_id,
                                    MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &options) != MQTTASYNC_SUCCESS) {
        link->client = NULL;
        return false;
    }
    return MQTTAsync_setCallbacks(link->client, link, on_lost, on_arrived, NULL) ==
           MQTTASYNC_SUCCESS;
}

static int connect_with(mqtt_link *link, MQTTAsync_connectOptions *options)
{
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions ssl = MQTTAsync_SSLOptions_initializer;
    options->keepAliveInterval = link->keep_alive_s;
    options->connectTimeout = CONNECT_TIMEOUT_S;
    options->maxInflight = MQTT_INFLIGHT_MAX;
    options->username = link->user;
    options->password = link->password;
    options->context = link;
    options->serverURIs = link->uris;
    options->serverURIcount = link->uri_count;
    if (link->will_topic != NULL) {
        will.topicName = link->will_topic;
        will.message = link->will_text;
        will.retained = 1;
        will.qos = 1;
        options->will = &will;
    }
    if (link->is_tls) {
        ssl.trustStore = link->ca_file;
        ssl.keyStore = link->cert_file;
        ssl.privateKey = link->key_file;
        ssl.verify = 1;
        options->ssl = &ssl;
    }
    return MQTTAsync_connect(link->client, options);
}

static int connect5(mqtt_link *link)
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
    expiry.value.integer4 = MQTT_SESSION_S;
    if (MQTTProperties_add(&properties, &expiry) != 0) {
        return MQTTASYNC_FAILURE;
    }
    options.cleanstart = 0;
    options.connectProperties = &properties;
    options.onSuccess5 = on_connected5;
    options.onFailure5 = on_connect_failed5;
    int code = connect_with(link, &options);
    MQTTProperties_free(&properties);
    return code;
}

static int connect3(mqtt_link *link)
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    options.cleansession = 0;
    options.MQTTVersion = MQTTVERSION_3_1_1;
    options.onSuccess = on_connected;
    options.onFailure = on_connect_failed;
    return connect_with(link, &options);
}

static void attempt(mqtt_link *link, bool wants_older)
{
    int version = wants_older ? MQTTVERSION_3_1_1 : MQTTVERSION_5;
    /* Always a new one: of what was on its way in a lost connection Paho answers some and forgets
     * some. Our callers send again by their own rules; the session is the broker's. */
    if (!make_client(link, version)) {
        note_failure(link, "cannot connect to", MQTTASYNC_FAILURE, "no MQTT client");
        return;
    }
    int code = version == MQTTVERSION_5 ? connect5(link) : connect3(link);
    if (code != MQTTASYNC_SUCCESS) {
        note_failure(link, "cannot connect to", code, MQTTAsync_strerror(code));
    }
}

static void wait_until(mqtt_link *link, int64_t end_ns)
{
    struct timespec at = {.tv_sec = end_ns / 1000000000, .tv_nsec = end_ns % 1000000000};
    pthread_cond_timedwait(&link->changed, &link->lock, &at);
}

/* A broker that answers a SUBSCRIBE no sooner than it would be gone without a word is gone, too:
 * nothing else would end the wait, since its pings are answered. Under the lock. */
static void await_subscribed(mqtt_link *link)
{
    int64_t end_ns = link->asked_ns + link->keep_alive_s * INT64_C(1000000000);
    if (now_ns() < end_ns) {
        wait_until(link, end_ns);
        return;
    }
    pthread_mutex_unlock(&link->lock);
    note_failure(link, "cannot subscribe at", 0, "no answer");
    pthread_mutex_lock(&link->lock);
}

static void *run(void *context)
{
    mqtt_link *link = context;
    pthread_mutex_lock(&link->lock);
    while (!link->is_stopping) {
        if (link->must_subscribe && !link->is_held) {
            link->must_subscribe = false;
            link->asked_ns = now_ns();
            pthread_mutex_unlock(&link->lock);
            subscribe(link);
            pthread_mutex_lock(&link->lock);
        } else if (link->state == LINK_UP && !link->is_subscribed && !link->is_held) {
            await_subscribed(link);
        } else if (link->state != LINK_DOWN) {
            pthread_cond_wait(&link->changed, &link->lock);
        } else if (now_ns() < link->next_ns) {
            wait_until(link, link->next_ns);
        } else {
            bool wants_older = link->wants_older;
            pthread_mutex_unlock(&link->lock);
            attempt(link, wants_older);
            pthread_mutex_lock(&link->lock);
        }
    }
    pthread_mutex_unlock(&link->lock);
    return NULL;
}

/* ---- start and stop ---- */

static void release(mqtt_link *link)
{
    char *texts[] = {link->addresses,  link->client_id, link->session_id, link->user,
                     link->password,   link->ca_file,   link->cert_file,  link->key_file,
                     link->will_topic, link->will_text};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        free(texts[i]);
    }
    for (int i = 0; i < link->uri_count; i++) {
        free(link->uris[i]);
    }
    for (int i = 0; i < link->filter_count; i++) {
        free(link->filters[i]);
    }
    pthread_cond_destroy(&link->changed);
    pthread_mutex_destroy(&link->lock);
    free(link);
}

/* NULL stays NULL. */
static bool copy_text(char **to, const char *text)
{
    *to = text != NULL ? strdup(text) : NULL;
    return text == NULL || *to != NULL;
}

static hr_err split_addresses(mqtt_link *link, const char *addresses, hr_why *why)
{
    while (*addresses != '\0') {
        size_t size = strcspn(addresses, ",");
        if (link->uri_count == MQTT_ADDRESSES_MAX) {
            return hr_why_set(why, HR_TOO_BIG, "more than %d broker addresses", MQTT_ADDRESSES_MAX);
        }
        char *uri = strndup(addresses, size);
        if (uri == NULL) {
            return HR_NO_MEMORY;
        }
        link->uris[link->uri_count++] = uri;
        if (strstr(uri, "://") == NULL) {
            return hr_why_set(why, HR_INVALID, "\"%s\" is not like tcp://host:1883", uri);
        }
        link->is_tls =
            link->is_tls || strncmp(uri, "ssl://", 6) == 0 || strncmp(uri, "mqtts://", 8) == 0;
        addresses += size + (addresses[size] == ',');
    }
    return link->uri_count > 0 ? HR_OK : hr_why_set(why, HR_INVALID, "no broker address");
}

static bool make_session_id(mqtt_link *link, const mqtt_options *options)
{
    char text[SESSION_ID_SIZE];
    const char *key = options->client_key;
    if (key == NULL) {
        return copy_text(&link->session_id, options->client_id);
    }
    snprintf(text, sizeof text, "%s-%016" PRIx64, options->client_id, hr_hash64(key, strlen(key)));
    return copy_text(&link->session_id, text);
}

static hr_err copy_options(mqtt_link *link, const mqtt_options *options, hr_why *why)
{
    if (options->subscription_count > MQTT_TOPICS_MAX) {
        return hr_why_set(why, HR_TOO_BIG, "more than %d subscriptions", MQTT_TOPICS_MAX);
    }
    if (!copy_text(&link->addresses, options->addresses) ||
        !copy_text(&link->client_id, options->client_id) || !make_session_id(link, options) ||
        !copy_text(&link->user, options->user) || !copy_text(&link->password, options->password) ||
        !copy_text(&link->ca_file, options->ca_file) ||
        !copy_text(&link->cert_file, options->cert_file) ||
        !copy_text(&link->key_file, options->key_file) ||
        !copy_text(&link->will_topic, options->will_topic) ||
        !copy_text(&link->will_text, options->will_text)) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the MQTT client");
    }
    for (size_t i = 0; i < options->subscription_count; i++) {
        if (!copy_text(&link->filters[i], options->subscriptions[i].filter)) {
            return hr_why_set(why, HR_NO_MEMORY, "no memory for the MQTT client");
        }
        link->qos[i] = options->subscriptions[i].qos;
        link->filter_count++;
    }
    link->pause_max_ms = options->pause_max_ms > 0 ? options->pause_max_ms : PAUSE_MAX_DEFAULT_MS;
    link->keep_alive_s = options->keep_alive_s > 0 ? options->keep_alive_s : KEEP_ALIVE_DEFAULT_S;
    link->is_held = options->is_held;
    link->on_message = options->on_message;
    link->on_state = options->on_state;
    link->context = options->context;
    return split_addresses(link, options->addresses, why);
}

hr_err mqtt_link_start(const mqtt_options *options, mqtt_link **out, hr_why *why)
{
    mqtt_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the MQTT client");
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&link->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&link->lock, NULL);
    link->random.state = (uint64_t)now_ns() ^ (uint64_t)(uintptr_t)link;
    hr_why_set(&link->trouble, HR_OK, "not connected yet");
    hr_why_reason(&link->trouble, "broker.away");
    hr_err err = copy_options(link, options, why);
    if (err == HR_OK) {
        int failed = pthread_create(&link->thread, NULL, run, link);
        err = failed != 0 ? hr_why_errno(why, failed, "no thread for the MQTT client") : HR_OK;
    }
    if (err != HR_OK) {
        release(link);
        return err;
    }
    *out = link;
    return HR_OK;
}

void mqtt_link_release(mqtt_link *link)
{
    pthread_mutex_lock(&link->lock);
    link->is_held = false;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
}

static void note_parted(mqtt_link *link)
{
    pthread_mutex_lock(&link->lock);
    link->is_parted = true;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
}

static void on_parted5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    note_parted(context);
}

static void on_part_failed5(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    note_parted(context);
}

static void on_parted(void *context, MQTTAsync_successData *data)
{
    (void)data;
    note_parted(context);
}

static void on_part_failed(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    note_parted(context);
}

/* Say good-bye, so that the broker sends no will, and wait a moment for its going out. */
static void part_with(mqtt_link *link, const MQTTProperties *properties)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    options.properties = *properties;
    options.context = link;
    /* With a timeout Paho waits for answers to what is on its way, and sometimes for ever. */
    options.timeout = 0;
    if (link->version == MQTTVERSION_5) {
        options.onSuccess5 = on_parted5;
        options.onFailure5 = on_part_failed5;
    } else {
        options.struct_version = 0;
        options.onSuccess = on_parted;
        options.onFailure = on_part_failed;
    }
    if (MQTTAsync_disconnect(link->client, &options) != MQTTASYNC_SUCCESS) {
        return;
    }
    int64_t end_ns = now_ns() + STOP_TIMEOUT_MS * NS_PER_MS;
    pthread_mutex_lock(&link->lock);
    while (!link->is_parted && now_ns() < end_ns) {
        wait_until(link, end_ns);
    }
    pthread_mutex_unlock(&link->lock);
}

static void part(mqtt_link *link)
{
    MQTTProperties none = MQTTProperties_initializer;
    part_with(link, &none);
}

static void part_for_good(mqtt_link *link)
{
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
    if (link->version != MQTTVERSION_5 || MQTTProperties_add(&properties, &expiry) == 0) {
        part_with(link, &properties);
    }
    MQTTProperties_free(&properties);
}

bool mqtt_link_had_session(mqtt_link *link)
{
    pthread_mutex_lock(&link->lock);
    bool had_session = link->had_session;
    pthread_mutex_unlock(&link->lock);
    return had_session;
}

void mqtt_link_cut(mqtt_link *link)
{
    for (int i = 0; i < link->uri_count; i++) {
        mqtt_cut(link->uris[i]);
    }
}

static void stop(mqtt_link *link, void (*leave)(mqtt_link *link))
{
    if (link == NULL) {
        return;
    }
    pthread_mutex_lock(&link->lock);
    link->is_stopping = true;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
    pthread_join(link->thread, NULL);
    if (link->client != NULL) {
        leave(link);
        MQTTAsync_destroy(&link->client);
    }
    mqtt_deliveries_end(link);
    release(link);
}

void mqtt_link_stop(mqtt_link *link)
{
    stop(link, part);
}

void mqtt_link_stop_for_good(mqtt_link *link)
{
    stop(link, part_for_good);
}

void mqtt_link_stop_with_will(mqtt_link *link)
{
    stop(link, mqtt_link_cut);
}

hr_err mqtt_link_health(mqtt_link *link, hr_why *why)
{
    hr_err err = HR_OK;
    pthread_mutex_lock(&link->lock);
    if (explain_short_sessions(link, why)) {
        err = HR_CONFLICT;
    } else if (!link->is_subscribed || link->trouble.text[0] != '\0') {
        err = HR_CLOSED;
        if (why != NULL) {
            *why = link->trouble;
        }
    }
    pthread_mutex_unlock(&link->lock);
    return err;
}
