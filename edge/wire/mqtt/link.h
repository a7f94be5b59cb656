/* mqtt/link.h - one lasting connection to an MQTT broker, over Paho.
 *
 * MQTT 5, or 3.1.1 where the broker knows no better; a session that outlives the connection; all
 * subscriptions made anew after each connect; lost connections made again with growing, jittered
 * pauses, over several addresses in turn; they begin anew after a session that lasted. */
#ifndef MQTT_LINK_H
#define MQTT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define MQTT_ADDRESSES_MAX 8      /* HR_TOO_BIG above */
#define MQTT_TOPICS_MAX 16        /* subscriptions; HR_TOO_BIG above */
#define MQTT_TOPIC_BYTES_MAX 1024 /* of a topic published or received; longer ones are refused */
#define MQTT_INFLIGHT_MAX 1000    /* QoS 1 messages not yet answered; HR_TIMEOUT above */
#define MQTT_SESSION_S (14 * 86400)
#define MQTT_SHORT_TOLD_MS 10000 /* how long the health tells of sessions that did not last */

/* A message as it came; everything is borrowed until the callback returns. */
typedef struct mqtt_message {
    const char *topic; /* terminated */
    const uint8_t *payload;
    size_t size;
    bool is_retained;
} mqtt_message;

typedef struct mqtt_subscription {
    const char *filter;
    int qos;
} mqtt_subscription;

typedef struct mqtt_options {
    const char *addresses;  /* "tcp://host:1883,ssl://host:8883": tried in turn */
    const char *client_id;  /* of the session; told in logs and health */
    const char *client_key; /* NULL: none; then the id that the broker knows ends in what only this
                             * gives: whoever knows the id of a session can take it */
    const char *user;       /* NULL: none */
    const char *password;   /* NULL: none */
    const char *ca_file;    /* NULL: the system's, for ssl:// */
    const char *cert_file;  /* NULL: no client certificate */
    const char *key_file;
    const mqtt_subscription *subscriptions; /* copied */
    size_t subscription_count;
    const char *will_topic; /* NULL: none; retained, QoS 1 */
    const char *will_text;
    uint32_t pause_max_ms; /* between attempts; 0: 10 s */
    uint16_t keep_alive_s; /* a broker that says nothing for about twice this is gone; 0: 30 */
    bool is_held;          /* connect, but subscribe to nothing before mqtt_link_release() */

    /* On Paho's only receiving thread: decode and append, nothing else. A QoS 1 message is answered
     * after the call; while it blocks, the broker keeps what follows. */
    void (*on_message)(void *context, const mqtt_message *message);

    /* Connected and subscribed, or no longer; may be NULL. */
    void (*on_state)(void *context, bool is_up);
    void *context;
} mqtt_options;

/* Threads: any, but it is stopped only once. */
typedef struct mqtt_link mqtt_link;

/* Begin to connect; returns at once. */
HR_MUST_USE hr_err mqtt_link_start(const mqtt_options *options, mqtt_link **out, hr_why *why);

void mqtt_link_release(mqtt_link *link);

/* Part from the broker in good order and wait for callbacks to end: whoever blocks one must let go
 * first. NULL is fine. */
void mqtt_link_stop(mqtt_link *link);

/* The same without a word, so that the broker publishes the will. */
void mqtt_link_stop_with_will(mqtt_link *link);

/* The same, and the broker forgets the session with all that waits in it (one of MQTT 3.1.1 does
 * not). */
void mqtt_link_stop_for_good(mqtt_link *link);

/* While connected: the broker had kept a session for this connection. */
bool mqtt_link_had_session(mqtt_link *link);

/* From within on_message, for a message that could not be taken and that nobody will wait for: the
 * broker gets no answer, keeps it for our session, and brings it again. Other links of this process
 * to the same broker are cut too. */
void mqtt_link_cut(mqtt_link *link);

/* Called once for a QoS 1 message: HR_OK when the broker has it, HR_CLOSED when the connection was
 * lost before its answer. */
typedef void mqtt_done(void *context, hr_err err);

/* Send a message; its bytes are copied. done may be NULL, and is called only if HR_OK was returned.
 * HR_CLOSED: not connected. HR_TIMEOUT: the window is full, try again later. HR_TOO_BIG: a topic
 * above MQTT_TOPIC_BYTES_MAX. */
HR_MUST_USE hr_err mqtt_link_publish(mqtt_link *link, const char *topic, const void *payload,
                                     size_t size, int qos, bool is_retained, mqtt_done *done,
                                     void *context);

/* HR_OK while connected with every subscription granted; else why says what is missing.
 * HR_CONFLICT: several sessions in a row were over at once, as where another program has our name.
 */
hr_err mqtt_link_health(mqtt_link *link, hr_why *why);

#endif
