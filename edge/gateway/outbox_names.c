/* gateway/outbox_names.c - a file of lines, and a hash table over it. */
#include "gateway/outbox_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/logline.h"
#include "gateway/outbox.h"

#define SLOT_COUNT (2u * OUTBOX_DEVICES_MAX)
#define PAGE_BYTES 4096
#define PATH_SIZE 1100
#define FILE_BYTES_MAX ((size_t)OUTBOX_DEVICES_MAX * (HR_DEVICE_ID_MAX + 1))

typedef struct outbox_name {
    uint64_t key;
    uint8_t size;
    char id[]; /* size bytes and a terminator */
} outbox_name;

/* The key's slot, or the free one where it belongs. The key is a hash itself. */
static outbox_name **slot_of(const outbox_names *names, uint64_t key)
{
    size_t at = (size_t)(key >> 7) % SLOT_COUNT;
    while (names->slots[at] != NULL && names->slots[at]->key != key) {
        at = (at + 1) % SLOT_COUNT;
    }
    return &names->slots[at];
}

/* HR_EXISTS: it is known already. Under the lock, but while opening. */
static hr_err insert(outbox_names *names, uint64_t key, const char *id, size_t id_size)
{
    outbox_name **slot = slot_of(names, key);
    if (*slot != NULL) {
        bool is_same = (*slot)->size == id_size && memcmp((*slot)->id, id, id_size) == 0;
        return is_same ? HR_EXISTS : HR_CONFLICT;
    }
    if (names->count == OUTBOX_DEVICES_MAX) {
        return HR_TOO_BIG;
    }
    outbox_name *name = malloc(sizeof *name + id_size + 1);
    if (name == NULL) {
        return HR_NO_MEMORY;
    }
    *name = (outbox_name){.key = key, .size = (uint8_t)id_size};
    memcpy(name->id, id, id_size);
    name->id[id_size] = '\0';
    *slot = name;
    names->count++;
    return HR_OK;
}

/* ---- opening ---- */

/* Page by page: one that cannot be read costs the names in it, and nothing else. */
static hr_err read_all(int fd, patience *p, hr_buf *text, bool *is_bad, hr_why *why)
{
    char bytes[PAGE_BYTES];
    uint32_t tries = 0;
    off_t at = 0;
    ssize_t got = 0;
    *is_bad = false;
    do {
        got = pread(fd, bytes, sizeof bytes, at);
        int failed = got < 0 ? errno : 0;
        if (failed == EINTR || (patience_is_bad_place(failed) && patience_wait(p, ++tries))) {
            continue;
        }
        if (patience_is_bad_place(failed) && patience_give_up(p)) {
            *is_bad = true;
            bytes[0] = '\n';
            hr_buf_put(text, bytes, 1);
            at += PAGE_BYTES - at % PAGE_BYTES;
        } else if (got < 0) {
            return hr_why_errno(why, failed, "cannot read the outbox's names");
        } else {
            hr_buf_put(text, bytes, (size_t)got);
            at += got;
        }
        tries = 0;
    } while (got != 0);
    hr_err err = hr_buf_err(text);
    return err == HR_OK ? HR_OK : hr_why_set(why, err, "the outbox has too many names");
}

static hr_err parse(outbox_names *names, const char *text, size_t size, hr_why *why)
{
    size_t first = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\n') {
            continue;
        }
        if (!hr_device_id_is_valid(text + first, i - first)) {
            hr_logline(HR_LEVEL_ERROR, "outbox.bad_name", "at=%zu", first);
        } else {
            uint64_t key = hr_device_key(text + first, i - first);
            hr_err err = insert(names, key, text + first, i - first);
            if (err == HR_NO_MEMORY || err == HR_TOO_BIG) {
                return hr_why_set(why, err, "the outbox has too many names");
            }
        }
        first = i + 1;
    }
    names->synced = first;
    return HR_OK;
}

/* What could be read goes into a new file; the old one stays beside it, for it may be read one day,
 * and a line cannot be appended to a page that cannot be read. */
static hr_err renew(outbox_names *names, const char *path, const hr_buf *text, hr_why *why)
{
    char aside[PATH_SIZE];
    char bad[PATH_SIZE];
    snprintf(aside, sizeof aside, "%s.new", path);
    snprintf(bad, sizeof bad, "%s.bad", path);
    hr_logline(HR_LEVEL_ERROR, "outbox.names_lost", "file=%s kept=%s", path, bad);
    int fd = open(aside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot make %s", aside);
    }
    bool is_written = pwrite(fd, text->data, text->size, 0) == (ssize_t)text->size;
    if (!is_written || fsync(fd) != 0 || (unlink(bad) != 0 && errno != ENOENT) ||
        link(path, bad) != 0 || rename(aside, path) != 0) {
        hr_err err = hr_why_errno(why, errno, "cannot replace %s", path);
        close(fd);
        return err;
    }
    close(names->fd);
    names->fd = fd;
    return HR_OK;
}

static hr_err load(outbox_names *names, const char *path, patience *p, hr_why *why)
{
    hr_buf text;
    bool is_bad = false;
    hr_buf_init(&text, FILE_BYTES_MAX);
    hr_err err = read_all(names->fd, p, &text, &is_bad, why);
    if (err == HR_OK) {
        err = parse(names, (const char *)text.data, text.size, why);
    }
    if (err == HR_OK && is_bad) {
        text.size = names->synced;
        err = renew(names, path, &text, why);
    }
    if (err == HR_OK && names->synced < text.size &&
        ftruncate(names->fd, (off_t)names->synced) != 0) {
        err = hr_why_errno(why, errno, "cannot cut the outbox's names");
    }
    /* A kill may have come before the sync, and fixes will rely on these from now on. */
    if (err == HR_OK && fsync(names->fd) != 0) {
        err = hr_why_errno(why, errno, "cannot sync the outbox's names");
    }
    hr_buf_fini(&text);
    return err;
}

void outbox_names_init(outbox_names *names)
{
    *names = (outbox_names){.fd = -1};
    pthread_mutex_init(&names->lock, NULL);
    hr_buf_init(&names->added, FILE_BYTES_MAX);
}

hr_err outbox_names_open(outbox_names *names, const char *path, patience *p, hr_why *why)
{
    names->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (names->fd < 0) {
        return hr_why_errno(why, errno, "cannot open %s", path);
    }
    names->slots = calloc(SLOT_COUNT, sizeof(outbox_name *));
    if (names->slots == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the outbox");
    }
    return load(names, path, p, why);
}

void outbox_names_fini(outbox_names *names)
{
    for (size_t i = 0; names->slots != NULL && i < SLOT_COUNT; i++) {
        free(names->slots[i]);
    }
    free(names->slots);
    if (names->fd >= 0) {
        close(names->fd);
    }
    hr_buf_fini(&names->added);
    pthread_mutex_destroy(&names->lock);
}

/* ---- adding and looking up ---- */

/* The line first: a name that is known and in no line would never come to the disk. */
hr_err outbox_names_add(outbox_names *names, uint64_t key, const char *id, size_t id_size)
{
    size_t size_before = names->added.size;
    hr_buf_put(&names->added, id, id_size);
    hr_buf_put_u8(&names->added, '\n');
    hr_err err = hr_buf_err(&names->added);
    if (err == HR_OK) {
        pthread_mutex_lock(&names->lock);
        err = insert(names, key, id, id_size);
        pthread_mutex_unlock(&names->lock);
    }
    if (err != HR_OK) {
        names->added.size = size_before;
        names->added.err = HR_OK;
    }
    return err == HR_EXISTS ? HR_OK : err;
}

/* The same place again after a failure: what was written in part is written over. */
hr_err outbox_names_sync(outbox_names *names)
{
    size_t size = names->added.size;
    if (size == 0) {
        return HR_OK;
    }
    ssize_t put = pwrite(names->fd, names->added.data, size, (off_t)names->synced);
    if (put < 0 || (size_t)put < size) {
        return put >= 0 || errno == ENOSPC || errno == EDQUOT ? HR_NO_SPACE : HR_IO;
    }
    if (fdatasync(names->fd) != 0) {
        return errno == ENOSPC || errno == EDQUOT ? HR_NO_SPACE : HR_IO;
    }
    names->synced += size;
    hr_buf_clear(&names->added);
    return HR_OK;
}

bool outbox_names_find(outbox_names *names, uint64_t key, char id[HR_DEVICE_ID_MAX + 1],
                       uint8_t *id_size)
{
    pthread_mutex_lock(&names->lock);
    const outbox_name *name = *slot_of(names, key);
    if (name != NULL) {
        memcpy(id, name->id, name->size + 1u);
        *id_size = name->size;
    }
    pthread_mutex_unlock(&names->lock);
    return name != NULL;
}
