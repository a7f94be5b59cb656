/* api/request.h - one request and its answer, whichever way they travel (HTTP or WebSocket). */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/json.h"
#include "base/limits.h"
#include "role.h"

#define API_TARGET_BYTES_MAX 4096        /* path and query; 414 above */
#define API_PARAMS_MAX 32                /* query parameters; 400 above */
#define API_CAPTURES_MAX 4               /* {names} in a route's path */
#define API_ANSWER_BYTES_MAX (64u << 20) /* a larger answer becomes a 500 */
#define API_SECRET_TEXT_MAX 96           /* cookies and tokens; longer ones are unknown */
#define API_REQUEST_ID_SIZE 26           /* with its terminator */
#define API_HEADER_TEXT_MAX 256          /* other headers we read; 431 above */

typedef enum api_method {
    API_GET,
    API_HEAD,
    API_POST,
    API_PUT,
    API_PATCH,
    API_DELETE,
    API_OPTIONS,
} api_method;

const char *api_method_text(api_method method);

typedef struct api_param {
    const char *name;
    const char *value;
} api_param;

/* Who asks; user "" and API_ROLE_NONE when nobody is known. */
typedef struct api_caller {
    char user[HR_USER_ID_MAX + 1];
    api_role role;
    bool by_cookie;
} api_caller;

/* Texts that are not there are "". Pointers lead into the arena or the body's buffer, valid as
 * long as the request. Threads: one at a time. */
typedef struct api_request {
    api_method method;
    const char *path; /* decoded */
    uint32_t param_count;
    api_param params[API_PARAMS_MAX];
    const char *captures[API_CAPTURES_MAX];
    const char *body;
    size_t body_size;
    char id[API_REQUEST_ID_SIZE]; /* in the answer and in log lines */
    char peer[48];
    char host[API_HEADER_TEXT_MAX];
    char origin[API_HEADER_TEXT_MAX];
    char content_type[API_HEADER_TEXT_MAX];
    char if_match[API_HEADER_TEXT_MAX];
    char if_none_match[API_HEADER_TEXT_MAX];
    char idempotency_key[API_HEADER_TEXT_MAX];
    char session[API_SECRET_TEXT_MAX]; /* from the cookie */
    char bearer[API_SECRET_TEXT_MAX];
    bool accepts_gzip;
    bool is_proxied;             /* may have come through a proxy; peer may be on its word */
    const _Atomic bool *is_gone; /* whoever asked has gone; NULL: cannot be told */
    bool is_live;                /* came over the WebSocket: the caller is known already */
    const char *body_schema;     /* of its route; static, or NULL */
    bool is_inline;              /* everyone waits for its handler, which may leave it instead */
    api_caller caller;
    size_t arena_size;
    char arena[API_TARGET_BYTES_MAX + API_PARAMS_MAX * 2];
} api_request;

/* The same for all that one person asks: the name's, or the address's while user is "". */
uint64_t api_caller_key(const char *user, const char *peer);

/* Whether that address is this machine's own. */
bool api_peer_is_loopback(const char *peer);

/* Empty, without clearing the arena. */
void api_request_reset(api_request *request);

/* Split "/path?name=value&..." and decode it into the arena.
 * HR_TOO_BIG: above the limits. HR_INVALID: a bad %, a zero byte, or not beginning with '/'. */
HR_MUST_USE hr_err api_request_set_target(api_request *request, const char *target, size_t size);

/* Set the path only, decoded already. Errors as above. */
HR_MUST_USE hr_err api_request_set_path(api_request *request, const char *path, size_t size);

/* Add one "name=value", decoded already. Errors as above. */
HR_MUST_USE hr_err api_request_add_param(api_request *request, const char *text, size_t size);

/* The parameter's value, or NULL. */
const char *api_request_param(const api_request *request, const char *name);

typedef struct api_answer {
    int status;
    hr_buf body;
    const char *content_type;  /* static */
    const char *cache_control; /* static; NULL: no-store */
    const char *encoding;      /* static; "gzip" when the body is compressed already */
    const uint8_t *borrowed;   /* instead of body: bytes that outlive the answer */
    size_t borrowed_size;
    char etag[80];
    char location[160];
    char set_cookie[256];
    char allow[64];
    char disposition[128];
    char cors_origin[API_HEADER_TEXT_MAX]; /* a configured origin that asks; else "" */
    char image_origin[300]; /* of a page: it may draw pictures from there too; "": nowhere else */
    int retry_after_s;
    bool close;   /* end the connection after it */
    bool is_left; /* by a handler that would take long: it is called again, on a lane for that */
} api_answer;

void api_answer_init(api_answer *answer);
void api_answer_fini(api_answer *answer);

/* As after api_answer_init, memory kept. */
void api_answer_reset(api_answer *answer);

/* Begin a JSON body with that status; write the value with what is returned. */
hr_json api_answer_json(api_answer *answer, int status);

/* {"error":{"code","message","field"}}; field NULL: left out. Whatever was there is dropped. */
void api_answer_error(api_answer *answer, int status, const char *code, const char *field,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same with the why's text, and "reason" and "values" where it has them. */
void api_answer_why(api_answer *answer, int status, const char *code, const char *field,
                    const hr_why *why);

/* "values":{...} of a why, within an object. */
void api_why_values_write(hr_json *json, const hr_why *why);

/* The usual answer to an error: HR_INVALID 400, HR_NOT_FOUND 404, HR_NO_SPACE 507 and so on. what
 * becomes the code's first part ("fence" gives "fence.invalid"). why may be empty. */
void api_answer_failure(api_answer *answer, hr_err err, const char *what, const hr_why *why);

/* Static; "OK" for 200 and so on. */
const char *api_status_text(int status);

#endif
