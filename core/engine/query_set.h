/* core/engine/query_set.h - all standing queries of a service, for the files that run and keep
 * them. */
#ifndef ENGINE_QUERY_SET_H
#define ENGINE_QUERY_SET_H

#include <pthread.h>
#include <stdatomic.h>

#include "query_input.h"
#include "query_run.h"

#define QUERY_DOCUMENT_KIND "query"

struct engine_queries {
    engine_queries_options options;
    char *folder;
    pthread_t thread;
    _Atomic bool is_stopping;
    _Atomic int64_t tick_ms;  /* a tick from then on could end a window */
    _Atomic int64_t asked_ms; /* when one was asked for last; INT64_MAX: never */

    pthread_mutex_t edit_lock; /* one change of the definitions at a time; taken before lock */

    _Atomic uint32_t asking; /* threads that wait for lock: the runner lets them go first */
    pthread_mutex_t lock;    /* protects what follows */
    pthread_cond_t settled;
    query_input input;
    query_run *runs[ENGINE_QUERIES_MAX]; /* by name */
    uint32_t run_count;
    uint64_t next_run_id;    /* from where no start before this one began, but by chance */
    uint64_t rounds;         /* times that the reader found nothing more */
    log_position settled_at; /* all that was committed there has been counted */
    bool is_changed;         /* since the last checkpoint */
    bool is_edited;          /* a checkpoint is wanted now */

    hr_gauge *state_bytes;
    hr_counter *rows;
    hr_counter *stopped;
    hr_counter *gaps;
};

/* Take the lock and give it back, for everyone but the runner. */
void query_set_enter(engine_queries *queries);
/* False: it was busy for 2 ms. */
bool query_set_enter_briefly(engine_queries *queries);
void query_set_leave(engine_queries *queries);

/* NULL: none. Under lock. */
query_run *query_set_find(engine_queries *queries, const char *name);

/* Put a run in its place by name; one of that name is freed. HR_TOO_BIG. Under lock. */
HR_MUST_USE hr_err query_set_place(engine_queries *queries, query_run *run);

/* query_shipped.c: the definitions that come with the service, put into a new catalogue once. */
HR_MUST_USE hr_err query_shipped_add(catalog *catalog, hr_why *why);

/* All at the log's start, as the definitions say. */
HR_MUST_USE hr_err query_set_begin(engine_queries *queries, hr_why *why);

/* query_keep.c. Load, after query_set_begin(): HR_NOT_FOUND when there is nothing, HR_CORRUPT when
 * that is damaged; they are at the log's start still. */
HR_MUST_USE hr_err query_keep_load(engine_queries *queries, hr_why *why);
/* The state is copied under lock, and written without it. */
HR_MUST_USE hr_err query_keep_save(engine_queries *queries, hr_why *why);

#endif
