/* tests/ingest/site.h - a broker, a log and an intake in a temporary folder, and what came of it.
 */
#ifndef INGEST_SITE_H
#define INGEST_SITE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fix.h"
#include "ingest/broker.h"
#include "ingest/ingest.h"
#include "log/log.h"

#define SITE_PARTITIONS 4

typedef struct site {
    char root[64];
    char broker_folder[96];
    char log_folder[96];
    uint16_t port;
    uint16_t ingest_port;  /* where the intake finds the broker, if not there; 0: there */
    uint16_t keep_alive_s; /* of the intake */
    const hr_clock *clock;
    broker *broker;
    log_store *log;
    ingest *ingest;
    char password[BROKER_PASSWORD_SIZE]; /* of the gateway "barn" */
    bool (*ticks_wanted)(void *context);
    presence *presence; /* told who is heard of; may be NULL */
    /* For the next site_open_log(). */
    int32_t commit_min_gap_ms;
    uint64_t file_bytes;
    uint64_t retain_bytes;
    uint64_t hard_bytes;
} site;

/* Folders, a port, the gateway "barn" and a running broker: the rest may be other processes. The
 * log must be open when it is left. clock NULL: the real one. */
void site_settle(site *s, const hr_clock *clock);
void site_leave(site *s);

/* Start everything; the intake is connected and subscribed. clock NULL: the real one. */
site *site_new(const hr_clock *clock);
void site_free(site *s);

/* The parts one by one, for tests that stop and start them. */
void site_start_broker(site *s);
void site_open_log(site *s);
void site_start_ingest(site *s);
void site_start_ingest_as(site *s, const char *password);

/* Wait until the intake is connected, or fail the test. */
void site_wait_connected(site *s);

/* kill -9; returns when the intake, if there is one, has noticed and the broker runs again. */
void site_kill_broker(site *s);

typedef struct site_fix {
    hr_fix fix;
    int64_t append_ms;
} site_fix;

/* All committed fixes, oldest first in each partition; count is told, the array is for free(). */
site_fix *site_fixes(site *s, size_t *count);
size_t site_fix_count(site *s);

/* Committed records of one type over all partitions of a topic. */
size_t site_record_count(site *s, uint8_t topic, uint8_t type);

/* Wait until that many fixes are committed; fails the test if they never are. */
void site_wait_fixes(site *s, size_t count);

/* A message of count fixes of "cow-<i % 7>" at time base_seq + i seconds, published with
 * mosquitto_pub as barn, QoS 1. Latitude tells the sequence. */
void site_publish_batch(site *s, uint64_t epoch, uint64_t base_seq, uint64_t oldest_seq,
                        uint32_t count);

/* Any bytes, as barn, QoS 1. */
void site_publish_bytes(site *s, const char *topic, const uint8_t *bytes, size_t size);

/* JSON to hedgerow/v1/fix/barn, or to another topic. */
void site_publish_text(site *s, const char *topic, const char *text);

/* A durable subscriber of barn's acknowledgements, with mosquitto_sub, made before it is started:
 * it misses nothing. */
typedef struct site_ear {
    char path[128];
    pid_t pid;
} site_ear;

void site_hear_acks(site *s, site_ear *ear);

/* Wait until it has heard that acknowledgement so many times, or fail the test. */
void site_wait_acks(const site_ear *ear, const char *ack, size_t times);
bool site_has_acks(const site_ear *ear, const char *ack, size_t times);

/* A record of the topic `dead`. */
typedef struct site_dead {
    char topic[128];
    char reason[512];
    char payload[5000];
    size_t payload_size;
} site_dead;

/* Wait until there are so many committed, or fail the test. */
void site_wait_dead(site *s, size_t count);
void site_read_dead(site *s, int64_t offset, site_dead *out);

#endif
