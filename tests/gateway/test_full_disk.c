/* tests/gateway/test_full_disk.c - a gateway whose disk is full, or fails, and what it then takes,
 * keeps and says. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/logline.h"
#include "fault/fault.h"
#include "gateway/gateway.h"
#include "gateway/outbox.h"
#include "ingest/support.h"
#include "test.h"

/* Of one write into the pipe: a pipe takes it whole. */
#define LINES_MAX 20
#define ALLOCATIONS 8 /* more than taking one fix makes */

/* Paho forgets a SUBSCRIBE that was on its way when the gateway stopped. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libpaho-mqtt3as\n";
}

typedef struct post {
    char root[64];
    char pipe[96];
    config c;
    gateway *g;
    FILE *confirm;
    char confirmed[96]; /* the file behind it */
    int fd;             /* into the pipe */
    uint64_t given;
    atomic_int full_lines; /* of the log, that say so */
    atomic_int rooms;      /* that say that there is room again; then there is */
    _Atomic uint64_t dropped;
} post;

static void count_lines(const char *line, void *context)
{
    post *p = context;
    if (strstr(line, "gateway.made_room") != NULL) {
        atomic_fetch_add(&p->rooms, 1);
        atomic_store(&p->dropped, strtoull(strrchr(line, '=') + 1, NULL, 10));
        fault_clear();
    }
    if (strstr(line, "gateway.disk_full") != NULL) {
        atomic_fetch_add(&p->full_lines, 1);
    }
}

static void start(post *p)
{
    hr_why why = {{0}};
    p->confirm = fopen(p->confirmed, "w");
    assert_non_null(p->confirm);
    if (gateway_start(&p->c, hr_clock_real(), p->confirm, &p->g, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
}

static int start_post(void **state)
{
    char text[512];
    post *p = calloc(1, sizeof *p);
    assert_non_null(p);
    snprintf(p->root, sizeof p->root, "%s", support_folder());
    snprintf(p->confirmed, sizeof p->confirmed, "%s/confirmed", p->root);
    snprintf(p->pipe, sizeof p->pipe, "%s/pipe", p->root);
    assert_int_equal(mkfifo(p->pipe, 0600), 0);
    p->fd = open(p->pipe, O_RDWR | O_CLOEXEC);
    assert_true(p->fd >= 0);
    int size = snprintf(text, sizeof text,
                        "broker = tcp://127.0.0.1:%u\nuser = barn\ndata = %s/edge\n"
                        "batch_ms = 10\nsource = json:%s\n",
                        support_port(), p->root, p->pipe);
    assert_int_equal(config_parse(text, (size_t)size, &p->c, NULL), HR_OK);
    hr_logline_redirect(count_lines, p, hr_clock_real());
    start(p);
    *state = p;
    return 0;
}

static int end_post(void **state)
{
    post *p = *state;
    fault_clear();
    gateway_stop(p->g);
    hr_logline_redirect(NULL, NULL, NULL);
    fclose(p->confirm);
    close(p->fd);
    support_folder_remove(p->root);
    free(p);
    return 0;
}

/* Line number n is the fix with latitude n, of a device of its own. */
static void give(post *p, uint32_t count)
{
    char text[4096];
    size_t size = 0;
    assert_true(count <= LINES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "{\"device\":\"cow-%lu\",\"time\":%lu,\"lon\":16,\"lat\":%.7f}\n",
                                 p->given, 1795161600000 + p->given, (double)p->given / 1e7);
        p->given++;
    }
    assert_int_equal(write(p->fd, text, size), (ssize_t)size);
}

/* UINT64_MAX: nothing yet. */
static uint64_t last_confirmed(post *p)
{
    uint64_t last = UINT64_MAX;
    FILE *file = fopen(p->confirmed, "r");
    assert_non_null(file);
    while (fscanf(file, "{\"stored\":%lu} ", &last) == 1) {
    }
    fclose(file);
    return last;
}

static bool has_confirmed_any(void *context)
{
    return last_confirmed(context) != UINT64_MAX;
}

static bool has_confirmed_all(void *context)
{
    post *p = context;
    return last_confirmed(p) == p->given;
}

static void wait_confirmed(post *p)
{
    if (!support_until(has_confirmed_all, p)) {
        fail_msg("%lu of %lu are confirmed", last_confirmed(p), p->given);
    }
}

/* The outbox of a gateway that has stopped. */
static outbox_options end_gateway(post *p)
{
    gateway_stop(p->g);
    p->g = NULL;
    return (outbox_options){
        .folder = p->c.data, .cap_bytes = UINT64_C(64) << 20, .clock = hr_clock_real()};
}

static void assert_each_once(post *p)
{
    outbox *box;
    outbox_fix out;
    outbox_options options = end_gateway(p);
    assert_int_equal(outbox_open(&options, &box, NULL), HR_OK);
    for (uint64_t i = 0; i < p->given; i++) {
        assert_int_equal(outbox_next(box, &out), HR_OK);
        assert_int_equal(out.sequence, i);
        assert_int_equal(out.fix.fix.lat_e7, i);
    }
    assert_int_equal(outbox_next(box, &out), HR_TIMEOUT);
    outbox_close(box);
}

static bool has_said_full(void *context)
{
    return atomic_load(&((post *)context)->full_lines) > 0;
}

static void a_full_disk_makes_it_wait_and_it_goes_on_by_itself(void **state)
{
    post *p = *state;
    give(p, 10);
    wait_confirmed(p);
    fault_arm(FAULT_WRITE, 1, FAULT_FOREVER, ENOSPC);
    give(p, 10);
    assert_true(support_until(has_said_full, p));
    assert_int_equal(last_confirmed(p), 10);
    fault_clear();
    give(p, 10);
    wait_confirmed(p);
    assert_each_once(p);
}

/* Several files of fixes, which the service has up to a sequence. */
static void fill(post *p, uint64_t acked)
{
    static wire_fix fixes[OUTBOX_PUT_MAX];
    outbox *box;
    outbox_options options = {
        .folder = p->c.data, .cap_bytes = UINT64_C(4) << 20, .clock = hr_clock_real()};
    gateway_stop(p->g);
    fclose(p->confirm);
    assert_int_equal(outbox_open(&options, &box, NULL), HR_OK);
    for (size_t i = 0; i < OUTBOX_PUT_MAX; i++) {
        fixes[i] = (wire_fix){.id = "cow-1", .id_size = 5};
    }
    for (int i = 0; i < 24; i++) {
        assert_int_equal(outbox_put(box, fixes, OUTBOX_PUT_MAX, NULL), HR_OK);
    }
    outbox_close(box);
    assert_int_equal(outbox_open(&options, &box, NULL), HR_OK);
    outbox_acked(box, acked);
    outbox_close(box);
    p->c.disk_mb = 4;
    start(p);
    p->given = 24 * OUTBOX_PUT_MAX;
}

static bool has_made_room(void *context)
{
    return atomic_load(&((post *)context)->rooms) > 0;
}

static void on_a_full_disk_what_the_service_has_goes_at_once(void **state)
{
    post *p = *state;
    fill(p, 40000); /* a file holds some 30,000 */
    fault_arm(FAULT_WRITE, 1, FAULT_ONCE, ENOSPC);
    give(p, 10);
    assert_true(support_until(has_made_room, p));
    assert_int_equal(atomic_load(&p->dropped), 0);
    wait_confirmed(p);
}

/* The first write is of a device's name, the second of its fix; then nothing can grow. */
static void fill_the_disk(void)
{
    fault_arm(FAULT_SPACE, 1, FAULT_FOREVER, ENOSPC);
    fault_arm(FAULT_WRITE, 2, FAULT_ONCE, ENOSPC);
}

static void on_a_full_disk_the_oldest_go_once_the_sources_wait(void **state)
{
    post *p = *state;
    fill(p, 0);
    fill_the_disk();
    give(p, 10);
    assert_true(support_until(has_said_full, p));
    assert_false(has_made_room(p));
    for (int i = 0; i < GATEWAY_STAGE_MAX / LINES_MAX; i++) {
        give(p, LINES_MAX);
    }
    assert_true(support_until(has_made_room, p));
    assert_in_range(atomic_load(&p->dropped), 20000, 33000);
    wait_confirmed(p);
}

/* A network server's broker, with what it says. */
typedef struct server {
    char port[8];
    char said[96];
    pid_t pid;
} server;

#define UPLINK_TOPIC "v3/farm@ttn/devices/cow-21/up"

static bool has_given_uplink(void *context)
{
    const server *of = context;
    const char *const uplink[] = {
        "mosquitto_pub",
        "-p",
        of->port,
        "-q",
        "1",
        "-t",
        UPLINK_TOPIC,
        "-m",
        "{\"end_device_ids\":{\"device_id\":\"cow-21\"},\"uplink_message\":{\"decoded_payload\":"
        "{\"lat\":59.85,\"lon\":16.37},\"received_at\":\"2026-11-20T08:00:02.250Z\"}}",
        NULL};
    return support_run(uplink) == 0;
}

static bool has_been_asked(void *context)
{
    return support_file_has(((server *)context)->said, "Received SUBSCRIBE", 1);
}

static bool has_sent_uplink_twice(void *context)
{
    return support_file_has(((server *)context)->said, "Sending PUBLISH to hedgerow-edge", 2);
}

static bool has_its_answer(void *context)
{
    return support_file_has(((server *)context)->said, "Received PUBACK from hedgerow-edge", 1);
}

static void start_with_uplinks(post *p, server *of)
{
    snprintf(of->port, sizeof of->port, "%u", support_port());
    snprintf(of->said, sizeof of->said, "%s/said", p->root);
    gateway_stop(p->g);
    fclose(p->confirm);
    const char *const argv[] = {"sh", "-c", "exec mosquitto -v -p $0 2>&1", of->port, NULL};
    of->pid = support_spawn(argv, of->said);
    config_source *source = &p->c.sources[p->c.source_count++];
    *source = (config_source){.kind = CONFIG_LORAWAN};
    snprintf(source->place, sizeof source->place, "tcp://127.0.0.1:%s", of->port);
    start(p);
    assert_true(support_until(has_been_asked, of));
}

static void an_uplink_is_answered_once_the_full_disk_has_it(void **state)
{
    post *p = *state;
    server of;
    start_with_uplinks(p, &of);
    fault_arm(FAULT_WRITE, 1, FAULT_FOREVER, ENOSPC);
    assert_true(has_given_uplink(&of));
    assert_true(support_until(has_sent_uplink_twice, &of));
    assert_false(has_its_answer(&of));
    fault_clear();
    assert_true(support_until(has_its_answer, &of));
    assert_in_range(last_confirmed(p), 1, UINT32_MAX);
    support_kill(of.pid);
}

/* It is brought again to the next one. */
static void an_uplink_is_not_answered_by_a_gateway_that_stops_on_a_full_disk(void **state)
{
    post *p = *state;
    server of;
    start_with_uplinks(p, &of);
    fault_arm(FAULT_WRITE, 1, FAULT_FOREVER, ENOSPC);
    assert_true(has_given_uplink(&of));
    assert_true(support_until(has_said_full, p));
    gateway_stop(p->g);
    p->g = NULL;
    assert_false(has_its_answer(&of));
    support_kill(of.pid);
}

/* The log looks for room again by itself. */
static bool takes_a_fix(void *context)
{
    static const wire_fix fix = {.id = "cow-0", .id_size = 5};
    return outbox_put(context, &fix, 1, NULL) == HR_OK;
}

/* Else what it holds could never be sent, and no room would ever come of that. */
static void on_a_full_disk_it_starts_and_has_what_it_held(void **state)
{
    post *p = *state;
    outbox *box;
    outbox_fix out;
    outbox_options options = {.folder = p->c.data,
                              .cap_bytes = UINT64_C(64) << 20,
                              .clock = hr_clock_real(),
                              .boot = "another"};
    give(p, 10);
    wait_confirmed(p);
    gateway_stop(p->g);
    p->g = NULL;
    fault_arm(FAULT_SPACE, 1, FAULT_FOREVER, ENOSPC);
    fault_arm(FAULT_WRITE, 1, FAULT_FOREVER, ENOSPC);
    assert_int_equal(outbox_open(&options, &box, NULL), HR_OK);
    assert_int_equal(outbox_next(box, &out), HR_OK);
    assert_int_equal(out.sequence, 0);
    /* The numbers of this boot go under another epoch, so they are given once that is kept. */
    uint64_t epoch = outbox_span_at(box, 10).epoch;
    assert_true(epoch != outbox_span_at(box, 9).epoch);
    assert_false(takes_a_fix(box));
    fault_clear();
    assert_true(support_until(takes_a_fix, box));
    outbox_close(box);
    assert_int_equal(outbox_open(&options, &box, NULL), HR_OK);
    assert_true(outbox_span_at(box, 10).epoch == epoch);
    outbox_close(box);
}

/* The n-th allocation of taking a fix fails, and the gateway takes the fix again. */
static void a_fix_for_which_memory_was_short_has_its_name_later(void **state)
{
    post *p = *state;
    outbox *box;
    outbox_fix out;
    outbox_options options = end_gateway(p);
    for (uint64_t n = 1; n <= ALLOCATIONS; n++) {
        wire_fix fix = {.id_size = 5};
        snprintf(fix.id, sizeof fix.id, "cow-%c", (char)('a' + n));
        assert_int_equal(outbox_open(&options, &box, NULL), HR_OK);
        uint64_t end = outbox_end(box);
        fault_arm(FAULT_ALLOC, n, FAULT_ONCE, ENOMEM);
        hr_err err = outbox_put(box, &fix, 1, NULL);
        fault_clear();
        if (err != HR_OK) {
            assert_int_equal(err, HR_NO_MEMORY);
            assert_int_equal(outbox_put(box, &fix, 1, NULL), HR_OK);
        }
        outbox_close(box);
        assert_int_equal(outbox_open(&options, &box, NULL), HR_OK);
        outbox_seek(box, end);
        assert_int_equal(outbox_next(box, &out), HR_OK);
        assert_int_equal(out.sequence, end);
        assert_string_equal(out.fix.id, fix.id);
        outbox_close(box);
    }
}

static void half_a_write_is_not_taken_for_a_whole_one(void **state)
{
    post *p = *state;
    give(p, 10);
    wait_confirmed(p);
    fault_arm_short_write(1);
    give(p, 10);
    wait_confirmed(p);
    assert_each_once(p);
}

static void it_ends_and_recovers_when_a_sync_fails(void **state)
{
    post *p = *state;
    hr_why why = {{0}};
    give(p, 10);
    wait_confirmed(p);
    fault_arm(FAULT_SYNC, 1, FAULT_FOREVER, EIO);
    give(p, 10);
    assert_int_equal(gateway_wait(p->g, &why), HR_IO);
    assert_non_null(strstr(why.text, "the outbox cannot be written"));
    assert_false(has_said_full(p));
    fault_clear();
    gateway_stop(p->g);
    fclose(p->confirm);
    start(p);
    /* What was not confirmed may be there or not; whoever gave it gives it again. */
    assert_true(support_until(has_confirmed_any, p));
    p->given = last_confirmed(p);
    assert_in_range(p->given, 10, 20);
    give(p, 10);
    wait_confirmed(p);
    assert_each_once(p);
}

#define AT_POST(test) cmocka_unit_test_setup_teardown(test, start_post, end_post)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_POST(a_full_disk_makes_it_wait_and_it_goes_on_by_itself),
        AT_POST(on_a_full_disk_what_the_service_has_goes_at_once),
        AT_POST(on_a_full_disk_the_oldest_go_once_the_sources_wait),
        AT_POST(an_uplink_is_answered_once_the_full_disk_has_it),
        AT_POST(an_uplink_is_not_answered_by_a_gateway_that_stops_on_a_full_disk),
        AT_POST(on_a_full_disk_it_starts_and_has_what_it_held),
        AT_POST(a_fix_for_which_memory_was_short_has_its_name_later),
        AT_POST(half_a_write_is_not_taken_for_a_whole_one),
        AT_POST(it_ends_and_recovers_when_a_sync_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
