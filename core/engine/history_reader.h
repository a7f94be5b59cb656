/* core/engine/history_reader.h - a reader's own parts, for the files of this folder. */
#ifndef ENGINE_HISTORY_READER_H
#define ENGINE_HISTORY_READER_H

#include <sqlite3.h>

#include "base/record.h"
#include "engine/history_read.h"
#include "history_chunk.h"
#include "history_thread.h"
#include "log/reader.h"

struct history_reader {
    engine_history *history; /* NULL: the log alone */
    log_store *log;
    uint32_t partition_count;
    sqlite3 *db;             /* NULL: there is no file yet */
    sqlite3_stmt *statement; /* NULL: what is asked has nothing (more) in the file */
    bool is_snapshot;        /* a read transaction is open */
    int64_t until_ns;        /* the deadline */

    /* Where the file ends, or the log begins, and the log goes on: positions, then events. */
    int64_t sources[HISTORY_SOURCES_MAX];

    log_reader *tail;
    log_view view;
    bool has_view;
    size_t record_at;
    int64_t from;   /* records of the tail before it were given, or are in the file */
    int64_t offset; /* of the tail's next record */

    history_span span;
    uint32_t partition; /* the next whose tail is to be read */
    uint32_t partition_end;
    hr_fix fixes[HISTORY_CHUNK_FIXES_MAX];
    uint32_t fix_at;
    uint32_t fix_count;
};

/* The deadline has passed. */
bool history_is_over(const history_reader *reader);

/* See the file as of now; sources as it has them. statement: what to read, NULL when there is no
 * file. */
HR_MUST_USE hr_err history_snapshot(history_reader *reader, const char *sql, hr_why *why);

/* Step the statement. HR_NOT_FOUND: it is through, and has been let go. */
HR_MUST_USE hr_err history_step(history_reader *reader, hr_why *why);

/* Let go of the file, and of the tail. */
void history_let_go(history_reader *reader);

/* The tail of a source: a topic's partition, from an offset or the end of the file, whichever is
 * later. */
HR_MUST_USE hr_err history_tail_open(history_reader *reader, uint8_t topic, uint16_t partition,
                                     int64_t offset, hr_why *why);

/* The next batch of the tail. HR_NOT_FOUND: none. */
HR_MUST_USE hr_err history_tail_next(history_reader *reader, hr_why *why);

#endif
