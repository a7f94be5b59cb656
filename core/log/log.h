/* core/log/log.h - the durable, partitioned log: topics, partitions, offsets, batches, groups.
 *
 * Everything above this header sees Kafka's model and nothing of files. A writer appends frames
 * (batches for any partitions, all or nothing); a reader follows one partition by offset. */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/metrics.h"

#define LOG_TOPICS_MAX 8
#define LOG_TOPIC_NAME_MAX 32
#define LOG_FRAME_BYTES_MAX (16u << 20) /* HR_TOO_BIG above */
#define LOG_BATCHES_MAX 256             /* in one frame; HR_TOO_BIG above */
#define LOG_RECORD_BYTES_MAX (8u << 20) /* HR_TOO_BIG above */
#define LOG_GROUPS_MAX 256              /* HR_TOO_BIG above */
#define LOG_PRODUCERS_MAX 65536         /* the one longest silent is forgotten */
#define LOG_PARTITIONS_MAX 1024         /* of all topics together; HR_TOO_BIG above */

/* One log. Threads: every function may be called from any thread unless it says otherwise. */
typedef struct log_store log_store;

/* How far the whole log reaches: grows with every append, comparable. */
typedef uint64_t log_position;

typedef struct log_topic {
    char name[LOG_TOPIC_NAME_MAX];
    uint32_t partition_count;
} log_topic;

typedef struct log_options {
    const char *folder;      /* made if absent; locked against a second process */
    const log_topic *topics; /* fixed when the folder is made; later opens must agree */
    uint32_t topic_count;    /* 0: as the folder has them */
    const hr_clock *clock;
    hr_metrics *metrics;       /* may be NULL */
    uint64_t file_bytes;       /* roll to a new file at this size; 0: 64 MiB */
    uint64_t reserve_bytes;    /* space is reserved in these steps; 0: 4 MiB */
    uint64_t headroom_bytes;   /* kept aside for a full disk; 0: 1 MiB */
    int64_t retain_ms;         /* whole files older than this may go; 0: no limit */
    uint64_t retain_bytes;     /* oldest files go above this; 0: no limit */
    uint64_t hard_bytes;       /* appends answer HR_NO_SPACE above this; 0: no limit */
    uint64_t lazy_types;       /* bit t: frames of such types alone cause no commit */
    uint8_t kept_type;         /* see log_kept(); 0: none */
    int32_t closing_mark_ms;   /* without an append, before the mark of an idle log; 0: 1 s */
    int32_t commit_min_gap_ms; /* -1: found by measuring the disk when the folder is made */
    int32_t patience_ms;       /* a place that cannot be read is tried; 0: 15 s */
    bool read_only;            /* for the command line, also beside a running service */
} log_options;

/* Open, recovering what a crash left. *out is closed with log_close.
 * HR_LOCKED: another process has it. HR_TOO_NEW: a newer format. HR_CORRUPT: not a log of ours.
 * HR_GONE: the service beside a read-only log lets go of files again and again. */
HR_MUST_USE hr_err log_open(const log_options *options, log_store **out, hr_why *why);

/* Commits what is appended, writes the side file, stops the commit thread. NULL is fine. */
void log_close(log_store *log);

/* ---- writing ---- */

/* Records of one type for one partition. record_bytes > 0: count records of that size, end to end.
 * record_bytes == 0: each record is a u32 length (little-endian) and its bytes. */
typedef struct log_batch {
    uint8_t topic;
    uint8_t type; /* meaning is the application's (engine/records.h) */
    uint16_t partition;
    uint32_t count;
    uint32_t record_bytes;
    const uint8_t *bytes;
    size_t size;
} log_batch;

/* Who sent a frame's records, for exactly-once appends. Sequences base_seq..base_seq+count-1 are
 * used up by the frame, also those that became dead letters. id 0: nobody. */
typedef struct log_producer {
    uint64_t id;
    uint64_t epoch;
    uint64_t base_seq;
    uint64_t oldest_seq; /* the lowest the producer still holds without a gap up to base_seq */
    uint32_t count;
} log_producer;

/* Append one frame. The bytes are copied; one write, done before the call returns. first_offsets,
 * if not NULL, gets the offset of each batch's first record. The records are durable once
 * log_durable() >= *end.
 * HR_SEQUENCE: the producer must rewind to log_producer_expected(), or should drop the prefix that
 * was appended before (which is durable once log_durable() passes the log_appended() of now).
 * HR_NO_SPACE: nothing was written; goes on by itself when there is space. HR_IO: the log has
 * failed for good (see log_health). HR_TOO_BIG: a limit; nothing was written. */
HR_MUST_USE hr_err log_append(log_store *log, const log_batch *batches, uint32_t batch_count,
                              const log_producer *producer, int64_t *first_offsets,
                              log_position *end);

/* The sequence that (id, epoch) must append next. For an unknown epoch that is oldest_seq. A
 * base_seq above it is taken as a gap, and counted, only if oldest_seq says that the missing ones
 * are held no more. */
uint64_t log_producer_expected(log_store *log, uint64_t id, uint64_t epoch, uint64_t oldest_seq);

/* ---- how far ---- */

log_position log_appended(log_store *log);
log_position log_durable(log_store *log);

typedef enum log_visibility {
    LOG_COMMITTED, /* fsynced frames only */
    LOG_APPENDED,  /* everything in the page cache: only for workers, whose output follows it */
} log_visibility;

/* Block until the end of that kind passes seen, or timeout_ms (-1: none) is over, or log_wake()
 * is called, or the log fails. Returns the end. */
log_position log_wait(log_store *log, log_visibility visibility, log_position seen,
                      int32_t timeout_ms);

/* For shutting down: log_wait() returns at once, in a thread that is not waiting now the next. */
void log_wake(log_store *log);

/* Everything appended becomes durable soon, lazy types too. Who waits for an end that lazy frames
 * may have made must say so first, or may wait for ever. */
void log_commit_soon(log_store *log);

/* Called on the commit thread after each new durable end and after each change of health; must not
 * block. Set before the first append; at most LOG_LISTENERS_MAX. */
#define LOG_LISTENERS_MAX 8
typedef void log_listener(log_position durable, void *context);
HR_MUST_USE hr_err log_listen(log_store *log, log_listener *listener, void *context);

/* HR_OK; HR_NO_SPACE while the disk is full; HR_IO after a failed write or fsync: acknowledge
 * nothing more, exit non-zero and recover from disk. */
hr_err log_health(log_store *log, hr_why *why);

/* First kept offset, and the one the next record gets. */
int64_t log_start(log_store *log, uint8_t topic, uint16_t partition);
int64_t log_end(log_store *log, uint8_t topic, uint16_t partition, log_visibility visibility);

/* A reader from log_start() must know what was said before: the partition's last record of
 * options.kept_type that retention took (the rules in force). Waits for a log_retain() under way,
 * whose start readers may have been told of already. HR_NOT_FOUND: there was none. */
#define LOG_KEPT_BYTES_MAX 16 /* larger records are not kept */
HR_MUST_USE hr_err log_kept(log_store *log, uint8_t topic, uint16_t partition,
                            uint8_t bytes[LOG_KEPT_BYTES_MAX], size_t *size);

uint32_t log_topic_count(log_store *log);
const log_topic *log_topic_get(log_store *log, uint8_t topic);

#endif
