/* core/log/frame.c - frames into bytes and back. */
#include "frame.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "base/crc32c.h"

#define CRC_AT 12

static uint32_t head_crc(const uint8_t *bytes, uint32_t checked_bytes)
{
    uint32_t crc = hr_crc32c(0, bytes, CRC_AT);
    return hr_crc32c(crc, bytes + CRC_AT + 4, checked_bytes - CRC_AT - 4);
}

static uint32_t table_at(uint8_t kind)
{
    return kind == FRAME_DATA_PRODUCED ? FRAME_HEAD_BYTES + FRAME_PRODUCER_BYTES : FRAME_HEAD_BYTES;
}

frame_look frame_parse_head(const uint8_t *bytes, frame_head *head)
{
    if (hr_load_u32(bytes) != FRAME_MAGIC) {
        return FRAME_BAD;
    }
    *head = (frame_head){
        .kind = bytes[5],
        .batch_count = hr_load_u16(bytes + 6),
        .length = hr_load_u32(bytes + 8),
        .crc = hr_load_u32(bytes + CRC_AT),
        .position = hr_load_u64(bytes + 16),
        .value = (int64_t)hr_load_u64(bytes + 24),
    };
    if (head->length < FRAME_HEAD_BYTES || head->length > FRAME_BYTES_MAX ||
        head->length % 8 != 0 || head->position > (log_position)FRAME_OFFSET_MAX) {
        return FRAME_BAD;
    }
    head->checked_bytes = head->length;
    if (bytes[4] != FRAME_VERSION) {
        return FRAME_NEWER;
    }
    switch (head->kind) {
    case FRAME_OPENING:
    case FRAME_MARK:
        return head->batch_count == 0 && head->length <= FRAME_CHECKED_BYTES_MAX ? FRAME_GOOD
                                                                                 : FRAME_BAD;
    case FRAME_DATA:
    case FRAME_DATA_PRODUCED:
        head->checked_bytes = table_at(head->kind) + head->batch_count * FRAME_BATCH_BYTES;
        return head->batch_count <= LOG_BATCHES_MAX && head->checked_bytes <= head->length
                   ? FRAME_GOOD
                   : FRAME_BAD;
    default:
        return FRAME_BAD;
    }
}

static bool sizes_add_up(const uint8_t *bytes, const frame_head *head)
{
    uint64_t total = head->checked_bytes;
    for (uint32_t i = 0; i < head->batch_count; i++) {
        frame_batch batch = frame_get_batch(bytes, head, i);
        uint64_t fixed = (uint64_t)batch.record_bytes * batch.count;
        if (batch.count == 0 || batch.first_offset < 0 || batch.first_offset > FRAME_OFFSET_MAX ||
            (batch.record_bytes > 0 && fixed != batch.size)) {
            return false;
        }
        total += frame_padded(batch.size);
    }
    return total == head->length;
}

bool frame_check_head(const uint8_t *bytes, const frame_head *head)
{
    if (head_crc(bytes, head->checked_bytes) != head->crc) {
        return false;
    }
    bool is_data = head->kind == FRAME_DATA || head->kind == FRAME_DATA_PRODUCED;
    return !is_data || sizes_add_up(bytes, head);
}

frame_batch frame_get_batch(const uint8_t *bytes, const frame_head *head, uint32_t i)
{
    const uint8_t *entry = bytes + table_at(head->kind) + (size_t)i * FRAME_BATCH_BYTES;
    return (frame_batch){
        .topic = entry[0],
        .type = entry[1],
        .partition = hr_load_u16(entry + 2),
        .count = hr_load_u32(entry + 4),
        .record_bytes = hr_load_u32(entry + 8),
        .size = hr_load_u32(entry + 12),
        .first_offset = (int64_t)hr_load_u64(entry + 16),
        .crc = hr_load_u32(entry + 24),
    };
}

void frame_get_producer(const uint8_t *bytes, log_producer *producer, uint32_t *gap)
{
    const uint8_t *part = bytes + FRAME_HEAD_BYTES;
    *producer = (log_producer){
        .id = hr_load_u64(part),
        .epoch = hr_load_u64(part + 8),
        .base_seq = hr_load_u64(part + 16),
        .count = hr_load_u32(part + 24),
    };
    producer->oldest_seq = producer->base_seq;
    *gap = hr_load_u32(part + 28);
}

bool frame_check_batch(const frame_batch *batch, const uint8_t *bytes)
{
    return hr_crc32c(0, bytes, (size_t)frame_padded(batch->size)) == batch->crc;
}

uint64_t frame_data_length(const log_batch *batches, uint32_t batch_count, bool is_produced)
{
    uint64_t length = FRAME_HEAD_BYTES + (uint64_t)batch_count * FRAME_BATCH_BYTES;
    if (is_produced) {
        length += FRAME_PRODUCER_BYTES;
    }
    for (uint32_t i = 0; i < batch_count; i++) {
        length += frame_padded(batches[i].size);
    }
    return length;
}

static void put_batch(uint8_t *entry, const log_batch *batch, int64_t first_offset, uint32_t crc)
{
    entry[0] = batch->topic;
    entry[1] = batch->type;
    hr_store_u16(entry + 2, batch->partition);
    hr_store_u32(entry + 4, batch->count);
    hr_store_u32(entry + 8, batch->record_bytes);
    hr_store_u32(entry + 12, (uint32_t)batch->size);
    hr_store_u64(entry + 16, (uint64_t)first_offset);
    hr_store_u32(entry + 24, crc);
    hr_store_u32(entry + 28, 0);
}

void frame_put_data(uint8_t *to, log_position position, int64_t append_ms, const log_batch *batches,
                    uint32_t batch_count, const int64_t *first_offsets,
                    const log_producer *producer, uint32_t gap)
{
    frame_head head = {
        .kind = producer != NULL ? FRAME_DATA_PRODUCED : FRAME_DATA,
        .batch_count = (uint16_t)batch_count,
        .position = position,
        .value = append_ms,
    };
    if (producer != NULL) {
        uint8_t *part = to + FRAME_HEAD_BYTES;
        hr_store_u64(part, producer->id);
        hr_store_u64(part + 8, producer->epoch);
        hr_store_u64(part + 16, producer->base_seq);
        hr_store_u32(part + 24, producer->count);
        hr_store_u32(part + 28, gap);
    }
    uint8_t *table = to + table_at(head.kind);
    uint8_t *at = table + (size_t)batch_count * FRAME_BATCH_BYTES;
    head.checked_bytes = (uint32_t)(at - to);
    for (uint32_t i = 0; i < batch_count; i++) {
        size_t size = batches[i].size;
        size_t padded = (size_t)frame_padded(size);
        memcpy(at, batches[i].bytes, size);
        memset(at + size, 0, padded - size);
        put_batch(table + (size_t)i * FRAME_BATCH_BYTES, &batches[i], first_offsets[i],
                  hr_crc32c(0, at, padded));
        at += padded;
    }
    head.length = (uint32_t)(at - to);
    frame_seal(to, head);
}

uint32_t frame_put_mark(uint8_t *to, log_position position, log_position proven,
                        const int64_t *offsets, uint32_t offset_count)
{
    for (uint32_t i = 0; i < offset_count; i++) {
        hr_store_u64(to + FRAME_HEAD_BYTES + (size_t)i * 8, (uint64_t)offsets[i]);
    }
    frame_head head = {
        .kind = FRAME_MARK,
        .length = FRAME_HEAD_BYTES + offset_count * 8,
        .checked_bytes = FRAME_HEAD_BYTES + offset_count * 8,
        .position = position,
        .value = (int64_t)proven,
    };
    frame_seal(to, head);
    return head.length;
}

void frame_seal(uint8_t *to, frame_head head)
{
    assert(head.length % 8 == 0 && head.checked_bytes <= head.length);
    hr_store_u32(to, FRAME_MAGIC);
    to[4] = FRAME_VERSION;
    to[5] = head.kind;
    hr_store_u16(to + 6, head.batch_count);
    hr_store_u32(to + 8, head.length);
    hr_store_u64(to + 16, head.position);
    hr_store_u64(to + 24, (uint64_t)head.value);
    hr_store_u32(to + CRC_AT, head_crc(to, head.checked_bytes));
}
