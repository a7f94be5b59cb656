/* tests/gateway/test_deaths.c - gateway, broker and service are processes of their own, and kill -9
 * takes them in random order under load. Afterwards every fix that the gateway confirmed is in the
 * service's log exactly once. HR_LONG=1 in the environment: sixty rounds instead of five. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "gateway/field.h"
#include "ingest/site.h"
#include "ingest/support.h"
#include "test.h"

#define ROUNDS 5
#define ROUNDS_LONG 60
#define DEATHS_IN_A_ROUND 4

/* The service: this program once more, as "test_deaths --service ROOT PORT PASSWORD". */
static _Noreturn void run_service(char **argv)
{
    static site s;
    s.clock = hr_clock_real();
    snprintf(s.log_folder, sizeof s.log_folder, "%s/journal", argv[2]);
    s.port = (uint16_t)strtoul(argv[3], NULL, 10);
    site_open_log(&s);
    site_start_ingest_as(&s, argv[4]);
    for (;;) {
        pause();
    }
}

typedef struct farm {
    site s;
    field f;
    pid_t service;
    hr_random random;
    size_t before;
} farm;

/* The broker's password for the service is made anew with the broker, which restarts without us:
 * only its start in this process counts. */
static void restart_service(farm *m)
{
    char port[8];
    if (m->service > 0) {
        support_kill(m->service);
    }
    snprintf(port, sizeof port, "%u", m->s.port);
    const char *const argv[] = {
        "/proc/self/exe", "--service", m->s.root, port, broker_password(m->s.broker), NULL};
    m->service = support_spawn(argv, "/dev/null");
}

static void kill_broker(farm *m)
{
    pid_t pid = broker_pid(m->s.broker);
    if (pid > 0) {
        kill(pid, SIGKILL);
    }
}

static void kill_someone(farm *m)
{
    switch (hr_random_below(&m->random, 3)) {
    case 0:
        field_restart(&m->f);
        break;
    case 1:
        restart_service(m);
        break;
    default:
        kill_broker(m);
        break;
    }
}

/* Beside the running service, which may be starting: no log yet is no fixes. */
static size_t fixes_at_service(farm *m)
{
    log_options options = {.folder = m->s.log_folder, .clock = m->s.clock, .read_only = true};
    if (log_open(&options, &m->s.log, NULL) != HR_OK) {
        return 0;
    }
    size_t count = site_fix_count(&m->s);
    log_close(m->s.log);
    return count;
}

static bool has_more_than_before(void *context)
{
    farm *m = context;
    return fixes_at_service(m) > m->before;
}

/* Let some of it get through between deaths: a line is on the disk, or much later at the service.
 */
static void load(farm *m)
{
    uint32_t parts = 1 + (uint32_t)hr_random_below(&m->random, 20);
    for (uint32_t i = 0; i < parts; i++) {
        field_give(&m->f, (uint32_t)hr_random_below(&m->random, 500));
        if (hr_random_below(&m->random, 4) != 0) {
            field_wait_stored(&m->f);
        }
    }
}

static void set_up(farm *m)
{
    site_settle(&m->s, NULL);
    m->f.s = &m->s;
    field_write_config(&m->f);
    restart_service(m);
    field_restart(&m->f);
}

static void run_round(uint64_t seed)
{
    farm *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->random.state = seed;
    set_up(m);
    for (int i = 0; i < DEATHS_IN_A_ROUND; i++) {
        m->before = fixes_at_service(m);
        load(m);
        /* Now and then death comes before anyone has met anyone. */
        if (hr_random_below(&m->random, 4) != 0) {
            field_give(&m->f, 1);
            assert_true(support_until(has_more_than_before, m));
            field_give(&m->f, (uint32_t)hr_random_below(&m->random, 2000));
        }
        kill_someone(m);
    }
    load(m);
    assert_int_equal(field_finish(&m->f), 0);
    /* The gateway has its acknowledgements, so kill -9 may not take anything any more. */
    support_kill(m->service);
    site_open_log(&m->s);
    field_assert_each_once(&m->f);
    site_leave(&m->s);
    free(m);
}

static void every_confirmed_fix_is_in_the_log_exactly_once(void **state)
{
    (void)state;
    int rounds = getenv("HR_LONG") != NULL ? ROUNDS_LONG : ROUNDS;
    uint64_t seed = test_seed(__func__);
    for (int i = 0; i < rounds; i++) {
        print_message("round %d, seed %lu\n", i, seed + (uint64_t)i);
        run_round(seed + (uint64_t)i);
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 5 && strcmp(argv[1], "--service") == 0) {
        run_service(argv);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_confirmed_fix_is_in_the_log_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
