/* tests/engine/test_query_joins.c - joins with tables and with earlier rows, and time inside,
 * against nested loops over the log's records; and the same rows from the same log. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "catalog/change.h"
#include "engine/change.h"
#include "query_oracle.h"
#include "query_scene.h"
#include "test.h"

#define LINES_MAX 4000
#define LINE_SIZE 160

/* ---- lines: what is told, and what should be, as sorted text ---- */

typedef struct lines {
    char text[LINES_MAX][LINE_SIZE];
    double numbers[LINES_MAX][2]; /* of a counted line */
    size_t count;
} lines;

static int compare_lines(const void *left, const void *right)
{
    return strcmp(left, right);
}

/* Count something under a name. */
static void count_in(lines *list, const char *name, double number)
{
    size_t at = 0;
    while (at < list->count && strcmp(list->text[at], name) != 0) {
        at++;
    }
    if (at == list->count) {
        assert_true(list->count < LINES_MAX);
        snprintf(list->text[at], LINE_SIZE, "%s", name);
        list->numbers[at][0] = 0;
        list->numbers[at][1] = 0;
        list->count++;
    }
    list->numbers[at][0]++;
    list->numbers[at][1] += number;
}

static void end_counts(lines *list)
{
    for (size_t i = 0; i < list->count; i++) {
        size_t size = strlen(list->text[i]);
        snprintf(list->text[i] + size, LINE_SIZE - size, " %.0f %.0f", list->numbers[i][0],
                 list->numbers[i][1]);
    }
    qsort(list->text, list->count, LINE_SIZE, compare_lines);
}

static cJSON *ask_rows(scene *scene, const char *name)
{
    hr_buf json;
    hr_buf_init(&json, 64 << 20);
    assert_int_equal(engine_query_rows(scene->queries, name, 100000, &json), HR_OK);
    cJSON *root = cJSON_ParseWithLength((const char *)json.data, json.size);
    assert_non_null(root);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(root, "cut")));
    hr_buf_fini(&json);
    return root;
}

/* "from group,group.. n sum" for each row. */
static void read_answer(scene *scene, const char *name, lines *list)
{
    cJSON *root = ask_rows(scene, name);
    const cJSON *row = NULL;
    list->count = 0;
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(root, "rows"))
    {
        const char *from = cJSON_GetStringValue(cJSON_GetObjectItem(row, "from"));
        char *line = list->text[list->count++];
        assert_true(list->count < LINES_MAX);
        size_t size = (size_t)snprintf(line, LINE_SIZE, "%s", from != NULL ? from : "-");
        const cJSON *part = NULL;
        cJSON_ArrayForEach(part, cJSON_GetObjectItem(row, "group"))
        {
            const char *text = cJSON_GetStringValue(part);
            size += (size_t)snprintf(line + size, LINE_SIZE - size, " %s",
                                     text != NULL ? text : "null");
        }
        snprintf(line + size, LINE_SIZE - size, " %.0f %.0f",
                 cJSON_GetNumberValue(cJSON_GetObjectItem(row, "n")),
                 cJSON_GetNumberValue(cJSON_GetObjectItem(row, "sum")));
    }
    cJSON_Delete(root);
    qsort(list->text, list->count, LINE_SIZE, compare_lines);
}

static void compare(scene *scene, const char *name, lines *truth, uint64_t seed)
{
    lines *told = calloc(1, sizeof *told);
    assert_non_null(told);
    end_counts(truth);
    read_answer(scene, name, told);
    print_message("%s: %zu rows\n", name, truth->count);
    for (size_t i = 0; i < told->count || i < truth->count; i++) {
        const char *is = i < told->count ? told->text[i] : "";
        const char *should = i < truth->count ? truth->text[i] : "";
        if (strcmp(is, should) != 0) {
            fail_msg("seed %" PRIu64 ", %s: \"%s\" should be \"%s\"", seed, name, is, should);
        }
    }
    free(told);
}

/* ---- rows with the tables of their time ---- */

static void patch_device(scene *scene, const char *id, const char *patch)
{
    hr_why why = {""};
    geo_why geo = {""};
    engine_change *change;
    assert_int_equal(engine_change_begin(scene->farm.engine, "test",
                                         hr_clock_now_ms(scene->farm.clock), &change, &why),
                     HR_OK);
    if (catalog_change_device(engine_change_edits(change), id, patch, strlen(patch), CATALOG_ANY,
                              &geo) != GEO_OK) {
        fail_msg("%s: %s", id, geo.text);
    }
    assert_int_equal(engine_change_commit(change, NULL, &why), HR_OK);
}

/* Groups and intents change; the fences' own groups are those of all devices. */
static void change_tables(scene *scene)
{
    static const char *const groups[] = {"{\"groups\":[]}", "{\"groups\":[\"calf\"]}",
                                         "{\"groups\":[\"calf\",\"red\"]}",
                                         "{\"groups\":[\"bull\",\"calf\",\"red\"]}"};
    static const char *const kinds[] = {",\"intent\":\"keep-in\"", ",\"intent\":\"keep-out\"",
                                        ",\"groups\":[\"calf\",\"red\"]"};
    char id[24];
    double west = 16.0 + 0.0005 * (double)hr_random_below(&scene->random, 4);
    double box[4] = {west, 59.0, west + 0.002, 59.002};
    snprintf(id, sizeof id, "cow-%d", (int)hr_random_below(&scene->random, SCENE_DEVICES));
    patch_device(scene, id, groups[hr_random_below(&scene->random, 4)]);
    farm_fence(&scene->farm, "north", box, kinds[hr_random_below(&scene->random, 3)]);
}

static const geo_rules *rules_at(farm *farm, uint64_t version, const geo_rules **held)
{
    if (*held == NULL || geo_rules_version(*held) != version) {
        geo_rules_unref(*held);
        assert_int_equal(catalog_rules_load(farm->catalog, version, held, NULL), GEO_OK);
    }
    return *held;
}

static void truth_of_tables(farm *farm, lines *truth)
{
    static const char *const intents[] = {"info", "keep-in", "keep-out"};
    oracle_event *events;
    const geo_rules *held = NULL;
    size_t count = oracle_events(farm, &events);
    for (size_t i = 0; i < count; i++) {
        const hr_event *event = &events[i].event;
        const geo_rules *rules = rules_at(farm, event->rules_version, &held);
        const geo_device_rules *device = geo_rules_device(rules, event->device);
        uint32_t slot = geo_rules_find(rules, event->fence_id);
        const geo_fence *fence = slot != GEO_NO_SLOT ? geo_rules_fence(rules, slot) : NULL;
        uint32_t ds = device != NULL && device->group_count > 0 ? device->group_count : 1;
        uint32_t fs = fence != NULL && fence->group_count > 0 ? fence->group_count : 1;
        for (uint32_t d = 0; d < ds; d++) {
            for (uint32_t f = 0; f < fs; f++) {
                char name[LINE_SIZE];
                bool has_device = device != NULL && device->group_count > 0;
                bool has_fence = fence != NULL && fence->group_count > 0;
                snprintf(name, sizeof name, "- %s %s %s", has_device ? device->groups[d] : "null",
                         fence != NULL ? intents[fence->intent] : "null",
                         has_fence ? fence->groups[f] : "null");
                count_in(truth, name, (double)(event->time_ms % 1000));
            }
        }
    }
    geo_rules_unref(held);
    free(events);
}

/* Fixes by the rules in force, of which the partition's records tell. */
static void truth_of_positions(farm *farm, lines *truth)
{
    oracle_fix *fixes;
    const geo_rules *held = NULL;
    size_t count = oracle_fixes(farm, &fixes);
    for (size_t i = 0; i < count; i++) {
        const geo_rules *rules = rules_at(farm, fixes[i].rules_version, &held);
        const geo_device_rules *device = geo_rules_device(rules, fixes[i].fix.device);
        uint32_t groups = device != NULL ? device->group_count : 0;
        for (uint32_t g = 0; g < (groups > 0 ? groups : 1); g++) {
            char name[LINE_SIZE];
            snprintf(name, sizeof name, "- %s", groups > 0 ? device->groups[g] : "null");
            count_in(truth, name, (double)(fixes[i].fix.time_ms % 1000));
        }
    }
    geo_rules_unref(held);
    free(fixes);
}

#define SELECT "\"select\":{\"n\":\"count()\",\"sum\":\"sum(time % 1000)\"}}"
#define FOLLOWS(rest)                                                                              \
    "\"follows\":{\"from\":\"events\",\"where\":\"kind = 'exit'\",\"on\":[\"device\"]," rest "},"

/* ---- rows with earlier rows ---- */

typedef struct pairing {
    const char *name;
    bool from_positions;
    bool same_fence;
    bool takes_all;
    int64_t within_ms;
    int64_t lateness_ms;
    int64_t window_ms; /* 0: running */
} pairing;

/* A row of the later side, whatever it is. */
typedef struct later_row {
    int64_t time_ms;
    uint64_t device;
    const hr_event *event; /* NULL: a fix */
    uint64_t order;
} later_row;

static bool is_late(int64_t time_ms, int64_t mark_ms, int64_t lateness_ms)
{
    return mark_ms != INT64_MIN && time_ms < mark_ms - lateness_ms;
}

static void pair_row(const pairing *law, const later_row *row, const oracle_event *events,
                     size_t count, lines *truth)
{
    const oracle_event *last = NULL;
    char name[LINE_SIZE];
    char from[HR_TIME_TEXT_SIZE] = "-";
    if (law->window_ms > 0) {
        hr_time_format(row->time_ms / law->window_ms * law->window_ms, from);
    }
    for (size_t i = 0; i < count; i++) {
        const hr_event *event = &events[i].event;
        int64_t apart_ms = row->time_ms - event->time_ms;
        if (event->kind != HR_EVENT_EXIT || event->device != row->device || apart_ms < 0 ||
            apart_ms > law->within_ms || event == row->event ||
            is_late(event->time_ms, events[i].mark_ms, law->lateness_ms) ||
            (law->same_fence && strcmp(event->fence_id, row->event->fence_id) != 0)) {
            continue;
        }
        if (law->takes_all) {
            snprintf(name, sizeof name, "%s %s", from, event->fence_id);
            count_in(truth, name, (double)apart_ms);
        } else if (last == NULL || event->time_ms > last->event.time_ms ||
                   (event->time_ms == last->event.time_ms && events[i].order > last->order)) {
            last = &events[i];
        }
    }
    if (last != NULL) {
        snprintf(name, sizeof name, "%s %s", from, last->event.fence_id);
        count_in(truth, name, (double)(row->time_ms - last->event.time_ms));
    }
}

static void truth_of_pairs(farm *farm, const pairing *law, lines *truth, uint64_t *late)
{
    oracle_event *events;
    oracle_fix *fixes = NULL;
    size_t count = oracle_events(farm, &events);
    size_t fix_count = law->from_positions ? oracle_fixes(farm, &fixes) : 0;
    int64_t end_ms = oracle_mark(farm) - law->lateness_ms;
    *late = 0;
    for (size_t i = 0; i < count; i++) {
        *late += events[i].event.kind == HR_EVENT_EXIT &&
                 is_late(events[i].event.time_ms, events[i].mark_ms, law->lateness_ms);
    }
    for (size_t i = 0; i < (law->from_positions ? fix_count : count); i++) {
        later_row row = {.event = law->from_positions ? NULL : &events[i].event};
        row.time_ms = law->from_positions ? fixes[i].fix.time_ms : row.event->time_ms;
        row.device = law->from_positions ? fixes[i].fix.device : row.event->device;
        int64_t mark_ms = law->from_positions ? fixes[i].mark_ms : events[i].mark_ms;
        if (row.event != NULL && row.event->kind != HR_EVENT_ENTER) {
            continue;
        }
        if (is_late(row.time_ms, mark_ms, law->lateness_ms)) {
            (*late)++;
        } else if (row.time_ms < end_ms) {
            pair_row(law, &row, events, count, truth);
        }
    }
    free(events);
    free(fixes);
}

static const struct {
    const char *text;
    pairing law;
} paired[] = {
    {"{\"name\":\"back\",\"from\":\"events\",\"where\":\"kind = 'enter'\"," FOLLOWS(
         "\"within\":\"30s\"") "\"group_by\":[\"earlier_fence\"],"
                               "\"select\":{\"n\":\"count()\",\"sum\":\"sum(time - "
                               "earlier_time)\"}}",
     {.name = "back", .within_ms = 30000, .lateness_ms = 30000}},
    {"{\"name\":\"all\",\"from\":\"events\","
     "\"where\":\"kind = 'enter' and earlier_fence = fence\"," FOLLOWS(
         "\"within\":\"1m\",\"match\":\"all\"") "\"group_by\":[\"earlier_fence\"],"
                                                "\"lateness\":\"10s\",\"window\":{\"type\":"
                                                "\"tumbling\",\"size\":\"20s\"},\"select\":{\"n\":"
                                                "\"count()\",\"sum\":\"sum(time - "
                                                "earlier_time)\"}}",
     {.name = "all",
      .same_fence = true,
      .takes_all = true,
      .within_ms = 60000,
      .lateness_ms = 10000,
      .window_ms = 20000}},
    {"{\"name\":\"trace\",\"from\":\"positions\",\"lateness\":\"5s\"," FOLLOWS(
         "\"within\":\"10s\",\"match\":\"all\"") "\"group_by\":[\"earlier_fence\"],"
                                                 "\"select\":{\"n\":\"count()\",\"sum\":\"sum(time "
                                                 "- earlier_time)\"}}",
     {.name = "trace",
      .from_positions = true,
      .takes_all = true,
      .within_ms = 10000,
      .lateness_ms = 5000}},
};
#define PAIRED (sizeof paired / sizeof paired[0])

static const char *const tables_text =
    "{\"name\":\"tables\",\"from\":\"events\",\"join\":[\"device\",\"fence\"],"
    "\"group_by\":[\"device_group\",\"fence_intent\",\"fence_group\"]," SELECT;
static const char *const groups_text =
    "{\"name\":\"groups\",\"from\":\"positions\",\"join\":[\"device\"],"
    "\"group_by\":[\"device_group\"]," SELECT;

static double late_rows(scene *scene, const char *name)
{
    hr_buf json;
    hr_buf_init(&json, 1 << 20);
    assert_int_equal(engine_query_get(scene->queries, name, &json), HR_OK);
    cJSON *root = cJSON_ParseWithLength((const char *)json.data, json.size);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "status")), "running");
    double late = cJSON_GetNumberValue(cJSON_GetObjectItem(root, "rows_late"));
    cJSON_Delete(root);
    hr_buf_fini(&json);
    return late;
}

static void judge(scene *scene, uint64_t seed)
{
    lines *truth = calloc(1, sizeof *truth);
    assert_non_null(truth);
    truth_of_tables(&scene->farm, truth);
    compare(scene, "tables", truth, seed);
    truth->count = 0;
    truth_of_positions(&scene->farm, truth);
    compare(scene, "groups", truth, seed);
    for (size_t i = 0; i < PAIRED; i++) {
        uint64_t late;
        truth->count = 0;
        truth_of_pairs(&scene->farm, &paired[i].law, truth, &late);
        compare(scene, paired[i].law.name, truth, seed);
        assert_double_near(late_rows(scene, paired[i].law.name), (double)late, 0);
    }
    free(truth);
}

/* Through rule changes, restarts and checkpoints that are old or gone: the same rows, by the rules
 * of their time. */
static void joined_rows_equal_nested_loops(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        scene scene;
        scene_begin(&scene, seed);
        scene_open_queries(&scene);
        scene_make_herd(&scene);
        scene_must_put(&scene, tables_text);
        scene_must_put(&scene, groups_text);
        for (size_t i = 0; i < PAIRED; i++) {
            scene_must_put(&scene, paired[i].text);
        }
        scene_settle(&scene);
        /* The catalogue must know the herd's names before its groups can change. */
        assert_int_equal(engine_checkpoint(scene.farm.engine, NULL), HR_OK);
        for (int second = 1; second <= 200; second++) {
            scene_live_a_second(&scene);
            if (second % 23 == 0) {
                change_tables(&scene);
            }
            if (seed == 2 && second % 70 == 0) {
                scene_settle(&scene);
                scene_crash_queries(&scene, second % 3 == 0);
            }
        }
        scene_settle(&scene);
        judge(&scene, seed);
        /* From the log alone, once more. */
        scene_crash_queries(&scene, false);
        scene_settle(&scene);
        judge(&scene, seed);
        scene_end(&scene);
    }
}

/* The earlier row of a pair counts in each of its device's groups, and after a restart as before.
 */
static void the_last_row_counts_in_each_of_its_groups(void **state)
{
    (void)state;
    scene scene;
    lines *told = calloc(1, sizeof *told);
    int64_t time_ms = 1795161600000;
    assert_non_null(told);
    scene_begin(&scene, 7);
    scene_open_queries(&scene);
    farm_name(&scene.farm, "cow-1");
    scene_settle(&scene);
    assert_int_equal(engine_checkpoint(scene.farm.engine, NULL), HR_OK);
    patch_device(&scene, "cow-1", "{\"groups\":[\"bull\",\"calf\",\"red\"]}");
    scene_must_put(&scene, "{\"name\":\"last\",\"from\":\"positions\",\"join\":[\"device\"],"
                           "\"follows\":{\"from\":\"positions\",\"on\":[\"device\"],"
                           "\"within\":\"1h\"},\"group_by\":[\"earlier_device_group\"]," SELECT);
    for (int i = 0; i < 6; i++) {
        farm_fix(&scene.farm, "cow-1", time_ms + (int64_t)10000 * i, 16.0, 59.0);
        if (i == 2) {
            scene_settle(&scene);
            engine_queries_stop(scene.queries);
            scene_open_queries(&scene);
        }
    }
    farm_tick(&scene.farm, time_ms + 1000000);
    scene_settle(&scene);
    read_answer(&scene, "last", told);
    assert_int_equal(told->count, 3);
    assert_non_null(strstr(told->text[0], "bull 5 "));
    assert_non_null(strstr(told->text[1], "calf 5 "));
    assert_non_null(strstr(told->text[2], "red 5 "));
    scene_end(&scene);
    free(told);
}

/* ---- time inside ---- */

#define T0 1795161600000
#define FENCE_FROM_E7 160000000
#define FENCE_TO_E7 160100000

/* An animal that swings through the fence, its speed changing all the time. */
static double place_e7(double seconds, int animal)
{
    return 160050000 + 90000 * sin(seconds / (60.0 + 7 * animal) + animal);
}

static double true_seconds_inside(double from_s, double to_s, int animal)
{
    double inside_s = 0;
    for (double s = from_s; s < to_s; s += 0.01) {
        double place = place_e7(s, animal);
        inside_s += place >= FENCE_FROM_E7 && place <= FENCE_TO_E7 ? 0.01 : 0;
    }
    return inside_s;
}

/* Fixes of one animal at irregular times. Returns the last one's. */
static double swing(scene *scene, int animal, double *first_s)
{
    char id[24];
    double seconds = 0;
    snprintf(id, sizeof id, "cow-%d", animal);
    *first_s = -1;
    for (int i = 0; i < 120; i++) {
        double place = place_e7(seconds, animal);
        int64_t time_ms = T0 + (int64_t)(seconds * 1000);
        bool is_in = place >= FENCE_FROM_E7 && place <= FENCE_TO_E7;
        *first_s = *first_s < 0 && is_in ? seconds : *first_s;
        hr_clock_fake_step(scene->farm.clock, time_ms);
        farm_fix(&scene->farm, id, time_ms, place / 1e7, 59.005);
        seconds += 4 + (double)hr_random_below(&scene->random, 9000) / 1000;
    }
    return seconds;
}

static void time_inside_is_as_near_to_the_truth_as_it_says(void **state)
{
    (void)state;
    static const double box[4] = {16.0, 59.0, 16.01, 59.01};
    enum {
        ANIMALS = 5
    };
    double first_s[ANIMALS];
    double last_s = 0;
    scene scene;
    scene_begin(&scene, 5);
    scene.ships = true;
    scene_open_queries(&scene);
    farm_fence(&scene.farm, "north", box, "");
    for (int animal = 0; animal < ANIMALS; animal++) {
        last_s = fmax(last_s, swing(&scene, animal, &first_s[animal]));
    }
    /* A tick brings all lanes to one time. */
    farm_tick(&scene.farm, T0 + (int64_t)(last_s * 1000) + 60000);
    scene_settle(&scene);
    double until_s = (double)(oracle_mark(&scene.farm) - T0) / 1000;
    cJSON *root = ask_rows(&scene, "time-inside");
    const cJSON *row = NULL;
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "rows")), ANIMALS);
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(root, "rows"))
    {
        const cJSON *group = cJSON_GetObjectItem(row, "group");
        const cJSON *inside = cJSON_GetObjectItem(row, "inside_s");
        int animal = (int)strtol(cJSON_GetStringValue(cJSON_GetArrayItem(group, 1)) + 4, NULL, 10);
        double told_s = cJSON_GetNumberValue(cJSON_GetObjectItem(inside, "value"));
        double error_s = cJSON_GetNumberValue(cJSON_GetObjectItem(inside, "uncertainty_s"));
        double visits = cJSON_GetNumberValue(cJSON_GetObjectItem(inside, "visits"));
        double truth_s = true_seconds_inside(first_s[animal], until_s, animal);
        print_message("cow-%d: %.1f s of %.1f, off by %.2f, says %.1f, %.0f visits\n", animal,
                      truth_s, until_s, told_s - truth_s, error_s, visits);
        assert_true(fabs(told_s - truth_s) <= error_s);
        assert_true(visits >= 1 && error_s <= 2 * visits * 2 * 13);
        assert_true(error_s < truth_s);
    }
    cJSON_Delete(root);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_rows_equal_nested_loops),
        cmocka_unit_test(the_last_row_counts_in_each_of_its_groups),
        cmocka_unit_test(time_inside_is_as_near_to_the_truth_as_it_says),
    };
    return cmocka_run_group_tests_name("joins of standing queries", tests, NULL, NULL);
}
