/* tests/bench/bench_server.h - the API's server on a log and an engine of its own, in a process of
 * its own. */
#ifndef TESTS_BENCH_SERVER_H
#define TESTS_BENCH_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_LON_E7 163000000 /* south-west corner of the square that devices are in */
#define BENCH_LAT_E7 596000000
#define BENCH_SIDE_E7 5000000 /* 0.5 degree: 28 x 55 km */

#define BENCH_CROSSING_EACH 500 /* of the moving devices one jumps over the fence each time */

typedef struct bench_server {
    pid_t process;
    int stop_fd; /* closed: the process ends */
    uint16_t port;
    char token[64];
} bench_server;

typedef struct bench_server_options {
    uint32_t device_count; /* evenly spread */
    uint32_t moving_hz;    /* how often each of them gets a new fix */
    bool has_fence;        /* around the square, so that those that jump make events */
} bench_server_options;

/* Ends the program when anything fails, like all of the benchmark. */
void bench_server_start(bench_server *server, const bench_server_options *options);
void bench_server_stop(bench_server *server);

/* Wait until the server has nothing left to do: the names of so many new devices go to the
 * catalogue for seconds, on the core that answers. */
void bench_server_settle(const bench_server *server);

/* CPU seconds that the server has used. */
double bench_server_cpu_s(const bench_server *server);

/* Keep this process on that core, if there are so many. */
void bench_pin(int core);

void bench_need(int is_well, const char *what);

#endif
