/* tests/geo/test_index_threads.c - ten thousand changes under threads that read all the time. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "geo/index_private.h"
#include "test.h"
#include "worlds.h"

#define FENCES 100
#define READERS 2
#define CHANGES 10000
#define PUBLISH_EVERY 10
#define BUILD_EVERY 250
#define POINTS 512

/* Fence id is always one of these two, so that a reader can tell a right answer from a wrong one:
 * what contains a point in both states must be found, what contains it in none must not. */
typedef struct shared {
    geo_index *index;
    geo_area *areas[2][FENCES];
    geo_point points[POINTS];
    atomic_bool is_over;
    atomic_uint wrong; /* answers that no state explains */
    atomic_ullong asked;
} shared;

static void check_hits(shared *s, const geo_hit *hits, size_t count)
{
    static _Thread_local bool found[POINTS][FENCES];
    for (size_t h = 0; h < count; h++) {
        found[hits[h].point][hits[h].id] = true;
    }
    for (uint32_t p = 0; p < POINTS; p++) {
        for (uint32_t id = 0; id < FENCES; id++) {
            bool first = geo_area_contains(s->areas[0][id], s->points[p]);
            bool second = geo_area_contains(s->areas[1][id], s->points[p]);
            bool is_right = found[p][id] ? first || second : !(first && second);
            found[p][id] = false;
            if (!is_right) {
                atomic_fetch_add(&s->wrong, 1);
            }
        }
    }
}

static void *read_all_the_time(void *context)
{
    shared *s = context;
    geo_hit *hits = malloc(POINTS * FENCES * sizeof *hits);
    uint64_t number = 0;
    for (int round = 0; hits != NULL && !atomic_load(&s->is_over); round++) {
        geo_index_version *version = geo_index_acquire(s->index);
        size_t count;
        size_t done;
        if (version->number < number ||
            geo_index_query(version, s->points, POINTS, hits, POINTS * FENCES, &count, &done) !=
                GEO_OK ||
            done != POINTS) {
            atomic_fetch_add(&s->wrong, 1);
        } else if (round % 50 == 0) {
            check_hits(s, hits, count);
        }
        number = version->number;
        geo_index_release(version);
        atomic_fetch_add(&s->asked, POINTS);
    }
    free(hits);
    return NULL;
}

static void change_all_the_time(shared *s, uint64_t *random)
{
    const geo_area *now[FENCES];
    uint32_t ids[FENCES];
    for (uint32_t id = 0; id < FENCES; id++) {
        now[id] = s->areas[1][id];
        ids[id] = id;
    }
    for (int n = 1; n <= CHANGES; n++) {
        uint32_t id = (uint32_t)shape_random(random, 0, FENCES - 1);
        now[id] = s->areas[shape_random(random, 0, 1)][id];
        assert_int_equal(geo_index_put(s->index, id, now[id]), GEO_OK);
        if (n % BUILD_EVERY == 0) {
            /* In other memory; the old one goes while readers come and leave. */
            assert_int_equal(geo_index_build(s->index, now, ids, FENCES), GEO_OK);
        }
        if (n % PUBLISH_EVERY == 0) {
            /* The readers hold one version each: there is always room. */
            assert_int_equal(geo_index_publish(s->index), GEO_OK);
        }
    }
}

/* A star of up to 60 vertices, somewhere in the world. */
static geo_area *paddock(world *w)
{
    geo_point ring[60];
    geo_area *area = NULL;
    uint32_t count = (uint32_t)shape_random(&w->random, 3, 60);
    geo_point center = {
        w->center.lon_e7 + (int32_t)shape_random(&w->random, -w->radius, w->radius),
        w->center.lat_e7 + (int32_t)shape_random(&w->random, -w->radius, w->radius),
    };
    shape_star(&w->random, center, w->radius / 5, count, ring);
    assert_int_equal(geo_area_new(ring, &count, 1, &area), GEO_OK);
    return area;
}

static void readers_see_whole_versions_while_fences_change(void **state)
{
    (void)state;
    static shared s;
    world w;
    geo_why why;
    pthread_t readers[READERS];
    world_init(&w, shape_seed(__func__), (geo_point){163725000, 598512000}, 40000);
    for (uint32_t id = 0; id < FENCES; id++) {
        s.areas[0][id] = paddock(&w);
        s.areas[1][id] = paddock(&w);
        w.areas[id] = s.areas[1][id];
    }
    w.id_end = FENCES;
    for (uint32_t p = 0; p < POINTS; p++) {
        s.points[p] = world_point(&w);
    }
    s.index = world_index(&w);
    for (int r = 0; r < READERS; r++) {
        assert_int_equal(pthread_create(&readers[r], NULL, read_all_the_time, &s), 0);
    }
    change_all_the_time(&s, &w.random);
    atomic_store(&s.is_over, true);
    for (int r = 0; r < READERS; r++) {
        assert_int_equal(pthread_join(readers[r], NULL), 0);
    }
    assert_int_equal(atomic_load(&s.wrong), 0);
    assert_true(atomic_load(&s.asked) > 0);
    /* Ten thousand changes later, every block is what a fresh build makes. */
    if (!geo_index_check(s.index, &why)) {
        fail_msg("%s", why.text);
    }
    geo_index_free(s.index);
    for (uint32_t id = 0; id < FENCES; id++) {
        geo_area_free(s.areas[0][id]);
    }
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_whole_versions_while_fences_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
