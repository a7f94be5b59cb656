/* core/log/verify.h - what a log has lost to damage, and looking for it. */
#ifndef LOG_VERIFY_H
#define LOG_VERIFY_H

#include "log/log.h"

#define LOG_DAMAGES_MAX 1024 /* remembered; more are only counted */

/* One run of damage: bytes that are not what was written, or that cannot be read, after some tries
 * (log_options.patience_ms). They stay where they are; readers step over them. */
typedef struct log_damage {
    log_position from; /* where in the log, [from, to) */
    log_position to;
    bool has_records; /* offsets were lost, from first_offset up to end_offset */
    uint8_t topic;
    uint16_t partition;
    int64_t first_offset;
    int64_t end_offset;
} log_damage;

typedef void log_damage_visitor(const log_damage *damage, void *context);

/* What was found damaged when the log was opened, and by readers since. Damage that nobody has come
 * by is found by log_verify(). */
void log_damage_each(log_store *log, log_damage_visitor *visit, void *context);

typedef struct log_verified {
    uint64_t frames;
    uint64_t records;
    uint64_t bytes;
    uint64_t damages;
} log_verified;

/* Read everything that is kept, check every CRC, tell each damage to visit (may be NULL).
 * HR_OK even with damage; look at result->damages. HR_IO: something could not be read. */
HR_MUST_USE hr_err log_verify(log_store *log, log_damage_visitor *visit, void *context,
                              log_verified *result, hr_why *why);

#endif
