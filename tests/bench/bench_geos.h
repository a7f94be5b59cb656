/* tests/bench/bench_geos.h - the peer: GEOS, prepared geometries behind an STRtree. */
#ifndef TESTS_BENCH_GEOS_H
#define TESTS_BENCH_GEOS_H

#include <stddef.h>
#include <stdint.h>

#include "geo/area.h"

typedef struct peer peer;

/* Builds geometries, prepared geometries and the tree, all in lattice units. */
peer *peer_new(geo_area *const *areas, uint32_t count);
void peer_free(peer *p);

/* How many (point, fence) pairs intersect. */
uint64_t peer_count_hits(peer *p, const geo_point *points, size_t count);

/* Throw the tree away and build it again, as any change of one fence asks for. */
void peer_rebuild_tree(peer *p);

#endif
