/* tests/geo/test_index_memory.c - what the index takes: nothing is lost, whatever fails, and
 * nothing piles up. */
#include <errno.h>
#include <stdlib.h>

#include "fault/fault.h"
#include "geo/index_build.h"
#include "geo/index_maker.h"
#include "geo/index_private.h"
#include "test.h"
#include "worlds.h"

static const geo_point center = {163725000, 598512000};

/* What a block of that many bytes takes in the arena. */
static size_t arena_bytes(size_t bytes)
{
    size_t units = (bytes + ARENA_UNIT_BYTES - 1) / ARENA_UNIT_BYTES;
    size_t quarter = 1;
    while (units > ARENA_EXACT_UNITS && quarter * 8 < units) {
        quarter *= 2;
    }
    return (units + quarter - 1) / quarter * quarter * ARENA_UNIT_BYTES;
}

/* Of all blocks from a descriptor on. */
static size_t linked_bytes(const uint8_t *base, index_desc desc, unsigned shift)
{
    size_t bytes = arena_bytes(index_desc_bytes(base, desc, shift));
    if (index_kind(desc) == INDEX_KIND_NODE) {
        const bool is_root = shift == INDEX_ROOT_SHIFT;
        const unsigned fanout = is_root ? INDEX_ROOT_FANOUT : index_node_fanout(desc);
        for (uint32_t c = 0; c < 1u << 2 * fanout; c++) {
            bytes += linked_bytes(base, index_node(base, desc)[c], shift - fanout);
        }
        if (!is_root && shift > INDEX_CELL_SHIFT_MAX) {
            const index_tail *tail = index_node_tail(base, desc);
            bytes += linked_bytes(base, tail->covers, 0) + linked_bytes(base, tail->noted, 0);
        }
    }
    return bytes;
}

/* Of a block in a free list. Above the exact sizes the classes are quarters of powers of two. */
static size_t class_bytes(uint32_t class)
{
    const uint32_t above = class - ARENA_EXACT_UNITS - 1;
    const size_t units =
        class <= ARENA_EXACT_UNITS ? class : (size_t)(5 + above % 4) << (8 + above / 4);
    return units * ARENA_UNIT_BYTES;
}

static size_t free_bytes(const index_arena *arena)
{
    size_t bytes = 0;
    for (uint32_t class = 1; class < ARENA_CLASS_COUNT; class ++) {
        uint32_t unit = arena->free_heads[class];
        while (unit != 0) {
            bytes += class_bytes(class);
            unit = *(const uint32_t *)(arena->base + (size_t)unit * ARENA_UNIT_BYTES);
        }
    }
    return bytes;
}

static size_t garbage_bytes(const index_garbage *garbage)
{
    size_t bytes = 0;
    for (size_t i = 0; i < garbage->count; i++) {
        bytes += arena_bytes(garbage->items[i].bytes);
    }
    return bytes;
}

/* Every byte is in use by the newest state, free, or to be freed with a version: none is lost, and
 * none is two of these. */
static void assert_nothing_lost(const geo_index *index)
{
    const index_arena *arena = index->arena;
    size_t bytes = linked_bytes(arena->base, index->root, INDEX_ROOT_SHIFT) + free_bytes(arena) +
                   garbage_bytes(&index->retired);
    for (uint32_t slot = 0; slot < GEO_INDEX_VERSIONS_MAX; slot++) {
        const geo_index_version *version = &index->versions[slot];
        bytes += version->arena == arena ? garbage_bytes(&version->garbage) : 0;
    }
    assert_int_equal(bytes, arena->top_bytes - 64);
    assert_int_equal(free_bytes(arena), arena->free_bytes);
}

static void assert_sound(const geo_index *index)
{
    geo_why why;
    assert_nothing_lost(index);
    if (!geo_index_check(index, &why)) {
        fail_msg("%s", why.text);
    }
}

/* One of the world's fences is another one now, or none. */
static geo_err change(world *w, geo_index *index, uint32_t id, geo_area *area)
{
    geo_err err = area != NULL ? geo_index_put(index, id, area) : geo_index_remove(index, id);
    if (err == GEO_OK) {
        geo_area_free(w->areas[id]);
        w->areas[id] = area;
    }
    return err;
}

/* The whole world in any order, in a build. */
static geo_err build(const world *w, geo_index *index)
{
    const geo_area *areas[WORLD_FENCES_MAX];
    uint32_t ids[WORLD_FENCES_MAX];
    size_t count = 0;
    for (uint32_t id = 0; id < w->id_end; id++) {
        if (w->areas[id] != NULL) {
            areas[count] = w->areas[id];
            ids[count++] = id;
        }
    }
    return geo_index_build(index, areas, ids, count);
}

/* One step in the life of an index, with the n-th allocation failing until it needs no more; what
 * fails has changed nothing. */
static void step_without_memory(world *w, geo_index *index, int step)
{
    const uint32_t id = (uint32_t)shape_random(&w->random, 0, w->id_end - 1);
    geo_area *area = w->areas[id] != NULL && step % 3 == 0 ? NULL : world_area(w);
    for (uint64_t nth = 1;; nth++) {
        const uint32_t root = index->root;
        const uint32_t count = index->fence_count;
        fault_arm(FAULT_ALLOC, nth, step % 2 == 0 ? FAULT_ONCE : FAULT_FOREVER, ENOMEM);
        geo_err err = step % 16 == 15   ? build(w, index)
                      : step % 16 == 12 ? geo_index_publish(index)
                                        : change(w, index, id, area);
        bool struck = fault_struck();
        fault_clear();
        if (err == GEO_OK) {
            break; /* some can do without */
        }
        assert_true(struck);
        assert_int_equal(err, GEO_NO_MEMORY);
        assert_int_equal(index->root, root);
        assert_int_equal(index->fence_count, count);
        assert_sound(index);
    }
    if (step % 16 == 12 || step % 16 == 15) {
        geo_area_free(area);
    }
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    world w;
    geo_index *index = NULL;
    geo_index_version *held = NULL;
    world_init(&w, shape_seed(__func__), center, 200000);
    w.id_end = 60;
    assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
    for (int step = 0; step < 100; step++) {
        step_without_memory(&w, index, step);
        if (step % 20 == 5) {
            geo_index_release(held);
            held = geo_index_acquire(index);
        }
    }
    geo_index_release(held);
    assert_int_equal(geo_index_publish(index), GEO_OK);
    assert_sound(index);
    held = geo_index_acquire(index);
    world_check_points(&w, held, 1000);
    geo_index_release(held);
    geo_index_free(index);
    world_fini(&w);
}

/* Builds give back what they replace, as soon as nobody holds it. */
static void builds_do_not_pile_up(void **state)
{
    (void)state;
    world w;
    world_init(&w, shape_seed(__func__), center, 200000);
    world_fill(&w, 100);
    geo_index *index = world_index(&w);
    /* After one of each: the first change leaves holes, which the later ones fill. */
    assert_int_equal(build(&w, index), GEO_OK);
    assert_int_equal(geo_index_put(index, 8, w.areas[8]), GEO_OK);
    assert_int_equal(geo_index_publish(index), GEO_OK);
    const size_t bytes = geo_index_memory_bytes(index);
    for (uint32_t round = 0; round < 20; round++) {
        geo_index_version *held = round % 2 == 0 ? geo_index_acquire(index) : NULL;
        assert_int_equal(build(&w, index), GEO_OK);
        assert_int_equal(geo_index_put(index, 7, w.areas[7]), GEO_OK);
        if (round % 3 != 0) {
            assert_int_equal(geo_index_publish(index), GEO_OK);
        }
        assert_int_equal(geo_index_put(index, 8, w.areas[8]), GEO_OK);
        assert_sound(index);
        assert_true(geo_index_memory_bytes(index) < 3 * bytes);
        geo_index_release(held);
    }
    assert_int_equal(geo_index_publish(index), GEO_OK);
    assert_true(geo_index_memory_bytes(index) < bytes + bytes / 4);
    assert_sound(index);
    geo_index_version *version = geo_index_acquire(index);
    world_check_points(&w, version, 200);
    geo_index_release(version);
    geo_index_free(index);
    world_fini(&w);
}

/* A change that finds no room leaves nothing behind, however often it is tried. */
static void refused_changes_do_not_pile_up(void **state)
{
    (void)state;
    const geo_index_options options = {.memory_bytes_max = 256 << 10};
    static geo_point ring[50000];
    uint32_t count = 50000;
    uint64_t random = shape_seed(__func__);
    geo_index *index = NULL;
    geo_area *area = NULL;
    shape_star(&random, center, 20000000, count, ring);
    assert_int_equal(geo_area_new(ring, &count, 1, &area), GEO_OK);
    assert_int_equal(geo_index_new(&options, &index), GEO_OK);
    const size_t bytes = geo_index_memory_bytes(index);
    for (int n = 0; n < 10; n++) {
        assert_int_equal(geo_index_put(index, 0, area), GEO_NO_MEMORY);
    }
    assert_true(geo_index_memory_bytes(index) < bytes + ((size_t)2 << 20));
    for (int n = 0; n < 10; n++) {
        assert_int_equal(geo_index_build(index, (const geo_area *const *)&area, (uint32_t[]){0}, 1),
                         GEO_NO_MEMORY);
    }
    assert_true(geo_index_memory_bytes(index) < bytes + ((size_t)1 << 20));
    assert_sound(index);
    geo_index_free(index);
    geo_area_free(area);
}

/* A build is refused while what it replaces and what it needs to work in leave it no room. */
static void a_limit_counts_the_state_that_is_replaced(void **state)
{
    (void)state;
    world w;
    world_init(&w, shape_seed(__func__), center, 200000);
    world_fill(&w, 100);
    geo_index *index = world_index(&w);
    const size_t used_bytes = index->budget.used_bytes;
    geo_index_limit_memory(index, used_bytes + used_bytes / 2);
    assert_int_equal(build(&w, index), GEO_NO_MEMORY);
    assert_int_equal(index->budget.used_bytes, index->arena->top_bytes);
    geo_index_version *version = geo_index_acquire(index);
    world_check_points(&w, version, 200);
    geo_index_release(version);
    geo_index_limit_memory(index, used_bytes / 2);
    assert_int_equal(geo_index_put(index, 100, w.areas[7]), GEO_NO_MEMORY);
    assert_sound(index);
    geo_index_limit_memory(index, 0);
    assert_int_equal(build(&w, index), GEO_OK);
    assert_int_equal(geo_index_publish(index), GEO_OK);
    assert_int_equal(index->budget.used_bytes, index->arena->top_bytes);
    geo_index_free(index);
    world_fini(&w);
}

/* Records that grow by one fence with each change leave blocks that no record needs any more. */
static void a_growing_pile_leaves_no_holes(void **state)
{
    (void)state;
    geo_point ring[24];
    uint32_t count = 24;
    uint64_t random = shape_seed(__func__);
    geo_index *index = NULL;
    geo_area *area = NULL;
    shape_star(&random, center, 12000, count, ring);
    assert_int_equal(geo_area_new(ring, &count, 1, &area), GEO_OK);
    assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
    for (uint32_t id = 0; id < 150; id++) {
        assert_int_equal(geo_index_put(index, id, area), GEO_OK);
        assert_int_equal(geo_index_publish(index), GEO_OK);
        assert_true(geo_index_memory_bytes(index) < (size_t)16 << 20);
        if (id % 10 == 0) {
            assert_nothing_lost(index);
        }
    }
    assert_sound(index);
    geo_index_free(index);
    geo_area_free(area);
}

/* Fences upon each other, as many as one likes, need little working memory each. */
static void a_pile_is_built_in_little_memory(void **state)
{
    (void)state;
    const size_t bytes_max = 12 << 10; /* of a fence */
    const uint32_t count = 4000;
    const index_square root_square = INDEX_ROOT_SQUARE;
    geo_area *area = shape("163685000 598512000, 163725000 598492000, 163765000 598512000, "
                           "163725000 598532000");
    index_fence *fence = NULL;
    index_arena *arena = NULL;
    index_scratch scratch = {0};
    index_desc root;
    index_piece *pieces = malloc(count * sizeof *pieces);
    assert_non_null(pieces);
    assert_int_equal(index_fence_new(area, &fence), GEO_OK);
    for (uint32_t id = 0; id < count; id++) {
        pieces[id] = index_piece_whole(fence, id);
    }
    assert_int_equal(index_arena_new(NULL, &arena), GEO_OK);
    index_maker maker = {arena, &scratch, NULL, NULL};
    assert_int_equal(index_build_square(&maker, &root_square, pieces, count, &root), GEO_OK);
    assert_true(index_scratch_bytes(&scratch) < count * bytes_max);
    index_scratch_fini(&scratch);
    index_arena_unref(arena);
    index_fence_free(fence);
    geo_area_free(area);
    free(pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(builds_do_not_pile_up),
        cmocka_unit_test(refused_changes_do_not_pile_up),
        cmocka_unit_test(a_limit_counts_the_state_that_is_replaced),
        cmocka_unit_test(a_growing_pile_leaves_no_holes),
        cmocka_unit_test(a_pile_is_built_in_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
