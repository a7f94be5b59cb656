/* wire/hrf1_writer.c - the encoder of HRF1. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/text.h"
#include "wire/hrf1.h"

#define LON_E7_MAX 1800000000
#define LAT_E7_MAX 900000000

/* Open addressing, at most half full, so that probes stay short. */
#define SLOT_COUNT (2u * HRF1_WRITER_DEVICES_MAX)

typedef struct device {
    uint64_t key;
    uint32_t id_at; /* of the length byte, in ids */
} device;

struct hrf1_writer {
    hr_buf ids;
    hr_buf fixes; /* whole but for dt_ms, which needs the earliest time of all */
    int64_t *times_ms;
    uint32_t times_capacity;
    uint32_t fix_count;
    uint32_t device_count;
    int64_t time_min_ms;
    int64_t time_max_ms;
    device devices[HRF1_WRITER_DEVICES_MAX];
    uint16_t slots[SLOT_COUNT]; /* index of a device plus 1; 0: free */
};

hrf1_writer *hrf1_writer_new(void)
{
    hrf1_writer *writer = calloc(1, sizeof *writer);
    if (writer != NULL) {
        hr_buf_init(&writer->ids, HRF1_BYTES_MAX);
        hr_buf_init(&writer->fixes, HRF1_BYTES_MAX);
    }
    return writer;
}

void hrf1_writer_free(hrf1_writer *writer)
{
    if (writer != NULL) {
        hr_buf_fini(&writer->ids);
        hr_buf_fini(&writer->fixes);
        free(writer->times_ms);
        free(writer);
    }
}

void hrf1_writer_begin(hrf1_writer *writer)
{
    hr_buf_clear(&writer->ids);
    hr_buf_clear(&writer->fixes);
    memset(writer->slots, 0, sizeof writer->slots);
    writer->fix_count = 0;
    writer->device_count = 0;
}

uint32_t hrf1_writer_count(const hrf1_writer *writer)
{
    return writer->fix_count;
}

size_t hrf1_writer_size(const hrf1_writer *writer)
{
    return HRF1_HEADER_BYTES + writer->ids.size + writer->fixes.size;
}

static bool device_is(const hrf1_writer *writer, uint16_t index, uint64_t key, const char *id,
                      size_t id_size)
{
    const device *known = &writer->devices[index];
    const uint8_t *at = writer->ids.data + known->id_at;
    return known->key == key && at[0] == id_size && memcmp(at + 1, id, id_size) == 0;
}

/* The device's slot, or the free one where it belongs. */
static uint32_t find_slot(const hrf1_writer *writer, uint64_t key, const char *id, size_t id_size)
{
    uint32_t at = (uint32_t)(key >> 32) % SLOT_COUNT;
    while (writer->slots[at] != 0 &&
           !device_is(writer, (uint16_t)(writer->slots[at] - 1), key, id, id_size)) {
        at = (at + 1) % SLOT_COUNT;
    }
    return at;
}

static bool times_fit(const hrf1_writer *writer, int64_t time_ms, int64_t *min, int64_t *max)
{
    *min = writer->fix_count == 0 || time_ms < writer->time_min_ms ? time_ms : writer->time_min_ms;
    *max = writer->fix_count == 0 || time_ms > writer->time_max_ms ? time_ms : writer->time_max_ms;
    return *max - *min <= (int64_t)UINT32_MAX;
}

static bool grow_times(hrf1_writer *writer)
{
    if (writer->fix_count < writer->times_capacity) {
        return true;
    }
    uint32_t capacity = writer->times_capacity > 0 ? writer->times_capacity * 2 : 1024;
    int64_t *times_ms = realloc(writer->times_ms, capacity * sizeof *times_ms);
    if (times_ms == NULL) {
        return false;
    }
    writer->times_ms = times_ms;
    writer->times_capacity = capacity;
    return true;
}

static hr_err add_device(hrf1_writer *writer, uint32_t slot, uint64_t key, const char *id,
                         size_t id_size)
{
    size_t id_at = writer->ids.size;
    hr_buf_put_u8(&writer->ids, (uint8_t)id_size);
    hr_buf_put(&writer->ids, id, id_size);
    if (hr_buf_err(&writer->ids) != HR_OK) {
        return hr_buf_err(&writer->ids);
    }
    writer->devices[writer->device_count] = (device){.key = key, .id_at = (uint32_t)id_at};
    writer->device_count++;
    writer->slots[slot] = (uint16_t)writer->device_count;
    return HR_OK;
}

static hr_err put_fix(hrf1_writer *writer, uint16_t index, const hr_fix *fix)
{
    uint8_t *to = hr_buf_extend(&writer->fixes, HRF1_FIX_BYTES);
    if (to == NULL) {
        return hr_buf_err(&writer->fixes);
    }
    hr_store_u16(to, index);
    hr_store_u16(to + 2, fix->accuracy_dm);
    hr_store_u32(to + 4, 0);
    hr_store_u32(to + 8, (uint32_t)fix->lon_e7);
    hr_store_u32(to + 12, (uint32_t)fix->lat_e7);
    hr_store_u16(to + 16, fix->speed_cm_s);
    hr_store_u16(to + 18, fix->heading_cdeg);
    to[20] = fix->battery_pct;
    to[21] = fix->flags;
    hr_store_u16(to + 22, 0);
    return HR_OK;
}

hr_err hrf1_writer_add(hrf1_writer *writer, const char *id, size_t id_size, const hr_fix *fix)
{
    if (!hr_device_id_is_valid(id, id_size) || fix->lon_e7 < -LON_E7_MAX ||
        fix->lon_e7 > LON_E7_MAX || fix->lat_e7 < -LAT_E7_MAX || fix->lat_e7 > LAT_E7_MAX ||
        fix->time_ms < HR_TIME_MS_MIN || fix->time_ms > HR_TIME_MS_MAX - UINT32_MAX) {
        return HR_INVALID;
    }
    uint64_t key = hr_device_key(id, id_size);
    uint32_t slot = find_slot(writer, key, id, id_size);
    bool is_new = writer->slots[slot] == 0;
    size_t size = hrf1_writer_size(writer) + HRF1_FIX_BYTES + (is_new ? 1 + id_size : 0);
    int64_t min_ms, max_ms;
    if (writer->fix_count >= HRF1_FIXES_MAX || size > HRF1_BYTES_MAX ||
        (is_new && writer->device_count >= HRF1_WRITER_DEVICES_MAX) ||
        !times_fit(writer, fix->time_ms, &min_ms, &max_ms)) {
        return HR_TOO_BIG;
    }
    if (!grow_times(writer)) {
        return HR_NO_MEMORY;
    }
    hr_err err = is_new ? add_device(writer, slot, key, id, id_size) : HR_OK;
    if (err == HR_OK) {
        err = put_fix(writer, (uint16_t)(writer->slots[slot] - 1), fix);
    }
    if (err == HR_OK) {
        writer->times_ms[writer->fix_count++] = fix->time_ms;
        writer->time_min_ms = min_ms;
        writer->time_max_ms = max_ms;
    }
    return err;
}

static void put_header(const hrf1_writer *writer, const hrf1_header *header, uint8_t *to)
{
    memcpy(to, "HRF1", 4);
    to[4] = 1;
    to[5] = header->is_backlog ? HRF1_BACKLOG : 0;
    hr_store_u16(to + 6, (uint16_t)writer->device_count);
    hr_store_u32(to + 8, writer->fix_count);
    hr_store_u64(to + 12, header->epoch);
    hr_store_u64(to + 20, header->base_seq);
    hr_store_u64(to + 28, header->oldest_seq);
    hr_store_u64(to + 36, writer->fix_count > 0 ? (uint64_t)writer->time_min_ms : 0);
    hr_store_u32(to + 44, 0);
}

hr_err hrf1_writer_finish(hrf1_writer *writer, const hrf1_header *header, hr_buf *out)
{
    size_t size = hrf1_writer_size(writer);
    uint8_t *to = hr_buf_extend(out, size);
    if (to == NULL) {
        return hr_buf_err(out);
    }
    for (uint32_t i = 0; i < writer->fix_count; i++) {
        hr_store_u32(writer->fixes.data + (size_t)i * HRF1_FIX_BYTES + 4,
                     (uint32_t)(writer->times_ms[i] - writer->time_min_ms));
    }
    put_header(writer, header, to);
    if (writer->fix_count > 0) {
        memcpy(to + HRF1_HEADER_BYTES, writer->ids.data, writer->ids.size);
        memcpy(to + HRF1_HEADER_BYTES + writer->ids.size, writer->fixes.data, writer->fixes.size);
    }
    hr_store_u32(to + 44, hr_crc32c(0, to, size));
    return HR_OK;
}
