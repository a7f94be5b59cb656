/* geo/rules_diff.h - what differs between two versions of the rules, for TRACKER.md rule 11. */
#ifndef GEO_RULES_DIFF_H
#define GEO_RULES_DIFF_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/err.h"
#include "geo/rules.h"

/* The slots of both versions that differ, and the devices whose groups differ, both ascending.
 * A fence removed and another put into its slot is one changed slot. */
typedef struct geo_rules_diff {
    uint32_t *changed; /* slots whose fence was added, removed or changed */
    uint32_t changed_count;
    uint32_t *resolved; /* slots whose schedule is only known for another span */
    uint32_t resolved_count;
    uint64_t *devices; /* keys whose set of groups is another */
    uint32_t device_count;
} geo_rules_diff;

/* Freed with geo_rules_diff_free. O(what differs + pages of slots + devices with
 * entries): what two versions share is passed over. */
GEO_MUST_USE geo_err geo_rules_diff_new(const geo_rules *before, const geo_rules *after,
                                        geo_rules_diff **out);
void geo_rules_diff_free(geo_rules_diff *diff);

bool geo_rules_diff_has_slot(const geo_rules_diff *diff, uint32_t slot);
bool geo_rules_diff_has_device(const geo_rules_diff *diff, uint64_t device);

/* Nothing in it: no device needs to be looked at. */
bool geo_rules_diff_empty(const geo_rules_diff *diff);

#endif
