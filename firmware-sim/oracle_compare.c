/* oracle_compare.c - two sorted lists side by side. */
#include "oracle_compare.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "oracle_contrast.h"

void oracle_story(oracle_verdict *v, size_t *count, const char *format, ...)
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

/* By device and time first; 0: the same fix, in all of its details. */
static int by_content(const void *a, const void *b)
{
    const hr_fix *x = &((const oracle_fix *)a)->fix, *y = &((const oracle_fix *)b)->fix;
    if (x->device != y->device) {
        return x->device < y->device ? -1 : 1;
    }
    if (x->time_ms != y->time_ms) {
        return x->time_ms < y->time_ms ? -1 : 1;
    }
    const int32_t pairs[][2] = {
        {x->lon_e7, y->lon_e7},
        {x->lat_e7, y->lat_e7},
        {x->accuracy_dm, y->accuracy_dm},
        {x->speed_cm_s, y->speed_cm_s},
        {x->heading_cdeg, y->heading_cdeg},
        {x->battery_pct, y->battery_pct},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i][0] != pairs[i][1]) {
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static int by_turn(const void *a, const void *b)
{
    const oracle_fix *x = a, *y = b;
    if (x->fix.device != y->fix.device) {
        return x->fix.device < y->fix.device ? -1 : 1;
    }
    return (x->order > y->order) - (x->order < y->order);
}

/* ", 6.9 m accurate" and the like, as far as the sender said. */
static void say_details(const hr_fix *fix, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    if (fix->accuracy_dm != HR_FIX_U16_UNKNOWN) {
        used = (size_t)snprintf(text, size, ", %.1f m accurate", fix->accuracy_dm / 10.0);
    }
    if (fix->speed_cm_s != HR_FIX_U16_UNKNOWN) {
        used += (size_t)snprintf(text + used, size - used, ", %.2f m/s", fix->speed_cm_s / 100.0);
    }
    if (fix->heading_cdeg != HR_FIX_U16_UNKNOWN) {
        used += (size_t)snprintf(text + used, size - used, " to %.2f degrees",
                                 fix->heading_cdeg / 100.0);
    }
    if (fix->battery_pct != HR_FIX_U8_UNKNOWN) {
        (void)snprintf(text + used, size - used, ", battery %u %%", fix->battery_pct);
    }
}

static void fix_story(oracle_verdict *v, size_t *count, const char *what, const oracle_fix *one,
                      oracle_name *name, void *context)
{
    char time[HR_TIME_TEXT_SIZE], details[128];
    const hr_fix *fix = &one->fix;
    hr_time_format(fix->time_ms, time);
    say_details(fix, details, sizeof details);
    oracle_story(v, count, "%s: the fix of %s at %s, %.7f %.7f%s; number %zu of its list", what,
                 name(context, fix->device), time, fix->lon_e7 / 1e7, fix->lat_e7 / 1e7, details,
                 one->order + 1);
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

static void event_story(oracle_verdict *v, size_t *count, const char *what, const oracle_event *e,
                        oracle_name *name, void *context)
{
    char time[HR_TIME_TEXT_SIZE];
    hr_time_format(e->time_ms, time);
    oracle_story(v, count,
                 "%s: %s of %s, fence %s, at %s, by %s; record %" PRId64
                 " of partition %u, event %u of it",
                 what, e->kind, name(context, e->device), e->fence, time, e->cause, e->offset,
                 e->partition, e->index);
}

static void compare_pair(const oracle_event *demanded, const oracle_event *there, oracle_name *name,
                         void *context, oracle_verdict *v)
{
    oracle_contrast c;
    if (!oracle_contrast_find(demanded, there, &c)) {
        return;
    }
    event_story(v, &v->different, "different", demanded, name, context);
    if (v->stories < ORACLE_STORIES_MAX) {
        printf("    its %s: demanded %s, there is %s\n", c.what, c.demanded, c.there);
    }
}

/* One event of one record, told with another id: rather that than one missing and one extra. */
static bool is_same_matter(const oracle_event *a, const oracle_event *b)
{
    return a->partition == b->partition && a->offset == b->offset && a->index == b->index &&
           strcmp(a->kind, b->kind) == 0 && strcmp(a->fence, b->fence) == 0 &&
           a->device == b->device;
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
            if (v->stories < ORACLE_STORIES_MAX) {
                printf("    it stands after event %u of record %" PRId64 "\n", before->index,
                       before->offset);
            }
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
        if (order != 0 && d < demanded->count && t < there->count &&
            is_same_matter(&demanded->all[d], &there->all[t])) {
            order = 0;
        }
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

/* ---- copies ---- */

static int by_id_and_order(const void *a, const void *b)
{
    const oracle_event *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

/* Where an event came in a copy, and where it stands in the topic. */
typedef struct arrival {
    size_t came;
    size_t stands;
    const char *id;
} arrival;

static int by_coming(const void *a, const void *b)
{
    const arrival *x = a, *y = b;
    return (x->came > y->came) - (x->came < y->came);
}

/* What comes for the first time comes in the order of the topic. */
static void compare_arrivals(const char *path, arrival *arrivals, size_t count, oracle_verdict *v)
{
    if (count > 0) {
        qsort(arrivals, count, sizeof *arrivals, by_coming);
    }
    for (size_t i = 1; i < count; i++) {
        if (arrivals[i].stands < arrivals[i - 1].stands) {
            oracle_story(v, &v->out_of_order,
                         "%s: out of order: %s came after %s, which follows it", path,
                         arrivals[i].id, arrivals[i - 1].id);
        }
    }
}

static void compare_received(const char *path, const oracle_event *there,
                             const oracle_event *received, oracle_verdict *v)
{
    oracle_contrast c;
    if (oracle_contrast_find(there, received, &c)) {
        oracle_story(v, &v->different, "%s: received with another %s, %s instead of %s: %s", path,
                     c.what, c.there, c.demanded, received->id);
    }
}

hr_err oracle_compare_copy(const char *path, oracle_events *there, oracle_events *received,
                           bool may_lack_late, oracle_verdict *v)
{
    arrival *arrivals = calloc(received->count + 1, sizeof *arrivals);
    if (arrivals == NULL) {
        return HR_NO_MEMORY;
    }
    sort(there, by_id_and_order);
    sort(received, by_id_and_order);
    size_t t = 0, r = 0, count = 0;
    while (t < there->count || r < received->count) {
        const oracle_event *stands = t < there->count ? &there->all[t] : NULL;
        const oracle_event *came = r < received->count ? &received->all[r] : NULL;
        int order = stands == NULL ? 1 : came == NULL ? -1 : strcmp(stands->id, came->id);
        if (order < 0 && (!may_lack_late || !stands->late)) {
            oracle_story(v, &v->missing, "%s: never received: %s", path, stands->id);
        } else if (order > 0) {
            oracle_story(v, &v->extra, "%s: received, but not in the log: %s", path, came->id);
        } else if (order == 0) {
            compare_received(path, stands, came, v);
            arrivals[count++] = (arrival){came->order, stands->order, came->id};
        }
        t += order <= 0;
        for (r += order >= 0;
             order >= 0 && r < received->count && strcmp(came->id, received->all[r].id) == 0;) {
            r++; /* told again */
        }
    }
    compare_arrivals(path, arrivals, count, v);
    free(arrivals);
    return HR_OK;
}
