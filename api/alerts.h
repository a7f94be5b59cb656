/* api/alerts.h - the events that somebody must look at, and whether somebody has. */
#ifndef API_ALERTS_H
#define API_ALERTS_H

#include "base/clock.h"
#include "base/event.h"
#include "log/log.h"

#define ALERTS_MAX 2000 /* the newest; older ones are in `GET /v1/events` */

typedef struct alert {
    int64_t offset;
    hr_event event;
    int64_t acked_ms; /* 0: not yet */
    char acked_by[HR_USER_ID_MAX + 1];
} alert;

struct engine_history;

/* Follows the `events` topic whenever it is asked something: nothing is kept beside the log and the
 * history, where the first question begins.
 * Threads: any; each call may read the log, so not on the service thread. */
typedef struct alerts alerts;

/* history may be NULL; both outlive the alerts. NULL when memory is short. */
alerts *alerts_new(log_store *log, struct engine_history *history);
void alerts_free(alerts *alerts);

typedef struct alert_choice {
    bool all;       /* false: only those not acknowledged */
    uint32_t limit; /* how many at most */
    int64_t before; /* offsets below it */
} alert_choice;

/* Newest first. *open_count gets how many of all those kept are not acknowledged. Late events are
 * shown in the log but are no alerts. */
typedef void alert_visitor(const alert *alert, void *context);
HR_MUST_USE hr_err alerts_each(alerts *alerts, const alert_choice *choice, alert_visitor *visit,
                               void *context, uint32_t *open_count, hr_why *why);

/* The alert of an offset. HR_NOT_FOUND: none, or no longer among the newest. */
HR_MUST_USE hr_err alerts_find(alerts *alerts, int64_t offset, alert *found, hr_why *why);

/* Between the two nobody else acknowledges: who finds that nobody has is the first. Over the disk's
 * work, and before any other lock. */
void alerts_begin_ack(alerts *alerts);
void alerts_end_ack(alerts *alerts);

#endif
