/* api/body.h - a request's JSON body, read with complaints a person can use. */
#ifndef API_BODY_H
#define API_BODY_H

#include <cjson/cJSON.h>

#include "request.h"

/* The body as a JSON object with members that the route's schema knows (one that is written wrong
 * must not count as left out), freed with cJSON_Delete. NULL: the answer says what is wrong. */
cJSON *api_body_parse(const api_request *request, api_answer *answer);

/* The member's text; fallback if it is absent or null. NULL: not a text, or longer than size_max,
 * or absent while fallback is NULL; the answer says so. */
const char *api_body_text(const cJSON *body, const char *name, size_t size_max,
                          const char *fallback, api_answer *answer);

/* A whole number from min to max, or fallback if it is absent or null. False: the answer says so.
 */
bool api_body_number(const cJSON *body, const char *name, int64_t min, int64_t max,
                     int64_t fallback, int64_t *value, api_answer *answer);

/* A query parameter as a whole number; the same rules. */
bool api_param_number(const api_request *request, const char *name, int64_t min, int64_t max,
                      int64_t fallback, int64_t *value, api_answer *answer);

/* A number within a path: digits and nothing else. False: it is none. */
bool api_path_number(const char *text, int64_t *number);

/* A query parameter that is "true" or "false"; absent: false. */
bool api_param_truth(const api_request *request, const char *name, bool *value, api_answer *answer);

/* A query parameter as a time: ISO 8601 or ms since 1970. */
bool api_param_time(const api_request *request, const char *name, int64_t fallback, int64_t *value,
                    api_answer *answer);

#endif
