/* stream/simple.h - expressions that need no SQLite: a column by itself, and plain conditions on
 * one column. They give what SQLite would. */
#ifndef STREAM_SIMPLE_H
#define STREAM_SIMPLE_H

#include "stream/value.h"

#define STREAM_COLUMNS_MAX 64

/* What the rows of a batch look like. */
typedef struct stream_shape {
    const char *name; /* of the table */
    const char *const *columns;
    int column_count; /* at most STREAM_COLUMNS_MAX */
    void (*read)(const void *rows, size_t row, int column, stream_value *value);
} stream_shape;

/* The column that the whole expression is, or -1. */
int stream_simple_column(const stream_shape *shape, const char *expression);

#define STREAM_CONDITION_LITERALS_MAX 16
#define STREAM_CONDITION_BYTES_MAX 512

typedef enum stream_condition_kind {
    STREAM_IS_ANYTHING, /* no condition */
    STREAM_IS_NULL,
    STREAM_IS_NOT_NULL,
    STREAM_IS_ONE_OF, /* = literal, in (literals) */
} stream_condition_kind;

typedef struct stream_condition {
    stream_condition_kind kind;
    int column;
    uint32_t count;
    stream_value literals[STREAM_CONDITION_LITERALS_MAX];
    char text[STREAM_CONDITION_BYTES_MAX]; /* what the literals point into */
} stream_condition;

/* False: SQLite must judge it. expression may be NULL: no condition. The condition must not move
 * once it is parsed. */
bool stream_condition_parse(const stream_shape *shape, const char *expression,
                            stream_condition *condition);
bool stream_condition_holds(const stream_condition *condition, const stream_value *value);

#endif
