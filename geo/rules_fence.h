/* geo/rules_fence.h - one fence as decisions read it: immutable, counted, shared by versions. */
#ifndef GEO_RULES_FENCE_H
#define GEO_RULES_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/area.h"
#include "geo/err.h"

#define GEO_FENCE_ID_MAX 64
#define GEO_FENCE_NAME_MAX 256
#define GEO_FENCE_GROUPS_MAX 64
#define GEO_FENCE_INTERVALS_MAX 65536
#define GEO_FENCE_CONFIRM_MAX 100
#define GEO_GROUP_NAME_MAX 64

/* No such instant: later than every time that a fix can bear. */
#define GEO_NEVER_MS INT64_MAX

typedef enum geo_intent {
    GEO_INFO,
    GEO_KEEP_IN,
    GEO_KEEP_OUT,
} geo_intent;

/* From from_ms on, to_ms no more. */
typedef struct geo_interval {
    int64_t from_ms;
    int64_t to_ms;
} geo_interval;

/* What a schedule comes to in UTC: on within the intervals, which are in order and neither touch
 * nor overlap, and known for the span only. A fence without a schedule is always on. */
typedef struct geo_instants {
    bool scheduled;
    geo_interval span;
    const geo_interval *on;
    uint32_t on_count;
} geo_instants;

/* Strings and arrays belong to the fence. A person's parameters (circle, corridor, colour, weekly
 * times) are not here: the catalogue keeps them, decisions do not read them. */
typedef struct geo_fence {
    const char *id;
    const char *name; /* "" when the fence has none */
    geo_intent intent;
    uint32_t dwell_s;       /* 0: no dwell events */
    uint32_t approach_cm;   /* 0: no approach zone */
    uint32_t confirm_fixes; /* 0: not set, the accuracy decides */
    int64_t expires_at_ms;  /* GEO_NEVER_MS: does not expire */
    geo_instants schedule;
    const char *const *groups; /* sorted bytewise, no two equal; none: for every device */
    uint32_t group_count;
    const geo_area *area;
    const geo_area *zone; /* NULL without approach */
} geo_fence;

/* Make a fence from a description: everything but the areas is copied; the areas are taken over on
 * success and stay the caller's on failure. The caller owns one reference to *out.
 * GEO_INVALID: a bad id, name, group, number or schedule. GEO_TOO_BIG: above a limit. */
GEO_MUST_USE geo_err geo_fence_new(const geo_fence *description, const geo_fence **out,
                                   geo_why *why);

/* Count one more or one less user; from any thread. The last one frees it. NULL is fine. */
const geo_fence *geo_fence_ref(const geo_fence *fence);
void geo_fence_unref(const geo_fence *fence);

/* Whether the id is 1-64 of [A-Za-z0-9._-], beginning with a letter or a digit. */
bool geo_fence_id_valid(const char *id);

/* Whether the schedule is on, and its next switches after `after_ms`: GEO_NEVER_MS if none. */
bool geo_fence_on_at(const geo_fence *fence, int64_t time_ms);
int64_t geo_fence_next_on_ms(const geo_fence *fence, int64_t after_ms);
int64_t geo_fence_next_off_ms(const geo_fence *fence, int64_t after_ms);

typedef enum geo_fence_change {
    GEO_FENCE_SAME,     /* nothing that a decision reads; the name may differ */
    GEO_FENCE_RESOLVED, /* the same schedule resolved for another span: timers may differ */
    GEO_FENCE_CHANGED,
} geo_fence_change;

/* What turning one fence into another means for decisions. Two schedules are the same when they
 * agree within both spans, so that renewing a schedule is no change. NULL is "no such fence". */
geo_fence_change geo_fence_compare(const geo_fence *before, const geo_fence *after);

#endif
