/* tests/geo/test_index_masks.c - a vector build must not take what lies behind a mask in memory for
 * a part of it. gcc 12 did, with the undefined-behaviour sanitizer at -O1: it kept 16 bits and read
 * 32 of them back (see geo/index_mask_avx512.h). What lay there decided whether anybody noticed, so
 * here the stack is full of ones before every question. */
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "worlds.h"

#define FENCES 100
#define POINTS 1024
#define HITS_MAX ((size_t)POINTS * FENCES)
#define ROUNDS 200
#define STACK_BYTES ((size_t)64 << 10)

/* Leave ones where the next function's variables will be. */
static __attribute__((noinline)) void soil_the_stack(void)
{
    uint8_t ones[STACK_BYTES];
    memset(ones, 0xff, sizeof ones);
    __asm__ volatile("" : : "r"(ones) : "memory"); /* somebody may read them */
}

static size_t ask(const geo_index_version *version, const geo_point *points, size_t count,
                  geo_hit *hits)
{
    size_t hit_count;
    size_t done;
    soil_the_stack();
    assert_int_equal(geo_index_query(version, points, count, hits, HITS_MAX, &hit_count, &done),
                     GEO_OK);
    assert_int_equal(done, count);
    return hit_count;
}

/* Paddocks beside and over each other: blocks with all kinds of records, and rarely two alike. */
static void fill(world *w)
{
    for (uint32_t id = 0; id < FENCES; id++) {
        geo_point ring[60];
        uint32_t count = (uint32_t)shape_random(&w->random, 3, 60);
        geo_point center = {
            w->center.lon_e7 + (int32_t)shape_random(&w->random, -w->radius, w->radius),
            w->center.lat_e7 + (int32_t)shape_random(&w->random, -w->radius, w->radius),
        };
        shape_star(&w->random, center, w->radius / 5, count, ring);
        assert_int_equal(geo_area_new(ring, &count, 1, &w->areas[id]), GEO_OK);
    }
    w->id_end = FENCES;
}

static void masks_are_no_longer_than_they_are(void **state)
{
    (void)state;
    static const int32_t radii[] = {40000, 400000};
    static geo_point points[POINTS];
    const geo_index_isa best = geo_index_isa_in_use();
    geo_hit *expected = malloc(HITS_MAX * sizeof *expected);
    geo_hit *found = malloc(HITS_MAX * sizeof *found);
    assert_non_null(expected);
    assert_non_null(found);
    for (size_t r = 0; r < sizeof radii / sizeof radii[0]; r++) {
        world w;
        world_init(&w, shape_seed(__func__) + r, (geo_point){163725000, 598512000}, radii[r]);
        fill(&w);
        geo_index *index = world_index(&w);
        geo_index_version *version = geo_index_acquire(index);
        for (int round = 0; round < ROUNDS; round++) {
            const size_t count = (size_t)shape_random(&w.random, 1, POINTS);
            for (size_t i = 0; i < count; i++) {
                points[i] = world_point(&w);
            }
            assert_true(geo_index_force_isa(GEO_INDEX_SCALAR));
            const size_t expected_count = ask(version, points, count, expected);
            assert_true(geo_index_force_isa(best));
            assert_int_equal(ask(version, points, count, found), expected_count);
            assert_memory_equal(found, expected, expected_count * sizeof *found);
        }
        geo_index_release(version);
        geo_index_free(index);
        world_fini(&w);
    }
    assert_true(geo_index_force_isa(best));
    free(expected);
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_no_longer_than_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
