/* core/engine/history_pending.c - gathers what was read, and writes it device by device. */
#include "history_pending.h"

#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/record.h"
#include "history_chunk.h"

#define FIXES_MIN 1024
#define DEVICES_MIN 64
#define EVENT_HEAD_BYTES 13
/* One frame's records may come on top of the limit at which a slot is written. */
#define BYTES_ROOM (HISTORY_PENDING_BYTES_MAX + 2 * LOG_FRAME_BYTES_MAX)

static void forget(history_pending *pending)
{
    /* A burst's memory is given back; a quiet farm needs little. */
    free(pending->fixes);
    pending->fixes = NULL;
    pending->fix_room = 0;
    pending->fix_count = 0;
    hr_buf_fini(&pending->events);
    hr_buf_fini(&pending->names);
    hr_buf_init(&pending->events, BYTES_ROOM);
    hr_buf_init(&pending->names, BYTES_ROOM);
    pending->event_count = 0;
    pending->from_ms = INT64_MAX;
    pending->to_ms = INT64_MIN;
    pending->newest_ms = INT64_MIN;
    pending->events_to_ms = INT64_MIN;
}

void history_pending_init(history_pending *pending)
{
    *pending = (history_pending){.device_count = 0};
    hr_buf_init(&pending->events, BYTES_ROOM);
    hr_buf_init(&pending->names, BYTES_ROOM);
    forget(pending);
}

void history_pending_fini(history_pending *pending)
{
    forget(pending);
    free(pending->keys);
    free(pending->places);
    hr_buf_fini(&pending->events);
    hr_buf_fini(&pending->names);
}

/* ---- devices ---- */

static uint32_t *place_of(const history_pending *pending, uint64_t key)
{
    uint32_t at = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
    for (;; at++) {
        uint32_t *place = &pending->places[at & (pending->place_room - 1)];
        if (*place == 0 || pending->keys[*place - 1] == key) {
            return place;
        }
    }
}

static hr_err grow_devices(history_pending *pending)
{
    uint32_t room = pending->device_room == 0 ? DEVICES_MIN : pending->device_room * 2;
    uint64_t *keys = realloc(pending->keys, room * sizeof *keys);
    if (keys == NULL) {
        return HR_NO_MEMORY;
    }
    pending->keys = keys;
    uint32_t *places = calloc((size_t)room * 2, sizeof *places);
    if (places == NULL) {
        return HR_NO_MEMORY;
    }
    free(pending->places);
    pending->places = places;
    pending->place_room = room * 2;
    pending->device_room = room;
    for (uint32_t i = 0; i < pending->device_count; i++) {
        *place_of(pending, keys[i]) = i + 1;
    }
    return HR_OK;
}

/* HR_TOO_BIG: there are too many. */
static hr_err number_of(history_pending *pending, uint64_t key, uint32_t *number)
{
    if (pending->device_count == pending->device_room) {
        hr_err err = pending->device_count < HISTORY_DEVICES_MAX ? grow_devices(pending) : HR_OK;
        if (err != HR_OK) {
            return err;
        }
    }
    uint32_t *place = place_of(pending, key);
    if (*place == 0) {
        if (pending->device_count == HISTORY_DEVICES_MAX) {
            return HR_TOO_BIG;
        }
        pending->keys[pending->device_count++] = key;
        *place = pending->device_count;
    }
    *number = *place - 1;
    return HR_OK;
}

hr_err history_pending_load_device(history_pending *pending, uint64_t key)
{
    uint32_t number = 0;
    hr_err err = number_of(pending, key, &number);
    pending->stored_devices = pending->device_count;
    return err;
}

hr_err history_pending_name(history_pending *pending, uint64_t key, const char *id, size_t size)
{
    uint32_t number = 0;
    hr_err err = number_of(pending, key, &number);
    if (err != HR_OK || size == 0 || size > HR_DEVICE_ID_MAX) {
        return err == HR_TOO_BIG ? HR_OK : err;
    }
    hr_buf_put_u64(&pending->names, key);
    hr_buf_put_u8(&pending->names, (uint8_t)size);
    hr_buf_put(&pending->names, id, size);
    return hr_buf_err(&pending->names);
}

/* ---- taking ---- */

static hr_err make_room(history_pending *pending, size_t more)
{
    size_t room = pending->fix_room == 0 ? FIXES_MIN : pending->fix_room;
    while (room < pending->fix_count + more) {
        room *= 2;
    }
    if (room == pending->fix_room) {
        return HR_OK;
    }
    hr_fix *fixes = realloc(pending->fixes, room * sizeof *fixes);
    if (fixes == NULL) {
        return HR_NO_MEMORY;
    }
    pending->fixes = fixes;
    pending->fix_room = room;
    return HR_OK;
}

static hr_err take_fixes(history_pending *pending, const log_view *view, uint32_t skip)
{
    hr_err err = make_room(pending, view->count);
    size_t kept = pending->fix_count;
    uint32_t number = 0;
    uint64_t key = 0;
    bool is_known = false; /* number is key's */
    for (uint32_t i = skip; err == HR_OK && i < view->count; i++) {
        hr_fix *fix = &pending->fixes[kept];
        hr_fix_load(view->bytes + (size_t)i * HR_FIX_BYTES, fix);
        if (!is_known || fix->device != key) {
            key = fix->device;
            err = number_of(pending, key, &number);
            is_known = err == HR_OK;
        }
        if (err != HR_OK) {
            pending->refused += err == HR_TOO_BIG;
            err = err == HR_TOO_BIG ? HR_OK : err;
            continue;
        }
        fix->device = number;
        pending->from_ms = fix->time_ms < pending->from_ms ? fix->time_ms : pending->from_ms;
        pending->to_ms = fix->time_ms > pending->to_ms ? fix->time_ms : pending->to_ms;
        kept++;
    }
    if (err == HR_OK) {
        pending->fix_count = kept;
    }
    return err;
}

static hr_err take_names(history_pending *pending, const log_view *view, int64_t from)
{
    size_t at = 0;
    size_t size = 0;
    const uint8_t *bytes = NULL;
    hr_err err = HR_OK;
    for (int64_t offset = view->first_offset;
         err == HR_OK && log_record_next(view, &at, &bytes, &size); offset++) {
        if (offset >= from && size > 8) {
            err = history_pending_name(pending, hr_load_u64(bytes), (const char *)bytes + 8,
                                       size - 8);
        }
    }
    return err;
}

static void note_time(history_pending *pending, const log_view *view)
{
    pending->newest_ms =
        view->append_ms > pending->newest_ms ? view->append_ms : pending->newest_ms;
}

hr_err history_pending_positions(history_pending *pending, const log_view *view, int64_t from)
{
    int64_t skip = from > view->first_offset ? from - view->first_offset : 0;
    hr_err err = HR_OK;
    if (view->type == HR_RECORD_FIX && view->record_bytes == HR_FIX_BYTES) {
        err = take_fixes(pending, view, (uint32_t)skip);
        note_time(pending, view);
    } else if (view->type == HR_RECORD_NAME) {
        err = take_names(pending, view, from);
    }
    return err;
}

/* What cannot be read as an event is told to nobody as one: its time does not matter. */
static void note_event(history_pending *pending, uint8_t type, const uint8_t *bytes, size_t size)
{
    hr_event event;
    if (type == HR_RECORD_EVENT && hr_event_load(bytes, size, &event) == HR_OK &&
        event.time_ms > pending->events_to_ms) {
        pending->events_to_ms = event.time_ms;
    }
}

hr_err history_pending_events(history_pending *pending, const log_view *view, int64_t from)
{
    size_t at = 0;
    size_t size = 0;
    const uint8_t *bytes = NULL;
    if (view->type != HR_RECORD_EVENT && view->type != HR_RECORD_ALERT_ACK) {
        return HR_OK;
    }
    size_t before = pending->events.size;
    uint64_t count = 0;
    for (int64_t offset = view->first_offset; log_record_next(view, &at, &bytes, &size); offset++) {
        if (offset >= from) {
            hr_buf_put_u64(&pending->events, (uint64_t)offset);
            hr_buf_put_u8(&pending->events, view->type);
            hr_buf_put_u32(&pending->events, (uint32_t)size);
            hr_buf_put(&pending->events, bytes, size);
            note_event(pending, view->type, bytes, size);
            count++;
        }
    }
    hr_err err = hr_buf_err(&pending->events);
    if (err != HR_OK) {
        pending->events.err = HR_OK;
        pending->events.size = before;
        return err;
    }
    pending->event_count += count;
    note_time(pending, view);
    return HR_OK;
}

bool history_pending_is_full(const history_pending *pending)
{
    return pending->fix_count * sizeof(hr_fix) >= HISTORY_PENDING_BYTES_MAX ||
           pending->events.size >= HISTORY_PENDING_BYTES_MAX ||
           pending->names.size >= HISTORY_PENDING_BYTES_MAX;
}

/* ---- writing ---- */

static hr_err write_devices(const history_pending *pending, history_store *store, hr_why *why)
{
    hr_err err = HR_OK;
    for (uint32_t i = pending->stored_devices; err == HR_OK && i < pending->device_count; i++) {
        err = history_store_put_device(store, i, pending->keys[i], why);
    }
    hr_cursor in = hr_cursor_of(pending->names.data, pending->names.size);
    while (err == HR_OK && hr_cursor_left(&in) > 0) {
        uint64_t key = hr_cursor_u64(&in);
        uint8_t size = hr_cursor_u8(&in);
        const char *id = (const char *)hr_cursor_take(&in, size);
        err = id != NULL ? history_store_put_name(store, key, id, size, why) : HR_OK;
    }
    return err;
}

static hr_err write_events(const history_pending *pending, history_store *store, hr_why *why)
{
    hr_err err = HR_OK;
    hr_cursor in = hr_cursor_of(pending->events.data, pending->events.size);
    while (err == HR_OK && hr_cursor_left(&in) >= EVENT_HEAD_BYTES) {
        int64_t offset = (int64_t)hr_cursor_u64(&in);
        uint8_t type = hr_cursor_u8(&in);
        uint32_t size = hr_cursor_u32(&in);
        const uint8_t *bytes = hr_cursor_take(&in, size);
        if (bytes != NULL) {
            err = history_store_put_event(store, offset, type, bytes, size, why);
        }
    }
    return err;
}

/* One device's fixes, given by their indexes, in chunks. */
static hr_err write_run(const history_pending *pending, history_store *store, uint32_t number,
                        const uint32_t *order, uint32_t count, history_slot *slot, hr_why *why)
{
    hr_fix fixes[HISTORY_CHUNK_FIXES_MAX];
    uint8_t bytes[HISTORY_CHUNK_BYTES_MAX];
    hr_err err = HR_OK;
    uint32_t turn = 0;
    for (uint32_t at = 0; err == HR_OK && at < count;) {
        uint32_t left = count - at;
        uint32_t part = left < HISTORY_CHUNK_FIXES_MAX ? left : HISTORY_CHUNK_FIXES_MAX;
        for (uint32_t i = 0; i < part; i++) {
            fixes[i] = pending->fixes[order[at + i]];
        }
        size_t size = history_chunk_write(fixes, part, bytes);
        /* More than its keys can hold cannot be pending: see the limit below. */
        err = history_store_put_chunk(store, number, turn++, bytes, size, why);
        slot->chunks++;
        slot->bytes += size;
        at += part;
    }
    return err;
}

/* A frame of fixes on top of the limit, all of one device, still has keys for its chunks. */
_Static_assert((HISTORY_PENDING_BYTES_MAX + LOG_FRAME_BYTES_MAX) / HR_FIX_BYTES <=
                   HISTORY_TURNS_MAX * HISTORY_CHUNK_FIXES_MAX,
               "one device's fixes must fit the chunks of a slot");

/* A counting sort by device, which leaves each device's fixes in the order of the log. */
static hr_err write_fixes(const history_pending *pending, history_store *store, history_slot *slot,
                          hr_why *why)
{
    uint32_t devices = pending->device_count;
    uint32_t *starts = calloc((size_t)devices + 2, sizeof *starts);
    uint32_t *order = malloc((pending->fix_count + 1) * sizeof *order);
    if (starts == NULL || order == NULL) {
        free(starts);
        free(order);
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < pending->fix_count; i++) {
        starts[pending->fixes[i].device + 2]++;
    }
    for (uint32_t d = 2; d < devices + 2; d++) {
        starts[d] += starts[d - 1];
    }
    for (size_t i = 0; i < pending->fix_count; i++) {
        order[starts[pending->fixes[i].device + 1]++] = (uint32_t)i;
    }
    hr_err err = HR_OK;
    for (uint32_t d = 0; err == HR_OK && d < devices; d++) {
        err = write_run(pending, store, d, order + starts[d], starts[d + 1] - starts[d], slot, why);
    }
    free(starts);
    free(order);
    return err;
}

hr_err history_pending_write(history_pending *pending, history_store *store, history_slot *slot,
                             hr_why *why)
{
    slot->from_ms = pending->from_ms;
    slot->to_ms = pending->to_ms;
    slot->newest_ms = pending->newest_ms;
    slot->events_to_ms = pending->events_to_ms;
    slot->fixes = pending->fix_count;
    slot->chunks = 0;
    slot->bytes = pending->events.size;
    hr_err err = history_store_begin(store, why);
    if (err == HR_OK) {
        err = write_devices(pending, store, why);
    }
    if (err == HR_OK) {
        err = write_fixes(pending, store, slot, why);
    }
    if (err == HR_OK) {
        err = write_events(pending, store, why);
    }
    if (err == HR_OK) {
        err = history_store_commit(store, slot, why);
    }
    if (err != HR_OK) {
        history_store_abandon(store);
        return err;
    }
    pending->stored_devices = pending->device_count;
    forget(pending);
    return HR_OK;
}
