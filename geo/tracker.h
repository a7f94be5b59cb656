/* geo/tracker.h - who crossed which fence: TRACKER.md as a function of state, input and rules. */
#ifndef GEO_TRACKER_H
#define GEO_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"
#include "geo/point.h"
#include "geo/rules.h"
#include "geo/rules_diff.h"
#include "geo/tracker_event.h"
#include "geo/tracker_state.h"

#define GEO_ACCURACY_UNKNOWN UINT16_MAX

typedef struct geo_fix {
    int64_t time_ms;
    int64_t append_ms;
    geo_point place;
    uint16_t accuracy_dm;
} geo_fix;

/* Where areas are found: an index over the areas (fences and zones, numbered by GEO_AREA_OF_SLOT
 * and GEO_ZONE_OF_SLOT) of the rules in use. Both functions write up to `capacity` area numbers and
 * return how many there are; with more than capacity they are asked again. In any order, none
 * twice. They may not fail and may not keep the pointers. */
typedef struct geo_tracker_index {
    /* Exactly the areas that the point lies in, boundary included. */
    size_t (*at)(void *context, geo_point point, uint32_t *areas, size_t capacity);
    /* At least the fences whose boundary the segment touches, the short way round; more does no
     * harm. */
    size_t (*touched)(void *context, geo_point from, geo_point to, uint32_t *areas,
                      size_t capacity);
    void *context;
} geo_tracker_index;

/* Opaque: scratch memory and the events of the last call. One for each thread. */
typedef struct geo_tracker geo_tracker;

GEO_MUST_USE geo_err geo_tracker_new(geo_tracker **out);
void geo_tracker_free(geo_tracker *tracker);

/* The world that the next inputs are judged by; borrowed until the next call of this. */
void geo_tracker_use(geo_tracker *tracker, const geo_rules *rules, const geo_tracker_index *index);

/* Every input: on success the events, possibly none, are to be had from geo_tracker_events().
 * GEO_NO_MEMORY: the state is as before and there are no events. */

/* A fix (rule 2). hits are exactly the areas that fix->place lies in, as index->at() would say, so
 * that a caller can ask for many fixes at once.
 * GEO_RANGE: a time outside GEO_TIME_MS_MIN..MAX, or a place off the globe; nothing changed. */
GEO_MUST_USE geo_err geo_tracker_fix(geo_tracker *tracker, geo_tracker_state *state,
                                     uint64_t device, const geo_fix *fix, const uint32_t *hits,
                                     size_t hit_count);

/* What the caller knows already, for the next fix only: the way from `from` to its place touches no
 * fence's boundary, as geo_index_clear() says of many at once. If `from` is the place of L
 * (geo_tracker_state_last), this spares a search for fences crossed on the way; it decides nothing.
 */
void geo_tracker_clear_from(geo_tracker *tracker, geo_point from);

/* A tick (rule 10). GEO_RANGE as above. */
GEO_MUST_USE geo_err geo_tracker_tick(geo_tracker *tracker, geo_tracker_state *state,
                                      uint64_t device, int64_t tick_ms);

/* No tick below this has anything to tell for this device: it may be left out, if the newest of
 * those left out since the device's newest fix is given before its next fix or rules.
 * INT64_MIN: any tick may. Never late, sometimes early. */
int64_t geo_tracker_wake_ms(const geo_tracker *tracker, const geo_tracker_state *state,
                            uint64_t device);

/* New rules (rule 11), `before` being those that the state was last used with; the tracker uses the
 * new ones (geo_tracker_use). diff is between the two, in this order. */
GEO_MUST_USE geo_err geo_tracker_rules(geo_tracker *tracker, geo_tracker_state *state,
                                       uint64_t device, const geo_rules *before,
                                       const geo_rules_diff *diff, int64_t append_ms);

/* The events of the last successful input, in the order of rule 12; valid until the next input. */
const geo_event *geo_tracker_events(const geo_tracker *tracker, size_t *count);

/* What became of the last fix, for counters. */
typedef enum geo_fix_fate {
    GEO_FIX_DECIDED,
    GEO_FIX_REPEATED,
    GEO_FIX_OUT_OF_ORDER,
    GEO_FIX_INACCURATE,
} geo_fix_fate;

geo_fix_fate geo_tracker_fix_fate(const geo_tracker *tracker);

#endif
