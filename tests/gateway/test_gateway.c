/* tests/gateway/test_gateway.c - the program hedgerow-edge against a real broker and the intake:
 * every fix it confirmed is in the log exactly once, whoever is killed and when. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/logline.h"
#include "ingest/site.h"
#include "ingest/support.h"
#include "test.h"

/* The gateway's process, and the test as the one who feeds it lines. */
typedef struct field {
    site *s;
    char config[128];
    pid_t pid;
    int in_fd;  /* its standard input */
    int out_fd; /* its confirmations */
    char heard[256];
    size_t heard_size;
    uint64_t given;  /* lines written to it, in all runs */
    uint64_t stored; /* as it last confirmed */
} field;

static void write_config(field *f)
{
    snprintf(f->config, sizeof f->config, "%s/edge.conf", f->s->root);
    FILE *file = fopen(f->config, "w");
    assert_non_null(file);
    fprintf(file, "broker = tcp://127.0.0.1:%u\nuser = barn\npassword = %s\n", f->s->port,
            f->s->password);
    fprintf(file, "data = %s/edge\nbatch_ms = 20\nbatch_fixes = 200\nsource = json:-\n",
            f->s->root);
    assert_int_equal(fclose(file), 0);
}

static void start_gateway(field *f)
{
    int in[2], out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    f->pid = fork();
    if (f->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execl(HR_EDGE_PROGRAM, "hedgerow-edge", "--config", f->config, "--confirm", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    f->in_fd = in[1];
    f->out_fd = out[0];
    f->heard_size = 0;
}

/* Wait for its next line {"stored":N}. */
static void hear(field *f)
{
    for (;;) {
        char *end = memchr(f->heard, '\n', f->heard_size);
        if (end != NULL) {
            *end = '\0';
            assert_int_equal(sscanf(f->heard, "{\"stored\":%lu}", &f->stored), 1);
            size_t used = (size_t)(end - f->heard) + 1;
            memmove(f->heard, end + 1, f->heard_size - used);
            f->heard_size -= used;
            return;
        }
        ssize_t got = read(f->out_fd, f->heard + f->heard_size, sizeof f->heard - f->heard_size);
        assert_true(got > 0);
        f->heard_size += (size_t)got;
    }
}

/* Kill it, start it again, and go on from where it says it is. */
static void restart_gateway(field *f)
{
    if (f->pid > 0) {
        support_kill(f->pid);
        close(f->in_fd);
        close(f->out_fd);
    }
    start_gateway(f);
    hear(f);
    f->given = f->stored;
}

/* Line number n is the fix with latitude n. */
static void give(field *f, uint32_t count)
{
    char text[160 * 64];
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "{\"device\":\"cow-%u\",\"time\":%lu,\"lon\":16.5,\"lat\":%.7f}\n",
                                 (unsigned)(f->given % 50), 1795161600000 + f->given * 1000,
                                 (double)f->given / 1e7);
        f->given++;
        if (size > sizeof text - 200 || i + 1 == count) {
            assert_int_equal(write(f->in_fd, text, size), (ssize_t)size);
            size = 0;
        }
    }
}

static void wait_stored(field *f)
{
    while (f->stored < f->given) {
        hear(f);
    }
}

static int start_field(void **state)
{
    field *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->s = site_new(NULL);
    write_config(f);
    restart_gateway(f);
    *state = f;
    return 0;
}

static int end_field(void **state)
{
    field *f = *state;
    support_kill(f->pid);
    close(f->in_fd);
    close(f->out_fd);
    site_free(f->s);
    free(f);
    return 0;
}

static void assert_each_once(field *f)
{
    size_t found;
    site_wait_fixes(f->s, f->given);
    site_fix *fixes = site_fixes(f->s, &found);
    uint8_t *seen = calloc(f->given + 1, 1);
    assert_non_null(seen);
    for (size_t i = 0; i < found; i++) {
        assert_in_range(fixes[i].fix.lat_e7, 0, f->given - 1);
        if (seen[fixes[i].fix.lat_e7]++ != 0) {
            fail_msg("fix %d was recorded twice", fixes[i].fix.lat_e7);
        }
    }
    assert_int_equal(found, f->given);
    free(seen);
    free(fixes);
}

static void what_is_given_arrives(void **state)
{
    field *f = *state;
    give(f, 1000);
    wait_stored(f);
    assert_each_once(f);
}

static void the_end_of_input_ends_the_program_once_all_is_acknowledged(void **state)
{
    field *f = *state;
    int status;
    give(f, 500);
    close(f->in_fd);
    f->in_fd = -1;
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_each_once(f);
    f->pid = -1;
    restart_gateway(f);
    assert_int_equal(f->stored, 500);
}

static void fixes_wait_out_an_outage_and_are_flagged(void **state)
{
    field *f = *state;
    ingest_stop(f->s->ingest);
    f->s->ingest = NULL;
    give(f, 2000);
    wait_stored(f);
    assert_int_equal(site_fix_count(f->s), 0);
    site_start_ingest(f->s);
    assert_each_once(f);
}

static void a_killed_gateway_goes_on(void **state)
{
    field *f = *state;
    for (int round = 0; round < 5; round++) {
        give(f, 300);
        restart_gateway(f);
    }
    give(f, 100);
    wait_stored(f);
    assert_each_once(f);
}

/* The intake and its log in this process cannot be killed alone, but closed without ceremony. */
static void kill_service(field *f)
{
    ingest_stop(f->s->ingest);
    log_close(f->s->log);
    site_open_log(f->s);
    site_start_ingest(f->s);
}

/* Without waiting for its return; 0 is a broker that is dead already. */
static void kill_broker(field *f)
{
    pid_t pid = broker_pid(f->s->broker);
    if (pid > 0) {
        kill(pid, SIGKILL);
    }
}

static void anyone_may_die_at_any_time(void **state)
{
    field *f = *state;
    uint64_t seed = (uint64_t)time(NULL);
    print_message("seed %lu\n", seed);
    hr_random random = {seed};
    for (int round = 0; round < 12; round++) {
        give(f, (uint32_t)hr_random_below(&random, 400));
        switch (hr_random_below(&random, 3)) {
        case 0:
            restart_gateway(f);
            break;
        case 1:
            kill_service(f);
            break;
        default:
            kill_broker(f);
            break;
        }
        give(f, (uint32_t)hr_random_below(&random, 400));
    }
    wait_stored(f);
    assert_each_once(f);
}

#define WITH_FIELD(test) cmocka_unit_test_setup_teardown(test, start_field, end_field)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_FIELD(what_is_given_arrives),
        WITH_FIELD(the_end_of_input_ends_the_program_once_all_is_acknowledged),
        WITH_FIELD(fixes_wait_out_an_outage_and_are_flagged),
        WITH_FIELD(a_killed_gateway_goes_on),
        WITH_FIELD(anyone_may_die_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
