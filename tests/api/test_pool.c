/* tests/api/test_pool.c - jobs take turns by caller, and nobody has every thread of a lane. */
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "api/pool.h"
#include "test.h"

#define JOBS_MAX (API_POOL_QUEUE_MAX + 8)

typedef struct work {
    api_job job; /* first */
    bool waits;  /* for the gate */
} work;

/* What a test sees of the pool. */
static struct {
    sem_t gate;    /* jobs that wait go on */
    sem_t started; /* posted as a job begins, */
    sem_t done;    /* and as it has ended */
    pthread_mutex_t lock;
    uint64_t order[JOBS_MAX]; /* callers, as their jobs began; protected by lock */
    unsigned count;           /* protected by lock */
} seen;

static work works[JOBS_MAX];

static void run(api_job *job)
{
    const work *own = (const work *)(const void *)job;
    pthread_mutex_lock(&seen.lock);
    seen.order[seen.count++] = job->caller;
    pthread_mutex_unlock(&seen.lock);
    sem_post(&seen.started);
    if (own->waits) {
        sem_wait(&seen.gate);
    }
}

/* Long, for whatever else the machine does; a test that is right does not wait. */
static void await(sem_t *what)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    assert_int_equal(sem_timedwait(what, &until), 0);
}

static void note_done(api_job *job, void *context)
{
    (void)job;
    (void)context;
    sem_post(&seen.done);
}

static int setup(void **state)
{
    api_pool *pool = NULL;
    memset(&seen, 0, sizeof seen);
    memset(works, 0, sizeof works);
    sem_init(&seen.gate, 0, 0);
    sem_init(&seen.started, 0, 0);
    sem_init(&seen.done, 0, 0);
    pthread_mutex_init(&seen.lock, NULL);
    assert_int_equal(api_pool_new(note_done, NULL, &pool), HR_OK);
    *state = pool;
    return 0;
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        sem_post(&seen.gate);
    }
    api_pool_free(*state);
    pthread_mutex_destroy(&seen.lock);
    sem_destroy(&seen.gate);
    sem_destroy(&seen.started);
    sem_destroy(&seen.done);
    return 0;
}

static hr_err submit(api_pool *pool, api_lane lane, unsigned index, uint64_t caller, bool waits)
{
    works[index] = (work){.job = {.run = run, .caller = caller}, .waits = waits};
    return api_pool_submit(pool, lane, &works[index].job);
}

static void endless_statements_of_one_caller_leave_the_others_a_thread(void **state)
{
    api_pool *pool = *state;
    assert_int_equal(submit(pool, API_LANE_SQL, 0, 1, true), HR_OK);
    assert_int_equal(submit(pool, API_LANE_SQL, 1, 1, true), HR_OK);
    assert_int_equal(submit(pool, API_LANE_SQL, 2, 1, true), HR_OK);
    await(&seen.started);
    assert_int_equal(submit(pool, API_LANE_SQL, 3, 2, false), HR_OK);
    await(&seen.started);
    await(&seen.done);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.order[1], 2);
}

static void callers_take_turns_however_much_each_has_asked_before(void **state)
{
    api_pool *pool = *state;
    static const uint64_t expected[] = {9, 1, 2, 3, 1, 2, 1, 1};
    assert_int_equal(submit(pool, API_LANE_PASSWORD, 0, 9, true), HR_OK);
    await(&seen.started);
    for (unsigned i = 1; i <= 4; i++) {
        assert_int_equal(submit(pool, API_LANE_PASSWORD, i, 1, false), HR_OK);
    }
    assert_int_equal(submit(pool, API_LANE_PASSWORD, 5, 2, false), HR_OK);
    assert_int_equal(submit(pool, API_LANE_PASSWORD, 6, 2, false), HR_OK);
    assert_int_equal(submit(pool, API_LANE_PASSWORD, 7, 3, false), HR_OK);
    sem_post(&seen.gate);
    for (unsigned i = 0; i < 8; i++) {
        await(&seen.done);
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(seen.order[i], expected[i]);
    }
}

static void one_caller_cannot_fill_a_lane(void **state)
{
    api_pool *pool = *state;
    assert_int_equal(submit(pool, API_LANE_PASSWORD, 0, 9, true), HR_OK);
    await(&seen.started);
    for (unsigned i = 1; i <= API_POOL_CALLER_MAX; i++) {
        assert_int_equal(submit(pool, API_LANE_PASSWORD, i, 1, false), HR_OK);
    }
    assert_int_equal(submit(pool, API_LANE_PASSWORD, API_POOL_CALLER_MAX + 1, 1, false),
                     HR_TOO_BIG);
    assert_int_equal(submit(pool, API_LANE_PASSWORD, API_POOL_CALLER_MAX + 1, 2, false), HR_OK);
}

static void a_pool_that_ends_gives_back_what_waits(void **state)
{
    api_pool *pool = *state;
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(submit(pool, API_LANE_SQL, i, 1, i == 0), HR_OK);
    }
    await(&seen.started);
    sem_post(&seen.gate);
    api_pool_free(pool);
    *state = NULL;
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(sem_trywait(&seen.done), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(endless_statements_of_one_caller_leave_the_others_a_thread,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(callers_take_turns_however_much_each_has_asked_before,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(one_caller_cannot_fill_a_lane, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pool_that_ends_gives_back_what_waits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
