/* core/engine/query_keep.c - the checkpoint of the standing queries: a file, written aside, synced
 * and renamed, beside the one before. From either the log gives the same answers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/folder.h"
#include "base/logline.h"
#include "log/patience.h"
#include "query_set.h"

#define FILE_NAME "queries.state"
#define FILE_BEFORE FILE_NAME ".before"
#define FILE_ASIDE FILE_NAME ".new"
#define MAGIC "HRQS"
#define VERSION 4
#define VERSION_BEFORE 3 /* it counted gaps and starts, and knew no editions */
#define PATH_BYTES 4096
#define FILE_BYTES_MAX (UINT64_C(2) << 30)

static void write_all(engine_queries *queries, hr_buf *out)
{
    hr_buf_put(out, MAGIC, 4);
    hr_buf_put_u32(out, VERSION);
    query_input_write(&queries->input, out);
    uint32_t count = 0;
    for (uint32_t i = 0; i < queries->run_count; i++) {
        count += queries->runs[i]->spec != NULL;
    }
    hr_buf_put_u32(out, count);
    for (uint32_t i = 0; i < queries->run_count; i++) {
        const query_run *run = queries->runs[i];
        if (run->spec == NULL) {
            continue;
        }
        hr_buf_put_u64(out, run->number);
        hr_buf_put_u64(out, run->spec->hash);
        hr_buf_put_u64(out, run->edition);
        size_t size_at = out->size;
        hr_buf_put_u64(out, 0);
        query_run_write(run, out);
        if (hr_buf_err(out) == HR_OK) {
            hr_store_u64(out->data + size_at, out->size - size_at - 8);
        }
    }
    if (hr_buf_err(out) == HR_OK) {
        hr_buf_put_u32(out, hr_crc32c(0, out->data, out->size));
    }
}

static hr_err write_file(const char *path, const hr_buf *bytes, hr_why *why)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) {
        return hr_why_errno(why, errno, "cannot make %s", path);
    }
    size_t done = 0;
    ssize_t part = 0;
    while (done < bytes->size &&
           ((part = write(file, bytes->data + done, bytes->size - done)) > 0 || errno == EINTR)) {
        done += part > 0 ? (size_t)part : 0;
    }
    hr_err err = HR_OK;
    if (done < bytes->size || fsync(file) != 0) {
        err = hr_why_errno(why, errno, "cannot write %s", path);
    }
    close(file);
    return err;
}

static void path_of(const engine_queries *queries, const char *name, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s", queries->folder, name);
}

static int rename_file(const engine_queries *queries, const char *from, const char *to)
{
    char path[PATH_BYTES];
    char target[PATH_BYTES];
    path_of(queries, from, path);
    path_of(queries, to, target);
    return rename(path, target);
}

/* Killed between the two, it goes on from the one before. */
static hr_err put_in_place(const engine_queries *queries, hr_why *why)
{
    if ((rename_file(queries, FILE_NAME, FILE_BEFORE) != 0 && errno != ENOENT) ||
        rename_file(queries, FILE_ASIDE, FILE_NAME) != 0) {
        return hr_why_errno(why, errno, "cannot rename %s", FILE_NAME);
    }
    return hr_folder_sync(queries->folder, why);
}

hr_err query_keep_save(engine_queries *queries, hr_why *why)
{
    char aside[PATH_BYTES];
    hr_buf bytes;
    path_of(queries, FILE_ASIDE, aside);
    hr_buf_init(&bytes, FILE_BYTES_MAX);
    pthread_mutex_lock(&queries->lock);
    write_all(queries, &bytes);
    queries->is_changed = false;
    pthread_mutex_unlock(&queries->lock);
    hr_err err = hr_buf_err(&bytes);
    if (err == HR_OK) {
        err = write_file(aside, &bytes, why);
    }
    if (err == HR_OK) {
        err = put_in_place(queries, why);
    }
    hr_buf_fini(&bytes);
    if (err != HR_OK) {
        pthread_mutex_lock(&queries->lock);
        queries->is_changed = true;
        pthread_mutex_unlock(&queries->lock);
    }
    return err;
}

/* ---- loading ---- */

/* An errno. */
static int read_open_file(int file, hr_buf *bytes)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return errno;
    }
    if ((uint64_t)status.st_size > FILE_BYTES_MAX) {
        return EFBIG;
    }
    uint8_t *to = hr_buf_extend(bytes, (size_t)status.st_size);
    if (to == NULL) {
        return ENOMEM;
    }
    size_t done = 0;
    ssize_t part = 1;
    while (done < bytes->size && part > 0) {
        part = pread(file, to + done, bytes->size - done, (off_t)done);
        done += part > 0 ? (size_t)part : 0;
    }
    bytes->size = done;
    return part < 0 ? errno : 0;
}

static int read_file(const char *path, hr_buf *bytes)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return errno;
    }
    hr_buf_clear(bytes);
    int failed = read_open_file(file, bytes);
    close(file);
    return failed;
}

/* HR_CORRUPT: the file, or the disk where it is. What else goes wrong may go better at the next
 * start, and must not cost what was counted. */
static hr_err read_patiently(const char *path, patience *disk, hr_buf *bytes, hr_why *why)
{
    uint32_t tries = 0;
    int failed;
    do {
        failed = read_file(path, bytes);
    } while (patience_is_bad_place(failed) && patience_wait(disk, ++tries));
    if (failed == 0) {
        return HR_OK;
    }
    hr_err err = hr_why_errno(why, failed, "cannot read %s", path);
    bool is_lost = failed == EFBIG || (patience_is_bad_place(failed) && patience_give_up(disk));
    return is_lost ? HR_CORRUPT : err;
}

/* It may have been stopped or started after the checkpoint, and the service killed. What runs has
 * been started with the service just now: run_id. */
static hr_err follow_switch(query_run *run, uint64_t edition, uint64_t run_id)
{
    if (run->spec->is_enabled && (run->edition != edition || run->status == QUERY_STOPPED)) {
        return query_run_reset(run, run_id);
    }
    if (!run->spec->is_enabled && run->status == QUERY_RUNNING) {
        run->status = QUERY_STOPPED;
    }
    run->run_id = run->status == QUERY_RUNNING ? run_id : run->run_id;
    return HR_OK;
}

/* A query whose definition has changed since, or is gone, begins anew: its part is passed over. One
 * that cannot read its own part stops, and the others have theirs. */
static hr_err read_run(engine_queries *queries, hr_cursor *in, uint32_t version)
{
    uint64_t number = hr_cursor_u64(in);
    uint64_t hash = hr_cursor_u64(in);
    uint64_t edition = version == VERSION ? hr_cursor_u64(in) : 0;
    uint64_t size = hr_cursor_u64(in);
    const uint8_t *bytes = hr_cursor_take(in, size);
    if (bytes == NULL) {
        return HR_CORRUPT;
    }
    for (uint32_t i = 0; i < queries->run_count; i++) {
        query_run *run = queries->runs[i];
        if (run->number == number && run->spec != NULL && run->spec->hash == hash) {
            uint64_t run_id = run->run_id;
            edition = version == VERSION ? edition : run->edition;
            hr_cursor part = hr_cursor_of(bytes, size);
            hr_err err = query_run_read(run, &part);
            if (err == HR_CORRUPT || (err == HR_OK && hr_cursor_left(&part) > 0)) {
                err = query_run_reset(run, run_id);
                query_run_fail(run, "what was kept of it cannot be read: it must be started anew");
            }
            return err == HR_OK ? follow_switch(run, edition, run_id) : err;
        }
    }
    return HR_OK;
}

/* HR_CORRUPT: what was taken over of it is there. */
static hr_err adopt(engine_queries *queries, const hr_buf *bytes, hr_why *why)
{
    size_t size = bytes->size >= 12 ? bytes->size - 4 : 0;
    if (size == 0 || memcmp(bytes->data, MAGIC, 4) != 0 ||
        hr_crc32c(0, bytes->data, size) != hr_load_u32(bytes->data + size)) {
        return hr_why_set(why, HR_CORRUPT, "its checksum does not fit");
    }
    hr_cursor in = hr_cursor_of(bytes->data, size);
    hr_cursor_take(&in, 4);
    uint32_t version = hr_cursor_u32(&in);
    if (version != VERSION && version != VERSION_BEFORE) {
        return hr_why_set(why, HR_CORRUPT, "it has the format of version %u", version);
    }
    hr_err err = query_input_read(&queries->input, &in, version == VERSION_BEFORE, why);
    if (err == HR_OK && version == VERSION_BEFORE) {
        hr_cursor_u64(&in);
    }
    uint32_t count = err == HR_OK ? hr_cursor_u32(&in) : 0;
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        err = read_run(queries, &in, version);
    }
    return err;
}

static hr_err load_file(engine_queries *queries, const char *name, patience *disk, hr_why *why)
{
    char path[PATH_BYTES];
    hr_buf bytes;
    path_of(queries, name, path);
    hr_buf_init(&bytes, FILE_BYTES_MAX);
    hr_err err = read_patiently(path, disk, &bytes, why);
    if (err == HR_OK) {
        err = adopt(queries, &bytes, why);
        if (err == HR_CORRUPT) {
            hr_err begun = query_set_begin(queries, why);
            err = begun != HR_OK ? begun : HR_CORRUPT;
        }
    }
    hr_buf_fini(&bytes);
    if (err == HR_CORRUPT) {
        hr_logline(HR_LEVEL_WARN, "query.checkpoint_damaged", "file=%s why=\"%s\"", path,
                   why->text);
    }
    return err;
}

hr_err query_keep_load(engine_queries *queries, hr_why *why)
{
    patience disk = {.folder = queries->folder, .limit_ms = queries->options.patience_ms};
    hr_err err = load_file(queries, FILE_NAME, &disk, why);
    if (err != HR_CORRUPT && err != HR_NOT_FOUND) {
        return err;
    }
    hr_err older = load_file(queries, FILE_BEFORE, &disk, why);
    /* Else the next one would put the damaged one in its place. */
    if (older == HR_OK && rename_file(queries, FILE_BEFORE, FILE_NAME) != 0) {
        older = hr_why_errno(why, errno, "cannot rename %s", FILE_BEFORE);
    }
    return older == HR_NOT_FOUND ? err : older;
}
