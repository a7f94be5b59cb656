/* tests/api/test_accounts.c - users, secrets, throttling, by a clock that the test sets. */
#include "test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/accounts.h"
#include "api/rate.h"
#include "api/replay.h"
#include "api/throttle.h"

#define PASSWORD "a long enough one"
#define NOW_MS 1795161600000

typedef struct world {
    char folder[32];
    char path[64];
    hr_clock *clock;
    accounts *accounts;
    hr_why why;
} world;

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return -1;
    }
    memcpy(w->folder, "/tmp/hr-accounts-XXXXXX", 24);
    if (mkdtemp(w->folder) == NULL) {
        return -1;
    }
    snprintf(w->path, sizeof w->path, "%s/accounts.db", w->folder);
    w->clock = hr_clock_fake_new(NOW_MS);
    *state = w;
    return accounts_open(w->path, w->clock, &w->accounts, &w->why) == HR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    world *w = *state;
    accounts_close(w->accounts);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char path[80];
        snprintf(path, sizeof path, "%s%s", w->path, ends[i]);
        unlink(path);
    }
    rmdir(w->folder);
    hr_clock_fake_free(w->clock);
    free(w);
    return 0;
}

static void a_local_token_holds_until_the_next_one_is_made(void **state)
{
    world *w = *state;
    api_caller caller = {0};
    char first[ACCOUNTS_SECRET_SIZE];
    char second[ACCOUNTS_SECRET_SIZE];
    assert_false(accounts_by_token(w->accounts, "", &caller));
    accounts_make_local(w->accounts, first);
    assert_true(accounts_by_token(w->accounts, first, &caller));
    assert_int_equal(caller.role, API_ROLE_OWNER);
    assert_string_equal(caller.user, ACCOUNTS_LOCAL_USER);
    accounts_make_local(w->accounts, second);
    assert_false(accounts_by_token(w->accounts, first, &caller));
    assert_true(accounts_by_token(w->accounts, second, &caller));
}

static void make_owner(world *w)
{
    assert_int_equal(accounts_setup(w->accounts, "owner", PASSWORD, "", true, &w->why), HR_OK);
}

static void set_up_works_once_and_only_from_here_or_with_the_code(void **state)
{
    world *w = *state;
    char code[ACCOUNTS_SECRET_SIZE];
    assert_false(accounts_has_owner(w->accounts));
    assert_int_equal(accounts_setup(w->accounts, "owner", PASSWORD, "", false, &w->why), HR_DENIED);
    assert_int_equal(accounts_setup(w->accounts, "owner", "short", "", true, &w->why), HR_INVALID);
    assert_int_equal(accounts_setup(w->accounts, "a/b", PASSWORD, "", true, &w->why), HR_INVALID);
    assert_int_equal(accounts_owner_link(w->accounts, code, &w->why), HR_OK);
    assert_int_equal(accounts_setup(w->accounts, "owner", PASSWORD, "x", false, &w->why),
                     HR_DENIED);
    assert_int_equal(accounts_setup(w->accounts, "owner", PASSWORD, code, false, &w->why), HR_OK);
    assert_true(accounts_has_owner(w->accounts));
    assert_int_equal(accounts_setup(w->accounts, "other", PASSWORD, "", true, &w->why), HR_EXISTS);
}

static void a_code_logs_in_once(void **state)
{
    world *w = *state;
    char code[ACCOUNTS_SECRET_SIZE];
    char session[ACCOUNTS_SECRET_SIZE];
    char user[HR_USER_ID_MAX + 1];
    int wait_s = 0;
    make_owner(w);
    assert_int_equal(accounts_owner_link(w->accounts, code, &w->why), HR_OK);
    assert_int_equal(
        accounts_login_by_code(w->accounts, code, "peer", session, user, &wait_s, &w->why), HR_OK);
    assert_string_equal(user, "owner");
    assert_int_equal(
        accounts_login_by_code(w->accounts, code, "peer", session, user, &wait_s, &w->why),
        HR_DENIED);
}

static void a_code_ends_when_a_user_changes(void **state)
{
    world *w = *state;
    char code[ACCOUNTS_SECRET_SIZE];
    char session[ACCOUNTS_SECRET_SIZE];
    char user[HR_USER_ID_MAX + 1];
    int wait_s = 0;
    for (int i = 0; i < 4; i++) {
        api_role role = i == 2 ? API_ROLE_EDITOR : API_ROLE_NONE;
        hr_err err = HR_OK;
        assert_int_equal(accounts_owner_link(w->accounts, code, &w->why), HR_OK);
        if (i == 0) {
            make_owner(w); /* from this machine, so without the code that stands in the log */
        } else if (i == 1) {
            err = accounts_user_add(w->accounts, "eve", PASSWORD, API_ROLE_VIEWER, &w->why);
        } else if (i == 2) {
            err = accounts_user_change(w->accounts, "eve", NULL, &role, &w->why);
        } else {
            err = accounts_user_remove(w->accounts, "eve", &w->why);
        }
        assert_int_equal(err, HR_OK);
        assert_int_equal(
            accounts_login_by_code(w->accounts, code, "p", session, user, &wait_s, &w->why),
            HR_DENIED);
    }
}

/* Another program makes the disk refuse what comes in the middle of a change. */
static void refuse(world *w, const char *what)
{
    sqlite3 *db = NULL;
    char sql[160];
    snprintf(sql, sizeof sql, "DROP TRIGGER IF EXISTS refusal; %s%s%s",
             what[0] != 0 ? "CREATE " : "", what[0] != 0 ? "TRIGGER refusal BEFORE " : "", what);
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_change_that_fails_halfway_is_not_made(void **state)
{
    static const char no_more_sessions[] = "INSERT ON session BEGIN SELECT RAISE(ABORT, 'x'); END";
    static const char no_fewer_sessions[] = "DELETE ON session BEGIN SELECT RAISE(ABORT, 'x'); END";
    world *w = *state;
    char code[ACCOUNTS_SECRET_SIZE];
    char session[ACCOUNTS_SECRET_SIZE];
    char user[HR_USER_ID_MAX + 1];
    api_role role = API_ROLE_NONE;
    api_caller caller;
    int wait_s = 0;
    make_owner(w);
    assert_int_equal(accounts_owner_link(w->accounts, code, &w->why), HR_OK);
    refuse(w, no_more_sessions);
    assert_int_not_equal(
        accounts_login_by_code(w->accounts, code, "p", session, user, &wait_s, &w->why), HR_OK);
    refuse(w, "");
    assert_int_equal(
        accounts_login_by_code(w->accounts, code, "p", session, user, &wait_s, &w->why), HR_OK);
    refuse(w, no_fewer_sessions);
    assert_int_not_equal(
        accounts_user_change(w->accounts, "owner", "quite another one", &role, &w->why), HR_OK);
    refuse(w, "");
    accounts_close(w->accounts);
    w->accounts = NULL;
    assert_int_equal(accounts_open(w->path, w->clock, &w->accounts, &w->why), HR_OK);
    assert_true(accounts_by_session(w->accounts, session, &caller));
    assert_int_equal(accounts_login(w->accounts, "owner", PASSWORD, "p", session, &wait_s, &w->why),
                     HR_OK);
}

static void a_change_makes_nobody_and_an_addition_changes_nobody(void **state)
{
    world *w = *state;
    char session[ACCOUNTS_SECRET_SIZE];
    api_role role = API_ROLE_EDITOR;
    int wait_s = 0;
    make_owner(w);
    assert_int_equal(accounts_user_change(w->accounts, "eve", PASSWORD, &role, &w->why),
                     HR_NOT_FOUND);
    assert_int_equal(
        accounts_user_add(w->accounts, "owner", "another one", API_ROLE_VIEWER, &w->why),
        HR_EXISTS);
    role = API_ROLE_NONE;
    assert_int_equal(accounts_user_change(w->accounts, "owner", NULL, &role, &w->why), HR_OK);
    assert_int_equal(role, API_ROLE_OWNER);
    role = API_ROLE_VIEWER;
    assert_int_equal(accounts_user_change(w->accounts, "owner", NULL, &role, &w->why), HR_CONFLICT);
    assert_int_equal(accounts_login(w->accounts, "owner", PASSWORD, "p", session, &wait_s, &w->why),
                     HR_OK);
}

static void secrets_end_and_rotate_by_the_clock(void **state)
{
    world *w = *state;
    char session[ACCOUNTS_SECRET_SIZE];
    char fresh[ACCOUNTS_SECRET_SIZE];
    char token[ACCOUNTS_SECRET_SIZE];
    api_caller caller;
    int wait_s = 0;
    int64_t id = 0;
    bool rotated = true;
    make_owner(w);
    assert_int_equal(accounts_login(w->accounts, "owner", PASSWORD, "p", session, &wait_s, &w->why),
                     HR_OK);
    assert_int_equal(accounts_token_add(w->accounts, "owner", "t", API_ROLE_EDITOR,
                                        NOW_MS + 2 * ACCOUNTS_ROTATE_MS, token, &id, &w->why),
                     HR_OK);
    assert_true(accounts_by_session(w->accounts, session, &caller));
    assert_int_equal(caller.role, API_ROLE_OWNER);
    assert_true(accounts_by_token(w->accounts, token, &caller));
    assert_int_equal(caller.role, API_ROLE_EDITOR);
    assert_false(accounts_by_token(w->accounts, session, &caller));
    assert_false(accounts_by_session(w->accounts, token, &caller));
    assert_int_equal(accounts_rotate(w->accounts, session, fresh, &rotated, &w->why), HR_OK);
    assert_false(rotated);
    hr_clock_fake_advance(w->clock, ACCOUNTS_ROTATE_MS);
    assert_int_equal(accounts_rotate(w->accounts, session, fresh, &rotated, &w->why), HR_OK);
    assert_true(rotated);
    hr_clock_fake_advance(w->clock, ACCOUNTS_ROTATE_GRACE_MS - 1);
    assert_true(accounts_by_session(w->accounts, session, &caller));
    hr_clock_fake_advance(w->clock, 1);
    assert_false(accounts_by_session(w->accounts, session, &caller));
    assert_true(accounts_by_session(w->accounts, fresh, &caller));
    hr_clock_fake_advance(w->clock, ACCOUNTS_ROTATE_MS);
    assert_false(accounts_by_token(w->accounts, token, &caller));
    hr_clock_fake_advance(w->clock, ACCOUNTS_SESSION_MS);
    assert_false(accounts_by_session(w->accounts, fresh, &caller));
}

/* The answer with the new one may be lost on the way; but who leaves has left. */
static void a_replaced_session_ends_with_the_one_that_replaced_it(void **state)
{
    world *w = *state;
    char old[ACCOUNTS_SECRET_SIZE];
    char lost[ACCOUNTS_SECRET_SIZE];
    char fresh[ACCOUNTS_SECRET_SIZE];
    api_caller caller;
    int wait_s = 0;
    bool rotated = false;
    make_owner(w);
    assert_int_equal(accounts_login(w->accounts, "owner", PASSWORD, "p", old, &wait_s, &w->why),
                     HR_OK);
    hr_clock_fake_advance(w->clock, ACCOUNTS_ROTATE_MS);
    assert_int_equal(accounts_rotate(w->accounts, old, lost, &rotated, &w->why), HR_OK);
    assert_int_equal(accounts_rotate(w->accounts, old, fresh, &rotated, &w->why), HR_OK);
    assert_true(rotated);
    assert_true(accounts_by_session(w->accounts, old, &caller));
    assert_int_equal(accounts_logout(w->accounts, fresh, &w->why), HR_OK);
    assert_false(accounts_by_session(w->accounts, fresh, &caller));
    assert_false(accounts_by_session(w->accounts, old, &caller));
}

static void accounts_are_there_after_opening_again(void **state)
{
    world *w = *state;
    char token[ACCOUNTS_SECRET_SIZE];
    api_caller caller;
    int64_t id = 0;
    make_owner(w);
    assert_int_equal(accounts_token_add(w->accounts, "owner", "t", API_ROLE_VIEWER, ACCOUNTS_NEVER,
                                        token, &id, &w->why),
                     HR_OK);
    accounts_close(w->accounts);
    w->accounts = NULL;
    assert_int_equal(accounts_open(w->path, w->clock, &w->accounts, &w->why), HR_OK);
    assert_true(accounts_by_token(w->accounts, token, &caller));
    assert_int_equal(accounts_token_remove(w->accounts, id, "somebody", &w->why), HR_NOT_FOUND);
    assert_int_equal(accounts_token_remove(w->accounts, id, "owner", &w->why), HR_OK);
    assert_false(accounts_by_token(w->accounts, token, &caller));
}

static void secrets_are_nowhere_in_the_file(void **state)
{
    world *w = *state;
    char token[ACCOUNTS_SECRET_SIZE];
    int64_t id = 0;
    make_owner(w);
    assert_int_equal(accounts_token_add(w->accounts, "owner", "t", API_ROLE_VIEWER, ACCOUNTS_NEVER,
                                        token, &id, &w->why),
                     HR_OK);
    accounts_close(w->accounts); /* moves everything into the one file */
    w->accounts = NULL;
    FILE *file = fopen(w->path, "rb");
    assert_non_null(file);
    static char bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(size > 4096);
    assert_null(memmem(bytes, size, token, strlen(token)));
    assert_null(memmem(bytes, size, PASSWORD, strlen(PASSWORD)));
    assert_non_null(memmem(bytes, size, "$argon2id$", 10));
}

static void failures_double_the_wait_and_a_success_forgets_them(void **state)
{
    world *w = *state;
    static throttle throttle;
    throttle_init(&throttle, w->clock);
    for (int i = 0; i < THROTTLE_FREE_FAILURES - 1; i++) {
        throttle_failed(&throttle, "eve", "10.0.0.1");
        assert_int_equal(throttle_wait_s(&throttle, "eve", "10.0.0.1"), 0);
    }
    int before_s = 0;
    for (int i = 0; i < 12; i++) {
        throttle_failed(&throttle, "eve", "10.0.0.1");
        int wait_s = throttle_wait_s(&throttle, "eve", "10.0.0.1");
        assert_true(wait_s > before_s || wait_s == THROTTLE_PEER_MAX_S);
        before_s = wait_s;
        assert_true(throttle_wait_s(&throttle, "eve", "10.0.0.2") <= THROTTLE_USER_MAX_S);
        assert_int_equal(throttle_wait_s(&throttle, "adam", "10.0.0.2"), 0);
    }
    hr_clock_fake_advance(w->clock, THROTTLE_PEER_MAX_S * 1000);
    assert_int_equal(throttle_wait_s(&throttle, "eve", "10.0.0.1"), 0);
    throttle_succeeded(&throttle, "eve", "10.0.0.1");
    throttle_failed(&throttle, "eve", "10.0.0.1");
    assert_int_equal(throttle_wait_s(&throttle, "eve", "10.0.0.1"), 0);
    throttle_fini(&throttle);
}

static void an_allowance_runs_out_and_fills_up_again(void **state)
{
    world *w = *state;
    static api_rates rates;
    api_rates_init(&rates, w->clock);
    int taken = 0;
    while (api_rates_take(&rates, API_RATE_SQL, "eve", "") == 0) {
        taken++;
        assert_true(taken < 100000);
    }
    assert_true(taken >= 50);
    assert_int_equal(api_rates_take(&rates, API_RATE_SQL, "adam", ""), 0);
    hr_clock_fake_advance(w->clock, 1000);
    assert_int_equal(api_rates_take(&rates, API_RATE_SQL, "eve", ""), 0);
    assert_int_equal(api_rates_take(&rates, API_RATE_FREE, "eve", ""), 0);
    api_rates_fini(&rates);
}

static void an_answer_is_kept_for_its_key_and_body(void **state)
{
    world *w = *state;
    static api_request request;
    api_answer answer;
    api_replays *replays = api_replays_new(w->clock);
    assert_non_null(replays);
    api_request_reset(&request);
    memcpy(request.idempotency_key, "k", 2);
    request.body = "{}";
    request.body_size = 2;
    api_answer_init(&answer);
    assert_true(api_replays_begin(replays, &request, &answer));
    assert_false(api_replays_begin(replays, &request, &answer));
    assert_int_equal(answer.status, 409);
    hr_json json = api_answer_json(&answer, 201);
    hr_json_text(&json, "made");
    api_replays_end(replays, &request, &answer);
    api_answer_reset(&answer);
    assert_false(api_replays_begin(replays, &request, &answer));
    assert_int_equal(answer.status, 201);
    assert_int_equal(answer.body.size, 6);
    request.body = "[]";
    assert_false(api_replays_begin(replays, &request, &answer));
    assert_int_equal(answer.status, 422);
    hr_clock_fake_advance(w->clock, API_REPLAY_MS + 1);
    assert_true(api_replays_begin(replays, &request, &answer));
    answer.status = 503;
    api_replays_end(replays, &request, &answer);
    assert_true(api_replays_begin(replays, &request, &answer));
    api_answer_fini(&answer);
    api_replays_free(replays);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_local_token_holds_until_the_next_one_is_made),
        WITH_WORLD(set_up_works_once_and_only_from_here_or_with_the_code),
        WITH_WORLD(a_code_logs_in_once),
        WITH_WORLD(a_code_ends_when_a_user_changes),
        WITH_WORLD(a_change_that_fails_halfway_is_not_made),
        WITH_WORLD(a_change_makes_nobody_and_an_addition_changes_nobody),
        WITH_WORLD(secrets_end_and_rotate_by_the_clock),
        WITH_WORLD(a_replaced_session_ends_with_the_one_that_replaced_it),
        WITH_WORLD(accounts_are_there_after_opening_again),
        WITH_WORLD(secrets_are_nowhere_in_the_file),
        WITH_WORLD(failures_double_the_wait_and_a_success_forgets_them),
        WITH_WORLD(an_allowance_runs_out_and_fills_up_again),
        WITH_WORLD(an_answer_is_kept_for_its_key_and_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
