/* api/backup.h - a whole data folder as one file, written beside a running service, and back. */
#ifndef API_BACKUP_H
#define API_BACKUP_H

#include <stdint.h>

#include "base/err.h"

#define BACKUP_FORMAT 1
#define BACKUP_NOTE_NAME "last-backup"
#define BACKUP_HEAD_NAME "HEDGEROW-BACKUP" /* the first member: "hedgerow-backup 1\n" */

typedef struct backup_counts {
    uint64_t files;
    uint64_t bytes;
    uint64_t unreadable; /* places that are zeros in it */
} backup_counts;

/* Write everything that data holds, as of some moment during the call, into the file path, which is
 * replaced only by a complete backup. HR_INVALID: path lies in data, where it would be part of the
 * next one. HR_CORRUPT: the disk cannot read all of it; what it can is in path.damaged, or why says
 * that nothing is. HR_GONE, HR_IO, HR_NO_SPACE: why says what and where. */
HR_MUST_USE hr_err backup_write(const char *data, const char *path, backup_counts *counts,
                                hr_why *why);

/* Make the folder data from the file path. The folder appears only when all of it was read and
 * every checksum is right. HR_EXISTS: there is something in it already. HR_CORRUPT. HR_TOO_NEW. */
HR_MUST_USE hr_err backup_restore(const char *path, const char *data, backup_counts *counts,
                                  hr_why *why);

/* Leave word that there is a whole one: the time of the file data/BACKUP_NOTE_NAME. A folder that
 * cannot be written does without. */
void backup_note(const char *data);

/* What was renamed to path is there for good. */
HR_MUST_USE hr_err backup_sync_parent(const char *path, hr_why *why);

#endif
