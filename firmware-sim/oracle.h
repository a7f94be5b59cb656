/* oracle.h - what the log's fixes, rules and ticks demand: a reading of TRACKER.md of its own. */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fix.h"
#include "base/limits.h"
#include "oracle_area.h"

#define ORACLE_NAME_SIZE 260 /* of a fence, to be shown */
#define ORACLE_NEVER_MS INT64_MAX

/* ---- rules ---- */

typedef enum oracle_intent {
    ORACLE_INFO,
    ORACLE_KEEP_IN,
    ORACLE_KEEP_OUT,
} oracle_intent;

typedef struct oracle_fence {
    uint32_t slot; /* the same in every version that has this id */
    char id[HR_FENCE_ID_MAX + 1];
    char name[ORACLE_NAME_SIZE];
    oracle_intent intent;
    int64_t dwell_ms;
    uint32_t confirm_fixes; /* 0: not set */
    int64_t expires_ms;
    bool has_schedule;
    int64_t known_ms[2]; /* the span for which it is resolved */
    uint32_t on_count;
    int64_t (*on_ms)[2]; /* [from, to) */
    uint32_t group_count;
    char (*groups)[HR_FENCE_ID_MAX + 1];
    oracle_area *area;
    oracle_area *zone; /* NULL: none */
    char *text;        /* as JSON, without what is no change, and without its schedule */
} oracle_fence;

typedef struct oracle_member {
    uint64_t device;
    int64_t stale_after_ms; /* -1: the rules' own */
    uint32_t group_count;
    char (*groups)[HR_FENCE_ID_MAX + 1];
} oracle_member;

typedef struct oracle_rules {
    uint64_t version;
    double max_accuracy_m;
    int64_t max_gap_ms;
    double max_speed_mps;
    int64_t alert_max_age_ms;
    int64_t stale_after_ms;
    uint32_t fence_count; /* bytewise by id */
    oracle_fence *fences;
    uint32_t member_count; /* by key */
    oracle_member *members;
} oracle_rules;

/* Gives a fence's id its slot. */
typedef uint32_t oracle_slot_of(void *context, const char *id);

/* From GET /v1/rules/{v}. */
HR_MUST_USE hr_err oracle_rules_read(const cJSON *json, oracle_slot_of *slot_of, void *context,
                                     oracle_rules **out, hr_why *why);
void oracle_rules_free(oracle_rules *rules);

/* TRACKER.md, rule 1. */
/* Rule 11: a name is no change, nor is a schedule that both know alike. */
bool oracle_fence_differs(const oracle_fence *a, const oracle_fence *b);
bool oracle_is_member(const oracle_rules *rules, const oracle_fence *fence, uint64_t device);
bool oracle_is_active(const oracle_rules *rules, const oracle_fence *fence, uint64_t device,
                      int64_t time_ms);
int64_t oracle_stale_after_ms(const oracle_rules *rules, uint64_t device);
/* NULL: the rules say nothing about it. */
const oracle_member *oracle_find_member(const oracle_rules *rules, uint64_t device);
const oracle_fence *oracle_find_fence(const oracle_rules *rules, const char *id);

/* ---- events ---- */

typedef struct oracle_event {
    uint32_t partition;
    int64_t offset; /* of its source */
    uint32_t index;
    char kind[12];
    char fence[HR_FENCE_ID_MAX + 1];
    char fence_name[ORACLE_NAME_SIZE];
    char cause[12];
    char severity[12];
    char id[HR_FENCE_ID_MAX + HR_DEVICE_ID_MAX + 80];
    uint64_t device;
    int64_t time_ms;
    int64_t received_ms; /* when its source was appended */
    bool has_place;
    oracle_place place;
    bool has_crossing;
    oracle_place crossing;
    int64_t crossing_ms;
    int64_t unsure_ms[2]; /* demanded only: the change of sides may be off by so much, to so much */
    bool late;
    size_t order; /* as it stands in its list before that is sorted */
} oracle_event;

typedef struct oracle_events {
    oracle_event *all;
    size_t count;
    size_t capacity;
} oracle_events;

HR_MUST_USE hr_err oracle_events_add(oracle_events *events, const oracle_event *event);
/* As the outside sees it. False: it is none. */
bool oracle_event_read(const cJSON *json, oracle_event *event);
void oracle_events_free(oracle_events *events);

/* ---- a partition's devices ---- */

/* Where a record stands, and when it was appended. */
typedef struct oracle_source {
    uint32_t partition;
    int64_t offset;
    int64_t append_ms;
} oracle_source;

/* One partition as it goes through its log. Opaque. Threads: one. */
typedef struct oracle_partition oracle_partition;

/* Events go to *out, which is borrowed; name gives a device's id for the events' ids. */
oracle_partition *oracle_partition_new(oracle_events *out,
                                       const char *(*name)(void *context, uint64_t device),
                                       void *context);
void oracle_partition_free(oracle_partition *partition);

/* TRACKER.md, rule 2: does it count in tracks and windows, no repeat? Before it is taken. *rules
 * gets those by which it is judged. */
bool oracle_is_news(oracle_partition *p, const hr_fix *fix, const oracle_rules **rules);
HR_MUST_USE hr_err oracle_take_fix(oracle_partition *p, const oracle_source *source,
                                   const hr_fix *fix);
HR_MUST_USE hr_err oracle_take_tick(oracle_partition *p, const oracle_source *source, int64_t ms);
/* The rules are borrowed as long as the partition lives. */
HR_MUST_USE hr_err oracle_take_rules(oracle_partition *p, const oracle_source *source,
                                     const oracle_rules *rules);

#endif
