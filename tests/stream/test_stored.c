/* tests/stream/test_stored.c - every sketch: stored and read again, merged, and damaged. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "stream/clusters.h"
#include "stream/descent.h"
#include "stream/distinct.h"
#include "stream/frequency.h"
#include "stream/moment.h"
#include "stream/quantile.h"
#include "stream/sample.h"
#include "stream/stay.h"
#include "stream/topk.h"
#include "stream/total.h"
#include "stream/trend.h"
#include "suites.h"
#include "test.h"

typedef union any_sketch {
    stream_clusters clusters;
    stream_descent descent;
    stream_distinct distinct;
    stream_frequency frequency;
    stream_moment moment;
    stream_quantile quantile;
    stream_sample sample;
    stream_stay stay;
    stream_topk topk;
    stream_total total;
    stream_trend trend;
} any_sketch;

typedef struct sketch_kind {
    const char *name;
    bool merges_exactly; /* parts make the whole, to the byte */
    void (*init)(any_sketch *sketch);
    void (*fini)(any_sketch *sketch);
    hr_err (*add)(any_sketch *sketch, uint64_t number);
    hr_err (*merge)(any_sketch *into, const any_sketch *from);
    void (*write)(const any_sketch *sketch, hr_buf *out);
    hr_err (*read)(any_sketch *sketch, hr_cursor *in);
} sketch_kind;

static uint64_t hash_of(uint64_t number)
{
    return hr_hash64(&number, sizeof number);
}

static int text_of(uint64_t number, char text[24])
{
    return snprintf(text, 24, "cow-%llu", (unsigned long long)number);
}

static void plain_fini(any_sketch *sketch)
{
    (void)sketch;
}

/* The same three calls for every kind, whose types alone differ. */
#define CALLS(kind)                                                                                \
    static void kind##_write(const any_sketch *sketch, hr_buf *out)                                \
    {                                                                                              \
        stream_##kind##_write(&sketch->kind, out);                                                 \
    }                                                                                              \
    static hr_err kind##_read(any_sketch *sketch, hr_cursor *in)                                   \
    {                                                                                              \
        return stream_##kind##_read(&sketch->kind, in);                                            \
    }

#define MERGE(kind)                                                                                \
    static hr_err kind##_merge(any_sketch *into, const any_sketch *from)                           \
    {                                                                                              \
        return stream_##kind##_merge(&into->kind, &from->kind);                                    \
    }

#define FINI(kind)                                                                                 \
    static void kind##_fini(any_sketch *sketch)                                                    \
    {                                                                                              \
        stream_##kind##_fini(&sketch->kind);                                                       \
    }

CALLS(clusters)
CALLS(descent)
CALLS(distinct)
CALLS(frequency)
CALLS(moment)
CALLS(quantile)
CALLS(sample)
CALLS(stay)
CALLS(topk)
CALLS(total)
CALLS(trend)
MERGE(clusters)
MERGE(descent)
MERGE(distinct)
MERGE(frequency)
MERGE(moment)
MERGE(quantile)
MERGE(sample)
MERGE(topk)
FINI(distinct)
FINI(frequency)
FINI(moment)
FINI(quantile)
FINI(sample)
FINI(topk)

static hr_err total_merge(any_sketch *into, const any_sketch *from)
{
    stream_total_merge(&into->total, &from->total);
    return HR_OK;
}

static hr_err stay_merge(any_sketch *into, const any_sketch *from)
{
    stream_stay_merge(&into->stay, &from->stay);
    return HR_OK;
}

static hr_err trend_merge(any_sketch *into, const any_sketch *from)
{
    stream_trend_merge(&into->trend, &from->trend);
    return HR_OK;
}

static void clusters_init(any_sketch *sketch)
{
    stream_clusters_init(&sketch->clusters, 8, 1);
}

static void descent_init(any_sketch *sketch)
{
    stream_descent_init(&sketch->descent, 2, 0.1);
}

static void distinct_init(any_sketch *sketch)
{
    sketch->distinct = (stream_distinct){.exact_count = 0};
}

static void frequency_init(any_sketch *sketch)
{
    stream_frequency_init(&sketch->frequency, 1);
}

static void moment_init(any_sketch *sketch)
{
    stream_moment_init(&sketch->moment, 1);
}

static void quantile_init(any_sketch *sketch)
{
    sketch->quantile = (stream_quantile){.zeros = 0};
}

static void sample_init(any_sketch *sketch)
{
    stream_sample_init(&sketch->sample, 16, 1);
}

static void stay_init(any_sketch *sketch)
{
    sketch->stay = (stream_stay){.visits = 0};
}

static void topk_init(any_sketch *sketch)
{
    sketch->topk = (stream_topk){.used = 0};
}

static void total_init(any_sketch *sketch)
{
    sketch->total = (stream_total){.count = 0};
}

static void trend_init(any_sketch *sketch)
{
    stream_trend_init(&sketch->trend, 1);
}

static hr_err clusters_add(any_sketch *sketch, uint64_t number)
{
    stream_clusters_add(&sketch->clusters, (double)(number % 17), (double)(number % 23));
    return HR_OK;
}

static hr_err descent_add(any_sketch *sketch, uint64_t number)
{
    double x[2] = {1, (double)(number % 10)};
    stream_descent_add(&sketch->descent, x, (double)(number % 7));
    return HR_OK;
}

static hr_err distinct_add(any_sketch *sketch, uint64_t number)
{
    return stream_distinct_add(&sketch->distinct, hash_of(number));
}

static hr_err frequency_add(any_sketch *sketch, uint64_t number)
{
    return stream_frequency_add(&sketch->frequency, hash_of(number % 500), 1);
}

static hr_err moment_add(any_sketch *sketch, uint64_t number)
{
    return stream_moment_add(&sketch->moment, hash_of(number % 500));
}

static hr_err quantile_add(any_sketch *sketch, uint64_t number)
{
    return stream_quantile_add(&sketch->quantile, (double)(number % 1000) - 300);
}

static hr_err sample_add(any_sketch *sketch, uint64_t number)
{
    char text[24];
    return stream_sample_add(&sketch->sample, text, (size_t)text_of(number, text));
}

/* Enters and exits in any order, the time going on: by what the stay has seen of it. */
static hr_err stay_add(any_sketch *sketch, uint64_t number)
{
    int64_t time_ms = sketch->stay.since_ms + (int64_t)(number % 1000);
    if (number % 3 == 0) {
        stream_stay_exit(&sketch->stay, time_ms, (uint32_t)(number % 50));
    } else {
        stream_stay_enter(&sketch->stay, time_ms, (uint32_t)(number % 50));
    }
    return HR_OK;
}

static hr_err topk_add(any_sketch *sketch, uint64_t number)
{
    char text[24];
    return stream_topk_add(&sketch->topk, text, (size_t)text_of(number % 300, text));
}

static hr_err total_add(any_sketch *sketch, uint64_t number)
{
    stream_total_add(&sketch->total, (double)(number % 1000));
    return HR_OK;
}

static hr_err trend_add(any_sketch *sketch, uint64_t number)
{
    stream_trend_add(&sketch->trend, (double)(number % 100), (double)(number % 7));
    return HR_OK;
}

#define KIND(kind, exactly, fini)                                                                  \
    {                                                                                              \
#kind, exactly, kind##_init, fini, kind##_add, kind##_merge, kind##_write, kind##_read     \
    }

static const sketch_kind kinds[] = {
    KIND(clusters, false, plain_fini),   KIND(descent, false, plain_fini),
    KIND(distinct, true, distinct_fini), KIND(frequency, true, frequency_fini),
    KIND(moment, true, moment_fini),     KIND(quantile, true, quantile_fini),
    KIND(sample, false, sample_fini),    KIND(stay, false, plain_fini),
    KIND(topk, false, topk_fini),        KIND(total, true, plain_fini),
    KIND(trend, false, plain_fini),
};

static const uint64_t sizes[] = {0, 1, 30, 64, 65, 2000};
#define EACH_KIND(kind)                                                                            \
    for (const sketch_kind *kind = kinds; kind < kinds + sizeof kinds / sizeof kinds[0]; kind++)

/* Numbers [from, to), shuffled by hashing. */
static void fill(const sketch_kind *kind, any_sketch *sketch, uint64_t from, uint64_t to)
{
    kind->init(sketch);
    for (uint64_t i = from; i < to; i++) {
        assert_int_equal(kind->add(sketch, hash_of(i) >> 40), HR_OK);
    }
}

static void what_is_stored_reads_back_the_same(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            any_sketch sketch;
            any_sketch again;
            hr_buf bytes;
            hr_buf_init(&bytes, 1 << 20);
            fill(kind, &sketch, 0, sizes[s]);
            kind->write(&sketch, &bytes);
            kind->init(&again);
            hr_cursor in = hr_cursor_of(bytes.data, bytes.size);
            assert_int_equal(kind->read(&again, &in), HR_OK);
            assert_int_equal(hr_cursor_left(&in), 0);
            /* Both go on in the same way. */
            size_t size = bytes.size;
            for (uint64_t i = 0; i < 100; i++) {
                assert_int_equal(kind->add(&sketch, i), HR_OK);
                assert_int_equal(kind->add(&again, i), HR_OK);
            }
            hr_buf_consume(&bytes, size);
            kind->write(&sketch, &bytes);
            size = bytes.size;
            kind->write(&again, &bytes);
            assert_int_equal(bytes.size, 2 * size);
            assert_memory_equal(bytes.data, bytes.data + size, size);
            kind->fini(&sketch);
            kind->fini(&again);
            hr_buf_fini(&bytes);
        }
    }
}

static void merged_parts_are_the_whole(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            any_sketch whole;
            any_sketch merged;
            hr_buf bytes;
            hr_buf_init(&bytes, 1 << 20);
            fill(kind, &whole, 0, 4 * sizes[s]);
            kind->init(&merged);
            for (uint64_t part = 0; part < 4; part++) {
                any_sketch sketch;
                fill(kind, &sketch, part * sizes[s], (part + 1) * sizes[s]);
                assert_int_equal(kind->merge(&merged, &sketch), HR_OK);
                kind->fini(&sketch);
            }
            kind->write(&whole, &bytes);
            size_t size = bytes.size;
            kind->write(&merged, &bytes);
            if (kind->merges_exactly) {
                assert_int_equal(bytes.size, 2 * size);
                assert_memory_equal(bytes.data, bytes.data + size, size);
            }
            kind->fini(&whole);
            kind->fini(&merged);
            hr_buf_fini(&bytes);
        }
    }
}

/* Whatever the bytes are, reading them ends in a sketch that works or in HR_CORRUPT. */
static void read_damaged(const sketch_kind *kind, const uint8_t *data, size_t size, bool must_fail)
{
    any_sketch sketch;
    kind->init(&sketch);
    hr_cursor in = hr_cursor_of(data, size);
    hr_err err = kind->read(&sketch, &in);
    if (err == HR_OK) {
        if (must_fail) {
            fail_msg("%s: %zu bytes are not all of it", kind->name, size);
        }
        assert_int_equal(kind->add(&sketch, 1), HR_OK);
    } else {
        assert_int_equal(err, HR_CORRUPT);
    }
    kind->fini(&sketch);
}

static void damaged_bytes_are_refused_or_harmless(void **state)
{
    (void)state;
    hr_random random = {.state = 5};
    EACH_KIND(kind)
    {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            any_sketch sketch;
            hr_buf bytes;
            hr_buf_init(&bytes, 1 << 20);
            fill(kind, &sketch, 0, sizes[s]);
            kind->write(&sketch, &bytes);
            size_t step = bytes.size / 200 + 1;
            for (size_t cut = 0; cut < bytes.size; cut += step) {
                read_damaged(kind, bytes.data, cut, true);
            }
            for (int i = 0; i < 100; i++) {
                uint64_t at = hr_random_below(&random, bytes.size < 40 ? bytes.size : 40);
                uint8_t before = bytes.data[at];
                bytes.data[at] = (uint8_t)hr_random_next(&random);
                read_damaged(kind, bytes.data, bytes.size, false);
                bytes.data[at] = before;
            }
            kind->fini(&sketch);
            hr_buf_fini(&bytes);
        }
    }
}

int run_stored_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stored_reads_back_the_same),
        cmocka_unit_test(merged_parts_are_the_whole),
        cmocka_unit_test(damaged_bytes_are_refused_or_harmless),
    };
    return cmocka_run_group_tests_name("stream stored", tests, NULL, NULL);
}
