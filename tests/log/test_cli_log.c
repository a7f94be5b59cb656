/* tests/log/test_cli_log.c - hedgerow log, as its user sees it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/cli.h"
#include "base/fix.h"
#include "base/record.h"
#include "log_fixture.h"
#include "test.h"

#define OUTPUT_MAX 65536

typedef struct farm {
    char data[FIXTURE_FOLDER_MAX];
    fixture f;
    char output[OUTPUT_MAX];
} farm;

static int set_up(void **state)
{
    farm *m = calloc(1, sizeof *m);
    fixture_init(&m->f);
    snprintf(m->data, sizeof m->data, "%s", m->f.folder);
    /* The data folder is the one that was made; the journal lies in it. */
    snprintf(m->f.folder, sizeof m->f.folder, "%.200s/journal", m->data);
    m->f.options.folder = m->f.folder;
    fixture_open(&m->f);
    *state = m;
    return 0;
}

static int tear_down(void **state)
{
    farm *m = *state;
    fixture_fini(&m->f);
    rmdir(m->data);
    free(m);
    return 0;
}

/* Run hedgerow log in a process of its own; its output is in m->output. */
static int run(farm *m, int argc, char **argv)
{
    char path[FIXTURE_PATH_MAX];
    snprintf(path, sizeof path, "%s.out", m->data);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        const cli_globals globals = {.data = "."};
        int code = cli_log(&globals, argc, argv);
        fflush(stdout);
        _exit(code);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(m->output, 1, sizeof m->output - 1, file);
    m->output[size] = '\0';
    fclose(file);
    unlink(path);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void append_fix(farm *m, int64_t time_ms)
{
    uint8_t bytes[HR_FIX_BYTES];
    hr_fix fix = {.device = 0xabc,
                  .time_ms = time_ms,
                  .lon_e7 = 163725000,
                  .lat_e7 = 598512000,
                  .accuracy_dm = HR_FIX_U16_UNKNOWN,
                  .speed_cm_s = 150,
                  .heading_cdeg = HR_FIX_U16_UNKNOWN,
                  .battery_pct = HR_FIX_U8_UNKNOWN};
    hr_fix_store(bytes, &fix);
    log_batch batch = {.type = HR_RECORD_FIX,
                       .partition = 1,
                       .count = 1,
                       .record_bytes = HR_FIX_BYTES,
                       .bytes = bytes,
                       .size = sizeof bytes};
    assert_int_equal(log_append(m->f.log, &batch, 1, NULL, NULL, NULL), HR_OK);
}

static void list_shows_partitions_and_groups(void **state)
{
    farm *m = *state;
    append_fix(m, FIXTURE_NOW_MS);
    assert_int_equal(log_group_commit(m->f.log, "historian", 0, 1, 0), HR_OK);
    fixture_reopen(&m->f);
    char *argv[] = {"log", "list", "--data", m->data};
    assert_int_equal(run(m, 4, argv), CLI_OK);
    assert_non_null(strstr(m->output, "positions            1            0            1"));
    assert_non_null(strstr(m->output, "historian"));
}

static void dump_tells_records_by_their_types(void **state)
{
    farm *m = *state;
    append_fix(m, FIXTURE_NOW_MS);
    uint8_t unknown[] = {0xde, 0xad};
    log_batch batch = {
        .type = 99, .partition = 1, .count = 1, .record_bytes = 2, .bytes = unknown, .size = 2};
    assert_int_equal(log_append(m->f.log, &batch, 1, NULL, NULL, NULL), HR_OK);
    char *argv[] = {"log", "dump", "--data", m->data, "positions/1"};
    assert_int_equal(run(m, 5, argv), CLI_OK);
    assert_non_null(strstr(m->output, "\"offset\":0,\"append_ms\":1795161600000,\"type\":\"fix\""));
    assert_non_null(strstr(m->output, "\"lon\":16.3725,\"lat\":59.8512,\"speed_mps\":1.5"));
    assert_non_null(strstr(m->output, "\"type_number\":99,\"hex\":\"dead\""));
    char *from[] = {"log", "dump", "--data", m->data, "positions", "--from", "1", "--count", "5"};
    assert_int_equal(run(m, 9, from), CLI_OK);
    assert_null(strstr(m->output, "\"type\":\"fix\""));
}

static void tail_shows_the_last_records(void **state)
{
    farm *m = *state;
    for (int i = 0; i < 30; i++) {
        append_fix(m, FIXTURE_NOW_MS + i);
    }
    char *argv[] = {"log", "tail", "--data", m->data, "--count", "2"};
    assert_int_equal(run(m, 6, argv), CLI_OK);
    assert_null(strstr(m->output, "\"offset\":27,"));
    assert_non_null(strstr(m->output, "\"offset\":28,"));
    assert_non_null(strstr(m->output, "\"offset\":29,"));
}

static void verify_tells_damage(void **state)
{
    farm *m = *state;
    for (int i = 0; i < 30; i++) {
        append_fix(m, FIXTURE_NOW_MS + i);
    }
    fixture_close(&m->f);
    char *argv[] = {"log", "verify", "--data", m->data};
    assert_int_equal(run(m, 4, argv), CLI_OK);
    assert_non_null(strstr(m->output, "30 records"));
    char path[FIXTURE_PATH_MAX];
    snprintf(path, sizeof path, "%s/000000000001.log", m->f.folder);
    int fd = open(path, O_RDWR);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(pwrite(fd, "x", 1, status.st_size / 2), 1);
    close(fd);
    assert_int_equal(run(m, 4, argv), CLI_FAILED);
    assert_non_null(strstr(m->output, "lost: positions/1 offsets"));
    fixture_open(&m->f);
}

static void a_wrong_command_line_is_explained(void **state)
{
    farm *m = *state;
    char *unknown[] = {"log", "burn"};
    char *no_number[] = {"log", "dump", "--from", "x"};
    char *nothing[] = {"log", "list", "--data", "/nonexistent"};
    char *no_topic[] = {"log", "dump", "--data", m->data, "cows"};
    assert_int_equal(run(m, 2, unknown), CLI_USAGE);
    assert_non_null(strstr(m->output, "usage:"));
    assert_int_equal(run(m, 4, no_number), CLI_USAGE);
    assert_int_equal(run(m, 4, nothing), CLI_FAILED);
    assert_int_equal(run(m, 5, no_topic), CLI_FAILED);
    assert_int_equal(run(m, 1, unknown), CLI_USAGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    fixture_hush();
    const struct CMUnitTest tests[] = {
        TEST(list_shows_partitions_and_groups),  TEST(dump_tells_records_by_their_types),
        TEST(tail_shows_the_last_records),       TEST(verify_tells_damage),
        TEST(a_wrong_command_line_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
