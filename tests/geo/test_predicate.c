/* tests/geo/test_predicate.c - the exact questions, by tables and by solving for the meeting point.
 */
#include "geo/predicate.h"

#include "geo/wide.h"
#include "shapes.h"
#include "test.h"

static void orientation_is_exact_at_any_size(void **state)
{
    (void)state;
    geo_point a = {-1800000000, -900000000};
    geo_point b = {1800000000, 900000000};
    assert_int_equal(geo_orientation(a, b, (geo_point){0, 0}), 0);
    assert_int_equal(geo_orientation(a, b, (geo_point){0, 1}), 1);
    assert_int_equal(geo_orientation(a, b, (geo_point){1, 0}), -1);
    assert_int_equal(geo_orientation(a, b, (geo_point){1799999999, 900000000}), 1);
    assert_int_equal(geo_orientation(b, a, (geo_point){-1800000000, 900000000}), -1);
    assert_int_equal(geo_orientation(a, a, b), 0);
}

static void a_segment_holds_its_ends_and_nothing_beyond(void **state)
{
    (void)state;
    geo_point a = {0, 0};
    geo_point b = {6, 3};
    assert_true(geo_on_segment(a, b, a));
    assert_true(geo_on_segment(a, b, b));
    assert_true(geo_on_segment(b, a, (geo_point){2, 1}));
    assert_false(geo_on_segment(a, b, (geo_point){8, 4}));
    assert_false(geo_on_segment(a, b, (geo_point){-2, -1}));
    assert_false(geo_on_segment(a, b, (geo_point){3, 1}));
    assert_true(geo_on_segment(a, a, a));
    assert_false(geo_on_segment(a, a, b));
}

static geo_meeting meet(const int32_t *c)
{
    return geo_segments_meet((geo_point){c[0], c[1]}, (geo_point){c[2], c[3]},
                             (geo_point){c[4], c[5]}, (geo_point){c[6], c[7]});
}

static void segments_meet_in_every_way(void **state)
{
    (void)state;
    const struct {
        int32_t ends[8];
        geo_meeting how;
    } cases[] = {
        {{0, 0, 4, 4, 0, 4, 4, 0}, GEO_CROSS},   {{0, 0, 4, 4, 0, 4, 1, 3}, GEO_APART},
        {{0, 0, 4, 4, 0, 4, 2, 2}, GEO_TOUCH},   {{0, 0, 4, 4, 4, 4, 8, 0}, GEO_TOUCH},
        {{0, 0, 4, 4, 1, 1, 3, 3}, GEO_OVERLAP}, {{0, 0, 4, 4, 2, 2, 8, 8}, GEO_OVERLAP},
        {{0, 0, 4, 4, 4, 4, 8, 8}, GEO_TOUCH},   {{0, 0, 4, 4, 5, 5, 8, 8}, GEO_APART},
        {{0, 0, 4, 4, 0, 1, 4, 5}, GEO_APART},   {{0, 0, 0, 4, 0, 2, 0, 9}, GEO_OVERLAP},
        {{2, 2, 2, 2, 0, 0, 4, 4}, GEO_TOUCH},   {{2, 3, 2, 3, 0, 0, 4, 4}, GEO_APART},
        {{0, 0, 4, 4, 2, 2, 2, 2}, GEO_TOUCH},   {{1, 1, 1, 1, 1, 1, 1, 1}, GEO_TOUCH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(meet(cases[i].ends), cases[i].how);
    }
}

/* By solving a + t * (b - a) = c + u * (d - c), in whole numbers. */
static geo_meeting slow_meet(geo_point a, geo_point b, geo_point c, geo_point d)
{
    int64_t ex = b.lon_e7 - a.lon_e7;
    int64_t ey = b.lat_e7 - a.lat_e7;
    int64_t fx = d.lon_e7 - c.lon_e7;
    int64_t fy = d.lat_e7 - c.lat_e7;
    int64_t gx = c.lon_e7 - a.lon_e7;
    int64_t gy = c.lat_e7 - a.lat_e7;
    int64_t den = ex * fy - ey * fx;
    if (den != 0) {
        int64_t sign = den > 0 ? 1 : -1;
        int64_t t = (gx * fy - gy * fx) * sign;
        int64_t u = (gx * ey - gy * ex) * sign;
        den *= sign;
        if (t < 0 || t > den || u < 0 || u > den) {
            return GEO_APART;
        }
        return t == 0 || t == den || u == 0 || u == den ? GEO_TOUCH : GEO_CROSS;
    }
    if (gx * ey != gy * ex) {
        return GEO_APART;
    }
    int64_t square = ex * ex + ey * ey;
    int64_t from = gx * ex + gy * ey;
    int64_t to = from + fx * ex + fy * ey;
    int64_t low = from < to ? from : to;
    int64_t high = from < to ? to : from;
    if (high < 0 || low > square) {
        return GEO_APART;
    }
    return high == 0 || low == square ? GEO_TOUCH : GEO_OVERLAP;
}

static geo_point random_corner(uint64_t *random)
{
    return (geo_point){(int32_t)shape_random(random, -4, 4), (int32_t)shape_random(random, -4, 4)};
}

static geo_point scaled(geo_point point, int32_t factor)
{
    return (geo_point){point.lon_e7 * factor, point.lat_e7 * factor};
}

static void random_segments_meet_as_solved_at_any_scale(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    const int32_t large = 224999999;
    for (int round = 0; round < 200000; round++) {
        geo_point p[4];
        for (int i = 0; i < 4; i++) {
            p[i] = random_corner(&random);
        }
        bool flat = (p[0].lon_e7 == p[1].lon_e7 && p[0].lat_e7 == p[1].lat_e7) ||
                    (p[2].lon_e7 == p[3].lon_e7 && p[2].lat_e7 == p[3].lat_e7);
        if (!flat) {
            geo_meeting expected = slow_meet(p[0], p[1], p[2], p[3]);
            assert_int_equal(geo_segments_meet(p[0], p[1], p[2], p[3]), expected);
            assert_int_equal(geo_segments_meet(p[3], p[2], p[0], p[1]), expected);
            assert_int_equal(geo_segments_meet(scaled(p[0], large), scaled(p[1], large),
                                               scaled(p[2], large), scaled(p[3], large)),
                             expected);
        }
    }
}

/* Products in digits of 32 bits, as on paper. */
static void slow_multiply(geo_wide_unsigned a, geo_wide_unsigned b, uint32_t digits[8])
{
    for (int i = 0; i < 8; i++) {
        digits[i] = 0;
    }
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 4; j++) {
            uint64_t sum = (uint64_t)(uint32_t)(a >> (32 * i)) * (uint32_t)(b >> (32 * j)) +
                           digits[i + j] + carry;
            digits[i + j] = (uint32_t)sum;
            carry = sum >> 32;
        }
        digits[i + 4] = (uint32_t)carry;
    }
}

static int slow_compare(const uint32_t a[8], const uint32_t b[8])
{
    for (int i = 7; i >= 0; i--) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

static geo_wide_unsigned random_wide(uint64_t *random)
{
    geo_wide_unsigned high = (uint64_t)shape_random(random, INT64_MIN, INT64_MAX);
    geo_wide_unsigned low = (uint64_t)shape_random(random, INT64_MIN, INT64_MAX);
    geo_wide_unsigned wide = (high << 64) | low;
    return shape_random(random, 0, 9) == 0 ? ~(geo_wide_unsigned)0
                                           : wide >> shape_random(random, 0, 127);
}

static void wide_products_compare_as_on_paper(void **state)
{
    (void)state;
    uint64_t random = shape_seed(__func__);
    uint32_t equal = 0;
    for (int round = 0; round < 100000; round++) {
        geo_wide_unsigned a = random_wide(&random);
        geo_wide_unsigned b = random_wide(&random);
        /* Often the same product, or one that differs in its last digits. */
        bool close = shape_random(&random, 0, 1) == 0;
        geo_wide_unsigned c = close ? b : random_wide(&random);
        geo_wide_unsigned d = close ? a - (round % 2 == 0 && a > 0) : random_wide(&random);
        uint32_t left[8];
        uint32_t right[8];
        slow_multiply(a, b, left);
        slow_multiply(c, d, right);
        int expected = slow_compare(left, right);
        assert_int_equal(geo_wide_compare_products(a, b, c, d), expected);
        equal += expected == 0;
    }
    assert_true(equal > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orientation_is_exact_at_any_size),
        cmocka_unit_test(a_segment_holds_its_ends_and_nothing_beyond),
        cmocka_unit_test(segments_meet_in_every_way),
        cmocka_unit_test(random_segments_meet_as_solved_at_any_scale),
        cmocka_unit_test(wide_products_compare_as_on_paper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
