/* engine/packing.c - partitions onto threads, first-fit decreasing. */
#include "packing.h"

#include <stdlib.h>
#include <time.h>

#include "internal.h"

/* How long one thread must be busy all the time before packing does not wait for its period. */
#define LOOK_PERIOD_NS 1000000000
#define BUSY_PERCENT 90
#define IDLE_PERCENT 50

typedef struct loaded {
    uint64_t load_ns;
    uint32_t partition;
} loaded;

static int compare_loads_down(const void *a, const void *b)
{
    const loaded *left = a;
    const loaded *right = b;
    if (left->load_ns != right->load_ns) {
        return left->load_ns > right->load_ns ? -1 : 1;
    }
    return left->partition < right->partition ? -1 : 1;
}

void engine_packing_plan(const uint64_t *load_ns, uint32_t partition_count, uint32_t thread_count,
                         uint64_t room_ns, uint32_t *plan)
{
    loaded order[HR_PARTITIONS_MAX];
    uint64_t filled_ns[ENGINE_THREADS_MAX] = {0};
    for (uint32_t p = 0; p < partition_count; p++) {
        order[p] = (loaded){.load_ns = load_ns[p], .partition = p};
    }
    qsort(order, partition_count, sizeof *order, compare_loads_down);
    for (uint32_t i = 0; i < partition_count; i++) {
        uint32_t least = 0;
        uint32_t chosen = ENGINE_NO_THREAD;
        for (uint32_t t = 0; t < thread_count && chosen == ENGINE_NO_THREAD; t++) {
            chosen = filled_ns[t] + order[i].load_ns <= room_ns ? t : ENGINE_NO_THREAD;
            least = filled_ns[t] < filled_ns[least] ? t : least;
        }
        chosen = chosen != ENGINE_NO_THREAD ? chosen : least;
        filled_ns[chosen] += order[i].load_ns;
        plan[order[i].partition] = chosen;
    }
}

/* Processor time that a worker has used so far. */
static int64_t thread_ns(const engine_thread *thread)
{
    clockid_t clock;
    struct timespec time;
    if (pthread_getcpuclockid(thread->handle, &clock) != 0 || clock_gettime(clock, &time) != 0) {
        return 0;
    }
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Each thread's time since the last packing, shared out among its partitions by the bytes that they
 * took: one whose fixes are harder to judge weighs more on the thread that has it. */
static void measure(engine *engine, uint64_t *load_ns)
{
    engine_packing *packing = &engine->packing;
    uint64_t work[HR_PARTITIONS_MAX];
    uint64_t thread_work[ENGINE_THREADS_MAX] = {0};
    uint64_t thread_used_ns[ENGINE_THREADS_MAX];
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        uint64_t done = atomic_load(&engine->seats[p].work_done);
        work[p] = done - packing->work_done[p];
        packing->work_done[p] = done;
        thread_work[atomic_load(&engine->seats[p].wanted)] += work[p];
    }
    for (uint32_t t = 0; t < engine->thread_count; t++) {
        int64_t used_ns = thread_ns(&engine->threads[t]);
        thread_used_ns[t] = (uint64_t)(used_ns - packing->thread_packed_ns[t]);
        packing->thread_packed_ns[t] = used_ns;
    }
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        uint32_t t = atomic_load(&engine->seats[p].wanted);
        load_ns[p] =
            work[p] == 0
                ? 0
                : (uint64_t)((double)thread_used_ns[t] * (double)work[p] / (double)thread_work[t]);
    }
}

/* Since the last look: is one thread busy all the time while another is not? */
static bool is_lopsided(engine *engine, int64_t elapsed_ns)
{
    engine_packing *packing = &engine->packing;
    bool is_any_busy = false;
    bool is_any_idle = false;
    for (uint32_t t = 0; t < engine->thread_count; t++) {
        int64_t used_ns = thread_ns(&engine->threads[t]);
        int64_t since_ns = used_ns - packing->thread_looked_ns[t];
        packing->thread_looked_ns[t] = used_ns;
        is_any_busy = is_any_busy || since_ns > elapsed_ns / 100 * BUSY_PERCENT;
        is_any_idle = is_any_idle || since_ns < elapsed_ns / 100 * IDLE_PERCENT;
    }
    return is_any_busy && is_any_idle;
}

/* Is it time, and for what plan? */
static bool choose(engine *engine, int64_t now_ns, uint32_t *plan)
{
    engine_packing *packing = &engine->packing;
    if (engine->thread_count == 1 || now_ns - packing->looked_ns < LOOK_PERIOD_NS) {
        return false;
    }
    bool is_urgent = is_lopsided(engine, now_ns - packing->looked_ns);
    packing->looked_ns = now_ns;
    int64_t elapsed_ns = now_ns - packing->packed_ns;
    if (elapsed_ns < (int64_t)ENGINE_PACK_PERIOD_MS * 1000000 && !is_urgent) {
        return false;
    }
    uint64_t load_ns[HR_PARTITIONS_MAX];
    measure(engine, load_ns);
    engine_packing_plan(load_ns, engine->partition_count, engine->thread_count,
                        (uint64_t)elapsed_ns / 100 * ENGINE_PACK_FILL_PERCENT, plan);
    packing->packed_ns = now_ns;
    return true;
}

void engine_packing_look(engine *engine, int64_t now_ns)
{
    uint32_t plan[HR_PARTITIONS_MAX];
    pthread_mutex_lock(&engine->lock);
    bool is_chosen = choose(engine, now_ns, plan);
    pthread_mutex_unlock(&engine->lock);
    if (is_chosen) {
        engine_packing_set(engine, plan);
    }
}

/* Seats have changed: who holds one or waits for one may be asleep, here or in the log. */
static void wake_workers(engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    pthread_cond_broadcast(&engine->seat_is_free);
    pthread_mutex_unlock(&engine->lock);
    log_wake(engine->options.log);
}

void engine_packing_set(engine *engine, const uint32_t *plan)
{
    bool is_changed = false;
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        is_changed |= atomic_exchange(&engine->seats[p].wanted, plan[p]) != plan[p];
    }
    if (is_changed) {
        wake_workers(engine);
    }
}

static void let_go(engine *engine, engine_seat *seat)
{
    atomic_store(&seat->holder, ENGINE_NO_THREAD);
    wake_workers(engine);
}

bool engine_seat_take(engine *engine, uint32_t partition, uint32_t thread)
{
    engine_seat *seat = &engine->seats[partition];
    uint32_t holder = atomic_load_explicit(&seat->holder, memory_order_relaxed);
    bool is_wanted = atomic_load_explicit(&seat->wanted, memory_order_relaxed) == thread;
    if (holder == thread) {
        if (!is_wanted) {
            let_go(engine, seat);
        }
        return is_wanted;
    }
    /* What the thread before it did is seen by this one, because it took the seat from it. */
    uint32_t nobody = ENGINE_NO_THREAD;
    return is_wanted && holder == ENGINE_NO_THREAD &&
           atomic_compare_exchange_strong(&seat->holder, &nobody, thread);
}

static bool has_free_seat(const engine *engine, uint32_t thread)
{
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        if (atomic_load(&engine->seats[p].wanted) == thread &&
            atomic_load(&engine->seats[p].holder) == ENGINE_NO_THREAD) {
            return true;
        }
    }
    return false;
}

void engine_seat_wait(engine *engine, uint32_t thread)
{
    pthread_mutex_lock(&engine->lock);
    while (!atomic_load(&engine->is_stopping) && !has_free_seat(engine, thread)) {
        pthread_cond_wait(&engine->seat_is_free, &engine->lock);
    }
    pthread_mutex_unlock(&engine->lock);
}
