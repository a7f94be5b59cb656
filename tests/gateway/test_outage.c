/* tests/gateway/test_outage.c - days without a link: what they cost on the disk, and how they are
 * made up for. HR_LONG=1 in the environment: 72 hours of 1,000 animals instead of 20 minutes, and a
 * million fixes for what a gateway may use instead of 60,000. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "gateway/config.h"
#include "gateway/field.h"
#include "gateway/outbox.h"
#include "ingest/presence.h"
#include "ingest/support.h"
#include "log/group.h"
#include "log/log.h"
#include "test.h"

#define ANIMALS 1000
#define ROUND_S 60 /* each animal tells once in it */
#define RESIDENT_KB_MAX (16 * 1024)
#define DRAIN_MIN_PER_S 20000

static bool is_long(void)
{
    return getenv("HR_LONG") != NULL;
}

static int start_field(void **state)
{
    field *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->s = site_new(NULL);
    f->batch_fixes = 1000;
    field_write_config(f);
    *state = f;
    return 0;
}

static int end_field(void **state)
{
    field *f = *state;
    field_end(f);
    presence *p = f->s->presence;
    site_free(f->s);
    presence_free(p);
    free(f);
    return 0;
}

/* ---- an outage, as the outbox sees it ---- */

/* What the herd tells in some seconds, as one frame. */
static void put_seconds(outbox *box, uint32_t first, uint32_t seconds, uint64_t *number,
                        int64_t now_ms)
{
    wire_fix fixes[ANIMALS];
    uint32_t count = 0;
    for (uint32_t second = first; second < first + seconds; second++) {
        for (uint32_t animal = second % ROUND_S; animal < ANIMALS; animal += ROUND_S) {
            wire_fix *fix = &fixes[count++];
            *fix = (wire_fix){.fix = {.time_ms = now_ms,
                                      .lon_e7 = 163725000,
                                      .lat_e7 = (int32_t)(*number)++,
                                      .battery_pct = 90}};
            fix->id_size = (uint8_t)snprintf(fix->id, sizeof fix->id, "cow-%u", animal);
        }
    }
    assert_int_equal(outbox_put(box, fixes, count, NULL), HR_OK);
}

static void wait_committed(outbox *box)
{
    log_store *log = outbox_log(box);
    log_position end = log_appended(log);
    for (log_position at = log_durable(log); at < end;) {
        at = log_wait(log, LOG_COMMITTED, at, 1000);
    }
}

static uint64_t folder_bytes(const char *folder)
{
    char command[192];
    unsigned long bytes = 0;
    snprintf(command, sizeof command, "du -sb %s/outbox", folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%lu", &bytes), 1);
    pclose(pipe);
    return bytes;
}

/* Each second its own frame, and in the full size its own commit, as in life. */
static uint64_t live_without_link(field *f, uint32_t seconds)
{
    char folder[128];
    uint64_t number = 0;
    outbox *box;
    hr_clock *clock =
        hr_clock_fake_new(hr_clock_now_ms(hr_clock_real()) - (int64_t)seconds * 1000 - 3600000);
    snprintf(folder, sizeof folder, "%s/edge", f->s->root);
    outbox_options options = {.folder = folder, .cap_bytes = UINT64_C(512) << 20, .clock = clock};
    assert_int_equal(outbox_open(&options, &box, NULL), HR_OK);
    for (uint32_t second = 0; second < seconds; second++) {
        put_seconds(box, second, 1, &number, hr_clock_now_ms(clock));
        if (is_long() || second % 60 == 59) {
            wait_committed(box);
        }
        hr_clock_fake_advance(clock, 1000);
    }
    outbox_close(box);
    hr_clock_fake_free(clock);
    uint64_t bytes = folder_bytes(folder);
    print_message("%lu fixes in %u s: %.1f MB on the disk, %.2f x 32 bytes\n", number, seconds,
                  (double)bytes / 1e6, (double)bytes / (double)(number * HR_FIX_BYTES));
    return number;
}

/* In each partition in the order of the outbox, all flagged, each once. */
static void assert_in_order(field *f, uint64_t count)
{
    size_t found;
    site_fix *fixes = site_fixes(f->s, &found);
    int32_t last[SITE_PARTITIONS] = {-1, -1, -1, -1};
    assert_int_equal(found, count);
    for (size_t i = 0; i < found; i++) {
        const hr_fix *fix = &fixes[i].fix;
        int32_t *before = &last[hr_device_partition(fix->device, SITE_PARTITIONS)];
        assert_true(fix->lat_e7 > *before);
        assert_true((fix->flags & HR_FIX_BACKLOG) != 0);
        *before = fix->lat_e7;
    }
    free(fixes);
}

/* Wait for its end by itself; its peak of resident memory. */
static long finish_and_weigh(field *f)
{
    struct rusage used;
    int status;
    close(f->in_fd);
    assert_int_equal(wait4(f->pid, &status, 0, &used), f->pid);
    close(f->out_fd);
    f->pid = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return used.ru_maxrss;
}

static void days_without_a_link_are_made_up_for_in_order(void **state)
{
    field *f = *state;
    uint64_t count = live_without_link(f, is_long() ? 72 * 3600 : 20 * 60);
    int64_t from_ns = hr_clock_mono_ns(hr_clock_real());
    field_restart(f);
    assert_int_equal(f->stored, count);
    long resident_kb = finish_and_weigh(f);
    double took_s = (double)(hr_clock_mono_ns(hr_clock_real()) - from_ns) / 1e9;
    print_message("drained in %.2f s, %.0f fixes/s, %ld kB resident\n", took_s,
                  (double)count / took_s, resident_kb);
    assert_in_order(f, count);
    /* Of few fixes, starting and connecting is most. */
    assert_true(!is_long() || (double)count / took_s > DRAIN_MIN_PER_S);
    assert_true(resident_kb <= RESIDENT_KB_MAX);
}

/* ---- what it uses ---- */

static uint64_t read_io(pid_t pid, const char *name)
{
    char path[64], line[128];
    unsigned long value = 0;
    snprintf(path, sizeof path, "/proc/%d/io", pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            value = strtoul(line + strlen(name), NULL, 10);
        }
    }
    fclose(file);
    return value;
}

/* Without a broker, so that what it writes goes to the disk or to its log. */
static void what_it_writes_is_little_more_than_the_fixes(void **state)
{
    field *f = *state;
    uint32_t count = is_long() ? 1000000 : 60000;
    f->port = support_port();
    field_write_config(f);
    field_restart(f);
    uint64_t before = read_io(f->pid, "wchar: ");
    field_give(f, count);
    field_wait_stored(f);
    double ratio = (double)(read_io(f->pid, "wchar: ") - before) / ((double)count * HR_FIX_BYTES);
    print_message("write(): %.3f x 32 bytes a fix, in batches of 1,000\n", ratio);
    assert_true(ratio <= 1.1);
    f->port = 0;
    field_write_config(f);
    field_restart(f);
    long resident_kb = finish_and_weigh(f);
    print_message("%u fixes drained: %ld kB resident\n", count, resident_kb);
    assert_true(resident_kb <= RESIDENT_KB_MAX);
    assert_int_equal(site_fix_count(f->s), count);
}

/* 1,000 animals that tell once a minute, live: a batch of three seconds, its commit, and the
 * service's word for it. */
static void what_a_live_gateway_writes_is_little_more_than_its_fixes(void **state)
{
    field *f = *state;
    const uint32_t seconds = is_long() ? 6 * 3600 : 600;
    const uint32_t batch_s = CONFIG_BATCH_MS_DEFAULT / 1000;
    char folder[128];
    uint64_t number = 0;
    outbox *box;
    snprintf(folder, sizeof folder, "%s/edge", f->s->root);
    outbox_options options = {
        .folder = folder, .cap_bytes = UINT64_C(512) << 20, .clock = hr_clock_real()};
    assert_int_equal(outbox_open(&options, &box, NULL), HR_OK);
    uint64_t kept = 0;
    uint64_t before = read_io(getpid(), "wchar: ");
    for (uint32_t second = 0; second < seconds; second += batch_s) {
        put_seconds(box, second, batch_s, &number, 1795161600000);
        wait_committed(box);
        outbox_acked(box, outbox_end(box));
        kept += log_group_offset(outbox_log(box), "service", 0, 0) == (int64_t)number;
    }
    outbox_close(box);
    double ratio =
        (double)(read_io(getpid(), "wchar: ") - before) / (double)(number * HR_FIX_BYTES);
    print_message("write(): %.3f x 32 bytes a fix, in %lu fixes of batches of %u s\n", ratio,
                  number, batch_s);
    assert_true(ratio <= 1.1);
    assert_true(kept <= number / 8000);
}

/* ---- the disk cap ---- */

static bool has_told_what_was_lost(void *context)
{
    field *f = context;
    presence_view view;
    return presence_get(f->s->presence, "barn", &view) && view.lost > 0 &&
           view.status.dropped == view.lost;
}

static void above_the_disk_cap_the_oldest_go_and_everyone_counts_them(void **state)
{
    field *f = *state;
    presence_view view;
    f->disk_mb = 4;
    field_write_config(f);
    ingest_stop(f->s->ingest);
    f->s->presence = presence_new(hr_clock_real());
    site_start_ingest(f->s);
    site_ear ear;
    site_hear_acks(f->s, &ear);
    field_restart(f);
    field_give(f, 1000);
    /* What the gateway had not been told of it would count as dropped. */
    site_wait_acks(&ear, "\"seq\":999}", 1);
    support_kill(ear.pid);
    /* The broker goes, not the service: it would keep for it what comes in the meantime. */
    broker_stop(f->s->broker);
    field_give(f, 250000);
    field_wait_stored(f);
    site_start_broker(f->s);
    assert_true(support_until(has_told_what_was_lost, f));
    assert_true(presence_get(f->s->presence, "barn", &view));
    print_message("%lu of 250000 were lost\n", view.lost);
    assert_in_range(view.lost, 100000, 249000);
    site_wait_fixes(f->s, f->given - view.lost);
    /* What is there is the first thousand and the newest, without a hole. */
    size_t found;
    site_fix *fixes = site_fixes(f->s, &found);
    assert_int_equal(found, f->given - view.lost);
    for (size_t i = 0; i < found; i++) {
        int32_t number = fixes[i].fix.lat_e7;
        assert_true(number < 1000 || number >= (int32_t)(1000 + view.lost));
    }
    free(fixes);
}

/* ---- idling ---- */

static uint64_t wake_ups(pid_t pid)
{
    char command[128];
    unsigned long sum = 0;
    snprintf(command, sizeof command,
             "cat /proc/%d/task/*/status | awk '/^voluntary_ctxt/{n+=$2}END{print n}'", pid);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%lu", &sum), 1);
    pclose(pipe);
    return sum;
}

static bool is_over(void *context)
{
    return hr_clock_mono_ns(hr_clock_real()) >= *(int64_t *)context;
}

static void an_idle_gateway_sleeps(void **state)
{
    field *f = *state;
    field_restart(f);
    field_give(f, 100);
    field_assert_each_once(f);
    int64_t seconds = is_long() ? 15 : 3;
    uint64_t written = read_io(f->pid, "syscw: ");
    uint64_t before = wake_ups(f->pid);
    int64_t end_ns = hr_clock_mono_ns(hr_clock_real()) + seconds * 1000000000;
    assert_true(support_until(is_over, &end_ns));
    double per_s = (double)(wake_ups(f->pid) - before) / (double)seconds;
    written = read_io(f->pid, "syscw: ") - written;
    print_message("%.1f wake-ups a second, %lu writes\n", per_s, written);
    assert_true(per_s < 15);
    assert_in_range(written, 0, 2); /* none but a message to keep the connection */
}

#define WITH_FIELD(test) cmocka_unit_test_setup_teardown(test, start_field, end_field)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_FIELD(days_without_a_link_are_made_up_for_in_order),
        WITH_FIELD(what_it_writes_is_little_more_than_the_fixes),
        WITH_FIELD(what_a_live_gateway_writes_is_little_more_than_its_fixes),
        WITH_FIELD(above_the_disk_cap_the_oldest_go_and_everyone_counts_them),
        WITH_FIELD(an_idle_gateway_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
