/* tests/geo/test_index_crowds.c - fences in piles: memory stays bounded, answers stay exact, and
 * changes give what a build gives on either side of every limit. */
#include <stdlib.h>

#include "crowds.h"
#include "test.h"

#define PILE 1000
#define PADDOCKS 500
#define MB ((size_t)1000000)

static const geo_point middle = {163725000, 598512000};

static void check_index(const geo_index *index)
{
    geo_why why;
    if (!geo_index_check(index, &why)) {
        fail_msg("%s", why.text);
    }
}

static void check_answers(world *w, geo_index *index, uint32_t count)
{
    assert_int_equal(geo_index_publish(index), GEO_OK);
    geo_index_version *version = geo_index_acquire(index);
    world_check_points(w, version, count);
    geo_index_release(version);
}

/* A degree is 10,000,000 units. Without a bound the first of these took 2 GB, and the
 * last one 210 MB. */
static void a_pile_takes_bounded_memory(void **state)
{
    (void)state;
    static const struct {
        crowd_kind kind;
        int32_t radius;
        uint32_t count;
        size_t bytes_max;
    } piles[] = {
        {CROWD_SQUARES, 5000000, PILE, 5 * MB},  {CROWD_SQUARES, 25000, PILE, 5 * MB},
        {CROWD_SHIFTED, 5000000, PILE, 30 * MB}, {CROWD_RINGS, 5000000, 200, 10 * MB},
        {CROWD_FAN, 10000000, PILE, 15 * MB},    {CROWD_COVERED, 150000, PILE, 15 * MB},
        {CROWD_QUILT, 300000, PILE, 40 * MB},
    };
    static geo_area *areas[PILE];
    static uint32_t ids[PILE];
    world w;
    for (size_t p = 0; p < sizeof piles / sizeof piles[0]; p++) {
        geo_index *index = NULL;
        world_init(&w, shape_seed(__func__), middle, piles[p].radius);
        for (uint32_t id = 0; id < piles[p].count; id++) {
            areas[id] = crowd_area(&w, piles[p].kind, id);
            ids[id] = id;
        }
        assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
        assert_int_equal(
            geo_index_build(index, (const geo_area *const *)areas, ids, piles[p].count), GEO_OK);
        assert_in_range(geo_index_memory_bytes(index), 0, piles[p].bytes_max);
        for (uint32_t id = 0; id < piles[p].count; id++) {
            /* The world owns the first ones, and asks about those. */
            if (id < piles[p].count / 4) {
                w.areas[id] = areas[id];
                continue;
            }
            geo_area_free(areas[id]);
        }
        geo_index_free(index);
        w.id_end = piles[p].count / 4;
        index = world_index(&w);
        check_answers(&w, index, 400);
        geo_index_free(index);
        world_fini(&w);
    }
}

/* The last members come and go, so that squares pass their limits both ways. */
static void check_changes(world *w, crowd_kind kind, uint32_t first, uint32_t end)
{
    w->id_end = first;
    for (uint32_t id = 0; id < first; id++) {
        w->areas[id] = crowd_area(w, kind, id);
    }
    geo_index *index = world_index(w);
    for (; w->id_end < end; w->id_end++) {
        w->areas[w->id_end] = crowd_area(w, kind, w->id_end);
        assert_int_equal(geo_index_put(index, w->id_end, w->areas[w->id_end]), GEO_OK);
        if (w->id_end % 4 == 0) {
            check_index(index);
        }
    }
    check_answers(w, index, 100);
    /* The first ones go: what is left is ordered in another way than what was there. */
    for (uint32_t id = 0; id < end - first; id++) {
        assert_int_equal(geo_index_remove(index, id), GEO_OK);
        geo_area_free(w->areas[id]);
        w->areas[id] = NULL;
        if (id % 4 == 0) {
            check_index(index);
        }
    }
    check_answers(w, index, 100);
    geo_index_free(index);
}

static void changes_of_a_pile_equal_a_build(void **state)
{
    (void)state;
    static const int32_t radii[] = {30000, 2000000};
    static const struct {
        crowd_kind kind;
        uint32_t first;
        uint32_t end;
    } members[] = {
        {CROWD_SQUARES, 28, 36}, {CROWD_SQUARES, 124, 132}, {CROWD_SHIFTED, 20, 44},
        {CROWD_RINGS, 4, 20},    {CROWD_FAN, 40, 72},       {CROWD_MIXED, 28, 36},
        {CROWD_MIXED, 124, 134}, {CROWD_COVERED, 4, 36},    {CROWD_QUILT, 4, 40},
    };
    uint64_t seed = shape_seed(__func__);
    for (size_t m = 0; m < sizeof members / sizeof members[0]; m++) {
        for (size_t r = 0; r < sizeof radii / sizeof radii[0]; r++) {
            world w;
            world_init(&w, seed, middle, radii[r]);
            check_changes(&w, members[m].kind, members[m].first, members[m].end);
            world_fini(&w);
        }
    }
}

static geo_area *square_around(geo_point center, int32_t reach)
{
    const geo_point ring[] = {{center.lon_e7 - reach, center.lat_e7 - reach},
                              {center.lon_e7 + reach, center.lat_e7 - reach},
                              {center.lon_e7 + reach, center.lat_e7 + reach},
                              {center.lon_e7 - reach, center.lat_e7 + reach}};
    const uint32_t count = 4;
    geo_area *area = NULL;
    assert_int_equal(geo_area_new(ring, &count, 1, &area), GEO_OK);
    return area;
}

static void replace(world *w, geo_index *index, uint32_t id, int32_t reach)
{
    geo_area_free(w->areas[id]);
    w->areas[id] = square_around(w->center, reach);
    assert_int_equal(geo_index_put(index, id, w->areas[id]), GEO_OK);
    check_index(index);
    check_answers(w, index, 100);
}

/* A large fence over paddocks stands in the tails of their tiles alone: drawing it takes
 * less than half of what the paddocks take. Fences that cover the same tiles may become large, and
 * small again. */
static void a_large_fence_is_not_written_to_every_cell(void **state)
{
    (void)state;
    const int32_t small = 900000;
    const int32_t large = 1200000;
    world w;
    world_init(&w, shape_seed(__func__), middle, 150000);
    for (uint32_t id = 0; id < PADDOCKS; id++) {
        w.areas[id] = crowd_area(&w, CROWD_QUILT, 1);
    }
    w.id_end = PADDOCKS;
    geo_index *index = world_index(&w);
    const size_t bytes = geo_index_memory_bytes(index);
    w.id_end = PADDOCKS + 6;
    replace(&w, index, PADDOCKS, large);
    assert_in_range(geo_index_memory_bytes(index), bytes, bytes + bytes / 2);
    replace(&w, index, PADDOCKS, small);
    for (uint32_t id = PADDOCKS + 1; id < PADDOCKS + 6; id++) {
        replace(&w, index, id, small + (int32_t)id);
    }
    replace(&w, index, PADDOCKS, large);
    replace(&w, index, PADDOCKS + 2, large + 1);
    replace(&w, index, PADDOCKS + 4, large + 2);
    replace(&w, index, PADDOCKS + 2, small);
    replace(&w, index, PADDOCKS, small + 1);
    geo_index_free(index);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pile_takes_bounded_memory),
        cmocka_unit_test(changes_of_a_pile_equal_a_build),
        cmocka_unit_test(a_large_fence_is_not_written_to_every_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
