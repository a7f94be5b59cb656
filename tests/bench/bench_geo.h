/* tests/bench/bench_geo.h - what the parts of bench_geo share: clock, medians, JSON lines. */
#ifndef TESTS_BENCH_GEO_H
#define TESTS_BENCH_GEO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench_farm.h"
#include "bench_geos.h"
#include "geo/index.h"

#define BENCH_RUNS_MAX 15

typedef struct bench {
    FILE *json;       /* or NULL */
    const char *only; /* run what has this in its name; NULL: all */
    bool is_quick;
    int runs;
    size_t point_count;
    size_t peer_point_count;
} bench;

/* CPU time of this thread. */
double bench_now_s(void);

/* End the program unless ok. */
void bench_need(bool ok, const char *what);

/* Sorts them. */
double bench_median(double *values, int count);
void bench_sort(double *values, size_t count);

bool bench_is_wanted(const bench *b, const char *name);

/* One result. Without a peer, theirs and the ratio are null; is_time: less is better. */
void bench_report(const bench *b, const char *name, const char *details, double ours,
                  const char *peer_name, double theirs, const char *unit, bool is_time);

/* An index of the farm's fences, published, and how long that took: the median of runs. */
geo_index *bench_build(int runs, farm *f, double *build_s);

/* The index' points a second with the code in use. */
double bench_measure(const bench *b, const geo_index_version *version, const geo_point *points);

/* All builds of the code on one kind of points, beside GEOS. */
void bench_points(const bench *b, const char *name, farm *f, geo_index *index, peer *p,
                  farm_points kind, const char *kind_name);

/* Replace fences one by one, each published; then report the latencies, beside the peer if there
 * is one. */
void bench_replace(const bench *b, farm *f, geo_index *index, peer *p, size_t count);

/* bench_geo_large.c: a million fences, 100,000 vertices, a country beside paddocks. */
void bench_large(const bench *b);

/* bench_tracker.c: the tracker over the index. */
void bench_trackers(const bench *b);

#endif
