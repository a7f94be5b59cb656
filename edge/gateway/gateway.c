/* gateway/gateway.c - gathers what sources bring, writes it in batches, watches over the rest. */
#include "gateway/gateway.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/logline.h"
#include "gateway/outbox.h"
#include "gateway/sender.h"
#include "gateway/source.h"

#define TRIMS_PER_CAP 32 /* of a file, of which sixteen make the cap, two */
#define TELL_GAP_NS INT64_C(600000000000)
#define NO_SPACE_PAUSE_NS INT64_C(1000000000)
#define DRAIN_POLL_MS 500
/* For an uplink's answer: all MQTT connections wait meanwhile, the sender's too. */
#define ANSWER_NS_MAX INT64_C(5000000000)

struct gateway {
    const config *config;
    const hr_clock *clock;
    FILE *confirm;
    outbox *box;
    sender *sender;
    source *sources[CONFIG_SOURCES_MAX];
    size_t source_count;
    pthread_t writer;
    bool has_writer;
    wire_fix *writing; /* the writer's half of the stage */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    wire_fix *stage; /* protected by lock, as all below */
    size_t stage_count;
    int64_t stage_ns; /* when the first of them came */
    bool is_urgent;   /* somebody waits for what is staged to be on the disk */
    bool is_full;     /* the disk has not taken what is being written */
    bool is_writing;  /* what was staged is on its way into the outbox */
    uint64_t batches; /* that were begun to be written */
    bool is_stopping; /* no source waits for room any more */
    bool is_over;     /* and none brings anything more: the writer ends with what there is */
    bool is_ended;
    hr_why failure; /* empty: none */
};

static int64_t mono_ns(void)
{
    return hr_clock_mono_ns(hr_clock_real());
}

static void wait_until(gateway *g, int64_t until_ns)
{
    struct timespec at = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    pthread_cond_timedwait(&g->changed, &g->lock, &at);
}

/* ---- from the sources ---- */

/* False: there is none. Whoever brought a fix that is answered keeps it until then, so for such a
 * one nobody waits long, and not at all while the disk is full. Under the lock. */
static bool await_room(gateway *g, bool is_answered, int64_t end_ns)
{
    while (g->stage_count == GATEWAY_STAGE_MAX && !g->is_stopping && mono_ns() < end_ns &&
           !(is_answered && g->is_full)) {
        wait_until(g, end_ns);
    }
    return g->stage_count < GATEWAY_STAGE_MAX && !(is_answered && g->is_full);
}

/* Under the lock. */
static void put_on_stage(gateway *g, const wire_fix *fix)
{
    g->stage[g->stage_count++] = *fix;
    if (g->stage_count == 1) {
        g->stage_ns = mono_ns();
    }
    if (g->stage_count == 1 || g->stage_count == g->config->batch_fixes) {
        pthread_cond_broadcast(&g->changed);
    }
}

/* What is staged is written at once; true when it is fsynced. Under the lock. */
static bool await_disk(gateway *g, int64_t end_ns)
{
    uint64_t mine = g->batches + 1;
    g->is_urgent = true;
    pthread_cond_broadcast(&g->changed);
    while ((g->batches < mine || (g->batches == mine && g->is_writing)) && !g->is_full &&
           mono_ns() < end_ns) {
        wait_until(g, end_ns);
    }
    bool is_written = g->batches > mine || (g->batches == mine && !g->is_writing);
    return is_written && !g->is_full && g->failure.text[0] == '\0';
}

static bool take(void *context, const wire_fix *fix, bool is_answered)
{
    gateway *g = context;
    int64_t end_ns = is_answered ? mono_ns() + ANSWER_NS_MAX : INT64_MAX;
    pthread_mutex_lock(&g->lock);
    bool goes_on = await_room(g, is_answered, end_ns);
    if (goes_on) {
        put_on_stage(g, fix);
        goes_on = is_answered ? await_disk(g, end_ns) : !g->is_stopping;
    }
    pthread_mutex_unlock(&g->lock);
    return goes_on;
}

/* A source is at its end. */
static void note_finished(void *context)
{
    gateway *g = context;
    pthread_mutex_lock(&g->lock);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

static void note_refused(void *context, const dead_letter *letter)
{
    gateway *g = context;
    sender_note_refused(g->sender, letter);
}

/* ---- to the disk ---- */

static void fail(gateway *g, hr_err err)
{
    pthread_mutex_lock(&g->lock);
    hr_why_set(&g->failure, err, "the outbox cannot be written: %s", hr_err_text(err));
    g->is_ended = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

/* False: the gateway stops, or the disk has failed. */
static bool pause_for_space(gateway *g)
{
    pthread_mutex_lock(&g->lock);
    g->is_full = true;
    pthread_cond_broadcast(&g->changed);
    if (!g->is_stopping) {
        wait_until(g, mono_ns() + NO_SPACE_PAUSE_NS);
    }
    bool goes_on = !g->is_stopping;
    pthread_mutex_unlock(&g->lock);
    return goes_on;
}

static void confirm(gateway *g)
{
    if (g->confirm != NULL) {
        fprintf(g->confirm, "{\"stored\":%" PRIu64 "}\n", outbox_end(g->box));
        fflush(g->confirm);
    }
}

static void note_dropped(gateway *g, uint64_t dropped, const char *why)
{
    if (dropped > 0) {
        hr_logline(HR_LEVEL_ERROR, "gateway.dropped", "fixes=%" PRIu64 " why=\"%s\"", dropped, why);
        sender_note_dropped(g->sender, dropped);
    }
}

/* What the service has goes first. Once the sources wait, the oldest go that it has not: what is
 * live is worth more. */
static void make_room(gateway *g)
{
    uint64_t dropped;
    pthread_mutex_lock(&g->lock);
    bool may_lose = g->stage_count == GATEWAY_STAGE_MAX;
    pthread_mutex_unlock(&g->lock);
    if (outbox_make_room(g->box, may_lose, &dropped)) {
        hr_logline(HR_LEVEL_INFO, "gateway.made_room", "unacknowledged=%" PRIu64, dropped);
    }
    note_dropped(g, dropped, "disk full");
}

/* Written, and fsynced soon or, if must_sync, now. A full disk makes the sources wait. False: it
 * was full until the gateway stopped. */
static bool write_batch(gateway *g, size_t count, bool must_sync)
{
    size_t refused;
    hr_err err = outbox_put(g->box, g->writing, count, &refused);
    while (err == HR_NO_SPACE) {
        hr_logline(HR_LEVEL_ERROR, "gateway.disk_full", "fixes_waiting=%zu", count);
        make_room(g);
        if (!pause_for_space(g)) {
            return false;
        }
        err = outbox_put(g->box, g->writing, count, &refused);
    }
    for (size_t i = 0; i < refused; i++) {
        sender_note_refused(g->sender, NULL);
    }
    log_store *log = outbox_log(g->box);
    log_position end = log_appended(log);
    if (must_sync) {
        log_commit_soon(log); /* the end may be that of a letter */
    }
    while (err == HR_OK && must_sync && log_durable(log) < end) {
        log_wait(log, LOG_COMMITTED, log_durable(log), 1000);
        err = log_health(log, NULL) == HR_IO ? HR_IO : HR_OK;
    }
    if (err != HR_OK) {
        fail(g, err);
    } else {
        confirm(g);
    }
    return true;
}

static void trim(gateway *g)
{
    note_dropped(g, outbox_trim(g->box), "disk cap");
}

/* Wait until there is a batch to write, by its size or its age; an idle gateway sleeps. False: it
 * stops, and everything is written. Under the lock. */
static bool await_batch(gateway *g)
{
    int64_t gap_ns = (int64_t)g->config->batch_ms * 1000000;
    for (;;) {
        bool is_old = g->is_urgent || mono_ns() >= g->stage_ns + gap_ns;
        bool is_due = g->stage_count >= g->config->batch_fixes || g->is_over ||
                      (g->stage_count > 0 && is_old);
        if (is_due) {
            return g->stage_count > 0;
        }
        if (g->stage_count > 0) {
            wait_until(g, g->stage_ns + gap_ns);
        } else {
            pthread_cond_wait(&g->changed, &g->lock);
        }
    }
}

/* The cap is looked after whenever it could have been passed by a file. */
static void *run_writer(void *context)
{
    gateway *g = context;
    uint64_t trim_bytes = ((uint64_t)g->config->disk_mb << 20) / TRIMS_PER_CAP;
    uint64_t untrimmed_bytes = trim_bytes;
    confirm(g);
    pthread_mutex_lock(&g->lock);
    while (await_batch(g)) {
        size_t count = g->stage_count;
        wire_fix *full = g->stage;
        g->stage = g->writing;
        g->writing = full;
        bool must_sync = g->confirm != NULL || g->is_urgent;
        g->stage_count = 0;
        g->is_urgent = false;
        g->is_writing = true;
        g->batches++;
        pthread_cond_broadcast(&g->changed);
        pthread_mutex_unlock(&g->lock);
        bool has_room = write_batch(g, count, must_sync);
        untrimmed_bytes += count * HR_FIX_BYTES;
        if (untrimmed_bytes >= trim_bytes) {
            trim(g);
            untrimmed_bytes = 0;
        }
        pthread_mutex_lock(&g->lock);
        g->is_writing = false;
        g->is_full = !has_room;
        pthread_cond_broadcast(&g->changed);
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

/* ---- start, wait, stop ---- */

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static hr_err start_sender(gateway *g, hr_why *why)
{
    const config *c = g->config;
    sender_options options = {.box = g->box,
                              .clock = g->clock,
                              .addresses = c->broker,
                              .user = c->user,
                              .password = or_null(c->password),
                              .ca_file = or_null(c->ca_file),
                              .cert_file = or_null(c->cert_file),
                              .key_file = or_null(c->key_file),
                              .keep_alive_s = (uint16_t)c->keepalive_s,
                              .batch_fixes = c->batch_fixes};
    return sender_start(&options, &g->sender, why);
}

static hr_err start_sources(gateway *g, hr_why *why)
{
    for (size_t i = 0; i < g->config->source_count; i++) {
        source_options options = {.what = &g->config->sources[i],
                                  .user = g->config->user,
                                  .clock = g->clock,
                                  .sink = take,
                                  .refused = note_refused,
                                  .finished = note_finished,
                                  .context = g};
        hr_err err = source_start(&options, &g->sources[i], why);
        if (err != HR_OK) {
            return err;
        }
        g->source_count++;
    }
    return HR_OK;
}

static hr_err start_made(gateway *g, hr_why *why)
{
    if (g->stage == NULL || g->writing == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the gateway");
    }
    uint64_t cap_bytes = (uint64_t)g->config->disk_mb << 20;
    outbox_options options = {.folder = g->config->data, .cap_bytes = cap_bytes, .clock = g->clock};
    hr_err err = outbox_open(&options, &g->box, why);
    if (err == HR_OK) {
        err = start_sender(g, why);
    }
    if (err != HR_OK) {
        return err;
    }
    int failed = pthread_create(&g->writer, NULL, run_writer, g);
    if (failed != 0) {
        return hr_why_errno(why, failed, "no thread for the gateway");
    }
    g->has_writer = true;
    return start_sources(g, why);
}

hr_err gateway_start(const config *c, const hr_clock *clock, FILE *confirm_to, gateway **out,
                     hr_why *why)
{
    gateway *g = calloc(1, sizeof *g);
    if (g == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the gateway");
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&g->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&g->lock, NULL);
    g->config = c;
    g->clock = clock;
    g->confirm = confirm_to;
    g->stage = calloc(GATEWAY_STAGE_MAX, sizeof *g->stage);
    g->writing = calloc(GATEWAY_STAGE_MAX, sizeof *g->writing);
    hr_err err = start_made(g, why);
    if (err != HR_OK) {
        gateway_stop(g);
        return err;
    }
    *out = g;
    return HR_OK;
}

/* Under the lock. */
static bool sources_are_finished(const gateway *g)
{
    for (size_t i = 0; i < g->source_count; i++) {
        if (!source_is_finished(g->sources[i])) {
            return false;
        }
    }
    return g->stage_count == 0 && !g->is_writing;
}

/* Everything taken is on the disk and acknowledged. */
static bool is_drained(gateway *g)
{
    log_store *log = outbox_log(g->box);
    log_position durable = log_durable(log);
    if (durable < log_appended(log)) {
        log_commit_soon(log);
        durable = log_wait(log, LOG_COMMITTED, durable, DRAIN_POLL_MS);
    }
    return durable >= log_appended(log) && sender_wait_drained(g->sender, DRAIN_POLL_MS);
}

/* Every now and then, what came of the sources; letters alone fill the disk too. When next. */
static int64_t tell_counts(gateway *g, int64_t tell_ns)
{
    int64_t now_ns = mono_ns();
    if (now_ns < tell_ns) {
        return tell_ns;
    }
    for (size_t i = 0; i < g->source_count; i++) {
        source_tell(g->sources[i]);
    }
    trim(g);
    return now_ns + TELL_GAP_NS;
}

hr_err gateway_wait(gateway *g, hr_why *why)
{
    int64_t tell_ns = mono_ns() + TELL_GAP_NS;
    pthread_mutex_lock(&g->lock);
    while (!g->is_ended) {
        if (!sources_are_finished(g)) {
            wait_until(g, tell_ns);
            tell_ns = tell_counts(g, tell_ns);
            continue;
        }
        pthread_mutex_unlock(&g->lock);
        bool drained = is_drained(g);
        pthread_mutex_lock(&g->lock);
        g->is_ended = g->is_ended || drained;
    }
    hr_err err = g->failure.text[0] != '\0' ? hr_why_set(why, HR_IO, "%s", g->failure.text) : HR_OK;
    pthread_mutex_unlock(&g->lock);
    return err;
}

void gateway_end(gateway *g)
{
    pthread_mutex_lock(&g->lock);
    g->is_ended = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

void gateway_stop(gateway *g)
{
    if (g == NULL) {
        return;
    }
    pthread_mutex_lock(&g->lock);
    g->is_stopping = true;
    g->is_ended = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    for (size_t i = 0; i < g->source_count; i++) {
        source_tell(g->sources[i]);
        source_stop(g->sources[i]);
    }
    pthread_mutex_lock(&g->lock);
    g->is_over = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    if (g->has_writer) {
        pthread_join(g->writer, NULL);
    }
    sender_stop(g->sender);
    outbox_close(g->box);
    free(g->stage);
    free(g->writing);
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->lock);
    free(g);
}
