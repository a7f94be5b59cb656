/* ingest/ingest_private.h - what the files of the MQTT intake share. */
#ifndef INGEST_INGEST_PRIVATE_H
#define INGEST_INGEST_PRIVATE_H

#include <pthread.h>

#include "ingest/acks.h"
#include "ingest/former.h"
#include "ingest/frame.h"
#include "ingest/ingest.h"
#include "ingest/names.h"
#include "mqtt/link.h"
#include "wire/hrf1.h"

/* Why input is refused: label of the counter. */
#define INGEST_DEAD_LIST(X)                                                                        \
    X(DEAD_FORMAT, "format")   /* cannot be read */                                                \
    X(DEAD_TOPIC, "topic")     /* the topic's user or device is no id */                           \
    X(DEAD_FIX, "fix")         /* one fix of a readable message is no good */                      \
    X(DEAD_FUTURE, "future")   /* more than HR_FUTURE_MAX_MS ahead of a clock that is right */     \
    X(DEAD_CLASH, "clash")     /* another device has the same key */                               \
    X(DEAD_DEVICES, "devices") /* above INGEST_DEVICES_MAX */                                      \
    X(DEAD_SOURCE, "source")   /* a gateway could not read what its own source brought */

typedef enum dead_reason {
#define INGEST_DEAD_ENUM(value, name) value,
    INGEST_DEAD_LIST(INGEST_DEAD_ENUM)
#undef INGEST_DEAD_ENUM
    DEAD_REASONS
} dead_reason;

struct ingest {
    /* Fixed once started. */
    log_store *log;
    const hr_clock *clock;
    presence *presence; /* NULL: nobody asks */
    mqtt_link *link;
    former former;
    pthread_t watcher; /* of the durable end; appends ticks */
    pthread_t speaker; /* sends acknowledgements */
    bool (*ticks_wanted)(void *context);
    void *ticks_context;
    uint32_t partition_count;

    /* Paho's receiving thread only. */
    frame frame;
    names names;
    hrf1_device *devices;
    size_t device_capacity;

    /* Counted from any thread. */
    hr_metrics *own_metrics; /* made when none were given */
    hr_counter *fixes;
    hr_counter *messages;
    hr_counter *repeated;
    hr_counter *refused;
    hr_counter *acks_sent;
    hr_counter *dead[DEAD_REASONS];
    hr_gauge *broker_dropped;
    hr_gauge *is_blocked;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    acks *acks; /* protected by lock, as all below */
    log_position durable;
    bool is_stopping;
    bool is_up;            /* the link has been up */
    bool is_released;      /* it subscribes, or has */
    hr_why trouble;        /* why the log cannot take more; empty: it can */
    int64_t dropped;       /* by the broker, as it said last; -1: nothing yet */
    int64_t dropped_since; /* of them, those of the last time that some were */
    int64_t dropped_ns;    /* when that was */
};

/* A message from the broker: decode and append. Blocks only while the log has no room. */
void ingest_take(void *context, const mqtt_message *message);

#endif
