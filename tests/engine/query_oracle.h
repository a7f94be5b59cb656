/* tests/engine/query_oracle.h - what a standing query must answer, by simple loops over the log's
 * records. It shares no code with core/stream. */
#ifndef ENGINE_QUERY_ORACLE_H
#define ENGINE_QUERY_ORACLE_H

#include "farm.h"

typedef enum oracle_window {
    ORACLE_RUNNING,
    ORACLE_PANED, /* tumbling when every is size */
    ORACLE_SESSION,
} oracle_window;

typedef struct oracle_query {
    bool from_positions;
    bool by_device; /* else by fence */
    oracle_window window;
    int64_t size_ms;
    int64_t every_ms;
    int64_t gap_ms;
    int64_t lateness_ms;
} oracle_query;

/* All windows as sorted lines "from to final group count distinct sum least most": distinct
 * devices, and the others over the rows' times modulo 1000. The caller ends out. *late is counted.
 */
void oracle_answer(farm *farm, const oracle_query *query, hr_buf *out, uint64_t *late);

/* Every event, in the order of the log, and every fix that is no repeat, in the order of its
 * partition; mark_ms is that of the partition before the record that made it. order tells rows of
 * one time apart. Freed by the caller. Returns how many. */
typedef struct oracle_event {
    hr_event event;
    int64_t mark_ms;
    uint64_t order;
} oracle_event;
size_t oracle_events(farm *farm, oracle_event **out);

typedef struct oracle_fix {
    hr_fix fix;
    int64_t mark_ms;
    uint64_t rules_version; /* in force */
} oracle_fix;
size_t oracle_fixes(farm *farm, oracle_fix **out);

/* How far the partition that is farthest behind has come. */
int64_t oracle_mark(farm *farm);

/* The lines of an answer of engine_query_rows(), in the same form. */
void oracle_lines_of_json(const hr_buf *json, hr_buf *out);

#endif
