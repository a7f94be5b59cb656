/* tests/geo/test_crossing.c - pieces of a segment within an area. */
#include "geo/crossing.h"

#include "shapes.h"
#include "test.h"

static void assert_fraction(geo_fraction actual, uint64_t num, uint64_t den)
{
    assert_int_equal(geo_fraction_compare(actual, (geo_fraction){num, den}), 0);
}

static void a_segment_through_a_square_has_one_piece(void **state)
{
    (void)state;
    geo_area *area = shape("0 0, 10 0, 10 10, 0 10");
    geo_pieces pieces = geo_segment_pieces(area, (geo_point){-10, 5}, (geo_point){20, 5});
    assert_int_equal(pieces.count, 1);
    assert_fraction(pieces.first.start, 1, 3);
    assert_fraction(pieces.first.end, 2, 3);
    geo_point middle = geo_segment_middle((geo_point){-10, 5}, (geo_point){20, 5}, &pieces.longest);
    assert_int_equal(middle.lon_e7, 5);
    assert_int_equal(middle.lat_e7, 5);
    geo_area_free(area);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_through_a_square_has_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
