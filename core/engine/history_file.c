/* core/engine/history_file.c - finding, refusing, putting aside and beginning history.db. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/logline.h"
#include "base/record.h"
#include "base/text.h"
#include "catalog/device.h"
#include "history_thread.h"
#include "log/group.h"

#define ASIDE_MAX 3 /* the last one is replaced, the first hold the oldest tracks */
#define PATH_ROOM 4096

static uint8_t topic_of(const engine_history *history, uint32_t source)
{
    return source < history->partition_count ? HR_TOPIC_POSITIONS : HR_TOPIC_EVENTS;
}

static uint16_t partition_of(const engine_history *history, uint32_t source)
{
    return source < history->partition_count ? (uint16_t)source : 0;
}

/* ---- what the log must keep ---- */

hr_err history_file_set_floors(engine_history *history)
{
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i <= history->partition_count; i++) {
        uint8_t topic = topic_of(history, i);
        uint16_t partition = partition_of(history, i);
        err = log_floor_set(history->options.log, ENGINE_HISTORY_GROUP, topic, partition,
                            history->stored[i]);
        if (err == HR_OK) {
            err = log_group_commit(history->options.log, ENGINE_HISTORY_GROUP, topic, partition,
                                   history->stored[i]);
        }
    }
    return err;
}

/* ---- putting aside ---- */

static void rename_with(const char *path, const char *aside, const char *ending)
{
    char from[PATH_ROOM + 8];
    char to[PATH_ROOM + 40];
    snprintf(from, sizeof from, "%s%s", path, ending);
    snprintf(to, sizeof to, "%s%s", aside, ending);
    if (rename(from, to) != 0 && errno == ENOENT) {
        /* What an earlier one left there is no part of this one. */
        unlink(to);
    }
}

static hr_err put_aside(engine_history *history, const hr_why *damage, hr_why *why)
{
    char aside[PATH_ROOM + 32];
    const char *path = history->path;
    for (int i = 1; i <= ASIDE_MAX; i++) {
        snprintf(aside, sizeof aside, "%s.damaged-%d", path, i);
        if (access(aside, F_OK) != 0) {
            break;
        }
    }
    rename_with(path, aside, "-wal");
    rename_with(path, aside, "-shm");
    if (rename(path, aside) != 0) {
        return hr_why_errno(why, errno, "cannot put the damaged %s aside", path);
    }
    hr_logline(HR_LEVEL_ERROR, "history.put_aside", "why=\"%s\" aside=%s", damage->text, aside);
    hr_counter_add(history->metrics.damaged, 1);
    pthread_mutex_lock(&history->lock);
    (void)!hr_why_set(&history->aside_why, HR_CORRUPT,
                      "the history was put aside as %.200s (%.160s); what the log still holds was "
                      "taken from it",
                      aside, damage->text);
    pthread_mutex_unlock(&history->lock);
    return HR_OK;
}

/* ---- opening ---- */

static bool load_device(void *context, uint32_t number, uint64_t key)
{
    history_pending *pending = context;
    /* Numbers are given without gaps; a file that has some is not as we wrote it. */
    return number == pending->device_count && history_pending_load_device(pending, key) == HR_OK;
}

static void load_name(void *context, uint64_t key, const char *id)
{
    /* Without memory the reader finds the name in the catalogue. */
    (void)!history_pending_name(context, key, id, strlen(id));
}

static hr_err check_sources(const engine_history *history, hr_why *why)
{
    for (uint32_t i = 0; i <= history->partition_count; i++) {
        int64_t end = log_end(history->options.log, topic_of(history, i), partition_of(history, i),
                              LOG_APPENDED);
        if (history->stored[i] < 0 || history->stored[i] > end) {
            return hr_why_set(why, HR_CORRUPT,
                              "history.db is ahead of the log, so it belongs to another one");
        }
    }
    return HR_OK;
}

/* When the oldest record that the log holds of a source was appended; INT64_MAX: it holds none. */
static int64_t oldest_append_ms(const engine_history *history, uint32_t source)
{
    log_reader *reader = NULL;
    log_view view;
    int64_t oldest_ms = INT64_MAX;
    if (log_reader_open(history->options.log, topic_of(history, source),
                        partition_of(history, source), history->stored[source], LOG_COMMITTED,
                        &reader) == HR_OK &&
        log_reader_next(reader, &view, NULL) == HR_OK) {
        oldest_ms = view.append_ms;
    }
    log_reader_close(reader);
    return oldest_ms;
}

/* The log has let go of its beginning because a file held it, and that file is no longer here. The
 * log lets go of whole files, so what is as old as the oldest of what is left is all there. */
static void tell_loss(engine_history *history)
{
    char from[HR_TIME_TEXT_SIZE];
    int64_t from_ms = hr_clock_now_ms(history->options.clock);
    for (uint32_t i = 0; i <= history->partition_count; i++) {
        int64_t oldest_ms = oldest_append_ms(history, i);
        from_ms = oldest_ms < from_ms ? oldest_ms : from_ms;
    }
    hr_time_format(from_ms, from);
    int64_t event = history->stored[history->partition_count];
    hr_logline(HR_LEVEL_ERROR, "history.lost", "whole_from=%s first_event=%lld", from,
               (long long)event);
    pthread_mutex_lock(&history->lock);
    (void)!hr_why_set(
        &history->anew_why, HR_CORRUPT,
        "the history was made anew from the log: it is whole for what arrived from %s "
        "on, which is events from offset %lld on; what is older is gone",
        from, (long long)event);
    pthread_mutex_unlock(&history->lock);
}

/* A history that begins: at the log's start, with the names that the catalogue knows. */
static hr_err begin_anew(engine_history *history)
{
    bool is_cut = false;
    for (uint32_t i = 0; i <= history->partition_count; i++) {
        history->stored[i] =
            log_start(history->options.log, topic_of(history, i), partition_of(history, i));
        is_cut = is_cut || history->stored[i] > 0;
    }
    if (is_cut) {
        tell_loss(history);
    }
    if (history->options.catalog != NULL) {
        (void)!catalog_names_load(history->options.catalog, load_name, &history->pending, NULL);
    }
    return HR_OK;
}

/* Somebody deleted the file alone: what SQLite left beside it is no part of a new one. */
static void remove_leftovers(const char *path)
{
    char beside[PATH_ROOM + 8];
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        snprintf(beside, sizeof beside, "%s-wal", path);
        unlink(beside);
        snprintf(beside, sizeof beside, "%s-shm", path);
        unlink(beside);
    }
}

/* Without it nobody would notice that the file is replaced, and that is all. */
static void remember_file(engine_history *history)
{
    struct stat file = {0};
    (void)stat(history->path, &file);
    history->disk = file.st_dev;
    history->inode = file.st_ino;
}

bool history_file_is_gone(const engine_history *history)
{
    struct stat file;
    return stat(history->path, &file) != 0
               ? errno == ENOENT
               : file.st_dev != history->disk || file.st_ino != history->inode;
}

static hr_err open_file(engine_history *history, hr_why *why)
{
    remove_leftovers(history->path);
    history_pending_fini(&history->pending);
    history_pending_init(&history->pending);
    hr_err err = history_store_open(history->path, &history->store, why);
    if (err == HR_OK) {
        remember_file(history);
        err = history_store_devices(history->store, load_device, &history->pending, why);
    }
    if (err == HR_OK) {
        err = history_store_sources(history->store, history->partition_count + 1, history->stored,
                                    why);
        err = err == HR_NOT_FOUND ? begin_anew(history)
              : err == HR_OK      ? check_sources(history, why)
                                  : err;
    }
    if (err != HR_OK) {
        history_store_close(history->store);
        history->store = NULL;
    }
    return err;
}

static hr_err stand_behind(engine_history *history, hr_why *why)
{
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i <= history->partition_count; i++) {
        if (history->readers[i] != NULL) {
            log_reader_seek(history->readers[i], history->stored[i]);
        } else {
            err = log_reader_open(history->options.log, topic_of(history, i),
                                  partition_of(history, i), history->stored[i], LOG_COMMITTED,
                                  &history->readers[i]);
        }
    }
    if (err == HR_OK) {
        err = history_file_set_floors(history);
    }
    return err == HR_OK ? HR_OK : hr_why_set(why, err, "the historian cannot read the log");
}

hr_err history_file_resume(engine_history *history, hr_why *why)
{
    hr_why damage = {.text = ""};
    hr_err err = open_file(history, &damage);
    if (err == HR_CORRUPT) {
        err = put_aside(history, &damage, why);
        if (err == HR_OK) {
            err = open_file(history, &damage);
        }
    }
    if (err != HR_OK && damage.text[0] != 0) {
        *why = damage; /* with its reason */
        return err;
    }
    if (err != HR_OK) {
        return hr_why_set(why, err, "%s", hr_err_text(err));
    }
    return stand_behind(history, why);
}

hr_err history_file_replace(engine_history *history, const hr_why *damage, hr_why *why)
{
    history_store_close(history->store);
    history->store = NULL;
    hr_err err = put_aside(history, damage, why);
    return err == HR_OK ? history_file_resume(history, why) : err;
}
