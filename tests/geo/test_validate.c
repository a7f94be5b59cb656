/* tests/geo/test_validate.c - what is a shape, and where it fails to be one. */
#include "geo/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "geo/predicate.h"
#include "geo/sweep.h"
#include "shapes.h"
#include "test.h"

#define RINGS_MAX 4
#define VERTICES_MAX 64

typedef struct rings {
    geo_point vertices[VERTICES_MAX];
    uint32_t ends[RINGS_MAX];
    uint32_t count;
} rings;

static geo_err validate(const char *text, const uint32_t *polygons, geo_why *why)
{
    geo_point vertices[VERTICES_MAX];
    uint32_t ends[RINGS_MAX];
    uint32_t count = shape_parse(text, vertices, ends);
    why->text[0] = '\0';
    return geo_validate(vertices, ends, count, polygons, why);
}

static void assert_valid(const char *text, const uint32_t *polygons)
{
    geo_why why;
    geo_err err = validate(text, polygons, &why);
    if (err != GEO_OK) {
        fail_msg("%s: %s", text, why.text);
    }
}

static void assert_invalid(const char *text, const uint32_t *polygons, const char *reason)
{
    geo_why why;
    assert_int_equal(validate(text, polygons, &why), GEO_INVALID);
    assert_string_equal(why.text, reason);
}

static void shapes_may_touch_in_points(void **state)
{
    (void)state;
    const uint32_t one[] = {0, 0, 0};
    assert_valid("0 0, 10 0, 10 10, 0 10", one);
    assert_valid("0 0, 10 0, 10 10, 0 10; 2 2, 2 8, 8 8", one);
    /* A hole that touches its shell at a vertex and at an edge, and another hole. */
    assert_valid("0 0, 10 0, 10 10, 0 10; 0 0, 2 8, 8 10; 2 8, 4 9, 3 9", one);
    /* A ring that touches itself, at a vertex and at an edge. */
    assert_valid("0 0, 10 0, 10 10, 5 5, 0 10", one);
    assert_valid("0 0, 10 0, 10 10, 5 0, 0 10", one);
    /* Islands in holes, and polygons that share a corner. */
    const uint32_t islands[] = {0, 0, 1};
    assert_valid("0 0, 10 0, 10 10, 0 10; 1 1, 9 1, 9 9, 1 9; 4 4, 6 4, 6 6", islands);
    const uint32_t two[] = {0, 1};
    assert_valid("0 0, 10 0, 10 10; 10 10, 20 10, 20 20", two);
}

static void crossings_are_named_with_their_place(void **state)
{
    (void)state;
    const uint32_t one[] = {0, 0, 0};
    const uint32_t two[] = {0, 1};
    assert_invalid("163600000 598400000, 163800000 598600000, 163800000 598400000, "
                   "163600000 598600000",
                   one, "ring 0 crosses itself at 16.37,59.85");
    assert_invalid("0 0, 40000000 0, 40000000 40000000, 0 40000000; 30000000 10000000, "
                   "50000000 20000000, 30000000 30000000",
                   one, "ring 0 crosses ring 1 at 4,1.5");
    assert_invalid("0 0, 40000000 0, 40000000 40000000, 0 40000000; 30000000 10000000, "
                   "50000000 20000000, 30000000 30000000",
                   two, "ring 0 of polygon 0 crosses ring 0 of polygon 1 at 4,1.5");
}

static void crossings_at_vertices_are_found(void **state)
{
    (void)state;
    const char *itself = "ring 0 crosses itself at 5e-07,5e-07";
    assert_invalid("0 0, 5 5, 10 10, 10 0, 5 5, 0 10", NULL, itself);
    assert_invalid("0 0, 5 5, 10 10, 10 0, 0 10", NULL, itself);
    assert_invalid("0 0, 10 10, 10 0, 5 5, 0 10", NULL, itself);
    assert_invalid("0 0, 10 0, 10 10, 0 10; 10 5, 8 6, 10 8, 12 6", NULL,
                   "ring 0 crosses ring 1 at 1e-06,5e-07");
}

static void shared_pieces_of_edges_are_found(void **state)
{
    (void)state;
    assert_invalid("0 0, 10 0, 5 0", NULL, "ring 0 runs along itself at 0,0");
    assert_invalid("0 0, 10 0, 10 10, 20 10, 10 10, 0 10", NULL,
                   "ring 0 runs along itself at 1e-06,1e-06");
    assert_invalid("0 0, 10 0, 10 10, 0 10; 10 2, 20 2, 20 8, 10 8", NULL,
                   "ring 0 runs along ring 1 at 1e-06,2e-07");
    assert_invalid("0 0, 10 0, 10 10, 0 10; 0 0, 10 0, 10 10, 0 10", NULL,
                   "ring 0 runs along ring 1 at 0,0");
}

static void holes_lie_in_their_shell(void **state)
{
    (void)state;
    const uint32_t one[] = {0, 0, 0};
    const uint32_t two[] = {0, 1};
    const uint32_t later[] = {0, 1, 1};
    assert_invalid("0 0, 10 0, 10 10; 20 0, 30 0, 30 10", one,
                   "ring 1 is a hole that lies outside its shell at 2e-06,0");
    assert_invalid("0 0, 100 0, 100 100; 50 10, 60 10, 60 20; 55 11, 57 11, 57 13", one,
                   "ring 2 is a hole that lies outside its shell at 5.5e-06,1.1e-06");
    assert_invalid("0 0, 100 0, 100 100; 50 10, 60 10, 60 20", two,
                   "ring 0 of polygon 1 lies inside another polygon at 5e-06,1e-06");
    assert_invalid("0 0, 100 0, 100 100; 200 10, 300 10, 300 20; 50 10, 60 10, 60 20", later,
                   "ring 1 of polygon 1 is a hole that lies in another hole or polygon at "
                   "5e-06,1e-06");
}

static void the_antimeridian_makes_no_difference(void **state)
{
    (void)state;
    const uint32_t one[] = {0, 0, 0};
    const uint32_t two[] = {0, 1};
    assert_valid("1790000000 0, -1700000000 0, -1700000000 100, 1790000000 100;"
                 "-1790000000 10, -1780000000 10, -1780000000 20",
                 one);
    assert_invalid("1790000000 0, -1700000000 200000000, -1700000000 0, 1790000000 200000000", one,
                   "ring 0 crosses itself at -175.5,10");
    assert_invalid("1790000000 0, -1700000000 0, -1700000000 100, 1790000000 100;"
                   "1690000000 10, 1780000000 10, 1780000000 20",
                   one, "ring 1 is a hole that lies outside its shell at 169,1e-06");
    assert_invalid("1790000000 0, -1700000000 0, -1700000000 400000000, 1790000000 400000000;"
                   "-1720000000 100000000, -1600000000 100000000, -1600000000 200000000",
                   two, "ring 0 of polygon 0 crosses ring 0 of polygon 1 at -170,10");
    /* One vertex on it, amid edges that lead over it. */
    assert_valid("1730000000 200000000, 1800000000 -200000000, 1750000000 -600000000,"
                 "-1360000000 -100000000",
                 one);
}

static void polygons_in_each_other_are_found_over_the_antimeridian(void **state)
{
    (void)state;
    const uint32_t two[] = {0, 1};
    const uint32_t island[] = {0, 0, 1};
    const char *reason = "ring 0 of polygon 1 lies inside another polygon at -175,-1";
    assert_invalid("1600000000 -100000000, -1600000000 -100000000, -1600000000 100000000,"
                   "1600000000 100000000; -1750000000 -10000000, -1700000000 -10000000,"
                   "-1700000000 10000000",
                   two, reason);
    assert_invalid("-1800000000 -100000000, 0 -100000000, 1800000000 -100000000,"
                   "1800000000 100000000, 0 100000000, -1800000000 100000000;"
                   "-1750000000 -10000000, 1750000000 -10000000, 1750000000 10000000",
                   two, reason);
    assert_valid("1600000000 -100000000, -1600000000 -100000000, -1600000000 100000000,"
                 "1600000000 100000000; 1700000000 -50000000, -1700000000 -50000000,"
                 "-1700000000 50000000, 1700000000 50000000; -1780000000 -10000000,"
                 "-1760000000 -10000000, -1760000000 10000000",
                 island);
}

static void a_band_round_the_world_may_have_holes_over_the_antimeridian(void **state)
{
    (void)state;
    const char *holes[] = {
        "1700000000 0, -1700000000 0, -1700000000 500000000, 1700000000 500000000",
        "1700000000 0, 1800000000 0, 1800000000 500000000, 1700000000 500000000",
        "-1800000000 0, -1700000000 0, -1700000000 500000000, -1800000000 500000000",
    };
    const uint32_t one[] = {0, 0, 0};
    /* It is higher beyond the antimeridian than before it. */
    const char *band = "-900000000 600000000, -1800000000 400000000, -1800000000 0,"
                       "-1800000000 -100000000, 0 -100000000, 1800000000 -100000000,"
                       "1800000000 400000000,"
                       "900000000 300000000, 0 300000000;";
    char text[512];
    snprintf(text, sizeof text, "%s -1750000000 0, -1600000000 0, -1600000000 420000000", band);
    assert_valid(text, one);
    snprintf(text, sizeof text, "%s 1750000000 0, -1600000000 0, -1600000000 420000000", band);
    assert_valid(text, one);
    snprintf(text, sizeof text, "%s 1600000000 0, -1750000000 0, 1600000000 420000000", band);
    assert_invalid(text, one, "ring 0 crosses ring 1 at 160,37.77777778");
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "%s%s",
                 "-1800000000 -600000000, 1800000000 -600000000, 1800000000 600000000,"
                 "-1800000000 600000000;",
                 holes[i]);
        assert_valid(text, one);
    }
    assert_invalid("-1800000000 -600000000, 1800000000 -600000000, 1800000000 600000000,"
                   "-1800000000 600000000; 1700000000 0, -1700000000 0, -1700000000 500000000;"
                   "-1750000000 10000000, -1740000000 10000000, -1740000000 20000000",
                   one, "ring 2 is a hole that lies outside its shell at -175,1");
}

static void structure_comes_first(void **state)
{
    (void)state;
    geo_why why;
    assert_int_equal(validate("0 0, 10 0, 10 900000001", NULL, &why), GEO_RANGE);
    assert_int_equal(validate("0 0, 10 0, 10 900000000", NULL, &why), GEO_POLE);
    assert_int_equal(validate("0 0, 10 0, 0 0", NULL, &why), GEO_INVALID);
    assert_int_equal(
        validate("0 800000000, 1200000000 800000000, -1200000000 800000000", NULL, &why), GEO_POLE);
}

/* ---- against a slow check of every pair ---- */

typedef struct slow_edge {
    geo_point a;
    geo_point b;
} slow_edge;

static uint32_t slow_edges(const rings *r, slow_edge *edges)
{
    uint32_t count = 0;
    for (uint32_t ring = 0, begin = 0; ring < r->count; begin = r->ends[ring++]) {
        uint32_t size = r->ends[ring] - begin;
        for (uint32_t v = 0; v < size; v++) {
            edges[count++] =
                (slow_edge){r->vertices[begin + v], r->vertices[begin + (v + 1) % size]};
        }
    }
    return count;
}

static double angle(geo_point from, geo_point to)
{
    return atan2((double)to.lat_e7 - from.lat_e7, (double)to.lon_e7 - from.lon_e7);
}

/* Whether the way from..to lies inside the sector that turns left from one angle to another. */
static bool in_sector(double from, double to, double at)
{
    const double turn = 6.283185307179586;
    return fmod(at - from + 2 * turn, turn) < fmod(to - from + 2 * turn, turn);
}

typedef struct slow_pass {
    geo_point from;
    geo_point to;
} slow_pass;

static uint32_t slow_passes(const rings *r, geo_point place, slow_pass *passes)
{
    uint32_t count = 0;
    for (uint32_t ring = 0, begin = 0; ring < r->count; begin = r->ends[ring++]) {
        uint32_t size = r->ends[ring] - begin;
        for (uint32_t v = 0; v < size; v++) {
            geo_point at = r->vertices[begin + v];
            geo_point next = r->vertices[begin + (v + 1) % size];
            if (at.lon_e7 == place.lon_e7 && at.lat_e7 == place.lat_e7) {
                passes[count++] = (slow_pass){r->vertices[begin + (v + size - 1) % size], next};
            } else if (geo_on_segment(at, next, place) &&
                       !(next.lon_e7 == place.lon_e7 && next.lat_e7 == place.lat_e7)) {
                passes[count++] = (slow_pass){at, next};
            }
        }
    }
    return count;
}

static bool slow_crosses_at(const rings *r, geo_point place)
{
    slow_pass passes[VERTICES_MAX];
    uint32_t count = slow_passes(r, place, passes);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            double from = angle(place, passes[i].from);
            double to = angle(place, passes[i].to);
            if (in_sector(from, to, angle(place, passes[j].from)) !=
                in_sector(from, to, angle(place, passes[j].to))) {
                return true;
            }
        }
    }
    return false;
}

static bool slow_is_valid(const rings *r)
{
    slow_edge edges[VERTICES_MAX];
    uint32_t count = slow_edges(r, edges);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            geo_meeting how = geo_segments_meet(edges[i].a, edges[i].b, edges[j].a, edges[j].b);
            if (how == GEO_CROSS || how == GEO_OVERLAP) {
                return false;
            }
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (slow_crosses_at(r, edges[i].a)) {
            return false;
        }
    }
    return true;
}

/* Whether ring q lies around ring r, by a point halfway along an edge of r that is not on q. */
static bool slow_is_around(const rings *all, uint32_t q, uint32_t r)
{
    geo_point doubled[VERTICES_MAX];
    uint32_t q_begin = q > 0 ? all->ends[q - 1] : 0;
    uint32_t r_begin = r > 0 ? all->ends[r - 1] : 0;
    uint32_t q_size = all->ends[q] - q_begin;
    uint32_t r_size = all->ends[r] - r_begin;
    for (uint32_t v = 0; v < q_size; v++) {
        doubled[v].lon_e7 = all->vertices[q_begin + v].lon_e7 * 2;
        doubled[v].lat_e7 = all->vertices[q_begin + v].lat_e7 * 2;
    }
    geo_area *area = NULL;
    assert_int_equal(geo_area_new(doubled, &q_size, 1, &area), GEO_OK);
    geo_side side = GEO_BOUNDARY;
    for (uint32_t v = 0; v < r_size && side == GEO_BOUNDARY; v++) {
        geo_point a = all->vertices[r_begin + v];
        geo_point b = all->vertices[r_begin + (v + 1) % r_size];
        side = geo_area_locate(area, (geo_point){a.lon_e7 + b.lon_e7, a.lat_e7 + b.lat_e7});
    }
    geo_area_free(area);
    return side == GEO_INSIDE;
}

static void assert_nesting(const rings *r, const geo_sweep_ring *nesting)
{
    for (uint32_t ring = 0; ring < r->count; ring++) {
        uint32_t depth = 0;
        uint32_t innermost = GEO_SWEEP_NO_RING;
        for (uint32_t q = 0; q < r->count; q++) {
            if (q != ring && slow_is_around(r, q, ring)) {
                depth++;
                if (innermost == GEO_SWEEP_NO_RING || slow_is_around(r, innermost, q)) {
                    innermost = q;
                }
            }
        }
        assert_int_equal(nesting[ring].is_hole, depth % 2 == 1);
        assert_int_equal(nesting[ring].container, innermost);
    }
}

static rings random_rings(uint64_t *random)
{
    int64_t size = shape_random(random, 2, 12);
    int64_t corners_max = shape_random(random, 3, 8);
    rings r;
    geo_area *area = NULL;
    do {
        uint32_t count = 0;
        r.count = (uint32_t)shape_random(random, 1, RINGS_MAX);
        for (uint32_t ring = 0; ring < r.count; ring++) {
            for (int64_t v = shape_random(random, 3, corners_max); v > 0; v--) {
                r.vertices[count].lon_e7 = (int32_t)shape_random(random, -size, size);
                r.vertices[count++].lat_e7 = (int32_t)shape_random(random, -size, size);
            }
            r.ends[ring] = count;
        }
    } while (geo_area_new(r.vertices, r.ends, r.count, &area) != GEO_OK);
    /* The area's own rings have no repeated vertices. */
    for (uint32_t v = 0; v < area->vertex_count; v++) {
        r.vertices[v] = area->vertices[v];
    }
    for (uint32_t ring = 0; ring < r.count; ring++) {
        r.ends[ring] = area->ring_ends[ring];
    }
    geo_area_free(area);
    return r;
}

static void random_rings_are_judged_like_by_looking_at_every_pair(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    uint32_t valid_count = 0;
    uint32_t nested_count = 0;
    for (int round = 0; round < 100000; round++) {
        rings r = random_rings(&random);
        geo_unrolled vertices[VERTICES_MAX];
        for (uint32_t v = 0; v < r.ends[r.count - 1]; v++) {
            vertices[v] = (geo_unrolled){r.vertices[v].lon_e7, r.vertices[v].lat_e7};
        }
        geo_sweep_fault fault;
        geo_sweep_ring nesting[RINGS_MAX];
        geo_err err = geo_sweep(vertices, r.ends, r.count, nesting, &fault);
        assert_int_equal(err, slow_is_valid(&r) ? GEO_OK : GEO_INVALID);
        if (err == GEO_OK) {
            assert_nesting(&r, nesting);
            valid_count++;
            nested_count += r.count > 1;
        }
    }
    printf("%u valid, %u of them with several rings\n", valid_count, nested_count);
    assert_true(valid_count > 10000 && nested_count > 1000);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void a_hundred_thousand_vertices_take_well_under_a_second(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    uint32_t count = 100000;
    geo_point *vertices = malloc(count * sizeof *vertices);
    assert_non_null(vertices);
    shape_star(&random, (geo_point){163700000, 598500000}, 200000000, count, vertices);
    double start_s = now_s();
    assert_int_equal(geo_validate(vertices, &count, 1, NULL, NULL), GEO_OK);
    double took_s = now_s() - start_s;
    printf("100,000 vertices took %.3f s\n", took_s);
    assert_true(took_s < 5); /* with room for sanitizers and busy machines */
    free(vertices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_may_touch_in_points),
        cmocka_unit_test(crossings_are_named_with_their_place),
        cmocka_unit_test(crossings_at_vertices_are_found),
        cmocka_unit_test(shared_pieces_of_edges_are_found),
        cmocka_unit_test(holes_lie_in_their_shell),
        cmocka_unit_test(the_antimeridian_makes_no_difference),
        cmocka_unit_test(polygons_in_each_other_are_found_over_the_antimeridian),
        cmocka_unit_test(a_band_round_the_world_may_have_holes_over_the_antimeridian),
        cmocka_unit_test(structure_comes_first),
        cmocka_unit_test(random_rings_are_judged_like_by_looking_at_every_pair),
        cmocka_unit_test(a_hundred_thousand_vertices_take_well_under_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
