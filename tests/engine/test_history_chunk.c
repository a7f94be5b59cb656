/* tests/engine/test_history_chunk.c - tracks as few bytes: every fix comes back as it was, and how
 * many bytes that takes. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "engine/history_chunk.h"
#include "test.h"

#define T0 INT64_C(1795161600000)
#define COW 77

static void must_come_back(const hr_fix *fixes, uint32_t count)
{
    uint8_t bytes[HISTORY_CHUNK_BYTES_MAX];
    hr_fix back[HISTORY_CHUNK_FIXES_MAX];
    uint32_t found = 0;
    size_t size = history_chunk_write(fixes, count, bytes);
    assert_true(size <= sizeof bytes);
    assert_int_equal(history_chunk_read(bytes, size, COW, back, &found), HR_OK);
    assert_int_equal(found, count);
    assert_memory_equal(back, fixes, count * sizeof *fixes);
}

/* Cases that random numbers hardly meet. */
static int64_t odd_number(hr_random *random)
{
    static const int64_t odd[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN, 255, 65535};
    uint64_t kind = hr_random_below(random, 4);
    if (kind == 0) {
        return odd[hr_random_below(random, sizeof odd / sizeof odd[0])];
    }
    return (int64_t)(hr_random_next(random) >> hr_random_below(random, 64));
}

static void any_fixes_come_back_as_they_were(void **state)
{
    (void)state;
    uint64_t seed = test_seed(__func__);
    hr_random random = {.state = seed};
    hr_fix fixes[HISTORY_CHUNK_FIXES_MAX];
    for (int round = 0; round < 3000; round++) {
        uint32_t count = (uint32_t)(1 + hr_random_below(&random, round % 3 == 0 ? 256 : 6));
        bool is_wild = round % 2 == 0;
        for (uint32_t i = 0; i < count; i++) {
            bool is_same = i > 0 && hr_random_below(&random, 3) == 0;
            fixes[i] = is_same ? fixes[i - 1]
                               : (hr_fix){.device = COW,
                                          .time_ms = is_wild ? odd_number(&random) : T0 + i * 1000,
                                          .lon_e7 = (int32_t)odd_number(&random),
                                          .lat_e7 = (int32_t)odd_number(&random),
                                          .accuracy_dm = (uint16_t)odd_number(&random),
                                          .speed_cm_s = (uint16_t)odd_number(&random),
                                          .heading_cdeg = (uint16_t)odd_number(&random),
                                          .battery_pct = (uint8_t)odd_number(&random),
                                          .flags = (uint8_t)odd_number(&random)};
        }
        must_come_back(fixes, count);
    }
}

static void the_worst_fixes_stay_within_the_limit(void **state)
{
    (void)state;
    hr_fix fixes[HISTORY_CHUNK_FIXES_MAX];
    for (int i = 0; i < HISTORY_CHUNK_FIXES_MAX; i++) {
        bool is_odd = i % 3 == 1;
        fixes[i] = (hr_fix){.device = COW,
                            .time_ms = is_odd ? INT64_MIN : (int64_t)i * 1234567,
                            .lon_e7 = is_odd ? INT32_MIN : INT32_MAX,
                            .lat_e7 = is_odd ? INT32_MAX : INT32_MIN,
                            .accuracy_dm = is_odd ? UINT16_MAX : 0,
                            .speed_cm_s = is_odd ? 0 : UINT16_MAX,
                            .heading_cdeg = (uint16_t)(i * 7919),
                            .battery_pct = (uint8_t)(i * 101),
                            .flags = (uint8_t)(i * 37)};
    }
    must_come_back(fixes, HISTORY_CHUNK_FIXES_MAX);
}

/* Whatever is changed in a chunk, it is refused or gives some fixes, and nothing is read beside
 * it. With the checksum put right the decoder itself is met. */
static void a_damaged_chunk_is_refused(void **state)
{
    (void)state;
    hr_fix fixes[60];
    hr_fix back[HISTORY_CHUNK_FIXES_MAX];
    uint8_t bytes[HISTORY_CHUNK_BYTES_MAX];
    uint32_t count = 0;
    for (int i = 0; i < 60; i++) {
        fixes[i] = (hr_fix){.device = COW, .time_ms = T0 + i * i, .lon_e7 = i * 17 % 23};
    }
    size_t size = history_chunk_write(fixes, 60, bytes);
    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= 0x10;
        assert_true(history_chunk_read(bytes, size, COW, back, &count) != HR_OK);
        bytes[at] ^= 0x10;
    }
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = malloc(cut + 1);
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        assert_int_equal(history_chunk_read(copy, cut, COW, back, &count), HR_CORRUPT);
        if (cut > 5) {
            hr_store_u32(copy + 1, hr_crc32c(0, copy + 5, cut - 5));
            assert_int_equal(history_chunk_read(copy, cut, COW, back, &count), HR_CORRUPT);
        }
        free(copy);
    }
    bytes[0] = 2;
    assert_int_equal(history_chunk_read(bytes, size, COW, back, &count), HR_TOO_NEW);
}

/* ---- how few ---- */

static double noise(hr_random *random)
{
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        sum += (double)hr_random_below(random, 1000000) / 1e6;
    }
    return sum - 6;
}

typedef struct walk {
    double period_s;
    double speed_mps; /* it wanders about this */
    double turn_deg;  /* how much the heading changes between two fixes */
    double noise_m;   /* of the receiver */
    double jitter_ms;
} walk;

/* Bytes for each fix, chunk heads counted in, of a walk in chunks of that many fixes. */
static double bytes_per_fix(const walk *walk, uint32_t chunk, hr_random *random)
{
    hr_fix fixes[HISTORY_CHUNK_FIXES_MAX];
    uint8_t bytes[HISTORY_CHUNK_BYTES_MAX];
    double x = 0, y = 0, heading = 90, speed = walk->speed_mps, drift_x = 0, drift_y = 0;
    size_t total = 0;
    uint32_t chunks = 40;
    for (uint32_t c = 0; c < chunks; c++) {
        for (uint32_t i = 0; i < chunk; i++) {
            heading = fmod(heading + noise(random) * walk->turn_deg + 720, 360);
            speed = fabs(0.9 * speed + 0.1 * walk->speed_mps + noise(random) * 0.1 * speed);
            x += speed * walk->period_s * sin(heading * M_PI / 180);
            y += speed * walk->period_s * cos(heading * M_PI / 180);
            /* A receiver's error wanders slowly, and flickers a little. */
            drift_x = 0.95 * drift_x + noise(random) * 0.3 * walk->noise_m;
            drift_y = 0.95 * drift_y + noise(random) * 0.3 * walk->noise_m;
            double steps = (double)(c * chunk + i) * walk->period_s * 1000;
            fixes[i] = (hr_fix){.device = COW,
                                .time_ms = T0 + (int64_t)(steps + noise(random) * walk->jitter_ms),
                                .lon_e7 = 163725000 + (int32_t)((x + drift_x) * 174),
                                .lat_e7 = 598512000 + (int32_t)((y + drift_y) * 90),
                                .accuracy_dm = (uint16_t)(40 + noise(random) * 5),
                                .speed_cm_s = (uint16_t)(speed * 100),
                                .heading_cdeg = (uint16_t)(heading * 100),
                                .battery_pct = (uint8_t)(90 - c / 8)};
        }
        must_come_back(fixes, chunk);
        total += history_chunk_write(fixes, chunk, bytes);
    }
    return (double)total / (chunks * chunk);
}

static void a_fix_takes_about_eight_bytes(void **state)
{
    (void)state;
    hr_random random = {.state = 20261120};
    const walk grazing = {.period_s = 10, .speed_mps = 0.15, .turn_deg = 60, .noise_m = 2.5};
    const walk slow = {.period_s = 60, .speed_mps = 0.15, .turn_deg = 90, .noise_m = 2.5};
    const walk vehicle = {.period_s = 1, .speed_mps = 12, .turn_deg = 3, .noise_m = 1.5};
    const walk loose = {
        .period_s = 1, .speed_mps = 12, .turn_deg = 3, .noise_m = 1.5, .jitter_ms = 20};
    double cow = bytes_per_fix(&grazing, 60, &random);
    double full = bytes_per_fix(&grazing, 256, &random);
    double rare = bytes_per_fix(&slow, 10, &random);
    double truck = bytes_per_fix(&vehicle, 256, &random);
    double jittery = bytes_per_fix(&loose, 256, &random);
    printf("bytes per fix: grazing every 10 s %.2f (10 minutes), %.2f (256 fixes); every 60 s %.2f;"
           " vehicle every second %.2f, with jitter %.2f\n",
           cow, full, rare, truck, jittery);
    assert_true(cow < 9 && full < 8 && truck < 8 && jittery < 9 && rare < 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_fixes_come_back_as_they_were),
        cmocka_unit_test(the_worst_fixes_stay_within_the_limit),
        cmocka_unit_test(a_damaged_chunk_is_refused),
        cmocka_unit_test(a_fix_takes_about_eight_bytes),
    };
    return cmocka_run_group_tests_name("history chunk", tests, NULL, NULL);
}
