/* tests/engine/test_query_keep.c - a checkpoint of the standing queries that cannot be read: tried
 * again, or the one before in its place, and never a total that begins anew without a word. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/fault.h"
#include "query_scene.h"
#include "test.h"

/* Two checkpoints, and rows that only what they hold can tell: a query sees what comes after its
 * start. */
static int begin(void **state)
{
    static scene one;
    scene *scene = *state = &one;
    scene_begin(scene, 1);
    scene->patience_ms = 1;
    scene_open_queries(scene);
    scene_make_herd(scene);
    scene_live_a_second(scene);
    scene_settle(scene);
    scene_must_put(scene, "{\"name\":\"q\",\"from\":\"positions\","
                          "\"select\":{\"n\":\"count()\"}}");
    for (int i = 0; i < 2; i++) {
        scene_live_a_second(scene);
        scene_settle(scene);
        engine_queries_stop(scene->queries);
        scene_open_queries(scene);
    }
    return 0;
}

static int end(void **state)
{
    scene_end(*state);
    return 0;
}

/* It may fail. */
static hr_err start(scene *scene, hr_why *why)
{
    char folder[128];
    snprintf(folder, sizeof folder, "%s/checkpoint", scene->farm.folder);
    const engine_queries_options options = {.log = scene->farm.log,
                                            .catalog = scene->farm.catalog,
                                            .engine = scene->farm.engine,
                                            .clock = scene->farm.clock,
                                            .folder = folder};
    return engine_queries_start(&options, &scene->queries, why);
}

static const char *const names[] = {"queries.state", "queries.state.before"};

static void spoil(const scene *scene, const char *name, uint64_t times)
{
    char path[160];
    struct stat status;
    snprintf(path, sizeof path, "%s/checkpoint/%s", scene->farm.folder, name);
    assert_int_equal(stat(path, &status), 0);
    fault_spoil(path, (uint64_t)status.st_size / 2, (uint64_t)status.st_size, times);
}

/* Rows that it has counted, and its reason. */
static double look(const scene *scene, char reason[256])
{
    hr_buf json;
    hr_buf_init(&json, 1 << 20);
    assert_int_equal(engine_query_get(scene->queries, "q", &json), HR_OK);
    cJSON *root = cJSON_ParseWithLength((const char *)json.data, json.size);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "status")), "running");
    const char *why = cJSON_GetStringValue(cJSON_GetObjectItem(root, "reason"));
    snprintf(reason, 256, "%s", why != NULL ? why : "");
    double rows = cJSON_GetNumberValue(cJSON_GetObjectItem(root, "rows_in"));
    cJSON_Delete(root);
    hr_buf_fini(&json);
    return rows;
}

static void a_bad_place_is_tried_again_then_the_checkpoint_before_is_used(void **state)
{
    scene *scene = *state;
    char reason[256];
    double rows = look(scene, reason);
    for (int is_lost = 0; is_lost < 2; is_lost++) {
        engine_queries_stop(scene->queries);
        scene->patience_ms = is_lost ? 1 : 0;
        spoil(scene, names[0], is_lost ? 0 : 1);
        if (!is_lost) {
            spoil(scene, names[1], 1);
        }
        scene_open_queries(scene);
        fault_clear();
        scene_settle(scene);
        assert_double_near(look(scene, reason), rows, 0);
        assert_string_equal(reason, "");
    }
}

/* The one that could be read must not give its place to the damaged one, wherever a save is cut
 * short. */
static void a_checkpoint_beside_a_damaged_one_is_kept(void **state)
{
    scene *scene = *state;
    char reason[256];
    char path[160];
    snprintf(path, sizeof path, "%s/checkpoint/%s", scene->farm.folder, names[0]);
    for (uint64_t nth = 1; nth <= 4; nth++) {
        hr_why why;
        double rows = look(scene, reason);
        engine_queries_stop(scene->queries);
        assert_int_equal(truncate(path, 100), 0);
        fault_arm(FAULT_NAME, nth, FAULT_FOREVER, EIO);
        if (start(scene, &why) == HR_OK) {
            engine_queries_stop(scene->queries);
        }
        fault_clear();
        scene_open_queries(scene);
        scene_settle(scene);
        assert_double_near(look(scene, reason), rows, 0);
        assert_string_equal(reason, "");
        scene_live_a_second(scene);
        scene_settle(scene);
        engine_queries_stop(scene->queries);
        scene_open_queries(scene);
    }
}

static void a_query_that_begins_anew_says_so(void **state)
{
    scene *scene = *state;
    char reason[256];
    engine_queries_stop(scene->queries);
    spoil(scene, names[0], 0);
    spoil(scene, names[1], 0);
    for (int restart = 0; restart < 2; restart++) {
        scene_open_queries(scene);
        fault_clear();
        scene_settle(scene);
        assert_true(look(scene, reason) > 0);
        assert_non_null(strstr(reason, "begun anew"));
        engine_queries_stop(scene->queries);
    }
    scene_open_queries(scene);
    assert_int_equal(engine_query_start(scene->queries, "q", NULL), HR_OK);
    (void)look(scene, reason);
    assert_string_equal(reason, "");
}

/* Whatever cannot be opened at a start: that one fails, or has everything; and so has the next. */
static void a_want_of_files_costs_no_count(void **state)
{
    scene *scene = *state;
    char reason[256];
    bool has_struck = true;
    int refused = 0;
    double rows = look(scene, reason);
    for (uint64_t nth = 1; has_struck; nth++) {
        hr_why why;
        engine_queries_stop(scene->queries);
        fault_arm(FAULT_OPEN, nth, FAULT_ONCE, EMFILE);
        hr_err err = start(scene, &why);
        has_struck = fault_struck();
        fault_clear();
        if (err != HR_OK) {
            refused++;
            scene_open_queries(scene);
        }
        scene_settle(scene);
        assert_double_near(look(scene, reason), rows, 0);
        assert_string_equal(reason, "");
    }
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_place_is_tried_again_then_the_checkpoint_before_is_used),
        cmocka_unit_test(a_checkpoint_beside_a_damaged_one_is_kept),
        cmocka_unit_test(a_query_that_begins_anew_says_so),
        cmocka_unit_test(a_want_of_files_costs_no_count),
    };
    return cmocka_run_group_tests_name("checkpoints of standing queries", tests, begin, end);
}
