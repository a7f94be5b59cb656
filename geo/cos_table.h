/* geo/cos_table.h - the checked-in cosines of the metric; private to geo/. */
#ifndef GEO_COS_TABLE_H
#define GEO_COS_TABLE_H

#include <stdint.h>

#define GEO_COS_TABLE_COUNT 9001
#define GEO_COS_ONE 65536

/* Entry i is round(GEO_COS_ONE * cos(i / 100 degrees)). */
extern const uint32_t geo_cos_table[GEO_COS_TABLE_COUNT];

#endif
