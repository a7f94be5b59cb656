/* tests/geo/test_index.c - the index gives the answers of the areas: built, changed, published. */
#include "geo/index.h"

#include <stdlib.h>
#include <string.h>

#include "shapes.h"
#include "test.h"
#include "worlds.h"

/* Places and sizes at which a world is tried: a paddock, farms, a country, the ends of the world.
 */
static const struct {
    geo_point center;
    int32_t radius;
} places[] = {
    {{163725000, 598512000}, 300},          {{163725000, 598512000}, 20000},
    {{163725000, 598512000}, 700000},       {{0, 0}, 100000},
    {{-33554432, 67108864}, 3000000},       {{163725000, 598512000}, 60000000},
    {{1799990000, -200000000}, 50000},      {{-1800000000, 899990000}, 400000},
    {{-1000000000, -300000000}, 700000000},
};

#define PLACE_COUNT (sizeof places / sizeof places[0])

static void an_index_answers_like_the_areas(void **state)
{
    (void)state;
    uint64_t seed = shape_seed(__func__);
    for (size_t place = 0; place < PLACE_COUNT; place++) {
        for (uint32_t count = 1; count <= (places[place].radius < 1000000 ? 100 : 20); count *= 6) {
            world w;
            world_init(&w, seed + place * 1000 + count, places[place].center, places[place].radius);
            world_fill(&w, count);
            geo_index *index = world_index(&w);
            geo_why why;
            if (!geo_index_check(index, &why)) {
                fail_msg("%s", why.text);
            }
            geo_index_version *version = geo_index_acquire(index);
            world_check_points(&w, version, 1000);
            geo_index_release(version);
            geo_index_free(index);
            world_fini(&w);
        }
    }
}

/* The index after many changes is the one that a build gives, and answers so. */
static void changes_equal_a_build(void **state)
{
    (void)state;
    uint64_t seed = shape_seed(__func__);
    for (size_t place = 0; place < PLACE_COUNT; place++) {
        world w;
        geo_index *index = NULL;
        world_init(&w, seed + place, places[place].center, places[place].radius);
        assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
        w.id_end = 40;
        const int steps = places[place].radius < 1000000 ? 400 : 100;
        for (int step = 1; step <= steps; step++) {
            uint32_t id = (uint32_t)shape_random(&w.random, 0, w.id_end - 1);
            bool is_removal = shape_random(&w.random, 0, 2) == 0;
            geo_area *area = is_removal ? NULL : world_area(&w);
            geo_err err = is_removal ? geo_index_remove(index, id) : geo_index_put(index, id, area);
            assert_int_equal(err, is_removal && w.areas[id] == NULL ? GEO_NOT_FOUND : GEO_OK);
            geo_area_free(w.areas[id]);
            w.areas[id] = area;
            if (step % 100 == 0) {
                geo_why why;
                if (!geo_index_check(index, &why)) {
                    fail_msg("%s", why.text);
                }
                assert_int_equal(geo_index_publish(index), GEO_OK);
                geo_index_version *version = geo_index_acquire(index);
                world_check_points(&w, version, 1000);
                geo_index_release(version);
            }
        }
        geo_index_free(index);
        world_fini(&w);
    }
}

static void a_version_keeps_its_answers(void **state)
{
    (void)state;
    world w;
    geo_index *index = NULL;
    geo_index_version *versions[GEO_INDEX_VERSIONS_MAX];
    geo_point center = {163725000, 598512000};
    world_init(&w, shape_seed(__func__), center, 20000);
    assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
    geo_point points[200];
    geo_hit *expected[GEO_INDEX_VERSIONS_MAX];
    size_t expected_count[GEO_INDEX_VERSIONS_MAX];
    world_fill(&w, 50);
    for (uint32_t i = 0; i < 200; i++) {
        points[i] = world_point(&w);
    }
    for (int round = 0; round < 30; round++) {
        int held = 0;
        /* The empty version may linger; all the others are taken. */
        for (; held < GEO_INDEX_VERSIONS_MAX - 1; held++) {
            for (int n = 0; n < 10; n++) {
                uint32_t id = (uint32_t)shape_random(&w.random, 0, 49);
                geo_area_free(w.areas[id]);
                w.areas[id] = world_area(&w);
                assert_int_equal(geo_index_put(index, id, w.areas[id]), GEO_OK);
            }
            assert_int_equal(geo_index_publish(index), GEO_OK);
            versions[held] = geo_index_acquire(index);
            expected[held] = world_hits(versions[held], points, 200, &expected_count[held]);
        }
        geo_err err = GEO_OK;
        for (int n = 0; n < 2; n++) {
            err = geo_index_publish(index);
        }
        assert_int_equal(err, GEO_TOO_BIG);
        for (; held > 0; held--) {
            /* In any order. */
            int k = (int)shape_random(&w.random, 0, held - 1);
            size_t count;
            geo_hit *hits = world_hits(versions[k], points, 200, &count);
            assert_int_equal(count, expected_count[k]);
            assert_memory_equal(hits, expected[k], count * sizeof *hits);
            free(hits);
            free(expected[k]);
            geo_index_release(versions[k]);
            versions[k] = versions[held - 1];
            expected[k] = expected[held - 1];
            expected_count[k] = expected_count[held - 1];
            assert_int_equal(geo_index_put(index, 60, w.areas[0]), GEO_OK);
            assert_int_equal(geo_index_remove(index, 60), GEO_OK);
        }
    }
    geo_why why;
    if (!geo_index_check(index, &why)) {
        fail_msg("%s", why.text);
    }
    geo_index_free(index);
    world_fini(&w);
}

/* What the index takes after each of the seed's fences was changed so many times, a publication
 * after each few changes. */
static size_t bytes_after(uint64_t seed, uint32_t fences, uint32_t times, uint32_t published_every)
{
    world w;
    geo_point center = {163725000, 598512000};
    world_init(&w, seed, center, 200000);
    world_fill(&w, fences);
    geo_index *index = world_index(&w);
    for (uint32_t change = 1; change <= times * fences; change++) {
        uint32_t id = change % fences;
        assert_int_equal(geo_index_remove(index, id), GEO_OK);
        assert_int_equal(geo_index_put(index, id, w.areas[id]), GEO_OK);
        if (change % published_every == 0) {
            assert_int_equal(geo_index_publish(index), GEO_OK);
        }
    }
    const size_t bytes = geo_index_memory_bytes(index);
    geo_index_free(index);
    world_fini(&w);
    return bytes;
}

/* HR_LONG=1: of a hundred fences instead of fifty. */
static void memory_does_not_grow_under_changes(void **state)
{
    (void)state;
    const uint64_t seed = shape_seed(__func__);
    const uint32_t fences = getenv("HR_LONG") != NULL ? 100 : 50;
    const size_t few = bytes_after(seed, fences, 5, 1);
    for (uint32_t published_every = 1; published_every <= 10 * fences; published_every *= 10) {
        const size_t many = bytes_after(seed, fences, 30, published_every);
        print_message("%u changes a publication: %zu bytes, %zu\n", published_every, few, many);
        assert_true(many <= few + few / 4);
    }
}

/* Every limit on memory fails cleanly, and the readers' state stays what it was. */
static void out_of_memory_changes_nothing(void **state)
{
    (void)state;
    world w;
    geo_point center = {163725000, 598512000};
    world_init(&w, shape_seed(__func__), center, 700000);
    world_fill(&w, 64);
    int failures = 0;
    for (size_t limit = 256 << 10; limit < 8 << 20; limit += limit / 2) {
        geo_index_options options = {.memory_bytes_max = limit};
        geo_index *index = NULL;
        world have;
        world_init(&have, 1, center, 700000);
        have.id_end = 64;
        assert_int_equal(geo_index_new(&options, &index), GEO_OK);
        for (uint32_t id = 0; id < 64; id++) {
            if (geo_index_put(index, id, w.areas[id]) == GEO_OK) {
                have.areas[id] = w.areas[id];
            } else {
                failures++;
            }
            (void)!geo_index_publish(index);
        }
        const geo_area *all[64];
        uint32_t ids[64];
        for (uint32_t id = 0; id < 64; id++) {
            all[id] = w.areas[id];
            ids[id] = id;
        }
        if (geo_index_build(index, all, ids, 64) != GEO_OK) {
            failures++;
        } else {
            memcpy(have.areas, w.areas, sizeof have.areas);
        }
        assert_int_equal(geo_index_publish(index), GEO_OK);
        geo_why why;
        if (!geo_index_check(index, &why)) {
            fail_msg("%s", why.text);
        }
        geo_index_version *version = geo_index_acquire(index);
        world_check_points(&have, version, 500);
        geo_index_release(version);
        geo_index_free(index);
    }
    assert_true(failures > 10);
    world_fini(&w);
}

static void a_small_buffer_is_filled_in_several_calls(void **state)
{
    (void)state;
    world w;
    geo_point center = {163725000, 598512000};
    geo_point points[300];
    world_init(&w, shape_seed(__func__), center, 20000);
    world_fill(&w, 100);
    geo_index *index = world_index(&w);
    geo_index_version *version = geo_index_acquire(index);
    for (uint32_t i = 0; i < 300; i++) {
        points[i] = world_point(&w);
    }
    size_t whole_count;
    geo_hit *whole = world_hits(version, points, 300, &whole_count);
    for (size_t room = 40; room < 2000; room += 97) {
        geo_hit buffer[2000];
        size_t done = 0;
        size_t total = 0;
        while (done < 300) {
            size_t count;
            size_t answered;
            geo_err err = geo_index_query(version, points + done, 300 - done, buffer, room, &count,
                                          &answered);
            if (err == GEO_TOO_BIG) {
                assert_true(count > room);
                answered = 1;
            } else {
                assert_int_equal(err, GEO_OK);
                assert_true(answered > 0);
                assert_true(count <= room);
            }
            total += count;
            done += answered;
        }
        assert_int_equal(total, whole_count);
    }
    free(whole);
    geo_index_release(version);
    geo_index_free(index);
    world_fini(&w);
}

static void bad_ids_are_refused(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 10 0, 10 10");
    const geo_area *areas[] = {area, area};
    uint32_t ids[] = {7, 7};
    geo_index *index = NULL;
    assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
    assert_int_equal(geo_index_put(index, GEO_INDEX_ID_MAX + 1, area), GEO_RANGE);
    assert_int_equal(geo_index_build(index, areas, ids, 2), GEO_EXISTS);
    ids[1] = UINT32_MAX;
    assert_int_equal(geo_index_build(index, areas, ids, 2), GEO_RANGE);
    assert_int_equal(geo_index_remove(index, 7), GEO_NOT_FOUND);
    assert_int_equal(geo_index_fence_count(index), 0);
    geo_index_free(index);
    geo_area_free(area);
}

/* Each area is let go of as soon as the index has it, and what comes later walks the rings of what
 * lies there already. */
static void an_index_holds_the_areas_that_it_was_given(void **state)
{
    (void)state;
    world w;
    const uint64_t seed = shape_seed(__func__);
    world_init(&w, seed, (geo_point){163000000, 590000000}, 300000);
    world_fill(&w, 48);
    const geo_area *areas[48];
    uint32_t ids[48];
    uint32_t count = 0;
    for (uint32_t id = 0; id < 48; id++) {
        if (w.areas[id] != NULL) {
            areas[count] = geo_area_ref(w.areas[id]);
            ids[count++] = id;
        }
    }
    geo_index *index = NULL;
    assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
    assert_int_equal(geo_index_build(index, areas, ids, count), GEO_OK);
    world_fini(&w); /* its own ones; the caller of the build holds them still */
    for (uint32_t i = 0; i < count; i++) {
        geo_area_free((geo_area *)(uintptr_t)areas[i]);
    }
    world_init(&w, seed, (geo_point){163000000, 590000000}, 300000);
    world_fill(&w, 48); /* the same once more */
    for (uint32_t id = 0; id < 48; id += 3) {
        geo_area *other = world_area(&w);
        geo_err err = geo_index_put(index, id, other);
        assert_true(err == GEO_OK || err == GEO_TOO_BIG);
        if (err == GEO_OK) {
            geo_area_free(w.areas[id]);
            w.areas[id] = geo_area_ref(other);
        }
        geo_area_free(other);
    }
    assert_int_equal(geo_index_publish(index), GEO_OK);
    geo_index_version *version = geo_index_acquire(index);
    world_check_points(&w, version, 2000);
    geo_index_release(version);
    world_fini(&w);
    geo_index_free(index);
}

/* Edges from anywhere to anywhere. */
static geo_area *tangle(uint64_t *random, uint32_t count)
{
    geo_area *area = NULL;
    geo_point *ring = malloc(count * sizeof *ring);
    assert_non_null(ring);
    for (uint32_t i = 0; i < count; i++) {
        ring[i] = (geo_point){(int32_t)shape_random(random, -GEO_LON_E7_MAX, GEO_LON_E7_MAX),
                              (int32_t)shape_random(random, -GEO_LAT_E7_MAX, GEO_LAT_E7_MAX)};
    }
    assert_int_equal(geo_area_new(ring, &count, 1, &area), GEO_OK);
    free(ring);
    return area;
}

static void too_many_edges_across_the_world_are_refused(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    geo_area *small = shape("0 0, 10 0, 10 10");
    geo_area *many = tangle(&random, 1500);
    geo_area *too_many = tangle(&random, 64000);
    const geo_area *areas[] = {small, many, many};
    const uint32_t ids[] = {1, 2, 3};
    geo_index *index = NULL;
    assert_int_equal(geo_index_span(small), 0);
    assert_true(geo_index_span(many) < GEO_INDEX_SPAN_MAX);
    assert_true(2 * geo_index_span(many) > GEO_INDEX_SPAN_MAX);
    assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
    assert_int_equal(geo_index_put(index, 1, too_many), GEO_TOO_BIG);
    assert_int_equal(geo_index_build(index, areas, ids, 3), GEO_TOO_BIG);
    assert_int_equal(geo_index_fence_count(index), 0);
    assert_int_equal(geo_index_build(index, areas, ids, 2), GEO_OK);
    assert_int_equal(geo_index_put(index, 3, many), GEO_TOO_BIG);
    assert_int_equal(geo_index_put(index, 2, many), GEO_OK); /* instead of itself */
    assert_int_equal(geo_index_remove(index, 2), GEO_OK);
    assert_int_equal(geo_index_put(index, 3, many), GEO_OK);
    assert_int_equal(geo_index_fence_count(index), 2);
    geo_index_free(index);
    geo_area_free(small);
    geo_area_free(many);
    geo_area_free(too_many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_answers_like_the_areas),
        cmocka_unit_test(changes_equal_a_build),
        cmocka_unit_test(a_version_keeps_its_answers),
        cmocka_unit_test(an_index_holds_the_areas_that_it_was_given),
        cmocka_unit_test(memory_does_not_grow_under_changes),
        cmocka_unit_test(out_of_memory_changes_nothing),
        cmocka_unit_test(a_small_buffer_is_filled_in_several_calls),
        cmocka_unit_test(bad_ids_are_refused),
        cmocka_unit_test(too_many_edges_across_the_world_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
