/* engine/checkpoint.c - checkpoint files: written aside, proven durable, renamed; two are kept.
 *
 * header: "HRCP", u32 header version, u32 state version, u32 partitions, u64 state bytes, u32 state
 * CRC; per partition: offset, rules, told offset, told index, tick, events offset, state bytes;
 * u32 CRC of the header. Then the states. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/event.h"
#include "base/folder.h"
#include "base/id.h"
#include "base/logline.h"
#include "catalog/device.h"
#include "internal.h"
#include "log/group.h"
#include "log/reader.h"

#define HEADER_VERSION 1
/* Anything that makes the same log give other events, or the states other bytes, raises this. */
#define STATE_VERSION 1
#define HEADER_BEGIN_BYTES 8 /* magic and version */
#define HEADER_FIXED_BYTES 28
#define HEADER_PARTITION_BYTES 52
#define CHECKPOINTS_KEPT 2
#define CHECKPOINT_FILES_MAX 64
#define STATE_BYTES_MAX ((uint64_t)4 << 30)

/* A header, as read. */
typedef struct header {
    uint32_t state_version;
    uint64_t state_bytes;
    uint32_t state_crc;
    size_t size;
    engine_snapshot partitions[HR_PARTITIONS_MAX];
} header;

static void file_path(const engine *engine, uint64_t number, const char *suffix, char *path,
                      size_t size)
{
    snprintf(path, size, "%s/%010" PRIu64 ".%s", engine->folder, number, suffix);
}

/* ---- taking ---- */

/* Is it this partition's turn? */
static bool begin_snapshot(engine *engine, const engine_partition *partition)
{
    pthread_mutex_lock(&engine->lock);
    /* What a query keeps from being shown is part of the snapshot: then the next time. */
    bool is_begun = engine->snapshot_of == partition->number && !engine->snapshot_is_begun &&
                    engine_partition_is_shown(partition);
    engine->snapshot_is_begun |= is_begun;
    pthread_mutex_unlock(&engine->lock);
    return is_begun;
}

void engine_snapshot_take(engine *engine, engine_partition *partition)
{
    if (!begin_snapshot(engine, partition)) {
        return;
    }
    engine_snapshot *snapshot = &engine->snapshots[partition->number];
    snapshot->offset = atomic_load(&partition->offset);
    snapshot->rules_version = partition->world->version;
    snapshot->told = partition->told;
    snapshot->tick_ms = partition->tick_ms;
    snapshot->events_offset = log_end(engine->options.log, HR_TOPIC_EVENTS, 0, LOG_APPENDED);
    snapshot->position = log_appended(engine->options.log);
    engine_snapshot_write(partition, &engine->snapshot_bytes);
    snapshot->size = engine->snapshot_bytes.size;
    pthread_mutex_lock(&engine->lock);
    engine->snapshot_of = ENGINE_NO_PARTITION;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

/* Will nobody begin the snapshot that was asked for? With the lock held. A worker that waits for
 * space will not before there is some. */
static hr_err why_not_begun(const engine *engine, hr_why *why)
{
    if (engine->snapshot_is_begun) {
        return HR_OK;
    }
    if (engine->failure != HR_OK || atomic_load(&engine->is_stopping)) {
        return hr_why_set(why, HR_CLOSED, "the engine stopped during a checkpoint");
    }
    if (atomic_load(&engine->starved) > 0) {
        return hr_why_set(why, HR_NO_SPACE, "a worker waits for space on the disk");
    }
    return HR_OK;
}

/* Ask the worker of a partition for its snapshot, and wait until it is there. */
static hr_err ask_for(engine *engine, uint32_t partition, hr_why *why)
{
    hr_err err = HR_OK;
    hr_buf_clear(&engine->snapshot_bytes);
    pthread_mutex_lock(&engine->lock);
    engine->snapshot_of = partition;
    engine->snapshot_is_begun = false;
    pthread_mutex_unlock(&engine->lock);
    log_wake(engine->options.log);
    pthread_mutex_lock(&engine->lock);
    while (err == HR_OK && engine->snapshot_of == partition) {
        err = why_not_begun(engine, why);
        if (err == HR_OK) {
            pthread_cond_wait(&engine->changed, &engine->lock);
        }
    }
    engine->snapshot_of = ENGINE_NO_PARTITION;
    pthread_mutex_unlock(&engine->lock);
    return err == HR_OK ? hr_buf_err(&engine->snapshot_bytes) : err;
}

/* ---- writing ---- */

static size_t header_size(uint32_t partition_count)
{
    return HEADER_FIXED_BYTES + (size_t)partition_count * HEADER_PARTITION_BYTES + 4;
}

static void put_header(const engine *engine, uint64_t state_bytes, uint32_t state_crc, hr_buf *out)
{
    hr_buf_put(out, "HRCP", 4);
    hr_buf_put_u32(out, HEADER_VERSION);
    hr_buf_put_u32(out, STATE_VERSION);
    hr_buf_put_u32(out, engine->partition_count);
    hr_buf_put_u64(out, state_bytes);
    hr_buf_put_u32(out, state_crc);
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        const engine_snapshot *snapshot = &engine->snapshots[p];
        hr_buf_put_u64(out, (uint64_t)snapshot->offset);
        hr_buf_put_u64(out, snapshot->rules_version);
        hr_buf_put_u64(out, (uint64_t)snapshot->told.offset);
        hr_buf_put_u32(out, snapshot->told.index);
        hr_buf_put_u64(out, (uint64_t)snapshot->tick_ms);
        hr_buf_put_u64(out, (uint64_t)snapshot->events_offset);
        hr_buf_put_u64(out, snapshot->size);
    }
    if (hr_buf_err(out) == HR_OK) {
        hr_buf_put_u32(out, hr_crc32c(0, out->data, out->size));
    }
}

static hr_err write_at(int fd, uint64_t at, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, bytes, size, (off_t)at);
        if (written < 0 && errno != EINTR) {
            return hr_err_from_errno(errno);
        }
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
            at += (uint64_t)written;
        }
    }
    return HR_OK;
}

/* Behind the room for the header, which says what they are once all of them are there. */
static hr_err write_states(engine *engine, int fd, uint64_t *state_bytes, uint32_t *state_crc,
                           hr_why *why)
{
    hr_err err = HR_OK;
    const hr_buf *bytes = &engine->snapshot_bytes;
    hr_buf_init(&engine->snapshot_bytes, STATE_BYTES_MAX);
    for (uint32_t p = 0; err == HR_OK && p < engine->partition_count; p++) {
        err = ask_for(engine, p, why);
        if (err == HR_OK) {
            err = write_at(fd, header_size(engine->partition_count) + *state_bytes, bytes->data,
                           bytes->size);
            *state_bytes += bytes->size;
            *state_crc = hr_crc32c(*state_crc, bytes->data, bytes->size);
        }
    }
    hr_buf_fini(&engine->snapshot_bytes);
    return err;
}

static hr_err write_header(const engine *engine, int fd, uint64_t state_bytes, uint32_t state_crc)
{
    hr_buf head;
    hr_buf_init(&head, header_size(engine->partition_count));
    put_header(engine, state_bytes, state_crc, &head);
    hr_err err = hr_buf_err(&head);
    if (err == HR_OK) {
        err = write_at(fd, 0, head.data, head.size);
    }
    hr_buf_fini(&head);
    return err;
}

static hr_err write_file(engine *engine, const char *path, uint64_t *size, hr_why *why)
{
    uint64_t state_bytes = 0;
    uint32_t state_crc = 0;
    hr_why detail = {""};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot make %s", path);
    }
    hr_err err = write_states(engine, fd, &state_bytes, &state_crc, &detail);
    if (err == HR_OK) {
        err = engine_names_flush(engine, &detail);
    }
    if (err == HR_OK) {
        err = write_header(engine, fd, state_bytes, state_crc);
    }
    if (err == HR_OK && fdatasync(fd) != 0) {
        err = hr_err_from_errno(errno);
    }
    close(fd);
    *size = header_size(engine->partition_count) + state_bytes;
    return err == HR_OK ? err
                        : hr_why_set(why, err, "cannot write %s: %s", path,
                                     detail.text[0] != '\0' ? detail.text : hr_err_text(err));
}

/* The log must hold, for good, everything that the checkpoint stands on. */
static hr_err wait_for_log(engine *engine, hr_why *why)
{
    log_position needed = 0;
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        if (engine->snapshots[p].position > needed) {
            needed = engine->snapshots[p].position;
        }
    }
    return engine_wait_durable(engine, needed, false, why);
}

/* Into a list that begins with the newest. */
static void insert_number(uint64_t *numbers, size_t *count, uint64_t number)
{
    size_t at = *count;
    while (at > 0 && numbers[at - 1] < number) {
        at--;
    }
    if (at == CHECKPOINT_FILES_MAX) {
        return;
    }
    *count += *count < CHECKPOINT_FILES_MAX;
    memmove(numbers + at + 1, numbers + at, (*count - 1 - at) * sizeof *numbers);
    numbers[at] = number;
}

/* Numbers of the newest files, newest first. */
static hr_err list_files(const engine *engine, uint64_t *numbers, size_t *count, hr_why *why)
{
    DIR *folder = opendir(engine->folder);
    if (folder == NULL) {
        return hr_why_errno(why, errno, "cannot read %s", engine->folder);
    }
    *count = 0;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL; errno = 0) {
        uint64_t number;
        char suffix[8];
        if (sscanf(entry->d_name, "%10" SCNu64 ".%7s", &number, suffix) == 2 &&
            strcmp(suffix, "ckpt") == 0) {
            insert_number(numbers, count, number);
        }
    }
    /* A list that was cut short would be a state that is lost, once the log begins later. */
    hr_err err = errno == 0 ? HR_OK : hr_why_errno(why, errno, "cannot read %s", engine->folder);
    closedir(folder);
    return err;
}

/* Not only the one that is one too many now: a crash may have kept others. If that fails they cost
 * room until the next time. */
static void remove_older(const engine *engine)
{
    uint64_t numbers[CHECKPOINT_FILES_MAX];
    size_t count = 0;
    if (list_files(engine, numbers, &count, NULL) == HR_OK) {
        for (size_t i = CHECKPOINTS_KEPT; i < count; i++) {
            char path[4096];
            file_path(engine, numbers[i], "ckpt", path, sizeof path);
            unlink(path);
        }
    }
}

static hr_err finish_file(engine *engine, const char *aside, uint64_t number, hr_why *why)
{
    char path[4096];
    file_path(engine, number, "ckpt", path, sizeof path);
    if (rename(aside, path) != 0) {
        return hr_why_errno(why, errno, "cannot rename %s", aside);
    }
    hr_err err = hr_folder_sync(engine->folder, why);
    if (err == HR_OK) {
        remove_older(engine);
    }
    return err;
}

/* What the log must keep for the older of the checkpoints: the newest one may turn out damaged. */
static hr_err set_floors(engine *engine, const int64_t *older)
{
    hr_err err = HR_OK;
    for (uint32_t p = 0; err == HR_OK && p < engine->partition_count; p++) {
        err = log_floor_set(engine->options.log, "checkpoint", HR_TOPIC_POSITIONS, (uint16_t)p,
                            older[p]);
    }
    return err;
}

/* The rules that were in force where the log now begins: the log has kept their record. */
static uint64_t rules_at_start(const engine *engine, uint16_t partition)
{
    uint8_t bytes[LOG_KEPT_BYTES_MAX];
    size_t size = 0;
    hr_err err = log_kept(engine->options.log, HR_TOPIC_POSITIONS, partition, bytes, &size);
    return err == HR_OK && size == HR_RULES_BYTES ? hr_load_u64(bytes) : 0;
}

/* The catalogue may forget the versions before those that the log begins with. No checkpoint needs
 * older ones: none lies before the log's start. */
static void forget_rules(engine *engine)
{
    catalog *catalog = engine->options.catalog;
    uint64_t floor = UINT64_MAX;
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        uint64_t version = rules_at_start(engine, (uint16_t)p);
        floor = version < floor ? version : floor;
    }
    geo_why detail = {""};
    if (floor > catalog_floor(catalog) && catalog_prune(catalog, floor, &detail) != GEO_OK) {
        /* They cost some room until the next time. */
        hr_logline(HR_LEVEL_WARN, "engine.rules_kept", "below=%" PRIu64 " why=\"%s\"", floor,
                   detail.text);
    }
}

hr_err engine_checkpoint(engine *engine, hr_why *why)
{
    char aside[4096];
    uint64_t size = 0;
    pthread_mutex_lock(&engine->checkpoint_lock);
    uint64_t number = engine->checkpoint_number + 1;
    int64_t older[HR_PARTITIONS_MAX];
    memcpy(older, engine->checkpoint_offsets, sizeof older);
    file_path(engine, number, "new", aside, sizeof aside);
    uint64_t bytes = atomic_exchange(&engine->bytes_since_checkpoint, 0);
    hr_err err = write_file(engine, aside, &size, why);
    if (err == HR_OK) {
        err = wait_for_log(engine, why);
    }
    if (err == HR_OK) {
        err = finish_file(engine, aside, number, why);
    }
    if (err == HR_OK) {
        engine->checkpoint_number = number;
        engine->checkpoint_size = size;
        for (uint32_t p = 0; p < engine->partition_count; p++) {
            engine->checkpoint_offsets[p] = engine->snapshots[p].offset;
        }
        err = set_floors(engine, older);
        forget_rules(engine);
    } else {
        unlink(aside);
        atomic_fetch_add(&engine->bytes_since_checkpoint, bytes);
    }
    pthread_mutex_unlock(&engine->checkpoint_lock);
    return err;
}

/* ---- loading ---- */

static hr_err read_header(const uint8_t *bytes, size_t size, uint32_t partition_count, header *out)
{
    hr_cursor cursor = hr_cursor_of(bytes, size);
    const uint8_t *magic = hr_cursor_take(&cursor, 4);
    if (magic == NULL || memcmp(magic, "HRCP", 4) != 0) {
        return HR_CORRUPT;
    }
    uint32_t version = hr_cursor_u32(&cursor);
    out->state_version = hr_cursor_u32(&cursor);
    uint32_t count = hr_cursor_u32(&cursor);
    out->state_bytes = hr_cursor_u64(&cursor);
    out->state_crc = hr_cursor_u32(&cursor);
    for (uint32_t p = 0; p < partition_count; p++) {
        engine_snapshot *snapshot = &out->partitions[p];
        snapshot->offset = (int64_t)hr_cursor_u64(&cursor);
        snapshot->rules_version = hr_cursor_u64(&cursor);
        snapshot->told.offset = (int64_t)hr_cursor_u64(&cursor);
        snapshot->told.index = hr_cursor_u32(&cursor);
        snapshot->tick_ms = (int64_t)hr_cursor_u64(&cursor);
        snapshot->events_offset = (int64_t)hr_cursor_u64(&cursor);
        snapshot->size = hr_cursor_u64(&cursor);
    }
    size_t checked = cursor.at;
    uint32_t crc = hr_cursor_u32(&cursor);
    /* The sum of a header of ours: a version that damage alone makes a newer one has it, too. */
    static const uint8_t ours[HEADER_BEGIN_BYTES] = {'H', 'R', 'C', 'P', HEADER_VERSION};
    if (cursor.short_read ||
        crc != hr_crc32c(hr_crc32c(0, ours, HEADER_BEGIN_BYTES), bytes + HEADER_BEGIN_BYTES,
                         checked - HEADER_BEGIN_BYTES)) {
        return version > HEADER_VERSION ? HR_TOO_NEW : HR_CORRUPT;
    }
    if (version != HEADER_VERSION || count != partition_count ||
        out->state_bytes > STATE_BYTES_MAX) {
        return HR_CORRUPT;
    }
    out->size = cursor.at;
    return HR_OK;
}

/* A whole file; the caller frees *out. HR_CORRUPT: part of it is not there any more. */
static hr_err read_file(const char *path, uint8_t **out, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return hr_err_from_errno(errno);
    }
    struct stat status;
    uint8_t *bytes = NULL;
    hr_err err = fstat(fd, &status) == 0 ? HR_OK : hr_err_from_errno(errno);
    if (err == HR_OK && (uint64_t)status.st_size > STATE_BYTES_MAX + (1 << 20)) {
        err = HR_CORRUPT;
    }
    if (err == HR_OK) {
        bytes = malloc((size_t)status.st_size + 1);
        err = bytes != NULL ? HR_OK : HR_NO_MEMORY;
    }
    size_t got = 0;
    while (err == HR_OK && got < (size_t)status.st_size) {
        ssize_t part = read(fd, bytes + got, (size_t)status.st_size - got);
        if (part <= 0) {
            /* A sector that has gone bad is damage: the older one, or the log, has all of it. */
            err = part == 0 || errno == EIO ? HR_CORRUPT : hr_err_from_errno(errno);
            break;
        }
        got += (size_t)part;
    }
    close(fd);
    if (err != HR_OK) {
        free(bytes);
        return err;
    }
    *out = bytes;
    *size = got;
    return HR_OK;
}

/* A checkpoint counts only once the log holds all that it stands on. If the log ends before it,
 * somebody has put an older log there, or a disk has lied, and the checkpoint says nothing about
 * what comes next. */
static bool is_of_this_log(const engine *engine, const header *head)
{
    int64_t events_end = log_end(engine->options.log, HR_TOPIC_EVENTS, 0, LOG_APPENDED);
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        if (head->partitions[p].offset > engine->start_ends[p] ||
            head->partitions[p].events_offset > events_end) {
            return false;
        }
    }
    return true;
}

/* Once such a log has grown past the checkpoint nobody could see that it is of another one. */
static hr_err forget_file(const engine *engine, const char *path, hr_why *why)
{
    hr_logline(HR_LEVEL_ERROR, "engine.checkpoint_ahead", "file=%s", path);
    if (unlink(path) != 0) {
        return hr_why_errno(why, errno, "cannot remove %s, which is ahead of the log", path);
    }
    return hr_folder_sync(engine->folder, why);
}

/* Does the log still hold what follows the checkpoint? */
static bool is_followed(const engine *engine, const header *head)
{
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        if (head->partitions[p].offset <
            log_start(engine->options.log, HR_TOPIC_POSITIONS, (uint16_t)p)) {
            return false;
        }
    }
    return true;
}

static hr_err adopt_states(engine *engine, const header *head, const uint8_t *states, hr_why *why)
{
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        const engine_snapshot *snapshot = &head->partitions[p];
        engine_partition *partition = &engine->partitions[p];
        hr_err err = engine_partition_use(partition, snapshot->rules_version, why);
        if (err == HR_OK) {
            err = engine_snapshot_read(partition, states, snapshot->size);
        }
        if (err != HR_OK) {
            return err;
        }
        states += snapshot->size;
        partition->told = snapshot->told;
        partition->tick_ms = snapshot->tick_ms;
        engine_partition_begin_at(partition, snapshot->offset);
        engine->checkpoint_offsets[p] = snapshot->offset;
        engine->snapshots[p].events_offset = snapshot->events_offset;
    }
    return HR_OK;
}

/* States that could be read only in part must not stay. */
static hr_err empty_partitions(engine *engine, hr_why *why)
{
    hr_err err = HR_OK;
    for (uint32_t p = 0; err == HR_OK && p < engine->partition_count; p++) {
        engine_partition *partition = &engine->partitions[p];
        engine_source told = partition->told;
        engine_partition_fini(partition);
        err = engine_partition_init(partition, p, engine->worlds, &engine->counters, why);
        partition->told = told;
        partition->worlds = err == HR_OK ? engine->worlds : NULL;
    }
    return err;
}

/* Judge one file: adopt it, or take from its header at least what was told before it. floors come
 * down to where it stands, if it can be adopted now or by the next start. */
static hr_err consider(engine *engine, const char *path, bool is_wanted, bool *is_adopted,
                       int64_t *floors, hr_why *why)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    hr_err err = read_file(path, &bytes, &size);
    if (err != HR_OK) {
        return hr_why_set(why, err, "%s: %s", path, hr_err_text(err));
    }
    bool is_told = false;
    header *head = calloc(1, sizeof *head);
    err = head != NULL ? read_header(bytes, size, engine->partition_count, head) : HR_NO_MEMORY;
    if (err == HR_OK) {
        bool is_whole = size - head->size == head->state_bytes &&
                        hr_crc32c(0, bytes + head->size, size - head->size) == head->state_crc;
        is_told = is_of_this_log(engine, head);
        bool is_usable = is_whole && head->state_version == STATE_VERSION && is_told &&
                         is_followed(engine, head);
        for (uint32_t p = 0; is_usable && p < engine->partition_count; p++) {
            int64_t offset = head->partitions[p].offset;
            floors[p] = offset < floors[p] ? offset : floors[p];
        }
        if (is_wanted && is_usable) {
            err = adopt_states(engine, head, bytes + head->size, why);
            *is_adopted = err == HR_OK;
            if (err == HR_CORRUPT) {
                hr_err emptied = empty_partitions(engine, why);
                err = emptied != HR_OK ? emptied : err;
            }
            engine->checkpoint_size = size;
        } else if (head->state_version > STATE_VERSION) {
            err = HR_TOO_NEW;
        } else if (!is_told) {
            err = forget_file(engine, path, why);
        } else if (!is_whole) {
            err = HR_CORRUPT;
        }
    }
    if (err == HR_TOO_NEW) {
        hr_why_set(why, err, "%s was written by a newer version: run that one, or move it away",
                   path);
    }
    /* What lies before a checkpoint was told, even where its states are of no use any more. */
    for (uint32_t p = 0; is_told && err == HR_OK && p < engine->partition_count; p++) {
        engine_source told = {.offset = head->partitions[p].offset - 1, .index = UINT32_MAX};
        if (told.offset > engine->partitions[p].told.offset) {
            engine->partitions[p].told = told;
        }
    }
    free(head);
    free(bytes);
    return err;
}

/* The events in the log that are newer than the checkpoint: the replay must not tell them again. */
static hr_err read_told(engine *engine, int64_t from, hr_why *why)
{
    log_reader *reader = NULL;
    hr_err err =
        log_reader_open(engine->options.log, HR_TOPIC_EVENTS, 0, from, LOG_APPENDED, &reader);
    while (err == HR_OK) {
        log_view view;
        err = log_reader_next(reader, &view, why);
        if (err == HR_GONE || err == HR_CORRUPT) {
            err = HR_OK;
            continue;
        }
        const uint8_t *bytes;
        size_t size;
        for (size_t at = 0; err == HR_OK && view.type == HR_RECORD_EVENT &&
                            log_record_next(&view, &at, &bytes, &size);) {
            hr_event event;
            if (hr_event_load(bytes, size, &event) != HR_OK ||
                event.source_partition >= engine->partition_count) {
                continue;
            }
            engine_source source = {event.source_offset, event.source_index};
            engine_source *told = &engine->partitions[event.source_partition].told;
            if (source.offset > told->offset ||
                (source.offset == told->offset && source.index > told->index)) {
                *told = source;
            }
        }
    }
    log_reader_close(reader);
    return err == HR_TIMEOUT ? HR_OK : err;
}

/* Adds a name that the catalogue keeps to the partition that its device belongs to. */
static void recall_name(void *context, uint64_t key, const char *id)
{
    engine *engine = context;
    uint32_t p = hr_device_partition(key, engine->partition_count);
    uint32_t index;
    engine_devices *devices = &engine->partitions[p].devices;
    if (engine_devices_get(devices, key, &index) == HR_OK) {
        /* Without its name a device still has its events; they bear an empty id then. */
        (void)!engine_devices_name(devices, index, id, strlen(id));
    }
}

/* Without a checkpoint the log is replayed from its start. If that is no longer the first record,
 * states begin empty; the names come from the catalogue, and the rules from what the log kept. */
static hr_err begin_at_log_start(engine *engine, hr_why *why)
{
    hr_err err = HR_OK;
    bool is_cut = false;
    for (uint32_t p = 0; err == HR_OK && p < engine->partition_count; p++) {
        int64_t start = log_start(engine->options.log, HR_TOPIC_POSITIONS, (uint16_t)p);
        engine_partition_begin_at(&engine->partitions[p], start);
        if (start > 0) {
            is_cut = true;
            hr_logline(HR_LEVEL_ERROR, "engine.state_lost", "partition=%u log_start=%lld", p,
                       (long long)start);
        }
        err =
            engine_partition_use(&engine->partitions[p], rules_at_start(engine, (uint16_t)p), why);
    }
    geo_why detail = {""};
    if (err == HR_OK && is_cut &&
        catalog_names_load(engine->options.catalog, recall_name, engine, &detail) != GEO_OK) {
        err = hr_why_set(why, HR_IO, "cannot read the names of devices: %s", detail.text);
    }
    return err;
}

/* What this start reads again, and what the next one would need before there is a checkpoint of
 * this run, stays in the log. */
static hr_err keep_for_start(engine *engine, int64_t *floors)
{
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        int64_t offset = atomic_load(&engine->partitions[p].offset);
        floors[p] = offset < floors[p] ? offset : floors[p];
    }
    return set_floors(engine, floors);
}

hr_err engine_checkpoint_load(engine *engine, hr_why *why)
{
    uint64_t numbers[CHECKPOINT_FILES_MAX];
    int64_t floors[HR_PARTITIONS_MAX];
    size_t count = 0;
    hr_err err = list_files(engine, numbers, &count, why);
    bool is_adopted = false;
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        floors[p] = INT64_MAX;
    }
    for (size_t i = 0; err == HR_OK && i < count; i++) {
        char path[4096];
        hr_why detail = {""};
        file_path(engine, numbers[i], "ckpt", path, sizeof path);
        err = consider(engine, path, !is_adopted, &is_adopted, floors, &detail);
        if (err == HR_CORRUPT) {
            hr_logline(HR_LEVEL_ERROR, "engine.checkpoint_damaged", "file=%s", path);
            err = HR_OK;
        } else if (err != HR_OK && why != NULL) {
            *why = detail;
        }
    }
    engine->checkpoint_number = count > 0 ? numbers[0] : 0;
    if (err == HR_OK && !is_adopted) {
        err = begin_at_log_start(engine, why);
    }
    if (err == HR_OK) {
        err = keep_for_start(engine, floors);
    }
    int64_t from = log_start(engine->options.log, HR_TOPIC_EVENTS, 0);
    if (err == HR_OK && is_adopted) {
        from = engine->snapshots[0].events_offset;
        for (uint32_t p = 1; p < engine->partition_count; p++) {
            int64_t here = engine->snapshots[p].events_offset;
            from = here < from ? here : from;
        }
    }
    return err == HR_OK ? read_told(engine, from, why) : err;
}
