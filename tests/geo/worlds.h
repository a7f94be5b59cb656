/* tests/geo/worlds.h - random worlds of fences, and points that are hard for them. */
#ifndef TESTS_GEO_WORLDS_H
#define TESTS_GEO_WORLDS_H

#include <stddef.h>

#include "geo/area.h"
#include "geo/index.h"
#include "shapes.h"

#define WORLD_FENCES_MAX 512

/* Fences by id, NULL where there is none. */
typedef struct world {
    uint64_t random;
    geo_point center;
    int32_t radius;
    geo_area *areas[WORLD_FENCES_MAX];
    uint32_t id_end; /* ids below it are in use */
} world;

/* A world without fences; its shapes will lie around center. */
void world_init(world *w, uint64_t seed, geo_point center, int32_t radius);
void world_fini(world *w);

/* A random area of a random kind: stars, crossing tangles, holes, slivers, boxes on the lines of
 * the index's own squares, specks, spikes, and now and then something as big as the world. */
geo_area *world_area(world *w);
/* Fences 0 to count - 1. */
void world_fill(world *w, uint32_t count);

/* A point that is hard: on a vertex or next to it, on an edge, on a line of the index's squares, on
 * the antimeridian, or just anywhere near. */
geo_point world_point(world *w);

/* Where a device may be next: about as far as a square of the index is wide. */
geo_point world_step(world *w, geo_point from);

/* The index built from the world's fences. */
geo_index *world_index(const world *w);

/* Ask the index about count hard points, by blocks and one by one, and compare with the areas. */
void world_check_points(world *w, const geo_index_version *version, uint32_t count);

/* The hits of points, sorted by point and id; malloc'd. */
geo_hit *world_hits(const geo_index_version *version, const geo_point *points, size_t count,
                    size_t *hit_count);

#endif
