/* tests/engine/test_exact.c - the events of a log are what TRACKER.md says, the same on any number
 * of threads, in any batches, from any checkpoint, at any time of day. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/record.h"
#include "engine/change.h"
#include "engine/internal.h"
#include "engine/live.h"
#include "log/group.h"
#include "log/reader.h"
#include "story.h"
#include "test.h"

#define STEPS 120

static uint64_t seed;

static void tell(farm *farm, int64_t from, int64_t to)
{
    for (int64_t step = from; step < to; step++) {
        assert_int_equal(story_tell(farm, seed, step), HR_OK);
    }
}

typedef struct bytes_of {
    hr_buf partitions[FARM_PARTITIONS];
} bytes_of;

static void keep_bytes(farm *farm, bytes_of *out)
{
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        hr_buf_init(&out->partitions[p], 64 << 20);
        farm_partition_events(farm, p, &out->partitions[p]);
    }
}

static void drop_bytes(bytes_of *bytes)
{
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        hr_buf_fini(&bytes->partitions[p]);
    }
}

static void assert_same(const bytes_of *one, const bytes_of *two)
{
    size_t size = 0;
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        size += one->partitions[p].size;
        assert_int_equal(one->partitions[p].size, two->partitions[p].size);
        assert_memory_equal(one->partitions[p].data, two->partitions[p].data,
                            one->partitions[p].size);
    }
    assert_true(size > 1000);
}

static void assert_has(farm *farm, const bytes_of *wanted)
{
    bytes_of is;
    keep_bytes(farm, &is);
    assert_same(wanted, &is);
    drop_bytes(&is);
}

/* What an undisturbed run of one thread tells of STEPS steps. */
static bytes_of quiet_run;

static int run_quietly(void **state)
{
    (void)state;
    farm quiet;
    seed = test_seed(__func__);
    farm_start(&quiet, 1);
    tell(&quiet, 0, STEPS);
    farm_settle(&quiet);
    keep_bytes(&quiet, &quiet_run);
    farm_end(&quiet);
    return 0;
}

static int forget_quiet_run(void **state)
{
    (void)state;
    drop_bytes(&quiet_run);
    return 0;
}

static void events_are_what_simple_loops_find_in_the_log(void **state)
{
    (void)state;
    int worlds = getenv("HR_LONG") != NULL ? 50 : 2;
    uint64_t first = seed;
    for (int i = 0; i < worlds; i++, seed++) {
        farm farm;
        farm_start(&farm, 4);
        tell(&farm, 0, 2 * STEPS);
        farm_settle(&farm);
        assert_true(story_check(&farm) > 100);
        farm_end(&farm);
    }
    seed = first;
}

/* ---- the same log again ---- */

/* Copy the records of positions into another log, up to batch_max of a type in one batch. */
static void copy_log(farm *from, log_store *to, uint32_t batch_max)
{
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        log_reader *reader;
        log_view view;
        hr_buf bytes;
        log_batch batch = {.count = 0};
        log_position end;
        int64_t append_ms = 0;
        hr_buf_init(&bytes, 8 << 20);
        assert_int_equal(
            log_reader_open(from->log, HR_TOPIC_POSITIONS, p, 0, LOG_APPENDED, &reader), HR_OK);
        for (bool is_more = true; is_more;) {
            is_more = log_reader_next(reader, &view, NULL) == HR_OK;
            bool fits = is_more && view.type == batch.type && view.append_ms == append_ms &&
                        batch.count + view.count <= batch_max;
            if (batch.count > 0 && !fits) {
                batch.bytes = bytes.data;
                batch.size = bytes.size;
                hr_clock_fake_step(from->clock, append_ms);
                assert_int_equal(log_append(to, &batch, 1, NULL, NULL, &end), HR_OK);
                hr_buf_clear(&bytes);
                batch.count = 0;
            }
            if (is_more) {
                batch.topic = HR_TOPIC_POSITIONS;
                batch.type = view.type;
                batch.partition = p;
                batch.record_bytes = view.record_bytes;
                batch.count += view.count;
                append_ms = view.append_ms;
                hr_buf_put(&bytes, view.bytes, view.size);
            }
        }
        hr_buf_fini(&bytes);
        log_reader_close(reader);
    }
}

static void replay(farm *original, uint32_t threads, uint32_t batch_max, bool is_there_first,
                   const bytes_of *wanted)
{
    static const log_topic topics[] = {{"positions", FARM_PARTITIONS}, {"events", 1}, {"dead", 1}};
    /* In memory, if there is such a place: nothing here depends on a disk. */
    farm copy = {.folder = "/dev/shm/hr_engine_XXXXXX", .clock = original->clock};
    char path[128];
    hr_why why = {""};
    if (mkdtemp(copy.folder) == NULL) {
        snprintf(copy.folder, sizeof copy.folder, "/tmp/hr_engine_XXXXXX");
        assert_non_null(mkdtemp(copy.folder));
    }
    snprintf(path, sizeof path, "%s/journal", copy.folder);
    log_options options = {
        .folder = path, .topics = topics, .topic_count = 3, .clock = original->clock};
    assert_int_equal(log_open(&options, &copy.log, &why), HR_OK);
    if (is_there_first) {
        copy_log(original, copy.log, batch_max);
    }
    char checkpoints[128];
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoint", copy.folder);
    engine_options engine = {.log = copy.log,
                             .catalog = original->catalog,
                             .folder = checkpoints,
                             .thread_count = threads};
    assert_int_equal(engine_start(&engine, &copy.engine, &why), HR_OK);
    if (!is_there_first) {
        copy_log(original, copy.log, batch_max);
    }
    farm_settle(&copy);
    assert_has(&copy, wanted);
    engine_stop(copy.engine);
    log_close(copy.log);
    farm_remove_tree(copy.folder);
}

static void the_same_log_gives_the_same_events_a_hundred_times(void **state)
{
    (void)state;
    static const uint32_t threads[] = {1, 2, 4};
    static const uint32_t batches[] = {1, 7, 100000};
    bytes_of wanted;
    farm original;
    farm_start(&original, 2);
    tell(&original, 0, STEPS / 2);
    farm_settle(&original);
    keep_bytes(&original, &wanted);
    for (int i = 0; i < 100; i++) {
        replay(&original, threads[i % 3], batches[i / 3 % 3], true, &wanted);
    }
    drop_bytes(&wanted);
    farm_end(&original);
}

/* ---- checkpoints ---- */

static void checkpoint_path(const farm *farm, int number, char path[128])
{
    snprintf(path, 128, "%s/checkpoint/%010d.ckpt", farm->folder, number);
}

static int newest_checkpoint(const farm *farm)
{
    int newest = 0;
    for (int number = 1; number < 100; number++) {
        char path[128];
        checkpoint_path(farm, number, path);
        newest = access(path, F_OK) == 0 ? number : newest;
    }
    assert_true(newest > 1);
    return newest;
}

#define HEAD_BYTES (28 + 52 * FARM_PARTITIONS)
#define HEADER_VERSION_AT 4
#define STATE_VERSION_AT 8
#define STATE_SUM_AT 24

/* Change four bytes of a checkpoint; is_sealed: its sums are made right again. */
static void edit_checkpoint(const farm *farm, int number, size_t at, uint32_t value, bool is_sealed)
{
    static uint8_t bytes[1 << 22];
    char path[128];
    checkpoint_path(farm, number, path);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    size_t states = HEAD_BYTES + 4;
    assert_true(size > states + 16);
    hr_store_u32(bytes + at, value);
    if (is_sealed) {
        hr_store_u32(bytes + STATE_SUM_AT, hr_crc32c(0, bytes + states, size - states));
        hr_store_u32(bytes + HEAD_BYTES, hr_crc32c(0, bytes, HEAD_BYTES));
    }
    rewind(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* The first device becomes another one, which nobody would notice by the form of the bytes. */
static void swap_a_device(const farm *farm, int number, bool is_sealed)
{
    edit_checkpoint(farm, number, HEAD_BYTES + 4 + 4, 0x12345678, is_sealed);
}

typedef void spoil(farm *farm);

static void spoil_nothing(farm *farm)
{
    (void)farm;
}

static void take_the_newest_away(farm *farm)
{
    char path[128];
    checkpoint_path(farm, newest_checkpoint(farm), path);
    assert_int_equal(unlink(path), 0);
}

static void take_away_after(farm *farm, int kept)
{
    for (int number = kept + 1; number < 100; number++) {
        char path[128];
        checkpoint_path(farm, number, path);
        unlink(path);
    }
}

static void take_all_away(farm *farm)
{
    take_away_after(farm, 0);
}

static void damage_the_newest_states(farm *farm)
{
    swap_a_device(farm, newest_checkpoint(farm), false);
}

static void damage_both_headers(farm *farm)
{
    int newest = newest_checkpoint(farm);
    edit_checkpoint(farm, newest, 30, 0xdeadbeef, false);
    edit_checkpoint(farm, newest - 1, 30, 0xdeadbeef, false);
}

/* One bit, and they seem to be of a version that is not there yet. */
static void damage_both_versions(farm *farm)
{
    int newest = newest_checkpoint(farm);
    edit_checkpoint(farm, newest, HEADER_VERSION_AT, 1 | 1 << 20, false);
    edit_checkpoint(farm, newest - 1, HEADER_VERSION_AT, 1 | 1 << 20, false);
}

/* Of older code, whose states mean something else. */
static void make_both_of_an_older_version(farm *farm)
{
    for (int number = newest_checkpoint(farm); number >= newest_checkpoint(farm) - 1; number--) {
        swap_a_device(farm, number, true);
        edit_checkpoint(farm, number, STATE_VERSION_AT, 0, true);
    }
}

/* Halfway through the story the engine stops, something happens to its checkpoints, and it goes
 * on: the events must be those of an undisturbed run. */
static void assert_unharmed_by(spoil *spoil)
{
    farm farm;
    farm_start(&farm, 2);
    tell(&farm, 0, STEPS / 4);
    farm_settle(&farm);
    tell(&farm, STEPS / 4, STEPS / 2);
    farm_close(&farm);
    spoil(&farm);
    farm_open(&farm, 4);
    tell(&farm, STEPS / 2, STEPS);
    farm_settle(&farm);
    assert_has(&farm, &quiet_run);
    farm_end(&farm);
}

static void an_engine_goes_on_from_its_checkpoint(void **state)
{
    (void)state;
    assert_unharmed_by(spoil_nothing);
}

static void an_older_checkpoint_is_as_good_as_a_full_replay(void **state)
{
    (void)state;
    assert_unharmed_by(take_the_newest_away);
}

static void missing_checkpoints_are_as_good_as_a_full_replay(void **state)
{
    (void)state;
    assert_unharmed_by(take_all_away);
}

static void damaged_checkpoints_are_as_good_as_a_full_replay(void **state)
{
    (void)state;
    assert_unharmed_by(damage_the_newest_states);
    assert_unharmed_by(damage_both_headers);
    assert_unharmed_by(damage_both_versions);
}

static void checkpoints_of_older_code_are_as_good_as_a_full_replay(void **state)
{
    (void)state;
    assert_unharmed_by(make_both_of_an_older_version);
}

/* Then states begin empty, and who is inside seems to have just entered. */
static void nor_are_events_told_again_when_the_log_has_let_go_of_the_first_ones(void **state)
{
    (void)state;
    enum {
        FIXES = 4000,
        FRAMES = 8
    };
    static hr_fix fixes[FIXES];
    farm farm;
    farm_start(&farm, 2);
    farm.file_bytes = 256 << 10;
    farm.retain_bytes = 512 << 10;
    farm_restart(&farm, 2);
    farm_fence(&farm, "north", (double[]){16.0, 59.0, 16.01, 59.01}, "");
    farm_name(&farm, "a");
    for (int frame = 0; frame < FRAMES; frame++) {
        for (int i = 0; i < FIXES; i++) {
            fixes[i] = (hr_fix){.device = hr_device_key("a", 1),
                                .time_ms = STORY_T0 + (frame * FIXES + i) * 1000,
                                .lon_e7 = 160050000,
                                .lat_e7 = 590050000};
        }
        farm_fixes(&farm, fixes, FIXES);
        farm_settle(&farm);
    }
    assert_int_equal(log_retain(farm.log, NULL), HR_OK);
    uint32_t p = hr_device_partition(hr_device_key("a", 1), FARM_PARTITIONS);
    assert_true(log_start(farm.log, HR_TOPIC_POSITIONS, (uint16_t)p) > 100);
    int64_t told = log_end(farm.log, HR_TOPIC_EVENTS, 0, LOG_APPENDED);
    farm_close(&farm);
    make_both_of_an_older_version(&farm);
    farm_open(&farm, 2);
    farm_settle(&farm);
    assert_int_equal(log_end(farm.log, HR_TOPIC_EVENTS, 0, LOG_APPENDED), told);
    farm_end(&farm);
}

static void assert_refused_by_name(farm *farm, int newest, size_t version_at)
{
    hr_why why = {""};
    char name[32];
    edit_checkpoint(farm, newest, version_at, 1000, true);
    assert_int_equal(farm_try_open(farm, 1, &why), HR_TOO_NEW);
    snprintf(name, sizeof name, "%010d.ckpt", newest);
    assert_non_null(strstr(why.text, name));
    edit_checkpoint(farm, newest, version_at, 1, true);
}

static void a_checkpoint_of_newer_code_is_refused_by_name(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 1);
    tell(&farm, 0, 20);
    farm_settle(&farm);
    farm_close(&farm);
    assert_refused_by_name(&farm, newest_checkpoint(&farm), STATE_VERSION_AT);
    assert_refused_by_name(&farm, newest_checkpoint(&farm), HEADER_VERSION_AT);
    farm_open(&farm, 1);
    farm_end(&farm);
}

/* For the time when somebody puts it back, and leaves the checkpoints. */
static void keep_journal(const farm *farm)
{
    char command[300];
    snprintf(command, sizeof command, "cp -r %s/journal %s/older", farm->folder, farm->folder);
    FILE *copying = popen(command, "r");
    assert_non_null(copying);
    assert_int_equal(pclose(copying), 0);
}

static void put_journal_back(const farm *farm)
{
    char journal[128], older[128];
    snprintf(journal, sizeof journal, "%s/journal", farm->folder);
    snprintf(older, sizeof older, "%s/older", farm->folder);
    farm_remove_tree(journal);
    assert_int_equal(rename(older, journal), 0);
}

/* Steps of the story between which no rules change. */
enum {
    OLDER = 22,
    NEWER = 36
};

/* is_killed: the engine does not come to write a checkpoint of its own before the log has outgrown
 * those that are of another one. */
static void put_an_older_journal_back(bool is_killed)
{
    farm farm;
    farm_start(&farm, 2);
    tell(&farm, 0, OLDER);
    farm_settle(&farm);
    farm_close(&farm);
    keep_journal(&farm);
    farm_open(&farm, 2);
    /* What becomes of the herd now will not have happened. */
    seed ^= 1;
    tell(&farm, OLDER, NEWER);
    seed ^= 1;
    farm_settle(&farm);
    farm_settle(&farm);
    farm_close(&farm);
    int newest = newest_checkpoint(&farm);
    put_journal_back(&farm);
    farm_open(&farm, 2);
    if (is_killed) {
        tell(&farm, OLDER, NEWER + 2);
        farm_close(&farm);
        take_away_after(&farm, newest);
        farm_open(&farm, 2);
    }
    tell(&farm, is_killed ? NEWER + 2 : OLDER, STEPS);
    farm_settle(&farm);
    assert_has(&farm, &quiet_run);
    farm_end(&farm);
}

static void a_checkpoint_that_is_ahead_of_the_log_is_not_believed(void **state)
{
    (void)state;
    put_an_older_journal_back(false);
}

static void nor_is_it_once_the_log_has_outgrown_it(void **state)
{
    (void)state;
    put_an_older_journal_back(true);
}

/* All fixes are there that the checkpoint stands on, but not what they led to. */
static void nor_is_one_that_is_ahead_of_the_events(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 2);
    tell(&farm, 0, OLDER);
    farm_settle(&farm);
    engine_stop(farm.engine);
    farm.engine = NULL;
    tell(&farm, OLDER, NEWER);
    farm_close(&farm);
    keep_journal(&farm);
    farm_open(&farm, 2);
    farm_settle(&farm);
    farm_close(&farm);
    put_journal_back(&farm);
    farm_open(&farm, 2);
    tell(&farm, NEWER, STEPS);
    farm_settle(&farm);
    assert_has(&farm, &quiet_run);
    farm_end(&farm);
}

/* ---- counters ---- */

static uint64_t fixes_counted(farm *farm, const char *fate)
{
    return hr_counter_value(
        hr_metrics_counter(farm->metrics, "hedgerow_engine_fixes_total", fate, ""));
}

static void what_becomes_of_each_fix_is_counted(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 2);
    farm_fix(&farm, "a", STORY_T0, 16.005, 59.005);
    farm_fix(&farm, "a", STORY_T0, 16.005, 59.005);          /* a repeat */
    farm_fix(&farm, "a", STORY_T0, 16.006, 59.005);          /* and another, whatever it says */
    farm_fix(&farm, "a", STORY_T0 - 900000, 16.005, 59.005); /* late */
    farm_fix(&farm, "a", INT64_MAX, 16.005, 59.005);         /* beyond all time */
    farm_fix(&farm, "a", STORY_T0 + 1000, 16.005, 91.0);     /* and off the globe */
    hr_fix vague = {.device = hr_device_key("a", 1),
                    .time_ms = STORY_T0 + 2000,
                    .lon_e7 = 160050000,
                    .lat_e7 = 590050000,
                    .accuracy_dm = 5000};
    farm_fixes(&farm, &vague, 1);
    farm_settle(&farm);
    assert_int_equal(fixes_counted(&farm, "fate=\"read\""), 7);
    assert_int_equal(fixes_counted(&farm, "fate=\"repeated\""), 2);
    assert_int_equal(fixes_counted(&farm, "fate=\"out_of_order\""), 1);
    assert_int_equal(fixes_counted(&farm, "fate=\"inaccurate\""), 1);
    assert_int_equal(fixes_counted(&farm, "fate=\"refused\""), 2);
    farm_end(&farm);
}

/* Topic and reason of every dead record, each with a line end. The caller ends out. */
static void dead_text(farm *farm, hr_buf *out)
{
    log_reader *reader;
    log_view view;
    hr_buf_init(out, 1 << 16);
    assert_int_equal(log_reader_open(farm->log, HR_TOPIC_DEAD, 0, 0, LOG_APPENDED, &reader), HR_OK);
    while (log_reader_next(reader, &view, NULL) == HR_OK) {
        const uint8_t *bytes;
        size_t size;
        for (size_t at = 0; log_record_next(&view, &at, &bytes, &size);) {
            hr_cursor in = hr_cursor_of(bytes, size);
            size_t topic = hr_cursor_u16(&in);
            hr_buf_put(out, hr_cursor_take(&in, topic), topic);
            hr_buf_put_text(out, " ");
            size_t reason = hr_cursor_u16(&in);
            hr_buf_put(out, hr_cursor_take(&in, reason), reason);
            hr_buf_printf(out, " %zu\n", hr_cursor_left(&in));
        }
    }
    hr_buf_put_u8(out, 0);
    log_reader_close(reader);
}

static void assert_dead(farm *farm, const char *wanted)
{
    hr_buf text;
    dead_text(farm, &text);
    assert_string_equal((const char *)text.data, wanted);
    hr_buf_fini(&text);
}

/* Nobody could mend what stands in the log; a service that would not start again helps nobody. */
static void records_that_make_no_sense_are_counted_kept_once_and_passed_by(void **state)
{
    (void)state;
    static const uint8_t five[4 + 5] = {5};
    static const uint8_t half[4 * 16] = {0};
    static const uint8_t types[] = {HR_RECORD_RULES, HR_RECORD_TICK, HR_RECORD_NAME};
    farm farm;
    farm_start(&farm, 2);
    log_batch batches[4];
    for (int i = 0; i < 3; i++) {
        batches[i] = (log_batch){.topic = HR_TOPIC_POSITIONS,
                                 .type = types[i],
                                 .count = 1,
                                 .bytes = five,
                                 .size = sizeof five};
    }
    batches[3] = (log_batch){.topic = HR_TOPIC_POSITIONS,
                             .type = HR_RECORD_FIX,
                             .count = 4,
                             .record_bytes = 16,
                             .bytes = half,
                             .size = sizeof half};
    log_position end;
    assert_int_equal(log_append(farm.log, batches, 4, NULL, NULL, &end), HR_OK);
    tell(&farm, 0, STEPS);
    farm_settle(&farm);
    assert_int_equal(fixes_counted(&farm, "fate=\"refused\""), 3 + 4);
    assert_true(story_check(&farm) > 50);
    const char *dead = "positions/0/0 rules of a wrong size 5\n"
                       "positions/0/1 a tick of a wrong size 5\n"
                       "positions/0/2 a name of a wrong size 5\n"
                       "positions/0/3 fixes of a wrong size 64\n";
    assert_dead(&farm, dead);
    /* A replay meets them all again. */
    char path[128];
    farm_close(&farm);
    snprintf(path, sizeof path, "%s/checkpoint", farm.folder);
    farm_remove_tree(path);
    farm_open(&farm, 1);
    farm_settle(&farm);
    assert_int_equal(fixes_counted(&farm, "fate=\"refused\""), 2 * (3 + 4));
    assert_dead(&farm, dead);
    /* And one that is new stands behind them. */
    int64_t at = log_end(farm.log, HR_TOPIC_POSITIONS, 0, LOG_APPENDED);
    assert_int_equal(log_append(farm.log, batches, 1, NULL, NULL, &end), HR_OK);
    farm_settle(&farm);
    char more[512];
    snprintf(more, sizeof more, "%spositions/0/%lld rules of a wrong size 5\n", dead,
             (long long)at);
    assert_dead(&farm, more);
    farm_end(&farm);
}

/* ---- clocks ---- */

static _Atomic(struct farm *) watched;
static _Atomic unsigned looks_at_clock;

static void note_look(void)
{
    struct farm *farm = atomic_load(&watched);
    for (uint32_t t = 0; farm != NULL && t < farm->engine->thread_count; t++) {
        if (pthread_equal(farm->engine->threads[t].handle, pthread_self())) {
            atomic_fetch_add(&looks_at_clock, 1);
        }
    }
}

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    note_look();
    return __real_clock_gettime(clock, time);
}

static void a_worker_reads_no_clock(void **state)
{
    (void)state;
    bytes_of wanted;
    farm farm;
    farm_start(&farm, 2);
    atomic_store(&looks_at_clock, 0);
    watched = &farm;
    tell(&farm, 0, STEPS / 2);
    farm_settle(&farm);
    watched = NULL;
    assert_int_equal(atomic_load(&looks_at_clock), 0);
    keep_bytes(&farm, &wanted);
    farm_close(&farm);
    /* Years later, and years before: what is judged again is judged alike. */
    for (int i = 0; i < 2; i++) {
        take_all_away(&farm);
        hr_clock_fake_step(farm.clock, i == 0 ? STORY_T0 + (INT64_C(1) << 38) : 1000);
        farm_open(&farm, 2);
        replay(&farm, 2, 7, true, &wanted);
        farm_close(&farm);
    }
    farm_open(&farm, 2);
    farm_end(&farm);
    drop_bytes(&wanted);
}

/* ---- all at once ---- */

static void *ask_all_the_time(void *context)
{
    farm *farm = context;
    engine_answer answer;
    engine_moved_mark mark = {{0}};
    engine_answer_init(&answer);
    geo_box world = {{-GEO_LON_E7_MAX, -GEO_LAT_E7_MAX}, {GEO_LON_E7_MAX, GEO_LAT_E7_MAX}};
    while (watched != NULL) {
        engine_stay stays[8];
        size_t count = 8;
        engine_as_of as_of;
        assert_int_equal(engine_devices_list(farm->engine, NULL, 10, &answer), HR_OK);
        assert_int_equal(engine_moved(farm->engine, world, &mark, &answer), HR_OK);
        assert_int_equal(
            engine_nearby(farm->engine, (geo_point){160000000, 590000000}, 900, 5, &answer), HR_OK);
        hr_err err = engine_fence_devices(farm->engine, "f1", &answer);
        assert_true(err == HR_OK || err == HR_NOT_FOUND);
        err = engine_inside(farm->engine, "cow-1", stays, &count, &as_of);
        assert_true(err == HR_OK || err == HR_NOT_FOUND);
        engine_wants_tick(farm->engine, STORY_T0);
    }
    engine_answer_fini(&answer);
    return NULL;
}

static void four_workers_with_changes_moves_and_questions_are_still_exact(void **state)
{
    (void)state;
    farm farm;
    pthread_t thread;
    hr_random random = {.state = seed};
    farm_start(&farm, 4);
    watched = &farm;
    assert_int_equal(pthread_create(&thread, NULL, ask_all_the_time, &farm), 0);
    for (int64_t step = 0; step < STEPS; step++) {
        uint32_t plan[FARM_PARTITIONS];
        for (int p = 0; p < FARM_PARTITIONS; p++) {
            plan[p] = (uint32_t)hr_random_below(&random, 4);
        }
        engine_packing_set(farm.engine, plan);
        tell(&farm, step, step + 1);
        if (step % 40 == 39) {
            assert_int_equal(engine_checkpoint(farm.engine, NULL), HR_OK);
        }
    }
    farm_settle(&farm);
    watched = NULL;
    pthread_join(thread, NULL);
    assert_has(&farm, &quiet_run);
    farm_end(&farm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_what_simple_loops_find_in_the_log),
        cmocka_unit_test(the_same_log_gives_the_same_events_a_hundred_times),
        cmocka_unit_test(an_engine_goes_on_from_its_checkpoint),
        cmocka_unit_test(an_older_checkpoint_is_as_good_as_a_full_replay),
        cmocka_unit_test(missing_checkpoints_are_as_good_as_a_full_replay),
        cmocka_unit_test(damaged_checkpoints_are_as_good_as_a_full_replay),
        cmocka_unit_test(checkpoints_of_older_code_are_as_good_as_a_full_replay),
        cmocka_unit_test(nor_are_events_told_again_when_the_log_has_let_go_of_the_first_ones),
        cmocka_unit_test(a_checkpoint_of_newer_code_is_refused_by_name),
        cmocka_unit_test(a_checkpoint_that_is_ahead_of_the_log_is_not_believed),
        cmocka_unit_test(nor_is_it_once_the_log_has_outgrown_it),
        cmocka_unit_test(nor_is_one_that_is_ahead_of_the_events),
        cmocka_unit_test(what_becomes_of_each_fix_is_counted),
        cmocka_unit_test(records_that_make_no_sense_are_counted_kept_once_and_passed_by),
        cmocka_unit_test(a_worker_reads_no_clock),
        cmocka_unit_test(four_workers_with_changes_moves_and_questions_are_still_exact),
    };
    return cmocka_run_group_tests_name("engine exact", tests, run_quietly, forget_quiet_run);
}
