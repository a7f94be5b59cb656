/* core/log/log.c - checks arguments and hands over to the implementation. */
#include "log/log.h"

#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "ops.h"

hr_err log_open(const log_options *options, log_store **out, hr_why *why)
{
    if (options->topic_count > LOG_TOPICS_MAX) {
        return hr_why_set(why, HR_TOO_BIG, "at most %d topics", LOG_TOPICS_MAX);
    }
    uint64_t partitions = 0;
    for (uint32_t i = 0; i < options->topic_count; i++) {
        const log_topic *topic = &options->topics[i];
        if (memchr(topic->name, '\0', sizeof topic->name) == NULL || topic->name[0] == '\0' ||
            topic->partition_count == 0) {
            return hr_why_set(why, HR_INVALID, "topic %u has no name or no partition", i);
        }
        partitions += topic->partition_count;
    }
    if (partitions > LOG_PARTITIONS_MAX) {
        return hr_why_set(why, HR_TOO_BIG, "at most %d partitions", LOG_PARTITIONS_MAX);
    }
    if (options->folder == NULL || options->folder[0] == '\0' || options->clock == NULL) {
        return hr_why_set(why, HR_INVALID, "a log needs a folder and a clock");
    }
    return journal_open(options, out, why);
}

void log_close(log_store *log)
{
    if (log != NULL) {
        log->ops->close(log);
    }
}

static bool has_partition(log_store *log, uint8_t topic, uint16_t partition)
{
    const log_topic *topics = NULL;
    uint32_t count = log->ops->topics(log, &topics);
    return topic < count && partition < topics[topic].partition_count;
}

static bool inline_lengths_agree(const log_batch *batch)
{
    size_t at = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->size - at < 4) {
            return false;
        }
        uint32_t size = hr_load_u32(batch->bytes + at);
        at += 4;
        if (size > batch->size - at) {
            return false;
        }
        at += size;
    }
    return at == batch->size;
}

static hr_err check_batch(log_store *log, const log_batch *batch)
{
    if (!has_partition(log, batch->topic, batch->partition)) {
        return HR_NOT_FOUND;
    }
    if (batch->count == 0 || batch->bytes == NULL) {
        return HR_INVALID;
    }
    if (batch->size > LOG_FRAME_BYTES_MAX || batch->record_bytes > LOG_RECORD_BYTES_MAX) {
        return HR_TOO_BIG;
    }
    if (batch->record_bytes > 0) {
        return (uint64_t)batch->count * batch->record_bytes == batch->size ? HR_OK : HR_INVALID;
    }
    return inline_lengths_agree(batch) ? HR_OK : HR_INVALID;
}

hr_err log_append(log_store *log, const log_batch *batches, uint32_t batch_count,
                  const log_producer *producer, int64_t *first_offsets, log_position *end)
{
    if (batch_count == 0 && (producer == NULL || producer->id == 0)) {
        return HR_INVALID;
    }
    if (batch_count > LOG_BATCHES_MAX) {
        return HR_TOO_BIG;
    }
    for (uint32_t i = 0; i < batch_count; i++) {
        hr_err err = check_batch(log, &batches[i]);
        if (err != HR_OK) {
            return err;
        }
    }
    if (producer != NULL && producer->id == 0) {
        producer = NULL;
    }
    if (producer != NULL && (producer->base_seq > UINT64_MAX - producer->count ||
                             producer->oldest_seq > producer->base_seq)) {
        return HR_INVALID;
    }
    log_position ignored = 0;
    return log->ops->append(log, batches, batch_count, producer, first_offsets,
                            end != NULL ? end : &ignored);
}

uint64_t log_producer_expected(log_store *log, uint64_t id, uint64_t epoch, uint64_t oldest_seq)
{
    return log->ops->producer_expected(log, id, epoch, oldest_seq);
}

log_position log_appended(log_store *log)
{
    return log->ops->appended(log);
}

log_position log_durable(log_store *log)
{
    return log->ops->durable(log);
}

log_position log_wait(log_store *log, log_visibility visibility, log_position seen,
                      int32_t timeout_ms)
{
    return log->ops->wait(log, visibility, seen, timeout_ms);
}

void log_wake(log_store *log)
{
    log->ops->wake(log);
}

void log_commit_soon(log_store *log)
{
    log->ops->commit_soon(log);
}

hr_err log_listen(log_store *log, log_listener *listener, void *context)
{
    return log->ops->listen(log, listener, context);
}

hr_err log_health(log_store *log, hr_why *why)
{
    return log->ops->health(log, why);
}

int64_t log_start(log_store *log, uint8_t topic, uint16_t partition)
{
    return has_partition(log, topic, partition) ? log->ops->start(log, topic, partition) : 0;
}

int64_t log_end(log_store *log, uint8_t topic, uint16_t partition, log_visibility visibility)
{
    return has_partition(log, topic, partition) ? log->ops->end(log, topic, partition, visibility)
                                                : 0;
}

hr_err log_kept(log_store *log, uint8_t topic, uint16_t partition,
                uint8_t bytes[LOG_KEPT_BYTES_MAX], size_t *size)
{
    return has_partition(log, topic, partition) ? log->ops->kept(log, topic, partition, bytes, size)
                                                : HR_NOT_FOUND;
}

uint32_t log_topic_count(log_store *log)
{
    const log_topic *topics = NULL;
    return log->ops->topics(log, &topics);
}

const log_topic *log_topic_get(log_store *log, uint8_t topic)
{
    const log_topic *topics = NULL;
    return topic < log->ops->topics(log, &topics) ? &topics[topic] : NULL;
}

hr_err log_reader_open(log_store *log, uint8_t topic, uint16_t partition, int64_t offset,
                       log_visibility visibility, log_reader **out)
{
    if (!has_partition(log, topic, partition)) {
        return HR_NOT_FOUND;
    }
    return log->ops->reader_open(log, topic, partition, offset < 0 ? 0 : offset, visibility, out);
}

void log_reader_close(log_reader *reader)
{
    if (reader != NULL) {
        reader->log->ops->reader_close(reader);
    }
}

hr_err log_reader_next(log_reader *reader, log_view *view, hr_why *why)
{
    return reader->log->ops->reader_next(reader, view, why);
}

int64_t log_reader_offset(const log_reader *reader)
{
    return reader->log->ops->reader_offset(reader);
}

void log_reader_seek(log_reader *reader, int64_t offset)
{
    reader->log->ops->reader_seek(reader, offset < 0 ? 0 : offset);
}

bool log_record_next(const log_view *view, size_t *at, const uint8_t **bytes, size_t *size)
{
    size_t left = view->size - *at;
    if (view->record_bytes > 0) {
        if (left < view->record_bytes) {
            return false;
        }
        *bytes = view->bytes + *at;
        *size = view->record_bytes;
        *at += view->record_bytes;
        return true;
    }
    if (left < 4) {
        return false;
    }
    uint32_t length = hr_load_u32(view->bytes + *at);
    if (length > left - 4) {
        return false;
    }
    *bytes = view->bytes + *at + 4;
    *size = length;
    *at += 4 + (size_t)length;
    return true;
}

int64_t log_offset_at(log_store *log, uint8_t topic, uint16_t partition, int64_t append_ms)
{
    return has_partition(log, topic, partition)
               ? log->ops->offset_at(log, topic, partition, append_ms)
               : 0;
}

hr_err log_group_commit(log_store *log, const char *group, uint8_t topic, uint16_t partition,
                        int64_t offset)
{
    if (!has_partition(log, topic, partition)) {
        return HR_NOT_FOUND;
    }
    if (!hr_fence_id_is_valid(group, strlen(group)) || offset < 0) {
        return HR_INVALID;
    }
    return log->ops->group_commit(log, group, topic, partition, offset);
}

int64_t log_group_offset(log_store *log, const char *group, uint8_t topic, uint16_t partition)
{
    return has_partition(log, topic, partition)
               ? log->ops->group_offset(log, group, topic, partition)
               : -1;
}

void log_group_each(log_store *log, log_group_visitor *visit, void *context)
{
    log->ops->group_each(log, visit, context);
}

hr_err log_floor_set(log_store *log, const char *name, uint8_t topic, uint16_t partition,
                     int64_t offset)
{
    if (!has_partition(log, topic, partition)) {
        return HR_NOT_FOUND;
    }
    return log->ops->floor_set(log, name, topic, partition, offset);
}

hr_err log_retain(log_store *log, hr_why *why)
{
    return log->ops->retain(log, why);
}

hr_err log_let_go(log_store *log, hr_why *why)
{
    return log->ops->let_go(log, why);
}

void log_damage_each(log_store *log, log_damage_visitor *visit, void *context)
{
    log->ops->damage_each(log, visit, context);
}

hr_err log_verify(log_store *log, log_damage_visitor *visit, void *context, log_verified *result,
                  hr_why *why)
{
    return log->ops->verify(log, visit, context, result, why);
}
