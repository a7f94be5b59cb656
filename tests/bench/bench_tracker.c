/* tests/bench/bench_tracker.c - fixes a second through index and tracker, events included. */
#include <stdlib.h>
#include <string.h>

#include "bench_geo.h"
#include "geo/tracker_index.h"

#define DEVICES 10000u
#define CALL_POINTS GEO_INDEX_BLOCK_POINTS
#define HITS_MAX ((size_t)1 << 16)

typedef struct run {
    uint16_t accuracy_dm;
    const geo_index_version *version;
    geo_tracker *tracker;
    geo_tracker_state *states;
    size_t event_count;
    geo_hit hits[HITS_MAX];
    geo_point last[CALL_POINTS];
    uint32_t starts[CALL_POINTS + 1];
    uint32_t filled[CALL_POINTS];
    uint32_t areas[HITS_MAX];
} run;

/* Rules of the farm's areas, one info fence each. */
static const geo_rules *make_rules(const farm *f)
{
    geo_rules_builder *builder = NULL;
    const geo_rules *rules = NULL;
    bench_need(geo_rules_builder_new(NULL, &builder) == GEO_OK, "out of memory");
    for (uint32_t i = 0; i < f->options.fence_count; i++) {
        const geo_area *from = f->areas[i];
        char id[16];
        geo_area *area = NULL;
        const geo_fence *fence = NULL;
        snprintf(id, sizeof id, "f%u", (unsigned)i);
        bench_need(geo_area_new(from->vertices, from->ring_ends, from->ring_count, &area) == GEO_OK,
                   "out of memory");
        geo_fence description = {.id = id, .name = "", .expires_at_ms = GEO_NEVER_MS, .area = area};
        bench_need(geo_fence_new(&description, &fence, NULL) == GEO_OK &&
                       geo_rules_put_fence(builder, fence, NULL) == GEO_OK,
                   "out of memory");
        geo_fence_unref(fence);
    }
    bench_need(geo_rules_build(builder, 1, &rules) == GEO_OK, "out of memory");
    geo_rules_builder_free(builder);
    return rules;
}

/* The hits of a block, by point. */
static void ask_index(run *r, const geo_point *points, size_t count)
{
    size_t hit_count = 0;
    size_t done = 0;
    geo_err err = geo_index_query(r->version, points, count, r->hits, HITS_MAX, &hit_count, &done);
    bench_need(err == GEO_OK && done == count, "more hits than there is room for");
    memset(r->starts, 0, sizeof r->starts);
    for (size_t i = 0; i < hit_count; i++) {
        r->starts[r->hits[i].point + 1]++;
    }
    for (size_t p = 0; p < count; p++) {
        r->starts[p + 1] += r->starts[p];
    }
    memcpy(r->filled, r->starts, count * sizeof r->filled[0]);
    for (size_t i = 0; i < hit_count; i++) {
        r->areas[r->filled[r->hits[i].point]++] = r->hits[i].id;
    }
}

/* Which ways from the devices' last fixes to the points of a block are clear: as the engine asks.
 */
static uint64_t ask_clear(run *r, const geo_point *points, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t time_ms;
        if (!geo_tracker_state_last(&r->states[(first + i) % DEVICES], &r->last[i], &time_ms)) {
            r->last[i] = points[i];
        }
    }
    return geo_index_clear(r->version, r->last, points, (uint32_t)count);
}

static void play_block(run *r, const geo_point *points, size_t first, size_t count)
{
    ask_index(r, points, count);
    /* Steps of a few metres with as good an accuracy are too short to cross anything. */
    const bool is_vague = r->accuracy_dm == GEO_ACCURACY_UNKNOWN;
    const uint64_t clear = is_vague ? ask_clear(r, points, first, count) : 0;
    for (size_t i = 0; i < count; i++) {
        const size_t n = first + i;
        size_t told = 0;
        int64_t time_ms = (int64_t)(n / DEVICES) * 5000;
        geo_fix fix = {.time_ms = time_ms,
                       .append_ms = time_ms,
                       .place = points[i],
                       .accuracy_dm = r->accuracy_dm};
        if (clear >> i & 1) {
            geo_tracker_clear_from(r->tracker, r->last[i]);
        }
        geo_err err = geo_tracker_fix(r->tracker, &r->states[n % DEVICES], n % DEVICES, &fix,
                                      r->areas + r->starts[i], r->starts[i + 1] - r->starts[i]);
        bench_need(err == GEO_OK, "out of memory");
        (void)geo_tracker_events(r->tracker, &told);
        r->event_count += told;
    }
}

static void play(run *r, const geo_point *points, size_t count)
{
    for (size_t from = 0; from < count; from += CALL_POINTS) {
        size_t block = count - from < CALL_POINTS ? count - from : CALL_POINTS;
        play_block(r, points + from, from, block);
    }
}

static void bench_tracker(const bench *b, uint32_t fence_count, uint16_t accuracy_dm)
{
    farm f;
    farm_options options = {.fence_count = fence_count, .cover = 0.65, .spike = 0.25};
    geo_index *index = NULL;
    run *r = calloc(1, sizeof *r);
    double rates[BENCH_RUNS_MAX];
    farm_init(&f, &options);
    geo_point *points = farm_make_points(&f, FARM_WALKING, b->point_count);
    const geo_rules *rules = make_rules(&f);
    bench_need(r != NULL && geo_index_new(NULL, &index) == GEO_OK &&
                   geo_tracker_index_build(index, rules) == GEO_OK,
               "out of memory");
    geo_index_version *version = geo_index_acquire(index);
    geo_tracker_index areas = geo_tracker_index_of(version);
    r->version = version;
    r->accuracy_dm = accuracy_dm;
    r->states = malloc(DEVICES * sizeof *r->states);
    bench_need(r->states != NULL && geo_tracker_new(&r->tracker) == GEO_OK, "out of memory");
    geo_tracker_use(r->tracker, rules, &areas);
    for (int n = 0; n < b->runs; n++) {
        for (uint32_t d = 0; d < DEVICES; d++) {
            geo_tracker_state_init(&r->states[d]);
        }
        r->event_count = 0;
        double begin_s = bench_now_s();
        play(r, points, b->point_count);
        rates[n] = (double)b->point_count / (bench_now_s() - begin_s) / 1e6;
        for (uint32_t d = 0; d < DEVICES; d++) {
            geo_tracker_state_fini(&r->states[d]);
        }
    }
    char details[150];
    snprintf(details, sizeof details,
             "\"fences\":%u,\"points\":\"walking\",\"accuracy_m\":%s,\"events\":%zu",
             (unsigned)fence_count, accuracy_dm == GEO_ACCURACY_UNKNOWN ? "null" : "5",
             r->event_count);
    bench_report(b, "geo.tracker", details, bench_median(rates, b->runs), NULL, 0, "M fixes/s",
                 false);
    geo_tracker_free(r->tracker);
    free(r->states);
    free(r);
    geo_index_release(version);
    geo_index_free(index);
    geo_rules_unref(rules);
    free(points);
    farm_fini(&f);
}

void bench_trackers(const bench *b)
{
    for (uint32_t fences = 1000; fences <= 100000; fences *= 10) {
        char name[32];
        snprintf(name, sizeof name, "tracker-%uk", (unsigned)(fences / 1000));
        if (bench_is_wanted(b, name)) {
            bench_tracker(b, fences, 50);
            bench_tracker(b, fences, GEO_ACCURACY_UNKNOWN);
        }
    }
}
