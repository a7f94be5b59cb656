/* runner.c - makes fixes when they are due, keeps their truth, and sends them. */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "fleet.h"
#include "lines.h"
#include "truth.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define BURST_TURNS 2000 /* made between two looks at the connection */
#define PROGRESS_NS INT64_C(250000000)
#define BATCH_DEFAULT 1000
#define WINDOW_DEFAULT (1u << 18)
#define LINGER_DEFAULT_MS 200
#define DRAIN_DEFAULT_S 60
#define LINES_BYTES_MAX 4096u       /* of one turn */
#define PAST_MS INT64_C(2592000000) /* where an unpaced run without an end begins */

typedef struct run {
    const sim_run_options *options;
    sim_fleet *fleet;
    sim_truth *truth; /* NULL: none */
    sim_uplink *uplink;
    sim_gateways *gateways;
    char (*ids)[HR_DEVICE_ID_MAX + 1];
    uint64_t *epochs;
    int64_t start_ms;
    uint64_t turns;
    sim_fix waiting[SIM_FIXES_AT_ONCE]; /* their outbox was full */
    unsigned waiting_count;
    int64_t began_ns;
    int64_t first_due_ms;
    int64_t shown_ns;
    uint64_t shown_acked;
} run;

void sim_run_defaults(sim_run_options *options)
{
    *options = (sim_run_options){.speedup = 1,
                                 .drain_s = DRAIN_DEFAULT_S,
                                 .batch_fixes = BATCH_DEFAULT,
                                 .window_fixes = WINDOW_DEFAULT,
                                 .linger_ms = LINGER_DEFAULT_MS};
}

static int64_t now_ns(void)
{
    return hr_clock_mono_ns(hr_clock_real());
}

/* The fixes' own clock is ours. */
static bool is_real_time(const sim_run_options *o)
{
    return !o->has_start && o->speedup == 1 && o->rate == 0;
}

/* Fixes from the future are refused, so a run that is faster than time begins in the past. */
static int64_t choose_start_ms(const sim_run_options *o)
{
    int64_t now_ms = hr_clock_now_ms(hr_clock_real());
    if (o->has_start) {
        return o->start_ms;
    }
    if (is_real_time(o)) {
        return now_ms;
    }
    if (o->fix_count > 0) {
        uint64_t rounds = o->fix_count / o->scenario->device_count + 2;
        return now_ms - (int64_t)(rounds * o->scenario->period_ms);
    }
    return now_ms - PAST_MS;
}

static hr_err make_names(run *r)
{
    const sim_run_options *o = r->options;
    uint32_t count = o->scenario->device_count;
    r->ids = calloc(count, sizeof *r->ids);
    r->epochs = calloc(o->scenario->gateways, sizeof *r->epochs);
    if (r->ids == NULL || r->epochs == NULL) {
        return HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        char id[HR_DEVICE_ID_MAX + 1];
        sim_fleet_id(r->fleet, i, id);
        if (o->form == SIM_OWNTRACKS) {
            snprintf(r->ids[i], sizeof r->ids[i], "%.12s.%.50s", o->login.user, id);
        } else {
            memcpy(r->ids[i], id, sizeof id);
        }
    }
    /* Another run of the same seed is another outbox: its start tells them apart. */
    for (uint32_t g = 0; g < o->scenario->gateways; g++) {
        int64_t mark[2] = {r->start_ms, g};
        r->epochs[g] = hr_hash64_seeded(mark, sizeof mark, o->scenario->seed);
    }
    return HR_OK;
}

static hr_err start_truth(run *r, hr_why *why)
{
    const sim_run_options *o = r->options;
    if (o->truth == NULL || r->truth != NULL) {
        return HR_OK;
    }
    sim_truth_head head = {.seed = o->scenario->seed,
                           .start_ms = r->start_ms,
                           .device_count = o->scenario->device_count,
                           .gateway_count = o->scenario->gateways,
                           .has_sequences = o->form != SIM_OWNTRACKS};
    return sim_truth_create(o->truth, &head, (const char(*)[HR_DEVICE_ID_MAX + 1]) r->ids,
                            r->epochs, &r->truth, why);
}

/* An earlier run's file, if we go on with one: the same scenario must have made it. */
static hr_err open_truth(run *r, hr_why *why)
{
    const sim_run_options *o = r->options;
    if (o->truth == NULL || !o->resume || access(o->truth, F_OK) != 0) {
        return HR_OK;
    }
    hr_err err = sim_truth_open(o->truth, &r->truth, why);
    if (err != HR_OK) {
        return err;
    }
    const sim_truth_head *head = sim_truth_about(r->truth);
    if (head->seed != o->scenario->seed || head->device_count != o->scenario->device_count ||
        head->gateway_count != o->scenario->gateways) {
        return hr_why_set(why, HR_CONFLICT, "%s is of another scenario", o->truth);
    }
    r->start_ms = head->start_ms;
    return HR_OK;
}

/* Fixes for the outboxes; those that find no room wait in r->waiting. */
static hr_err put_fixes(run *r, const sim_fix *fixes, unsigned count, bool is_known)
{
    for (unsigned i = 0; i < count; i++) {
        sim_truth_row row = {.gateway = sim_gateway_of(r->gateways, fixes[i].device),
                             .fix = fixes[i]};
        row.seq = sim_gateway_next_seq(r->gateways, row.gateway);
        hr_err err = sim_gateway_put(r->gateways, row.gateway, &fixes[i]);
        if (err == HR_TOO_BIG) {
            r->waiting_count = count - i;
            memmove(r->waiting, &fixes[i], r->waiting_count * sizeof *fixes);
            return err;
        }
        if (err == HR_OK && r->truth != NULL && !is_known) {
            err = sim_truth_add(r->truth, &row);
        }
        if (err != HR_OK) {
            return err;
        }
    }
    r->waiting_count = 0;
    return HR_OK;
}

/* What is left of a fix in the words of a form. */
static void reword(sim_form form, hr_fix *fix)
{
    if (form == SIM_OWNTRACKS) {
        /* Whole seconds, metres, kilometres an hour and degrees. */
        unsigned km_h = (fix->speed_cm_s * 36u + 500u) / 1000u;
        fix->time_ms -= fix->time_ms % 1000;
        fix->accuracy_dm = (uint16_t)((fix->accuracy_dm + 5) / 10 * 10);
        fix->speed_cm_s = (uint16_t)((km_h * 1000u + 18u) / 36u);
        fix->heading_cdeg = (uint16_t)(fix->heading_cdeg / 100 * 100);
    } else if (form == SIM_NMEA) {
        fix->battery_pct = HR_FIX_U8_UNKNOWN;
    }
}

static unsigned next_turn(run *r, sim_fix fixes[SIM_FIXES_AT_ONCE])
{
    unsigned count = sim_fleet_next(r->fleet, fixes);
    r->turns++;
    for (unsigned i = 0; i < count; i++) {
        reword(r->options->form, &fixes[i].fix);
    }
    return count;
}

/* The fleet lives through what the truth file has already, and the outboxes fill with it. */
static hr_err catch_up(run *r, hr_why *why)
{
    sim_truth_row row;
    sim_fix fixes[SIM_FIXES_AT_ONCE];
    unsigned count = 0, at = 0;
    hr_err err = HR_OK;
    while (r->truth != NULL && (err = sim_truth_read(r->truth, &row)) == HR_OK) {
        while (at == count) {
            count = next_turn(r, fixes);
            at = 0;
        }
        if (fixes[at].device != row.fix.device || fixes[at].fix.time_ms != row.fix.fix.time_ms ||
            fixes[at].fix.lon_e7 != row.fix.fix.lon_e7) {
            return hr_why_set(why, HR_CONFLICT, "the truth file is of another scenario");
        }
        err = put_fixes(r, &fixes[at], 1, true);
        if (err != HR_OK) {
            return hr_why_set(why, err, "the truth file: %s", hr_err_text(err));
        }
        at++;
    }
    if (err != HR_OK && err != HR_NOT_FOUND) {
        return hr_why_set(why, err, "cannot read the truth file");
    }
    err = put_fixes(r, &fixes[at], count - at, false);
    if (r->turns > 0) {
        sim_gateways_ask(r->gateways);
    }
    return err;
}

static hr_err open_run(run *r, hr_why *why)
{
    const sim_run_options *o = r->options;
    r->start_ms = choose_start_ms(o);
    hr_err err = open_truth(r, why);
    if (err != HR_OK) {
        return err;
    }
    r->fleet = sim_fleet_new(o->scenario, r->start_ms);
    if (r->fleet == NULL || make_names(r) != HR_OK) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    return start_truth(r, why);
}

static hr_err connect_run(run *r, hr_why *why)
{
    const sim_run_options *o = r->options;
    char client_id[64];
    snprintf(client_id, sizeof client_id, "hedgerow-sim-%016llx", (unsigned long long)r->epochs[0]);
    hr_err err = sim_uplink_start(&o->login, client_id, &r->uplink, why);
    if (err != HR_OK) {
        return err;
    }
    sim_gateways_options options = {.scenario = o->scenario,
                                    .form = o->form,
                                    .user = o->login.user,
                                    .batch_fixes = o->batch_fixes,
                                    .window_fixes = o->window_fixes,
                                    .linger_ns = o->linger_ms * NS_PER_MS,
                                    .epochs = r->epochs,
                                    .ids = (const char(*)[HR_DEVICE_ID_MAX + 1]) r->ids};
    r->gateways = sim_gateways_new(&options, r->uplink);
    return r->gateways != NULL ? catch_up(r, why) : hr_why_set(why, HR_NO_MEMORY, "out of memory");
}

static void close_run(run *r)
{
    sim_uplink_stop(r->uplink);
    sim_gateways_free(r->gateways);
    sim_truth_close(r->truth);
    sim_fleet_free(r->fleet);
    free(r->ids);
    free(r->epochs);
}

/* ---- pace ---- */

/* The scenario's time by now. */
static int64_t clock_ms(const run *r, int64_t now)
{
    double speedup = r->options->speedup > 0 ? r->options->speedup : 1.0;
    return r->first_due_ms + (int64_t)((double)(now - r->began_ns) / 1e6 * speedup);
}

static bool has_ended(const run *r, int64_t now)
{
    const sim_run_options *o = r->options;
    return (o->fix_count > 0 && r->turns >= o->fix_count) ||
           (o->duration_s > 0 && now - r->began_ns >= o->duration_s * NS_PER_S);
}

/* How many turns may be taken now, and when the next one may. */
static uint64_t allowance(const run *r, int64_t now, uint64_t first_turns, int64_t *next_ns)
{
    const sim_run_options *o = r->options;
    if (o->rate > 0) {
        double due = (double)(now - r->began_ns) / 1e9 * o->rate;
        uint64_t made = r->turns - first_turns;
        *next_ns = r->began_ns + (int64_t)((double)(made + 1) / o->rate * 1e9);
        return due > (double)made ? (uint64_t)due - made : 0;
    }
    return BURST_TURNS;
}

/* Make what is due. *next_ns: when there will be more. HR_TOO_BIG: the outboxes are full. */
static hr_err make_fixes(run *r, int64_t now, uint64_t first_turns, int64_t *next_ns)
{
    const sim_run_options *o = r->options;
    *next_ns = now;
    if (r->waiting_count > 0) {
        sim_fix fixes[SIM_FIXES_AT_ONCE];
        memcpy(fixes, r->waiting, sizeof fixes);
        hr_err err = put_fixes(r, fixes, r->waiting_count, false);
        if (err != HR_OK) {
            return err;
        }
    }
    uint64_t turns = allowance(r, now, first_turns, next_ns);
    turns = turns < BURST_TURNS ? turns : BURST_TURNS;
    for (; turns > 0 && !has_ended(r, now); turns--) {
        if (o->rate == 0 && o->speedup > 0 && sim_fleet_due_ms(r->fleet) > clock_ms(r, now)) {
            double wait_ms = (double)(sim_fleet_due_ms(r->fleet) - clock_ms(r, now)) / o->speedup;
            *next_ns = now + (int64_t)(wait_ms * 1e6) + 1;
            return HR_OK;
        }
        sim_fix fixes[SIM_FIXES_AT_ONCE];
        unsigned count = next_turn(r, fixes);
        hr_err err = put_fixes(r, fixes, count, false);
        if (err != HR_OK) {
            return err;
        }
    }
    return HR_OK;
}

static void show(run *r, int64_t now, bool is_last)
{
    if (!r->options->show_progress || (!is_last && now - r->shown_ns < PROGRESS_NS)) {
        return;
    }
    sim_gateways_counts c;
    sim_gateways_count(r->gateways, &c);
    double seconds = (double)(now - (is_last ? r->began_ns : r->shown_ns)) / 1e9;
    double rate = (double)(c.acked - (is_last ? 0 : r->shown_acked)) / (seconds > 0 ? seconds : 1);
    fprintf(stderr, "\r%llu made  %llu sent  %llu acknowledged  %.0f/s  %llu outstanding%s\033[K%s",
            (unsigned long long)c.made, (unsigned long long)c.sent, (unsigned long long)c.acked,
            rate, (unsigned long long)(c.made - c.acked),
            sim_uplink_is_up(r->uplink) ? "" : "  (no connection)", is_last ? "\n" : "");
    r->shown_ns = now;
    r->shown_acked = c.acked;
}

static void take_acks(run *r, int64_t now)
{
    sim_ack ack;
    while (sim_uplink_next_ack(r->uplink, &ack)) {
        sim_gateways_take_ack(r->gateways, &ack, now);
    }
}

static bool is_drained(const run *r)
{
    sim_gateways_counts c;
    sim_gateways_count(r->gateways, &c);
    /* A bare device is done with a fix when it is sent; we hang up when the broker has it. */
    return c.acked == c.made && r->waiting_count == 0 &&
           (r->options->form == SIM_HRF1 || sim_uplink_is_idle(r->uplink));
}

static hr_err go(run *r, const volatile bool *stop, hr_why *why)
{
    const sim_run_options *o = r->options;
    r->began_ns = now_ns();
    r->shown_ns = r->began_ns;
    r->first_due_ms = r->turns > 0 ? sim_fleet_due_ms(r->fleet) : r->start_ms;
    if (r->turns == 0 && is_real_time(o)) {
        /* The first fix was due before the connection stood: what is late by that is made at once,
         * so that a fix's own time is the time at which it is made. */
        r->began_ns -= (hr_clock_now_ms(hr_clock_real()) - r->start_ms) * NS_PER_MS;
    }
    uint64_t first_turns = r->turns;
    int64_t drain_until_ns = 0;
    for (;;) {
        int64_t now = now_ns();
        int64_t next_ns = INT64_MAX;
        take_acks(r, now);
        bool is_over = *stop || has_ended(r, now);
        hr_err err =
            is_over && r->waiting_count == 0 ? HR_OK : make_fixes(r, now, first_turns, &next_ns);
        if (err != HR_OK && err != HR_TOO_BIG) {
            return hr_why_set(why, err, "making fixes: %s", hr_err_text(err));
        }
        next_ns = err == HR_TOO_BIG || is_over ? INT64_MAX : next_ns;
        if (r->truth != NULL && sim_truth_flush(r->truth) != HR_OK) {
            return hr_why_set(why, HR_IO, "cannot write the truth file");
        }
        bool has_sent = sim_gateways_send(r->gateways, now, clock_ms(r, now), !is_over);
        show(r, now, false);
        if (o->observe != NULL) {
            sim_gateways_counts counts;
            sim_gateways_count(r->gateways, &counts);
            o->observe(o->observe_context, &counts);
        }
        if (is_over && drain_until_ns == 0) {
            drain_until_ns = now + o->drain_s * NS_PER_S;
        }
        if (is_over && (is_drained(r) || now > drain_until_ns)) {
            return HR_OK;
        }
        int64_t wake_ns = sim_gateways_wake_ns(r->gateways, now);
        wake_ns = next_ns < wake_ns ? next_ns : wake_ns;
        if (!has_sent && wake_ns > now) {
            sim_uplink_wait(r->uplink, wake_ns);
        }
    }
}

hr_err sim_run(const sim_run_options *options, const volatile bool *stop, sim_run_result *result,
               hr_why *why)
{
    run r = {.options = options};
    hr_err err = open_run(&r, why);
    if (err == HR_OK) {
        err = connect_run(&r, why);
    }
    if (err == HR_OK) {
        err = go(&r, stop, why);
        show(&r, now_ns(), true);
        sim_gateways_count(r.gateways, &result->counts);
        result->seconds = (double)(now_ns() - r.began_ns) / 1e9;
        result->is_drained = is_drained(&r);
        if (err == HR_OK && !result->is_drained) {
            err = hr_why_set(why, HR_TIMEOUT, "%llu fixes were not acknowledged",
                             (unsigned long long)(result->counts.made - result->counts.acked));
        }
    }
    close_run(&r);
    return err;
}

/* ---- without a connection ---- */

/* A herd's name stands for all of its animals. */
static bool is_chosen(const run *r, uint32_t device)
{
    const char *only = r->options->only;
    const char *id = r->ids[device];
    size_t size = only != NULL ? strlen(only) : 0;
    return only == NULL || (strncmp(id, only, size) == 0 && (id[size] == '\0' || id[size] == '-'));
}

static bool is_any_chosen(const run *r)
{
    uint32_t device = 0;
    while (device < r->options->scenario->device_count && !is_chosen(r, device)) {
        device++;
    }
    return device < r->options->scenario->device_count;
}

static void put_line(const run *r, const sim_fix *fix, hr_buf *out)
{
    if (r->options->form == SIM_NMEA) {
        sim_line_nmea(out, &fix->fix);
    } else {
        sim_line_json(out, r->ids[fix->device], &fix->fix);
    }
}

/* One device's next fixes, into the truth and as lines. */
static hr_err print_turn(run *r, uint64_t *next_seq, FILE *lines, hr_why *why)
{
    sim_fix fixes[SIM_FIXES_AT_ONCE];
    unsigned count = next_turn(r, fixes);
    hr_err err = HR_OK;
    hr_buf text;
    hr_buf_init(&text, LINES_BYTES_MAX);
    for (unsigned i = 0; i < count && err == HR_OK && is_chosen(r, fixes[i].device); i++) {
        uint32_t gateway = fixes[i].device % r->options->scenario->gateways;
        if (r->options->form == SIM_NMEA && i > 0 &&
            fixes[i].fix.time_ms == fixes[i - 1].fix.time_ms) {
            continue; /* a receiver that says a moment twice says nothing new */
        }
        if (r->truth != NULL) {
            err = sim_truth_add(r->truth, &(sim_truth_row){gateway, next_seq[gateway]++, fixes[i]});
        }
        if (lines != NULL) {
            put_line(r, &fixes[i], &text);
        }
    }
    err = err != HR_OK ? hr_why_set(why, err, "cannot write the truth file") : hr_buf_err(&text);
    if (err == HR_OK && text.size > 0 && fwrite(text.data, 1, text.size, lines) != text.size) {
        err = hr_why_set(why, HR_CLOSED, "nobody reads the lines any more");
    }
    hr_buf_fini(&text);
    return err;
}

/* Until the next fix is due; what is written by then is there to be read. */
static void wait_for_turn(run *r, FILE *lines, const volatile bool *stop)
{
    const sim_run_options *o = r->options;
    while (!*stop && (o->rate > 0 || o->speedup > 0)) {
        int64_t left_ns = r->began_ns - now_ns();
        left_ns +=
            o->rate > 0
                ? (int64_t)((double)r->turns / o->rate * 1e9)
                : (int64_t)((double)(sim_fleet_due_ms(r->fleet) - r->start_ms) * 1e6 / o->speedup);
        if (left_ns <= 0) {
            return;
        }
        fflush(lines);
        left_ns = left_ns < PROGRESS_NS ? left_ns : PROGRESS_NS;
        nanosleep(&(struct timespec){.tv_nsec = left_ns}, NULL);
    }
}

hr_err sim_run_dry(const sim_run_options *options, FILE *lines, const volatile bool *stop,
                   hr_why *why)
{
    run r = {.options = options, .began_ns = now_ns()};
    hr_err err = open_run(&r, why);
    uint64_t *next_seq = calloc(options->scenario->gateways, sizeof *next_seq);
    if (err == HR_OK && next_seq == NULL) {
        err = hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    if (err == HR_OK && !is_any_chosen(&r)) {
        err =
            hr_why_set(why, HR_NOT_FOUND, "no herd, vehicle or device is called %s", options->only);
    }
    while (err == HR_OK && !*stop && !has_ended(&r, now_ns())) {
        if (lines != NULL) {
            wait_for_turn(&r, lines, stop);
        }
        err = print_turn(&r, next_seq, lines, why);
    }
    bool is_kept = r.truth == NULL || sim_truth_flush(r.truth) == HR_OK;
    if (err == HR_OK && (!is_kept || (lines != NULL && fflush(lines) != 0))) {
        err = hr_why_set(why, HR_IO, "cannot write to the end");
    }
    free(next_seq);
    close_run(&r);
    return err;
}
