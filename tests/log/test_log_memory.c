/* tests/log/test_log_memory.c - memory runs out at every allocation: told, nothing lost, no leak.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "fault/fault.h"
#include "log/journal.h"
#include "log_fixture.h"
#include "test.h"

#define FRAMES 60

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    fixture_init(f);
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

static hr_err append(fixture *f, uint64_t seq)
{
    static uint8_t bytes[1024 * 8];
    log_batch batch = {
        .type = 1, .count = 1024, .record_bytes = 8, .bytes = bytes, .size = sizeof bytes};
    log_producer producer = {
        .id = 1 + seq % 100, .epoch = 1, .base_seq = seq, .count = 1, .oldest_seq = seq};
    for (uint64_t i = 0; i < 1024; i++) {
        hr_store_u64(bytes + i * 8, seq * 1024 + i);
    }
    return log_append(f->log, &batch, 1, &producer, NULL, NULL);
}

/* Some work, of which any call may be refused for want of memory; how many frames there are. */
static uint64_t work(fixture *f, uint64_t frames)
{
    log_reader *reader = NULL;
    for (uint64_t i = 0; i < FRAMES; i++) {
        hr_err err = append(f, frames);
        assert_true(err == HR_OK || err == HR_NO_MEMORY);
        frames += err == HR_OK;
    }
    hr_err err = log_group_commit(f->log, "historian", 0, 0, 1);
    assert_true(err == HR_OK || err == HR_NO_MEMORY);
    err = log_reader_open(f->log, 0, 0, 0, LOG_APPENDED, &reader);
    assert_true(err == HR_OK || err == HR_NO_MEMORY);
    for (int i = 0; i < 3 && err == HR_OK; i++) {
        log_view view;
        hr_err read = log_reader_next(reader, &view, NULL);
        assert_true(read == HR_OK || read == HR_NO_MEMORY || read == HR_TIMEOUT);
    }
    if (err == HR_OK) {
        log_reader_close(reader);
    }
    return frames;
}

static void memory_may_run_out_anywhere(void **state)
{
    fixture *f = *state;
    uint64_t frames = 0;
    bool has_struck = true;
    f->options.file_bytes = 128 << 10;
    for (uint64_t nth = 1; has_struck; nth++) {
        fault_arm(FAULT_ALLOC, nth, FAULT_ONCE, ENOMEM);
        hr_err err = log_open(&f->options, &f->log, NULL);
        assert_true(err == HR_OK || err == HR_NO_MEMORY);
        if (err == HR_OK) {
            frames = work(f, frames);
            fixture_close(f);
        } else {
            f->log = NULL;
        }
        has_struck = fault_struck();
        fault_clear();
        fixture_open(f);
        assert_int_equal(fixture_damages(f), 0);
        fixture_expect(f, 0, 0, 0, 0, (uint32_t)frames * 1024, LOG_COMMITTED);
        fixture_close(f);
        /* What is expected stays small: begin again now and then. */
        if (nth % 4 == 0) {
            fixture_remove(f->folder);
            frames = 0;
        }
    }
}

/* The list of files is full, so that one more needs memory behind the file that is made already. */
static void a_file_that_memory_does_not_allow_takes_nothing_with_it(void **state)
{
    fixture *f = *state;
    bool has_struck = true;
    f->options.file_bytes = 16 << 10;
    for (uint64_t nth = 1; has_struck; nth++) {
        fixture_open(f);
        journal *j = journal_of(f->log);
        uint64_t frames = 0;
        while (j->files.count < 16) {
            assert_int_equal(append(f, frames++), HR_OK);
        }
        /* Twice: behind the first the commit thread saves indexes, which takes memory. */
        log_position end = 0;
        fixture_commit(f, log_appended(f->log));
        assert_int_equal(fixture_append(f, 0, 1, 6, 1, &end), HR_OK);
        fixture_commit(f, end);
        fault_arm(FAULT_ALLOC, nth, FAULT_ONCE, ENOMEM);
        hr_err err = append(f, frames);
        has_struck = fault_struck();
        fault_clear();
        assert_true(err == HR_OK || (has_struck && err == HR_NO_MEMORY));
        /* What is small enough goes on where it was, and counts. */
        assert_int_equal(fixture_append(f, 0, 1, 7, 1, &end), HR_OK);
        fixture_commit(f, end);
        fixture_crash(f);
        fixture_open(f);
        assert_int_equal(fixture_damages(f), 0);
        fixture_expect(f, 0, 1, 0, 6, 2, LOG_COMMITTED);
        fixture_close(f);
        fixture_remove(f->folder);
    }
}

int main(void)
{
    fixture_hush();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_may_run_out_anywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_memory_does_not_allow_takes_nothing_with_it,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
