/* core/log/opening.h - the first frame of each journal file: where in the log the file begins. */
#ifndef LOG_OPENING_H
#define LOG_OPENING_H

#include "frame.h"
#include "state.h"

/* Its bytes behind the frame's head, little-endian: u64 log_id, u64 seq, i64 newest_ms, u32
 * topic_count, u32 kept_count; for each topic 32 bytes name, u32 partition_count, u32 zero; for
 * each partition i64 next offset; then for each that has a kept record 32 bytes: u32 flat number of
 * the partition, u32 size, i64 offset, the record. The head's value is the wall time of the file's
 * making. */
typedef struct opening {
    uint64_t log_id; /* random, one for each folder: files of two logs cannot be mixed up */
    uint64_t seq;
    log_position position;
    int64_t newest_ms; /* of everything before */
    log_layout layout;
    int64_t next[LOG_PARTITIONS_MAX];
} opening;

/* kept has one entry for each partition. */
uint32_t opening_bytes(const log_layout *layout, const kept_record *kept);
void opening_put(uint8_t *to, const opening *o, const kept_record *kept, int64_t made_ms);

/* bytes is a whole frame that frame_check_head() accepted. HR_CORRUPT: not an opening. */
HR_MUST_USE hr_err opening_parse(const uint8_t *bytes, const frame_head *head, opening *out);

/* The kept records of a whole opening frame, newer ones over older ones. A frame that is too short
 * for its layout has none. */
void opening_get_kept(const uint8_t *bytes, const frame_head *head, const log_layout *layout,
                      kept_record *kept);

#endif
