/* geo/rules_devices.h - devices with rules of their own: a counted table, and its builder's half.
 */
#ifndef GEO_RULES_DEVICES_H
#define GEO_RULES_DEVICES_H

#include <stdatomic.h>
#include <stdint.h>

#include "geo/rules.h"

/* One device's entry; tables of several versions count it. */
typedef struct device_entry {
    atomic_uint_fast32_t refs;
    geo_device_rules rules;
} device_entry;

/* Immutable once shared. `places` is a hash of keys to 1 + the position in entries, 0 when free;
 * its size is a power of two, at most half full. */
typedef struct device_table {
    atomic_uint_fast32_t refs;
    uint32_t count;
    uint32_t capacity;
    uint32_t place_mask;
    device_entry **entries; /* ascending by key */
    uint32_t *places;
} device_table;

GEO_MUST_USE geo_err device_entry_new(const geo_device_rules *rules, device_entry **out);
void device_entry_unref(device_entry *entry);

/* The table of `base` (NULL: empty) with `edits` applied, which are sorted by key, no two equal;
 * one without groups and stale time removes the device. The caller owns one reference. */
GEO_MUST_USE geo_err device_table_edit(const device_table *base, device_entry *const *edits,
                                       uint32_t edit_count, device_table **out);
device_table *device_table_ref(device_table *table);
void device_table_unref(device_table *table);

const geo_device_rules *device_table_find(const device_table *table, uint64_t device);

#endif
