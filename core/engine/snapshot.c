/* engine/snapshot.c - a partition's devices to bytes and back. */
#include <stdlib.h>
#include <string.h>

#include "fixes.h"
#include "internal.h"

static void write_device(const engine_devices *devices, uint32_t index, hr_buf *out)
{
    const engine_device_entry *entry = &devices->entries[index];
    hr_fix latest = engine_device_fix(devices, index);
    const char *id = engine_device_id(devices, index);
    size_t id_size = strlen(id);
    hr_buf_put_u64(out, entry->key);
    hr_buf_put_u64(out, (uint64_t)entry->tick_ms);
    hr_buf_put_u64(out, (uint64_t)devices->shown[index].append_ms);
    uint8_t *fix = hr_buf_extend(out, HR_FIX_BYTES);
    if (fix != NULL) {
        hr_fix_store(fix, &latest);
    }
    hr_buf_put_u8(out, (uint8_t)id_size);
    hr_buf_put(out, id, id_size);
    size_t state_size = geo_tracker_state_size(&entry->state);
    hr_buf_put_u32(out, (uint32_t)state_size);
    uint8_t *state = hr_buf_extend(out, state_size);
    if (state != NULL) {
        geo_tracker_state_write(&entry->state, state);
    }
}

void engine_snapshot_write(const engine_partition *partition, hr_buf *out)
{
    hr_buf_put_u32(out, partition->devices.count);
    for (uint32_t i = 0; i < partition->devices.count; i++) {
        write_device(&partition->devices, i, out);
    }
}

static hr_err read_state(geo_tracker_state *state, const uint8_t *bytes, size_t size)
{
    size_t used = 0;
    geo_err err = geo_tracker_state_read(state, bytes, size, &used);
    if (err == GEO_NO_MEMORY) {
        return HR_NO_MEMORY;
    }
    return err == GEO_OK && used == size ? HR_OK : HR_CORRUPT;
}

static hr_err read_device(engine_partition *partition, hr_cursor *cursor)
{
    engine_devices *devices = &partition->devices;
    uint32_t index;
    hr_err err = engine_devices_get(devices, hr_cursor_u64(cursor), &index);
    if (err != HR_OK) {
        return err;
    }
    engine_device_entry *entry = &devices->entries[index];
    entry->tick_ms = (int64_t)hr_cursor_u64(cursor);
    int64_t append_ms = (int64_t)hr_cursor_u64(cursor);
    const uint8_t *fix = hr_cursor_take(cursor, HR_FIX_BYTES);
    size_t id_size = hr_cursor_u8(cursor);
    const uint8_t *id = hr_cursor_take(cursor, id_size);
    size_t state_size = hr_cursor_u32(cursor);
    const uint8_t *state = hr_cursor_take(cursor, state_size);
    if (cursor->short_read) {
        return HR_CORRUPT;
    }
    hr_fix latest;
    hr_fix_load(fix, &latest);
    err = read_state(&entry->state, state, state_size);
    if (err == HR_OK && id_size > 0) {
        err = engine_devices_name(devices, index, (const char *)id, id_size);
    }
    if (err == HR_OK) {
        err = engine_devices_show(devices, index, &latest, append_ms, &partition->moved);
    }
    return err == HR_OK ? engine_devices_show_inside(devices, index) : err;
}

hr_err engine_snapshot_read(engine_partition *partition, const uint8_t *bytes, size_t size)
{
    hr_cursor cursor = hr_cursor_of(bytes, size);
    uint32_t count = hr_cursor_u32(&cursor);
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        err = read_device(partition, &cursor);
    }
    if (err == HR_OK && (cursor.short_read || hr_cursor_left(&cursor) != 0)) {
        err = HR_CORRUPT;
    }
    for (uint32_t i = 0; err == HR_OK && i < partition->devices.count; i++) {
        engine_partition_set_wake(partition, i);
    }
    return err;
}
