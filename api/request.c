/* api/request.c - takes targets apart and puts answers together. */
#include "request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "field.h"

const char *api_method_text(api_method method)
{
    static const char *const texts[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    return texts[method];
}

const char *api_role_text(api_role role)
{
    static const char *const texts[] = {"none", "viewer", "editor", "owner"};
    return texts[role];
}

hr_err api_role_parse(const char *text, api_role *role)
{
    for (int i = API_ROLE_VIEWER; i <= API_ROLE_OWNER; i++) {
        if (strcmp(text, api_role_text((api_role)i)) == 0) {
            *role = (api_role)i;
            return HR_OK;
        }
    }
    return HR_INVALID;
}

uint64_t api_caller_key(const char *user, const char *peer)
{
    return user[0] != 0 ? hr_hash64_seeded(user, strlen(user), 1)
                        : hr_hash64_seeded(peer, strlen(peer), 2);
}

bool api_peer_is_loopback(const char *peer)
{
    return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0 ||
           strncmp(peer, "::ffff:127.", 11) == 0;
}

void api_request_reset(api_request *request)
{
    memset(request, 0, offsetof(api_request, arena));
    request->path = "/";
    for (int i = 0; i < API_CAPTURES_MAX; i++) {
        request->captures[i] = "";
    }
}

/* Copy into the arena with a terminator; NULL when it is full. */
static char *arena_copy(api_request *request, const char *text, size_t size)
{
    if (size + 1 > sizeof request->arena - request->arena_size) {
        return NULL;
    }
    char *copy = request->arena + request->arena_size;
    memcpy(copy, text, size);
    copy[size] = 0;
    request->arena_size += size + 1;
    return copy;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode in place. HR_INVALID for a bad escape or a zero byte. */
static hr_err percent_decode(char *text, bool plus_is_space, size_t *size)
{
    size_t to = 0;
    for (size_t from = 0; from < *size; from++) {
        char c = text[from];
        if (c == '%') {
            int high = from + 2 < *size ? hex_value(text[from + 1]) : -1;
            if (high < 0 || hex_value(text[from + 2]) < 0) {
                return HR_INVALID;
            }
            c = (char)(high * 16 + hex_value(text[from + 2]));
            from += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == 0) {
            return HR_INVALID;
        }
        text[to++] = c;
    }
    text[to] = 0;
    *size = to;
    return HR_OK;
}

hr_err api_request_set_path(api_request *request, const char *path, size_t size)
{
    if (size == 0 || path[0] != '/' || memchr(path, 0, size) != NULL) {
        return HR_INVALID;
    }
    char *copy = size <= API_TARGET_BYTES_MAX ? arena_copy(request, path, size) : NULL;
    if (copy == NULL) {
        return HR_TOO_BIG;
    }
    request->path = copy;
    return HR_OK;
}

hr_err api_request_add_param(api_request *request, const char *text, size_t size)
{
    if (memchr(text, 0, size) != NULL) {
        return HR_INVALID;
    }
    char *copy = request->param_count < API_PARAMS_MAX ? arena_copy(request, text, size) : NULL;
    if (copy == NULL) {
        return HR_TOO_BIG;
    }
    char *equals = memchr(copy, '=', size);
    api_param *param = &request->params[request->param_count++];
    param->name = copy;
    param->value = equals != NULL ? equals + 1 : "";
    if (equals != NULL) {
        *equals = 0;
    }
    return HR_OK;
}

/* One encoded "name=value": the sign is found before decoding, so that %3D stays in the name. */
static hr_err add_encoded_param(api_request *request, const char *text, size_t size)
{
    const char *equals = memchr(text, '=', size);
    size_t name_size = equals != NULL ? (size_t)(equals - text) : size;
    size_t value_size = equals != NULL ? size - name_size - 1 : 0;
    if (request->param_count >= API_PARAMS_MAX) {
        return HR_TOO_BIG;
    }
    char *name = arena_copy(request, text, name_size);
    char *value = arena_copy(request, equals != NULL ? equals + 1 : "", value_size);
    if (name == NULL || value == NULL) {
        return HR_TOO_BIG;
    }
    if (percent_decode(name, true, &name_size) != HR_OK ||
        percent_decode(value, true, &value_size) != HR_OK) {
        return HR_INVALID;
    }
    request->params[request->param_count++] = (api_param){.name = name, .value = value};
    return HR_OK;
}

hr_err api_request_set_target(api_request *request, const char *target, size_t size)
{
    if (size > API_TARGET_BYTES_MAX) {
        return HR_TOO_BIG;
    }
    const char *mark = memchr(target, '?', size);
    size_t path_size = mark != NULL ? (size_t)(mark - target) : size;
    if (path_size == 0 || target[0] != '/') {
        return HR_INVALID;
    }
    char *path = arena_copy(request, target, path_size);
    if (path == NULL) {
        return HR_TOO_BIG;
    }
    hr_err err = percent_decode(path, false, &path_size);
    request->path = path;
    for (size_t at = mark != NULL ? (size_t)(mark - target) + 1 : size;
         at < size && err == HR_OK;) {
        const char *end = memchr(target + at, '&', size - at);
        size_t part = end != NULL ? (size_t)(end - target) - at : size - at;
        if (part > 0) {
            err = add_encoded_param(request, target + at, part);
        }
        at += part + 1;
    }
    return err;
}

const char *api_request_param(const api_request *request, const char *name)
{
    for (uint32_t i = 0; i < request->param_count; i++) {
        if (strcmp(request->params[i].name, name) == 0) {
            return request->params[i].value;
        }
    }
    return NULL;
}

void api_answer_init(api_answer *answer)
{
    *answer = (api_answer){.status = 500};
    hr_buf_init(&answer->body, API_ANSWER_BYTES_MAX);
}

void api_answer_fini(api_answer *answer)
{
    hr_buf_fini(&answer->body);
}

void api_answer_reset(api_answer *answer)
{
    hr_buf body = answer->body;
    hr_buf_clear(&body);
    *answer = (api_answer){.status = 500, .body = body};
}

hr_json api_answer_json(api_answer *answer, int status)
{
    hr_buf_clear(&answer->body);
    answer->status = status;
    answer->content_type = "application/json";
    answer->borrowed = NULL;
    return hr_json_into(&answer->body);
}

void api_why_values_write(hr_json *json, const hr_why *why)
{
    hr_json_key(json, "values");
    hr_json_open_object(json);
    hr_why_value value;
    for (size_t at = 0; hr_why_next_value(why, &at, &value);) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)value.name_size, value.name);
        hr_json_key(json, name);
        if (value.is_number) {
            hr_json_raw(json, value.text, strlen(value.text));
        } else {
            hr_json_text(json, value.text);
        }
    }
    hr_json_close_object(json);
}

/* why: what tells the case apart within the code; NULL: nothing does. */
static void put_error(api_answer *answer, int status, const char *code, const char *field,
                      const char *message, const hr_why *why)
{
    hr_json json = api_answer_json(answer, status);
    /* What is not possible now may be in a moment; who knows better says so afterwards. */
    answer->retry_after_s = status == 503 ? 1 : 0;
    hr_json_open_object(&json);
    hr_json_key(&json, "error");
    hr_json_open_object(&json);
    hr_json_key_text(&json, "code", code);
    hr_json_key_text(&json, "message", message);
    if (field != NULL) {
        hr_json_key_text(&json, "field", field);
    }
    if (why != NULL && hr_why_reason_of(why)[0] != 0) {
        hr_json_key_text(&json, "reason", hr_why_reason_of(why));
        api_why_values_write(&json, why);
    }
    hr_json_close_object(&json);
    hr_json_close_object(&json);
}

void api_answer_error(api_answer *answer, int status, const char *code, const char *field,
                      const char *format, ...)
{
    char message[HR_WHY_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    put_error(answer, status, code, field, message, NULL);
}

void api_answer_why(api_answer *answer, int status, const char *code, const char *field,
                    const hr_why *why)
{
    put_error(answer, status, code, field, why->text, why);
}

static int status_of(hr_err err)
{
    switch (err) {
    case HR_OK:
        return 200;
    case HR_TOO_BIG:
    case HR_INVALID:
    case HR_UNSUPPORTED:
        return 400;
    case HR_DENIED:
        return 403;
    case HR_NOT_FOUND:
        return 404;
    case HR_EXISTS:
        return 409;
    case HR_CONFLICT:
        return 412;
    case HR_GONE:
        return 410;
    case HR_NO_SPACE:
        return 507;
    case HR_LOCKED:
    case HR_TIMEOUT:
    case HR_CLOSED:
    case HR_NO_MEMORY:
        return 503;
    case HR_IO:
    case HR_CORRUPT:
    case HR_TOO_NEW:
    case HR_SEQUENCE:
        break;
    }
    return 500;
}

void api_answer_failure(api_answer *answer, hr_err err, const char *what, const hr_why *why)
{
    char code[64];
    snprintf(code, sizeof code, "%s.%s", what, hr_err_name(err));
    const char *message = why != NULL && why->text[0] != 0 ? why->text : hr_err_text(err);
    char field[API_FIELD_SIZE];
    bool has_field = status_of(err) == 400 && api_field_of(message, field);
    put_error(answer, status_of(err), code, has_field ? field : NULL, message, why);
}

const char *api_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "Unknown";
}
