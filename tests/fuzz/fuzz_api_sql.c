/* tests/fuzz/fuzz_api_sql.c - any bytes as SQL of a viewer, on a real catalogue: whatever it is, it
 * is answered, and no file is made or changed. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/config.h"
#include "api/dispatch.h"
#include "base/logline.h"
#include "catalog/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/hr-fuzz-sql-XXXXXX";
static char path[64];
static catalog *fences;
static struct stat before;
static int here_fd = -1;   /* an empty folder, which statements are run in */
static int before_fd = -1; /* where the inputs' names begin */

static void remove_all(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    catalog_close(fences);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
    char here[64];
    snprintf(here, sizeof here, "%s/here", folder);
    (void)rmdir(here);
    (void)rmdir(folder);
}

/* A catalogue, and beside it an empty folder to be in. */
static void begin(api_context *context)
{
    char here[64];
    /* SpatiaLite would forbid its functions to touch files; our gate must do so alone. */
    if (setenv("SPATIALITE_SECURITY", "relaxed", 1) != 0 || mkdtemp(folder) == NULL) {
        abort();
    }
    snprintf(path, sizeof path, "%s/catalog.db", folder);
    snprintf(here, sizeof here, "%s/here", folder);
    if (catalog_open(path, &fences, NULL) != GEO_OK || mkdir(here, 0700) != 0 ||
        stat(path, &before) != 0 || atexit(remove_all) != 0) {
        abort();
    }
    here_fd = open(here, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    before_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    context->clock = hr_clock_real();
    context->version = "fuzz";
    context->folder_id = "0";
    context->catalog = fences;
    context->catalog_path = path;
    hr_logline_set_level(HR_LEVEL_ERROR);
}

static bool is_empty_here(void)
{
    int count = 0;
    DIR *entries = opendir(".");
    while (entries != NULL && readdir(entries) != NULL) {
        count++;
    }
    bool is_empty = entries != NULL && count == 2; /* "." and ".." */
    if (entries != NULL) {
        closedir(entries);
    }
    return is_empty;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static api_context context;
    static api_request request;
    static const char target[] = "/v1/sql";
    if (context.catalog == NULL) {
        begin(&context);
    }
    hr_buf body;
    hr_buf_init(&body, 1u << 20);
    hr_json json = hr_json_into(&body);
    hr_json_open_object(&json);
    hr_json_key(&json, "sql");
    hr_json_text_sized(&json, (const char *)data, size);
    hr_json_close_object(&json);
    api_answer answer;
    api_answer_init(&answer);
    api_request_reset(&request);
    request.method = API_POST;
    request.is_live = true;
    request.caller = (api_caller){.user = "viewer", .role = API_ROLE_VIEWER};
    request.body = (const char *)body.data;
    request.body_size = body.size;
    const api_route *route = api_request_set_target(&request, target, sizeof target - 1) == HR_OK
                                 ? api_admit(&context, &request, &answer)
                                 : NULL;
    struct stat after;
    if (route == NULL) {
        abort();
    }
    if (fchdir(here_fd) != 0) {
        abort();
    }
    api_perform(&context, route, &request, &answer);
    if (strcmp(api_status_text(answer.status), "Unknown") == 0 || !is_empty_here() ||
        fchdir(before_fd) != 0 || stat(path, &after) != 0 || after.st_size != before.st_size ||
        after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
        after.st_mtim.tv_nsec != before.st_mtim.tv_nsec) {
        abort();
    }
    api_answer_fini(&answer);
    hr_buf_fini(&body);
    return 0;
}
