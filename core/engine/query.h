/* engine/query.h - standing queries: windows of event time over the log, kept up to date.
 *
 * A definition is JSON:
 *     {"name":"busiest-fences","from":"events","where":"kind = 'enter'","group_by":["fence"],
 *      "window":{"type":"hopping","size":"10m","every":"1m"},
 *      "select":{"crossings":"count()","animals":"distinct(device)"},"output":"update"}
 * from is "events" or "positions"; where, group_by and arguments are SQL expressions over the
 * columns of that; window's type is running (no size), tumbling (size), hopping (size, every) or
 * session (gap); output is append (windows that have ended), update or complete (open ones too);
 * lateness ("30s") is how long windows wait for stragglers; enabled (true) is whether it runs.
 *
 * "join":["device","fence"] adds columns of those tables (query_rows.c), as the rules say by which
 * the row was judged: device_group, device_stale_after_s; fence_group, fence_intent,
 * fence_area_ha, fence_dwell_s, fence_expires (positions have no fence). A row counts once in each
 * of its groups if an expression reads the group, under NULL if it has none.
 *
 * "follows":{"from":"events","where":"kind = 'exit'","on":["device"],"within":"10m",
 * "match":"last"} pairs each row with the last ("all": every) row of another stream, or of its own,
 * that is equal in `on` and not newer nor more than `within` older; that row's columns are
 * earlier_<column>. Pairs are made when the watermark has passed the later row; rows behind their
 * partition's watermark are counted as late.
 *
 * One thread reads the log's committed end for all of them, with a checkpoint of its own, so that
 * no query touches the exactness or the pace of events. A query sees what comes after its start.
 * Its state survives restarts of the service, and so does its id, while each start has a runId of
 * its own; one that takes too much memory or time is stopped and says why. */
#ifndef ENGINE_QUERY_H
#define ENGINE_QUERY_H

#include "base/buf.h"
#include "base/limits.h"
#include "engine/engine.h"

#define ENGINE_QUERIES_GROUP "queries"

#define ENGINE_QUERIES_MAX 64
#define ENGINE_QUERY_FIELD_MAX 96
#define ENGINE_QUERY_STATE_BYTES (16u << 20) /* of all queries; the largest is stopped above */
#define ENGINE_QUERY_ROWS_KEPT 1000          /* ended windows that each query remembers */
#define ENGINE_QUERY_BATCH_MS_MAX 1000       /* a batch that takes longer stops its query */
#define ENGINE_QUERY_CLOSE_MS_MAX 5000 /* and so does ending those of less than ten times that */
#define ENGINE_QUERY_ROW_US_MAX 100    /* and so do rows that take more on average */

/* Threads: any, for every function. */
typedef struct engine_queries engine_queries;

typedef struct engine_queries_options {
    log_store *log;         /* borrowed */
    catalog *catalog;       /* borrowed; keeps the definitions */
    engine *engine;         /* borrowed; may be NULL: then windows over silent events stay open */
    const hr_clock *clock;  /* the log's */
    hr_metrics *metrics;    /* may be NULL */
    const char *folder;     /* for the checkpoint; there already */
    size_t state_bytes_max; /* 0: ENGINE_QUERY_STATE_BYTES */
    int32_t patience_ms;    /* a checkpoint that cannot be read is tried; 0: as in log_options */
    bool ships;             /* add the shipped definitions, once for each catalogue */
} engine_queries_options;

/* A definition that cannot be understood is kept and shown as failed. A checkpoint that is damaged
 * gives way to the one before; where both are, the queries begin anew with what the log holds, and
 * say so. Where nothing is known of one, for want of memory or of files, the start fails. */
HR_MUST_USE hr_err engine_queries_start(const engine_queries_options *options, engine_queries **out,
                                        hr_why *why);

/* Writes the checkpoint. NULL is fine. */
void engine_queries_stop(engine_queries *queries);

/* Could a tick at now_ms end a window, which partitions without fixes hold open? Asks for one every
 * ENGINE_QUERY_TICK_MS at most: it counts when something commits it. */
#define ENGINE_QUERY_TICK_MS 10000
bool engine_queries_want_tick(engine_queries *queries, int64_t now_ms);

/* Wait until everything that is committed now has been counted. HR_TIMEOUT. */
HR_MUST_USE hr_err engine_queries_settle(engine_queries *queries, int32_t timeout_ms);

/* Which part of a definition is wrong ("select.crossings"), and why. */
typedef struct engine_query_fault {
    char field[ENGINE_QUERY_FIELD_MAX];
    hr_why why;
} engine_query_fault;

/* Create, or replace and start anew; name ("" before) gets its name. is_new: HR_EXISTS when there
 * is one. HR_INVALID: see fault. HR_TOO_BIG: ENGINE_QUERIES_MAX. */
HR_MUST_USE hr_err engine_query_put(engine_queries *queries, const char *text, size_t size,
                                    bool is_new, char name[HR_FENCE_ID_MAX + 1],
                                    engine_query_fault *fault);

/* Each answers HR_NOT_FOUND when there is no such query. Starting anew forgets what was counted;
 * a stopped query keeps its last answers until then. Both outlast a restart of the service. */
HR_MUST_USE hr_err engine_query_remove(engine_queries *queries, const char *name, hr_why *why);
HR_MUST_USE hr_err engine_query_start(engine_queries *queries, const char *name, hr_why *why);
HR_MUST_USE hr_err engine_query_stop(engine_queries *queries, const char *name, hr_why *why);

/* JSON is appended to out: {"queries":[...]}; one of those; {"query","runId","rows":[..],
 * "cut"}; {"query","plan",..}; {"query","last":{..},"recent":[..]}. */
HR_MUST_USE hr_err engine_queries_list(engine_queries *queries, hr_buf *out);
HR_MUST_USE hr_err engine_query_get(engine_queries *queries, const char *name, hr_buf *out);
HR_MUST_USE hr_err engine_query_rows(engine_queries *queries, const char *name, uint32_t limit,
                                     hr_buf *out);
HR_MUST_USE hr_err engine_query_explain(engine_queries *queries, const char *name, hr_buf *out);
HR_MUST_USE hr_err engine_query_progress(engine_queries *queries, const char *name, hr_buf *out);

/* For those who show rows live: the same when they have changed since *revision (0: never seen),
 * which is moved on. HR_TIMEOUT: nothing new, or the runner is busy just now; never blocks for
 * longer than 2 ms. */
HR_MUST_USE hr_err engine_query_rows_since(engine_queries *queries, const char *name,
                                           uint64_t *revision, uint32_t limit, hr_buf *out);

#endif
