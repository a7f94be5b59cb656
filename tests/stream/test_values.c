/* tests/stream/test_values.c - sums, quantiles and samples against exact answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "stream/quantile.h"
#include "stream/sample.h"
#include "stream/total.h"
#include "suites.h"
#include "test.h"

static int compare_doubles(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;
    return (*a > *b) - (*a < *b);
}

static void total_of_parts_is_the_total(void **state)
{
    (void)state;
    hr_random random = {.state = 7};
    stream_total all = {0};
    stream_total parts[3] = {{0}};
    for (int i = 0; i < 3000; i++) {
        double value = (double)hr_random_below(&random, 2000001) - 1000000;
        stream_total_add(&all, value);
        stream_total_add(&parts[i % 3], value);
    }
    stream_total merged = {0};
    for (int i = 0; i < 3; i++) {
        stream_total_merge(&merged, &parts[i]);
    }
    assert_int_equal(merged.count, all.count);
    assert_double_near(stream_total_sum(&merged), stream_total_sum(&all), 0);
    assert_double_near(merged.least, all.least, 0);
    assert_double_near(merged.most, all.most, 0);
}

static void a_sum_does_not_lose_small_numbers_beside_large_ones(void **state)
{
    (void)state;
    stream_total total = {0};
    stream_total_add(&total, 1e16);
    for (int i = 0; i < 1000; i++) {
        stream_total_add(&total, 0.5);
    }
    stream_total_add(&total, -1e16);
    assert_double_near(stream_total_sum(&total), 500, 0);
}

static double draw(hr_random *random, int law)
{
    double unit = hr_random_unit(random);
    switch (law) {
    case 0:
        return unit * 1000;
    case 1:
        return -log(1 - unit) * 3;
    case 2:
        return pow(1 - unit, -1.5);
    default:
        return floor(unit * 21) - 10;
    }
}

static void quantile_is_within_its_error(void **state)
{
    (void)state;
    static const double parts[] = {0, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1};
    for (int law = 0; law < 4; law++) {
        for (uint64_t seed = 1; seed <= 10; seed++) {
            hr_random random = {.state = seed};
            size_t count = seed * seed * 30;
            double *values = malloc(count * sizeof *values);
            assert_non_null(values);
            stream_quantile sketch = {0};
            for (size_t i = 0; i < count; i++) {
                values[i] = draw(&random, law);
                assert_int_equal(stream_quantile_add(&sketch, values[i]), HR_OK);
            }
            qsort(values, count, sizeof *values, compare_doubles);
            assert_int_equal(stream_quantile_count(&sketch), count);
            for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
                double exact = values[(size_t)(parts[p] * (double)(count - 1))];
                assert_double_near(stream_quantile_at(&sketch, parts[p]), exact,
                                   fabs(exact) * STREAM_QUANTILE_ERROR * (1 + 1e-9));
            }
            stream_quantile_fini(&sketch);
            free(values);
        }
    }
}

static void quantile_collapses_what_is_nearest_to_zero(void **state)
{
    (void)state;
    stream_quantile sketch = {0};
    for (int i = -8; i < 300; i++) {
        assert_int_equal(stream_quantile_add(&sketch, pow(10, i)), HR_OK);
    }
    assert_int_equal(stream_quantile_count(&sketch), 308);
    assert_double_near(stream_quantile_at(&sketch, 1), 1e299, 1e297);
    assert_true(stream_quantile_bytes(&sketch) < 20000);
    stream_quantile_fini(&sketch);
}

static void sample_holds_each_thing_with_equal_probability(void **state)
{
    (void)state;
    enum {
        THINGS = 100,
        SIZE = 10,
        ROUNDS = 4000
    };
    uint32_t hits[THINGS] = {0};
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        /* Every other round the sample comes from two parts of unequal length. */
        uint32_t cut = seed % 2 == 0 ? 30 : THINGS;
        stream_sample parts[2];
        stream_sample_init(&parts[0], SIZE, hr_hash64_seeded("a", 1, seed));
        stream_sample_init(&parts[1], SIZE, hr_hash64_seeded("b", 1, seed));
        for (uint32_t i = 0; i < THINGS; i++) {
            char text[8];
            int size = snprintf(text, sizeof text, "%u", i);
            assert_int_equal(stream_sample_add(&parts[i >= cut], text, (size_t)size), HR_OK);
        }
        assert_int_equal(stream_sample_merge(&parts[0], &parts[1]), HR_OK);
        assert_int_equal(parts[0].count, THINGS);
        assert_int_equal(parts[0].used, SIZE);
        for (uint32_t i = 0; i < SIZE; i++) {
            uint64_t number = strtoul(parts[0].entries[i].text, NULL, 10);
            assert_int_equal(parts[0].entries[i].number, number);
            hits[number]++;
        }
        stream_sample_fini(&parts[0]);
        stream_sample_fini(&parts[1]);
    }
    double expected = (double)ROUNDS * SIZE / THINGS;
    double chi = 0;
    for (uint32_t i = 0; i < THINGS; i++) {
        chi += (hits[i] - expected) * (hits[i] - expected) / expected;
    }
    print_message("sample: chi squared %.1f with 99 degrees of freedom\n", chi);
    assert_true(chi < 149); /* one time in a thousand */
}

int run_values_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(total_of_parts_is_the_total),
        cmocka_unit_test(a_sum_does_not_lose_small_numbers_beside_large_ones),
        cmocka_unit_test(quantile_is_within_its_error),
        cmocka_unit_test(quantile_collapses_what_is_nearest_to_zero),
        cmocka_unit_test(sample_holds_each_thing_with_equal_probability),
    };
    return cmocka_run_group_tests_name("stream values", tests, NULL, NULL);
}
