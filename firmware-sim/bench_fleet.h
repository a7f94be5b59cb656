/* bench_fleet.h - what the parts of bench_fleet share. */
#ifndef SIM_BENCH_FLEET_H
#define SIM_BENCH_FLEET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench_site.h"
#include "runner.h"

typedef struct bench {
    const char *bin;
    FILE *json; /* NULL: standard output alone */
    bool is_quick;
} bench;

#define BENCH_RUNS 3 /* of each case; --quick: one */
unsigned bench_runs(const bench *b);

/* Sorts values; what a part of them does not exceed. 0 for none. */
double bench_quantile(double *values, unsigned count, double part);

/* One JSON line with the median of the runs' values; details: the members of `case`. peer NULL:
 * none. */
void bench_report(const bench *b, const char *name, const char *details, double *values,
                  unsigned runs, const char *peer, double theirs, const char *unit);

/* A fleet that runs beside what is measured. */
typedef struct bench_load {
    pthread_t thread;
    sim_run_options options;
    sim_run_result result;
    volatile bool stop;
    _Atomic uint64_t acked;
} bench_load;

/* A shipped scenario; for sim_scenario_free. */
sim_scenario *bench_scenario(const char *name);
/* rate 0: as fast as they are taken; below 0: by the scenario's period, in real time. */
void bench_load_start(bench_load *load, const bench_site *site, const sim_scenario *scenario,
                      double rate);
void bench_load_join(bench_load *load);

/* Somebody who reads the events by GET /v1/events as they come, as an outside program does. */
typedef struct bench_follower {
    const bench_site *site;
    pthread_t thread;
    atomic_bool is_over;
    uint64_t events;    /* written by the thread; read after its end, as the next one */
    uint64_t crossings; /* those with a place on the line: not everybody's first fix */
} bench_follower;

void bench_follow_start(bench_follower *follower, const bench_site *site);

/* Until everything that is there has been read. How many events it was. */
uint64_t bench_follow_end(bench_follower *follower);

/* How many events of that time or later a fix has made, and were told as news. */
uint64_t bench_count_news(const bench_site *site, int64_t from_ms);

/* The experiments. */
void bench_push(const bench *b);
void bench_scaling(const bench *b);
void bench_footprint(const bench *b);
void bench_pull(const bench *b);
void bench_latency(const bench *b);
void bench_availability(const bench *b);

#endif
