/* wire/status_json.c - reads and writes what gateways tell about themselves. */
#include "wire/status_json.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "wire/json_fields.h"

#define COUNT_MAX 9e15 /* beyond it a double skips whole numbers */

static const char *const state_names[STATUS_STATES] = {"offline", "online", "stopped"};

const char *status_state_name(status_state state)
{
    return state_names[state];
}

void status_json_write(const status_json *status, hr_buf *out)
{
    hr_json json = hr_json_into(out);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "state", status_state_name(status->state));
    if (status->time_ms != STATUS_NO_TIME) {
        hr_json_key_time(&json, "time", status->time_ms);
    }
    hr_json_key_u64(&json, "waiting", status->waiting);
    if (status->oldest_ms != STATUS_NO_TIME) {
        hr_json_key_time(&json, "oldest_waiting", status->oldest_ms);
    }
    hr_json_key_u64(&json, "dropped", status->dropped);
    hr_json_key_u64(&json, "refused", status->refused);
    if (status->version[0] != '\0') {
        hr_json_key_text(&json, "version", status->version);
    }
    hr_json_close_object(&json);
}

static hr_err read_state(const cJSON *root, status_state *state, hr_why *why)
{
    const cJSON *item = wire_json_member(root, "state");
    const char *text = cJSON_IsString(item) ? item->valuestring : "";
    for (int i = 0; i < STATUS_STATES; i++) {
        if (strcmp(text, state_names[i]) == 0) {
            *state = (status_state)i;
            return HR_OK;
        }
    }
    return hr_why_set(why, HR_INVALID, "state is not online, offline or stopped");
}

static hr_err read_time(const cJSON *root, const char *name, int64_t *time_ms, hr_why *why)
{
    const cJSON *item = wire_json_member(root, name);
    if (item == NULL) {
        *time_ms = STATUS_NO_TIME;
        return HR_OK;
    }
    const char *text = cJSON_IsString(item) ? item->valuestring : "";
    hr_err err = hr_time_parse(text, strlen(text), time_ms);
    return err == HR_OK ? HR_OK : hr_why_set(why, HR_INVALID, "%s is not a time", name);
}

static hr_err read_count(const cJSON *root, const char *name, uint64_t *count, hr_why *why)
{
    const cJSON *item = wire_json_member(root, name);
    if (item == NULL) {
        *count = 0;
        return HR_OK;
    }
    /* Asked this way round, NaN is refused too. */
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= COUNT_MAX)) {
        return hr_why_set(why, HR_INVALID, "%s is not a count", name);
    }
    *count = (uint64_t)item->valuedouble;
    return HR_OK;
}

static hr_err read_members(const cJSON *root, status_json *status, hr_why *why)
{
    hr_err err = read_state(root, &status->state, why);
    if (err == HR_OK) {
        err = read_time(root, "time", &status->time_ms, why);
    }
    if (err == HR_OK) {
        err = read_time(root, "oldest_waiting", &status->oldest_ms, why);
    }
    if (err == HR_OK) {
        err = read_count(root, "waiting", &status->waiting, why);
    }
    if (err == HR_OK) {
        err = read_count(root, "dropped", &status->dropped, why);
    }
    if (err == HR_OK) {
        err = read_count(root, "refused", &status->refused, why);
    }
    const cJSON *version = wire_json_member(root, "version");
    if (cJSON_IsString(version)) {
        snprintf(status->version, sizeof status->version, "%s", version->valuestring);
    }
    return err;
}

hr_err status_json_read(const void *bytes, size_t size, status_json *status, hr_why *why)
{
    wire_json json;
    status_json read = {.version = ""};
    hr_err err = wire_json_parse(bytes, size, &json, why);
    if (err != HR_OK) {
        return err;
    }
    err = read_members(json.root, &read, why);
    wire_json_free(&json);
    if (err == HR_OK) {
        *status = read;
    }
    return err;
}
