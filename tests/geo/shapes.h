/* tests/geo/shapes.h - short ways to write shapes down, and random numbers with a printed seed. */
#ifndef TESTS_GEO_SHAPES_H
#define TESTS_GEO_SHAPES_H

#include "geo/area.h"

/* An area from text: "0 0, 10 0, 10 10; 2 2, 4 2, 4 4" in lattice units, rings parted by ';'.
 * Fails the test when it is not one. Free with geo_area_free. */
geo_area *shape(const char *text);
geo_err shape_try(const char *text, geo_area **out);
/* The rings of such a text; returns how many. The caller has room for them. */
uint32_t shape_parse(const char *text, geo_point *vertices, uint32_t *ends);

/* A seed from the environment variable HR_SEED, else a fixed one; printed. */
uint64_t shape_seed(const char *test);
/* Uniform in [low, high]. */
int64_t shape_random(uint64_t *state, int64_t low, int64_t high);

/* A random star: radii between radius / 3 and radius, vertices in order around the center, so that
 * it never crosses itself but for rounding. */
void shape_star(uint64_t *state, geo_point center, int32_t radius, uint32_t count, geo_point *out);

#endif
