/* tests/log/test_log_unread.c - sectors that give EIO when they are read, for good or for a while:
 * the log opens and goes on, what can be read is read, what cannot is told and not written over.
 * And files that will not be removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "fault/fault.h"
#include "log/window.h"
#include "log_fixture.h"
#include "test.h"

#define PAGE_BYTES 4096
#define FILE_BYTES (32u << 10)
#define FILES_MAX 32

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    fixture_init(f);
    f->options.file_bytes = FILE_BYTES;
    fixture_open(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fault_clear();
    fixture_fini(*state);
    free(*state);
    return 0;
}

/* The records of a partition are its offsets, whoever appends them. */
static void append(fixture *f, uint16_t p, uint32_t count)
{
    uint64_t next = (uint64_t)log_end(f->log, 0, p, LOG_APPENDED);
    assert_int_equal(fixture_append(f, 0, p, next, count, NULL), HR_OK);
}

static void append_some(fixture *f, uint32_t frames)
{
    for (uint32_t i = 0; i < frames; i++) {
        append(f, (uint16_t)(i % FIXTURE_PARTITIONS), 1 + i * 7 % 30);
    }
    fixture_commit(f, log_appended(f->log));
}

typedef struct told {
    uint64_t records; /* that the log says are lost */
} told;

static void count_told(const log_damage *damage, void *context)
{
    told *t = context;
    t->records += damage->has_records ? (uint64_t)(damage->end_offset - damage->first_offset) : 0;
}

/* Read everything: each record is right or told to be lost. How many are lost. */
static uint64_t read_all(fixture *f)
{
    uint64_t lost = 0;
    for (uint16_t p = 0; p < FIXTURE_PARTITIONS; p++) {
        log_reader *reader = NULL;
        log_view view;
        hr_why why = {""};
        hr_err err = HR_OK;
        int64_t next = log_start(f->log, 0, p);
        assert_int_equal(log_reader_open(f->log, 0, p, next, LOG_COMMITTED, &reader), HR_OK);
        while ((err = log_reader_next(reader, &view, &why)) != HR_TIMEOUT) {
            if (err == HR_CORRUPT) {
                lost += (uint64_t)(log_reader_offset(reader) - next);
                next = log_reader_offset(reader);
                continue;
            }
            assert_int_equal(err, HR_OK);
            assert_int_equal(view.first_offset, next);
            for (uint32_t i = 0; i < view.count; i++) {
                assert_int_equal(hr_load_u64(view.bytes + (size_t)i * 8), (uint64_t)next + i);
            }
            next += view.count;
        }
        assert_int_equal(next, log_end(f->log, 0, p, LOG_COMMITTED));
        log_reader_close(reader);
    }
    told t = {0};
    log_damage_each(f->log, count_told, &t);
    assert_int_equal(t.records, lost);
    return lost;
}

static void path_of(const fixture *f, const char *name, char path[FIXTURE_PATH_MAX])
{
    snprintf(path, FIXTURE_PATH_MAX, "%s/%s", f->folder, name);
}

static bool path_of_file(const fixture *f, uint32_t number, char path[FIXTURE_PATH_MAX],
                         uint64_t *size)
{
    struct stat status;
    char name[32];
    snprintf(name, sizeof name, "%012u.log", number);
    path_of(f, name, path);
    bool is_there = stat(path, &status) == 0;
    *size = is_there ? (uint64_t)status.st_size : 0;
    return is_there;
}

/* A start without these reads all of the log. */
static void forget_sides(const fixture *f)
{
    static const char *const names[] = {"side-0", "side-1"};
    char path[FIXTURE_PATH_MAX];
    for (int i = 0; i < 2; i++) {
        path_of(f, names[i], path);
        unlink(path);
    }
    for (uint32_t i = 1; i < FILES_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "%012u.idx", i);
        path_of(f, name, path);
        unlink(path);
    }
}

/* One page of a copy of the log cannot be read: open, read, go on. Once it can be, nothing may look
 * damaged that does not; that each record is right is asked where no offset was given out twice. */
static uint64_t live_with_bad_page(const fixture *original, uint32_t number, uint64_t at,
                                   bool has_sides, bool was_closed)
{
    fixture bad;
    char path[FIXTURE_PATH_MAX];
    uint64_t size = 0;
    fixture_beside(original, "bad", &bad);
    fixture_copy(original->folder, bad.folder);
    if (!has_sides) {
        forget_sides(&bad);
    }
    assert_true(path_of_file(&bad, number, path, &size));
    fault_spoil(path, at, at + PAGE_BYTES, 0);
    fixture_open(&bad);
    append_some(&bad, 6);
    uint64_t lost = read_all(&bad);
    log_verified verified;
    assert_int_equal(log_verify(bad.log, NULL, NULL, &verified, NULL), HR_OK);
    fixture_crash(&bad);
    fixture_open(&bad);
    append_some(&bad, 3);
    assert_true(read_all(&bad) <= lost);
    fixture_close(&bad);
    assert_int_equal(fault_spoiled_writes(), 0);
    fault_clear();
    fixture_open(&bad);
    if (was_closed) {
        (void)read_all(&bad);
    }
    fixture_close(&bad);
    fixture_remove(bad.folder);
    return lost;
}

static void live_with_each_bad_page(const fixture *f, bool has_sides, bool was_closed)
{
    char path[FIXTURE_PATH_MAX];
    uint64_t size = 0;
    uint64_t lost = 0;
    for (uint32_t number = 1; path_of_file(f, number, path, &size); number++) {
        for (uint64_t at = 0; at < size; at += PAGE_BYTES) {
            lost += live_with_bad_page(f, number, at, has_sides, was_closed);
        }
    }
    assert_true(lost > 0);
}

static void a_closed_log_opens_and_goes_on_with_any_page_bad(void **state)
{
    fixture *f = *state;
    fixture_hush();
    append_some(f, 500);
    fixture_close(f);
    live_with_each_bad_page(f, true, true);
    live_with_each_bad_page(f, false, true);
}

static void a_crashed_log_opens_and_goes_on_with_any_page_bad(void **state)
{
    fixture *f = *state;
    fixture_hush();
    append_some(f, 500);
    append(f, 0, 1200); /* behind the last mark, over several pages */
    append(f, 1, 3);
    fixture_crash(f);
    live_with_each_bad_page(f, true, false);
    live_with_each_bad_page(f, false, false);
}

static void a_page_that_can_be_read_again_in_time_costs_nothing(void **state)
{
    fixture *f = *state;
    static uint8_t bytes[3 * PAGE_BYTES];
    const uint8_t *got = NULL;
    char path[FIXTURE_PATH_MAX];
    patience p = {.folder = f->folder, .limit_ms = 10000};
    window w = {.patience = &p};
    memset(bytes, 7, sizeof bytes);
    path_of(f, "pages", path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(pwrite(fd, bytes, sizeof bytes, 0), sizeof bytes);
    fault_spoil(path, PAGE_BYTES, 2 * PAGE_BYTES, 4);
    assert_int_equal(window_need(&w, fd, 100, 2 * PAGE_BYTES, sizeof bytes, 1, &got), 0);
    assert_true(fault_struck());
    assert_memory_equal(got, bytes, 2 * PAGE_BYTES);
    assert_false(window_is_unread(&w, 100, 2 * PAGE_BYTES));
    window_fini(&w);
    close(fd);
}

/* Nobody knows what is on a disk that takes no writes either. */
static void nothing_is_given_up_while_the_disk_does_not_work(void **state)
{
    fixture *f = *state;
    char path[FIXTURE_PATH_MAX];
    uint64_t size = 0;
    log_reader *reader = NULL;
    log_view view;
    hr_why why = {""};
    append_some(f, 100);
    assert_true(path_of_file(f, 1, path, &size));
    fault_spoil(path, 0, PAGE_BYTES, 0);
    fault_arm(FAULT_OPEN, 1, FAULT_FOREVER, EIO);
    assert_int_equal(log_reader_open(f->log, 0, 0, 0, LOG_COMMITTED, &reader), HR_OK);
    assert_int_equal(log_reader_next(reader, &view, &why), HR_IO);
    assert_int_equal(log_reader_offset(reader), 0);
    fault_clear();
    assert_int_equal(log_reader_next(reader, &view, &why), HR_OK);
    log_reader_close(reader);
}

static void a_log_of_which_nothing_can_be_read_is_not_begun_anew(void **state)
{
    fixture *f = *state;
    char path[FIXTURE_PATH_MAX];
    uint64_t size = 0;
    append_some(f, 10);
    fixture_crash(f);
    forget_sides(f);
    assert_true(path_of_file(f, 1, path, &size));
    fault_spoil(path, 0, size, 0);
    assert_int_equal(log_open(&f->options, &f->log, NULL), HR_IO);
    assert_int_equal(fault_spoiled_writes(), 0);
    fault_clear();
    fixture_open(f);
    assert_int_equal(read_all(f), 0);
}

static void a_newest_file_that_cannot_be_read_at_all_is_set_aside(void **state)
{
    fixture *f = *state;
    char path[FIXTURE_PATH_MAX];
    char aside[FIXTURE_PATH_MAX];
    uint64_t size = 0;
    uint32_t last = 1;
    append_some(f, 500);
    fixture_crash(f);
    while (path_of_file(f, last + 1, path, &size)) {
        last++;
    }
    assert_true(last > 2 && path_of_file(f, last, path, &size));
    fault_spoil(path, 0, size, 0);
    fixture_open(f);
    append_some(f, 10);
    (void)read_all(f);
    fixture_reopen(f);
    (void)read_all(f);
    assert_int_equal(fault_spoiled_writes(), 0);
    char name[32];
    snprintf(name, sizeof name, "%012u.torn", last);
    path_of(f, name, aside);
    assert_int_equal(access(aside, F_OK), 0);
}

/* Left behind with its successors gone, it would look like damage to the next start. */
static void a_file_that_would_not_go_goes_the_next_time(void **state)
{
    fixture *f = *state;
    bool has_struck = true;
    f->options.retain_bytes = 64 << 10;
    fixture_hush();
    for (uint64_t nth = 1; has_struck; nth++) {
        log_position end = 0;
        fixture_close(f);
        fixture_remove(f->folder);
        fixture_open(f);
        for (uint64_t i = 0; i < 400; i++) {
            assert_int_equal(fixture_append(f, 0, 0, i * 100, 100, &end), HR_OK);
        }
        fixture_commit(f, end);
        fault_arm(FAULT_NAME, nth, FAULT_ONCE, EIO);
        hr_err err = log_retain(f->log, NULL);
        has_struck = fault_struck();
        fault_clear();
        assert_int_equal(err, has_struck ? HR_IO : HR_OK);
        assert_int_equal(log_retain(f->log, NULL), HR_OK);
        int64_t start = log_start(f->log, 0, 0);
        assert_true(start > 20000);
        fixture_crash(f);
        fixture_open(f);
        assert_int_equal(log_start(f->log, 0, 0), start);
        assert_int_equal(fixture_damages(f), 0);
    }
}

/* A start must not fail for ever because of what a crash has left. */
static void a_blank_file_that_will_not_go_keeps_nobody_from_starting(void **state)
{
    fixture *f = *state;
    char path[FIXTURE_PATH_MAX];
    append_some(f, 10);
    fixture_crash(f);
    path_of(f, "000000000002.log", path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, PAGE_BYTES), 0);
    close(fd);
    fault_arm(FAULT_NAME, 1, FAULT_ONCE, EIO);
    fixture_open(f);
    assert_true(fault_struck());
    append_some(f, 500);
    fixture_reopen(f);
    assert_int_equal(read_all(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_closed_log_opens_and_goes_on_with_any_page_bad, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_crashed_log_opens_and_goes_on_with_any_page_bad, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_page_that_can_be_read_again_in_time_costs_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_given_up_while_the_disk_does_not_work, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_log_of_which_nothing_can_be_read_is_not_begun_anew,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newest_file_that_cannot_be_read_at_all_is_set_aside,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_would_not_go_goes_the_next_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_blank_file_that_will_not_go_keeps_nobody_from_starting,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
