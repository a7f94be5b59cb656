/* tests/gateway/test_power_cuts.c - the power fails where the gateway is, or where service and
 * broker are, at any change of their disks and under load. What was confirmed or acknowledged is
 * in the log afterwards, and nothing is in it twice.
 *
 * Gateway and service are processes of their own, made of this program, so that each has a disk of
 * its own that forgets. HR_LONG=1 in the environment: forty rounds instead of one. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "fault/fault.h"
#include "fault/power.h"
#include "gateway/field.h"
#include "gateway/gateway.h"
#include "ingest/site.h"
#include "ingest/support.h"
#include "test.h"

#define ROUNDS 1
#define ROUNDS_LONG 40
#define CUTS_IN_A_ROUND 5
#define STEPS_MAX 120 /* changes of a disk before its power fails */
#define DEAD 9        /* exit status */

/* ---- in the processes that die ---- */

static _Noreturn void die(uint64_t seed)
{
    fault_clear();
    power_cut(seed);
    _exit(DEAD);
}

static int run_gateway(char **argv)
{
    static config c;
    char folder[CONFIG_TEXT_MAX + 16];
    gateway *g = NULL;
    hr_why why = {{0}};
    uint64_t step = strtoull(argv[3], NULL, 10);
    if (config_load(argv[2], &c, &why) != HR_OK) {
        return 2;
    }
    snprintf(folder, sizeof folder, "%s/outbox", c.data);
    (void)!mkdir(c.data, 0700);
    (void)!mkdir(folder, 0700);
    power_watch(folder);
    fault_freeze_at(step, step % 3 == 0);
    hr_err err = gateway_start(&c, hr_clock_real(), stdout, &g, &why);
    if (err == HR_OK) {
        err = gateway_wait(g, &why);
        gateway_stop(g);
    }
    if (fault_is_frozen()) {
        die(step);
    }
    return err == HR_OK ? 0 : 1;
}

/* "--service ROOT PORT PASSWORD STEP" */
static _Noreturn void run_service(char **argv)
{
    static site s;
    uint64_t step = strtoull(argv[5], NULL, 10);
    s.clock = hr_clock_real();
    snprintf(s.log_folder, sizeof s.log_folder, "%s/journal", argv[2]);
    s.port = (uint16_t)strtoul(argv[3], NULL, 10);
    (void)!mkdir(s.log_folder, 0700);
    power_watch(s.log_folder);
    site_open_log(&s);
    if (step != 0) {
        fault_freeze_at(step, step % 3 == 0);
    }
    site_start_ingest_as(&s, argv[4]);
    while (log_health(s.log, NULL) != HR_IO) {
        log_wait(s.log, LOG_COMMITTED, log_durable(s.log), 20);
    }
    ingest_stop(s.ingest);
    log_close(s.log);
    die(step);
}

/* ---- in the one that watches them ---- */

typedef struct farm {
    site s;
    field f;
    pid_t service;
    hr_random random;
} farm;

static uint64_t some_step(farm *m)
{
    return 1 + hr_random_below(&m->random, STEPS_MAX);
}

static void start_service(farm *m, uint64_t step)
{
    char port[8], step_text[24];
    snprintf(port, sizeof port, "%u", m->s.port);
    snprintf(step_text, sizeof step_text, "%lu", step);
    const char *const argv[] = {
        "/proc/self/exe", "--service", m->s.root, port, broker_password(m->s.broker),
        step_text,        NULL};
    m->service = support_spawn(argv, "/dev/null");
}

/* A gateway may die before it has said how far it is: then once more. */
static void start_gateway(farm *m, uint64_t step)
{
    uint64_t confirmed = m->f.stored;
    int status;
    if (m->f.pid > 0 && waitpid(m->f.pid, &status, WNOHANG) == m->f.pid) {
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == DEAD);
    }
    m->f.cut_step = step;
    while (!field_try_restart(&m->f)) {
        m->f.cut_step = step + STEPS_MAX;
    }
    if (m->f.stored < confirmed) {
        fail_msg("%lu were confirmed, %lu are left", confirmed, m->f.stored);
    }
}

/* Of what mosquitto had in memory nothing is left, and its file may be half of one. */
static void cut_broker(farm *m)
{
    char path[128];
    pid_t pid = broker_pid(m->s.broker);
    snprintf(path, sizeof path, "%s/mosquitto.db", m->s.broker_folder);
    if (hr_random_below(&m->random, 2) == 0) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs("half of a file", file);
        assert_int_equal(fclose(file), 0);
    }
    if (pid > 0) {
        kill(pid, SIGKILL);
    }
}

static bool is_service_dead(farm *m)
{
    int status;
    if (waitpid(m->service, &status, WNOHANG) != m->service) {
        return false;
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == DEAD);
    return true;
}

static void set_up(farm *m)
{
    site_settle(&m->s, NULL);
    m->f.s = &m->s;
    field_write_config(&m->f);
    start_service(m, some_step(m));
    start_gateway(m, some_step(m));
}

static void live_until_cut(farm *m, uint32_t *gateways, uint32_t *services)
{
    for (;;) {
        field_give(&m->f, 1 + (uint32_t)hr_random_below(&m->random, 40));
        if (!field_hear(&m->f, 5)) {
            start_gateway(m, some_step(m));
            ++*gateways;
            return;
        }
        if (is_service_dead(m)) {
            cut_broker(m);
            start_service(m, some_step(m));
            ++*services;
            return;
        }
    }
}

static void run_round(uint64_t seed, uint32_t *gateways, uint32_t *services)
{
    farm *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->random.state = seed;
    set_up(m);
    for (int i = 0; i < CUTS_IN_A_ROUND; i++) {
        live_until_cut(m, gateways, services);
    }
    /* Both come back for good. */
    support_kill(m->service);
    start_service(m, 0);
    start_gateway(m, 0);
    field_give(&m->f, 100);
    assert_int_equal(field_finish(&m->f), 0);
    support_kill(m->service);
    site_open_log(&m->s);
    field_assert_each_once(&m->f);
    site_leave(&m->s);
    free(m);
}

static void no_power_cut_takes_what_was_confirmed_or_doubles_it(void **state)
{
    (void)state;
    int rounds = getenv("HR_LONG") != NULL ? ROUNDS_LONG : ROUNDS;
    uint64_t seed = test_seed(__func__);
    uint32_t gateways = 0, services = 0;
    for (int i = 0; i < rounds; i++) {
        print_message("round %d, seed %lu\n", i, seed + (uint64_t)i);
        run_round(seed + (uint64_t)i, &gateways, &services);
    }
    print_message("the power failed %u times at the gateway, %u at the service\n", gateways,
                  services);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 4 && strcmp(argv[1], FIELD_OPTION) == 0) {
        return run_gateway(argv);
    }
    if (argc == 6 && strcmp(argv[1], "--service") == 0) {
        run_service(argv);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_power_cut_takes_what_was_confirmed_or_doubles_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
