/* core/engine/query_pairs.h - a stream joined with an earlier one: rows that wait for their pair.
 *
 * A row is paired once the watermark has passed it, with the earlier rows (at most within_ms
 * older) that are equal to it in `on`: whatever was in time has come by then, so that the pairs do
 * not depend on how lanes are read beside each other. A row that is behind its own lane's watermark
 * is late. State: rows of the last lateness (and within_ms for the earlier side), each with the
 * columns that are asked for. */
#ifndef ENGINE_QUERY_PAIRS_H
#define ENGINE_QUERY_PAIRS_H

#include "query_define.h"

/* Threads: one at a time. */
typedef struct query_pairs query_pairs;

/* The spec is borrowed. HR_INVALID: why. */
HR_MUST_USE hr_err query_pairs_new(const query_spec *spec, size_t bytes_max, query_pairs **out,
                                   hr_why *why);
void query_pairs_free(query_pairs *pairs);

/* Rows of a source, to either side that reads it. *late counts those that were dropped, *passed
 * those that a side's condition let through. HR_TIMEOUT, HR_INVALID as of an evaluator;
 * HR_TOO_BIG: they hold more than bytes_max. */
HR_MUST_USE hr_err query_pairs_add(query_pairs *pairs, query_source source, const void *rows,
                                   size_t count, int64_t time_ms_max, uint64_t *passed,
                                   uint64_t *late, hr_why *why);

/* A pair that where lets through: the later row's time, and the values of group keys and arguments.
 */
typedef hr_err query_pair_visit(void *context, int64_t time_ms, const stream_value *values);

/* All lanes' watermarks are at watermark_ms or beyond: tell the pairs of the rows before it, in the
 * order of time, and forget what cannot be paired any more. */
HR_MUST_USE hr_err query_pairs_advance(query_pairs *pairs, int64_t watermark_ms,
                                       int64_t time_ms_max, query_pair_visit *visit, void *context,
                                       hr_why *why);

/* What pair_shape reads: a column of one of the pairs at hand. */
void query_pair_read(const void *pairs, size_t at, int column, stream_value *value);

/* The watermark at which the next row is paired; INT64_MAX: none waits. */
int64_t query_pairs_due_ms(const query_pairs *pairs);

size_t query_pairs_bytes(const query_pairs *pairs);

void query_pairs_write(const query_pairs *pairs, hr_buf *out);
/* Into new ones of the same spec. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err query_pairs_read(query_pairs *pairs, hr_cursor *in);

#endif
