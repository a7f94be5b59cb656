/* core/log/opening.c - see opening.h. */
#include "opening.h"

#include <string.h>

#include "base/buf.h"

#define FIXED_BYTES 32
#define TOPIC_BYTES 40

#define KEPT_BYTES 32

static uint32_t count_kept(const log_layout *layout, const kept_record *kept)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < layout->total; i++) {
        count += kept[i].size > 0;
    }
    return count;
}

/* Without the kept records. */
static uint32_t plain_bytes(const log_layout *layout)
{
    return FRAME_HEAD_BYTES + FIXED_BYTES + layout->topic_count * TOPIC_BYTES + layout->total * 8;
}

uint32_t opening_bytes(const log_layout *layout, const kept_record *kept)
{
    return plain_bytes(layout) + count_kept(layout, kept) * KEPT_BYTES;
}

static uint8_t *put_kept(uint8_t *at, const log_layout *layout, const kept_record *kept)
{
    for (uint32_t i = 0; i < layout->total; i++) {
        if (kept[i].size > 0) {
            hr_store_u32(at, i);
            hr_store_u32(at + 4, kept[i].size);
            hr_store_u64(at + 8, (uint64_t)kept[i].offset);
            memcpy(at + 16, kept[i].bytes, LOG_KEPT_BYTES_MAX);
            at += KEPT_BYTES;
        }
    }
    return at;
}

void opening_get_kept(const uint8_t *bytes, const frame_head *head, const log_layout *layout,
                      kept_record *kept)
{
    uint32_t skipped = plain_bytes(layout);
    if (head->length < skipped) {
        return;
    }
    uint32_t count = hr_load_u32(bytes + FRAME_HEAD_BYTES + 28);
    hr_cursor in = hr_cursor_of(bytes + skipped, head->length - skipped);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t flat = hr_cursor_u32(&in);
        uint32_t size = hr_cursor_u32(&in);
        int64_t offset = (int64_t)hr_cursor_u64(&in);
        const uint8_t *record = hr_cursor_take(&in, LOG_KEPT_BYTES_MAX);
        if (record == NULL || flat >= layout->total || size == 0 || size > LOG_KEPT_BYTES_MAX) {
            return;
        }
        if (kept[flat].size == 0 || offset >= kept[flat].offset) {
            kept[flat] = (kept_record){.offset = offset, .size = (uint8_t)size};
            memcpy(kept[flat].bytes, record, LOG_KEPT_BYTES_MAX);
        }
    }
}

void opening_put(uint8_t *to, const opening *o, const kept_record *kept, int64_t made_ms)
{
    uint8_t *at = to + FRAME_HEAD_BYTES;
    hr_store_u64(at, o->log_id);
    hr_store_u64(at + 8, o->seq);
    hr_store_u64(at + 16, (uint64_t)o->newest_ms);
    hr_store_u32(at + 24, o->layout.topic_count);
    hr_store_u32(at + 28, count_kept(&o->layout, kept));
    at += FIXED_BYTES;
    for (uint32_t i = 0; i < o->layout.topic_count; i++) {
        memcpy(at, o->layout.topics[i].name, LOG_TOPIC_NAME_MAX);
        hr_store_u32(at + 32, o->layout.topics[i].partition_count);
        hr_store_u32(at + 36, 0);
        at += TOPIC_BYTES;
    }
    for (uint32_t i = 0; i < o->layout.total; i++) {
        hr_store_u64(at, (uint64_t)o->next[i]);
        at += 8;
    }
    at = put_kept(at, &o->layout, kept);
    uint32_t length = (uint32_t)(at - to);
    frame_seal(to, (frame_head){.kind = FRAME_OPENING,
                                .length = length,
                                .checked_bytes = length,
                                .position = o->position,
                                .value = made_ms});
}

hr_err opening_parse(const uint8_t *bytes, const frame_head *head, opening *out)
{
    hr_cursor in = hr_cursor_of(bytes + FRAME_HEAD_BYTES, head->length - FRAME_HEAD_BYTES);
    out->log_id = hr_cursor_u64(&in);
    out->seq = hr_cursor_u64(&in);
    out->newest_ms = (int64_t)hr_cursor_u64(&in);
    out->position = head->position;
    uint32_t topic_count = hr_cursor_u32(&in);
    hr_cursor_u32(&in);
    if (head->kind != FRAME_OPENING || in.short_read || topic_count > LOG_TOPICS_MAX) {
        return HR_CORRUPT;
    }
    log_topic topics[LOG_TOPICS_MAX] = {0};
    uint64_t total = 0;
    for (uint32_t i = 0; i < topic_count; i++) {
        const uint8_t *name = hr_cursor_take(&in, LOG_TOPIC_NAME_MAX);
        if (name == NULL || name[LOG_TOPIC_NAME_MAX - 1] != '\0') {
            return HR_CORRUPT;
        }
        memcpy(topics[i].name, name, LOG_TOPIC_NAME_MAX);
        topics[i].partition_count = hr_cursor_u32(&in);
        hr_cursor_u32(&in);
        total += topics[i].partition_count;
        if (topics[i].partition_count == 0 || total > LOG_PARTITIONS_MAX) {
            return HR_CORRUPT;
        }
    }
    layout_init(&out->layout, topics, topic_count);
    for (uint32_t i = 0; i < out->layout.total; i++) {
        out->next[i] = (int64_t)hr_cursor_u64(&in);
        if (out->next[i] < 0 || out->next[i] > FRAME_OFFSET_MAX) {
            return HR_CORRUPT;
        }
    }
    return in.short_read ? HR_CORRUPT : HR_OK;
}
