/* tests/bench/bench_geo.c - the fence index beside GEOS, one JSON line for each case.
 * bench_geo [--quick] [--json FILE] [--only SUBSTRING]. Times are CPU times of one thread, figures
 * are medians. */
#include "bench_geo.h"
#include "bench_line.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HITS_MAX ((size_t)1 << 18)
#define CALL_POINTS ((size_t)8192)

double bench_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void bench_sort(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
}

double bench_median(double *values, int count)
{
    bench_sort(values, (size_t)count);
    return values[count / 2];
}

void bench_need(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_geo: %s\n", what);
        exit(1);
    }
}

void bench_report(const bench *b, const char *name, const char *details, double ours,
                  const char *peer_name, double theirs, const char *unit, bool is_time)
{
    bench_line_put(b->json, &(bench_line){.name = name,
                                          .details = details,
                                          .ours = ours,
                                          .unit = unit,
                                          .peer = peer_name,
                                          .theirs = theirs,
                                          .less_is_better = is_time,
                                          .runs = b->runs});
}

static uint64_t count_hits(const geo_index_version *version, const geo_point *points, size_t count)
{
    static geo_hit hits[HITS_MAX];
    uint64_t total = 0;
    size_t done = 0;
    while (done < count) {
        size_t size = count - done < CALL_POINTS ? count - done : CALL_POINTS;
        size_t own;
        size_t answered;
        bench_need(geo_index_query(version, points + done, size, hits, HITS_MAX, &own, &answered) ==
                       GEO_OK,
                   "query failed");
        total += own;
        done += answered;
    }
    return total;
}

double bench_measure(const bench *b, const geo_index_version *version, const geo_point *points)
{
    double rates[BENCH_RUNS_MAX];
    count_hits(version, points, b->point_count);
    for (int r = 0; r < b->runs; r++) {
        double start = bench_now_s();
        count_hits(version, points, b->point_count);
        rates[r] = (double)b->point_count / (bench_now_s() - start) / 1e6;
    }
    return bench_median(rates, b->runs);
}

static double measure_peer(const bench *b, peer *p, const geo_point *points)
{
    double rates[BENCH_RUNS_MAX];
    for (int r = 0; r < b->runs; r++) {
        double start = bench_now_s();
        peer_count_hits(p, points, b->peer_point_count);
        rates[r] = (double)b->peer_point_count / (bench_now_s() - start) / 1e6;
    }
    return bench_median(rates, b->runs);
}

void bench_points(const bench *b, const char *name, farm *f, geo_index *index, peer *p,
                  farm_points kind, const char *kind_name)
{
    const geo_index_isa best = geo_index_isa_in_use();
    geo_point *points = farm_make_points(f, kind, b->point_count);
    geo_index_version *version = geo_index_acquire(index);
    double theirs = measure_peer(b, p, points);
    uint64_t hits = count_hits(version, points, b->peer_point_count);
    bench_need(hits == peer_count_hits(p, points, b->peer_point_count), "GEOS finds other hits");
    for (int isa = GEO_INDEX_SCALAR; isa <= GEO_INDEX_AVX512; isa++) {
        char details[200];
        if (!geo_index_force_isa((geo_index_isa)isa)) {
            continue;
        }
        snprintf(details, sizeof details,
                 "\"fences\":%u,\"points\":\"%s\",\"hits_per_point\":%.2f,\"code\":\"%s\"",
                 f->options.fence_count, kind_name, (double)hits / (double)b->peer_point_count,
                 geo_index_isa_name((geo_index_isa)isa));
        bench_report(b, name, details, bench_measure(b, version, points), "geos-prepared+strtree",
                     theirs, "M points/s", false);
    }
    bench_need(geo_index_force_isa(best), "the best code is gone");
    geo_index_release(version);
    free(points);
}

geo_index *bench_build(int runs, farm *f, double *build_s)
{
    geo_index *index = NULL;
    double times[BENCH_RUNS_MAX];
    for (int r = 0; r < runs; r++) {
        geo_index_free(index);
        bench_need(geo_index_new(NULL, &index) == GEO_OK, "no memory");
        double start = bench_now_s();
        bench_need(geo_index_build(index, (const geo_area *const *)f->areas, f->ids,
                                   f->options.fence_count) == GEO_OK,
                   "no memory");
        times[r] = bench_now_s() - start;
    }
    bench_need(geo_index_publish(index) == GEO_OK, "cannot publish");
    *build_s = bench_median(times, runs);
    return index;
}

void bench_replace(const bench *b, farm *f, geo_index *index, peer *p, size_t count)
{
    double *times = malloc(count * sizeof *times);
    bench_need(times != NULL, "no memory");
    double theirs = 0;
    double start = bench_now_s();
    if (p != NULL) {
        peer_rebuild_tree(p);
        theirs = (bench_now_s() - start) * 1e6;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t id = (uint32_t)(farm_random(&f->random) % f->options.fence_count);
        geo_area *area = farm_another(f, f->areas[id]);
        start = bench_now_s();
        bench_need(geo_index_put(index, id, area) == GEO_OK, "put failed");
        bench_need(geo_index_publish(index) == GEO_OK, "publish failed");
        times[i] = (bench_now_s() - start) * 1e6;
        geo_area_free(f->areas[id]);
        f->areas[id] = area;
    }
    bench_sort(times, count);
    const struct {
        const char *name;
        size_t rank;
    } quantiles[] = {{"p50", count / 2}, {"p99", count * 99 / 100}};
    for (size_t q = 0; q < 2; q++) {
        char details[100];
        snprintf(details, sizeof details, "\"fences\":%u,\"quantile\":\"%s\"",
                 f->options.fence_count, quantiles[q].name);
        bench_report(b, "geo.replace", details, times[quantiles[q].rank], "geos-strtree-rebuild",
                     theirs, "us", true);
    }
    free(times);
}

bool bench_is_wanted(const bench *b, const char *name)
{
    return b->only == NULL || strstr(name, b->only) != NULL;
}

static void bench_farm(const bench *b, uint32_t fence_count)
{
    farm f;
    farm_options options = {.fence_count = fence_count, .cover = 0.65, .spike = 0.25};
    char details[100];
    double build_s;
    farm_init(&f, &options);
    geo_index *index = bench_build(b->runs, &f, &build_s);
    double start = bench_now_s();
    peer *p = peer_new(f.areas, fence_count);
    double peer_build_s = bench_now_s() - start;
    snprintf(details, sizeof details, "\"fences\":%u", fence_count);
    bench_report(b, "geo.build", details, build_s, "geos-prepared+strtree", peer_build_s, "s",
                 true);
    bench_report(b, "geo.memory", details, (double)geo_index_memory_bytes(index) / fence_count,
                 NULL, 0, "bytes a fence", true);
    bench_points(b, "geo.point", &f, index, p, FARM_WALKING, "walking");
    bench_points(b, "geo.point", &f, index, p, FARM_UNIFORM, "uniform");
    if (fence_count == 100000) {
        bench_replace(b, &f, index, p, b->is_quick ? 1000 : 10000);
    }
    peer_free(p);
    geo_index_free(index);
    farm_fini(&f);
}

static void bench_stress(const bench *b, const char *name, farm_options options, farm_points kind,
                         const char *kind_name)
{
    farm f;
    double build_s;
    farm_init(&f, &options);
    geo_index *index = bench_build(1, &f, &build_s);
    peer *p = peer_new(f.areas, options.fence_count);
    bench_points(b, name, &f, index, p, kind, kind_name);
    peer_free(p);
    geo_index_free(index);
    farm_fini(&f);
}

int main(int argc, char **argv)
{
    bench b = {.runs = 9, .point_count = 4000000, .peer_point_count = 100000};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            b.is_quick = true;
            b.runs = 3;
            b.point_count = 500000;
            b.peer_point_count = 20000;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            b.json = fopen(argv[++i], "w");
            bench_need(b.json != NULL, "cannot write the JSON file");
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            b.only = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_geo [--quick] [--json FILE] [--only SUBSTRING]\n");
            return 2;
        }
    }
    const struct {
        const char *name;
        uint32_t fence_count;
    } farms[] = {{"farm-1k", 1000}, {"farm-10k", 10000}, {"farm-100k", 100000}};
    for (size_t i = 0; i < sizeof farms / sizeof farms[0]; i++) {
        if (bench_is_wanted(&b, farms[i].name)) {
            bench_farm(&b, farms[i].fence_count);
        }
    }
    const farm_options crowded = {.fence_count = 10000, .cover = 6.5, .spike = 0.25};
    const farm_options spiky = {
        .fence_count = 1000, .cover = 0.65, .vertex_count = 5000, .spike = 0.25};
    const farm_options usual = {.fence_count = 10000, .cover = 0.65, .spike = 0.25};
    if (bench_is_wanted(&b, "stress-crowded")) {
        bench_stress(&b, "geo.point.crowded", crowded, FARM_UNIFORM, "uniform");
    }
    if (bench_is_wanted(&b, "stress-spiky")) {
        bench_stress(&b, "geo.point.spiky", spiky, FARM_UNIFORM, "uniform");
    }
    if (bench_is_wanted(&b, "stress-borders")) {
        bench_stress(&b, "geo.point.borders", usual, FARM_BORDERS, "on borders");
    }
    bench_trackers(&b);
    bench_large(&b);
    if (b.json != NULL) {
        fclose(b.json);
    }
    return 0;
}
