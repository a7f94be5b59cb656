/* stream/evaluate.h - SQL expressions over a batch of rows, by SQLite.
 *
 * The rows stay where they are: SQLite sees them as a virtual table. An expression may use the
 * table's columns and SQLite's functions, and nothing else: no other table, no subquery, no file.
 */
#ifndef STREAM_EVALUATE_H
#define STREAM_EVALUATE_H

#include "base/clock.h"
#include "base/err.h"
#include "stream/value.h"

#define STREAM_EXPRESSIONS_MAX 24
#define STREAM_EXPRESSION_BYTES_MAX 2000

/* What the rows of a batch look like. */
typedef struct stream_shape {
    const char *name; /* of the table */
    const char *const *columns;
    int column_count;
    void (*read)(const void *rows, size_t row, int column, stream_value *value);
} stream_shape;

/* Threads: one at a time. */
typedef struct stream_evaluator stream_evaluator;

/* Is this one expression over the shape's columns? HR_INVALID: why says what is wrong. */
HR_MUST_USE hr_err stream_expression_check(const stream_shape *shape, const char *expression,
                                           hr_why *why);

/* Expressions that were checked; where may be NULL. The shape is borrowed. */
HR_MUST_USE hr_err stream_evaluator_new(const stream_shape *shape, const char *const *expressions,
                                        uint32_t count, const char *where, stream_evaluator **out,
                                        hr_why *why);
void stream_evaluator_free(stream_evaluator *evaluator);

/* A row that where lets through, with the values of the expressions, borrowed for the call. Another
 * answer than HR_OK ends the run with it. */
typedef hr_err stream_row_visit(void *context, size_t row, const stream_value *values);

/* HR_TIMEOUT: it took longer than time_ms_max. HR_INVALID: an expression failed at a row. */
HR_MUST_USE hr_err stream_evaluator_run(stream_evaluator *evaluator, const void *rows, size_t count,
                                        const hr_clock *clock, int64_t time_ms_max,
                                        stream_row_visit *visit, void *context, hr_why *why);

#endif
