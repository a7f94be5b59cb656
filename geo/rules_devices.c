/* geo/rules_devices.c - the table of devices with groups or a stale time of their own. */
#include "rules_devices.h"

#include <stdlib.h>
#include <string.h>

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

geo_err device_entry_new(const geo_device_rules *rules, device_entry **out)
{
    if (rules->group_count > GEO_DEVICE_GROUPS_MAX) {
        return GEO_TOO_BIG;
    }
    size_t text_size = 0;
    for (uint32_t i = 0; i < rules->group_count; i++) {
        size_t length = strlen(rules->groups[i]);
        if (length == 0 || length > GEO_GROUP_NAME_MAX) {
            return GEO_INVALID;
        }
        text_size += length + 1;
    }
    size_t groups_size = rules->group_count * sizeof(char *);
    device_entry *entry = malloc(sizeof *entry + groups_size + text_size);
    if (entry == NULL) {
        return GEO_NO_MEMORY;
    }
    atomic_init(&entry->refs, 1);
    entry->rules = *rules;
    const char **groups = (const char **)(void *)(entry + 1);
    char *text = (char *)groups + groups_size;
    for (uint32_t i = 0; i < rules->group_count; i++) {
        size_t size = strlen(rules->groups[i]) + 1;
        groups[i] = memcpy(text, rules->groups[i], size);
        text += size;
    }
    qsort(groups, rules->group_count, sizeof *groups, compare_text);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rules->group_count; i++) {
        if (kept == 0 || strcmp(groups[kept - 1], groups[i]) != 0) {
            groups[kept++] = groups[i];
        }
    }
    entry->rules.groups = groups;
    entry->rules.group_count = kept;
    *out = entry;
    return GEO_OK;
}

void device_entry_unref(device_entry *entry)
{
    if (entry != NULL && atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel) == 1) {
        free(entry);
    }
}

/* Keys are hashes already, but a test's are not: one multiplication spreads both. */
static uint32_t place_of(uint64_t device, uint32_t mask)
{
    return (uint32_t)((device * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
}

static void table_free(device_table *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        device_entry_unref(table->entries[i]);
    }
    free(table->entries);
    free(table->places);
    free(table);
}

/* An empty table with room for `capacity` entries. */
static geo_err table_new(uint32_t capacity, device_table **out)
{
    device_table *table = calloc(1, sizeof *table);
    if (table == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t place_count = 16;
    while (place_count < 2 * capacity) {
        place_count *= 2;
    }
    atomic_init(&table->refs, 1);
    table->capacity = capacity;
    table->place_mask = place_count - 1;
    table->entries = malloc((capacity + 1) * sizeof(device_entry *));
    table->places = calloc(place_count, sizeof *table->places);
    if (table->entries == NULL || table->places == NULL) {
        table_free(table);
        return GEO_NO_MEMORY;
    }
    *out = table;
    return GEO_OK;
}

/* Entries come in the order of their keys. */
static void table_push(device_table *table, device_entry *entry)
{
    if (!entry->rules.has_stale_after && entry->rules.group_count == 0) {
        return;
    }
    atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
    table->entries[table->count++] = entry;
    uint32_t place = place_of(entry->rules.device, table->place_mask);
    while (table->places[place] != 0) {
        place = (place + 1) & table->place_mask;
    }
    table->places[place] = table->count;
}

geo_err device_table_edit(const device_table *base, device_entry *const *edits, uint32_t edit_count,
                          device_table **out)
{
    uint32_t base_count = base == NULL ? 0 : base->count;
    device_table *table = NULL;
    geo_err err = table_new(base_count + edit_count, &table);
    if (err != GEO_OK) {
        return err;
    }
    uint32_t edit = 0;
    for (uint32_t i = 0; i < base_count; i++) {
        uint64_t key = base->entries[i]->rules.device;
        while (edit < edit_count && edits[edit]->rules.device < key) {
            table_push(table, edits[edit++]);
        }
        if (edit < edit_count && edits[edit]->rules.device == key) {
            table_push(table, edits[edit++]);
        } else {
            table_push(table, base->entries[i]);
        }
    }
    while (edit < edit_count) {
        table_push(table, edits[edit++]);
    }
    if (table->count > GEO_RULES_DEVICES_MAX) {
        table_free(table);
        return GEO_TOO_BIG;
    }
    *out = table;
    return GEO_OK;
}

device_table *device_table_ref(device_table *table)
{
    if (table != NULL) {
        atomic_fetch_add_explicit(&table->refs, 1, memory_order_relaxed);
    }
    return table;
}

void device_table_unref(device_table *table)
{
    if (table != NULL && atomic_fetch_sub_explicit(&table->refs, 1, memory_order_acq_rel) == 1) {
        table_free(table);
    }
}

const geo_device_rules *device_table_find(const device_table *table, uint64_t device)
{
    if (table == NULL) {
        return NULL;
    }
    for (uint32_t place = place_of(device, table->place_mask); table->places[place] != 0;
         place = (place + 1) & table->place_mask) {
        const geo_device_rules *rules = &table->entries[table->places[place] - 1]->rules;
        if (rules->device == device) {
            return rules;
        }
    }
    return NULL;
}
