/* ingest/presence.h - who has been heard of lately, and what gateways tell about themselves.
 *
 * Kept in memory only: after a restart the broker's retained states fill it again. */
#ifndef INGEST_PRESENCE_H
#define INGEST_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "wire/status_json.h"

#define PRESENCE_USERS_MAX 4096 /* further users are not followed; as many as the broker has */

/* A gateway tells its state every minute. One that has not been heard of for this long is not
 * online, whatever a broker that lost its memory still has of it. */
#define PRESENCE_SILENT_MS 180000

/* Threads: any. */
typedef struct presence presence;

/* The clock is borrowed. NULL when memory is short. */
presence *presence_new(const hr_clock *clock);
void presence_free(presence *p);

/* A message of that user came just now. */
void presence_heard(presence *p, const char *user);

/* Fixes that the user held no more when it was asked for them. */
void presence_lost(presence *p, const char *user, uint64_t fixes);

/* A fix of that device was refused, since it is so far ahead of our clock. */
void presence_future(presence *p, const char *user, const char *device, size_t device_size,
                     int64_t ahead_ms);

/* Its status; a retained one is as old as it says. */
void presence_told(presence *p, const char *user, const status_json *status, bool is_retained);

typedef struct presence_view {
    char user[HR_USER_ID_MAX + 1];
    bool is_online;
    bool has_status;      /* else it never told one: a phone, a tracker, a program of one's own */
    status_json status;   /* the latest; numbers outlive a will, which has none */
    int64_t last_seen_ms; /* STATUS_NO_TIME: not heard of, only of its will */
    uint64_t lost;        /* fixes missing in its sequences, since the service's start */
    int64_t ahead_ms;     /* its clock of ours; 0 until it told a status */
} presence_view;

/* False: nothing is known. */
bool presence_get(presence *p, const char *user, presence_view *out);

/* In the order in which they were first heard of. visit must not call back. */
typedef void presence_visitor(void *context, const presence_view *view);
void presence_each(presence *p, presence_visitor *visit, void *context);

/* A gateway's clock is wrong that is more than HR_FUTURE_MAX_MS ahead of ours, or that far behind:
 * what it tells may have waited on its way. */
#define PRESENCE_BEHIND_MAX_MS 600000
#define PRESENCE_FUTURE_MS 600000 /* since a fix was refused for it, a device's clock is wrong */
#define PRESENCE_TOLD_MAX 8       /* of each kind; further ones are in one sentence */

/* Which clocks are wrong, each with its reason and values; nobody's, while ours is not known to be
 * right. tell must not call back. */
typedef void presence_teller(void *context, const hr_why *why);
void presence_clocks(presence *p, presence_teller *tell, void *context);

#endif
