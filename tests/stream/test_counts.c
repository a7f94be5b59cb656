/* tests/stream/test_counts.c - the counting sketches against exact counts, over many seeds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "stream/distinct.h"
#include "stream/frequency.h"
#include "stream/moment.h"
#include "stream/topk.h"
#include "suites.h"
#include "test.h"

#define SEEDS 40

/* Skewed numbers, as places of interest are: half of all is the first, a quarter the second .. with
 * a uniform tail. */
static uint32_t skewed(hr_random *random, uint32_t bound)
{
    uint64_t bits = hr_random_next(random);
    if ((bits & 1) != 0) {
        return (uint32_t)hr_random_below(random, bound);
    }
    return (uint32_t)__builtin_ctzll(bits >> 1 | UINT64_C(1) << 40) % bound;
}

static uint64_t hash_of(uint64_t number)
{
    return hr_hash64(&number, sizeof number);
}

static void distinct_is_exact_up_to_its_list(void **state)
{
    (void)state;
    stream_distinct sketch = {.exact_count = 0};
    for (uint64_t i = 0; i < STREAM_DISTINCT_EXACT_MAX; i++) {
        assert_int_equal(stream_distinct_add(&sketch, hash_of(i)), HR_OK);
        assert_int_equal(stream_distinct_add(&sketch, hash_of(i / 2)), HR_OK);
        assert_double_near(stream_distinct_count(&sketch), (double)i + 1, 0);
    }
    stream_distinct_fini(&sketch);
}

static void distinct_errs_by_its_standard_deviation(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {100, 1000, 10000, 100000};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        double squares = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            stream_distinct sketch = {.exact_count = 0};
            for (uint64_t i = 0; i < sizes[s]; i++) {
                uint64_t hash = hr_hash64_seeded(&i, sizeof i, seed);
                assert_int_equal(stream_distinct_add(&sketch, hash), HR_OK);
            }
            double error = stream_distinct_count(&sketch) / sizes[s] - 1;
            assert_true(fabs(error) < 5 * 0.01625);
            squares += error * error;
            stream_distinct_fini(&sketch);
        }
        double deviation = sqrt(squares / SEEDS);
        print_message("distinct of %u: standard deviation %.2f %%\n", sizes[s], deviation * 100);
        assert_true(deviation < 0.01625 * 1.35);
    }
}

static void frequency_is_never_low_and_seldom_high(void **state)
{
    (void)state;
    enum {
        THINGS = 5000,
        COUNT = 100000
    };
    uint32_t beyond = 0;
    for (uint64_t seed = 1; seed <= SEEDS / 4; seed++) {
        hr_random random = {.state = seed};
        uint32_t *exact = calloc(THINGS, sizeof *exact);
        assert_non_null(exact);
        stream_frequency sketch;
        stream_frequency_init(&sketch, seed);
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t thing = skewed(&random, THINGS);
            exact[thing]++;
            assert_int_equal(stream_frequency_add(&sketch, hash_of(thing), 1), HR_OK);
        }
        for (uint32_t i = 0; i < THINGS; i++) {
            uint64_t told = stream_frequency_count(&sketch, hash_of(i));
            assert_true(told >= exact[i]);
            beyond += (double)(told - exact[i]) > M_E / STREAM_FREQUENCY_COLUMNS * COUNT;
        }
        stream_frequency_fini(&sketch);
        free(exact);
    }
    print_message("frequency beyond its bound: %u of %d\n", beyond, THINGS * SEEDS / 4);
    assert_true(beyond <= exp(-STREAM_FREQUENCY_ROWS) * THINGS * SEEDS / 4);
}

static void moment_errs_by_its_standard_deviation(void **state)
{
    (void)state;
    double squares = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        hr_random random = {.state = seed};
        uint32_t exact[2000] = {0};
        stream_moment sketch;
        stream_moment_init(&sketch, seed);
        for (uint32_t i = 0; i < 20000; i++) {
            /* Even counts are the hardest: nothing stands out. */
            uint32_t thing = seed % 2 == 0 ? i % 2000 : skewed(&random, 2000);
            exact[thing]++;
            assert_int_equal(stream_moment_add(&sketch, hash_of(thing)), HR_OK);
        }
        double f2 = 0;
        for (uint32_t i = 0; i < 2000; i++) {
            f2 += (double)exact[i] * exact[i];
        }
        double error = stream_moment_f2(&sketch) / f2 - 1;
        squares += error * error;
        stream_moment_fini(&sketch);
    }
    double deviation = sqrt(squares / SEEDS);
    print_message("moment: standard deviation %.2f %%\n", deviation * 100);
    assert_true(deviation < 0.0625);
}

static void check_topk(const stream_topk *sketch, const uint32_t *exact, uint32_t things)
{
    const stream_topk_entry *list[STREAM_TOPK_ENTRIES];
    uint32_t count = stream_topk_list(sketch, STREAM_TOPK_ENTRIES, list);
    bool *found = calloc(things, sizeof *found);
    assert_non_null(found);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t thing = (uint32_t)strtoul(list[i]->text + 1, NULL, 10);
        assert_true(list[i]->count >= exact[thing]);
        assert_true(list[i]->count - list[i]->over <= exact[thing]);
        assert_true(list[i]->over <= sketch->total / STREAM_TOPK_ENTRIES);
        assert_true(i == 0 || list[i]->count <= list[i - 1]->count);
        found[thing] = true;
    }
    for (uint32_t i = 0; i < things; i++) {
        assert_true(found[i] || exact[i] <= sketch->total / STREAM_TOPK_ENTRIES);
    }
    free(found);
}

static void add_thing(stream_topk *sketch, uint32_t thing)
{
    char text[16];
    int size = snprintf(text, sizeof text, "t%u", thing);
    assert_int_equal(stream_topk_add(sketch, text, (size_t)size), HR_OK);
}

static void topk_keeps_its_bounds_also_when_merged(void **state)
{
    (void)state;
    enum {
        THINGS = 3000
    };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        hr_random random = {.state = seed};
        uint32_t exact[THINGS] = {0};
        uint32_t exact_of_all[THINGS] = {0};
        stream_topk all = {0};
        for (uint32_t part = 0; part < 4; part++) {
            stream_topk sketch = {0};
            memset(exact, 0, sizeof exact);
            for (uint32_t i = 0; i < 3000 * part + 50; i++) {
                uint32_t thing = skewed(&random, THINGS);
                exact[thing]++;
                exact_of_all[thing]++;
                add_thing(&sketch, thing);
            }
            check_topk(&sketch, exact, THINGS);
            assert_int_equal(stream_topk_merge(&all, &sketch), HR_OK);
            check_topk(&all, exact_of_all, THINGS);
            stream_topk_fini(&sketch);
        }
        stream_topk_fini(&all);
    }
}

static void topk_is_exact_while_few_things_come(void **state)
{
    (void)state;
    stream_topk sketch = {0};
    for (uint32_t i = 1; i <= STREAM_TOPK_ENTRIES; i++) {
        for (uint32_t n = 0; n < i; n++) {
            add_thing(&sketch, i);
        }
    }
    const stream_topk_entry *list[STREAM_TOPK_ENTRIES];
    assert_int_equal(stream_topk_list(&sketch, 2, list), 2);
    assert_string_equal(list[0]->text, "t64");
    assert_int_equal(list[0]->count, 64);
    assert_int_equal(list[0]->over, 0);
    assert_string_equal(list[1]->text, "t63");
    stream_topk_fini(&sketch);
}

int run_counts_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distinct_is_exact_up_to_its_list),
        cmocka_unit_test(distinct_errs_by_its_standard_deviation),
        cmocka_unit_test(frequency_is_never_low_and_seldom_high),
        cmocka_unit_test(moment_errs_by_its_standard_deviation),
        cmocka_unit_test(topk_keeps_its_bounds_also_when_merged),
        cmocka_unit_test(topk_is_exact_while_few_things_come),
    };
    return cmocka_run_group_tests_name("stream counts", tests, NULL, NULL);
}
