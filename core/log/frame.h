/* core/log/frame.h - the bytes of a journal file: frames, each checked by its own CRCs.
 *
 * Every frame begins with 32 bytes and is a multiple of 8 long, all little-endian:
 *   u32 magic, u8 version, u8 kind, u16 batch_count, u32 length, u32 crc, u64 position, i64 value
 * position is the frame's own place in the log, so that a frame can be known for what it is
 * wherever it is found. value is append_ms, or in a mark the proven end.
 *   data:    [32 bytes: producer id, epoch, base_seq, u32 count, u32 gap], a table of 32 bytes for
 *            each batch, then the batches' bytes, each filled up with zeros to a multiple of 8
 *   mark:    nothing more, or the next offset (i64) of each partition
 *   opening: the first frame of a file; see opening.h
 * crc covers the frame up to the end of the table (all of it in marks and openings); each table
 * entry holds the CRC of its batch, so that a reader of one partition needs no other's bytes. */
#ifndef LOG_FRAME_H
#define LOG_FRAME_H

#include "log/log.h"

#define FRAME_MAGIC 0x314c5248u /* "HRL1" */
#define FRAME_VERSION 1
#define FRAME_HEAD_BYTES 32
#define FRAME_PRODUCER_BYTES 32
#define FRAME_BATCH_BYTES 32
#define FRAME_TABLE_END_MAX                                                                        \
    (FRAME_HEAD_BYTES + FRAME_PRODUCER_BYTES + LOG_BATCHES_MAX * FRAME_BATCH_BYTES)
#define FRAME_CHECKED_BYTES_MAX (1u << 20) /* of a mark or an opening; more is not ours */
/* LOG_FRAME_BYTES_MAX of records, their table and padding; an opening frame is smaller. */
#define FRAME_BYTES_MAX (LOG_FRAME_BYTES_MAX + FRAME_TABLE_END_MAX + LOG_BATCHES_MAX * 8)

/* No offset or position comes near; whatever claims to is not ours, and sums stay in range. */
#define FRAME_OFFSET_MAX ((int64_t)1 << 61)

typedef enum frame_kind {
    FRAME_OPENING = 1,
    FRAME_DATA = 2,
    FRAME_DATA_PRODUCED = 3, /* with the producer's part */
    FRAME_MARK = 4,
} frame_kind;

typedef struct frame_head {
    uint8_t kind;
    uint16_t batch_count;
    uint32_t length;
    uint32_t checked_bytes; /* covered by crc */
    uint32_t crc;
    log_position position;
    int64_t value;
} frame_head;

typedef struct frame_batch {
    uint8_t topic;
    uint8_t type;
    uint16_t partition;
    uint32_t count;
    uint32_t record_bytes;
    uint32_t size;
    int64_t first_offset;
    uint32_t crc;
} frame_batch;

typedef enum frame_look {
    FRAME_GOOD,
    FRAME_BAD,
    FRAME_NEWER, /* its magic is ours, its version is not known here */
} frame_look;

static inline uint64_t frame_padded(uint64_t size)
{
    return (size + 7) & ~(uint64_t)7;
}

/* Look at a frame's first FRAME_HEAD_BYTES. FRAME_GOOD means that its lengths make sense, not yet
 * that it is whole. */
frame_look frame_parse_head(const uint8_t *bytes, frame_head *head);

/* True if the first head->checked_bytes bytes of the frame are as they were written and, for data,
 * the table's sizes add up to the frame's length. */
bool frame_check_head(const uint8_t *bytes, const frame_head *head);

/* The table's entry i of a frame that frame_check_head() accepted. */
frame_batch frame_get_batch(const uint8_t *bytes, const frame_head *head, uint32_t i);

/* The producer's part of a FRAME_DATA_PRODUCED that was accepted; gap is how many were lost. */
void frame_get_producer(const uint8_t *bytes, log_producer *producer, uint32_t *gap);

/* True if the batch's bytes (padding included) are as they were written. */
bool frame_check_batch(const frame_batch *batch, const uint8_t *bytes);

/* The length of a data frame; above FRAME_BYTES_MAX it must not be written. */
uint64_t frame_data_length(const log_batch *batches, uint32_t batch_count, bool is_produced);

/* Write a whole data frame of frame_data_length() bytes. */
void frame_put_data(uint8_t *to, log_position position, int64_t append_ms, const log_batch *batches,
                    uint32_t batch_count, const int64_t *first_offsets,
                    const log_producer *producer, uint32_t gap);

/* Write a mark; offsets may be NULL (offset_count 0). Returns its length. */
uint32_t frame_put_mark(uint8_t *to, log_position position, log_position proven,
                        const int64_t *offsets, uint32_t offset_count);

/* Write the head of a frame whose bytes behind it are there already, and seal it. */
void frame_seal(uint8_t *to, frame_head head);

#endif
