/* api/config.h - what hedgerowd is told: flags, then HEDGEROW_* variables, then a file. */
#ifndef API_CONFIG_H
#define API_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define API_CONFIG_TEXT_MAX 1024
#define API_CONFIG_FILE_BYTES_MAX (64u << 10) /* a longer file is refused */
#define API_HOST_TEXT_MAX 64

/* Where to listen; port 0 lets the system choose one. */
typedef struct api_address {
    char host[API_HOST_TEXT_MAX];
    uint16_t port;
} api_address;

typedef struct api_config {
    char data[API_CONFIG_TEXT_MAX];
    api_address http;
    api_address mqtt;
    char broker[API_CONFIG_TEXT_MAX]; /* "" : the managed one */
    char broker_ca[API_CONFIG_TEXT_MAX];
    char broker_cert[API_CONFIG_TEXT_MAX];
    char broker_key[API_CONFIG_TEXT_MAX];
    char webhooks[API_CONFIG_TEXT_MAX]; /* "" : none */
    char tiles[API_CONFIG_TEXT_MAX];    /* "" : none */
    char assets[API_CONFIG_TEXT_MAX];   /* folder of the dashboard's files; "" : none */
    char origins[API_CONFIG_TEXT_MAX];  /* further origins that may make changes, by commas */
    char hosts[API_CONFIG_TEXT_MAX];    /* further names this service is reached by, by commas */
    char tls_cert[API_CONFIG_TEXT_MAX];
    char tls_key[API_CONFIG_TEXT_MAX];
    char log_level[16];
    int64_t partitions;
    int64_t retain_days;       /* 0: no limit by age */
    int64_t retain_megabytes;  /* 0: no limit by size */
    int64_t history_days;      /* 0: no limit by age */
    int64_t history_megabytes; /* 0: no limit by size */
    int64_t history_write_seconds;
    int64_t commit_min_gap_ms; /* -1: found by measuring the disk */
    int64_t worker_threads;    /* 0: one for each core */
    char file[API_CONFIG_TEXT_MAX];
    bool no_demo; /* for the script that starts us; accepted here and ignored */
    bool no_open;
    bool help;
    bool version;
} api_config;

/* Defaults, then the file (if --config or HEDGEROW_CONFIG names one), the environment and the
 * flags, each over what came before. environ may be NULL.
 * HR_INVALID: an unknown key (why names the nearest one) or a bad value, with where it stands. */
HR_MUST_USE hr_err api_config_load(api_config *config, int argc, char *const *argv,
                                   char *const *environment, hr_why *why);

/* One file's text: `key = value` lines, # begins a comment. name is for messages. */
HR_MUST_USE hr_err api_config_parse_file(api_config *config, const char *text, size_t size,
                                         const char *name, hr_why *why);

/* Flags and what they mean, for --help; static. */
void api_config_print_help(void);

#endif
