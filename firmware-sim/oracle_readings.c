/* oracle_readings.c - goes through all readings once for each row of a query over positions. */
#include "oracle_readings.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"
#include "oracle_json.h"
#include "oracle_trend.h"

#define VALUES_MAX 8
#define KEPT_WINDOWS_MAX 1000 /* that have ended; older ones are forgotten */
#define QUANTILE_EXACT 32
#define QUANTILE_ERROR 0.01
#define ROUNDING 1e-9
#define DAY_MS 86400000.0

typedef enum grouping {
    BY_NOTHING,
    BY_DEVICE,
    BY_DEVICE_GROUP,
} grouping;

typedef enum column {
    COLUMN_NONE,
    COLUMN_SPEED,
    COLUMN_BATTERY,
    COLUMN_ACCURACY,
    COLUMN_HEADING,
} column;

typedef struct selected {
    const char *name;
    char function; /* c: count, q: quantile, t: trend */
    column column;
    double constant; /* the part, or the noise */
} selected;

typedef struct query {
    const char *name;
    column known; /* is asked not to be null, or to be at most so much */
    double most;
    grouping grouping;
    int64_t size_ms; /* 0: running, or sessions */
    int64_t every_ms;
    int64_t gap_ms; /* of sessions; else 0 */
    int64_t lateness_ms;
    selected values[VALUES_MAX];
    int value_count;
    bool counts; /* count() is among them */
    double late_left;
} query;

typedef struct row {
    const cJSON *json;
    int64_t from_ms, to_ms;
    const char *group; /* NULL: null */
} row;

/* The readings of one row, and room for what is worked out of them. */
typedef struct cell {
    const oracle_reading **all;
    size_t count;
    size_t may_be_late;
    size_t lacking; /* so many of them were late */
    double *x, *y;
} cell;

/* ---- what is asked ---- */

static column column_of(const char *name)
{
    static const char *const names[] = {"", "speed_mps", "battery_pct", "accuracy_m",
                                        "heading_deg"};
    for (int i = 1; i < (int)(sizeof names / sizeof names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return (column)i;
        }
    }
    return COLUMN_NONE;
}

static bool read_selected(const cJSON *item, selected *out)
{
    char name[32] = "";
    int end = 0;
    const char *what = cJSON_IsString(item) ? item->valuestring : "";
    *out = (selected){.name = item->string};
    if (strcmp(what, "count()") == 0) {
        out->function = 'c';
        return true;
    }
    if (sscanf(what, "quantile(%31[a-z_], %lf)%n", name, &out->constant, &end) == 2) {
        out->function = 'q';
    } else if (sscanf(what, "trend(%31[a-z_], time_days, %lf)%n", name, &out->constant, &end) ==
               2) {
        out->function = 't';
    }
    out->column = column_of(name);
    return end > 0 && what[end] == '\0' && out->column != COLUMN_NONE;
}

static bool read_grouping(const cJSON *definition, grouping *out)
{
    const cJSON *groups = cJSON_GetObjectItemCaseSensitive(definition, "group_by");
    const char *first = cJSON_GetStringValue(cJSON_GetArrayItem(groups, 0));
    const cJSON *join = cJSON_GetObjectItemCaseSensitive(definition, "join");
    const char *joined = cJSON_GetStringValue(cJSON_GetArrayItem(join, 0));
    int count = cJSON_GetArraySize(groups);
    bool joins_device = joined != NULL && strcmp(joined, "device") == 0;
    *out = count == 0                                            ? BY_NOTHING
           : first != NULL && strcmp(first, "device") == 0       ? BY_DEVICE
           : first != NULL && strcmp(first, "device_group") == 0 ? BY_DEVICE_GROUP
                                                                 : BY_NOTHING;
    return count <= 1 && (count == 0) == (*out == BY_NOTHING) &&
           (*out == BY_DEVICE_GROUP) == joins_device && cJSON_GetArraySize(join) <= 1;
}

/* "", "column is not null" or "column <= number". */
static bool read_where(const char *where, query *q)
{
    char name[32] = "";
    int end = 0;
    q->known = COLUMN_NONE;
    q->most = INFINITY;
    if (where[0] == '\0') {
        return true;
    }
    if ((sscanf(where, "%31[a-z_] is not null%n", name, &end) == 1 && end > 0) ||
        sscanf(where, "%31[a-z_] <= %lf%n", name, &q->most, &end) == 2) {
        q->known = column_of(name);
    }
    return q->known != COLUMN_NONE && where[end] == '\0';
}

static bool read_query(const cJSON *json, query *q)
{
    const cJSON *definition = cJSON_GetObjectItemCaseSensitive(json, "definition");
    const cJSON *window = cJSON_GetObjectItemCaseSensitive(definition, "window");
    const char *type = oracle_json_text(window, "type");
    const cJSON *item;
    bool is_running = strcmp(type, "running") == 0, is_session = strcmp(type, "session") == 0;
    bool is_known = true;
    *q = (query){.name = oracle_json_text(json, "name"),
                 .size_ms = oracle_json_duration_ms(window, "size"),
                 .gap_ms = is_session ? oracle_json_duration_ms(window, "gap") : 0,
                 .lateness_ms = oracle_json_duration_ms(definition, "lateness"),
                 .late_left = oracle_json_number(json, "rows_late")};
    q->lateness_ms = q->lateness_ms > 0 ? q->lateness_ms : 30000;
    q->every_ms =
        strcmp(type, "hopping") == 0 ? oracle_json_duration_ms(window, "every") : q->size_ms;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(definition, "select"))
    {
        is_known = is_known && q->value_count < VALUES_MAX &&
                   read_selected(item, &q->values[q->value_count]);
        if (is_known) {
            char function = q->values[q->value_count++].function;
            q->counts = q->counts || function == 'c';
            is_known = is_running || is_session == (function == 't');
        }
    }
    return is_known && strcmp(oracle_json_text(json, "status"), "running") == 0 &&
           strcmp(oracle_json_text(definition, "from"), "positions") == 0 &&
           !cJSON_HasObjectItem(definition, "follows") && read_grouping(definition, &q->grouping) &&
           read_where(oracle_json_text(definition, "where"), q) &&
           (is_running || q->gap_ms > 0 || (q->counts && q->size_ms > 0 && q->every_ms > 0));
}

bool oracle_readings_can_check(const cJSON *json)
{
    query q;
    return read_query(json, &q);
}

/* ---- what the readings say ---- */

/* False: nobody knows. */
static bool value_of(const oracle_reading *reading, column column, double *value)
{
    const hr_fix *fix = &reading->fix;
    switch (column) {
    case COLUMN_SPEED:
        *value = fix->speed_cm_s / 100.0;
        return fix->speed_cm_s != HR_FIX_U16_UNKNOWN;
    case COLUMN_BATTERY:
        *value = fix->battery_pct;
        return fix->battery_pct != HR_FIX_U8_UNKNOWN;
    case COLUMN_ACCURACY:
        *value = fix->accuracy_dm / 10.0;
        return fix->accuracy_dm != HR_FIX_U16_UNKNOWN;
    case COLUMN_HEADING:
        *value = fix->heading_cdeg / 100.0;
        return fix->heading_cdeg != HR_FIX_U16_UNKNOWN;
    default:
        *value = 0;
        return true;
    }
}

/* How many groups a reading counts in. */
static uint32_t groups_of(const query *q, const oracle_reading *reading)
{
    const oracle_member *member = q->grouping == BY_DEVICE_GROUP
                                      ? oracle_find_member(reading->rules, reading->fix.device)
                                      : NULL;
    return member != NULL && member->group_count > 0 ? member->group_count : 1;
}

static bool is_of_group(const query *q, const oracle_reading *reading, const char *group)
{
    if (q->grouping == BY_NOTHING) {
        return true;
    }
    if (q->grouping == BY_DEVICE) {
        return group != NULL && hr_device_key(group, strlen(group)) == reading->fix.device;
    }
    const oracle_member *member = oracle_find_member(reading->rules, reading->fix.device);
    if (group == NULL) {
        return member == NULL || member->group_count == 0;
    }
    for (uint32_t i = 0; member != NULL && i < member->group_count; i++) {
        if (strcmp(member->groups[i], group) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const query *q, const oracle_reading *reading)
{
    double value;
    return value_of(reading, q->known, &value) && value <= q->most;
}

static int64_t floor_to(int64_t time_ms, int64_t step_ms)
{
    int64_t rest = time_ms % step_ms;
    return time_ms - (rest < 0 ? rest + step_ms : rest);
}

/* A watermark is never ahead of the newest record less the lateness, so only what came after that
 * can have been dropped. */
static bool may_be_late(const query *q, const oracle_reading *reading)
{
    int64_t mark_ms = reading->append_ms - q->lateness_ms;
    return q->gap_ms > 0 ? reading->fix.time_ms < mark_ms
                         : q->size_ms > 0 &&
                               floor_to(reading->fix.time_ms, q->every_ms) + q->every_ms <= mark_ms;
}

static void gather(const query *q, const oracle_readings *readings, const row *row, uint32_t *seen,
                   cell *out)
{
    out->count = out->may_be_late = out->lacking = 0;
    for (size_t i = 0; i < readings->count; i++) {
        const oracle_reading *reading = &readings->all[i];
        if (reading->fix.time_ms >= row->from_ms && reading->fix.time_ms < row->to_ms &&
            is_wanted(q, reading) && is_of_group(q, reading, row->group)) {
            out->all[out->count++] = reading;
            out->may_be_late += may_be_late(q, reading);
            seen[i]++;
        }
    }
}

/* ---- side by side ---- */

static void tell(oracle_verdict *v, size_t *count, const query *q, const row *row, const char *what)
{
    char from[HR_TIME_TEXT_SIZE] = "the start";
    if (row->from_ms != INT64_MIN) {
        hr_time_format(row->from_ms, from);
    }
    oracle_story(v, count, "query %s, window from %s, group %s: %s", q->name, from,
                 row->group != NULL ? row->group : "-", what);
}

static bool is_count_right(query *q, double said, cell *c, char *what, size_t what_size)
{
    double lacking = (double)c->count - said;
    if (!(lacking >= 0) || lacking > (double)c->may_be_late || lacking > q->late_left) {
        snprintf(what, what_size, "there are %g, the fixes say %zu, of which %zu may be late", said,
                 c->count, c->may_be_late);
        return false;
    }
    c->lacking = (size_t)lacking;
    q->late_left -= q->size_ms == q->every_ms ? lacking : 0;
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool is_quantile_right(const selected *value, const cJSON *said, cell *c, char *what,
                              size_t what_size)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        count += value_of(c->all[i], value->column, &c->x[count]);
    }
    size_t counted = count > c->lacking ? count - c->lacking : 0;
    if (counted == 0) {
        return count > 0 || cJSON_IsNull(said);
    }
    qsort(c->x, count, sizeof *c->x, by_value);
    size_t rank = (size_t)(value->constant * (double)(counted - 1));
    double least = c->x[rank], most = c->x[rank + count - counted];
    double error = (counted > QUANTILE_EXACT ? QUANTILE_ERROR : 0) + ROUNDING;
    double number = cJSON_IsNumber(said) ? said->valuedouble : NAN;
    bool is_right = number >= least - error * fabs(least) && number <= most + error * fabs(most);
    if (!is_right) {
        snprintf(what, what_size, "%s is %g, %zu fixes say %g", value->name, number, counted,
                 least);
    }
    return is_right;
}

static bool is_trend_right(const selected *value, const cJSON *said, cell *c, char *what,
                           size_t what_size)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        c->x[count] = (double)c->all[i]->fix.time_ms / DAY_MS;
        count += value_of(c->all[i], value->column, &c->y[count]);
    }
    return oracle_trend_is_right(said, c->x, c->y, count, value->constant, what, what_size);
}

/* A session goes from its first fix to its last, is silent for less than its gap in between, and
 * for as long before and after. */
static bool is_session_right(const query *q, const oracle_readings *readings, const row *row,
                             cell *c)
{
    bool is_alone = true;
    for (size_t i = 0; i < readings->count; i++) {
        const oracle_reading *reading = &readings->all[i];
        int64_t time_ms = reading->fix.time_ms;
        bool is_near = (time_ms < row->from_ms && row->from_ms - time_ms < q->gap_ms) ||
                       (time_ms >= row->to_ms && time_ms - (row->to_ms - 1) < q->gap_ms);
        is_alone = is_alone && !(is_near && is_wanted(q, reading) && !may_be_late(q, reading) &&
                                 is_of_group(q, reading, row->group));
    }
    for (size_t i = 0; i < c->count; i++) {
        c->x[i] = (double)c->all[i]->fix.time_ms;
    }
    qsort(c->x, c->count, sizeof *c->x, by_value);
    bool is_whole = c->x[0] == (double)row->from_ms && c->x[c->count - 1] == (double)row->to_ms - 1;
    for (size_t i = 1; i < c->count; i++) {
        is_whole = is_whole && c->x[i] - c->x[i - 1] < (double)q->gap_ms;
    }
    return is_alone && is_whole;
}

static void check_row(query *q, const oracle_readings *readings, const row *row, cell *c,
                      oracle_verdict *v)
{
    char what[160] = "";
    if (c->count == 0) {
        tell(v, &v->extra, q, row, "no fix belongs there");
        return;
    }
    if (q->gap_ms > 0 && !is_session_right(q, readings, row, c)) {
        tell(v, &v->different, q, row, "its fixes are no such session");
    }
    for (int pass = 0; pass < 2; pass++) { /* how many were late must be known first */
        for (int i = 0; i < q->value_count; i++) {
            const selected *value = &q->values[i];
            const cJSON *said = cJSON_GetObjectItemCaseSensitive(row->json, value->name);
            bool is_right = true;
            if (pass == 0 && value->function == 'c') {
                is_right = is_count_right(q, cJSON_IsNumber(said) ? said->valuedouble : NAN, c,
                                          what, sizeof what);
            } else if (pass == 1 && value->function == 'q') {
                is_right = is_quantile_right(value, said, c, what, sizeof what);
            } else if (pass == 1 && value->function == 't') {
                is_right = is_trend_right(value, said, c, what, sizeof what);
            }
            if (!is_right) {
                tell(v, &v->different, q, row, what);
            }
        }
    }
}

static bool read_row(const query *q, const cJSON *json, row *out)
{
    const cJSON *groups = cJSON_GetObjectItemCaseSensitive(json, "group");
    *out = (row){json, INT64_MIN, INT64_MAX, cJSON_GetStringValue(cJSON_GetArrayItem(groups, 0))};
    bool is_running = q->size_ms == 0 && q->gap_ms == 0;
    bool is_read = cJSON_GetArraySize(groups) == (q->grouping != BY_NOTHING) &&
                   (is_running || (oracle_json_time(json, "from", &out->from_ms) &&
                                   oracle_json_time(json, "to", &out->to_ms)));
    if (is_read && q->gap_ms > 0) {
        out->to_ms -= q->gap_ms - 1; /* behind its last fix */
        return out->from_ms < out->to_ms;
    }
    return is_read && (is_running || (out->to_ms - out->from_ms == q->size_ms &&
                                      floor_to(out->from_ms, q->every_ms) == out->from_ms));
}

static bool is_same_row(const row *a, const row *b)
{
    return a->from_ms == b->from_ms && (a->group == NULL) == (b->group == NULL) &&
           (a->group == NULL || strcmp(a->group, b->group) == 0);
}

/* What was counted nowhere must have been late, or so old that its window is forgotten. */
static void check_missing(query *q, const oracle_readings *readings, const uint32_t *seen,
                          int64_t forgotten_ms, oracle_verdict *v)
{
    uint32_t windows = q->size_ms > 0 ? (uint32_t)(q->size_ms / q->every_ms) : 1;
    for (size_t i = 0; i < readings->count; i++) {
        const oracle_reading *reading = &readings->all[i];
        uint32_t wanted = is_wanted(q, reading) ? groups_of(q, reading) * windows : 0;
        uint32_t lacking = wanted > seen[i] ? wanted - seen[i] : 0;
        bool is_forgotten = q->size_ms > 0 && reading->fix.time_ms - q->size_ms <= forgotten_ms;
        if (lacking == 0 || is_forgotten) {
            continue;
        }
        double late = (double)lacking / windows;
        if (may_be_late(q, reading) && late <= q->late_left) {
            q->late_left -= late;
            continue;
        }
        char what[64 + HR_TIME_TEXT_SIZE] = "there is no row for the fix of ";
        size_t used = strlen(what);
        hr_time_format(reading->fix.time_ms, what + used);
        row none = {.from_ms =
                        q->size_ms > 0 ? floor_to(reading->fix.time_ms, q->every_ms) : INT64_MIN};
        tell(v, &v->missing, q, &none, what);
    }
}

static hr_err check_rows(query *q, const cJSON *answer, const oracle_readings *readings, row *rows,
                         uint32_t *seen, cell *c, oracle_verdict *v)
{
    const cJSON *json;
    size_t count = 0, ended = 0;
    int64_t oldest_ms = INT64_MAX;
    cJSON_ArrayForEach(json, cJSON_GetObjectItemCaseSensitive(answer, "rows"))
    {
        row *said = &rows[count];
        if (!read_row(q, json, said)) {
            return HR_INVALID;
        }
        for (size_t i = 0; i < count; i++) {
            if (is_same_row(said, &rows[i])) {
                tell(v, &v->repeated, q, said, "there are two rows");
            }
        }
        gather(q, readings, said, seen, c);
        check_row(q, readings, said, c, v);
        ended += cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "final"));
        oldest_ms = said->from_ms < oldest_ms ? said->from_ms : oldest_ms;
        count++;
    }
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "cut"))) {
        bool has_forgotten = ended >= KEPT_WINDOWS_MAX;
        check_missing(q, readings, seen, has_forgotten ? oldest_ms : INT64_MIN, v);
        if (!has_forgotten && q->size_ms == q->every_ms && q->late_left > 0) {
            row none = {.from_ms = INT64_MIN};
            tell(v, &v->different, q, &none, "more rows are said to be late than lack");
        }
    }
    return HR_OK;
}

hr_err oracle_readings_check(const cJSON *json, const cJSON *answer,
                             const oracle_readings *readings, oracle_verdict *v)
{
    query q;
    size_t rows_max =
        (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(answer, "rows")) + 1;
    row *rows = calloc(rows_max, sizeof *rows);
    uint32_t *seen = calloc(readings->count + 1, sizeof *seen);
    cell c = {.all = calloc(readings->count + 1, sizeof(oracle_reading *)),
              .x = calloc(readings->count + 1, sizeof *c.x),
              .y = calloc(readings->count + 1, sizeof *c.y)};
    hr_err err = HR_NO_MEMORY;
    if (rows != NULL && seen != NULL && c.all != NULL && c.x != NULL && c.y != NULL) {
        err =
            read_query(json, &q) ? check_rows(&q, answer, readings, rows, seen, &c, v) : HR_INVALID;
    }
    free(rows);
    free(seen);
    free(c.all);
    free(c.x);
    free(c.y);
    return err;
}
