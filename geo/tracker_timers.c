/* geo/tracker_timers.c - rule 9: what happens by the passing of time alone. */
#include <string.h>

#include "tracker_job.h"

/* In the order of rule 9 among timers that are due at the same time. */
typedef enum timer_kind {
    TIMER_EXPIRY,
    TIMER_OFF,
    TIMER_DWELL,
    TIMER_ON,
} timer_kind;

typedef struct timer {
    int64_t due_ms; /* GEO_NEVER_MS: there is none */
    timer_kind kind;
    uint32_t slot;
    const geo_fence *fence;
} timer;

static bool is_before(const timer *a, const timer *b)
{
    if (a->due_ms != b->due_ms) {
        return a->due_ms < b->due_ms;
    }
    if (a->due_ms == GEO_NEVER_MS) {
        return false;
    }
    return a->kind != b->kind ? a->kind < b->kind : strcmp(a->fence->id, b->fence->id) < 0;
}

static void consider(timer *next, int64_t due_ms, timer_kind kind, uint32_t slot,
                     const geo_fence *fence)
{
    timer candidate = {due_ms, kind, slot, fence};
    if (is_before(&candidate, next)) {
        *next = candidate;
    }
}

/* An entry's fence is on, unless rules forgot a part of its schedule that is past. Then, for who is
 * not in the fence, it is one that comes on. */
static bool is_forgotten(const job_entry *entry, int64_t after_ms)
{
    return !entry->kept.fence.in && !entry->switched_on && !geo_fence_on_at(entry->fence, after_ms);
}

/* The next timer, given that all until after_ms have fired but those of dwell, which rules may have
 * made due in the past. `areas` are those that L lies in: fences that may switch on. */
static timer next_timer(job *j, int64_t after_ms, const uint32_t *areas, size_t area_count)
{
    timer next = {.due_ms = GEO_NEVER_MS};
    const geo_rules *rules = j->tracker->rules;
    for (size_t i = 0; i < j->tracker->entry_count; i++) {
        const store_entry *entry = &j->tracker->entries[i].kept;
        const geo_fence *fence = j->tracker->entries[i].fence;
        if (fence == NULL) {
            continue;
        }
        if (is_forgotten(&j->tracker->entries[i], after_ms)) {
            consider(&next, geo_fence_next_on_ms(fence, after_ms), TIMER_ON, entry->slot, fence);
        }
        consider(&next, fence->expires_at_ms, TIMER_EXPIRY, entry->slot, fence);
        if (fence->schedule.scheduled) {
            consider(&next, geo_fence_next_off_ms(fence, after_ms), TIMER_OFF, entry->slot, fence);
        }
        if (entry->fence.in && !entry->dwelt && fence->dwell_s > 0) {
            consider(&next, entry->since_ms + (int64_t)fence->dwell_s * 1000, TIMER_DWELL,
                     entry->slot, fence);
        }
    }
    for (size_t i = 0; i < area_count; i++) {
        uint32_t slot = areas[i] / 2;
        const geo_fence *fence = geo_rules_fence(rules, slot);
        if (fence == NULL || !fence->schedule.scheduled || job_find(j, slot) != NULL) {
            continue;
        }
        int64_t on_ms = geo_fence_next_on_ms(fence, after_ms);
        if (on_ms < fence->expires_at_ms && geo_rules_concern(rules, fence, j->device)) {
            consider(&next, on_ms, TIMER_ON, slot, fence);
        }
    }
    return next;
}

static void forget(job *j, uint32_t slot)
{
    geo_tracker *tracker = j->tracker;
    job_entry *entry = job_find(j, slot);
    size_t after = tracker->entry_count - (size_t)(entry - tracker->entries) - 1;
    memmove(entry, entry + 1, after * sizeof *entry);
    tracker->entry_count--;
}

static geo_err switch_on(job *j, const timer *due, const uint32_t *areas, size_t area_count)
{
    job_entry *entry = NULL;
    geo_err err = job_add(j, due->slot, &entry);
    if (err != GEO_OK) {
        return err;
    }
    entry->kept = (store_entry){.slot = due->slot};
    entry->switched_on = true;
    for (size_t i = 0; i < area_count; i++) {
        entry->kept.fence.in |= areas[i] == GEO_AREA_OF_SLOT(due->slot);
        entry->kept.zone.in |= areas[i] == GEO_ZONE_OF_SLOT(due->slot);
    }
    if (entry->kept.fence.in) {
        geo_event *event;
        entry->kept.since_ms = due->due_ms;
        err =
            job_tell(j, GEO_ENTER, GEO_CAUSE_SCHEDULE, due->slot, due->fence, due->due_ms, &event);
    }
    return err;
}

static geo_err fire(job *j, const timer *due, const uint32_t *areas, size_t area_count)
{
    geo_event *event;
    geo_err err = GEO_OK;
    if (due->kind == TIMER_ON) {
        return switch_on(j, due, areas, area_count);
    }
    job_entry *entry = job_find(j, due->slot);
    if (due->kind == TIMER_DWELL) {
        entry->kept.dwelt = true;
        return job_tell(j, GEO_DWELL, GEO_CAUSE_TICK, due->slot, due->fence, due->due_ms, &event);
    }
    if (entry->kept.fence.in) {
        geo_cause cause = due->kind == TIMER_EXPIRY ? GEO_CAUSE_EXPIRY : GEO_CAUSE_SCHEDULE;
        err = job_tell(j, GEO_EXIT, cause, due->slot, due->fence, due->due_ms, &event);
    }
    forget(j, due->slot);
    return err;
}

/* Whole seconds as the state keeps them: what is out of their range is due too early, never late.
 */
static uint32_t whole_seconds(int64_t time_ms)
{
    if (time_ms < 0) {
        return 0;
    }
    return time_ms / 1000 < UINT32_MAX ? (uint32_t)(time_ms / 1000) : UINT32_MAX;
}

geo_err job_advance(job *j, int64_t to_ms)
{
    int64_t after_ms = j->device_ms;
    if (to_ms > j->device_ms) {
        j->device_ms = to_ms;
    }
    if (whole_seconds(j->device_ms) < j->due_s) {
        return GEO_OK;
    }
    geo_tracker *tracker = j->tracker;
    geo_err err = job_unpack(j);
    tracker->area_count = 0;
    if (err == GEO_OK && j->has_last) {
        err = job_areas_at(j, j->last);
    }
    while (err == GEO_OK) {
        timer next = next_timer(j, after_ms, tracker->areas, tracker->area_count);
        if (next.due_ms > j->device_ms) {
            j->due_s = whole_seconds(next.due_ms);
            break;
        }
        /* Others may be due at the same instant. What fired is not found again: an entry that was
         * switched off is gone, one that was switched on is there, and switches never coincide. */
        after_ms = next.due_ms - 1 > after_ms ? next.due_ms - 1 : after_ms;
        err = fire(j, &next, tracker->areas, tracker->area_count);
    }
    return err;
}

void job_note_due(job *j, const uint32_t *areas, size_t area_count)
{
    j->due_s = whole_seconds(next_timer(j, j->device_ms, areas, area_count).due_ms);
}
