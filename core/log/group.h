/* core/log/group.h - consumer groups and their offsets, floors and retention. */
#ifndef LOG_GROUP_H
#define LOG_GROUP_H

#include "log/log.h"

/* Remember how far a group of consumers has come. Kept across restarts; may be a little old after
 * a crash, so consumers see records again rather than never; but a group's first offset there is
 * durable when this returns. group: as a fence id. */
HR_MUST_USE hr_err log_group_commit(log_store *log, const char *group, uint8_t topic,
                                    uint16_t partition, int64_t offset);

/* -1 if the group has none there. */
int64_t log_group_offset(log_store *log, const char *group, uint8_t topic, uint16_t partition);

/* Every group's offsets, for the administrator. */
typedef void log_group_visitor(const char *group, uint8_t topic, uint16_t partition, int64_t offset,
                               void *context);
void log_group_each(log_store *log, log_group_visitor *visit, void *context);

/* Retention never takes offset or later from that partition while the floor named so stands
 * (checkpoints, historian). INT64_MAX takes the floor away. */
HR_MUST_USE hr_err log_floor_set(log_store *log, const char *name, uint8_t topic,
                                 uint16_t partition, int64_t offset);

/* Let go of whole files beyond the limits; called by the service now and then, after every floor
 * is set. A file's age is that of the newest time in it or before it, and counts only while the
 * clock is synchronised: one that is years ahead by mistake must not empty the log. Groups that had
 * not come so far are moved to the new start, and what they missed is counted. */
HR_MUST_USE hr_err log_retain(log_store *log, hr_why *why);

/* For a disk that is full: let go of the oldest whole file, whatever the limits say.
 * HR_NOT_FOUND: none may go. */
HR_MUST_USE hr_err log_let_go(log_store *log, hr_why *why);

#endif
