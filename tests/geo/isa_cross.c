/* tests/geo/isa_cross.c - a program of its own, without a test library, so that it can be compiled
 * for another processor and run under an emulator: every build of the queries gives the same hits
 * as the plain one, and those of the areas. Integers only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geo/area.h"
#include "geo/index.h"

#define FENCES 60
#define LARGE 6 /* of them lie over most of the others */
#define POINTS 2048
#define HITS_MAX (POINTS * FENCES)

static uint64_t random_state = 20261120;

static int32_t dice(int32_t low, int32_t high)
{
    /* splitmix64 */
    uint64_t z = random_state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return low + (int32_t)((z ^ (z >> 31)) % (uint64_t)(high - low + 1));
}

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "isa_cross: %s\n", what);
        exit(1);
    }
}

static geo_area *tangle(int32_t spread)
{
    geo_point ring[40];
    geo_area *area = NULL;
    geo_point center = {163725000 + dice(-4 * spread, 4 * spread),
                        598512000 + dice(-4 * spread, 4 * spread)};
    while (area == NULL) {
        uint32_t count = (uint32_t)dice(3, 40);
        for (uint32_t i = 0; i < count; i++) {
            ring[i] = (geo_point){center.lon_e7 + dice(-spread, spread),
                                  center.lat_e7 + dice(-spread, spread)};
        }
        if (geo_area_new(ring, &count, 1, &area) != GEO_OK) {
            area = NULL;
        }
    }
    return area;
}

/* A square around most tangles: at some scale it covers squares of the index that hold them. */
static geo_area *cloth(int32_t spread)
{
    const int32_t x = 163725000 + dice(-spread, spread);
    const int32_t y = 598512000 + dice(-spread, spread);
    const int32_t half = 4 * spread;
    const geo_point ring[] = {
        {x - half, y - half}, {x + half, y - half}, {x + half, y + half}, {x - half, y + half}};
    const uint32_t count = 4;
    geo_area *area = NULL;
    need(geo_area_new(ring, &count, 1, &area) == GEO_OK, "no memory");
    return area;
}

/* Steps from the points that touch no boundary, by the build in use; mixed into one number. */
static uint64_t ask_clear(const geo_index_version *version, const geo_point *points)
{
    uint64_t mixed = 0;
    for (uint32_t p = 0; p + GEO_INDEX_BLOCK_POINTS < POINTS; p += GEO_INDEX_BLOCK_POINTS) {
        uint64_t clear =
            geo_index_clear(version, points + p, points + p + 1, GEO_INDEX_BLOCK_POINTS);
        mixed = (mixed ^ clear) * UINT64_C(0x9E3779B97F4A7C15);
    }
    return mixed;
}

/* Hits of all points, by the build in use. */
static size_t ask(const geo_index_version *version, const geo_point *points, geo_hit *hits)
{
    size_t count;
    size_t done;
    need(geo_index_query(version, points, POINTS, hits, HITS_MAX, &count, &done) == GEO_OK &&
             done == POINTS,
         "a query failed");
    return count;
}

static void check_against_areas(geo_area *const *areas, const geo_point *points,
                                const geo_hit *hits, size_t count)
{
    static unsigned char found[POINTS][FENCES];
    memset(found, 0, sizeof found);
    for (size_t h = 0; h < count; h++) {
        found[hits[h].point][hits[h].id]++;
    }
    for (uint32_t p = 0; p < POINTS; p++) {
        for (uint32_t id = 0; id < FENCES; id++) {
            need(found[p][id] == geo_area_contains(areas[id], points[p]), "a hit is wrong");
        }
    }
}

static void check_scale(int32_t spread)
{
    static geo_point points[POINTS];
    static geo_hit expected[HITS_MAX];
    static geo_hit hits[HITS_MAX];
    geo_area *areas[FENCES];
    geo_index *index = NULL;
    need(geo_index_new(NULL, &index) == GEO_OK, "no memory");
    for (uint32_t id = 0; id < FENCES; id++) {
        areas[id] = id < LARGE ? cloth(spread) : tangle(spread);
        need(geo_index_put(index, id, areas[id]) == GEO_OK, "no memory");
    }
    need(geo_index_publish(index) == GEO_OK, "cannot publish");
    for (uint32_t p = 0; p < POINTS; p++) {
        const geo_area *area = areas[dice(0, FENCES - 1)];
        points[p] = area->vertices[dice(0, (int32_t)area->vertex_count - 1)];
        int32_t away = p % 3 == 0 ? 0 : p % 3 == 1 ? 1 : spread;
        points[p].lon_e7 += dice(-away, away);
        points[p].lat_e7 += dice(-away, away);
    }
    geo_index_version *version = geo_index_acquire(index);
    need(geo_index_force_isa(GEO_INDEX_SCALAR), "no plain build");
    size_t count = ask(version, points, expected);
    const uint64_t clear = ask_clear(version, points);
    check_against_areas(areas, points, expected, count);
    for (int isa = GEO_INDEX_SCALAR + 1; isa <= GEO_INDEX_AVX512; isa++) {
        if (geo_index_force_isa((geo_index_isa)isa)) {
            need(ask(version, points, hits) == count &&
                     memcmp(hits, expected, count * sizeof *hits) == 0 &&
                     ask_clear(version, points) == clear,
                 geo_index_isa_name((geo_index_isa)isa));
        }
    }
    geo_index_release(version);
    geo_index_free(index);
    for (uint32_t id = 0; id < FENCES; id++) {
        geo_area_free(areas[id]);
    }
}

int main(int argc, char **argv)
{
    /* The builds that must be there, so that a run which compares nothing is no success. */
    for (int i = 1; i < argc; i++) {
        int isa = GEO_INDEX_SCALAR;
        while (isa <= GEO_INDEX_AVX512 &&
               strcmp(argv[i], geo_index_isa_name((geo_index_isa)isa)) != 0) {
            isa++;
        }
        need(isa <= GEO_INDEX_AVX512 && geo_index_force_isa((geo_index_isa)isa),
             "a build that was asked for is not there");
    }
    for (int32_t spread = 50; spread < 500000; spread *= 20) {
        check_scale(spread);
    }
    puts("all builds agree");
    return 0;
}
