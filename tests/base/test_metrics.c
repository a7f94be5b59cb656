/* tests/base/test_metrics.c - the registry, quantiles and the text form. */
#include "base/metrics.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "suites.h"
#include "test.h"

static void the_same_name_and_labels_are_the_same_metric(void **state)
{
    (void)state;
    hr_metrics *metrics = hr_metrics_new();
    hr_counter *late = hr_metrics_counter(metrics, "drops_total", "reason=\"late\"", "Drops.");
    hr_counter *future = hr_metrics_counter(metrics, "drops_total", "reason=\"future\"", "Drops.");
    assert_ptr_not_equal(late, future);
    assert_ptr_equal(late, hr_metrics_counter(metrics, "drops_total", "reason=\"late\"", "Drops."));
    hr_metrics_free(metrics);
}

static void the_text_groups_metrics_of_one_name(void **state)
{
    (void)state;
    hr_metrics *metrics = hr_metrics_new();
    hr_buf out;
    hr_buf_init(&out, 10000);
    hr_counter_add(hr_metrics_counter(metrics, "a_total", "r=\"x\"", "An a."), 3);
    hr_gauge_set(hr_metrics_gauge(metrics, "b", "", "A b."), -4);
    hr_counter_add(hr_metrics_counter(metrics, "a_total", "r=\"y\"", "An a."), 5);
    hr_histogram_record(hr_metrics_histogram(metrics, "c_seconds", "", "A c.", 0.001), 10);
    hr_metrics_write(metrics, &out);
    hr_buf_put_u8(&out, 0);
    assert_int_equal(hr_buf_err(&out), HR_OK);
    assert_string_equal((const char *)out.data,
                        "# HELP a_total An a.\n# TYPE a_total counter\n"
                        "a_total{r=\"x\"} 3\na_total{r=\"y\"} 5\n"
                        "# HELP b A b.\n# TYPE b gauge\nb -4\n"
                        "# HELP c_seconds A c.\n# TYPE c_seconds summary\n"
                        "c_seconds{quantile=\"0.5\"} 0.01\nc_seconds{quantile=\"0.9\"} 0.01\n"
                        "c_seconds{quantile=\"0.99\"} 0.01\nc_seconds{quantile=\"0.999\"} 0.01\n"
                        "c_seconds_sum 0.01\nc_seconds_count 1\n");
    hr_buf_fini(&out);
    hr_metrics_free(metrics);
}

static void quantiles_are_within_a_thirtysecond(void **state)
{
    (void)state;
    static hr_histogram histogram;
    for (uint64_t value = 1; value <= 1000000; value++) {
        hr_histogram_record(&histogram, value);
    }
    static const double parts[] = {0.001, 0.01, 0.5, 0.9, 0.99, 0.999};
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        double exact = parts[i] * 1000000;
        assert_double_near(hr_histogram_quantile(&histogram, parts[i]), exact, exact / 32 + 1);
    }
}

static void every_value_has_a_bucket(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 64; shift++) {
        hr_histogram *one = test_calloc(1, sizeof *one);
        uint64_t value = UINT64_MAX >> shift;
        hr_histogram_record(one, value);
        double found = hr_histogram_quantile(one, 0.5);
        assert_double_near(found, (double)value, (double)value / 32 + 0.5);
        test_free(one);
    }
    static hr_histogram none;
    assert_double_near(hr_histogram_quantile(&none, 0.5), 0, 0);
}

static void too_many_metrics_share_one_that_is_not_shown(void **state)
{
    (void)state;
    hr_metrics *metrics = hr_metrics_new();
    char labels[32];
    for (int i = 0; i < HR_METRICS_MAX + 10; i++) {
        snprintf(labels, sizeof labels, "i=\"%d\"", i);
        hr_counter *counter = hr_metrics_counter(metrics, "many_total", labels, "Many.");
        assert_non_null(counter);
        hr_counter_add(counter, 1);
    }
    hr_buf out;
    hr_buf_init(&out, 1 << 20);
    hr_metrics_write(metrics, &out);
    unsigned lines = 0;
    for (size_t i = 0; i < out.size; i++) {
        lines += out.data[i] == '\n';
    }
    assert_int_equal(lines, HR_METRICS_MAX + 2);
    hr_buf_fini(&out);
    hr_metrics_free(metrics);
}

int run_metrics_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_name_and_labels_are_the_same_metric),
        cmocka_unit_test(the_text_groups_metrics_of_one_name),
        cmocka_unit_test(quantiles_are_within_a_thirtysecond),
        cmocka_unit_test(every_value_has_a_bucket),
        cmocka_unit_test(too_many_metrics_share_one_that_is_not_shown),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
