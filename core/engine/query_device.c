/* core/engine/query_device.c - the table of devices, the gate for repeats, and brackets in time. */
#include "query_device.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define SLOTS_MIN 128
#define DEVICES_MAX (1u << 24)
#define CONFIRM_FIXES 2 /* that decide where a fence does not say */

static uint32_t first_slot(const query_devices *devices, uint64_t key)
{
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (devices->slot_count - 1);
}

static query_device *device_at(const query_devices *devices, uint32_t number)
{
    return &devices->pages[number / QUERY_DEVICES_PAGE][number % QUERY_DEVICES_PAGE];
}

void query_devices_prefetch_slot(const query_devices *devices, uint64_t key)
{
    if (devices->slot_count > 0) {
        __builtin_prefetch(&devices->slots[first_slot(devices, key)]);
    }
}

void query_devices_prefetch(const query_devices *devices, uint64_t key)
{
    uint32_t number = devices->slot_count > 0 ? devices->slots[first_slot(devices, key)] : 0;
    if (number != 0) {
        const char *device = (const char *)device_at(devices, number - 1);
        __builtin_prefetch(device);
        __builtin_prefetch(device + 64);
    }
}

/* The slot that holds the key, or the free one where it belongs. */
static uint32_t *find_slot(const query_devices *devices, uint64_t key)
{
    uint32_t at = first_slot(devices, key);
    while (devices->slots[at] != 0 && device_at(devices, devices->slots[at] - 1)->key != key) {
        at = (at + 1) & (devices->slot_count - 1);
    }
    return &devices->slots[at];
}

static hr_err grow_slots(query_devices *devices)
{
    uint32_t count = devices->slot_count == 0 ? SLOTS_MIN : devices->slot_count * 2;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (slots == NULL) {
        return HR_NO_MEMORY;
    }
    free(devices->slots);
    devices->slots = slots;
    devices->slot_count = count;
    for (uint32_t i = 0; i < devices->count; i++) {
        *find_slot(devices, device_at(devices, i)->key) = i + 1;
    }
    return HR_OK;
}

static hr_err add_page(query_devices *devices)
{
    uint32_t page = devices->count / QUERY_DEVICES_PAGE;
    query_device **pages = realloc(devices->pages, (page + 1) * sizeof *pages);
    if (pages == NULL) {
        return HR_NO_MEMORY;
    }
    devices->pages = pages;
    pages[page] = malloc(QUERY_DEVICES_PAGE * sizeof **pages);
    return pages[page] != NULL ? HR_OK : HR_NO_MEMORY;
}

query_device *query_devices_get(query_devices *devices, uint64_t key)
{
    if (devices->count * 2 >= devices->slot_count && grow_slots(devices) != HR_OK) {
        return NULL;
    }
    uint32_t *slot = find_slot(devices, key);
    if (*slot != 0) {
        return device_at(devices, *slot - 1);
    }
    if (devices->count == DEVICES_MAX ||
        (devices->count % QUERY_DEVICES_PAGE == 0 && add_page(devices) != HR_OK)) {
        return NULL;
    }
    query_device *device = device_at(devices, devices->count);
    *device = (query_device){.key = key, .rules_version = UINT32_MAX};
    *slot = ++devices->count;
    return device;
}

/* Room for a name, which never straddles two pages; 0: no memory. */
static uint32_t add_name(query_devices *devices, const char *id, size_t size)
{
    uint32_t at = devices->names_at;
    if (at / QUERY_NAMES_PAGE != (at + size) / QUERY_NAMES_PAGE) {
        at = (at / QUERY_NAMES_PAGE + 1) * QUERY_NAMES_PAGE;
    }
    if (at % QUERY_NAMES_PAGE == 0) {
        uint32_t page = at / QUERY_NAMES_PAGE;
        char **names = realloc(devices->names, (page + 1) * sizeof *names);
        if (names == NULL) {
            return 0;
        }
        devices->names = names;
        names[page] = malloc(QUERY_NAMES_PAGE);
        if (names[page] == NULL) {
            return 0;
        }
        at += at == 0; /* place 0 says that there is none */
    }
    char *to = devices->names[at / QUERY_NAMES_PAGE] + at % QUERY_NAMES_PAGE;
    memcpy(to, id, size);
    to[size] = '\0';
    devices->names_at = at + (uint32_t)size + 1;
    return at;
}

void query_devices_name(query_devices *devices, uint64_t key, const char *id, size_t size)
{
    query_device *device = query_devices_get(devices, key);
    if (device != NULL && device->name == 0) {
        /* Without memory the device stays nameless, which a query sees as null. */
        device->name = add_name(devices, id, size);
    }
}

const char *query_device_id(const query_devices *devices, const query_device *device)
{
    uint32_t at = device->name;
    return at != 0 ? devices->names[at / QUERY_NAMES_PAGE] + at % QUERY_NAMES_PAGE : NULL;
}

void query_devices_fini(query_devices *devices)
{
    for (uint32_t i = 0; i * QUERY_DEVICES_PAGE < devices->count; i++) {
        free(devices->pages[i]);
    }
    for (uint32_t i = 0; i * QUERY_NAMES_PAGE < devices->names_at; i++) {
        free(devices->names[i]);
    }
    free(devices->pages);
    free(devices->names);
    free(devices->slots);
    *devices = (query_devices){.pages = NULL};
}

/* ---- times ---- */

static query_time keep_time(int64_t time_ms)
{
    query_time time;
    hr_store_u32(time.bytes, (uint32_t)time_ms);
    hr_store_u16(time.bytes + 4, (uint16_t)((uint64_t)time_ms >> 32));
    return time;
}

static int64_t time_of(const query_time *time)
{
    uint64_t kept = hr_load_u32(time->bytes) | (uint64_t)hr_load_u16(time->bytes + 4) << 32;
    /* Up to the top and down again, which repeats the sign. */
    return (int64_t)(kept << 16) >> 16;
}

static uint32_t times_count(const query_device *device)
{
    return device->taken < QUERY_TIMES_KEPT ? device->taken : QUERY_TIMES_KEPT;
}

/* Where in the ring the next time goes. */
static uint32_t times_next(const query_device *device)
{
    return device->taken % QUERY_TIMES_KEPT;
}

bool query_device_repeats(query_device *device, int64_t time_ms, bool is_accurate)
{
    const query_time time = keep_time(time_ms);
    for (uint32_t i = 0; i < times_count(device); i++) {
        if (memcmp(&device->times[i], &time, sizeof time) == 0) {
            return true;
        }
    }
    bool is_newest = device->taken == 0 || time_ms > time_of(&device->newest);
    uint32_t at = times_next(device);
    uint8_t bit = (uint8_t)(1u << at);
    if (device->taken >= QUERY_TIMES_KEPT && (device->decided & bit) != 0) {
        device->gone = device->times[at];
        device->has_gone = true;
    }
    device->decided =
        (uint8_t)(is_accurate && is_newest ? device->decided | bit : device->decided & ~bit);
    device->newest = is_newest ? time : device->newest;
    device->times[at] = time;
    device->taken = (uint8_t)(at + 1 + (device->taken < QUERY_TIMES_KEPT ? 0 : QUERY_TIMES_KEPT));
    return false;
}

/* The n-th newest deciding time, or the oldest that is known; INT64_MIN: none. They were decided in
 * the order of time, so the ring holds them in that order. */
static int64_t decided_before(const query_device *device, uint32_t n)
{
    int64_t found_ms = INT64_MIN;
    for (uint32_t back = 1; back <= times_count(device) && n > 0; back++) {
        uint32_t at = (times_next(device) + QUERY_TIMES_KEPT - back) % QUERY_TIMES_KEPT;
        if ((device->decided >> at & 1) != 0) {
            found_ms = time_of(&device->times[at]);
            n--;
        }
    }
    return n > 0 && device->has_gone ? time_of(&device->gone) : found_ms;
}

static int64_t around_crossing_ms(const query_device *device, const hr_event *event,
                                  const geo_settings *settings)
{
    int64_t gone_ms = device->has_gone ? time_of(&device->gone) : INT64_MAX;
    int64_t from_ms = gone_ms <= event->crossing_time_ms ? gone_ms : INT64_MIN;
    int64_t to_ms = event->time_ms;
    for (uint32_t i = 0; i < times_count(device); i++) {
        int64_t time_ms = time_of(&device->times[i]);
        if ((device->decided >> i & 1) == 0) {
            continue;
        }
        if (time_ms <= event->crossing_time_ms && time_ms > from_ms) {
            from_ms = time_ms;
        }
        if (time_ms >= event->crossing_time_ms && time_ms < to_ms) {
            to_ms = time_ms;
        }
    }
    /* No crossing is told over a longer gap. */
    return from_ms != INT64_MIN ? to_ms - from_ms : (int64_t)settings->max_gap_s * 1000;
}

int64_t query_device_uncertainty_ms(const query_device *device, const hr_event *event,
                                    const geo_fence *fence, const geo_settings *settings)
{
    if (event->cause != HR_CAUSE_FIX) {
        return 0;
    }
    if (event->has_crossing) {
        int64_t apart_ms = around_crossing_ms(device, event, settings);
        return apart_ms > 0 ? apart_ms : 0;
    }
    /* Nobody saw the crossing: it was after the last fix on the other side, which lies as many
     * fixes back as it takes to decide. */
    uint32_t fixes =
        fence != NULL && fence->confirm_fixes > 0 ? fence->confirm_fixes : CONFIRM_FIXES;
    int64_t before_ms = decided_before(device, fixes);
    return before_ms != INT64_MIN && before_ms < event->time_ms ? event->time_ms - before_ms : 0;
}

/* ---- stored form ---- */

void query_devices_write(const query_devices *devices, hr_buf *out)
{
    hr_buf_put_u32(out, devices->count);
    for (uint32_t i = 0; i < devices->count; i++) {
        const query_device *device = device_at(devices, i);
        hr_buf_put_u64(out, device->key);
        hr_buf_put_u64(out, (uint64_t)(device->taken > 0 ? time_of(&device->newest) : INT64_MIN));
        hr_buf_put_u8(out, (uint8_t)times_count(device));
        hr_buf_put_u8(out, (uint8_t)times_next(device));
        hr_buf_put_u8(out, device->decided);
        hr_buf_put_u64(out, (uint64_t)(device->has_gone ? time_of(&device->gone) : INT64_MIN));
        for (uint32_t t = 0; t < times_count(device); t++) {
            hr_buf_put_u64(out, (uint64_t)time_of(&device->times[t]));
        }
        /* Names may have left the log by then, and the catalogue may not have them yet. */
        const char *id = query_device_id(devices, device);
        hr_buf_put_u8(out, (uint8_t)(id != NULL ? strlen(id) : 0));
        hr_buf_put_text(out, id != NULL ? id : "");
    }
}

static hr_err read_device(query_devices *devices, hr_cursor *in)
{
    uint64_t key = hr_cursor_u64(in);
    int64_t newest_ms = (int64_t)hr_cursor_u64(in);
    uint8_t count = hr_cursor_u8(in);
    uint8_t next = hr_cursor_u8(in);
    uint8_t decided = hr_cursor_u8(in);
    int64_t gone_ms = (int64_t)hr_cursor_u64(in);
    if (in->short_read || count > QUERY_TIMES_KEPT || next >= QUERY_TIMES_KEPT ||
        (count < QUERY_TIMES_KEPT && next != count)) {
        return HR_CORRUPT;
    }
    query_device *device = query_devices_get(devices, key);
    if (device == NULL) {
        return HR_NO_MEMORY;
    }
    device->newest = keep_time(newest_ms);
    device->taken = (uint8_t)(count < QUERY_TIMES_KEPT ? count : QUERY_TIMES_KEPT + next);
    device->decided = decided;
    device->has_gone = gone_ms != INT64_MIN;
    device->gone = keep_time(gone_ms);
    for (uint32_t t = 0; t < count; t++) {
        device->times[t] = keep_time((int64_t)hr_cursor_u64(in));
    }
    uint8_t size = hr_cursor_u8(in);
    const uint8_t *id = hr_cursor_take(in, size);
    if (id == NULL || in->short_read || size > HR_DEVICE_ID_MAX) {
        return HR_CORRUPT;
    }
    if (size > 0 && device->name == 0) {
        device->name = add_name(devices, (const char *)id, size);
    }
    return HR_OK;
}

hr_err query_devices_read(query_devices *devices, hr_cursor *in)
{
    uint32_t count = hr_cursor_u32(in);
    hr_err err = in->short_read ? HR_CORRUPT : HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        err = read_device(devices, in);
    }
    return err;
}
