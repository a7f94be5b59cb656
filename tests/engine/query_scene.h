/* tests/engine/query_scene.h - a farm with standing queries, and a herd that sends repeats, late
 * fixes and a backlog. */
#ifndef ENGINE_QUERY_SCENE_H
#define ENGINE_QUERY_SCENE_H

#include "base/hash.h"
#include "engine/query.h"
#include "farm.h"

#define SCENE_DEVICES 10 /* cow-0 .. */

typedef struct scene {
    farm farm;
    engine_queries *queries;
    hr_random random;
    size_t state_bytes_max;
    int32_t patience_ms;
    bool ships;
} scene;

/* A farm without queries; then those. */
void scene_begin(scene *scene, uint64_t seed);
void scene_open_queries(scene *scene);
void scene_end(scene *scene);

/* Three fences that overlap, and the names of the herd. */
void scene_make_herd(scene *scene);

/* A farm with a herd and a query. */
void scene_begin_with(scene *scene, uint64_t seed, const char *query);

hr_err scene_put(scene *scene, const char *text, engine_query_fault *fault);
void scene_must_put(scene *scene, const char *text);

/* A second of the farm's life: some devices move; 30 % of fixes come again, 10 % out of order, 5 %
 * late, some after an outage; for a while half of the herd is silent. */
void scene_live_a_second(scene *scene);

/* One of the fences moves. */
void scene_change_rules(scene *scene);

/* Wait until everything has been judged and counted. */
void scene_settle(scene *scene);

/* As after a kill: what was not saved is lost, and an older checkpoint is there, or none. */
void scene_crash_queries(scene *scene, bool keeps_file);

#endif
