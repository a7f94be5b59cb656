/* tests/engine/test_full_disk.c - a disk without room: checkpoints come when there is some again,
 * and nobody waits for ever. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/record.h"
#include "farm.h"
#include "log/reader.h"
#include "test.h"

#define T0 1795161600000

static _Atomic bool is_full;
static _Atomic unsigned refused; /* calls that a full disk has refused */

/* Of a checkpoint; what becomes of the log is said below. */
static bool is_of_a_checkpoint(int fd)
{
    char link[64];
    char path[256] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    return size > 0 && strstr(path, "/checkpoint/") != NULL;
}

ssize_t __real_pwrite(int fd, const void *bytes, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    if (atomic_load(&is_full) && is_of_a_checkpoint(fd)) {
        atomic_fetch_add(&refused, 1);
        errno = ENOSPC;
        return -1;
    }
    return __real_pwrite(fd, bytes, size, at);
}

/* The n-th read fails, as of a sector that has gone bad. */
static atomic_int reads_left = INT_MAX;

ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
    if (atomic_fetch_sub(&reads_left, 1) == 1) {
        errno = EIO;
        return -1;
    }
    return __real_read(fd, bytes, size);
}

/* So does the n-th look into a folder. */
static atomic_int looks_left = INT_MAX;

struct dirent *__real_readdir(DIR *folder);
struct dirent *__wrap_readdir(DIR *folder);
struct dirent *__wrap_readdir(DIR *folder)
{
    if (atomic_fetch_sub(&looks_left, 1) == 1) {
        errno = EIO;
        return NULL;
    }
    return __real_readdir(folder);
}

HR_MUST_USE hr_err __real_log_append(log_store *log, const log_batch *batches, uint32_t count,
                                     const log_producer *producer, int64_t *first_offsets,
                                     log_position *end);
hr_err __wrap_log_append(log_store *log, const log_batch *batches, uint32_t count,
                         const log_producer *producer, int64_t *first_offsets, log_position *end);
hr_err __wrap_log_append(log_store *log, const log_batch *batches, uint32_t count,
                         const log_producer *producer, int64_t *first_offsets, log_position *end)
{
    if (atomic_load(&is_full) && batches[0].topic == HR_TOPIC_EVENTS) {
        atomic_fetch_add(&refused, 1);
        return HR_NO_SPACE;
    }
    return __real_log_append(log, batches, count, producer, first_offsets, end);
}

/* The n-th reader that is asked for cannot be had. */
static atomic_int readers_left = INT_MAX;

HR_MUST_USE hr_err __real_log_reader_open(log_store *log, uint8_t topic, uint16_t partition,
                                          int64_t offset, log_visibility visibility,
                                          log_reader **out);
hr_err __wrap_log_reader_open(log_store *log, uint8_t topic, uint16_t partition, int64_t offset,
                              log_visibility visibility, log_reader **out);
hr_err __wrap_log_reader_open(log_store *log, uint8_t topic, uint16_t partition, int64_t offset,
                              log_visibility visibility, log_reader **out)
{
    return atomic_fetch_sub(&readers_left, 1) == 1
               ? HR_NO_MEMORY
               : __real_log_reader_open(log, topic, partition, offset, visibility, out);
}

static void a_start_without_memory_for_a_reader_is_refused(void **state)
{
    (void)state;
    hr_why why = {""};
    hr_err err = HR_NO_MEMORY;
    farm farm;
    farm_start(&farm, 1);
    for (int nth = 1; err == HR_NO_MEMORY; nth++) {
        farm_close(&farm);
        atomic_store(&readers_left, nth);
        err = farm_try_open(&farm, 1, &why);
        assert_true(err == HR_OK || nth < 20);
    }
    atomic_store(&readers_left, INT_MAX);
    assert_int_equal(err, HR_OK);
    farm_end(&farm);
}

static void a_checkpoint_that_cannot_be_read_is_one_that_is_damaged(void **state)
{
    (void)state;
    hr_why why = {""};
    farm farm;
    farm_start(&farm, 1);
    assert_int_equal(engine_checkpoint(farm.engine, &why), HR_OK);
    farm_close(&farm);
    atomic_store(&reads_left, 1);
    hr_err err = farm_try_open(&farm, 1, &why);
    assert_true(atomic_exchange(&reads_left, INT_MAX) < 1);
    assert_int_equal(err, HR_OK);
    farm_end(&farm);
}

static void wait_for_refusals(farm *farm, unsigned count)
{
    for (int tries = 0; atomic_load(&refused) < count; tries++) {
        assert_true(tries < 6000);
        log_wait(farm->log, LOG_APPENDED, UINT64_MAX, 10);
    }
}

/* The number of the newest checkpoint's file. */
static unsigned long newest_checkpoint(const farm *farm)
{
    char path[128];
    unsigned long newest = 0;
    snprintf(path, sizeof path, "%s/checkpoint", farm->folder);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        unsigned long number = strtoul(entry->d_name, NULL, 10);
        if (strstr(entry->d_name, ".ckpt") != NULL && number > newest) {
            newest = number;
        }
    }
    closedir(folder);
    return newest;
}

/* Else the next one would be numbered as an older one, and the oldest of them taken for the newest.
 */
static void a_list_of_checkpoints_that_was_cut_short_is_none(void **state)
{
    (void)state;
    hr_why why = {""};
    bool has_struck = true;
    farm farm;
    farm_start(&farm, 1);
    assert_int_equal(engine_checkpoint(farm.engine, &why), HR_OK);
    farm_close(&farm);
    for (int nth = 1; has_struck; nth++) {
        unsigned long before = newest_checkpoint(&farm);
        atomic_store(&looks_left, nth);
        hr_err err = farm_try_open(&farm, 1, &why);
        has_struck = atomic_exchange(&looks_left, INT_MAX) < 1;
        assert_true(err == HR_OK || (err == HR_IO && has_struck));
        if (err == HR_OK) {
            assert_int_equal(engine_checkpoint(farm.engine, &why), HR_OK);
            assert_true(newest_checkpoint(&farm) > before);
            farm_close(&farm);
        }
    }
    farm_open(&farm, 1);
    farm_end(&farm);
}

static void a_checkpoint_that_found_no_room_is_written_when_there_is_some(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 2);
    farm.checkpoint_bytes = 1;
    farm_restart(&farm, 2);
    atomic_store(&refused, 0);
    atomic_store(&is_full, true);
    unsigned long before = newest_checkpoint(&farm);
    farm_walk(&farm, 1, 10, NULL, NULL);
    wait_for_refusals(&farm, 2); /* the second one is another try: nothing was appended since */
    assert_int_equal(newest_checkpoint(&farm), before);
    atomic_store(&is_full, false);
    for (int tries = 0; newest_checkpoint(&farm) == before; tries++) {
        assert_true(tries < 6000);
        log_wait(farm.log, LOG_APPENDED, UINT64_MAX, 10);
    }
    farm_end(&farm);
}

static void an_engine_stops_though_its_events_find_no_room_and_tells_them_later(void **state)
{
    (void)state;
    farm farm;
    hr_why why;
    hr_buf ids;
    const double north[4] = {16.0, 59.0, 16.01, 59.01};
    farm_start(&farm, 1);
    farm_fence(&farm, "north", north, "");
    farm_settle(&farm);
    atomic_store(&refused, 0);
    atomic_store(&is_full, true);
    farm_fix(&farm, "cow", T0, 16.005, 59.005);
    wait_for_refusals(&farm, 1);
    assert_int_equal(engine_checkpoint(farm.engine, &why), HR_NO_SPACE);
    farm_close(&farm);
    atomic_store(&is_full, false);
    farm_open(&farm, 1);
    farm_settle(&farm);
    hr_buf_init(&ids, 1 << 16);
    farm_event_ids(&farm, &ids);
    hr_buf_put_u8(&ids, 0);
    assert_string_equal((const char *)ids.data, "enter/north/cow/1795161600000\n");
    hr_buf_fini(&ids);
    farm_end(&farm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_without_memory_for_a_reader_is_refused),
        cmocka_unit_test(a_checkpoint_that_cannot_be_read_is_one_that_is_damaged),
        cmocka_unit_test(a_list_of_checkpoints_that_was_cut_short_is_none),
        cmocka_unit_test(a_checkpoint_that_found_no_room_is_written_when_there_is_some),
        cmocka_unit_test(an_engine_stops_though_its_events_find_no_room_and_tells_them_later),
    };
    return cmocka_run_group_tests_name("engine on a full disk", tests, NULL, NULL);
}
