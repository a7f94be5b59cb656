/* core/log/archive.h - what must be copied so that another folder holds the same log.
 *
 * Works beside a running service. Begin, then copy whatever the log must not be behind of
 * (checkpoints, databases with offsets), then copy the log: its end is then at or behind theirs. */
#ifndef LOG_ARCHIVE_H
#define LOG_ARCHIVE_H

#include "log/log.h"

/* Opaque. Threads: one at a time. */
typedef struct log_archive log_archive;

/* log was opened read_only and outlives the archive. From here on retention in the service cannot
 * take anything away from the copy. HR_GONE: retention was quicker; open again and begin anew. */
HR_MUST_USE hr_err log_archive_begin(log_store *log, log_archive **out, hr_why *why);

/* One file of the copy: size bytes of fd, from its beginning; or, when fd is -1, of bytes. An error
 * ends the visit and is returned. */
typedef struct log_archive_file {
    const char *name;
    int fd;
    const uint8_t *bytes;
    uint64_t size;
} log_archive_file;
typedef hr_err log_archive_visitor(const log_archive_file *file, void *context);

/* Visit every file of a copy that ends where the log ends now. HR_GONE as above. */
HR_MUST_USE hr_err log_archive_each(log_archive *archive, log_archive_visitor *visit, void *context,
                                    hr_why *why);

/* NULL is fine. */
void log_archive_end(log_archive *archive);

#endif
