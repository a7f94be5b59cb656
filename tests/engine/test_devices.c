/* tests/engine/test_devices.c - the grid of a partition's devices against looking at all. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/devices.h"
#include "test.h"

#define DEVICES 2000
#define CELL (1 << ENGINE_CELL_SHIFT)

typedef struct field {
    engine_devices devices;
    geo_point places[DEVICES];
    bool found[DEVICES];
    uint64_t moved;
} field;

static void move(field *f, uint32_t number, geo_point to, int64_t time_ms)
{
    uint32_t index = ENGINE_NO_DEVICE;
    hr_fix fix = {
        .device = number + 1, .time_ms = time_ms, .lon_e7 = to.lon_e7, .lat_e7 = to.lat_e7};
    assert_int_equal(engine_devices_get(&f->devices, fix.device, &index), HR_OK);
    assert_int_equal(engine_devices_show(&f->devices, index, &fix, time_ms, &f->moved), HR_OK);
    f->places[number] = to;
}

static void note(const engine_devices *devices, uint32_t index, void *context)
{
    field *f = context;
    uint64_t number = devices->entries[index].key - 1;
    assert_false(f->found[number]); /* each once */
    f->found[number] = true;
}

/* False: too many looks for an answer. */
static bool check_box(field *f, geo_box box)
{
    memset(f->found, 0, sizeof f->found);
    if (!engine_devices_in_box(&f->devices, box, note, f)) {
        return false;
    }
    for (uint32_t i = 0; i < f->devices.count; i++) {
        uint64_t number = f->devices.entries[i].key - 1;
        assert_int_equal(f->found[number], geo_box_has(&box, f->places[number]));
    }
    return true;
}

static field *new_field(void)
{
    field *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(engine_devices_init(&f->devices), HR_OK);
    return f;
}

static void free_field(field *f)
{
    engine_devices_fini(&f->devices);
    free(f);
}

static void a_box_has_the_devices_that_looking_at_all_finds(void **state)
{
    (void)state;
    hr_random random = {test_seed(__func__)};
    field *f = new_field();
    uint32_t answered = 0;
    for (int64_t turn = 1; turn <= 20; turn++) {
        for (uint32_t i = 0; i < DEVICES; i++) {
            /* Around the corner where four quarters of the world meet. */
            move(f, i,
                 (geo_point){(int32_t)hr_random_below(&random, 40 * CELL) - 20 * CELL,
                             (int32_t)hr_random_below(&random, 40 * CELL) - 20 * CELL},
                 turn);
        }
        for (uint32_t i = 0; i < 200; i++) {
            geo_point from = {(int32_t)hr_random_below(&random, 44 * CELL) - 22 * CELL,
                              (int32_t)hr_random_below(&random, 44 * CELL) - 22 * CELL};
            geo_box box = {from,
                           {from.lon_e7 + (int32_t)hr_random_below(&random, 12 * CELL),
                            from.lat_e7 + (int32_t)hr_random_below(&random, 12 * CELL)}};
            answered += check_box(f, box);
        }
    }
    assert_true(answered > 2000);
    free_field(f);
}

/* The tag of a cell, as devices.c makes it. */
static uint32_t tag_of(geo_point at)
{
    uint64_t key = engine_cell_key(at);
    key ^= key >> 32;
    key *= 0x9e3779b97f4a7c15u;
    return (uint32_t)(key >> 32) | 1u << 31;
}

typedef struct tagged {
    uint32_t tag;
    geo_point at;
} tagged;

static int compare_tags(const void *a, const void *b)
{
    const tagged *left = a;
    const tagged *right = b;
    return left->tag < right->tag ? -1 : left->tag > right->tag;
}

static void cells_of_one_tag_are_kept_apart(void **state)
{
    enum {
        CELLS = 300000, /* of the north-east: some 20 pairs */
        PAIRS = 16
    };
    (void)state;
    hr_random random = {test_seed(__func__)};
    tagged *all = malloc(CELLS * sizeof *all);
    assert_non_null(all);
    for (uint32_t i = 0; i < CELLS; i++) {
        geo_point at = {(int32_t)hr_random_below(&random, GEO_LON_E7_MAX),
                        (int32_t)hr_random_below(&random, GEO_LAT_E7_MAX)};
        all[i] = (tagged){tag_of(at), at};
    }
    qsort(all, CELLS, sizeof *all, compare_tags);
    field *f = new_field();
    uint32_t pairs = 0;
    for (uint32_t i = 1; i < CELLS && pairs < PAIRS; i++) {
        if (all[i].tag != all[i - 1].tag ||
            engine_cell_key(all[i].at) == engine_cell_key(all[i - 1].at)) {
            continue;
        }
        move(f, 2 * pairs, all[i - 1].at, 1);
        move(f, 2 * pairs + 1, all[i].at, 1);
        pairs++;
    }
    print_message("%u pairs\n", pairs);
    assert_true(pairs > 0);
    for (uint32_t i = 0; i < 2 * pairs; i++) {
        geo_point at = f->places[i];
        assert_true(check_box(f, (geo_box){at, at}));
        /* Into the other cell of the list that it is in, and away. */
        move(f, i, f->places[i ^ 1], 2 + i);
        assert_true(check_box(f, (geo_box){at, at}));
        assert_true(check_box(f, (geo_box){f->places[i], f->places[i]}));
        move(f, i, (geo_point){-at.lon_e7, -at.lat_e7}, 1000 + i);
        assert_true(check_box(f, (geo_box){at, at}));
    }
    free(all);
    free_field(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_box_has_the_devices_that_looking_at_all_finds),
        cmocka_unit_test(cells_of_one_tag_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
