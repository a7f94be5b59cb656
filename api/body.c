/* api/body.c - cJSON, with the limits and the messages that it lacks. */
#include "body.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "schema.h"

/* cJSON takes any bytes within a text; answers would show them as something else. */
static bool is_utf8(const api_request *request, api_answer *answer)
{
    bool is_valid = hr_utf8_is_valid(request->body, request->body_size);
    if (!is_valid) {
        api_answer_error(answer, 400, "body.json", NULL, "the body is not UTF-8");
    }
    return is_valid;
}

cJSON *api_body_parse(const api_request *request, api_answer *answer)
{
    if (!is_utf8(request, answer)) {
        return NULL;
    }
    /* A zero byte, plain or escaped, would cut a text short where cJSON's C strings end. */
    bool has_zero =
        request->body_size > 0 && (memchr(request->body, 0, request->body_size) != NULL ||
                                   memmem(request->body, request->body_size, "\\u0000", 6) != NULL);
    const char *end = NULL;
    cJSON *json = has_zero || request->body_size == 0
                      ? NULL
                      : cJSON_ParseWithLengthOpts(request->body, request->body_size, &end, 0);
    while (json != NULL && end < request->body + request->body_size) {
        if (strchr(" \t\r\n", *end++) == NULL) {
            cJSON_Delete(json);
            json = NULL;
        }
    }
    if (json == NULL) {
        size_t at = end != NULL ? (size_t)(end - request->body) : 0;
        api_answer_error(answer, 400, "body.json", NULL,
                         request->body_size == 0 ? "a JSON object is expected as the body"
                                                 : "the body is not JSON (near byte %zu)",
                         at);
        return NULL;
    }
    if (!cJSON_IsObject(json)) {
        cJSON_Delete(json);
        api_answer_error(answer, 400, "body.json", NULL, "the body must be a JSON object");
        return NULL;
    }
    const char *stranger = api_schema_stranger(request->body_schema, json);
    if (stranger != NULL) {
        api_answer_error(answer, 400, "body.field", stranger,
                         "there is no \"%.64s\" to set, or it is there twice", stranger);
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

const char *api_body_text(const cJSON *body, const char *name, size_t size_max,
                          const char *fallback, api_answer *answer)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(body, name);
    if ((member == NULL || cJSON_IsNull(member)) && fallback != NULL) {
        return fallback;
    }
    if (!cJSON_IsString(member) || strlen(member->valuestring) > size_max) {
        api_answer_error(answer, 400, "body.field", name, "%s must be a text of at most %zu bytes",
                         name, size_max);
        return NULL;
    }
    return member->valuestring;
}

bool api_body_number(const cJSON *body, const char *name, int64_t min, int64_t max,
                     int64_t fallback, int64_t *value, api_answer *answer)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(body, name);
    if (member == NULL || cJSON_IsNull(member)) {
        *value = fallback;
        return true;
    }
    double number = cJSON_IsNumber(member) ? member->valuedouble : NAN;
    if (!(number >= (double)min && number <= (double)max) || number != floor(number)) {
        api_answer_error(answer, 400, "body.field", name,
                         "%s must be a whole number from %lld to %lld", name, (long long)min,
                         (long long)max);
        return false;
    }
    *value = (int64_t)number;
    return true;
}

bool api_param_number(const api_request *request, const char *name, int64_t min, int64_t max,
                      int64_t fallback, int64_t *value, api_answer *answer)
{
    const char *text = api_request_param(request, name);
    if (text == NULL) {
        *value = fallback;
        return true;
    }
    int64_t number = 0;
    size_t size = strlen(text);
    if (size != strspn(text, "-0123456789") || hr_decimal_parse(text, size, 0, &number) != HR_OK ||
        number < min || number > max) {
        api_answer_error(answer, 400, "query.parameter", name,
                         "%s must be a whole number from %lld to %lld", name, (long long)min,
                         (long long)max);
        return false;
    }
    *value = number;
    return true;
}

bool api_path_number(const char *text, int64_t *number)
{
    size_t size = strlen(text);
    return size == strspn(text, "0123456789") && hr_decimal_parse(text, size, 0, number) == HR_OK;
}

bool api_param_truth(const api_request *request, const char *name, bool *value, api_answer *answer)
{
    const char *text = api_request_param(request, name);
    *value = text != NULL && strcmp(text, "true") == 0;
    if (text == NULL || *value || strcmp(text, "false") == 0) {
        return true;
    }
    api_answer_error(answer, 400, "query.parameter", name, "%s must be true or false", name);
    return false;
}

bool api_param_time(const api_request *request, const char *name, int64_t fallback, int64_t *value,
                    api_answer *answer)
{
    const char *text = api_request_param(request, name);
    if (text == NULL) {
        *value = fallback;
        return true;
    }
    size_t size = strlen(text);
    if (hr_time_parse(text, size, value) == HR_OK) {
        return true;
    }
    if (size == strspn(text, "-0123456789") && hr_decimal_parse(text, size, 0, value) == HR_OK) {
        /* There is nothing beyond, and whoever reckons with it need not mind an overflow. */
        *value = *value < HR_TIME_MS_MIN ? HR_TIME_MS_MIN : *value;
        *value = *value > HR_TIME_MS_MAX ? HR_TIME_MS_MAX : *value;
        return true;
    }
    api_answer_error(answer, 400, "query.parameter", name,
                     "%s must be a time such as 2026-11-20T08:00:00Z, or milliseconds since 1970",
                     name);
    return false;
}
