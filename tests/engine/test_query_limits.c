/* tests/engine/test_query_limits.c - a bad query is refused with the part that is bad, or hurts
 * only itself. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "query_oracle.h"
#include "query_scene.h"
#include "test.h"

/* Slow on every machine: each letter is looked for among as many, for each row. */
#define DEAR "trim(printf('%.*c', 900 + time % 7, 'a'), printf('%.*c', 80, 'b') || 'a') = 'b'"
#define SLOW DEAR " or " DEAR " or " DEAR " or " DEAR
#define SLOWER SLOW " or " SLOW " or " SLOW " or " SLOW

static void expect_fault(scene *scene, const char *rest, const char *field, const char *part)
{
    char text[4096];
    engine_query_fault fault;
    snprintf(text, sizeof text, "{\"name\":\"q\",%s}", rest);
    if (scene_put(scene, text, &fault) != HR_INVALID) {
        fail_msg("%s is taken", rest);
    }
    assert_string_equal(fault.field, field);
    if (strstr(fault.why.text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", fault.why.text, part);
    }
}

#define EVENTS "\"from\":\"events\",\"select\":{\"n\":\"count()\"},"
#define POSITIONS "\"from\":\"positions\",\"select\":{\"n\":\"count()\"},"
#define FOLLOWS(rest) EVENTS "\"follows\":{\"from\":\"events\"," rest "}"

static void every_fault_names_its_part(void **state)
{
    (void)state;
    scene scene;
    scene_begin(&scene, 1);
    scene_open_queries(&scene);
    expect_fault(&scene, EVENTS "\"join\":\"device\"", "join", "list");
    expect_fault(&scene, EVENTS "\"join\":[\"device\",\"farm\"]", "join[1]", "fence");
    expect_fault(&scene, POSITIONS "\"join\":[\"fence\"]", "join[0]", "no fence");
    expect_fault(&scene, EVENTS "\"group_by\":[\"device_group\"]", "group_by[0]", "device_group");
    expect_fault(&scene, EVENTS "\"join\":[\"device\"],\"where\":\"fence_area_ha > 1\"", "where",
                 "fence_area_ha");
    expect_fault(&scene, EVENTS "\"follows\":[]", "follows", "object");
    expect_fault(&scene, FOLLOWS("\"on\":[\"device\"]"), "follows.within", "10s");
    expect_fault(&scene, FOLLOWS("\"within\":\"1m\""), "follows.on", "1 to 4");
    expect_fault(&scene, FOLLOWS("\"within\":\"1m\",\"on\":[\"device\",\"who\"]"), "follows.on[1]",
                 "who");
    expect_fault(&scene, FOLLOWS("\"within\":\"1m\",\"on\":[\"device\"],\"where\":\"time >\""),
                 "follows.where", "");
    expect_fault(&scene, FOLLOWS("\"within\":\"1m\",\"on\":[\"device\"],\"match\":\"any\""),
                 "follows.match", "last");
    expect_fault(&scene, FOLLOWS("\"within\":\"1m\",\"on\":[\"device\"],\"by\":1"), "follows.by",
                 "no such");
    expect_fault(&scene, EVENTS "\"where\":\"earlier_time > 1\"", "where", "earlier_time");
    expect_fault(&scene, EVENTS "\"where\":\"exists (select 1 from events)\"", "where", "");
    expect_fault(&scene, EVENTS "\"group_by\":[\"max(time)\"]", "group_by[0]", "max");
    expect_fault(&scene, EVENTS "\"group_by\":[\"1\",\"2\",\"3\",\"4\",\"5\"]", "group_by",
                 "at most 4");
    expect_fault(&scene, EVENTS "\"lateness\":\"soon\"", "lateness", "10s");
    expect_fault(&scene, EVENTS "\"enabled\":1", "enabled", "true");
    expect_fault(&scene, EVENTS "\"enabled\":true,\"enabled\":true", "enabled", "twice");
    expect_fault(&scene, FOLLOWS("\"within\":\"1m\",\"within\":\"2m\",\"on\":[\"device\"]"),
                 "follows.within", "twice");
    expect_fault(&scene, "\"from\":\"events\",\"select\":{\"s\":\"sample(device, 1000000)\"}",
                 "select.s", "1 to 64");
    expect_fault(&scene, "\"from\":\"events\",\"select\":{\"s\":\"topk(device, 0)\"}", "select.s",
                 "1 to 64");
    expect_fault(&scene,
                 "\"from\":\"events\",\"select\":{\"n\":\"count()\",\"s\":\"sum(sum(time))\"}",
                 "select.s", "sum");
    expect_fault(&scene, "\"from\":\"events\",\"select\":{\"a b\":\"count()\"}", "select.a b",
                 "letters");
    expect_fault(&scene, "\"from\":\"events\",\"select\":{\"final\":\"count()\"}", "select.final",
                 "already");
    expect_fault(&scene,
                 "\"from\":\"events\",\"select\":{\"Fence\":\"count()\"},\"group_by\":[\"fence\"]",
                 "select.Fence", "already");
    expect_fault(&scene, "\"from\":\"events\",\"select\":{\"n\":\"count()\",\"N\":\"sum(time)\"}",
                 "select.N", "already");
    expect_fault(&scene, "\"from\":\"events\",\"select\":{}", "select", "1 to 8");
    expect_fault(&scene,
                 EVENTS "\"window\":{\"type\":\"hopping\",\"size\":\"0s\",\"every\":\"1s\"}",
                 "window.every", "multiple");
    expect_fault(&scene, "\"from\":\"events\",\"select\":{\"t\":\"topk(device, 2.5)\"}", "select.t",
                 "whole");
    expect_fault(&scene, EVENTS "\"where\":\"time(time / 1000, 'unixepoch', 'localtime') > '06'\"",
                 "where", "'+2 hours'");
    scene_end(&scene);
}

/* How a query is; its reason when it failed. */
static void look(scene *scene, const char *name, char status[16], char reason[256], double *rows)
{
    hr_buf json;
    hr_buf_init(&json, 1 << 20);
    assert_int_equal(engine_query_get(scene->queries, name, &json), HR_OK);
    cJSON *root = cJSON_ParseWithLength((const char *)json.data, json.size);
    const char *why = cJSON_GetStringValue(cJSON_GetObjectItem(root, "reason"));
    snprintf(status, 16, "%s", cJSON_GetStringValue(cJSON_GetObjectItem(root, "status")));
    snprintf(reason, 256, "%s", why != NULL ? why : "");
    *rows = cJSON_GetNumberValue(cJSON_GetObjectItem(root, "rows_in"));
    cJSON_Delete(root);
    hr_buf_fini(&json);
}

static void bad_queries_stop_with_their_reason_and_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        const char *reason;
    } bad[] = {
        {"slow", "{\"name\":\"slow\"," POSITIONS "\"where\":\"" SLOW "\"}",
         "us for each row|longer than 1000 ms"},
        {"stuck", "{\"name\":\"stuck\"," POSITIONS "\"where\":\"" SLOWER "\"}",
         "us for each row|longer than 1000 ms"},
        {"large",
         "{\"name\":\"large\"," POSITIONS
         "\"group_by\":[\"replace(printf('%.900c', 'a'), 'a', 'bb')\"]}",
         "too big"},
        {"many",
         "{\"name\":\"many\",\"from\":\"positions\",\"group_by\":[\"device\",\"time\"],"
         "\"select\":{\"top\":\"topk(time)\",\"s\":\"sample(time, 64)\"}}",
         "its state grew"},
        {"crowd",
         "{\"name\":\"crowd\"," POSITIONS "\"follows\":{\"from\":\"positions\",\"on\":[\"1\"],"
         "\"within\":\"1d\",\"match\":\"all\"},\"lateness\":\"1d\"}",
         "its state grew"},
    };
    enum {
        BAD = sizeof bad / sizeof bad[0]
    };
    scene scene;
    char status[16];
    char reason[256];
    double rows;
    oracle_fix *fixes;
    scene_begin(&scene, 3);
    scene.state_bytes_max = 200000;
    scene_open_queries(&scene);
    scene_make_herd(&scene);
    scene_must_put(&scene, "{\"name\":\"good\"," POSITIONS "\"group_by\":[\"device\"]}");
    for (size_t i = 0; i < BAD; i++) {
        scene_must_put(&scene, bad[i].text);
    }
    for (int second = 0; second < 400; second++) {
        scene_live_a_second(&scene);
    }
    scene_settle(&scene);
    for (size_t i = 0; i < BAD; i++) {
        char wanted[64];
        bool is_found = false;
        look(&scene, bad[i].name, status, reason, &rows);
        print_message("%s: %s, %s\n", bad[i].name, status, reason);
        assert_string_equal(status, "failed");
        for (const char *at = bad[i].reason; at != NULL && !is_found;) {
            size_t size = strcspn(at, "|");
            snprintf(wanted, sizeof wanted, "%.*s", (int)size, at);
            is_found = strstr(reason, wanted) != NULL;
            at = at[size] != 0 ? at + size + 1 : NULL;
        }
        assert_true(is_found);
    }
    look(&scene, "good", status, reason, &rows);
    assert_string_equal(status, "running");
    assert_double_near(rows, (double)oracle_fixes(&scene.farm, &fixes), 0);
    free(fixes);
    scene_end(&scene);
}

/* Short states may be told in long texts, which are remembered when many windows end at once: the
 * query that made them pays for it, and no other. */
static void long_answers_stop_no_other_query(void **state)
{
    (void)state;
    enum {
        COUNT = 150
    };
    scene scene;
    char status[16];
    char reason[256];
    double rows;
    hr_fix fixes[COUNT];
    scene_begin(&scene, 4);
    scene.state_bytes_max = 300000;
    scene_open_queries(&scene);
    farm_name(&scene.farm, "cow-1");
    scene_must_put(&scene, "{\"name\":\"good\"," POSITIONS "\"group_by\":[\"device\"]}");
    scene_must_put(&scene, "{\"name\":\"wordy\",\"from\":\"positions\","
                           "\"window\":{\"type\":\"tumbling\",\"size\":\"1s\"},\"select\":{"
                           "\"a\":\"sample(printf('%.*c', 250, char(1)), 1)\","
                           "\"b\":\"sample(printf('%.*c', 250, char(2)), 1)\"}}");
    int64_t now_ms = hr_clock_now_ms(scene.farm.clock);
    for (int i = 0; i < COUNT; i++) {
        fixes[i] = (hr_fix){.device = hr_device_key("cow-1", 5),
                            .time_ms = now_ms - (INT64_C(1000) * (600 - i)),
                            .accuracy_dm = HR_FIX_U16_UNKNOWN};
    }
    farm_fixes(&scene.farm, fixes, COUNT);
    farm_tick(&scene.farm, now_ms);
    scene_settle(&scene);
    look(&scene, "wordy", status, reason, &rows);
    assert_string_equal(status, "failed");
    assert_non_null(strstr(reason, "its state grew"));
    look(&scene, "good", status, reason, &rows);
    assert_string_equal(status, "running");
    scene_end(&scene);
}

/* The limit holds within whatever a gateway sends at once, not only after it. */
static void the_limit_holds_within_a_large_batch(void **state)
{
    (void)state;
    enum {
        COUNT = 20000,
        LIMIT = 1000000
    };
    scene scene;
    char status[16];
    char reason[256];
    double rows;
    hr_fix *fixes = calloc(COUNT, sizeof *fixes);
    assert_non_null(fixes);
    scene_begin(&scene, 5);
    scene.state_bytes_max = LIMIT;
    scene_open_queries(&scene);
    farm_name(&scene.farm, "cow-1");
    scene_must_put(&scene,
                   "{\"name\":\"each\",\"from\":\"positions\",\"group_by\":[\"offset\"],"
                   "\"select\":{\"a\":\"clusters(lon, lat)\",\"b\":\"clusters(lat, lon)\"}}");
    for (int i = 0; i < COUNT; i++) {
        fixes[i] = (hr_fix){.device = hr_device_key("cow-1", 5),
                            .time_ms = hr_clock_now_ms(scene.farm.clock) - COUNT + i,
                            .accuracy_dm = HR_FIX_U16_UNKNOWN};
    }
    farm_fixes(&scene.farm, fixes, COUNT);
    scene_settle(&scene);
    look(&scene, "each", status, reason, &rows);
    assert_string_equal(status, "failed");
    const char *grew = strstr(reason, "grew to ");
    assert_non_null(grew);
    assert_in_range(strtoul(grew + 8, NULL, 10), LIMIT, LIMIT + LIMIT / 10);
    free(fixes);
    scene_end(&scene);
}

/* Numbers too large for any sketch: what comes of them is kept, or not, but the others' counts are
 * not lost with it. */
static void a_restart_keeps_the_others_whatever_a_query_holds(void **state)
{
    (void)state;
    static const char *const wild[] = {
        "trend(lon * 1e200, lat * 1e200)",
        "descent(lat * 1e300, lon)",
        "clusters(lon * 1e308, lat * 1e308)",
        "stay(case when time % 2 = 0 then 'enter' else 'exit' end, (time % 2 * 2 - 1) * 9e14, 0)",
        "sum(lon * 1e308)",
        "sample(char(0), 3)",
        "topk(char(65, 0, 66))",
        "quantile(lon * 1e308)",
    };
    enum {
        WILD = sizeof wild / sizeof wild[0]
    };
    scene scene;
    char status[16];
    char reason[256];
    double before;
    double after;
    hr_why why;
    scene_begin_with(&scene, 6, "{\"name\":\"good\"," POSITIONS "\"group_by\":[\"device\"]}");
    for (size_t i = 0; i < WILD; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"name\":\"wild-%zu\",\"from\":\"positions\",\"select\":{\"x\":\"%s\"}}", i,
                 wild[i]);
        scene_must_put(&scene, text);
    }
    for (int second = 0; second < 60; second++) {
        scene_live_a_second(&scene);
        if (second == 30) {
            /* So that the log holds more than it has counted. */
            scene_settle(&scene);
            assert_int_equal(engine_query_start(scene.queries, "good", &why), HR_OK);
        }
    }
    scene_settle(&scene);
    look(&scene, "good", status, reason, &before);
    engine_queries_stop(scene.queries);
    scene_open_queries(&scene);
    scene_settle(&scene);
    look(&scene, "good", status, reason, &after);
    assert_string_equal(status, "running");
    assert_double_near(after, before, 0);
    for (size_t i = 0; i < WILD; i++) {
        char name[16];
        snprintf(name, sizeof name, "wild-%zu", i);
        look(&scene, name, status, reason, &after);
        assert_string_equal(reason, "");
    }
    scene_end(&scene);
}

static void a_plan_can_be_read(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "1. read committed events",
        "look up the device and the fence in the rules",
        "pair each with the last of the events before it, at most 10 min older, where kind = 'e",
        "with the same device; when every partition has passed it",
        "keep those where fence_intent = 'keep-in'",
        "group by device_group, earlier_fence",
        "in its pane of 1 min; 10 panes make a window of 10 min, and one ends every 1 min",
        "returns = count(); half = quantile(time - earlier_time, 0.5)",
        "every partition is 45 s past it",
        "tell open windows as they change",
        "Cost: SQLite",
        "State: 11 open panes for each group",
        "the earlier rows of the last 645 s",
        "16.8 MB"};
    scene scene;
    hr_buf json;
    scene_begin(&scene, 1);
    scene_open_queries(&scene);
    scene_must_put(&scene,
                   "{\"name\":\"returns\",\"from\":\"events\",\"join\":[\"device\",\"fence\"],"
                   "\"follows\":{\"from\":\"events\",\"where\":\"kind = 'exit'\","
                   "\"on\":[\"device\"],\"within\":\"10m\"},"
                   "\"where\":\"fence_intent = 'keep-in'\",\"lateness\":\"45s\","
                   "\"group_by\":[\"device_group\",\"earlier_fence\"],"
                   "\"window\":{\"type\":\"hopping\",\"size\":\"10m\",\"every\":\"1m\"},"
                   "\"select\":{\"returns\":\"count()\","
                   "\"half\":\"quantile(time - earlier_time, 0.5)\"}}");
    hr_buf_init(&json, 1 << 20);
    assert_int_equal(engine_query_explain(scene.queries, "returns", &json), HR_OK);
    cJSON *root = cJSON_ParseWithLength((const char *)json.data, json.size);
    const char *plan = cJSON_GetStringValue(cJSON_GetObjectItem(root, "plan"));
    assert_non_null(plan);
    print_message("%s", plan);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(plan, parts[i]) == NULL) {
            fail_msg("the plan does not say \"%s\"", parts[i]);
        }
    }
    cJSON_Delete(root);
    hr_buf_fini(&json);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_names_its_part),
        cmocka_unit_test(bad_queries_stop_with_their_reason_and_alone),
        cmocka_unit_test(long_answers_stop_no_other_query),
        cmocka_unit_test(the_limit_holds_within_a_large_batch),
        cmocka_unit_test(a_restart_keeps_the_others_whatever_a_query_holds),
        cmocka_unit_test(a_plan_can_be_read),
    };
    return cmocka_run_group_tests_name("limits of standing queries", tests, NULL, NULL);
}
