/* geo/rules_internal.h - how a version of the rules lies in memory; for geo/rules*.c only. */
#ifndef GEO_RULES_INTERNAL_H
#define GEO_RULES_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "geo/rules.h"
#include "rules_devices.h"
#include "rules_table.h"

struct geo_rules {
    atomic_uint_fast32_t refs;
    uint64_t version;
    geo_settings settings;
    fence_table *fences;   /* counted here */
    device_table *devices; /* counted here; NULL when empty */
};

#endif
