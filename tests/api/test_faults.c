/* tests/api/test_faults.c - every allocation and every file operation fails once: nothing breaks,
 * whoever asked is told, and the next try works. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/accounts.h"
#include "api/assets.h"
#include "api/data_folder.h"
#include "api/dispatch.h"
#include "api/geo_answer.h"
#include "api/live_handles.h"
#include "api/pool.h"
#include "api/replay.h"
#include "fault/fault.h"

#define ROUNDS_MAX 2000

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/hr-faults-XXXXXX", 22);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {
        "/d/FORMAT",        "/d/FORMAT.new",    "/d/lock", "/d",         "/accounts.db",
        "/accounts.db-wal", "/accounts.db-shm", "/a/x.js", "/a/x.js.gz", "/a",
        "/e/f/FORMAT",      "/e/f/lock",        "/e/f",    "/e",         ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", folder, names[i]);
        remove(path);
    }
    return 0;
}

/* Does what is tested once; HR_OK when it went well. */
typedef hr_err attempt(void);

/* The n-th operation of that kind fails, for every n until one attempt needs no more than that. */
static void fail_each(fault_kind kind, int errno_value, attempt *try_it)
{
    uint64_t n = 0;
    bool struck = true;
    while (struck) {
        assert_true(++n < ROUNDS_MAX);
        fault_arm(kind, n, FAULT_ONCE, errno_value);
        hr_err err = try_it();
        struck = fault_struck();
        fault_clear();
        assert_true(struck || err == HR_OK);
        assert_int_equal(try_it(), HR_OK);
    }
}

static hr_err open_data_folder(void)
{
    char path[128];
    api_data_folder *opened = NULL;
    hr_why why;
    snprintf(path, sizeof path, "%s/d", folder);
    hr_err err = api_data_folder_open(path, &opened, &why);
    api_data_folder_close(opened);
    return err;
}

static hr_err make_data_folder(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/d/FORMAT", folder);
    unlink(path);
    return open_data_folder();
}

static void the_data_folder_survives_what_the_disk_does(void **state)
{
    (void)state;
    fail_each(FAULT_ALLOC, ENOMEM, make_data_folder);
    fail_each(FAULT_OPEN, EIO, make_data_folder);
    fail_each(FAULT_WRITE, ENOSPC, make_data_folder);
    fail_each(FAULT_SYNC, EIO, make_data_folder);
    fail_each(FAULT_NAME, EIO, make_data_folder);
    fail_each(FAULT_OPEN, EMFILE, open_data_folder);
}

/* Each new folder's parent is synced: a folder that is not is none. */
static void new_folders_are_durable_or_not_there(void **state)
{
    (void)state;
    char outer[128];
    char inner[128];
    api_data_folder *opened = NULL;
    hr_why why;
    snprintf(outer, sizeof outer, "%s/e", folder);
    snprintf(inner, sizeof inner, "%s/e/f", folder);
    for (uint64_t n = 1; n <= 2; n++) {
        fault_arm(FAULT_SYNC, n, FAULT_ONCE, EIO);
        assert_int_equal(api_data_folder_open(inner, &opened, &why), HR_IO);
        fault_clear();
        assert_int_equal(access(outer, F_OK), n == 1 ? -1 : 0);
        assert_int_equal(access(inner, F_OK), -1);
    }
    assert_int_equal(api_data_folder_open(inner, &opened, &why), HR_OK);
    api_data_folder_close(opened);
}

static hr_err use_accounts(void)
{
    char path[128];
    char token[ACCOUNTS_SECRET_SIZE];
    accounts *opened = NULL;
    api_caller caller;
    hr_why why;
    int64_t id = 0;
    snprintf(path, sizeof path, "%s/accounts.db", folder);
    hr_err err = accounts_open(path, hr_clock_real(), &opened, &why);
    if (err == HR_OK && !accounts_has_owner(opened)) {
        err = accounts_setup(opened, "owner", "a long enough one", "", true, &why);
    }
    if (err == HR_OK) {
        err = accounts_token_add(opened, "owner", "t", API_ROLE_VIEWER, ACCOUNTS_NEVER, token, &id,
                                 &why);
    }
    if (err == HR_OK) {
        assert_true(accounts_by_token(opened, token, &caller));
        err = accounts_token_remove(opened, id, "", &why);
    }
    accounts_close(opened);
    return err;
}

static void accounts_survive_a_lack_of_memory(void **state)
{
    (void)state;
    assert_int_equal(use_accounts(), HR_OK);
    fail_each(FAULT_ALLOC, ENOMEM, use_accounts);
}

/* A request through the dispatcher; a failure must be an answer with an error in it. */
static hr_err ask(api_method method, const char *target, const char *body)
{
    static api_context context;
    static api_request request;
    api_answer answer;
    context.clock = hr_clock_real();
    context.version = "test";
    context.folder_id = "0";
    api_answer_init(&answer);
    api_request_reset(&request);
    request.method = method;
    request.is_live = true;
    request.accepts_gzip = true;
    request.caller.role = API_ROLE_OWNER;
    request.body = body;
    request.body_size = strlen(body);
    assert_int_equal(api_request_set_target(&request, target, strlen(target)), HR_OK);
    const api_route *route = api_admit(&context, &request, &answer);
    assert_non_null(route);
    api_perform(&context, route, &request, &answer);
    bool is_well = answer.status == 200;
    assert_true(is_well || answer.status >= 500);
    api_answer_fini(&answer);
    return is_well ? HR_OK : HR_NO_MEMORY;
}

static hr_err ask_openapi(void)
{
    return ask(API_GET, "/v1/openapi.json", "");
}

static hr_err ask_health(void)
{
    return ask(API_GET, "/v1/health", "");
}

static hr_err read_area(void)
{
    static api_request request;
    static const char body[] = "{\"type\":\"Polygon\",\"coordinates\":"
                               "[[[0,0],[1,0],[1,1],[0,1],[0,0]]]}";
    api_answer answer;
    api_answer_init(&answer);
    api_request_reset(&request);
    request.body = body;
    request.body_size = sizeof body - 1;
    geo_area *area = api_body_area(&request, &answer);
    bool is_read = area != NULL;
    geo_area_free(area);
    api_answer_fini(&answer);
    return is_read ? HR_OK : HR_NO_MEMORY;
}

static void requests_survive_a_lack_of_memory(void **state)
{
    (void)state;
    fail_each(FAULT_ALLOC, ENOMEM, ask_health);
    fail_each(FAULT_ALLOC, ENOMEM, ask_openapi);
    fail_each(FAULT_ALLOC, ENOMEM, read_area);
}

static void ignore_job(api_job *job, void *context)
{
    (void)job;
    (void)context;
}

static hr_err make_small_things(void)
{
    live_handles handles = {0};
    live_told told = {0};
    api_pool *pool = NULL;
    hr_err err = HR_OK;
    for (uint32_t i = 0; i < 3000 && err == HR_OK; i++) {
        uint32_t handle = 0;
        err = live_handles_get(&handles, i * UINT64_C(7919), &handle);
        (void)live_told_mark(&told, handle);
    }
    live_handles_fini(&handles);
    live_told_fini(&told);
    api_replays *replays = api_replays_new(hr_clock_real());
    err = err == HR_OK && replays == NULL ? HR_NO_MEMORY : err;
    api_replays_free(replays);
    if (err == HR_OK) {
        err = api_pool_new(ignore_job, NULL, &pool);
    }
    api_pool_free(pool);
    return err;
}

static void put_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/a/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("content", file);
    fclose(file);
}

static hr_err load_assets(void)
{
    char path[128];
    api_assets *assets = NULL;
    snprintf(path, sizeof path, "%s/a", folder);
    hr_err err = api_assets_load(path, &assets, NULL);
    if (err == HR_OK) {
        assert_non_null(api_assets_find(assets, "/x.js"));
        assert_non_null(api_assets_find(assets, "/x.js")->gzip);
        assert_null(api_assets_find(assets, "/../d/FORMAT"));
    }
    api_assets_free(assets);
    return err;
}

static void the_rest_survives_too(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/a", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    put_file("x.js");
    put_file("x.js.gz");
    fail_each(FAULT_ALLOC, ENOMEM, load_assets);
    fail_each(FAULT_ALLOC, ENOMEM, make_small_things);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_data_folder_survives_what_the_disk_does),
        cmocka_unit_test(new_folders_are_durable_or_not_there),
        cmocka_unit_test(accounts_survive_a_lack_of_memory),
        cmocka_unit_test(requests_survive_a_lack_of_memory),
        cmocka_unit_test(the_rest_survives_too),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
