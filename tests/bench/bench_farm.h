/* tests/bench/bench_farm.h - a synthetic countryside: star-shaped fences and points among them. */
#ifndef TESTS_BENCH_FARM_H
#define TESTS_BENCH_FARM_H

#include <stddef.h>
#include <stdint.h>

#include "geo/area.h"

/* 50 x 50 km around 16.37 E, 59.85 N. */
#define FARM_SIDE_M 50000.0

typedef struct farm_options {
    uint32_t fence_count;
    double cover;          /* how many fences cover a place on average */
    uint32_t vertex_count; /* of every fence; 0: lognormal, 4 to 4,522, 58 on average */
    double spike;          /* how far vertices jump from the outline, as a share of the radius */
} farm_options;

typedef struct farm {
    farm_options options;
    uint64_t random;
    geo_area **areas;
    uint32_t *ids;
} farm;

/* Ends the program when memory runs out, like all of the benchmark. */
void farm_init(farm *f, const farm_options *options);
void farm_fini(farm *f);

/* One more fence as they are there, around the middle of an old one. */
geo_area *farm_another(farm *f, const geo_area *old);

uint64_t farm_random(uint64_t *state);

typedef enum farm_points {
    FARM_UNIFORM,
    FARM_WALKING, /* 10,000 devices in turn, 5 m steps in a random direction */
    FARM_BORDERS, /* exactly on edges and vertices */
} farm_points;

geo_point *farm_make_points(farm *f, farm_points kind, size_t count);

#endif
