/* api/webhooks.h - the file in which an owner names the places on the web that are told events.
 *
 * A line for each: NAME URL [secret=TEXT] [private]; # at the beginning or behind a blank begins a
 * comment. With a secret the posts are signed; "private" allows an address in a private network, or
 * on this machine. */
#ifndef API_WEBHOOKS_H
#define API_WEBHOOKS_H

#include <stddef.h>

#include "base/err.h"
#include "notify/notify.h"

#define WEBHOOKS_FILE_BYTES_MAX (64u << 10) /* HR_TOO_BIG above */

typedef struct webhooks {
    notify_webhook list[NOTIFY_WEBHOOKS_MAX];
    size_t count;
    char *text; /* what the list points into */
} webhooks;

/* HR_INVALID: why names the file and the line. */
HR_MUST_USE hr_err webhooks_load(const char *path, webhooks *out, hr_why *why);
void webhooks_fini(webhooks *hooks);

/* The lines in text, which is changed and kept. */
HR_MUST_USE hr_err webhooks_parse(char *text, const char *path, webhooks *out, hr_why *why);

#endif
