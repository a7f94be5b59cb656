/* notify/notify.h - events out: to the MQTT broker and to webhooks.
 *
 * Each sink is a consumer group of its own over the committed events: a crash may repeat an event,
 * with the same id, and loses none; a slow sink delays no other. A new sink begins with what
 * happens from now on. Late events are told to nobody here: they are no news. */
#ifndef NOTIFY_NOTIFY_H
#define NOTIFY_NOTIFY_H

#include "base/clock.h"
#include "base/err.h"
#include "base/metrics.h"
#include "log/log.h"

#define NOTIFY_INFLIGHT_MAX 100 /* messages sent to the broker and not answered yet */

/* Threads: every function from any thread. */
typedef struct notify notify;

typedef struct notify_options {
    log_store *log; /* borrowed */
    const hr_clock *clock;
    hr_metrics *metrics; /* borrowed; may be NULL */

    const char *addresses; /* as in ingest_options */
    const char *client_id; /* NULL: "hedgerow-notify" */
    const char *user;
    const char *password;
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
} notify_options;

/* Publish every event to hedgerow/v1/event/<fence or ->/<kind> with QoS 1, and enter and exit of
 * OwnTracks devices (id "user.device") as a transition to owntracks/<user>/<device>/event. */
HR_MUST_USE hr_err notify_start(const notify_options *options, notify **out, hr_why *why);

/* What was sent and not yet answered is sent again by the next start. NULL is fine. */
void notify_stop(notify *n);

/* HR_OK while the broker is connected; else why says what is wrong. */
hr_err notify_health(notify *n, hr_why *why);

#endif
