/* oracle_windows.c - reads the standing queries' tables and counts for itself. */
#include "oracle_windows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "oracle_json.h"
#include "oracle_readings.h"
#include "oracle_stays.h"

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
    /* Events that came too late are in no window: so many may lack, for each value. */
    double late_left[VALUES_MAX];
    bool is_cut; /* the table holds the newest rows only */
} query;

typedef struct window {
    int64_t from_ms, to_ms;
} window;

/* A row of a query's table. */
typedef struct row {
    window window;
    const char *group[GROUPS_MAX];
    const cJSON *values;
} row;

/* ---- what is asked ---- */

static bool is_counted(const char *where)
{
    return where[0] == '\0' || strncmp(where, "kind in (", 9) == 0;
}

static bool read_query(const cJSON *json, query *q)
{
    const cJSON *definition = cJSON_GetObjectItemCaseSensitive(json, "definition");
    const cJSON *window_json = cJSON_GetObjectItemCaseSensitive(definition, "window");
    const char *type = oracle_json_text(window_json, "type");
    const cJSON *item;
    *q = (query){.name = oracle_json_text(json, "name"),
                 .where = oracle_json_text(definition, "where")};
    if (strcmp(oracle_json_text(json, "status"), "running") != 0 ||
        strcmp(oracle_json_text(definition, "from"), "events") != 0 || !is_counted(q->where) ||
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
    q->size_ms = oracle_json_duration_ms(window_json, "size");
    q->every_ms =
        strcmp(type, "hopping") == 0 ? oracle_json_duration_ms(window_json, "every") : q->size_ms;
    for (int i = 0; i < q->value_count && q->every_ms > 0; i++) {
        q->late_left[i] =
            oracle_json_number(json, "rows_late") * (double)(q->size_ms / q->every_ms);
    }
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
    if (q->size_ms > 0) {
        hr_time_format(w->from_ms, from);
    }
    oracle_story(v, count, "query %s, window from %s, group %s%s%s: %s", q->name, from,
                 q->group_count > 0 ? group[0] : "-", q->group_count > 1 ? "/" : "",
                 q->group_count > 1 ? group[1] : "", what);
}

/* Counts are exact but for what was late, which lacks in one window after the other. */
static bool is_right(query *q, int value, double said, size_t exact)
{
    double error =
        q->is_distinct[value] && exact > DISTINCT_EXACT ? DISTINCT_ERROR * (double)exact : 0;
    double lacking = (double)exact - error - said;
    if (lacking > 0 && lacking <= q->late_left[value]) {
        q->late_left[value] -= lacking;
        return true;
    }
    return lacking <= 0 && said <= (double)exact + error;
}

static bool read_row(const query *q, const cJSON *json, row *out)
{
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(json, "group");
    window *w = &out->window;
    *out = (row){.window = {INT64_MIN, FOREVER_MS}, .values = json};
    for (int i = 0; i < q->group_count; i++) {
        out->group[i] = cJSON_GetStringValue(cJSON_GetArrayItem(names, i));
        if (out->group[i] == NULL) {
            return false;
        }
    }
    return q->size_ms == 0 ||
           (oracle_json_time(json, "from", &w->from_ms) &&
            oracle_json_time(json, "to", &w->to_ms) && w->to_ms - w->from_ms == q->size_ms);
}

static hr_err check_row(query *q, const oracle_events *there, const row *said, oracle_verdict *v)
{
    size_t count, devices;
    if (!count_exactly(q, there, &said->window, said->group, &count, &devices)) {
        return HR_NO_MEMORY;
    }
    for (int i = 0; i < q->value_count; i++) {
        double value = oracle_json_number(said->values, q->values[i]);
        size_t exact = q->is_distinct[i] ? devices : count;
        if (!is_right(q, i, value, exact)) {
            char what[96];
            snprintf(what, sizeof what, "%s is %g, the events say %zu", q->values[i], value, exact);
            tell(v, &v->different, q, &said->window, said->group, what);
        }
    }
    return HR_OK;
}

static bool is_same_row(const query *q, const row *a, const row *b)
{
    bool is_same = a->window.from_ms == b->window.from_ms;
    for (int i = 0; is_same && i < q->group_count; i++) {
        is_same = strcmp(a->group[i], b->group[i]) == 0;
    }
    return is_same;
}

static size_t times_there(const query *q, const row *rows, size_t count, const row *wanted)
{
    size_t times = 0;
    for (size_t i = 0; i < count; i++) {
        times += is_same_row(q, &rows[i], wanted);
    }
    return times;
}

/* A row that lacks is told once, at the first event that should be in it. */
static bool is_first_in(const query *q, const oracle_events *there, size_t event, const row *wanted)
{
    size_t i = 0;
    while (i < event && !is_in(q, &there->all[i], &wanted->window, wanted->group)) {
        i++;
    }
    return i == event;
}

/* An event is in every window whose row the table still keeps. */
static void check_event(query *q, const oracle_events *there, size_t index, const row *rows,
                        size_t count, int64_t oldest_ms, oracle_verdict *v)
{
    const oracle_event *event = &there->all[index];
    row wanted = {.window = {INT64_MIN, FOREVER_MS}};
    for (int k = 0; k < q->group_count; k++) {
        wanted.group[k] = group_of(q, k, event);
    }
    int64_t newest_ms = q->size_ms > 0 ? event->time_ms - event->time_ms % q->every_ms : 0;
    int64_t end_ms = q->size_ms > 0 ? event->time_ms - q->size_ms : -1;
    for (int64_t from_ms = newest_ms; from_ms > end_ms; from_ms -= q->every_ms) {
        if (q->size_ms > 0) {
            wanted.window = (window){from_ms, from_ms + q->size_ms};
        }
        bool is_kept = q->size_ms == 0 || from_ms > oldest_ms;
        if (is_kept && times_there(q, rows, count, &wanted) == 0) {
            if (q->late_left[0] >= 1) {
                q->late_left[0]--;
            } else if (is_first_in(q, there, index, &wanted)) {
                tell(v, &v->missing, q, &wanted.window, wanted.group, "there is no row");
            }
        }
        if (q->size_ms == 0) {
            return;
        }
    }
}

/* Each row says what the events say, none lacks and none is there twice. */
static hr_err check_rows(query *q, const oracle_events *there, const row *rows, size_t count,
                         oracle_verdict *v)
{
    int64_t oldest_ms = INT64_MAX;
    hr_err err = HR_OK;
    for (size_t i = 0; i < count && err == HR_OK; i++) {
        oldest_ms = rows[i].window.from_ms < oldest_ms ? rows[i].window.from_ms : oldest_ms;
        if (times_there(q, rows, i, &rows[i]) > 0) {
            tell(v, &v->repeated, q, &rows[i].window, rows[i].group, "there are two rows");
        }
        err = check_row(q, there, &rows[i], v);
    }
    for (size_t i = 0; i < there->count && err == HR_OK && !q->is_cut; i++) {
        if (is_wanted(q, &there->all[i])) {
            check_event(q, there, i, rows, count, oldest_ms, v);
        }
    }
    return err;
}

static hr_err check_query(query *q, const cJSON *answer, const oracle_events *there,
                          oracle_verdict *v, hr_why *why)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(answer, "rows");
    const cJSON *json;
    size_t count = 0;
    row *rows = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *rows);
    hr_err err = rows != NULL ? HR_OK : HR_NO_MEMORY;
    q->is_cut = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "cut"));
    cJSON_ArrayForEach(json, list)
    {
        if (err == HR_OK && !read_row(q, json, &rows[count++])) {
            err = hr_why_set(why, HR_INVALID, "a row of query %s cannot be read", q->name);
        }
    }
    if (err == HR_OK) {
        err = check_rows(q, there, rows, count, v);
    }
    free(rows);
    return err;
}

/* Which of the three looks at it? */
typedef enum looker {
    NOBODY,
    AS_COUNTS,
    AS_STAYS,
    AS_READINGS,
} looker;

static looker looker_of(const cJSON *json, query *q)
{
    return read_query(json, q)               ? AS_COUNTS
           : oracle_stays_can_check(json)    ? AS_STAYS
           : oracle_readings_can_check(json) ? AS_READINGS
                                             : NOBODY;
}

static hr_err look_at(oracle_service *service, const cJSON *json, const oracle_events *there,
                      const oracle_events *demanded, oracle_verdict *v, size_t *checked,
                      hr_why *why)
{
    query q;
    looker looker = looker_of(json, &q);
    if (looker == NOBODY) {
        return HR_OK;
    }
    char path[128];
    snprintf(path, sizeof path, "/v1/queries/%s/rows", oracle_json_text(json, "name"));
    cJSON *answer = oracle_service_ask(service, path, why);
    if (answer == NULL) {
        return HR_IO;
    }
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(answer, "rows");
    hr_err err;
    if (looker == AS_COUNTS) {
        err = check_query(&q, answer, there, v, why);
    } else if (looker == AS_STAYS) {
        bool is_cut = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "cut"));
        err = oracle_stays_check(json, rows, is_cut, demanded, v);
    } else {
        err = oracle_readings_check(json, answer, oracle_service_readings(service), v);
    }
    *checked += (size_t)cJSON_GetArraySize(rows);
    cJSON_Delete(answer);
    return err != HR_OK && why->text[0] == '\0'
               ? hr_why_set(why, err, "query %s: %s", oracle_json_text(json, "name"),
                            hr_err_text(err))
               : err;
}

/* The queries once each has read everything, or what they are after wait_s. */
static cJSON *await_queries(oracle_service *service, size_t events, unsigned wait_s, hr_why *why)
{
    size_t readings = oracle_service_readings(service)->count;
    for (unsigned polls = 0;; polls++) {
        cJSON *list = oracle_service_ask(service, "/v1/queries", why);
        const cJSON *json;
        bool is_behind = false;
        cJSON_ArrayForEach(json, cJSON_GetObjectItemCaseSensitive(list, "queries"))
        {
            query q;
            looker looker = looker_of(json, &q);
            size_t wanted = looker == AS_READINGS ? readings : events;
            is_behind = is_behind || (looker != NOBODY &&
                                      !(oracle_json_number(json, "rows_in") >= (double)wanted));
        }
        if (list == NULL || !is_behind || polls >= wait_s * POLLS_PER_S) {
            return list;
        }
        cJSON_Delete(list);
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
}

/* Said, since a query that nobody looked at is not right for that. */
static void tell_passed_over(const cJSON *list)
{
    const cJSON *json;
    unsigned count = 0;
    cJSON_ArrayForEach(json, cJSON_GetObjectItemCaseSensitive(list, "queries"))
    {
        query q;
        if (looker_of(json, &q) == NOBODY) {
            printf("%s%s (%s)", count++ == 0 ? "not looked at: " : ", ",
                   oracle_json_text(json, "name"), oracle_json_text(json, "status"));
        }
    }
    if (count > 0) {
        putchar('\n');
    }
}

hr_err oracle_check_windows(oracle_service *service, const oracle_events *there,
                            const oracle_events *demanded, unsigned wait_s, oracle_verdict *verdict,
                            size_t *rows, hr_why *why)
{
    cJSON *list = await_queries(service, there->count, wait_s, why);
    hr_err err = list != NULL ? HR_OK : HR_IO;
    const cJSON *json;
    *rows = 0;
    cJSON_ArrayForEach(json, cJSON_GetObjectItemCaseSensitive(list, "queries"))
    {
        err = err == HR_OK ? look_at(service, json, there, demanded, verdict, rows, why) : err;
    }
    tell_passed_over(list);
    cJSON_Delete(list);
    return err;
}
