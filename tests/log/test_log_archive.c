/* tests/log/test_log_archive.c - a copy of a log that is written and cut meanwhile is a whole log.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/archive.h"
#include "log_fixture.h"
#include "test.h"

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_init(f);
    f->options.retain_bytes = 128 << 10;
    fixture_open(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    fixture_close(f);
    fixture_fini(f);
    free(f);
    return 0;
}

static void append_some(fixture *f, uint64_t from, uint64_t count)
{
    log_position end = 0;
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(fixture_append(f, 0, 0, (from + i) * 64, 64, &end), HR_OK);
    }
    fixture_commit(f, end);
}

static hr_err copy_file(const log_archive_file *file, void *context)
{
    const fixture *copy = context;
    char path[FIXTURE_PATH_MAX];
    uint8_t *bytes = malloc(file->size + 1);
    assert_non_null(bytes);
    snprintf(path, sizeof path, "%s/%s", copy->folder, file->name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    if (file->fd >= 0) {
        assert_int_equal(pread(file->fd, bytes, file->size, 0), file->size);
    }
    const uint8_t *from = file->fd >= 0 ? bytes : file->bytes;
    assert_int_equal(write(fd, from, file->size), file->size);
    close(fd);
    free(bytes);
    return HR_OK;
}

static log_store *open_beside(fixture *f)
{
    log_options options = {.folder = f->folder, .clock = f->clock, .read_only = true};
    log_store *log = NULL;
    assert_int_equal(log_open(&options, &log, NULL), HR_OK);
    return log;
}

static void a_copy_has_all_that_stood_there_from_begin_to_each(void **state)
{
    fixture *f = *state;
    fixture copy;
    log_archive *archive = NULL;
    assert_int_equal(log_group_commit(f->log, "slow", 0, 0, 10), HR_OK);
    assert_int_equal(log_floor_set(f->log, "checkpoint", 0, 0, 0), HR_OK);
    append_some(f, 0, 500);
    fixture_reopen(f); /* writes the side file, with the group */
    log_store *beside = open_beside(f);
    assert_int_equal(log_archive_begin(beside, &archive, NULL), HR_OK);
    append_some(f, 500, 300);
    assert_int_equal(log_floor_set(f->log, "checkpoint", 0, 0, 400 * 64), HR_OK);
    assert_int_equal(log_retain(f->log, NULL), HR_OK);
    assert_true(log_start(f->log, 0, 0) > 0);
    append_some(f, 800, 7);

    fixture_beside(f, "copy", &copy);
    assert_int_equal(mkdir(copy.folder, 0700), 0);
    assert_int_equal(log_archive_each(archive, copy_file, &copy, NULL), HR_OK);
    log_archive_end(archive);
    log_close(beside);
    append_some(f, 807, 5); /* not in the copy any more */

    fixture_open(&copy);
    assert_int_equal(fixture_damages(&copy), 0);
    assert_int_equal(log_start(copy.log, 0, 0), 0);
    assert_int_equal(log_end(copy.log, 0, 0, LOG_COMMITTED), 807 * 64);
    fixture_expect(&copy, 0, 0, 0, 0, 807 * 64, LOG_COMMITTED);
    assert_int_equal(log_group_offset(copy.log, "slow", 0, 0), 10);
    append_some(&copy, 807, 1);
    fixture_close(&copy);
    fixture_remove(copy.folder);
}

static void a_file_that_went_before_it_was_seen_is_told(void **state)
{
    fixture *f = *state;
    log_archive *archive = NULL;
    append_some(f, 0, 100);
    log_store *beside = open_beside(f);
    assert_int_equal(log_archive_begin(beside, &archive, NULL), HR_OK);
    append_some(f, 100, 1000);
    assert_int_equal(log_retain(f->log, NULL), HR_OK);
    assert_true(log_start(f->log, 0, 0) > 12800);
    fixture copy;
    fixture_beside(f, "copy", &copy);
    assert_int_equal(log_archive_each(archive, copy_file, &copy, NULL), HR_GONE);
    log_archive_end(archive);
    log_archive_end(NULL);
    log_close(beside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_copy_has_all_that_stood_there_from_begin_to_each, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_went_before_it_was_seen_is_told, set_up,
                                        tear_down),
    };
    fixture_hush();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
