/* tests/gateway/test_sender.c - the gateway's side of the conversation, with the test in the place
 * of the service: what it sends after lost batches, wrong answers and a lost outbox. */
#include "gateway/sender.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/id.h"
#include "gateway/outbox.h"
#include "ingest/broker.h"
#include "ingest/support.h"
#include "mqtt/link.h"
#include "test.h"
#include "wire/ack_json.h"
#include "wire/hrf1.h"

#define BATCH 10
#define SEEN_MAX 1000

typedef struct seen {
    uint64_t epoch;
    uint64_t base;
    uint64_t oldest;
    uint32_t count;
    bool is_backlog;
    hr_fix first; /* if there are any */
} seen;

typedef struct talk {
    char root[64];
    uint16_t port;
    char password[BROKER_PASSWORD_SIZE];
    broker *b;
    const char *boot; /* NULL: as the kernel says */
    outbox *box;
    sender *sender;
    hr_clock *clock;
    mqtt_link *service;
    pthread_mutex_t lock;
    seen batches[SEEN_MAX]; /* protected by lock, as count */
    size_t count;
    size_t wanted;
    uint64_t wanted_base;
} talk;

static void on_message(void *context, const mqtt_message *message)
{
    talk *t = context;
    hrf1_view view;
    if (hrf1_parse(message->payload, message->size, &view, NULL) != HR_OK) {
        return;
    }
    hrf1_device devices[8];
    hr_fix first = {0};
    uint16_t device;
    if (view.fix_count > 0 && view.device_count <= 8) {
        hrf1_devices(&view, devices);
        assert_int_equal(hrf1_fix(&view, devices, 0, &first, &device), HRF1_GOOD);
    }
    pthread_mutex_lock(&t->lock);
    if (t->count < SEEN_MAX) {
        t->batches[t->count++] = (seen){.epoch = view.epoch,
                                        .base = view.base_seq,
                                        .oldest = view.oldest_seq,
                                        .count = view.fix_count,
                                        .is_backlog = view.is_backlog,
                                        .first = first};
    }
    pthread_mutex_unlock(&t->lock);
}

static bool service_is_up(void *context)
{
    const talk *t = context;
    return mqtt_link_health(t->service, NULL) == HR_OK;
}

static void open_outbox(talk *t)
{
    char folder[96];
    hr_why why = {{0}};
    snprintf(folder, sizeof folder, "%s/edge", t->root);
    outbox_options options = {
        .folder = folder, .cap_bytes = UINT64_C(64) << 20, .clock = t->clock, .boot = t->boot};
    if (outbox_open(&options, &t->box, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
}

/* Paho waits up to a second for the sockets it had when it began to wait, and a new one is not
 * among them: a message to an old one ends that. */
static bool is_up_when_nudged(void *context)
{
    talk *t = context;
    sender_state now;
    sender_get(t->sender, &now);
    return now.is_connected || mqtt_link_publish(t->service, "hedgerow/v1/fixes/nudge", "", 0, 0,
                                                 false, NULL, NULL) != HR_OK;
}

static void start_sender(talk *t)
{
    char address[64];
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", t->port);
    sender_options options = {.box = t->box,
                              .clock = t->clock,
                              .addresses = address,
                              .user = "barn",
                              .password = t->password,
                              .batch_fixes = BATCH};
    assert_int_equal(sender_start(&options, &t->sender, NULL), HR_OK);
    assert_true(support_until(is_up_when_nudged, t));
}

static int start_talk(void **state)
{
    talk *t = calloc(1, sizeof *t);
    char folder[96], address[64];
    assert_non_null(t);
    pthread_mutex_init(&t->lock, NULL);
    snprintf(t->root, sizeof t->root, "%s", support_folder());
    snprintf(folder, sizeof folder, "%s/broker", t->root);
    t->port = support_port();
    t->clock = hr_clock_fake_new(1795161600000);
    assert_int_equal(broker_user_add(folder, "barn", BROKER_GATEWAY, t->password, NULL), HR_OK);
    broker_options broker_of = {.folder = folder, .port = t->port, .clock = t->clock};
    assert_int_equal(broker_start(&broker_of, &t->b, NULL), HR_OK);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", t->port);
    mqtt_subscription all = {"hedgerow/v1/fixes/+", 1};
    mqtt_options service_of = {.addresses = address,
                               .client_id = "service",
                               .user = BROKER_SERVICE_USER,
                               .password = broker_password(t->b),
                               .subscriptions = &all,
                               .subscription_count = 1,
                               .on_message = on_message,
                               .context = t};
    assert_int_equal(mqtt_link_start(&service_of, &t->service, NULL), HR_OK);
    assert_true(support_until(service_is_up, t));
    open_outbox(t);
    *state = t;
    return 0;
}

static int end_talk(void **state)
{
    talk *t = *state;
    sender_stop(t->sender);
    outbox_close(t->box);
    mqtt_link_stop(t->service);
    broker_stop(t->b);
    hr_clock_fake_free(t->clock);
    support_folder_remove(t->root);
    pthread_mutex_destroy(&t->lock);
    free(t);
    return 0;
}

static void put_of(talk *t, const char *id, uint32_t count)
{
    wire_fix fixes[100] = {0};
    assert_true(count <= 100);
    for (uint32_t i = 0; i < count; i++) {
        fixes[i].fix.time_ms = 1795161600000 + i;
        fixes[i].id_size = (uint8_t)snprintf(fixes[i].id, sizeof fixes[i].id, "%s", id);
    }
    assert_int_equal(outbox_put(t->box, fixes, count, NULL), HR_OK);
}

static void put(talk *t, uint32_t count)
{
    put_of(t, "cow", count);
}

static bool has_committed(void *context)
{
    talk *t = context;
    return outbox_end(t->box) >= t->wanted;
}

static void wait_committed(talk *t, size_t end)
{
    t->wanted = end;
    assert_true(support_until(has_committed, t));
}

static void say(talk *t, uint64_t epoch, int64_t seq)
{
    char text[ACK_JSON_SIZE];
    size_t size = ack_json_write(&(ack_json){epoch, seq}, text);
    assert_int_equal(
        mqtt_link_publish(t->service, "hedgerow/v1/ack/barn", text, size, 1, false, NULL, NULL),
        HR_OK);
}

static bool has_seen(void *context)
{
    talk *t = context;
    pthread_mutex_lock(&t->lock);
    size_t count = t->count;
    pthread_mutex_unlock(&t->lock);
    return count >= t->wanted;
}

/* Message i, once it has come. */
static seen wait_for(talk *t, size_t i)
{
    t->wanted = i + 1;
    assert_true(support_until(has_seen, t));
    return t->batches[i];
}

static bool has_base_again(void *context)
{
    talk *t = context;
    bool found = false;
    pthread_mutex_lock(&t->lock);
    for (size_t i = t->wanted; i < t->count; i++) {
        found = found || (t->batches[i].base == t->wanted_base && t->batches[i].count > 0);
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

/* A batch from there is sent after message number `after`. */
static void wait_for_base(talk *t, uint64_t base, size_t after)
{
    t->wanted = after;
    t->wanted_base = base;
    if (!support_until(has_base_again, t)) {
        fail_msg("no batch from %lu", base);
    }
}

static void it_asks_before_it_sends_anything(void **state)
{
    talk *t = *state;
    put(t, 30);
    start_sender(t);
    seen asked = wait_for(t, 0);
    assert_int_equal(asked.count, 0);
    assert_int_equal(asked.epoch, outbox_span_at(t->box, 0).epoch);
    say(t, asked.epoch, -1);
    for (size_t i = 0; i < 3; i++) {
        seen batch = wait_for(t, i + 1);
        assert_int_equal(batch.base, i * BATCH);
        assert_int_equal(batch.count, BATCH);
        assert_int_equal(batch.oldest, 0);
        assert_false(batch.is_backlog);
    }
    say(t, asked.epoch, 29);
    assert_true(sender_wait_drained(t->sender, SUPPORT_TIMEOUT_MS));
}

static void batches_that_a_broker_acknowledged_and_lost_are_sent_again(void **state)
{
    talk *t = *state;
    put(t, 100);
    start_sender(t);
    uint64_t epoch = wait_for(t, 0).epoch;
    say(t, epoch, -1);
    wait_for(t, 10);
    /* 1-4 arrived; 5-8 are lost with the broker; what came behind them was refused. */
    say(t, epoch, 39);
    say(t, epoch, 39);
    wait_for_base(t, 40, 11);
    say(t, epoch, 99);
    assert_true(sender_wait_drained(t->sender, SUPPORT_TIMEOUT_MS));
    sender_state now;
    sender_get(t->sender, &now);
    assert_int_equal(now.rewinds, 1);
    assert_int_equal(now.held, 0);
}

static void a_service_that_lost_its_end_gets_it_again(void **state)
{
    talk *t = *state;
    put(t, 50);
    start_sender(t);
    uint64_t epoch = wait_for(t, 0).epoch;
    say(t, epoch, -1);
    wait_for(t, 5);
    say(t, epoch, 49);
    assert_true(sender_wait_drained(t->sender, SUPPORT_TIMEOUT_MS));
    sender_stop(t->sender);
    start_sender(t);
    assert_int_equal(wait_for(t, 6).count, 0);
    say(t, epoch, 19);
    wait_for_base(t, 20, 7);
}

static void answers_for_another_epoch_are_not_ours(void **state)
{
    talk *t = *state;
    put(t, 10);
    start_sender(t);
    uint64_t epoch = wait_for(t, 0).epoch;
    say(t, epoch + 1, 9);
    say(t, epoch, -1);
    assert_int_equal(wait_for(t, 1).base, 0);
}

static void an_outbox_that_lost_its_end_numbers_anew(void **state)
{
    talk *t = *state;
    put(t, 10);
    wait_committed(t, 10);
    start_sender(t);
    uint64_t epoch = wait_for(t, 0).epoch;
    /* The service has 20 of this epoch, and only 10 were ever here. */
    say(t, epoch, 19);
    seen asked = wait_for(t, 1);
    assert_int_not_equal(asked.epoch, epoch);
    assert_int_equal(asked.oldest, 10);
    say(t, asked.epoch, 9);
    put(t, 10);
    seen batch = wait_for(t, 2);
    assert_int_equal(batch.epoch, asked.epoch);
    assert_int_equal(batch.base, 10);
    assert_int_equal(batch.oldest, 10);
    sender_stop(t->sender);
    outbox_close(t->box);
    open_outbox(t);
    assert_int_equal(outbox_span_at(t->box, 20).epoch, asked.epoch);
    start_sender(t);
}

static void an_epoch_is_finished_before_the_next_begins(void **state)
{
    talk *t = *state;
    t->boot = "one";
    outbox_close(t->box);
    open_outbox(t);
    put(t, 10);
    wait_committed(t, 10);
    outbox_close(t->box);
    t->boot = "two";
    open_outbox(t);
    put(t, 20);
    wait_committed(t, 30);
    start_sender(t);
    seen asked = wait_for(t, 0);
    assert_int_equal(asked.base, 0);
    say(t, asked.epoch, -1);
    seen batch = wait_for(t, 1);
    assert_int_equal(batch.count, 10);
    /* The service answers more than ever was in this epoch: the rest was lost in a power cut. */
    say(t, asked.epoch, 14);
    seen next = wait_for(t, 2);
    assert_int_equal(next.count, 0);
    assert_true(next.epoch != asked.epoch);
    assert_int_equal(next.base, 10);
    say(t, next.epoch, 9);
    batch = wait_for(t, 3);
    assert_true(batch.epoch == next.epoch);
    assert_int_equal(batch.base, 10);
    assert_int_equal(batch.oldest, 10);
    say(t, next.epoch, 29);
    assert_true(sender_wait_drained(t->sender, SUPPORT_TIMEOUT_MS));
}

static void a_service_that_knows_nothing_gets_the_whole_span(void **state)
{
    talk *t = *state;
    put(t, 50);
    wait_committed(t, 50);
    outbox_acked(t->box, 50);
    start_sender(t);
    seen asked = wait_for(t, 0);
    assert_int_equal(asked.base, 0);
    /* As of an epoch that it has never heard of. */
    say(t, asked.epoch, (int64_t)asked.oldest - 1);
    assert_int_equal(wait_for(t, 1).base, 0);
}

/* Fixes without the name of their device can never be sent. */
static void forget_ox(talk *t)
{
    char path[128];
    outbox_close(t->box);
    snprintf(path, sizeof path, "%s/edge/outbox/names", t->root);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("cow\n", file);
    assert_int_equal(fclose(file), 0);
    open_outbox(t);
}

static void what_is_before_a_gap_is_acknowledged_first(void **state)
{
    talk *t = *state;
    put(t, 10);
    put_of(t, "ox", 10);
    put(t, 10);
    wait_committed(t, 30);
    forget_ox(t);
    start_sender(t);
    uint64_t epoch = wait_for(t, 0).epoch;
    say(t, epoch, -1);
    assert_int_equal(wait_for(t, 1).base, 0);
    /* It may be lost on its way. Had the other side of the gap gone after it, the service would
     * have counted it among what is held no more. */
    sender_stop(t->sender);
    start_sender(t);
    seen asked = wait_for(t, 2);
    assert_int_equal(asked.count, 0);
    assert_int_equal(asked.oldest, 0);
    say(t, epoch, -1);
    assert_int_equal(wait_for(t, 3).base, 0);
    say(t, epoch, 9);
    seen behind = wait_for(t, 4);
    assert_int_equal(behind.base, 20);
    assert_int_equal(behind.oldest, 20);
    assert_int_equal(behind.count, 10);
    say(t, epoch, 29);
    assert_true(sender_wait_drained(t->sender, SUPPORT_TIMEOUT_MS));
}

static void a_span_whose_end_is_lost_is_passed_once_the_rest_is_acknowledged(void **state)
{
    talk *t = *state;
    t->boot = "one";
    outbox_close(t->box);
    open_outbox(t);
    put(t, 10);
    put_of(t, "ox", 10);
    wait_committed(t, 20);
    outbox_close(t->box);
    t->boot = "two";
    open_outbox(t);
    put(t, 10);
    wait_committed(t, 30);
    forget_ox(t);
    start_sender(t);
    uint64_t epoch = wait_for(t, 0).epoch;
    say(t, epoch, -1);
    assert_int_equal(wait_for(t, 1).count, 10);
    /* Nothing new is taken that would make it look again. */
    say(t, epoch, 9);
    seen next = wait_for(t, 2);
    assert_true(next.epoch != epoch);
    say(t, next.epoch, 19);
    assert_int_equal(wait_for(t, 3).base, 20);
    say(t, next.epoch, 29);
    assert_true(sender_wait_drained(t->sender, SUPPORT_TIMEOUT_MS));
}

static void what_waited_long_is_flagged_as_backlog(void **state)
{
    talk *t = *state;
    put(t, 10);
    hr_clock_fake_advance(t->clock, SENDER_BACKLOG_MS + 1000);
    put(t, 10);
    start_sender(t);
    say(t, wait_for(t, 0).epoch, -1);
    assert_true(wait_for(t, 1).is_backlog);
    assert_false(wait_for(t, 2).is_backlog);
}

/* A fix without a time of its own, as sources give it while nobody has set the clock. */
static void put_undated(talk *t)
{
    wire_fix fix = {
        .fix = {.time_ms = hr_clock_mono_ns(t->clock) / 1000000, .flags = HR_FIX_TIME_ASSIGNED},
        .id = "cow",
        .id_size = 3};
    uint64_t end = outbox_end(t->box);
    assert_int_equal(outbox_put(t->box, &fix, 1, NULL), HR_OK);
    wait_committed(t, end + 1);
}

static void what_was_taken_before_the_clock_was_set_gets_its_time(void **state)
{
    talk *t = *state;
    t->boot = "one";
    outbox_close(t->box);
    open_outbox(t);
    hr_clock_fake_step(t->clock, 1000); /* 1970, as a Pi wakes up */
    put_undated(t);
    outbox_close(t->box);
    t->boot = "two";
    open_outbox(t);
    hr_clock_fake_advance(t->clock, 60000);
    put_undated(t);
    hr_clock_fake_advance(t->clock, 3600000);
    hr_clock_fake_step(t->clock, 1795161600000);
    hr_clock_fake_set_synchronised(t->clock, true);
    start_sender(t);
    uint64_t epoch = wait_for(t, 0).epoch;
    say(t, epoch, -1);
    /* Of the boot before nobody knows how long ago it was. */
    assert_true((wait_for(t, 1).first.flags & HR_FIX_TIME_ASSIGNED) != 0);
    say(t, epoch, 0);
    say(t, wait_for(t, 2).epoch, 0);
    seen batch = wait_for(t, 3);
    assert_int_equal(batch.first.flags & HR_FIX_TIME_ASSIGNED, 0);
    assert_int_equal(batch.first.time_ms, 1795161600000 - 3600000);
}

static void a_clock_that_is_still_wrong_gives_no_time(void **state)
{
    talk *t = *state;
    hr_clock_fake_set_synchronised(t->clock, false);
    put_undated(t);
    hr_clock_fake_advance(t->clock, 5000);
    start_sender(t);
    say(t, wait_for(t, 0).epoch, -1);
    assert_true((wait_for(t, 1).first.flags & HR_FIX_TIME_ASSIGNED) != 0);
}

/* ---- its last word ---- */

typedef enum meddling {
    MEDDLE_NOT,
    MEDDLE_REFUSE_STOPPED, /* the last word does not go out */
    MEDDLE_HOLD_ONLINE,    /* a state is about to be told while the sender stops */
    MEDDLE_HOLD_SENT,      /* the sender has not yet heard that its message went out */
} meddling;

static pthread_mutex_t meddle_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t meddle_changed = PTHREAD_COND_INITIALIZER;
static meddling meddle; /* protected by meddle_lock, as the two below */
static bool is_held;
static bool has_stopped;

static bool says(const void *payload, size_t size, const char *state)
{
    return memmem(payload, size, state, strlen(state)) != NULL;
}

/* Until the last word has gone out, or for so long that it would have; a message that is sent,
 * until the test says so. Under meddle_lock. */
static void hold(void)
{
    struct timespec at;
    is_held = true;
    pthread_cond_broadcast(&meddle_changed);
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += 300 * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    while (!has_stopped && meddle != MEDDLE_NOT &&
           pthread_cond_timedwait(&meddle_changed, &meddle_lock, &at) != ETIMEDOUT) {
    }
}

HR_MUST_USE hr_err __real_mqtt_link_publish(mqtt_link *link, const char *topic, const void *payload,
                                            size_t size, int qos, bool is_retained, mqtt_done *done,
                                            void *context);
hr_err __wrap_mqtt_link_publish(mqtt_link *link, const char *topic, const void *payload,
                                size_t size, int qos, bool is_retained, mqtt_done *done,
                                void *context);
hr_err __wrap_mqtt_link_publish(mqtt_link *link, const char *topic, const void *payload,
                                size_t size, int qos, bool is_retained, mqtt_done *done,
                                void *context)
{
    bool is_last = is_retained && says(payload, size, "stopped");
    pthread_mutex_lock(&meddle_lock);
    bool is_refused = meddle == MEDDLE_REFUSE_STOPPED && is_last;
    if (meddle == MEDDLE_HOLD_ONLINE && is_retained && says(payload, size, "online")) {
        hold();
    }
    pthread_mutex_unlock(&meddle_lock);
    hr_err err = is_refused ? HR_TIMEOUT
                            : __real_mqtt_link_publish(link, topic, payload, size, qos, is_retained,
                                                       done, context);
    pthread_mutex_lock(&meddle_lock);
    if (meddle == MEDDLE_HOLD_SENT) {
        hold();
    }
    has_stopped |= is_last;
    pthread_cond_broadcast(&meddle_changed);
    pthread_mutex_unlock(&meddle_lock);
    return err;
}

static void set_meddling(meddling how)
{
    pthread_mutex_lock(&meddle_lock);
    meddle = how;
    is_held = false;
    has_stopped = false;
    pthread_cond_broadcast(&meddle_changed);
    pthread_mutex_unlock(&meddle_lock);
}

/* What the broker keeps of barn's state. */
static void assert_kept_state(talk *t, const char *state)
{
    char port[8], path[96];
    snprintf(port, sizeof port, "%u", t->port);
    snprintf(path, sizeof path, "%s/state", t->root);
    const char *const argv[] = {"mosquitto_sub",
                                "-h",
                                "127.0.0.1",
                                "-p",
                                port,
                                "-u",
                                BROKER_SERVICE_USER,
                                "-P",
                                broker_password(t->b),
                                "-t",
                                "hedgerow/v1/status/barn",
                                "-C",
                                "1",
                                "-W",
                                "5",
                                NULL};
    int status;
    pid_t pid = support_spawn(argv, path);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!support_file_has(path, state, 1)) {
        fail_msg("the state that is kept is not %s", state);
    }
}

static void whose_last_word_does_not_go_out_is_not_online_for_ever(void **state)
{
    talk *t = *state;
    start_sender(t);
    wait_for(t, 0);
    set_meddling(MEDDLE_REFUSE_STOPPED);
    sender_stop(t->sender);
    t->sender = NULL;
    set_meddling(MEDDLE_NOT);
    assert_kept_state(t, "offline");
}

static bool online_is_held(void *context)
{
    (void)context;
    pthread_mutex_lock(&meddle_lock);
    bool held = is_held;
    pthread_mutex_unlock(&meddle_lock);
    return held;
}

static void nothing_is_said_behind_the_last_word(void **state)
{
    talk *t = *state;
    start_sender(t);
    wait_for(t, 0);
    set_meddling(MEDDLE_HOLD_ONLINE);
    sender_note_dropped(t->sender, 1);
    assert_true(support_until(online_is_held, NULL));
    sender_stop(t->sender);
    t->sender = NULL;
    set_meddling(MEDDLE_NOT);
    assert_kept_state(t, "stopped");
}

static bool has_acknowledged(void *context)
{
    talk *t = context;
    sender_state now;
    sender_get(t->sender, &now);
    return now.acked_next == t->wanted;
}

/* Else it would take its own fixes for those of a lost outbox, and send them all once more. */
static void an_answer_that_overtakes_the_sending_is_no_surprise(void **state)
{
    talk *t = *state;
    start_sender(t);
    uint64_t epoch = wait_for(t, 0).epoch;
    set_meddling(MEDDLE_HOLD_SENT);
    say(t, epoch, -1);
    put(t, BATCH);
    assert_int_equal(wait_for(t, 1).count, BATCH);
    say(t, epoch, BATCH - 1);
    t->wanted = BATCH;
    assert_true(support_until(has_acknowledged, t));
    set_meddling(MEDDLE_NOT);
    assert_true(sender_wait_drained(t->sender, SUPPORT_TIMEOUT_MS));
    assert_int_equal(outbox_span_at(t->box, BATCH).epoch, epoch);
}

/* ---- a disk that does not read ---- */

static _Atomic unsigned fixes_unread; /* so many times */
static _Atomic bool letters_unread;

HR_MUST_USE hr_err __real_outbox_next(outbox *box, outbox_fix *out);
hr_err __wrap_outbox_next(outbox *box, outbox_fix *out);
hr_err __wrap_outbox_next(outbox *box, outbox_fix *out)
{
    if (atomic_load(&fixes_unread) > 0) {
        atomic_fetch_sub(&fixes_unread, 1);
        return HR_IO;
    }
    return __real_outbox_next(box, out);
}

HR_MUST_USE hr_err __real_outbox_letters_first(outbox_letters *l, hr_buf *message);
hr_err __wrap_outbox_letters_first(outbox_letters *l, hr_buf *message);
hr_err __wrap_outbox_letters_first(outbox_letters *l, hr_buf *message)
{
    return atomic_load(&letters_unread) ? HR_IO : __real_outbox_letters_first(l, message);
}

static void what_could_not_be_read_is_tried_again(void **state)
{
    talk *t = *state;
    put(t, 10);
    wait_committed(t, 10);
    atomic_store(&fixes_unread, 2);
    start_sender(t);
    say(t, wait_for(t, 0).epoch, -1);
    /* Nothing new is taken that would make it look again. */
    assert_int_equal(wait_for(t, 1).count, 10);
    assert_int_equal(atomic_load(&fixes_unread), 0);
}

static void fixes_do_not_wait_for_a_letter_that_cannot_be_read(void **state)
{
    talk *t = *state;
    dead_letter letter = {.source = "nmea:-", .reason = "format", .why = "no"};
    atomic_store(&letters_unread, true);
    start_sender(t);
    say(t, wait_for(t, 0).epoch, -1);
    sender_note_refused(t->sender, &letter);
    put(t, 10);
    assert_int_equal(wait_for(t, 1).count, 10);
    atomic_store(&letters_unread, false);
    assert_false(sender_wait_drained(t->sender, 1));
    say(t, t->batches[0].epoch, 9);
    assert_true(sender_wait_drained(t->sender, SUPPORT_TIMEOUT_MS));
}

#define WITH_TALK(test) cmocka_unit_test_setup_teardown(test, start_talk, end_talk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TALK(it_asks_before_it_sends_anything),
        WITH_TALK(batches_that_a_broker_acknowledged_and_lost_are_sent_again),
        WITH_TALK(a_service_that_lost_its_end_gets_it_again),
        WITH_TALK(answers_for_another_epoch_are_not_ours),
        WITH_TALK(an_outbox_that_lost_its_end_numbers_anew),
        WITH_TALK(an_epoch_is_finished_before_the_next_begins),
        WITH_TALK(a_service_that_knows_nothing_gets_the_whole_span),
        WITH_TALK(what_is_before_a_gap_is_acknowledged_first),
        WITH_TALK(a_span_whose_end_is_lost_is_passed_once_the_rest_is_acknowledged),
        WITH_TALK(what_waited_long_is_flagged_as_backlog),
        WITH_TALK(what_was_taken_before_the_clock_was_set_gets_its_time),
        WITH_TALK(a_clock_that_is_still_wrong_gives_no_time),
        WITH_TALK(whose_last_word_does_not_go_out_is_not_online_for_ever),
        WITH_TALK(nothing_is_said_behind_the_last_word),
        WITH_TALK(an_answer_that_overtakes_the_sending_is_no_surprise),
        WITH_TALK(what_could_not_be_read_is_tried_again),
        WITH_TALK(fixes_do_not_wait_for_a_letter_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
