/* core/engine/query_input.h - what standing queries read: the committed log, batch by batch, with
 * how far each lane (partition) is in event time. */
#ifndef ENGINE_QUERY_INPUT_H
#define ENGINE_QUERY_INPUT_H

#include "catalog/catalog.h"
#include "log/reader.h"
#include "query_rows.h"

#define QUERY_BATCH_ROWS 256
/* A partition whose ticks are so far ahead of its fixes does not hold the others back. */
#define QUERY_IDLE_MS 60000
/* Events have no ticks of their own: a partition of which none came while others moved on by so
 * much does not hold those back. Far more than workers are ever apart. */
#define QUERY_EVENTS_APART_MS 600000

/* A device as readers of positions know it. */
typedef struct query_device {
    uint64_t key;
    char *id;            /* owned; NULL: not known */
    int64_t times_ms[8]; /* of its last accepted fixes, a ring */
    uint8_t count;
    uint8_t next;
} query_device;

/* Threads: one at a time (the runner's lock). */
typedef struct query_input {
    log_store *log;
    catalog *catalog;
    uint32_t lane_count;
    log_reader *events;
    log_reader *positions[HR_PARTITIONS_MAX]; /* NULL while nobody asks for positions */
    int64_t marks_ms[QUERY_SOURCES][HR_PARTITIONS_MAX];
    int64_t received_max_ms;
    query_device *devices; /* an open hash table; key 0 and no id: free */
    uint32_t device_room;
    uint32_t device_count;
    uint64_t gaps; /* times that records were gone or damaged */
    query_event_row event_rows[QUERY_BATCH_ROWS];
    query_fix_row fix_rows[QUERY_BATCH_ROWS];
} query_input;

/* Reads events from the log's start, and no positions. */
HR_MUST_USE hr_err query_input_init(query_input *input, log_store *log, catalog *catalog,
                                    hr_why *why);
void query_input_fini(query_input *input);

/* Read positions too, from their start or from the committed end. */
HR_MUST_USE hr_err query_input_want_positions(query_input *input, bool from_start, hr_why *why);
void query_input_drop_positions(query_input *input);

/* Rows of one source, at most QUERY_BATCH_ROWS at a time. */
typedef void query_rows_visit(void *context, query_source source, const void *rows, size_t count);

/* Read one batch of the log's, of whichever partition has one. *is_read: there was one. */
HR_MUST_USE hr_err query_input_next(query_input *input, query_rows_visit *visit, void *context,
                                    bool *is_read, hr_why *why);

/* The least mark of a source's lanes; INT64_MIN: some lane has told nothing yet. */
int64_t query_input_mark(const query_input *input, query_source source);

/* Every event until time_ms has been read: no lane of events is behind that. */
void query_input_raise_events(query_input *input, int64_t time_ms);

void query_input_write(const query_input *input, hr_buf *out);
/* Go on where those bytes say. HR_CORRUPT: not such bytes, or of another log. */
HR_MUST_USE hr_err query_input_read(query_input *input, hr_cursor *in, hr_why *why);

#endif
