/* geo/index_block_span.h - what there is to know about all points of a block at once. */
#ifndef GEO_INDEX_BLOCK_SPAN_H
#define GEO_INDEX_BLOCK_SPAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "geo/point.h"
#include "index_layout.h"

#define DIRECTORY_SHIFT (INDEX_ROOT_SHIFT - INDEX_ROOT_FANOUT)

typedef struct block_span {
    uint32_t differ;       /* bits in which their coordinates differ */
    bool has_antimeridian; /* some of them are looked for on both sides */
} block_span;

static inline block_span block_span_of(const geo_point *points, uint32_t count)
{
    uint64_t first;
    uint64_t differ = 0;
    memcpy(&first, points, sizeof first);
    for (uint32_t j = 0; j < count; j++) {
        uint64_t both;
        memcpy(&both, points + j, sizeof both);
        differ |= both ^ first;
    }
    block_span span = {(uint32_t)(differ | differ >> 32), false};
    /* Points in one square of the root are far from +-180 degrees together, or not at all. */
    const uint32_t column = (uint32_t)points[0].lon_e7 >> DIRECTORY_SHIFT;
    if (span.differ >> DIRECTORY_SHIFT == 0 &&
        column != (uint32_t)GEO_LON_E7_MAX >> DIRECTORY_SHIFT &&
        column != (uint32_t)-GEO_LON_E7_MAX >> DIRECTORY_SHIFT) {
        return span;
    }
    for (uint32_t j = 0; j < count; j++) {
        span.has_antimeridian |=
            points[j].lon_e7 == GEO_LON_E7_MAX || points[j].lon_e7 == -GEO_LON_E7_MAX;
    }
    return span;
}

#endif
