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

static uint32_t place_of(const char *id, uint32_t mask)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (; *id != '\0'; id++) {
        hash = (hash ^ (uint8_t)*id) * UINT64_C(0x100000001B3);
    }
    return (uint32_t)(hash ^ (hash >> 32)) & mask;
}

geo_err id_map_new(uint32_t count, id_map *out)
{
    uint32_t place_count = 16;
    while (place_count < 2 * count) {
        place_count *= 2;
    }
    uint32_t *places = calloc(place_count, sizeof *places);
    if (places == NULL) {
        return GEO_NO_MEMORY;
    }
    *out = (id_map){.mask = place_count - 1, .places = places};
    return GEO_OK;
}

uint32_t id_map_find(const id_map *map, const geo_fence *const *slots, const char *id)
{
    for (uint32_t place = place_of(id, map->mask); map->places[place] != 0;
         place = (place + 1) & map->mask) {
        uint32_t slot = map->places[place] - 1;
        if (strcmp(slots[slot]->id, id) == 0) {
            return slot;
        }
    }
    return GEO_NO_SLOT;
}

void id_map_add(id_map *map, const geo_fence *const *slots, uint32_t slot)
{
    uint32_t place = place_of(slots[slot]->id, map->mask);
    while (map->places[place] != 0) {
        place = (place + 1) & map->mask;
    }
    map->places[place] = slot + 1;
}

void id_map_remove(id_map *map, const geo_fence *const *slots, uint32_t slot)
{
    uint32_t hole = place_of(slots[slot]->id, map->mask);
    while (map->places[hole] != slot + 1) {
        hole = (hole + 1) & map->mask;
    }
    /* Close the hole: move back every later one of the run that may stand there, so that no search
     * ends at a hole before it has reached what it looks for. */
    map->places[hole] = 0;
    for (uint32_t at = (hole + 1) & map->mask; map->places[at] != 0; at = (at + 1) & map->mask) {
        uint32_t home = place_of(slots[map->places[at] - 1]->id, map->mask);
        if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
            map->places[hole] = map->places[at];
            map->places[at] = 0;
            hole = at;
        }
    }
}

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
    for (uint32_t slot = 0; slot < counted->slot_count; slot++) {
        geo_fence_unref(counted->slots[slot]);
    }
    device_table_unref(counted->devices);
    free(counted->slots);
    free(counted->by_id);
    free(counted->ids.places);
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
    return rules->slot_count;
}

uint32_t geo_rules_fence_count(const geo_rules *rules)
{
    return rules->fence_count;
}

const geo_fence *geo_rules_fence(const geo_rules *rules, uint32_t slot)
{
    return slot < rules->slot_count ? rules->slots[slot] : NULL;
}

uint32_t geo_rules_find(const geo_rules *rules, const char *id)
{
    return id_map_find(&rules->ids, rules->slots, id);
}

uint32_t geo_rules_slot_by_rank(const geo_rules *rules, uint32_t rank)
{
    return rank < rules->fence_count ? rules->by_id[rank] : GEO_NO_SLOT;
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
