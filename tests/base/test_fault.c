/* tests/base/test_fault.c - the fault hooks strike when told to, and what they hit copes. */
#include "fault/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "suites.h"
#include "test.h"

static int clear_faults(void **state)
{
    (void)state;
    fault_clear();
    return 0;
}

static void the_nth_allocation_fails_once(void **state)
{
    (void)state;
    fault_arm(FAULT_ALLOC, 2, FAULT_ONCE, ENOMEM);
    void *volatile first = malloc(10);
    void *volatile second = malloc(10);
    void *volatile third = malloc(10);
    fault_clear();
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    free(first);
    free(third);
}

static void an_allocation_can_fail_for_good(void **state)
{
    (void)state;
    fault_arm(FAULT_ALLOC, 1, FAULT_FOREVER, ENOMEM);
    void *volatile first = calloc(1, 10);
    void *volatile second = realloc(NULL, 10);
    bool struck = fault_struck();
    fault_clear();
    assert_null(first);
    assert_null(second);
    assert_true(struck);
}

static void every_io_call_fails_with_the_errno_asked_for(void **state)
{
    (void)state;
    char path[] = "/tmp/hr_fault_XXXXXX";
    char bytes[8] = "abcdefg";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    fault_arm(FAULT_WRITE, 1, FAULT_ONCE, ENOSPC);
    assert_int_equal(pwrite(fd, bytes, 8, 0), -1);
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(pwrite(fd, bytes, 8, 0), 8);
    fault_arm(FAULT_WRITE, 1, FAULT_ONCE, EIO);
    assert_int_equal(write(fd, bytes, 8), -1);
    fault_arm(FAULT_READ, 1, FAULT_FOREVER, EIO);
    assert_int_equal(pread(fd, bytes, 8, 0), -1);
    assert_int_equal(read(fd, bytes, 8), -1);
    assert_int_equal(errno, EIO);
    fault_clear();
    assert_int_equal(pread(fd, bytes, 8, 0), 8);
    fault_arm(FAULT_SYNC, 1, FAULT_FOREVER, EIO);
    assert_int_equal(fdatasync(fd), -1);
    assert_int_equal(fsync(fd), -1);
    fault_arm(FAULT_SPACE, 1, FAULT_FOREVER, ENOSPC);
    assert_int_equal(ftruncate(fd, 4), -1);
    assert_int_equal(fallocate(fd, 0, 0, 100), -1);
    assert_int_equal(posix_fallocate(fd, 0, 100), ENOSPC);
    fault_arm(FAULT_OPEN, 1, FAULT_ONCE, EMFILE);
    assert_int_equal(open(path, O_RDONLY), -1);
    assert_int_equal(errno, EMFILE);
    fault_arm(FAULT_NAME, 1, FAULT_FOREVER, EROFS);
    assert_int_equal(rename(path, "/tmp/hr_fault_other"), -1);
    assert_int_equal(unlink(path), -1);
    fault_clear();
    assert_int_equal(unlink(path), 0);
    close(fd);
}

static void a_short_write_stores_half(void **state)
{
    (void)state;
    char path[] = "/tmp/hr_fault_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    fault_arm_short_write(2);
    assert_int_equal(pwrite(fd, "12345678", 8, 0), 8);
    assert_int_equal(pwrite(fd, "12345678", 8, 8), 4);
    assert_int_equal(pwrite(fd, "12345678", 8, 12), 8);
    fault_clear();
    unlink(path);
    close(fd);
}

static void base_survives_every_failed_allocation(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth < 8; nth++) {
        hr_buf buf;
        fault_arm(FAULT_ALLOC, nth, FAULT_FOREVER, ENOMEM);
        hr_buf_init(&buf, 10000);
        hr_clock *clock = hr_clock_fake_new(0);
        hr_metrics *metrics = hr_metrics_new();
        if (metrics != NULL) {
            hr_counter_add(hr_metrics_counter(metrics, "a", "", "help"), 1);
            hr_histogram_record(hr_metrics_histogram(metrics, "b", "", "help", 1), 1);
            hr_metrics_write(metrics, &buf);
        }
        hr_buf_put_u8(&buf, 1);
        bool struck = fault_struck();
        bool failed = clock == NULL || metrics == NULL || hr_buf_err(&buf) == HR_NO_MEMORY;
        fault_clear();
        /* A metric that could not be made is a shared one: struck, and nothing failed. */
        assert_true(struck || !failed);
        hr_metrics_free(metrics);
        hr_clock_fake_free(clock);
        hr_buf_fini(&buf);
    }
}

int run_fault_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_nth_allocation_fails_once, clear_faults),
        cmocka_unit_test_teardown(an_allocation_can_fail_for_good, clear_faults),
        cmocka_unit_test_teardown(every_io_call_fails_with_the_errno_asked_for, clear_faults),
        cmocka_unit_test_teardown(a_short_write_stores_half, clear_faults),
        cmocka_unit_test_teardown(base_survives_every_failed_allocation, clear_faults),
    };
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
