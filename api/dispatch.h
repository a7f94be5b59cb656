/* api/dispatch.h - from a request to its answer: host, route, caller, origin, role, allowance. */
#ifndef API_DISPATCH_H
#define API_DISPATCH_H

#include "route.h"

/* Everything that can be decided from the head, before a body is read. NULL: the answer is filled
 * in and no handler shall run. Threads: any; never blocks. */
const api_route *api_admit(api_context *context, api_request *request, api_answer *answer);

/* The checks of a body's head. content_length -1: none was given. is_chunked: a transfer encoding
 * was. False: the answer is filled in. */
bool api_admit_body(const api_route *route, const api_request *request, int64_t content_length,
                    bool is_chunked, api_answer *answer);

/* Look up the counters that answers are counted in; before the first. */
void api_dispatch_init(api_context *context);

/* Count an answer and write its log line; for those that no handler gave, since api_perform does it
 * for the others. Threads: any. */
void api_note(api_context *context, const api_request *request, const api_answer *answer);

/* Run the handler, then what is common to all answers (304, gzip, api_note), unless it left its
 * work to another lane. Threads: that of the lane. */
void api_perform(api_context *context, const api_route *route, const api_request *request,
                 api_answer *answer);

/* Find out who asks, by token or cookie. Threads: any; never blocks. */
void api_identify(api_context *context, api_request *request);

/* Whether a Host header names us, and not somebody who made its own name point here. */
bool api_host_is_allowed(const api_context *context, const char *host);

/* Whether it has been given names or origins, as a service behind a proxy is. */
bool api_has_names(const api_context *context);

/* Whether a page of that origin may act for its user here: it is ours or configured. */
bool api_origin_is_allowed(const api_context *context, const char *origin, const char *host);

#endif
