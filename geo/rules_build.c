/* geo/rules_build.c - making a version of the rules from an older one. */
#include <stdlib.h>
#include <string.h>

#include "geo/rules.h"
#include "rules_internal.h"

struct geo_rules_builder {
    geo_settings settings;
    fence_table *fences; /* counted here; shared with the versions made until it is changed */
    uint32_t free_hint;  /* no slot below it is free */
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
    for (uint32_t i = 0; i < builder->edit_count; i++) {
        device_entry_unref(builder->edits[i]);
    }
    device_table_unref(builder->devices);
    fence_table_unref(builder->fences);
    free(builder->edits);
    free(builder);
}

geo_err geo_rules_builder_new(const geo_rules *base, geo_rules_builder **out)
{
    geo_rules_builder *builder = calloc(1, sizeof *builder);
    if (builder == NULL) {
        return GEO_NO_MEMORY;
    }
    if (base != NULL) {
        builder->settings = base->settings;
        builder->fences = fence_table_ref(base->fences);
        builder->devices = device_table_ref(base->devices);
    } else {
        builder->settings = geo_settings_default;
        geo_err err = fence_table_new(&builder->fences);
        if (err != GEO_OK) {
            free(builder);
            return err;
        }
    }
    *out = builder;
    return GEO_OK;
}

geo_err geo_rules_put_fence(geo_rules_builder *builder, const geo_fence *fence, uint32_t *slot)
{
    uint32_t at = fence_table_find(builder->fences, fence->id);
    geo_err err = GEO_OK;
    if (at != GEO_NO_SLOT) {
        err = fence_table_replace(&builder->fences, fence, at);
    } else {
        at = fence_table_free_slot(builder->fences, builder->free_hint);
        err = at < GEO_RULES_FENCES_MAX ? fence_table_insert(&builder->fences, fence, at)
                                        : GEO_TOO_BIG;
        builder->free_hint = err == GEO_OK ? at + 1 : builder->free_hint;
    }
    if (err == GEO_OK && slot != NULL) {
        *slot = at;
    }
    return err;
}

geo_err geo_rules_put_fence_at(geo_rules_builder *builder, const geo_fence *fence, uint32_t slot)
{
    if (slot >= GEO_RULES_FENCES_MAX) {
        return GEO_TOO_BIG;
    }
    if (fence_table_at(builder->fences, slot) != NULL ||
        fence_table_find(builder->fences, fence->id) != GEO_NO_SLOT) {
        return GEO_EXISTS;
    }
    return fence_table_insert(&builder->fences, fence, slot);
}

geo_err geo_rules_remove_fence(geo_rules_builder *builder, const char *id)
{
    uint32_t slot = fence_table_find(builder->fences, id);
    if (slot == GEO_NO_SLOT) {
        return GEO_NOT_FOUND;
    }
    geo_err err = fence_table_remove(&builder->fences, slot);
    if (err == GEO_OK && slot < builder->free_hint) {
        builder->free_hint = slot;
    }
    return err;
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

geo_err geo_rules_build(geo_rules_builder *builder, uint64_t version, const geo_rules **out)
{
    geo_err err = apply_edits(builder);
    geo_rules *rules = err == GEO_OK ? malloc(sizeof *rules) : NULL;
    if (rules == NULL) {
        return err == GEO_OK ? GEO_NO_MEMORY : err;
    }
    *rules = (geo_rules){
        .version = version,
        .settings = builder->settings,
        .fences = fence_table_ref(builder->fences),
        .devices = device_table_ref(builder->devices),
    };
    atomic_init(&rules->refs, 1);
    *out = rules;
    return GEO_OK;
}
