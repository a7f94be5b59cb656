/* geo/tracker_timers.c - rule 9: what happens by the passing of time alone. */
#include <stdlib.h>
#include <string.h>

#include "tracker_job.h"

static bool is_before(const job_timer *a, const job_timer *b)
{
    if (a->due_ms != b->due_ms) {
        return a->due_ms < b->due_ms;
    }
    if (a->kind != b->kind) {
        return a->kind < b->kind;
    }
    return strcmp(a->entry->fence->id, b->entry->fence->id) < 0;
}

static void consider(job_timer *next, int64_t due_ms, job_timer_kind kind)
{
    if (due_ms < next->due_ms || (due_ms == next->due_ms && kind < next->kind)) {
        next->due_ms = due_ms;
        next->kind = kind;
    }
}

/* An entry's fence is on, unless rules forgot a part of its schedule that is past. Then, for who is
 * not in the fence, it is one that comes on. */
static bool is_forgotten(const job_entry *entry, int64_t after_ms)
{
    return !entry->kept.fence.in && !entry->switched_on && !geo_fence_on_at(entry->fence, after_ms);
}

/* When a fence that has no entry comes on, where L lies in it. */
static int64_t comes_on_ms(const job *j, const job_entry *entry, int64_t after_ms)
{
    const geo_fence *fence = entry->fence;
    if (!fence->schedule.scheduled || !(entry->hit || entry->zone_hit)) {
        return GEO_NEVER_MS;
    }
    int64_t on_ms = geo_fence_next_on_ms(fence, after_ms);
    bool comes_on =
        on_ms < fence->expires_at_ms && geo_rules_concern(j->tracker->rules, fence, j->device);
    return comes_on ? on_ms : GEO_NEVER_MS;
}

/* The entry's next timer, given that all until after_ms have fired but those of dwell, which rules
 * may have made due in the past. What is hit is what L lies in. */
static job_timer next_timer(const job *j, job_entry *entry, int64_t after_ms)
{
    job_timer next = {.due_ms = GEO_NEVER_MS, .kind = TIMER_ON, .entry = entry};
    const geo_fence *fence = entry->fence;
    if (fence == NULL) {
        return next;
    }
    if (entry->absent) {
        next.due_ms = comes_on_ms(j, entry, after_ms);
        return next;
    }
    if (is_forgotten(entry, after_ms)) {
        consider(&next, geo_fence_next_on_ms(fence, after_ms), TIMER_ON);
    }
    consider(&next, fence->expires_at_ms, TIMER_EXPIRY);
    if (fence->schedule.scheduled) {
        consider(&next, geo_fence_next_off_ms(fence, after_ms), TIMER_OFF);
    }
    if (entry->kept.fence.in && !entry->kept.dwelt && fence->dwell_s > 0) {
        consider(&next, entry->kept.since_ms + (int64_t)fence->dwell_s * 1000, TIMER_DWELL);
    }
    return next;
}

static geo_err switch_on(job *j, const job_timer *due)
{
    job_entry *entry = due->entry;
    entry->absent = false;
    entry->switched_on = true;
    entry->kept = (store_entry){.slot = entry->kept.slot};
    entry->kept.zone.in = entry->zone_hit;
    if (!entry->hit) {
        return GEO_OK;
    }
    geo_event *event;
    entry->kept.fence.in = true;
    entry->kept.since_ms = due->due_ms;
    return job_tell(j, GEO_ENTER, GEO_CAUSE_SCHEDULE, entry->kept.slot, entry->fence, due->due_ms,
                    &event);
}

static geo_err fire(job *j, const job_timer *due)
{
    geo_event *event;
    geo_err err = GEO_OK;
    job_entry *entry = due->entry;
    const uint32_t slot = entry->kept.slot;
    if (due->kind == TIMER_ON) {
        return switch_on(j, due);
    }
    if (due->kind == TIMER_DWELL) {
        entry->kept.dwelt = true;
        return job_tell(j, GEO_DWELL, GEO_CAUSE_TICK, slot, entry->fence, due->due_ms, &event);
    }
    if (entry->kept.fence.in) {
        geo_cause cause = due->kind == TIMER_EXPIRY ? GEO_CAUSE_EXPIRY : GEO_CAUSE_SCHEDULE;
        err = job_tell(j, GEO_EXIT, cause, slot, entry->fence, due->due_ms, &event);
    }
    entry->absent = true;
    entry->kept = (store_entry){.slot = slot};
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

/* The timer at `at` may be due later than those below it. */
static void sink(job_timer *heap, size_t count, size_t at)
{
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && is_before(&heap[child + 1], &heap[child])) {
            child++;
        }
        if (!is_before(&heap[child], &heap[at])) {
            return;
        }
        job_timer up = heap[child];
        heap[child] = heap[at];
        heap[at] = up;
        at = child;
    }
}

/* The timers that are due, into a heap; *later_ms: when the next of the others is. */
static geo_err gather_due(job *j, int64_t after_ms, size_t *count, int64_t *later_ms)
{
    geo_tracker *tracker = j->tracker;
    if (tracker->entry_count > tracker->timer_capacity) {
        size_t capacity = 2 * tracker->entry_count;
        job_timer *timers = realloc(tracker->timers, capacity * sizeof *timers);
        if (timers == NULL) {
            return GEO_NO_MEMORY;
        }
        tracker->timers = timers;
        tracker->timer_capacity = capacity;
    }
    for (size_t i = 0; i < tracker->entry_count; i++) {
        job_timer next = next_timer(j, &tracker->entries[i], after_ms);
        if (next.due_ms <= j->device_ms) {
            tracker->timers[(*count)++] = next;
        } else if (next.due_ms < *later_ms) {
            *later_ms = next.due_ms;
        }
    }
    for (size_t at = *count / 2; at-- > 0;) {
        sink(tracker->timers, *count, at);
    }
    return GEO_OK;
}

/* Each fence's next one is found when its last has fired, in any number of them. */
static geo_err fire_due(job *j, int64_t after_ms)
{
    job_timer *heap;
    size_t count = 0;
    int64_t later_ms = GEO_NEVER_MS;
    geo_err err = gather_due(j, after_ms, &count, &later_ms);
    for (heap = j->tracker->timers; err == GEO_OK && count > 0; sink(heap, count, 0)) {
        job_entry *entry = heap[0].entry;
        /* Others may be due at the same instant. What fired is not found again: an entry that was
         * switched off is absent, one that was switched on is there, and switches never coincide.
         */
        after_ms = heap[0].due_ms - 1 > after_ms ? heap[0].due_ms - 1 : after_ms;
        err = fire(j, &heap[0]);
        heap[0] = next_timer(j, entry, after_ms);
        if (heap[0].due_ms > j->device_ms) {
            later_ms = heap[0].due_ms < later_ms ? heap[0].due_ms : later_ms;
            heap[0] = heap[--count];
        }
    }
    j->due_s = whole_seconds(later_ms);
    return err;
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
    err = err == GEO_OK ? job_hit(j, tracker->areas, tracker->area_count) : err;
    return err == GEO_OK ? fire_due(j, after_ms) : err;
}

void job_note_due(job *j)
{
    int64_t due_ms = GEO_NEVER_MS;
    for (size_t i = 0; i < j->tracker->entry_count; i++) {
        int64_t next_ms = next_timer(j, &j->tracker->entries[i], j->device_ms).due_ms;
        due_ms = next_ms < due_ms ? next_ms : due_ms;
    }
    j->due_s = whole_seconds(due_ms);
}
