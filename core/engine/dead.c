/* engine/dead.c - poison, with its reason, from a partition to `dead`. */
#include "dead.h"

#include <inttypes.h>
#include <stdio.h>

#include "internal.h"

#define TOPIC_FORMAT "positions/%" PRIu32 "/%" PRId64
#define TOPIC_BYTES_MAX 64

void engine_dead_add(engine_dead *dead, uint32_t partition, int64_t offset, const char *reason,
                     const uint8_t *bytes, size_t size)
{
    char topic[TOPIC_BYTES_MAX];
    size_t topic_size = (size_t)snprintf(topic, sizeof topic, TOPIC_FORMAT, partition, offset);
    size_t reason_size = strlen(reason);
    size_t kept = size < ENGINE_DEAD_PAYLOAD_MAX ? size : ENGINE_DEAD_PAYLOAD_MAX;
    size_t record = 4 + topic_size + reason_size + kept;
    if (dead->records.size + 12 + record > ENGINE_DEAD_BYTES_MAX) {
        return;
    }
    hr_buf_put_u64(&dead->records, (uint64_t)offset);
    hr_buf_put_u32(&dead->records, (uint32_t)record);
    hr_buf_put_u16(&dead->records, (uint16_t)topic_size);
    hr_buf_put(&dead->records, topic, topic_size);
    hr_buf_put_u16(&dead->records, (uint16_t)reason_size);
    hr_buf_put(&dead->records, reason, reason_size);
    hr_buf_put(&dead->records, bytes, kept);
}

/* The offset that a record of `dead` tells of, if it is of that partition; else -1. */
static int64_t offset_of(const uint8_t *bytes, size_t size, uint32_t partition)
{
    hr_cursor cursor = hr_cursor_of(bytes, size);
    size_t topic_size = hr_cursor_u16(&cursor);
    const uint8_t *topic = hr_cursor_take(&cursor, topic_size);
    char text[TOPIC_BYTES_MAX];
    uint32_t its_partition;
    int64_t offset;
    if (topic == NULL || topic_size >= sizeof text) {
        return -1;
    }
    memcpy(text, topic, topic_size);
    text[topic_size] = '\0';
    bool is_ours = sscanf(text, "positions/%" SCNu32 "/%" SCNd64, &its_partition, &offset) == 2 &&
                   its_partition == partition;
    return is_ours ? offset : -1;
}

/* Poison is rare, so that reading all of `dead` for it, once, is cheaper than to keep account. */
static hr_err find_told(log_store *log, uint32_t partition, int64_t *told, hr_why *why)
{
    log_reader *reader;
    hr_err err = log_reader_open(log, HR_TOPIC_DEAD, 0, log_start(log, HR_TOPIC_DEAD, 0),
                                 LOG_APPENDED, &reader);
    if (err != HR_OK) {
        return hr_why_set(why, err, "cannot read what is dead");
    }
    *told = -1;
    while (err == HR_OK) {
        log_view view;
        const uint8_t *bytes;
        size_t size;
        err = log_reader_next(reader, &view, why);
        for (size_t at = 0; err == HR_OK && view.type == HR_RECORD_DEAD &&
                            log_record_next(&view, &at, &bytes, &size);) {
            int64_t offset = offset_of(bytes, size, partition);
            *told = offset > *told ? offset : *told;
        }
        err = err == HR_GONE || err == HR_CORRUPT ? HR_OK : err;
    }
    log_reader_close(reader);
    return err == HR_TIMEOUT ? HR_OK : err;
}

/* Those that are not in `dead` yet, as a batch; the caller ends out. */
static uint32_t pick_new(engine_dead *dead, hr_buf *out)
{
    uint32_t count = 0;
    hr_cursor cursor = hr_cursor_of(dead->records.data, dead->records.size);
    while (hr_cursor_left(&cursor) > 0) {
        int64_t offset = (int64_t)hr_cursor_u64(&cursor);
        uint32_t size = hr_cursor_u32(&cursor);
        const uint8_t *bytes = hr_cursor_take(&cursor, size);
        if (offset > dead->told) {
            hr_buf_put_u32(out, size);
            hr_buf_put(out, bytes, size);
            dead->told = offset;
            count++;
        }
    }
    return count;
}

hr_err engine_dead_flush(engine *engine, engine_partition *partition, hr_why *why)
{
    engine_dead *dead = &partition->dead;
    hr_err err = hr_buf_err(&dead->records); /* what was gathered may end in the middle of one */
    if (err == HR_OK && dead->records.size == 0) {
        return HR_OK;
    }
    if (err == HR_OK && !dead->is_known) {
        err = find_told(engine->options.log, partition->number, &dead->told, why);
        dead->is_known = err == HR_OK;
    }
    hr_buf fresh;
    hr_buf_init(&fresh, ENGINE_DEAD_BYTES_MAX);
    uint32_t count = err == HR_OK ? pick_new(dead, &fresh) : 0;
    err = err == HR_OK ? hr_buf_err(&fresh) : err;
    if (err == HR_OK && count > 0) {
        log_batch batch = {.topic = HR_TOPIC_DEAD,
                           .type = HR_RECORD_DEAD,
                           .count = count,
                           .bytes = fresh.data,
                           .size = fresh.size};
        err = engine_append(engine, &batch, why);
    }
    hr_buf_fini(&fresh);
    hr_buf_fini(&dead->records);
    hr_buf_init(&dead->records, ENGINE_DEAD_BYTES_MAX);
    return err;
}
