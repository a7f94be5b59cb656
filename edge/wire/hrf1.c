/* wire/hrf1.c - the decoder of HRF1. */
#include "wire/hrf1.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/id.h"
#include "base/text.h"

#define CRC_AT 44
#define LON_E7_MAX 1800000000
#define LAT_E7_MAX 900000000
#define FIX_FLAGS_KNOWN (HR_FIX_BACKLOG | HR_FIX_TIME_ASSIGNED)

static uint32_t message_crc(const uint8_t *bytes, size_t size)
{
    static const uint8_t zero[4] = {0};
    uint32_t crc = hr_crc32c(0, bytes, CRC_AT);
    crc = hr_crc32c(crc, zero, sizeof zero);
    return hr_crc32c(crc, bytes + HRF1_HEADER_BYTES, size - HRF1_HEADER_BYTES);
}

static hr_err check_sequences(const hrf1_view *view, hr_why *why)
{
    if (view->fix_count > HRF1_FIXES_MAX) {
        return hr_why_set(why, HR_INVALID, "%u fixes in one message, at most %u are allowed",
                          view->fix_count, HRF1_FIXES_MAX);
    }
    /* Acknowledgements speak of sequences as signed numbers. */
    if (view->base_seq > (uint64_t)INT64_MAX - view->fix_count) {
        return hr_why_set(why, HR_INVALID, "base_seq %llu is beyond 2^63",
                          (unsigned long long)view->base_seq);
    }
    return HR_OK;
}

static hr_err check_numbers(const hrf1_view *view, hr_why *why)
{
    hr_err err = check_sequences(view, why);
    if (err != HR_OK) {
        return err;
    }
    if (view->oldest_seq > view->base_seq) {
        return hr_why_set(why, HR_INVALID, "oldest_seq %llu is above base_seq %llu",
                          (unsigned long long)view->oldest_seq, (unsigned long long)view->base_seq);
    }
    if (view->base_time_ms < HR_TIME_MS_MIN || view->base_time_ms > HR_TIME_MS_MAX - UINT32_MAX) {
        return hr_why_set(why, HR_INVALID, "base_time_ms %lld is not a time",
                          (long long)view->base_time_ms);
    }
    return HR_OK;
}

static hr_err check_ids(hrf1_view *view, hr_cursor *cursor, hr_why *why)
{
    view->ids = cursor->data + cursor->at;
    for (uint32_t i = 0; i < view->device_count; i++) {
        uint8_t size = hr_cursor_u8(cursor);
        const uint8_t *id = hr_cursor_take(cursor, size);
        if (id == NULL || cursor->short_read) {
            return hr_why_set(why, HR_INVALID, "the message ends within device id %u", i);
        }
    }
    return HR_OK;
}

/* The header, if the message is one of ours and came over whole. *cursor stands behind it. */
static hr_err read_header(const void *bytes, size_t size, hr_cursor *cursor, hrf1_view *view,
                          hr_why *why)
{
    if (size < HRF1_HEADER_BYTES || size > HRF1_BYTES_MAX) {
        return hr_why_set(why, HR_INVALID, "%zu bytes, a message has %u to %u", size,
                          HRF1_HEADER_BYTES, HRF1_BYTES_MAX);
    }
    *cursor = hr_cursor_of(bytes, size);
    const uint8_t *magic = hr_cursor_take(cursor, 4);
    if (memcmp(magic, "HRF1", 4) != 0) {
        return hr_why_set(why, HR_INVALID, "does not begin with HRF1");
    }
    uint8_t version = hr_cursor_u8(cursor);
    if (version != 1) {
        return hr_why_set(why, HR_INVALID, "HRF1 version %u is not known here", version);
    }
    hrf1_view v = {.is_backlog = (hr_cursor_u8(cursor) & HRF1_BACKLOG) != 0};
    v.device_count = hr_cursor_u16(cursor);
    v.fix_count = hr_cursor_u32(cursor);
    v.epoch = hr_cursor_u64(cursor);
    v.base_seq = hr_cursor_u64(cursor);
    v.oldest_seq = hr_cursor_u64(cursor);
    v.base_time_ms = (int64_t)hr_cursor_u64(cursor);
    uint32_t crc = hr_cursor_u32(cursor);
    if (crc != message_crc(bytes, size)) {
        return hr_why_set(why, HR_INVALID, "the checksum is wrong");
    }
    *view = v;
    return HR_OK;
}

hr_err hrf1_parse(const void *bytes, size_t size, hrf1_view *view, hr_why *why)
{
    hr_cursor cursor;
    hrf1_view v;
    hr_err err = read_header(bytes, size, &cursor, &v, why);
    if (err == HR_OK) {
        err = check_numbers(&v, why);
    }
    if (err == HR_OK) {
        err = check_ids(&v, &cursor, why);
    }
    if (err != HR_OK) {
        return err;
    }
    if (hr_cursor_left(&cursor) != (size_t)v.fix_count * HRF1_FIX_BYTES) {
        return hr_why_set(why, HR_INVALID, "%zu bytes of fixes, %u fixes take %zu",
                          hr_cursor_left(&cursor), v.fix_count,
                          (size_t)v.fix_count * HRF1_FIX_BYTES);
    }
    v.fixes = cursor.data + cursor.at;
    *view = v;
    return HR_OK;
}

hr_err hrf1_sequences(const void *bytes, size_t size, hrf1_view *view)
{
    hr_cursor cursor;
    hrf1_view v;
    hr_err err = read_header(bytes, size, &cursor, &v, NULL);
    if (err == HR_OK) {
        err = check_sequences(&v, NULL);
    }
    if (err == HR_OK) {
        v.oldest_seq = v.oldest_seq < v.base_seq ? v.oldest_seq : v.base_seq;
        v.device_count = 0;
        *view = v;
    }
    return err;
}

void hrf1_devices(const hrf1_view *view, hrf1_device *devices)
{
    const uint8_t *at = view->ids;
    for (uint32_t i = 0; i < view->device_count; i++) {
        const char *id = (const char *)at + 1;
        devices[i] = hr_device_id_is_valid(id, *at)
                         ? (hrf1_device){.key = hr_device_key(id, *at), .id = id, .id_size = *at}
                         : (hrf1_device){0};
        at += 1 + *at;
    }
}

hrf1_fault hrf1_fix(const hrf1_view *view, const hrf1_device *devices, uint32_t i, hr_fix *fix,
                    uint16_t *device)
{
    const uint8_t *at = hrf1_fix_bytes(view, i);
    uint16_t index = hr_load_u16(at);
    int32_t lon_e7 = (int32_t)hr_load_u32(at + 8);
    int32_t lat_e7 = (int32_t)hr_load_u32(at + 12);
    if (index >= view->device_count || devices[index].id == NULL) {
        return HRF1_BAD_DEVICE;
    }
    if (lon_e7 < -LON_E7_MAX || lon_e7 > LON_E7_MAX || lat_e7 < -LAT_E7_MAX ||
        lat_e7 > LAT_E7_MAX) {
        return HRF1_BAD_PLACE;
    }
    *device = index;
    *fix = (hr_fix){
        .device = devices[index].key,
        .time_ms = view->base_time_ms + hr_load_u32(at + 4),
        .lon_e7 = lon_e7,
        .lat_e7 = lat_e7,
        .accuracy_dm = hr_load_u16(at + 2),
        .speed_cm_s = hr_load_u16(at + 16),
        .heading_cdeg = hr_load_u16(at + 18),
        .battery_pct = at[20],
        .flags = (uint8_t)((at[21] & FIX_FLAGS_KNOWN) | (view->is_backlog ? HR_FIX_BACKLOG : 0)),
    };
    return HRF1_GOOD;
}
