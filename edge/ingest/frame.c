/* ingest/frame.c - from fixes, names and dead letters to the batches of one frame. */
#include "ingest/frame.h"

#include <string.h>

#include "base/id.h"
#include "base/record.h"

#define DEAD_BYTES_MAX (2u << 20)
#define NEW_KEYS_BYTES_MAX (1u << 20)
#define DEAD_REASON_MAX 300

void frame_init(frame *f, uint32_t partition_count)
{
    *f = (frame){.partition_count = partition_count};
    for (uint32_t i = 0; i < partition_count; i++) {
        hr_buf_init(&f->parts[i].fixes, FRAME_PART_BYTES_MAX);
        hr_buf_init(&f->parts[i].names, FRAME_PART_BYTES_MAX);
    }
    hr_buf_init(&f->dead, DEAD_BYTES_MAX);
    hr_buf_init(&f->new_keys, NEW_KEYS_BYTES_MAX);
}

void frame_fini(frame *f)
{
    for (uint32_t i = 0; i < f->partition_count; i++) {
        hr_buf_fini(&f->parts[i].fixes);
        hr_buf_fini(&f->parts[i].names);
    }
    hr_buf_fini(&f->dead);
    hr_buf_fini(&f->new_keys);
}

void frame_clear(frame *f)
{
    for (uint32_t i = 0; i < f->partition_count; i++) {
        frame_part *part = &f->parts[i];
        hr_buf_clear(&part->fixes);
        hr_buf_clear(&part->names);
        part->fix_count = 0;
        part->name_count = 0;
    }
    hr_buf_clear(&f->dead);
    hr_buf_clear(&f->new_keys);
    f->dead_count = 0;
}

void frame_add_fix(frame *f, const hr_fix *fix)
{
    frame_part *part = &f->parts[hr_device_partition(fix->device, f->partition_count)];
    uint8_t *to = hr_buf_extend(&part->fixes, HR_FIX_BYTES);
    if (to != NULL) {
        hr_fix_store(to, fix);
        part->fix_count++;
    }
}

bool frame_add_name(frame *f, uint64_t key, const char *id, size_t id_size)
{
    frame_part *part = &f->parts[hr_device_partition(key, f->partition_count)];
    hr_buf_put_u32(&part->names, (uint32_t)(8 + id_size));
    hr_buf_put_u64(&part->names, key);
    hr_buf_put(&part->names, id, id_size);
    hr_buf_put_u64(&f->new_keys, key);
    part->name_count++;
    return hr_buf_err(&f->new_keys) == HR_OK;
}

void frame_spoil(frame *f)
{
    f->new_keys.err = HR_NO_MEMORY;
}

void frame_add_dead(frame *f, const char *topic, const char *reason, const void *payload,
                    size_t size)
{
    if (f->dead_count >= FRAME_DEAD_MAX) {
        return;
    }
    size_t topic_size = strlen(topic);
    size_t reason_size = strnlen(reason, DEAD_REASON_MAX);
    size_t kept = size < FRAME_DEAD_PAYLOAD_MAX ? size : FRAME_DEAD_PAYLOAD_MAX;
    hr_buf_put_u32(&f->dead, (uint32_t)(4 + topic_size + reason_size + kept));
    hr_buf_put_u16(&f->dead, (uint16_t)topic_size);
    hr_buf_put(&f->dead, topic, topic_size);
    hr_buf_put_u16(&f->dead, (uint16_t)reason_size);
    hr_buf_put(&f->dead, reason, reason_size);
    hr_buf_put(&f->dead, payload, kept);
    f->dead_count++;
}

static uint32_t put_batch(log_batch *batches, uint32_t at, log_batch batch, const hr_buf *bytes)
{
    if (batch.count == 0) {
        return at;
    }
    batch.bytes = bytes->data;
    batch.size = bytes->size;
    batches[at] = batch;
    return at + 1;
}

static hr_err gathered_err(const frame *f)
{
    hr_err err = hr_buf_err(&f->dead) != HR_OK ? hr_buf_err(&f->dead) : hr_buf_err(&f->new_keys);
    for (uint32_t i = 0; i < f->partition_count && err == HR_OK; i++) {
        const frame_part *part = &f->parts[i];
        err =
            hr_buf_err(&part->fixes) != HR_OK ? hr_buf_err(&part->fixes) : hr_buf_err(&part->names);
    }
    return err;
}

hr_err frame_append(frame *f, log_store *log, const log_producer *producer, log_position *end)
{
    log_batch batches[2 * HR_PARTITIONS_MAX + 1];
    uint32_t count = 0;
    hr_err err = gathered_err(f);
    if (err != HR_OK) {
        return err;
    }
    /* A device's name stands before its first fix. */
    for (uint32_t i = 0; i < f->partition_count; i++) {
        const frame_part *part = &f->parts[i];
        log_batch names = {.topic = HR_TOPIC_POSITIONS,
                           .type = HR_RECORD_NAME,
                           .partition = (uint16_t)i,
                           .count = part->name_count};
        log_batch fixes = {.topic = HR_TOPIC_POSITIONS,
                           .type = HR_RECORD_FIX,
                           .partition = (uint16_t)i,
                           .count = part->fix_count,
                           .record_bytes = HR_FIX_BYTES};
        count = put_batch(batches, count, names, &part->names);
        count = put_batch(batches, count, fixes, &part->fixes);
    }
    log_batch dead = {.topic = HR_TOPIC_DEAD, .type = HR_RECORD_DEAD, .count = f->dead_count};
    count = put_batch(batches, count, dead, &f->dead);
    if (count == 0) {
        return HR_OK;
    }
    return log_append(log, batches, count, producer, NULL, end);
}
