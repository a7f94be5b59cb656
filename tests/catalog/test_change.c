/* tests/catalog/test_change.c - a change in two phases, versions of the rules, and which files are
 * opened. */
#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "geo/rules_diff.h"

static const char *square(int number)
{
    return fixture_square(16.0 + 0.01 * number, 59.0, 0.005, "{}");
}

static geo_err put(catalog_change *change, const char *id, const char *feature)
{
    return catalog_change_put(change, id, feature, strlen(feature), CATALOG_ANY, NULL, NULL);
}

static bool has_fence(fixture *kit, const char *id)
{
    catalog_text text = {0};
    geo_err err = catalog_fence_get(kit->store, id, &text, NULL);
    catalog_text_fini(&text);
    assert_true(err == GEO_OK || err == GEO_NOT_FOUND);
    return err == GEO_OK;
}

static void a_new_catalogue_is_version_0_with_the_default_settings(void **state)
{
    fixture *kit = *state;
    assert_int_equal(catalog_version(kit->store), 0);
    assert_int_equal(catalog_floor(kit->store), 0);
    assert_false(catalog_renew_due(kit->store, INT64_MIN));
    assert_false(catalog_renew_due(kit->store, INT64_MAX - 1));
    const geo_rules *rules = fixture_rules(kit);
    assert_int_equal(geo_rules_fence_count(rules), 0);
    assert_memory_equal(geo_rules_settings(rules), &geo_settings_default, sizeof(geo_settings));
    geo_rules_unref(rules);
}

static void the_next_rules_are_there_before_the_commit_and_for_nobody_else(void **state)
{
    fixture *kit = *state;
    catalog_change *change = fixture_begin(kit);
    assert_int_equal(put(change, "a", square(1)), GEO_OK);
    const geo_rules *next = NULL;
    assert_int_equal(catalog_change_rules(change, &next, NULL), GEO_OK);
    assert_int_equal(geo_rules_version(next), 1);
    assert_int_equal(geo_rules_fence_count(next), 1);
    assert_int_equal(catalog_version(kit->store), 0);
    assert_false(has_fence(kit, "a"));
    size_t count = 0;
    const catalog_edit *edits = catalog_change_edits(change, &count);
    assert_int_equal(count, 1);
    assert_string_equal(edits[0].id, "a");
    assert_int_equal(edits[0].kind, CATALOG_CREATED);
    assert_int_equal(edits[0].revision, 1);
    assert_int_equal(fixture_commit(change), 1);
    assert_true(has_fence(kit, "a"));
    const geo_rules *now = fixture_rules(kit);
    assert_ptr_equal(now, next); /* the index was built from just these */
    geo_rules_unref(now);
    geo_rules_unref(next);
}

static void rules_asked_for_twice_are_the_same_until_something_is_edited(void **state)
{
    fixture *kit = *state;
    const geo_rules *rules[3] = {NULL};
    catalog_change *change = fixture_begin(kit);
    assert_int_equal(put(change, "a", square(1)), GEO_OK);
    assert_int_equal(catalog_change_rules(change, &rules[0], NULL), GEO_OK);
    assert_int_equal(catalog_change_rules(change, &rules[1], NULL), GEO_OK);
    assert_ptr_equal(rules[0], rules[1]);
    assert_int_equal(put(change, "b", square(2)), GEO_OK);
    assert_int_equal(catalog_change_rules(change, &rules[2], NULL), GEO_OK);
    assert_int_equal(geo_rules_fence_count(rules[0]), 1);
    assert_int_equal(geo_rules_fence_count(rules[2]), 2);
    (void)fixture_commit(change);
    for (int i = 0; i < 3; i++) {
        geo_rules_unref(rules[i]);
    }
}

static void an_abandoned_change_leaves_nothing(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "a", square(1));
    for (int round = 0; round < 2; round++) {
        catalog_change *change = fixture_begin(kit);
        assert_int_equal(put(change, "a", square(2)), GEO_OK);
        assert_int_equal(put(change, "b", square(3)), GEO_OK);
        assert_int_equal(catalog_change_settings(change, "{\"max_gap_s\":9}", 15, 1, NULL), GEO_OK);
        const geo_rules *next = NULL;
        assert_int_equal(catalog_change_rules(change, &next, NULL), GEO_OK);
        geo_rules_unref(next);
        catalog_change_abandon(change);
        assert_int_equal(catalog_version(kit->store), 1);
        assert_false(has_fence(kit, "b"));
        /* Nor does it come back with the next change. */
        change = fixture_begin(kit);
        assert_int_equal(catalog_change_remove(change, "b", CATALOG_ANY, NULL, NULL),
                         GEO_NOT_FOUND);
        catalog_change_abandon(change);
        const geo_rules *rules = fixture_rules(kit);
        assert_int_equal(geo_rules_fence_count(rules), 1);
        assert_int_equal(geo_rules_settings(rules)->max_gap_s, geo_settings_default.max_gap_s);
        geo_rules_unref(rules);
        fixture_close(kit);
        fixture_open(kit);
    }
    catalog_change_abandon(NULL);
}

static void an_edit_that_fails_leaves_the_edits_before_it(void **state)
{
    fixture *kit = *state;
    catalog_change *change = fixture_begin(kit);
    assert_int_equal(put(change, "a", square(1)), GEO_OK);
    geo_why why;
    static const char crossed[] =
        "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\","
        "\"coordinates\":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}}";
    assert_int_equal(
        catalog_change_put(change, "b", crossed, sizeof crossed - 1, CATALOG_ANY, NULL, &why),
        GEO_INVALID);
    assert_int_equal(put(change, "c", square(3)), GEO_OK);
    assert_int_equal(fixture_commit(change), 1);
    assert_true(has_fence(kit, "a"));
    assert_false(has_fence(kit, "b"));
    assert_true(has_fence(kit, "c"));
}

static void a_commit_of_nothing_makes_no_version(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "a", square(1));
    assert_int_equal(fixture_commit(fixture_begin(kit)), 1);
    assert_int_equal(catalog_version(kit->store), 1);
}

typedef struct waiter {
    fixture *kit;
    atomic_bool begun;
} waiter;

static void *begin_and_put(void *context)
{
    waiter *self = context;
    catalog_change *change = NULL;
    if (catalog_change_begin(self->kit->store, "second", FIXTURE_NOW_MS, &change, NULL) != GEO_OK) {
        return NULL;
    }
    atomic_store(&self->begun, true);
    static const char settings[] = "{\"max_gap_s\":11}";
    if (catalog_change_settings(change, settings, sizeof settings - 1, 1, NULL) != GEO_OK ||
        catalog_change_commit(change, NULL, NULL) != GEO_OK) {
        return NULL;
    }
    return self;
}

static void a_second_change_waits_for_the_first(void **state)
{
    fixture *kit = *state;
    waiter second = {.kit = kit};
    catalog_change *change = fixture_begin(kit);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, begin_and_put, &second), 0);
    assert_int_equal(put(change, "a", square(1)), GEO_OK);
    assert_false(atomic_load(&second.begun));
    assert_int_equal(fixture_commit(change), 1);
    void *result = NULL;
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &second);
    assert_int_equal(catalog_version(kit->store), 2);
}

/* The steps of one change; the child ends without any goodbye after the given one. */
static void change_and_die(fixture *kit, int last_step)
{
    catalog_change *change = NULL;
    for (int step = 0; step <= last_step; step++) {
        bool done = true;
        switch (step) {
        case 0:
            done = catalog_open(kit->path, &kit->store, NULL) == GEO_OK;
            break;
        case 1:
            done = catalog_change_begin(kit->store, "child", 0, &change, NULL) == GEO_OK;
            break;
        case 2:
            done = put(change, "b", square(2)) == GEO_OK;
            break;
        case 3:
            done = catalog_change_remove(change, "a", CATALOG_ANY, NULL, NULL) == GEO_OK;
            break;
        default:
            done = catalog_change_commit(change, NULL, NULL) == GEO_OK;
            break;
        }
        if (!done) {
            _exit(1);
        }
    }
    _exit(0);
}

static void a_kill_between_any_two_steps_leaves_all_of_the_change_or_nothing(void **state)
{
    fixture *kit = *state;
    for (int step = 0; step <= 4; step++) {
        if (!has_fence(kit, "a")) {
            (void)fixture_put(kit, "a", square(1));
        }
        uint64_t before = catalog_version(kit->store);
        fixture_close(kit);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            change_and_die(kit, step);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        fixture_open(kit);
        bool committed = step == 4;
        assert_int_equal(catalog_version(kit->store), before + committed);
        assert_int_equal(has_fence(kit, "b"), committed);
        assert_int_equal(has_fence(kit, "a"), !committed);
    }
}

/* Commits until it is killed, telling of each version once its commit has returned. */
static void change_and_tell(fixture *kit, int pipe_end)
{
    if (catalog_open(kit->path, &kit->store, NULL) != GEO_OK) {
        _exit(1);
    }
    for (int i = 0;; i++) {
        catalog_change *change = NULL;
        uint64_t version = 0;
        if (catalog_change_begin(kit->store, "child", 0, &change, NULL) != GEO_OK ||
            put(change, i % 2 == 0 ? "a" : "b", square(i % 100)) != GEO_OK ||
            catalog_change_commit(change, &version, NULL) != GEO_OK ||
            write(pipe_end, &version, sizeof version) != sizeof version) {
            _exit(1);
        }
    }
}

static void what_was_committed_survives_a_kill_at_any_moment(void **state)
{
    fixture *kit = *state;
    unsigned seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    for (int round = 0; round < 10; round++) {
        int ends[2];
        fixture_close(kit);
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)close(ends[0]);
            change_and_tell(kit, ends[1]);
        }
        (void)close(ends[1]);
        uint64_t told = 0;
        for (int i = 1 + rand_r(&seed) % 10; i > 0; i--) {
            assert_int_equal(read(ends[0], &told, sizeof told), sizeof told);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(ends[0], &told, sizeof told) == sizeof told) {
            /* what it told before it died */
        }
        (void)close(ends[0]);
        fixture_open(kit);
        uint64_t version = catalog_version(kit->store);
        assert_true(version == told || version == told + 1);
        assert_true(has_fence(kit, "a"));
    }
}

static void a_kill_while_the_file_is_made_leaves_one_that_opens(void **state)
{
    fixture *kit = *state;
    /* What SQLite leaves of a file when nothing of the first transaction was committed. */
    fixture_close(kit);
    assert_int_equal(truncate(kit->path, 0), 0);
    fixture_open(kit);
    (void)fixture_put(kit, "a", square(1));
    assert_true(has_fence(kit, "a"));
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_file_of_a_newer_program_is_refused_by_name(void **state)
{
    fixture *kit = *state;
    fixture_close(kit);
    run_sql(kit->path, "PRAGMA user_version = 99");
    geo_why why;
    assert_int_equal(catalog_open(kit->path, &kit->store, &why), GEO_TOO_NEW);
    assert_non_null(strstr(why.text, "99"));
    assert_null(kit->store);
    run_sql(kit->path, "PRAGMA user_version = 1");
    fixture_open(kit);
}

static void a_file_of_another_kind_is_refused_and_left_alone(void **state)
{
    fixture *kit = *state;
    fixture_close(kit);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/other.db", kit->folder);
    run_sql(path, "CREATE TABLE t(a)");
    geo_why why;
    assert_int_equal(catalog_open(path, &kit->store, &why), GEO_INVALID);
    run_sql(path, "INSERT INTO t VALUES (1)");
    char journal[160];
    (void)snprintf(journal, sizeof journal, "%s-wal", path);
    assert_int_not_equal(access(journal, F_OK), 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        assert_true(fputs("this is no database at all\n", file) >= 0);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(catalog_open(path, &kit->store, &why), GEO_CORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_not_equal(catalog_open("/nonexistent/folder/x.db", &kit->store, &why), GEO_OK);
}

static void a_change_by_another_program_is_noticed(void **state)
{
    fixture *kit = *state;
    fixture other = *kit;
    fixture_open(&other);
    (void)fixture_put(&other, "a", square(1));
    catalog_change *change = NULL;
    geo_why why;
    assert_int_equal(catalog_change_begin(kit->store, "x", 0, &change, &why), GEO_LOCKED);
    fixture_close(&other);
    fixture_close(kit);
    fixture_open(kit);
    assert_true(has_fence(kit, "a"));
}

#define VERSIONS 40

/* One random edit of one of eight fences, one device or the settings. */
static void random_change(fixture *kit, unsigned *seed)
{
    char id[8];
    char settings[64];
    catalog_change *change = fixture_begin(kit);
    for (int edit = 0; edit <= rand_r(seed) % 3; edit++) {
        (void)snprintf(id, sizeof id, "f%d", rand_r(seed) % 8);
        int what = rand_r(seed) % 10;
        if (what < 6) {
            assert_int_equal(put(change, id, square(rand_r(seed) % 100)), GEO_OK);
        } else if (what < 8) {
            geo_err err = catalog_change_remove(change, id, CATALOG_ANY, NULL, NULL);
            assert_true(err == GEO_OK || err == GEO_NOT_FOUND);
        } else {
            (void)snprintf(settings, sizeof settings, "{\"stale_after_s\":%d}",
                           rand_r(seed) % 1000);
            assert_int_equal(what == 8 ? catalog_change_settings(change, settings, strlen(settings),
                                                                 CATALOG_ANY, NULL)
                                       : catalog_change_device(change, "cow", settings,
                                                               strlen(settings), CATALOG_ANY, NULL),
                             GEO_OK);
        }
    }
    (void)fixture_commit(change);
}

/* In all that decisions read, and in the names. */
static void assert_same_rules(const geo_rules *rules, const geo_rules *others)
{
    geo_rules_diff *diff = NULL;
    const geo_settings a = *geo_rules_settings(rules);
    const geo_settings b = *geo_rules_settings(others);
    assert_int_equal(geo_rules_version(rules), geo_rules_version(others));
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(geo_rules_diff_new(rules, others, &diff), GEO_OK);
    assert_true(geo_rules_diff_empty(diff));
    geo_rules_diff_free(diff);
    assert_int_equal(geo_rules_fence_count(rules), geo_rules_fence_count(others));
    for (uint32_t rank = 0; rank < geo_rules_fence_count(rules); rank++) {
        const uint32_t slot = geo_rules_slot_by_rank(rules, rank);
        assert_int_equal(slot, geo_rules_slot_by_rank(others, rank));
        assert_string_equal(geo_rules_fence(rules, slot)->id, geo_rules_fence(others, slot)->id);
        assert_string_equal(geo_rules_fence(rules, slot)->name,
                            geo_rules_fence(others, slot)->name);
    }
    assert_int_equal(geo_rules_device_count(rules), geo_rules_device_count(others));
    for (uint32_t rank = 0; rank < geo_rules_device_count(rules); rank++) {
        const uint64_t device = geo_rules_device_by_rank(rules, rank)->device;
        assert_int_equal(device, geo_rules_device_by_rank(others, rank)->device);
        assert_int_equal(geo_rules_stale_after_s(rules, device),
                         geo_rules_stale_after_s(others, device));
    }
}

static void every_kept_version_is_the_one_that_was_made(void **state)
{
    fixture *kit = *state;
    unsigned seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    fixture_name(kit, 5, "cow");
    const geo_rules *made[VERSIONS * 2] = {NULL};
    while (catalog_version(kit->store) < VERSIONS) {
        random_change(kit, &seed);
        uint64_t version = catalog_version(kit->store);
        if (made[version] == NULL) {
            made[version] = fixture_rules(kit);
        }
        if (version % 10 == 3) {
            fixture_close(kit);
            fixture_open(kit);
        }
    }
    uint64_t floor = VERSIONS / 2;
    /* First from memory, as far as it is kept there, then from the file alone. */
    for (int round = 0; round < 2; round++) {
        for (uint64_t v = round == 0 ? 1 : floor; v <= VERSIONS; v++) {
            const geo_rules *rules = NULL;
            assert_int_equal(catalog_rules_load(kit->store, v, &rules, NULL), GEO_OK);
            assert_same_rules(rules, made[v]);
            geo_rules_unref(rules);
        }
        assert_int_equal(catalog_prune(kit->store, floor, NULL), GEO_OK);
        if (round == 0) {
            const geo_rules *gone = NULL;
            assert_int_equal(catalog_rules_load(kit->store, floor - 1, &gone, NULL), GEO_GONE);
            fixture_close(kit);
            fixture_open(kit);
        }
    }
    const geo_rules *rules = NULL;
    geo_why why;
    assert_int_equal(catalog_floor(kit->store), floor);
    assert_int_equal(catalog_rules_load(kit->store, floor - 1, &rules, &why), GEO_GONE);
    for (size_t v = 0; v < VERSIONS * 2; v++) {
        geo_rules_unref(made[v]);
    }
}

static void the_history_says_who_did_what(void **state)
{
    fixture *kit = *state;
    (void)fixture_put(kit, "a", square(1));
    (void)fixture_put(kit, "a", square(2));
    catalog_text text = {0};
    assert_int_equal(catalog_history(kit->store, 0, 2, &text, NULL), GEO_OK);
    assert_string_equal(text.data,
                        "{\"rules\":[{\"version\":2,\"time\":\"2026-11-20T08:00:00.000Z\","
                        "\"who\":\"tester\",\"what\":\"replaced a\"},{\"version\":1,\"time\":"
                        "\"2026-11-20T08:00:00.000Z\",\"who\":\"tester\",\"what\":\"created a\"}],"
                        "\"next\":1}");
    catalog_text_fini(&text);
    assert_int_equal(catalog_history(kit->store, 1, 2, &text, NULL), GEO_OK);
    assert_has(&text, "\"version\":0");
    assert_has(&text, "\"next\":null}");
    catalog_text_fini(&text);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_new_catalogue_is_version_0_with_the_default_settings),
        CASE(the_next_rules_are_there_before_the_commit_and_for_nobody_else),
        CASE(rules_asked_for_twice_are_the_same_until_something_is_edited),
        CASE(an_abandoned_change_leaves_nothing),
        CASE(an_edit_that_fails_leaves_the_edits_before_it),
        CASE(a_commit_of_nothing_makes_no_version),
        CASE(a_second_change_waits_for_the_first),
        CASE(a_kill_between_any_two_steps_leaves_all_of_the_change_or_nothing),
        CASE(what_was_committed_survives_a_kill_at_any_moment),
        CASE(a_kill_while_the_file_is_made_leaves_one_that_opens),
        CASE(a_file_of_a_newer_program_is_refused_by_name),
        CASE(a_file_of_another_kind_is_refused_and_left_alone),
        CASE(a_change_by_another_program_is_noticed),
        CASE(every_kept_version_is_the_one_that_was_made),
        CASE(the_history_says_who_did_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
