/* tests/geo/test_index_isa.c - every build of the queries gives the same hits in the same order. */
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "worlds.h"

#define POINTS 4000
#define HITS_MAX ((size_t)POINTS * 300)

/* Where the answers of the reference stand beside those of another build. */
typedef struct answers {
    geo_hit *hits;
    size_t count;
} answers;

static void ask(const geo_index_version *version, const geo_point *points, answers *a)
{
    size_t done = 0;
    a->count = 0;
    while (done < POINTS) {
        size_t own;
        size_t answered;
        assert_int_equal(geo_index_query(version, points + done, POINTS - done, a->hits + a->count,
                                         HITS_MAX - a->count, &own, &answered),
                         GEO_OK);
        assert_true(answered > 0);
        a->count += own;
        done += answered;
    }
}

/* Steps, some too long to be clear: what the builds say of them, and whether it is true. */
static void check_clear(world *w, const geo_index_version *version, const geo_point *points,
                        size_t *clear_count)
{
    const uint32_t counts[] = {GEO_INDEX_BLOCK_POINTS, GEO_INDEX_BLOCK_POINTS, 17, 1};
    geo_point to[GEO_INDEX_BLOCK_POINTS];
    for (size_t block = 0; block < POINTS / GEO_INDEX_BLOCK_POINTS; block++) {
        const geo_point *from = points + block * GEO_INDEX_BLOCK_POINTS;
        const uint32_t count = counts[block % 4];
        for (uint32_t i = 0; i < count; i++) {
            to[i] = world_step(w, from[i]);
        }
        assert_true(geo_index_force_isa(GEO_INDEX_SCALAR));
        const uint64_t clear = geo_index_clear(version, from, to, count);
        assert_true(count == 64 || clear >> count == 0);
        for (int isa = GEO_INDEX_SCALAR + 1; isa <= GEO_INDEX_AVX512; isa++) {
            if (geo_index_force_isa((geo_index_isa)isa)) {
                assert_true(geo_index_clear(version, from, to, count) == clear);
            }
        }
        for (uint32_t i = 0; i < count; i++) {
            uint32_t ids[1];
            size_t touched;
            if (clear >> i & 1) {
                assert_int_equal(geo_index_boundaries(version, from[i], to[i], ids, 1, &touched),
                                 GEO_OK);
                assert_int_equal(touched, 0);
                ++*clear_count;
            }
        }
    }
}

static void check_world(world *w, answers *expected, answers *found, size_t *clear_count)
{
    static geo_point points[POINTS];
    geo_index *index = world_index(w);
    geo_index_version *version = geo_index_acquire(index);
    for (uint32_t i = 0; i < POINTS; i++) {
        points[i] = world_point(w);
        if (points[i].lon_e7 == GEO_LON_E7_MAX && i % 64 != 0) {
            points[i].lon_e7--; /* such points send their whole block another way */
        }
    }
    assert_true(geo_index_force_isa(GEO_INDEX_SCALAR));
    ask(version, points, expected);
    for (int isa = GEO_INDEX_SCALAR + 1; isa <= GEO_INDEX_AVX512; isa++) {
        if (geo_index_force_isa((geo_index_isa)isa)) {
            ask(version, points, found);
            assert_int_equal(found->count, expected->count);
            assert_memory_equal(found->hits, expected->hits, found->count * sizeof(geo_hit));
        }
    }
    check_clear(w, version, points, clear_count);
    geo_index_release(version);
    geo_index_free(index);
}

static void all_builds_give_the_same_answers(void **state)
{
    (void)state;
    static const int32_t radii[] = {300, 20000, 700000, 3000000, 60000000};
    const geo_index_isa best = geo_index_isa_in_use();
    answers expected = {malloc(HITS_MAX * sizeof(geo_hit)), 0};
    answers found = {malloc(HITS_MAX * sizeof(geo_hit)), 0};
    size_t clear_count = 0;
    uint64_t seed = shape_seed(__func__);
    assert_non_null(expected.hits);
    assert_non_null(found.hits);
    for (size_t r = 0; r < sizeof radii / sizeof radii[0]; r++) {
        for (uint32_t count = 1; count <= 100; count *= 10) {
            world w;
            world_init(&w, seed + r * 10 + count, (geo_point){163725000, 598512000}, radii[r]);
            world_fill(&w, count);
            check_world(&w, &expected, &found, &clear_count);
            world_fini(&w);
        }
    }
    assert_true(clear_count > 1000);
    assert_true(geo_index_force_isa(best));
    free(expected.hits);
    free(found.hits);
}

/* A fence around the world's centre that reaches at least a third of the radius to every side. */
static void put_around(world *w, uint32_t id, int32_t radius)
{
    geo_point ring[60];
    const uint32_t count = 60;
    shape_star(&w->random, w->center, radius, count, ring);
    assert_int_equal(geo_area_new(ring, &count, 1, &w->areas[id]), GEO_OK);
    w->id_end = id + 1;
}

/* Municipalities, countries and continents lie over whole branches of a busy place: one fence over
 * some, several over others, at each level of the index. */
static void fences_over_whole_branches_are_told_by_every_build(void **state)
{
    (void)state;
    static const int32_t radii[] = {9000000,   9000000, 30000000, 90000000, 310000000,
                                    310000000, 3000000, 3000000,  3000000,  3000000};
    const geo_index_isa best = geo_index_isa_in_use();
    answers expected = {malloc(HITS_MAX * sizeof(geo_hit)), 0};
    answers found = {malloc(HITS_MAX * sizeof(geo_hit)), 0};
    size_t clear_count = 0;
    assert_non_null(expected.hits);
    assert_non_null(found.hits);
    for (uint32_t large = 1; large <= sizeof radii / sizeof radii[0]; large += large < 6 ? 1 : 4) {
        world w;
        world_init(&w, shape_seed(__func__) + large, (geo_point){163725000, 581000000}, 3000000);
        world_fill(&w, 200);
        for (uint32_t i = 0; i < large; i++) {
            put_around(&w, 200 + i, radii[i]);
        }
        check_world(&w, &expected, &found, &clear_count);
        geo_index *index = world_index(&w);
        geo_index_version *version = geo_index_acquire(index);
        for (int isa = GEO_INDEX_SCALAR; isa <= GEO_INDEX_AVX512; isa++) {
            if (geo_index_force_isa((geo_index_isa)isa)) {
                world_check_points(&w, version, 400);
            }
        }
        geo_index_release(version);
        geo_index_free(index);
        world_fini(&w);
    }
    assert_true(geo_index_force_isa(best));
    free(expected.hits);
    free(found.hits);
}

static void the_scalar_build_is_always_there(void **state)
{
    (void)state;
    const geo_index_isa best = geo_index_isa_in_use();
    print_message("in use: %s\n", geo_index_isa_name(best));
    assert_true(geo_index_force_isa(GEO_INDEX_SCALAR));
    assert_int_equal(geo_index_isa_in_use(), GEO_INDEX_SCALAR);
    assert_true(geo_index_force_isa(best));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_builds_give_the_same_answers),
        cmocka_unit_test(fences_over_whole_branches_are_told_by_every_build),
        cmocka_unit_test(the_scalar_build_is_always_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
