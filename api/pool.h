/* api/pool.h - threads for the work that must not hold up the service thread. */
#ifndef API_POOL_H
#define API_POOL_H

#include "route.h"

#define API_POOL_QUEUE_MAX 256  /* jobs waiting in one lane; HR_TOO_BIG above */
#define API_POOL_CALLER_MAX 128 /* of them by one caller; HR_TOO_BIG above */

/* Embedded first in whatever is to be done. Belongs to the pool from submit until done is called.
 */
typedef struct api_job {
    struct api_job *next;
    void (*run)(struct api_job *job);
    uint64_t caller; /* api_caller_key() of whoever asks */
    uint64_t round;  /* the pool's: see its put() */
} api_job;

/* Called on a pool thread after run(); must not block. */
typedef void api_job_done(api_job *job, void *context);

/* Opaque. Threads: submit from any. Callers take turns in a lane, and nobody has all of its threads
 * where there are several: one who asks for much, or without end, holds up himself. */
typedef struct api_pool api_pool;

HR_MUST_USE hr_err api_pool_new(api_job_done *done, void *context, api_pool **out);

/* Finishes what runs, leaves out what waits (its done is called all the same), joins the threads.
 * NULL is fine. */
void api_pool_free(api_pool *pool);

/* HR_TOO_BIG: the lane, or the caller's share of it, is full; or the pool is ending. */
HR_MUST_USE hr_err api_pool_submit(api_pool *pool, api_lane lane, api_job *job);

#endif
