/* tests/stream/test_windows.c - groups and panes against plain counting. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "stream/windows.h"
#include "suites.h"
#include "test.h"

#define KEYS 40 /* few enough for the first buckets */
#define ROWS 3000
#define TIMES_MS 1000

static const stream_aggregate aggregates[] = {{.kind = STREAM_COUNT}, {.kind = STREAM_DISTINCT}};

typedef struct row {
    uint32_t key;
    int64_t time_ms;
} row;

typedef struct scene {
    stream_window window;
    row rows[ROWS];
    uint32_t told; /* windows */
    uint64_t counted;
} scene;

/* Keys of all lengths: what stands behind them is aligned for each. */
static size_t key_of(uint32_t number, uint8_t key[KEYS + 1])
{
    memset(key, (int)('A' + number), number + 1);
    return number + 1;
}

static void fill(scene *s, stream_window window, hr_random *random)
{
    *s = (scene){.window = window};
    for (uint32_t i = 0; i < ROWS; i++) {
        s->rows[i] = (row){(uint32_t)hr_random_below(random, KEYS),
                           (uint32_t)hr_random_below(random, TIMES_MS)};
    }
}

static stream_windows *counted(const scene *s)
{
    stream_windows *windows = NULL;
    assert_int_equal(stream_windows_new(&s->window, aggregates, 2, 7, &windows), HR_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        uint8_t key[KEYS + 1];
        bool is_late = true;
        size_t size = key_of(s->rows[i].key, key);
        const stream_value number = {.type = STREAM_WHOLE, .whole = i % 97};
        assert_int_equal(stream_windows_add(windows, key, size, s->rows[i].time_ms,
                                            STREAM_TIME_NONE, &number, &is_late),
                         HR_OK);
        assert_false(is_late);
    }
    return windows;
}

static bool check_output(void *context, const stream_output *output)
{
    scene *s = context;
    const bool ends = output->to_ms != STREAM_TIME_NONE;
    uint64_t expected = 0;
    bool seen[97] = {false};
    uint32_t different = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        const row *at = &s->rows[i];
        if (at->key + 1 == output->key_size &&
            (!ends || (at->time_ms >= output->from_ms && at->time_ms < output->to_ms))) {
            expected++;
            different += !seen[i % 97];
            seen[i % 97] = true;
        }
    }
    assert_int_equal(output->key[0], 'A' + output->key_size - 1);
    assert_int_equal(stream_output_state(output, 0)->count, expected);
    if (different <= STREAM_DISTINCT_EXACT_MAX) {
        assert_int_equal(stream_distinct_count(&stream_output_state(output, 1)->distinct),
                         different);
    }
    s->told++;
    s->counted += expected;
    return true;
}

/* Each row lies in size / every windows. */
static void check_all(scene *s, const stream_windows *windows)
{
    const stream_window *window = &s->window;
    bool is_paned = window->type == STREAM_HOPPING || window->type == STREAM_TUMBLING;
    uint64_t copies = is_paned ? (uint64_t)(window->size_ms / window->every_ms) : 1;
    s->told = 0;
    s->counted = 0;
    assert_int_equal(stream_windows_groups(windows), KEYS);
    assert_int_equal(stream_windows_open(windows, check_output, s), HR_OK);
    assert_int_equal(s->counted, ROWS * copies);
}

static const stream_window kinds[] = {
    {.type = STREAM_RUNNING},
    {.type = STREAM_TUMBLING, .size_ms = 20, .every_ms = 20},
    {.type = STREAM_HOPPING, .size_ms = 300, .every_ms = 30},
    {.type = STREAM_SESSION, .gap_ms = 12},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static void every_window_counts_its_rows(void **state)
{
    (void)state;
    hr_random random = {test_seed(__func__)};
    for (size_t k = 0; k < KINDS; k++) {
        scene s;
        fill(&s, kinds[k], &random);
        stream_windows *windows = counted(&s);
        check_all(&s, windows);
        stream_windows_free(windows);
    }
}

static void windows_come_back_as_they_were_stored(void **state)
{
    (void)state;
    hr_random random = {test_seed(__func__)};
    for (size_t k = 0; k < KINDS; k++) {
        scene s;
        hr_buf bytes;
        fill(&s, kinds[k], &random);
        stream_windows *windows = counted(&s);
        hr_buf_init(&bytes, 1u << 24);
        stream_windows_write(windows, &bytes);
        assert_int_equal(hr_buf_err(&bytes), HR_OK);
        stream_windows_free(windows);
        assert_int_equal(stream_windows_new(&s.window, aggregates, 2, 7, &windows), HR_OK);
        hr_cursor cursor = hr_cursor_of(bytes.data, bytes.size);
        assert_int_equal(stream_windows_read(windows, &cursor), HR_OK);
        assert_int_equal(hr_cursor_left(&cursor), 0);
        check_all(&s, windows);
        stream_windows_free(windows);
        hr_buf_fini(&bytes);
    }
}

static bool ignore_output(void *context, const stream_output *output)
{
    (void)context;
    (void)output;
    return true;
}

static void what_windows_hold_is_counted_and_given_back(void **state)
{
    (void)state;
    hr_random random = {test_seed(__func__)};
    for (size_t k = 1; k < KINDS; k++) {
        scene s;
        stream_windows *empty = NULL;
        fill(&s, kinds[k], &random);
        assert_int_equal(stream_windows_new(&s.window, aggregates, 2, 7, &empty), HR_OK);
        stream_windows *windows = counted(&s);
        /* One pane and its list of one hash in each group is the least. */
        size_t pane_bytes = stream_windows_pane_bytes(&s.window, aggregates, 2);
        assert_true(stream_windows_bytes(windows) - stream_windows_bytes(empty) >
                    KEYS * (pane_bytes + 8));
        assert_int_equal(stream_windows_close(windows, TIMES_MS * 2, ignore_output, NULL), HR_OK);
        assert_int_equal(stream_windows_groups(windows), 0);
        assert_int_equal(stream_windows_bytes(windows), stream_windows_bytes(empty));
        stream_windows_free(windows);
        stream_windows_free(empty);
    }
}

static bool count_output(void *context, const stream_output *output)
{
    (void)output;
    (*(uint32_t *)context)++;
    return true;
}

/* A window of many panes is dear to tell, and each pane is in as many windows: whoever asks for all
 * of them gets some, and is told. */
static void open_windows_are_told_as_far_as_it_is_cheap(void **state)
{
    (void)state;
    static const uint32_t panes[] = {20, STREAM_PANES_MAX};
    const stream_aggregate topk = {.kind = STREAM_TOPK, .constant = 10};
    for (int is_dear = 0; is_dear < 2; is_dear++) {
        stream_windows *windows = NULL;
        uint32_t told = 0;
        bool is_late;
        stream_window window = {
            .type = STREAM_HOPPING, .size_ms = 1000 * (int64_t)panes[is_dear], .every_ms = 1000};
        assert_int_equal(stream_windows_new(&window, &topk, 1, 7, &windows), HR_OK);
        for (uint32_t i = 0; i < panes[is_dear]; i++) {
            stream_value value = {.type = STREAM_WHOLE, .whole = i};
            assert_int_equal(stream_windows_add(windows, (const uint8_t *)"", 0, 1000 * (int64_t)i,
                                                0, &value, &is_late),
                             HR_OK);
        }
        assert_int_equal(stream_windows_open(windows, count_output, &told),
                         is_dear ? HR_TOO_BIG : HR_OK);
        assert_true(is_dear ? told > 100 && told < panes[1] : told == 2 * panes[0] - 1);
        stream_windows_free(windows);
    }
}

static bool take_cluster(void *context, const stream_output *output)
{
    uint32_t count =
        stream_clusters_list(stream_output_state(output, 0)->clusters, (stream_cluster *)context);
    assert_int_equal(count, 1);
    return true;
}

/* A herd was at 0 for a month and has been at 10 for two days. A total since the start has no
 * window's end at which to forget the month; a restart in between makes no difference. */
static void clusters_of_running_totals_are_where_herds_are(void **state)
{
    (void)state;
    enum {
        HOUR_MS = 3600000,
        MOVED = 30 * 24,
        HOURS = MOVED + 48,
        FIXES = 60
    };
    const stream_window window = {.type = STREAM_RUNNING};
    const stream_aggregate law = {.kind = STREAM_CLUSTERS, .constant = 1};
    stream_windows *windows = NULL;
    stream_cluster list[STREAM_CLUSTERS_MAX];
    bool is_late;
    assert_int_equal(stream_windows_new(&window, &law, 1, 7, &windows), HR_OK);
    for (int64_t i = 0; i < HOURS * FIXES; i++) {
        double place = i / FIXES < MOVED ? 0 : 10;
        const stream_value at[2] = {{.type = STREAM_REAL, .real = place},
                                    {.type = STREAM_REAL, .real = place}};
        int64_t time_ms = i * HOUR_MS / FIXES;
        assert_int_equal(
            stream_windows_add(windows, (const uint8_t *)"", 0, time_ms, time_ms, at, &is_late),
            HR_OK);
        assert_int_equal(stream_windows_close(windows, time_ms, ignore_output, NULL), HR_OK);
        if (i == MOVED * FIXES) {
            hr_buf bytes;
            hr_buf_init(&bytes, 1 << 20);
            stream_windows_write(windows, &bytes);
            stream_windows_free(windows);
            assert_int_equal(stream_windows_new(&window, &law, 1, 7, &windows), HR_OK);
            hr_cursor cursor = hr_cursor_of(bytes.data, bytes.size);
            assert_int_equal(stream_windows_read(windows, &cursor), HR_OK);
            hr_buf_fini(&bytes);
        }
    }
    assert_int_equal(stream_windows_open(windows, take_cluster, list), HR_OK);
    print_message("after two days at 10 the herd is at %.2f, and weighs %.0f fixes\n", list[0].x,
                  list[0].weight);
    assert_double_near(list[0].x, 7.5, 0.2);
    /* What a day is worth at a half-life of a day. */
    assert_double_near(list[0].weight, FIXES * 24 / log(2), FIXES * 2);

    /* A clock that was ahead, and goes on from where it is put right, fades nothing more. */
    double weight = list[0].weight;
    assert_int_equal(stream_windows_close(windows, 0, ignore_output, NULL), HR_OK);
    assert_int_equal(stream_windows_open(windows, take_cluster, list), HR_OK);
    assert_double_near(list[0].weight, weight, 0);
    assert_int_equal(stream_windows_close(windows, 24 * HOUR_MS, ignore_output, NULL), HR_OK);
    assert_int_equal(stream_windows_open(windows, take_cluster, list), HR_OK);
    assert_double_near(list[0].weight, weight / 2, weight / 100);
    stream_windows_free(windows);
}

/* As when one of two devices is a thousand years ahead: 30 billion seconds lie between them. */
static void empty_windows_between_two_rows_cost_nothing(void **state)
{
    (void)state;
    static const int64_t times_ms[] = {1000, INT64_C(365243) * 86400000};
    const stream_window window = {.type = STREAM_HOPPING, .size_ms = 3000, .every_ms = 1000};
    stream_windows *windows = NULL;
    uint32_t told = 0;
    assert_int_equal(stream_windows_new(&window, aggregates, 1, 7, &windows), HR_OK);
    for (int i = 0; i < 2; i++) {
        stream_value value = {.type = STREAM_WHOLE, .whole = i};
        bool is_late;
        assert_int_equal(
            stream_windows_add(windows, (const uint8_t *)"", 0, times_ms[i], 0, &value, &is_late),
            HR_OK);
        assert_false(is_late);
    }
    assert_int_equal(stream_windows_open(windows, count_output, &told), HR_OK);
    assert_int_equal(told, 3 + 3);
    stream_windows_free(windows);
}

int run_windows_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_window_counts_its_rows),
        cmocka_unit_test(windows_come_back_as_they_were_stored),
        cmocka_unit_test(what_windows_hold_is_counted_and_given_back),
        cmocka_unit_test(open_windows_are_told_as_far_as_it_is_cheap),
        cmocka_unit_test(clusters_of_running_totals_are_where_herds_are),
        cmocka_unit_test(empty_windows_between_two_rows_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
