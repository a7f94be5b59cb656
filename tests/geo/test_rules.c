/* tests/geo/test_rules.c - versions of the rules: edits beside a model, bytes, differences, memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/fault.h"
#include "geo/rules_diff.h"
#include "rulebook.h"
#include "shapes.h"
#include "test.h"

#define IDS 200

static const geo_fence *fence_named(const char *id, int32_t size)
{
    geo_area *area = NULL;
    geo_point corners[] = {{0, 0}, {size, 0}, {size, size}};
    uint32_t end = 3;
    const geo_fence *fence = NULL;
    assert_int_equal(geo_area_new(corners, &end, 1, &area), GEO_OK);
    geo_fence description = {.id = id, .name = "", .expires_at_ms = GEO_NEVER_MS, .area = area};
    assert_int_equal(geo_fence_new(&description, &fence, NULL), GEO_OK);
    return fence;
}

static void expect_model(const geo_rules *rules, const int32_t *sizes, const uint32_t *slots)
{
    uint32_t count = 0;
    const char *last = "";
    for (int i = 0; i < IDS; i++) {
        char id[16];
        snprintf(id, sizeof id, "f%d", i);
        uint32_t slot = geo_rules_find(rules, id);
        assert_int_equal(slot != GEO_NO_SLOT, sizes[i] != 0);
        if (slot != GEO_NO_SLOT) {
            const geo_fence *fence = geo_rules_fence(rules, slot);
            assert_int_equal(slot, slots[i]);
            assert_string_equal(fence->id, id);
            assert_int_equal(fence->area->vertices[1].lon_e7, sizes[i]);
            count++;
        }
    }
    assert_int_equal(geo_rules_fence_count(rules), count);
    for (uint32_t rank = 0; rank < count; rank++) {
        const geo_fence *fence = geo_rules_fence(rules, geo_rules_slot_by_rank(rules, rank));
        assert_true(strcmp(last, fence->id) < 0);
        last = fence->id;
    }
    assert_int_equal(geo_rules_slot_by_rank(rules, count), GEO_NO_SLOT);
}

static void random_edits_give_what_a_model_gives(void **state)
{
    (void)state;
    uint64_t random = shape_seed("random_edits_give_what_a_model_gives");
    int32_t sizes[IDS] = {0};
    uint32_t slots[IDS] = {0};
    const geo_rules *rules = NULL;
    for (uint64_t version = 1; version < 60; version++) {
        geo_rules_builder *builder = NULL;
        assert_int_equal(geo_rules_builder_new(rules, &builder), GEO_OK);
        for (int64_t n = shape_random(&random, 1, 40); n > 0; n--) {
            int i = (int)shape_random(&random, 0, IDS - 1);
            char id[16];
            snprintf(id, sizeof id, "f%d", i);
            if (shape_random(&random, 0, 2) == 0) {
                geo_err err = geo_rules_remove_fence(builder, id);
                assert_int_equal(err, sizes[i] != 0 ? GEO_OK : GEO_NOT_FOUND);
                sizes[i] = 0;
            } else {
                int32_t size = (int32_t)shape_random(&random, 1, 1000);
                uint32_t slot = 0;
                const geo_fence *fence = fence_named(id, size);
                assert_int_equal(geo_rules_put_fence(builder, fence, &slot), GEO_OK);
                geo_fence_unref(fence);
                assert_true(sizes[i] == 0 || slot == slots[i]);
                sizes[i] = size;
                slots[i] = slot;
            }
        }
        const geo_rules *next = NULL;
        assert_int_equal(geo_rules_build(builder, version, &next), GEO_OK);
        geo_rules_builder_free(builder);
        geo_rules_unref(rules);
        rules = next;
        expect_model(rules, sizes, slots);
    }
    geo_rules_unref(rules);
}

static const char everything[] =
    "b keep-out 0 0 100 100 name=Pond dwell=60 confirm=3 expires=500 group=cows group=calves "
    "on=10-20 on=30-40 span=0-100 zone=-10,-10,110,110\n"
    "a info 5 5 10 10\n"
    "device 9 cows\ndevice 3 calves cows\ndevice 77 stale=0\n"
    "settings gap=100 speed=10 accuracy=50 stale=7 late=9";

static void a_version_says_all_that_was_put_into_it(void **state)
{
    (void)state;
    const geo_rules *rules = world_rules(NULL, 42, everything);
    assert_int_equal(geo_rules_version(rules), 42);
    assert_int_equal(geo_rules_settings(rules)->max_gap_s, 100);
    assert_int_equal(geo_rules_settings(rules)->alert_max_age_s, 9);
    const geo_fence *fence = geo_rules_fence(rules, geo_rules_find(rules, "b"));
    assert_string_equal(fence->name, "Pond");
    assert_string_equal(fence->groups[0], "calves");
    assert_int_equal(fence->schedule.on[1].to_ms, 40000);
    assert_non_null(fence->zone);
    assert_true(geo_rules_concern(rules, fence, 3));
    assert_true(geo_rules_concern(rules, fence, 9));
    assert_false(geo_rules_concern(rules, fence, 77));
    assert_int_equal(geo_rules_stale_after_s(rules, 77), 0);
    assert_int_equal(geo_rules_stale_after_s(rules, 9), 7);
    geo_rules_unref(rules);
}

static void only_what_decides_is_a_change(void **state)
{
    (void)state;
    const struct {
        const char *before;
        const char *after;
        geo_fence_change change;
    } cases[] = {
        {"a info 0 0 9 9", "a info 0 0 9 9", GEO_FENCE_SAME},
        {"a info 0 0 9 9 name=x", "a info 0 0 9 9 name=y", GEO_FENCE_SAME},
        {"a info 0 0 9 9", "a info 0 0 9 8", GEO_FENCE_CHANGED},
        {"a info 0 0 9 9", "a keep-in 0 0 9 9", GEO_FENCE_CHANGED},
        {"a info 0 0 9 9", "a info 0 0 9 9 dwell=5", GEO_FENCE_CHANGED},
        {"a info 0 0 9 9", "a info 0 0 9 9 confirm=1", GEO_FENCE_CHANGED},
        {"a info 0 0 9 9", "a info 0 0 9 9 expires=1", GEO_FENCE_CHANGED},
        {"a info 0 0 9 9", "a info 0 0 9 9 group=x", GEO_FENCE_CHANGED},
        {"a info 0 0 9 9", "a info 0 0 9 9 zone=0,0,1,1", GEO_FENCE_CHANGED},
        {"a info 0 0 9 9", "a info 0 0 9 9 on=1-2", GEO_FENCE_CHANGED},
        {"a info 0 0 9 9 on=1-2 span=0-9", "a info 0 0 9 9 on=1-2 on=9-12 span=0-20",
         GEO_FENCE_RESOLVED},
        {"a info 0 0 9 9 on=1-2 on=8-9 span=0-9", "a info 0 0 9 9 on=8-12 span=5-20",
         GEO_FENCE_RESOLVED},
        {"a info 0 0 9 9 on=1-2 span=0-9", "a info 0 0 9 9 on=1-3 span=0-20", GEO_FENCE_CHANGED},
        {"a info 0 0 9 9 on=1-2 span=0-9", "a info 0 0 9 9 on=12-13 span=9-20", GEO_FENCE_CHANGED},
        {"a info 0 0 9 9 on=1-2 span=0-9", "a info 0 0 9 9 span=0-9", GEO_FENCE_CHANGED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const geo_rules *before = world_rules(NULL, 1, cases[i].before);
        const geo_rules *after = world_rules(before, 2, cases[i].after);
        geo_rules_diff *diff = NULL;
        assert_int_equal(geo_rules_diff_new(before, after, &diff), GEO_OK);
        assert_int_equal(diff->changed_count, cases[i].change == GEO_FENCE_CHANGED);
        assert_int_equal(diff->resolved_count, cases[i].change == GEO_FENCE_RESOLVED);
        geo_rules_diff_free(diff);
        geo_rules_unref(before);
        geo_rules_unref(after);
    }
}

static void devices_with_other_groups_are_told(void **state)
{
    (void)state;
    const geo_rules *before =
        world_rules(NULL, 1, "device 1 x\ndevice 2 x y\ndevice 3 x\ndevice 5 stale=3");
    const geo_rules *after = world_rules(
        before, 2, "device 1 x\ndevice 2 y x\ndevice 3 y\ndevice 4 x\ndevice 5 stale=4");
    geo_rules_diff *diff = NULL;
    assert_int_equal(geo_rules_diff_new(before, after, &diff), GEO_OK);
    assert_int_equal(diff->device_count, 2);
    assert_true(geo_rules_diff_has_device(diff, 3));
    assert_true(geo_rules_diff_has_device(diff, 4));
    assert_false(geo_rules_diff_has_device(diff, 2));
    geo_rules_diff_free(diff);
    geo_rules_unref(before);
    geo_rules_unref(after);
}

static void bad_fences_are_refused(void **state)
{
    (void)state;
    const geo_fence *good = fence_named("a", 5);
    const geo_fence *made = NULL;
    geo_interval touching[] = {{0, 5}, {5, 9}};
    geo_interval empty[] = {{5, 5}};
    const char *nameless[] = {""};
    geo_fence f = *good;
    f.id = "a/b";
    assert_int_equal(geo_fence_new(&f, &made, NULL), GEO_INVALID);
    f.id = "-a";
    assert_int_equal(geo_fence_new(&f, &made, NULL), GEO_INVALID);
    f.id = "";
    assert_int_equal(geo_fence_new(&f, &made, NULL), GEO_INVALID);
    f = *good;
    f.area = NULL;
    assert_int_equal(geo_fence_new(&f, &made, NULL), GEO_INVALID);
    f = *good;
    f.confirm_fixes = GEO_FENCE_CONFIRM_MAX + 1;
    assert_int_equal(geo_fence_new(&f, &made, NULL), GEO_TOO_BIG);
    f = *good;
    f.groups = nameless;
    f.group_count = 1;
    assert_int_equal(geo_fence_new(&f, &made, NULL), GEO_INVALID);
    f = *good;
    f.schedule = (geo_instants){.scheduled = true, .on = touching, .on_count = 2};
    assert_int_equal(geo_fence_new(&f, &made, NULL), GEO_INVALID);
    f.schedule = (geo_instants){.scheduled = true, .on = empty, .on_count = 1};
    assert_int_equal(geo_fence_new(&f, &made, NULL), GEO_INVALID);
    assert_null(made);
    geo_fence_unref(good);
}

/* Two fences, one of them another one now, and a device. */
static geo_err change_some(geo_rules_builder *builder, const geo_fence *const *fences)
{
    const geo_device_rules device = {
        .device = 9, .groups = (const char *const[]){"sheep"}, .group_count = 1};
    geo_err err = geo_rules_put_fence(builder, fences[0], NULL);
    err = err == GEO_OK ? geo_rules_put_fence(builder, fences[1], NULL) : err;
    return err == GEO_OK ? geo_rules_put_device(builder, &device) : err;
}

/* Making a version with every allocation failing in turn: no crash, no leak, the one before it as
 * it was, and in the end it works. */
static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    const geo_rules *rules = world_rules(NULL, 42, everything);
    const geo_fence *fences[] = {fence_named("a", 7), fence_named("c", 7)};
    geo_err err = GEO_NO_MEMORY;
    for (uint64_t nth = 1; err != GEO_OK; nth++) {
        geo_rules_builder *builder = NULL;
        const geo_rules *made = NULL;
        geo_rules_diff *diff = NULL;
        fault_arm(FAULT_ALLOC, nth, FAULT_ONCE, ENOMEM);
        err = geo_rules_builder_new(rules, &builder);
        err = err == GEO_OK ? change_some(builder, fences) : err;
        err = err == GEO_OK ? geo_rules_build(builder, 43, &made) : err;
        err = err == GEO_OK ? geo_rules_diff_new(rules, made, &diff) : err;
        fault_clear();
        assert_true(err == GEO_OK || err == GEO_NO_MEMORY);
        assert_true(err != GEO_OK || (diff->changed_count == 2 && diff->device_count == 1));
        assert_int_equal(geo_rules_fence_count(rules), 2);
        geo_rules_diff_free(diff);
        geo_rules_unref(made);
        geo_rules_builder_free(builder);
    }
    geo_fence_unref(fences[0]);
    geo_fence_unref(fences[1]);
    geo_rules_unref(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_edits_give_what_a_model_gives),
        cmocka_unit_test(a_version_says_all_that_was_put_into_it),
        cmocka_unit_test(only_what_decides_is_a_change),
        cmocka_unit_test(devices_with_other_groups_are_told),
        cmocka_unit_test(bad_fences_are_refused),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
