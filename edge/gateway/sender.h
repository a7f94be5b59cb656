/* gateway/sender.h - brings the outbox to the service: in order, again until it is acknowledged.
 *
 * After each connection it asks how far the service is (a message without fixes) and goes on from
 * the answer. The same answer twice means that something between was lost: it rewinds. Where
 * another span of the outbox begins, it waits until the one before is acknowledged, and asks again;
 * a service that knows nothing of a span gets all of it that is still held. */
#ifndef GATEWAY_SENDER_H
#define GATEWAY_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "gateway/outbox.h"
#include "wire/dead_letter.h"

#define SENDER_INFLIGHT_MAX 8   /* messages that the broker has not answered; then it waits */
#define SENDER_BATCHES_AHEAD 32 /* batches that the service has not acknowledged; then it waits */
#define SENDER_BACKLOG_MS 60000 /* fixes kept longer than this are sent as backlog */

typedef struct sender_options {
    outbox *box; /* borrowed */
    const hr_clock *clock;
    const char *addresses; /* as in mqtt_options */
    const char *user;
    const char *password;
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    uint16_t keep_alive_s; /* as in mqtt_options */
    uint32_t batch_fixes;  /* at most, in one message */
} sender_options;

/* Threads: any. */
typedef struct sender sender;

HR_MUST_USE hr_err sender_start(const sender_options *options, sender **out, hr_why *why);

/* NULL is fine. */
void sender_stop(sender *s);

typedef struct sender_state {
    bool is_connected;
    uint64_t acked_next; /* everything below is durable at the service */
    uint64_t held;       /* fixes in the outbox that it has not acknowledged */
    uint64_t sent;       /* fixes published in this run, repeats included */
    uint64_t rewinds;
} sender_state;

void sender_get(sender *s, sender_state *state);

/* Told in the retained status: fixes that went unsent because of the disk cap. */
void sender_note_dropped(sender *s, uint64_t dropped);

/* Told likewise: something that a source brought could not be read. The letter is kept and
 * passed on while not too many wait; NULL: it is only counted. */
void sender_note_refused(sender *s, const dead_letter *letter);

/* Wait until everything in the outbox is acknowledged, and the broker has the letters, or
 * timeout_ms is over. */
bool sender_wait_drained(sender *s, int32_t timeout_ms);

#endif
