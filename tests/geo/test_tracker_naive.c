/* tests/geo/test_tracker_naive.c - random walks among random fences while rules and time pass: the
 * tracker and the naive one (naive.h) must tell the same. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geo/tracker_index.h"
#include "naive.h"
#include "rulebook.h"
#include "shapes.h"
#include "test.h"

#define FENCES 12
#define DEVICES 3
#define STEPS 400
#define SPAN_MS INT64_C(20000000)
#define START_MS INT64_C(1790000000000)

typedef struct world {
    uint64_t random;
    geo_point center;
    uint64_t version;
    const geo_rules *rules;
    geo_tracker_index index;
    geo_index *real; /* every other world has a real index, and asks it which ways are clear */
    geo_index_version *real_version;
    geo_tracker *tracker;
    geo_tracker_state states[DEVICES];
    naive_device *naive;
    int64_t skipped_ms[DEVICES]; /* the newest tick left out, or INT64_MIN */
    int64_t now_ms;
    int64_t tick_ms;
    geo_point at[DEVICES];
    int64_t fix_ms[DEVICES];
} world;

/* How often each kind of event came by each cause: a test that never sees one proves nothing. */
static unsigned seen[GEO_STALE + 1][GEO_CAUSE_TICK + 1];
static unsigned clear_ways;

static int64_t pick(world *w, int64_t low, int64_t high)
{
    return shape_random(&w->random, low, high);
}

static geo_area *star(world *w)
{
    geo_point vertices[40];
    uint32_t count = (uint32_t)pick(w, 3, 20);
    geo_point center = {w->center.lon_e7 + (int32_t)pick(w, -100000, 100000),
                        w->center.lat_e7 + (int32_t)pick(w, -60000, 60000)};
    shape_star(&w->random, center, (int32_t)pick(w, 5000, 80000), count, vertices);
    geo_area *area = NULL;
    if (geo_area_new(vertices, &count, 1, &area) != GEO_OK) {
        return NULL;
    }
    return area;
}

static geo_area *any_star(world *w)
{
    geo_area *area = NULL;
    while (area == NULL) {
        area = star(w);
    }
    return area;
}

/* A random fence; with `like`, the same but for one thing. */
static const geo_fence *make_fence(world *w, const char *id, const geo_fence *like, bool rename)
{
    geo_fence f = {.id = id, .name = "", .expires_at_ms = GEO_NEVER_MS};
    geo_interval on[64];
    const char *groups[] = {"cows", "sheep"};
    char name[16];
    snprintf(name, sizeof name, "%d", (int)pick(w, 0, 9999));
    if (like != NULL) {
        f = *like;
    } else {
        f.intent = (geo_intent)pick(w, GEO_INFO, GEO_KEEP_OUT);
        f.dwell_s = pick(w, 0, 1) == 0 ? 0 : (uint32_t)pick(w, 1, 900);
        f.confirm_fixes = pick(w, 0, 2) == 0 ? (uint32_t)pick(w, 1, 3) : 0;
        f.expires_at_ms = pick(w, 0, 4) == 0 ? START_MS + pick(w, 0, SPAN_MS) : GEO_NEVER_MS;
        f.schedule.scheduled = pick(w, 0, 2) == 0;
        f.schedule.span = (geo_interval){START_MS, START_MS + SPAN_MS};
        f.schedule.on = on;
        int64_t at = START_MS - pick(w, 0, 600000);
        while (f.schedule.scheduled && at < START_MS + SPAN_MS && f.schedule.on_count < 64) {
            int64_t to = at + pick(w, 1, 1800000);
            on[f.schedule.on_count++] = (geo_interval){at, to};
            at = to + pick(w, 1, 1200000);
        }
        f.groups = groups + pick(w, 0, 1);
        f.group_count = pick(w, 0, 3) == 0 ? 1 : 0;
    }
    if (rename) {
        f.name = name;
        f.area = geo_area_new(like->area->vertices, like->area->ring_ends, like->area->ring_count,
                              (geo_area **)(void *)&f.area) == GEO_OK
                     ? f.area
                     : NULL;
        if (like->zone != NULL) {
            assert_int_equal(geo_area_new(like->zone->vertices, like->zone->ring_ends,
                                          like->zone->ring_count, (geo_area **)(void *)&f.zone),
                             GEO_OK);
        }
    } else {
        f.area = any_star(w);
        f.zone = pick(w, 0, 1) == 0 ? any_star(w) : NULL;
        f.approach_cm = f.zone == NULL ? 0 : 100;
    }
    const geo_fence *fence = NULL;
    assert_int_equal(geo_fence_new(&f, &fence, NULL), GEO_OK);
    return fence;
}

static void edit_fence(world *w, geo_rules_builder *builder, bool *changed)
{
    char id[16];
    snprintf(id, sizeof id, "f%d", (int)pick(w, 0, FENCES - 1));
    uint32_t slot = w->rules == NULL ? GEO_NO_SLOT : geo_rules_find(w->rules, id);
    int64_t what = pick(w, 0, 3);
    if (slot != GEO_NO_SLOT && what == 0) {
        assert_int_equal(geo_rules_remove_fence(builder, id), GEO_OK);
        changed[slot] = true;
        return;
    }
    const geo_fence *like = slot == GEO_NO_SLOT ? NULL : geo_rules_fence(w->rules, slot);
    bool rename = like != NULL && what == 1;
    const geo_fence *fence = make_fence(w, id, what == 2 ? NULL : like, rename);
    assert_int_equal(geo_rules_put_fence(builder, fence, &slot), GEO_OK);
    changed[slot] |= !rename;
    geo_fence_unref(fence);
}

static void edit_device(world *w, geo_rules_builder *builder)
{
    const char *groups[] = {"cows", "sheep"};
    geo_device_rules device = {.device = (uint64_t)pick(w, 0, DEVICES - 1)};
    int64_t first = pick(w, 0, 1);
    device.groups = groups + first;
    device.group_count = (uint32_t)pick(w, 0, 2 - first);
    device.has_stale_after = pick(w, 0, 1) == 0;
    device.stale_after_s = (uint32_t)pick(w, 0, 900);
    assert_int_equal(geo_rules_put_device(builder, &device), GEO_OK);
}

static void compare(world *w, int device)
{
    size_t count = 0;
    const geo_event *told = geo_tracker_events(w->tracker, &count);
    const naive_device *naive = &w->naive[device];
    assert_int_equal(count, naive->event_count);
    for (size_t i = 0; i < count; i++) {
        const geo_event *a = &told[i];
        const geo_event *b = &naive->events[i];
        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->cause, b->cause);
        assert_int_equal(a->time_ms, b->time_ms);
        assert_int_equal(a->has_place, b->has_place);
        assert_int_equal(a->late, b->late);
        assert_string_equal(a->fence == NULL ? "-" : a->fence->id,
                            b->fence == NULL ? "-" : b->fence->id);
        assert_int_equal(a->has_crossing, b->has_crossing);
        if (a->has_place) {
            assert_memory_equal(&a->place, &b->place, sizeof a->place);
        }
        if (a->has_crossing) {
            assert_true(llabs(a->crossing_ms - b->crossing_ms) <= 1);
            assert_true(abs(a->crossing.lon_e7 - b->crossing.lon_e7) <= 1);
            assert_true(abs(a->crossing.lat_e7 - b->crossing.lat_e7) <= 1);
        }
        seen[a->kind][a->cause]++;
    }
}

/* Ticks that the tracker said it may be spared come late, and must then tell nothing. */
static void catch_up(world *w, int device)
{
    if (w->skipped_ms[device] != INT64_MIN) {
        size_t count = 0;
        assert_int_equal(geo_tracker_tick(w->tracker, &w->states[device], (uint64_t)device,
                                          w->skipped_ms[device]),
                         GEO_OK);
        (void)geo_tracker_events(w->tracker, &count);
        assert_int_equal(count, 0);
        w->skipped_ms[device] = INT64_MIN;
    }
}

/* The index of the rules from here on. */
static void use_index(world *w, const geo_rules *rules)
{
    w->index = world_index(rules);
    if (w->real != NULL) {
        geo_index_release(w->real_version);
        assert_int_equal(geo_tracker_index_build(w->real, rules), GEO_OK);
        w->real_version = geo_index_acquire(w->real);
        w->index = geo_tracker_index_of(w->real_version);
    }
}

/* As one who asks the index for many fixes at once would. */
static void tell_if_clear(world *w, int d, geo_point to)
{
    geo_point last;
    int64_t last_ms;
    if (w->real != NULL && geo_tracker_state_last(&w->states[d], &last, &last_ms) &&
        geo_index_clear(w->real_version, &last, &to, 1) != 0) {
        geo_tracker_clear_from(w->tracker, last);
        clear_ways++;
    }
}

static void new_rules(world *w)
{
    geo_rules_builder *builder = NULL;
    bool changed[NAIVE_FENCES_MAX] = {false};
    assert_int_equal(geo_rules_builder_new(w->rules, &builder), GEO_OK);
    for (int64_t n = w->rules == NULL ? FENCES : pick(w, 1, 2); n > 0; n--) {
        if (w->rules != NULL && pick(w, 0, 3) == 0) {
            edit_device(w, builder);
        } else {
            edit_fence(w, builder, changed);
            if (w->rules != NULL) {
                break; /* a second edit of the same fence would compare with the first */
            }
        }
    }
    const geo_rules *after = NULL;
    assert_int_equal(geo_rules_build(builder, ++w->version, &after), GEO_OK);
    geo_rules_builder_free(builder);
    use_index(w, after);
    if (w->rules != NULL) {
        geo_rules_diff *diff = NULL;
        assert_int_equal(geo_rules_diff_new(w->rules, after, &diff), GEO_OK);
        for (int d = 0; d < DEVICES; d++) {
            geo_tracker_index old_index = world_index(w->rules);
            geo_tracker_use(w->tracker, w->rules, &old_index);
            catch_up(w, d);
            geo_tracker_use(w->tracker, after, &w->index);
            assert_int_equal(geo_tracker_rules(w->tracker, &w->states[d], (uint64_t)d, w->rules,
                                               diff, w->now_ms),
                             GEO_OK);
            naive_rules(&w->naive[d], w->rules, after, changed, w->now_ms);
            compare(w, d);
        }
        geo_rules_diff_free(diff);
        geo_rules_unref(w->rules);
    }
    geo_tracker_use(w->tracker, after, &w->index);
    w->rules = after;
}

static void new_tick(world *w)
{
    w->tick_ms = w->now_ms;
    for (int d = 0; d < DEVICES; d++) {
        naive_tick(&w->naive[d], w->rules, w->tick_ms);
        if (w->tick_ms < geo_tracker_wake_ms(w->tracker, &w->states[d], (uint64_t)d) &&
            pick(w, 0, 9) > 0) {
            assert_int_equal(w->naive[d].event_count, 0);
            w->skipped_ms[d] = w->tick_ms;
            continue;
        }
        w->skipped_ms[d] = INT64_MIN;
        assert_int_equal(geo_tracker_tick(w->tracker, &w->states[d], (uint64_t)d, w->tick_ms),
                         GEO_OK);
        compare(w, d);
    }
}

static void restart(geo_tracker_state *state)
{
    uint8_t bytes[8192];
    size_t used = 0;
    assert_true(geo_tracker_state_size(state) <= sizeof bytes);
    size_t size = geo_tracker_state_write(state, bytes);
    geo_tracker_state_fini(state);
    assert_int_equal(geo_tracker_state_read(state, bytes, size, &used), GEO_OK);
}

/* An index may tell them in any order. */
static void shuffle(world *w, uint32_t *hits, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        size_t other = (size_t)pick(w, 0, (int64_t)i);
        uint32_t hit = hits[i];
        hits[i] = hits[other];
        hits[other] = hit;
    }
}

static void new_fix(world *w)
{
    int d = (int)pick(w, 0, DEVICES - 1);
    uint32_t hits[2 * NAIVE_FENCES_MAX];
    int32_t stride = pick(w, 0, 3) == 0 ? 60000 : 8000;
    geo_point *at = &w->at[d];
    at->lon_e7 += (int32_t)pick(w, -stride, stride) - (at->lon_e7 - w->center.lon_e7) / 16;
    at->lat_e7 += (int32_t)pick(w, -stride, stride) / 2 - (at->lat_e7 - w->center.lat_e7) / 16;
    geo_fix fix = {.place = *at, .append_ms = w->now_ms + pick(w, 0, 3000)};
    fix.time_ms = w->now_ms;
    int64_t how = pick(w, 0, 19);
    if (how == 0) {
        fix.time_ms = w->fix_ms[d] - pick(w, 0, 20000); /* out of order */
    } else if (how == 1) {
        fix.time_ms = w->fix_ms[d]; /* repeated */
    } else if (how == 2) {
        fix.append_ms += 700000;
    } else if (how == 3) {
        fix.time_ms = w->fix_ms[d] + pick(w, 1, 1000); /* in order, but older than ticks */
    }
    w->fix_ms[d] = fix.time_ms;
    int64_t sure = pick(w, 0, 9);
    fix.accuracy_dm = sure == 0   ? GEO_ACCURACY_UNKNOWN
                      : sure == 1 ? (uint16_t)pick(w, 900, 1100)
                                  : (uint16_t)pick(w, 0, 300);
    catch_up(w, d);
    tell_if_clear(w, d, fix.place);
    size_t hit_count = world_hits(w->rules, fix.place, hits, 2 * NAIVE_FENCES_MAX);
    shuffle(w, hits, hit_count);
    assert_int_equal(geo_tracker_fix(w->tracker, &w->states[d], (uint64_t)d, &fix, hits, hit_count),
                     GEO_OK);
    naive_fix(&w->naive[d], w->rules, &fix);
    compare(w, d);
    if (pick(w, 0, 9) == 0) {
        restart(&w->states[d]);
    }
}

static void compare_inside(const world *w, int d)
{
    uint32_t slot = 0;
    int64_t since_ms = 0;
    unsigned inside = 0;
    for (size_t at = 0; geo_tracker_state_inside(&w->states[d], &at, &slot, &since_ms);) {
        assert_true(w->naive[d].fence[slot].in);
        assert_int_equal(since_ms, w->naive[d].since[slot]);
        inside++;
    }
    for (uint32_t s = 0; s < NAIVE_FENCES_MAX; s++) {
        inside -= w->naive[d].fence[s].in;
    }
    assert_int_equal(inside, 0);
}

static void live(uint64_t seed, bool has_index)
{
    const int32_t latitudes[] = {0, 598512345, -337654321, 891234567, 40000};
    world w = {.random = seed, .now_ms = START_MS};
    w.center = (geo_point){(int32_t)pick(&w, -1700000000, 1700000000), latitudes[pick(&w, 0, 4)]};
    w.naive = calloc(DEVICES, sizeof *w.naive);
    assert_non_null(w.naive);
    assert_int_equal(geo_tracker_new(&w.tracker), GEO_OK);
    for (int d = 0; d < DEVICES; d++) {
        geo_tracker_state_init(&w.states[d]);
        w.naive[d].key = (uint64_t)d;
        w.skipped_ms[d] = INT64_MIN;
        w.at[d] = w.center;
    }
    if (has_index) {
        assert_int_equal(geo_index_new(NULL, &w.real), GEO_OK);
    }
    new_rules(&w);
    for (int step = 0; step < STEPS; step++) {
        w.now_ms += pick(&w, 0, 30) == 0 ? pick(&w, 0, 900000) : pick(&w, 0, 20000);
        int64_t what = pick(&w, 0, 19);
        if (what == 0) {
            new_rules(&w);
        } else if (what < 4) {
            new_tick(&w);
        } else {
            new_fix(&w);
        }
    }
    for (int d = 0; d < DEVICES; d++) {
        catch_up(&w, d);
        compare_inside(&w, d);
        geo_tracker_state_fini(&w.states[d]);
    }
    geo_tracker_free(w.tracker);
    geo_index_release(w.real_version);
    geo_index_free(w.real);
    geo_rules_unref(w.rules);
    free(w.naive);
}

static void random_walks_tell_what_the_naive_tracker_tells(void **state)
{
    (void)state;
    uint64_t seed = shape_seed("random_walks_tell_what_the_naive_tracker_tells");
    const char *worlds = getenv("HR_WORLDS");
    int count = worlds == NULL ? 60 : (int)strtol(worlds, NULL, 10);
    for (int i = 0; i < count; i++) {
        live(seed + (uint64_t)i * 7919, i % 2 == 1);
    }
    print_message("clear ways: %u\n", clear_ways);
    assert_true(clear_ways > 0);
    const struct {
        geo_event_kind kind;
        geo_cause cause;
    } expected[] = {
        {GEO_ENTER, GEO_CAUSE_FIX},      {GEO_EXIT, GEO_CAUSE_FIX},
        {GEO_CROSS, GEO_CAUSE_FIX},      {GEO_APPROACH, GEO_CAUSE_FIX},
        {GEO_ENTER, GEO_CAUSE_SCHEDULE}, {GEO_EXIT, GEO_CAUSE_SCHEDULE},
        {GEO_EXIT, GEO_CAUSE_EXPIRY},    {GEO_ENTER, GEO_CAUSE_RULES},
        {GEO_EXIT, GEO_CAUSE_RULES},     {GEO_DWELL, GEO_CAUSE_TICK},
        {GEO_STALE, GEO_CAUSE_TICK},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        unsigned times = seen[expected[i].kind][expected[i].cause];
        print_message("%s by %s: %u\n", geo_event_kind_text(expected[i].kind),
                      geo_cause_text(expected[i].cause), times);
        assert_true(times > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_walks_tell_what_the_naive_tracker_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
