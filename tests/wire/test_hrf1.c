/* tests/wire/test_hrf1.c - HRF1: the vectors, round trips, the example, and damaged messages. */
#include "wire/hrf1.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/id.h"
#include "test.h"
#include "wire/example/hrf1_encode.h"

/* A file's bytes as a terminated text; freed by the caller. */
static char *read_file(const char *name, const char *suffix)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s%s", HR_VECTORS, name, suffix);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    char *text = calloc(1, 65536);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, file) < 65535);
    fclose(file);
    return text;
}

static size_t read_vector(const char *name, uint8_t *bytes, size_t capacity)
{
    char *hex = read_file(name, ".hex");
    size_t size = 0;
    for (const char *at = hex; *at != '\0'; at++) {
        unsigned value;
        if (*at == '\n') {
            continue;
        }
        assert_int_equal(sscanf(at, "%2x", &value), 1);
        assert_true(size < capacity);
        bytes[size++] = (uint8_t)value;
        at++;
    }
    free(hex);
    return size;
}

static void describe_fix(const hrf1_view *view, const hrf1_device *devices, uint32_t i, hr_buf *out)
{
    hr_fix fix;
    uint16_t device;
    hr_buf_printf(out, "%llu ", (unsigned long long)(view->base_seq + i));
    switch (hrf1_fix(view, devices, i, &fix, &device)) {
    case HRF1_BAD_DEVICE:
        hr_buf_put_text(out, "bad device\n");
        return;
    case HRF1_BAD_PLACE:
        hr_buf_put_text(out, "bad place\n");
        return;
    case HRF1_GOOD:
        break;
    }
    assert_int_equal(fix.device, hr_device_key(devices[device].id, devices[device].id_size));
    hr_buf_printf(out, "%.*s %lld %d %d %u %u %u %u %u\n", devices[device].id_size,
                  devices[device].id, (long long)fix.time_ms, fix.lon_e7, fix.lat_e7,
                  fix.accuracy_dm, fix.speed_cm_s, fix.heading_cdeg, fix.battery_pct, fix.flags);
}

/* A message in the words of the vectors' text files; freed by the caller. */
static char *describe(const uint8_t *bytes, size_t size)
{
    hr_buf out;
    hr_why why;
    hrf1_view view;
    hr_buf_init(&out, 1 << 20);
    /* An exact heap copy, so that a sanitizer sees a read past the end. */
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    if (hrf1_parse(copy, size, &view, &why) != HR_OK) {
        hr_buf_printf(&out, "invalid: %s\n", why.text);
    } else {
        hrf1_device *devices = calloc(view.device_count + 1u, sizeof *devices);
        assert_non_null(devices);
        hrf1_devices(&view, devices);
        hr_buf_printf(&out, "epoch %llu\nbase_seq %llu\noldest_seq %llu\nbacklog %d\n",
                      (unsigned long long)view.epoch, (unsigned long long)view.base_seq,
                      (unsigned long long)view.oldest_seq, view.is_backlog);
        hr_buf_printf(&out, "devices %u\nfixes %u\n", view.device_count, view.fix_count);
        for (uint32_t i = 0; i < view.fix_count; i++) {
            describe_fix(&view, devices, i, &out);
        }
        free(devices);
    }
    hr_buf_put_u8(&out, 0);
    assert_int_equal(hr_buf_err(&out), HR_OK);
    free(copy);
    return (char *)out.data;
}

static void every_vector_says_what_its_text_says(void **state)
{
    (void)state;
    DIR *folder = opendir(HR_VECTORS);
    assert_non_null(folder);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char name[256];
        const char *dot = strstr(entry->d_name, ".hex");
        if (dot == NULL) {
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)(dot - entry->d_name), entry->d_name);
        uint8_t bytes[4096];
        size_t size = read_vector(name, bytes, sizeof bytes);
        char *expected = read_file(name, ".txt");
        char *actual = describe(bytes, size);
        if (strcmp(expected, actual) != 0) {
            fail_msg("%s: expected\n%sgot\n%s", name, expected, actual);
        }
        free(expected);
        free(actual);
        count++;
    }
    closedir(folder);
    assert_true(count >= 16);
}

static void the_writer_makes_the_vectors_bytes(void **state)
{
    (void)state;
    uint8_t expected[4096];
    size_t size = read_vector("two-devices-backlog", expected, sizeof expected);
    hrf1_writer *writer = hrf1_writer_new();
    assert_non_null(writer);
    hr_fix fixes[3] = {
        {0, 1795161600123, 163725000, 598512000, 42, 120, 9000, 88, 0},
        {0, 1795161601623, -1800000000, -900000000, 65535, 0, 0, 255, 0},
        {0, 1799456567418, 1800000000, 900000000, 65534, 35999, 0, 0, 0},
    };
    fixes[2].accuracy_dm = 9;
    fixes[2].speed_cm_s = 65534;
    fixes[2].heading_cdeg = 35999;
    fixes[2].flags = HR_FIX_TIME_ASSIGNED;
    hrf1_writer_begin(writer);
    assert_int_equal(hrf1_writer_add(writer, "cow-17", 6, &fixes[0]), HR_OK);
    assert_int_equal(hrf1_writer_add(writer, "A.b_c:d-9", 9, &fixes[1]), HR_OK);
    assert_int_equal(hrf1_writer_add(writer, "cow-17", 6, &fixes[2]), HR_OK);
    assert_int_equal(hrf1_writer_size(writer), size);
    hr_buf out;
    hr_buf_init(&out, HRF1_BYTES_MAX);
    hrf1_header header = {UINT64_MAX, 1000, 990, true};
    assert_int_equal(hrf1_writer_finish(writer, &header, &out), HR_OK);
    assert_int_equal(out.size, size);
    assert_memory_equal(out.data, expected, size);
    hr_buf_fini(&out);
    hrf1_writer_free(writer);
}

static void the_writer_refuses_what_does_not_fit(void **state)
{
    (void)state;
    hrf1_writer *writer = hrf1_writer_new();
    assert_non_null(writer);
    hrf1_writer_begin(writer);
    hr_fix fix = {.time_ms = 1000};
    assert_int_equal(hrf1_writer_add(writer, "x/y", 3, &fix), HR_INVALID);
    hr_fix off = {.lat_e7 = 900000001};
    assert_int_equal(hrf1_writer_add(writer, "a", 1, &off), HR_INVALID);
    assert_int_equal(hrf1_writer_add(writer, "a", 1, &fix), HR_OK);
    fix.time_ms = 1000 + (int64_t)UINT32_MAX + 1;
    assert_int_equal(hrf1_writer_add(writer, "a", 1, &fix), HR_TOO_BIG);
    fix.time_ms = 999;
    for (uint32_t i = 1; i < HRF1_FIXES_MAX; i++) {
        char id[16];
        int id_size = snprintf(id, sizeof id, "d%u", i % 5000);
        assert_int_equal(hrf1_writer_add(writer, id, (size_t)id_size, &fix), HR_OK);
    }
    assert_int_equal(hrf1_writer_add(writer, "a", 1, &fix), HR_TOO_BIG);
    hr_buf out;
    hr_buf_init(&out, HRF1_BYTES_MAX);
    hrf1_header header = {.epoch = 1};
    assert_int_equal(hrf1_writer_finish(writer, &header, &out), HR_OK);
    hrf1_view view;
    assert_int_equal(hrf1_parse(out.data, out.size, &view, NULL), HR_OK);
    assert_int_equal(view.fix_count, HRF1_FIXES_MAX);
    assert_int_equal(view.device_count, 5001);
    hr_buf_fini(&out);
    hrf1_writer_free(writer);
}

static void the_writers_table_of_devices_has_a_limit(void **state)
{
    (void)state;
    hrf1_writer *writer = hrf1_writer_new();
    assert_non_null(writer);
    hrf1_writer_begin(writer);
    hr_fix fix = {.time_ms = 1000};
    char id[16];
    for (uint32_t i = 0; i < HRF1_WRITER_DEVICES_MAX; i++) {
        int id_size = snprintf(id, sizeof id, "d%u", i);
        assert_int_equal(hrf1_writer_add(writer, id, (size_t)id_size, &fix), HR_OK);
    }
    assert_int_equal(hrf1_writer_add(writer, "more", 4, &fix), HR_TOO_BIG);
    assert_int_equal(hrf1_writer_add(writer, "d7", 2, &fix), HR_OK);
    hrf1_writer_begin(writer);
    assert_int_equal(hrf1_writer_count(writer), 0);
    assert_int_equal(hrf1_writer_add(writer, "more", 4, &fix), HR_OK);
    hrf1_writer_free(writer);
}

static hr_fix random_fix(hr_random *random)
{
    return (hr_fix){
        .time_ms = 1795161600000 + (int64_t)hr_random_below(random, 1000000),
        .lon_e7 = (int32_t)((int64_t)hr_random_below(random, 3600000001) - 1800000000),
        .lat_e7 = (int32_t)((int64_t)hr_random_below(random, 1800000001) - 900000000),
        .accuracy_dm = (uint16_t)hr_random_next(random),
        .speed_cm_s = (uint16_t)hr_random_next(random),
        .heading_cdeg = (uint16_t)hr_random_next(random),
        .battery_pct = (uint8_t)hr_random_next(random),
        .flags = (uint8_t)hr_random_below(random, 4),
    };
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    uint64_t seed = test_seed(__func__);
    hr_random random = {seed};
    hrf1_writer *writer = hrf1_writer_new();
    assert_non_null(writer);
    hr_buf out;
    hr_buf_init(&out, HRF1_BYTES_MAX);
    for (int round = 0; round < 50; round++) {
        hr_fix fixes[300];
        char ids[300][16];
        uint32_t count = (uint32_t)hr_random_below(&random, 300);
        hrf1_writer_begin(writer);
        for (uint32_t i = 0; i < count; i++) {
            fixes[i] = random_fix(&random);
            snprintf(ids[i], sizeof ids[i], "cow-%u", (unsigned)hr_random_below(&random, 40));
            assert_int_equal(hrf1_writer_add(writer, ids[i], strlen(ids[i]), &fixes[i]), HR_OK);
        }
        hrf1_header header = {hr_random_next(&random), 77, 70, false};
        hr_buf_clear(&out);
        assert_int_equal(hrf1_writer_finish(writer, &header, &out), HR_OK);
        hrf1_view view;
        assert_int_equal(hrf1_parse(out.data, out.size, &view, NULL), HR_OK);
        assert_int_equal(view.epoch, header.epoch);
        assert_int_equal(view.fix_count, count);
        hrf1_device devices[40];
        assert_true(view.device_count <= 40);
        hrf1_devices(&view, devices);
        for (uint32_t i = 0; i < count; i++) {
            hr_fix fix;
            uint16_t device;
            assert_int_equal(hrf1_fix(&view, devices, i, &fix, &device), HRF1_GOOD);
            fixes[i].device = hr_device_key(ids[i], strlen(ids[i]));
            assert_memory_equal(&fix, &fixes[i], sizeof fix);
        }
    }
    hr_buf_fini(&out);
    hrf1_writer_free(writer);
}

static void a_damaged_byte_anywhere_is_noticed(void **state)
{
    (void)state;
    uint8_t bytes[4096];
    size_t size = read_vector("two-devices-backlog", bytes, sizeof bytes);
    hrf1_view view;
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1 << bit);
            assert_int_equal(hrf1_parse(bytes, size, &view, NULL), HR_INVALID);
            bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(hrf1_parse(bytes, cut, &view, NULL), HR_INVALID);
    }
    assert_int_equal(hrf1_parse(bytes, size, &view, NULL), HR_OK);
}

static void the_microcontroller_example_makes_a_valid_message(void **state)
{
    (void)state;
    uint8_t expected[256], bytes[256];
    size_t size = read_vector("one-fix", expected, sizeof expected);
    const hrf1_sample fix = {1795161600123, 163725000, 598512000, 42, 88};
    assert_int_equal(hrf1_encode(bytes, sizeof bytes, "cow-17", 7, 0, 0, &fix, 1), size);
    assert_memory_equal(bytes, expected, size);
    assert_int_equal(hrf1_encode(bytes, size - 1, "cow-17", 7, 0, 0, &fix, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_says_what_its_text_says),
        cmocka_unit_test(the_writer_makes_the_vectors_bytes),
        cmocka_unit_test(the_writer_refuses_what_does_not_fit),
        cmocka_unit_test(the_writers_table_of_devices_has_a_limit),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(a_damaged_byte_anywhere_is_noticed),
        cmocka_unit_test(the_microcontroller_example_makes_a_valid_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
