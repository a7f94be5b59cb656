/* tests/geo/naive.h - TRACKER.md once more, as simply as it can be written: loops over all fences,
 * nothing clever, nothing shared with geo/ but the types of rules and events. */
#ifndef TESTS_GEO_NAIVE_H
#define TESTS_GEO_NAIVE_H

#include "geo/rules.h"
#include "geo/tracker.h"

#define NAIVE_FENCES_MAX 24
#define NAIVE_EVENTS_MAX 4096

typedef struct naive_side {
    bool in;
    unsigned pending;
    bool has_crossing;
    int64_t crossing_ms;
    geo_point crossing;
} naive_side;

typedef struct naive_device {
    uint64_t key;
    bool seen;
    int64_t T, A, D;
    int64_t recent[8];
    unsigned recent_count;
    bool stale_told;
    bool has_L;
    geo_fix L;
    naive_side fence[NAIVE_FENCES_MAX];
    naive_side zone[NAIVE_FENCES_MAX];
    int64_t since[NAIVE_FENCES_MAX];
    bool dwelt[NAIVE_FENCES_MAX];
    geo_event events[NAIVE_EVENTS_MAX]; /* of the last input */
    size_t event_count;
} naive_device;

/* Slots below NAIVE_FENCES_MAX only; sides are kept by slot. */
void naive_fix(naive_device *device, const geo_rules *rules, const geo_fix *fix);
void naive_tick(naive_device *device, const geo_rules *rules, int64_t tick_ms);

/* changed[slot]: the test changed, added or removed the fence of that slot. */
void naive_rules(naive_device *device, const geo_rules *before, const geo_rules *after,
                 const bool *changed, int64_t append_ms);

#endif
