/* core/engine/history_thread.h - the historian's own parts, for the files of this folder. */
#ifndef ENGINE_HISTORY_THREAD_H
#define ENGINE_HISTORY_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "engine/history.h"
#include "history_pending.h"

typedef struct history_metrics {
    hr_counter *fixes;
    hr_counter *events;
    hr_counter *slots;
    hr_counter *written_bytes;
    hr_counter *gaps;
    hr_counter *refused;
    hr_counter *damaged;
    hr_gauge *bytes;
    hr_gauge *lag_records;
    hr_gauge *lag_seconds;
} history_metrics;

struct engine_history {
    engine_history_options options;
    char *path;
    history_metrics metrics;
    pthread_t thread;
    bool is_started;
    uint32_t partition_count; /* of positions; the source behind them is events */
    _Atomic uint64_t damaged_chunks;
    _Atomic bool is_suspect; /* a reader was told that the file is damaged */

    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t wake;  /* the thread */
    pthread_cond_t done;  /* those who settle */
    bool is_stopping;
    uint64_t asked; /* times that somebody wanted all of it written */
    uint64_t answered;
    hr_err answer;
    hr_err trouble;
    hr_why trouble_why;
    int64_t lag_ms;
    hr_why aside_why; /* "": nothing was put aside */
    hr_why anew_why;  /* "": nothing older than the log's start was lost with a file */

    /* The thread's alone. */
    history_store *store; /* NULL: cannot be opened just now */
    dev_t disk;           /* with the next: which file the store writes */
    ino_t inode;
    history_pending pending;
    log_reader *readers[HISTORY_SOURCES_MAX];
    int64_t stored[HISTORY_SOURCES_MAX]; /* how far each source is written */
    int64_t written_ns;                  /* monotonic: nothing read before it waits */
    int64_t caught_ns;                   /* all that was committed then is written */
    int64_t retry_ns;                    /* not before, after a failure */
    int64_t unread_ns;                   /* since when the file cannot be read; 0: it can be */
};

/* history_file.c: the file, and how far the log may let go. Open history.db, make the readers stand
 * behind what is in it, and set the floors. A damaged file is put aside. */
HR_MUST_USE hr_err history_file_resume(engine_history *history, hr_why *why);

/* The same after the file turned out damaged while it was in use. */
HR_MUST_USE hr_err history_file_replace(engine_history *history, const hr_why *damage, hr_why *why);

/* Whether somebody has deleted or replaced the file that the store writes. */
bool history_file_is_gone(const engine_history *history);

/* Let the log go up to what is written. */
HR_MUST_USE hr_err history_file_set_floors(engine_history *history);

#endif
