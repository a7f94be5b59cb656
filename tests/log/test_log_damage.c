/* tests/log/test_log_damage.c - flipped bits, and files that are missing, empty, renamed or from
 * the future: everything that is left can be read, and what is lost is told exactly. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "log/frame.h"
#include "log_fixture.h"
#include "test.h"

#define FRAMES 600
#define RECORDS_MAX 32768
#define FILES_MAX 16

/* A closed journal of several files, and how it should look. */
typedef struct specimen {
    fixture original;
    fixture copy;
    uint32_t counts[FIXTURE_PARTITIONS];
    uint32_t files;
    log_position last_frame; /* where the last of all frames begins, and what is in it */
    uint16_t last_partition;
    uint32_t last_count;
} specimen;

/* Nothing is on its way: the next frame begins at the appended end. */
static void settle(fixture *f)
{
    log_position durable = log_durable(f->log);
    while (durable < log_appended(f->log)) {
        durable = log_wait(f->log, LOG_COMMITTED, durable, 100);
    }
}

static int set_up(void **state)
{
    specimen *s = calloc(1, sizeof *s);
    hr_random random = {.state = 7};
    fixture_init(&s->original);
    s->original.options.file_bytes = 32 << 10;
    fixture_beside(&s->original, "copy", &s->copy);
    fixture_open(&s->original);
    for (int i = 0; i < FRAMES; i++) {
        uint16_t p = (uint16_t)hr_random_below(&random, FIXTURE_PARTITIONS);
        uint32_t count = 1 + (uint32_t)hr_random_below(&random, 30);
        if (i == FRAMES - 1) {
            settle(&s->original);
            s->last_frame = log_appended(s->original.log);
            s->last_partition = p;
            s->last_count = count;
        }
        assert_int_equal(fixture_append(&s->original, 0, p, s->counts[p], count, NULL), HR_OK);
        s->counts[p] += count;
    }
    fixture_close(&s->original);
    struct stat status;
    char path[FIXTURE_PATH_MAX];
    do {
        snprintf(path, sizeof path, "%s/%012u.log", s->original.folder, ++s->files);
    } while (stat(path, &status) == 0);
    s->files--;
    assert_in_range(s->files, 4, FILES_MAX);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    specimen *s = *state;
    log_close(s->copy.log);
    fixture_remove(s->copy.folder);
    fixture_fini(&s->original);
    free(s);
    return 0;
}

static void path_of(const specimen *s, const char *name, char path[FIXTURE_PATH_MAX])
{
    snprintf(path, FIXTURE_PATH_MAX, "%s/%s", s->copy.folder, name);
}

static void fresh_copy(specimen *s)
{
    fixture_copy(s->original.folder, s->copy.folder);
}

/* What verify and opening say is lost: a mark for each offset. */
typedef struct lost {
    uint8_t is_lost[FIXTURE_PARTITIONS][RECORDS_MAX];
    uint32_t runs_of_bytes;
} lost;

static void note_lost(const log_damage *damage, void *context)
{
    lost *l = context;
    l->runs_of_bytes += !damage->has_records;
    if (damage->has_records && damage->topic == 0) {
        for (int64_t i = damage->first_offset; i < damage->end_offset; i++) {
            assert_in_range(i, 0, RECORDS_MAX - 1);
            l->is_lost[damage->partition][i] = 1;
        }
    }
}

/* Read a partition from its start: each record is either there and right, or told to be lost. */
static uint32_t read_around(specimen *s, uint16_t p, const lost *told)
{
    log_reader *reader = NULL;
    log_view view;
    hr_why why = {""};
    uint32_t missing = 0;
    int64_t next = log_start(s->copy.log, 0, p);
    assert_int_equal(log_reader_open(s->copy.log, 0, p, next, LOG_COMMITTED, &reader), HR_OK);
    for (hr_err err; (err = log_reader_next(reader, &view, &why)) != HR_TIMEOUT;) {
        if (err == HR_CORRUPT) {
            char text[64];
            int64_t to = log_reader_offset(reader);
            snprintf(text, sizeof text, "offsets %lld to %lld are lost", (long long)next,
                     (long long)to - 1);
            assert_non_null(strstr(why.text, text));
            for (; next < to; next++, missing++) {
                assert_true(told->is_lost[p][next]);
            }
            continue;
        }
        assert_int_equal(err, HR_OK);
        size_t at = 0;
        size_t size = 0;
        const uint8_t *bytes = NULL;
        assert_int_equal(view.first_offset, next);
        while (log_record_next(&view, &at, &bytes, &size)) {
            assert_int_equal(hr_load_u64(bytes), next);
            assert_false(told->is_lost[p][next]);
            next++;
        }
    }
    log_reader_close(reader);
    assert_int_equal(next, log_end(s->copy.log, 0, p, LOG_COMMITTED));
    assert_int_equal(next, s->counts[p]);
    return missing;
}

/* Open the copy and compare; told gets what it says of itself. Returns how many are missing. */
static uint32_t examine(specimen *s, lost *told)
{
    uint32_t missing = 0;
    log_verified verified;
    memset(told, 0, sizeof *told);
    fixture_open(&s->copy);
    assert_int_equal(log_verify(s->copy.log, note_lost, told, &verified, NULL), HR_OK);
    for (uint16_t p = 0; p < FIXTURE_PARTITIONS; p++) {
        missing += read_around(s, p, told);
    }
    return missing;
}

static void flip(const char *path, uint64_t bit)
{
    uint8_t byte = 0;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
    byte = (uint8_t)(byte ^ (1u << bit % 8));
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
    close(fd);
}

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static uint64_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void remove_named(specimen *s, const char *suffix)
{
    char path[FIXTURE_PATH_MAX];
    char name[64];
    for (uint32_t i = 1; i <= s->files; i++) {
        snprintf(name, sizeof name, "%012u.%s", i, suffix);
        path_of(s, name, path);
        unlink(path);
    }
}

static void remove_side(specimen *s)
{
    char path[FIXTURE_PATH_MAX];
    path_of(s, "side-0", path);
    unlink(path);
    path_of(s, "side-1", path);
    unlink(path);
}

/* One bit of one journal file: found, at most one frame (30 records) lost. */
static void flip_one(specimen *s, hr_random *random, lost *told)
{
    char path[FIXTURE_PATH_MAX];
    char name[64];
    fresh_copy(s);
    /* With everything beside the journal, or without, when it must all be read again. */
    if (hr_random_below(random, 2) == 0) {
        remove_side(s);
    }
    if (hr_random_below(random, 2) == 0) {
        remove_named(s, "idx");
    }
    snprintf(name, sizeof name, "%012u.log", 1 + (uint32_t)hr_random_below(random, s->files));
    path_of(s, name, path);
    uint64_t size = size_of(path);
    uint64_t bit = hr_random_below(random, size * 8);
    flip(path, bit);
    uint32_t missing = examine(s, told);
    bool is_torn_mark = told->runs_of_bytes == 0;
    if (is_torn_mark) {
        /* Only the closing mark, which nothing stands behind to prove. It was cut. */
        assert_int_equal(missing, 0);
        if (bit / 8 + 128 < size) {
            fail_msg("%s: bit %llu of %llu bytes was not noticed", name, (unsigned long long)bit,
                     (unsigned long long)size);
        }
    }
    assert_true(told->runs_of_bytes <= 1);
    assert_true(missing <= 30);
    fixture_close(&s->copy);
}

static void a_flipped_bit_costs_at_most_one_frame_and_is_told(void **state)
{
    specimen *s = *state;
    lost *told = calloc(1, sizeof *told);
    uint64_t seed = test_seed(__func__);
    hr_random random = {.state = seed};
    int count = fixture_is_long() ? 10000 : 400;
    assert_non_null(told);
    for (int i = 0; i < count; i++) {
        flip_one(s, &random, told);
    }
    free(told);
}

/* No later frame of the partition tells that there was one: the closing mark must. */
static void the_last_record_of_a_partition_is_missed_too(void **state)
{
    specimen *s = *state;
    lost *told = calloc(1, sizeof *told);
    char path[FIXTURE_PATH_MAX];
    char name[64];
    uint8_t head[FRAME_HEAD_BYTES];
    assert_non_null(told);
    for (int with_side = 0; with_side < 2; with_side++) {
        fresh_copy(s);
        if (with_side == 0) {
            remove_side(s);
        }
        snprintf(name, sizeof name, "%012u.log", s->files);
        path_of(s, name, path);
        int fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, head, sizeof head, 0), sizeof head);
        uint64_t base = hr_load_u64(head + 16);
        close(fd);
        flip(path, (s->last_frame - base + 9) * 8);
        assert_int_equal(examine(s, told), s->last_count);
        assert_true(told->is_lost[s->last_partition][s->counts[s->last_partition] - 1]);
        fixture_close(&s->copy);
    }
    free(told);
}

static void a_flipped_bit_beside_the_journal_costs_nothing(void **state)
{
    specimen *s = *state;
    lost *told = calloc(1, sizeof *told);
    uint64_t seed = test_seed(__func__);
    hr_random random = {.state = seed};
    static const char *const names[] = {"side-0", "side-1", "000000000001.idx", "000000000003.idx"};
    assert_non_null(told);
    for (int i = 0; i < (fixture_is_long() ? 4000 : 200); i++) {
        char path[FIXTURE_PATH_MAX];
        fresh_copy(s);
        path_of(s, names[i % 4], path);
        if (size_of(path) > 0) {
            flip(path, hr_random_below(&random, size_of(path) * 8));
        }
        assert_int_equal(examine(s, told), 0);
        assert_int_equal(told->runs_of_bytes, 0);
        fixture_close(&s->copy);
    }
    free(told);
}

/* A file disappears, in one of several ways; with and without what stands beside it. */
typedef enum harm {
    HARM_MISSING,
    HARM_EMPTY,
    HARM_ZEROS,
    HARM_RENAMED, /* to a name that is no journal file's */
    HARMS,
} harm;

static void do_harm(const specimen *s, harm how, uint32_t file)
{
    char path[FIXTURE_PATH_MAX];
    char aside[FIXTURE_PATH_MAX];
    char name[64];
    snprintf(name, sizeof name, "%012u.log", file);
    path_of(s, name, path);
    path_of(s, "old.bak", aside);
    uint64_t size = size_of(path);
    switch (how) {
    case HARM_MISSING:
        assert_int_equal(unlink(path), 0);
        break;
    case HARM_EMPTY:
        assert_int_equal(truncate(path, 0), 0);
        break;
    case HARM_ZEROS:
        assert_int_equal(truncate(path, 0), 0);
        assert_int_equal(truncate(path, (off_t)size), 0);
        break;
    default:
        assert_int_equal(rename(path, aside), 0);
        break;
    }
}

static void a_file_that_is_gone_is_a_gap_told_exactly(void **state)
{
    specimen *s = *state;
    lost *told = calloc(1, sizeof *told);
    assert_non_null(told);
    for (uint32_t file = 2; file <= s->files; file++) {
        for (harm how = HARM_MISSING; how < HARMS; how++) {
            fresh_copy(s);
            do_harm(s, how, file);
            uint32_t missing = examine(s, told);
            assert_true(missing > 0);
            /* It goes on after the gap, and the gap stays where it is. */
            assert_int_equal(fixture_append(&s->copy, 0, 0, s->counts[0], 1, NULL), HR_OK);
            s->counts[0]++;
            fixture_close(&s->copy);
            assert_int_equal(examine(s, told), missing);
            fixture_close(&s->copy);
            s->counts[0]--;
        }
    }
    free(told);
}

/* Begin so many more files with records of partition 0. */
static void append_files(specimen *s, uint32_t files)
{
    log_position from = log_appended(s->copy.log);
    log_position end = from;
    while (end < from + files * s->copy.options.file_bytes) {
        assert_int_equal(fixture_append(&s->copy, 0, 0, s->counts[0], 200, &end), HR_OK);
        s->counts[0] += 200;
    }
    fixture_commit(&s->copy, end);
}

/* The log goes on behind the hole; the file before it is one like any other from then on. */
static void a_file_that_lost_its_end_is_told_of_exactly_and_goes_by_age(void **state)
{
    specimen *s = *state;
    lost *told = calloc(1, sizeof *told);
    lost *at_opening = calloc(1, sizeof *at_opening);
    char path[FIXTURE_PATH_MAX];
    char name[64];
    assert_non_null(told);
    assert_non_null(at_opening);
    fresh_copy(s);
    snprintf(name, sizeof name, "%012u.log", s->files);
    path_of(s, name, path);
    assert_int_equal(truncate(path, (off_t)size_of(path) / 2), 0);
    uint32_t missing = examine(s, told);
    assert_true(missing > 0);
    append_files(s, 3);
    for (int start = 0; start < 2; start++) {
        fixture_close(&s->copy);
        assert_int_equal(examine(s, told), missing);
        memset(at_opening, 0, sizeof *at_opening);
        log_damage_each(s->copy.log, note_lost, at_opening);
        for (uint32_t p = 0; p < FIXTURE_PARTITIONS; p++) {
            assert_memory_equal(at_opening->is_lost[p], told->is_lost[p], RECORDS_MAX);
        }
    }
    int64_t behind = s->counts[0] - 1000;
    fixture_close(&s->copy);
    s->copy.options.retain_ms = 3600000;
    fixture_open(&s->copy);
    hr_clock_fake_advance(s->copy.clock, 7200000);
    assert_int_equal(log_retain(s->copy.log, NULL), HR_OK);
    assert_true(log_start(s->copy.log, 0, 0) > behind - 4000);
    free(told);
    free(at_opening);
}

/* A file is gone, and the next one's opening and index: where that one begins is not known. */
static void retention_takes_nothing_for_a_beginning_that_is_not_known(void **state)
{
    specimen *s = *state;
    char path[FIXTURE_PATH_MAX];
    fresh_copy(s);
    fixture_open(&s->copy);
    assert_int_equal(log_group_commit(s->copy.log, "slow", 0, 0, 10), HR_OK);
    fixture_close(&s->copy);
    do_harm(s, HARM_MISSING, 2);
    path_of(s, "000000000003.log", path);
    flip(path, 100);
    path_of(s, "000000000003.idx", path);
    assert_int_equal(unlink(path), 0);
    s->copy.options.retain_bytes = 1;
    fixture_open(&s->copy);
    int64_t last = log_end(s->copy.log, 0, 0, LOG_COMMITTED) - 1;
    assert_int_equal(log_floor_set(s->copy.log, "checkpoint", 0, 0, 0), HR_OK);
    assert_int_equal(log_retain(s->copy.log, NULL), HR_OK);
    assert_int_equal(log_start(s->copy.log, 0, 0), 0);
    assert_int_equal(log_floor_set(s->copy.log, "checkpoint", 0, 0, last), HR_OK);
    assert_int_equal(log_retain(s->copy.log, NULL), HR_OK);
    assert_in_range(log_start(s->copy.log, 0, 0), 1, last);
    fixture_crash(&s->copy);
    fixture_open(&s->copy);
    assert_int_equal(log_group_offset(s->copy.log, "slow", 0, 0), 10);
    assert_int_equal(log_retain(s->copy.log, NULL), HR_OK);
    assert_int_equal(log_group_offset(s->copy.log, "slow", 0, 0), log_start(s->copy.log, 0, 0));
}

static void the_first_file_gone_moves_the_start(void **state)
{
    specimen *s = *state;
    fresh_copy(s);
    do_harm(s, HARM_MISSING, 1);
    fixture_open(&s->copy);
    int64_t start = log_start(s->copy.log, 0, 0);
    assert_true(start > 0);
    assert_true(fixture_damages(&s->copy) > 0);
    fixture_expect(&s->copy, 0, 0, start, (uint64_t)start, s->counts[0] - (uint32_t)start,
                   LOG_COMMITTED);
}

static void everything_gone_but_the_side_file_reuses_no_offset(void **state)
{
    specimen *s = *state;
    fresh_copy(s);
    remove_named(s, "log");
    fixture_open(&s->copy);
    assert_true(fixture_damages(&s->copy) > 0);
    assert_int_equal(log_end(s->copy.log, 0, 0, LOG_COMMITTED), s->counts[0]);
    assert_int_equal(log_start(s->copy.log, 0, 0), s->counts[0]);
    assert_int_equal(fixture_append(&s->copy, 0, 0, 5, 1, NULL), HR_OK);
    fixture_reopen(&s->copy);
    fixture_expect(&s->copy, 0, 0, s->counts[0], 5, 1, LOG_COMMITTED);
}

static void files_under_each_others_names_are_known_by_what_they_hold(void **state)
{
    specimen *s = *state;
    lost *told = calloc(1, sizeof *told);
    char first[FIXTURE_PATH_MAX];
    char second[FIXTURE_PATH_MAX];
    char third[FIXTURE_PATH_MAX];
    assert_non_null(told);
    fresh_copy(s);
    path_of(s, "000000000001.log", first);
    path_of(s, "000000000002.log", second);
    path_of(s, "tmp", third);
    assert_int_equal(rename(first, third), 0);
    assert_int_equal(rename(second, first), 0);
    assert_int_equal(rename(third, second), 0);
    assert_int_equal(examine(s, told), 0);
    free(told);
}

static void what_was_cut_does_not_fill_the_disk(void **state)
{
    specimen *s = *state;
    char path[FIXTURE_PATH_MAX];
    uint32_t kept = 0;
    fresh_copy(s);
    path_of(s, "000000000077.idx", path);
    make_file(path);
    for (uint32_t i = 0; i < 20; i++) {
        char name[64];
        snprintf(name, sizeof name, "%016u.torn", i);
        path_of(s, name, path);
        make_file(path);
    }
    fixture_open(&s->copy);
    for (uint32_t i = 0; i < 20; i++) {
        char name[64];
        snprintf(name, sizeof name, "%016u.torn", i);
        path_of(s, name, path);
        kept += access(path, F_OK) == 0;
    }
    assert_int_equal(kept, 8);
    path_of(s, "000000000077.idx", path);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_newer_format_is_refused_by_name(void **state)
{
    specimen *s = *state;
    char path[FIXTURE_PATH_MAX];
    uint8_t bytes[4096];
    frame_head head;
    hr_why why = {""};
    fresh_copy(s);
    path_of(s, "000000000002.log", path);
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, bytes, sizeof bytes, 0), sizeof bytes);
    assert_int_equal(frame_parse_head(bytes, &head), FRAME_GOOD);
    bytes[4] = FRAME_VERSION + 1;
    uint32_t crc = hr_crc32c(0, bytes, 12);
    hr_store_u32(bytes + 12, hr_crc32c(crc, bytes + 16, head.length - 16));
    assert_int_equal(pwrite(fd, bytes, head.length, 0), head.length);
    close(fd);
    assert_int_equal(log_open(&s->copy.options, &s->copy.log, &why), HR_TOO_NEW);
    assert_non_null(strstr(why.text, "000000000002.log"));
    s->copy.log = NULL;
}

static void a_file_of_another_log_is_refused_by_name(void **state)
{
    specimen *s = *state;
    char from[FIXTURE_PATH_MAX];
    char path[FIXTURE_PATH_MAX];
    fixture other;
    hr_why why = {""};
    fresh_copy(s);
    fixture_init(&other);
    fixture_open(&other);
    assert_int_equal(fixture_append(&other, 0, 0, 0, 5, NULL), HR_OK);
    fixture_close(&other);
    snprintf(from, sizeof from, "%s/000000000001.log", other.folder);
    path_of(s, "000000000099.log", path);
    assert_int_equal(rename(from, path), 0);
    assert_int_equal(log_open(&s->copy.options, &s->copy.log, &why), HR_CORRUPT);
    assert_non_null(strstr(why.text, "another log"));
    s->copy.log = NULL;
    fixture_fini(&other);
}

static void a_folder_without_a_log_is_not_made_by_reading(void **state)
{
    specimen *s = *state;
    fixture_remove(s->copy.folder);
    s->copy.options.read_only = true;
    assert_int_equal(log_open(&s->copy.options, &s->copy.log, NULL), HR_NOT_FOUND);
    s->copy.log = NULL;
    assert_int_not_equal(access(s->copy.folder, F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    fixture_hush();
    const struct CMUnitTest tests[] = {
        TEST(a_flipped_bit_costs_at_most_one_frame_and_is_told),
        TEST(the_last_record_of_a_partition_is_missed_too),
        TEST(a_flipped_bit_beside_the_journal_costs_nothing),
        TEST(a_file_that_is_gone_is_a_gap_told_exactly),
        TEST(a_file_that_lost_its_end_is_told_of_exactly_and_goes_by_age),
        TEST(retention_takes_nothing_for_a_beginning_that_is_not_known),
        TEST(the_first_file_gone_moves_the_start),
        TEST(everything_gone_but_the_side_file_reuses_no_offset),
        TEST(files_under_each_others_names_are_known_by_what_they_hold),
        TEST(what_was_cut_does_not_fill_the_disk),
        TEST(a_newer_format_is_refused_by_name),
        TEST(a_file_of_another_log_is_refused_by_name),
        TEST(a_folder_without_a_log_is_not_made_by_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
