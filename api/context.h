/* api/context.h - what the handlers may use. Any pointer may be NULL: unit tests give what they
 * need, and a handler whose part is absent answers 503. */
#ifndef API_CONTEXT_H
#define API_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/metrics.h"

struct accounts;
struct alerts;
struct api_assets;
struct api_farm;
struct api_rates;
struct api_replays;
struct api_tiles;
struct catalog;
struct engine;
struct engine_history;
struct engine_queries;
struct log_store;
struct presence;

/* Reasons why a part is not well, for /v1/health: calls add() once for each, named by
 * hr_why_reason(). Threads: any. */
typedef void api_health_add(void *context, const hr_why *why);
typedef void api_health_source(void *part, api_health_add *add, void *context);

#define API_HEALTH_SOURCES_MAX 16
#define API_STATUS_CLASSES 5

/* Filled in before the server starts and constant after, but for ready and
 * the sources of health. Threads: any. */
typedef struct api_context {
    const hr_clock *clock;
    hr_metrics *metrics;
    const char *version;
    const char *folder_id; /* the epoch of WebSocket clients */
    const char *origins;   /* comma lists, see config.h */
    const char *hosts;
    bool is_tls;
    bool logs_answers; /* each one, at level debug; else only those that failed */
    struct accounts *accounts;
    struct alerts *alerts;
    struct api_rates *rates;
    struct api_replays *replays;
    struct log_store *log;
    struct catalog *catalog;
    struct presence *presence;
    const char *broker_folder; /* NULL: the broker is not ours */
    const char *catalog_path;  /* for connections of people's SQL */
    struct engine *engine;
    struct engine_history *history; /* NULL: the log is all there is */
    struct engine_queries *queries;
    struct api_assets *assets;
    struct api_tiles *tiles;
    struct api_farm *farm;
    hr_counter *answers[API_STATUS_CLASSES]; /* see api_dispatch_init */
    int64_t started_ms;
    _Atomic int ready;             /* 1: everything serves */
    _Atomic uint32_t health_count; /* parts above it may still be written */
    struct {
        api_health_source *source;
        void *part;
    } health[API_HEALTH_SOURCES_MAX];
} api_context;

/* HR_TOO_BIG above API_HEALTH_SOURCES_MAX. Threads: one at a time, also while others read. */
HR_MUST_USE hr_err api_context_add_health(api_context *context, api_health_source *source,
                                          void *part);

#endif
