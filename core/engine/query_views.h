/* core/engine/query_views.h - an evaluator over rows as queries see them: a row whose device or
 * fence is in several groups counts once in each, where an expression asks for the group. */
#ifndef ENGINE_QUERY_VIEWS_H
#define ENGINE_QUERY_VIEWS_H

#include "query_rows.h"

/* A row that where lets through. Another answer than HR_OK ends the run with it. */
typedef hr_err query_view_visit(void *context, const query_row *row, const stream_value *values);

/* The evaluator is of the shape; rows are those of the source. Errors as of
 * stream_evaluator_run(). */
HR_MUST_USE hr_err query_views_run(stream_evaluator *evaluator, const stream_shape *shape,
                                   query_source source, const void *rows, size_t count,
                                   int64_t time_ms_max, query_view_visit *visit, void *context,
                                   hr_why *why);

#endif
