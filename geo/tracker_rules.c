/* geo/tracker_rules.c - rule 11: what new rules mean for a device that stands where it stands. */
#include <string.h>

#include "geo/tracker.h"
#include "tracker_job.h"

/* The two versions, as one device sees them. */
typedef struct change {
    job *j;
    const geo_rules *before;
    const geo_rules_diff *diff;
    bool regrouped; /* the device's own groups are other ones */
    int64_t append_ms;
} change;

static bool is_same_fence(const geo_fence *a, const geo_fence *b)
{
    return a != NULL && b != NULL && strcmp(a->id, b->id) == 0;
}

/* Whether the slot's fence, or being meant by it, has changed for this device. */
static bool slot_changed(const change *c, uint32_t slot)
{
    if (geo_rules_diff_has_slot(c->diff, slot)) {
        return true;
    }
    const geo_rules *after = c->j->tracker->rules;
    const geo_fence *old = geo_rules_fence(c->before, slot);
    const geo_fence *new = geo_rules_fence(after, slot);
    return c->regrouped && old != NULL &&
           new != NULL &&geo_rules_concern(c->before, old, c->j->device) !=
               geo_rules_concern(after, new, c->j->device);
}

static geo_err tell(const change *c, geo_event_kind kind, uint32_t slot, const geo_fence *fence)
{
    geo_event *event;
    return job_tell(c->j, kind, GEO_CAUSE_RULES, slot, fence, c->append_ms, &event);
}

/* Side from L, pending dropped; a difference is told. An entry that says nothing any more would
 * stand for a fence that is gone. */
static geo_err judge_anew(const change *c, job_entry *entry)
{
    job *j = c->j;
    uint32_t slot = entry->kept.slot;
    const geo_fence *old = geo_rules_fence(c->before, slot);
    const geo_fence *new = geo_rules_fence(j->tracker->rules, slot);
    bool active = new != NULL &&geo_rules_active(j->tracker->rules, new, j->device, j->device_ms);
    bool in = active && entry->hit;
    bool was_in = entry->kept.fence.in;
    geo_err err = GEO_OK;
    if (was_in && !is_same_fence(old, new)) {
        /* Another fence has the slot now: the device is no longer in the one that is gone. */
        err = tell(c, GEO_EXIT, slot, old);
        was_in = false;
    }
    if (err == GEO_OK && in != was_in) {
        err = tell(c, in ? GEO_ENTER : GEO_EXIT, slot, new);
    }
    if (in && !was_in) {
        entry->kept.since_ms = j->device_ms;
        entry->kept.dwelt = false;
    }
    entry->fence = new;
    entry->kept.fence = (store_side){.in = in};
    entry->kept.zone = (store_side){.in = active && entry->zone_hit};
    entry->absent = !in && !entry->kept.zone.in;
    return err;
}

geo_err job_rules(job *j, const geo_rules *before, const geo_rules_diff *diff, int64_t append_ms)
{
    change c = {
        .j = j,
        .before = before,
        .diff = diff,
        .regrouped = geo_rules_diff_has_device(diff, j->device),
        .append_ms = append_ms,
    };
    geo_tracker *tracker = j->tracker;
    geo_err err = job_unpack(j);
    err = err == GEO_OK ? job_areas_at(j, j->last) : err;
    err = err == GEO_OK ? job_hit(j, tracker->areas, tracker->area_count) : err;
    for (size_t i = 0; i < tracker->entry_count && err == GEO_OK; i++) {
        job_entry *entry = &tracker->entries[i];
        if (slot_changed(&c, entry->kept.slot)) {
            err = judge_anew(&c, entry);
        }
    }
    if (err == GEO_OK) {
        job_sort_events(j, 0);
        job_note_due(j);
    }
    return err;
}
