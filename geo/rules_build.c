/* geo/rules_build.c - making a version of the rules from an older one. */
#include <stdlib.h>
#include <string.h>

#include "geo/rules.h"
#include "rules_internal.h"

struct geo_rules_builder {
    geo_settings settings;
    const geo_fence **slots; /* each counted here */
    uint8_t *fresh;          /* per slot: its fence's id is not in `order` at this slot */
    uint32_t slot_count;
    uint32_t slot_capacity;
    uint32_t fence_count;
    uint32_t free_hint; /* no slot below it is free */
    id_map ids;
    uint32_t *order; /* slots by id as of the last version; stale where fresh or empty */
    uint32_t order_count;
    device_table *devices;
    device_entry **edits; /* since the last version, in the order given */
    uint32_t edit_count;
    uint32_t edit_capacity;
};

void geo_rules_builder_free(geo_rules_builder *builder)
{
    if (builder == NULL) {
        return;
    }
    for (uint32_t slot = 0; slot < builder->slot_count; slot++) {
        geo_fence_unref(builder->slots[slot]);
    }
    for (uint32_t i = 0; i < builder->edit_count; i++) {
        device_entry_unref(builder->edits[i]);
    }
    device_table_unref(builder->devices);
    free(builder->slots);
    free(builder->fresh);
    free(builder->ids.places);
    free(builder->order);
    free(builder->edits);
    free(builder);
}

/* Make room for slots below slot_count; those that are new are free. */
static geo_err reserve_slots(geo_rules_builder *builder, uint32_t slot_count)
{
    if (slot_count > GEO_RULES_FENCES_MAX) {
        return GEO_TOO_BIG;
    }
    if (slot_count > builder->slot_capacity) {
        uint32_t capacity = builder->slot_capacity * 2;
        capacity = capacity < slot_count ? slot_count : capacity;
        capacity = capacity < 16 ? 16 : capacity;
        const geo_fence **slots = realloc(builder->slots, capacity * sizeof(geo_fence *));
        if (slots == NULL) {
            return GEO_NO_MEMORY;
        }
        builder->slots = slots;
        uint8_t *fresh = realloc(builder->fresh, capacity);
        if (fresh == NULL) {
            return GEO_NO_MEMORY;
        }
        builder->fresh = fresh;
        id_map ids;
        geo_err err = id_map_new(capacity, &ids);
        if (err != GEO_OK) {
            return err;
        }
        for (uint32_t slot = 0; slot < builder->slot_count; slot++) {
            if (slots[slot] != NULL) {
                id_map_add(&ids, slots, slot);
            }
        }
        free(builder->ids.places);
        builder->ids = ids;
        builder->slot_capacity = capacity;
    }
    while (builder->slot_count < slot_count) {
        builder->slots[builder->slot_count] = NULL;
        builder->fresh[builder->slot_count] = 0;
        builder->slot_count++;
    }
    return GEO_OK;
}

static geo_err copy_base(geo_rules_builder *builder, const geo_rules *base)
{
    geo_err err = reserve_slots(builder, base->slot_count);
    if (err != GEO_OK) {
        return err;
    }
    for (uint32_t slot = 0; slot < base->slot_count; slot++) {
        builder->slots[slot] = geo_fence_ref(base->slots[slot]);
        if (builder->slots[slot] != NULL) {
            id_map_add(&builder->ids, builder->slots, slot);
        }
    }
    builder->fence_count = base->fence_count;
    builder->settings = base->settings;
    builder->devices = device_table_ref(base->devices);
    builder->order = malloc((base->fence_count + 1) * sizeof *builder->order);
    if (builder->order == NULL) {
        return GEO_NO_MEMORY;
    }
    memcpy(builder->order, base->by_id, base->fence_count * sizeof *builder->order);
    builder->order_count = base->fence_count;
    return GEO_OK;
}

geo_err geo_rules_builder_new(const geo_rules *base, geo_rules_builder **out)
{
    geo_rules_builder *builder = calloc(1, sizeof *builder);
    if (builder == NULL) {
        return GEO_NO_MEMORY;
    }
    builder->settings = geo_settings_default;
    geo_err err = base == NULL ? reserve_slots(builder, 1) : copy_base(builder, base);
    if (err != GEO_OK) {
        geo_rules_builder_free(builder);
        return err;
    }
    *out = builder;
    return GEO_OK;
}

static void fill_slot(geo_rules_builder *builder, const geo_fence *fence, uint32_t slot)
{
    builder->slots[slot] = geo_fence_ref(fence);
    builder->fresh[slot] = 1;
    builder->fence_count++;
    id_map_add(&builder->ids, builder->slots, slot);
}

geo_err geo_rules_put_fence(geo_rules_builder *builder, const geo_fence *fence, uint32_t *slot)
{
    uint32_t at = id_map_find(&builder->ids, builder->slots, fence->id);
    if (at != GEO_NO_SLOT) {
        const geo_fence *old = builder->slots[at];
        builder->slots[at] = geo_fence_ref(fence);
        geo_fence_unref(old);
    } else {
        at = builder->free_hint;
        while (at < builder->slot_count && builder->slots[at] != NULL) {
            at++;
        }
        geo_err err = at < builder->slot_count ? GEO_OK : reserve_slots(builder, at + 1);
        if (err != GEO_OK) {
            return err;
        }
        fill_slot(builder, fence, at);
        builder->free_hint = at + 1;
    }
    if (slot != NULL) {
        *slot = at;
    }
    return GEO_OK;
}

geo_err geo_rules_put_fence_at(geo_rules_builder *builder, const geo_fence *fence, uint32_t slot)
{
    if (slot >= GEO_RULES_FENCES_MAX) {
        return GEO_TOO_BIG;
    }
    if ((slot < builder->slot_count && builder->slots[slot] != NULL) ||
        id_map_find(&builder->ids, builder->slots, fence->id) != GEO_NO_SLOT) {
        return GEO_EXISTS;
    }
    geo_err err = slot < builder->slot_count ? GEO_OK : reserve_slots(builder, slot + 1);
    if (err != GEO_OK) {
        return err;
    }
    fill_slot(builder, fence, slot);
    return GEO_OK;
}

geo_err geo_rules_remove_fence(geo_rules_builder *builder, const char *id)
{
    uint32_t slot = id_map_find(&builder->ids, builder->slots, id);
    if (slot == GEO_NO_SLOT) {
        return GEO_NOT_FOUND;
    }
    id_map_remove(&builder->ids, builder->slots, slot);
    geo_fence_unref(builder->slots[slot]);
    builder->slots[slot] = NULL;
    builder->fence_count--;
    if (slot < builder->free_hint) {
        builder->free_hint = slot;
    }
    return GEO_OK;
}

geo_err geo_rules_put_device(geo_rules_builder *builder, const geo_device_rules *device)
{
    if (builder->edit_count == builder->edit_capacity) {
        uint32_t capacity = builder->edit_capacity < 8 ? 8 : builder->edit_capacity * 2;
        device_entry **edits = realloc(builder->edits, capacity * sizeof(device_entry *));
        if (edits == NULL) {
            return GEO_NO_MEMORY;
        }
        builder->edits = edits;
        builder->edit_capacity = capacity;
    }
    geo_err err = device_entry_new(device, &builder->edits[builder->edit_count]);
    if (err != GEO_OK) {
        return err;
    }
    builder->edit_count++;
    return GEO_OK;
}

void geo_rules_set_settings(geo_rules_builder *builder, const geo_settings *settings)
{
    builder->settings = *settings;
}

static int compare_slots(const void *a, const void *b, void *slots)
{
    const geo_fence *const *fences = slots;
    return strcmp(fences[*(const uint32_t *)a]->id, fences[*(const uint32_t *)b]->id);
}

/* All slots in the order of their ids: the old order, which needs no sorting, merged with the new
 * ones, so that one edit among 100,000 fences costs one pass. */
static geo_err merge_order(const geo_rules_builder *builder, uint32_t *order)
{
    uint32_t *fresh = malloc((builder->fence_count + 1) * sizeof *fresh);
    if (fresh == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t fresh_count = 0;
    for (uint32_t slot = 0; slot < builder->slot_count; slot++) {
        if (builder->slots[slot] != NULL && builder->fresh[slot] != 0) {
            fresh[fresh_count++] = slot;
        }
    }
    void *slots = builder->slots;
    qsort_r(fresh, fresh_count, sizeof *fresh, compare_slots, slots);
    uint32_t count = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; i < builder->order_count; i++) {
        uint32_t slot = builder->order[i];
        if (builder->slots[slot] == NULL || builder->fresh[slot] != 0) {
            continue;
        }
        while (next < fresh_count && compare_slots(&fresh[next], &slot, slots) < 0) {
            order[count++] = fresh[next++];
        }
        order[count++] = slot;
    }
    memcpy(order + count, fresh + next, (fresh_count - next) * sizeof *fresh);
    free(fresh);
    return GEO_OK;
}

static int compare_edits(const void *a, const void *b)
{
    uint64_t left = (*(device_entry *const *)a)->rules.device;
    uint64_t right = (*(device_entry *const *)b)->rules.device;
    return left < right ? -1 : left > right;
}

/* Gives the builder a table with its edits in it. Of several edits of a device the last counts. */
static geo_err apply_edits(geo_rules_builder *builder)
{
    if (builder->edit_count == 0) {
        return GEO_OK;
    }
    device_entry **sorted = malloc(builder->edit_count * sizeof(device_entry *));
    if (sorted == NULL) {
        return GEO_NO_MEMORY;
    }
    memcpy(sorted, builder->edits, builder->edit_count * sizeof(device_entry *));
    /* glibc's qsort may fall back to an unstable sort under memory pressure; keep the last of equal
     * keys by position instead of trusting it: duplicates are rare, so look behind each of them. */
    qsort(sorted, builder->edit_count, sizeof(device_entry *), compare_edits);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < builder->edit_count; i++) {
        if (kept > 0 && sorted[kept - 1]->rules.device == sorted[i]->rules.device) {
            uint32_t last = builder->edit_count;
            while (builder->edits[--last]->rules.device != sorted[i]->rules.device) {
            }
            sorted[kept - 1] = builder->edits[last];
        } else {
            sorted[kept++] = sorted[i];
        }
    }
    device_table *table = NULL;
    geo_err err = device_table_edit(builder->devices, sorted, kept, &table);
    free(sorted);
    if (err != GEO_OK) {
        return err;
    }
    for (uint32_t i = 0; i < builder->edit_count; i++) {
        device_entry_unref(builder->edits[i]);
    }
    builder->edit_count = 0;
    device_table_unref(builder->devices);
    builder->devices = table;
    return GEO_OK;
}

static uint32_t *copy_numbers(const uint32_t *numbers, size_t count)
{
    uint32_t *copy = malloc((count + 1) * sizeof *copy);
    if (copy != NULL && count > 0) {
        memcpy(copy, numbers, count * sizeof *copy);
    }
    return copy;
}

/* The parts of a version that hold no counted thing yet. */
static geo_err new_rules(geo_rules_builder *builder, geo_rules **out)
{
    geo_rules *rules = calloc(1, sizeof *rules);
    uint32_t *order = malloc((builder->fence_count + 1) * sizeof *order);
    if (rules == NULL || order == NULL || merge_order(builder, order) != GEO_OK) {
        free(rules);
        free(order);
        return GEO_NO_MEMORY;
    }
    atomic_init(&rules->refs, 1);
    rules->slots = malloc((builder->slot_count + 1) * sizeof(geo_fence *));
    rules->by_id = copy_numbers(order, builder->fence_count);
    rules->ids.mask = builder->ids.mask;
    rules->ids.places = copy_numbers(builder->ids.places, (size_t)builder->ids.mask + 1);
    if (rules->slots == NULL || rules->by_id == NULL || rules->ids.places == NULL) {
        geo_rules_unref(rules);
        free(order);
        return GEO_NO_MEMORY;
    }
    free(builder->order);
    builder->order = order;
    builder->order_count = builder->fence_count;
    memset(builder->fresh, 0, builder->slot_count);
    *out = rules;
    return GEO_OK;
}

geo_err geo_rules_build(geo_rules_builder *builder, uint64_t version, const geo_rules **out)
{
    geo_rules *rules = NULL;
    geo_err err = apply_edits(builder);
    err = err == GEO_OK ? new_rules(builder, &rules) : err;
    if (err != GEO_OK) {
        return err;
    }
    rules->version = version;
    rules->settings = builder->settings;
    rules->fence_count = builder->fence_count;
    rules->slot_count = builder->slot_count;
    for (uint32_t slot = 0; slot < builder->slot_count; slot++) {
        rules->slots[slot] = geo_fence_ref(builder->slots[slot]);
    }
    rules->devices = device_table_ref(builder->devices);
    *out = rules;
    return GEO_OK;
}
