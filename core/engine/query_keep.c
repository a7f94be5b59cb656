/* core/engine/query_keep.c - the checkpoint of the standing queries: one file, written aside,
 * synced and renamed. It is not needed: without it the queries begin anew at the log's start. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/logline.h"
#include "query_set.h"

#define FILE_NAME "queries.state"
#define MAGIC "HRQS"
#define VERSION 4
#define VERSION_BEFORE 3 /* it counted the starts of queries */
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

hr_err query_keep_save(engine_queries *queries, hr_why *why)
{
    char path[4096];
    char aside[4096];
    hr_buf bytes;
    snprintf(path, sizeof path, "%s/%s", queries->folder, FILE_NAME);
    snprintf(aside, sizeof aside, "%s/%s.new", queries->folder, FILE_NAME);
    hr_buf_init(&bytes, FILE_BYTES_MAX);
    pthread_mutex_lock(&queries->lock);
    write_all(queries, &bytes);
    queries->is_changed = false;
    pthread_mutex_unlock(&queries->lock);
    hr_err err = hr_buf_err(&bytes);
    if (err == HR_OK) {
        err = write_file(aside, &bytes, why);
    }
    if (err == HR_OK && rename(aside, path) != 0) {
        err = hr_why_errno(why, errno, "cannot rename %s", aside);
    }
    if (err == HR_OK) {
        err = hr_folder_sync(queries->folder, why);
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

static hr_err read_file(const char *path, hr_buf *bytes, hr_why *why)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return hr_why_errno(why, errno, "cannot open %s", path);
    }
    hr_err err = HR_OK;
    if (fstat(file, &status) != 0 || status.st_size < 12 ||
        (uint64_t)status.st_size > FILE_BYTES_MAX) {
        err = HR_CORRUPT;
    }
    uint8_t *to = err == HR_OK ? hr_buf_extend(bytes, (size_t)status.st_size) : NULL;
    size_t done = 0;
    ssize_t part = 1;
    while (to != NULL && done < bytes->size && part > 0) {
        part = read(file, to + done, bytes->size - done);
        done += part > 0 ? (size_t)part : 0;
    }
    close(file);
    if (err == HR_OK && to == NULL) {
        err = HR_NO_MEMORY;
    } else if (err == HR_OK && done < bytes->size) {
        err = HR_IO;
    }
    return err;
}

/* It may have been stopped or started after the checkpoint, and the service killed. What runs has
 * been started with the service just now: run_id. */
static hr_err follow_switch(query_run *run, uint64_t run_id)
{
    if (run->spec->is_enabled && run->status == QUERY_STOPPED) {
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
static hr_err read_run(engine_queries *queries, hr_cursor *in)
{
    uint64_t number = hr_cursor_u64(in);
    uint64_t hash = hr_cursor_u64(in);
    uint64_t size = hr_cursor_u64(in);
    const uint8_t *bytes = hr_cursor_take(in, size);
    if (bytes == NULL) {
        return HR_CORRUPT;
    }
    for (uint32_t i = 0; i < queries->run_count; i++) {
        query_run *run = queries->runs[i];
        if (run->number == number && run->spec != NULL && run->spec->hash == hash) {
            uint64_t run_id = run->run_id;
            hr_cursor part = hr_cursor_of(bytes, size);
            hr_err err = query_run_read(run, &part);
            if (err == HR_CORRUPT || (err == HR_OK && hr_cursor_left(&part) > 0)) {
                err = query_run_reset(run, run_id);
                query_run_fail(run, "what was kept of it cannot be read: it must be started anew");
            }
            return err == HR_OK ? follow_switch(run, run_id) : err;
        }
    }
    return HR_OK;
}

hr_err query_keep_load(engine_queries *queries, hr_why *why)
{
    char path[4096];
    hr_buf bytes;
    snprintf(path, sizeof path, "%s/%s", queries->folder, FILE_NAME);
    hr_buf_init(&bytes, FILE_BYTES_MAX);
    hr_err err = read_file(path, &bytes, why);
    uint32_t version = 0;
    size_t size = bytes.size >= 4 ? bytes.size - 4 : 0;
    hr_cursor in = hr_cursor_of(bytes.data, size);
    if (err == HR_OK && (memcmp(bytes.data, MAGIC, 4) != 0 ||
                         hr_crc32c(0, bytes.data, size) != hr_load_u32(bytes.data + size))) {
        err = hr_why_set(why, HR_CORRUPT, "%s is damaged", path);
    }
    if (err == HR_OK) {
        hr_cursor_take(&in, 4);
        version = hr_cursor_u32(&in);
        err = version == VERSION || version == VERSION_BEFORE ? HR_OK : HR_CORRUPT;
    }
    if (err == HR_OK) {
        err = query_input_read(&queries->input, &in, why);
    }
    if (err == HR_OK) {
        if (version == VERSION_BEFORE) {
            hr_cursor_u64(&in);
        }
        uint32_t count = hr_cursor_u32(&in);
        for (uint32_t i = 0; err == HR_OK && i < count; i++) {
            err = read_run(queries, &in);
        }
    }
    hr_buf_fini(&bytes);
    return err;
}
