/* tests/log/test_log_faults.c - what the log does when the disk does not do as it is told. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "fault/fault.h"
#include "fault/power.h"
#include "log_fixture.h"
#include "test.h"

/* fixture_append() makes records of this type. */
#define RECORD_TYPE 1

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    fixture_init(f);
    fixture_open(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fault_clear();
    power_forget();
    fixture_fini(*state);
    free(*state);
    return 0;
}

/* ---- a torn tail ---- */

typedef enum tail_kind {
    TAIL_ENDS,    /* the file ends there */
    TAIL_ZEROS,   /* reserved space follows */
    TAIL_GARBAGE, /* what a disk makes of sectors it was writing */
} tail_kind;

static void tear(const char *path, uint64_t at, uint64_t size, tail_kind kind, uint64_t seed)
{
    int fd = open(path, O_RDWR);
    hr_random random = {.state = seed};
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)at), 0);
    if (kind != TAIL_ENDS) {
        assert_int_equal(ftruncate(fd, (off_t)size), 0);
    }
    for (uint64_t i = at; kind == TAIL_GARBAGE && i < size; i += 8) {
        uint64_t bytes = hr_random_next(&random);
        size_t length = size - i < 8 ? (size_t)(size - i) : 8;
        assert_int_equal(pwrite(fd, &bytes, length, (off_t)i), length);
    }
    close(fd);
}

/* Without a zero byte at its end, so that a torn record cannot look whole where zeros follow. */
#define FIRST_VALUE 0x8877665544332211u

static void a_tail_torn_at_any_byte_of_the_last_three_frames_is_cut(void **state)
{
    fixture *f = *state;
    log_position ends[4] = {0};
    /* Lazy frames cause no mark, so nothing proves them. */
    f->options.lazy_types = 1u << RECORD_TYPE;
    fixture_reopen(f);
    assert_int_equal(fixture_append(f, 0, 0, FIRST_VALUE, 5, &ends[0]), HR_OK);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(fixture_append(f, 0, 0, FIRST_VALUE + i * 5, 5, &ends[i]), HR_OK);
    }
    fixture_crash(f);
    fixture torn;
    char path[FIXTURE_PATH_MAX];
    fixture_beside(f, "torn", &torn);
    snprintf(path, sizeof path, "%s/000000000001.log", torn.folder);
    for (uint64_t at = ends[0]; at <= ends[3]; at++) {
        for (tail_kind kind = TAIL_ENDS; kind <= TAIL_GARBAGE; kind++) {
            uint32_t frames = at >= ends[3] ? 4 : at >= ends[2] ? 3 : at >= ends[1] ? 2 : 1;
            fixture_copy(f->folder, torn.folder);
            tear(path, at, ends[3] + 4096, kind, at);
            fixture_open(&torn);
            assert_int_equal(fixture_damages(&torn), 0);
            assert_int_equal(log_end(torn.log, 0, 0, LOG_COMMITTED), frames * 5);
            fixture_expect(&torn, 0, 0, 0, FIRST_VALUE, frames * 5, LOG_COMMITTED);
            assert_int_equal(fixture_append(&torn, 0, 0, FIRST_VALUE + frames * 5, 7, NULL), HR_OK);
            fixture_reopen(&torn);
            fixture_expect(&torn, 0, 0, 0, FIRST_VALUE, frames * 5 + 7, LOG_COMMITTED);
            fixture_close(&torn);
        }
    }
    fixture_remove(torn.folder);
}

/* ---- recovery that dies ---- */

static void spoil(const char *path, uint64_t at)
{
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "spoiled", 7, (off_t)at), 7);
    close(fd);
}

static void commit_now(fixture *f)
{
    uint8_t bytes[8] = {0};
    log_position end = 0;
    log_batch eager = {
        .topic = 1, .type = 2, .count = 1, .record_bytes = 8, .bytes = bytes, .size = 8};
    assert_int_equal(log_append(f->log, &eager, 1, NULL, NULL, &end), HR_OK);
    fixture_commit(f, end);
}

/* Frame 1 is damaged, frame 3 torn: the mark that proves frame 1 is cut with frame 3. A second
 * recovery must know all the same that frame 2 was acknowledged. */
static void damage_stays_damage_though_its_proof_is_cut(void **state)
{
    fixture *f = *state;
    fixture torn;
    char path[FIXTURE_PATH_MAX];
    /* Records are lazy here, so that both frames before a commit share its mark. */
    f->options.lazy_types = 1u << RECORD_TYPE;
    fixture_reopen(f);
    assert_int_equal(fixture_append(f, 0, 0, 0, 5, NULL), HR_OK);
    commit_now(f);
    log_position begin = log_appended(f->log);
    assert_int_equal(fixture_append(f, 0, 0, 5, 5, NULL), HR_OK);
    assert_int_equal(fixture_append(f, 0, 1, 0, 5, NULL), HR_OK);
    commit_now(f);
    log_position last = log_appended(f->log);
    assert_int_equal(fixture_append(f, 0, 1, 5, 5, NULL), HR_OK);
    commit_now(f);
    fixture_crash(f);
    /* Nor may the side file know of it. */
    snprintf(path, sizeof path, "%s/side-1", f->folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/side-0", f->folder);
    unlink(path);
    fixture_beside(f, "torn", &torn);
    snprintf(path, sizeof path, "%s/000000000001.log", torn.folder);
    bool is_cut_short = true;
    for (uint64_t k = 1; is_cut_short; k++) {
        fixture_copy(f->folder, torn.folder);
        spoil(path, begin + 40);
        spoil(path, last + 40);
        fault_freeze_at(k, false);
        hr_err err = log_open(&torn.options, &torn.log, NULL);
        is_cut_short = fault_is_frozen();
        if (err == HR_OK) {
            fixture_crash(&torn);
        }
        torn.log = NULL;
        fault_clear();
        fixture_open(&torn);
        assert_int_equal(log_end(torn.log, 0, 1, LOG_COMMITTED), 5);
        fixture_expect(&torn, 0, 1, 0, 0, 5, LOG_COMMITTED);
        fixture_expect(&torn, 0, 0, 0, 0, 5, LOG_COMMITTED);
        fixture_close(&torn);
    }
    fixture_remove(torn.folder);
}

static void files_that_went_never_come_back_in_part(void **state)
{
    fixture *f = *state;
    f->options.file_bytes = 16 << 10;
    f->options.reserve_bytes = 4 << 10;
    f->options.retain_bytes = 32 << 10;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        log_position end = 0;
        fixture_close(f);
        fixture_remove(f->folder);
        fixture_open(f);
        for (uint64_t i = 0; i < 100; i++) {
            assert_int_equal(fixture_append(f, 0, 0, i * 100, 100, &end), HR_OK);
        }
        fixture_reopen(f);
        power_watch(f->folder);
        fixture_reopen(f);
        assert_int_equal(log_retain(f->log, NULL), HR_OK);
        assert_true(log_start(f->log, 0, 0) > 5000);
        fixture_crash(f);
        power_cut(seed);
        fixture_open(f);
        assert_int_equal(fixture_damages(f), 0);
        power_forget();
    }
}

/* ---- errors of input and output ---- */

static _Atomic int heard;

static void hear(log_position durable, void *context)
{
    (void)durable;
    (void)context;
    heard++;
}

static void a_failed_sync_is_never_tried_again(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    assert_int_equal(fixture_append(f, 0, 0, 0, 5, &end), HR_OK);
    fixture_commit(f, end);
    log_position durable = log_durable(f->log);
    heard = 0;
    assert_int_equal(log_listen(f->log, hear, NULL), HR_OK);
    fault_arm(FAULT_SYNC, 1, FAULT_ONCE, EIO);
    assert_int_equal(fixture_append(f, 0, 0, 5, 5, &end), HR_OK);
    while (log_health(f->log, NULL) == HR_OK) {
        log_wait(f->log, LOG_COMMITTED, durable, 1000);
    }
    assert_int_equal(log_health(f->log, NULL), HR_IO);
    while (heard == 0) {
        log_wait(f->log, LOG_APPENDED, UINT64_MAX, 1);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(fixture_append(f, 0, 0, 10, 5, NULL), HR_IO);
    }
    assert_int_equal(log_durable(f->log), durable);
    /* Reading goes on. */
    fixture_expect(f, 0, 0, 0, 0, 5, LOG_COMMITTED);
    fixture_close(f);
    assert_int_equal(fault_calls(FAULT_SYNC), 1);
    fault_clear();
    fixture_open(f);
    fixture_expect(f, 0, 0, 0, 0, 10, LOG_COMMITTED);
}

static void what_a_failed_sync_lost_is_written_again_before_it_counts(void **state)
{
    fixture *f = *state;
    fixture_close(f);
    power_watch(f->folder);
    fixture_open(f);
    log_position end = 0;
    fault_arm(FAULT_SYNC, 1, FAULT_FOREVER, EIO);
    for (uint64_t i = 0; i < 300; i++) {
        hr_err err = fixture_append(f, 0, 0, i * 50, 50, &end);
        if (err != HR_OK) {
            break;
        }
    }
    while (log_health(f->log, NULL) == HR_OK) {
        log_wait(f->log, LOG_COMMITTED, log_durable(f->log), 1000);
    }
    uint32_t count = (uint32_t)log_end(f->log, 0, 0, LOG_APPENDED);
    fixture_crash(f);
    fault_clear();
    /* The page cache still has it all; the disk never will, unless it is written again. */
    fixture_open(f);
    fixture_expect(f, 0, 0, 0, 0, count, LOG_COMMITTED);
    fixture_crash(f);
    power_cut(2);
    fixture_open(f);
    assert_int_equal(fixture_damages(f), 0);
    fixture_expect(f, 0, 0, 0, 0, count, LOG_COMMITTED);
}

static void a_failed_write_ends_the_log_and_a_start_recovers_it(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    assert_int_equal(fixture_append(f, 0, 0, 0, 5, &end), HR_OK);
    fixture_commit(f, end);
    fault_arm(FAULT_WRITE, 1, FAULT_ONCE, EIO);
    assert_int_equal(fixture_append(f, 0, 0, 5, 5, &end), HR_IO);
    assert_int_equal(log_health(f->log, NULL), HR_IO);
    fault_clear();
    assert_int_equal(fixture_append(f, 0, 0, 5, 5, &end), HR_IO);
    fixture_reopen(f);
    assert_int_equal(log_end(f->log, 0, 0, LOG_COMMITTED), 5);
}

/* Nothing else works either, so nothing is known to be damaged. */
static void fail_whole_disk(void)
{
    fault_arm(FAULT_READ, 1, FAULT_FOREVER, EIO);
    fault_arm(FAULT_OPEN, 1, FAULT_FOREVER, EIO);
}

static void a_failed_read_is_told_and_can_be_tried_again(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    assert_int_equal(fixture_append(f, 0, 0, 0, 5, &end), HR_OK);
    fixture_commit(f, end);
    log_reader *reader = NULL;
    log_view view;
    hr_why why = {""};
    assert_int_equal(log_reader_open(f->log, 0, 0, 0, LOG_APPENDED, &reader), HR_OK);
    fail_whole_disk();
    assert_int_equal(log_reader_next(reader, &view, &why), HR_IO);
    assert_true(strlen(why.text) > 0);
    fault_clear();
    assert_int_equal(log_reader_next(reader, &view, NULL), HR_OK);
    assert_int_equal(view.count, 5);
    log_reader_close(reader);
    assert_int_equal(log_health(f->log, NULL), HR_OK);
}

static void opening_survives_any_call_that_fails(void **state)
{
    fixture *f = *state;
    static const fault_kind kinds[] = {FAULT_READ, FAULT_WRITE, FAULT_SYNC, FAULT_OPEN,
                                       FAULT_SPACE};
    for (uint64_t i = 0; i < 400; i++) {
        assert_int_equal(fixture_append(f, 0, 0, i * 40, 40, NULL), HR_OK);
    }
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        bool has_struck = true;
        for (uint64_t nth = 1; has_struck; nth++) {
            fixture_crash(f);
            fault_arm(kinds[k], nth, FAULT_ONCE, EIO);
            hr_err err = log_open(&f->options, &f->log, NULL);
            has_struck = fault_struck();
            fault_clear();
            assert_true(err == HR_OK || f->log == NULL);
            if (err != HR_OK) {
                fixture_open(f);
            }
            assert_int_equal(fixture_damages(f), 0);
            fixture_expect(f, 0, 0, 0, 0, 16000, LOG_COMMITTED);
        }
    }
}

/* What the side file says of groups would else be taken for never said. */
static void opening_without_memory_or_files_to_spare_forgets_no_group(void **state)
{
    fixture *f = *state;
    static const int wants[] = {ENOMEM, EMFILE};
    assert_int_equal(fixture_append(f, 0, 0, 0, 40, NULL), HR_OK);
    assert_int_equal(log_group_commit(f->log, "slow", 0, 0, 10), HR_OK);
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        bool has_struck = true;
        for (uint64_t nth = 1; has_struck; nth++) {
            fixture_crash(f);
            fault_arm(FAULT_OPEN, nth, FAULT_ONCE, wants[i]);
            hr_err err = log_open(&f->options, &f->log, NULL);
            has_struck = fault_struck();
            fault_clear();
            if (err != HR_OK) {
                fixture_open(f);
            }
            assert_int_equal(log_group_offset(f->log, "slow", 0, 0), 10);
        }
    }
}

/* Else a crash would make it begin at the end, and pass over what it has not seen. */
static void a_group_that_could_not_be_saved_is_saved_when_it_says_so_again(void **state)
{
    fixture *f = *state;
    assert_int_equal(fixture_append(f, 0, 0, 0, 40, NULL), HR_OK);
    fault_arm(FAULT_NAME, 1, FAULT_ONCE, ENOSPC);
    assert_int_equal(log_group_commit(f->log, "slow", 0, 0, 10), HR_NO_SPACE);
    fault_clear();
    assert_int_equal(log_group_commit(f->log, "slow", 0, 0, 10), HR_OK);
    fixture_crash(f);
    fixture_open(f);
    assert_int_equal(log_group_offset(f->log, "slow", 0, 0), 10);
}

/* Seen in the folder, and taken by the service's retention before it is looked at, or read. */
static void opening_beside_a_service_begins_anew_when_a_file_goes(void **state)
{
    fixture *f = *state;
    fixture copy;
    bool has_struck = true;
    log_position end = 0;
    for (uint64_t i = 0; i < 60; i++) {
        assert_int_equal(fixture_append(f, 0, 0, i * 400, 400, &end), HR_OK);
    }
    fixture_commit(f, end);
    fixture_beside(f, "copy", &copy);
    fixture_copy(f->folder, copy.folder);
    fixture_close(f);
    copy.options.read_only = true;
    for (uint64_t nth = 3; has_struck; nth++) { /* behind the side files */
        fault_arm(FAULT_OPEN, nth, FAULT_ONCE, ENOENT);
        fixture_open(&copy);
        has_struck = fault_struck();
        fault_clear();
        assert_int_equal(fixture_damages(&copy), 0);
        fixture_expect(&copy, 0, 0, 0, 0, 24000, LOG_COMMITTED);
        fixture_close(&copy);
    }
    fixture_remove(copy.folder);
}

#define BIG_FRAME 160000

/* Where the search for the next whole frame cannot read, nothing is known to be damaged. */
static void damage_that_cannot_be_read_past_is_not_taken_for_the_end(void **state)
{
    fixture *f = *state;
    fixture bad;
    char path[FIXTURE_PATH_MAX];
    log_verified verified;
    bool has_struck = true;
    log_position end = 0;
    log_position begin = 0;
    f->options.file_bytes = 4 << 20;
    fixture_close(f);
    fixture_remove(f->folder);
    fixture_open(f);
    /* The second is longer than what is read at once. */
    for (uint64_t i = 0; i < 3; i++) {
        begin = i == 1 ? log_appended(f->log) : begin;
        assert_int_equal(fixture_append(f, 0, 0, i * BIG_FRAME, BIG_FRAME, &end), HR_OK);
        fixture_commit(f, end);
    }
    fixture_crash(f);
    fixture_beside(f, "bad", &bad);
    fixture_copy(f->folder, bad.folder);
    snprintf(path, sizeof path, "%s/side-1", bad.folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/side-0", bad.folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/000000000001.log", bad.folder);
    spoil(path, begin + 8);
    bad.options.read_only = true;
    for (uint64_t nth = 1; has_struck; nth++) {
        fault_arm(FAULT_READ, nth, FAULT_ONCE, EIO);
        hr_err err = log_open(&bad.options, &bad.log, NULL);
        if (err == HR_OK) {
            assert_int_equal(log_end(bad.log, 0, 0, LOG_COMMITTED), 3 * BIG_FRAME);
            err = log_verify(bad.log, NULL, NULL, &verified, NULL);
            assert_true(err == HR_IO || verified.records == 2 * BIG_FRAME);
            log_close(bad.log);
        }
        bad.log = NULL;
        has_struck = fault_struck();
        fault_clear();
        assert_true(err == HR_OK || err == HR_IO);
    }
    fixture_remove(bad.folder);
}

static void a_time_that_cannot_be_looked_for_is_not_found_at_the_end(void **state)
{
    fixture *f = *state;
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(fixture_append(f, 0, 0, i, 1, NULL), HR_OK);
        hr_clock_fake_advance(f->clock, 1000);
    }
    fixture_commit(f, log_appended(f->log));
    assert_int_equal(log_offset_at(f->log, 0, 0, FIXTURE_NOW_MS + 5000), 5);
    fail_whole_disk();
    assert_int_equal(log_offset_at(f->log, 0, 0, FIXTURE_NOW_MS + 5000), 0);
}

/* What is kept must be of the start that is told, and neither may be ahead of what a crash brings
 * back: the catalogue forgets the rules before it. */
static void retention_that_fails_leaves_the_start_that_the_files_say(void **state)
{
    fixture *f = *state;
    static const fault_kind kinds[] = {FAULT_OPEN, FAULT_NAME, FAULT_SYNC};
    f->options.kept_type = RECORD_TYPE;
    f->options.retain_bytes = 64 << 10;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        bool has_struck = true;
        for (uint64_t nth = 1; has_struck; nth++) {
            uint8_t bytes[LOG_KEPT_BYTES_MAX];
            size_t size = 0;
            log_position end = 0;
            fixture_close(f);
            fixture_remove(f->folder);
            fixture_open(f);
            for (uint64_t i = 0; i < 200; i++) {
                assert_int_equal(fixture_append(f, 0, 0, i * 100, 100, &end), HR_OK);
            }
            fixture_commit(f, end);
            fault_arm(kinds[k], nth, FAULT_ONCE, ENOSPC);
            hr_err err = log_retain(f->log, NULL);
            has_struck = fault_struck();
            fault_clear();
            assert_true(err == HR_OK || has_struck);
            int64_t start = log_start(f->log, 0, 0);
            assert_true(start > 5000 || err != HR_OK);
            for (int i = 0; i < 2; i++) {
                int64_t here = log_start(f->log, 0, 0);
                assert_true(here >= start || kinds[k] == FAULT_NAME);
                err = log_kept(f->log, 0, 0, bytes, &size);
                assert_int_equal(err, here > 0 ? HR_OK : HR_NOT_FOUND);
                assert_int_equal(err == HR_OK ? (int64_t)hr_load_u64(bytes) : -1, here - 1);
                fixture_crash(f);
                fixture_open(f);
            }
        }
    }
}

static void short_writes_are_finished(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    for (uint64_t i = 0; i < 200; i++) {
        fault_arm_short_write(1 + i % 3);
        assert_int_equal(fixture_append(f, 0, 0, i * 40, 40, &end), HR_OK);
    }
    fault_clear();
    fixture_commit(f, end);
    fixture_crash(f);
    fixture_open(f);
    assert_int_equal(fixture_damages(f), 0);
    fixture_expect(f, 0, 0, 0, 0, 8000, LOG_COMMITTED);
}

/* ---- what it costs ---- */

static void an_append_is_one_write_and_a_commit_one_sync(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    f->options.lazy_types = 1u << RECORD_TYPE;
    fixture_reopen(f);
    fault_clear();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(fixture_append(f, 0, 0, 0, 5, &end), HR_OK);
    }
    assert_int_equal(fault_calls(FAULT_WRITE), 10);
    assert_int_equal(fault_calls(FAULT_SYNC), 0);
    commit_now(f);
    /* The mark is the second write. */
    assert_int_equal(fault_calls(FAULT_WRITE), 12);
    assert_int_equal(fault_calls(FAULT_SYNC), 1);
}

static void marks_and_frames_cost_less_than_a_twentieth(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    hr_metrics *metrics = hr_metrics_new();
    assert_non_null(metrics);
    fixture_close(f);
    f->options.metrics = metrics;
    f->options.file_bytes = 0;
    f->options.reserve_bytes = 0;
    fixture_open(f);
    hr_counter *written = hr_metrics_counter(metrics, "hedgerow_log_written_bytes_total", "", "");
    uint64_t before = hr_counter_value(written);
    /* As 20 gateways do in a second: 1,000 fixes of 32 bytes each, a commit for each. */
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(fixture_append(f, 0, (uint16_t)(i % 3), 0, 4000, &end), HR_OK);
        fixture_commit(f, end);
    }
    uint64_t cost = hr_counter_value(written) - before;
    assert_true(cost * 100 <= (uint64_t)20 * 4000 * 8 * 105);
    fixture_close(f);
    f->options.metrics = NULL;
    hr_metrics_free(metrics);
}

static void the_disk_is_measured_once(void **state)
{
    fixture *f = *state;
    char path[FIXTURE_PATH_MAX];
    fixture_close(f);
    fixture_remove(f->folder);
    f->options.commit_min_gap_ms = -1;
    fault_clear();
    fixture_open(f);
    uint64_t first = fault_calls(FAULT_SYNC);
    assert_in_range(first, 9, 20);
    snprintf(path, sizeof path, "%s/measure", f->folder);
    assert_int_not_equal(access(path, F_OK), 0);
    fixture_close(f);
    fault_clear();
    fixture_open(f);
    assert_true(fault_calls(FAULT_SYNC) < 9);
}

/* ---- a full disk ---- */

static void fill_until_refused(fixture *f, uint64_t *value)
{
    log_position end = 0;
    hr_err err = HR_OK;
    while (err == HR_OK) {
        err = fixture_append(f, 0, 0, *value, 40, &end);
        *value += err == HR_OK ? 40 : 0;
    }
    assert_int_equal(err, HR_NO_SPACE);
    /* What was appended becomes durable all the same. */
    log_position durable = log_durable(f->log);
    while (durable < end) {
        durable = log_wait(f->log, LOG_COMMITTED, durable, 1000);
    }
}

static int64_t mono_ms(void)
{
    return hr_clock_mono_ns(hr_clock_real()) / 1000000;
}

static void a_full_disk_refuses_appends_and_resumes_by_itself(void **state)
{
    fixture *f = *state;
    uint64_t value = 0;
    struct stat status;
    char headroom[FIXTURE_PATH_MAX];
    snprintf(headroom, sizeof headroom, "%s/headroom", f->folder);
    assert_int_equal(stat(headroom, &status), 0);
    heard = 0;
    assert_int_equal(log_listen(f->log, hear, NULL), HR_OK);
    fault_arm(FAULT_SPACE, 1, FAULT_FOREVER, ENOSPC);
    fill_until_refused(f, &value);
    assert_int_equal(log_health(f->log, NULL), HR_NO_SPACE);
    assert_int_not_equal(stat(headroom, &status), 0);
    fixture_expect(f, 0, 0, 0, 0, (uint32_t)value, LOG_COMMITTED);
    fault_clear();
    int64_t freed_ms = mono_ms();
    int heard_before = heard;
    while (log_health(f->log, NULL) != HR_OK && mono_ms() - freed_ms < 5000) {
        log_wait(f->log, LOG_COMMITTED, UINT64_MAX, 20);
    }
    assert_int_equal(log_health(f->log, NULL), HR_OK);
    while (heard == heard_before) {
        log_wait(f->log, LOG_APPENDED, UINT64_MAX, 1);
    }
    assert_int_equal(stat(headroom, &status), 0);
    log_position end = 0;
    assert_int_equal(fixture_append(f, 0, 0, value, 40, &end), HR_OK);
    fixture_commit(f, end);
    fixture_reopen(f);
    fixture_expect(f, 0, 0, 0, 0, (uint32_t)value + 40, LOG_COMMITTED);
}

static void a_disk_that_fills_at_any_write_loses_nothing(void **state)
{
    fixture *f = *state;
    uint64_t value = 0;
    for (uint64_t nth = 1; nth <= 40; nth++) {
        fault_kind kind = nth % 2 == 0 ? FAULT_WRITE : FAULT_SPACE;
        fault_arm(kind, 1 + nth / 2, FAULT_FOREVER, ENOSPC);
        fill_until_refused(f, &value);
        fixture_crash(f);
        fault_clear();
        fixture_open(f);
        assert_int_equal(fixture_damages(f), 0);
        fixture_expect(f, 0, 0, 0, 0, (uint32_t)value, LOG_COMMITTED);
    }
}

static void a_start_on_a_full_disk_can_be_read(void **state)
{
    fixture *f = *state;
    uint64_t value = 0;
    fault_arm(FAULT_SPACE, 3, FAULT_FOREVER, ENOSPC);
    fill_until_refused(f, &value);
    fixture_crash(f);
    fixture_open(f);
    assert_int_equal(log_health(f->log, NULL), HR_NO_SPACE);
    fixture_expect(f, 0, 0, 0, 0, (uint32_t)value, LOG_COMMITTED);
    fault_clear();
}

static void above_the_hard_limit_appends_wait_for_retention(void **state)
{
    fixture *f = *state;
    uint64_t value = 0;
    f->options.hard_bytes = 256 << 10;
    f->options.retain_bytes = 128 << 10;
    fixture_reopen(f);
    fill_until_refused(f, &value);
    assert_int_equal(log_health(f->log, NULL), HR_NO_SPACE);
    assert_int_equal(log_retain(f->log, NULL), HR_OK);
    assert_int_equal(log_health(f->log, NULL), HR_OK);
    assert_int_equal(fixture_append(f, 0, 0, value, 40, NULL), HR_OK);
}

static void a_file_that_cannot_be_removed_is_told_by_its_name(void **state)
{
    fixture *f = *state;
    uint64_t value = 0;
    hr_why why;
    f->options.hard_bytes = 256 << 10;
    f->options.retain_bytes = 128 << 10;
    fixture_reopen(f);
    fill_until_refused(f, &value);
    /* The first name is that of the side file. */
    fault_arm(FAULT_NAME, 2, FAULT_FOREVER, EPERM);
    assert_int_not_equal(log_retain(f->log, &why), HR_OK);
    fault_clear();
    assert_non_null(strstr(why.text, "/000000000001.log (let this user, or remove it"));
    assert_int_equal(log_retain(f->log, NULL), HR_OK);
}

/* ---- other processes ---- */

static void a_second_process_is_refused(void **state)
{
    fixture *f = *state;
    pid_t child = fork();
    if (child == 0) {
        log_store *second = NULL;
        _exit(log_open(&f->options, &second, NULL) == HR_LOCKED ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The child appends and tells each durable value; it never ends by itself. */
static void append_for_ever(fixture *f, int pipe_end)
{
    fixture_open(f);
    for (uint64_t i = 0;; i++) {
        log_position end = 0;
        if (fixture_append(f, 0, (uint16_t)(i % 3), i, 1, &end) != HR_OK) {
            _exit(1);
        }
        if (i % 50 == 49) {
            fixture_commit(f, end);
            if (write(pipe_end, &i, sizeof i) != sizeof i) {
                _exit(1);
            }
        }
    }
}

static void kill_9_loses_nothing_that_was_acknowledged(void **state)
{
    fixture *f = *state;
    fixture_close(f);
    for (int round = 0; round < 5; round++) {
        int ends[2];
        uint64_t last = 0;
        fixture_remove(f->folder);
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            append_for_ever(f, ends[1]);
        }
        close(ends[1]);
        for (int i = 0; i < 10 + round * 7; i++) {
            assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        waitpid(child, NULL, 0);
        close(ends[0]);
        fixture_open(f);
        assert_int_equal(fixture_damages(f), 0);
        for (uint16_t p = 0; p < 3; p++) {
            assert_true(log_end(f->log, 0, p, LOG_COMMITTED) >= (int64_t)last / 3);
        }
        fixture_close(f);
    }
    fixture_open(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    fixture_hush();
    const struct CMUnitTest tests[] = {
        TEST(a_tail_torn_at_any_byte_of_the_last_three_frames_is_cut),
        TEST(damage_stays_damage_though_its_proof_is_cut),
        TEST(files_that_went_never_come_back_in_part),
        TEST(a_failed_sync_is_never_tried_again),
        TEST(what_a_failed_sync_lost_is_written_again_before_it_counts),
        TEST(a_failed_write_ends_the_log_and_a_start_recovers_it),
        TEST(a_failed_read_is_told_and_can_be_tried_again),
        TEST(opening_survives_any_call_that_fails),
        TEST(opening_without_memory_or_files_to_spare_forgets_no_group),
        TEST(a_group_that_could_not_be_saved_is_saved_when_it_says_so_again),
        TEST(opening_beside_a_service_begins_anew_when_a_file_goes),
        TEST(damage_that_cannot_be_read_past_is_not_taken_for_the_end),
        TEST(a_time_that_cannot_be_looked_for_is_not_found_at_the_end),
        TEST(retention_that_fails_leaves_the_start_that_the_files_say),
        TEST(short_writes_are_finished),
        TEST(an_append_is_one_write_and_a_commit_one_sync),
        TEST(marks_and_frames_cost_less_than_a_twentieth),
        TEST(the_disk_is_measured_once),
        TEST(a_full_disk_refuses_appends_and_resumes_by_itself),
        TEST(a_disk_that_fills_at_any_write_loses_nothing),
        TEST(a_start_on_a_full_disk_can_be_read),
        TEST(above_the_hard_limit_appends_wait_for_retention),
        TEST(a_file_that_cannot_be_removed_is_told_by_its_name),
        TEST(a_second_process_is_refused),
        TEST(kill_9_loses_nothing_that_was_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
