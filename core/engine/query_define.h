/* core/engine/query_define.h - a query's definition: from JSON, checked, and explained. */
#ifndef ENGINE_QUERY_DEFINE_H
#define ENGINE_QUERY_DEFINE_H

#include "engine/query.h"
#include "query_rows.h"
#include "stream/windows.h"

#define QUERY_NAME_MAX HR_FENCE_ID_MAX
#define QUERY_LATENESS_MS 30000
#define QUERY_DURATION_MS_MAX (INT64_C(400) * 86400000)

typedef enum query_output {
    QUERY_APPEND,
    QUERY_UPDATE,
    QUERY_COMPLETE,
} query_output;

/* Each row is paired with earlier rows, of the same or the other source, that are equal to it in
 * `on` and at most within_ms older. */
typedef struct query_follows {
    bool is_used;
    bool takes_all; /* else the last one alone */
    query_source source;
    char *where; /* NULL: everything */
    uint32_t on_count;
    char *on[STREAM_GROUP_KEYS_MAX];
    int64_t within_ms;
} query_follows;

typedef struct query_spec {
    char name[QUERY_NAME_MAX + 1];
    query_source source;
    unsigned tables; /* joined: bits of query_table */
    query_follows follows;
    query_output output;
    bool is_enabled;
    int64_t lateness_ms;
    stream_window window;
    char *where; /* NULL: everything */
    uint32_t group_count;
    char *groups[STREAM_GROUP_KEYS_MAX];
    uint32_t select_count;
    char *names[STREAM_AGGREGATES_MAX];
    stream_aggregate aggregates[STREAM_AGGREGATES_MAX];
    uint32_t state_of[STREAM_AGGREGATES_MAX]; /* several quantiles of one thing share a state */
    uint32_t state_count;
    stream_aggregate states[STREAM_AGGREGATES_MAX];
    uint32_t first_arguments[STREAM_AGGREGATES_MAX]; /* of each state */
    uint32_t argument_count;                         /* of all states together */
    char *arguments[STREAM_AGGREGATES_MAX * STREAM_ARGUMENTS_MAX];
    stream_shape pair_shape;
    const char *pair_columns[STREAM_COLUMNS_MAX]; /* those of the earlier row are owned */
    char *text;                                   /* the definition, as it is kept */
    uint64_t hash;                                /* of what it counts: of all but `enabled` */
} query_spec;

/* HR_INVALID: fault says which part and why. The caller frees *out. */
HR_MUST_USE hr_err query_spec_parse(const char *text, size_t size, query_spec **out,
                                    engine_query_fault *fault);
void query_spec_free(query_spec *spec);

/* What the rows of a source look like to it. A row and an earlier one together look as pair_shape
 * says: the columns of the latter come behind, as earlier_<column>. */
const stream_shape *query_spec_shape(const query_spec *spec, query_source source);

/* The evaluator for its group keys, then its arguments; of pairs if it follows. where: whether
 * its condition is a part of it. */
HR_MUST_USE hr_err query_spec_compile(const query_spec *spec, bool where, stream_evaluator **out,
                                      hr_why *why);

/* query_explain.c: the members of an explanation, into an open object. */
void query_spec_explain(const query_spec *spec, hr_json *json);

/* The definition again, with another value of `enabled`; freed by the caller. NULL: no memory. */
char *query_spec_switch(const query_spec *spec, bool is_enabled);

#endif
