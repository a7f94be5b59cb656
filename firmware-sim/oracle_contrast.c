/* oracle_contrast.c - compares two events member by member, and puts the difference in words. */
#include "oracle_contrast.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define CROSSING_UNITS 1 /* TRACKER.md, last line */
#define CROSSING_MS 1

static bool texts_differ(oracle_contrast *c, const char *what, const char *demanded,
                         const char *there)
{
    c->what = what;
    snprintf(c->demanded, sizeof c->demanded, "\"%s\"", demanded);
    snprintf(c->there, sizeof c->there, "\"%s\"", there);
    return strcmp(demanded, there) != 0;
}

static bool numbers_differ(oracle_contrast *c, const char *what, uint64_t demanded, uint64_t there)
{
    c->what = what;
    snprintf(c->demanded, sizeof c->demanded, "%" PRIu64, demanded);
    snprintf(c->there, sizeof c->there, "%" PRIu64, there);
    return demanded != there;
}

static bool times_differ(oracle_contrast *c, const char *what, int64_t demanded_ms,
                         int64_t there_ms)
{
    c->what = what;
    hr_time_format(demanded_ms, c->demanded);
    hr_time_format(there_ms, c->there);
    return demanded_ms != there_ms;
}

static bool is_close(int64_t a, int64_t b, int64_t tolerance)
{
    return (a > b ? a - b : b - a) <= tolerance;
}

static bool is_close_place(oracle_place a, oracle_place b, int64_t tolerance)
{
    return is_close(a.lon_e7, b.lon_e7, tolerance) && is_close(a.lat_e7, b.lat_e7, tolerance);
}

static void say_place(char text[ORACLE_SIDE_SIZE], bool is_there, oracle_place at, int64_t time_ms)
{
    char time[HR_TIME_TEXT_SIZE] = "";
    if (!is_there) {
        snprintf(text, ORACLE_SIDE_SIZE, "none");
        return;
    }
    if (time_ms != 0) {
        hr_time_format(time_ms, time);
    }
    snprintf(text, ORACLE_SIDE_SIZE, "%.7f %.7f%s%s", at.lon_e7 / 1e7, at.lat_e7 / 1e7,
             time_ms != 0 ? " at " : "", time);
}

static bool places_differ(oracle_contrast *c, const oracle_event *demanded,
                          const oracle_event *there)
{
    c->what = "place";
    say_place(c->demanded, demanded->has_place, demanded->place, 0);
    say_place(c->there, there->has_place, there->place, 0);
    return demanded->has_place != there->has_place ||
           (demanded->has_place && !is_close_place(demanded->place, there->place, 0));
}

static bool crossings_differ(oracle_contrast *c, const oracle_event *demanded,
                             const oracle_event *there)
{
    c->what = "crossing";
    say_place(c->demanded, demanded->has_crossing, demanded->crossing, demanded->crossing_ms);
    say_place(c->there, there->has_crossing, there->crossing, there->crossing_ms);
    return demanded->has_crossing != there->has_crossing ||
           (demanded->has_crossing &&
            (!is_close_place(demanded->crossing, there->crossing, CROSSING_UNITS) ||
             !is_close(demanded->crossing_ms, there->crossing_ms, CROSSING_MS)));
}

bool oracle_contrast_find(const oracle_event *demanded, const oracle_event *there,
                          oracle_contrast *c)
{
    const oracle_event *d = demanded, *t = there;
    return texts_differ(c, "kind", d->kind, t->kind) ||
           texts_differ(c, "fence", d->fence, t->fence) ||
           texts_differ(c, "fence_name", d->fence_name, t->fence_name) ||
           numbers_differ(c, "device (its key)", d->device, t->device) ||
           times_differ(c, "time", d->time_ms, t->time_ms) ||
           texts_differ(c, "cause", d->cause, t->cause) ||
           texts_differ(c, "severity", d->severity, t->severity) ||
           numbers_differ(c, "late", d->late, t->late) || places_differ(c, d, t) ||
           crossings_differ(c, d, t) ||
           numbers_differ(c, "source.partition", d->partition, t->partition) ||
           numbers_differ(c, "source.offset", (uint64_t)d->offset, (uint64_t)t->offset) ||
           numbers_differ(c, "source.index", d->index, t->index) ||
           times_differ(c, "received", d->received_ms, t->received_ms) ||
           texts_differ(c, "id", d->id, t->id);
}
