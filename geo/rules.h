/* geo/rules.h - the rule set: everything a decision reads besides fixes, one immutable version. */
#ifndef GEO_RULES_H
#define GEO_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"
#include "geo/rules_fence.h"

#define GEO_RULES_FENCES_MAX 1000000
#define GEO_RULES_DEVICES_MAX 1000000
#define GEO_DEVICE_GROUPS_MAX 64

/* A fence keeps its slot, a small number, through all versions; a removed one's slot is used again.
 * The index numbers areas: the fence of slot s is area 2s, its approach zone is area 2s + 1. */
#define GEO_NO_SLOT UINT32_MAX
#define GEO_AREA_OF_SLOT(slot) ((slot)*2u)
#define GEO_ZONE_OF_SLOT(slot) ((slot)*2u + 1u)

typedef struct geo_settings {
    uint32_t max_accuracy_m;
    uint32_t max_gap_s;
    uint32_t max_speed_mps;
    uint32_t alert_max_age_s;
    uint32_t stale_after_s; /* for devices without their own; 0: never stale */
} geo_settings;

/* 100 m, 300 s, 60 m/s, 600 s, 21600 s. */
extern const geo_settings geo_settings_default;

/* A device that has groups or a stale time of its own. */
typedef struct geo_device_rules {
    uint64_t device;
    bool has_stale_after;
    uint32_t stale_after_s;
    const char *const *groups; /* sorted bytewise, no two equal */
    uint32_t group_count;
} geo_device_rules;

/* Opaque, immutable, counted: any thread may read and count. Versions share what did not change. */
typedef struct geo_rules geo_rules;

const geo_rules *geo_rules_ref(const geo_rules *rules);
void geo_rules_unref(const geo_rules *rules);

uint64_t geo_rules_version(const geo_rules *rules);
const geo_settings *geo_rules_settings(const geo_rules *rules);

/* Slots run below geo_rules_slot_count(); a free one has the fence NULL. Borrowed, valid as long as
 * the rules. */
uint32_t geo_rules_slot_count(const geo_rules *rules);
uint32_t geo_rules_fence_count(const geo_rules *rules);
const geo_fence *geo_rules_fence(const geo_rules *rules, uint32_t slot);

/* The slot of a fence's id, or GEO_NO_SLOT; and the n-th slot in the bytewise order of ids. */
uint32_t geo_rules_find(const geo_rules *rules, const char *id);
uint32_t geo_rules_slot_by_rank(const geo_rules *rules, uint32_t rank);

/* Devices with an entry of their own, in the order of their keys; NULL for any other device. */
uint32_t geo_rules_device_count(const geo_rules *rules);
const geo_device_rules *geo_rules_device_by_rank(const geo_rules *rules, uint32_t rank);
const geo_device_rules *geo_rules_device(const geo_rules *rules, uint64_t device);

/* Whether the fence is meant for the device: it has no groups, or the device is in one of them. */
bool geo_rules_concern(const geo_rules *rules, const geo_fence *fence, uint64_t device);
uint32_t geo_rules_stale_after_s(const geo_rules *rules, uint64_t device);

/* TRACKER.md rule 1: for the device, on by schedule, and not expired, at time_ms. */
bool geo_rules_active(const geo_rules *rules, const geo_fence *fence, uint64_t device,
                      int64_t time_ms);

/* Making a version: begin with an old one (NULL: nothing, default settings), edit, build. One
 * thread. The base is counted until the builder is freed. */
typedef struct geo_rules_builder geo_rules_builder;

GEO_MUST_USE geo_err geo_rules_builder_new(const geo_rules *base, geo_rules_builder **out);
void geo_rules_builder_free(geo_rules_builder *builder);

/* Add a fence or replace the one of the same id, which keeps its slot; a new one gets the lowest
 * free slot. The builder counts its own reference. *slot may be NULL.
 * GEO_TOO_BIG: above GEO_RULES_FENCES_MAX. */
GEO_MUST_USE geo_err geo_rules_put_fence(geo_rules_builder *builder, const geo_fence *fence,
                                         uint32_t *slot);
/* The same at a slot that is known, for reading a stored version. GEO_EXISTS: slot or id taken. */
GEO_MUST_USE geo_err geo_rules_put_fence_at(geo_rules_builder *builder, const geo_fence *fence,
                                            uint32_t slot);
/* GEO_NOT_FOUND: no fence has that id. */
GEO_MUST_USE geo_err geo_rules_remove_fence(geo_rules_builder *builder, const char *id);

/* Set or replace a device's entry, copied, its groups in any order; an entry that says nothing is
 * removed. GEO_INVALID: a bad group name. GEO_TOO_BIG: above a limit. */
GEO_MUST_USE geo_err geo_rules_put_device(geo_rules_builder *builder,
                                          const geo_device_rules *device);
void geo_rules_set_settings(geo_rules_builder *builder, const geo_settings *settings);

/* The new version; the caller owns one reference. The builder may go on to a next version. */
GEO_MUST_USE geo_err geo_rules_build(geo_rules_builder *builder, uint64_t version,
                                     const geo_rules **out);

#endif
