/* geo/tracker_job.h - one input being worked on, before its outcome is kept; for geo/tracker*.c. */
#ifndef GEO_TRACKER_JOB_H
#define GEO_TRACKER_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/tracker.h"
#include "tracker_store.h"

/* One lattice unit is at most this many micrometres, on either axis. */
#define GEO_UNIT_UM_MAX 11132

/* An entry of the state, and what this input says about it; or the one that a fence would have. */
typedef struct job_entry {
    store_entry kept;
    const geo_fence *fence;
    bool absent;      /* not in the state */
    bool hit;         /* the point looked at lies in the fence */
    bool zone_hit;    /* and in its approach zone */
    bool untouched;   /* out and nothing pending before and after: what rule 8 asks of a cross */
    bool switched_on; /* by its schedule, within this input */
} job_entry;

/* In the order of rule 9 among timers that are due at the same time. */
typedef enum job_timer_kind {
    TIMER_EXPIRY,
    TIMER_OFF,
    TIMER_DWELL,
    TIMER_ON,
} job_timer_kind;

typedef struct job_timer {
    int64_t due_ms; /* GEO_NEVER_MS: there is none */
    job_timer_kind kind;
    job_entry *entry;
} job_timer;

/* The public handle. */
struct geo_tracker {
    const geo_rules *rules;
    const geo_tracker_index *index;
    geo_fix_fate fate;
    bool knows_clear; /* of the next fix, see geo_tracker_clear_from() */
    geo_point clear_from;
    geo_event *events;
    size_t event_count;
    size_t event_capacity;
    /* The scratch of one input. */
    job_entry *entries; /* ascending by slot */
    size_t entry_count;
    size_t entry_capacity;
    uint32_t *areas; /* what the index answered last */
    size_t area_count;
    size_t area_capacity;
    uint32_t *hits; /* of the fix, should they have come in another order */
    size_t hit_capacity;
    job_timer *timers; /* a heap, the next one first */
    size_t timer_capacity;
    uint8_t *bytes;
    size_t byte_capacity;
};

/* The state as it will be, if nothing fails. Entries are unpacked only when somebody asks. */
typedef struct job {
    geo_tracker *tracker;
    uint64_t device;
    const store *old;
    bool unpacked;    /* tracker->entries holds the entries, and they may have changed */
    bool is_accepted; /* accepted_ms joins the recent times */
    uint8_t bits_recent;
    uint16_t last_accuracy_dm;
    uint32_t due_s;
    int64_t accepted_ms;
    int64_t newest_ms;
    int64_t append_ms;
    int64_t device_ms;
    int64_t last_ms;
    bool has_last;
    geo_point last;
    bool knows_clear; /* the way from tracker->clear_from to the fix */
} job;

/* Bring the entries into tracker->entries, once. */
GEO_MUST_USE geo_err job_unpack(job *j);

/* The entry of a slot, or NULL. */
const job_entry *job_find(const job *j, uint32_t slot);

/* Note in the entries which of them the areas hit, which ascend; a fence that has none gets an
 * absent one. */
GEO_MUST_USE geo_err job_hit(job *j, const uint32_t *areas, size_t count);

/* A fix's areas in ascending order: the same ones, or a copy that lasts until the next input. */
GEO_MUST_USE geo_err job_sort_hits(job *j, const uint32_t **hits, size_t count);

/* Ask the index; the answer is in tracker->areas. Those at a point ascend. */
GEO_MUST_USE geo_err job_areas_at(job *j, geo_point point);
GEO_MUST_USE geo_err job_areas_touched(job *j, geo_point from, geo_point to);

/* Add an event of a fence (NULL: stale); severity is filled in. *out is valid until the next. */
GEO_MUST_USE geo_err job_tell(job *j, geo_event_kind kind, geo_cause cause, uint32_t slot,
                              const geo_fence *fence, int64_t time_ms, geo_event **out);

/* Bring the events from `first` on into the order of rule 12. */
void job_sort_events(job *j, size_t first);

/* Rule 9: D = max(D, to_ms), and the timers that are due. */
GEO_MUST_USE geo_err job_advance(job *j, int64_t to_ms);

/* Note when the next timer is due. What is hit is what L lies in. */
void job_note_due(job *j);

/* Rules 5 to 7 for a fix that decides, whose place lies in the hits, which ascend. */
GEO_MUST_USE geo_err job_decide(job *j, const geo_fix *fix, bool jump, const uint32_t *hits,
                                size_t hit_count);

/* Rule 8 for a fix that is no jump, after job_decide unless that had nothing to do. */
GEO_MUST_USE geo_err job_cross(job *j, const geo_fix *fix, const uint32_t *hits, size_t hit_count);

/* Rule 11 for a device that has an L; tracker->rules are the new ones. */
GEO_MUST_USE geo_err job_rules(job *j, const geo_rules *before, const geo_rules_diff *diff,
                               int64_t append_ms);

#endif
