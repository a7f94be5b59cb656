/* outbox.c - a ring of fixes and three marks in it. */
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

#define RING_MIN 1024u

void sim_outbox_init(sim_outbox *box, uint64_t epoch)
{
    *box = (sim_outbox){.epoch = epoch, .rewound_ns = INT64_MIN / 2};
}

void sim_outbox_fini(sim_outbox *box)
{
    free(box->ring);
    box->ring = NULL;
}

static hr_err grow(sim_outbox *box)
{
    uint32_t capacity = box->capacity > 0 ? box->capacity * 2 : RING_MIN;
    if (capacity > SIM_OUTBOX_FIXES_MAX) {
        return HR_TOO_BIG;
    }
    sim_fix *ring = malloc((size_t)capacity * sizeof *ring);
    if (ring == NULL) {
        return HR_NO_MEMORY;
    }
    for (uint64_t seq = box->acked; seq < box->next; seq++) {
        ring[seq & (capacity - 1)] = box->ring[seq & (box->capacity - 1)];
    }
    free(box->ring);
    box->ring = ring;
    box->capacity = capacity;
    return HR_OK;
}

hr_err sim_outbox_put(sim_outbox *box, const sim_fix *fix)
{
    if (box->next - box->acked >= box->capacity) {
        hr_err err = grow(box);
        if (err != HR_OK) {
            return err;
        }
    }
    box->ring[box->next & (box->capacity - 1)] = *fix;
    box->next++;
    return HR_OK;
}

const sim_fix *sim_outbox_at(const sim_outbox *box, uint64_t seq)
{
    return &box->ring[seq & (box->capacity - 1)];
}

void sim_outbox_sent(sim_outbox *box, uint32_t count, int64_t now_ns)
{
    if (box->sent == box->acked) {
        box->moved_ns = now_ns;
    }
    box->sent += count;
    if (box->sent > box->highest) {
        box->highest = box->sent;
    }
}

static void rewind_to_acked(sim_outbox *box, int64_t now_ns)
{
    box->sent = box->acked;
    box->moved_ns = now_ns;
    box->rewound_ns = now_ns;
    box->rewinds++;
}

void sim_outbox_ack(sim_outbox *box, int64_t seq, int64_t now_ns)
{
    if (seq < -1 || seq >= (int64_t)box->next || seq + 1 < (int64_t)box->acked) {
        return;
    }
    uint64_t acked = (uint64_t)(seq + 1);
    if (acked > box->acked) {
        box->acked = acked;
        box->moved_ns = now_ns;
        if (box->sent < acked) {
            box->sent = acked;
        }
    } else if (box->sent > box->acked && now_ns - box->rewound_ns >= SIM_REWIND_GAP_NS) {
        rewind_to_acked(box, now_ns);
    }
}

bool sim_outbox_timeout(sim_outbox *box, int64_t now_ns)
{
    if (box->sent == box->acked || now_ns - box->moved_ns < SIM_RESEND_NS) {
        return false;
    }
    rewind_to_acked(box, now_ns);
    return true;
}

void sim_outbox_restart(sim_outbox *box)
{
    box->sent = box->acked;
}
