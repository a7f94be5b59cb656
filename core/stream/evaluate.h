/* stream/evaluate.h - SQL expressions over a batch of rows, by SQLite.
 *
 * The rows stay where they are: SQLite sees them as a virtual table. An expression may use the
 * table's columns and SQLite's functions, and nothing else: no other table, no subquery, no
 * aggregate, no file, no clock ('now' is 1970), no place ('localtime' is refused), no chance. Where
 * all expressions are simple (stream/simple.h), SQLite is not asked at all. */
#ifndef STREAM_EVALUATE_H
#define STREAM_EVALUATE_H

#include "base/err.h"
#include "stream/simple.h"

#define STREAM_EXPRESSIONS_MAX 32
#define STREAM_EXPRESSION_BYTES_MAX 2000

/* Threads: one at a time. */
typedef struct stream_evaluator stream_evaluator;

/* Is this one expression over the shape's columns? HR_INVALID: why says what is wrong. */
HR_MUST_USE hr_err stream_expression_check(const stream_shape *shape, const char *expression,
                                           hr_why *why);

/* The time that this thread has had on a processor: a machine that is busy with others does not
 * count. */
int64_t stream_thread_ns(void);

/* Expressions that were checked; where may be NULL. The shape is borrowed. */
HR_MUST_USE hr_err stream_evaluator_new(const stream_shape *shape, const char *const *expressions,
                                        uint32_t count, const char *where, stream_evaluator **out,
                                        hr_why *why);
void stream_evaluator_free(stream_evaluator *evaluator);

/* Do its expressions or where read the column? And is SQLite left out? */
bool stream_evaluator_reads(const stream_evaluator *evaluator, int column);
bool stream_evaluator_is_simple(const stream_evaluator *evaluator);

/* A row that where lets through, with the values of the expressions, borrowed for the call. Another
 * answer than HR_OK ends the run with it. */
typedef hr_err stream_row_visit(void *context, size_t row, const stream_value *values);

/* HR_TIMEOUT: it took longer than time_ms_max of this thread's time on a processor. HR_INVALID: an
 * expression failed at a row. */
HR_MUST_USE hr_err stream_evaluator_run(stream_evaluator *evaluator, const void *rows, size_t count,
                                        int64_t time_ms_max, stream_row_visit *visit, void *context,
                                        hr_why *why);

#endif
