/* tests/engine/test_engine.c - fixes become events, once, whatever happens in between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/record.h"
#include "engine/change.h"
#include "engine/live.h"
#include "farm.h"
#include "log/group.h"
#include "test.h"

#define T0 1795161600000

static const double north[4] = {16.0, 59.0, 16.01, 59.01};

static void assert_ids(farm *farm, const char *expected)
{
    hr_buf ids;
    hr_buf_init(&ids, 1 << 20);
    farm_settle(farm);
    farm_event_ids(farm, &ids);
    hr_buf_put_u8(&ids, 0);
    assert_string_equal((const char *)ids.data, expected);
    hr_buf_fini(&ids);
}

static void a_cow_that_leaves_its_paddock_is_told_once(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 2);
    farm_fence(&farm, "north", north, ",\"intent\":\"keep-in\"");
    farm_fix(&farm, "cow-17", T0, 16.005, 59.005);
    farm_fix(&farm, "cow-17", T0 + 60000, 16.006, 59.005);
    farm_fix(&farm, "cow-17", T0 + 120000, 16.012, 59.005);
    const char *told = "enter/north/cow-17/1795161600000\nexit/north/cow-17/1795161720000\n";
    assert_ids(&farm, told);
    farm_restart(&farm, 1);
    assert_ids(&farm, told);
    farm_fix(&farm, "cow-17", T0 + 180000, 16.006, 59.005);
    assert_ids(&farm, "enter/north/cow-17/1795161600000\nexit/north/cow-17/1795161720000\n"
                      "enter/north/cow-17/1795161780000\n");
    farm_end(&farm);
}

static void repeats_and_old_fixes_tell_nothing(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 1);
    farm_fence(&farm, "north", north, "");
    farm_fix(&farm, "a", T0, 16.005, 59.005);
    farm_fix(&farm, "a", T0, 16.005, 59.005);
    farm_fix(&farm, "a", T0 - 5000, 16.5, 59.005);
    farm_fix(&farm, "a", T0, 16.5, 59.5);
    assert_ids(&farm, "enter/north/a/1795161600000\n");
    farm_end(&farm);
}

static void new_rules_say_who_is_inside_and_removed_ones_who_is_not(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 2);
    farm_fix(&farm, "a", T0, 16.005, 59.005);
    farm_fence(&farm, "north", north, "");
    farm_remove_fence(&farm, "north");
    assert_ids(&farm, "enter/north/a/1795161600000/rules-1\nexit/north/a/1795161600000/rules-2\n");
    farm_end(&farm);
}

/* The catalogue's disk is full at the worst moment. */
static bool is_commit_refused;

geo_err __real_catalog_change_commit(catalog_change *change, uint64_t *version, geo_why *why);
geo_err __wrap_catalog_change_commit(catalog_change *change, uint64_t *version, geo_why *why);
geo_err __wrap_catalog_change_commit(catalog_change *change, uint64_t *version, geo_why *why)
{
    if (is_commit_refused) {
        catalog_change_abandon(change);
        return GEO_NO_SPACE;
    }
    return __real_catalog_change_commit(change, version, why);
}

/* Its version is the next one's, too, whose fences are others. */
static void a_change_that_came_to_nothing_is_not_judged_by(void **state)
{
    (void)state;
    engine_change *change;
    farm farm;
    farm_start(&farm, 2);
    farm_fence(&farm, "south", (double[]){16.0, 58.0, 16.01, 58.01}, "");
    farm_fence(&farm, "north", north, "");
    is_commit_refused = true;
    assert_int_equal(engine_change_begin(farm.engine, "test", T0, &change, NULL), HR_OK);
    assert_int_equal(
        catalog_change_remove(engine_change_edits(change), "north", CATALOG_ANY, NULL, NULL),
        GEO_OK);
    assert_int_equal(engine_change_commit(change, NULL, NULL), HR_NO_SPACE);
    is_commit_refused = false;
    farm_remove_fence(&farm, "south");
    farm_fix(&farm, "a", T0, 16.005, 59.005);
    assert_ids(&farm, "enter/north/a/1795161600000\n");
    farm_end(&farm);
}

static void a_tick_tells_that_a_device_has_dwelt(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 2);
    farm_fence(&farm, "north", north, ",\"dwell_s\":60");
    farm_fix(&farm, "a", T0, 16.005, 59.005);
    farm_settle(&farm);
    assert_false(engine_wants_tick(farm.engine, T0 + 59000));
    assert_true(engine_wants_tick(farm.engine, T0 + 60000));
    farm_tick(&farm, T0 + 59000);
    farm_tick(&farm, T0 + 61000);
    farm_tick(&farm, T0 + 62000);
    assert_ids(&farm, "enter/north/a/1795161600000\ndwell/north/a/1795161660000\n");
    farm_end(&farm);
}

/* With a closing mark; a tick that makes no event does not wake it. */
static void wait_until_the_log_sleeps(farm *farm)
{
    log_position settled = log_appended(farm->log);
    for (int tries = 0; log_durable(farm->log) <= settled; tries++) {
        assert_true(tries < 20); /* waits may end at once: a checkpoint wakes everyone */
        log_wait(farm->log, LOG_COMMITTED, settled, 5000);
    }
}

static void a_checkpoint_stands_on_nothing_that_a_power_cut_may_take(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 2);
    farm_fix(&farm, "a", T0, 16.005, 59.005);
    farm_settle(&farm);
    wait_until_the_log_sleeps(&farm);
    farm_tick(&farm, T0 + 1000);
    log_position end = log_appended(farm.log);
    assert_true(log_durable(farm.log) < end);
    farm_settle(&farm); /* which is a checkpoint */
    assert_true(log_durable(farm.log) >= end);
    farm_end(&farm);
}

static void an_engine_whose_last_record_is_a_tick_stops(void **state)
{
    (void)state;
    farm farm;
    farm_start(&farm, 2);
    farm_fence(&farm, "north", north, ",\"dwell_s\":60");
    farm_fix(&farm, "a", T0, 16.005, 59.005);
    farm_settle(&farm);
    wait_until_the_log_sleeps(&farm);
    farm_tick(&farm, T0 + 1000);
    farm_restart(&farm, 2);
    farm_tick(&farm, T0 + 61000);
    assert_ids(&farm, "enter/north/a/1795161600000\ndwell/north/a/1795161660000\n");
    farm_end(&farm);
}

static void answers_are_exact_and_name_their_offsets(void **state)
{
    (void)state;
    farm farm;
    engine_answer answer;
    engine_answer_init(&answer);
    farm_start(&farm, 2);
    farm_fence(&farm, "north", north, "");
    farm_fix(&farm, "a", T0, 16.005, 59.005);
    farm_fix(&farm, "b", T0, 16.02, 59.005);
    farm_fix(&farm, "c", T0, 16.01, 59.005); /* on the boundary */
    farm_settle(&farm);
    const geo_point corners[] = {{160000000, 590000000},
                                 {160100000, 590000000},
                                 {160100000, 590100000},
                                 {160000000, 590100000}};
    uint32_t ring_end = 4;
    geo_area *area;
    assert_int_equal(geo_area_new(corners, &ring_end, 1, &area), GEO_OK);
    assert_int_equal(engine_within(farm.engine, area, &answer), HR_OK);
    assert_int_equal(answer.count, 2);
    /* c is inside, but one fix on the line decides nothing yet. */
    assert_int_equal(engine_fence_devices(farm.engine, "north", &answer), HR_OK);
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.devices[0].id, "a");
    assert_int_equal(engine_fence_devices(farm.engine, "none", &answer), HR_NOT_FOUND);
    assert_int_equal(
        engine_nearby(farm.engine, (geo_point){160210000, 590050000}, 200, 10, &answer), HR_OK);
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.devices[0].id, "b");
    assert_double_near(answer.devices[0].distance_m, 57.2, 1);
    engine_stay stays[4];
    size_t count = 4;
    engine_as_of as_of;
    assert_int_equal(engine_inside(farm.engine, "a", stays, &count, &as_of), HR_OK);
    assert_int_equal(count, 1);
    assert_string_equal(stays[0].fence_id, "north");
    count = 4;
    assert_int_equal(engine_inside(farm.engine, "nobody", stays, &count, &as_of), HR_NOT_FOUND);
    geo_area_free(area);
    engine_answer_fini(&answer);
    farm_end(&farm);
}

static void the_same_log_gives_the_same_events_on_any_number_of_threads(void **state)
{
    (void)state;
    hr_buf first[FARM_PARTITIONS];
    farm farm;
    farm_start(&farm, 1);
    farm_fence(&farm, "north", north, ",\"intent\":\"keep-out\",\"approach_m\":50");
    farm_walk(&farm, 42, 200, NULL, NULL);
    farm_settle(&farm);
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        hr_buf_init(&first[p], 16 << 20);
        farm_partition_events(&farm, p, &first[p]);
        assert_true(first[p].size > 1000);
    }
    /* A second folder takes the same records by another number of threads. */
    struct farm other;
    farm_start(&other, 4);
    farm_fence(&other, "north", north, ",\"intent\":\"keep-out\",\"approach_m\":50");
    farm_walk(&other, 42, 200, NULL, NULL);
    farm_settle(&other);
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        hr_buf second;
        hr_buf_init(&second, 16 << 20);
        farm_partition_events(&other, p, &second);
        assert_int_equal(second.size, first[p].size);
        assert_memory_equal(second.data, first[p].data, second.size);
        hr_buf_fini(&second);
        hr_buf_fini(&first[p]);
    }
    farm_end(&other);
    farm_end(&farm);
}

static void without_its_checkpoints_the_engine_replays_and_repeats_nothing(void **state)
{
    (void)state;
    hr_buf before, after;
    char command[128];
    farm farm;
    hr_buf_init(&before, 16 << 20);
    hr_buf_init(&after, 16 << 20);
    farm_start(&farm, 2);
    farm_fence(&farm, "north", north, "");
    farm_walk(&farm, 7, 100, NULL, NULL);
    farm_settle(&farm);
    farm_events(&farm, &before);
    farm_close(&farm);
    for (int number = 0; number < 10; number++) {
        snprintf(command, sizeof command, "%s/checkpoint/%010d.ckpt", farm.folder, number);
        unlink(command);
    }
    farm_open(&farm, 4);
    farm_settle(&farm);
    farm_events(&farm, &after);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    hr_buf_fini(&before);
    hr_buf_fini(&after);
    farm_end(&farm);
}

/* Spoil every record in the journal's first file that holds these bytes; how many did. */
static int spoil_records(const farm *farm, const uint8_t *bytes, size_t size)
{
    static uint8_t all[1 << 20];
    char path[128];
    int spoilt = 0;
    snprintf(path, sizeof path, "%s/journal/%012d.log", farm->folder, 1);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    size_t got = fread(all, 1, sizeof all, file);
    for (size_t at = 0; at + size <= got; at++) {
        if (memcmp(all + at, bytes, size) == 0) {
            all[at] ^= 1;
            spoilt++;
        }
    }
    rewind(file);
    assert_int_equal(fwrite(all, 1, got, file), got);
    assert_int_equal(fclose(file), 0);
    return spoilt;
}

/* A farm whose log lets go early. */
static void start_with_short_log(farm *farm, uint64_t retain_bytes)
{
    farm_start(farm, 2);
    farm->file_bytes = 256 << 10;
    farm->retain_bytes = retain_bytes;
    farm_restart(farm, 2);
}

/* More of them in a row than a worker takes batches in one turn. */
static void behind_any_number_of_damaged_batches_the_engine_goes_on(void **state)
{
    (void)state;
    const int damaged = 300;
    char path[128];
    uint8_t bytes[HR_FIX_BYTES];
    farm farm;
    hr_fix fix = {.device = hr_device_key("a", 1), .lon_e7 = 150000000, .lat_e7 = 580000000};
    farm_start(&farm, 1);
    farm_fence(&farm, "north", north, "");
    farm_name(&farm, "a");
    for (int i = 0; i < damaged; i++) {
        fix.time_ms = T0 + i;
        farm_fixes(&farm, &fix, 1);
    }
    farm_fix(&farm, "a", T0 + 100000, 16.005, 59.005);
    farm_settle(&farm);
    farm_close(&farm);
    hr_fix_store(bytes, &fix);
    assert_int_equal(spoil_records(&farm, bytes + 16, 8), damaged); /* lon and lat */
    for (int number = 0; number < 10; number++) {
        snprintf(path, sizeof path, "%s/checkpoint/%010d.ckpt", farm.folder, number);
        unlink(path);
    }
    farm_open(&farm, 1);
    assert_ids(&farm, "enter/north/a/1795161700000\n");
    farm_end(&farm);
}

/* The worst case: the checkpoints are gone, and so are the log's first records. */
static void
after_retention_and_without_checkpoints_the_rules_and_names_are_still_known(void **state)
{
    (void)state;
    char path[128];
    hr_buf ids;
    hr_why why = {""};
    farm farm;
    start_with_short_log(&farm, 512 << 10);
    farm_fence(&farm, "north", north, "");
    farm_walk(&farm, 11, 1000, NULL, NULL);
    farm_settle(&farm);
    farm_settle(&farm);
    farm_settle(&farm);
    assert_int_equal(log_retain(farm.log, &why), HR_OK);
    bool is_cut = false;
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        is_cut = is_cut || log_start(farm.log, HR_TOPIC_POSITIONS, p) > 0;
    }
    assert_true(is_cut);
    farm_close(&farm);
    for (int number = 0; number < 20; number++) {
        snprintf(path, sizeof path, "%s/checkpoint/%010d.ckpt", farm.folder, number);
        unlink(path);
    }
    farm_open(&farm, 2);
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        assert_int_equal(engine_rules_version(farm.engine, p), 1);
    }
    farm_fix(&farm, "cow-3", T0 + 100000000, 16.005, 59.005);
    farm_settle(&farm);
    hr_buf_init(&ids, 1 << 22);
    farm_event_ids(&farm, &ids);
    hr_buf_put_u8(&ids, 0);
    assert_non_null(strstr((const char *)ids.data, "enter/north/cow-3/1795261600000\n"));
    assert_null(strstr((const char *)ids.data, "north//"));
    hr_buf_fini(&ids);
    farm_end(&farm);
}

/* A start has taken no checkpoint yet: what those of the run before need must stay all the same. */
static void from_its_start_on_an_engine_keeps_what_its_checkpoints_need(void **state)
{
    (void)state;
    int64_t older[FARM_PARTITIONS];
    int64_t newer[FARM_PARTITIONS];
    hr_why why = {""};
    farm farm;
    start_with_short_log(&farm, 512 << 10);
    farm_fence(&farm, "north", north, "");
    farm_walk(&farm, 3, 10, NULL, NULL);
    farm_settle(&farm);
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        older[p] = log_end(farm.log, HR_TOPIC_POSITIONS, p, LOG_APPENDED);
    }
    farm_walk(&farm, 5, 10, NULL, NULL);
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        newer[p] = log_end(farm.log, HR_TOPIC_POSITIONS, p, LOG_APPENDED);
    }
    farm_restart(&farm, 2); /* the end is the newer checkpoint */
    farm_walk(&farm, 11, 1000, NULL, NULL);
    log_position end = log_appended(farm.log);
    while (log_durable(farm.log) < end) {
        (void)log_wait(farm.log, LOG_COMMITTED, log_durable(farm.log), 1000);
    }
    assert_int_equal(log_retain(farm.log, &why), HR_OK);
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        assert_true(log_start(farm.log, HR_TOPIC_POSITIONS, p) <= older[p]);
    }
    /* Nor does one checkpoint more suffice: it may turn out damaged. */
    farm_settle(&farm);
    assert_int_equal(log_retain(farm.log, &why), HR_OK);
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        assert_true(log_start(farm.log, HR_TOPIC_POSITIONS, p) <= newer[p]);
    }
    /* Two checkpoints later it may go. */
    farm_settle(&farm);
    assert_int_equal(log_retain(farm.log, &why), HR_OK);
    assert_true(log_start(farm.log, HR_TOPIC_POSITIONS, 0) > older[0]);
    farm_end(&farm);
}

/* Versions of the rules go with the log's first records, and not before. */
static void rules_are_forgotten_when_the_log_no_longer_begins_with_them(void **state)
{
    (void)state;
    char path[128];
    hr_why why = {""};
    farm farm;
    start_with_short_log(&farm, 1 << 20);
    for (int version = 1; version <= 30; version++) {
        const double box[4] = {16.0, 59.0, 16.01 + version * 1e-4, 59.01};
        farm_fence(&farm, "north", box, "");
        farm_walk(&farm, (uint64_t)version, 40, NULL, NULL);
        farm_settle(&farm);
        if (version == 3) {
            assert_int_equal(catalog_floor(farm.catalog), 0); /* all of the log is there */
        }
        assert_int_equal(log_retain(farm.log, &why), HR_OK);
    }
    farm_settle(&farm);
    uint64_t floor = catalog_floor(farm.catalog);
    assert_true(floor > 1);
    assert_true(floor < 30); /* what the log still has needs some of them */
    farm_close(&farm);
    /* The worst case: everything is judged again from the log's start. */
    for (int number = 0; number < 100; number++) {
        snprintf(path, sizeof path, "%s/checkpoint/%010d.ckpt", farm.folder, number);
        unlink(path);
    }
    farm_open(&farm, 2);
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        assert_int_equal(engine_rules_version(farm.engine, p), 30);
    }
    farm_end(&farm);
}

/* Half of them inside north, each on the other side than the one before. */
static void walk_in_and_out(farm *farm, uint32_t count)
{
    hr_fix *fixes = calloc(count, sizeof *fixes);
    assert_non_null(fixes);
    for (uint32_t i = 0; i < count; i++) {
        fixes[i] = (hr_fix){.device = hr_device_key("a", 1),
                            .time_ms = T0 + (int64_t)i * 60000,
                            .lon_e7 = i % 2 == 0 ? 160050000 : 160150000,
                            .lat_e7 = 590050000,
                            .accuracy_dm = 30};
    }
    farm_name(farm, "a");
    farm_fixes(farm, fixes, count);
    free(fixes);
}

/* A change that a crash kept from the log. */
static void change_behind_the_log(const farm *farm)
{
    static const char feature[] =
        "{\"type\":\"Feature\",\"properties\":{\"name\":\"b\"},\"geometry\":{\"type\":\"Polygon\","
        "\"coordinates\":[[[1,1],[2,1],[2,2],[1,1]]]}}";
    char path[128];
    geo_why why = {""};
    catalog *catalog;
    catalog_change *change;
    uint64_t version;
    snprintf(path, sizeof path, "%s/catalog.db", farm->folder);
    assert_int_equal(catalog_open(path, &catalog, &why), GEO_OK);
    assert_int_equal(catalog_change_begin(catalog, "test", T0, &change, &why), GEO_OK);
    assert_int_equal(
        catalog_change_put(change, "behind", feature, sizeof feature - 1, CATALOG_ANY, NULL, &why),
        GEO_OK);
    assert_int_equal(catalog_change_commit(change, &version, &why), GEO_OK);
    catalog_close(catalog);
}

static void a_full_log_takes_no_change_and_keeps_nobody_from_starting_and_stopping(void **state)
{
    (void)state;
    enum {
        FIXES = 4000
    };
    hr_why why = {""};
    engine_change *change;
    farm farm;
    farm_start(&farm, 2);
    farm_fence(&farm, "north", north, "");
    farm_settle(&farm);
    farm.hard_bytes = log_appended(farm.log) + (64u << 10);
    farm_restart(&farm, 2);
    walk_in_and_out(&farm, FIXES); /* and then the events find no room */
    assert_int_equal(log_health(farm.log, NULL), HR_NO_SPACE);
    uint64_t version = catalog_version(farm.catalog);
    assert_int_equal(engine_change_begin(farm.engine, "test", T0, &change, &why), HR_OK);
    assert_int_equal(
        catalog_change_remove(engine_change_edits(change), "north", CATALOG_ANY, NULL, NULL),
        GEO_OK);
    assert_int_equal(engine_change_commit(change, NULL, &why), HR_NO_SPACE);
    assert_int_equal(catalog_version(farm.catalog), version);
    farm_close(&farm);
    change_behind_the_log(&farm);
    farm_open(&farm, 2);
    farm.hard_bytes = 0;
    farm_restart(&farm, 2);
    farm_settle(&farm);
    hr_buf ids;
    hr_buf_init(&ids, 1 << 20);
    farm_event_ids(&farm, &ids);
    size_t events = 0;
    for (size_t i = 0; i < ids.size; i++) {
        events += ids.data[i] == '\n';
    }
    hr_buf_fini(&ids);
    assert_int_equal(events, FIXES);
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        assert_int_equal(engine_rules_version(farm.engine, p), version + 1);
    }
    farm_end(&farm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cow_that_leaves_its_paddock_is_told_once),
        cmocka_unit_test(repeats_and_old_fixes_tell_nothing),
        cmocka_unit_test(new_rules_say_who_is_inside_and_removed_ones_who_is_not),
        cmocka_unit_test(a_change_that_came_to_nothing_is_not_judged_by),
        cmocka_unit_test(a_tick_tells_that_a_device_has_dwelt),
        cmocka_unit_test(a_checkpoint_stands_on_nothing_that_a_power_cut_may_take),
        cmocka_unit_test(an_engine_whose_last_record_is_a_tick_stops),
        cmocka_unit_test(answers_are_exact_and_name_their_offsets),
        cmocka_unit_test(the_same_log_gives_the_same_events_on_any_number_of_threads),
        cmocka_unit_test(without_its_checkpoints_the_engine_replays_and_repeats_nothing),
        cmocka_unit_test(
            after_retention_and_without_checkpoints_the_rules_and_names_are_still_known),
        cmocka_unit_test(behind_any_number_of_damaged_batches_the_engine_goes_on),
        cmocka_unit_test(from_its_start_on_an_engine_keeps_what_its_checkpoints_need),
        cmocka_unit_test(rules_are_forgotten_when_the_log_no_longer_begins_with_them),
        cmocka_unit_test(a_full_log_takes_no_change_and_keeps_nobody_from_starting_and_stopping),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
