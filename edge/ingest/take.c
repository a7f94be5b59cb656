/* ingest/take.c - from a message to a frame in the log: which topic, which fixes, which order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/id.h"
#include "base/logline.h"
#include "base/record.h"
#include "ingest/ingest_private.h"
#include "wire/dead_letter.h"
#include "wire/fix_json.h"
#include "wire/status_json.h"

#define BLOCKED_RETRY_MS 100
#define FIXES_PREFIX "hedgerow/v1/fixes/"
#define FIX_PREFIX "hedgerow/v1/fix/"
#define OWNTRACKS_PREFIX "owntracks/"
#define STATUS_PREFIX "hedgerow/v1/status/"
#define DEAD_PREFIX "hedgerow/v1/dead/"
#define DROPPED_TOPIC "$SYS/broker/publish/messages/dropped"

/* What is the same for every fix of a message. */
typedef struct intake {
    ingest *in;
    const mqtt_message *message;
    int64_t now_ms;
} intake;

static intake intake_of(ingest *in, const mqtt_message *message)
{
    intake t = {.in = in, .message = message, .now_ms = hr_clock_now_ms(in->clock)};
    frame_clear(&in->frame);
    return t;
}

/* The text behind the prefix; NULL if it is another topic. */
static const char *behind(const char *topic, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncmp(topic, prefix, size) == 0 ? topic + size : NULL;
}

static void refuse(const intake *t, dead_reason reason, const char *text, const void *payload,
                   size_t size)
{
    hr_counter_add(t->in->dead[reason], 1);
    hr_logline(HR_LEVEL_WARN, "ingest.dead", "topic=%s why=\"%s\"", t->message->topic, text);
    frame_add_dead(&t->in->frame, t->message->topic, text, payload, size);
}

static void refuse_message(const intake *t, dead_reason reason, const char *text)
{
    refuse(t, reason, text, t->message->payload, t->message->size);
}

/* A device's name record, if this log has none yet. False when its fixes must be refused. */
static bool meet_device(const intake *t, uint64_t key, const char *id, size_t id_size)
{
    hr_why why;
    switch (names_meet(&t->in->names, key, id, id_size)) {
    case NAMES_KNOWN:
        return true;
    case NAMES_NEW:
        if (!frame_add_name(&t->in->frame, key, id, id_size)) {
            names_forget(&t->in->names, key);
        }
        return true;
    case NAMES_NO_MEMORY:
        frame_spoil(&t->in->frame);
        return false;
    case NAMES_CLASH:
        hr_why_set(&why, HR_CONFLICT, "device id %.*s has the key of another device: rename it",
                   (int)id_size, id);
        hr_logline(HR_LEVEL_ERROR, "ingest.clash", "device=%.*s", (int)id_size, id);
        refuse_message(t, DEAD_CLASH, why.text);
        return false;
    case NAMES_FULL:
        hr_why_set(&why, HR_TOO_BIG, "device %.*s: there are %u devices already", (int)id_size, id,
                   INGEST_DEVICES_MAX);
        refuse_message(t, DEAD_DEVICES, why.text);
        return false;
    }
    return false;
}

/* Asking whether our own clock is right costs as much as a fix, and is seldom needed. */
static bool is_from_the_future(const intake *t, const hr_fix *fix)
{
    return fix->time_ms > t->now_ms + HR_FUTURE_MAX_MS && hr_clock_is_synchronised(t->in->clock);
}

/* Who published it: what stands behind the prefix, without a device of OwnTracks. */
static void note_future(const intake *t, const char *id, size_t id_size, int64_t ahead_ms)
{
    char user[HR_USER_ID_MAX + 1];
    const char *start = behind(t->message->topic, OWNTRACKS_PREFIX);
    if (start == NULL) {
        start = strrchr(t->message->topic, '/') + 1;
    }
    snprintf(user, sizeof user, "%.*s", (int)strcspn(start, "/"), start);
    presence_future(t->in->presence, user, id, id_size, ahead_ms);
}

/* Add a fix unless it is from the future. */
static void take_fix(const intake *t, hr_fix *fix, const char *id, size_t id_size)
{
    if ((fix->flags & HR_FIX_TIME_ASSIGNED) != 0) {
        fix->time_ms = t->now_ms;
    }
    if (is_from_the_future(t, fix)) {
        hr_why why;
        uint8_t bytes[HR_FIX_BYTES];
        hr_fix_store(bytes, fix);
        hr_why_set(&why, HR_INVALID, "device %.*s: %lld s in the future", (int)id_size, id,
                   (long long)(fix->time_ms - t->now_ms) / 1000);
        refuse(t, DEAD_FUTURE, why.text, bytes, sizeof bytes);
        if (t->in->presence != NULL) {
            note_future(t, id, id_size, fix->time_ms - t->now_ms);
        }
        return;
    }
    frame_add_fix(&t->in->frame, fix);
}

/* ---- appending ---- */

static void note_trouble(ingest *in, hr_err err)
{
    pthread_mutex_lock(&in->lock);
    if (err == HR_OK) {
        in->trouble.text[0] = '\0';
    } else {
        hr_why_set(&in->trouble, err, "the log takes no more: %s", hr_err_text(err));
    }
    pthread_mutex_unlock(&in->lock);
    hr_gauge_set(in->is_blocked, err != HR_OK);
}

/* False once the service stops. */
static bool wait_a_little(ingest *in)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += BLOCKED_RETRY_MS * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&in->lock);
    if (!in->is_stopping) {
        pthread_cond_timedwait(&in->changed, &in->lock, &at);
    }
    bool goes_on = !in->is_stopping;
    pthread_mutex_unlock(&in->lock);
    return goes_on;
}

static uint32_t frame_fix_count(const frame *f)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->partition_count; i++) {
        count += f->parts[i].fix_count;
    }
    return count;
}

static void forget_new_names(ingest *in)
{
    for (size_t at = 0; at + 8 <= in->frame.new_keys.size; at += 8) {
        names_forget(&in->names, hr_load_u64(in->frame.new_keys.data + at));
    }
}

/* Append the frame. While the log has no room, the message is kept here and nothing more is read:
 * the broker's queue fills, and nobody gets an acknowledgement. */
static hr_err append(ingest *in, const log_producer *producer, log_position *end)
{
    bool was_blocked = false;
    hr_err err = frame_append(&in->frame, in->log, producer, end);
    while (err == HR_NO_SPACE || err == HR_IO) {
        if (!was_blocked) {
            hr_logline(HR_LEVEL_ERROR, "ingest.blocked", "why=\"%s\"", hr_err_text(err));
            note_trouble(in, err);
            was_blocked = true;
        }
        if (!wait_a_little(in)) {
            err = HR_CLOSED;
            break;
        }
        err = frame_append(&in->frame, in->log, producer, end);
    }
    if (was_blocked && err != HR_CLOSED) {
        hr_logline(HR_LEVEL_INFO, "ingest.unblocked", "it goes on");
        note_trouble(in, HR_OK);
    }
    if (err == HR_OK) {
        hr_counter_add(in->fixes, frame_fix_count(&in->frame));
    } else {
        forget_new_names(in);
    }
    return err;
}

/* Nobody sends this again. HR_NO_MEMORY: it must be taken once more. */
static hr_err append_unsequenced(const intake *t)
{
    log_position end;
    hr_err err = append(t->in, NULL, &end);
    if (err != HR_OK && err != HR_CLOSED && err != HR_NO_MEMORY) {
        hr_logline(HR_LEVEL_ERROR, "ingest.lost", "topic=%s why=\"%s\"", t->message->topic,
                   hr_err_text(err));
    }
    return err;
}

/* ---- HRF1 ---- */

static bool room_for_devices(ingest *in, size_t count)
{
    if (count <= in->device_capacity) {
        return true;
    }
    hrf1_device *devices = realloc(in->devices, count * sizeof *devices);
    if (devices == NULL) {
        return false;
    }
    in->devices = devices;
    in->device_capacity = count;
    return true;
}

static void refuse_fix(const intake *t, const hrf1_view *view, uint32_t i, hrf1_fault fault)
{
    hr_why why;
    hr_why_set(&why, HR_INVALID, "fix %llu: %s", (unsigned long long)(view->base_seq + i),
               fault == HRF1_BAD_DEVICE ? "its device is not 1-64 of [A-Za-z0-9._:-]"
                                        : "beyond +-180 or +-90 degrees");
    refuse(t, DEAD_FIX, why.text, hrf1_fix_bytes(view, i), HRF1_FIX_BYTES);
}

/* Fixes from `first` on. A device that must be refused gets id_size 0. */
static void take_fixes(const intake *t, const hrf1_view *view, uint32_t first)
{
    hrf1_device *devices = t->in->devices;
    for (uint32_t i = 0; i < view->device_count; i++) {
        if (devices[i].id != NULL &&
            !meet_device(t, devices[i].key, devices[i].id, devices[i].id_size)) {
            devices[i].id_size = 0;
        }
    }
    for (uint32_t i = first; i < view->fix_count; i++) {
        hr_fix fix;
        uint16_t device;
        hrf1_fault fault = hrf1_fix(view, devices, i, &fix, &device);
        if (fault != HRF1_GOOD) {
            refuse_fix(t, view, i, fault);
        } else if (devices[device].id_size > 0) {
            take_fix(t, &fix, devices[device].id, devices[device].id_size);
        }
    }
}

static void answer(ingest *in, const char *user, const hrf1_view *view, uint64_t expected)
{
    pthread_mutex_lock(&in->lock);
    hr_err err = acks_answer(in->acks, user, view->epoch, expected);
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_ERROR, "ingest.no_ack", "user=%s why=\"%s\"", user, hr_err_text(err));
    }
}

static void note_appended(ingest *in, const char *user, const hrf1_view *view, uint64_t expected,
                          log_position end)
{
    pthread_mutex_lock(&in->lock);
    hr_err err =
        acks_appended(in->acks, user, view->epoch, expected, view->base_seq + view->fix_count, end);
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
    if (err == HR_OK) {
        return;
    }
    hr_logline(HR_LEVEL_ERROR, "ingest.no_ack", "user=%s why=\"%s\"", user, hr_err_text(err));
    /* A repeat is answered as what the log had before, which must be true by then. */
    while (log_durable(in->log) < end && wait_a_little(in)) {
    }
    if (log_durable(in->log) >= end) {
        answer(in, user, view, view->base_seq + view->fix_count);
    }
}

/* What is above the expected sequence and held no more. */
static void note_gap(ingest *in, const char *user, uint64_t gap)
{
    if (gap > 0) {
        hr_logline(HR_LEVEL_WARN, "ingest.gap", "user=%s fixes=%llu", user,
                   (unsigned long long)gap);
        if (in->presence != NULL) {
            presence_lost(in->presence, user, gap);
        }
    }
}

/* By its sequences a batch is new, in part or whole a repeat, or too early. poison tells why it
 * cannot be read, NULL that it can: then it is one dead letter, and uses up its sequences like any
 * other, so that its sender does not repeat it for ever. */
static void take_view(const intake *t, const char *user, const hrf1_view *view, const char *poison)
{
    ingest *in = t->in;
    uint64_t producer_id = hr_device_key(user, strlen(user));
    uint64_t expected = log_producer_expected(in->log, producer_id, view->epoch, view->oldest_seq);
    uint64_t after = view->base_seq + view->fix_count;
    if (view->fix_count == 0 || after <= expected) {
        hr_counter_add(in->repeated, view->fix_count > 0);
        answer(in, user, view, expected);
        return;
    }
    if (view->base_seq > expected && view->oldest_seq < view->base_seq) {
        hr_counter_add(in->refused, 1);
        answer(in, user, view, expected);
        return;
    }
    uint32_t first = view->base_seq < expected ? (uint32_t)(expected - view->base_seq) : 0;
    if (poison != NULL) {
        refuse_message(t, DEAD_FORMAT, poison);
    } else {
        take_fixes(t, view, first);
    }
    log_position end = 0;
    log_producer producer = {.id = producer_id,
                             .epoch = view->epoch,
                             .base_seq = view->base_seq + first,
                             .oldest_seq = view->oldest_seq,
                             .count = view->fix_count - first};
    hr_err err = append(in, &producer, &end);
    if (err == HR_OK) {
        note_gap(in, user, producer.base_seq - expected);
        note_appended(in, user, view, expected, end);
    } else if (err != HR_CLOSED) {
        hr_logline(HR_LEVEL_ERROR, "ingest.not_appended", "user=%s why=\"%s\"", user,
                   hr_err_text(err));
        answer(in, user, view, expected);
    }
}

static hr_err take_batch(ingest *in, const char *user, const mqtt_message *message)
{
    intake t = intake_of(in, message);
    hrf1_view view;
    hr_why why;
    if (hrf1_parse(message->payload, message->size, &view, &why) != HR_OK) {
        if (hrf1_sequences(message->payload, message->size, &view) == HR_OK && view.fix_count > 0) {
            take_view(&t, user, &view, why.text);
            return HR_OK;
        }
        refuse_message(&t, DEAD_FORMAT, why.text);
        return append_unsequenced(&t);
    }
    if (!room_for_devices(in, view.device_count)) {
        hr_logline(HR_LEVEL_ERROR, "ingest.not_appended", "user=%s why=\"out of memory\"", user);
        return HR_OK; /* its sender will ask, and send it again */
    }
    hrf1_devices(&view, in->devices);
    take_view(&t, user, &view, NULL);
    return HR_OK;
}

/* ---- JSON ---- */

static void take_json_fix(const intake *t, const wire_fix *fix)
{
    hr_fix copy = fix->fix;
    /* A kept message comes again with every subscription: without a time of its own it would be
     * new each time. */
    bool is_stale_copy = t->message->is_retained && (copy.flags & HR_FIX_TIME_ASSIGNED) != 0;
    if (!is_stale_copy && meet_device(t, copy.device, fix->id, fix->id_size)) {
        take_fix(t, &copy, fix->id, fix->id_size);
    }
}

static hr_err visit_fix(void *context, size_t index, const wire_fix *fix, const hr_why *why)
{
    const intake *t = context;
    if (fix != NULL) {
        take_json_fix(t, fix);
    } else {
        hr_why reason;
        hr_why_set(&reason, HR_INVALID, "element %zu: %.300s", index, why->text);
        refuse_message(t, DEAD_FIX, reason.text);
    }
    return HR_OK;
}

static hr_err take_json(ingest *in, const char *user, const mqtt_message *message)
{
    intake t = intake_of(in, message);
    hr_why why = {{0}};
    hr_err err = fix_json_read(message->payload, message->size, user, visit_fix, &t, &why);
    if (err == HR_NO_MEMORY) {
        return err;
    }
    if (err != HR_OK) {
        refuse_message(&t, DEAD_FORMAT, why.text);
    }
    return append_unsequenced(&t);
}

static hr_err take_owntracks(ingest *in, const char *device, const mqtt_message *message)
{
    intake t = intake_of(in, message);
    wire_fix fix;
    hr_why why = {{0}};
    hr_err err = fix_json_owntracks(message->payload, message->size, device, &fix, &why);
    if (err == HR_NO_MEMORY) {
        return err;
    }
    if (err == HR_OK) {
        take_json_fix(&t, &fix);
    } else if (err != HR_UNSUPPORTED) {
        refuse_message(&t, DEAD_FORMAT, why.text);
    }
    return append_unsequenced(&t);
}

/* ---- topics ---- */

static hr_err refuse_topic(ingest *in, const mqtt_message *message)
{
    intake t = intake_of(in, message);
    refuse_message(&t, DEAD_TOPIC, "the topic names no user or device that is an id");
    return append_unsequenced(&t);
}

static hr_err take_status(ingest *in, const char *user, const mqtt_message *message)
{
    status_json status;
    hr_why why = {{0}};
    if (in->presence == NULL) {
        return HR_OK;
    }
    hr_err err = status_json_read(message->payload, message->size, &status, &why);
    if (err == HR_OK) {
        presence_told(in->presence, user, &status, message->is_retained);
    }
    /* A kept one that is no good would come again with every connection. */
    if (err == HR_OK || err == HR_NO_MEMORY || message->is_retained) {
        return err == HR_NO_MEMORY ? err : HR_OK;
    }
    intake t = intake_of(in, message);
    refuse_message(&t, DEAD_FORMAT, why.text);
    return append_unsequenced(&t);
}

/* A gateway passes on what its own source brought. */
static hr_err take_letter(ingest *in, const mqtt_message *message)
{
    intake t = intake_of(in, message);
    dead_letter letter;
    hr_why why = {{0}};
    hr_err err = dead_letter_read(message->payload, message->size, &letter, &why);
    if (err == HR_NO_MEMORY) {
        return err;
    }
    if (err == HR_OK) {
        hr_why reason;
        hr_why_set(&reason, HR_INVALID, "%s: %s: %s", letter.source, letter.reason, letter.why);
        refuse(&t, DEAD_SOURCE, reason.text, letter.bytes, letter.size);
    } else {
        refuse_message(&t, DEAD_FORMAT, why.text);
    }
    return append_unsequenced(&t);
}

static void note_heard(ingest *in, const char *user, size_t user_size, const mqtt_message *message)
{
    char name[HR_USER_ID_MAX + 1];
    if (in->presence != NULL && !message->is_retained) {
        snprintf(name, sizeof name, "%.*s", (int)user_size, user);
        presence_heard(in->presence, name);
    }
}

/* "user/device" becomes the device id "user.device". */
static bool owntracks_device(const char *rest, char id[HR_DEVICE_ID_MAX + 1])
{
    size_t size = strlen(rest);
    const char *slash = strchr(rest, '/');
    if (slash == NULL || size > HR_DEVICE_ID_MAX ||
        !hr_user_id_is_valid(rest, (size_t)(slash - rest))) {
        return false;
    }
    memcpy(id, rest, size + 1);
    id[slash - rest] = '.';
    return hr_device_id_is_valid(id, size);
}

static void note_dropped(ingest *in, const mqtt_message *message)
{
    char text[24] = {0};
    if (message->size < sizeof text) {
        memcpy(text, message->payload, message->size);
        int64_t dropped = strtoll(text, NULL, 10);
        hr_gauge_set(in->broker_dropped, dropped);
        pthread_mutex_lock(&in->lock);
        /* One that is met may have dropped some long ago; one that began anew counts from nothing.
         */
        if (in->dropped >= 0 && dropped > in->dropped) {
            in->dropped_since = dropped - in->dropped;
            in->dropped_ns = hr_clock_mono_ns(in->clock);
        }
        in->dropped = dropped;
        pthread_mutex_unlock(&in->lock);
    }
}

/* HR_NO_MEMORY: nothing came of it, and it must be taken once more. HR_CLOSED: nor can it be. */
static hr_err take_message(ingest *in, const mqtt_message *message)
{
    const char *user;
    char device[HR_DEVICE_ID_MAX + 1];
    if ((user = behind(message->topic, FIXES_PREFIX)) != NULL) {
        if (hr_user_id_is_valid(user, strlen(user))) {
            note_heard(in, user, strlen(user), message);
            return take_batch(in, user, message);
        }
    } else if ((user = behind(message->topic, FIX_PREFIX)) != NULL) {
        if (hr_user_id_is_valid(user, strlen(user))) {
            note_heard(in, user, strlen(user), message);
            return take_json(in, user, message);
        }
    } else if ((user = behind(message->topic, OWNTRACKS_PREFIX)) != NULL) {
        if (owntracks_device(user, device)) {
            note_heard(in, user, strcspn(user, "/"), message);
            return take_owntracks(in, device, message);
        }
    } else if ((user = behind(message->topic, STATUS_PREFIX)) != NULL) {
        if (hr_user_id_is_valid(user, strlen(user))) {
            return take_status(in, user, message);
        }
    } else if ((user = behind(message->topic, DEAD_PREFIX)) != NULL) {
        if (hr_user_id_is_valid(user, strlen(user))) {
            note_heard(in, user, strlen(user), message);
            return take_letter(in, message);
        }
    } else if (strcmp(message->topic, DROPPED_TOPIC) == 0) {
        note_dropped(in, message);
        return HR_OK;
    }
    return refuse_topic(in, message);
}

/* Without memory the message is kept here and nothing more is read, as where the log has no room.
 */
void ingest_take(void *context, const mqtt_message *message)
{
    ingest *in = context;
    bool was_blocked = false;
    hr_counter_add(in->messages, 1);
    hr_err err;
    while ((err = take_message(in, message)) == HR_NO_MEMORY && wait_a_little(in)) {
        if (!was_blocked) {
            hr_logline(HR_LEVEL_ERROR, "ingest.blocked", "why=\"%s\"", hr_err_text(HR_NO_MEMORY));
            note_trouble(in, HR_NO_MEMORY);
            was_blocked = true;
        }
    }
    if (was_blocked) {
        note_trouble(in, HR_OK);
    }
    if (err == HR_CLOSED || err == HR_NO_MEMORY) {
        /* The service stops, and nobody has this but the broker. */
        mqtt_link_cut(in->link);
    }
}
