/* tests/bench/bench_geo_large.c - the limits of the index: a million fences, a fence of 100,000
 * vertices, and a country beside 100,000 paddocks, which must not feel it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench_geo.h"

#define COUNTRY_VERTICES 10000u
#define COUNTRY_PUTS 100
#define PI 3.14159265358979323846

/* About 600 km from side to side, around the farm. */
static geo_area *make_country(void)
{
    static geo_point ring[COUNTRY_VERTICES];
    const uint32_t count = COUNTRY_VERTICES;
    geo_area *area = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const double angle = 2 * PI * i / count;
        const double reach = 1 + 0.002 * (i % 7);
        ring[i] = (geo_point){(int32_t)lround(163700000 + 54000000 * reach * cos(angle)),
                              (int32_t)lround(598500000 + 27000000 * reach * sin(angle))};
    }
    bench_need(geo_area_new(ring, &count, 1, &area) == GEO_OK, "no country");
    return area;
}

/* The same points with the country and without it. */
static void compare_points(const bench *b, geo_index *index, const geo_area *country, farm *f,
                           farm_points kind, const char *kind_name)
{
    double with[BENCH_RUNS_MAX];
    double without[BENCH_RUNS_MAX];
    char details[100];
    bench once = *b;
    geo_point *points = farm_make_points(f, kind, b->point_count);
    once.runs = 1;
    for (int r = 0; r < b->runs; r++) {
        geo_index_version *version = geo_index_acquire(index);
        without[r] = bench_measure(&once, version, points);
        geo_index_release(version);
        bench_need(geo_index_put(index, f->options.fence_count, country) == GEO_OK &&
                       geo_index_publish(index) == GEO_OK,
                   "no room for a country");
        version = geo_index_acquire(index);
        with[r] = bench_measure(&once, version, points);
        geo_index_release(version);
        bench_need(geo_index_remove(index, f->options.fence_count) == GEO_OK &&
                       geo_index_publish(index) == GEO_OK,
                   "the country stays");
    }
    snprintf(details, sizeof details, "\"fences\":%u,\"points\":\"%s\"", f->options.fence_count + 1,
             kind_name);
    bench_report(b, "geo.point.country", details, bench_median(with, b->runs),
                 "the same without the country", bench_median(without, b->runs), "M points/s",
                 false);
    free(points);
}

static void bench_country(const bench *b)
{
    farm f;
    farm_options options = {.fence_count = 100000, .cover = 0.65, .spike = 0.25};
    double build_s;
    double times[COUNTRY_PUTS];
    farm_init(&f, &options);
    geo_index *index = bench_build(1, &f, &build_s);
    geo_area *country = make_country();
    compare_points(b, index, country, &f, FARM_WALKING, "walking");
    compare_points(b, index, country, &f, FARM_UNIFORM, "uniform");
    for (int i = 0; i < COUNTRY_PUTS; i++) {
        const double start = bench_now_s();
        bench_need(geo_index_put(index, options.fence_count, country) == GEO_OK &&
                       geo_index_publish(index) == GEO_OK,
                   "no room for a country");
        times[i] = (bench_now_s() - start) * 1e3;
    }
    bench_report(b, "geo.replace.country", "\"vertices\":10000,\"quantile\":\"p50\"",
                 bench_median(times, COUNTRY_PUTS), NULL, 0, "ms", true);
    geo_area_free(country);
    geo_index_free(index);
    farm_fini(&f);
}

/* What one farm has to say: build, memory, points, replaced fences. */
static void bench_limit(const bench *b, const char *name, farm_options options, size_t replaced)
{
    farm f;
    char kind[64];
    char details[100];
    double build_s;
    farm_init(&f, &options);
    geo_index *index = bench_build(1, &f, &build_s);
    double start = bench_now_s();
    peer *p = peer_new(f.areas, options.fence_count);
    const double peer_build_s = bench_now_s() - start;
    bench once = *b;
    once.runs = 1;
    snprintf(details, sizeof details, "\"fences\":%u,\"vertices\":%u", options.fence_count,
             f.areas[0]->vertex_count);
    snprintf(kind, sizeof kind, "geo.build.%s", name);
    bench_report(&once, kind, details, build_s, "geos-prepared+strtree", peer_build_s, "s", true);
    snprintf(kind, sizeof kind, "geo.memory.%s", name);
    bench_report(&once, kind, details, (double)geo_index_memory_bytes(index) / options.fence_count,
                 NULL, 0, "bytes a fence", true);
    snprintf(kind, sizeof kind, "geo.point.%s", name);
    bench_points(b, kind, &f, index, p, FARM_WALKING, "walking");
    bench_points(b, kind, &f, index, p, FARM_UNIFORM, "uniform");
    /* For one fence GEOS has no tree to speak of. */
    bench_replace(b, &f, index, options.fence_count > 1 ? p : NULL, replaced);
    peer_free(p);
    geo_index_free(index);
    farm_fini(&f);
}

void bench_large(const bench *b)
{
    const farm_options million = {.fence_count = 1000000, .cover = 0.65, .spike = 0.25};
    const farm_options vertices = {
        .fence_count = 1, .cover = 0.65, .vertex_count = 100000, .spike = 0.001};
    if (!b->is_quick && bench_is_wanted(b, "large-country")) {
        bench_country(b);
    }
    if (bench_is_wanted(b, "large-vertices")) {
        bench_limit(b, "vertices", vertices, 20);
    }
    if (!b->is_quick && bench_is_wanted(b, "large-million")) {
        bench_limit(b, "million", million, 10000);
    }
}
