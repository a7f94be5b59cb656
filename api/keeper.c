/* api/keeper.c - one thread that wakes up every ten seconds. */
#include "keeper.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/logline.h"
#include "base/record.h"
#include "catalog/change.h"
#include "engine/change.h"
#include "log/group.h"

#define PERIOD_S 10
#define DISK_FULL_PCT 90 /* from here on the service counts as degraded */

struct keeper {
    const api_context *context;
    char path[1024];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool has_thread;
    bool is_stopping; /* protected by lock */
    hr_why trouble;   /* protected by lock; text "": none */
    int disk_pct;     /* protected by lock */
    hr_gauge *disk_used;
    hr_gauge *disk_free;
};

static void note_trouble(hr_why *trouble, const char *reason, const char *what, const char *text)
{
    hr_why_set(trouble, HR_IO, "%s: %.200s", what, text);
    hr_why_reason(trouble, reason);
    hr_logline(HR_LEVEL_WARN, "keeper.trouble", "what=%s why=\"%s\"", what, text);
}

static void look_at_disk(keeper *keeper)
{
    struct statvfs disk;
    if (statvfs(keeper->path, &disk) != 0 || disk.f_blocks == 0) {
        return;
    }
    uint64_t total = (uint64_t)disk.f_blocks * disk.f_frsize;
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    uint64_t used = total - (uint64_t)disk.f_bfree * disk.f_frsize;
    if (keeper->disk_used != NULL) {
        hr_gauge_set(keeper->disk_used, (int64_t)used);
        hr_gauge_set(keeper->disk_free, (int64_t)left);
    }
    pthread_mutex_lock(&keeper->lock);
    keeper->disk_pct = used + left > 0 ? (int)(used * 100 / (used + left)) : 0;
    pthread_mutex_unlock(&keeper->lock);
}

/* Schedules are resolved some way ahead; before that runs out they are resolved anew, and when the
 * clock was set back by much. */
static void renew_schedules(keeper *keeper, hr_why *trouble)
{
    const api_context *context = keeper->context;
    int64_t now_ms = hr_clock_now_ms(context->clock);
    if (!catalog_renew_due(context->catalog, now_ms)) {
        return;
    }
    engine_change *change = NULL;
    uint32_t count = 0;
    uint64_t version = 0;
    hr_why why = {.text = ""};
    geo_why geo = {.text = ""};
    hr_err err = engine_change_begin(context->engine, "hedgerow", now_ms, &change, &why);
    if (err == HR_OK && catalog_change_renew(engine_change_edits(change), &count, &geo) != GEO_OK) {
        engine_change_abandon(change);
        err = hr_why_set(&why, HR_IO, "%s", geo.text);
    } else if (err == HR_OK) {
        err = engine_change_commit(change, &version, &why);
    }
    if (err != HR_OK) {
        note_trouble(trouble, "schedules.fail", "renewing schedules", why.text);
    } else {
        hr_logline(HR_LEVEL_INFO, "keeper.schedules", "fences=%u version=%llu", count,
                   (unsigned long long)version);
    }
}

static void look_after(keeper *keeper)
{
    hr_why why = {.text = ""};
    hr_why trouble = {.text = ""};
    look_at_disk(keeper);
    renew_schedules(keeper, &trouble);
    hr_err err = log_retain(keeper->context->log, &why);
    if (err != HR_OK) {
        note_trouble(&trouble, "log.keeps_old", "letting go of old log files", why.text);
    }
    /* All at once, so that what is still wrong is not well in between. */
    pthread_mutex_lock(&keeper->lock);
    keeper->trouble = trouble;
    pthread_mutex_unlock(&keeper->lock);
}

/* False when it is time to stop. */
static bool nap(keeper *keeper)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PERIOD_S;
    pthread_mutex_lock(&keeper->lock);
    if (!keeper->is_stopping) {
        pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until);
    }
    bool goes_on = !keeper->is_stopping;
    pthread_mutex_unlock(&keeper->lock);
    return goes_on;
}

static void *keeper_main(void *argument)
{
    keeper *keeper = argument;
    while (nap(keeper)) {
        look_after(keeper);
    }
    return NULL;
}

hr_err keeper_start(const api_context *context, const char *data_path, keeper **out, hr_why *why)
{
    keeper *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return HR_NO_MEMORY;
    }
    made->context = context;
    snprintf(made->path, sizeof made->path, "%s", data_path);
    pthread_mutex_init(&made->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&made->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (context->metrics != NULL) {
        made->disk_used = hr_metrics_gauge(context->metrics, "hedgerow_disk_used_bytes", "",
                                           "Used on the disk of the data folder.");
        made->disk_free = hr_metrics_gauge(context->metrics, "hedgerow_disk_free_bytes", "",
                                           "Free on the disk of the data folder.");
    }
    look_at_disk(made);
    hr_err err = HR_OK;
    if (pthread_create(&made->thread, NULL, keeper_main, made) != 0) {
        err = hr_why_set(why, HR_NO_MEMORY, "cannot start the housekeeping thread");
    }
    if (err != HR_OK) {
        keeper_stop(made);
        return err;
    }
    made->has_thread = true;
    *out = made;
    return HR_OK;
}

void keeper_stop(keeper *keeper)
{
    if (keeper == NULL) {
        return;
    }
    pthread_mutex_lock(&keeper->lock);
    keeper->is_stopping = true;
    pthread_cond_signal(&keeper->wake);
    pthread_mutex_unlock(&keeper->lock);
    if (keeper->has_thread) {
        pthread_join(keeper->thread, NULL);
    }
    pthread_cond_destroy(&keeper->wake);
    pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}

void keeper_health(void *part, api_health_add *add, void *context)
{
    keeper *keeper = part;
    hr_why disk = {.text = ""};
    pthread_mutex_lock(&keeper->lock);
    hr_why trouble = keeper->trouble;
    if (keeper->disk_pct >= DISK_FULL_PCT) {
        hr_why_set(&disk, HR_NO_SPACE, "disk %d %% full", keeper->disk_pct);
        hr_why_reason(&disk, "disk.filling");
        hr_why_number(&disk, "percent", keeper->disk_pct);
    }
    pthread_mutex_unlock(&keeper->lock);
    if (disk.text[0] != 0) {
        add(context, &disk);
    }
    if (trouble.text[0] != 0) {
        add(context, &trouble);
    }
}
