/* tests/geo/test_rules_table.c - thousands of fences over many versions: each version stays what it
 * was, and has in common with the next what the next does not change. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/fault.h"
#include "geo/index.h"
#include "geo/rules_diff.h"
#include "geo/rules_internal.h"
#include "shapes.h"
#include "test.h"

#define IDS 4000
#define KEPT 6

/* A version and what is in it: sizes, 0 for fences that are not there, and slots, by number. */
typedef struct version {
    const geo_rules *rules;
    uint16_t sizes[IDS];
    uint32_t slots[IDS];
} version;

static const geo_fence *fence_of(unsigned number, uint16_t size)
{
    char id[16];
    geo_area *area = NULL;
    geo_point corners[] = {{0, 0}, {size, 0}, {size, size}};
    uint32_t end = 3;
    const geo_fence *fence = NULL;
    snprintf(id, sizeof id, "f%u", number);
    assert_int_equal(geo_area_new(corners, &end, 1, &area), GEO_OK);
    geo_fence description = {.id = id, .name = "", .expires_at_ms = GEO_NEVER_MS, .area = area};
    assert_int_equal(geo_fence_new(&description, &fence, NULL), GEO_OK);
    return fence;
}

static geo_err put(geo_rules_builder *builder, unsigned number, uint16_t size, uint32_t *slot)
{
    const geo_fence *fence = fence_of(number, size);
    geo_err err = geo_rules_put_fence(builder, fence, slot);
    geo_fence_unref(fence);
    return err;
}

static void expect(const version *v)
{
    static char taken[IDS];
    uint32_t count = 0;
    memset(taken, 0, sizeof taken);
    for (unsigned i = 0; i < IDS; i++) {
        char id[16];
        snprintf(id, sizeof id, "f%u", i);
        uint32_t slot = geo_rules_find(v->rules, id);
        assert_int_equal(slot, v->sizes[i] != 0 ? v->slots[i] : GEO_NO_SLOT);
        if (slot != GEO_NO_SLOT) {
            assert_int_equal(geo_rules_fence(v->rules, slot)->area->vertices[1].lon_e7,
                             v->sizes[i]);
            assert_int_equal(taken[slot]++, 0);
            count++;
        }
    }
    assert_int_equal(geo_rules_fence_count(v->rules), count);
    const char *last = "";
    for (uint32_t rank = 0; rank < count; rank++) {
        const geo_fence *fence = geo_rules_fence(v->rules, geo_rules_slot_by_rank(v->rules, rank));
        assert_true(strcmp(last, fence->id) < 0);
        last = fence->id;
    }
    assert_int_equal(geo_rules_slot_by_rank(v->rules, count), GEO_NO_SLOT);
}

/* The difference as the model has it, beside that of the rules. */
static void expect_difference(const version *before, const version *after)
{
    static char differs[IDS];
    geo_rules_diff *diff = NULL;
    memset(differs, 0, sizeof differs);
    for (unsigned i = 0; i < IDS; i++) {
        if (before->sizes[i] != after->sizes[i] ||
            (before->sizes[i] != 0 && before->slots[i] != after->slots[i])) {
            differs[before->slots[i]] |= before->sizes[i] != 0;
            differs[after->slots[i]] |= after->sizes[i] != 0;
        }
    }
    uint32_t expected = 0;
    for (uint32_t slot = 0; slot < IDS; slot++) {
        expected += differs[slot] != 0;
    }
    assert_int_equal(geo_rules_diff_new(before->rules, after->rules, &diff), GEO_OK);
    assert_int_equal(diff->changed_count, expected);
    for (uint32_t i = 0; i < diff->changed_count; i++) {
        assert_true(differs[diff->changed[i]]);
    }
    geo_rules_diff_free(diff);
}

static void edit(version *v, uint64_t number, uint64_t *random, int64_t edits, int64_t removals)
{
    geo_rules_builder *builder = NULL;
    assert_int_equal(geo_rules_builder_new(v->rules, &builder), GEO_OK);
    for (int64_t n = 0; n < edits; n++) {
        unsigned i = (unsigned)shape_random(random, 0, IDS - 1);
        if (shape_random(random, 0, 9) < removals) {
            char id[16];
            snprintf(id, sizeof id, "f%u", i);
            assert_int_equal(geo_rules_remove_fence(builder, id),
                             v->sizes[i] != 0 ? GEO_OK : GEO_NOT_FOUND);
            v->sizes[i] = 0;
        } else {
            v->sizes[i] = (uint16_t)shape_random(random, 1, 60000);
            assert_int_equal(put(builder, i, v->sizes[i], &v->slots[i]), GEO_OK);
        }
    }
    assert_int_equal(geo_rules_build(builder, number, &v->rules), GEO_OK);
    geo_rules_builder_free(builder);
}

static void every_version_stays_what_it_was(void **state)
{
    (void)state;
    uint64_t random = shape_seed("every_version_stays_what_it_was");
    static version kept[KEPT];
    memset(kept, 0, sizeof kept);
    for (uint64_t number = 1; number < 40; number++) {
        version *before = &kept[(number - 1) % KEPT];
        version *v = &kept[number % KEPT];
        geo_rules_unref(v->rules);
        *v = *before;
        bool few = number % 3 != 0;
        edit(v, number, &random, shape_random(&random, 1, few ? 5 : 6000), number % 7);
        if (number > 1) {
            expect_difference(before, v);
        }
        for (int i = 0; i < KEPT; i++) {
            if (kept[i].rules != NULL) {
                expect(&kept[i]);
            }
        }
    }
    for (int i = 0; i < KEPT; i++) {
        geo_rules_unref(kept[i].rules);
    }
}

/* A version of all ids, in the order of their numbers. */
static const geo_rules *full_version(void)
{
    geo_rules_builder *builder = NULL;
    const geo_rules *rules = NULL;
    assert_int_equal(geo_rules_builder_new(NULL, &builder), GEO_OK);
    for (unsigned i = 0; i < IDS; i++) {
        assert_int_equal(put(builder, i, 7, NULL), GEO_OK);
    }
    assert_int_equal(geo_rules_build(builder, 1, &rules), GEO_OK);
    geo_rules_builder_free(builder);
    return rules;
}

static void one_edit_copies_one_page_and_one_run(void **state)
{
    (void)state;
    const geo_rules *before = full_version();
    const geo_rules *after = NULL;
    geo_rules_builder *builder = NULL;
    assert_int_equal(geo_rules_builder_new(before, &builder), GEO_OK);
    assert_int_equal(put(builder, 1234, 8, NULL), GEO_OK);
    assert_int_equal(geo_rules_remove_fence(builder, "f1235"), GEO_OK);
    assert_int_equal(geo_rules_build(builder, 2, &after), GEO_OK);
    geo_rules_builder_free(builder);
    uint32_t pages = 0;
    uint32_t runs = 0;
    const fence_table *old = before->fences;
    const fence_table *new = after->fences;
    assert_int_equal(old->page_count, new->page_count);
    assert_int_equal(old->run_count, new->run_count);
    for (uint32_t i = 0; i < old->page_count; i++) {
        pages += old->pages[i] != new->pages[i];
    }
    for (uint32_t i = 0; i < old->run_count; i++) {
        runs += old->runs[i] != new->runs[i];
    }
    assert_int_equal(pages, 1);
    assert_int_equal(runs, 1);
    geo_rules_unref(before);
    geo_rules_unref(after);
}

static void all_may_go_and_come_again(void **state)
{
    (void)state;
    version v = {.rules = full_version()};
    const geo_rules *full = v.rules;
    geo_rules_builder *builder = NULL;
    assert_int_equal(geo_rules_builder_new(full, &builder), GEO_OK);
    for (unsigned i = 0; i < IDS; i++) {
        char id[16];
        snprintf(id, sizeof id, "f%u", i);
        assert_int_equal(geo_rules_remove_fence(builder, id), GEO_OK);
    }
    assert_int_equal(geo_rules_build(builder, 2, &v.rules), GEO_OK);
    expect(&v);
    geo_rules_unref(v.rules);
    for (unsigned i = 0; i < IDS; i++) {
        v.sizes[i] = 9;
        assert_int_equal(put(builder, i, 9, &v.slots[i]), GEO_OK);
        assert_int_equal(v.slots[i], i);
    }
    assert_int_equal(geo_rules_build(builder, 3, &v.rules), GEO_OK);
    geo_rules_builder_free(builder);
    expect(&v);
    geo_rules_unref(v.rules);
    geo_rules_unref(full);
}

/* An insertion that halves a run, a replacement, a removal: each with every allocation failing. */
static void an_edit_without_memory_changes_nothing(void **state)
{
    (void)state;
    version v = {.rules = full_version()};
    for (unsigned i = 0; i < IDS; i++) {
        v.sizes[i] = 7;
        v.slots[i] = i;
    }
    const geo_fence *other = fence_of(7, 9);
    const geo_fence *new = fence_of(12345, 9);
    for (int kind = 0; kind < 3; kind++) {
        geo_err err = GEO_NO_MEMORY;
        for (uint64_t nth = 1; err != GEO_OK; nth++) {
            geo_rules_builder *builder = NULL;
            const geo_rules *after = NULL;
            assert_int_equal(geo_rules_builder_new(v.rules, &builder), GEO_OK);
            fault_arm(FAULT_ALLOC, nth, FAULT_ONCE, ENOMEM);
            err = kind == 2 ? geo_rules_remove_fence(builder, "f7")
                            : geo_rules_put_fence(builder, kind == 0 ? new : other, NULL);
            bool struck = fault_struck();
            fault_clear();
            assert_int_equal(err, struck ? GEO_NO_MEMORY : GEO_OK);
            assert_true(nth > 1 || struck);
            assert_int_equal(geo_rules_build(builder, 2, &after), GEO_OK);
            geo_rules_builder_free(builder);
            if (err != GEO_OK) {
                version same = v;
                same.rules = after;
                expect(&same);
            }
            geo_rules_unref(after);
        }
    }
    expect(&v);
    geo_fence_unref(other);
    geo_fence_unref(new);
    geo_rules_unref(v.rules);
}

/* A comb from pole to pole: edges that are as long as they are many. */
static const geo_fence *comb_of(const char *id, uint32_t teeth)
{
    geo_area *area = NULL;
    uint32_t end = 2 * teeth;
    geo_point *corners = malloc(end * sizeof *corners);
    const geo_fence *fence = NULL;
    assert_non_null(corners);
    for (uint32_t i = 0; i < end; i++) {
        corners[i] = (geo_point){(int32_t)(i / 2) * 100 + 50 * (int32_t)(i % 2),
                                 i % 4 == 1 || i % 4 == 2 ? 850000000 : -850000000};
    }
    assert_int_equal(geo_area_new(corners, &end, 1, &area), GEO_OK);
    free(corners);
    geo_fence description = {.id = id, .name = "", .expires_at_ms = GEO_NEVER_MS, .area = area};
    assert_int_equal(geo_fence_new(&description, &fence, NULL), GEO_OK);
    return fence;
}

static void edges_that_the_index_would_refuse_are_not_taken(void **state)
{
    (void)state;
    geo_rules_builder *builder = NULL;
    const geo_rules *rules = NULL;
    const geo_fence *small = comb_of("small", 10);
    const geo_fence *big = comb_of("big", 2500);
    const geo_fence *same = comb_of("big", 20);
    const geo_fence *next = comb_of("next", 2500);
    const geo_fence *huge = comb_of("huge", 10000);
    assert_true(geo_index_span(big->area) > GEO_INDEX_SPAN_MAX / 2);
    assert_int_equal(geo_rules_builder_new(NULL, &builder), GEO_OK);
    assert_int_equal(geo_rules_put_fence(builder, huge, NULL), GEO_TOO_BIG);
    assert_int_equal(geo_rules_put_fence(builder, big, NULL), GEO_OK);
    assert_int_equal(geo_rules_build(builder, 1, &rules), GEO_OK);
    geo_rules_builder_free(builder);
    /* The sum goes on in the next version, and shrinks by what goes. */
    assert_int_equal(geo_rules_builder_new(rules, &builder), GEO_OK);
    geo_rules_unref(rules);
    assert_int_equal(geo_rules_put_fence(builder, next, NULL), GEO_TOO_BIG);
    assert_int_equal(geo_rules_put_fence(builder, small, NULL), GEO_OK);
    assert_int_equal(geo_rules_put_fence(builder, same, NULL), GEO_OK);
    assert_int_equal(geo_rules_put_fence(builder, next, NULL), GEO_OK);
    assert_int_equal(geo_rules_put_fence(builder, big, NULL), GEO_TOO_BIG);
    assert_int_equal(geo_rules_remove_fence(builder, "next"), GEO_OK);
    assert_int_equal(geo_rules_put_fence(builder, big, NULL), GEO_OK);
    geo_rules_builder_free(builder);
    geo_fence_unref(small);
    geo_fence_unref(big);
    geo_fence_unref(same);
    geo_fence_unref(next);
    geo_fence_unref(huge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_stays_what_it_was),
        cmocka_unit_test(all_may_go_and_come_again),
        cmocka_unit_test(one_edit_copies_one_page_and_one_run),
        cmocka_unit_test(an_edit_without_memory_changes_nothing),
        cmocka_unit_test(edges_that_the_index_would_refuse_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
