/* ingest/presence.c - a table of users that only grows. */
#include "ingest/presence.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SLOT_COUNT (2u * PRESENCE_USERS_MAX)
#define NEVER_NS INT64_MIN

typedef struct entry {
    char user[HR_USER_ID_MAX + 1];
    bool has_status;
    status_json status;
    int64_t last_seen_ms;
    int64_t last_seen_ns; /* the same without the steps of the clock; NEVER_NS: not heard of */
    uint64_t lost;
    int64_t ahead_ms;                  /* its clock of ours, when it last told */
    char future[HR_DEVICE_ID_MAX + 1]; /* the device whose fix was refused last */
    int64_t future_ahead_ms;
    int64_t future_ns; /* when; NEVER_NS: none was */
} entry;

struct presence {
    const hr_clock *clock;
    pthread_mutex_t lock;
    entry *entries[PRESENCE_USERS_MAX]; /* protected by lock, as all below */
    uint32_t count;
    uint16_t slots[SLOT_COUNT]; /* index of an entry plus 1; 0: free */
};

presence *presence_new(const hr_clock *clock)
{
    presence *p = calloc(1, sizeof *p);
    if (p != NULL) {
        p->clock = clock;
        pthread_mutex_init(&p->lock, NULL);
    }
    return p;
}

void presence_free(presence *p)
{
    if (p == NULL) {
        return;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        free(p->entries[i]);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* The user's slot, or the free one where it belongs. Under the lock, as all that follow. */
static uint16_t *find_slot(presence *p, const char *user)
{
    uint32_t at = (uint32_t)(hr_hash64(user, strlen(user)) % SLOT_COUNT);
    while (p->slots[at] != 0 && strcmp(p->entries[p->slots[at] - 1]->user, user) != 0) {
        at = (at + 1) % SLOT_COUNT;
    }
    return &p->slots[at];
}

/* NULL: there are too many, or no memory; nobody's fixes depend on this. */
static entry *find_or_add(presence *p, const char *user)
{
    uint16_t *slot = find_slot(p, user);
    if (*slot == 0) {
        entry *made = p->count < PRESENCE_USERS_MAX ? calloc(1, sizeof *made) : NULL;
        if (made == NULL) {
            return NULL;
        }
        snprintf(made->user, sizeof made->user, "%s", user);
        made->last_seen_ms = STATUS_NO_TIME;
        made->last_seen_ns = NEVER_NS;
        made->future_ns = NEVER_NS;
        p->entries[p->count++] = made;
        *slot = (uint16_t)p->count;
    }
    return p->entries[*slot - 1];
}

static void set_seen(presence *p, entry *e, int64_t age_ms)
{
    e->last_seen_ms = hr_clock_now_ms(p->clock) - age_ms;
    e->last_seen_ns = hr_clock_mono_ns(p->clock) - age_ms * 1000000;
}

void presence_heard(presence *p, const char *user)
{
    pthread_mutex_lock(&p->lock);
    entry *e = find_or_add(p, user);
    if (e != NULL) {
        set_seen(p, e, 0);
    }
    pthread_mutex_unlock(&p->lock);
}

void presence_lost(presence *p, const char *user, uint64_t fixes)
{
    pthread_mutex_lock(&p->lock);
    entry *e = find_or_add(p, user);
    if (e != NULL) {
        e->lost += fixes;
    }
    pthread_mutex_unlock(&p->lock);
}

void presence_future(presence *p, const char *user, const char *device, size_t device_size,
                     int64_t ahead_ms)
{
    pthread_mutex_lock(&p->lock);
    entry *e = find_or_add(p, user);
    if (e != NULL) {
        snprintf(e->future, sizeof e->future, "%.*s", (int)device_size, device);
        e->future_ahead_ms = ahead_ms;
        e->future_ns = hr_clock_mono_ns(p->clock);
    }
    pthread_mutex_unlock(&p->lock);
}

/* A will has no numbers: what the gateway said last still holds. */
static void take_status(entry *e, const status_json *status)
{
    if (status->state == STATUS_OFFLINE && e->has_status) {
        e->status.state = STATUS_OFFLINE;
    } else {
        e->status = *status;
    }
    e->has_status = true;
}

/* When a status that the broker had kept was true; a gateway's clock may be ahead of ours. */
static void note_retained(presence *p, entry *e, const status_json *status)
{
    int64_t age_ms = hr_clock_now_ms(p->clock) - status->time_ms;
    if (e->last_seen_ns == NEVER_NS) {
        set_seen(p, e, age_ms > 0 ? age_ms : 0);
    }
}

void presence_told(presence *p, const char *user, const status_json *status, bool is_retained)
{
    pthread_mutex_lock(&p->lock);
    entry *e = find_or_add(p, user);
    if (e != NULL) {
        take_status(e, status);
        if (!is_retained && status->state != STATUS_OFFLINE) {
            set_seen(p, e, 0);
            e->ahead_ms =
                status->time_ms != STATUS_NO_TIME ? status->time_ms - hr_clock_now_ms(p->clock) : 0;
        } else if (is_retained && status->time_ms > 0) {
            note_retained(p, e, status);
        }
    }
    pthread_mutex_unlock(&p->lock);
}

static presence_view view_of(const presence *p, const entry *e)
{
    int64_t silent_since_ns = hr_clock_mono_ns(p->clock) - PRESENCE_SILENT_MS * INT64_C(1000000);
    presence_view view = {.has_status = e->has_status,
                          .status = e->status,
                          .last_seen_ms = e->last_seen_ms,
                          .lost = e->lost,
                          .ahead_ms = e->ahead_ms};
    view.is_online = e->has_status && e->status.state == STATUS_ONLINE &&
                     e->last_seen_ns != NEVER_NS && e->last_seen_ns >= silent_since_ns;
    memcpy(view.user, e->user, sizeof view.user);
    return view;
}

bool presence_get(presence *p, const char *user, presence_view *out)
{
    pthread_mutex_lock(&p->lock);
    uint16_t slot = *find_slot(p, user);
    if (slot != 0) {
        *out = view_of(p, p->entries[slot - 1]);
    }
    pthread_mutex_unlock(&p->lock);
    return slot != 0;
}

void presence_each(presence *p, presence_visitor *visit, void *context)
{
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < p->count; i++) {
        presence_view view = view_of(p, p->entries[i]);
        visit(context, &view);
    }
    pthread_mutex_unlock(&p->lock);
}

/* "3 min", "2 h" or "17 days". */
static void put_span(int64_t ms, char *text, size_t capacity)
{
    int64_t minutes = ms / 60000;
    bool is_days = minutes >= 2 * 1440;
    bool is_hours = minutes >= 120;
    int64_t count = is_days ? minutes / 1440 : is_hours ? minutes / 60 : minutes;
    snprintf(text, capacity, "%" PRId64 " %s", count, is_days ? "days" : is_hours ? "h" : "min");
}

/* False: there is nothing to say of it. */
static bool put_gateway_clock(const presence *p, const entry *e, hr_why *why)
{
    char span[32];
    presence_view view = view_of(p, e);
    bool is_ahead = e->ahead_ms > HR_FUTURE_MAX_MS;
    if (!view.is_online || (!is_ahead && e->ahead_ms >= -PRESENCE_BEHIND_MAX_MS)) {
        return false;
    }
    put_span(is_ahead ? e->ahead_ms : -e->ahead_ms, span, sizeof span);
    hr_why_set(why, HR_INVALID, "the clock of gateway %s is %s %s: let it ask a time server",
               e->user, span, is_ahead ? "ahead" : "behind");
    hr_why_reason(why, is_ahead ? "clock.gateway_ahead" : "clock.gateway_behind");
    hr_why_text(why, "gateway", e->user);
    hr_why_number(why, "seconds", (is_ahead ? e->ahead_ms : -e->ahead_ms) / 1000);
    return true;
}

static bool put_device_clock(const presence *p, const entry *e, hr_why *why)
{
    char span[32];
    int64_t since_ns = hr_clock_mono_ns(p->clock) - PRESENCE_FUTURE_MS * INT64_C(1000000);
    if (e->future_ns == NEVER_NS || e->future_ns < since_ns) {
        return false;
    }
    put_span(e->future_ahead_ms, span, sizeof span);
    hr_why_set(why, HR_INVALID,
               "the clock of device %s (%s) is %s ahead: its fixes are refused, see the topic dead",
               e->future, e->user, span);
    hr_why_reason(why, "clock.device_ahead");
    hr_why_text(why, "device", e->future);
    hr_why_text(why, "gateway", e->user);
    hr_why_number(why, "seconds", e->future_ahead_ms / 1000);
    return true;
}

typedef bool clock_writer(const presence *p, const entry *e, hr_why *why);

static void tell_clocks(const presence *p, clock_writer *put, presence_teller *tell, void *context)
{
    uint32_t count = 0;
    hr_why why;
    for (uint32_t i = 0; i < p->count; i++) {
        if (put(p, p->entries[i], &why) && ++count <= PRESENCE_TOLD_MAX) {
            tell(context, &why);
        }
    }
    if (count > PRESENCE_TOLD_MAX) {
        hr_why_set(&why, HR_INVALID, "%u more clocks are wrong", count - PRESENCE_TOLD_MAX);
        hr_why_reason(&why, "clock.more");
        hr_why_number(&why, "clocks", count - PRESENCE_TOLD_MAX);
        tell(context, &why);
    }
}

void presence_clocks(presence *p, presence_teller *tell, void *context)
{
    if (!hr_clock_is_synchronised(p->clock)) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    tell_clocks(p, put_gateway_clock, tell, context);
    tell_clocks(p, put_device_clock, tell, context);
    pthread_mutex_unlock(&p->lock);
}
