/* engine/keeper.c - the thread that sees the start through, and takes checkpoints as the log
 * grows. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/logline.h"
#include "internal.h"

#define KEEPER_PERIOD_MS 100
#define CHECKPOINT_BYTES_MIN_DEFAULT (16u << 20)
/* A checkpoint is worth its bytes once the log has grown by this many times its size. */
#define CHECKPOINT_GROWTH 4

/* Sleep a period; false when the engine stops or has failed. */
static bool nap(engine *engine)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)KEEPER_PERIOD_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&engine->lock);
    if (!atomic_load(&engine->is_stopping) && engine->failure == HR_OK) {
        pthread_cond_timedwait(&engine->changed, &engine->lock, &until);
    }
    bool goes_on = !atomic_load(&engine->is_stopping) && engine->failure == HR_OK;
    pthread_mutex_unlock(&engine->lock);
    return goes_on;
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

/* The rules of a change that was committed, but that a crash kept from the log. */
static hr_err announce_left_out(engine *engine, hr_why *why)
{
    uint64_t version = catalog_version(engine->options.catalog);
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        if (atomic_load(&engine->partitions[p].rules_version) != version) {
            char edit[64];
            int size = snprintf(edit, sizeof edit, "{\"version\":%llu,\"recovered\":true}",
                                (unsigned long long)version);
            return engine_rules_announce(engine, version, edit, (size_t)size, why);
        }
    }
    return HR_OK;
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

void *engine_keeper_main(void *context)
{
    engine *engine = context;
    hr_why why = {""};
    while (!has_caught_up(engine)) {
        if (!nap(engine)) {
            return NULL;
        }
    }
    hr_err err = announce_left_out(engine, &why);
    if (err != HR_OK) {
        engine_fail(engine, err, &why);
        return NULL;
    }
    pthread_mutex_lock(&engine->lock);
    atomic_store(&engine->is_ready, true);
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    while (nap(engine)) {
        err = engine_names_flush(engine, &why);
        if (err != HR_OK) {
            hr_logline(HR_LEVEL_ERROR, "engine.names_failed", "why=\"%s\"", why.text);
        }
        if (!checkpoint_is_due(engine)) {
            continue;
        }
        err = engine_checkpoint(engine, &why);
        if (err != HR_OK) {
            /* Nothing is lost without it but time at the next start; the log still has all. */
            hr_logline(HR_LEVEL_ERROR, "engine.checkpoint_failed", "error=%s why=\"%s\"",
                       hr_err_name(err), why.text);
            atomic_store(&engine->bytes_since_checkpoint, 0);
        }
    }
    return NULL;
}
