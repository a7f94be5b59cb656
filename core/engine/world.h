/* engine/world.h - a version of the rules and the index over its areas, shared and counted. */
#ifndef ENGINE_WORLD_H
#define ENGINE_WORLD_H

#include <stdint.h>

#include "base/err.h"
#include "catalog/catalog.h"
#include "geo/index.h"
#include "geo/rules.h"
#include "geo/tracker.h"
#include "geo/tracker_index.h"

#define ENGINE_WORLDS_MAX 12 /* HR_TOO_BIG while so many are in use */

/* Immutable while held. */
typedef struct engine_world {
    uint64_t version;
    const geo_rules *rules;
    geo_index_version *index;
    geo_tracker_index areas; /* how the tracker asks the index */
} engine_world;

/* Makes worlds and keeps those in use, and the newest. Threads: any; a build holds its lock. */
typedef struct engine_worlds engine_worlds;

HR_MUST_USE hr_err engine_worlds_new(catalog *catalog, engine_worlds **out, hr_why *why);

/* Every world has been released. NULL is fine. */
void engine_worlds_free(engine_worlds *worlds);

/* The world of a version, built from the catalogue if it is not at hand. Released with
 * engine_world_release(). HR_GONE: the catalogue has forgotten that version. */
HR_MUST_USE hr_err engine_world_acquire(engine_worlds *worlds, uint64_t version,
                                        const engine_world **out, hr_why *why);
void engine_world_release(engine_worlds *worlds, const engine_world *world);

/* Build the world of rules that the catalogue has not committed yet, ahead of workers asking.
 * HR_NO_MEMORY: its index, and what is needed to make it, would take more than half of the
 * machine's memory; nothing has changed. */
HR_MUST_USE hr_err engine_world_prepare(engine_worlds *worlds, const geo_rules *rules, hr_why *why);

#endif
