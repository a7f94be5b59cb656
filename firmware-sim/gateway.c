/* gateway.c - what each simulated gateway sends, and what the radio does to it. */
#include "gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "wire/hrf1.h"

#define MESSAGE_BYTES_MAX (4u << 20)
#define OWNTRACKS_BURST_MAX 64 /* messages of one gateway before the next has its turn */
#define IDLE_NS INT64_C(100000000)

typedef struct gateway {
    sim_outbox box;
    hr_buf held;              /* a message that the radio delivers after the next one */
    int64_t waiting_since_ns; /* of the oldest unsent fix; 0: none */
    int64_t restart_ms;
    bool wants_ask;
} gateway;

struct sim_gateways {
    sim_gateways_options options;
    sim_uplink *uplink;
    hrf1_writer *writer;
    hr_buf message;
    hr_random random; /* of the radio; the fleet's own is never touched by it */
    uint64_t sent;
    uint64_t lost;
    uint32_t count;
    gateway all[];
};

sim_gateways *sim_gateways_new(const sim_gateways_options *options, sim_uplink *uplink)
{
    uint32_t count = options->scenario->gateways;
    sim_gateways *gs = calloc(1, sizeof *gs + count * sizeof gs->all[0]);
    if (gs == NULL) {
        return NULL;
    }
    gs->options = *options;
    gs->uplink = uplink;
    gs->count = count;
    gs->random.state = options->scenario->seed ^ UINT64_C(0x5ad10);
    gs->writer = hrf1_writer_new();
    hr_buf_init(&gs->message, MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        sim_outbox_init(&gs->all[i].box, options->epochs[i]);
        hr_buf_init(&gs->all[i].held, MESSAGE_BYTES_MAX);
    }
    if (gs->writer == NULL) {
        sim_gateways_free(gs);
        return NULL;
    }
    return gs;
}

void sim_gateways_free(sim_gateways *gs)
{
    if (gs == NULL) {
        return;
    }
    for (uint32_t i = 0; i < gs->count; i++) {
        sim_outbox_fini(&gs->all[i].box);
        hr_buf_fini(&gs->all[i].held);
    }
    hrf1_writer_free(gs->writer);
    hr_buf_fini(&gs->message);
    free(gs);
}

uint32_t sim_gateway_of(const sim_gateways *gs, uint32_t device)
{
    return device % gs->count;
}

uint64_t sim_gateway_next_seq(const sim_gateways *gs, uint32_t index)
{
    return gs->all[index].box.next;
}

hr_err sim_gateway_put(sim_gateways *gs, uint32_t index, const sim_fix *fix)
{
    return sim_outbox_put(&gs->all[index].box, fix);
}

void sim_gateways_ask(sim_gateways *gs)
{
    for (uint32_t i = 0; i < gs->count; i++) {
        gs->all[i].wants_ask = true;
    }
}

/* ---- the radio ---- */

static bool happens(sim_gateways *gs, double chance)
{
    return chance > 0 && hr_random_unit(&gs->random) < chance;
}

/* Each gateway has its outages at another time of the cycle. */
static bool is_away(const sim_gateways *gs, uint32_t index, int64_t clock_ms)
{
    const sim_faults *faults = &gs->options.scenario->faults;
    if (faults->outage_every_s == 0) {
        return false;
    }
    uint64_t cycle_ms = (uint64_t)faults->outage_every_s * 1000;
    uint64_t shift_ms = cycle_ms * (index + 1) / (gs->count + 1);
    return ((uint64_t)clock_ms + shift_ms) % cycle_ms < (uint64_t)faults->outage_s * 1000;
}

static void restart_when_due(sim_gateways *gs, gateway *g, int64_t clock_ms)
{
    int64_t every_ms = (int64_t)gs->options.scenario->faults.restart_every_s * 1000;
    if (every_ms == 0) {
        return;
    }
    if (g->restart_ms == 0) {
        g->restart_ms = clock_ms + (int64_t)hr_random_below(&gs->random, (uint64_t)every_ms);
    } else if (clock_ms >= g->restart_ms) {
        sim_outbox_restart(&g->box);
        g->restart_ms += every_ms;
    }
}

/* Through the radio: a message may get lost, come twice, or come after the next one. */
static hr_err transmit(sim_gateways *gs, gateway *g, const char *topic, const hr_buf *bytes,
                       bool with_faults)
{
    const sim_faults *faults = &gs->options.scenario->faults;
    bool can_lose = gs->options.form == SIM_HRF1; /* nothing else would be sent again */
    if (with_faults && can_lose && happens(gs, faults->loss)) {
        gs->lost++;
        return HR_OK;
    }
    if (with_faults && can_lose && g->held.size == 0 && happens(gs, faults->reorder)) {
        hr_buf_put(&g->held, bytes->data, bytes->size);
        return hr_buf_err(&g->held);
    }
    hr_err err = sim_uplink_send(gs->uplink, topic, bytes->data, bytes->size);
    if (err == HR_OK && with_faults && happens(gs, faults->duplicate) &&
        sim_uplink_send(gs->uplink, topic, bytes->data, bytes->size) != HR_OK) {
        return HR_OK; /* a repeat that did not fit is no loss */
    }
    if (err == HR_OK && g->held.size > 0 &&
        sim_uplink_send(gs->uplink, topic, g->held.data, g->held.size) == HR_OK) {
        hr_buf_clear(&g->held);
    }
    return err;
}

/* ---- messages ---- */

static void batch_topic(const sim_gateways *gs, char *topic, size_t capacity)
{
    snprintf(topic, capacity, "hedgerow/v1/fixes/%s", gs->options.user);
}

/* A batch of up to count fixes from box->sent on; *taken gets how many it holds. */
static hr_err make_batch(sim_gateways *gs, const sim_outbox *box, uint32_t count, bool is_backlog,
                         uint32_t *taken)
{
    hrf1_writer_begin(gs->writer);
    hr_err err = HR_OK;
    for (*taken = 0; *taken < count; ++*taken) {
        const sim_fix *fix = sim_outbox_at(box, box->sent + *taken);
        const char *id = gs->options.ids[fix->device];
        err = hrf1_writer_add(gs->writer, id, strlen(id), &fix->fix);
        if (err != HR_OK) {
            break;
        }
    }
    if (err != HR_OK && (err != HR_TOO_BIG || *taken == 0)) {
        return err;
    }
    hrf1_header header = {.epoch = box->epoch,
                          .base_seq = box->sent,
                          .oldest_seq = box->acked,
                          .is_backlog = is_backlog};
    hr_buf_clear(&gs->message);
    return hrf1_writer_finish(gs->writer, &header, &gs->message);
}

static bool send_batch(sim_gateways *gs, gateway *g, int64_t now_ns, bool with_faults)
{
    char topic[128];
    uint64_t count = sim_outbox_unsent(&g->box);
    uint32_t taken = 0;
    batch_topic(gs, topic, sizeof topic);
    count = count < gs->options.batch_fixes ? count : gs->options.batch_fixes;
    bool is_backlog = g->box.sent < g->box.highest;
    if (make_batch(gs, &g->box, (uint32_t)count, is_backlog, &taken) != HR_OK ||
        transmit(gs, g, topic, &gs->message, with_faults) != HR_OK) {
        return false;
    }
    sim_outbox_sent(&g->box, taken, now_ns);
    gs->sent += taken;
    g->waiting_since_ns = 0;
    return true;
}

/* An empty batch asks for an acknowledgement. */
static bool ask(sim_gateways *gs, gateway *g)
{
    char topic[128];
    uint32_t taken;
    batch_topic(gs, topic, sizeof topic);
    if (make_batch(gs, &g->box, 0, false, &taken) == HR_OK &&
        sim_uplink_send(gs->uplink, topic, gs->message.data, gs->message.size) == HR_OK) {
        g->wants_ask = false;
        return true;
    }
    return false;
}

static void write_owntracks(hr_buf *out, const char *id, const hr_fix *fix)
{
    hr_json json = hr_json_into(out);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "_type", "location");
    hr_json_key_text(&json, "tid", id + (strlen(id) > 2 ? strlen(id) - 2 : 0));
    hr_json_key(&json, "lat");
    hr_json_decimal(&json, fix->lat_e7, 7);
    hr_json_key(&json, "lon");
    hr_json_decimal(&json, fix->lon_e7, 7);
    hr_json_key_i64(&json, "tst", fix->time_ms / 1000);
    hr_json_key_i64(&json, "acc", (fix->accuracy_dm + 5) / 10);
    hr_json_key_i64(&json, "vel", (fix->speed_cm_s * 36 + 500) / 1000);
    hr_json_key_i64(&json, "cog", fix->heading_cdeg / 100);
    hr_json_key_i64(&json, "batt", fix->battery_pct);
    hr_json_close_object(&json);
}

/* Bare devices keep nothing: what the connection took is gone for them. */
static bool send_owntracks(sim_gateways *gs, gateway *g, int64_t now_ns, bool with_faults)
{
    unsigned sent = 0;
    while (sent < OWNTRACKS_BURST_MAX && sim_outbox_unsent(&g->box) > 0) {
        const sim_fix *fix = sim_outbox_at(&g->box, g->box.sent);
        const char *id = gs->options.ids[fix->device];
        char topic[192];
        size_t prefix = strlen(gs->options.user) + 1; /* the log's id is user.device */
        snprintf(topic, sizeof topic, "owntracks/%s/%s", gs->options.user, id + prefix);
        hr_buf_clear(&gs->message);
        write_owntracks(&gs->message, id, &fix->fix);
        if (transmit(gs, g, topic, &gs->message, with_faults) != HR_OK) {
            break;
        }
        sim_outbox_sent(&g->box, 1, now_ns);
        sim_outbox_ack(&g->box, (int64_t)g->box.sent - 1, now_ns);
        sent++;
    }
    gs->sent += sent;
    return sent > 0;
}

static bool is_ripe(const sim_gateways *gs, gateway *g, int64_t now_ns)
{
    uint64_t unsent = sim_outbox_unsent(&g->box);
    if (unsent == 0 || sim_outbox_outstanding(&g->box) >= gs->options.window_fixes) {
        return false;
    }
    if (g->waiting_since_ns == 0) {
        g->waiting_since_ns = now_ns;
    }
    return unsent >= gs->options.batch_fixes ||
           now_ns - g->waiting_since_ns >= gs->options.linger_ns;
}

bool sim_gateways_send(sim_gateways *gs, int64_t now_ns, int64_t clock_ms, bool with_faults)
{
    bool has_sent = false;
    if (!sim_uplink_is_up(gs->uplink)) {
        return false;
    }
    for (uint32_t i = 0; i < gs->count; i++) {
        gateway *g = &gs->all[i];
        if (with_faults && is_away(gs, i, clock_ms)) {
            continue;
        }
        if (gs->options.form == SIM_OWNTRACKS) {
            has_sent |= send_owntracks(gs, g, now_ns, with_faults);
            continue;
        }
        if (with_faults) {
            restart_when_due(gs, g, clock_ms);
        }
        if (g->wants_ask) {
            has_sent |= ask(gs, g);
        }
        (void)sim_outbox_timeout(&g->box, now_ns);
        while (is_ripe(gs, g, now_ns)) {
            if (!send_batch(gs, g, now_ns, with_faults)) {
                break;
            }
            has_sent = true;
        }
    }
    return has_sent;
}

void sim_gateways_take_ack(sim_gateways *gs, const sim_ack *ack, int64_t now_ns)
{
    if (happens(gs, gs->options.scenario->faults.ack_loss)) {
        return;
    }
    for (uint32_t i = 0; i < gs->count; i++) {
        if (gs->all[i].box.epoch == ack->epoch) {
            sim_outbox_ack(&gs->all[i].box, ack->seq, now_ns);
        }
    }
}

int64_t sim_gateways_wake_ns(const sim_gateways *gs, int64_t now_ns)
{
    int64_t wake_ns = now_ns + IDLE_NS;
    for (uint32_t i = 0; i < gs->count; i++) {
        const gateway *g = &gs->all[i];
        int64_t ripe_ns = g->waiting_since_ns + gs->options.linger_ns;
        if (g->waiting_since_ns != 0 && ripe_ns > now_ns && ripe_ns < wake_ns) {
            wake_ns = ripe_ns;
        }
    }
    return wake_ns;
}

void sim_gateways_count(const sim_gateways *gs, sim_gateways_counts *counts)
{
    *counts = (sim_gateways_counts){.sent = gs->sent, .lost = gs->lost};
    for (uint32_t i = 0; i < gs->count; i++) {
        counts->made += gs->all[i].box.next;
        counts->acked += gs->all[i].box.acked;
        counts->rewinds += gs->all[i].box.rewinds;
    }
}
