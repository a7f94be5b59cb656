/* tests/engine/test_worlds.c - versions of the rules and their indexes: what was judged by is let
 * go of. */
#include <stdio.h>
#include <unistd.h>

#include "engine/world.h"
#include "test.h"

#define FENCES 2000
#define VERTICES 40
#define IMPORTS 10

/* Of the machine's memory as the code under test sees it; 0: as it is. */
static long memory_pages;

long __real_sysconf(int name);
long __wrap_sysconf(int name);

long __wrap_sysconf(int name)
{
    return name == _SC_PHYS_PAGES && memory_pages != 0 ? memory_pages : __real_sysconf(name);
}

/* Every index reserves addresses, by which it is seen to be there; memory in use would tell what a
 * sanitizer keeps of it, too. */
#define INDEX_ADDRESSES ((size_t)8 << 30)

static size_t mapped_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu", &pages), 1);
    assert_int_equal(fclose(file), 0);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A field with a jagged edge of its own in every version. */
static const geo_fence *paddock(uint64_t version, uint32_t number)
{
    char id[16];
    geo_point ring[VERTICES];
    uint32_t count = VERTICES;
    geo_area *area = NULL;
    const geo_fence *fence = NULL;
    const int32_t west = 163725000 + (int32_t)(number % 50) * 16000;
    const int32_t south = 598512000 + (int32_t)(number / 50) * 8000;
    for (int32_t v = 0; v < VERTICES - 1; v++) {
        const int32_t tooth = v % 2 == 0 ? 0 : 2000 + (int32_t)(version % 100) * 7;
        ring[v] = (geo_point){west + v * 300, south + tooth};
    }
    ring[VERTICES - 1] = (geo_point){west, south + 6000};
    snprintf(id, sizeof id, "f%u", number);
    assert_int_equal(geo_area_new(ring, &count, 1, &area), GEO_OK);
    const geo_fence description = {
        .id = id, .name = "", .expires_at_ms = GEO_NEVER_MS, .area = area};
    assert_int_equal(geo_fence_new(&description, &fence, NULL), GEO_OK);
    return fence;
}

/* Other fences for the first `count` that there are; takes base. */
static const geo_rules *import(const geo_rules *base, uint64_t version, uint32_t count)
{
    geo_rules_builder *builder = NULL;
    const geo_rules *rules = NULL;
    assert_int_equal(geo_rules_builder_new(base, &builder), GEO_OK);
    for (uint32_t number = 0; number < count; number++) {
        const geo_fence *fence = paddock(version, number);
        assert_int_equal(geo_rules_put_fence(builder, fence, NULL), GEO_OK);
        geo_fence_unref(fence);
    }
    assert_int_equal(geo_rules_build(builder, version, &rules), GEO_OK);
    geo_rules_builder_free(builder);
    geo_rules_unref(base);
    return rules;
}

/* Each import has an index of its own, and two are there at most: the one that workers go to, and
 * the one that they come from. */
static void imports_do_not_keep_the_indexes_before_them(void **state)
{
    (void)state;
    hr_why why;
    engine_worlds *worlds = NULL;
    const engine_world *world = NULL;
    const geo_rules *rules = NULL;
    size_t bytes[IMPORTS] = {0};
    assert_int_equal(engine_worlds_new(NULL, &worlds, &why), HR_OK);
    for (uint64_t version = 1; version <= IMPORTS; version++) {
        const engine_world *next = NULL;
        rules = import(rules, version, FENCES);
        assert_int_equal(engine_world_prepare(worlds, rules, &why), HR_OK);
        assert_int_equal(engine_world_acquire(worlds, version, &next, &why), HR_OK);
        engine_world_release(worlds, world);
        world = next;
        bytes[version - 1] = mapped_bytes();
    }
    assert_true(bytes[IMPORTS - 1] < bytes[1] + INDEX_ADDRESSES);
    engine_world_release(worlds, world);
    geo_rules_unref(rules);
    engine_worlds_free(worlds);
}

/* There is room for an index, but not for another one beside it: the import is refused, what was
 * judged by stays, and so does the way to change a single fence. */
static void an_import_beyond_the_memory_changes_nothing(void **state)
{
    (void)state;
    hr_why why;
    engine_worlds *worlds = NULL;
    const engine_world *world = NULL;
    memory_pages = (6 << 20) / __real_sysconf(_SC_PAGESIZE);
    assert_int_equal(engine_worlds_new(NULL, &worlds, &why), HR_OK);
    memory_pages = 0;
    const geo_rules *rules = import(NULL, 1, FENCES / 2);
    assert_int_equal(engine_world_prepare(worlds, rules, &why), HR_OK);
    assert_int_equal(engine_world_acquire(worlds, 1, &world, &why), HR_OK);
    const geo_rules *larger = import(geo_rules_ref(rules), 2, FENCES);
    assert_int_equal(engine_world_prepare(worlds, larger, &why), HR_NO_MEMORY);
    assert_string_equal(why.text, "with this change the fences need more memory than this gateway "
                                  "has for them, 3 MB");
    uint32_t ids[4];
    size_t count = 0;
    const geo_point inside = {163725000 + 300, 598512000 + 3000};
    assert_int_equal(geo_index_query_one(world->index, inside, ids, 4, &count), GEO_OK);
    assert_int_equal(count, 1);
    rules = import(rules, 2, 1);
    assert_int_equal(engine_world_prepare(worlds, rules, &why), HR_OK);
    engine_world_release(worlds, world);
    geo_rules_unref(larger);
    geo_rules_unref(rules);
    engine_worlds_free(worlds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imports_do_not_keep_the_indexes_before_them),
        cmocka_unit_test(an_import_beyond_the_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
