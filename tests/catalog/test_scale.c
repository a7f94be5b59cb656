/* tests/catalog/test_scale.c - large fences, many fences, and files that were damaged. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What this process has worked: the machine may be busy with other things. */
static int64_t worked_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

typedef struct growing_text {
    char *data;
    size_t size;
    size_t capacity;
} growing_text;

static void add(growing_text *all, const char *piece)
{
    size_t size = strlen(piece);
    if (all->capacity - all->size <= size) {
        all->capacity = (all->size + size) * 2 + 1;
        all->data = realloc(all->data, all->capacity);
        assert_non_null(all->data);
    }
    memcpy(all->data + all->size, piece, size + 1);
    all->size += size;
}

/* A Feature: a star around a place, with that many vertices. */
static void add_star(growing_text *all, double lon, double lat, double radius, int vertices)
{
    const double turn = 6.283185307179586;
    char piece[64];
    add(all, "{\"type\":\"Feature\",\"properties\":{\"name\":\"Star\",\"groups\":[\"a\"]},"
             "\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[");
    for (int i = 0; i <= vertices; i++) {
        double angle = turn * (i % vertices) / vertices;
        double far = radius * (i % 2 == 0 ? 1.0 : 0.8);
        (void)snprintf(piece, sizeof piece, "%s[%.7f,%.7f]", i == 0 ? "" : ",",
                       lon + far * cos(angle), lat + far * sin(angle));
        add(all, piece);
    }
    add(all, "]]}}");
}

static geo_err put(fixture *kit, const growing_text *star, geo_why *why)
{
    catalog_change *change = fixture_begin(kit);
    geo_err err =
        catalog_change_put(change, "star", star->data, star->size, CATALOG_ANY, NULL, why);
    if (err == GEO_OK) {
        (void)fixture_commit(change);
    } else {
        catalog_change_abandon(change);
    }
    return err;
}

static void a_fence_of_100000_vertices_is_taken_and_one_of_more_is_refused(void **state)
{
    fixture *kit = *state;
    growing_text star = {0};
    geo_why why = {""};
    add_star(&star, 16, 59, 1.0, GEO_AREA_VERTICES_MAX);
    int64_t begun_ms = worked_ms();
    if (put(kit, &star, &why) != GEO_OK) {
        fail_msg("%s", why.text);
    }
    int put_ms = (int)(worked_ms() - begun_ms);
    print_message("put: %d ms\n", put_ms);
    assert_true(put_ms < 10000);
    fixture_close(kit);
    fixture_open(kit);
    const geo_rules *rules = fixture_rules(kit);
    const geo_fence *fence = geo_rules_fence(rules, geo_rules_find(rules, "star"));
    assert_int_equal(fence->area->vertex_count, GEO_AREA_VERTICES_MAX);
    geo_rules_unref(rules);
    star.size = 0;
    add_star(&star, 16, 59, 1.0, GEO_AREA_VERTICES_MAX + 2);
    assert_int_equal(put(kit, &star, &why), GEO_TOO_BIG);
    assert_true(why.text[0] != '\0');
    free(star.data);
}

static void ten_thousand_fences_load_in_well_under_a_second(void **state)
{
    fixture *kit = *state;
    growing_text all = {0};
    add(&all, "{\"type\":\"FeatureCollection\",\"features\":[");
    for (int i = 0; i < 10000; i++) {
        add(&all, i == 0 ? "" : ",");
        add_star(&all, 16 + 0.001 * (i % 100), 59 + 0.001 * (i / 100), 0.0005, 58);
    }
    add(&all, "]}");
    static const catalog_import_options strict = {0};
    uint32_t count = 0;
    geo_why why = {""};
    catalog_change *change = fixture_begin(kit);
    int64_t begun_ms = worked_ms();
    if (catalog_change_import(change, all.data, all.size, &strict, &count, &why) != GEO_OK) {
        fail_msg("%s", why.text);
    }
    (void)fixture_commit(change);
    print_message("import: %d ms\n", (int)(worked_ms() - begun_ms));
    free(all.data);
    fixture_close(kit);
    begun_ms = worked_ms();
    fixture_open(kit);
    int load_ms = (int)(worked_ms() - begun_ms);
    print_message("open and load: %d ms\n", load_ms);
    const geo_rules *rules = fixture_rules(kit);
    assert_int_equal(geo_rules_fence_count(rules), 10000);
    geo_rules_unref(rules);
    assert_true(load_ms < 1000);
}

static char *read_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long end = ftell(file);
    assert_true(end > 0);
    rewind(file);
    char *bytes = malloc((size_t)end);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)end, file), (size_t)end);
    assert_int_equal(fclose(file), 0);
    *size = (size_t)end;
    return bytes;
}

static void write_whole(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Whatever it says, it says it with an error and not with a crash. */
static void use_damaged(fixture *kit)
{
    geo_why why;
    catalog_text text = {0};
    catalog_page page = {0};
    catalog_change *change = NULL;
    if (catalog_open(kit->path, &kit->store, &why) != GEO_OK) {
        return;
    }
    if (catalog_fence_list(kit->store, &page, &text, &why) == GEO_OK) {
        catalog_text_fini(&text);
    }
    if (catalog_device_list(kit->store, &page, &text, &why) == GEO_OK) {
        catalog_text_fini(&text);
    }
    if (catalog_change_begin(kit->store, "x", 0, &change, &why) == GEO_OK) {
        const char *feature = fixture_square(16, 59, 0.01, "{}");
        if (catalog_change_put(change, "f1", feature, strlen(feature), CATALOG_ANY, NULL, &why) ==
            GEO_OK) {
            (void)!catalog_change_commit(change, NULL, &why);
        } else {
            catalog_change_abandon(change);
        }
    }
    fixture_close(kit);
}

static void a_damaged_file_gives_errors_and_no_crash(void **state)
{
    fixture *kit = *state;
    unsigned seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    for (int i = 0; i < 20; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "f%d", i);
        (void)fixture_put(kit, id, fixture_square(16 + 0.1 * i, 59, 0.01, "{}"));
    }
    fixture_name(kit, 5, "cow");
    fixture_close(kit);
    size_t size = 0;
    char *sound = read_whole(kit->path, &size);
    char *damaged = malloc(size);
    assert_non_null(damaged);
    for (int round = 0; round < 40; round++) {
        memcpy(damaged, sound, size);
        size_t count = round % 4 == 0 ? 1 : 200;
        for (size_t i = 0; i < count; i++) {
            damaged[(size_t)rand_r(&seed) % size] = (char)rand_r(&seed);
        }
        size_t kept = round % 5 == 0 ? (size_t)rand_r(&seed) % size : size;
        write_whole(kit->path, damaged, kept);
        use_damaged(kit);
    }
    write_whole(kit->path, sound, size);
    fixture_open(kit);
    assert_int_equal(catalog_version(kit->store), 20);
    free(damaged);
    free(sound);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_fence_of_100000_vertices_is_taken_and_one_of_more_is_refused),
        CASE(ten_thousand_fences_load_in_well_under_a_second),
        CASE(a_damaged_file_gives_errors_and_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
