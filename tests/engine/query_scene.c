/* tests/engine/query_scene.c - a small farm's life, from a seed. */
#include "query_scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "test.h"

#define WAIT_MS 60000
#define DEVICES SCENE_DEVICES

void scene_open_queries(scene *scene)
{
    char folder[128];
    hr_why why = {.text = ""};
    snprintf(folder, sizeof folder, "%s/checkpoint", scene->farm.folder);
    engine_queries_options options = {.log = scene->farm.log,
                                      .catalog = scene->farm.catalog,
                                      .engine = scene->farm.engine,
                                      .clock = scene->farm.clock,
                                      .metrics = scene->farm.metrics,
                                      .folder = folder,
                                      .state_bytes_max = scene->state_bytes_max,
                                      .patience_ms = scene->patience_ms,
                                      .ships = scene->ships};
    if (engine_queries_start(&options, &scene->queries, &why) != HR_OK) {
        fail_msg("engine_queries_start: %s", why.text);
    }
}

void scene_begin(scene *scene, uint64_t seed)
{
    *scene = (struct scene){.random = {.state = seed}};
    farm_start(&scene->farm, 2);
    /* The tests say themselves what time it is; silence must close nothing. */
    hr_clock_fake_set_synchronised(scene->farm.clock, false);
}

void scene_end(scene *scene)
{
    engine_queries_stop(scene->queries);
    farm_end(&scene->farm);
}

hr_err scene_put(scene *scene, const char *text, engine_query_fault *fault)
{
    char name[HR_FENCE_ID_MAX + 1];
    return engine_query_put(scene->queries, text, strlen(text), true, name, fault);
}

void scene_must_put(scene *scene, const char *text)
{
    engine_query_fault fault;
    if (scene_put(scene, text, &fault) != HR_OK) {
        fail_msg("%s: %s", fault.field, fault.why.text);
    }
}

void scene_begin_with(scene *scene, uint64_t seed, const char *query)
{
    scene_begin(scene, seed);
    scene_open_queries(scene);
    scene_make_herd(scene);
    scene_must_put(scene, query);
}

void scene_settle(scene *scene)
{
    farm_settle(&scene->farm);
    assert_int_equal(engine_queries_settle(scene->queries, WAIT_MS), HR_OK);
}

static void device_id(uint64_t number, char id[24])
{
    snprintf(id, 24, "cow-%" PRIu64, number);
}

/* A second of the farm's life: some devices move; 30 % of fixes come again, 10 % out of order, 5 %
 * late, some after an outage. */
void scene_live_a_second(scene *scene)
{
    hr_fix fixes[2 * DEVICES + 4];
    uint32_t count = 0;
    hr_random *random = &scene->random;
    hr_clock_fake_advance(scene->farm.clock, 1000);
    int64_t now_ms = hr_clock_now_ms(scene->farm.clock);
    for (uint64_t d = 0; d < DEVICES; d++) {
        char id[24];
        device_id(d, id);
        /* Of every two minutes half of the herd is silent for 40 seconds. */
        bool is_silent = now_ms / 40000 % 3 == 2 && d % 2 == 0;
        bool has_backlog = is_silent && hr_random_below(random, 10) == 0;
        if (hr_random_below(random, 3) == 0 || (is_silent && !has_backlog)) {
            continue;
        }
        int64_t time_ms = now_ms - (int64_t)hr_random_below(random, 900);
        uint64_t law = hr_random_below(random, 100);
        uint8_t flags = 0;
        if (law < 5) {
            time_ms -= (int64_t)hr_random_below(random, 120000);
        } else if (law < 15) {
            time_ms -= (int64_t)hr_random_below(random, 4000);
        } else if (law < 17) {
            time_ms -= (int64_t)hr_random_below(random, 60000);
            flags = HR_FIX_BACKLOG;
        } else if (law < 18) {
            /* A clock that is fast. */
            time_ms += (int64_t)hr_random_below(random, 30000);
        }
        flags |= has_backlog ? HR_FIX_BACKLOG : 0;
        fixes[count] = (hr_fix){.device = hr_device_key(id, strlen(id)),
                                .time_ms = time_ms,
                                .lon_e7 = 160000000 + (int32_t)hr_random_below(random, 40000),
                                .lat_e7 = 590000000 + (int32_t)hr_random_below(random, 40000),
                                .accuracy_dm = 0,
                                .speed_cm_s = 100,
                                .heading_cdeg = HR_FIX_U16_UNKNOWN,
                                .battery_pct = 80,
                                .flags = flags};
        count++;
        if (hr_random_below(random, 10) < 3) {
            fixes[count] = fixes[count - 1];
            count++;
        }
    }
    if (count > 0) {
        farm_fixes(&scene->farm, fixes, count);
    }
    if (hr_random_below(random, 20) == 0) {
        farm_tick(&scene->farm, now_ms);
    }
}

void scene_change_rules(scene *scene)
{
    double west = 16.0 + 0.0005 * (double)hr_random_below(&scene->random, 4);
    double box[4] = {west, 59.0, west + 0.002, 59.002};
    farm_fence(&scene->farm, "north", box, "");
}

void scene_make_herd(scene *scene)
{
    static const double boxes[3][4] = {{16.0, 59.0, 16.002, 59.002},
                                       {16.001, 59.001, 16.003, 59.003},
                                       {16.002, 59.0, 16.004, 59.001}};
    static const char *const names[3] = {"north", "south", "brook"};
    for (int i = 0; i < 3; i++) {
        farm_fence(&scene->farm, names[i], boxes[i], "");
    }
    for (uint64_t d = 0; d < DEVICES; d++) {
        char id[24];
        device_id(d, id);
        farm_name(&scene->farm, id);
    }
}

/* As after a kill: what was not saved is lost, and an older checkpoint is there, or none. */
void scene_crash_queries(scene *scene, bool keeps_file)
{
    char path[160];
    char copy[160];
    snprintf(path, sizeof path, "%s/checkpoint/queries.state", scene->farm.folder);
    snprintf(copy, sizeof copy, "%s/checkpoint/queries.older", scene->farm.folder);
    bool has_copy = keeps_file && link(path, copy) == 0;
    engine_queries_stop(scene->queries);
    if (has_copy) {
        assert_int_equal(rename(copy, path), 0);
    } else {
        unlink(path);
        snprintf(path, sizeof path, "%s/checkpoint/queries.state.before", scene->farm.folder);
        unlink(path);
    }
    scene_open_queries(scene);
}
