/* tests/stream/test_models.c - clusters and regressions against laws that are known. */
#include "base/hash.h"
#include "stream/bytes.h"
#include "stream/clusters.h"
#include "stream/descent.h"
#include "stream/stay.h"
#include "stream/trend.h"
#include "suites.h"
#include "test.h"

static double normal(hr_random *random)
{
    double radius = sqrt(-2 * log(1 - hr_random_unit(random)));
    return radius * cos(2 * M_PI * hr_random_unit(random));
}

/* Four herds in the corners of a square of side 10, one unit wide. */
static void add_herds(stream_clusters *clusters, hr_random *random, int count, double shift)
{
    for (int i = 0; i < count; i++) {
        uint64_t herd = hr_random_below(random, 4);
        stream_clusters_add(clusters, shift + 10 * (double)(herd & 1) + normal(random),
                            10 * (double)(herd >> 1) + normal(random));
    }
}

/* The farthest that a herd's middle is from a centre. */
static double worst_miss(const stream_clusters *clusters, double shift)
{
    stream_cluster list[STREAM_CLUSTERS_MAX];
    uint32_t count = stream_clusters_list(clusters, list);
    double worst = 0;
    for (int herd = 0; herd < 4; herd++) {
        double best = INFINITY;
        for (uint32_t i = 0; i < count; i++) {
            best = fmin(best,
                        hypot(list[i].x - shift - 10 * (herd & 1), list[i].y - 10 * (herd >> 1)));
        }
        worst = fmax(worst, best);
    }
    return worst;
}

static void clusters_find_every_herd(void **state)
{
    (void)state;
    double worst = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        hr_random random = {.state = seed};
        stream_clusters clusters;
        stream_clusters_init(&clusters, 4, seed);
        for (int step = 0; step < 20; step++) {
            add_herds(&clusters, &random, 200, 0);
            stream_clusters_step(&clusters, 0.5);
        }
        worst = fmax(worst, worst_miss(&clusters, 0));
    }
    print_message("clusters: the worst centre is %.2f herd widths off\n", worst);
    assert_true(worst < 1);
}

/* The sum of squared distances to the nearest centre. */
static double cost_of(const stream_cluster *centres, uint32_t count, uint64_t seed)
{
    hr_random random = {.state = seed};
    double cost = 0;
    for (int i = 0; i < 2000; i++) {
        uint64_t herd = hr_random_below(&random, 4);
        double x = 10 * (double)(herd & 1) + normal(&random);
        double y = 10 * (double)(herd >> 1) + normal(&random);
        double best = INFINITY;
        for (uint32_t c = 0; c < count; c++) {
            double dx = x - centres[c].x;
            double dy = y - centres[c].y;
            best = fmin(best, dx * dx + dy * dy);
        }
        cost += best;
    }
    return cost;
}

static void clusters_cost_a_tenth_more_than_the_best_at_most(void **state)
{
    (void)state;
    static const stream_cluster best[4] = {
        {.x = 0, .y = 0}, {.x = 10, .y = 0}, {.x = 0, .y = 10}, {.x = 10, .y = 10}};
    double worst = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        hr_random random = {.state = seed};
        stream_clusters clusters;
        stream_cluster list[STREAM_CLUSTERS_MAX];
        stream_clusters_init(&clusters, 4, seed);
        for (int step = 0; step < 20; step++) {
            add_herds(&clusters, &random, 200, 0);
            stream_clusters_step(&clusters, 1);
        }
        uint32_t count = stream_clusters_list(&clusters, list);
        worst = fmax(worst, cost_of(list, count, seed) / cost_of(best, 4, seed));
    }
    print_message("clusters: at worst %.3f times the best cost\n", worst);
    assert_true(worst < 1.1);
}

static void clusters_follow_herds_that_walk(void **state)
{
    (void)state;
    hr_random random = {.state = 3};
    stream_clusters clusters;
    stream_clusters_init(&clusters, 4, 3);
    for (int step = 0; step < 60; step++) {
        add_herds(&clusters, &random, 200, step);
        stream_clusters_step(&clusters, 0.5);
    }
    assert_true(worst_miss(&clusters, 59) < 2.5);
}

static void clusters_of_parts_merge(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        hr_random random = {.state = seed};
        stream_clusters parts[2];
        for (int p = 0; p < 2; p++) {
            stream_clusters_init(&parts[p], 4, seed + (uint64_t)p);
            add_herds(&parts[p], &random, 400, 0);
            stream_clusters_step(&parts[p], 1);
            add_herds(&parts[p], &random, 400, 0);
        }
        assert_int_equal(stream_clusters_merge(&parts[0], &parts[1]), HR_OK);
        assert_true(worst_miss(&parts[0], 0) < 1);
        stream_cluster list[STREAM_CLUSTERS_MAX];
        double weight = 0;
        uint32_t count = stream_clusters_list(&parts[0], list);
        for (uint32_t i = 0; i < count; i++) {
            weight += list[i].weight;
        }
        assert_double_near(weight, 1600, 1e-6);
    }
}

static void trend_intervals_hold_the_truth_as_often_as_they_say(void **state)
{
    (void)state;
    int held = 0;
    int reached = 0;
    enum {
        ROUNDS = 2000
    };
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        hr_random random = {.state = seed};
        stream_trend trend;
        stream_trend_init(&trend, 0.5);
        /* A battery that loses 4 % a day, told in whole and half days for a week. */
        for (int i = 0; i < 14; i++) {
            double day = 20000 + i * 0.5;
            stream_trend_add(&trend, day, 90 - 4 * (day - 20000) + normal(&random));
        }
        stream_trend_line line;
        assert_true(stream_trend_line_of(&trend, &line));
        held += fabs(line.slope + 4) < 2.16 * line.slope_error;
        double x;
        double from;
        double to;
        assert_true(stream_trend_reach(&trend, 0, &x, &from, &to));
        assert_double_near(x, 20022.5, 4);
        reached += from <= 20022.5 && 20022.5 <= to;
    }
    print_message("trend: slope held %d, crossing held %d of %d\n", held, reached, ROUNDS);
    assert_in_range(held, ROUNDS * 93 / 100, ROUNDS * 97 / 100);
    assert_in_range(reached, ROUNDS * 93 / 100, ROUNDS * 97 / 100);
}

/* A battery as it is told: in whole per cents, every ten minutes, on warm days and in cold nights.
 * How often does it become empty when the trend says so? */
typedef struct battery {
    const char *name;
    double days;
    double every_min;
    double white; /* widths of what each reading is off by itself .. */
    double slow;  /* .. of what lasts for some readings .. */
    double daily; /* .. and of what comes back each day */
    int least;    /* held of 100 */
} battery;

static int batteries_held(const battery *battery, int rounds)
{
    int held = 0;
    for (int round = 1; round <= rounds; round++) {
        hr_random random = {.state = (uint64_t)round};
        stream_trend trend;
        stream_trend_init(&trend, 1);
        double slow = 0;
        double start = 60 + 40 * hr_random_unit(&random);
        double a_day = 0.2 * pow(25, hr_random_unit(&random));
        double turn = 2 * M_PI * hr_random_unit(&random);
        double empty = 20000 + start / a_day;
        for (double day = 0; day < battery->days && start - a_day * day > 5;
             day += battery->every_min / 1440) {
            slow = 0.9 * slow + sqrt(1 - 0.81) * battery->slow * normal(&random);
            double off = battery->white * normal(&random) + slow +
                         battery->daily * sin(2 * M_PI * day + turn);
            stream_trend_add(&trend, 20000 + day, floor(start - a_day * day + off + 0.5));
        }
        double x;
        double from;
        double to;
        held += stream_trend_reach(&trend, 0, &x, &from, &to) && from <= empty && empty <= to;
    }
    return held;
}

static void batteries_become_empty_when_their_trend_says(void **state)
{
    (void)state;
    static const battery batteries[] = {
        {"a few days, steady", 5, 10, 0, 0, 0, 95},
        {"three weeks, steady", 20, 10, 0, 0, 0, 95},
        {"told every minute", 5, 1, 0, 0, 0, 95},
        {"told four times a day", 20, 360, 0, 0, 0, 94},
        {"unsteady", 20, 10, 0.5, 0, 0, 93},
        {"very unsteady", 20, 10, 2, 0, 0, 93},
        {"with spells of some hours", 20, 10, 0, 1, 0, 84},
        {"low in the night", 20, 10, 0.3, 0, 2, 95},
    };
    int rounds = getenv("HR_LONG") != NULL ? 2000 : 200;
    for (size_t i = 0; i < sizeof batteries / sizeof batteries[0]; i++) {
        int held = batteries_held(&batteries[i], rounds);
        print_message("%s: %.1f %%\n", batteries[i].name, 100.0 * held / rounds);
        assert_true(held * 100 >= (batteries[i].least - (rounds < 1000 ? 2 : 0)) * rounds);
    }
}

/* y grows by 3. */
static void expect_the_same_line(const stream_trend *all, const stream_trend *merged)
{
    stream_trend_line one;
    stream_trend_line two;
    assert_true(stream_trend_line_of(all, &one));
    assert_true(stream_trend_line_of(merged, &two));
    assert_double_near(one.slope, two.slope, 1e-9);
    assert_double_near(one.slope_error, two.slope_error, 1e-9);
    assert_double_near(one.level, two.level, 1e-9);
    assert_double_near(one.freedom, two.freedom, 1e-9);
    assert_double_near(one.slope, 3, 0.01);
}

static void trend_of_parts_is_the_trend(void **state)
{
    (void)state;
    hr_random random = {.state = 11};
    stream_trend all;
    stream_trend parts[2];
    stream_trend_init(&all, 1);
    stream_trend_init(&parts[0], 1);
    stream_trend_init(&parts[1], 1);
    for (int i = 0; i < 500; i++) {
        double x = 1e6 + hr_random_unit(&random) * 100;
        double y = 3 * (x - 1e6) + normal(&random);
        stream_trend_add(&all, x, y);
        stream_trend_add(&parts[i % 3 == 0], x, y);
    }
    stream_trend_merge(&parts[0], &parts[1]);
    expect_the_same_line(&all, &parts[0]);
}

/* Also where neighbours err alike, and there is a part for each point, as in a window that slides.
 */
static void trend_of_parts_that_follow_each_other_is_the_trend(void **state)
{
    (void)state;
    hr_random random = {.state = 12};
    stream_trend all;
    stream_trend merged[2];
    stream_trend_init(&all, 1);
    stream_trend_init(&merged[0], 1);
    stream_trend_init(&merged[1], 1);
    double off = 0;
    for (int i = 0; i < 500; i++) {
        off = 0.9 * off + normal(&random);
        stream_trend part;
        stream_trend_init(&part, 1);
        stream_trend_add(&all, i, 3 * i + off);
        stream_trend_add(&part, i, 3 * i + off);
        stream_trend_merge(&merged[i >= 200], &part);
    }
    stream_trend_merge(&merged[0], &merged[1]);
    expect_the_same_line(&all, &merged[0]);
}

/* Seven numbers, as they were kept before steps were: it goes on from there. */
static void a_trend_of_the_version_before_is_taken_over(void **state)
{
    (void)state;
    stream_trend kept;
    stream_trend read;
    stream_trend_init(&kept, 1);
    stream_trend_init(&read, 1);
    hr_random random = {.state = 3};
    for (int i = 0; i < 50; i++) {
        stream_trend_add(&kept, i, 100 - i + normal(&random));
    }
    const double before[] = {1, kept.count, kept.mean_x, kept.mean_y, kept.xx, kept.xy, kept.yy};
    hr_buf bytes;
    hr_buf_init(&bytes, 1000);
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        stream_put_double(&bytes, before[i]);
    }
    hr_cursor in = hr_cursor_of(bytes.data, bytes.size);
    assert_int_equal(stream_trend_read(&read, &in), HR_OK);
    assert_int_equal(hr_cursor_left(&in), 0);
    stream_trend_line one;
    stream_trend_line two;
    stream_trend_add(&kept, 50, 50);
    stream_trend_add(&read, 50, 50);
    assert_true(stream_trend_line_of(&kept, &one) && stream_trend_line_of(&read, &two));
    assert_double_near(one.slope, two.slope, 1e-12);
    assert_double_near(one.slope_error, two.slope_error, 0.1 * one.slope_error);
    hr_buf_fini(&bytes);
}

static void descent_learns_and_follows_a_change(void **state)
{
    (void)state;
    double worst = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        hr_random random = {.state = seed};
        stream_descent descent;
        stream_descent_init(&descent, 3, 0.05);
        double squares = 0;
        for (int i = 0; i < 8000; i++) {
            double x[3] = {1, normal(&random), normal(&random) * 5};
            double truth = i < 4000 ? 2 + 3 * x[1] - x[2] : -1 + x[1] + x[2];
            double miss = stream_descent_predict(&descent, x) - truth;
            if (i % 4000 >= 3000) {
                squares += miss * miss;
            }
            stream_descent_add(&descent, x, truth + normal(&random));
        }
        double deviation = sqrt(squares / 2000);
        worst = fmax(worst, deviation / sqrt(0.05 / 1.95));
    }
    print_message("descent: at worst %.2f times its standard deviation\n", worst);
    assert_true(worst < 2.5);
}

/* Parts of a herd's day, cut anywhere, merge to what one pass says. */
static void stays_of_parts_are_the_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        hr_random random = {.state = seed};
        stream_stay whole = {0};
        stream_stay parts[4] = {{0}};
        int64_t time_ms = 1000000;
        bool is_inside = hr_random_below(&random, 2) == 0;
        for (int i = 0; i < 40; i++) {
            stream_stay *part =
                &parts[(unsigned)i / (1 + seed % 10) % 40 > 3 ? 3 : (unsigned)i / (1 + seed % 10)];
            uint32_t error = (uint32_t)hr_random_below(&random, 30);
            time_ms += (int64_t)hr_random_below(&random, 5000);
            if (is_inside) {
                stream_stay_exit(&whole, time_ms, error);
                stream_stay_exit(part, time_ms, error);
            } else {
                stream_stay_enter(&whole, time_ms, error);
                stream_stay_enter(part, time_ms, error);
            }
            /* Now and then an event is lost. */
            is_inside = hr_random_below(&random, 10) == 0 ? is_inside : !is_inside;
        }
        stream_stay merged = {0};
        for (int i = 0; i < 4; i++) {
            stream_stay_merge(&merged, &parts[i]);
        }
        assert_int_equal(stream_stay_inside_ms(&merged, time_ms + 7000),
                         stream_stay_inside_ms(&whole, time_ms + 7000));
        assert_int_equal(merged.visits, whole.visits);
        assert_int_equal(merged.is_inside, whole.is_inside);
        assert_int_equal(merged.uncertainty_s10, whole.uncertainty_s10);
    }
}

int run_models_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_find_every_herd),
        cmocka_unit_test(clusters_cost_a_tenth_more_than_the_best_at_most),
        cmocka_unit_test(clusters_follow_herds_that_walk),
        cmocka_unit_test(clusters_of_parts_merge),
        cmocka_unit_test(trend_intervals_hold_the_truth_as_often_as_they_say),
        cmocka_unit_test(batteries_become_empty_when_their_trend_says),
        cmocka_unit_test(trend_of_parts_is_the_trend),
        cmocka_unit_test(trend_of_parts_that_follow_each_other_is_the_trend),
        cmocka_unit_test(a_trend_of_the_version_before_is_taken_over),
        cmocka_unit_test(descent_learns_and_follows_a_change),
        cmocka_unit_test(stays_of_parts_are_the_whole),
    };
    return cmocka_run_group_tests_name("stream models", tests, NULL, NULL);
}
