/* notify/notify.h - events out: to the MQTT broker and to webhooks.
 *
 * Each sink is a consumer group of its own over the committed events: a crash may repeat an event,
 * with the same id, and loses none; a slow sink delays no other. A new sink begins with what
 * happens from now on. Late events are told to nobody here: they are no news. */
#ifndef NOTIFY_NOTIFY_H
#define NOTIFY_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/metrics.h"
#include "log/log.h"

#define NOTIFY_MQTT_GROUP "notify-mqtt"
#define NOTIFY_WEBHOOK_GROUP "webhook-" /* and the webhook's name */

#define NOTIFY_INFLIGHT_MAX 100 /* messages sent to the broker and not answered yet */

#define NOTIFY_WEBHOOKS_MAX 16
#define NOTIFY_NAME_MAX 50           /* of a webhook's name; HR_INVALID above */
#define NOTIFY_RETRY_MAX_MS 86400000 /* a webhook's event older than this goes to `dead` */
#define NOTIFY_RETRY_MIN_MS 3600000  /* but not before it has been tried for so long */

/* Threads: every function from any thread. */
typedef struct notify notify;

/* A place on the web that gets each event as the body of a POST, with the headers
 *   X-Hedgerow-Id: the event's id, equal for every repeat
 *   X-Hedgerow-Time: seconds since 1970, of this attempt
 *   X-Hedgerow-Signature: sha256=<hex HMAC-SHA256 of "<time>.<body>" under the secret>
 * Any answer of 200-299 takes it. Otherwise it is tried again after growing pauses, until it is a
 * day old, and for an hour at least after each start.
 * The events of one device arrive in their order. */
typedef struct notify_webhook {
    const char *name;   /* as a fence id, NOTIFY_NAME_MAX; the group is "webhook-<name>" */
    const char *url;    /* http:// or https:// */
    const char *secret; /* NULL: not signed */
    bool allow_private; /* targets in private networks, and this machine, are refused without it */
} notify_webhook;

typedef struct notify_options {
    log_store *log; /* borrowed */
    const hr_clock *clock;
    hr_metrics *metrics; /* borrowed; may be NULL */

    const notify_webhook *webhooks; /* copied */
    size_t webhook_count;

    const char *addresses; /* as in ingest_options; NULL: nothing goes to a broker */
    const char *user;
    const char *password;
    const char *session_key;
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
} notify_options;

/* Tell webhooks; and publish every event to hedgerow/v1/event/<fence or ->/<kind> with QoS 1, and
 * enter and exit of OwnTracks devices (id "user.device") as a transition to
 * owntracks/<user>/<device>/event. */
HR_MUST_USE hr_err notify_start(const notify_options *options, notify **out, hr_why *why);

/* What was sent and not yet answered is sent again by the next start. NULL is fine. */
void notify_stop(notify *n);

/* HR_OK while the broker is connected and no webhook fails; else why says what is wrong. */
hr_err notify_health(notify *n, hr_why *why);

#endif
