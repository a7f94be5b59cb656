/* api/live_message.h - takes a WebSocket client's JSON apart without copying it: which members an
 * object has, and where their values stand. Bodies of requests are then parsed by their handlers.
 */
#ifndef API_LIVE_MESSAGE_H
#define API_LIVE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define LIVE_DEPTH_MAX 64   /* deeper nesting is refused */
#define LIVE_MEMBERS_MAX 16 /* of one message; more are refused */

/* A piece of the text that was given; borrowed. */
typedef struct live_span {
    const char *at;
    size_t size;
} live_span;

typedef struct live_member {
    live_span name;  /* without the quotes, escapes as they are */
    live_span value; /* any JSON value, without blanks around it */
} live_member;

typedef struct live_object {
    size_t count;
    live_member members[LIVE_MEMBERS_MAX];
} live_object;

/* The members of the JSON object at *at, which then stands behind it. HR_INVALID: there is none.
 * The insides of the values are checked for nesting and quotes only. */
HR_MUST_USE hr_err live_object_read(const char *text, size_t size, size_t *at, live_object *object);

/* Go to the next item of a JSON array that fills the text: *at is 0 at first, later behind the item
 * before. False: no more, and then *at is size if the array was well formed. */
bool live_array_next(const char *text, size_t size, size_t *at);

/* Behind the blanks at `at`. */
size_t live_pass_blanks(const char *text, size_t size, size_t at);

/* The member's value, or NULL. */
const live_span *live_object_get(const live_object *object, const char *name);

/* A number or a text, as JSON has them: what may come back as a request's id. The message is UTF-8
 * already. */
bool live_span_is_id(const live_span *span);

/* The same text? */
bool live_span_is(const live_span *span, const char *text);

#endif
