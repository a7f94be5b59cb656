/* geo/schedule.c - weekly times into intervals of UTC. */
#include "geo/schedule.h"

#include <stdbool.h>
#include <stdlib.h>

#include "geo/schedule_zone.h"

#define DAY_S 86400
#define SPAN_DAYS_MAX 40000

static geo_err check(const geo_weekly *weekly, geo_interval span, geo_why *why)
{
    if (weekly->count > GEO_WEEKLY_MAX) {
        return geo_why_set(why, GEO_TOO_BIG, "more than %d times in a week", GEO_WEEKLY_MAX);
    }
    for (uint32_t i = 0; i < weekly->count; i++) {
        const geo_weekly_time *time = &weekly->times[i];
        if (time->from_min >= GEO_DAY_MINUTES || time->to_min > GEO_DAY_MINUTES ||
            time->days >= 1u << 7) {
            return geo_why_set(why, GEO_INVALID, "time %u of the week is not a time", (unsigned)i);
        }
    }
    if (span.from_ms >= span.to_ms || (span.to_ms - span.from_ms) / 1000 / DAY_S > SPAN_DAYS_MAX) {
        return geo_why_set(why, GEO_TOO_BIG, "schedules are resolved for at most %d days",
                           SPAN_DAYS_MAX);
    }
    return GEO_OK;
}

static int64_t floor_day(int64_t time_ms)
{
    int64_t seconds = time_ms / 1000 - (time_ms % 1000 < 0);
    return seconds / DAY_S - (seconds % DAY_S < 0);
}

/* The interval of a weekly time that begins on a day (days since 1970 by the local calendar). */
static geo_interval interval_on(const geo_zone *zone, const geo_weekly_time *time, int64_t day)
{
    int64_t unused;
    int64_t from_s;
    int64_t to_s;
    int64_t to_day = time->to_min <= time->from_min ? day + 1 : day;
    geo_zone_instants(zone, day * DAY_S + time->from_min * 60, &from_s, &unused);
    geo_zone_instants(zone, to_day * DAY_S + time->to_min * 60, &unused, &to_s);
    return (geo_interval){from_s * 1000, to_s * 1000};
}

static int compare_intervals(const void *a, const void *b)
{
    const geo_interval *x = a;
    const geo_interval *y = b;
    return x->from_ms < y->from_ms ? -1 : x->from_ms > y->from_ms;
}

/* Sorted, and those that touch or overlap made one. Returns how many are left. */
static size_t merge(geo_interval *intervals, size_t count)
{
    size_t kept = 0;
    qsort(intervals, count, sizeof *intervals, compare_intervals);
    for (size_t i = 0; i < count; i++) {
        geo_interval *last = kept > 0 ? &intervals[kept - 1] : NULL;
        if (last == NULL || intervals[i].from_ms > last->to_ms) {
            intervals[kept++] = intervals[i];
        } else if (intervals[i].to_ms > last->to_ms) {
            last->to_ms = intervals[i].to_ms;
        }
    }
    return kept;
}

static size_t collect(const geo_weekly *weekly, const geo_zone *zone, geo_interval span,
                      geo_interval *out)
{
    size_t count = 0;
    /* A day and more to either side: the zone is up to a day away, a time may last over midnight.
     */
    int64_t last_day = floor_day(span.to_ms) + 2;
    for (int64_t day = floor_day(span.from_ms) - 3; day <= last_day; day++) {
        int64_t weekday = ((day + 3) % 7 + 7) % 7; /* 0 is Monday; 1970-01-01 was a Thursday */
        for (uint32_t i = 0; i < weekly->count; i++) {
            if ((weekly->times[i].days >> weekday & 1) == 0) {
                continue;
            }
            geo_interval interval = interval_on(zone, &weekly->times[i], day);
            if (interval.from_ms < interval.to_ms) {
                out[count++] = interval;
            }
        }
    }
    return count;
}

geo_err geo_schedule_resolve(const geo_weekly *weekly, geo_interval span, const char *zoneinfo,
                             geo_interval **on, uint32_t *on_count, geo_why *why)
{
    geo_zone *zone = NULL;
    geo_err err = check(weekly, span, why);
    if (err != GEO_OK) {
        return err;
    }
    err = geo_zone_open(zoneinfo, weekly->tz, &zone);
    if (err != GEO_OK) {
        return geo_why_set(why, err == GEO_NO_MEMORY ? err : GEO_NOT_FOUND,
                           "no time zone \"%s\" in %s", weekly->tz,
                           zoneinfo == NULL ? GEO_ZONEINFO_DEFAULT : zoneinfo);
    }
    size_t days = (size_t)(floor_day(span.to_ms) - floor_day(span.from_ms)) + 8;
    geo_interval *intervals = malloc((days * weekly->count + 1) * sizeof *intervals);
    if (intervals == NULL) {
        geo_zone_free(zone);
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    size_t count = merge(intervals, collect(weekly, zone, span, intervals));
    geo_zone_free(zone);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (intervals[i].to_ms > span.from_ms && intervals[i].from_ms < span.to_ms) {
            intervals[kept++] = intervals[i];
        }
    }
    if (kept > GEO_FENCE_INTERVALS_MAX) {
        free(intervals);
        return geo_why_set(why, GEO_TOO_BIG, "the schedule has more than %d intervals",
                           GEO_FENCE_INTERVALS_MAX);
    }
    *on = intervals;
    *on_count = (uint32_t)kept;
    return GEO_OK;
}
