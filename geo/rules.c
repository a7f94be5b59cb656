/* geo/rules.c - reading a version of the rules. */
#include "geo/rules.h"

#include <stdlib.h>
#include <string.h>

#include "rules_internal.h"

const geo_settings geo_settings_default = {
    .max_accuracy_m = 100,
    .max_gap_s = 300,
    .max_speed_mps = 60,
    .alert_max_age_s = 600,
    .stale_after_s = 21600,
};

const geo_rules *geo_rules_ref(const geo_rules *rules)
{
    if (rules != NULL) {
        geo_rules *counted = (geo_rules *)(uintptr_t)rules;
        atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
    }
    return rules;
}

void geo_rules_unref(const geo_rules *rules)
{
    geo_rules *counted = (geo_rules *)(uintptr_t)rules;
    if (rules == NULL || atomic_fetch_sub_explicit(&counted->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    fence_table_unref(counted->fences);
    device_table_unref(counted->devices);
    free(counted);
}

uint64_t geo_rules_version(const geo_rules *rules)
{
    return rules->version;
}

const geo_settings *geo_rules_settings(const geo_rules *rules)
{
    return &rules->settings;
}

uint32_t geo_rules_slot_count(const geo_rules *rules)
{
    return rules->fences->slot_count;
}

uint32_t geo_rules_fence_count(const geo_rules *rules)
{
    return rules->fences->fence_count;
}

const geo_fence *geo_rules_fence(const geo_rules *rules, uint32_t slot)
{
    return fence_table_at(rules->fences, slot);
}

uint32_t geo_rules_find(const geo_rules *rules, const char *id)
{
    return fence_table_find(rules->fences, id);
}

uint32_t geo_rules_slot_by_rank(const geo_rules *rules, uint32_t rank)
{
    return fence_table_by_rank(rules->fences, rank);
}

uint32_t geo_rules_device_count(const geo_rules *rules)
{
    return rules->devices == NULL ? 0 : rules->devices->count;
}

const geo_device_rules *geo_rules_device_by_rank(const geo_rules *rules, uint32_t rank)
{
    return rank < geo_rules_device_count(rules) ? &rules->devices->entries[rank]->rules : NULL;
}

const geo_device_rules *geo_rules_device(const geo_rules *rules, uint64_t device)
{
    return device_table_find(rules->devices, device);
}

bool geo_rules_concern(const geo_rules *rules, const geo_fence *fence, uint64_t device)
{
    if (fence->group_count == 0) {
        return true;
    }
    const geo_device_rules *entry = device_table_find(rules->devices, device);
    if (entry == NULL) {
        return false;
    }
    /* Both lists are sorted: one walk along the two. */
    uint32_t mine = 0;
    for (uint32_t i = 0; i < fence->group_count; i++) {
        int order = -1;
        while (mine < entry->group_count &&
               (order = strcmp(entry->groups[mine], fence->groups[i])) < 0) {
            mine++;
        }
        if (mine < entry->group_count && order == 0) {
            return true;
        }
    }
    return false;
}

uint32_t geo_rules_stale_after_s(const geo_rules *rules, uint64_t device)
{
    const geo_device_rules *entry = device_table_find(rules->devices, device);
    return entry != NULL && entry->has_stale_after ? entry->stale_after_s
                                                   : rules->settings.stale_after_s;
}

bool geo_rules_active(const geo_rules *rules, const geo_fence *fence, uint64_t device,
                      int64_t time_ms)
{
    return time_ms < fence->expires_at_ms && geo_fence_on_at(fence, time_ms) &&
           geo_rules_concern(rules, fence, device);
}
