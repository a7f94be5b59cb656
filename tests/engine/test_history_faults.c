/* tests/engine/test_history_faults.c - the disk is full or fails at the n-th write of history.db,
 * for every n: the historian says so, goes on by itself when it may, and every fix and event is
 * kept once. HR_LONG=1: every n, not every eleventh. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/record.h"
#include "log/group.h"
#include "ranch.h"
#include "sick_vfs.h"
#include "test.h"

#define STRIDE_QUICK 11
#define CALLS_MAX 400

/* Some grazing and writing, of which nothing may get lost, whatever fails meanwhile. False when no
 * call failed: it made fewer. */
static bool live_through(int n, int times, int code)
{
    ranch r = {.step = 0};
    r.options.free_bytes = 1;
    r.options.retain_bytes = 300 << 10;
    bool is_ended = false;
    ranch_start(&r, (uint64_t)n);
    sick_vfs_arm(n, times, code);
    for (int round = 0; round < 3; round++) {
        ranch_graze(&r, 30);
        hr_err err = engine_history_settle(r.history, 60000, NULL);
        assert_true(err == HR_OK || err == HR_NO_SPACE || err == HR_IO);
        if (err != HR_OK) {
            assert_int_equal(engine_history_health(r.history, NULL), err);
        }
        if (round == 1) {
            ranch_close_history(&r);
            ranch_open_history(&r);
        }
    }
    is_ended = sick_vfs_calls() < n;
    sick_vfs_heal();
    ranch_settle_history(&r);
    assert_int_equal(engine_history_health(r.history, NULL), HR_OK);
    size_t count = 0;
    hr_fix *wanted = ranch_log_fixes(&r, &count);
    ranch_expect_tracks(&r, wanted, count);
    ranch_expect_events(&r, 0);
    assert_int_equal(ranch_ask(&r, "SELECT sum(fixes) FROM slot"), count);
    free(wanted);
    ranch_end(&r);
    return !is_ended;
}

static void fail_at_every_write(int times, int code)
{
    int stride = getenv("HR_LONG") != NULL ? 1 : STRIDE_QUICK;
    int n = 1;
    sick_vfs_install("history.db");
    while (n < CALLS_MAX && live_through(n, times, code)) {
        n += stride;
    }
    printf("%d calls\n", n);
    assert_true(n > 20 && n < CALLS_MAX);
}

static void a_disk_that_is_full_for_a_while_costs_nothing(void **state)
{
    (void)state;
    fail_at_every_write(SICK_FOREVER, SQLITE_FULL);
}

static void a_write_that_fails_once_costs_nothing(void **state)
{
    (void)state;
    fail_at_every_write(1, SQLITE_IOERR_WRITE);
}

static void above_the_logs_hard_limit_appends_wait_for_the_historian(void **state)
{
    (void)state;
    ranch r = {.step = 0};
    hr_fix fix = {.device = 0, .time_ms = RANCH_T0};
    sick_vfs_install("history.db");
    ranch_start(&r, 1);
    ranch_close_history(&r);
    r.farm.file_bytes = 64 << 10;
    r.farm.retain_bytes = 128 << 10;
    r.farm.hard_bytes = 512 << 10;
    farm_restart(&r.farm, 2);
    ranch_open_history(&r);
    sick_vfs_arm(1, SICK_FOREVER, SQLITE_FULL);
    log_batch batch = {.topic = HR_TOPIC_POSITIONS,
                       .type = HR_RECORD_FIX,
                       .count = 1,
                       .record_bytes = HR_FIX_BYTES};
    uint8_t bytes[HR_FIX_BYTES];
    hr_fix_store(bytes, &fix);
    batch.bytes = bytes;
    batch.size = sizeof bytes;
    log_position end = 0;
    hr_err err = HR_OK;
    for (int i = 0; i < 100000 && err == HR_OK; i++) {
        err = log_append(r.farm.log, &batch, 1, NULL, NULL, &end);
    }
    assert_int_equal(err, HR_NO_SPACE);
    while (log_durable(r.farm.log) < end) {
        (void)log_wait(r.farm.log, LOG_COMMITTED, log_durable(r.farm.log), 100);
    }
    /* The second checkpoint lets go of what the first one held. */
    farm_settle(&r.farm);
    farm_settle(&r.farm);
    assert_int_equal(engine_history_settle(r.history, 60000, NULL), HR_NO_SPACE);
    assert_int_equal(log_retain(r.farm.log, NULL), HR_OK);
    assert_int_equal(log_append(r.farm.log, &batch, 1, NULL, NULL, &end), HR_NO_SPACE);
    sick_vfs_heal();
    ranch_settle_history(&r);
    assert_int_equal(log_retain(r.farm.log, NULL), HR_OK);
    assert_int_equal(log_append(r.farm.log, &batch, 1, NULL, NULL, &end), HR_OK);
    ranch_end(&r);
}

/* It would keep the log from letting go until nothing more is taken. */
static void a_file_that_cannot_be_read_is_put_aside_after_a_while(void **state)
{
    (void)state;
    ranch r = {.step = 0};
    char aside[160];
    sick_vfs_install("history.db");
    r.options.patience_ms = 3600000;
    ranch_start(&r, 5);
    ranch_graze(&r, 30);
    ranch_settle_history(&r);
    snprintf(aside, sizeof aside, "%s.damaged-1", r.path);
    for (int round = 0; round < 2; round++) {
        ranch_close_history(&r);
        sick_vfs_spoil(r.path);
        ranch_open_history(&r);
        ranch_graze(&r, 30);
        hr_err err = engine_history_settle(r.history, 60000, NULL);
        assert_int_equal(err, HR_IO);
        while (round == 1 && err == HR_IO) {
            err = engine_history_settle(r.history, 60000, NULL);
        }
        assert_int_equal(access(aside, F_OK), round == 0 ? -1 : 0);
        sick_vfs_heal();
        r.options.patience_ms = 1;
    }
    ranch_settle_history(&r);
    size_t count = 0;
    hr_fix *wanted = ranch_log_fixes(&r, &count);
    ranch_expect_tracks(&r, wanted, count);
    free(wanted);
    ranch_end(&r);
}

/* Until it is, nobody knows which of its events can be passed over. */
static void a_file_of_an_older_format_is_read_until_the_disk_lets_it_be_taken_over(void **state)
{
    (void)state;
    ranch r = {.step = 0};
    sick_vfs_install("history.db");
    ranch_start(&r, 6);
    ranch_graze(&r, 30);
    ranch_settle_history(&r);
    ranch_close_history(&r);
    ranch_ask(&r, "ALTER TABLE slot DROP COLUMN events_to_ms");
    ranch_ask(&r, "PRAGMA user_version = 1");
    sick_vfs_arm(1, SICK_FOREVER, SQLITE_FULL);
    ranch_open_history(&r);
    assert_int_equal(engine_history_health(r.history, NULL), HR_NO_SPACE);
    ranch_expect_events(&r, 0);
    sick_vfs_heal();
    ranch_settle_history(&r);
    assert_int_equal(ranch_ask(&r, "PRAGMA user_version"), 2);
    assert_int_equal(engine_history_health(r.history, NULL), HR_OK);
    ranch_expect_events(&r, 0);
    ranch_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_is_full_for_a_while_costs_nothing),
        cmocka_unit_test(a_write_that_fails_once_costs_nothing),
        cmocka_unit_test(a_file_that_cannot_be_read_is_put_aside_after_a_while),
        cmocka_unit_test(a_file_of_an_older_format_is_read_until_the_disk_lets_it_be_taken_over),
        cmocka_unit_test(above_the_logs_hard_limit_appends_wait_for_the_historian),
    };
    return cmocka_run_group_tests_name("history faults", tests, NULL, NULL);
}
