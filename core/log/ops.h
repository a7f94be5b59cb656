/* core/log/ops.h - what an implementation of the log provides. Private to core/log.
 *
 * log.c checks arguments and calls through this table; the journal on the local disk is one
 * implementation, a client of a Kafka cluster can be another. */
#ifndef LOG_OPS_H
#define LOG_OPS_H

#include "log/group.h"
#include "log/log.h"
#include "log/reader.h"
#include "log/verify.h"

/* Each function has the contract of the public one of the same name. Topics and partitions have
 * been checked against topics(). */
typedef struct log_ops {
    void (*close)(log_store *log);
    hr_err (*append)(log_store *log, const log_batch *batches, uint32_t batch_count,
                     const log_producer *producer, int64_t *first_offsets, log_position *end);
    uint64_t (*producer_expected)(log_store *log, uint64_t id, uint64_t epoch, uint64_t oldest_seq);
    log_position (*appended)(log_store *log);
    log_position (*durable)(log_store *log);
    log_position (*wait)(log_store *log, log_visibility visibility, log_position seen,
                         int32_t timeout_ms);
    void (*wake)(log_store *log);
    void (*commit_soon)(log_store *log);
    hr_err (*listen)(log_store *log, log_listener *listener, void *context);
    hr_err (*health)(log_store *log, hr_why *why);
    int64_t (*start)(log_store *log, uint8_t topic, uint16_t partition);
    int64_t (*end)(log_store *log, uint8_t topic, uint16_t partition, log_visibility visibility);
    int64_t (*offset_at)(log_store *log, uint8_t topic, uint16_t partition, int64_t append_ms);
    hr_err (*kept)(log_store *log, uint8_t topic, uint16_t partition,
                   uint8_t bytes[LOG_KEPT_BYTES_MAX], size_t *size);
    uint32_t (*topics)(log_store *log, const log_topic **topics);
    hr_err (*reader_open)(log_store *log, uint8_t topic, uint16_t partition, int64_t offset,
                          log_visibility visibility, log_reader **out);
    void (*reader_close)(log_reader *reader);
    hr_err (*reader_next)(log_reader *reader, log_view *view, hr_why *why);
    int64_t (*reader_offset)(const log_reader *reader);
    void (*reader_seek)(log_reader *reader, int64_t offset);
    hr_err (*group_commit)(log_store *log, const char *group, uint8_t topic, uint16_t partition,
                           int64_t offset);
    int64_t (*group_offset)(log_store *log, const char *group, uint8_t topic, uint16_t partition);
    void (*group_each)(log_store *log, log_group_visitor *visit, void *context);
    hr_err (*floor_set)(log_store *log, const char *name, uint8_t topic, uint16_t partition,
                        int64_t offset);
    hr_err (*retain)(log_store *log, hr_why *why);
    hr_err (*let_go)(log_store *log, hr_why *why);
    void (*damage_each)(log_store *log, log_damage_visitor *visit, void *context);
    hr_err (*verify)(log_store *log, log_damage_visitor *visit, void *context, log_verified *result,
                     hr_why *why);
} log_ops;

/* The first member of every implementation's store and reader. */
struct log_store {
    const log_ops *ops;
};

struct log_reader {
    log_store *log;
};

/* The journal on the local disk. */
HR_MUST_USE hr_err journal_open(const log_options *options, log_store **out, hr_why *why);

#endif
