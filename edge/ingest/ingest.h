/* ingest/ingest.h - MQTT in: decodes what gateways publish, appends it to the log, and tells them
 * how far it is durable.
 *
 * A message is appended, whole, before its callback returns. An acknowledgement goes out only after
 * the log's fsync. Input that is no good goes to the topic `dead` with its reason. */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/metrics.h"
#include "ingest/presence.h"
#include "log/log.h"

#define INGEST_DEVICES_MAX (1u << 20) /* further devices' fixes go to `dead` */

/* Threads: every function from any thread. */
typedef struct ingest ingest;

typedef struct ingest_options {
    log_store *log; /* borrowed; topics as in base/record.h */
    const hr_clock *clock;
    hr_metrics *metrics; /* borrowed; may be NULL */
    presence *presence;  /* borrowed: told who is heard of; may be NULL */

    const char *addresses; /* "tcp://host:1883,ssl://host:8883": tried in turn */
    const char *user;      /* NULL: none */
    const char *password;
    const char *session_key; /* NULL but at a broker of our own: at another one it is for its owner
                              * to say who may use which name, and to choose weak passwords */
    const char *ca_file;     /* NULL: the system's, for ssl:// */
    const char *cert_file;
    const char *key_file;
    uint16_t keep_alive_s; /* a broker that says nothing for about twice this is gone; 0: 30 */

    /* Calls ingest_name_known() for every device that needs no name record any more, because the
     * catalogue has it; may be NULL, which costs a record for each device at each start. */
    hr_err (*load_names)(void *context, ingest *in);
    void *names_context;

    /* Asked once a second: could a tick have something to tell? NULL: no ticks. */
    bool (*ticks_wanted)(void *context);
    void *ticks_context;
} ingest_options;

/* Connect and go on until stopped, whatever becomes of the broker. */
HR_MUST_USE hr_err ingest_start(const ingest_options *options, ingest **out, hr_why *why);

/* Part from the broker and return when nothing more is appended. NULL is fine. */
void ingest_stop(ingest *in);

/* Only from within load_names. */
void ingest_name_known(ingest *in, const char *id, size_t id_size);

/* HR_OK while connected, subscribed and able to append; else why says what is wrong. */
hr_err ingest_health(ingest *in, hr_why *why);

/* HR_OK unless the broker dropped messages lately, by its own count; else why says how many. */
#define INGEST_DROPS_MS 600000
hr_err ingest_drops(ingest *in, hr_why *why);

typedef struct ingest_counts {
    uint64_t fixes;          /* appended */
    uint64_t dead;           /* refused into `dead` */
    uint64_t repeated;       /* batches that were in the log already */
    uint64_t refused;        /* batches that came too early */
    uint64_t broker_dropped; /* messages that the broker lost, by its own count */
} ingest_counts;

void ingest_count(ingest *in, ingest_counts *counts);

#endif
