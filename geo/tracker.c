/* geo/tracker.c - inputs of the tracker: the way of a fix and of a tick through the rules.
 *
 * Every input works on a copy (a job) and keeps it only when nothing can fail any more. */
#include "geo/tracker.h"

#include <stdlib.h>
#include <string.h>

#include "geo/metric.h"
#include "tracker_job.h"

geo_err geo_tracker_new(geo_tracker **out)
{
    geo_tracker *tracker = calloc(1, sizeof *tracker);
    if (tracker == NULL) {
        return GEO_NO_MEMORY;
    }
    *out = tracker;
    return GEO_OK;
}

void geo_tracker_free(geo_tracker *tracker)
{
    if (tracker != NULL) {
        free(tracker->events);
        free(tracker->entries);
        free(tracker->areas);
        free(tracker->hits);
        free(tracker->timers);
        free(tracker->bytes);
        free(tracker);
    }
}

void geo_tracker_use(geo_tracker *tracker, const geo_rules *rules, const geo_tracker_index *index)
{
    tracker->knows_clear = false;
    tracker->rules = rules;
    tracker->index = index;
}

void geo_tracker_clear_from(geo_tracker *tracker, geo_point from)
{
    tracker->knows_clear = true;
    tracker->clear_from = from;
}

const geo_event *geo_tracker_events(const geo_tracker *tracker, size_t *count)
{
    *count = tracker->event_count;
    return tracker->events;
}

geo_fix_fate geo_tracker_fix_fate(const geo_tracker *tracker)
{
    return tracker->fate;
}

static bool time_fits(int64_t time_ms)
{
    return time_ms >= GEO_TIME_MS_MIN && time_ms <= GEO_TIME_MS_MAX;
}

static bool place_fits(geo_point place)
{
    return place.lon_e7 >= -GEO_LON_E7_MAX && place.lon_e7 <= GEO_LON_E7_MAX &&
           place.lat_e7 >= -GEO_LAT_E7_MAX && place.lat_e7 <= GEO_LAT_E7_MAX;
}

static job job_begin(geo_tracker *tracker, const geo_tracker_state *state, uint64_t device)
{
    const store *s = store_read(state);
    tracker->event_count = 0;
    return (job){
        .tracker = tracker,
        .device = device,
        .old = s,
        .last_accuracy_dm = s->last_accuracy_dm,
        .bits_recent = s->bits_recent,
        .due_s = s->due_s,
        .newest_ms = load_time(s->newest),
        .append_ms = load_time(s->append),
        .device_ms = load_time(s->device),
        .last_ms = load_time(s->last),
        .has_last = (s->bits_recent & STORE_HAS_LAST) != 0,
        .last = s->last_place,
    };
}

/* Pack the entries, those that say something, into tracker->bytes. */
static geo_err pack(job *j, size_t *size)
{
    geo_tracker *tracker = j->tracker;
    size_t needed = tracker->entry_count * STORE_ENTRY_SIZE_MAX;
    if (needed > tracker->byte_capacity) {
        uint8_t *bytes = realloc(tracker->bytes, 2 * needed);
        if (bytes == NULL) {
            return GEO_NO_MEMORY;
        }
        tracker->bytes = bytes;
        tracker->byte_capacity = 2 * needed;
    }
    *size = 0;
    for (size_t i = 0; i < tracker->entry_count; i++) {
        const store_entry *entry = &tracker->entries[i].kept;
        if (entry->fence.in || entry->zone.in || entry->fence.pending > 0 ||
            entry->zone.pending > 0) {
            *size += store_entry_save(entry, tracker->bytes + *size);
        }
    }
    return GEO_OK;
}

/* Keep the outcome; the only place where a state changes. */
static geo_err job_keep(job *j, geo_tracker_state *state)
{
    store *s = store_of(state);
    if (j->unpacked) {
        size_t size = 0;
        geo_err err = pack(j, &size);
        err = err == GEO_OK ? store_replace_entries(s, j->tracker->bytes, size) : err;
        if (err != GEO_OK) {
            j->tracker->event_count = 0;
            return err;
        }
    }
    /* Each field goes straight where it belongs: what is written in small pieces and read back in
     * large ones at once makes a processor wait. */
    if (j->is_accepted) {
        memmove(s->recent + 1, s->recent, sizeof s->recent - sizeof s->recent[0]);
        s->recent[0] = save_time(j->accepted_ms);
    }
    s->newest = save_time(j->newest_ms);
    s->append = save_time(j->append_ms);
    s->device = save_time(j->device_ms);
    s->last = save_time(j->last_ms);
    s->last_place = j->last;
    s->last_accuracy_dm = j->last_accuracy_dm;
    s->bits_recent = j->bits_recent;
    s->due_s = j->due_s;
    return GEO_OK;
}

static geo_err job_fail(job *j, geo_err err)
{
    j->tracker->event_count = 0;
    return err;
}

static bool is_recent(const store *s, int64_t time_ms)
{
    for (unsigned i = 0; i < store_recent_count(s); i++) {
        if (load_time(s->recent[i]) == time_ms) {
            return true;
        }
    }
    return false;
}

/* Its time joins the last ones. */
static void accept(job *j, int64_t time_ms)
{
    j->is_accepted = true;
    j->accepted_ms = time_ms;
    if (store_recent_count(j->old) < RECENT_COUNT) {
        j->bits_recent = (uint8_t)(j->bits_recent + (1 << 4));
    }
}

/* Whether the hits are just the sides that the state has, with nothing pending: the usual case, a
 * device that stays where it was, for which nothing needs to be unpacked. Both ascend. */
static bool sides_are_same(const store *s, const uint32_t *hits, size_t hit_count)
{
    size_t size = 0;
    const uint8_t *bytes = store_entries(s, &size);
    size_t found = 0;
    for (size_t at = 0; at < size;) {
        uint32_t head = load_u32(bytes + at);
        uint32_t slot = head >> ENTRY_SLOT_SHIFT;
        if ((head & (ENTRY_PENDING | ENTRY_ZONE_PENDING)) != 0) {
            return false;
        }
        if ((head & ENTRY_IN) != 0 &&
            (found == hit_count || hits[found++] != GEO_AREA_OF_SLOT(slot))) {
            return false;
        }
        if ((head & ENTRY_ZONE_IN) != 0 &&
            (found == hit_count || hits[found++] != GEO_ZONE_OF_SLOT(slot))) {
            return false;
        }
        at += (head & ENTRY_IN) != 0 ? 10 : 4;
    }
    return found == hit_count;
}

/* Rule 4. */
static bool is_jump(const job *j, const geo_fix *fix)
{
    const geo_settings *settings = geo_rules_settings(j->tracker->rules);
    if (!j->has_last) {
        return true;
    }
    uint64_t elapsed_ms = (uint64_t)(fix->time_ms - j->last_ms);
    if (elapsed_ms > (uint64_t)settings->max_gap_s * 1000) {
        return true;
    }
    /* A speed in m/s times a time in ms is a way in mm, at most 2^32 * 2^42 thousandths of it. */
    geo_wide limit_um = (geo_wide)settings->max_speed_mps * (geo_wide)elapsed_ms * 1000;
    int64_t units = llabs((int64_t)fix->place.lon_e7 - j->last.lon_e7) +
                    llabs((int64_t)fix->place.lat_e7 - j->last.lat_e7);
    if ((geo_wide)units * GEO_UNIT_UM_MAX <= limit_um) {
        return false; /* it is no farther than that in any plane */
    }
    return limit_um < INT64_MAX && geo_metric_farther_than(j->last, fix->place, (uint64_t)limit_um);
}

/* Rules 4 to 8: a fix that is new and accurate enough. */
static geo_err decide(job *j, const geo_fix *fix, const uint32_t *hits, size_t hit_count)
{
    size_t first = j->tracker->event_count;
    bool jump = is_jump(j, fix);
    bool same = !j->unpacked && sides_are_same(j->old, hits, hit_count);
    geo_err err = same ? GEO_OK : job_decide(j, fix, jump, hits, hit_count);
    if (err == GEO_OK && !jump) {
        err = job_cross(j, fix, hits, hit_count);
    }
    if (err != GEO_OK) {
        return err;
    }
    job_sort_events(j, first);
    j->has_last = true;
    j->last = fix->place;
    j->last_ms = fix->time_ms;
    j->bits_recent |= STORE_HAS_LAST;
    j->last_accuracy_dm = fix->accuracy_dm;
    if (!same) {
        job_note_due(j);
    }
    return GEO_OK;
}

geo_err geo_tracker_fix(geo_tracker *tracker, geo_tracker_state *state, uint64_t device,
                        const geo_fix *fix, const uint32_t *hits, size_t hit_count)
{
    job j = job_begin(tracker, state, device);
    j.knows_clear = tracker->knows_clear;
    tracker->knows_clear = false;
    if (!time_fits(fix->time_ms) || !time_fits(fix->append_ms) || !place_fits(fix->place)) {
        return GEO_RANGE;
    }
    bool first = store_recent_count(j.old) == 0;
    if (!first && fix->time_ms <= j.newest_ms) {
        bool repeated = is_recent(j.old, fix->time_ms);
        tracker->fate = repeated ? GEO_FIX_REPEATED : GEO_FIX_OUT_OF_ORDER;
        if (!repeated) {
            accept(&j, fix->time_ms);
        }
        return job_keep(&j, state);
    }
    if (first) {
        j.device_ms = fix->time_ms;
        j.due_s = UINT32_MAX;
    }
    geo_err err = job_advance(&j, fix->time_ms);
    if (err != GEO_OK) {
        return job_fail(&j, err);
    }
    j.newest_ms = fix->time_ms;
    j.append_ms = fix->append_ms;
    j.bits_recent &= (uint8_t)~STORE_STALE_TOLD;
    accept(&j, fix->time_ms);

    geo_fix known = *fix;
    known.accuracy_dm = fix->accuracy_dm == GEO_ACCURACY_UNKNOWN ? 0 : fix->accuracy_dm;
    uint64_t accuracy_max_dm = (uint64_t)geo_rules_settings(tracker->rules)->max_accuracy_m * 10;
    tracker->fate = known.accuracy_dm > accuracy_max_dm ? GEO_FIX_INACCURATE : GEO_FIX_DECIDED;
    if (tracker->fate == GEO_FIX_DECIDED) {
        err = job_sort_hits(&j, &hits, hit_count);
        err = err == GEO_OK ? decide(&j, &known, hits, hit_count) : err;
    }
    return err == GEO_OK ? job_keep(&j, state) : job_fail(&j, err);
}

geo_err geo_tracker_tick(geo_tracker *tracker, geo_tracker_state *state, uint64_t device,
                         int64_t tick_ms)
{
    job j = job_begin(tracker, state, device);
    if (!time_fits(tick_ms)) {
        return GEO_RANGE;
    }
    if (store_recent_count(j.old) == 0) {
        return GEO_OK;
    }
    int64_t silent_ms = tick_ms > j.append_ms ? tick_ms - j.append_ms : 0;
    int64_t to_ms = j.newest_ms + silent_ms;
    geo_err err = job_advance(&j, to_ms < GEO_TIME_MS_MAX ? to_ms : GEO_TIME_MS_MAX);
    int64_t stale_ms = (int64_t)geo_rules_stale_after_s(tracker->rules, device) * 1000;
    if (err == GEO_OK && stale_ms > 0 && tick_ms - j.append_ms >= stale_ms &&
        (j.bits_recent & STORE_STALE_TOLD) == 0) {
        geo_event *event;
        j.bits_recent |= STORE_STALE_TOLD;
        err = job_tell(&j, GEO_STALE, GEO_CAUSE_TICK, GEO_NO_SLOT, NULL, j.newest_ms + stale_ms,
                       &event);
    }
    return err == GEO_OK ? job_keep(&j, state) : job_fail(&j, err);
}

geo_err geo_tracker_rules(geo_tracker *tracker, geo_tracker_state *state, uint64_t device,
                          const geo_rules *before, const geo_rules_diff *diff, int64_t append_ms)
{
    job j = job_begin(tracker, state, device);
    if (!time_fits(append_ms)) {
        return GEO_RANGE;
    }
    /* Without a deciding fix the device is in nothing, and no rules put it anywhere. */
    if (!j.has_last || geo_rules_diff_empty(diff)) {
        return GEO_OK;
    }
    geo_err err = job_rules(&j, before, diff, append_ms);
    return err == GEO_OK ? job_keep(&j, state) : job_fail(&j, err);
}

int64_t geo_tracker_wake_ms(const geo_tracker *tracker, const geo_tracker_state *state,
                            uint64_t device)
{
    const store *s = store_read(state);
    if (store_recent_count(s) == 0) {
        return INT64_MAX;
    }
    int64_t newest_ms = load_time(s->newest);
    int64_t append_ms = load_time(s->append);
    int64_t due_ms = (int64_t)s->due_s * 1000;
    /* Nor is it known when a timer before 1970 is due, which stands there as 0 too. */
    if (s->due_s == 0 || due_ms <= load_time(s->device)) {
        return INT64_MIN;
    }
    int64_t wake_ms = append_ms + (due_ms - newest_ms);
    int64_t stale_ms = (int64_t)geo_rules_stale_after_s(tracker->rules, device) * 1000;
    if (stale_ms > 0 && (s->bits_recent & STORE_STALE_TOLD) == 0 &&
        append_ms + stale_ms < wake_ms) {
        wake_ms = append_ms + stale_ms;
    }
    return wake_ms;
}
