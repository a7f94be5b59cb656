/* tests/geo/test_tracker_stories.c - TRACKER.md as small stories: what is said, and nothing else.
 *
 * A story is rules, steps and the events expected. A step is
 *   "f t x y [accuracy] [append]"  a fix at t seconds, at x, y metres (append is t if not given)
 *   "t m"                          a tick
 *   "r a rules..."                 new rules at append time a, the rest of the step is their text
 * An event is "kind fence time cause" and, with a crossing, "@seconds,x,y" rounded to 0.1; severity
 * is a letter after it for alarm (!) or warning (?), "late" when it is late. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rulebook.h"
#include "test.h"

typedef struct story {
    const char *title;
    const char *rules;
    const char *steps[32];
    const char *events[32];
} story;

#define BOX "a info 0 0 100 100"
#define EXACT "\nsettings speed=1000"

static const story stories[] = {
    {"a walk in and out says enter and exit, with the crossing on the line",
     BOX,
     {"f 0 -10 50", "f 10 10 50", "f 20 110 50"},
     {"enter a 10 fix @5.0,0.0,50.0", "exit a 20 fix @19.0,100.0,50.0"}},
    {"the first fix inside says enter without a crossing", BOX, {"f 0 50 50"}, {"enter a 0 fix"}},
    {"the first fix outside says nothing", BOX, {"f 0 500 50"}, {NULL}},
    {"a repeated time is ignored",
     BOX,
     {"f 0 -10 50", "f 0 50 50", "f 10 50 50", "f 0 -10 50", "f 10 -10 50"},
     {"enter a 10 fix @1.7,0.0,50.0"}},
    {"an older fix decides nothing", BOX, {"f 100 -10 50", "f 50 50 50", "f 110 -20 50"}, {NULL}},
    {"a fix worse than the limit decides nothing and is no way point",
     BOX,
     {"f 0 -10 50", "f 5 50 50 100.1", "f 10 -20 50", "f 20 -30 50 100"},
     {NULL}},
    {"a gap takes the crossing away, a gap of just the limit does not",
     BOX,
     {"f 0 -10 50", "f 300 50 50", "f 601 -50 50"},
     {"enter a 300 fix @50.0,0.0,50.0", "exit a 601 fix"}},
    {"an impossible speed takes the crossing away, just that speed does not",
     BOX,
     {"f 0 -10 50", "f 1 49.9 50", "f 2 -10.2 50"},
     {"enter a 1 fix @0.2,0.0,50.0", "exit a 2 fix"}},
    {"a step within its accuracy waits for a second one and keeps the first crossing",
     BOX,
     {"f 0 -10 50", "f 10 10 50 20", "f 20 15 50 20"},
     {"enter a 20 fix @5.0,0.0,50.0"}},
    {"a step within its accuracy that goes back says nothing",
     BOX,
     {"f 0 -10 50", "f 10 10 50 20", "f 20 -10 50 20", "f 30 10 50 20", "f 40 -10 50 20"},
     {NULL}},
    {"farther is strict: at just its accuracy from the line a fix is not yet sure",
     BOX,
     {"f 0 -10 0", "f 10 0 0 0", "f 20 -10 0"},
     {NULL}},
    {"confirm_fixes counts fixes and leaves the accuracy aside",
     BOX " confirm=3",
     {"f 0 -10 50", "f 10 50 50", "f 20 50 50", "f 30 50 50", "f 40 -50 50", "f 50 50 50",
      "f 60 -50 50"},
     {"enter a 30 fix @1.7,0.0,50.0"}},
    {"confirm_fixes 1 believes a fix within its accuracy",
     BOX " confirm=1",
     {"f 0 -10 50", "f 10 1 50 90"},
     {"enter a 10 fix @9.1,0.0,50.0"}},
    {"a fence between two fixes is crossed",
     BOX " expires=1000",
     {"f 0 -50 50", "f 10 150 50"},
     {"cross a 10 fix @2.5,0.0,50.0"}},
    {"a crossing with a bad accuracy at one end is not told",
     BOX,
     {"f 0 -50 50", "f 10 150 50 50.1", "f 20 -50 50", "f 30 150 50 49"},
     {"cross a 30 fix @22.5,0.0,50.0"}},
    {"only touching the corner is no cross", BOX, {"f 0 -50 50", "f 10 50 -50"}, {NULL}},
    {"a jump across is no cross", BOX, {"f 0 -50 50", "f 301 150 50"}, {NULL}},
    {"nothing is crossed while a change is pending",
     BOX,
     {"f 0 -50 50", "f 10 10 50 20", "f 20 150 50"},
     {NULL}},
    {"dwell is told once, when a tick or a fix passes it",
     BOX " dwell=60",
     {"f 0 -10 50", "f 10 50 50", "f 60 50 50", "f 80 50 50", "f 200 50 50", "f 210 -50 50",
      "f 220 50 50", "t 300"},
     {"enter a 10 fix @1.7,0.0,50.0", "dwell a 70 tick", "exit a 210 fix @205.0,0.0,50.0",
      "enter a 220 fix @215.0,0.0,50.0", "dwell a 280 tick"}},
    {"dwell comes even while an exit is pending",
     BOX " dwell=60 confirm=2",
     {"f 0 50 50", "f 5 50 50", "f 50 -10 50", "t 100"},
     {"enter a 5 fix", "dwell a 65 tick"}},
    {"a silent device is stale once, and may become so again",
     BOX "\nsettings stale=100",
     {"f 0 -10 50", "t 99", "t 100", "t 300", "f 400 -10 50", "t 500"},
     {"stale - 100 tick?", "stale - 500 tick?"}},
    {"a device's own stale time counts, 0 is never",
     BOX "\nsettings stale=100\ndevice 7 stale=0",
     {"f 0 -10 50", "t 1000000"},
     {NULL}},
    {"stale follows the time of arrival, not the device's",
     BOX "\nsettings stale=100",
     {"f 0 -10 50 5 1000", "t 1099", "t 1100"},
     {"stale - 100 tick?"}},
    {"keep-in alarms at the exit, keep-out at the enter and the cross",
     "a keep-in 0 0 100 100\nb keep-out 200 0 300 100",
     {"f 0 50 50", "f 10 150 50", "f 20 250 50", "f 30 350 50", "f 40 150 50"},
     {"enter a 0 fix", "exit a 10 fix @5.0,100.0,50.0!", "enter b 20 fix @15.0,200.0,50.0!",
      "exit b 30 fix @25.0,300.0,50.0", "cross b 40 fix @32.5,300.0,50.0!"}},
    {"an approach warns on the safe side only: keep-in from the inside",
     "a keep-in 0 0 100 100 zone=0,0,20,100",
     {"f 0 50 50", "f 10 10 50", "f 20 -10 50", "f 30 10 50", "f 40 50 50"},
     {"enter a 0 fix", "approach a 10 fix @7.5,20.0,50.0?", "exit a 20 fix @15.0,0.0,50.0!",
      "enter a 30 fix @25.0,0.0,50.0"}},
    {"an approach warns on the safe side only: keep-out from the outside",
     "a keep-out 0 0 100 100 zone=-20,0,0,100",
     {"f 0 -50 50", "f 10 -10 50", "f 20 10 50", "f 30 -10 50", "f 40 -50 50"},
     {"approach a 10 fix @7.5,-20.0,50.0?", "enter a 20 fix @15.0,0.0,50.0!",
      "exit a 30 fix @25.0,0.0,50.0"}},
    {"a first fix in the zone is no approach",
     "a keep-out 0 0 100 100 zone=-20,0,0,100",
     {"f 0 -10 50"},
     {NULL}},
    {"the events of one fix come as exit, cross, enter, approach, by id within a kind",
     "z info 0 0 10 10\nd info 0 0 11 10\nc info 20 0 30 10\nb info 40 0 60 10\nA info 40 0 61 10"
     "\ny keep-out 70 0 80 10 zone=45,0,70,10",
     {"f 0 5 5", "f 10 50 5"},
     {"enter d 0 fix", "enter z 0 fix", "exit d 10 fix @1.3,11.0,5.0",
      "exit z 10 fix @1.1,10.0,5.0", "cross c 10 fix @3.3,20.0,5.0", "enter A 10 fix @7.8,40.0,5.0",
      "enter b 10 fix @7.8,40.0,5.0", "approach y 10 fix @8.9,45.0,5.0?"}},
    {"a schedule's switch enters and leaves without a crossing and without an alarm",
     "a keep-in 0 0 100 100 on=100-200 on=300-400",
     {"f 0 50 50", "t 99", "t 100", "t 250", "t 350", "t 450"},
     {"enter a 100 schedule", "exit a 200 schedule", "enter a 300 schedule",
      "exit a 400 schedule"}},
    {"a keep-out that switches on around a device alarms",
     "a keep-out 0 0 100 100 on=100-200",
     {"f 0 50 50", "f 150 50 50"},
     {"enter a 100 schedule!"}},
    {"two switches and a dwell in one long silence come in their order",
     "a info 0 0 100 100 on=100-200 on=300-400 dwell=50\nb info 0 0 100 100 dwell=200",
     {"f 0 50 50", "t 500"},
     {"enter b 0 fix", "enter a 100 schedule", "dwell a 150 tick", "exit a 200 schedule",
      "dwell b 200 tick", "enter a 300 schedule", "dwell a 350 tick", "exit a 400 schedule"}},
    {"off, dwell and on at the same instant come as expiry, off, dwell, on",
     "a info 0 0 100 100 dwell=100\nb info 0 0 100 100 on=0-100\nc info 0 0 100 100 on=100-200"
     "\nd info 0 0 100 100 expires=100",
     {"f 0 50 50", "t 100"},
     {"enter a 0 fix", "enter b 0 fix", "enter d 0 fix", "exit d 100 expiry", "exit b 100 schedule",
      "dwell a 100 tick", "enter c 100 schedule"}},
    {"an expiry says exit and the fence is never heard of again",
     "a keep-in 0 0 100 100 expires=100",
     {"f 0 50 50", "t 99", "t 100", "f 200 -50 50", "f 210 50 50"},
     {"enter a 0 fix", "exit a 100 expiry"}},
    {"what is pending is forgotten when the schedule ends",
     BOX " on=0-100",
     {"f 0 -10 50", "f 10 10 50 20", "t 150", "f 200 10 50"},
     {NULL}},
    {"a schedule that is off hears nothing",
     BOX " on=100-200",
     {"f 0 -10 50", "f 10 50 50", "f 20 -10 50"},
     {NULL}},
    {"a fix older than the device's time is judged by the device's time",
     BOX " on=100-200",
     {"f 0 -10 50", "t 120", "f 60 50 50"},
     {"enter a 60 fix @10.0,0.0,50.0"}},
    {"a fence for a group is for its members only",
     BOX " group=cows\nb info 0 0 100 100 group=sheep\ndevice 7 cows",
     {"f 0 50 50"},
     {"enter a 0 fix"}},
    {"a new fence says who is inside, a removed one who is no longer",
     BOX,
     {"f 0 50 50", "r 100 b info 0 0 90 90", "r 200 b info 0 0 90 90\nc info 200 0 300 100"},
     {"enter a 0 fix", "exit a 100 rules", "enter b 100 rules"}},
    {"a moved fence says the difference, a renamed one nothing",
     BOX " name=x",
     {"f 0 50 50", "r 100 a info 0 0 100 100 name=y", "r 200 a info 60 0 100 100",
      "r 300 a info 0 0 100 100"},
     {"enter a 0 fix", "exit a 200 rules", "enter a 300 rules"}},
    {"who stays inside a changed fence keeps the time of entering",
     BOX,
     {"f 0 50 50", "r 100 a info 0 0 110 100 dwell=150", "t 149", "t 150"},
     {"enter a 0 fix", "dwell a 150 tick"}},
    {"what was pending is decided by new rules",
     BOX,
     {"f 0 -10 50", "f 10 10 50 20", "r 20 a info 0 0 110 100", "f 30 15 50 20"},
     {"enter a 20 rules"}},
    {"a rename leaves pending what is pending",
     BOX " name=x",
     {"f 0 -10 50", "f 10 10 50 20", "r 20 a info 0 0 100 100 name=y", "f 30 15 50 20"},
     {"enter a 30 fix @5.0,0.0,50.0"}},
    {"a schedule resolved for a later span is no change, but its new switches come",
     BOX " on=0-100 span=0-150",
     {"f 0 50 50", "r 120 a info 0 0 100 100 on=0-100 on=200-300 span=50-350", "t 350"},
     {"enter a 0 fix", "exit a 100 schedule", "enter a 200 schedule", "exit a 300 schedule"}},
    {"a schedule whose past is forgotten comes on for who was only in the zone, too",
     "a keep-out 0 0 100 100 zone=-20,0,0,100 on=0-100 on=200-300 span=0-300",
     {"f 0 -50 50", "f 10 -10 50",
      "r 20 a keep-out 0 0 100 100 zone=-20,0,0,100 on=200-300 on=400-500 span=150-600",
      "f 120 50 50", "t 250", "t 350"},
     {"approach a 10 fix @7.5,-20.0,50.0?", "enter a 200 schedule!", "exit a 300 schedule"}},
    {"a schedule whose past is forgotten does not come on for who is far away",
     "a keep-out 0 0 100 100 zone=-20,0,0,100 on=0-100 on=200-300 span=0-300",
     {"f 0 -50 50", "f 10 -10 50",
      "r 20 a keep-out 0 0 100 100 zone=-20,0,0,100 on=200-300 on=400-500 span=150-600",
      "f 120 -500 50", "t 250", "t 350", "f 410 -10 50"},
     {"approach a 10 fix @7.5,-20.0,50.0?", "approach a 410 fix @404.1,-20.0,50.0?"}},
    {"joining a group enters, leaving it exits",
     BOX " group=cows\ndevice 7 sheep",
     {"f 0 50 50", "r 10 " BOX " group=cows\ndevice 7 cows",
      "r 20 " BOX " group=cows\ndevice 7 sheep"},
     {"enter a 10 rules", "exit a 20 rules"}},
    {"another fence in the slot of a removed one is another fence",
     BOX,
     {"f 0 50 50", "r 10 b info 0 0 100 100", "r 20 a info 0 0 100 100"},
     {"enter a 0 fix", "exit a 10 rules", "enter b 10 rules", "exit b 20 rules",
      "enter a 20 rules"}},
    {"a fix that arrives long after its time is late",
     BOX,
     {"f 0 -10 50 5 600", "f 10 50 50 5 610.001", "f 20 -50 50 5 620"},
     {"enter a 10 fix @1.7,0.0,50.0 late", "exit a 20 fix @15.0,0.0,50.0"}},
    {"splitting a step keeps the story when cross is read as enter and exit",
     BOX " confirm=1" EXACT,
     {"f 0 -50 50", "f 10 150 50", "f 15 50 50", "f 20 -50 50"},
     {"cross a 10 fix @2.5,0.0,50.0", "enter a 15 fix @12.5,100.0,50.0",
      "exit a 20 fix @17.5,0.0,50.0"}},
};

/* Rounds half up without a minus before zero, so that the text is the same everywhere. */
static double tenth(double value)
{
    return floor(value * 10 + 0.5) / 10 + 0.0;
}

static void describe(const geo_event *event, char *text, size_t size)
{
    int used = snprintf(text, size, "%s %s %lld %s", geo_event_kind_text(event->kind),
                        event->fence == NULL ? "-" : event->fence->id,
                        (long long)(event->time_ms / 1000), geo_cause_text(event->cause));
    if (event->has_crossing) {
        used += snprintf(text + used, size - (size_t)used, " @%.1f,%.1f,%.1f",
                         tenth((double)event->crossing_ms / 1000),
                         tenth(event->crossing.lon_e7 / WORLD_METRE),
                         tenth(event->crossing.lat_e7 / WORLD_METRE));
    }
    snprintf(text + used, size - (size_t)used, "%s%s",
             event->severity == GEO_SEVERITY_ALARM     ? "!"
             : event->severity == GEO_SEVERITY_WARNING ? "?"
                                                       : "",
             event->late ? " late" : "");
}

typedef struct player {
    const story *story;
    const geo_rules *rules;
    geo_tracker_index index;
    geo_tracker *tracker;
    geo_tracker_state state;
    size_t told;
} player;

#define DEVICE 7

static void play_fix(player *p, const char *step)
{
    double t = 0;
    double x = 0;
    double y = 0;
    double accuracy = 0;
    double append = -1;
    uint32_t hits[64];
    int count = sscanf(step, "f %lf %lf %lf %lf %lf", &t, &x, &y, &accuracy, &append);
    geo_fix fix = {.time_ms = llround(t * 1000), .place = world_point(x, y)};
    fix.append_ms = count < 5 ? fix.time_ms : llround(append * 1000);
    fix.accuracy_dm = count < 4 ? GEO_ACCURACY_UNKNOWN : (uint16_t)llround(accuracy * 10);
    size_t hit_count = world_hits(p->rules, fix.place, hits, 64);
    assert_int_equal(geo_tracker_fix(p->tracker, &p->state, DEVICE, &fix, hits, hit_count), GEO_OK);
}

static void play_rules(player *p, const char *step)
{
    double append = 0;
    int used = 0;
    assert_int_equal(sscanf(step, "r %lf %n", &append, &used), 1);
    const geo_rules *after = world_rules(p->rules, geo_rules_version(p->rules) + 1, step + used);
    geo_rules_diff *diff = NULL;
    assert_int_equal(geo_rules_diff_new(p->rules, after, &diff), GEO_OK);
    p->index = world_index(after);
    geo_tracker_use(p->tracker, after, &p->index);
    assert_int_equal(
        geo_tracker_rules(p->tracker, &p->state, DEVICE, p->rules, diff, llround(append * 1000)),
        GEO_OK);
    geo_rules_diff_free(diff);
}

static void compare_told(player *p, const char *step)
{
    size_t count = 0;
    const geo_event *events = geo_tracker_events(p->tracker, &count);
    for (size_t i = 0; i < count; i++) {
        char text[256];
        describe(&events[i], text, sizeof text);
        const char *expected = p->story->events[p->told++];
        if (expected == NULL || strcmp(text, expected) != 0) {
            fail_msg("\"%s\", step \"%s\": told \"%s\", expected \"%s\"", p->story->title, step,
                     text, expected == NULL ? "nothing" : expected);
        }
    }
}

/* Every step also goes through bytes and back, as a restart would take it. */
static void restart(player *p)
{
    uint8_t bytes[4096];
    uint8_t again[4096];
    size_t size = geo_tracker_state_write(&p->state, bytes);
    assert_int_equal(size, geo_tracker_state_size(&p->state));
    geo_tracker_state_fini(&p->state);
    size_t used = 0;
    assert_int_equal(geo_tracker_state_read(&p->state, bytes, size, &used), GEO_OK);
    assert_int_equal(used, size);
    assert_int_equal(geo_tracker_state_write(&p->state, again), size);
    assert_memory_equal(bytes, again, size);
}

static void play(const story *s, bool restarts)
{
    player p = {.story = s, .rules = world_rules(NULL, 1, s->rules)};
    p.index = world_index(p.rules);
    geo_tracker_state_init(&p.state);
    assert_int_equal(geo_tracker_new(&p.tracker), GEO_OK);
    geo_tracker_use(p.tracker, p.rules, &p.index);
    for (size_t i = 0; s->steps[i] != NULL; i++) {
        const char *step = s->steps[i];
        if (step[0] == 'f') {
            play_fix(&p, step);
            compare_told(&p, step);
        } else if (step[0] == 't') {
            int64_t tick_ms = 0;
            double tick = 0;
            assert_int_equal(sscanf(step, "t %lf", &tick), 1);
            tick_ms = llround(tick * 1000);
            assert_int_equal(geo_tracker_tick(p.tracker, &p.state, DEVICE, tick_ms), GEO_OK);
            compare_told(&p, step);
        } else {
            const geo_rules *before = p.rules;
            play_rules(&p, step);
            compare_told(&p, step);
            p.rules = geo_rules_ref(p.index.context);
            geo_rules_unref(p.index.context);
            geo_rules_unref(before);
        }
        if (restarts) {
            restart(&p);
        }
    }
    if (s->events[p.told] != NULL) {
        fail_msg("\"%s\": \"%s\" was never told", s->title, s->events[p.told]);
    }
    geo_tracker_free(p.tracker);
    geo_tracker_state_fini(&p.state);
    geo_rules_unref(p.rules);
}

static void every_story_is_told_as_defined(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        play(&stories[i], false);
    }
}

static void every_story_is_the_same_with_a_restart_after_each_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        play(&stories[i], true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_story_is_told_as_defined),
        cmocka_unit_test(every_story_is_the_same_with_a_restart_after_each_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
