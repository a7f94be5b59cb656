/* tests/bench/bench_engine.h - what the engine's measurements have in common: a journal, a
 * catalogue and an engine in a folder of their own, a countryside of fences and a herd that walks
 * in it. */
#ifndef TESTS_BENCH_ENGINE_H
#define TESTS_BENCH_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "bench_farm.h"
#include "engine/engine.h"
#include "log/log.h"

#define PARTITIONS 8
#define FRAME_FIXES 1000
#define T0 1795161600000

typedef struct site {
    char folder[64];
    uint32_t device_count; /* a multiple of FRAME_FIXES */
    int64_t next_ms;       /* time of the next fixes */
    log_store *log;
    catalog *catalog;
    engine *engine; /* NULL: not started */
} site;

/* Everything below ends the program when something fails. */
void must(bool ok, const char *what, const char *why);

/* A new folder with the fences and the names of the devices in it; no engine runs. */
void site_begin(site *s, const farm *f, uint32_t device_count);

/* Stop and delete the folder. */
void site_end(site *s);

/* Open and close journal, catalogue and engine; between the two calls of opening, fixes may be
 * appended that the engine finds at its start. */
void site_open_log(site *s);
void site_start_engine(site *s, uint32_t threads);
void site_stop_engine(site *s);
void site_close_log(site *s);

/* Frames of FRAME_FIXES fixes of all devices in turn, as gateways send them. */
void site_put_fixes(site *s, const geo_point *points, uint32_t count, uint16_t accuracy_dm);

/* Wait until the workers have told of what the log held when the engine was started: to the
 * moment. An engine that is stopped before writes no checkpoint, and the next one reads all that
 * again. */
void site_wait_ready(const site *s);

/* Wait until the workers have read what is in the log by now. */
void site_wait_read(const site *s);

uint64_t site_device_key(uint32_t device, char id[24]);

/* Seconds of wall time, and of processor time of all threads. */
double now_s(void);
double cpu_s(void);
long resident_mb(void);

/* The middle one; sorts them. */
double median(double *values, int count);

/* Where JSON lines go. */
typedef struct bench {
    FILE *json;
    bool is_quick;
} bench;

/* One line: details are JSON members of the case. peer NULL: there is none. */
void report(const bench *b, const char *name, const char *details, double ours, const char *peer,
            double theirs, const char *unit, int runs);

/* bench_engine_queries.c */
void bench_queries(const bench *b);

/* bench_engine_history.c */
void bench_history(const bench *b);

/* bench_engine_pull.c */
void bench_within(const bench *b);
void bench_stall(const bench *b);

#endif
