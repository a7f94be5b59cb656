/* gateway/sender.c - the conversation with the service; rules in sender.h. */
#include "gateway/sender.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/logline.h"
#include "mqtt/link.h"
#include "wire/ack_json.h"
#include "wire/hrf1.h"
#include "wire/status_json.h"

#define ASK_AGAIN_MIN_NS INT64_C(3000000000)
#define ASK_AGAIN_MAX_NS INT64_C(60000000000)
#define REWIND_GAP_NS INT64_C(1000000000)
#define PUBLISH_AGAIN_NS INT64_C(100000000)
#define LETTER_AGAIN_NS INT64_C(1000000000)
#define FLUSH_NS INT64_C(1000000000) /* for the last status, at the end */
#define STATUS_GAP_NS INT64_C(60000000000)
#define STATUS_BYTES_MAX 512
#define TOPIC_SIZE 128

#ifndef HR_VERSION
#define HR_VERSION "0"
#endif

typedef enum last_word {
    LAST_WORD_WAITS,
    LAST_WORD_TAKEN,
    LAST_WORD_LOST,
} last_word;

struct sender {
    outbox *box;
    const hr_clock *clock;
    mqtt_link *link;
    pthread_t thread;
    uint32_t batch_fixes;
    char fixes_topic[TOPIC_SIZE];
    char status_topic[TOPIC_SIZE];
    char dead_topic[TOPIC_SIZE];
    hrf1_writer *writer; /* the thread's, as the two below */
    hr_buf message;
    uint64_t gap_end;   /* what is below is not held without a gap */
    uint64_t found_end; /* of the outbox, when the sender began; fixed */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_up; /* protected by lock, as all below */
    bool is_stopping;
    bool is_asking;   /* connected, and the service has not said yet how far it is */
    bool must_seek;   /* the reader does not stand at next */
    bool has_news;    /* something was committed since the reader came to the end */
    outbox_span span; /* that acked_next is in */
    uint64_t acked_next;
    uint64_t next;     /* to be sent */
    uint64_t sent_max; /* end of what was, or is about to be, sent in this run */
    uint32_t inflight;
    bool has_letter_out; /* the oldest letter is among them */
    int64_t ask_ns;      /* when to ask, unless something moves before */
    int64_t ask_gap_ns;
    int64_t rewound_ns;
    int64_t status_ns;   /* when to publish the next one */
    int64_t letter_ns;   /* not before, after a failure with one */
    hr_err trouble;      /* with the last batch */
    last_word last_word; /* what became of the very last one */
    uint64_t sent;
    uint64_t rewinds;
    uint64_t dropped;
    uint64_t refused;
};

static int64_t mono_ns(void)
{
    return hr_clock_mono_ns(hr_clock_real());
}

/* Under the lock, as the next one. */
static void wait_until(sender *s, int64_t until_ns)
{
    if (until_ns == INT64_MAX) {
        pthread_cond_wait(&s->changed, &s->lock);
        return;
    }
    struct timespec at = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    pthread_cond_timedwait(&s->changed, &s->lock, &at);
}

/* After a failure to publish: the link will soon say that it is down. */
static void pause_publishing(sender *s)
{
    if (!s->is_stopping) {
        wait_until(s, mono_ns() + PUBLISH_AGAIN_NS);
    }
}

/* ---- what the service says ---- */

/* Under the lock, as all of this part. */
static void go_to(sender *s, uint64_t next)
{
    s->next = next;
    s->must_seek = true;
    s->has_news = true;
}

static void note_progress(sender *s, int64_t now_ns)
{
    s->ask_gap_ns = ASK_AGAIN_MIN_NS;
    s->ask_ns = now_ns + s->ask_gap_ns;
}

/* What is below next is durable at the service; behind the end of a span begins another epoch, of
 * which it must be asked. */
static void set_acked(sender *s, uint64_t next)
{
    s->acked_next = next < s->span.end ? next : s->span.end;
    /* A gap may have waited for this. */
    s->has_news = s->has_news || s->acked_next == s->next;
    if (s->acked_next == s->span.end) {
        s->span = outbox_span_at(s->box, s->acked_next);
        s->is_asking = true;
        s->ask_ns = 0;
        go_to(s, s->acked_next);
    }
}

/* The service has more under this epoch than was ever sent of what is held now: the outbox lost its
 * end, and its numbers would meet others' there. */
static void renew(sender *s)
{
    hr_why why = {{0}};
    uint64_t start = s->found_end;
    hr_err err = outbox_renew(s->box, start, &why);
    hr_logline(err == HR_OK ? HR_LEVEL_WARN : HR_LEVEL_ERROR, "gateway.renewed",
               "from=%" PRIu64 " why=\"%s\"", start,
               err == HR_OK ? "the outbox lost its end" : why.text);
    if (err == HR_OK) {
        s->span = outbox_span_at(s->box, start);
        s->acked_next = start;
        s->is_asking = true;
        s->ask_ns = 0;
        go_to(s, start);
    }
}

static void take_answer(sender *s, uint64_t next, int64_t now_ns)
{
    s->is_asking = false;
    note_progress(s, now_ns);
    go_to(s, next);
    set_acked(s, next);
    hr_logline(HR_LEVEL_INFO, "gateway.goes_on", "from=%" PRIu64 " held=%" PRIu64, next,
               outbox_end(s->box) > next ? outbox_end(s->box) - next : 0);
}

static void take_ack(sender *s, uint64_t next)
{
    int64_t now_ns = mono_ns();
    bool is_newest = s->span.end == UINT64_MAX;
    if (is_newest && next > s->found_end && next > s->sent_max) {
        renew(s);
    } else if (s->is_asking) {
        take_answer(s, next, now_ns);
    } else if (next > s->acked_next) {
        note_progress(s, now_ns);
        if (next > s->next) {
            go_to(s, next);
        }
        set_acked(s, next);
    } else if (s->next > next && now_ns - s->rewound_ns > REWIND_GAP_NS) {
        s->rewinds++;
        s->rewound_ns = now_ns;
        s->acked_next = next;
        go_to(s, next);
    }
}

static void on_message(void *context, const mqtt_message *message)
{
    sender *s = context;
    ack_json ack;
    hr_why why;
    if (ack_json_read(message->payload, message->size, &ack, &why) != HR_OK) {
        hr_logline(HR_LEVEL_WARN, "gateway.bad_ack", "why=\"%s\"", why.text);
        return;
    }
    pthread_mutex_lock(&s->lock);
    bool is_ours = ack.epoch == s->span.epoch;
    if (is_ours) {
        take_ack(s, (uint64_t)(ack.seq + 1));
    }
    uint64_t acked_next = s->acked_next;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (is_ours) {
        outbox_acked(s->box, acked_next);
    }
}

static void on_state(void *context, bool is_up)
{
    sender *s = context;
    pthread_mutex_lock(&s->lock);
    s->is_up = is_up;
    s->is_asking = true;
    s->ask_gap_ns = ASK_AGAIN_MIN_NS;
    s->ask_ns = 0;
    s->status_ns = 0;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (!is_up) {
        outbox_keep_acked(s->box);
    }
}

static void on_commit(void *context)
{
    sender *s = context;
    pthread_mutex_lock(&s->lock);
    s->has_news = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* A place in the window is free again. */
static void note_answered(sender *s)
{
    pthread_mutex_lock(&s->lock);
    s->inflight--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void on_done(void *context, hr_err err)
{
    sender *s = context;
    if (err == HR_DENIED) {
        hr_logline(HR_LEVEL_ERROR, "gateway.denied",
                   "topic=%s why=\"the broker does not let this user write it; was the gateway "
                   "added at the service?\"",
                   s->fixes_topic);
    }
    note_answered(s);
}

/* A broker with rules of an older service does not take letters: then there are none. Without an
 * answer it is sent again. */
static void on_letter_done(void *context, hr_err err)
{
    sender *s = context;
    if (err == HR_OK || err == HR_DENIED) {
        outbox_letters_done(outbox_letters_of(s->box));
    }
    pthread_mutex_lock(&s->lock);
    s->has_letter_out = false;
    pthread_mutex_unlock(&s->lock);
    note_answered(s);
}

/* ---- what is sent ---- */

static hr_err publish_message(sender *s, const char *topic, mqtt_done *done)
{
    pthread_mutex_lock(&s->lock);
    s->inflight++;
    pthread_mutex_unlock(&s->lock);
    hr_err err =
        mqtt_link_publish(s->link, topic, s->message.data, s->message.size, 1, false, done, s);
    if (err != HR_OK) {
        note_answered(s);
    }
    return err;
}

static hr_err publish(sender *s, const hrf1_header *header)
{
    hr_buf_clear(&s->message);
    hr_err err = hrf1_writer_finish(s->writer, header, &s->message);
    return err == HR_OK ? publish_message(s, s->fixes_topic, on_done) : err;
}

static void send_letter(sender *s)
{
    hr_buf_clear(&s->message);
    hr_err err = outbox_letters_first(outbox_letters_of(s->box), &s->message);
    if (err == HR_TIMEOUT) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->has_letter_out = true;
    pthread_mutex_unlock(&s->lock);
    if (err == HR_OK) {
        err = publish_message(s, s->dead_topic, on_letter_done);
    }
    if (err != HR_OK) {
        /* Fixes do not wait for it. */
        pthread_mutex_lock(&s->lock);
        s->has_letter_out = false;
        s->letter_ns = mono_ns() + LETTER_AGAIN_NS;
        pthread_mutex_unlock(&s->lock);
    }
}

/* The lowest sequence that may still be sent before base. */
static uint64_t oldest_before(sender *s, uint64_t base, uint64_t acked_next, uint64_t span_start)
{
    uint64_t oldest = outbox_start(s->box);
    oldest = oldest < span_start ? span_start : oldest;
    oldest = oldest < s->gap_end ? s->gap_end : oldest;
    oldest = oldest < acked_next ? acked_next : oldest;
    return oldest < base ? oldest : base;
}

/* A message without fixes: how far are you? */
static void ask(sender *s)
{
    pthread_mutex_lock(&s->lock);
    outbox_span span = s->span;
    s->ask_ns = mono_ns() + s->ask_gap_ns;
    s->ask_gap_ns = s->ask_gap_ns * 2 < ASK_AGAIN_MAX_NS ? s->ask_gap_ns * 2 : ASK_AGAIN_MAX_NS;
    pthread_mutex_unlock(&s->lock);
    uint64_t oldest = oldest_before(s, span.end, 0, span.start);
    hrf1_writer_begin(s->writer);
    hrf1_header header = {.epoch = span.epoch, .base_seq = oldest, .oldest_seq = oldest};
    hr_err err = publish(s, &header);
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_DEBUG, "gateway.not_asked", "why=\"%s\"", hr_err_text(err));
    }
}

typedef struct batch {
    uint64_t base;
    uint32_t count;
    bool is_backlog;
    bool is_ended; /* nothing more is held before end */
    hr_err err;    /* why it is no longer; HR_TIMEOUT: there is no more */
} batch;

/* A fix that was taken while nobody had set our clock: in the boot that goes on (of the newest
 * span) it is known how long ago that was. Else the service gives it the time at which it comes. */
static void date_fix(const sender *s, bool is_this_boot, hr_fix *fix)
{
    if ((fix->flags & HR_FIX_TIME_ASSIGNED) == 0) {
        return;
    }
    int64_t now_ms = hr_clock_now_ms(s->clock);
    int64_t age_ms = hr_clock_mono_ns(s->clock) / 1000000 - fix->time_ms;
    fix->time_ms = now_ms;
    if (is_this_boot && age_ms >= 0 && hr_clock_is_synchronised(s->clock)) {
        fix->time_ms = now_ms - age_ms;
        fix->flags &= (uint8_t)~HR_FIX_TIME_ASSIGNED;
    }
}

/* Fill the writer with fixes that follow each other and come before end; what does not fit is read
 * again. Behind a gap nothing is sent until the service has all that is before it: it would take
 * what is on its way there, or lost, for a part of the gap. */
static void gather(sender *s, uint64_t next, uint64_t end, bool may_pass_gap, batch *b)
{
    outbox_fix f;
    int64_t backlog_before_ms = hr_clock_now_ms(s->clock) - SENDER_BACKLOG_MS;
    *b = (batch){.base = next};
    hrf1_writer_begin(s->writer);
    while (b->count < s->batch_fixes && (b->err = outbox_next(s->box, &f)) == HR_OK) {
        bool is_next = f.sequence == b->base + b->count;
        bool may_begin = b->count == 0 && may_pass_gap;
        if ((!is_next && !may_begin) || f.sequence >= end) {
            outbox_seek(s->box, f.sequence);
            b->is_ended = f.sequence >= end;
            return;
        }
        date_fix(s, end == UINT64_MAX, &f.fix.fix);
        hr_err err = hrf1_writer_add(s->writer, f.fix.id, f.fix.id_size, &f.fix.fix);
        if (err == HR_INVALID && may_begin) {
            /* Damage that a checksum has not seen: a gap like any other. */
            continue;
        }
        if (err != HR_OK) {
            outbox_seek(s->box, f.sequence);
            b->err = err == HR_NO_MEMORY ? err : HR_OK;
            return;
        }
        if (b->count == 0) {
            s->gap_end = f.sequence != next ? f.sequence : s->gap_end;
            b->base = f.sequence;
            b->is_backlog = f.append_ms < backlog_before_ms;
        }
        b->count++;
    }
}

/* What a span still had went with the disk cap or with damage, so nobody will acknowledge it. */
static void pass_lost_end(sender *s, const outbox_span *span, bool is_ended)
{
    pthread_mutex_lock(&s->lock);
    if (is_ended && s->next == s->acked_next && s->span.epoch == span->epoch) {
        set_acked(s, span->end);
    }
    pthread_mutex_unlock(&s->lock);
}

/* HR_TIMEOUT: there is nothing to send. */
static hr_err send_batch(sender *s)
{
    batch b;
    pthread_mutex_lock(&s->lock);
    uint64_t next = s->next;
    uint64_t acked_next = s->acked_next;
    outbox_span span = s->span;
    hrf1_header header = {.epoch = span.epoch};
    if (s->must_seek) {
        outbox_seek(s->box, next);
        s->must_seek = false;
    }
    s->has_news = false;
    pthread_mutex_unlock(&s->lock);
    gather(s, next, span.end, acked_next >= next, &b);
    if (b.count == 0) {
        pass_lost_end(s, &span, b.is_ended);
        return b.err == HR_OK ? HR_TIMEOUT : b.err;
    }
    header.base_seq = b.base;
    header.oldest_seq = oldest_before(s, b.base, acked_next, span.start);
    header.is_backlog = b.is_backlog;
    uint64_t end = b.base + b.count;
    pthread_mutex_lock(&s->lock);
    /* Before it goes out: the answer may be here before publish() returns. */
    s->sent_max = end > s->sent_max ? end : s->sent_max;
    pthread_mutex_unlock(&s->lock);
    hr_err err = publish(s, &header);
    pthread_mutex_lock(&s->lock);
    bool is_current = !s->must_seek && s->span.epoch == header.epoch;
    if (err == HR_OK && is_current) {
        s->next = end;
        s->sent += b.count;
    } else if (err != HR_OK) {
        go_to(s, is_current ? next : s->next);
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}

static status_json status_of(sender *s, status_state state)
{
    sender_state now;
    sender_get(s, &now);
    status_json status = {.state = state,
                          .time_ms = hr_clock_now_ms(s->clock),
                          .waiting = now.held,
                          .oldest_ms = STATUS_NO_TIME,
                          .version = HR_VERSION};
    if (now.held > 0 && outbox_taken_ms(s->box, now.acked_next, &status.oldest_ms) != HR_OK) {
        status.oldest_ms = STATUS_NO_TIME;
    }
    pthread_mutex_lock(&s->lock);
    status.dropped = s->dropped;
    status.refused = s->refused;
    s->status_ns = mono_ns() + STATUS_GAP_NS;
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* done may be NULL, and is called only if HR_OK was returned. */
static hr_err publish_status(sender *s, status_state state, mqtt_done *done)
{
    hr_buf text;
    status_json status = status_of(s, state);
    hr_buf_init(&text, STATUS_BYTES_MAX);
    status_json_write(&status, &text);
    hr_err err = hr_buf_err(&text);
    if (err == HR_OK) {
        err = mqtt_link_publish(s->link, s->status_topic, text.data, text.size, 1, true, done, s);
    }
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_DEBUG, "gateway.no_status", "why=\"%s\"", hr_err_text(err));
    }
    hr_buf_fini(&text);
    return err;
}

/* ---- the thread ---- */

typedef enum step {
    STEP_STOP,
    STEP_ASK,
    STEP_SEND,
    STEP_STATUS,
    STEP_LETTER,
    STEP_WAIT,
} step;

/* What to do now; *until_ns is for waiting. Under the lock. */
static step choose(sender *s, int64_t *until_ns)
{
    int64_t now_ns = mono_ns();
    *until_ns = INT64_MAX;
    if (s->is_stopping) {
        return STEP_STOP;
    }
    if (!s->is_up) {
        return STEP_WAIT;
    }
    bool is_awaiting = s->is_asking || s->next > s->acked_next;
    if (is_awaiting && now_ns >= s->ask_ns) {
        return STEP_ASK;
    }
    if (now_ns >= s->status_ns) {
        return STEP_STATUS;
    }
    bool has_window = s->inflight < SENDER_INFLIGHT_MAX;
    if (has_window && !s->has_letter_out && now_ns >= s->letter_ns &&
        outbox_letters_wait(outbox_letters_of(s->box))) {
        return STEP_LETTER;
    }
    bool has_room =
        has_window && s->next - s->acked_next < (uint64_t)SENDER_BATCHES_AHEAD * s->batch_fixes;
    if (!s->is_asking && has_room && s->has_news && s->next < s->span.end) {
        return STEP_SEND;
    }
    *until_ns = is_awaiting && s->ask_ns < s->status_ns ? s->ask_ns : s->status_ns;
    *until_ns = s->letter_ns > now_ns && s->letter_ns < *until_ns ? s->letter_ns : *until_ns;
    return STEP_WAIT;
}

static void send_next(sender *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->next == s->acked_next) {
        /* Nothing was on its way: the time to ask begins with this. */
        note_progress(s, mono_ns());
    }
    pthread_mutex_unlock(&s->lock);
    hr_err err = send_batch(s);
    pthread_mutex_lock(&s->lock);
    /* There may be more than one batch of it, or it could not be read or sent just now. */
    s->has_news = s->has_news || err != HR_TIMEOUT;
    if (err != HR_OK && err != HR_TIMEOUT) {
        if (err != s->trouble && err != HR_CLOSED) {
            hr_logline(HR_LEVEL_ERROR, "gateway.not_sent", "why=\"%s\"", hr_err_text(err));
        }
        pause_publishing(s);
    }
    s->trouble = err;
    pthread_mutex_unlock(&s->lock);
}

static void *run(void *context)
{
    sender *s = context;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        int64_t until_ns;
        step next = choose(s, &until_ns);
        if (next == STEP_STOP) {
            break;
        }
        if (next == STEP_WAIT) {
            wait_until(s, until_ns);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        if (next == STEP_ASK) {
            ask(s);
        } else if (next == STEP_STATUS) {
            (void)!publish_status(s, STATUS_ONLINE, NULL);
        } else if (next == STEP_LETTER) {
            send_letter(s);
        } else {
            send_next(s);
        }
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- start and stop ---- */

static hr_err start_link(sender *s, const sender_options *options, hr_why *why)
{
    char ack_topic[TOPIC_SIZE], client_id[TOPIC_SIZE];
    snprintf(ack_topic, sizeof ack_topic, "hedgerow/v1/ack/%s", options->user);
    snprintf(client_id, sizeof client_id, "hedgerow-edge-%s", options->user);
    snprintf(s->fixes_topic, sizeof s->fixes_topic, "hedgerow/v1/fixes/%s", options->user);
    snprintf(s->status_topic, sizeof s->status_topic, "hedgerow/v1/status/%s", options->user);
    snprintf(s->dead_topic, sizeof s->dead_topic, "hedgerow/v1/dead/%s", options->user);
    mqtt_subscription subscription = {ack_topic, 1};
    mqtt_options mqtt = {
        .addresses = options->addresses,
        .client_id = client_id,
        .user = options->user,
        .password = options->password,
        .ca_file = options->ca_file,
        .cert_file = options->cert_file,
        .key_file = options->key_file,
        .subscriptions = &subscription,
        .subscription_count = 1,
        .will_topic = s->status_topic,
        .will_text = STATUS_WILL,
        .pause_max_ms = 15000,
        .keep_alive_s = options->keep_alive_s,
        .on_message = on_message,
        .on_state = on_state,
        .context = s,
    };
    return mqtt_link_start(&mqtt, &s->link, why);
}

static void release(sender *s)
{
    hrf1_writer_free(s->writer);
    hr_buf_fini(&s->message);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static sender *make(const sender_options *options)
{
    sender *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&s->lock, NULL);
    hr_buf_init(&s->message, HRF1_BYTES_MAX);
    s->box = options->box;
    s->clock = options->clock;
    s->batch_fixes = options->batch_fixes;
    s->acked_next = outbox_acked_next(s->box);
    s->span = outbox_span_at(s->box, s->acked_next);
    s->next = s->acked_next;
    s->found_end = outbox_end(s->box);
    s->is_asking = true;
    s->rewound_ns = INT64_MIN / 2;
    s->writer = hrf1_writer_new();
    if (s->writer == NULL) {
        release(s);
        return NULL;
    }
    return s;
}

hr_err sender_start(const sender_options *options, sender **out, hr_why *why)
{
    sender *s = make(options);
    if (s == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the sender");
    }
    hr_err err = start_link(s, options, why);
    if (err != HR_OK) {
        release(s);
        return err;
    }
    int failed = pthread_create(&s->thread, NULL, run, s);
    if (failed != 0) {
        mqtt_link_stop(s->link);
        release(s);
        return hr_why_errno(why, failed, "no thread for the sender");
    }
    outbox_on_commit(s->box, on_commit, s);
    *out = s;
    return HR_OK;
}

static void on_last_word(void *context, hr_err err)
{
    sender *s = context;
    pthread_mutex_lock(&s->lock);
    s->last_word = err == HR_OK ? LAST_WORD_TAKEN : LAST_WORD_LOST;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* True if the broker has it. */
static bool say_stopped(sender *s)
{
    if (publish_status(s, STATUS_STOPPED, on_last_word) != HR_OK) {
        return false;
    }
    int64_t end_ns = mono_ns() + FLUSH_NS;
    pthread_mutex_lock(&s->lock);
    while (s->is_up && s->last_word == LAST_WORD_WAITS && mono_ns() < end_ns) {
        wait_until(s, end_ns);
    }
    bool is_taken = s->last_word == LAST_WORD_TAKEN;
    pthread_mutex_unlock(&s->lock);
    return is_taken;
}

/* The thread ends first: a state that it was about to tell must not come behind the last one. Where
 * that one does not go out, the will stands for it: nobody is to be taken for online for ever. */
void sender_stop(sender *s)
{
    if (s == NULL) {
        return;
    }
    outbox_on_commit(s->box, NULL, NULL);
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    if (say_stopped(s)) {
        mqtt_link_stop(s->link);
    } else {
        mqtt_link_stop_with_will(s->link);
    }
    release(s);
}

/* ---- what others ask ---- */

void sender_get(sender *s, sender_state *state)
{
    uint64_t end = outbox_end(s->box);
    uint64_t start = outbox_start(s->box);
    pthread_mutex_lock(&s->lock);
    uint64_t first = s->acked_next > start ? s->acked_next : start;
    *state = (sender_state){.is_connected = s->is_up,
                            .acked_next = s->acked_next,
                            .held = end > first ? end - first : 0,
                            .sent = s->sent,
                            .rewinds = s->rewinds};
    pthread_mutex_unlock(&s->lock);
}

void sender_note_dropped(sender *s, uint64_t dropped)
{
    pthread_mutex_lock(&s->lock);
    s->dropped += dropped;
    s->status_ns = dropped > 0 ? 0 : s->status_ns;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void keep_letter(sender *s, const dead_letter *letter)
{
    hr_buf message;
    hr_buf_init(&message, DEAD_LETTER_MESSAGE_MAX);
    dead_letter_write(letter, &message);
    hr_err err = hr_buf_err(&message);
    if (err == HR_OK) {
        err = outbox_letters_put(outbox_letters_of(s->box), message.data, message.size);
    }
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_DEBUG, "gateway.letter_lost", "why=\"%s\"", hr_err_text(err));
    }
    hr_buf_fini(&message);
}

void sender_note_refused(sender *s, const dead_letter *letter)
{
    if (letter != NULL) {
        keep_letter(s, letter);
    }
    pthread_mutex_lock(&s->lock);
    s->refused++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* Under the lock. */
static bool has_sent_all(sender *s, uint64_t wanted)
{
    return s->acked_next >= wanted && !outbox_letters_wait(outbox_letters_of(s->box));
}

bool sender_wait_drained(sender *s, int32_t timeout_ms)
{
    int64_t end_ns = mono_ns() + timeout_ms * INT64_C(1000000);
    uint64_t wanted = outbox_end(s->box);
    pthread_mutex_lock(&s->lock);
    while (!has_sent_all(s, wanted) && !s->is_stopping && mono_ns() < end_ns) {
        wait_until(s, end_ns);
    }
    bool is_drained = has_sent_all(s, wanted);
    pthread_mutex_unlock(&s->lock);
    return is_drained;
}
