/* tests/bench/bench_client.h - what the cases of bench_api share: the report, and a client's side
 * of HTTP and WebSocket. Ends the program when anything fails. */
#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/hash.h"
#include "bench_server.h"

#define BENCH_DEVICES 100000

typedef struct bench {
    FILE *json; /* NULL: standard output only */
    bool is_quick;
    const char *only; /* the one part to run; NULL: all */
    hr_random random;
} bench;

/* One JSON line; details are the members of its case. */
void bench_report(bench *b, const char *name, const char *details, double ours, double aim,
                  const char *unit);

double bench_now_s(void);

/* A connection, and one that has become a WebSocket. */
int bench_connect(const bench_server *server);
int bench_upgrade(const bench_server *server);

void bench_send(int fd, const void *bytes, size_t size);

/* A masked text frame. */
void bench_send_frame(int fd, const char *text, size_t size);

/* The frame at the start of data: its payload, and how long it is with its head. 0: not whole. */
size_t bench_frame(const uint8_t *data, size_t size, const uint8_t **payload, size_t *length);

/* ---- bench_live.c ---- */

/* 1,000 maps that each show 200 moving animals. */
void bench_viewers(bench *b);

/* From the append of a fix to its event on a WebSocket. */
void bench_event_latency(bench *b);

/* How long ago the fix of an event was appended; false: the message is none. */
bool bench_event_age_ms(const uint8_t *text, size_t size, double *age_ms);

/* Sorts the values. 0 if there are none. */
double bench_quantile(double *values, size_t count, double part);

/* ---- bench_stalled.c ---- */

/* What one WebSocket client that does not read costs a hundred others. */
void bench_stalled(bench *b);

#endif
