/* tests/geo/naive.c - see naive.h. Numbers are floating point: an exact tie is as good as never met
 * by the random places that it is used with. */
#include "naive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

#define UNIT_M 0.0111319491L

static long double cosine_at(geo_point p)
{
    long double degrees = roundl((long double)p.lat_e7 / 100000) / 100;
    return roundl(65536 * cosl(degrees * acosl(-1) / 180)) / 65536;
}

static long double distance_m(geo_point a, geo_point at)
{
    long double x = ((long double)a.lon_e7 - at.lon_e7) * cosine_at(at);
    long double y = (long double)a.lat_e7 - at.lat_e7;
    return hypotl(x, y) * UNIT_M;
}

static geo_point vertex(const geo_area *area, uint32_t ring, uint32_t i)
{
    uint32_t begin = ring == 0 ? 0 : area->ring_ends[ring - 1];
    uint32_t count = area->ring_ends[ring] - begin;
    return area->vertices[begin + i % count];
}

static long double cross(long double ax, long double ay, long double bx, long double by)
{
    return ax * by - ay * bx;
}

/* The boundary belongs to it. */
static bool contains(const geo_area *area, long double x, long double y)
{
    bool in = false;
    uint32_t begin = 0;
    for (uint32_t r = 0; r < area->ring_count; begin = area->ring_ends[r++]) {
        for (uint32_t i = 0; i < area->ring_ends[r] - begin; i++) {
            geo_point a = vertex(area, r, i);
            geo_point b = vertex(area, r, i + 1);
            long double side = cross((long double)b.lon_e7 - a.lon_e7,
                                     (long double)b.lat_e7 - a.lat_e7, x - a.lon_e7, y - a.lat_e7);
            long double x0 = a.lon_e7 < b.lon_e7 ? a.lon_e7 : b.lon_e7;
            long double x1 = a.lon_e7 < b.lon_e7 ? b.lon_e7 : a.lon_e7;
            long double y0 = a.lat_e7 < b.lat_e7 ? a.lat_e7 : b.lat_e7;
            long double y1 = a.lat_e7 < b.lat_e7 ? b.lat_e7 : a.lat_e7;
            if (side == 0 && x >= x0 && x <= x1 && y >= y0 && y <= y1) {
                return true;
            }
            if ((a.lat_e7 > y) != (b.lat_e7 > y)) {
                in ^= (side > 0) == (b.lat_e7 > a.lat_e7);
            }
        }
    }
    return in;
}

static bool lies_in(const geo_area *area, geo_point p)
{
    return area != NULL && contains(area, p.lon_e7, p.lat_e7);
}

static long double boundary_m(const geo_area *area, geo_point p)
{
    long double nearest = INFINITY;
    long double c = cosine_at(p);
    uint32_t begin = 0;
    for (uint32_t r = 0; r < area->ring_count; begin = area->ring_ends[r++]) {
        for (uint32_t i = 0; i < area->ring_ends[r] - begin; i++) {
            geo_point a = vertex(area, r, i);
            geo_point b = vertex(area, r, i + 1);
            long double ax = ((long double)a.lon_e7 - p.lon_e7) * c;
            long double ay = (long double)a.lat_e7 - p.lat_e7;
            long double dx = ((long double)b.lon_e7 - a.lon_e7) * c;
            long double dy = (long double)b.lat_e7 - a.lat_e7;
            long double length = dx * dx + dy * dy;
            long double t = length > 0 ? -(ax * dx + ay * dy) / length : 0;
            t = t < 0 ? 0 : t > 1 ? 1 : t;
            nearest = fminl(nearest, hypotl(ax + t * dx, ay + t * dy));
        }
    }
    return nearest * UNIT_M;
}

typedef struct pieces {
    size_t count;
    long double first_end;
    long double last_start;
    long double longest_start;
    long double longest_end;
} pieces;

static int compare_numbers(const void *a, const void *b)
{
    long double left = *(const long double *)a;
    long double right = *(const long double *)b;
    return (left > right) - (left < right);
}

#define CUTS_MAX 512

static pieces pieces_of(const geo_area *area, geo_point from, geo_point to)
{
    long double cuts[CUTS_MAX] = {0, 1};
    size_t count = 2;
    long double dx = (long double)to.lon_e7 - from.lon_e7;
    long double dy = (long double)to.lat_e7 - from.lat_e7;
    uint32_t begin = 0;
    for (uint32_t r = 0; r < area->ring_count; begin = area->ring_ends[r++]) {
        for (uint32_t i = 0; i < area->ring_ends[r] - begin; i++) {
            geo_point a = vertex(area, r, i);
            geo_point b = vertex(area, r, i + 1);
            long double ex = (long double)b.lon_e7 - a.lon_e7;
            long double ey = (long double)b.lat_e7 - a.lat_e7;
            long double ax = (long double)a.lon_e7 - from.lon_e7;
            long double ay = (long double)a.lat_e7 - from.lat_e7;
            long double den = cross(dx, dy, ex, ey);
            long double t = den == 0 ? -1 : cross(ax, ay, ex, ey) / den;
            long double u = den == 0 ? -1 : cross(ax, ay, dx, dy) / den;
            if (t >= 0 && t <= 1 && u >= 0 && u <= 1) {
                assert_true(count < CUTS_MAX);
                cuts[count++] = t;
            }
        }
    }
    qsort(cuts, count, sizeof cuts[0], compare_numbers);
    pieces p = {0};
    bool open = false;
    long double start = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        long double middle = (cuts[i] + cuts[i + 1]) / 2;
        bool in = contains(area, from.lon_e7 + dx * middle, from.lat_e7 + dy * middle);
        if (in && !open) {
            start = cuts[i];
        }
        open = in;
        bool ends = in && (i + 2 == count ||
                           !contains(area, from.lon_e7 + dx * (cuts[i + 1] + cuts[i + 2]) / 2,
                                     from.lat_e7 + dy * (cuts[i + 1] + cuts[i + 2]) / 2));
        if (ends) {
            long double end = cuts[i + 1];
            p.first_end = p.count == 0 ? end : p.first_end;
            p.last_start = start;
            if (p.count == 0 || end - start > p.longest_end - p.longest_start) {
                p.longest_start = start;
                p.longest_end = end;
            }
            p.count++;
        }
    }
    return p;
}

static geo_point place_at(geo_point from, geo_point to, long double t)
{
    return (geo_point){
        (int32_t)roundl(from.lon_e7 + t * ((long double)to.lon_e7 - from.lon_e7)),
        (int32_t)roundl(from.lat_e7 + t * ((long double)to.lat_e7 - from.lat_e7)),
    };
}

static bool in_group(const geo_rules *rules, const geo_fence *fence, uint64_t key)
{
    const geo_device_rules *device = NULL;
    for (uint32_t i = 0; i < geo_rules_device_count(rules); i++) {
        if (geo_rules_device_by_rank(rules, i)->device == key) {
            device = geo_rules_device_by_rank(rules, i);
        }
    }
    bool in = fence->group_count == 0;
    for (uint32_t i = 0; device != NULL && i < fence->group_count; i++) {
        for (uint32_t k = 0; k < device->group_count; k++) {
            in |= strcmp(fence->groups[i], device->groups[k]) == 0;
        }
    }
    return in;
}

static bool scheduled_on(const geo_fence *fence, int64_t at)
{
    bool on = !fence->schedule.scheduled;
    for (uint32_t i = 0; i < fence->schedule.on_count; i++) {
        on |= fence->schedule.on[i].from_ms <= at && at < fence->schedule.on[i].to_ms;
    }
    return on;
}

static bool active(const naive_device *d, const geo_rules *rules, const geo_fence *fence)
{
    return in_group(rules, fence, d->key) && scheduled_on(fence, d->D) &&
           d->D < fence->expires_at_ms;
}

static geo_event *tell(naive_device *d, geo_event_kind kind, geo_cause cause,
                       const geo_fence *fence, int64_t time_ms)
{
    assert_true(d->event_count < NAIVE_EVENTS_MAX);
    geo_event *event = &d->events[d->event_count++];
    *event = (geo_event){.kind = kind, .cause = cause, .fence = fence, .time_ms = time_ms};
    event->has_place = d->has_L;
    event->place = d->L.place;
    return event;
}

/* ---- rule 9 ---- */

typedef struct naive_timer {
    int64_t due;
    int order; /* 0 expiry, 1 off, 2 dwell, 3 on */
    uint32_t slot;
    const char *id;
} naive_timer;

static int compare_timers(const void *a, const void *b)
{
    const naive_timer *x = a;
    const naive_timer *y = b;
    if (x->due != y->due) {
        return x->due < y->due ? -1 : 1;
    }
    return x->order != y->order ? x->order - y->order : strcmp(x->id, y->id);
}

#define TIMERS_MAX 2048

static void add_timer(naive_timer *timers, size_t *count, int64_t due, int order, uint32_t slot,
                      const geo_fence *fence)
{
    assert_true(*count < TIMERS_MAX);
    timers[(*count)++] = (naive_timer){due, order, slot, fence->id};
}

static void forget(naive_device *d, uint32_t slot)
{
    d->fence[slot] = (naive_side){0};
    d->zone[slot] = (naive_side){0};
}

/* Dwell timers due before `limit` that come before everything else. */
static void dwells_before(naive_device *d, const geo_rules *rules, const naive_timer *limit)
{
    naive_timer timers[TIMERS_MAX];
    size_t count = 0;
    for (uint32_t s = 0; s < geo_rules_slot_count(rules); s++) {
        const geo_fence *fence = geo_rules_fence(rules, s);
        if (fence != NULL && fence->dwell_s > 0 && d->fence[s].in && !d->dwelt[s]) {
            int64_t due = d->since[s] + (int64_t)fence->dwell_s * 1000;
            if (due <= d->D) {
                add_timer(timers, &count, due, 2, s, fence);
            }
        }
    }
    qsort(timers, count, sizeof timers[0], compare_timers);
    for (size_t i = 0; i < count; i++) {
        if (limit == NULL || compare_timers(&timers[i], limit) < 0) {
            d->dwelt[timers[i].slot] = true;
            tell(d, GEO_DWELL, GEO_CAUSE_TICK, geo_rules_fence(rules, timers[i].slot),
                 timers[i].due);
        }
    }
}

static void fire(naive_device *d, const geo_rules *rules, const naive_timer *t)
{
    const geo_fence *fence = geo_rules_fence(rules, t->slot);
    uint32_t s = t->slot;
    if (t->order == 0 || t->order == 1) {
        if (d->fence[s].in) {
            tell(d, GEO_EXIT, t->order == 0 ? GEO_CAUSE_EXPIRY : GEO_CAUSE_SCHEDULE, fence, t->due);
        }
        forget(d, s);
        return;
    }
    if (!in_group(rules, fence, d->key) || t->due >= fence->expires_at_ms || !d->has_L) {
        return;
    }
    d->fence[s] = (naive_side){.in = lies_in(fence->area, d->L.place)};
    d->zone[s] = (naive_side){.in = lies_in(fence->zone, d->L.place)};
    if (d->fence[s].in) {
        d->since[s] = t->due;
        d->dwelt[s] = false;
        tell(d, GEO_ENTER, GEO_CAUSE_SCHEDULE, fence, t->due);
    }
}

static void advance(naive_device *d, const geo_rules *rules, int64_t to)
{
    naive_timer timers[TIMERS_MAX];
    size_t count = 0;
    int64_t before = d->D;
    d->D = to > d->D ? to : d->D;
    for (uint32_t s = 0; s < geo_rules_slot_count(rules); s++) {
        const geo_fence *fence = geo_rules_fence(rules, s);
        if (fence == NULL) {
            continue;
        }
        if (fence->expires_at_ms > before && fence->expires_at_ms <= d->D) {
            add_timer(timers, &count, fence->expires_at_ms, 0, s, fence);
        }
        for (uint32_t i = 0; i < fence->schedule.on_count; i++) {
            const geo_interval *on = &fence->schedule.on[i];
            if (on->from_ms > before && on->from_ms <= d->D) {
                add_timer(timers, &count, on->from_ms, 3, s, fence);
            }
            if (on->to_ms > before && on->to_ms <= d->D) {
                add_timer(timers, &count, on->to_ms, 1, s, fence);
            }
        }
    }
    qsort(timers, count, sizeof timers[0], compare_timers);
    for (size_t i = 0; i < count; i++) {
        dwells_before(d, rules, &timers[i]);
        fire(d, rules, &timers[i]);
    }
    dwells_before(d, rules, NULL);
}

/* ---- rules 2 to 8 ---- */

static bool decided(naive_device *d, const geo_fix *P, bool jump, const geo_fence *fence,
                    const geo_area *area, naive_side *side)
{
    bool in = lies_in(area, P->place);
    if (in == side->in) {
        *side = (naive_side){.in = in};
        return false;
    }
    side->pending++;
    if (side->pending == 1 && !jump) {
        pieces p = pieces_of(area, d->L.place, P->place);
        long double t = in ? p.last_start : p.first_end;
        side->has_crossing = true;
        side->crossing = place_at(d->L.place, P->place, t);
        side->crossing_ms =
            (int64_t)roundl(d->L.time_ms + t * (long double)(P->time_ms - d->L.time_ms));
    }
    if (fence->confirm_fixes > 0) {
        return side->pending >= fence->confirm_fixes;
    }
    return side->pending >= 2 || boundary_m(area, P->place) > P->accuracy_dm / 10.0L;
}

static void tell_fix(naive_device *d, const geo_rules *rules, geo_event_kind kind,
                     const geo_fence *fence, const geo_fix *P, const naive_side *side)
{
    geo_event *event = tell(d, kind, GEO_CAUSE_FIX, fence, P->time_ms);
    event->has_place = true;
    event->place = P->place;
    event->late =
        P->append_ms - P->time_ms > (int64_t)geo_rules_settings(rules)->alert_max_age_s * 1000;
    event->has_crossing = side->has_crossing;
    event->crossing = side->crossing;
    event->crossing_ms = side->crossing_ms;
}

static void try_cross(naive_device *d, const geo_rules *rules, const geo_fence *fence,
                      const geo_fix *P)
{
    long double L_m = d->L.accuracy_dm / 10.0L;
    long double P_m = P->accuracy_dm / 10.0L;
    if (lies_in(fence->area, d->L.place) || lies_in(fence->area, P->place) ||
        boundary_m(fence->area, d->L.place) <= L_m || boundary_m(fence->area, P->place) <= P_m) {
        return;
    }
    pieces p = pieces_of(fence->area, d->L.place, P->place);
    if (p.count == 0) {
        return;
    }
    geo_point middle = place_at(d->L.place, P->place, (p.longest_start + p.longest_end) / 2);
    if (!lies_in(fence->area, middle) || boundary_m(fence->area, middle) <= fmaxl(L_m, P_m)) {
        return;
    }
    long double t = p.longest_start;
    naive_side at = {.has_crossing = true, .crossing = place_at(d->L.place, P->place, t)};
    at.crossing_ms = (int64_t)roundl(d->L.time_ms + t * (long double)(P->time_ms - d->L.time_ms));
    tell_fix(d, rules, GEO_CROSS, fence, P, &at);
}

static void judge(naive_device *d, const geo_rules *rules, uint32_t s, const geo_fix *P, bool jump)
{
    const geo_fence *fence = geo_rules_fence(rules, s);
    if (fence == NULL || !active(d, rules, fence)) {
        return;
    }
    naive_side *side = &d->fence[s];
    naive_side before = *side;
    if (decided(d, P, jump, fence, fence->area, side)) {
        tell_fix(d, rules, before.in ? GEO_EXIT : GEO_ENTER, fence, P, side);
        *side = (naive_side){.in = !before.in};
        d->since[s] = P->time_ms;
        d->dwelt[s] = false;
    }
    bool safe = fence->intent == GEO_KEEP_IN;
    if (fence->zone != NULL && decided(d, P, jump, fence, fence->zone, &d->zone[s])) {
        if (!d->zone[s].in && before.in == safe && side->in == safe && d->has_L) {
            tell_fix(d, rules, GEO_APPROACH, fence, P, &d->zone[s]);
        }
        d->zone[s] = (naive_side){.in = !d->zone[s].in};
    }
    if (!before.in && !side->in && before.pending == 0 && side->pending == 0 && !jump) {
        try_cross(d, rules, fence, P);
    }
}

static int compare_events(const void *a, const void *b)
{
    const geo_event *x = a;
    const geo_event *y = b;
    const int order[] = {[GEO_EXIT] = 0, [GEO_CROSS] = 1, [GEO_ENTER] = 2, [GEO_APPROACH] = 3};
    return x->kind != y->kind ? order[x->kind] - order[y->kind]
                              : strcmp(x->fence->id, y->fence->id);
}

static void remember(naive_device *d, int64_t t)
{
    memmove(d->recent + 1, d->recent, 7 * sizeof d->recent[0]);
    d->recent[0] = t;
    d->recent_count += d->recent_count < 8;
}

void naive_fix(naive_device *d, const geo_rules *rules, const geo_fix *given)
{
    const geo_settings *settings = geo_rules_settings(rules);
    geo_fix P = *given;
    P.accuracy_dm = P.accuracy_dm == GEO_ACCURACY_UNKNOWN ? 0 : P.accuracy_dm;
    d->event_count = 0;
    for (unsigned i = 0; i < d->recent_count; i++) {
        if (d->recent[i] == P.time_ms) {
            return;
        }
    }
    remember(d, P.time_ms);
    if (d->seen && P.time_ms <= d->T) {
        return;
    }
    if (!d->seen) {
        d->D = P.time_ms;
    }
    d->seen = true;
    advance(d, rules, P.time_ms);
    d->T = P.time_ms;
    d->A = P.append_ms;
    d->stale_told = false;
    if (P.accuracy_dm > settings->max_accuracy_m * 10) {
        return;
    }
    int64_t elapsed = P.time_ms - d->L.time_ms;
    bool jump = !d->has_L || elapsed > (int64_t)settings->max_gap_s * 1000 ||
                distance_m(d->L.place, P.place) >
                    (long double)settings->max_speed_mps * (long double)elapsed / 1000;
    size_t first = d->event_count;
    for (uint32_t s = 0; s < geo_rules_slot_count(rules); s++) {
        judge(d, rules, s, &P, jump);
    }
    qsort(d->events + first, d->event_count - first, sizeof d->events[0], compare_events);
    d->has_L = true;
    d->L = P;
}

void naive_tick(naive_device *d, const geo_rules *rules, int64_t m)
{
    d->event_count = 0;
    if (!d->seen) {
        return;
    }
    advance(d, rules, d->T + (m > d->A ? m - d->A : 0));
    uint32_t stale_s = geo_rules_settings(rules)->stale_after_s;
    for (uint32_t i = 0; i < geo_rules_device_count(rules); i++) {
        const geo_device_rules *device = geo_rules_device_by_rank(rules, i);
        if (device->device == d->key && device->has_stale_after) {
            stale_s = device->stale_after_s;
        }
    }
    if (stale_s > 0 && m - d->A >= (int64_t)stale_s * 1000 && !d->stale_told) {
        d->stale_told = true;
        tell(d, GEO_STALE, GEO_CAUSE_TICK, NULL, d->T + (int64_t)stale_s * 1000);
    }
}

void naive_rules(naive_device *d, const geo_rules *before, const geo_rules *after,
                 const bool *changed, int64_t append_ms)
{
    d->event_count = 0;
    for (uint32_t s = 0; s < NAIVE_FENCES_MAX; s++) {
        const geo_fence *old = geo_rules_fence(before, s);
        const geo_fence *new = geo_rules_fence(after, s);
        bool regrouped = old != NULL && new != NULL &&in_group(before, old, d->key) !=
                                            in_group(after, new, d->key);
        if (!changed[s] && !regrouped) {
            continue;
        }
        bool same = old != NULL && new != NULL &&strcmp(old->id, new->id) == 0;
        bool on = new != NULL &&active(d, after, new) && d->has_L;
        bool in = on && lies_in(new->area, d->L.place);
        bool was_in = d->fence[s].in;
        if (was_in && !same) {
            tell(d, GEO_EXIT, GEO_CAUSE_RULES, old, append_ms);
            was_in = false;
        }
        if (in != was_in) {
            tell(d, in ? GEO_ENTER : GEO_EXIT, GEO_CAUSE_RULES, new, append_ms);
        }
        if (in && !was_in) {
            d->since[s] = d->D;
            d->dwelt[s] = false;
        }
        d->fence[s] = (naive_side){.in = in};
        d->zone[s] = (naive_side){.in = on && lies_in(new->zone, d->L.place)};
    }
    qsort(d->events, d->event_count, sizeof d->events[0], compare_events);
}
