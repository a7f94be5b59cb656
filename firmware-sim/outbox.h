/* outbox.h - what a gateway keeps until it is acknowledged, and when it sends it again.
 *
 * Sequences count fixes from 0. Kept: [acked, next). Sent and not acknowledged: [acked, sent). Pure
 * rules: no thread, no clock, no connection of its own. */
#ifndef SIM_OUTBOX_H
#define SIM_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "fleet.h"

#define SIM_OUTBOX_FIXES_MAX (1u << 22)      /* sim_outbox_put: HR_TOO_BIG */
#define SIM_RESEND_NS INT64_C(2000000000)    /* without an acknowledgement for so long: again */
#define SIM_REWIND_GAP_NS INT64_C(250000000) /* one refusal is often told many times */

typedef struct sim_outbox {
    uint64_t epoch;
    uint64_t acked;
    uint64_t sent;
    uint64_t next;
    uint64_t rewinds; /* counted for the live line */
    uint64_t highest; /* sent once already: below it, a fix is a backlog or a repeat */
    int64_t moved_ns; /* of the last progress, send after silence, or rewind */
    int64_t rewound_ns;
    sim_fix *ring;
    uint32_t capacity; /* a power of two, or 0 */
} sim_outbox;

void sim_outbox_init(sim_outbox *box, uint64_t epoch);
void sim_outbox_fini(sim_outbox *box);

/* Keep a fix; it gets the sequence box->next. HR_TOO_BIG: full until something is acknowledged. */
HR_MUST_USE hr_err sim_outbox_put(sim_outbox *box, const sim_fix *fix);

/* Borrowed until the next put. acked <= seq < next. */
const sim_fix *sim_outbox_at(const sim_outbox *box, uint64_t seq);

static inline uint64_t sim_outbox_unsent(const sim_outbox *box)
{
    return box->next - box->sent;
}

static inline uint64_t sim_outbox_outstanding(const sim_outbox *box)
{
    return box->sent - box->acked;
}

/* Fixes from box->sent on were given to the connection. */
void sim_outbox_sent(sim_outbox *box, uint32_t count, int64_t now_ns);

/* Everything up to seq is durable (-1: nothing). The same again means that the service refused or
 * had already what we sent: go back to what it lacks. One for something that was never made, or
 * older than what we know, changes nothing. */
void sim_outbox_ack(sim_outbox *box, int64_t seq, int64_t now_ns);

/* True, and everything unacknowledged is to be sent again, when no answer came for SIM_RESEND_NS.
 */
bool sim_outbox_timeout(sim_outbox *box, int64_t now_ns);

/* The gateway was switched off and on: it knows what it keeps, not what it sent. */
void sim_outbox_restart(sim_outbox *box);

#endif
