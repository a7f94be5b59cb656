/* tests/engine/query_oracle.c - windows by brute force. */
#include "query_oracle.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/record.h"
#include "base/text.h"
#include "log/reader.h"
#include "test.h"

#define ROWS_MAX 200000
#define LINES_MAX 20000
#define DEVICES_MAX 64

typedef struct oracle_row {
    hr_fix fix; /* of a position */
    uint64_t rules_version;
    int64_t time_ms;
    int64_t mark_ms; /* of its lane, before it */
    uint64_t device;
    char group[80];
} oracle_row;

typedef struct oracle_rows {
    oracle_row *rows;
    size_t count;
} oracle_rows;

/* How far a partition was in event time before each of its records, and at its end. */
typedef struct oracle_lane {
    int64_t *marks_ms;
    int64_t end;
    int64_t mark_ms;
    int64_t newest_ms;
    int64_t behind_ms;
    uint64_t rules_version;
} oracle_lane;

typedef struct oracle_names {
    struct {
        uint64_t key;
        char id[HR_DEVICE_ID_MAX + 1];
        int64_t times_ms[ROWS_MAX / 20];
        size_t time_count;
    } devices[DEVICES_MAX];
    size_t count;
} oracle_names;

static size_t device_index(oracle_names *names, uint64_t key)
{
    for (size_t i = 0; i < names->count; i++) {
        if (names->devices[i].key == key) {
            return i;
        }
    }
    assert_true(names->count < DEVICES_MAX);
    names->devices[names->count].key = key;
    return names->count++;
}

static void add_row(oracle_rows *all, int64_t time_ms, int64_t mark_ms, uint64_t device,
                    const char *group)
{
    assert_true(all->count < ROWS_MAX);
    oracle_row *row = &all->rows[all->count++];
    *row = (oracle_row){.time_ms = time_ms, .mark_ms = mark_ms, .device = device};
    snprintf(row->group, sizeof row->group, "%s", group);
}

static void read_events(farm *farm, bool by_device, const oracle_lane *lanes, oracle_rows *all)
{
    hr_buf events;
    hr_buf_init(&events, 64 << 20);
    farm_events(farm, &events);
    for (size_t at = 0; at < events.size;) {
        hr_event event;
        uint32_t size = hr_load_u32(events.data + at);
        assert_int_equal(hr_event_load(events.data + at + 4, size, &event), HR_OK);
        at += 4 + size;
        const oracle_lane *lane = &lanes[event.source_partition];
        assert_true(event.source_offset < lane->end);
        add_row(all, event.time_ms, lane->marks_ms[event.source_offset], event.device,
                by_device ? event.device_id : event.fence_id);
    }
    hr_buf_fini(&events);
}

/* One of the last 8 different times of its device? */
static bool is_repeat(oracle_names *names, size_t device, int64_t time_ms)
{
    size_t count = names->devices[device].time_count;
    for (size_t i = count > 8 ? count - 8 : 0; i < count; i++) {
        if (names->devices[device].times_ms[i] == time_ms) {
            return true;
        }
    }
    names->devices[device].times_ms[names->devices[device].time_count++] = time_ms;
    return false;
}

static int64_t greater(int64_t left, int64_t right)
{
    return left > right ? left : right;
}

/* The definition: the greatest event time, each at most its append_ms, and none from more than a
 * minute ahead of that. */
static void advance(oracle_lane *lane, int64_t time_ms, int64_t append_ms)
{
    int64_t behind_ms = append_ms > time_ms ? append_ms - time_ms : 0;
    if (time_ms <= append_ms + 60000 && append_ms - behind_ms > lane->newest_ms) {
        lane->newest_ms = append_ms - behind_ms;
        lane->behind_ms = behind_ms < 3600000 ? behind_ms : 3600000;
        lane->mark_ms = greater(lane->mark_ms, lane->newest_ms);
    }
}

/* No partition is ahead of the clock that it is appended by. */
static void step_back(oracle_lane *lane, int64_t append_ms)
{
    if (lane->mark_ms > append_ms) {
        lane->newest_ms = lane->newest_ms < append_ms ? lane->newest_ms : append_ms;
        lane->mark_ms = lane->newest_ms;
    }
}

static void read_fix(oracle_names *names, const uint8_t *bytes, int64_t append_ms,
                     oracle_lane *lane, oracle_rows *all)
{
    hr_fix fix;
    hr_fix_load(bytes, &fix);
    size_t device = device_index(names, fix.device);
    if (is_repeat(names, device, fix.time_ms)) {
        return;
    }
    if (all != NULL) {
        add_row(all, fix.time_ms, lane->mark_ms, fix.device, names->devices[device].id);
        all->rows[all->count - 1].fix = fix;
        all->rows[all->count - 1].rules_version = lane->rules_version;
    }
    if ((fix.flags & HR_FIX_BACKLOG) == 0) {
        advance(lane, fix.time_ms, append_ms);
    }
}

static void read_record(oracle_names *names, const log_view *view, const uint8_t *bytes,
                        size_t size, oracle_lane *lane, oracle_rows *all)
{
    if (view->type == HR_RECORD_NAME) {
        size_t device = device_index(names, hr_load_u64(bytes));
        memcpy(names->devices[device].id, bytes + 8, size - 8);
    } else if (view->type == HR_RECORD_FIX) {
        read_fix(names, bytes, view->append_ms, lane, all);
    } else if (view->type == HR_RECORD_RULES) {
        lane->rules_version = hr_load_u64(bytes);
    } else if (view->type == HR_RECORD_TICK) {
        lane->mark_ms =
            greater(lane->mark_ms, (int64_t)hr_load_u64(bytes) - 60000 - lane->behind_ms);
    }
}

/* Every record of the partitions; fixes become rows unless all is NULL. */
static void read_lanes(farm *farm, oracle_lane *lanes, oracle_rows *all)
{
    oracle_names *names = calloc(1, sizeof *names);
    assert_non_null(names);
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        oracle_lane *lane = &lanes[p];
        log_reader *reader;
        log_view view;
        int64_t end = log_end(farm->log, HR_TOPIC_POSITIONS, p, LOG_COMMITTED);
        *lane = (oracle_lane){.mark_ms = INT64_MIN, .newest_ms = INT64_MIN};
        lane->marks_ms = calloc((size_t)end + 1, sizeof *lane->marks_ms);
        assert_non_null(lane->marks_ms);
        assert_int_equal(
            log_reader_open(farm->log, HR_TOPIC_POSITIONS, p, 0, LOG_COMMITTED, &reader), HR_OK);
        while (log_reader_next(reader, &view, NULL) == HR_OK) {
            size_t at = 0;
            size_t size;
            const uint8_t *bytes;
            while (log_record_next(&view, &at, &bytes, &size)) {
                assert_true(lane->end < end);
                step_back(lane, view.append_ms);
                lane->marks_ms[lane->end++] = lane->mark_ms;
                read_record(names, &view, bytes, size, lane, all);
            }
        }
        log_reader_close(reader);
    }
    free(names);
}

/* ---- windows ---- */

typedef struct line_list {
    char *lines[LINES_MAX];
    size_t count;
} line_list;

static int compare_lines(const void *left, const void *right)
{
    char *const *a = left;
    char *const *b = right;
    return strcmp(*a, *b);
}

static void end_lines(line_list *list, hr_buf *out)
{
    qsort(list->lines, list->count, sizeof *list->lines, compare_lines);
    hr_buf_init(out, 16 << 20);
    for (size_t i = 0; i < list->count; i++) {
        hr_buf_put_text(out, list->lines[i]);
        free(list->lines[i]);
    }
    hr_buf_put_u8(out, 0);
    assert_int_equal(hr_buf_err(out), HR_OK);
    free(list);
}

static void add_line(line_list *list, int64_t from, int64_t to, bool is_final, const char *group,
                     const double numbers[5])
{
    char text[320];
    snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %d %s %.0f %.0f %.0f %.0f %.0f\n", from,
             to, is_final, group, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
    assert_true(list->count < LINES_MAX);
    list->lines[list->count] = strdup(text);
    assert_non_null(list->lines[list->count]);
    list->count++;
}

/* Everything of a group with a time in [from, to), by looking at every row. */
static void sum_up(const oracle_rows *all, const bool *taken, const char *group, int64_t from,
                   int64_t to, double numbers[5])
{
    uint64_t seen[DEVICES_MAX];
    size_t seen_count = 0;
    memset(numbers, 0, 5 * sizeof *numbers);
    for (size_t i = 0; i < all->count; i++) {
        const oracle_row *row = &all->rows[i];
        if (!taken[i] || strcmp(row->group, group) != 0 || row->time_ms < from ||
            row->time_ms >= to) {
            continue;
        }
        double value = (double)(row->time_ms % 1000);
        size_t at = 0;
        while (at < seen_count && seen[at] != row->device) {
            at++;
        }
        if (at == seen_count) {
            seen[seen_count++] = row->device;
        }
        numbers[3] = numbers[0] == 0 || value < numbers[3] ? value : numbers[3];
        numbers[4] = numbers[0] == 0 || value > numbers[4] ? value : numbers[4];
        numbers[0]++;
        numbers[2] += value;
    }
    numbers[1] = (double)seen_count;
}

static bool is_told(const line_list *list, int64_t from, int64_t to, const char *group)
{
    char start[200];
    char start_final[200];
    snprintf(start, sizeof start, "%" PRId64 " %" PRId64 " 0 %s ", from, to, group);
    snprintf(start_final, sizeof start_final, "%" PRId64 " %" PRId64 " 1 %s ", from, to, group);
    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->lines[i], start, strlen(start)) == 0 ||
            strncmp(list->lines[i], start_final, strlen(start_final)) == 0) {
            return true;
        }
    }
    return false;
}

static void tell(line_list *list, const oracle_rows *all, const bool *taken, const char *group,
                 int64_t from, int64_t to, int64_t final_ms, bool has_end)
{
    double numbers[5];
    if (!is_told(list, has_end ? from : 0, has_end ? to : 0, group)) {
        sum_up(all, taken, group, from, to, numbers);
        add_line(list, has_end ? from : 0, has_end ? to : 0, has_end && to <= final_ms, group,
                 numbers);
    }
}

/* Grow a session from one row until nothing more is near. */
static void tell_session(line_list *list, const oracle_rows *all, const bool *taken, size_t start,
                         int64_t gap_ms, int64_t final_ms)
{
    const char *group = all->rows[start].group;
    int64_t first = all->rows[start].time_ms;
    int64_t last = first;
    for (bool grown = true; grown;) {
        grown = false;
        for (size_t i = 0; i < all->count; i++) {
            int64_t time = all->rows[i].time_ms;
            if (taken[i] && strcmp(all->rows[i].group, group) == 0 && time - last < gap_ms &&
                first - time < gap_ms && (time < first || time > last)) {
                first = time < first ? time : first;
                last = time > last ? time : last;
                grown = true;
            }
        }
    }
    double numbers[5];
    if (!is_told(list, first, last + gap_ms, group)) {
        sum_up(all, taken, group, first, last + 1, numbers);
        add_line(list, first, last + gap_ms, last + gap_ms <= final_ms, group, numbers);
    }
}

static bool is_late(const oracle_query *query, const oracle_row *row)
{
    if (row->mark_ms == INT64_MIN || query->window == ORACLE_RUNNING) {
        return false;
    }
    int64_t watermark = row->mark_ms - query->lateness_ms;
    return query->window == ORACLE_SESSION
               ? row->time_ms < watermark
               : (row->time_ms / query->every_ms + 1) * query->every_ms <= watermark;
}

static void tell_row(const oracle_query *query, line_list *list, const oracle_rows *all,
                     const bool *taken, size_t at, int64_t final_ms)
{
    const oracle_row *row = &all->rows[at];
    if (query->window == ORACLE_RUNNING) {
        tell(list, all, taken, row->group, 0, INT64_MAX, final_ms, false);
    } else if (query->window == ORACLE_SESSION) {
        tell_session(list, all, taken, at, query->gap_ms, final_ms);
    } else {
        int64_t end = (row->time_ms / query->every_ms + 1) * query->every_ms;
        for (; end - query->size_ms <= row->time_ms; end += query->every_ms) {
            tell(list, all, taken, row->group, end - query->size_ms, end, final_ms, true);
        }
    }
}

void oracle_answer(farm *farm, const oracle_query *query, hr_buf *out, uint64_t *late)
{
    oracle_rows all = {.rows = calloc(ROWS_MAX, sizeof(oracle_row))};
    oracle_lane lanes[FARM_PARTITIONS];
    line_list *list = calloc(1, sizeof *list);
    bool *taken = calloc(ROWS_MAX, sizeof *taken);
    int64_t least = INT64_MAX;
    assert_non_null(all.rows);
    assert_non_null(list);
    assert_non_null(taken);
    read_lanes(farm, lanes, query->from_positions ? &all : NULL);
    if (!query->from_positions) {
        read_events(farm, query->by_device, lanes, &all);
    }
    *late = 0;
    for (size_t i = 0; i < all.count; i++) {
        taken[i] = !is_late(query, &all.rows[i]);
        *late += !taken[i];
    }
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        least = lanes[p].mark_ms < least ? lanes[p].mark_ms : least;
        free(lanes[p].marks_ms);
    }
    int64_t final_ms = least == INT64_MIN ? INT64_MIN : least - query->lateness_ms;
    for (size_t i = 0; i < all.count; i++) {
        if (taken[i]) {
            tell_row(query, list, &all, taken, i, final_ms);
        }
    }
    end_lines(list, out);
    free(all.rows);
    free(taken);
}

static void free_lanes(oracle_lane *lanes)
{
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        free(lanes[p].marks_ms);
    }
}

size_t oracle_events(farm *farm, oracle_event **out)
{
    oracle_lane lanes[FARM_PARTITIONS];
    hr_buf events;
    size_t count = 0;
    *out = calloc(ROWS_MAX, sizeof **out);
    assert_non_null(*out);
    read_lanes(farm, lanes, NULL);
    hr_buf_init(&events, 64 << 20);
    farm_events(farm, &events);
    for (size_t at = 0; at < events.size; count++) {
        oracle_event *row = &(*out)[count];
        uint32_t size = hr_load_u32(events.data + at);
        assert_true(count < ROWS_MAX);
        assert_int_equal(hr_event_load(events.data + at + 4, size, &row->event), HR_OK);
        row->mark_ms = lanes[row->event.source_partition].marks_ms[row->event.source_offset];
        row->order = (uint64_t)row->event.source_partition << 48 | count;
        at += 4 + size;
    }
    hr_buf_fini(&events);
    free_lanes(lanes);
    return count;
}

size_t oracle_fixes(farm *farm, oracle_fix **out)
{
    oracle_lane lanes[FARM_PARTITIONS];
    oracle_rows all = {.rows = calloc(ROWS_MAX, sizeof(oracle_row))};
    *out = calloc(ROWS_MAX, sizeof **out);
    assert_non_null(*out);
    assert_non_null(all.rows);
    read_lanes(farm, lanes, &all);
    for (size_t i = 0; i < all.count; i++) {
        (*out)[i] = (oracle_fix){.fix = all.rows[i].fix,
                                 .mark_ms = all.rows[i].mark_ms,
                                 .rules_version = all.rows[i].rules_version};
    }
    free(all.rows);
    free_lanes(lanes);
    return all.count;
}

int64_t oracle_mark(farm *farm)
{
    oracle_lane lanes[FARM_PARTITIONS];
    int64_t least = INT64_MAX;
    read_lanes(farm, lanes, NULL);
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        least = lanes[p].mark_ms < least ? lanes[p].mark_ms : least;
    }
    free_lanes(lanes);
    return least;
}

void oracle_lines_of_json(const hr_buf *json, hr_buf *out)
{
    static const char *const names[] = {"n", "animals", "sum", "least", "most"};
    line_list *list = calloc(1, sizeof *list);
    cJSON *root = cJSON_ParseWithLength((const char *)json->data, json->size);
    assert_non_null(list);
    assert_non_null(root);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(root, "cut")));
    const cJSON *row = NULL;
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(root, "rows"))
    {
        int64_t times[2] = {0, 0};
        double numbers[5];
        const char *from = cJSON_GetStringValue(cJSON_GetObjectItem(row, "from"));
        const char *to = cJSON_GetStringValue(cJSON_GetObjectItem(row, "to"));
        const char *group =
            cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItem(row, "group"), 0));
        if (from != NULL) {
            assert_int_equal(hr_time_parse(from, strlen(from), &times[0]), HR_OK);
            assert_int_equal(hr_time_parse(to, strlen(to), &times[1]), HR_OK);
        }
        for (int i = 0; i < 5; i++) {
            numbers[i] = cJSON_GetNumberValue(cJSON_GetObjectItem(row, names[i]));
        }
        add_line(list, times[0], times[1], cJSON_IsTrue(cJSON_GetObjectItem(row, "final")),
                 group != NULL ? group : "", numbers);
    }
    cJSON_Delete(root);
    end_lines(list, out);
}
