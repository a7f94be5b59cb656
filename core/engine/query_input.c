/* core/engine/query_input.c - readers, marks, and the gate for repeated fixes. */
#include "query_input.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/record.h"
#include "base/text.h"
#include "catalog/device.h"

#define DEVICES_MIN 64
#define DEVICES_MAX (1u << 24)
#define TIMES_KEPT 8

/* ---- devices ---- */

static query_device *device_slot(query_device *devices, uint32_t room, uint64_t key)
{
    uint32_t at = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (room - 1);
    while (devices[at].id != NULL || devices[at].count > 0 || devices[at].key != 0) {
        if (devices[at].key == key) {
            break;
        }
        at = (at + 1) & (room - 1);
    }
    return &devices[at];
}

static hr_err grow_devices(query_input *input)
{
    uint32_t room = input->device_room == 0 ? DEVICES_MIN : input->device_room * 2;
    query_device *devices = calloc(room, sizeof *devices);
    if (devices == NULL || room > DEVICES_MAX) {
        free(devices);
        return HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < input->device_room; i++) {
        const query_device *from = &input->devices[i];
        if (from->id != NULL || from->count > 0 || from->key != 0) {
            *device_slot(devices, room, from->key) = *from;
        }
    }
    free(input->devices);
    input->devices = devices;
    input->device_room = room;
    return HR_OK;
}

/* Find or add. NULL: no memory. */
static query_device *device_of(query_input *input, uint64_t key)
{
    if (input->device_count * 4 >= input->device_room * 3 && grow_devices(input) != HR_OK) {
        return NULL;
    }
    query_device *device = device_slot(input->devices, input->device_room, key);
    if (device->id == NULL && device->count == 0 && device->key == 0) {
        device->key = key;
        input->device_count++;
    }
    return device;
}

static void note_name(void *context, uint64_t key, const char *id)
{
    query_device *device = device_of(context, key);
    if (device != NULL && device->id == NULL) {
        /* Without memory the device stays nameless, which a query sees as null. */
        device->id = strdup(id);
    }
}

/* A repeat is a fix with one of the last times of its device (TRACKER rule 2). */
static bool is_repeat(query_device *device, int64_t time_ms)
{
    for (uint32_t i = 0; i < device->count; i++) {
        if (device->times_ms[i] == time_ms) {
            return true;
        }
    }
    device->times_ms[device->next] = time_ms;
    device->next = (uint8_t)((device->next + 1) % TIMES_KEPT);
    device->count = (uint8_t)(device->count < TIMES_KEPT ? device->count + 1 : TIMES_KEPT);
    return false;
}

static void forget_devices(query_input *input)
{
    for (uint32_t i = 0; i < input->device_room; i++) {
        free(input->devices[i].id);
    }
    free(input->devices);
    input->devices = NULL;
    input->device_room = 0;
    input->device_count = 0;
}

/* ---- life ---- */

hr_err query_input_init(query_input *input, log_store *log, catalog *catalog, hr_why *why)
{
    memset(input, 0, sizeof *input);
    input->log = log;
    input->catalog = catalog;
    input->lane_count = log_topic_get(log, HR_TOPIC_POSITIONS)->partition_count;
    input->received_max_ms = INT64_MIN;
    for (uint32_t i = 0; i < HR_PARTITIONS_MAX; i++) {
        input->marks_ms[QUERY_EVENTS][i] = INT64_MIN;
        input->marks_ms[QUERY_POSITIONS][i] = INT64_MIN;
    }
    hr_err err = log_reader_open(log, HR_TOPIC_EVENTS, 0, log_start(log, HR_TOPIC_EVENTS, 0),
                                 LOG_COMMITTED, &input->events);
    return err == HR_OK ? err : hr_why_set(why, err, "cannot read the events");
}

void query_input_fini(query_input *input)
{
    query_input_drop_positions(input);
    log_reader_close(input->events);
    input->events = NULL;
}

hr_err query_input_want_positions(query_input *input, bool from_start, hr_why *why)
{
    if (input->positions[0] != NULL) {
        return HR_OK;
    }
    hr_err err = HR_OK;
    for (uint16_t p = 0; err == HR_OK && p < input->lane_count; p++) {
        int64_t offset = from_start ? log_start(input->log, HR_TOPIC_POSITIONS, p)
                                    : log_end(input->log, HR_TOPIC_POSITIONS, p, LOG_COMMITTED);
        err = log_reader_open(input->log, HR_TOPIC_POSITIONS, p, offset, LOG_COMMITTED,
                              &input->positions[p]);
        input->marks_ms[QUERY_POSITIONS][p] = INT64_MIN;
    }
    if (err == HR_OK && catalog_names_load(input->catalog, note_name, input, NULL) != GEO_OK) {
        err = HR_IO;
    }
    if (err != HR_OK) {
        query_input_drop_positions(input);
        return hr_why_set(why, err, "cannot read the positions");
    }
    return HR_OK;
}

void query_input_drop_positions(query_input *input)
{
    for (uint32_t p = 0; p < input->lane_count; p++) {
        log_reader_close(input->positions[p]);
        input->positions[p] = NULL;
    }
    forget_devices(input);
}

/* ---- marks ---- */

static void raise_mark(query_input *input, query_source source, uint32_t lane, int64_t time_ms)
{
    if (time_ms > input->marks_ms[source][lane]) {
        input->marks_ms[source][lane] = time_ms;
    }
}

int64_t query_input_mark(const query_input *input, query_source source)
{
    int64_t least = INT64_MAX;
    for (uint32_t p = 0; p < input->lane_count; p++) {
        int64_t mark = input->marks_ms[source][p];
        least = mark < least ? mark : least;
    }
    return least;
}

void query_input_raise_events(query_input *input, int64_t time_ms)
{
    for (uint32_t p = 0; p < input->lane_count; p++) {
        raise_mark(input, QUERY_EVENTS, p, time_ms);
    }
}

/* ---- rows ---- */

/* Years 0 to 9999: outside, sums of times could overflow. Nobody's clock is there. */
static bool time_is_sane(int64_t time_ms)
{
    return time_ms >= HR_TIME_MS_MIN && time_ms <= HR_TIME_MS_MAX;
}

static int64_t lesser(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

static size_t gather_event(query_input *input, size_t count, const uint8_t *bytes, size_t size,
                           int64_t offset)
{
    query_event_row *row = &input->event_rows[count];
    hr_event *event = &row->event;
    if (hr_event_load(bytes, size, event) != HR_OK ||
        event->source_partition >= input->lane_count || !time_is_sane(event->time_ms) ||
        !time_is_sane(event->received_ms)) {
        input->gaps++;
        return count;
    }
    uint32_t lane = event->source_partition;
    row->base = (query_row){.lane = (uint16_t)lane,
                            .time_ms = event->time_ms,
                            .mark_ms = input->marks_ms[QUERY_EVENTS][lane],
                            .offset = offset};
    raise_mark(input, QUERY_EVENTS, lane, lesser(event->time_ms, event->received_ms));
    if (event->received_ms > input->received_max_ms) {
        input->received_max_ms = event->received_ms;
        query_input_raise_events(input, event->received_ms - QUERY_EVENTS_APART_MS);
    }
    return count + 1;
}

static void give_events(query_input *input, const log_view *view, int64_t from,
                        query_rows_visit *visit, void *context)
{
    size_t at = 0;
    size_t size;
    size_t count = 0;
    const uint8_t *bytes;
    int64_t offset = view->first_offset;
    for (; log_record_next(view, &at, &bytes, &size); offset++) {
        if (view->type != HR_RECORD_EVENT || offset < from) {
            continue;
        }
        count = gather_event(input, count, bytes, size, offset);
        if (count == QUERY_BATCH_ROWS) {
            visit(context, QUERY_EVENTS, input->event_rows, count);
            count = 0;
        }
    }
    if (count > 0) {
        visit(context, QUERY_EVENTS, input->event_rows, count);
    }
}

static size_t gather_fix(query_input *input, size_t count, const uint8_t *bytes,
                         const log_view *view, uint16_t lane, int64_t offset)
{
    query_fix_row *row = &input->fix_rows[count];
    hr_fix_load(bytes, &row->fix);
    query_device *device = device_of(input, row->fix.device);
    if (device == NULL || !time_is_sane(row->fix.time_ms)) {
        input->gaps++;
        return count;
    }
    if (is_repeat(device, row->fix.time_ms)) {
        return count;
    }
    row->append_ms = view->append_ms;
    row->device = device->id;
    row->base = (query_row){.lane = lane,
                            .time_ms = row->fix.time_ms,
                            .mark_ms = input->marks_ms[QUERY_POSITIONS][lane],
                            .offset = offset};
    if ((row->fix.flags & HR_FIX_BACKLOG) == 0) {
        raise_mark(input, QUERY_POSITIONS, lane, lesser(row->fix.time_ms, view->append_ms));
    }
    return count + 1;
}

static void give_fixes(query_input *input, uint16_t lane, const log_view *view, int64_t from,
                       query_rows_visit *visit, void *context)
{
    size_t at = 0;
    size_t size;
    size_t count = 0;
    const uint8_t *bytes;
    int64_t offset = view->first_offset;
    for (; log_record_next(view, &at, &bytes, &size); offset++) {
        if (offset < from || size != HR_FIX_BYTES) {
            continue;
        }
        count = gather_fix(input, count, bytes, view, lane, offset);
        if (count == QUERY_BATCH_ROWS) {
            visit(context, QUERY_POSITIONS, input->fix_rows, count);
            count = 0;
        }
    }
    if (count > 0) {
        visit(context, QUERY_POSITIONS, input->fix_rows, count);
    }
}

static void take_names(query_input *input, const log_view *view)
{
    size_t at = 0;
    size_t size;
    const uint8_t *bytes;
    while (log_record_next(view, &at, &bytes, &size)) {
        char id[HR_DEVICE_ID_MAX + 1] = "";
        if (size > 8 && size - 8 <= HR_DEVICE_ID_MAX) {
            memcpy(id, bytes + 8, size - 8);
            note_name(input, hr_load_u64(bytes), id);
        }
    }
}

static void take_ticks(query_input *input, uint16_t lane, const log_view *view)
{
    size_t at = 0;
    size_t size;
    const uint8_t *bytes;
    while (log_record_next(view, &at, &bytes, &size)) {
        int64_t tick_ms = size == HR_TICK_BYTES ? (int64_t)hr_load_u64(bytes) : 0;
        if (size == HR_TICK_BYTES && time_is_sane(tick_ms)) {
            raise_mark(input, QUERY_POSITIONS, lane, tick_ms - QUERY_IDLE_MS);
        }
    }
}

static void give_positions(query_input *input, uint16_t lane, const log_view *view, int64_t from,
                           query_rows_visit *visit, void *context)
{
    if (view->type == HR_RECORD_FIX) {
        give_fixes(input, lane, view, from, visit, context);
    } else if (view->type == HR_RECORD_NAME) {
        take_names(input, view);
    } else if (view->type == HR_RECORD_TICK) {
        take_ticks(input, lane, view);
    }
}

/* The next batch of a reader. What is gone or damaged is counted and passed over. */
static hr_err read_view(query_input *input, log_reader *reader, log_view *view, int64_t *from,
                        hr_why *why)
{
    hr_err err;
    do {
        *from = log_reader_offset(reader);
        err = log_reader_next(reader, view, why);
        input->gaps += err == HR_GONE || err == HR_CORRUPT;
    } while (err == HR_GONE || err == HR_CORRUPT);
    return err;
}

hr_err query_input_next(query_input *input, query_rows_visit *visit, void *context, bool *is_read,
                        hr_why *why)
{
    log_view view;
    int64_t from;
    *is_read = false;
    hr_err err = read_view(input, input->events, &view, &from, why);
    if (err == HR_OK) {
        give_events(input, &view, from, visit, context);
        *is_read = true;
    }
    for (uint16_t p = 0; (err == HR_OK || err == HR_TIMEOUT) && p < input->lane_count &&
                         input->positions[p] != NULL;
         p++) {
        err = read_view(input, input->positions[p], &view, &from, why);
        if (err == HR_OK) {
            give_positions(input, p, &view, from, visit, context);
            *is_read = true;
        }
    }
    return err == HR_TIMEOUT ? HR_OK : err;
}

/* ---- stored form ---- */

void query_input_write(const query_input *input, hr_buf *out)
{
    bool has_positions = input->positions[0] != NULL;
    hr_buf_put_u32(out, input->lane_count);
    hr_buf_put_u64(out, (uint64_t)log_reader_offset(input->events));
    hr_buf_put_u64(out, (uint64_t)input->received_max_ms);
    hr_buf_put_u64(out, input->gaps);
    hr_buf_put_u8(out, has_positions);
    for (uint32_t p = 0; p < input->lane_count; p++) {
        hr_buf_put_u64(out, (uint64_t)input->marks_ms[QUERY_EVENTS][p]);
        hr_buf_put_u64(out, (uint64_t)input->marks_ms[QUERY_POSITIONS][p]);
        hr_buf_put_u64(out, has_positions ? (uint64_t)log_reader_offset(input->positions[p]) : 0);
    }
    hr_buf_put_u32(out, input->device_count);
    for (uint32_t i = 0; i < input->device_room; i++) {
        const query_device *device = &input->devices[i];
        if (device->id == NULL && device->count == 0 && device->key == 0) {
            continue;
        }
        hr_buf_put_u64(out, device->key);
        hr_buf_put_u8(out, device->count);
        hr_buf_put_u8(out, device->next);
        for (uint32_t t = 0; t < device->count; t++) {
            hr_buf_put_u64(out, (uint64_t)device->times_ms[t]);
        }
        /* Names may have left the log by then, and the catalogue may not have them yet. */
        hr_buf_put_u8(out, (uint8_t)(device->id != NULL ? strlen(device->id) : 0));
        hr_buf_put_text(out, device->id != NULL ? device->id : "");
    }
}

static hr_err read_device(query_input *input, hr_cursor *in)
{
    uint64_t key = hr_cursor_u64(in);
    uint8_t count = hr_cursor_u8(in);
    uint8_t next = hr_cursor_u8(in);
    if (in->short_read || count > TIMES_KEPT || next >= TIMES_KEPT) {
        return HR_CORRUPT;
    }
    query_device *device = device_of(input, key);
    if (device == NULL) {
        return HR_NO_MEMORY;
    }
    device->count = count;
    device->next = next;
    for (uint32_t t = 0; t < count; t++) {
        device->times_ms[t] = (int64_t)hr_cursor_u64(in);
    }
    uint8_t size = hr_cursor_u8(in);
    const uint8_t *id = hr_cursor_take(in, size);
    if (id == NULL || in->short_read || size > HR_DEVICE_ID_MAX) {
        return HR_CORRUPT;
    }
    if (size > 0 && device->id == NULL) {
        device->id = strndup((const char *)id, size);
    }
    return HR_OK;
}

hr_err query_input_read(query_input *input, hr_cursor *in, hr_why *why)
{
    uint32_t lanes = hr_cursor_u32(in);
    int64_t offset = (int64_t)hr_cursor_u64(in);
    input->received_max_ms = (int64_t)hr_cursor_u64(in);
    input->gaps = hr_cursor_u64(in);
    uint8_t has_positions = hr_cursor_u8(in);
    if (in->short_read || lanes != input->lane_count || offset < 0 || has_positions > 1 ||
        offset > log_end(input->log, HR_TOPIC_EVENTS, 0, LOG_APPENDED)) {
        return hr_why_set(why, HR_CORRUPT, "the log does not reach so far");
    }
    log_reader_seek(input->events, offset);
    hr_err err = has_positions ? query_input_want_positions(input, false, why) : HR_OK;
    for (uint16_t p = 0; err == HR_OK && p < lanes; p++) {
        input->marks_ms[QUERY_EVENTS][p] = (int64_t)hr_cursor_u64(in);
        input->marks_ms[QUERY_POSITIONS][p] = (int64_t)hr_cursor_u64(in);
        offset = (int64_t)hr_cursor_u64(in);
        if (has_positions &&
            (offset < 0 || offset > log_end(input->log, HR_TOPIC_POSITIONS, p, LOG_APPENDED))) {
            return hr_why_set(why, HR_CORRUPT, "the log does not reach so far");
        }
        if (has_positions) {
            log_reader_seek(input->positions[p], offset);
        }
    }
    uint32_t count = hr_cursor_u32(in);
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        err = read_device(input, in);
    }
    return err == HR_OK && in->short_read ? HR_CORRUPT : err;
}
