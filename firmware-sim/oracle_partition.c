/* oracle_partition.c - TRACKER.md, rule by rule, for one partition; slow and plain on purpose. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

#define TIMES_KEPT 8

/* One area of one device: a fence, or its approach zone. */
typedef struct side {
    bool in;
    uint32_t n; /* fixes in a row that say otherwise */
    bool has_crossing;
    oracle_place crossing;
    int64_t crossing_ms;
    int64_t unsure_ms[2];  /* how far apart the fixes around the change of sides are */
    int64_t seen_ms;       /* the first fix on the other side */
    uint32_t taken_before; /* of the device's fixes, up to the one before that */
} side;

typedef struct fence_state {
    side fence;
    side zone;
    int64_t since_ms;
    bool dwelt;
} fence_state;

typedef struct deciding {
    oracle_place at;
    int64_t time_ms;
    double accuracy_m;
    uint32_t taken; /* the device's fixes so far, this one among them */
} deciding;

typedef struct device {
    uint64_t key;
    bool has_fix; /* T and A are known */
    int64_t t_ms;
    int64_t append_ms;
    int64_t d_ms;
    int64_t times[TIMES_KEPT];
    unsigned time_count;
    uint32_t taken; /* fixes that are no repeats */
    bool has_last;  /* L is known */
    deciding last;
    bool is_stale_told;
    fence_state *fences; /* by slot */
    uint32_t fence_count;
} device;

struct oracle_partition {
    oracle_events *out;
    const char *(*name)(void *context, uint64_t device);
    void *context;
    const oracle_rules *rules;
    device *devices; /* by key */
    uint32_t count;
    uint32_t capacity;
    const oracle_source *source; /* of the record at hand */
    uint32_t index;              /* of its next event */
    hr_err err;
};

oracle_partition *oracle_partition_new(oracle_events *out,
                                       const char *(*name)(void *context, uint64_t device),
                                       void *context)
{
    oracle_partition *p = calloc(1, sizeof *p);
    if (p != NULL) {
        *p = (oracle_partition){.out = out, .name = name, .context = context};
    }
    return p;
}

void oracle_partition_free(oracle_partition *p)
{
    if (p != NULL) {
        for (uint32_t i = 0; i < p->count; i++) {
            free(p->devices[i].fences);
        }
        free(p->devices);
        free(p);
    }
}

/* Devices stay sorted by key, in which order ticks and rules go through them. */
static device *meet(oracle_partition *p, uint64_t key)
{
    uint32_t low = 0, high = p->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->devices[middle].key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < p->count && p->devices[low].key == key) {
        return &p->devices[low];
    }
    if (p->count == p->capacity) {
        uint32_t capacity = p->capacity > 0 ? p->capacity * 2 : 64;
        device *devices = realloc(p->devices, capacity * sizeof *devices);
        if (devices == NULL) {
            return NULL;
        }
        p->devices = devices;
        p->capacity = capacity;
    }
    memmove(&p->devices[low + 1], &p->devices[low], (p->count - low) * sizeof *p->devices);
    p->devices[low] = (device){.key = key};
    p->count++;
    return &p->devices[low];
}

/* What a device knows of a fence; NULL without memory. */
static fence_state *state_of(oracle_partition *p, device *d, const oracle_fence *fence)
{
    if (fence->slot >= d->fence_count) {
        uint32_t count = (fence->slot + 8) / 8 * 8;
        fence_state *fences = realloc(d->fences, count * sizeof *fences);
        if (fences == NULL) {
            p->err = HR_NO_MEMORY;
            return NULL;
        }
        memset(fences + d->fence_count, 0, (count - d->fence_count) * sizeof *fences);
        d->fences = fences;
        d->fence_count = count;
    }
    return &d->fences[fence->slot];
}

/* ---- telling ---- */

/* TRACKER.md, rule 15. */
static const char *severity_of(const char *kind, const char *cause, oracle_intent intent)
{
    bool enters = strcmp(kind, "enter") == 0;
    if (strcmp(cause, "rules") == 0 || strcmp(cause, "expiry") == 0) {
        return "info";
    }
    if (strcmp(cause, "schedule") == 0) {
        return enters && intent == ORACLE_KEEP_OUT ? "alarm" : "info";
    }
    if ((intent == ORACLE_KEEP_IN && strcmp(kind, "exit") == 0) ||
        (intent == ORACLE_KEEP_OUT && (enters || strcmp(kind, "cross") == 0))) {
        return "alarm";
    }
    return strcmp(kind, "approach") == 0 || strcmp(kind, "stale") == 0 ? "warning" : "info";
}

/* TRACKER.md, rule 13. */
static void write_id(const oracle_partition *p, oracle_event *event)
{
    char ending[40] = "";
    if (strcmp(event->cause, "schedule") == 0 || strcmp(event->cause, "expiry") == 0) {
        snprintf(ending, sizeof ending, "/%s", event->cause);
    } else if (strcmp(event->cause, "rules") == 0) {
        snprintf(ending, sizeof ending, "/rules-%" PRIu64, p->rules->version);
    }
    snprintf(event->id, sizeof event->id, "%s/%s/%.64s/%" PRId64 "%s", event->kind, event->fence,
             p->name(p->context, event->device), event->time_ms, ending);
}

static void tell(oracle_partition *p, const device *d, const char *kind, const oracle_fence *fence,
                 const char *cause, int64_t time_ms, const side *crossing)
{
    oracle_event event = {.partition = p->source->partition,
                          .offset = p->source->offset,
                          .index = p->index++,
                          .device = d->key,
                          .time_ms = time_ms,
                          .received_ms = p->source->append_ms,
                          .has_place = d->has_last,
                          .place = d->last.at};
    snprintf(event.kind, sizeof event.kind, "%s", kind);
    snprintf(event.cause, sizeof event.cause, "%s", cause);
    snprintf(event.fence, sizeof event.fence, "%s", fence != NULL ? fence->id : "-");
    snprintf(event.fence_name, sizeof event.fence_name, "%s", fence != NULL ? fence->name : "");
    snprintf(event.severity, sizeof event.severity, "%s",
             severity_of(kind, cause, fence != NULL ? fence->intent : ORACLE_INFO));
    event.late =
        strcmp(cause, "fix") == 0 && p->source->append_ms - time_ms > p->rules->alert_max_age_ms;
    if (crossing != NULL && crossing->has_crossing) {
        event.has_crossing = true;
        event.crossing = crossing->crossing;
        event.crossing_ms = crossing->crossing_ms;
    }
    if (crossing != NULL) {
        event.unsure_ms[0] = crossing->unsure_ms[0];
        event.unsure_ms[1] = crossing->unsure_ms[1];
    }
    write_id(p, &event);
    if (oracle_events_add(p->out, &event) != HR_OK) {
        p->err = HR_NO_MEMORY;
    }
}

/* ---- rule 9: timers ---- */

typedef enum timer_kind {
    TIMER_EXPIRY,
    TIMER_OFF,
    TIMER_DWELL,
    TIMER_ON,
} timer_kind;

typedef struct timer {
    int64_t due_ms;
    timer_kind kind;
    const oracle_fence *fence;
} timer;

static bool is_before(const timer *a, const timer *b)
{
    if (b->fence == NULL || a->due_ms != b->due_ms) {
        return b->fence == NULL || a->due_ms < b->due_ms;
    }
    return a->kind != b->kind ? a->kind < b->kind : strcmp(a->fence->id, b->fence->id) < 0;
}

/* The timers of one fence that are after `fired` and due by d_ms; the earliest of all is kept. */
static void look_at_fence(oracle_partition *p, device *d, const oracle_fence *fence,
                          const timer *fired, int64_t from_ms, int64_t d_ms, timer *next)
{
    fence_state *state = state_of(p, d, fence);
    if (state == NULL) {
        return;
    }
    timer dwell = {state->since_ms + fence->dwell_ms, TIMER_DWELL, fence};
    if (fence->dwell_ms > 0 && state->fence.in && !state->dwelt && dwell.due_ms <= d_ms &&
        is_before(&dwell, next)) {
        *next = dwell;
    }
    for (uint32_t i = 0; i <= fence->on_count * 2; i++) {
        timer t = {fence->expires_ms, TIMER_EXPIRY, fence};
        if (i > 0) {
            t.kind = (i - 1) % 2 == 0 ? TIMER_ON : TIMER_OFF;
            t.due_ms = fence->on_ms[(i - 1) / 2][(i - 1) % 2];
        }
        bool is_new = t.due_ms > from_ms && (fired->fence == NULL || is_before(fired, &t));
        if (is_new && t.due_ms <= d_ms && is_before(&t, next)) {
            *next = t;
        }
    }
}

static void fire(oracle_partition *p, device *d, const timer *t)
{
    fence_state *state = state_of(p, d, t->fence);
    if (state == NULL) {
        return;
    }
    if (t->kind == TIMER_DWELL) {
        state->dwelt = true;
        tell(p, d, "dwell", t->fence, "tick", t->due_ms, NULL);
        return;
    }
    if (t->kind == TIMER_ON) {
        /* Expired fences do not come on again; one that was on all along stays as it is. */
        if (!oracle_is_active(p->rules, t->fence, d->key, t->due_ms) || state->fence.in) {
            return;
        }
        *state = (fence_state){.since_ms = t->due_ms};
        if (d->has_last) {
            state->fence.in = oracle_area_covers(t->fence->area, d->last.at);
            state->zone.in =
                t->fence->zone != NULL && oracle_area_covers(t->fence->zone, d->last.at);
        }
        if (state->fence.in) {
            tell(p, d, "enter", t->fence, "schedule", t->due_ms, NULL);
        }
        return;
    }
    if (t->kind == TIMER_OFF && oracle_is_active(p->rules, t->fence, d->key, t->due_ms)) {
        return; /* the next window begins where this one ends */
    }
    bool was_in = state->fence.in;
    *state = (fence_state){0};
    if (was_in) {
        tell(p, d, "exit", t->fence, t->kind == TIMER_OFF ? "schedule" : "expiry", t->due_ms, NULL);
    }
}

static void advance(oracle_partition *p, device *d, int64_t to_ms, bool is_first)
{
    int64_t from_ms = is_first ? to_ms : d->d_ms;
    d->d_ms = is_first || to_ms > d->d_ms ? to_ms : d->d_ms;
    timer fired = {0};
    while (p->err == HR_OK) {
        timer next = {0};
        for (uint32_t i = 0; i < p->rules->fence_count; i++) {
            const oracle_fence *fence = &p->rules->fences[i];
            if (oracle_is_member(p->rules, fence, d->key)) {
                look_at_fence(p, d, fence, &fired, from_ms, d->d_ms, &next);
            }
        }
        if (next.fence == NULL) {
            return;
        }
        fire(p, d, &next);
        if (next.kind != TIMER_DWELL) {
            fired = next;
        }
    }
}

/* ---- rules 4 to 8: a fix ---- */

/* What is the same for all areas of one fix. */
typedef struct hearing {
    oracle_partition *p;
    device *d;
    deciding now;
    deciding last; /* L before this fix */
    bool is_first;
    bool is_jump;
} hearing;

static double half_away(double value)
{
    return value < 0 ? ceil(value - 0.5) : floor(value + 0.5);
}

static void interpolate(const hearing *h, double part, oracle_place *place, int64_t *time_ms)
{
    const deciding *a = &h->last;
    const deciding *b = &h->now;
    double east_e7 = oracle_lon_beside(b->at.lon_e7, a->at.lon_e7) - a->at.lon_e7;
    place->lon_e7 = (int32_t)half_away(oracle_lon_wrapped(a->at.lon_e7 + part * east_e7));
    place->lat_e7 = (int32_t)half_away(a->at.lat_e7 + part * ((double)b->at.lat_e7 - a->at.lat_e7));
    *time_ms = a->time_ms + (int64_t)half_away(part * (double)(b->time_ms - a->time_ms));
}

/* api/QUERIES.md: the time between the fixes around the crossing. It is told from the device's last
 * fixes, so that where more have come since, no more is known than that it was no jump. Where there
 * is no crossing, the change may have been at any time since the last fix. A crossing that is told
 * to be at a fix was there, whichever fix is taken to be on its other side. */
static void note_unsure(const hearing *h, side *s)
{
    int64_t apart_ms = h->is_first ? 0 : h->now.time_ms - h->last.time_ms;
    bool is_at_fix =
        s->has_crossing && (s->crossing_ms == h->last.time_ms || s->crossing_ms == h->now.time_ms);
    s->unsure_ms[0] = is_at_fix ? 0 : apart_ms;
    s->unsure_ms[1] = s->has_crossing ? apart_ms : ORACLE_NEVER_MS;
    s->seen_ms = h->now.time_ms;
    s->taken_before = h->last.taken;
}

/* What came between then and the fix that decides. The fix before the change may be no longer among
 * those that are remembered. */
static void note_decided(const hearing *h, side *s)
{
    int64_t gap_ms = h->p->rules->max_gap_ms;
    bool is_forgotten = h->d->taken - s->taken_before > TIMES_KEPT;
    if (!s->has_crossing) {
        int64_t more_ms = s->unsure_ms[0] > 0 ? h->now.time_ms - s->seen_ms : 0;
        s->unsure_ms[0] = is_forgotten ? 0 : s->unsure_ms[0] + more_ms;
    } else if (is_forgotten && s->unsure_ms[1] < gap_ms) {
        s->unsure_ms[1] = gap_ms;
    }
}

/* Rule 7. */
static void find_crossing(const hearing *h, const oracle_area *area, bool goes_in, side *s)
{
    oracle_piece pieces[ORACLE_PIECES_MAX];
    s->has_crossing = false;
    if (h->is_jump) {
        return;
    }
    unsigned count = oracle_area_pieces(area, h->last.at, h->now.at, pieces);
    if (count > 0) {
        s->has_crossing = true;
        interpolate(h, goes_in ? pieces[count - 1].from : pieces[0].to, &s->crossing,
                    &s->crossing_ms);
    }
}

/* Rule 5: true when this fix decides that the side has changed. */
static bool weigh(const hearing *h, const oracle_fence *fence, const oracle_area *area, side *s)
{
    bool in =
        oracle_area_is_near(area, h->now.at, h->now.at) && oracle_area_covers(area, h->now.at);
    if (in == s->in) {
        s->n = 0;
        return false;
    }
    s->n++;
    if (s->n == 1) {
        find_crossing(h, area, in, s);
        note_unsure(h, s);
    }
    bool is_decided =
        fence->confirm_fixes > 0
            ? s->n >= fence->confirm_fixes
            : s->n >= 2 || oracle_area_distance_m(area, h->now.at, h->now.at) > h->now.accuracy_m;
    if (is_decided) {
        note_decided(h, s);
        s->in = in;
        s->n = 0;
    }
    return is_decided;
}

/* Rule 8. *crossing gets the place where the longest piece begins. */
static bool cuts_through(const hearing *h, const oracle_fence *fence, side *crossing)
{
    const oracle_area *area = fence->area;
    oracle_piece pieces[ORACLE_PIECES_MAX];
    if (h->is_jump || !oracle_area_is_near(area, h->last.at, h->now.at) ||
        oracle_area_covers(area, h->last.at) || oracle_area_covers(area, h->now.at) ||
        !(oracle_area_distance_m(area, h->last.at, h->last.at) > h->last.accuracy_m) ||
        !(oracle_area_distance_m(area, h->now.at, h->now.at) > h->now.accuracy_m)) {
        return false;
    }
    unsigned count = oracle_area_pieces(area, h->last.at, h->now.at, pieces);
    if (count == 0) {
        return false;
    }
    unsigned longest = 0;
    for (unsigned i = 1; i < count; i++) {
        /* Equal pieces differ by rounding only; the first of them counts. */
        if (pieces[i].to - pieces[i].from > pieces[longest].to - pieces[longest].from + 1e-12) {
            longest = i;
        }
    }
    oracle_place middle;
    int64_t unused_ms;
    interpolate(h, (pieces[longest].from + pieces[longest].to) / 2, &middle, &unused_ms);
    double distance_m = oracle_area_distance_m(area, middle, middle);
    if (!oracle_area_covers(area, middle) || !(distance_m > h->last.accuracy_m) ||
        !(distance_m > h->now.accuracy_m)) {
        return false;
    }
    crossing->has_crossing = true;
    interpolate(h, pieces[longest].from, &crossing->crossing, &crossing->crossing_ms);
    return true;
}

/* An event that waits for its place in the order of rule 12. */
typedef struct finding {
    const oracle_fence *fence;
    int order; /* exit 0, cross 1, enter 2, approach 3 */
    side crossing;
} finding;

/* One fence and its zone: at most two findings. */
static unsigned look_at(const hearing *h, const oracle_fence *fence, finding *out)
{
    unsigned count = 0;
    fence_state *state = state_of(h->p, h->d, fence);
    if (state == NULL || !oracle_is_active(h->p->rules, fence, h->d->key, h->d->d_ms)) {
        return 0;
    }
    bool was_in = state->fence.in;
    bool was_pending = state->fence.n > 0;
    if (weigh(h, fence, fence->area, &state->fence)) {
        out[count++] = (finding){fence, state->fence.in ? 2 : 0, state->fence};
        if (state->fence.in) {
            state->since_ms = h->now.time_ms;
            state->dwelt = false;
        }
    } else if (!was_in && !was_pending && state->fence.n == 0) {
        side crossing = {0};
        if (cuts_through(h, fence, &crossing)) {
            out[count++] = (finding){fence, 1, crossing};
        }
    }
    if (fence->zone != NULL && weigh(h, fence, fence->zone, &state->zone) && state->zone.in) {
        bool safe = fence->intent == ORACLE_KEEP_IN;
        if (was_in == safe && state->fence.in == safe && !h->is_first) {
            out[count++] = (finding){fence, 3, state->zone};
        }
    }
    return count;
}

static int by_order(const void *a, const void *b)
{
    const finding *x = a, *y = b;
    return x->order != y->order ? x->order - y->order : strcmp(x->fence->id, y->fence->id);
}

static void decide(hearing *h)
{
    static const char *const kinds[] = {"exit", "cross", "enter", "approach"};
    oracle_partition *p = h->p;
    finding *findings = calloc((size_t)p->rules->fence_count * 2 + 1, sizeof *findings);
    if (findings == NULL) {
        p->err = HR_NO_MEMORY;
        return;
    }
    unsigned count = 0;
    for (uint32_t i = 0; i < p->rules->fence_count; i++) {
        count += look_at(h, &p->rules->fences[i], &findings[count]);
    }
    qsort(findings, count, sizeof *findings, by_order);
    h->d->last = h->now;
    h->d->has_last = true;
    for (unsigned i = 0; i < count; i++) {
        tell(p, h->d, kinds[findings[i].order], findings[i].fence, "fix", h->now.time_ms,
             &findings[i].crossing);
    }
    free(findings);
}

static bool is_repeat(const device *d, int64_t time_ms)
{
    for (unsigned i = 0; i < d->time_count; i++) {
        if (d->times[i] == time_ms) {
            return true;
        }
    }
    return false;
}

static void note_time(device *d, int64_t time_ms)
{
    if (d->time_count == TIMES_KEPT) {
        memmove(d->times, d->times + 1, (TIMES_KEPT - 1) * sizeof d->times[0]);
        d->time_count--;
    }
    d->times[d->time_count++] = time_ms;
    d->taken++;
}

bool oracle_is_news(oracle_partition *p, const hr_fix *fix, const oracle_rules **rules)
{
    const device *d = meet(p, fix->device);
    *rules = p->rules;
    return d != NULL && !is_repeat(d, fix->time_ms);
}

hr_err oracle_take_fix(oracle_partition *p, const oracle_source *source, const hr_fix *fix)
{
    device *d = meet(p, fix->device);
    if (d == NULL || p->rules == NULL) {
        return d == NULL ? HR_NO_MEMORY : HR_INVALID;
    }
    p->source = source;
    p->index = 0;
    if (is_repeat(d, fix->time_ms)) {
        return HR_OK;
    }
    note_time(d, fix->time_ms);
    if (d->has_fix && fix->time_ms <= d->t_ms) {
        return HR_OK;
    }
    advance(p, d, fix->time_ms, !d->has_fix);
    d->has_fix = true;
    d->t_ms = fix->time_ms;
    d->append_ms = source->append_ms;
    d->is_stale_told = false;
    double accuracy_m = fix->accuracy_dm == HR_FIX_U16_UNKNOWN ? 0 : fix->accuracy_dm / 10.0;
    if (accuracy_m > p->rules->max_accuracy_m) {
        return p->err;
    }
    hearing h = {.p = p,
                 .d = d,
                 .now = {{fix->lon_e7, fix->lat_e7}, fix->time_ms, accuracy_m, d->taken},
                 .last = d->last,
                 .is_first = !d->has_last};
    int64_t gap_ms = fix->time_ms - d->last.time_ms;
    h.is_jump = !d->has_last || gap_ms > p->rules->max_gap_ms ||
                oracle_distance_m(d->last.at, h.now.at, h.now.at) >
                    p->rules->max_speed_mps * (double)gap_ms / 1000.0;
    decide(&h);
    return p->err;
}

/* ---- rule 10: ticks ---- */

hr_err oracle_take_tick(oracle_partition *p, const oracle_source *source, int64_t ms)
{
    p->source = source;
    p->index = 0;
    for (uint32_t i = 0; i < p->count && p->err == HR_OK && p->rules != NULL; i++) {
        device *d = &p->devices[i];
        if (!d->has_fix) {
            continue;
        }
        int64_t quiet_ms = ms > d->append_ms ? ms - d->append_ms : 0;
        int64_t stale_ms = oracle_stale_after_ms(p->rules, d->key);
        advance(p, d, d->t_ms + quiet_ms, false);
        if (stale_ms > 0 && quiet_ms >= stale_ms && !d->is_stale_told) {
            d->is_stale_told = true;
            tell(p, d, "stale", NULL, "tick", d->t_ms + stale_ms, NULL);
        }
    }
    return p->err;
}

/* ---- rule 11: new rules ---- */

/* What a fence looked like to a device before and looks like now; either may be NULL. */
static bool has_changed(const oracle_rules *before, const oracle_fence *old,
                        const oracle_rules *after, const oracle_fence *new, uint64_t device)
{
    if (old == NULL || new == NULL || oracle_fence_differs(old, new)) {
        return true;
    }
    return oracle_is_member(before, old, device) != oracle_is_member(after, new, device);
}

/* -1: it went out, 1: it came in, 0: neither. */
static int judge_anew(oracle_partition *p, device *d, const oracle_rules *before,
                      const oracle_fence *old, const oracle_fence *new)
{
    fence_state *state = state_of(p, d, old != NULL ? old : new);
    if (state == NULL || !has_changed(before, old, p->rules, new, d->key)) {
        return 0;
    }
    bool was_in = state->fence.in;
    int64_t since_ms = state->since_ms;
    bool dwelt = state->dwelt;
    bool is_active = new != NULL && d->has_last &&oracle_is_active(p->rules, new, d->key, d->d_ms);
    *state = (fence_state){.since_ms = d->d_ms};
    state->fence.in = is_active && oracle_area_covers(new->area, d->last.at);
    state->zone.in = is_active && new->zone != NULL &&oracle_area_covers(new->zone, d->last.at);
    if (was_in && state->fence.in) {
        state->since_ms = since_ms;
        state->dwelt = dwelt;
    }
    return (int)state->fence.in - (int)was_in;
}

static int by_way(const void *a, const void *b)
{
    const finding *x = a, *y = b;
    return x->order != y->order ? x->order - y->order : strcmp(x->fence->id, y->fence->id);
}

static void judge_device(oracle_partition *p, device *d, const oracle_rules *before,
                         finding *findings)
{
    unsigned count = 0;
    for (uint32_t i = 0; before != NULL && i < before->fence_count; i++) {
        const oracle_fence *old = &before->fences[i];
        const oracle_fence *new = oracle_find_fence(p->rules, old->id);
        int change = judge_anew(p, d, before, old, new);
        if (change != 0) {
            findings[count++] = (finding){.fence = new != NULL ? new : old, .order = change};
        }
    }
    for (uint32_t i = 0; i < p->rules->fence_count; i++) {
        const oracle_fence *new = &p->rules->fences[i];
        if ((before == NULL || oracle_find_fence(before, new->id) == NULL) &&
            judge_anew(p, d, before, NULL, new) != 0) {
            findings[count++] = (finding){.fence = new, .order = 1};
        }
    }
    qsort(findings, count, sizeof *findings, by_way);
    for (unsigned i = 0; i < count; i++) {
        tell(p, d, findings[i].order < 0 ? "exit" : "enter", findings[i].fence, "rules",
             p->source->append_ms, NULL);
    }
}

hr_err oracle_take_rules(oracle_partition *p, const oracle_source *source,
                         const oracle_rules *rules)
{
    const oracle_rules *before = p->rules;
    p->source = source;
    p->index = 0;
    p->rules = rules;
    size_t room = (before != NULL ? before->fence_count : 0) + (size_t)rules->fence_count + 1;
    finding *findings = calloc(room, sizeof *findings);
    if (findings == NULL) {
        return HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < p->count && p->err == HR_OK; i++) {
        if (p->devices[i].has_fix) {
            judge_device(p, &p->devices[i], before, findings);
        }
    }
    free(findings);
    return p->err;
}
