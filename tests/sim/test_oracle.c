/* tests/sim/test_oracle.c - the oracle on stories whose end is known, and on logs that were
 * falsified: a witness who never objects proves nothing. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware-sim/oracle.h"
#include "firmware-sim/oracle_compare.h"

#define T0 INT64_C(1795161600000)

/* A square of 0.001 degree at the equator, 111 m wide, and a pond with a hole in it. */
static const char rules_text[] =
    "{\"version\":1,\"settings\":{\"max_accuracy_m\":100,\"max_gap_s\":300,\"max_speed_mps\":60,"
    "\"alert_max_age_s\":600,\"stale_after_s\":3600},\"fences\":[{\"id\":\"a\",\"name\":\"A\","
    "\"intent\":\"keep-in\",\"dwell_s\":60,\"approach_cm\":0,\"confirm_fixes\":0,"
    "\"expires_at_ms\":null,\"groups\":[],\"schedule\":null,"
    "\"rings_e7\":[[[0,0],[10000,0],[10000,10000],[0,10000]]],\"zone_rings_e7\":null},"
    "{\"id\":\"b\",\"name\":\"B\",\"intent\":\"keep-out\",\"dwell_s\":0,\"approach_cm\":0,"
    "\"confirm_fixes\":0,\"expires_at_ms\":null,\"groups\":[],\"schedule\":null,"
    "\"rings_e7\":[[[20000,0],[30000,0],[30000,10000],[20000,10000]],"
    "[[24000,4000],[26000,4000],[26000,6000],[24000,6000]]],\"zone_rings_e7\":null}],"
    "\"devices\":[]}";

typedef struct world {
    oracle_rules *rules;
    oracle_events events;
    oracle_partition *partition;
    int64_t offset;
} world;

static uint32_t slot_of(void *context, const char *id)
{
    (void)context;
    return (uint32_t)(id[0] - 'a');
}

static const char *name_of(void *context, uint64_t device)
{
    (void)context;
    (void)device;
    return "cow";
}

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    hr_why why = {""};
    cJSON *json = cJSON_Parse(rules_text);
    oracle_geos_start();
    if (w == NULL || json == NULL ||
        oracle_rules_read(json, slot_of, NULL, &w->rules, &why) != HR_OK) {
        return -1;
    }
    cJSON_Delete(json);
    w->partition = oracle_partition_new(&w->events, name_of, NULL);
    oracle_source source = {.offset = w->offset++, .append_ms = T0};
    *state = w;
    return oracle_take_rules(w->partition, &source, w->rules) == HR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    world *w = *state;
    oracle_partition_free(w->partition);
    oracle_events_free(&w->events);
    oracle_rules_free(w->rules);
    oracle_geos_stop();
    free(w);
    return 0;
}

static void fix_at(world *w, int64_t s, int32_t lon_e7, int32_t lat_e7)
{
    hr_fix fix = {.device = 7,
                  .time_ms = T0 + s * 1000,
                  .lon_e7 = lon_e7,
                  .lat_e7 = lat_e7,
                  .accuracy_dm = 30};
    oracle_source source = {.offset = w->offset++, .append_ms = fix.time_ms};
    assert_int_equal(oracle_take_fix(w->partition, &source, &fix), HR_OK);
}

static void expect_event(const world *w, size_t i, const char *id)
{
    assert_true(i < w->events.count);
    assert_string_equal(w->events.all[i].id, id);
}

static void a_cow_that_walks_in_and_out_is_told_with_places_on_the_line(void **state)
{
    world *w = *state;
    fix_at(w, 0, -5000, 5000);
    fix_at(w, 10, 5000, 5000);
    fix_at(w, 20, 5000, 15000);
    assert_int_equal(w->events.count, 2);
    expect_event(w, 0, "enter/a/cow/1795161610000");
    assert_int_equal(w->events.all[0].crossing.lon_e7, 0);
    assert_int_equal(w->events.all[0].crossing_ms, T0 + 5000);
    expect_event(w, 1, "exit/a/cow/1795161620000");
    assert_string_equal(w->events.all[1].severity, "alarm");
    assert_int_equal(w->events.all[1].crossing.lat_e7, 10000);
}

static void a_change_near_the_line_counts_the_second_time(void **state)
{
    world *w = *state;
    fix_at(w, 0, -5000, 5000);
    fix_at(w, 10, 100, 5000); /* 1.1 m within, 3 m accurate */
    assert_int_equal(w->events.count, 0);
    fix_at(w, 20, 120, 5000);
    assert_int_equal(w->events.count, 1);
    expect_event(w, 0, "enter/a/cow/1795161620000");
    assert_int_equal(w->events.all[0].crossing.lon_e7, 0);
}

/* One fence, and what of it is to be replaced. */
static oracle_rules *rules_with(const char *name, const char *schedule)
{
    char text[600];
    hr_why why = {""};
    oracle_rules *rules = NULL;
    snprintf(text, sizeof text,
             "{\"version\":2,\"settings\":{\"max_accuracy_m\":100,\"max_gap_s\":300,"
             "\"max_speed_mps\":60,\"alert_max_age_s\":600,\"stale_after_s\":0},\"devices\":[],"
             "\"fences\":[{\"id\":\"a\",\"name\":\"%s\",\"intent\":\"info\",\"dwell_s\":0,"
             "\"approach_cm\":0,\"confirm_fixes\":0,\"expires_at_ms\":null,\"groups\":[],"
             "\"schedule\":%s,\"rings_e7\":[[[0,0],[10000,0],[10000,10000],[0,10000]]],"
             "\"zone_rings_e7\":null}]}",
             name, schedule);
    cJSON *json = cJSON_Parse(text);
    assert_int_equal(oracle_rules_read(json, slot_of, NULL, &rules, &why), HR_OK);
    cJSON_Delete(json);
    return rules;
}

static void a_name_is_no_change_and_neither_is_a_schedule_that_both_know_alike(void **state)
{
    (void)state;
    static const struct {
        const char *name, *schedule;
        bool differs;
    } others[] = {
        {"A", "{\"known_from_ms\":0,\"known_to_ms\":90,\"on_ms\":[[10,20],[30,40]]}", false},
        {"B", "{\"known_from_ms\":0,\"known_to_ms\":90,\"on_ms\":[[10,20],[30,40]]}", false},
        /* What began before is not known, what comes later is new. */
        {"A", "{\"known_from_ms\":15,\"known_to_ms\":99,\"on_ms\":[[15,20],[30,40],[91,95]]}",
         false},
        {"A", "{\"known_from_ms\":15,\"known_to_ms\":99,\"on_ms\":[[30,40]]}", true},
        {"A", "{\"known_from_ms\":0,\"known_to_ms\":90,\"on_ms\":[[10,21],[30,40]]}", true},
        {"A", "null", true},
    };
    oracle_rules *one = rules_with(others[0].name, others[0].schedule);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        oracle_rules *other = rules_with(others[i].name, others[i].schedule);
        assert_int_equal(oracle_fence_differs(&one->fences[0], &other->fences[0]),
                         others[i].differs);
        assert_int_equal(oracle_fence_differs(&other->fences[0], &one->fences[0]),
                         others[i].differs);
        oracle_rules_free(other);
    }
    oracle_rules_free(one);
}

static void dwelling_and_silence_are_told_by_ticks(void **state)
{
    world *w = *state;
    fix_at(w, 0, 5000, 5000);
    oracle_source source = {.offset = w->offset++, .append_ms = T0 + 60000};
    assert_int_equal(oracle_take_tick(w->partition, &source, T0 + 60000), HR_OK);
    source.offset = w->offset++;
    assert_int_equal(oracle_take_tick(w->partition, &source, T0 + 3600000), HR_OK);
    assert_int_equal(oracle_take_tick(w->partition, &source, T0 + 3700000), HR_OK);
    assert_int_equal(w->events.count, 3);
    expect_event(w, 0, "enter/a/cow/1795161600000");
    assert_false(w->events.all[0].has_crossing);
    expect_event(w, 1, "dwell/a/cow/1795161660000");
    expect_event(w, 2, "stale/-/cow/1795165200000");
}

static void a_hole_is_outside_and_a_cut_between_two_fixes_is_seen(void **state)
{
    world *w = *state;
    fix_at(w, 0, 25000, 5000); /* in the hole */
    assert_int_equal(w->events.count, 0);
    fix_at(w, 20, 35000, 5000); /* through the right side, from the hole to beyond */
    assert_int_equal(w->events.count, 1);
    expect_event(w, 0, "cross/b/cow/1795161620000");
    assert_int_equal(w->events.all[0].crossing.lon_e7, 26000);
    assert_string_equal(w->events.all[0].severity, "alarm");
}

static void repeats_and_old_fixes_decide_nothing(void **state)
{
    world *w = *state;
    fix_at(w, 10, -5000, 5000);
    fix_at(w, 10, 5000, 5000);
    fix_at(w, 5, 5000, 5000);
    assert_int_equal(w->events.count, 0);
}

/* What the events are after one of them was falsified. */
static oracle_verdict judge(const world *w, void (*falsify)(oracle_events *events))
{
    oracle_events demanded = {0}, there = {0};
    oracle_verdict verdict = {.stories = ORACLE_STORIES_MAX};
    for (size_t i = 0; i < w->events.count; i++) {
        assert_int_equal(oracle_events_add(&demanded, &w->events.all[i]), HR_OK);
        assert_int_equal(oracle_events_add(&there, &w->events.all[i]), HR_OK);
    }
    falsify(&there);
    oracle_compare_events(&demanded, &there, name_of, NULL, &verdict);
    oracle_events_free(&demanded);
    oracle_events_free(&there);
    return verdict;
}

static void nothing(oracle_events *events)
{
    (void)events;
}

static void drop_one(oracle_events *events)
{
    events->count--;
}

static void double_one(oracle_events *events)
{
    oracle_event copy = events->all[1];
    assert_int_equal(oracle_events_add(events, &copy), HR_OK);
}

static void move_a_little(oracle_events *events)
{
    events->all[0].crossing.lon_e7++;
    events->all[0].crossing_ms--;
}

static void move_more(oracle_events *events)
{
    events->all[0].crossing.lon_e7 += 2;
}

static void swap(oracle_events *events)
{
    oracle_event first = events->all[0];
    events->all[0] = events->all[1];
    events->all[1] = first;
}

static void make_late(oracle_events *events)
{
    events->all[1].late = true;
}

static void falsified_events_are_found(void **state)
{
    world *w = *state;
    fix_at(w, 0, -5000, 5000);
    fix_at(w, 10, 5000, 5000);
    fix_at(w, 20, 5000, 15000);
    assert_true(oracle_verdict_is_good(&(oracle_verdict){0}));
    oracle_verdict v = judge(w, nothing);
    assert_true(oracle_verdict_is_good(&v));
    v = judge(w, move_a_little);
    assert_true(oracle_verdict_is_good(&v));
    assert_int_equal(judge(w, move_more).different, 1);
    assert_int_equal(judge(w, make_late).different, 1);
    assert_int_equal(judge(w, drop_one).missing, 1);
    assert_int_equal(judge(w, double_one).repeated, 1);
    assert_int_equal(judge(w, swap).out_of_order, 1);
}

static void falsified_logs_of_fixes_are_found(void **state)
{
    (void)state;
    oracle_fix a = {.fix = {.device = 1, .time_ms = 1}, .order = 0};
    oracle_fix b = {.fix = {.device = 1, .time_ms = 2}, .order = 1};
    oracle_fix swapped_a = a, swapped_b = b;
    swapped_a.order = 1;
    swapped_b.order = 0;
    struct {
        oracle_fix there[3];
        size_t count;
        oracle_verdict wanted;
    } cases[] = {
        {{a, b}, 2, {0}},
        {{a}, 1, {.missing = 1}},
        {{a, b, b}, 3, {.repeated = 1}},
        {{a, b, {.fix = {.device = 2}}}, 3, {.extra = 1}},
        {{swapped_a, swapped_b}, 2, {.out_of_order = 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        oracle_fix sent_fixes[] = {a, b};
        oracle_fixes sent = {.all = sent_fixes, .count = 2};
        oracle_fixes there = {.all = cases[i].there, .count = cases[i].count};
        oracle_verdict v = {.stories = ORACLE_STORIES_MAX};
        oracle_compare_fixes(&sent, &there, true, name_of, NULL, &v);
        assert_int_equal(v.missing, cases[i].wanted.missing);
        assert_int_equal(v.extra, cases[i].wanted.extra);
        assert_int_equal(v.repeated, cases[i].wanted.repeated);
        assert_int_equal(v.out_of_order, cases[i].wanted.out_of_order);
    }
}

int main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_cow_that_walks_in_and_out_is_told_with_places_on_the_line),
        WITH_WORLD(a_change_near_the_line_counts_the_second_time),
        WITH_WORLD(dwelling_and_silence_are_told_by_ticks),
        WITH_WORLD(a_hole_is_outside_and_a_cut_between_two_fixes_is_seen),
        WITH_WORLD(repeats_and_old_fixes_decide_nothing),
        WITH_WORLD(falsified_events_are_found),
        WITH_WORLD(a_name_is_no_change_and_neither_is_a_schedule_that_both_know_alike),
        cmocka_unit_test(falsified_logs_of_fixes_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
