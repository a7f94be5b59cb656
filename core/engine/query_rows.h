/* core/engine/query_rows.h - the rows that standing queries see: events and positions, and beside
 * them what the rules of their time say of their device and fence. */
#ifndef ENGINE_QUERY_ROWS_H
#define ENGINE_QUERY_ROWS_H

#include "base/event.h"
#include "base/fix.h"
#include "geo/rules.h"
#include "stream/evaluate.h"

typedef enum query_source {
    QUERY_EVENTS,
    QUERY_POSITIONS,
    QUERY_SOURCES,
} query_source;

/* Tables that a query may join, as bits. */
typedef enum query_table {
    QUERY_TABLE_DEVICE = 1,
    QUERY_TABLE_FENCE = 2,
} query_table;
#define QUERY_TABLE_SETS 4

/* Every row begins so. */
typedef struct query_row {
    uint16_t lane; /* the partition, by whose watermark it may be late */
    int64_t time_ms;
    int64_t mark_ms; /* how far its lane was before it */
    int64_t offset;
    /* By the rules under which the record was judged; NULL: they say nothing of it. */
    const geo_device_rules *device_rules;
    const geo_fence *fence;
} query_row;

typedef struct query_event_row {
    query_row base;
    int64_t uncertainty_ms; /* by how much the crossing's time may be off */
    hr_event event;
} query_event_row;

typedef struct query_fix_row {
    query_row base;
    hr_fix fix;
    int64_t append_ms;
    const char *device; /* its id; NULL: not known */
} query_fix_row;

/* A row as an expression sees it. One of several groups stands for each of its copies. */
typedef struct query_view {
    const query_row *row;
    uint16_t device_group;
    uint16_t fence_group;
} query_view;

/* "events" or "positions" and their columns, then those of the joined tables; what is read are
 * arrays of query_view. Positions have no fence. */
const stream_shape *query_shape(query_source source, unsigned tables);

static inline const query_row *query_row_at(query_source source, const void *rows, size_t at)
{
    return source == QUERY_EVENTS ? &((const query_event_row *)rows)[at].base
                                  : &((const query_fix_row *)rows)[at].base;
}

#endif
