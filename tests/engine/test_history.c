/* tests/engine/test_history.c - the historian: everything kept once, told without a gap or a
 * repeat, and what becomes of a file that is old, damaged, foreign or too large. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/record.h"
#include "base/text.h"
#include "log/group.h"
#include "log/reader.h"
#include "ranch.h"
#include "test.h"

/* For a test that has nothing to say of how its ranch begins. */
static int start_ranch(void **state)
{
    ranch *r = calloc(1, sizeof *r);
    assert_non_null(r);
    ranch_start(r, test_seed("history"));
    *state = r;
    return 0;
}

static int end_ranch(void **state)
{
    ranch_end(*state);
    free(*state);
    return 0;
}

static void expect_what_the_log_has(ranch *ranch)
{
    size_t count = 0;
    hr_fix *wanted = ranch_log_fixes(ranch, &count);
    ranch_expect_tracks(ranch, wanted, count);
    ranch_expect_events(ranch, 0);
    free(wanted);
}

static void each_fix_and_event_is_told_once_wherever_the_file_ends(void **state)
{
    ranch *r = *state;
    for (int round = 0; round < 6; round++) {
        ranch_graze(r, 40);
        expect_what_the_log_has(r); /* some of it in the file, the rest in the log */
        ranch_settle_history(r);
        expect_what_the_log_has(r); /* all of it in the file */
        if (round % 2 == 1) {
            ranch_graze(r, 10);
            ranch_close_history(r);
            ranch_open_history(r);
        }
    }
    assert_int_equal(engine_history_health(r->history, NULL), HR_OK);
    size_t count = 0;
    ranch_settle_history(r);
    free(ranch_log_fixes(r, &count));
    assert_int_equal(ranch_ask(r, "SELECT sum(fixes) FROM slot"), count);
    assert_int_equal(ranch_ask(r, "SELECT count(*) FROM device WHERE id LIKE 'cow-%'"), RANCH_HERD);
}

static void without_a_historian_the_log_alone_is_told(void **state)
{
    ranch *r = *state;
    ranch_graze(r, 40);
    ranch_close_history(r);
    expect_what_the_log_has(r);
}

static void a_long_silence_and_a_long_track_take_several_chunks(void **state)
{
    ranch *r = *state;
    static hr_fix fixes[20000];
    for (int i = 0; i < 20000; i++) {
        fixes[i] =
            (hr_fix){.device = ranch_animal(i % 7 == 0 ? 3 : 4),
                     .time_ms = RANCH_T0 - 30000000 + (int64_t)i * 1000 + (i > 10000 ? 3600000 : 0),
                     .lon_e7 = 160000000 + i * 50,
                     .lat_e7 = 590000000 - i * 20};
    }
    farm_fixes(&r->farm, fixes, 20000);
    farm_settle(&r->farm);
    ranch_graze(r, 5);
    ranch_settle_history(r);
    expect_what_the_log_has(r);
    assert_true(ranch_ask(r, "SELECT max(chunks) FROM slot") >= 20000 / 256);
}

static void a_deleted_history_is_made_anew_from_the_log(void **state)
{
    ranch *r = *state;
    ranch_graze(r, 60);
    ranch_settle_history(r);
    ranch_leave_wal(r);
    assert_int_equal(unlink(r->path), 0);
    ranch_open_history(r);
    expect_what_the_log_has(r);
    ranch_settle_history(r);
    expect_what_the_log_has(r);
    assert_int_equal(ranch_ask(r, "SELECT count(*) FROM device WHERE id IS NOT NULL"), RANCH_HERD);
    assert_int_equal(engine_history_health(r->history, NULL), HR_OK);
}

/* Records that were not stored would be lost with it: the log lets go up to what was. */
static void a_history_deleted_under_the_historian_is_made_anew_at_once(void **state)
{
    ranch *r = *state;
    ranch_graze(r, 60);
    ranch_settle_history(r);
    assert_int_equal(unlink(r->path), 0);
    ranch_graze(r, 20);
    ranch_settle_history(r);
    expect_what_the_log_has(r);
    size_t count = 0;
    free(ranch_log_fixes(r, &count));
    assert_int_equal(ranch_ask(r, "SELECT sum(fixes) FROM slot"), count);
    assert_int_equal(engine_history_health(r->history, NULL), HR_OK);
}

static void overwrite(const char *path, off_t at, const char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, at), (ssize_t)size);
    close(fd);
}

static void expect_put_aside(ranch *r, int number)
{
    char aside[160];
    hr_why why = {""};
    snprintf(aside, sizeof aside, "%s.damaged-%d", r->path, number);
    assert_int_equal(access(aside, F_OK), 0);
    assert_int_equal(engine_history_health(r->history, &why), HR_CORRUPT);
    assert_non_null(strstr(why.text, aside));
}

static void a_damaged_history_is_put_aside_and_made_anew(void **state)
{
    ranch *r = *state;
    ranch_graze(r, 60);
    ranch_settle_history(r);
    ranch_close_history(r);
    overwrite(r->path, 0, "this is no database any more", 28);
    ranch_open_history(r);
    expect_put_aside(r, 1);
    ranch_settle_history(r);
    expect_what_the_log_has(r);
    /* One that is something else is not overwritten either. */
    ranch_close_history(r);
    ranch_ask(r, "PRAGMA application_id = 7");
    ranch_open_history(r);
    expect_put_aside(r, 2);
    expect_what_the_log_has(r);
}

static void damage_that_shows_while_writing_is_mended(void **state)
{
    ranch *r = *state;
    ranch_graze(r, 30);
    ranch_settle_history(r);
    /* The next slot's number is taken: history.db is not as the historian left it. */
    ranch_ask(r, "INSERT INTO slot SELECT number + 1, 0, 0, 0, 0, 0, 0, 0, 0 FROM slot ORDER BY "
                 "number DESC LIMIT 1");
    ranch_graze(r, 30);
    ranch_settle_history(r);
    expect_put_aside(r, 1);
    expect_what_the_log_has(r);
}

static void a_history_of_another_log_is_put_aside(void **state)
{
    ranch *r = *state;
    char command[256];
    ranch_graze(r, 60);
    ranch_settle_history(r);
    ranch_close_history(r);
    farm_close(&r->farm);
    snprintf(command, sizeof command, "%s/journal", r->farm.folder);
    farm_remove_tree(command);
    snprintf(command, sizeof command, "%s/checkpoint", r->farm.folder);
    farm_remove_tree(command);
    farm_open(&r->farm, 2);
    ranch_open_history(r);
    expect_put_aside(r, 1);
    ranch_graze(r, 20);
    expect_what_the_log_has(r);
}

static const history_span all_time = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};

/* Read what is left of a track, until something ends it. */
static hr_err read_track(history_reader *reader, int64_t *count)
{
    hr_why why = {""};
    hr_fix fix;
    hr_err err = HR_OK;
    for (*count = 0; err == HR_OK; *count += err == HR_OK) {
        err = history_track_next(reader, &fix, &why);
    }
    return err;
}

static void a_damaged_chunk_costs_itself_only_and_is_told(void **state)
{
    ranch *r = *state;
    history_reader *reader;
    hr_why why = {""};
    int64_t count = 0;
    ranch_graze(r, 60);
    ranch_settle_history(r);
    int64_t all = ranch_ask(r, "SELECT sum(fixes) FROM slot");
    ranch_ask(r, "UPDATE chunk SET bytes = x'01deadbeef' || substr(bytes, 6) "
                 "WHERE place = (SELECT min(place) FROM chunk)");
    assert_int_equal(history_reader_new(r->history, r->farm.log, &reader, &why), HR_OK);
    assert_int_equal(history_track_begin(reader, &all_time, &why), HR_OK);
    (void)!read_track(reader, &count);
    assert_true(count < all && count > all / 4);
    assert_int_equal(engine_history_health(r->history, NULL), HR_CORRUPT);
    history_reader_free(reader);
}

static void damage_that_a_reader_meets_is_mended(void **state)
{
    ranch *r = *state;
    history_reader *reader;
    hr_why why = {""};
    int64_t count = 0;
    static char garbage[8192];
    ranch_graze(r, 200);
    ranch_settle_history(r);
    ranch_close_history(r);
    int64_t page = ranch_ask(r, "SELECT rootpage FROM sqlite_schema WHERE name = 'chunk'");
    ranch_open_history(r);
    memset(garbage, 'x', sizeof garbage);
    overwrite(r->path, (off_t)(page - 1) * 8192, garbage, sizeof garbage);
    assert_int_equal(history_reader_new(r->history, r->farm.log, &reader, &why), HR_OK);
    hr_err err = history_track_begin(reader, &all_time, &why);
    err = err == HR_OK ? read_track(reader, &count) : err;
    history_reader_free(reader);
    assert_int_equal(err, HR_CORRUPT);
    ranch_settle_history(r);
    expect_put_aside(r, 1);
    expect_what_the_log_has(r);
}

static void a_reader_keeps_its_deadline(void **state)
{
    ranch *r = *state;
    history_reader *reader;
    hr_why why = {""};
    int64_t count = 0;
    ranch_graze(r, 20);
    assert_int_equal(history_reader_new(r->history, r->farm.log, &reader, &why), HR_OK);
    history_reader_set_deadline(reader, hr_clock_mono_ns(hr_clock_real()));
    assert_int_equal(history_track_begin(reader, &all_time, &why), HR_OK);
    assert_int_equal(read_track(reader, &count), HR_TIMEOUT);
    history_reader_free(reader);
}

/* Without a battery and without the internet its clock stands still while it is off. */
static void what_the_gateways_clock_thinks_ahead_is_found_by_its_time(void **state)
{
    ranch *r = *state;
    r->step = 360; /* an hour ahead of the clock */
    for (int round = 0; round < 3; round++) {
        ranch_graze(r, 40);
        expect_what_the_log_has(r);
        ranch_settle_history(r);
        expect_what_the_log_has(r);
    }
    ranch_graze(r, 40);
    ranch_close_history(r);
    expect_what_the_log_has(r); /* the log alone */
    ranch_open_history(r);
}

/* From the newest of what is kept on: so much of the past need not be read. */
static int64_t events_at_newest(ranch *r)
{
    history_reader *reader;
    assert_int_equal(history_reader_new(r->history, r->farm.log, &reader, NULL), HR_OK);
    int64_t at = history_events_at(reader, RANCH_T0 + (r->step - 1) * 10000);
    history_reader_free(reader);
    return at;
}

static void a_history_that_did_not_note_event_times_is_taken_over(void **state)
{
    ranch *r = *state;
    r->step = 360;
    for (int round = 0; round < 3; round++) {
        ranch_graze(r, 40);
        ranch_settle_history(r);
    }
    int64_t fixes = ranch_ask(r, "SELECT sum(fixes) FROM slot");
    assert_true(events_at_newest(r) > 0);
    ranch_close_history(r);
    ranch_ask(r, "ALTER TABLE slot DROP COLUMN events_to_ms");
    ranch_ask(r, "PRAGMA user_version = 1");
    ranch_open_history(r);
    assert_int_equal(engine_history_health(r->history, NULL), HR_OK);
    assert_int_equal(ranch_ask(r, "SELECT sum(fixes) FROM slot"), fixes);
    expect_what_the_log_has(r);
    assert_true(events_at_newest(r) > 0);
    ranch_graze(r, 40);
    ranch_settle_history(r);
    expect_what_the_log_has(r);
    assert_int_equal(ranch_ask(r, "SELECT count(events_to_ms) FROM slot"), 1);
}

static void a_newer_format_is_refused_by_name(void **state)
{
    ranch *r = *state;
    hr_why why = {""};
    ranch_graze(r, 10);
    ranch_close_history(r);
    ranch_ask(r, "PRAGMA user_version = 3");
    assert_int_equal(engine_history_start(&r->options, &r->history, &why), HR_TOO_NEW);
    assert_non_null(strstr(why.text, "history.db"));
    assert_non_null(strstr(why.text, "newer"));
    r->history = NULL;
}

static void a_full_disk_makes_it_wait_and_it_goes_on_by_itself(void **state)
{
    (void)state;
    ranch r = {.step = 0};
    hr_why why = {""};
    r.options.free_bytes = UINT64_MAX;
    ranch_start(&r, test_seed(__func__));
    ranch_graze(&r, 40);
    assert_int_equal(engine_history_settle(r.history, 10000, &why), HR_NO_SPACE);
    assert_int_equal(engine_history_health(r.history, &why), HR_NO_SPACE);
    assert_non_null(strstr(why.text, "disk"));
    expect_what_the_log_has(&r);
    ranch_close_history(&r);
    r.options.free_bytes = 1;
    ranch_open_history(&r);
    ranch_settle_history(&r);
    assert_int_equal(engine_history_health(r.history, NULL), HR_OK);
    expect_what_the_log_has(&r);
    ranch_end(&r);
}

/* ---- no hurry ---- */

/* Of this program's thread of that name; 0: it has none. */
static int niceness_of(const char *wanted)
{
    int niceness = 0;
    DIR *threads = opendir("/proc/self/task");
    assert_non_null(threads);
    for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
        char path[300];
        char name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file != NULL) {
            if (fscanf(file, "%31s", name) == 1 && strcmp(name, wanted) == 0) {
                niceness = getpriority(PRIO_PROCESS, (id_t)strtoul(entry->d_name, NULL, 10));
            }
            fclose(file);
        }
    }
    closedir(threads);
    return niceness;
}

static void *settle(void *context)
{
    ranch *ranch = context;
    (void)!engine_history_settle(ranch->history, 60000, NULL);
    return NULL;
}

/* Its disk hangs, say: fixes are judged, checkpoints taken and tracks told all the same. */
static void a_historian_that_cannot_write_keeps_nobody_waiting(void **state)
{
    ranch *r = *state;
    sqlite3 *db;
    pthread_t thread;
    ranch_graze(r, 20);
    ranch_settle_history(r);
    assert_int_equal(niceness_of("historian"), 19);
    assert_int_equal(sqlite3_open_v2(r->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    ranch_graze(r, 20);
    assert_int_equal(pthread_create(&thread, NULL, settle, r), 0);
    ranch_graze(r, 40);
    farm_settle(&r->farm);
    expect_what_the_log_has(r);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    pthread_join(thread, NULL);
    sqlite3_close(db);
    ranch_settle_history(r);
    expect_what_the_log_has(r);
}

/* ---- retention ---- */

/* Let so much go through the log that files of it can go. */
static void graze_long(ranch *r, int slots)
{
    for (int i = 0; i < slots; i++) {
        ranch_graze(r, 150);
        hr_clock_fake_advance(r->farm.clock, 3600000);
        ranch_settle_history(r);
    }
}

/* From now on the log lets go early; the history is not open. */
static void shorten_log(ranch *r)
{
    ranch_close_history(r);
    r->farm.file_bytes = 64 << 10;
    r->farm.retain_bytes = 128 << 10;
    farm_restart(&r->farm, 2);
}

static size_t count_events(ranch *r)
{
    size_t count = 0;
    hr_buf events;
    hr_buf_init(&events, 64 << 20);
    farm_events(&r->farm, &events);
    hr_cursor in = hr_cursor_of(events.data, events.size);
    for (; hr_cursor_left(&in) > 0; count++) {
        (void)!hr_cursor_take(&in, hr_cursor_u32(&in));
    }
    hr_buf_fini(&events);
    return count;
}

static void the_log_lets_go_only_of_what_is_kept(void **state)
{
    ranch *r = *state;
    shorten_log(r);
    r->options.free_bytes = UINT64_MAX; /* it cannot write */
    ranch_open_history(r);
    for (int i = 0; i < 12; i++) {
        ranch_graze(r, 150);
    }
    assert_int_equal(log_retain(r->farm.log, NULL), HR_OK);
    assert_int_equal(log_start(r->farm.log, HR_TOPIC_EVENTS, 0), 0);
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        assert_int_equal(log_start(r->farm.log, HR_TOPIC_POSITIONS, p), 0);
    }
    size_t count = 0;
    hr_fix *wanted = ranch_log_fixes(r, &count);
    size_t events_before = count_events(r);
    ranch_close_history(r);
    r->options.free_bytes = 1;
    ranch_open_history(r);
    ranch_settle_history(r);
    /* Checkpoints hold the log too; the second lets go of what the first held. */
    farm_settle(&r->farm);
    farm_settle(&r->farm);
    assert_int_equal(log_retain(r->farm.log, NULL), HR_OK);
    int64_t start = log_start(r->farm.log, HR_TOPIC_EVENTS, 0);
    assert_true(start > 0);
    assert_true(log_group_offset(r->farm.log, ENGINE_HISTORY_GROUP, HR_TOPIC_EVENTS, 0) >= start);
    /* What has left the log is told all the same. */
    ranch_expect_tracks(r, wanted, count);
    size_t events_after = count_events(r);
    assert_true(events_after < events_before);
    ranch_expect_events(r, events_before - events_after);
    free(wanted);
}

/* The oldest record that is left, of positions and events. */
static int64_t oldest_ms(ranch *r)
{
    int64_t oldest = INT64_MAX;
    for (int i = 0; i <= FARM_PARTITIONS; i++) {
        uint8_t topic = i < FARM_PARTITIONS ? HR_TOPIC_POSITIONS : HR_TOPIC_EVENTS;
        uint16_t partition = i < FARM_PARTITIONS ? (uint16_t)i : 0;
        log_reader *reader = NULL;
        log_view view;
        assert_int_equal(log_reader_open(r->farm.log, topic, partition,
                                         log_start(r->farm.log, topic, partition), LOG_COMMITTED,
                                         &reader),
                         HR_OK);
        if (log_reader_next(reader, &view, NULL) == HR_OK && view.append_ms < oldest) {
            oldest = view.append_ms;
        }
        log_reader_close(reader);
    }
    return oldest;
}

static void a_history_that_is_lost_for_good_is_told_of(void **state)
{
    ranch *r = *state;
    shorten_log(r);
    ranch_open_history(r);
    for (int i = 0; i < 12; i++) {
        ranch_graze(r, 150);
    }
    ranch_settle_history(r);
    farm_settle(&r->farm);
    farm_settle(&r->farm);
    assert_int_equal(log_retain(r->farm.log, NULL), HR_OK);
    int64_t start = log_start(r->farm.log, HR_TOPIC_EVENTS, 0);
    assert_true(start > 0);
    hr_why why = {.text = ""};
    assert_int_equal(engine_history_health(r->history, &why), HR_OK);
    ranch_close_history(r);
    assert_int_equal(unlink(r->path), 0);
    ranch_open_history(r);
    char wanted[HR_WHY_MAX];
    char from[HR_TIME_TEXT_SIZE];
    hr_time_format(oldest_ms(r), from);
    snprintf(wanted, sizeof wanted,
             "the history was made anew from the log: it is whole for what arrived from %s on, "
             "which is events from offset %lld on; what is older is gone",
             from, (long long)start);
    assert_int_equal(engine_history_health(r->history, &why), HR_CORRUPT);
    assert_string_equal(why.text, wanted);
    expect_what_the_log_has(r);
}

static void a_reader_that_retention_overtakes_is_told(void **state)
{
    ranch *r = *state;
    history_reader *reader;
    hr_why why = {""};
    int64_t count = 0;
    shorten_log(r);
    ranch_open_history(r);
    ranch_graze(r, 100);
    ranch_settle_history(r);
    assert_int_equal(history_reader_new(r->history, r->farm.log, &reader, &why), HR_OK);
    assert_int_equal(history_track_begin(reader, &all_time, &why), HR_OK);
    for (int i = 0; i < 12; i++) {
        ranch_graze(r, 150);
    }
    ranch_settle_history(r);
    farm_settle(&r->farm);
    assert_int_equal(log_retain(r->farm.log, NULL), HR_OK);
    assert_int_equal(read_track(reader, &count), HR_GONE);
    assert_int_equal(history_track_begin(reader, &all_time, &why), HR_OK);
    (void)!read_track(reader, &count);
    assert_int_equal(count, ranch_ask(r, "SELECT sum(fixes) FROM slot"));
    history_reader_free(reader);
}

static void what_is_older_than_the_limit_goes_oldest_first(void **state)
{
    (void)state;
    ranch r = {.step = 0};
    r.options.retain_ms = 5 * 3600000;
    ranch_start(&r, test_seed(__func__));
    hr_clock_fake_set_synchronised(r.farm.clock, false);
    graze_long(&r, 9);
    /* A clock that nobody keeps lets nothing go. */
    assert_int_equal(ranch_ask(&r, "SELECT min(number) FROM slot"), 1);
    hr_clock_fake_set_synchronised(r.farm.clock, true);
    graze_long(&r, 3);
    int64_t first = ranch_ask(&r, "SELECT min(number) FROM slot");
    assert_true(first >= 7 && first <= 10);
    assert_int_equal(ranch_ask(&r, "SELECT count(*) FROM slot"), 12 - first + 1);
    assert_int_equal(ranch_ask(&r, "SELECT min(place) >> 36 FROM chunk"), first);
    assert_true(ranch_ask(&r, "SELECT min(offset) FROM event") >= 0);
    assert_int_equal(
        ranch_ask(&r, "SELECT count(*) FROM event WHERE offset < (SELECT events_end FROM slot "
                      "ORDER BY number LIMIT 1) - 1000000"),
        0);
    ranch_end(&r);
}

static int64_t used_bytes(ranch *r)
{
    return ranch_ask(r, "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, "
                        "pragma_freelist_count, pragma_page_size");
}

static void above_its_size_the_oldest_goes_and_the_file_stays_small(void **state)
{
    (void)state;
    ranch r = {.step = 0};
    /* The disk gets back only what is worth moving: some megabytes. */
    const bool is_long = getenv("HR_LONG") != NULL;
    const int slots = is_long ? 300 : 25;
    const int64_t limit = is_long ? 4 << 20 : 400 << 10;
    r.options.retain_bytes = (uint64_t)limit;
    ranch_start(&r, test_seed(__func__));
    graze_long(&r, slots);
    assert_true(ranch_ask(&r, "SELECT min(number) FROM slot") > 1);
    const int64_t used = used_bytes(&r);
    assert_true(used <= limit);
    assert_true(ranch_ask(&r, "SELECT count(*) FROM slot") > 1);
    int64_t pages = ranch_ask(&r, "PRAGMA page_count");
    ranch_close_history(&r);
    r.options.retain_bytes = (uint64_t)limit / 4;
    ranch_open_history(&r);
    graze_long(&r, 1);
    assert_true(ranch_ask(&r, "SELECT count(*) FROM slot") >= 1);
    assert_true(used_bytes(&r) < used);
    assert_true(!is_long || ranch_ask(&r, "PRAGMA page_count") < pages / 2);
    ranch_end(&r);
}

#define AT_RANCH(test) cmocka_unit_test_setup_teardown(test, start_ranch, end_ranch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_RANCH(each_fix_and_event_is_told_once_wherever_the_file_ends),
        AT_RANCH(without_a_historian_the_log_alone_is_told),
        AT_RANCH(a_long_silence_and_a_long_track_take_several_chunks),
        AT_RANCH(a_deleted_history_is_made_anew_from_the_log),
        AT_RANCH(a_history_deleted_under_the_historian_is_made_anew_at_once),
        AT_RANCH(a_damaged_history_is_put_aside_and_made_anew),
        AT_RANCH(damage_that_shows_while_writing_is_mended),
        AT_RANCH(a_history_of_another_log_is_put_aside),
        AT_RANCH(a_damaged_chunk_costs_itself_only_and_is_told),
        AT_RANCH(damage_that_a_reader_meets_is_mended),
        AT_RANCH(a_reader_keeps_its_deadline),
        AT_RANCH(what_the_gateways_clock_thinks_ahead_is_found_by_its_time),
        AT_RANCH(a_history_that_did_not_note_event_times_is_taken_over),
        AT_RANCH(a_newer_format_is_refused_by_name),
        cmocka_unit_test(a_full_disk_makes_it_wait_and_it_goes_on_by_itself),
        AT_RANCH(a_historian_that_cannot_write_keeps_nobody_waiting),
        AT_RANCH(the_log_lets_go_only_of_what_is_kept),
        AT_RANCH(a_history_that_is_lost_for_good_is_told_of),
        AT_RANCH(a_reader_that_retention_overtakes_is_told),
        cmocka_unit_test(what_is_older_than_the_limit_goes_oldest_first),
        cmocka_unit_test(above_its_size_the_oldest_goes_and_the_file_stays_small),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
