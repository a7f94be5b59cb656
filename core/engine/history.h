/* engine/history.h - the historian: a consumer group that keeps tracks and events in history.db,
 * after the log has let go of them.
 *
 * One thread, of low priority, follows the committed log. What it has read waits in memory until it
 * is worth writing (10 minutes, an hour where devices speak rarely, or 16 MB), and is then written
 * in one transaction together with how far each partition was read: so every record is kept exactly
 * once, whenever the power goes. Until then the log holds it, since retention never passes what is
 * written. Whoever asks (engine/history_read.h) gets what is written and, behind it, the log's
 * tail. */
#ifndef ENGINE_HISTORY_H
#define ENGINE_HISTORY_H

#include "base/clock.h"
#include "base/metrics.h"
#include "catalog/catalog.h"
#include "log/log.h"

#define ENGINE_HISTORY_GROUP "historian"
#define ENGINE_HISTORY_WRITE_MS 3600000 /* how long what was read may wait to be written */
#define ENGINE_HISTORY_BUSY_PART 6      /* that part of it where there are many fixes of a device */

/* Threads: any, for every function. */
typedef struct engine_history engine_history;

typedef struct engine_history_options {
    log_store *log;        /* borrowed; topics as in base/record.h */
    catalog *catalog;      /* borrowed; names for a history that begins anew; may be NULL */
    const hr_clock *clock; /* the log's */
    hr_metrics *metrics;   /* may be NULL */
    const char *path;      /* of history.db; made if absent */
    int64_t retain_ms;     /* what was written longer ago goes; 0: no limit */
    uint64_t retain_bytes; /* the oldest goes above this; 0: no limit */
    int64_t write_ms;      /* 0: ENGINE_HISTORY_WRITE_MS */
    uint64_t free_bytes;   /* does not write while the disk has less left; 0: 64 MB, at most 5 % */
    int64_t patience_ms;   /* a file that the disk cannot read is put aside then; 0: one minute */
} engine_history_options;

/* A damaged file, or one of another log, is put aside and made anew from the log, which health then
 * says; so is one that somebody has deleted, at once; a full disk only makes it wait. HR_TOO_NEW: a
 * newer format. */
HR_MUST_USE hr_err engine_history_start(const engine_history_options *options, engine_history **out,
                                        hr_why *why);

/* Writes what was read. The log is still open. NULL is fine. */
void engine_history_stop(engine_history *history);

/* Wait until everything that is committed now is written. HR_TIMEOUT; or why it cannot be. */
HR_MUST_USE hr_err engine_history_settle(engine_history *history, int32_t timeout_ms, hr_why *why);

/* HR_OK, or what a person should know: it cannot write, or lags far behind (HR_IO, HR_NO_SPACE,
 * HR_TIMEOUT), or has put a damaged file aside since the start, or found none although the log has
 * let go of its beginning (HR_CORRUPT; why says from when on the history is whole). */
hr_err engine_history_health(engine_history *history, hr_why *why);

#endif
