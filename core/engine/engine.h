/* engine/engine.h - partition workers: from the log's fixes, rules and ticks to events, exactly
 * once, and a live view of where everything is now.
 *
 * Other headers: engine/change.h (changing the rules), engine/live.h (asking the live view). */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/metrics.h"
#include "catalog/catalog.h"
#include "log/log.h"

#define ENGINE_THREADS_MAX 16

/* Threads: every function from any thread, unless it says otherwise. */
typedef struct engine engine;

typedef struct engine_options {
    log_store *log;                /* borrowed; topics as in base/record.h */
    catalog *catalog;              /* borrowed */
    hr_metrics *metrics;           /* borrowed; may be NULL */
    const char *folder;            /* for checkpoints; made if absent */
    uint32_t thread_count;         /* 0: one for each core, at most one for each partition */
    uint64_t checkpoint_bytes_min; /* log between checkpoints; 0: 16 MB */
} engine_options;

/* Load the newest valid checkpoint, append what a crash kept from the log (the rules of a change
 * that was committed but not yet told), and start the workers, which replay the rest.
 * HR_TOO_NEW: a checkpoint of a newer version. HR_CORRUPT: the log no longer holds what neither a
 * checkpoint nor the catalogue has. Sets limits of the process's malloc (engine.c says why). */
HR_MUST_USE hr_err engine_start(const engine_options *options, engine **out, hr_why *why);

/* Finish the batches at hand, write a checkpoint, stop. NULL is fine. The log is still open. */
void engine_stop(engine *engine);

/* True once the workers have read everything that was in the log at the start. Fixes may be
 * appended only then. */
bool engine_is_ready(const engine *engine);

/* Wait for that. HR_TIMEOUT; or what engine_health() says. */
HR_MUST_USE hr_err engine_wait_ready(engine *engine, int32_t timeout_ms, hr_why *why);

/* HR_OK, or why events no longer come: the service must stop and recover. */
hr_err engine_health(engine *engine, hr_why *why);

/* True when a tick at now_ms could have something to tell: ingest then appends one. */
bool engine_wants_tick(engine *engine, int64_t now_ms);

/* The offset before which a partition is judged, its events appended and what queries see of it
 * shown; and the rules that it is judged by. */
int64_t engine_offset(engine *engine, uint32_t partition);
uint64_t engine_rules_version(engine *engine, uint32_t partition);

/* Write a checkpoint now; returns when it is on the disk. Waits for the log's commit.
 * HR_NO_SPACE: the disk is full; the engine itself tries again until there is room. */
HR_MUST_USE hr_err engine_checkpoint(engine *engine, hr_why *why);

#endif
