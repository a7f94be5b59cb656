/* api/pool.c - one queue and a fixed set of threads for each lane. */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

/* The password lane has one thread because argon2id takes 64 MiB at a time. */
static const unsigned lane_threads[API_LANES] = {[API_INLINE] = 0,
                                                 [API_LANE_WORK] = 3,
                                                 [API_LANE_CHANGE] = 2,
                                                 [API_LANE_PASSWORD] = 1,
                                                 [API_LANE_SQL] = 2};

#define LANE_THREADS_MAX 4

typedef struct lane_queue {
    api_pool *pool;
    pthread_cond_t ready;
    api_job *first; /* this and the rest: protected by the pool's lock */
    unsigned count;
    api_job *running;
    uint64_t round;       /* the latest of which one was taken */
    unsigned running_max; /* of one caller; constant, as is what follows */
    unsigned thread_count;
    pthread_t threads[LANE_THREADS_MAX];
} lane_queue;

struct api_pool {
    api_job_done *done;
    void *context;
    pthread_mutex_t lock;
    bool stopping; /* protected by lock */
    lane_queue lanes[API_LANES];
};

/* A caller's jobs are a round apart, so that each round has one of everybody's who waits. */
static void put(lane_queue *lane, api_job *job)
{
    api_job **place = &lane->first;
    job->round = lane->round;
    for (const api_job *each = lane->first; each != NULL; each = each->next) {
        if (each->caller == job->caller) {
            job->round = each->round + 1;
        }
    }
    while (*place != NULL && (*place)->round <= job->round) {
        place = &(*place)->next;
    }
    job->next = *place;
    *place = job;
    lane->count++;
}

static unsigned count_of(const api_job *list, uint64_t caller)
{
    unsigned count = 0;
    for (const api_job *each = list; each != NULL; each = each->next) {
        count += each->caller == caller;
    }
    return count;
}

/* The first job whose caller may have one more thread; it is then running. */
static api_job *take(lane_queue *lane)
{
    api_job **place = &lane->first;
    while (*place != NULL && count_of(lane->running, (*place)->caller) >= lane->running_max) {
        place = &(*place)->next;
    }
    api_job *job = *place;
    if (job != NULL) {
        *place = job->next;
        lane->count--;
        lane->round = job->round > lane->round ? job->round : lane->round;
        job->next = lane->running;
        lane->running = job;
    }
    return job;
}

static void end_running(lane_queue *lane, const api_job *job)
{
    api_job **place = &lane->running;
    while (*place != job) {
        place = &(*place)->next;
    }
    *place = job->next;
}

static void *lane_main(void *argument)
{
    lane_queue *lane = argument;
    api_pool *pool = lane->pool;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        api_job *job = take(lane);
        bool stopping = pool->stopping;
        if (job == NULL && stopping) {
            break;
        }
        if (job == NULL) {
            pthread_cond_wait(&lane->ready, &pool->lock);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        if (!stopping) {
            job->run(job);
        }
        pthread_mutex_lock(&pool->lock);
        end_running(lane, job);
        pthread_mutex_unlock(&pool->lock);
        pool->done(job, pool->context);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

hr_err api_pool_new(api_job_done *done, void *context, api_pool **out)
{
    api_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        return HR_NO_MEMORY;
    }
    pool->done = done;
    pool->context = context;
    pthread_mutex_init(&pool->lock, NULL);
    for (int i = 0; i < API_LANES; i++) {
        lane_queue *lane = &pool->lanes[i];
        lane->pool = pool;
        lane->running_max = lane_threads[i] > 1 ? lane_threads[i] - 1 : 1;
        pthread_cond_init(&lane->ready, NULL);
        while (lane->thread_count < lane_threads[i]) {
            if (pthread_create(&lane->threads[lane->thread_count], NULL, lane_main, lane) != 0) {
                api_pool_free(pool);
                return HR_NO_MEMORY;
            }
            lane->thread_count++;
        }
    }
    *out = pool;
    return HR_OK;
}

void api_pool_free(api_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    for (int i = 0; i < API_LANES; i++) {
        if (pool->lanes[i].pool != NULL) {
            pthread_cond_broadcast(&pool->lanes[i].ready);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < API_LANES; i++) {
        for (unsigned j = 0; j < pool->lanes[i].thread_count; j++) {
            pthread_join(pool->lanes[i].threads[j], NULL);
        }
        if (pool->lanes[i].pool != NULL) {
            pthread_cond_destroy(&pool->lanes[i].ready);
        }
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

hr_err api_pool_submit(api_pool *pool, api_lane which, api_job *job)
{
    lane_queue *lane = &pool->lanes[which];
    pthread_mutex_lock(&pool->lock);
    if (pool->stopping || lane->count >= API_POOL_QUEUE_MAX ||
        count_of(lane->first, job->caller) >= API_POOL_CALLER_MAX) {
        pthread_mutex_unlock(&pool->lock);
        return HR_TOO_BIG;
    }
    put(lane, job);
    pthread_cond_signal(&lane->ready);
    pthread_mutex_unlock(&pool->lock);
    return HR_OK;
}
