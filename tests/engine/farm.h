/* tests/engine/farm.h - a journal, a catalogue and an engine in a folder of their own, for tests.
 */
#ifndef ENGINE_FARM_H
#define ENGINE_FARM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/event.h"
#include "base/fix.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "log/log.h"

#define FARM_PARTITIONS 4

typedef struct farm {
    char folder[64];
    uint32_t partitions; /* 0: FARM_PARTITIONS, for which alone what appends is made */
    hr_clock *clock;
    hr_metrics *metrics;
    log_store *log;
    catalog *catalog;
    engine *engine;
    uint64_t file_bytes;       /* of the log's files; 0: the default */
    uint64_t retain_bytes;     /* 0: everything is kept */
    uint64_t hard_bytes;       /* 0: no limit */
    uint64_t checkpoint_bytes; /* of the log, between checkpoints; 0: the default */
} farm;

/* A new folder, and nothing in it yet. */
void farm_make(farm *farm);

/* The same with everything started and ready. Fails the test on any error. */
void farm_start(farm *farm, uint32_t thread_count);

/* Stop cleanly, and begin again on the same folder. */
void farm_restart(farm *farm, uint32_t thread_count);

/* Stop and delete the folder. */
void farm_end(farm *farm);

/* Delete a folder and what is in it. */
void farm_remove_tree(const char *path);

/* Open and close the parts on a folder that is there; for tests that do things in between. */
void farm_open(farm *farm, uint32_t thread_count);
void farm_close(farm *farm);

/* The same, but an engine that does not start is told; then everything is closed. */
HR_MUST_USE hr_err farm_try_open(farm *farm, uint32_t thread_count, hr_why *why);

/* A fence that is the box (west, south, east, north), in degrees, with more properties as JSON
 * members ("" or `,"intent":"keep-in"`). */
void farm_fence(farm *farm, const char *id, const double box[4], const char *properties);
void farm_remove_fence(farm *farm, const char *id);

/* Append a fix, with a name record if the device is new to the caller. Durable or not. */
void farm_fix(farm *farm, const char *device, int64_t time_ms, double lon, double lat);
void farm_fixes(farm *farm, const hr_fix *fixes, uint32_t count);
void farm_name(farm *farm, const char *device);

/* A herd of 40 walks at random for so many rounds of ten seconds, over fences near 16, 59. between
 * (NULL: nothing) is called after each round. */
typedef void farm_between(farm *farm, void *context);
void farm_walk(farm *farm, uint64_t seed, int rounds, farm_between *between, void *context);
void farm_tick(farm *farm, int64_t tick_ms);

/* Wait until the workers have read everything and their events are durable. */
void farm_settle(farm *farm);

/* All events in the log, in order: stored bytes, each behind a u32 length. The caller ends out. */
void farm_events(farm *farm, hr_buf *out);

/* The ids of all events, each with a line end, for comparisons that a person can read. */
void farm_event_ids(farm *farm, hr_buf *out);

/* Stored bytes of the events of one source partition. */
void farm_partition_events(farm *farm, uint16_t partition, hr_buf *out);

#endif
