/* api/route.h - the one table of routes: everything about a route stands in its row. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "context.h"
#include "request.h"

/* Where a handler runs. Inline ones hold up every other connection, so they only look at memory,
 * and leave what needs many looks to API_LANE_WORK (request->is_inline, answer->is_left); each lane
 * is a queue with threads of its own (pool.h). */
typedef enum api_lane {
    API_INLINE,
    API_LANE_WORK,     /* the disk, long scans */
    API_LANE_CHANGE,   /* what waits for a commit; apart, so that reading goes on meanwhile */
    API_LANE_PASSWORD, /* one thread, so that one password is hashed at a time */
    API_LANE_SQL,
    API_LANES,
} api_lane;

/* Which allowance a request draws on (rate.h). */
typedef enum api_rate {
    API_RATE_FREE,
    API_RATE_READ,
    API_RATE_WRITE,
    API_RATE_LOGIN,
    API_RATE_SQL,
    API_RATES,
} api_rate;

enum {
    API_PARAM_REQUIRED = 1,
    API_PARAM_HEADER = 2, /* it stands in the head, and its handler looks there */
};

/* A parameter that a route knows. */
typedef struct api_known_param {
    const char *name;    /* NULL: the end of the list */
    const char *schema;  /* JSON Schema of its value */
    const char *summary; /* one sentence for the description */
    unsigned marks;
} api_known_param;

typedef void api_handler(api_context *context, const api_request *request, api_answer *answer);

typedef struct api_route {
    api_method method;
    const char *path; /* "/v1/fences/{id}"; a last "{*}" takes the rest */
    api_role role;    /* the least that may call it */
    uint32_t body_bytes_max;
    api_rate rate;
    api_lane lane;
    api_handler *handle;
    const char *summary;
    const char *request_schema; /* a name in schema.c, or NULL */
    const char *answer_schema;
    const api_known_param *params; /* NULL: it takes none */
} api_route;

/* The table. Static. */
const api_route *api_routes(size_t *count);

/* The row for a method and path (HEAD finds GET's), with the captures filled in; NULL when there is
 * none: then *allowed has a bit (1 << method) for each method that the path does know. */
const api_route *api_route_find(api_request *request, uint32_t *allowed);

/* Whether the route knows every parameter behind the request's path, and none is given twice; else
 * the answer names the first that is wrong. All pass outside /v1/ and where nothing but how it is
 * can be asked (health), for pages, scrapers and balancers add what they like.
 */
bool api_params_are_known(const api_route *route, const api_request *request, api_answer *answer);

/* Whether what it answered is told again to who repeats an Idempotency-Key. */
bool api_route_keeps_answers(const api_route *route);

/* "GET, HEAD, POST" from such bits. */
void api_allow_text(uint32_t allowed, char *text, size_t size);

#endif
