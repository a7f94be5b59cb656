/* tests/gateway/test_outbox_power.c - the outbox dies at every call that changes the disk: by kill
 * -9, within a write, by a power cut. What it had called safe is there afterwards, in order and
 * under its name, and no number is ever given to two fixes.
 *
 * HR_LONG=1 in the environment: every call instead of each fifth. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/logline.h"
#include "fault/fault.h"
#include "fault/power.h"
#include "gateway/outbox.h"
#include "ingest/support.h"
#include "log/log.h"
#include "test.h"

#define FIXES_MAX 4096
#define PUT_MAX 50

typedef enum death {
    DEATH_KILL,
    DEATH_TORN,
    DEATH_POWER,
} death;

/* What may have been sent: the fix that an epoch and a sequence stand for. */
typedef struct sent {
    uint64_t epoch;
    uint64_t number;
} sent;

typedef struct life {
    char root[64];
    char folder[80];
    char inner[96];
    unsigned boot;
    uint64_t next_number;        /* of the next fix that is made */
    uint64_t safe_end;           /* sequences below it were fsynced */
    uint64_t numbers[FIXES_MAX]; /* by sequence, as last put */
    sent sent[FIXES_MAX];        /* by sequence; epoch 0: never readable */
    outbox *box;
} life;

static wire_fix make_fix(uint64_t number)
{
    wire_fix fix = {.fix = {.time_ms = 1795161600000 + (int64_t)number, .lat_e7 = (int32_t)number}};
    fix.id_size = (uint8_t)snprintf(fix.id, sizeof fix.id, "cow-%u", (unsigned)(number / 3));
    return fix;
}

static hr_err open_box(life *l)
{
    char boot[16];
    snprintf(boot, sizeof boot, "boot-%u", l->boot);
    outbox_options options = {.folder = l->folder,
                              .cap_bytes = UINT64_C(16) << 20,
                              .clock = hr_clock_real(),
                              .boot = boot};
    return outbox_open(&options, &l->box, NULL);
}

/* Read all that could be sent now; each sequence must always have been that fix. */
static void read_all(life *l, uint64_t from)
{
    outbox_fix out;
    uint64_t expected = from;
    outbox_seek(l->box, from);
    while (outbox_next(l->box, &out) == HR_OK) {
        uint64_t number = (uint64_t)out.fix.fix.lat_e7;
        wire_fix made = make_fix(number);
        assert_int_equal(out.sequence, expected);
        assert_string_equal(out.fix.id, made.id);
        assert_int_equal(number, l->numbers[out.sequence]);
        sent *s = &l->sent[out.sequence];
        outbox_span span = outbox_span_at(l->box, out.sequence);
        if (s->epoch == span.epoch) {
            assert_int_equal(s->number, number);
        }
        *s = (sent){span.epoch, number};
        expected++;
    }
    assert_true(expected >= l->safe_end);
}

static void put_some(life *l, uint32_t count)
{
    wire_fix fixes[PUT_MAX];
    uint64_t end = (uint64_t)log_end(outbox_log(l->box), 0, 0, LOG_APPENDED);
    for (uint32_t i = 0; i < count; i++) {
        fixes[i] = make_fix(l->next_number + i);
    }
    if (outbox_put(l->box, fixes, count, NULL) == HR_OK) {
        for (uint32_t i = 0; i < count; i++) {
            l->numbers[end + i] = l->next_number + i;
        }
    }
    l->next_number += count;
}

static void wait_committed(log_store *log)
{
    log_position end = log_appended(log);
    log_position durable = log_durable(log);
    while (durable < end && log_health(log, NULL) == HR_OK) {
        durable = log_wait(log, LOG_COMMITTED, durable, 100);
    }
}

static void work(life *l)
{
    for (uint32_t i = 0; i < 8; i++) {
        put_some(l, 1 + i * 5);
        if (i % 2 == 1) {
            wait_committed(outbox_log(l->box));
        }
        uint64_t end = outbox_end(l->box);
        l->safe_end = end > l->safe_end ? end : l->safe_end;
        if (i == 4) {
            outbox_acked(l->box, end / 2);
        }
    }
}

static void bury(life *l, death how, uint64_t seed)
{
    outbox_close(l->box);
    l->box = NULL;
    fault_clear();
    if (how == DEATH_POWER) {
        power_cut(seed);
        l->boot++;
    }
}

/* In memory where there is such a place: what a disk would keep is not asked of the disk here. */
static void make_root(life *l)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(l->root, sizeof l->root, "%s/hedgerow-test-XXXXXX", base);
    assert_non_null(mkdtemp(l->root));
}

/* Returns whether it died before its work was done. */
static bool die_at(death how, uint64_t n)
{
    static life l;
    l = (life){.next_number = 1};
    make_root(&l);
    snprintf(l.folder, sizeof l.folder, "%s/edge", l.root);
    snprintf(l.inner, sizeof l.inner, "%s/outbox", l.folder);
    assert_int_equal(open_box(&l), HR_OK);
    outbox_close(l.box);
    power_watch(l.inner);
    fault_freeze_at(n, how == DEATH_TORN);
    hr_err err = open_box(&l);
    if (err == HR_OK) {
        work(&l);
    } else {
        l.box = NULL;
    }
    bool is_dead = fault_is_frozen();
    bury(&l, how, n);
    /* It recovers, dies of power again without having worked, and then it works. */
    for (int round = 0; round < 2; round++) {
        assert_int_equal(open_box(&l), HR_OK);
        uint64_t acked = outbox_acked_next(l.box);
        assert_true(acked <= outbox_end(l.box));
        read_all(&l, 0);
        work(&l);
        read_all(&l, acked);
        fault_freeze_at(1, false);
        bury(&l, how, n + 1);
    }
    power_forget();
    support_folder_remove(l.root);
    return is_dead;
}

static void die_everywhere(death how)
{
    bool is_long = getenv("HR_LONG") != NULL;
    uint64_t first = is_long ? 1 : 1 + test_seed(__func__) % 5;
    uint64_t deaths = 0;
    print_message("from step %lu\n", first);
    for (uint64_t n = first; die_at(how, n); n += is_long ? 1 : 5) {
        deaths++;
    }
    print_message("died %lu times\n", deaths);
    assert_true(deaths > 5);
}

static void killed_at_any_step(void **state)
{
    (void)state;
    die_everywhere(DEATH_KILL);
}

static void killed_within_any_write(void **state)
{
    (void)state;
    die_everywhere(DEATH_TORN);
}

static void the_power_fails_at_any_step(void **state)
{
    (void)state;
    die_everywhere(DEATH_POWER);
}

#define PAGE_BYTES 4096
#define MANY 3000

static uint64_t put_many(outbox *box, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        wire_fix fix = make_fix(i);
        assert_int_equal(outbox_put(box, &fix, 1, NULL), HR_OK);
    }
    while (outbox_end(box) < first + count) {
        log_wait(outbox_log(box), LOG_COMMITTED, log_durable(outbox_log(box)), 1000);
    }
    return outbox_end(box);
}

/* How many of what is held can be sent; each is what its sequence says. */
static uint64_t count_sendable(outbox *box, uint64_t from)
{
    uint64_t count = 0;
    outbox_fix out;
    hr_err err = HR_OK;
    outbox_seek(box, from);
    for (; (err = outbox_next(box, &out)) == HR_OK; count++) {
        wire_fix made = make_fix(out.sequence);
        assert_string_equal(out.fix.id, made.id);
        assert_int_equal(out.fix.fix.lat_e7, made.fix.lat_e7);
    }
    assert_int_equal(err, HR_TIMEOUT);
    return count;
}

static void live_with_bad_page(life *l, const char *name, uint64_t at)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", l->inner, name);
    outbox_options options = {.folder = l->folder,
                              .cap_bytes = UINT64_C(16) << 20,
                              .clock = hr_clock_real(),
                              .boot = "boot",
                              .patience_ms = 1};
    assert_int_equal(outbox_open(&options, &l->box, NULL), HR_OK);
    put_many(l->box, 0, MANY);
    outbox_close(l->box);
    fault_spoil(path, at, at + PAGE_BYTES, 0);
    assert_int_equal(outbox_open(&options, &l->box, NULL), HR_OK);
    uint64_t sendable = count_sendable(l->box, 0);
    assert_true(fault_struck());
    assert_in_range(sendable, 1000, MANY - 1);
    uint64_t end = outbox_end(l->box);
    assert_int_equal(end, MANY);
    wire_fix again[2] = {make_fix(MANY), make_fix(MANY + 1)};
    assert_int_equal(outbox_put(l->box, again, 2, NULL), HR_OK);
    while (outbox_end(l->box) < end + 2) {
        log_wait(outbox_log(l->box), LOG_COMMITTED, log_durable(outbox_log(l->box)), 1000);
    }
    assert_int_equal(count_sendable(l->box, end), 2);
    outbox_close(l->box);
    assert_int_equal(fault_spoiled_writes(), 0);
    assert_int_equal(outbox_open(&options, &l->box, NULL), HR_OK);
    assert_int_equal(count_sendable(l->box, 0), sendable + 2);
    outbox_close(l->box);
    fault_clear();
}

/* A gateway that nobody looks after sends what can be read, and goes on taking fixes. */
static void a_bad_page_costs_what_is_in_it(void **state)
{
    static const struct {
        const char *name;
        uint64_t at;
    } pages[] = {{"names", 0}, {"names", PAGE_BYTES}, {"000000000001.log", 5 * PAGE_BYTES}};
    static life l;
    (void)state;
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        l = (life){0};
        make_root(&l);
        snprintf(l.folder, sizeof l.folder, "%s/edge", l.root);
        snprintf(l.inner, sizeof l.inner, "%s/outbox", l.folder);
        live_with_bad_page(&l, pages[i].name, pages[i].at);
        support_folder_remove(l.root);
    }
}

static void hush(const char *line, void *context)
{
    (void)line;
    (void)context;
}

int main(void)
{
    hr_logline_redirect(hush, NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_step),
        cmocka_unit_test(killed_within_any_write),
        cmocka_unit_test(the_power_fails_at_any_step),
        cmocka_unit_test(a_bad_page_costs_what_is_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
