/* tests/geo/test_tracker.c - properties of the tracker: what must hold for any walk, the size of a
 * state, damaged bytes, failed allocations, and event ids. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/fault.h"
#include "rulebook.h"
#include "shapes.h"
#include "test.h"

#define DEVICE 7
#define HITS_MAX 256
#define TOLD_MAX 4096

typedef struct teller {
    const geo_rules *rules;
    geo_tracker_index index;
    geo_tracker *tracker;
    geo_tracker_state state;
    geo_event told[TOLD_MAX];
    size_t count;
} teller;

static void teller_open(teller *t, const char *rules)
{
    memset(t, 0, sizeof *t);
    t->rules = world_rules(NULL, 1, rules);
    t->index = world_index(t->rules);
    geo_tracker_state_init(&t->state);
    assert_int_equal(geo_tracker_new(&t->tracker), GEO_OK);
    geo_tracker_use(t->tracker, t->rules, &t->index);
}

static void teller_close(teller *t)
{
    geo_tracker_free(t->tracker);
    geo_tracker_state_fini(&t->state);
    geo_rules_unref(t->rules);
}

static geo_err give(teller *t, const geo_fix *fix)
{
    uint32_t hits[HITS_MAX];
    size_t hit_count = world_hits(t->rules, fix->place, hits, HITS_MAX);
    geo_err err = geo_tracker_fix(t->tracker, &t->state, DEVICE, fix, hits, hit_count);
    size_t count = 0;
    const geo_event *events = geo_tracker_events(t->tracker, &count);
    for (size_t i = 0; i < count; i++) {
        assert_true(t->count < TOLD_MAX);
        t->told[t->count++] = events[i];
    }
    return err;
}

static void walk_to(teller *t, int64_t time_ms, geo_point place, double accuracy_m)
{
    geo_fix fix = {time_ms, time_ms, place, (uint16_t)(accuracy_m * 10)};
    assert_int_equal(give(t, &fix), GEO_OK);
}

static void an_hour_along_the_fence_with_noise_is_one_enter_and_one_exit(void **state)
{
    (void)state;
    uint64_t random = shape_seed("an_hour_along_the_fence_with_noise_is_one_enter_and_one_exit");
    for (int walk = 0; walk < 50; walk++) {
        teller *t = malloc(sizeof *t);
        assert_non_null(t);
        /* It comes from 30 m outside, walks along 4 m inside with 5 m of noise to each side, which
         * the fixes own up to, and goes again. By the accuracy alone a single fix outside is
         * forgiven; confirm_fixes forgives as many in a row as it says. */
        bool confirms = walk % 2 == 1;
        bool was_outside = false;
        teller_open(t, confirms ? "a keep-in 0 0 4000 4000 confirm=8\nsettings speed=100"
                                : "a keep-in 0 0 4000 4000\nsettings speed=100");
        for (int s = 0; s < 3600; s += 5) {
            double noise_x = (double)shape_random(&random, -500, 500) / 100;
            double noise_y = (double)shape_random(&random, -500, 500) / 100;
            bool away = s < 100 || s >= 3500;
            if (!away && was_outside && !confirms) {
                noise_y = noise_y < -3.9 ? -noise_y : noise_y;
            }
            was_outside = !away && noise_y < -3.9;
            walk_to(t, s * 1000, world_point(100 + s + noise_x, (away ? -30 : 4) + noise_y), 7.1);
        }
        assert_int_equal(t->count, 2);
        assert_int_equal(t->told[0].kind, GEO_ENTER);
        assert_int_equal(t->told[1].kind, GEO_EXIT);
        teller_close(t);
        free(t);
    }
}

/* ---- metamorphic: exact fixes, confirm_fixes 1 ---- */

#define STARS 6
#define STEPS 30

static const geo_rules *star_rules(uint64_t *random)
{
    geo_rules_builder *builder = NULL;
    const geo_rules *rules = NULL;
    assert_int_equal(geo_rules_builder_new(NULL, &builder), GEO_OK);
    for (int i = 0; i < STARS; i++) {
        geo_point vertices[30];
        char id[16];
        geo_area *area = NULL;
        const geo_fence *fence = NULL;
        uint32_t count = (uint32_t)shape_random(random, 3, 30);
        geo_point center = {(int32_t)shape_random(random, -40000, 40000),
                            (int32_t)shape_random(random, -40000, 40000)};
        snprintf(id, sizeof id, "s%d", i);
        shape_star(random, center, (int32_t)shape_random(random, 5000, 60000), count, vertices);
        if (geo_area_new(vertices, &count, 1, &area) != GEO_OK) {
            continue;
        }
        geo_fence f = {
            .id = id, .name = "", .confirm_fixes = 1, .expires_at_ms = GEO_NEVER_MS, .area = area};
        assert_int_equal(geo_fence_new(&f, &fence, NULL), GEO_OK);
        assert_int_equal(geo_rules_put_fence(builder, fence, NULL), GEO_OK);
        geo_fence_unref(fence);
    }
    geo_settings settings = geo_settings_default;
    settings.max_speed_mps = 100000;
    settings.max_gap_s = 1000000;
    geo_rules_set_settings(builder, &settings);
    assert_int_equal(geo_rules_build(builder, 1, &rules), GEO_OK);
    geo_rules_builder_free(builder);
    return rules;
}

/* Net effect by fence: how often in and out, a cross being both. */
typedef struct tally {
    int enters[STARS];
    int exits[STARS];
} tally;

static tally tally_of(const geo_rules *rules, const geo_fix *fixes, size_t count)
{
    static teller t;
    memset(&t, 0, sizeof t);
    t.rules = geo_rules_ref(rules);
    t.index = world_index(rules);
    geo_tracker_state_init(&t.state);
    assert_int_equal(geo_tracker_new(&t.tracker), GEO_OK);
    geo_tracker_use(t.tracker, t.rules, &t.index);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(give(&t, &fixes[i]), GEO_OK);
    }
    tally sum = {0};
    for (size_t i = 0; i < t.count; i++) {
        sum.enters[t.told[i].slot] += t.told[i].kind != GEO_EXIT;
        sum.exits[t.told[i].slot] += t.told[i].kind != GEO_ENTER;
    }
    teller_close(&t);
    return sum;
}

static void random_walk(uint64_t *random, geo_fix fixes[STEPS])
{
    for (int i = 0; i < STEPS; i++) {
        /* Even coordinates and times, so that the middle of a step is a lattice point. */
        geo_point place = {(int32_t)shape_random(random, -30000, 30000) * 4,
                           (int32_t)shape_random(random, -30000, 30000) * 4};
        fixes[i] = (geo_fix){i * 8000, i * 8000, place, 0};
    }
}

static void splitting_a_step_at_a_point_of_it_changes_no_tally(void **state)
{
    (void)state;
    uint64_t random = shape_seed("splitting_a_step_at_a_point_of_it_changes_no_tally");
    int compared = 0;
    for (int n = 0; n < 400; n++) {
        const geo_rules *rules = star_rules(&random);
        geo_fix fixes[STEPS];
        geo_fix split[2 * STEPS];
        random_walk(&random, fixes);
        for (int i = 0; i < STEPS; i++) {
            split[2 * i] = fixes[i];
            if (i + 1 < STEPS) {
                geo_fix *middle = &split[2 * i + 1];
                *middle = fixes[i];
                middle->time_ms += 4000;
                middle->place.lon_e7 = (fixes[i].place.lon_e7 + fixes[i + 1].place.lon_e7) / 2;
                middle->place.lat_e7 = (fixes[i].place.lat_e7 + fixes[i + 1].place.lat_e7) / 2;
            }
        }
        tally whole = tally_of(rules, fixes, STEPS);
        tally parts = tally_of(rules, split, 2 * STEPS - 1);
        for (uint32_t s = 0; s < geo_rules_slot_count(rules); s++) {
            /* A step that crosses a star in several pieces is one cross, or one change of sides;
             * its halves may tell more of them, but never another balance, and never fewer. */
            assert_int_equal(whole.enters[s] - whole.exits[s], parts.enters[s] - parts.exits[s]);
            assert_true(parts.enters[s] >= whole.enters[s]);
            compared++;
        }
        geo_rules_unref(rules);
    }
    assert_true(compared > 0);
}

static void convex_fences_tell_the_same_story_however_a_step_is_split(void **state)
{
    (void)state;
    uint64_t random = shape_seed("convex_fences_tell_the_same_story_however_a_step_is_split");
    for (int n = 0; n < 400; n++) {
        char text[128];
        snprintf(text, sizeof text,
                 "a info %d %d %d %d confirm=1\nb info 100 100 900 300 confirm=1\n"
                 "settings speed=100000 gap=100000",
                 (int)shape_random(&random, -900, 0), (int)shape_random(&random, -900, 0),
                 (int)shape_random(&random, 1, 900), (int)shape_random(&random, 1, 900));
        const geo_rules *rules = world_rules(NULL, 1, text);
        geo_fix fixes[STEPS];
        geo_fix split[4 * STEPS];
        size_t count = 0;
        random_walk(&random, fixes);
        for (int i = 0; i + 1 < STEPS; i++) {
            for (int part = 0; part < 4; part++) {
                geo_point from = fixes[i].place;
                geo_point to = fixes[i + 1].place;
                geo_fix *fix = &split[count++];
                *fix = fixes[i];
                fix->time_ms += part * 2000;
                fix->place.lon_e7 += (to.lon_e7 - from.lon_e7) / 4 * part;
                fix->place.lat_e7 += (to.lat_e7 - from.lat_e7) / 4 * part;
            }
        }
        split[count++] = fixes[STEPS - 1];
        tally whole = tally_of(rules, fixes, STEPS);
        tally parts = tally_of(rules, split, count);
        assert_memory_equal(&whole, &parts, sizeof whole);
        geo_rules_unref(rules);
    }
}

static void reversing_a_track_swaps_enter_and_exit(void **state)
{
    (void)state;
    uint64_t random = shape_seed("reversing_a_track_swaps_enter_and_exit");
    for (int n = 0; n < 400; n++) {
        const geo_rules *rules = star_rules(&random);
        geo_fix fixes[STEPS];
        geo_fix reversed[STEPS];
        random_walk(&random, fixes);
        /* Both ends outside of everything, where no story begins or ends inside. */
        fixes[0].place = (geo_point){1000000, 0};
        fixes[STEPS - 1].place = (geo_point){0, 1000000};
        for (int i = 0; i < STEPS; i++) {
            reversed[i] = fixes[STEPS - 1 - i];
            reversed[i].time_ms = fixes[i].time_ms;
            reversed[i].append_ms = fixes[i].append_ms;
        }
        tally there = tally_of(rules, fixes, STEPS);
        tally back = tally_of(rules, reversed, STEPS);
        assert_memory_equal(there.enters, back.exits, sizeof there.enters);
        assert_memory_equal(there.exits, back.enters, sizeof there.exits);
        geo_rules_unref(rules);
    }
}

/* ---- the state ---- */

static void a_device_inside_four_fences_takes_128_bytes_and_no_heap(void **state)
{
    (void)state;
    static teller t;
    teller_open(&t, "a info 0 0 9 9\nb info 0 0 9 9\nc info 0 0 9 9\nd info 0 0 9 9");
    assert_int_equal(sizeof t.state, 128);
    walk_to(&t, 0, world_point(5, 5), 0);
    assert_int_equal(t.count, 4);
    walk_to(&t, 500, world_point(5, 5), 0); /* the tracker's own scratch memory is there now */
    for (int i = 1; i < 100; i++) {
        geo_fix fix = {i * 1000, i * 1000, world_point(5, 5), 0};
        fault_arm(FAULT_ALLOC, 1, FAULT_FOREVER, ENOMEM);
        geo_err err = give(&t, &fix);
        fault_clear();
        assert_int_equal(err, GEO_OK);
    }
    /* 40 fixed bytes, 8 times, 4 entries of 10. */
    assert_int_equal(geo_tracker_state_size(&t.state), 40 + 48 + 40);
    teller_close(&t);
}

static void hundreds_of_fences_over_one_place_are_all_kept(void **state)
{
    (void)state;
    char text[4096] = "";
    size_t used = 0;
    static teller t;
    for (int i = 0; i < 60; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "f%d info 0 0 9 9 zone=0,0,9,9\n", i);
    }
    teller_open(&t, text);
    walk_to(&t, 0, world_point(5, 5), 1000);
    walk_to(&t, 1000, world_point(5, 5), 99); /* pending everywhere, with all that takes */
    walk_to(&t, 2000, world_point(5, 5), 99);
    assert_int_equal(t.count, 60);
    walk_to(&t, 3000, world_point(50, 5), 0);
    assert_int_equal(t.count, 120);
    assert_int_equal(geo_tracker_state_size(&t.state), 40 + 4 * 6);
    teller_close(&t);
}

/* So many fences of the same shape, in which a second is a dwell. */
static const geo_rules *pile_of_fences(uint32_t count)
{
    geo_rules_builder *builder = NULL;
    const geo_rules *rules = NULL;
    geo_area *area = NULL;
    const geo_point ring[] = {world_point(0, 0), world_point(9, 0), world_point(9, 9),
                              world_point(0, 9)};
    assert_int_equal(geo_area_new(ring, &(uint32_t){4}, 1, &area), GEO_OK);
    assert_int_equal(geo_rules_builder_new(NULL, &builder), GEO_OK);
    for (uint32_t i = 0; i < count; i++) {
        char id[16];
        geo_fence description = {.id = id,
                                 .name = "",
                                 .dwell_s = 1,
                                 .expires_at_ms = GEO_NEVER_MS,
                                 .area = geo_area_ref(area)};
        const geo_fence *fence = NULL;
        snprintf(id, sizeof id, "f%u", i);
        assert_int_equal(geo_fence_new(&description, &fence, NULL), GEO_OK);
        assert_int_equal(geo_rules_put_fence(builder, fence, NULL), GEO_OK);
        geo_fence_unref(fence);
    }
    assert_int_equal(geo_rules_build(builder, 1, &rules), GEO_OK);
    geo_rules_builder_free(builder);
    geo_area_free(area);
    return rules;
}

/* With a time for each that grows with their number, this would not end. */
static void one_device_may_be_in_every_fence_that_there_is(void **state)
{
    (void)state;
    enum {
        PILE = 270000
    };
    static teller t;
    memset(&t, 0, sizeof t);
    t.rules = pile_of_fences(PILE);
    t.index = world_index(t.rules);
    uint32_t *hits = malloc(PILE * sizeof *hits);
    assert_non_null(hits);
    for (uint32_t i = 0; i < PILE; i++) {
        hits[i] = GEO_AREA_OF_SLOT(PILE - 1 - i);
    }
    assert_int_equal(geo_tracker_new(&t.tracker), GEO_OK);
    geo_tracker_use(t.tracker, t.rules, &t.index);
    for (int i = 0; i < 3; i++) {
        size_t count = 0;
        geo_fix fix = {i * 1000, i * 1000, world_point(i < 2 ? 5 : 50, 5), 0};
        assert_int_equal(geo_tracker_fix(t.tracker, &t.state, DEVICE, &fix, hits, i < 2 ? PILE : 0),
                         GEO_OK);
        geo_tracker_events(t.tracker, &count);
        assert_int_equal(count, PILE); /* enters, dwells, exits */
        size_t inside = 0;
        uint32_t slot;
        int64_t since_ms;
        for (size_t at = 0; geo_tracker_state_inside(&t.state, &at, &slot, &since_ms); inside++) {
            assert_int_equal(slot, inside);
        }
        assert_int_equal(inside, i < 2 ? PILE : 0);
    }
    free(hits);
    teller_close(&t);
}

static void damaged_states_are_refused_or_harmless(void **state)
{
    (void)state;
    uint64_t random = shape_seed("damaged_states_are_refused_or_harmless");
    static teller t;
    uint8_t bytes[512];
    size_t used = 0;
    teller_open(&t, "a info 0 0 90 90 dwell=50\nb info 0 0 90 90 zone=0,0,20,20\nc info 0 0 9 9");
    walk_to(&t, 0, world_point(-5, 5), 0);
    walk_to(&t, 9000, world_point(5, 5), 4);
    walk_to(&t, 10000, world_point(5, 5), 9);
    walk_to(&t, 11000, world_point(-1, 5), 9);
    size_t size = geo_tracker_state_write(&t.state, bytes);
    for (size_t cut = 0; cut < size; cut++) {
        geo_tracker_state read;
        uint8_t *copy = malloc(cut + 1);
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        assert_int_equal(geo_tracker_state_read(&read, copy, cut, &used), GEO_SYNTAX);
        free(copy);
    }
    for (int i = 0; i < 20000; i++) {
        uint8_t copy[512];
        memcpy(copy, bytes, size);
        copy[shape_random(&random, 0, (int64_t)size - 1)] ^= (uint8_t)shape_random(&random, 1, 255);
        geo_tracker_state_fini(&t.state);
        if (geo_tracker_state_read(&t.state, copy, size, &used) != GEO_OK) {
            continue;
        }
        /* Whatever it says now, the tracker goes on. */
        geo_fix fix = {INT64_C(1) << 45, 0, world_point(5, 5), 0};
        t.count = 0;
        assert_int_equal(give(&t, &fix), GEO_OK);
        assert_int_equal(geo_tracker_tick(t.tracker, &t.state, DEVICE, 5000), GEO_OK);
    }
    teller_close(&t);
}

/* Each input again with every allocation failing in turn: GEO_NO_MEMORY leaves no trace. */
static void a_failed_allocation_leaves_the_state_untouched(void **state)
{
    (void)state;
    static teller t;
    uint64_t random = shape_seed("a_failed_allocation_leaves_the_state_untouched");
    char text[2048] = "";
    size_t used = 0;
    unsigned failures = 0;
    for (int i = 0; i < 30; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "f%d info %d 0 %d 90\n", i,
                                 i * 10, i * 10 + 200);
    }
    teller_open(&t, text);
    for (int i = 0; i < 200; i++) {
        geo_fix fix = {i * 60000, i * 60000,
                       world_point((double)shape_random(&random, -50, 500), 45),
                       (uint16_t)shape_random(&random, 0, 900)};
        uint8_t before[4096];
        uint8_t after[4096];
        size_t size = geo_tracker_state_write(&t.state, before);
        /* A new tracker has no scratch memory yet, so that its allocations come again. */
        geo_tracker_free(t.tracker);
        geo_err err = GEO_NO_MEMORY;
        for (uint64_t nth = 1; err != GEO_OK; nth++) {
            assert_int_equal(geo_tracker_new(&t.tracker), GEO_OK);
            geo_tracker_use(t.tracker, t.rules, &t.index);
            t.count = 0;
            fault_arm(FAULT_ALLOC, nth, FAULT_ONCE, ENOMEM);
            err = give(&t, &fix);
            fault_clear();
            if (err != GEO_OK) {
                assert_int_equal(err, GEO_NO_MEMORY);
                assert_int_equal(t.count, 0);
                assert_int_equal(geo_tracker_state_write(&t.state, after), size);
                assert_memory_equal(before, after, size);
                geo_tracker_free(t.tracker);
                failures++;
            }
        }
    }
    assert_true(failures > 0);
    teller_close(&t);
}

static void what_no_state_can_hold_is_refused(void **state)
{
    (void)state;
    static teller t;
    teller_open(&t, "a info 0 0 9 9");
    const geo_fix wrong[] = {
        {GEO_TIME_MS_MAX + 1, 0, {0, 0}, 0}, {GEO_TIME_MS_MIN - 1, 0, {0, 0}, 0},
        {0, INT64_MAX, {0, 0}, 0},           {0, 0, {GEO_LON_E7_MAX + 1, 0}, 0},
        {0, 0, {0, -GEO_LAT_E7_MAX - 1}, 0},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(geo_tracker_fix(t.tracker, &t.state, DEVICE, &wrong[i], NULL, 0),
                         GEO_RANGE);
    }
    int64_t time_ms;
    geo_point place;
    assert_false(geo_tracker_state_last(&t.state, &place, &time_ms));
    walk_to(&t, GEO_TIME_MS_MIN, world_point(5, 5), 0);
    walk_to(&t, GEO_TIME_MS_MAX, world_point(50, 5), 0);
    assert_int_equal(t.count, 2);
    assert_int_equal(geo_tracker_tick(t.tracker, &t.state, DEVICE, GEO_TIME_MS_MAX), GEO_OK);
    teller_close(&t);
}

static geo_fix_fate fate_at(teller *t, int64_t time_ms, double accuracy_m)
{
    walk_to(t, time_ms, world_point(50, 50), accuracy_m);
    return geo_tracker_fix_fate(t->tracker);
}

static void the_last_eight_times_are_known_again(void **state)
{
    (void)state;
    static teller t;
    teller_open(&t, "a info 0 0 9 9");
    for (int i = 0; i < 20; i++) {
        assert_int_equal(fate_at(&t, 1000 * i, 5), GEO_FIX_DECIDED);
    }
    for (int i = 12; i < 20; i++) {
        assert_int_equal(fate_at(&t, 1000 * i, 5), GEO_FIX_REPEATED);
    }
    assert_int_equal(fate_at(&t, 11000, 5), GEO_FIX_OUT_OF_ORDER);
    assert_int_equal(fate_at(&t, 11000, 5), GEO_FIX_REPEATED);
    /* What came out of order has pushed the oldest out. */
    assert_int_equal(fate_at(&t, 12000, 5), GEO_FIX_OUT_OF_ORDER);
    assert_int_equal(fate_at(&t, 14000, 5), GEO_FIX_REPEATED);
    assert_int_equal(fate_at(&t, 50000, 101), GEO_FIX_INACCURATE);
    assert_int_equal(fate_at(&t, 50000, 5), GEO_FIX_REPEATED);
    teller_close(&t);
}

static void a_timer_before_1970_is_not_slept_through(void **state)
{
    (void)state;
    teller *t = malloc(sizeof *t);
    assert_non_null(t);
    teller_open(t, "a info 0 0 100 100 dwell=60");
    /* A receiver without a date: its own time is years behind, the arrival is not. */
    geo_fix fix = {-10000000, 1000000, world_point(50, 50), 0};
    assert_int_equal(give(t, &fix), GEO_OK);
    assert_int_equal(t->count, 1);
    assert_true(geo_tracker_wake_ms(t->tracker, &t->state, DEVICE) <= 1060000);
    size_t count = 0;
    assert_int_equal(geo_tracker_tick(t->tracker, &t->state, DEVICE, 1060000), GEO_OK);
    const geo_event *events = geo_tracker_events(t->tracker, &count);
    assert_int_equal(count, 1);
    assert_int_equal(events[0].kind, GEO_DWELL);
    assert_int_equal(events[0].time_ms, -9940000);
    teller_close(t);
    free(t);
}

static void ids_are_a_function_of_what_happened(void **state)
{
    (void)state;
    const geo_rules *rules = world_rules(NULL, 1, "north info 0 0 9 9");
    const geo_fence *north = geo_rules_fence(rules, 0);
    const struct {
        geo_event event;
        const char *id;
    } cases[] = {
        {{.kind = GEO_EXIT, .fence = north, .time_ms = 1795161600123},
         "exit/north/cow-17/1795161600123"},
        {{.kind = GEO_STALE, .cause = GEO_CAUSE_TICK, .time_ms = 5}, "stale/-/cow-17/5"},
        {{.kind = GEO_ENTER, .cause = GEO_CAUSE_SCHEDULE, .fence = north, .time_ms = -5},
         "enter/north/cow-17/-5/schedule"},
        {{.kind = GEO_EXIT, .cause = GEO_CAUSE_EXPIRY, .fence = north, .time_ms = 5},
         "exit/north/cow-17/5/expiry"},
        {{.kind = GEO_EXIT, .cause = GEO_CAUSE_RULES, .fence = north, .time_ms = 5},
         "exit/north/cow-17/5/rules-12"},
        {{.kind = GEO_DWELL, .cause = GEO_CAUSE_TICK, .fence = north, .time_ms = 5},
         "dwell/north/cow-17/5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char id[GEO_EVENT_ID_MAX];
        size_t size = geo_event_id(&cases[i].event, "cow-17", 12, id);
        assert_string_equal(id, cases[i].id);
        assert_int_equal(size, strlen(id));
    }
    geo_rules_unref(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_hour_along_the_fence_with_noise_is_one_enter_and_one_exit),
        cmocka_unit_test(splitting_a_step_at_a_point_of_it_changes_no_tally),
        cmocka_unit_test(convex_fences_tell_the_same_story_however_a_step_is_split),
        cmocka_unit_test(reversing_a_track_swaps_enter_and_exit),
        cmocka_unit_test(a_device_inside_four_fences_takes_128_bytes_and_no_heap),
        cmocka_unit_test(hundreds_of_fences_over_one_place_are_all_kept),
        cmocka_unit_test(one_device_may_be_in_every_fence_that_there_is),
        cmocka_unit_test(damaged_states_are_refused_or_harmless),
        cmocka_unit_test(a_failed_allocation_leaves_the_state_untouched),
        cmocka_unit_test(what_no_state_can_hold_is_refused),
        cmocka_unit_test(the_last_eight_times_are_known_again),
        cmocka_unit_test(a_timer_before_1970_is_not_slept_through),
        cmocka_unit_test(ids_are_a_function_of_what_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
