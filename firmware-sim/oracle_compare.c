/* oracle_compare.c - two sorted lists side by side. */
#include "oracle_compare.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define CROSSING_UNITS 1 /* TRACKER.md, last line */
#define CROSSING_MS 1

/* One more case; the first ones are told. */
__attribute__((format(printf, 3, 4))) static void story(oracle_verdict *v, size_t *count,
                                                        const char *format, ...)
{
    ++*count;
    if (v->stories >= ORACLE_STORIES_MAX) {
        return;
    }
    v->stories++;
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

/* ---- fixes ---- */

static int by_content(const void *a, const void *b)
{
    const oracle_fix *x = a, *y = b;
    if (x->device != y->device) {
        return x->device < y->device ? -1 : 1;
    }
    if (x->time_ms != y->time_ms) {
        return x->time_ms < y->time_ms ? -1 : 1;
    }
    if (x->place.lon_e7 != y->place.lon_e7) {
        return x->place.lon_e7 < y->place.lon_e7 ? -1 : 1;
    }
    if (x->place.lat_e7 != y->place.lat_e7) {
        return x->place.lat_e7 < y->place.lat_e7 ? -1 : 1;
    }
    return (int)x->accuracy_dm - (int)y->accuracy_dm;
}

static int by_turn(const void *a, const void *b)
{
    const oracle_fix *x = a, *y = b;
    if (x->device != y->device) {
        return x->device < y->device ? -1 : 1;
    }
    return (x->order > y->order) - (x->order < y->order);
}

static void fix_story(oracle_verdict *v, size_t *count, const char *what, const oracle_fix *fix,
                      oracle_name *name, void *context)
{
    char time[HR_TIME_TEXT_SIZE];
    hr_time_format(fix->time_ms, time);
    story(v, count, "%s: the fix of %s at %s, %.7f %.7f, number %zu of its list", what,
          name(context, fix->device), time, fix->place.lon_e7 / 1e7, fix->place.lat_e7 / 1e7,
          fix->order);
}

static void drop_repeats(oracle_fixes *fixes)
{
    size_t kept = 0;
    for (size_t i = 0; i < fixes->count; i++) {
        if (kept == 0 || by_content(&fixes->all[kept - 1], &fixes->all[i]) != 0) {
            fixes->all[kept++] = fixes->all[i];
        }
    }
    fixes->count = kept;
}

static void compare_order(const oracle_fixes *sent, const oracle_fixes *logged, oracle_name *name,
                          void *context, oracle_verdict *v)
{
    qsort(sent->all, sent->count, sizeof sent->all[0], by_turn);
    qsort(logged->all, logged->count, sizeof logged->all[0], by_turn);
    for (size_t i = 0; i < sent->count && i < logged->count; i++) {
        if (by_content(&sent->all[i], &logged->all[i]) != 0) {
            fix_story(v, &v->out_of_order, "out of order", &sent->all[i], name, context);
        }
    }
}

void oracle_compare_fixes(oracle_fixes *sent, oracle_fixes *logged, bool has_sequences,
                          oracle_name *name, void *context, oracle_verdict *v)
{
    if (sent->count > 0) {
        qsort(sent->all, sent->count, sizeof sent->all[0], by_content);
    }
    if (logged->count > 0) {
        qsort(logged->all, logged->count, sizeof logged->all[0], by_content);
    }
    if (!has_sequences) {
        drop_repeats(sent);
        drop_repeats(logged);
    }
    size_t s = 0, l = 0;
    while (s < sent->count || l < logged->count) {
        int order = s == sent->count     ? 1
                    : l == logged->count ? -1
                                         : by_content(&sent->all[s], &logged->all[l]);
        if (order < 0) {
            fix_story(v, &v->missing, "missing in the log", &sent->all[s++], name, context);
        } else if (order == 0) {
            s++;
            l++;
        } else {
            bool is_repeat = l > 0 && by_content(&logged->all[l - 1], &logged->all[l]) == 0;
            fix_story(v, is_repeat ? &v->repeated : &v->extra,
                      is_repeat ? "twice in the log" : "in the log, but never sent",
                      &logged->all[l], name, context);
            l++;
        }
    }
    if (has_sequences && sent->count > 0 && v->missing + v->extra + v->repeated == 0) {
        compare_order(sent, logged, name, context, v);
    }
}

/* ---- events ---- */

static int by_source(const void *a, const void *b)
{
    const oracle_event *x = a, *y = b;
    if (x->partition != y->partition) {
        return x->partition < y->partition ? -1 : 1;
    }
    if (x->offset != y->offset) {
        return x->offset < y->offset ? -1 : 1;
    }
    return strcmp(x->id, y->id);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const oracle_event *)a)->id, ((const oracle_event *)b)->id);
}

static void event_story(oracle_verdict *v, size_t *count, const char *what, const oracle_event *e,
                        oracle_name *name, void *context)
{
    char time[HR_TIME_TEXT_SIZE];
    hr_time_format(e->time_ms, time);
    story(v, count,
          "%s: %s of %s, fence %s, at %s, by %s; record %" PRId64
          " of partition %u, event %u of it",
          what, e->kind, name(context, e->device), e->fence, time, e->cause, e->offset,
          e->partition, e->index);
}

static bool is_close(int64_t a, int64_t b, int64_t tolerance)
{
    return (a > b ? a - b : b - a) <= tolerance;
}

static bool same_place(oracle_place a, oracle_place b, int64_t tolerance)
{
    return is_close(a.lon_e7, b.lon_e7, tolerance) && is_close(a.lat_e7, b.lat_e7, tolerance);
}

/* The first member that differs; NULL if none does. */
static const char *difference(const oracle_event *a, const oracle_event *b)
{
    if (a->index != b->index) {
        return "source.index";
    }
    if (strcmp(a->severity, b->severity) != 0) {
        return "severity";
    }
    if (strcmp(a->cause, b->cause) != 0) {
        return "cause";
    }
    if (a->late != b->late) {
        return "late";
    }
    if (a->has_place != b->has_place || (a->has_place && !same_place(a->place, b->place, 0))) {
        return "the place";
    }
    if (a->has_crossing != b->has_crossing) {
        return a->has_crossing ? "crossing, which should not be null"
                               : "crossing, which should be null";
    }
    if (a->has_crossing && (!same_place(a->crossing, b->crossing, CROSSING_UNITS) ||
                            !is_close(a->crossing_ms, b->crossing_ms, CROSSING_MS))) {
        return "crossing";
    }
    return NULL;
}

static void compare_pair(const oracle_event *demanded, const oracle_event *there, oracle_name *name,
                         void *context, oracle_verdict *v)
{
    const char *what = difference(demanded, there);
    if (what == NULL) {
        return;
    }
    event_story(v, &v->different, "different", demanded, name, context);
    if (v->stories < ORACLE_STORIES_MAX) {
        printf("    in %s: demanded %u %s %s %d %d crossing %d %d %" PRId64
               ", there is %u %s %s %d %d crossing %d %d %" PRId64 "\n",
               what, demanded->index, demanded->severity, demanded->cause, demanded->place.lon_e7,
               demanded->place.lat_e7, demanded->crossing.lon_e7, demanded->crossing.lat_e7,
               demanded->crossing_ms, there->index, there->severity, there->cause,
               there->place.lon_e7, there->place.lat_e7, there->crossing.lon_e7,
               there->crossing.lat_e7, there->crossing_ms);
    }
}

/* Events of one partition stand in the topic in the order of their sources. */
static void check_order(const oracle_events *there, oracle_name *name, void *context,
                        oracle_verdict *v)
{
    const oracle_event *last[HR_PARTITIONS_MAX] = {NULL};
    for (size_t i = 0; i < there->count; i++) {
        const oracle_event *e = &there->all[i];
        const oracle_event *before = e->partition < HR_PARTITIONS_MAX ? last[e->partition] : e;
        if (before != NULL && (before->offset > e->offset ||
                               (before->offset == e->offset && before->index >= e->index))) {
            event_story(v, &v->out_of_order, "out of order", e, name, context);
        }
        if (e->partition < HR_PARTITIONS_MAX) {
            last[e->partition] = e;
        }
    }
}

static void sort(oracle_events *events, int (*order)(const void *, const void *))
{
    if (events->count > 0) {
        qsort(events->all, events->count, sizeof events->all[0], order);
    }
}

void oracle_compare_events(oracle_events *demanded, oracle_events *there, oracle_name *name,
                           void *context, oracle_verdict *v)
{
    check_order(there, name, context, v);
    sort(demanded, by_source);
    sort(there, by_source);
    size_t d = 0, t = 0;
    while (d < demanded->count || t < there->count) {
        int order = d == demanded->count ? 1
                    : t == there->count  ? -1
                                         : by_source(&demanded->all[d], &there->all[t]);
        if (order < 0) {
            event_story(v, &v->missing, "missing", &demanded->all[d++], name, context);
        } else if (order == 0) {
            compare_pair(&demanded->all[d++], &there->all[t++], name, context, v);
        } else {
            bool is_repeat = t > 0 && by_source(&there->all[t - 1], &there->all[t]) == 0;
            event_story(v, is_repeat ? &v->repeated : &v->extra, is_repeat ? "twice" : "extra",
                        &there->all[t], name, context);
            t++;
        }
    }
}

void oracle_compare_copy(const char *path, oracle_events *there, oracle_events *received,
                         bool may_lack_late, oracle_verdict *v)
{
    sort(there, by_id);
    sort(received, by_id);
    size_t t = 0, r = 0;
    while (t < there->count || r < received->count) {
        int order = t == there->count      ? 1
                    : r == received->count ? -1
                                           : by_id(&there->all[t], &received->all[r]);
        if (order < 0) {
            if (!may_lack_late || !there->all[t].late) {
                story(v, &v->missing, "%s: never received: %s", path, there->all[t].id);
            }
            t++;
            continue;
        }
        if (order > 0) {
            story(v, &v->extra, "%s: received, but not in the log: %s", path, received->all[r].id);
        } else {
            const char *what = difference(&there->all[t], &received->all[r]);
            if (what != NULL) {
                story(v, &v->different, "%s: received with another %s: %s", path, what,
                      received->all[r].id);
            }
            t++;
        }
        r++;
        while (r < received->count && by_id(&received->all[r - 1], &received->all[r]) == 0) {
            r++;
        }
    }
}
