/* bench_site.h - a whole service in a temporary folder, to measure it from outside. */
#ifndef SIM_BENCH_SITE_H
#define SIM_BENCH_SITE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/buf.h"
#include "http.h"
#include "scenario.h"
#include "uplink.h"

#define BENCH_TOKEN_SIZE 128

typedef struct bench_site {
    const char *bin; /* the folder of the programs */
    char folder[64];
    char data[80];
    char address[32]; /* of the API */
    char mqtt[32];
    char token[BENCH_TOKEN_SIZE];
    char workers[16];
    char partitions[16];
    pid_t pid;
    sim_login gateway;
    sim_login reader;
} bench_site;

/* What a process has used so far. */
typedef struct bench_use {
    double cpu_s;
    double resident_mb;
    uint64_t written_bytes;
    uint64_t wakeups;
} bench_use;

/* End the program with a word when something does not work at all. */
void bench_need(bool is_good, const char *what);
double bench_now_s(void);
void bench_pause_ms(unsigned ms);

/* Start a service with a gateway and a reader of its own; workers and partitions 0: the default. */
void bench_site_start(bench_site *site, const char *bin, unsigned workers, unsigned partitions);

/* SIGKILL or SIGTERM, and wait for its end; start it again on the same data. */
void bench_site_kill(bench_site *site, int signal_number);
void bench_site_restart(bench_site *site);
void bench_site_stop(bench_site *site); /* and remove the folder */

/* Answers 200 to /v1/health and is ready. */
bool bench_site_is_ready(const bench_site *site);
void bench_site_add_fences(const bench_site *site, const sim_scenario *scenario);

/* Every record that is in the log has been judged. */
bool bench_site_is_settled(const bench_site *site);
pid_t bench_site_broker(const bench_site *site);
void bench_site_use(pid_t pid, bench_use *use);

#endif
