/* tests/geo/shapes.c - shapes from text and from random numbers. */
#include "shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

#define SHAPE_VERTICES_MAX 2000
#define SHAPE_RINGS_MAX 100

uint32_t shape_parse(const char *text, geo_point *vertices, uint32_t *ends)
{
    uint32_t count = 0;
    uint32_t rings = 0;
    for (;;) {
        char *after;
        long lon = strtol(text, &after, 10);
        long lat = strtol(after, &after, 10);
        vertices[count++] = (geo_point){(int32_t)lon, (int32_t)lat};
        text = after + strspn(after, " ");
        if (*text != ',') {
            ends[rings++] = count;
        }
        if (*text == '\0') {
            return rings;
        }
        text++;
    }
}

geo_err shape_try(const char *text, geo_area **out)
{
    geo_point vertices[SHAPE_VERTICES_MAX];
    uint32_t ends[SHAPE_RINGS_MAX];
    uint32_t rings = shape_parse(text, vertices, ends);
    return geo_area_new(vertices, ends, rings, out);
}

geo_area *shape(const char *text)
{
    geo_area *area = NULL;
    assert_int_equal(shape_try(text, &area), GEO_OK);
    return area;
}

uint64_t shape_seed(const char *test)
{
    return test_seed(test);
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int64_t shape_random(uint64_t *state, int64_t low, int64_t high)
{
    /* Unsigned, because a range may be wider than its type. */
    uint64_t range = (uint64_t)high - (uint64_t)low + 1;
    uint64_t drawn = next_random(state);
    return (int64_t)((uint64_t)low + (range == 0 ? drawn : drawn % range));
}

void shape_star(uint64_t *state, geo_point center, int32_t radius, uint32_t count, geo_point *out)
{
    const double turn = 6.283185307179586;
    for (uint32_t i = 0; i < count; i++) {
        double angle = turn * i / count;
        double size = (double)shape_random(state, radius / 3, radius);
        out[i] = (geo_point){
            .lon_e7 = center.lon_e7 + (int32_t)lround(size * cos(angle)),
            .lat_e7 = center.lat_e7 + (int32_t)lround(size * sin(angle)),
        };
    }
}
