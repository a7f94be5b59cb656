/* engine/keeper.c - the thread that sees the start through, and takes checkpoints as the log
 * grows. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/logline.h"
#include "internal.h"

/* Between two looks while there is work. */
#define KEEPER_PERIOD_MS 100
#define CHECKPOINT_BYTES_MIN_DEFAULT (16u << 20)
/* A checkpoint is worth its bytes once the log has grown by this many times its size. */
#define CHECKPOINT_GROWTH 4
/* After a checkpoint that failed: the disk may have room again. */
#define CHECKPOINT_RETRY_MS 2000

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool goes_on(const engine *engine)
{
    return !atomic_load(&engine->is_stopping) && engine->failure == HR_OK;
}

static bool has_caught_up(const engine *engine)
{
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        if (atomic_load(&engine->partitions[p].settled) < engine->start_ends[p]) {
            return false;
        }
    }
    return true;
}

/* Sleep until the workers have told of everything that the log held at the start, or wait for space
 * to do so; false when the engine stops or has failed. */
static bool wait_caught_up(engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    while (goes_on(engine) && !has_caught_up(engine) && atomic_load(&engine->starved) == 0) {
        pthread_cond_wait(&engine->changed, &engine->lock);
    }
    bool is_on = goes_on(engine);
    pthread_mutex_unlock(&engine->lock);
    return is_on;
}

/* Sleep a period; false when the engine stops or has failed. */
static bool nap(engine *engine)
{
    int64_t until_ns = now_ns() + (int64_t)KEEPER_PERIOD_MS * 1000000;
    struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    pthread_mutex_lock(&engine->lock);
    if (goes_on(engine)) {
        pthread_cond_timedwait(&engine->changed, &engine->lock, &until);
    }
    bool is_on = goes_on(engine);
    pthread_mutex_unlock(&engine->lock);
    return is_on;
}

/* Sleep until a worker has read something, and then a period, so that one look serves for much.
 * What was left over last time is not waited for. */
static bool nap_until_stirred(engine *engine, bool has_left_over)
{
    pthread_mutex_lock(&engine->lock);
    while (!has_left_over && goes_on(engine) && !atomic_load(&engine->is_stirred)) {
        pthread_cond_wait(&engine->changed, &engine->lock);
    }
    pthread_mutex_unlock(&engine->lock);
    bool is_on = nap(engine);
    atomic_store(&engine->is_stirred, false);
    return is_on;
}

void engine_keeper_stir(engine *engine)
{
    if (!atomic_load_explicit(&engine->is_stirred, memory_order_relaxed) &&
        !atomic_exchange(&engine->is_stirred, true)) {
        pthread_mutex_lock(&engine->lock);
        pthread_cond_broadcast(&engine->changed);
        pthread_mutex_unlock(&engine->lock);
    }
}

/* The rules of a change that was committed, but that a crash or a full disk kept from the log. */
static hr_err announce_left_out(engine *engine, hr_why *why)
{
    hr_err err = HR_OK;
    pthread_mutex_lock(&engine->change_lock);
    uint64_t version = catalog_version(engine->options.catalog);
    bool is_told = !atomic_load(&engine->is_change_untold);
    for (uint32_t p = 0; !is_told && err == HR_OK && p < engine->partition_count; p++) {
        if (atomic_load(&engine->partitions[p].rules_version) != version) {
            char edit[64];
            int size = snprintf(edit, sizeof edit, "{\"version\":%llu,\"recovered\":true}",
                                (unsigned long long)version);
            err = engine_rules_announce(engine, version, edit, (size_t)size, why);
            is_told = true; /* to all of them */
        }
    }
    atomic_store(&engine->is_change_untold, err == HR_NO_SPACE);
    pthread_mutex_unlock(&engine->change_lock);
    return err;
}

/* False when the engine stops or has failed. A full disk keeps nobody from being answered: workers
 * that have events to tell wait for space behind the start. */
static bool see_start_through(engine *engine)
{
    if (!wait_caught_up(engine)) {
        return false;
    }
    hr_why why = {""};
    hr_err err = has_caught_up(engine) ? announce_left_out(engine, &why) : HR_OK;
    if (err != HR_OK && err != HR_NO_SPACE) {
        engine_fail(engine, err, &why);
        return false;
    }
    pthread_mutex_lock(&engine->lock);
    atomic_store(&engine->is_ready, true);
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    return true;
}

/* True while there is something left to tell. */
static bool tell_left_out(engine *engine)
{
    hr_why why = {""};
    if (atomic_load(&engine->is_change_untold) && has_caught_up(engine)) {
        hr_err err = announce_left_out(engine, &why);
        if (err != HR_OK && err != HR_NO_SPACE) {
            hr_logline(HR_LEVEL_ERROR, "engine.rules_untold", "why=\"%s\"", why.text);
        }
    }
    return atomic_load(&engine->is_change_untold);
}

static bool checkpoint_is_due(engine *engine)
{
    uint64_t least = engine->options.checkpoint_bytes_min;
    if (least == 0) {
        least = CHECKPOINT_BYTES_MIN_DEFAULT;
    }
    pthread_mutex_lock(&engine->checkpoint_lock);
    uint64_t grown = engine->checkpoint_size * CHECKPOINT_GROWTH;
    pthread_mutex_unlock(&engine->checkpoint_lock);
    return atomic_load(&engine->bytes_since_checkpoint) >= (grown > least ? grown : least);
}

/* Write a checkpoint if it is time for one. False: it failed, and must be tried again. */
static bool try_checkpoint(engine *engine, int64_t *retry_ns)
{
    hr_why why = {""};
    if (!checkpoint_is_due(engine)) {
        return true;
    }
    if (now_ns() < *retry_ns) {
        return false;
    }
    hr_err err = engine_checkpoint(engine, &why);
    if (err != HR_OK) {
        /* Nothing is lost without it but time at the next start; the log still has all. */
        hr_logline(HR_LEVEL_ERROR, "engine.checkpoint_failed", "error=%s why=\"%s\"",
                   hr_err_name(err), why.text);
        *retry_ns = now_ns() + (int64_t)CHECKPOINT_RETRY_MS * 1000000;
    }
    return err == HR_OK;
}

void *engine_keeper_main(void *context)
{
    engine *engine = context;
    hr_why why = {""};
    int64_t retry_ns = INT64_MIN;
    bool has_left_over = true;
    if (!see_start_through(engine)) {
        return NULL;
    }
    while (nap_until_stirred(engine, has_left_over)) {
        engine_packing_look(engine, now_ns());
        hr_err err = engine_names_flush(engine, &why);
        if (err != HR_OK) {
            hr_logline(HR_LEVEL_ERROR, "engine.names_failed", "why=\"%s\"", why.text);
        }
        bool is_untold = tell_left_out(engine);
        bool is_kept = try_checkpoint(engine, &retry_ns);
        has_left_over = err != HR_OK || is_untold || !is_kept;
    }
    return NULL;
}
