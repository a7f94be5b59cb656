/* tests/fuzz/fuzz_api_request.c - any bytes as "METHOD target\nbody", dispatched as if by an owner
 * to a service that has only just begun: every handler reads its parameters and body. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/config.h"
#include "api/dispatch.h"
#include "api/geo_answer.h"
#include "base/logline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The answer must be JSON or nothing, and have a status that we know. */
static void check(const api_answer *answer)
{
    if (answer->status < 200 || answer->status > 599 ||
        strcmp(api_status_text(answer->status), "Unknown") == 0) {
        abort();
    }
}

static void dispatch(api_context *context, api_method method, const char *target,
                     size_t target_size, const char *body, size_t body_size)
{
    static api_request request;
    api_answer answer;
    api_answer_init(&answer);
    api_request_reset(&request);
    request.method = method;
    request.is_live = true;
    request.caller = (api_caller){.user = "owner", .role = API_ROLE_OWNER};
    request.body = body;
    request.body_size = body_size;
    if (api_request_set_target(&request, target, target_size) == HR_OK) {
        const api_route *route = api_admit(context, &request, &answer);
        /* Users and tokens want accounts.db; what they read is read by body.c for all. */
        bool wants_accounts =
            strstr(request.path, "/users") != NULL || strstr(request.path, "/tokens") != NULL ||
            strstr(request.path, "/me") != NULL || strstr(request.path, "/audit") != NULL ||
            strstr(request.path, "/logout") != NULL;
        if (route != NULL && !wants_accounts &&
            api_admit_body(route, &request, (int64_t)body_size, false, &answer)) {
            api_perform(context, route, &request, &answer);
            check(&answer);
        }
    }
    geo_area_free(api_body_area(&request, &answer));
    api_answer_fini(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static api_context context;
    context.clock = hr_clock_real();
    context.version = "fuzz";
    context.folder_id = "0";
    hr_logline_set_level(HR_LEVEL_ERROR);
    if (size < 1) {
        return 0;
    }
    const char *text = (const char *)data;
    const char *end = memchr(text, '\n', size);
    size_t target_size = end != NULL ? (size_t)(end - text) - 1 : size - 1;
    if (end == text) {
        return 0;
    }
    const char *body = end != NULL ? end + 1 : "";
    size_t body_size = end != NULL ? size - (size_t)(end - text) - 1 : 0;
    dispatch(&context, (api_method)(data[0] % (API_OPTIONS + 1)), text + 1, target_size, body,
             body_size);
    api_config config;
    memset(&config, 0, sizeof config);
    (void)(api_config_parse_file(&config, text, size, "fuzz", NULL) == HR_OK);
    return 0;
}
