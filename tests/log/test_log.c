/* tests/log/test_log.c - the log's ordinary days: append, commit, read, close, open again. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "log_fixture.h"
#include "test.h"

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    fixture_init(f);
    fixture_open(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture_fini(*state);
    free(*state);
    return 0;
}

static void a_record_is_read_back_where_it_was_appended(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    assert_int_equal(fixture_append(f, 0, 1, 100, 3, &end), HR_OK);
    assert_int_equal(log_end(f->log, 0, 1, LOG_APPENDED), 3);
    fixture_expect(f, 0, 1, 0, 100, 3, LOG_APPENDED);
    fixture_commit(f, end);
    fixture_expect(f, 0, 1, 1, 101, 2, LOG_COMMITTED);
    assert_int_equal(log_end(f->log, 0, 1, LOG_COMMITTED), 3);
    assert_int_equal(log_end(f->log, 0, 0, LOG_COMMITTED), 0);
}

static void everything_is_there_after_closing_and_opening(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        assert_int_equal(fixture_append(f, 0, (uint16_t)(i % 3), i / 3 * 5, 5, &end), HR_OK);
    }
    for (int round = 0; round < 3; round++) {
        fixture_reopen(f);
        for (uint16_t p = 0; p < 3; p++) {
            assert_int_equal(log_end(f->log, 0, p, LOG_COMMITTED), 5000);
            fixture_expect(f, 0, p, 0, 0, 5000, LOG_COMMITTED);
            fixture_expect(f, 0, p, 4321, 4321, 679, LOG_COMMITTED);
        }
    }
    log_verified verified;
    assert_int_equal(log_verify(f->log, NULL, NULL, &verified, NULL), HR_OK);
    assert_int_equal(verified.damages, 0);
    assert_int_equal(verified.records, 15000);
}

static void everything_is_there_after_a_crash(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        assert_int_equal(fixture_append(f, 0, (uint16_t)(i % 3), i / 3 * 5, 5, &end), HR_OK);
    }
    for (int round = 0; round < 3; round++) {
        fixture_crash(f);
        fixture_open(f);
        for (uint16_t p = 0; p < 3; p++) {
            fixture_expect(f, 0, p, 0, 0, 5000, LOG_COMMITTED);
        }
    }
}

static void a_frame_for_many_partitions_is_one(void **state)
{
    fixture *f = *state;
    uint8_t bytes[8] = {7};
    uint8_t texts[] = {2, 0, 0, 0, 'h', 'i', 0, 0, 0, 0, 1, 0, 0, 0, 'x'};
    log_batch batches[] = {
        {.topic = 0, .partition = 0, .count = 1, .record_bytes = 8, .bytes = bytes, .size = 8},
        {.topic = 1, .partition = 0, .count = 3, .bytes = texts, .size = sizeof texts},
        {.topic = 0, .partition = 0, .count = 2, .record_bytes = 4, .bytes = bytes, .size = 8},
    };
    int64_t offsets[3] = {-1, -1, -1};
    assert_int_equal(log_append(f->log, batches, 3, NULL, offsets, NULL), HR_OK);
    assert_int_equal(offsets[0], 0);
    assert_int_equal(offsets[1], 0);
    assert_int_equal(offsets[2], 1);
    log_reader *reader = NULL;
    log_view view;
    assert_int_equal(log_reader_open(f->log, 1, 0, 0, LOG_APPENDED, &reader), HR_OK);
    assert_int_equal(log_reader_next(reader, &view, NULL), HR_OK);
    size_t at = 0;
    size_t size = 0;
    const uint8_t *record = NULL;
    assert_true(log_record_next(&view, &at, &record, &size));
    assert_int_equal(size, 2);
    assert_memory_equal(record, "hi", 2);
    assert_true(log_record_next(&view, &at, &record, &size));
    assert_int_equal(size, 0);
    assert_true(log_record_next(&view, &at, &record, &size));
    assert_memory_equal(record, "x", 1);
    assert_false(log_record_next(&view, &at, &record, &size));
    assert_int_equal(log_reader_next(reader, &view, NULL), HR_TIMEOUT);
    log_reader_close(reader);
    assert_int_equal(log_reader_open(f->log, 0, 0, 0, LOG_APPENDED, &reader), HR_OK);
    assert_int_equal(log_reader_next(reader, &view, NULL), HR_OK);
    assert_int_equal(view.count, 1);
    assert_int_equal(log_reader_next(reader, &view, NULL), HR_OK);
    assert_int_equal(view.count, 2);
    assert_int_equal(view.first_offset, 1);
    log_reader_close(reader);
}

static void appends_that_make_no_sense_are_refused(void **state)
{
    fixture *f = *state;
    uint8_t bytes[16] = {9, 0, 0, 0};
    log_batch wrong_partition = {
        .partition = 3, .count = 1, .record_bytes = 8, .bytes = bytes, .size = 8};
    log_batch wrong_topic = {.topic = 2, .count = 1, .record_bytes = 8, .bytes = bytes, .size = 8};
    log_batch wrong_size = {.count = 2, .record_bytes = 8, .bytes = bytes, .size = 8};
    log_batch wrong_length = {.count = 1, .bytes = bytes, .size = 8};
    log_batch empty = {.bytes = bytes};
    log_batch too_big = {.count = 1,
                         .record_bytes = LOG_RECORD_BYTES_MAX + 1,
                         .bytes = bytes,
                         .size = LOG_RECORD_BYTES_MAX + 1};
    assert_int_equal(log_append(f->log, &wrong_partition, 1, NULL, NULL, NULL), HR_NOT_FOUND);
    assert_int_equal(log_append(f->log, &wrong_topic, 1, NULL, NULL, NULL), HR_NOT_FOUND);
    assert_int_equal(log_append(f->log, &wrong_size, 1, NULL, NULL, NULL), HR_INVALID);
    assert_int_equal(log_append(f->log, &wrong_length, 1, NULL, NULL, NULL), HR_INVALID);
    assert_int_equal(log_append(f->log, &empty, 1, NULL, NULL, NULL), HR_INVALID);
    assert_int_equal(log_append(f->log, &too_big, 1, NULL, NULL, NULL), HR_TOO_BIG);
    assert_int_equal(log_append(f->log, NULL, 0, NULL, NULL, NULL), HR_INVALID);
    assert_int_equal(log_end(f->log, 0, 0, LOG_APPENDED), 0);
}

static hr_err produce(fixture *f, uint64_t epoch, uint64_t base, uint32_t count, uint64_t oldest)
{
    uint8_t bytes[8] = {0};
    log_batch batch = {.count = 1, .record_bytes = 8, .bytes = bytes, .size = 8};
    log_producer producer = {
        .id = 77, .epoch = epoch, .base_seq = base, .oldest_seq = oldest, .count = count};
    return log_append(f->log, &batch, 1, &producer, NULL, NULL);
}

static void a_producer_is_held_to_its_sequence(void **state)
{
    fixture *f = *state;
    assert_int_equal(log_producer_expected(f->log, 77, 1, 5), 5);
    /* Unknown epoch: begins at its oldest_seq, and a start behind that is refused. */
    assert_int_equal(produce(f, 1, 8, 2, 5), HR_SEQUENCE);
    assert_int_equal(produce(f, 1, 5, 3, 5), HR_OK);
    assert_int_equal(log_producer_expected(f->log, 77, 1, 0), 8);
    /* Lower: repeated. Higher, still held: it must rewind. */
    assert_int_equal(produce(f, 1, 5, 3, 5), HR_SEQUENCE);
    assert_int_equal(produce(f, 1, 7, 3, 5), HR_SEQUENCE);
    assert_int_equal(produce(f, 1, 9, 1, 5), HR_SEQUENCE);
    assert_int_equal(produce(f, 1, 9, 1, 8), HR_SEQUENCE);
    assert_int_equal(produce(f, 1, 12, 1, 11), HR_SEQUENCE);
    /* Higher, and held no more: a gap. */
    assert_int_equal(produce(f, 1, 12, 4, 12), HR_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(log_producer_expected(f->log, 77, 1, 0), 16);
        assert_int_equal(log_producer_expected(f->log, 77, 2, 3), 3);
        assert_int_equal(produce(f, 1, 15, 1, 0), HR_SEQUENCE);
        if (round == 0) {
            fixture_crash(f);
        } else {
            fixture_close(f);
        }
        fixture_open(f);
    }
    /* Both epochs of one producer stand beside each other. */
    assert_int_equal(produce(f, 2, 3, 1, 3), HR_OK);
    assert_int_equal(log_producer_expected(f->log, 77, 1, 0), 16);
    assert_int_equal(log_producer_expected(f->log, 77, 2, 0), 4);
}

static void sequences_can_be_used_up_without_a_record(void **state)
{
    fixture *f = *state;
    log_producer producer = {.id = 5, .epoch = 1, .base_seq = 0, .oldest_seq = 0, .count = 3};
    log_position end = 0;
    assert_int_equal(log_append(f->log, NULL, 0, &producer, NULL, &end), HR_OK);
    fixture_commit(f, end);
    fixture_crash(f);
    fixture_open(f);
    assert_int_equal(log_producer_expected(f->log, 5, 1, 0), 3);
    assert_int_equal(log_end(f->log, 0, 0, LOG_COMMITTED), 0);
    assert_int_equal(log_append(f->log, NULL, 0, &producer, NULL, &end), HR_SEQUENCE);
}

static void a_time_is_found_though_the_clock_steps_back(void **state)
{
    fixture *f = *state;
    for (uint64_t i = 0; i < 2000; i++) {
        assert_int_equal(fixture_append(f, 0, 0, i * 8, 8, NULL), HR_OK);
        hr_clock_fake_advance(f->clock, 10);
        if (i == 999) {
            hr_clock_fake_step(f->clock, FIXTURE_NOW_MS + 10000 - 86400000);
        }
    }
    for (int round = 0; round < 2; round++) {
        assert_int_equal(log_offset_at(f->log, 0, 0, 0), 0);
        assert_int_equal(log_offset_at(f->log, 0, 0, FIXTURE_NOW_MS + 10), 8);
        assert_int_equal(log_offset_at(f->log, 0, 0, FIXTURE_NOW_MS + 5001), 501 * 8);
        assert_int_equal(log_offset_at(f->log, 0, 0, FIXTURE_NOW_MS + 9990), 999 * 8);
        assert_int_equal(log_offset_at(f->log, 0, 0, FIXTURE_NOW_MS + 9991), 16000);
        assert_int_equal(log_offset_at(f->log, 0, 1, 0), 0);
        fixture_reopen(f);
    }
}

static void old_files_go_but_never_what_a_floor_keeps(void **state)
{
    fixture *f = *state;
    f->options.retain_bytes = 128 << 10;
    fixture_reopen(f);
    assert_int_equal(log_group_commit(f->log, "slow", 0, 0, 10), HR_OK);
    assert_int_equal(log_floor_set(f->log, "checkpoint", 0, 0, 0), HR_OK);
    log_position end = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(fixture_append(f, 0, 0, i * 64, 64, &end), HR_OK);
    }
    fixture_commit(f, end);
    assert_int_equal(log_retain(f->log, NULL), HR_OK);
    assert_int_equal(log_start(f->log, 0, 0), 0);
    assert_int_equal(log_floor_set(f->log, "checkpoint", 0, 0, 30000), HR_OK);
    assert_int_equal(log_retain(f->log, NULL), HR_OK);
    int64_t start = log_start(f->log, 0, 0);
    assert_in_range(start, 20000, 30000);
    assert_int_equal(log_floor_set(f->log, "checkpoint", 0, 0, INT64_MAX), HR_OK);
    assert_int_equal(log_retain(f->log, NULL), HR_OK);
    start = log_start(f->log, 0, 0);
    assert_in_range(start, 40000, 60000);
    assert_int_equal(log_group_offset(f->log, "slow", 0, 0), start);
    log_reader *reader = NULL;
    log_view view;
    assert_int_equal(log_reader_open(f->log, 0, 0, 5, LOG_COMMITTED, &reader), HR_OK);
    assert_int_equal(log_reader_next(reader, &view, NULL), HR_GONE);
    assert_int_equal(log_reader_offset(reader), start);
    assert_int_equal(log_reader_next(reader, &view, NULL), HR_OK);
    assert_int_equal(view.first_offset, start);
    log_reader_close(reader);
    for (int round = 0; round < 2; round++) {
        fixture_reopen(f);
        assert_int_equal(log_start(f->log, 0, 0), start);
        fixture_expect(f, 0, 0, start, (uint64_t)start, (uint32_t)(64000 - start), LOG_COMMITTED);
    }
}

static void append_rules(fixture *f, uint16_t partition, uint64_t version)
{
    uint8_t bytes[8];
    hr_store_u64(bytes, version);
    log_batch batch = {.type = 2,
                       .partition = partition,
                       .count = 1,
                       .record_bytes = 8,
                       .bytes = bytes,
                       .size = 8};
    assert_int_equal(log_append(f->log, &batch, 1, NULL, NULL, NULL), HR_OK);
}

static void one_file_is_let_go_within_the_limits_if_a_floor_allows(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    assert_int_equal(log_let_go(f->log, NULL), HR_NOT_FOUND);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(fixture_append(f, 0, 0, i * 64, 64, &end), HR_OK);
    }
    fixture_commit(f, end);
    assert_int_equal(log_retain(f->log, NULL), HR_OK);
    assert_int_equal(log_start(f->log, 0, 0), 0);
    assert_int_equal(log_floor_set(f->log, "checkpoint", 0, 0, 10), HR_OK);
    assert_int_equal(log_let_go(f->log, NULL), HR_NOT_FOUND);
    assert_int_equal(log_floor_set(f->log, "checkpoint", 0, 0, INT64_MAX), HR_OK);
    int64_t start = 0;
    int files = 0;
    while (log_let_go(f->log, NULL) == HR_OK) {
        assert_true(log_start(f->log, 0, 0) > start);
        start = log_start(f->log, 0, 0);
        files++;
    }
    /* What is being written stays, and a reader finds what is left. */
    assert_true(files > 2);
    assert_true(start < log_end(f->log, 0, 0, LOG_COMMITTED));
    fixture_reopen(f);
    assert_int_equal(log_start(f->log, 0, 0), start);
    assert_int_equal(log_end(f->log, 0, 0, LOG_COMMITTED), 64000);
}

static void what_was_said_before_the_start_is_kept(void **state)
{
    fixture *f = *state;
    uint8_t bytes[LOG_KEPT_BYTES_MAX];
    size_t size = 0;
    f->options.retain_bytes = 128 << 10;
    f->options.kept_type = 2;
    fixture_reopen(f);
    append_rules(f, 0, 7);
    append_rules(f, 0, 8);
    append_rules(f, 1, 9);
    assert_int_equal(log_kept(f->log, 0, 0, bytes, &size), HR_NOT_FOUND);
    for (int round = 0; round < 4; round++) {
        log_position end = 0;
        for (uint64_t i = 0; i < 700; i++) {
            assert_int_equal(fixture_append(f, 0, 0, i * 64, 64, &end), HR_OK);
        }
        fixture_commit(f, end);
        assert_int_equal(log_retain(f->log, NULL), HR_OK);
        assert_int_equal(log_kept(f->log, 0, 0, bytes, &size), HR_OK);
        assert_int_equal(size, 8);
        /* The next version is behind the start at first. */
        assert_int_equal(hr_load_u64(bytes), round < 2 ? 8 : 30);
        assert_int_equal(log_kept(f->log, 0, 1, bytes, &size), HR_OK);
        assert_int_equal(hr_load_u64(bytes), 9);
        assert_int_equal(log_kept(f->log, 0, 2, bytes, &size), HR_NOT_FOUND);
        if (round == 1) {
            append_rules(f, 0, 30);
        }
        if (round % 2 == 0) {
            fixture_crash(f);
            fixture_open(f);
        } else {
            fixture_reopen(f);
        }
    }
}

static void old_files_go_by_age_only_while_the_clock_is_kept(void **state)
{
    fixture *f = *state;
    f->options.retain_ms = 3600000;
    fixture_reopen(f);
    log_position end = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(fixture_append(f, 0, 0, i * 64, 64, &end), HR_OK);
    }
    fixture_commit(f, end);
    hr_clock_fake_advance(f->clock, 3700000);
    hr_clock_fake_set_synchronised(f->clock, false);
    assert_int_equal(log_retain(f->log, NULL), HR_OK);
    assert_int_equal(log_start(f->log, 0, 0), 0);
    hr_clock_fake_set_synchronised(f->clock, true);
    assert_int_equal(log_retain(f->log, NULL), HR_OK);
    assert_true(log_start(f->log, 0, 0) > 50000);
}

static void group_offsets_survive(void **state)
{
    fixture *f = *state;
    assert_int_equal(fixture_append(f, 0, 2, 0, 50, NULL), HR_OK);
    assert_int_equal(log_group_offset(f->log, "historian", 0, 2), -1);
    assert_int_equal(log_group_commit(f->log, "historian", 0, 2, 40), HR_OK);
    assert_int_equal(log_group_commit(f->log, "not valid", 0, 2, 40), HR_INVALID);
    fixture_reopen(f);
    assert_int_equal(log_group_offset(f->log, "historian", 0, 2), 40);
    assert_int_equal(log_group_offset(f->log, "historian", 0, 1), -1);
}

/* Else one that is killed soon after its first start would begin anew at the end. */
static void a_group_is_remembered_from_its_first_offset_on(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    assert_int_equal(fixture_append(f, 0, 2, 0, 50, &end), HR_OK);
    fixture_commit(f, end);
    assert_int_equal(log_group_commit(f->log, "historian", 0, 2, 0), HR_OK);
    fixture_crash(f);
    fixture_open(f);
    assert_int_equal(log_group_offset(f->log, "historian", 0, 2), 0);
}

/* When the side file that is written next was last changed; there are two, in turn. */
static int64_t side_changed_ns(const fixture *f)
{
    int64_t newest = 0;
    for (int i = 0; i < 2; i++) {
        struct stat status;
        char path[FIXTURE_PATH_MAX];
        snprintf(path, sizeof path, "%s/side-%d", f->folder, i);
        if (stat(path, &status) == 0) {
            int64_t at = status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec;
            newest = at > newest ? at : newest;
        }
    }
    return newest;
}

static void a_group_need_not_wait_for_the_end_to_be_remembered(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    assert_int_equal(fixture_append(f, 0, 2, 0, 50, &end), HR_OK);
    fixture_commit(f, end);
    assert_int_equal(log_group_commit(f->log, "historian", 0, 2, 10), HR_OK);
    int64_t before = side_changed_ns(f);
    assert_true(before > 0);
    assert_int_equal(log_group_commit(f->log, "historian", 0, 2, 40), HR_OK);
    for (int i = 0; i < 300 && side_changed_ns(f) == before; i++) {
        log_wait(f->log, LOG_COMMITTED, UINT64_MAX, 100);
    }
    fixture_crash(f);
    fixture_open(f);
    assert_int_equal(log_group_offset(f->log, "historian", 0, 2), 40);
}

static void a_second_opener_is_refused_and_a_reader_is_not(void **state)
{
    fixture *f = *state;
    log_store *second = NULL;
    assert_int_equal(log_open(&f->options, &second, NULL), HR_LOCKED);
    fixture beside = *f;
    beside.options.read_only = true;
    beside.options.topics = NULL;
    beside.options.topic_count = 0;
    log_position end = 0;
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(fixture_append(f, 0, 0, i * 64, 64, &end), HR_OK);
    }
    fixture_open(&beside);
    fixture_expect(&beside, 0, 0, 0, 0, 6400, LOG_COMMITTED);
    assert_int_equal(log_topic_count(beside.log), 2);
    for (uint64_t i = 100; i < 1000; i++) {
        assert_int_equal(fixture_append(f, 0, 0, i * 64, 64, &end), HR_OK);
    }
    while (log_end(beside.log, 0, 0, LOG_COMMITTED) < 64000) {
        log_wait(beside.log, LOG_COMMITTED, log_durable(beside.log), 1000);
    }
    fixture_expect(&beside, 0, 0, 0, 0, 64000, LOG_COMMITTED);
    assert_int_equal(fixture_append(&beside, 0, 0, 0, 1, NULL), HR_DENIED);
    fixture_close(&beside);
}

/* A log beside the service's, and a reader of it that has seen the first view. */
static void read_beside(const fixture *f, fixture *beside, log_reader **reader, log_view *view)
{
    *beside = *f;
    beside->options.read_only = true;
    fixture_open(beside);
    assert_int_equal(log_reader_open(beside->log, 0, 0, 0, LOG_COMMITTED, reader), HR_OK);
    assert_int_equal(log_reader_next(*reader, view, NULL), HR_OK);
}

/* It knows of files that the service lets go meanwhile. */
static void a_reader_beside_a_service_goes_on_behind_what_retention_takes(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    log_view view;
    log_reader *reader = NULL;
    f->options.retain_bytes = 128 << 10;
    fixture_reopen(f);
    for (uint64_t i = 0; i < 1000; i++) {
        hr_clock_fake_advance(f->clock, 1000);
        assert_int_equal(fixture_append(f, 0, 0, i * 64, 64, &end), HR_OK);
    }
    fixture_commit(f, end);
    fixture beside;
    read_beside(f, &beside, &reader, &view);
    assert_int_equal(log_retain(f->log, NULL), HR_OK);
    int64_t start = log_start(f->log, 0, 0);
    assert_in_range(start, 30000, 60000);
    int64_t next = view.first_offset + view.count;
    for (int gone = 0; next < 64000;) {
        hr_err err = log_reader_next(reader, &view, NULL);
        if (err == HR_OK) {
            assert_int_equal(view.first_offset, next);
            next += view.count;
            continue;
        }
        assert_int_equal(err, HR_GONE);
        assert_true(log_reader_offset(reader) > next);
        assert_true(++gone <= 20);
        next = log_reader_offset(reader);
        assert_true(next <= start);
    }
    log_reader_close(reader);
    assert_int_equal(log_offset_at(beside.log, 0, 0, 0), start);
    log_verified verified;
    assert_int_equal(log_verify(beside.log, NULL, NULL, &verified, NULL), HR_OK);
    assert_int_equal(verified.damages, 0);
    assert_int_equal(verified.records, 64000 - start);
    fixture_close(&beside);
}

/* It was suspended for so long that nothing it knows is there any more, nor what came next. */
static void a_reader_that_retention_overtook_goes_on_with_what_there_is(void **state)
{
    fixture *f = *state;
    log_position end = 0;
    log_view view;
    log_reader *reader = NULL;
    f->options.retain_bytes = 128 << 10;
    fixture_reopen(f);
    assert_int_equal(fixture_append(f, 0, 0, 0, 64, &end), HR_OK);
    fixture_commit(f, end);
    fixture beside;
    read_beside(f, &beside, &reader, &view);
    for (int round = 1; round <= 2; round++) {
        for (uint64_t i = 0; i < 1000; i++) {
            assert_int_equal(fixture_append(f, 0, 0, i * 64, 64, &end), HR_OK);
        }
        fixture_commit(f, end);
        assert_int_equal(log_retain(f->log, NULL), HR_OK);
        for (int i = 0; i < 500 && log_durable(beside.log) < end; i++) {
            log_wait(beside.log, LOG_COMMITTED, log_durable(beside.log), 20);
        }
        assert_int_equal(log_end(beside.log, 0, 0, LOG_COMMITTED), 64 + round * 64000);
        bool is_told = false;
        while (log_reader_offset(reader) < 64 + round * 64000) {
            int64_t next = log_reader_offset(reader);
            hr_err err = log_reader_next(reader, &view, NULL);
            if (err == HR_OK) {
                assert_int_equal(view.first_offset, next);
                continue;
            }
            assert_int_equal(err, HR_GONE);
            assert_int_equal(log_reader_offset(reader), log_start(f->log, 0, 0));
            assert_false(is_told);
            is_told = true;
        }
        assert_true(is_told);
    }
    log_reader_close(reader);
    fixture_close(&beside);
}

static void other_topics_are_refused(void **state)
{
    fixture *f = *state;
    log_topic other[] = {{"positions", 4}, {"events", 1}};
    fixture_close(f);
    log_options options = f->options;
    options.topics = other;
    assert_int_equal(log_open(&options, &f->log, NULL), HR_INVALID);
}

static void a_lazy_frame_waits_for_the_next_commit(void **state)
{
    fixture *f = *state;
    f->options.lazy_types = 1u << 1;
    fixture_reopen(f);
    log_position end = 0;
    log_position before = log_durable(f->log);
    assert_int_equal(fixture_append(f, 0, 0, 0, 1, &end), HR_OK);
    assert_int_equal(log_wait(f->log, LOG_COMMITTED, before, 50), before);
    uint8_t bytes[8] = {0};
    log_batch eager = {.type = 2, .count = 1, .record_bytes = 8, .bytes = bytes, .size = 8};
    assert_int_equal(log_append(f->log, &eager, 1, NULL, NULL, &end), HR_OK);
    fixture_commit(f, end);
}

static void a_lazy_frame_is_committed_when_somebody_asks(void **state)
{
    fixture *f = *state;
    f->options.lazy_types = 1u << 1;
    fixture_reopen(f);
    log_position end = 0;
    assert_int_equal(fixture_append(f, 0, 0, 0, 1, &end), HR_OK);
    log_commit_soon(f->log);
    fixture_commit(f, end);
}

typedef struct waiter {
    log_store *log;
    int32_t timeout_ms;
} waiter;

static void *wait_in_thread(void *argument)
{
    waiter *w = argument;
    log_wait(w->log, LOG_COMMITTED, UINT64_MAX, w->timeout_ms);
    return NULL;
}

static void wake_reaches_those_who_wait_and_those_about_to(void **state)
{
    fixture *f = *state;
    waiter w = {.log = f->log, .timeout_ms = -1};
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, wait_in_thread, &w), 0);
        log_wake(f->log);
        pthread_join(thread, NULL);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_record_is_read_back_where_it_was_appended),
        TEST(everything_is_there_after_closing_and_opening),
        TEST(everything_is_there_after_a_crash),
        TEST(a_frame_for_many_partitions_is_one),
        TEST(appends_that_make_no_sense_are_refused),
        TEST(a_producer_is_held_to_its_sequence),
        TEST(sequences_can_be_used_up_without_a_record),
        TEST(a_time_is_found_though_the_clock_steps_back),
        TEST(old_files_go_but_never_what_a_floor_keeps),
        TEST(one_file_is_let_go_within_the_limits_if_a_floor_allows),
        TEST(what_was_said_before_the_start_is_kept),
        TEST(old_files_go_by_age_only_while_the_clock_is_kept),
        TEST(group_offsets_survive),
        TEST(a_group_is_remembered_from_its_first_offset_on),
        TEST(a_group_need_not_wait_for_the_end_to_be_remembered),
        TEST(a_second_opener_is_refused_and_a_reader_is_not),
        TEST(a_reader_beside_a_service_goes_on_behind_what_retention_takes),
        TEST(a_reader_that_retention_overtook_goes_on_with_what_there_is),
        TEST(other_topics_are_refused),
        TEST(a_lazy_frame_waits_for_the_next_commit),
        TEST(a_lazy_frame_is_committed_when_somebody_asks),
        TEST(wake_reaches_those_who_wait_and_those_about_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
