/* gateway.h - simulated field gateways: outboxes, the radio's faults, and the messages they make.
 */
#ifndef SIM_GATEWAY_H
#define SIM_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "outbox.h"
#include "scenario.h"
#include "truth.h"
#include "uplink.h"

#define SIM_BATCH_FIXES_MAX 10000

typedef enum sim_form {
    SIM_HRF1,      /* batches with sequences, kept until acknowledged */
    SIM_OWNTRACKS, /* one message for each fix, as a bare device sends it */
    SIM_JSON,      /* not sent, but printed for a real hedgerow-edge: lines.h */
    SIM_NMEA,
} sim_form;

typedef struct sim_gateways_options {
    const sim_scenario *scenario;
    sim_form form;
    const char *user;
    uint32_t batch_fixes;   /* in a message */
    uint32_t window_fixes;  /* unacknowledged, of one gateway */
    int64_t linger_ns;      /* how long a fix may wait for others to travel with */
    const uint64_t *epochs; /* of each gateway */
    /* Borrowed ids of all devices, as this fleet's log sees them. */
    const char (*ids)[HR_DEVICE_ID_MAX + 1];
} sim_gateways_options;

typedef struct sim_gateways_counts {
    uint64_t made;  /* fixes that entered an outbox */
    uint64_t sent;  /* given to the connection, repeats included */
    uint64_t acked; /* durable, by the service's word */
    uint64_t rewinds;
    uint64_t lost; /* messages that the simulated radio lost */
} sim_gateways_counts;

/* Opaque. Threads: one. */
typedef struct sim_gateways sim_gateways;

/* NULL without memory. */
sim_gateways *sim_gateways_new(const sim_gateways_options *options, sim_uplink *uplink);
void sim_gateways_free(sim_gateways *gateways);

/* Which gateway hears a device. */
uint32_t sim_gateway_of(const sim_gateways *gateways, uint32_t device);

/* The sequence that the next fix of that gateway gets. */
uint64_t sim_gateway_next_seq(const sim_gateways *gateways, uint32_t gateway);

/* HR_TOO_BIG: its outbox is full for now. */
HR_MUST_USE hr_err sim_gateway_put(sim_gateways *gateways, uint32_t gateway, const sim_fix *fix);

/* Ask how far the service is, after the outboxes were filled from a truth file. */
void sim_gateways_ask(sim_gateways *gateways);

void sim_gateways_take_ack(sim_gateways *gateways, const sim_ack *ack, int64_t now_ns);

/* Send what can be sent. clock_ms is the scenario's time, for outages; faults happen only while
 * with_faults. Returns true when something was sent. */
bool sim_gateways_send(sim_gateways *gateways, int64_t now_ns, int64_t clock_ms, bool with_faults);

/* When something will be due even if nothing comes. */
int64_t sim_gateways_wake_ns(const sim_gateways *gateways, int64_t now_ns);

void sim_gateways_count(const sim_gateways *gateways, sim_gateways_counts *counts);

#endif
