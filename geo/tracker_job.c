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

const job_entry *job_find(const job *j, uint32_t slot)
{
    const job_entry *entries = j->tracker->entries;
    size_t low = 0;
    size_t high = j->tracker->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].kept.slot < slot) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < j->tracker->entry_count && entries[low].kept.slot == slot ? &entries[low] : NULL;
}

static geo_err append_absent(geo_tracker *tracker, uint32_t slot, job_entry **out)
{
    geo_err err = reserve_entries(tracker, tracker->entry_count + 1);
    if (err == GEO_OK) {
        *out = &tracker->entries[tracker->entry_count++];
        **out = (job_entry){
            .kept.slot = slot, .fence = geo_rules_fence(tracker->rules, slot), .absent = true};
    }
    return err;
}

static int compare_entries(const void *a, const void *b)
{
    uint32_t left = ((const job_entry *)a)->kept.slot;
    uint32_t right = ((const job_entry *)b)->kept.slot;
    return left < right ? -1 : left > right;
}

/* New entries go to the end, and to their places together: a device may be in any number of fences,
 * of which each would otherwise move all that come behind it. */
geo_err job_hit(job *j, const uint32_t *areas, size_t count)
{
    geo_tracker *tracker = j->tracker;
    const size_t old_count = tracker->entry_count;
    for (size_t i = 0; i < old_count; i++) {
        tracker->entries[i].hit = false;
        tracker->entries[i].zone_hit = false;
    }
    size_t old = 0;
    job_entry *entry = NULL;
    for (size_t i = 0; i < count; i++) {
        const uint32_t slot = areas[i] / 2;
        while (old < old_count && tracker->entries[old].kept.slot < slot) {
            old++;
        }
        if (old < old_count && tracker->entries[old].kept.slot == slot) {
            entry = &tracker->entries[old];
        } else if (entry == NULL || entry->kept.slot != slot) {
            geo_err err = append_absent(tracker, slot, &entry);
            if (err != GEO_OK) {
                return err;
            }
        }
        entry->hit |= areas[i] == GEO_AREA_OF_SLOT(slot);
        entry->zone_hit |= areas[i] == GEO_ZONE_OF_SLOT(slot);
    }
    if (old_count > 0 && tracker->entry_count > old_count &&
        tracker->entries[old_count].kept.slot < tracker->entries[old_count - 1].kept.slot) {
        qsort(tracker->entries, tracker->entry_count, sizeof *tracker->entries, compare_entries);
    }
    return GEO_OK;
}

static geo_err reserve_areas(uint32_t **areas, size_t *capacity, size_t count)
{
    if (count <= *capacity) {
        return GEO_OK;
    }
    size_t wanted = 2 * *capacity;
    wanted = count < FIRST_CAPACITY ? FIRST_CAPACITY : wanted < count ? count : wanted;
    uint32_t *grown = realloc(*areas, wanted * sizeof *grown);
    if (grown == NULL) {
        return GEO_NO_MEMORY;
    }
    *areas = grown;
    *capacity = wanted;
    return GEO_OK;
}

static bool is_ascending(const uint32_t *areas, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (areas[i - 1] > areas[i]) {
            return false;
        }
    }
    return true;
}

static int compare_areas(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

geo_err job_sort_hits(job *j, const uint32_t **hits, size_t count)
{
    geo_tracker *tracker = j->tracker;
    if (is_ascending(*hits, count)) {
        return GEO_OK;
    }
    geo_err err = reserve_areas(&tracker->hits, &tracker->hit_capacity, count);
    if (err == GEO_OK) {
        memcpy(tracker->hits, *hits, count * sizeof **hits);
        qsort(tracker->hits, count, sizeof **hits, compare_areas);
        *hits = tracker->hits;
    }
    return err;
}

/* Ask with the room that there is; asked again, the index must say the same. */
static geo_err ask(job *j, bool touched, geo_point from, geo_point to)
{
    geo_tracker *tracker = j->tracker;
    const geo_tracker_index *index = tracker->index;
    geo_err err = reserve_areas(&tracker->areas, &tracker->area_capacity, FIRST_CAPACITY);
    while (err == GEO_OK) {
        size_t count =
            touched
                ? index->touched(index->context, from, to, tracker->areas, tracker->area_capacity)
                : index->at(index->context, from, tracker->areas, tracker->area_capacity);
        tracker->area_count = count;
        if (count <= tracker->area_capacity) {
            return GEO_OK;
        }
        err = reserve_areas(&tracker->areas, &tracker->area_capacity, count);
    }
    return err;
}

geo_err job_areas_at(job *j, geo_point point)
{
    geo_tracker *tracker = j->tracker;
    geo_err err = ask(j, false, point, point);
    if (err == GEO_OK && !is_ascending(tracker->areas, tracker->area_count)) {
        qsort(tracker->areas, tracker->area_count, sizeof *tracker->areas, compare_areas);
    }
    return err;
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
