/* oracle_windows.c - reads the standing queries' tables and counts for itself. */
#include "oracle_windows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

#define GROUPS_MAX 4
#define VALUES_MAX 8
#define POLL_NS 100000000L
#define POLLS_PER_S 10
#define DISTINCT_EXACT 64     /* a count of different things is exact up to here */
#define DISTINCT_ERROR 0.0651 /* above: four of its standard deviations of 1.04 / 64 */
#define FOREVER_MS INT64_MAX

typedef struct query {
    const char *name;
    const char *where; /* "": all */
    const char *groups[GROUPS_MAX];
    int group_count;
    const char *values[VALUES_MAX]; /* the names of what is selected */
    bool is_distinct[VALUES_MAX];
    int value_count;
    int64_t size_ms; /* 0: running */
    int64_t every_ms;
    bool has_late;
    bool is_cut; /* the table holds the newest rows only */
} query;

typedef struct window {
    int64_t from_ms, to_ms;
} window;

static const char *text(const cJSON *json, const char *key)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
    return value != NULL ? value : "";
}

static double number(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

/* "10s", "5m", "1h", "2d"; 0: none of these. */
static int64_t duration_ms(const char *value)
{
    static const char units[] = "smhd";
    static const int64_t unit_ms[] = {1000, 60000, 3600000, 86400000};
    char *end = NULL;
    long long count = strtoll(value, &end, 10);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    return count > 0 && unit != NULL && end[1] == '\0' ? count * unit_ms[unit - units] : 0;
}

/* ---- what is asked ---- */

static bool is_counted(const char *where)
{
    return where[0] == '\0' || strncmp(where, "kind in (", 9) == 0;
}

static bool read_query(const cJSON *json, query *q)
{
    const cJSON *definition = cJSON_GetObjectItemCaseSensitive(json, "definition");
    const cJSON *window_json = cJSON_GetObjectItemCaseSensitive(definition, "window");
    const char *type = text(window_json, "type");
    const cJSON *item;
    *q = (query){.name = text(json, "name"), .where = text(definition, "where")};
    if (strcmp(text(json, "status"), "running") != 0 ||
        strcmp(text(definition, "from"), "events") != 0 || !is_counted(q->where) ||
        cJSON_HasObjectItem(definition, "join")) {
        return false;
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(definition, "group_by"))
    {
        const char *group = cJSON_GetStringValue(item);
        if (group == NULL || q->group_count == GROUPS_MAX ||
            (strcmp(group, "fence") != 0 && strcmp(group, "kind") != 0)) {
            return false;
        }
        q->groups[q->group_count++] = group;
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(definition, "select"))
    {
        const char *what = cJSON_GetStringValue(item);
        bool is_distinct = what != NULL && strcmp(what, "distinct(device)") == 0;
        if (what == NULL || q->value_count == VALUES_MAX ||
            (!is_distinct && strcmp(what, "count()") != 0)) {
            return false;
        }
        q->is_distinct[q->value_count] = is_distinct;
        q->values[q->value_count++] = item->string;
    }
    q->size_ms = duration_ms(text(window_json, "size"));
    q->every_ms =
        strcmp(type, "hopping") == 0 ? duration_ms(text(window_json, "every")) : q->size_ms;
    q->has_late = number(json, "rows_late") > 0;
    return strcmp(type, "running") == 0 || (q->size_ms > 0 && q->every_ms > 0);
}

/* ---- what the events say ---- */

static bool is_wanted(const query *q, const oracle_event *event)
{
    char quoted[sizeof event->kind + 2];
    snprintf(quoted, sizeof quoted, "'%s'", event->kind);
    return q->where[0] == '\0' || strstr(q->where, quoted) != NULL;
}

static const char *group_of(const query *q, int i, const oracle_event *event)
{
    return strcmp(q->groups[i], "fence") == 0 ? event->fence : event->kind;
}

static bool is_in(const query *q, const oracle_event *event, const window *w,
                  const char *const group[GROUPS_MAX])
{
    bool is_ours = is_wanted(q, event) && event->time_ms >= w->from_ms && event->time_ms < w->to_ms;
    for (int i = 0; is_ours && i < q->group_count; i++) {
        is_ours = strcmp(group[i], group_of(q, i, event)) == 0;
    }
    return is_ours;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* How many events, and of how many devices, a group has within a window. */
static bool count_exactly(const query *q, const oracle_events *there, const window *w,
                          const char *const group[GROUPS_MAX], size_t *count, size_t *devices)
{
    uint64_t *keys = malloc((there->count + 1) * sizeof *keys);
    if (keys == NULL) {
        return false;
    }
    *count = *devices = 0;
    for (size_t i = 0; i < there->count; i++) {
        if (is_in(q, &there->all[i], w, group)) {
            keys[(*count)++] = there->all[i].device;
        }
    }
    qsort(keys, *count, sizeof *keys, by_key);
    for (size_t i = 0; i < *count; i++) {
        *devices += i == 0 || keys[i] != keys[i - 1];
    }
    free(keys);
    return true;
}

/* ---- side by side ---- */

static void tell(oracle_verdict *v, size_t *count, const query *q, const window *w,
                 const char *const group[GROUPS_MAX], const char *what)
{
    char from[HR_TIME_TEXT_SIZE] = "the start";
    ++*count;
    if (v->stories >= ORACLE_STORIES_MAX) {
        return;
    }
    v->stories++;
    if (q->size_ms > 0) {
        hr_time_format(w->from_ms, from);
    }
    printf("query %s, window from %s, group %s%s%s: %s\n", q->name, from,
           q->group_count > 0 ? group[0] : "-", q->group_count > 1 ? "/" : "",
           q->group_count > 1 ? group[1] : "", what);
}

static bool is_right(const query *q, int value, double said, size_t exact)
{
    double error =
        q->is_distinct[value] && exact > DISTINCT_EXACT ? DISTINCT_ERROR * (double)exact : 0;
    return said <= (double)exact + error && (q->has_late || said >= (double)exact - error);
}

static bool read_row(const query *q, const cJSON *row, window *w, const char *group[GROUPS_MAX])
{
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(row, "group");
    const char *from = text(row, "from"), *to = text(row, "to");
    *w = (window){INT64_MIN, FOREVER_MS};
    for (int i = 0; i < q->group_count; i++) {
        group[i] = cJSON_GetStringValue(cJSON_GetArrayItem(names, i));
        if (group[i] == NULL) {
            return false;
        }
    }
    return q->size_ms == 0 || (hr_time_parse(from, strlen(from), &w->from_ms) == HR_OK &&
                               hr_time_parse(to, strlen(to), &w->to_ms) == HR_OK &&
                               w->to_ms - w->from_ms == q->size_ms);
}

static hr_err check_row(const query *q, const oracle_events *there, const cJSON *row,
                        oracle_verdict *v, hr_why *why)
{
    window w;
    const char *group[GROUPS_MAX] = {NULL};
    size_t count, devices;
    if (!read_row(q, row, &w, group)) {
        return hr_why_set(why, HR_INVALID, "a row of query %s cannot be read", q->name);
    }
    if (!count_exactly(q, there, &w, group, &count, &devices)) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    for (int i = 0; i < q->value_count; i++) {
        double said = number(row, q->values[i]);
        size_t exact = q->is_distinct[i] ? devices : count;
        if (!is_right(q, i, said, exact)) {
            char what[96];
            snprintf(what, sizeof what, "%s is %g, the events say %zu", q->values[i], said, exact);
            tell(v, &v->different, q, &w, group, what);
        }
    }
    return HR_OK;
}

static bool has_row(const query *q, const cJSON *rows, const window *w,
                    const char *const group[GROUPS_MAX])
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        window there;
        const char *there_group[GROUPS_MAX] = {NULL};
        bool is_it = read_row(q, row, &there, there_group) && there.from_ms == w->from_ms;
        for (int i = 0; is_it && i < q->group_count; i++) {
            is_it = strcmp(group[i], there_group[i]) == 0;
        }
        if (is_it) {
            return true;
        }
    }
    return false;
}

/* No window that an event is in lacks its row, among those that the table still keeps. */
static void check_lacking(const query *q, const oracle_events *there, const cJSON *rows,
                          oracle_verdict *v)
{
    int64_t oldest_ms = INT64_MAX;
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        window w;
        const char *group[GROUPS_MAX] = {NULL};
        if (read_row(q, row, &w, group) && w.from_ms < oldest_ms) {
            oldest_ms = w.from_ms;
        }
    }
    for (size_t i = 0; i < there->count; i++) {
        const oracle_event *event = &there->all[i];
        const char *group[GROUPS_MAX] = {NULL};
        for (int k = 0; k < q->group_count; k++) {
            group[k] = group_of(q, k, event);
        }
        window w = {INT64_MIN, FOREVER_MS};
        if (q->size_ms > 0) {
            w.from_ms = event->time_ms - event->time_ms % q->every_ms;
            w.to_ms = w.from_ms + q->size_ms;
        }
        bool is_kept = q->size_ms == 0 || w.from_ms > oldest_ms;
        if (is_wanted(q, event) && is_kept && !has_row(q, rows, &w, group)) {
            tell(v, &v->missing, q, &w, group, "there is no row");
        }
    }
}

static hr_err check_query(oracle_service *service, query *q, const oracle_events *there,
                          oracle_verdict *v, size_t *rows, hr_why *why)
{
    char path[128];
    snprintf(path, sizeof path, "/v1/queries/%s/rows", q->name);
    cJSON *answer = oracle_service_ask(service, path, why);
    if (answer == NULL) {
        return HR_IO;
    }
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(answer, "rows");
    const cJSON *row;
    hr_err err = HR_OK;
    q->is_cut = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "cut"));
    cJSON_ArrayForEach(row, list)
    {
        err = err == HR_OK ? check_row(q, there, row, v, why) : err;
        ++*rows;
    }
    if (err == HR_OK && !q->has_late && !q->is_cut) {
        check_lacking(q, there, list, v);
    }
    cJSON_Delete(answer);
    return err;
}

/* The queries once each has read every event, or what they are after wait_s. */
static cJSON *await_queries(oracle_service *service, size_t events, unsigned wait_s, hr_why *why)
{
    for (unsigned polls = 0;; polls++) {
        cJSON *list = oracle_service_ask(service, "/v1/queries", why);
        const cJSON *json;
        bool is_behind = false;
        cJSON_ArrayForEach(json, cJSON_GetObjectItemCaseSensitive(list, "queries"))
        {
            query q;
            is_behind =
                is_behind || (read_query(json, &q) && number(json, "rows_in") < (double)events);
        }
        if (list == NULL || !is_behind || polls >= wait_s * POLLS_PER_S) {
            return list;
        }
        cJSON_Delete(list);
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
}

hr_err oracle_check_windows(oracle_service *service, const oracle_events *there, unsigned wait_s,
                            oracle_verdict *verdict, size_t *rows, hr_why *why)
{
    cJSON *list = await_queries(service, there->count, wait_s, why);
    hr_err err = list != NULL ? HR_OK : HR_IO;
    const cJSON *json;
    *rows = 0;
    cJSON_ArrayForEach(json, cJSON_GetObjectItemCaseSensitive(list, "queries"))
    {
        query q;
        if (err == HR_OK && read_query(json, &q)) {
            err = check_query(service, &q, there, verdict, rows, why);
        }
    }
    cJSON_Delete(list);
    return err;
}
