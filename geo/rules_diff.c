/* geo/rules_diff.c - comparing two versions of the rules, pointers first. */
#include "geo/rules_diff.h"

#include <stdlib.h>
#include <string.h>

#include "rules_internal.h"

void geo_rules_diff_free(geo_rules_diff *diff)
{
    if (diff != NULL) {
        free(diff->changed);
        free(diff->resolved);
        free(diff->devices);
        free(diff);
    }
}

static geo_err push_slot(uint32_t **slots, uint32_t *count, uint32_t slot)
{
    /* Grows at powers of two, so that the count tells the capacity. */
    if ((*count & (*count - 1)) == 0) {
        size_t capacity = *count == 0 ? 1 : 2 * (size_t)*count;
        uint32_t *grown = realloc(*slots, capacity * sizeof *grown);
        if (grown == NULL) {
            return GEO_NO_MEMORY;
        }
        *slots = grown;
    }
    (*slots)[(*count)++] = slot;
    return GEO_OK;
}

static geo_err push_device(geo_rules_diff *diff, uint64_t device)
{
    uint32_t count = diff->device_count;
    if ((count & (count - 1)) == 0) {
        size_t capacity = count == 0 ? 1 : 2 * (size_t)count;
        uint64_t *grown = realloc(diff->devices, capacity * sizeof *grown);
        if (grown == NULL) {
            return GEO_NO_MEMORY;
        }
        diff->devices = grown;
    }
    diff->devices[diff->device_count++] = device;
    return GEO_OK;
}

static geo_err compare_slot(const geo_fence *old, const geo_fence *new, uint32_t slot,
                            geo_rules_diff *diff)
{
    switch (geo_fence_compare(old, new)) {
    case GEO_FENCE_RESOLVED:
        return push_slot(&diff->resolved, &diff->resolved_count, slot);
    case GEO_FENCE_CHANGED:
        return push_slot(&diff->changed, &diff->changed_count, slot);
    case GEO_FENCE_SAME:
        break;
    }
    return GEO_OK;
}

/* Versions share the pages in which nothing has changed. */
static geo_err compare_fences(const fence_table *before, const fence_table *after,
                              geo_rules_diff *diff)
{
    uint32_t count =
        before->slot_count > after->slot_count ? before->slot_count : after->slot_count;
    geo_err err = GEO_OK;
    for (uint32_t slot = 0; slot < count && err == GEO_OK; slot++) {
        uint32_t page = slot / FENCE_PAGE_SLOTS;
        if (slot % FENCE_PAGE_SLOTS == 0 && page < before->page_count && page < after->page_count &&
            before->pages[page] == after->pages[page]) {
            slot += FENCE_PAGE_SLOTS - 1;
            continue;
        }
        const geo_fence *old = fence_table_at(before, slot);
        const geo_fence *new = fence_table_at(after, slot);
        err = old == new ? GEO_OK : compare_slot(old, new, slot, diff);
    }
    return err;
}

static bool groups_equal(const geo_device_rules *a, const geo_device_rules *b)
{
    uint32_t a_count = a == NULL ? 0 : a->group_count;
    uint32_t b_count = b == NULL ? 0 : b->group_count;
    if (a_count != b_count) {
        return false;
    }
    for (uint32_t i = 0; i < a_count; i++) {
        if (strcmp(a->groups[i], b->groups[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* One walk along both tables, which are sorted by key. */
static geo_err compare_devices(const geo_rules *before, const geo_rules *after,
                               geo_rules_diff *diff)
{
    if (before->devices == after->devices) {
        return GEO_OK;
    }
    uint32_t i = 0;
    uint32_t k = 0;
    geo_err err = GEO_OK;
    while (err == GEO_OK) {
        const geo_device_rules *old = geo_rules_device_by_rank(before, i);
        const geo_device_rules *new = geo_rules_device_by_rank(after, k);
        if (old == NULL && new == NULL) {
            break;
        }
        if (old != NULL && new != NULL && old->device != new->device) {
            *(old->device < new->device ? &new : &old) = NULL;
        }
        i += old != NULL;
        k += new != NULL;
        if (old != new && !groups_equal(old, new)) {
            err = push_device(diff, old != NULL ? old->device : new->device);
        }
    }
    return err;
}

geo_err geo_rules_diff_new(const geo_rules *before, const geo_rules *after, geo_rules_diff **out)
{
    geo_rules_diff *diff = calloc(1, sizeof *diff);
    if (diff == NULL) {
        return GEO_NO_MEMORY;
    }
    geo_err err = compare_fences(before->fences, after->fences, diff);
    err = err == GEO_OK ? compare_devices(before, after, diff) : err;
    if (err != GEO_OK) {
        geo_rules_diff_free(diff);
        return err;
    }
    *out = diff;
    return GEO_OK;
}

bool geo_rules_diff_has_slot(const geo_rules_diff *diff, uint32_t slot)
{
    uint32_t low = 0;
    uint32_t high = diff->changed_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (diff->changed[middle] < slot) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < diff->changed_count && diff->changed[low] == slot;
}

bool geo_rules_diff_has_device(const geo_rules_diff *diff, uint64_t device)
{
    uint32_t low = 0;
    uint32_t high = diff->device_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (diff->devices[middle] < device) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < diff->device_count && diff->devices[low] == device;
}

bool geo_rules_diff_empty(const geo_rules_diff *diff)
{
    return diff->changed_count == 0 && diff->resolved_count == 0 && diff->device_count == 0;
}
