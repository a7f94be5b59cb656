/* geo/tracker_sides.c - rules 5 to 8: which side of each line a fix is on, and what that means. */
#include <stdlib.h>

#include "geo/crossing.h"
#include "geo/metric.h"
#include "tracker_job.h"

#define PENDING_MAX 127

/* Rule 14. */
static bool is_late(const job *j, const geo_fix *fix)
{
    int64_t age_max_ms = (int64_t)geo_rules_settings(j->tracker->rules)->alert_max_age_s * 1000;
    return fix->append_ms - fix->time_ms > age_max_ms;
}

static geo_err tell(job *j, const geo_fix *fix, geo_event_kind kind, const job_entry *entry,
                    const store_side *side)
{
    geo_event *event;
    geo_err err =
        job_tell(j, kind, GEO_CAUSE_FIX, entry->kept.slot, entry->fence, fix->time_ms, &event);
    if (err == GEO_OK) {
        event->has_place = true;
        event->place = fix->place;
        event->late = is_late(j, fix);
        event->has_crossing = side->has_crossing;
        event->crossing_ms = side->crossing_ms;
        event->crossing = side->crossing;
    }
    return err;
}

/* Rule 7, at the first fix that says otherwise. */
static void keep_crossing(const job *j, const geo_fix *fix, const geo_area *area, store_side *side)
{
    geo_pieces pieces = geo_segment_pieces(area, j->last, fix->place);
    if (pieces.count == 0) {
        return;
    }
    geo_fraction at = side->in ? pieces.first.end : pieces.last.start;
    side->has_crossing = true;
    side->crossing = geo_segment_place(j->last, fix->place, at);
    side->crossing_ms = geo_segment_time_ms(j->last_ms, fix->time_ms, at);
}

/* Rule 5 for one area. True when the change of its side is decided; the side is not changed yet, so
 * that its crossing is still there to be told. */
static bool is_decided(const job *j, const geo_fix *fix, bool jump, const job_entry *entry,
                       const geo_area *area, bool hit, store_side *side)
{
    if (hit == side->in) {
        *side = (store_side){.in = side->in};
        return false;
    }
    if (side->pending < PENDING_MAX) {
        side->pending++;
    }
    if (side->pending == 1 && !jump) {
        keep_crossing(j, fix, area, side);
    }
    uint32_t confirm_fixes = entry->fence->confirm_fixes;
    if (confirm_fixes > 0) {
        return side->pending >= confirm_fixes;
    }
    return side->pending >= 2 || geo_boundary_farther(area, fix->place, fix->accuracy_dm);
}

/* Rules 5 and 6 for a fence and then its zone. */
static geo_err decide_entry(job *j, const geo_fix *fix, bool jump, job_entry *entry)
{
    store_side *side = &entry->kept.fence;
    bool was_in = side->in;
    bool was_pending = side->pending > 0;
    geo_err err = GEO_OK;
    if (is_decided(j, fix, jump, entry, entry->fence->area, entry->hit, side)) {
        err = tell(j, fix, was_in ? GEO_EXIT : GEO_ENTER, entry, side);
        *side = (store_side){.in = !was_in};
        entry->kept.since_ms = fix->time_ms;
        entry->kept.dwelt = false;
    }
    entry->untouched = !was_in && !side->in && !was_pending && side->pending == 0;

    store_side *zone = &entry->kept.zone;
    const geo_area *zone_area = entry->fence->zone;
    if (err != GEO_OK || zone_area == NULL) {
        return err;
    }
    if (is_decided(j, fix, jump, entry, zone_area, entry->zone_hit, zone)) {
        bool safe_in = entry->fence->intent == GEO_KEEP_IN;
        if (!zone->in && was_in == safe_in && side->in == safe_in && j->has_last) {
            err = tell(j, fix, GEO_APPROACH, entry, zone);
        }
        *zone = (store_side){.in = !zone->in};
    }
    return err;
}

geo_err job_decide(job *j, const geo_fix *fix, bool jump, const uint32_t *hits, size_t hit_count)
{
    geo_tracker *tracker = j->tracker;
    geo_err err = job_unpack(j);
    err = err == GEO_OK ? job_hit(j, hits, hit_count) : err;
    for (size_t i = 0; i < tracker->entry_count && err == GEO_OK; i++) {
        job_entry *entry = &tracker->entries[i];
        if (entry->fence == NULL) {
            continue;
        }
        if (entry->absent && (entry->hit || entry->zone_hit)) {
            entry->absent =
                !geo_rules_active(tracker->rules, entry->fence, j->device, j->device_ms);
        }
        /* An entry's fence is active, unless rules forgot a part of its schedule that is past. */
        if (!entry->absent && geo_fence_on_at(entry->fence, j->device_ms)) {
            err = decide_entry(j, fix, jump, entry);
        }
    }
    return err;
}

static bool box_may_meet(const geo_box *box, geo_point a, geo_point b)
{
    return !(a.lat_e7 < box->min.lat_e7 && b.lat_e7 < box->min.lat_e7) &&
           !(a.lat_e7 > box->max.lat_e7 && b.lat_e7 > box->max.lat_e7);
}

/* Hits ascend. */
static bool is_hit(uint32_t area, const uint32_t *hits, size_t hit_count)
{
    while (hit_count > 0) {
        size_t half = hit_count / 2;
        if (hits[half] == area) {
            return true;
        }
        if (hits[half] < area) {
            hits += half + 1;
            hit_count -= half + 1;
        } else {
            hit_count = half;
        }
    }
    return false;
}

/* Rule 8 for one fence that L and P may both lie outside of. */
static geo_err cross_fence(job *j, const geo_fix *fix, uint32_t slot, const geo_fence *fence)
{
    const geo_area *area = fence->area;
    uint32_t last_accuracy_dm = j->last_accuracy_dm;
    uint32_t accuracy_dm =
        fix->accuracy_dm > last_accuracy_dm ? fix->accuracy_dm : last_accuracy_dm;
    geo_pieces pieces = geo_segment_pieces(area, j->last, fix->place);
    if (pieces.count == 0 || geo_area_contains(area, j->last) ||
        geo_area_contains(area, fix->place) ||
        !geo_rules_active(j->tracker->rules, fence, j->device, j->device_ms) ||
        !geo_boundary_farther(area, j->last, last_accuracy_dm) ||
        !geo_boundary_farther(area, fix->place, fix->accuracy_dm)) {
        return GEO_OK;
    }
    geo_point middle = geo_segment_middle(j->last, fix->place, &pieces.longest);
    if (!geo_area_contains(area, middle) || !geo_boundary_farther(area, middle, accuracy_dm)) {
        return GEO_OK;
    }
    job_entry crossed = {.kept.slot = slot, .fence = fence};
    store_side at = {
        .has_crossing = true,
        .crossing = geo_segment_place(j->last, fix->place, pieces.longest.start),
        .crossing_ms = geo_segment_time_ms(j->last_ms, fix->time_ms, pieces.longest.start),
    };
    return tell(j, fix, GEO_CROSS, &crossed, &at);
}

/* Whether the way from L to P is too short for any cross, so that no fence needs to be looked for;
 * with steps of a few metres and accuracies of a few metres it mostly is.
 *
 * A cross wants L, P and the middle of a piece each farther from the boundary than an accuracy, so
 * L lies farther from where the piece begins than its own, P from where it ends than its own, and
 * the middle from both than the larger. Along a straight way |dlon| + |dlat| adds up, and in any
 * plane of the metric it is at least the distance; rounding the middle costs two units at most. */
static bool too_short_to_cross(const job *j, const geo_fix *fix)
{
    int64_t lon = llabs((int64_t)fix->place.lon_e7 - j->last.lon_e7);
    int64_t lat = llabs((int64_t)fix->place.lat_e7 - j->last.lat_e7);
    lon = lon > GEO_LON_E7_MAX ? 2 * (int64_t)GEO_LON_E7_MAX - lon : lon;
    int64_t last_dm = j->last_accuracy_dm;
    int64_t here_dm = fix->accuracy_dm;
    int64_t needed_dm = last_dm + here_dm + 2 * (last_dm > here_dm ? last_dm : here_dm);
    return (lon + lat + 4) * GEO_UNIT_UM_MAX <= needed_dm * GEO_METRIC_UM_PER_DM;
}

static bool is_known_clear(const job *j)
{
    return j->knows_clear && j->tracker->clear_from.lon_e7 == j->last.lon_e7 &&
           j->tracker->clear_from.lat_e7 == j->last.lat_e7;
}

geo_err job_cross(job *j, const geo_fix *fix, const uint32_t *hits, size_t hit_count)
{
    geo_tracker *tracker = j->tracker;
    if (is_known_clear(j) || too_short_to_cross(j, fix)) {
        return GEO_OK;
    }
    geo_err err = job_areas_touched(j, j->last, fix->place);
    for (size_t i = 0; i < tracker->area_count && err == GEO_OK; i++) {
        uint32_t slot = tracker->areas[i] / 2;
        const geo_fence *fence = geo_rules_fence(tracker->rules, slot);
        if (tracker->areas[i] != GEO_AREA_OF_SLOT(slot) || fence == NULL ||
            is_hit(tracker->areas[i], hits, hit_count) ||
            !box_may_meet(&fence->area->box, j->last, fix->place)) {
            continue;
        }
        /* What had no need to be unpacked is as it was: in its fences or, out of them, untouched.
         */
        const job_entry *entry = j->unpacked ? job_find(j, slot) : NULL;
        if (entry == NULL || entry->absent || entry->untouched) {
            err = cross_fence(j, fix, slot, fence);
        }
    }
    return err;
}
