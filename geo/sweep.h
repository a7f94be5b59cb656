/* geo/sweep.h - one sweep over all edges of some rings: do they cross, and how are they nested?
 * Private to geo/. */
#ifndef GEO_SWEEP_H
#define GEO_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/err.h"
#include "unroll.h"

#define GEO_SWEEP_NO_RING UINT32_MAX

typedef struct geo_sweep_ring {
    bool is_hole;       /* an odd number of rings lies around it */
    uint32_t container; /* the innermost ring around it, or GEO_SWEEP_NO_RING */
} geo_sweep_ring;

typedef struct geo_sweep_fault {
    bool overlaps; /* two edges run along each other; otherwise they cross */
    uint32_t rings[2];
    double lon_e7;
    double lat_e7;
} geo_sweep_fault;

/* Rings may touch each other and themselves in points; they may not cross or share a piece of an
 * edge. Neighbouring vertices must differ. rings gets one entry for each ring.
 * GEO_INVALID: they do; *fault tells one of the places, and rings is not set. GEO_NO_MEMORY. */
GEO_MUST_USE geo_err geo_sweep(const geo_unrolled *vertices, const uint32_t *ring_ends,
                               uint32_t ring_count, geo_sweep_ring *rings, geo_sweep_fault *fault);

#endif
