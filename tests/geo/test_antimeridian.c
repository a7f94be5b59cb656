/* tests/geo/test_antimeridian.c - shapes over the antimeridian behave like shapes elsewhere. */
#include "geo/antimeridian.h"

#include "geo/crossing.h"
#include "geo/metric.h"
#include "geo/predicate.h"
#include "geo/validate.h"
#include "shapes.h"
#include "test.h"

static geo_err cut(const geo_point *vertices, uint32_t count, geo_area **out)
{
    geo_why why = {""};
    geo_err err = geo_area_new_cut(vertices, &count, 1, &why, out);
    assert_int_equal(err != GEO_OK, why.text[0] != '\0');
    return err;
}

static void a_longitude_is_wrapped_into_the_map(void **state)
{
    (void)state;
    assert_int_equal(geo_lon_wrap_e7(1800000000), 1800000000);
    assert_int_equal(geo_lon_wrap_e7(-1800000000), -1800000000);
    assert_int_equal(geo_lon_wrap_e7(1800000001), -1799999999);
    assert_int_equal(geo_lon_wrap_e7(-1800000001), 1799999999);
    assert_int_equal(geo_lon_wrap_e7(5400000000), 1800000000);
    assert_int_equal(geo_lon_wrap_e7(-5400000000), 1800000000);
    assert_int_equal(geo_lon_wrap_e7(7200000007), 7);
    assert_int_equal(geo_lon_wrap_e7(-7200000007), -7);
}

static void a_square_over_the_antimeridian_becomes_two(void **state)
{
    (void)state;
    const geo_point vertices[] = {
        {1799999990, 0}, {-1799999980, 0}, {-1799999980, 10}, {1799999990, 10}};
    geo_area *area = NULL;
    assert_int_equal(cut(vertices, 4, &area), GEO_OK);
    assert_int_equal(area->ring_count, 2);
    assert_int_equal(area->vertex_count, 8);
    assert_int_equal(area->box.min.lon_e7, -1800000000);
    assert_int_equal(area->box.max.lon_e7, 1800000000);
    assert_int_equal(geo_area_locate(area, (geo_point){1799999995, 5}), GEO_INSIDE);
    assert_int_equal(geo_area_locate(area, (geo_point){-1799999985, 5}), GEO_INSIDE);
    assert_int_equal(geo_area_locate(area, (geo_point){1800000000, 5}), GEO_INSIDE);
    assert_int_equal(geo_area_locate(area, (geo_point){0, 5}), GEO_OUTSIDE);
    geo_area_free(area);
}

static void a_shape_that_only_touches_the_antimeridian_stays_whole(void **state)
{
    (void)state;
    const geo_point east[] = {
        {1799999990, 0}, {1800000000, 0}, {-1800000000, 10}, {1799999990, 10}};
    geo_area *area = NULL;
    assert_int_equal(cut(east, 4, &area), GEO_OK);
    assert_int_equal(area->ring_count, 1);
    assert_int_equal(geo_area_locate(area, (geo_point){-1800000000, 5}), GEO_BOUNDARY);
    geo_area_free(area);
    const geo_point west[] = {
        {1800000000, 0}, {-1799999990, 0}, {-1799999990, 9}, {-1800000000, 9}};
    assert_int_equal(cut(west, 4, &area), GEO_OK);
    assert_int_equal(area->ring_count, 1);
    assert_int_equal(area->box.max.lon_e7, -1799999990);
    geo_area_free(area);
}

static geo_area *valid_area(const geo_point *vertices, const uint32_t *ends, uint32_t count)
{
    static const uint32_t polygons[] = {0, 0, 0, 0};
    geo_why why = {""};
    geo_area *area = NULL;
    geo_err err = geo_validate(vertices, ends, count, polygons, &why);
    err = err == GEO_OK ? geo_area_new_cut(vertices, ends, count, &why, &area) : err;
    if (err != GEO_OK) {
        fail_msg("refused: %s", why.text);
    }
    return area;
}

/* A shell from 179 to -179.99..., with holes that begin or end at the meridian itself. */
static void a_hole_may_have_an_edge_on_the_antimeridian(void **state)
{
    (void)state;
    const int32_t seams[] = {1800000000, -1800000000};
    const uint32_t ends[] = {4, 8, 12};
    for (int i = 0; i < 4; i++) {
        int32_t west = seams[i % 2];
        int32_t east = seams[i / 2];
        const geo_point vertices[] = {{1799999900, 0},   {-1799999900, 0},  {-1799999900, 100},
                                      {1799999900, 100}, {1799999950, 10},  {west, 10},
                                      {west, 30},        {1799999950, 30},  {east, 50},
                                      {-1799999950, 50}, {-1799999950, 70}, {east, 70}};
        geo_area *area = valid_area(vertices, ends, 3);
        assert_int_equal(area->ring_count, 2);
        for (int s = 0; s < 2; s++) {
            int32_t on = seams[s];
            assert_int_equal(geo_area_locate(area, (geo_point){on, 5}), GEO_INSIDE);
            assert_int_equal(geo_area_locate(area, (geo_point){on, 10}), GEO_BOUNDARY);
            assert_int_equal(geo_area_locate(area, (geo_point){on, 20}), GEO_BOUNDARY);
            assert_int_equal(geo_area_locate(area, (geo_point){on, 40}), GEO_INSIDE);
            assert_int_equal(geo_area_locate(area, (geo_point){on, 60}), GEO_BOUNDARY);
        }
        assert_int_equal(geo_area_locate(area, (geo_point){1799999990, 20}), GEO_OUTSIDE);
        assert_int_equal(geo_area_locate(area, (geo_point){-1799999990, 20}), GEO_INSIDE);
        assert_int_equal(geo_area_locate(area, (geo_point){1799999990, 60}), GEO_INSIDE);
        assert_int_equal(geo_area_locate(area, (geo_point){-1799999990, 60}), GEO_OUTSIDE);
        geo_area_free(area);
    }
}

/* Else the ring around it would touch itself, which SpatiaLite does not like. */
static void a_hole_that_touches_the_antimeridian_stays_a_ring(void **state)
{
    (void)state;
    const geo_point vertices[] = {{1799999900, 0},   {-1799999900, 0}, {-1799999900, 100},
                                  {1799999900, 100}, {1799999950, 40}, {1800000000, 50},
                                  {1799999950, 60}};
    const uint32_t ends[] = {4, 7};
    geo_area *area = NULL;
    assert_int_equal(geo_area_new_cut(vertices, ends, 2, NULL, &area), GEO_OK);
    assert_int_equal(area->ring_count, 3);
    assert_int_equal(area->vertex_count, 4 + 4 + 3);
    assert_int_equal(geo_area_locate(area, (geo_point){1799999980, 50}), GEO_OUTSIDE);
    assert_int_equal(geo_area_locate(area, (geo_point){-1800000000, 51}), GEO_INSIDE);
    assert_int_equal(geo_area_locate(area, (geo_point){-1800000000, 50}), GEO_BOUNDARY);
    geo_area_free(area);
}

static void a_hole_in_the_whole_world_may_end_at_the_antimeridian(void **state)
{
    (void)state;
    const uint32_t ends[] = {4, 8, 12};
    const geo_point vertices[] = {
        {-1800000000, -800000000}, {1800000000, -800000000}, {1800000000, 800000000},
        {-1800000000, 800000000},  {1700000000, 0},          {1800000000, 0},
        {1800000000, 10},          {1700000000, 10},         {-1800000000, 20},
        {-1700000000, 20},         {-1700000000, 30},        {-1800000000, 30}};
    geo_area *area = NULL;
    assert_int_equal(geo_area_new_cut(vertices, ends, 3, NULL, &area), GEO_OK);
    assert_int_equal(area->ring_count, 1);
    assert_int_equal(geo_area_locate(area, (geo_point){1750000000, 5}), GEO_OUTSIDE);
    assert_int_equal(geo_area_locate(area, (geo_point){-1750000000, 5}), GEO_INSIDE);
    assert_int_equal(geo_area_locate(area, (geo_point){1800000000, 5}), GEO_BOUNDARY);
    assert_int_equal(geo_area_locate(area, (geo_point){-1750000000, 25}), GEO_OUTSIDE);
    assert_int_equal(geo_area_locate(area, (geo_point){1800000000, 40}), GEO_INSIDE);
    geo_area_free(area);
}

static void the_whole_world_but_for_the_poles_is_a_shape(void **state)
{
    (void)state;
    const geo_point world[] = {{-1800000000, -800000000},
                               {1800000000, -800000000},
                               {1800000000, 800000000},
                               {-1800000000, 800000000}};
    geo_area *area = NULL;
    assert_int_equal(cut(world, 4, &area), GEO_OK);
    assert_int_equal(geo_area_locate(area, (geo_point){0, 0}), GEO_INSIDE);
    assert_int_equal(geo_area_locate(area, (geo_point){1800000000, 0}), GEO_INSIDE);
    geo_area_free(area);
}

static void poles_are_refused(void **state)
{
    (void)state;
    const geo_point around[] = {{0, 800000000}, {1200000000, 800000000}, {-1200000000, 800000000}};
    const geo_point touching[] = {{0, 800000000}, {100, 900000000}, {200, 800000000}};
    geo_area *area = NULL;
    assert_int_equal(cut(around, 3, &area), GEO_POLE);
    assert_int_equal(cut(touching, 3, &area), GEO_POLE);
    assert_null(area);
}

static void bad_structure_is_refused_with_a_reason(void **state)
{
    (void)state;
    const geo_point outside[] = {{0, 0}, {1800000001, 0}, {0, 10}};
    const geo_point flat[] = {{0, 0}, {10, 0}, {0, 0}};
    geo_area *area = NULL;
    assert_int_equal(cut(outside, 3, &area), GEO_RANGE);
    assert_int_equal(cut(flat, 3, &area), GEO_INVALID);
    assert_int_equal(cut(flat, 2, &area), GEO_INVALID);
    assert_int_equal(geo_area_new_cut(NULL, NULL, 0, NULL, &area), GEO_INVALID);
    assert_null(area);
}

/* Random rings around the middle of the map, such that edges meet longitude 0 at lattice points:
 * longitudes are -3..3 and latitudes multiples of 60, then both are made larger. At most one edge
 * runs along longitude 0, because where two did that would be a boundary, and a seam at 180. */
#define LON_STEP 7
#define LAT_STEP (60 * 11)
#define LAT_STEPS 9

typedef struct pair {
    geo_area *plain; /* around longitude 0 */
    geo_area *cut;   /* the same, around longitude 180 */
} pair;

static geo_point turned(geo_point point)
{
    return (geo_point){geo_lon_wrap_e7(point.lon_e7 + INT64_C(1800000000)), point.lat_e7};
}

/* A corner that leads straight back is a boundary without an area, of which a cut leaves nothing.
 */
static bool has_straight_corner(const geo_point *vertices, const uint32_t *ends, uint32_t rings)
{
    for (uint32_t r = 0, begin = 0; r < rings; begin = ends[r++]) {
        uint32_t size = ends[r] - begin;
        for (uint32_t v = 0; v < size; v++) {
            geo_point a = vertices[begin + v];
            geo_point b = vertices[begin + (v + 1) % size];
            geo_point c = vertices[begin + (v + 2) % size];
            if (geo_orientation(a, b, c) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Let one edge of a ring run along longitude 0. */
static void lay_along_zero(geo_point *ring, uint32_t count)
{
    for (uint32_t v = 0; v < count; v++) {
        ring[v].lon_e7 = v < 2 ? 0 : ring[v].lon_e7;
    }
    ring[2].lon_e7 = ring[2].lon_e7 == 0 ? LON_STEP : ring[2].lon_e7;
    ring[count - 1].lon_e7 = ring[count - 1].lon_e7 == 0 ? -LON_STEP : ring[count - 1].lon_e7;
}

static pair random_pair(uint64_t *random)
{
    geo_point vertices[64];
    geo_point turned_vertices[64];
    uint32_t ends[4];
    for (;;) {
        uint32_t rings = (uint32_t)shape_random(random, 1, 4);
        uint32_t count = 0;
        for (uint32_t r = 0; r < rings; r++) {
            for (int64_t v = shape_random(random, 3, 9); v > 0; v--) {
                geo_point at = {(int32_t)shape_random(random, -3, 3) * LON_STEP,
                                (int32_t)shape_random(random, -LAT_STEPS, LAT_STEPS) * LAT_STEP};
                bool alone = v > 1 && (v % 2 == 0);
                at.lon_e7 = at.lon_e7 == 0 && !alone ? LON_STEP : at.lon_e7;
                vertices[count++] = at;
            }
            ends[r] = count;
        }
        if (shape_random(random, 0, 1) == 0) {
            lay_along_zero(vertices, ends[0]);
        }
        for (uint32_t v = 0; v < count; v++) {
            turned_vertices[v] = turned(vertices[v]);
        }
        pair made = {NULL, NULL};
        if (has_straight_corner(vertices, ends, rings)) {
            continue;
        }
        if (geo_area_new(vertices, ends, rings, &made.plain) == GEO_OK) {
            geo_err err = geo_area_new_cut(turned_vertices, ends, rings, NULL, &made.cut);
            assert_int_equal(err, GEO_OK);
            return made;
        }
    }
}

static geo_point random_point(uint64_t *random)
{
    geo_point point = {(int32_t)shape_random(random, -4 * LON_STEP, 4 * LON_STEP),
                       (int32_t)shape_random(random, -LAT_STEPS * LAT_STEP, LAT_STEPS * LAT_STEP)};
    if (shape_random(random, 0, 2) == 0) {
        point.lon_e7 = (int32_t)shape_random(random, -3, 3) * LON_STEP;
    }
    if (shape_random(random, 0, 2) == 0) {
        point.lat_e7 = (int32_t)shape_random(random, -LAT_STEPS, LAT_STEPS) * LAT_STEP;
    }
    return point;
}

static void assert_same_at(const pair *areas, geo_point point)
{
    assert_int_equal(geo_area_locate(areas->cut, turned(point)),
                     geo_area_locate(areas->plain, point));
    for (uint32_t dm = 0; dm < 4; dm++) {
        assert_int_equal(geo_boundary_farther(areas->cut, turned(point), dm),
                         geo_boundary_farther(areas->plain, point, dm));
    }
}

static void assert_same_fraction(geo_fraction a, geo_fraction b)
{
    assert_int_equal(geo_fraction_compare(a, b), 0);
}

static void assert_same_way(const pair *areas, geo_point from, geo_point to)
{
    geo_pieces plain = geo_segment_pieces(areas->plain, from, to);
    geo_pieces cut_pieces = geo_segment_pieces(areas->cut, turned(from), turned(to));
    assert_int_equal(plain.count, cut_pieces.count);
    if (plain.count > 0) {
        assert_same_fraction(plain.first.start, cut_pieces.first.start);
        assert_same_fraction(plain.first.end, cut_pieces.first.end);
        assert_same_fraction(plain.last.start, cut_pieces.last.start);
        assert_same_fraction(plain.longest.start, cut_pieces.longest.start);
        assert_same_fraction(plain.longest.end, cut_pieces.longest.end);
    }
}

static void random_shapes_behave_the_same_over_the_antimeridian(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    for (int round = 0; round < 5000; round++) {
        pair areas = random_pair(&random);
        for (int i = 0; i < 20; i++) {
            geo_point from = random_point(&random);
            geo_point to = random_point(&random);
            assert_same_at(&areas, from);
            assert_same_way(&areas, from, to);
        }
        geo_area_free(areas.plain);
        geo_area_free(areas.cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_longitude_is_wrapped_into_the_map),
        cmocka_unit_test(a_square_over_the_antimeridian_becomes_two),
        cmocka_unit_test(a_shape_that_only_touches_the_antimeridian_stays_whole),
        cmocka_unit_test(a_hole_may_have_an_edge_on_the_antimeridian),
        cmocka_unit_test(a_hole_that_touches_the_antimeridian_stays_a_ring),
        cmocka_unit_test(a_hole_in_the_whole_world_may_end_at_the_antimeridian),
        cmocka_unit_test(the_whole_world_but_for_the_poles_is_a_shape),
        cmocka_unit_test(poles_are_refused),
        cmocka_unit_test(bad_structure_is_refused_with_a_reason),
        cmocka_unit_test(random_shapes_behave_the_same_over_the_antimeridian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
