/* core/engine/query_rows.h - the rows that standing queries see: events and positions. */
#ifndef ENGINE_QUERY_ROWS_H
#define ENGINE_QUERY_ROWS_H

#include "base/event.h"
#include "base/fix.h"
#include "stream/evaluate.h"

typedef enum query_source {
    QUERY_EVENTS,
    QUERY_POSITIONS,
    QUERY_SOURCES,
} query_source;

/* Every row begins so. */
typedef struct query_row {
    uint16_t lane; /* the partition, by whose watermark it may be late */
    int64_t time_ms;
    int64_t mark_ms; /* how far its lane was before it */
    int64_t offset;
} query_row;

typedef struct query_event_row {
    query_row base;
    hr_event event;
} query_event_row;

typedef struct query_fix_row {
    query_row base;
    hr_fix fix;
    int64_t append_ms;
    const char *device; /* its id; NULL: not known */
} query_fix_row;

/* "events" or "positions" and their columns; rows are arrays of the above. */
extern const stream_shape query_shapes[QUERY_SOURCES];

static inline const query_row *query_row_at(query_source source, const void *rows, size_t at)
{
    return source == QUERY_EVENTS ? &((const query_event_row *)rows)[at].base
                                  : &((const query_fix_row *)rows)[at].base;
}

#endif
