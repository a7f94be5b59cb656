/* tests/engine/ranch.c - see ranch.h. */
#include "ranch.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/id.h"
#include "base/record.h"
#include "log/reader.h"
#include "test.h"

#define WAIT_MS 30000

static const double north[4] = {16.0, 59.0, 16.01, 59.01};

static void must(hr_err err, const hr_why *why, const char *what)
{
    if (err != HR_OK) {
        fail_msg("%s: %s: %s", what, hr_err_text(err), why->text);
    }
}

uint64_t ranch_animal(int number)
{
    char id[16];
    int size = snprintf(id, sizeof id, "cow-%d", number);
    return hr_device_key(id, (size_t)size);
}

void ranch_open_history(ranch *ranch)
{
    hr_why why = {""};
    ranch->options.log = ranch->farm.log;
    ranch->options.catalog = ranch->farm.catalog;
    ranch->options.clock = ranch->farm.clock;
    ranch->options.path = ranch->path;
    must(engine_history_start(&ranch->options, &ranch->history, &why), &why, "history_start");
}

void ranch_close_history(ranch *ranch)
{
    engine_history_stop(ranch->history);
    ranch->history = NULL;
}

void ranch_leave_wal(ranch *ranch)
{
    sqlite3 *db;
    char wal[sizeof ranch->path + 8];
    assert_int_equal(sqlite3_open_v2(ranch->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT * FROM slot", NULL, NULL, NULL), SQLITE_OK);
    ranch_close_history(ranch);
    sqlite3_close(db);
    snprintf(wal, sizeof wal, "%s-wal", ranch->path);
    assert_int_equal(access(wal, F_OK), 0);
}

void ranch_settle_history(ranch *ranch)
{
    hr_why why = {""};
    must(engine_history_settle(ranch->history, WAIT_MS, &why), &why, "history_settle");
}

void ranch_start(ranch *ranch, uint64_t seed)
{
    farm_start(&ranch->farm, 2);
    ranch->random.state = seed;
    ranch->step = 0;
    snprintf(ranch->path, sizeof ranch->path, "%s/history.db", ranch->farm.folder);
    farm_fence(&ranch->farm, "north", north, ",\"intent\":\"keep-in\"");
    for (int i = 0; i < RANCH_HERD; i++) {
        char id[16];
        snprintf(id, sizeof id, "cow-%d", i);
        farm_name(&ranch->farm, id);
    }
    ranch_open_history(ranch);
}

void ranch_end(ranch *ranch)
{
    ranch_close_history(ranch);
    farm_end(&ranch->farm);
}

uint32_t ranch_step(uint64_t seed, int64_t step, hr_fix fixes[RANCH_HERD * 3])
{
    hr_random random = {.state = seed ^ ((uint64_t)step << 20)};
    uint32_t count = 0;
    for (int d = 0; d < RANCH_HERD; d++) {
        /* Late by up to an hour, one time in eight; and told again, one time in four. */
        int64_t late_ms = hr_random_below(&random, 8) == 0 ? hr_random_below(&random, 3600000) : 0;
        if (d > 0 && hr_random_below(&random, (uint64_t)d) > 2) {
            continue; /* some speak often, some rarely */
        }
        hr_fix fix = {.device = ranch_animal(d),
                      .time_ms = RANCH_T0 + step * 10000 + d - late_ms,
                      .lon_e7 = 159950000 + (int32_t)hr_random_below(&random, 200000),
                      .lat_e7 = 589950000 + (int32_t)hr_random_below(&random, 200000),
                      .accuracy_dm = (uint16_t)(30 + hr_random_below(&random, 20)),
                      .speed_cm_s = HR_FIX_U16_UNKNOWN,
                      .heading_cdeg = (uint16_t)hr_random_below(&random, 36000),
                      .battery_pct = 90};
        fixes[count++] = fix;
        if (hr_random_below(&random, 4) == 0) {
            fixes[count++] = fix;
        }
    }
    return count;
}

void ranch_graze(ranch *ranch, int steps)
{
    hr_fix fixes[RANCH_HERD * 3];
    for (int i = 0; i < steps; i++) {
        uint32_t count = ranch_step(ranch->random.state, ranch->step++, fixes);
        farm_fixes(&ranch->farm, fixes, count);
        hr_clock_fake_advance(ranch->farm.clock, 10000);
    }
    farm_settle(&ranch->farm);
}

hr_fix *ranch_log_fixes(ranch *ranch, size_t *count)
{
    size_t room = 1024;
    hr_fix *fixes = malloc(room * sizeof *fixes);
    assert_non_null(fixes);
    *count = 0;
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        log_reader *reader;
        log_view view;
        int64_t start = log_start(ranch->farm.log, HR_TOPIC_POSITIONS, p);
        assert_int_equal(
            log_reader_open(ranch->farm.log, HR_TOPIC_POSITIONS, p, start, LOG_COMMITTED, &reader),
            HR_OK);
        while (log_reader_next(reader, &view, NULL) == HR_OK) {
            for (uint32_t i = 0; view.type == HR_RECORD_FIX && i < view.count; i++) {
                if (*count == room) {
                    room *= 2;
                    fixes = realloc(fixes, room * sizeof *fixes);
                    assert_non_null(fixes);
                }
                hr_fix_load(view.bytes + (size_t)i * HR_FIX_BYTES, &fixes[(*count)++]);
            }
        }
        log_reader_close(reader);
    }
    return fixes;
}

static size_t pick(const hr_fix *from, size_t count, const history_span *span, hr_fix *out)
{
    size_t picked = 0;
    for (size_t i = 0; i < count; i++) {
        if ((!span->has_device || from[i].device == span->device) &&
            from[i].time_ms >= span->from_ms && from[i].time_ms < span->to_ms) {
            out[picked++] = from[i];
        }
    }
    return picked;
}

static size_t read_track(history_reader *reader, const history_span *span, hr_fix *out, size_t room)
{
    hr_why why = {""};
    size_t count = 0;
    hr_fix fix;
    must(history_track_begin(reader, span, &why), &why, "history_track_begin");
    hr_err err;
    while ((err = history_track_next(reader, &fix, &why)) == HR_OK) {
        assert_true(count < room);
        out[count++] = fix;
    }
    if (err != HR_NOT_FOUND) {
        must(err, &why, "history_track_next");
    }
    return count;
}

static void expect_one(history_reader *reader, const history_span *span, const hr_fix *wanted,
                       size_t count)
{
    hr_fix *mine = malloc((count + 1) * sizeof *mine);
    hr_fix *its = malloc((count + 1) * sizeof *its);
    assert_non_null(mine);
    assert_non_null(its);
    size_t mine_count = pick(wanted, count, span, mine);
    size_t its_count = read_track(reader, span, its, count + 1);
    assert_int_equal(its_count, mine_count);
    assert_memory_equal(its, mine, mine_count * sizeof *mine);
    free(mine);
    free(its);
}

/* All of it at once: the order between animals is nobody's business. */
static void expect_all(history_reader *reader, const hr_fix *wanted, size_t count)
{
    history_span span = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    hr_fix *its = malloc((count + 1) * sizeof *its);
    hr_fix *one = malloc((count + 1) * sizeof *one);
    hr_fix *two = malloc((count + 1) * sizeof *two);
    assert_non_null(its);
    assert_non_null(one);
    assert_non_null(two);
    assert_int_equal(read_track(reader, &span, its, count + 1), count);
    for (int d = 0; d < RANCH_HERD; d++) {
        span.has_device = true;
        span.device = ranch_animal(d);
        size_t one_count = pick(its, count, &span, one);
        assert_int_equal(one_count, pick(wanted, count, &span, two));
        assert_memory_equal(one, two, one_count * sizeof *one);
    }
    free(its);
    free(one);
    free(two);
}

void ranch_expect_tracks(ranch *ranch, const hr_fix *wanted, size_t count)
{
    history_reader *reader;
    hr_why why = {""};
    must(history_reader_new(ranch->history, ranch->farm.log, &reader, &why), &why, "reader");
    for (int d = 0; d < RANCH_HERD; d++) {
        history_span span = {.has_device = true,
                             .device = ranch_animal(d),
                             .from_ms = INT64_MIN,
                             .to_ms = INT64_MAX};
        expect_one(reader, &span, wanted, count);
        span.from_ms =
            RANCH_T0 + (int64_t)hr_random_below(&ranch->random, (uint64_t)ranch->step * 10000 + 1);
        span.to_ms = span.from_ms + (int64_t)hr_random_below(&ranch->random, 600000);
        expect_one(reader, &span, wanted, count);
    }
    expect_all(reader, wanted, count);
    history_reader_free(reader);
}

/* ---- events ---- */

static size_t read_events(history_reader *reader, int64_t from, hr_buf *out, int64_t *first)
{
    hr_why why = {""};
    history_record record = {0};
    size_t count = 0;
    int64_t last = -1;
    must(history_events_begin(reader, from, &why), &why, "history_events_begin");
    hr_err err;
    while ((err = history_events_next(reader, &record, &why)) == HR_OK) {
        assert_true(record.offset > last && record.offset >= from);
        last = record.offset;
        if (record.type == HR_RECORD_EVENT) {
            *first = count++ == 0 ? record.offset : *first;
            hr_buf_put_u32(out, (uint32_t)record.size);
            hr_buf_put(out, record.bytes, record.size);
        }
    }
    assert_int_equal(err, HR_NOT_FOUND);
    return count;
}

/* Whoever asks for events from a time on is sent behind none of them. */
static void expect_none_before(history_reader *reader, int64_t from_ms)
{
    hr_why why = {""};
    history_record record = {0};
    int64_t at = history_events_at(reader, from_ms);
    must(history_events_begin(reader, 0, &why), &why, "history_events_begin");
    while (history_events_next(reader, &record, &why) == HR_OK && record.offset < at) {
        hr_event event;
        if (record.type == HR_RECORD_EVENT) {
            must(hr_event_load(record.bytes, record.size, &event), &why, "event");
            assert_true(event.time_ms < from_ms);
        }
    }
}

void ranch_expect_events(ranch *ranch, size_t wanted_before)
{
    hr_buf mine, its;
    history_reader *reader;
    hr_why why = {""};
    int64_t first = -1;
    must(history_reader_new(ranch->history, ranch->farm.log, &reader, &why), &why, "reader");
    hr_buf_init(&mine, 256 << 20);
    hr_buf_init(&its, 256 << 20);
    farm_events(&ranch->farm, &mine);
    size_t count = read_events(reader, 0, &its, &first);
    assert_true(count > wanted_before);
    /* The log's own are the last of them. */
    assert_true(its.size >= mine.size);
    assert_memory_equal(its.data + (its.size - mine.size), mine.data, mine.size);
    size_t before = 0;
    hr_cursor in = hr_cursor_of(its.data, its.size - mine.size);
    while (hr_cursor_left(&in) > 0) {
        (void)!hr_cursor_take(&in, hr_cursor_u32(&in));
        before++;
    }
    assert_int_equal(before, wanted_before);
    hr_buf_clear(&its);
    assert_int_equal(read_events(reader, first + 1, &its, &first), count - 1);
    for (int i = 0; i < 4; i++) {
        int64_t past_ms =
            (int64_t)hr_random_below(&ranch->random, (uint64_t)ranch->step * 10000 + 1);
        expect_none_before(reader, RANCH_T0 + past_ms);
    }
    hr_buf_fini(&mine);
    hr_buf_fini(&its);
    history_reader_free(reader);
}

int64_t ranch_ask(ranch *ranch, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open_v2(ranch->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, WAIT_MS);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    int code = sqlite3_step(statement);
    assert_true(code == SQLITE_ROW || code == SQLITE_DONE);
    int64_t number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}
