/* mqtt/link_private.h - what the files of the link share. */
#ifndef MQTT_LINK_PRIVATE_H
#define MQTT_LINK_PRIVATE_H

#include <MQTTAsync.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "mqtt/link.h"

typedef enum link_state {
    LINK_DOWN,       /* an attempt is due at next_ns */
    LINK_CONNECTING, /* Paho will call back */
    LINK_UP,         /* connected; is_subscribed tells the rest */
} link_state;

struct mqtt_link {
    /* Fixed once started. */
    char *addresses;
    char *uris[MQTT_ADDRESSES_MAX];
    int uri_count;
    char *client_id, *session_id, *user, *password, *ca_file, *cert_file, *key_file, *will_topic,
        *will_text;
    char *filters[MQTT_TOPICS_MAX];
    int qos[MQTT_TOPICS_MAX];
    int filter_count;
    int64_t pause_max_ms;
    int keep_alive_s;
    bool is_tls;
    void (*on_message)(void *context, const mqtt_message *message);
    void (*on_state)(void *context, bool is_up);
    void *context;
    pthread_t thread;

    /* Made anew by the link's thread for each attempt, while no thread sends. */
    MQTTAsync client;
    int version;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    link_state state; /* protected by lock, as all below */
    bool is_subscribed;
    bool is_held;        /* until mqtt_link_release() */
    bool must_subscribe; /* connected while it was held */
    bool had_session;
    bool is_stopping;
    bool is_parted;
    bool wants_older;  /* the broker does not know MQTT 5 */
    unsigned attempts; /* since the last session that lasted */
    int64_t next_ns;
    int64_t up_ns;           /* when the connection that is, or was last, was made */
    int64_t asked_ns;        /* when the newest SUBSCRIBE was due */
    unsigned short_sessions; /* in a row, up to now */
    int64_t short_ns;        /* when there were last too many; 0: never */
    hr_random random;
    hr_why trouble;
    unsigned sender_count;       /* threads within Paho's send: the client must not go away */
    struct delivery *deliveries; /* sent, and not answered yet */
};

/* Tell everyone who still waits for an answer that none will come; no callback may run any more. */
void mqtt_deliveries_end(mqtt_link *link);

/* Switch Nagle's algorithm off on our connections to the port of uri. */
void mqtt_send_at_once(const char *uri);

/* Cut our connections to that port. */
void mqtt_cut(const char *uri);

#endif
