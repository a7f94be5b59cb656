/* geo/schedule.h - weekly times in a time zone, resolved to instants in UTC. */
#ifndef GEO_SCHEDULE_H
#define GEO_SCHEDULE_H

#include <stdint.h>

#include "geo/err.h"
#include "geo/rules_fence.h"

#define GEO_WEEKLY_MAX 64
#define GEO_TZ_NAME_MAX 64
#define GEO_DAY_MINUTES 1440

/* On from from_min to to_min after midnight of each of the days; to_min <= from_min ends the next
 * day. Bit 0 of days is Monday. */
typedef struct geo_weekly_time {
    uint8_t days;
    uint16_t from_min; /* below GEO_DAY_MINUTES */
    uint16_t to_min;   /* at most GEO_DAY_MINUTES */
} geo_weekly_time;

typedef struct geo_weekly {
    char tz[GEO_TZ_NAME_MAX + 1]; /* "Europe/Stockholm" */
    uint32_t count;
    geo_weekly_time times[GEO_WEEKLY_MAX];
} geo_weekly;

/* The intervals of the schedule that overlap the span, whole, in order, those that touch or overlap
 * made one. A time that the clock skips in spring is the instant of the skip; one that it shows
 * twice in autumn is its first for "from" and its second for "to". An interval that this leaves
 * empty is dropped. *on is to be freed with free().
 * GEO_NOT_FOUND: no such time zone in zoneinfo (NULL: the system's). GEO_INVALID: not a schedule.
 * GEO_TOO_BIG: more than GEO_FENCE_INTERVALS_MAX intervals. */
GEO_MUST_USE geo_err geo_schedule_resolve(const geo_weekly *weekly, geo_interval span,
                                          const char *zoneinfo, geo_interval **on,
                                          uint32_t *on_count, geo_why *why);

#endif
