/* core/engine/query_input.c - lanes: readers, marks, rules, and their merging with the events. */
#include "query_input.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/limits.h"
#include "base/record.h"
#include "base/text.h"
#include "catalog/device.h"
#include "engine/change.h"

#define BATCHES_MAX 64   /* of the log, between looks at who else waits .. */
#define RECORDS_MAX 4096 /* .. and of a batch, which counts as several where it is larger */
#define BLOCK 64         /* fixes whose devices are fetched ahead */

/* ---- handing over ---- */

static void flush(query_input *input)
{
    if (input->fix_count > 0) {
        input->visit(input->context, QUERY_POSITIONS, input->fix_rows, input->fix_count);
        input->fix_count = 0;
    }
    if (input->event_count > 0) {
        input->visit(input->context, QUERY_EVENTS, input->event_rows, input->event_count);
        input->event_count = 0;
    }
}

/* ---- rules ---- */

/* A version that another lane holds already: lanes follow each other through the versions, and each
 * is a copy of all fences when the catalogue must build it. */
static const geo_rules *held_rules(const query_input *input, uint64_t version)
{
    if (input->other.rules != NULL && input->other.version == version) {
        return input->other.rules;
    }
    for (uint32_t p = 0; p < input->lane_count; p++) {
        if (input->lanes[p].rules.rules != NULL && input->lanes[p].rules.version == version) {
            return input->lanes[p].rules.rules;
        }
    }
    return NULL;
}

/* Rows that wait borrow from the rules at hand, so they go first. What the catalogue cannot tell
 * now is asked again: rows without their rules would be counted wrongly for good. */
static hr_err use_rules(query_input *input, query_rules *rules, uint64_t version, hr_why *why)
{
    if (rules->is_loaded && rules->version == version) {
        return HR_OK;
    }
    flush(input);
    const geo_rules *held = held_rules(input, version);
    const geo_rules *loaded = held != NULL ? geo_rules_ref(held) : NULL;
    if (held == NULL) {
        geo_why geo = {.text = ""};
        geo_err err = catalog_rules_load(input->catalog, version, &loaded, &geo);
        if (err == GEO_NO_MEMORY || err == GEO_IO || err == GEO_LOCKED) {
            return hr_why_set(why, engine_err_from_geo(err), "rules %llu: %s",
                              (unsigned long long)version, geo.text);
        }
        input->gaps += err != GEO_OK;
    }
    geo_rules_unref(rules->rules);
    *rules = (query_rules){.version = version, .is_loaded = true, .rules = loaded};
    return HR_OK;
}

static const geo_settings *settings_of(const geo_rules *rules)
{
    return rules != NULL ? geo_rules_settings(rules) : &geo_settings_default;
}

static const geo_device_rules *rules_of(const query_rules *rules, query_device *device)
{
    if (device->rules_version != (uint32_t)rules->version) {
        device->rules_version = (uint32_t)rules->version;
        device->rules = rules->rules != NULL ? geo_rules_device(rules->rules, device->key) : NULL;
    }
    return device->rules;
}

/* ---- life ---- */

static void note_name(void *context, uint64_t key, const char *id)
{
    query_input *input = context;
    query_devices_name(&input->devices, key, id, strlen(id));
}

/* Retention may have taken the record that said by which rules the lane's next one is judged. */
static void adopt_kept_rules(query_input *input, uint16_t lane)
{
    uint8_t bytes[LOG_KEPT_BYTES_MAX];
    size_t size;
    if (log_kept(input->log, HR_TOPIC_POSITIONS, lane, bytes, &size) == HR_OK &&
        size == HR_RULES_BYTES && hr_load_u64(bytes) > input->lanes[lane].rules_version) {
        input->lanes[lane].rules_version = hr_load_u64(bytes);
    }
}

static hr_err open_lane(query_input *input, uint16_t p)
{
    query_lane *lane = &input->lanes[p];
    int64_t start = log_start(input->log, HR_TOPIC_POSITIONS, p);
    *lane =
        (query_lane){.offset = start, .limit = start, .mark_ms = INT64_MIN, .newest_ms = INT64_MIN};
    adopt_kept_rules(input, p);
    return log_reader_open(input->log, HR_TOPIC_POSITIONS, p, start, LOG_COMMITTED, &lane->reader);
}

hr_err query_input_init(query_input *input, log_store *log, catalog *catalog, engine *engine,
                        hr_why *why)
{
    memset(input, 0, sizeof *input);
    input->log = log;
    input->catalog = catalog;
    input->engine = engine;
    input->lane_count = log_topic_get(log, HR_TOPIC_POSITIONS)->partition_count;
    input->horizon_end = -1;
    input->events_offset = log_start(log, HR_TOPIC_EVENTS, 0);
    hr_err err = log_reader_open(log, HR_TOPIC_EVENTS, 0, input->events_offset, LOG_COMMITTED,
                                 &input->events);
    for (uint16_t p = 0; err == HR_OK && p < input->lane_count; p++) {
        err = open_lane(input, p);
    }
    if (err == HR_OK && catalog_names_load(catalog, note_name, input, NULL) != GEO_OK) {
        err = HR_IO;
    }
    if (err != HR_OK) {
        query_input_fini(input);
        return hr_why_set(why, err, "cannot read the log for the queries");
    }
    return HR_OK;
}

void query_input_fini(query_input *input)
{
    for (uint32_t p = 0; p < input->lane_count; p++) {
        log_reader_close(input->lanes[p].reader);
        geo_rules_unref(input->lanes[p].rules.rules);
    }
    input->lane_count = 0;
    log_reader_close(input->events);
    input->events = NULL;
    geo_rules_unref(input->other.rules);
    input->other = (query_rules){.is_loaded = false};
    query_devices_fini(&input->devices);
}

/* ---- marks ---- */

static int64_t lesser(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

static void raise_mark(query_lane *lane, int64_t time_ms)
{
    lane->mark_ms = time_ms > lane->mark_ms ? time_ms : lane->mark_ms;
}

int64_t query_input_mark(const query_input *input)
{
    int64_t least = INT64_MAX;
    for (uint32_t p = 0; p < input->lane_count; p++) {
        least = lesser(least, input->lanes[p].mark_ms);
    }
    return least;
}

/* The gateway's clock was ahead if it has been at less than the mark since. */
static void mend_mark(query_lane *lane, int64_t append_ms)
{
    if (append_ms < lane->mark_ms) {
        lane->newest_ms = lesser(lane->newest_ms, append_ms);
        lane->mark_ms = lane->newest_ms;
    }
}

/* A fix was appended that is not from a backlog. */
static void advance_mark(query_lane *lane, int64_t time_ms, int64_t append_ms)
{
    int64_t reached_ms = lesser(time_ms, append_ms);
    if (time_ms - append_ms <= HR_FUTURE_MAX_MS && reached_ms > lane->newest_ms) {
        lane->newest_ms = reached_ms;
        lane->behind_ms = lesser(append_ms - reached_ms, QUERY_BEHIND_MS_MAX);
        raise_mark(lane, reached_ms);
    }
}

static void lift_mark(query_lane *lane, int64_t clock_ms)
{
    raise_mark(lane, clock_ms - QUERY_IDLE_MS - lane->behind_ms);
}

void query_input_raise(query_input *input, int64_t clock_ms)
{
    for (uint32_t p = 0; p < input->lane_count; p++) {
        lift_mark(&input->lanes[p], clock_ms);
    }
}

int64_t query_input_tick_ms(const query_input *input, int64_t mark_ms)
{
    int64_t behind_ms = 0;
    for (uint32_t p = 0; p < input->lane_count; p++) {
        const query_lane *lane = &input->lanes[p];
        bool is_held = lane->mark_ms < mark_ms && lane->behind_ms > behind_ms;
        behind_ms = is_held ? lane->behind_ms : behind_ms;
    }
    return mark_ms < INT64_MAX ? mark_ms + QUERY_IDLE_MS + behind_ms : INT64_MAX;
}

/* ---- positions ---- */

/* Years 0 to 9999: outside, sums of times could overflow. Nobody's clock is there. */
static bool time_is_sane(int64_t time_ms)
{
    return time_ms >= HR_TIME_MS_MIN && time_ms <= HR_TIME_MS_MAX;
}

static void take_fix(query_input *input, uint16_t p, const uint8_t *bytes, int64_t offset)
{
    query_lane *lane = &input->lanes[p];
    query_fix_row *row = &input->fix_rows[input->fix_count];
    hr_fix *fix = &row->fix;
    hr_fix_load(bytes, fix);
    query_device *device = query_devices_get(&input->devices, fix->device);
    if (device == NULL || !time_is_sane(fix->time_ms) || fix->time_ms > GEO_TIME_MS_MAX) {
        input->gaps++;
        return;
    }
    bool is_accurate = fix->accuracy_dm == HR_FIX_U16_UNKNOWN ||
                       fix->accuracy_dm <= settings_of(lane->rules.rules)->max_accuracy_m * 10;
    if (query_device_repeats(device, fix->time_ms, is_accurate)) {
        return;
    }
    row->append_ms = lane->view.append_ms;
    row->device = query_device_id(&input->devices, device);
    row->base = (query_row){.lane = p,
                            .time_ms = fix->time_ms,
                            .mark_ms = lane->mark_ms,
                            .offset = offset,
                            .device_rules = rules_of(&lane->rules, device)};
    if ((fix->flags & HR_FIX_BACKLOG) == 0) {
        advance_mark(lane, fix->time_ms, row->append_ms);
    }
    if (++input->fix_count == QUERY_BATCH_ROWS) {
        flush(input);
    }
}

/* Fixes have a fixed size: whole blocks are looked up ahead. */
static void take_fixes(query_input *input, uint16_t p, int64_t until)
{
    query_lane *lane = &input->lanes[p];
    const uint8_t *bytes =
        lane->view.bytes + (size_t)(lane->offset - lane->view.first_offset) * HR_FIX_BYTES;
    while (lane->offset < until) {
        int64_t count = lesser(until - lane->offset, BLOCK);
        for (int64_t i = 0; i < count; i++) {
            query_devices_prefetch_slot(&input->devices, hr_load_u64(bytes + i * HR_FIX_BYTES));
        }
        for (int64_t i = 0; i < count; i++) {
            query_devices_prefetch(&input->devices, hr_load_u64(bytes + i * HR_FIX_BYTES));
        }
        for (int64_t i = 0; i < count; i++) {
            take_fix(input, p, bytes + i * HR_FIX_BYTES, lane->offset + i);
        }
        bytes += count * HR_FIX_BYTES;
        lane->offset += count;
    }
}

static void take_control(query_input *input, query_lane *lane, const uint8_t *bytes, size_t size)
{
    uint64_t number = size >= 8 ? hr_load_u64(bytes) : 0;
    if (lane->view.type == HR_RECORD_NAME && size > 8 && size - 8 <= HR_DEVICE_ID_MAX) {
        query_devices_name(&input->devices, number, (const char *)bytes + 8, size - 8);
    } else if (lane->view.type == HR_RECORD_RULES && size == HR_RULES_BYTES) {
        lane->rules_version = number;
    } else if (lane->view.type == HR_RECORD_TICK && size == HR_TICK_BYTES &&
               time_is_sane((int64_t)number)) {
        lift_mark(lane, (int64_t)number);
    }
}

static void take_controls(query_input *input, query_lane *lane, int64_t until)
{
    const uint8_t *bytes;
    size_t size;
    while (lane->offset < until && log_record_next(&lane->view, &lane->at, &bytes, &size)) {
        take_control(input, lane, bytes, size);
        lane->offset++;
    }
    lane->offset = until;
}

/* Stand on the record at lane->offset. False: the lane has no more. */
static hr_err load_view(query_input *input, uint16_t p, bool *is_there, hr_why *why)
{
    query_lane *lane = &input->lanes[p];
    hr_err err = HR_OK;
    *is_there = lane->has_view && lane->offset < lane->view.first_offset + lane->view.count;
    while (!*is_there) {
        lane->has_view = false;
        err = log_reader_next(lane->reader, &lane->view, why);
        if (err == HR_GONE || err == HR_CORRUPT) {
            input->gaps++;
            adopt_kept_rules(input, p);
            lane->offset = log_reader_offset(lane->reader);
            continue;
        }
        if (err != HR_OK) {
            return err == HR_TIMEOUT ? HR_OK : err;
        }
        const uint8_t *bytes;
        size_t size;
        lane->has_view = true;
        lane->at = 0;
        if (lane->offset < lane->view.first_offset) {
            lane->offset = lane->view.first_offset;
        }
        for (int64_t at = lane->view.first_offset;
             lane->view.type != HR_RECORD_FIX && at < lane->offset; at++) {
            (void)log_record_next(&lane->view, &lane->at, &bytes, &size);
        }
        *is_there = lane->offset < lane->view.first_offset + lane->view.count;
    }
    return HR_OK;
}

/* Read a lane up to an offset, but no more than *batches of RECORDS_MAX. *is_done: it is there, or
 * at the end. */
static hr_err advance(query_input *input, uint16_t p, int64_t until, uint32_t *batches,
                      bool *is_done, hr_why *why)
{
    query_lane *lane = &input->lanes[p];
    for (; lane->offset<until && * batches> 0; (*batches)--) {
        bool is_there;
        hr_err err = load_view(input, p, &is_there, why);
        if (err == HR_OK && is_there) {
            err = use_rules(input, &lane->rules, lane->rules_version, why);
        }
        if (err != HR_OK || !is_there) {
            *is_done = true;
            return err;
        }
        mend_mark(lane, lane->view.append_ms);
        int64_t end = lesser(until, lane->view.first_offset + lane->view.count);
        end = lesser(end, lane->offset + RECORDS_MAX);
        if (lane->view.type != HR_RECORD_FIX) {
            take_controls(input, lane, end);
        } else if (lane->view.record_bytes == HR_FIX_BYTES) {
            take_fixes(input, p, end);
        } else {
            input->gaps++;
            lane->offset = end;
        }
    }
    *is_done = lane->offset >= until;
    return HR_OK;
}

/* ---- events ---- */

static hr_err rules_of_event(query_input *input, const query_lane *lane, const hr_event *event,
                             const geo_rules **rules, hr_why *why)
{
    bool is_lanes = lane->rules.is_loaded && event->rules_version == lane->rules.version;
    hr_err err = is_lanes ? HR_OK : use_rules(input, &input->other, event->rules_version, why);
    *rules = is_lanes ? lane->rules.rules : input->other.rules;
    return err;
}

static bool event_is_sane(const query_input *input, const hr_event *event)
{
    return event->source_partition < input->lane_count && time_is_sane(event->time_ms) &&
           time_is_sane(event->received_ms) &&
           (!event->has_crossing || time_is_sane(event->crossing_time_ms));
}

static void gather_event(query_input *input, const query_lane *lane, const geo_rules *rules,
                         const hr_event *event, int64_t offset)
{
    uint32_t slot = rules != NULL && event->fence_id[0] != 0
                        ? geo_rules_find(rules, event->fence_id)
                        : GEO_NO_SLOT;
    const query_device *device = query_devices_get(&input->devices, event->device);
    query_event_row *row = &input->event_rows[input->event_count];
    row->event = *event;
    row->base = (query_row){.lane = event->source_partition,
                            .time_ms = event->time_ms,
                            .mark_ms = lane->mark_ms,
                            .offset = offset};
    row->base.fence = slot != GEO_NO_SLOT ? geo_rules_fence(rules, slot) : NULL;
    row->base.device_rules = rules != NULL ? geo_rules_device(rules, event->device) : NULL;
    row->uncertainty_ms =
        device != NULL
            ? query_device_uncertainty_ms(device, event, row->base.fence, settings_of(rules))
            : 0;
    if (++input->event_count == QUERY_BATCH_ROWS) {
        flush(input);
    }
}

/* Take the event once its lane has come to its source; *is_done says whether it was taken. */
static hr_err take_event(query_input *input, const uint8_t *bytes, size_t size, int64_t offset,
                         uint32_t *batches, bool *is_done, hr_why *why)
{
    hr_event event;
    *is_done = true;
    if (hr_event_load(bytes, size, &event) != HR_OK || !event_is_sane(input, &event)) {
        input->gaps++;
        return HR_OK;
    }
    query_lane *lane = &input->lanes[event.source_partition];
    hr_err err = advance(input, event.source_partition, event.source_offset, batches, is_done, why);
    const geo_rules *rules = NULL;
    if (err == HR_OK && *is_done) {
        err = rules_of_event(input, lane, &event, &rules, why);
    }
    if (err != HR_OK || !*is_done) {
        return err;
    }
    lane->limit = event.source_offset > lane->limit ? event.source_offset : lane->limit;
    if (lane->offset == event.source_offset) {
        /* It comes before the record that made it, which was appended then. */
        mend_mark(lane, event.received_ms);
    }
    gather_event(input, lane, rules, &event, offset);
    return HR_OK;
}

/* Stand on the next batch of events. */
static hr_err load_events(query_input *input, hr_why *why)
{
    hr_err err;
    do {
        err = log_reader_next(input->events, &input->events_view, why);
        if (err == HR_GONE || err == HR_CORRUPT) {
            input->gaps++;
            input->events_offset = log_reader_offset(input->events);
        }
    } while (err == HR_GONE || err == HR_CORRUPT);
    input->has_events = err == HR_OK;
    input->events_at = 0;
    input->events_record = input->events_view.first_offset;
    return err == HR_TIMEOUT ? HR_OK : err;
}

static hr_err take_events(query_input *input, uint32_t *batches, hr_why *why)
{
    hr_err err = input->has_events ? HR_OK : load_events(input, why);
    while (err == HR_OK && input->has_events && *batches > 0) {
        const uint8_t *bytes;
        size_t size;
        size_t at = input->events_at;
        bool is_done = true;
        if (!log_record_next(&input->events_view, &at, &bytes, &size)) {
            input->has_events = false;
            (*batches)--;
            break;
        }
        if (input->events_view.type == HR_RECORD_EVENT &&
            input->events_record >= input->events_offset) {
            err = take_event(input, bytes, size, input->events_record, batches, &is_done, why);
        }
        if (err == HR_OK && is_done) {
            input->events_at = at;
            input->events_record++;
            input->events_offset = input->events_record > input->events_offset
                                       ? input->events_record
                                       : input->events_offset;
        }
    }
    return err;
}

/* ---- both ---- */

/* How far may each lane be read? As far as its worker had told its events at some moment, once all
 * events that were in the log then have been read. */
static void move_limits(query_input *input)
{
    if (input->horizon_end < 0) {
        for (uint16_t p = 0; p < input->lane_count; p++) {
            input->horizon[p] = input->engine != NULL
                                    ? engine_offset(input->engine, p)
                                    : log_end(input->log, HR_TOPIC_POSITIONS, p, LOG_COMMITTED);
        }
        /* Read last: it covers what was told before. */
        input->horizon_end = log_end(input->log, HR_TOPIC_EVENTS, 0, LOG_APPENDED);
    }
    if (input->events_offset < input->horizon_end) {
        return;
    }
    for (uint16_t p = 0; p < input->lane_count; p++) {
        if (input->horizon[p] > input->lanes[p].limit) {
            input->lanes[p].limit = input->horizon[p];
        }
    }
    input->horizon_end = -1;
}

bool query_input_is_behind(const query_input *input)
{
    for (uint16_t p = 0; p < input->lane_count; p++) {
        if (input->lanes[p].offset < log_end(input->log, HR_TOPIC_POSITIONS, p, LOG_COMMITTED)) {
            return true;
        }
    }
    return false;
}

hr_err query_input_next(query_input *input, query_rows_visit *visit, void *context, bool *is_read,
                        hr_why *why)
{
    uint32_t batches = BATCHES_MAX;
    bool ignored;
    input->visit = visit;
    input->context = context;
    hr_err err = take_events(input, &batches, why);
    *is_read = batches < BATCHES_MAX;
    move_limits(input);
    for (uint16_t p = 0; err == HR_OK && p < input->lane_count; p++) {
        uint32_t one = 1;
        err = advance(input, p, input->lanes[p].limit, &one, &ignored, why);
        *is_read = *is_read || one == 0;
    }
    flush(input);
    return err;
}

/* ---- stored form ---- */

void query_input_write(const query_input *input, hr_buf *out)
{
    hr_buf_put_u32(out, input->lane_count);
    hr_buf_put_u64(out, (uint64_t)input->events_offset);
    for (uint32_t p = 0; p < input->lane_count; p++) {
        const query_lane *lane = &input->lanes[p];
        hr_buf_put_u64(out, (uint64_t)lane->offset);
        hr_buf_put_u64(out, (uint64_t)lane->mark_ms);
        hr_buf_put_u64(out, (uint64_t)lane->newest_ms);
        hr_buf_put_u32(out, (uint32_t)lane->behind_ms);
        hr_buf_put_u64(out, lane->rules_version);
    }
    query_devices_write(&input->devices, out);
}

hr_err query_input_read(query_input *input, hr_cursor *in, bool is_older, hr_why *why)
{
    uint32_t lanes = hr_cursor_u32(in);
    int64_t offset = (int64_t)hr_cursor_u64(in);
    hr_cursor_take(in, is_older ? 8 : 0);
    if (in->short_read || lanes != input->lane_count || offset < 0 ||
        offset > log_end(input->log, HR_TOPIC_EVENTS, 0, LOG_APPENDED)) {
        return hr_why_set(why, HR_CORRUPT, "the log does not reach so far");
    }
    log_reader_seek(input->events, offset);
    input->events_offset = offset;
    input->has_events = false;
    for (uint16_t p = 0; p < lanes; p++) {
        query_lane *lane = &input->lanes[p];
        lane->offset = (int64_t)hr_cursor_u64(in);
        lane->mark_ms = (int64_t)hr_cursor_u64(in);
        lane->newest_ms = (int64_t)hr_cursor_u64(in);
        lane->behind_ms = hr_cursor_u32(in);
        lane->rules_version = hr_cursor_u64(in);
        lane->limit = lane->offset;
        lane->has_view = false;
        if (in->short_read || lane->offset < 0 || lane->behind_ms > QUERY_BEHIND_MS_MAX ||
            lane->offset > log_end(input->log, HR_TOPIC_POSITIONS, p, LOG_APPENDED)) {
            return hr_why_set(why, HR_CORRUPT, "the log does not reach so far");
        }
        log_reader_seek(lane->reader, lane->offset);
    }
    return query_devices_read(&input->devices, in);
}
