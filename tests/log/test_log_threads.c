/* tests/log/test_log_threads.c - writers, readers, retention and groups, all at the same time. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "log_fixture.h"
#include "test.h"

#define WRITERS 3
#define READERS 4

typedef struct shared {
    fixture f;
    uint32_t frames; /* of each writer */
    _Atomic uint32_t failures;
    _Atomic bool is_over;
} shared;

typedef struct worker {
    shared *s;
    uint16_t partition;
    log_visibility visibility;
    uint64_t records;
} worker;

/* cmocka's asserts are for its own thread only. */
static void expect(shared *s, bool is_true, const char *what)
{
    if (!is_true) {
        atomic_fetch_add(&s->failures, 1);
        print_error("%s\n", what);
    }
}

static void *write_frames(void *argument)
{
    worker *w = argument;
    uint64_t value = 0;
    uint8_t bytes[64 * 8];
    for (uint32_t i = 0; i < w->s->frames; i++) {
        uint32_t count = 1 + i % 64;
        for (uint32_t k = 0; k < count; k++) {
            hr_store_u64(bytes + (size_t)k * 8, value + k);
        }
        log_batch batch = {.type = 1,
                           .partition = w->partition,
                           .count = count,
                           .record_bytes = 8,
                           .bytes = bytes,
                           .size = (size_t)count * 8};
        int64_t offset = -1;
        log_position end = 0;
        expect(w->s, log_append(w->s->f.log, &batch, 1, NULL, &offset, &end) == HR_OK, "append");
        expect(w->s, offset == (int64_t)value, "an offset is out of order");
        expect(w->s, log_appended(w->s->f.log) >= end, "the appended end is behind an append");
        value += count;
        if (i % 100 == 0) {
            log_position durable = log_durable(w->s->f.log);
            while (durable < end) {
                durable = log_wait(w->s->f.log, LOG_COMMITTED, durable, 1000);
            }
        }
    }
    w->records = value;
    return NULL;
}

static void check_view(worker *w, const log_view *view, int64_t *next)
{
    size_t at = 0;
    size_t size = 0;
    const uint8_t *bytes = NULL;
    expect(w->s, view->first_offset == *next, "a batch is out of order");
    while (log_record_next(view, &at, &bytes, &size)) {
        expect(w->s, hr_load_u64(bytes) == (uint64_t)*next, "a record is not what was written");
        ++*next;
    }
    if (w->visibility == LOG_COMMITTED) {
        expect(w->s, view->end <= log_durable(w->s->f.log), "a record was read too early");
    }
}

static void *read_frames(void *argument)
{
    worker *w = argument;
    log_store *log = w->s->f.log;
    log_reader *reader = NULL;
    int64_t next = 0;
    expect(w->s, log_reader_open(log, 0, w->partition, 0, w->visibility, &reader) == HR_OK, "open");
    for (;;) {
        log_view view;
        bool was_over = atomic_load(&w->s->is_over);
        log_position seen = w->visibility == LOG_COMMITTED ? log_durable(log) : log_appended(log);
        hr_err err = log_reader_next(reader, &view, NULL);
        if (err == HR_OK) {
            check_view(w, &view, &next);
        } else if (err == HR_GONE) {
            next = log_reader_offset(reader);
        } else if (err == HR_TIMEOUT && was_over) {
            break;
        } else if (err == HR_TIMEOUT) {
            log_wait(log, w->visibility, seen, 50);
        } else {
            expect(w->s, false, hr_err_name(err));
            break;
        }
    }
    log_reader_close(reader);
    w->records = (uint64_t)next;
    return NULL;
}

static void *keep_house(void *argument)
{
    worker *w = argument;
    log_store *log = w->s->f.log;
    while (!atomic_load(&w->s->is_over)) {
        int64_t end = log_end(log, 0, 0, LOG_COMMITTED);
        expect(w->s, log_group_commit(log, "slow", 0, 0, end / 2) == HR_OK, "group");
        expect(w->s, log_retain(log, NULL) == HR_OK, "retain");
        expect(w->s, log_start(log, 0, 0) <= log_end(log, 0, 0, LOG_APPENDED), "start and end");
        log_offset_at(log, 0, 1, FIXTURE_NOW_MS);
        log_wait(log, LOG_COMMITTED, log_durable(log), 5);
    }
    return NULL;
}

static void readers_see_what_writers_wrote_in_order(void **state)
{
    (void)state;
    static shared s;
    pthread_t threads[WRITERS + READERS + 1];
    worker workers[WRITERS + READERS + 1];
    fixture_init(&s.f);
    s.f.options.retain_bytes = 512 << 10;
    fixture_open(&s.f);
    s.frames = fixture_is_long() ? 50000 : 4000;
    for (uint32_t i = 0; i < WRITERS + READERS + 1; i++) {
        workers[i] = (worker){.s = &s,
                              .partition = (uint16_t)(i % WRITERS),
                              .visibility = i % 2 == 0 ? LOG_APPENDED : LOG_COMMITTED};
        void *(*run)(void *) = i < WRITERS             ? write_frames
                               : i < WRITERS + READERS ? read_frames
                                                       : keep_house;
        assert_int_equal(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    fixture_commit(&s.f, log_appended(s.f.log));
    atomic_store(&s.is_over, true);
    for (uint32_t i = WRITERS; i < WRITERS + READERS + 1; i++) {
        pthread_join(threads[i], NULL);
    }
    for (uint32_t i = WRITERS; i < WRITERS + READERS; i++) {
        assert_int_equal(workers[i].records, workers[workers[i].partition].records);
    }
    assert_int_equal(s.failures, 0);
    fixture_fini(&s.f);
}

/* Stand at the log's start again and again, where retention takes files away. */
static void *read_the_oldest(void *argument)
{
    worker *w = argument;
    log_store *log = w->s->f.log;
    log_reader *reader = NULL;
    log_view view;
    expect(w->s, log_reader_open(log, 0, w->partition, 0, LOG_APPENDED, &reader) == HR_OK, "open");
    while (!atomic_load(&w->s->is_over)) {
        log_reader_seek(reader, log_start(log, 0, w->partition));
        hr_err err = log_reader_next(reader, &view, NULL);
        expect(w->s, err == HR_OK || err == HR_GONE || err == HR_TIMEOUT, hr_err_name(err));
    }
    log_reader_close(reader);
    return NULL;
}

/* Be told again and again where the log now begins, and ask what held there. */
static void *ask_what_is_kept(void *argument)
{
    worker *w = argument;
    log_store *log = w->s->f.log;
    log_reader *reader = NULL;
    log_view view;
    expect(w->s, log_reader_open(log, 0, w->partition, 0, LOG_APPENDED, &reader) == HR_OK, "open");
    while (!atomic_load(&w->s->is_over)) {
        uint8_t bytes[LOG_KEPT_BYTES_MAX];
        size_t size = 0;
        log_reader_seek(reader, 0);
        if (log_reader_next(reader, &view, NULL) != HR_GONE) {
            continue;
        }
        int64_t start = log_reader_offset(reader);
        expect(w->s, log_kept(log, 0, w->partition, bytes, &size) == HR_OK && size == 8, "kept");
        expect(w->s, (int64_t)hr_load_u64(bytes) >= start - 1, "what is kept is of an older start");
    }
    log_reader_close(reader);
    return NULL;
}

static void read_beside_retention(void *(*read)(void *))
{
    static shared s;
    pthread_t threads[WRITERS + 2];
    worker workers[WRITERS + 2];
    fixture_init(&s.f);
    s.f.options.file_bytes = 4096;
    s.f.options.retain_bytes = 8192;
    s.f.options.kept_type = 1;
    s.is_over = false;
    s.failures = 0;
    fixture_open(&s.f);
    s.frames = fixture_is_long() ? 50000 : 3000;
    for (uint16_t i = 0; i < WRITERS + 2; i++) {
        workers[i] = (worker){.s = &s};
        void *(*run)(void *) = i == 0 ? write_frames : i < WRITERS + 1 ? read : keep_house;
        assert_int_equal(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
    }
    pthread_join(threads[0], NULL);
    atomic_store(&s.is_over, true);
    for (uint32_t i = 1; i < WRITERS + 2; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(s.failures, 0);
    fixture_fini(&s.f);
}

static void what_retention_takes_from_under_a_reader_is_no_damage(void **state)
{
    (void)state;
    read_beside_retention(read_the_oldest);
}

static void a_reader_told_of_a_new_start_finds_what_held_there(void **state)
{
    (void)state;
    read_beside_retention(ask_what_is_kept);
}

/* A log without a gap between commits may not sync more often than it must: waiters share. */
static void commits_are_shared_by_those_who_wait(void **state)
{
    (void)state;
    static shared s;
    pthread_t threads[WRITERS];
    worker workers[WRITERS];
    hr_metrics *metrics = hr_metrics_new();
    fixture_init(&s.f);
    s.f.options.metrics = metrics;
    s.f.options.commit_min_gap_ms = 20;
    fixture_open(&s.f);
    s.frames = 301;
    for (uint16_t i = 0; i < WRITERS; i++) {
        workers[i] = (worker){.s = &s, .partition = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_frames, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    /* Each writer waits four times, so a dozen commits would do for all of them; a slow machine
     * may need a few more, but never one for each of the 900 frames. The last may not be counted
     * yet when its waiters go on. */
    uint64_t commits =
        hr_counter_value(hr_metrics_counter(metrics, "hedgerow_log_commits_total", "", ""));
    assert_in_range(commits, 3, 100);
    assert_int_equal(s.failures, 0);
    fixture_fini(&s.f);
    hr_metrics_free(metrics);
}

/* The thread sleeps until everything is committed; *argument gets how often it was woken. */
static void *wait_for_the_disk(void *argument)
{
    worker *w = argument;
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    log_wait(w->s->f.log, LOG_COMMITTED, log_durable(w->s->f.log), 10000);
    getrusage(RUSAGE_THREAD, &after);
    w->records = (uint64_t)(after.ru_nvcsw - before.ru_nvcsw);
    return NULL;
}

/* Many threads of a service wait for commits; small appends must not wake them all each time. */
static void an_append_does_not_wake_who_waits_for_a_commit(void **state)
{
    (void)state;
    static shared s;
    worker waiter = {.s = &s};
    pthread_t thread;
    log_position end = 0;
    fixture_init(&s.f);
    s.f.options.commit_min_gap_ms = 300;
    fixture_open(&s.f);
    assert_int_equal(fixture_append(&s.f, 0, 0, 0, 1, &end), HR_OK);
    fixture_commit(&s.f, end);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_the_disk, &waiter), 0);
    for (uint32_t i = 0; i < 2000; i++) {
        assert_int_equal(fixture_append(&s.f, 0, 0, i + 1, 1, &end), HR_OK);
        sched_yield();
    }
    pthread_join(thread, NULL);
    assert_in_range(waiter.records, 0, 30);
    fixture_fini(&s.f);
}

int main(void)
{
    fixture_hush();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_what_writers_wrote_in_order),
        cmocka_unit_test(what_retention_takes_from_under_a_reader_is_no_damage),
        cmocka_unit_test(a_reader_told_of_a_new_start_finds_what_held_there),
        cmocka_unit_test(commits_are_shared_by_those_who_wait),
        cmocka_unit_test(an_append_does_not_wake_who_waits_for_a_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
