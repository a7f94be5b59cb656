/* geo/tracker_job.c - entries, areas and events of the input being worked on. */
#include "tracker_job.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16

static geo_err reserve_entries(geo_tracker *tracker, size_t count)
{
    if (count <= tracker->entry_capacity) {
        return GEO_OK;
    }
    size_t capacity = count < FIRST_CAPACITY ? FIRST_CAPACITY : 2 * count;
    job_entry *entries = realloc(tracker->entries, capacity * sizeof *entries);
    if (entries == NULL) {
        return GEO_NO_MEMORY;
    }
    tracker->entries = entries;
    tracker->entry_capacity = capacity;
    return GEO_OK;
}

geo_err job_unpack(job *j)
{
    if (j->unpacked) {
        return GEO_OK;
    }
    geo_tracker *tracker = j->tracker;
    size_t size = 0;
    const uint8_t *bytes = store_entries(j->old, &size);
    tracker->entry_count = 0;
    for (size_t at = 0; at < size;) {
        geo_err err = reserve_entries(tracker, tracker->entry_count + 1);
        if (err != GEO_OK) {
            return err;
        }
        job_entry *entry = &tracker->entries[tracker->entry_count];
        memset(entry, 0, sizeof *entry);
        at += store_entry_load(bytes + at, &entry->kept);
        entry->fence = geo_rules_fence(tracker->rules, entry->kept.slot);
        tracker->entry_count++;
    }
    j->unpacked = true;
    return GEO_OK;
}

/* The first entry whose slot is not below. */
static size_t position_of(const geo_tracker *tracker, uint32_t slot)
{
    size_t low = 0;
    size_t high = tracker->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tracker->entries[middle].kept.slot < slot) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

job_entry *job_find(job *j, uint32_t slot)
{
    size_t at = position_of(j->tracker, slot);
    return at < j->tracker->entry_count && j->tracker->entries[at].kept.slot == slot
               ? &j->tracker->entries[at]
               : NULL;
}

geo_err job_add(job *j, uint32_t slot, job_entry **out)
{
    geo_tracker *tracker = j->tracker;
    size_t at = position_of(tracker, slot);
    if (at == tracker->entry_count || tracker->entries[at].kept.slot != slot) {
        geo_err err = reserve_entries(tracker, tracker->entry_count + 1);
        if (err != GEO_OK) {
            return err;
        }
        job_entry *entry = &tracker->entries[at];
        memmove(entry + 1, entry, (tracker->entry_count - at) * sizeof *entry);
        memset(entry, 0, sizeof *entry);
        entry->kept.slot = slot;
        entry->fence = geo_rules_fence(tracker->rules, slot);
        tracker->entry_count++;
    }
    *out = &tracker->entries[at];
    return GEO_OK;
}

static geo_err reserve_areas(geo_tracker *tracker, size_t count)
{
    if (count <= tracker->area_capacity) {
        return GEO_OK;
    }
    size_t capacity = 2 * tracker->area_capacity;
    capacity = count < FIRST_CAPACITY ? FIRST_CAPACITY : capacity < count ? count : capacity;
    uint32_t *areas = realloc(tracker->areas, capacity * sizeof *areas);
    if (areas == NULL) {
        return GEO_NO_MEMORY;
    }
    tracker->areas = areas;
    tracker->area_capacity = capacity;
    return GEO_OK;
}

/* Ask with the room that there is; asked again, the index must say the same. */
static geo_err ask(job *j, bool touched, geo_point from, geo_point to)
{
    geo_tracker *tracker = j->tracker;
    const geo_tracker_index *index = tracker->index;
    geo_err err = reserve_areas(tracker, FIRST_CAPACITY);
    while (err == GEO_OK) {
        size_t count =
            touched
                ? index->touched(index->context, from, to, tracker->areas, tracker->area_capacity)
                : index->at(index->context, from, tracker->areas, tracker->area_capacity);
        tracker->area_count = count;
        if (count <= tracker->area_capacity) {
            return GEO_OK;
        }
        err = reserve_areas(tracker, count);
    }
    return err;
}

geo_err job_areas_at(job *j, geo_point point)
{
    return ask(j, false, point, point);
}

geo_err job_areas_touched(job *j, geo_point from, geo_point to)
{
    return ask(j, true, from, to);
}

geo_err job_tell(job *j, geo_event_kind kind, geo_cause cause, uint32_t slot,
                 const geo_fence *fence, int64_t time_ms, geo_event **out)
{
    geo_tracker *tracker = j->tracker;
    if (tracker->event_count == tracker->event_capacity) {
        size_t capacity =
            tracker->event_capacity == 0 ? FIRST_CAPACITY : 2 * tracker->event_capacity;
        geo_event *events = realloc(tracker->events, capacity * sizeof *events);
        if (events == NULL) {
            return GEO_NO_MEMORY;
        }
        tracker->events = events;
        tracker->event_capacity = capacity;
    }
    geo_event *event = &tracker->events[tracker->event_count++];
    *event = (geo_event){
        .kind = kind,
        .cause = cause,
        .severity = geo_event_severity(kind, cause, fence == NULL ? GEO_INFO : fence->intent),
        .has_place = j->has_last,
        .slot = slot,
        .fence = fence,
        .time_ms = time_ms,
        .place = j->last,
    };
    *out = event;
    return GEO_OK;
}

static int compare_events(const void *a, const void *b)
{
    const geo_event *left = a;
    const geo_event *right = b;
    if (left->kind != right->kind) {
        return left->kind < right->kind ? -1 : 1;
    }
    return strcmp(left->fence->id, right->fence->id);
}

void job_sort_events(job *j, size_t first)
{
    size_t count = j->tracker->event_count - first;
    if (count > 1) {
        qsort(j->tracker->events + first, count, sizeof(geo_event), compare_events);
    }
}
