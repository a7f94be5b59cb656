/* tests/geo/test_crossing.c - pieces of a segment within an area, against a slow exact search. */
#include "geo/crossing.h"

#include <string.h>

#include "shapes.h"
#include "test.h"

static void assert_fraction(geo_fraction actual, uint64_t num, uint64_t den)
{
    if (geo_fraction_compare(actual, (geo_fraction){num, den}) != 0) {
        fail_msg("%llu/%llu is not %llu/%llu", (unsigned long long)actual.num,
                 (unsigned long long)actual.den, (unsigned long long)num, (unsigned long long)den);
    }
}

static void assert_point(geo_point actual, int32_t lon_e7, int32_t lat_e7)
{
    assert_int_equal(actual.lon_e7, lon_e7);
    assert_int_equal(actual.lat_e7, lat_e7);
}

static void a_segment_through_a_square_has_one_piece(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 10 0, 10 10, 0 10");
    geo_point from = {-10, 5};
    geo_point to = {20, 5};
    geo_pieces pieces = geo_segment_pieces(area, from, to);
    assert_int_equal(pieces.count, 1);
    assert_fraction(pieces.first.start, 1, 3);
    assert_fraction(pieces.first.end, 2, 3);
    assert_point(geo_segment_middle(from, to, &pieces.longest), 5, 5);
    assert_point(geo_segment_place(from, to, pieces.first.start), 0, 5);
    assert_int_equal(geo_segment_time_ms(1000, 2000, pieces.first.start), 1333);
    assert_int_equal(geo_segment_time_ms(1000, 2000, pieces.first.end), 1667);
    geo_area_free(area);
}

static void the_first_of_equally_long_pieces_is_the_longest(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 3 0, 3 9, 0 9; 5 0, 8 0, 8 9, 5 9; 10 0, 11 0, 11 9, 10 9");
    geo_pieces pieces = geo_segment_pieces(area, (geo_point){-1, 4}, (geo_point){19, 4});
    assert_int_equal(pieces.count, 3);
    assert_fraction(pieces.first.end, 4, 20);
    assert_fraction(pieces.longest.start, 1, 20);
    assert_fraction(pieces.last.start, 11, 20);
    geo_area_free(area);
}

static void a_touched_corner_is_a_piece_of_one_point(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 10 0, 10 10, 0 10");
    geo_pieces pieces = geo_segment_pieces(area, (geo_point){5, 15}, (geo_point){15, 5});
    assert_int_equal(pieces.count, 1);
    assert_fraction(pieces.first.start, 1, 2);
    assert_fraction(pieces.first.end, 1, 2);
    geo_area_free(area);
}

static void a_run_along_an_edge_is_within(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 10 0, 10 10, 0 10");
    geo_pieces pieces = geo_segment_pieces(area, (geo_point){-10, 10}, (geo_point){30, 10});
    assert_int_equal(pieces.count, 1);
    assert_fraction(pieces.first.start, 1, 4);
    assert_fraction(pieces.first.end, 1, 2);
    geo_area_free(area);
}

static void a_segment_of_one_point_is_within_or_not(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 10 0, 10 10, 0 10");
    geo_pieces pieces = geo_segment_pieces(area, (geo_point){10, 3}, (geo_point){10, 3});
    assert_int_equal(pieces.count, 1);
    assert_fraction(pieces.first.start, 0, 1);
    assert_fraction(pieces.first.end, 1, 1);
    pieces = geo_segment_pieces(area, (geo_point){11, 3}, (geo_point){11, 3});
    assert_int_equal(pieces.count, 0);
    geo_area_free(area);
}

static void halves_are_rounded_away_from_zero(void **state)
{
    (void)state;
    geo_fraction half = {1, 2};
    assert_point(geo_segment_place((geo_point){0, 0}, (geo_point){1, -1}, half), 1, -1);
    assert_point(geo_segment_place((geo_point){1, -1}, (geo_point){0, 0}, half), 1, -1);
    assert_point(geo_segment_place((geo_point){-2, 2}, (geo_point){-3, 3}, half), -3, 3);
    assert_int_equal(geo_segment_time_ms(-3, -2, half), -3);
    assert_int_equal(geo_segment_time_ms(2, 3, half), 3);
    geo_piece piece = {{0, 1}, {1, 1}};
    assert_point(geo_segment_middle((geo_point){0, 0}, (geo_point){1, -1}, &piece), 1, -1);
    assert_point(geo_segment_middle((geo_point){-1, 0}, (geo_point){0, 0}, &piece), -1, 0);
}

static void the_short_way_goes_over_the_antimeridian(void **state)
{
    (void)state;
    geo_area *area = shape("1799999990 0, 1800000000 0, 1800000000 10, 1799999990 10;"
                           "-1800000000 0, -1799999990 0, -1799999990 10, -1800000000 10");
    geo_point from = {1799999980, 5};
    geo_point to = {-1799999980, 5};
    geo_pieces pieces = geo_segment_pieces(area, from, to);
    assert_int_equal(pieces.count, 1);
    assert_fraction(pieces.first.start, 1, 4);
    assert_fraction(pieces.first.end, 3, 4);
    assert_point(geo_segment_place(from, to, pieces.first.end), -1799999990, 5);
    assert_point(geo_segment_middle(from, to, &pieces.longest), 1800000000, 5);
    /* Half a unit beyond the seam: away from zero is toward the seam. */
    assert_point(geo_segment_place(from, to, (geo_fraction){41, 80}), -1800000000, 5);
    geo_area_free(area);
}

static void more_hits_than_a_pass_holds_are_all_found(void **state)
{
    (void)state;
    /* A comb of 300 teeth: a segment through it has 300 pieces. */
    geo_point vertices[1202];
    uint32_t count = 0;
    for (int32_t tooth = 0; tooth < 300; tooth++) {
        vertices[count++] = (geo_point){tooth * 4, 1};
        vertices[count++] = (geo_point){tooth * 4, 10};
        vertices[count++] = (geo_point){tooth * 4 + 2, 10};
        vertices[count++] = (geo_point){tooth * 4 + 2, 1};
    }
    vertices[count++] = (geo_point){1200, 0};
    vertices[count++] = (geo_point){0, 0};
    geo_area *area = NULL;
    assert_int_equal(geo_area_new(vertices, &count, 1, &area), GEO_OK);
    geo_pieces pieces = geo_segment_pieces(area, (geo_point){-1, 5}, (geo_point){1199, 5});
    assert_int_equal(pieces.count, 300);
    assert_fraction(pieces.first.start, 1, 1200);
    assert_fraction(pieces.last.start, 1197, 1200);
    assert_fraction(pieces.last.end, 1199, 1200);
    geo_area_free(area);
}

/* ---- the slow search: every place, sorted, and the point halfway between each two located ---- */

#define SLOW_HITS_MAX 600

typedef struct slow_hits {
    uint32_t count;
    geo_fraction at[SLOW_HITS_MAX];
} slow_hits;

/* Inside or on the boundary, for the point (x, y) / scale, by counting to the west. */
static bool slow_contains(const geo_area *area, geo_wide x, geo_wide y, geo_wide scale)
{
    bool inside = false;
    for (uint32_t r = 0, begin = 0; r < area->ring_count; begin = area->ring_ends[r++]) {
        uint32_t size = area->ring_ends[r] - begin;
        for (uint32_t v = 0; v < size; v++) {
            const geo_point *a = &area->vertices[begin + v];
            const geo_point *b = &area->vertices[begin + (v + 1) % size];
            geo_wide ax = a->lon_e7 * scale - x;
            geo_wide ay = a->lat_e7 * scale - y;
            geo_wide bx = b->lon_e7 * scale - x;
            geo_wide by = b->lat_e7 * scale - y;
            geo_wide turn = ax * by - ay * bx;
            if (turn == 0 && ax * bx <= 0 && ay * by <= 0) {
                return true;
            }
            if ((ay < 0) != (by < 0) && (turn < 0) == (by > ay)) {
                inside = !inside;
            }
        }
    }
    return inside;
}

static bool slow_contains_at(const geo_area *area, geo_point from, geo_point to, geo_wide num,
                             geo_wide den)
{
    return slow_contains(area, from.lon_e7 * den + ((geo_wide)to.lon_e7 - from.lon_e7) * num,
                         from.lat_e7 * den + ((geo_wide)to.lat_e7 - from.lat_e7) * num, den);
}

static void slow_add(slow_hits *hits, int64_t num, int64_t den)
{
    if (den < 0) {
        num = -num;
        den = -den;
    }
    if (num < 0 || num > den) {
        return;
    }
    geo_fraction at = {(uint64_t)num, (uint64_t)den};
    uint32_t i = hits->count++;
    assert_true(hits->count <= SLOW_HITS_MAX);
    for (; i > 0 && geo_fraction_compare(at, hits->at[i - 1]) < 0; i--) {
        hits->at[i] = hits->at[i - 1];
    }
    hits->at[i] = at;
}

/* Where lines meet, not only segments: a place too many does no harm here. */
static void slow_collect(const geo_area *area, geo_point from, geo_point to, slow_hits *hits)
{
    int64_t dx = to.lon_e7 - from.lon_e7;
    int64_t dy = to.lat_e7 - from.lat_e7;
    slow_add(hits, 0, 1);
    slow_add(hits, 1, 1);
    for (uint32_t r = 0, begin = 0; r < area->ring_count; begin = area->ring_ends[r++]) {
        uint32_t size = area->ring_ends[r] - begin;
        for (uint32_t v = 0; v < size; v++) {
            geo_point a = area->vertices[begin + v];
            geo_point b = area->vertices[begin + (v + 1) % size];
            int64_t ex = b.lon_e7 - a.lon_e7;
            int64_t ey = b.lat_e7 - a.lat_e7;
            int64_t ax = a.lon_e7 - from.lon_e7;
            int64_t ay = a.lat_e7 - from.lat_e7;
            if (dx * ey - dy * ex != 0) {
                slow_add(hits, ax * ey - ay * ex, dx * ey - dy * ex);
            }
            slow_add(hits, ax * dx + ay * dy, dx * dx + dy * dy);
        }
    }
}

static geo_pieces slow_pieces(const geo_area *area, geo_point from, geo_point to)
{
    slow_hits hits = {0};
    slow_collect(area, from, to, &hits);
    geo_pieces pieces = {0};
    bool open = false;
    geo_piece piece = {{0, 1}, {0, 1}};
    double longest = -1;
    for (uint32_t i = 0; i < hits.count; i++) {
        geo_fraction at = hits.at[i];
        bool within = slow_contains_at(area, from, to, at.num, at.den);
        bool goes_on = false;
        if (i + 1 < hits.count) {
            geo_fraction next = hits.at[i + 1];
            goes_on = slow_contains_at(area, from, to, at.num * next.den + next.num * at.den,
                                       2 * at.den * next.den);
        }
        piece.start = open ? piece.start : at;
        piece.end = at;
        open = goes_on;
        bool repeated = i + 1 < hits.count && geo_fraction_compare(at, hits.at[i + 1]) == 0;
        if (within && !open && !repeated) {
            double length = (double)piece.end.num / (double)piece.end.den -
                            (double)piece.start.num / (double)piece.start.den;
            pieces.first = pieces.count == 0 ? piece : pieces.first;
            pieces.longest = length > longest + 1e-12 ? piece : pieces.longest;
            longest = length > longest + 1e-12 ? length : longest;
            pieces.last = piece;
            pieces.count++;
        }
    }
    return pieces;
}

static void assert_same_pieces(const geo_pieces *actual, const geo_pieces *expected)
{
    assert_int_equal(actual->count, expected->count);
    if (expected->count > 0) {
        assert_fraction(actual->first.start, expected->first.start.num, expected->first.start.den);
        assert_fraction(actual->first.end, expected->first.end.num, expected->first.end.den);
        assert_fraction(actual->last.start, expected->last.start.num, expected->last.start.den);
        assert_fraction(actual->last.end, expected->last.end.num, expected->last.end.den);
        assert_fraction(actual->longest.start, expected->longest.start.num,
                        expected->longest.start.den);
        assert_fraction(actual->longest.end, expected->longest.end.num, expected->longest.end.den);
    }
}

/* Rings of any kind, crossing themselves and each other: parity is defined for all of them. */
static geo_area *random_rings(uint64_t *random, int64_t size)
{
    geo_point vertices[64];
    uint32_t ends[3];
    for (;;) {
        uint32_t rings = (uint32_t)shape_random(random, 1, 3);
        uint32_t count = 0;
        for (uint32_t r = 0; r < rings; r++) {
            for (int64_t v = shape_random(random, 3, 12); v > 0; v--) {
                vertices[count].lon_e7 = (int32_t)shape_random(random, -size, size);
                vertices[count++].lat_e7 = (int32_t)shape_random(random, -size, size);
            }
            ends[r] = count;
        }
        geo_area *area = NULL;
        if (geo_area_new(vertices, ends, rings, &area) == GEO_OK) {
            return area;
        }
    }
}

/* The same shape, so much larger that it reaches from pole to pole. */
static geo_area *scaled(const geo_area *area, int32_t factor)
{
    geo_point vertices[64];
    for (uint32_t v = 0; v < area->vertex_count; v++) {
        vertices[v].lon_e7 = area->vertices[v].lon_e7 * factor;
        vertices[v].lat_e7 = area->vertices[v].lat_e7 * factor;
    }
    geo_area *larger = NULL;
    assert_int_equal(geo_area_new(vertices, area->ring_ends, area->ring_count, &larger), GEO_OK);
    return larger;
}

static void random_pieces_equal_the_slow_search_at_any_scale(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    for (int round = 0; round < 3000; round++) {
        int64_t size = shape_random(&random, 2, 20);
        int32_t factor = 45000000;
        geo_area *area = random_rings(&random, size);
        geo_area *larger = scaled(area, factor);
        for (int i = 0; i < 10; i++) {
            geo_point from = {(int32_t)shape_random(&random, -size, size),
                              (int32_t)shape_random(&random, -size, size)};
            geo_point to = {(int32_t)shape_random(&random, -size, size),
                            (int32_t)shape_random(&random, -size, size)};
            if (from.lon_e7 == to.lon_e7 && from.lat_e7 == to.lat_e7) {
                continue;
            }
            geo_pieces expected = slow_pieces(area, from, to);
            geo_pieces actual = geo_segment_pieces(area, from, to);
            assert_same_pieces(&actual, &expected);
            from = (geo_point){from.lon_e7 * factor, from.lat_e7 * factor};
            to = (geo_point){to.lon_e7 * factor, to.lat_e7 * factor};
            actual = geo_segment_pieces(larger, from, to);
            assert_same_pieces(&actual, &expected);
        }
        geo_area_free(area);
        geo_area_free(larger);
    }
}

static void places_equal_long_doubles_where_those_are_sure(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    for (int round = 0; round < 100000; round++) {
        geo_point from = {(int32_t)shape_random(&random, -900000000, 900000000),
                          (int32_t)shape_random(&random, -900000000, 900000000)};
        geo_point to = {(int32_t)shape_random(&random, -900000000, 900000000),
                        (int32_t)shape_random(&random, -900000000, 900000000)};
        geo_piece piece;
        piece.start.den = (uint64_t)shape_random(&random, 1, INT64_MAX - 1);
        piece.start.num = (uint64_t)shape_random(&random, 0, (int64_t)piece.start.den);
        piece.end.den = piece.start.den;
        piece.end.num =
            (uint64_t)shape_random(&random, (int64_t)piece.start.num, (int64_t)piece.end.den);
        long double start = (long double)piece.start.num / (long double)piece.start.den;
        long double end = (long double)piece.end.num / (long double)piece.end.den;
        long double dx = (long double)to.lon_e7 - from.lon_e7;
        long double dy = (long double)to.lat_e7 - from.lat_e7;
        geo_point place = geo_segment_place(from, to, piece.start);
        assert_double_near(place.lon_e7, (double)(from.lon_e7 + dx * start), 0.500001);
        assert_double_near(place.lat_e7, (double)(from.lat_e7 + dy * start), 0.500001);
        geo_point middle = geo_segment_middle(from, to, &piece);
        assert_double_near(middle.lon_e7, (double)(from.lon_e7 + dx * (start + end) / 2), 0.500001);
        assert_double_near(middle.lat_e7, (double)(from.lat_e7 + dy * (start + end) / 2), 0.500001);
    }
}

static void reversing_a_segment_mirrors_its_pieces(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    for (int round = 0; round < 2000; round++) {
        geo_area *area = random_rings(&random, 800000000);
        geo_point from = {(int32_t)shape_random(&random, -900000000, 900000000),
                          (int32_t)shape_random(&random, -900000000, 900000000)};
        geo_point to = {(int32_t)shape_random(&random, -900000000, 900000000),
                        (int32_t)shape_random(&random, -900000000, 900000000)};
        geo_pieces there = geo_segment_pieces(area, from, to);
        geo_pieces back = geo_segment_pieces(area, to, from);
        assert_int_equal(there.count, back.count);
        if (there.count > 0) {
            geo_fraction first = there.first.start;
            geo_fraction last = there.last.end;
            assert_fraction(back.last.end, first.den - first.num, first.den);
            assert_fraction(back.first.start, last.den - last.num, last.den);
        }
        assert_int_equal(geo_area_contains(area, from),
                         there.count > 0 && there.first.start.num == 0);
        geo_area_free(area);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_through_a_square_has_one_piece),
        cmocka_unit_test(the_first_of_equally_long_pieces_is_the_longest),
        cmocka_unit_test(a_touched_corner_is_a_piece_of_one_point),
        cmocka_unit_test(a_run_along_an_edge_is_within),
        cmocka_unit_test(a_segment_of_one_point_is_within_or_not),
        cmocka_unit_test(halves_are_rounded_away_from_zero),
        cmocka_unit_test(the_short_way_goes_over_the_antimeridian),
        cmocka_unit_test(more_hits_than_a_pass_holds_are_all_found),
        cmocka_unit_test(random_pieces_equal_the_slow_search_at_any_scale),
        cmocka_unit_test(places_equal_long_doubles_where_those_are_sure),
        cmocka_unit_test(reversing_a_segment_mirrors_its_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
