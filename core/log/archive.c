/* core/log/archive.c - holds a journal's files open, and says how far each belongs to a copy. */
#include "log/archive.h"

#include <errno.h>
#include <stdlib.h>

#include "parts.h"

#define SIDE_COUNT 2
#define SIDE_BYTES_MAX ((size_t)256 << 20)

static const char *const side_names[SIDE_COUNT] = {"side-0", "side-1"};

struct log_archive {
    journal *j;          /* borrowed */
    journal_file **held; /* owned; each is held until the end */
    uint32_t count;
    uint8_t *sides[SIDE_COUNT]; /* owned; NULL: there is none */
    size_t side_sizes[SIDE_COUNT];
};

/* Hold every file behind those that are held already. */
static hr_err hold_files(log_archive *a, hr_why *why)
{
    bool is_more = a->count > 0;
    log_position at =
        is_more ? atomic_load(&a->held[a->count - 1]->end) : atomic_load(&a->j->first_base);
    while (at != FILE_OPEN) {
        journal_file *file = NULL;
        journal_file **grown = realloc(a->held, (a->count + 1) * sizeof(journal_file *));
        if (grown == NULL) {
            return hr_why_set(why, HR_NO_MEMORY, "out of memory");
        }
        a->held = grown;
        hr_err err = files_hold(&a->j->files, at, &file);
        if (err != HR_OK || file == NULL) {
            return hr_why_set(why,
                              err == HR_NOT_FOUND ? HR_GONE
                              : err == HR_OK      ? HR_IO
                                                  : err,
                              "a file of the journal in %s cannot be opened", a->j->folder);
        }
        a->held[a->count++] = file;
        if (is_more && file->base != at) {
            return hr_why_set(why, HR_GONE, "the journal in %s let go of a file meanwhile",
                              a->j->folder);
        }
        at = atomic_load(&file->end);
    }
    return HR_OK;
}

hr_err log_archive_begin(log_store *log, log_archive **out, hr_why *why)
{
    log_archive *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    a->j = journal_of(log);
    hr_err err = hold_files(a, why);
    /* A side file describes what was durable before it was written: the copy will reach further,
     * because its end is looked for later. */
    for (int i = 0; err == HR_OK && i < SIDE_COUNT; i++) {
        int failed =
            disk_load(a->j->folder, side_names[i], SIDE_BYTES_MAX, &a->sides[i], &a->side_sizes[i]);
        if (failed != 0 && failed != ENOENT) {
            err = hr_why_errno(why, failed, "cannot read %s/%s", a->j->folder, side_names[i]);
        }
    }
    if (err != HR_OK) {
        log_archive_end(a);
        return err;
    }
    *out = a;
    return HR_OK;
}

hr_err log_archive_each(log_archive *a, log_archive_visitor *visit, void *context, hr_why *why)
{
    hr_err err = journal_follow(a->j, why);
    if (err == HR_OK) {
        err = hold_files(a, why);
    }
    log_position limit = atomic_load(&a->j->durable);
    for (uint32_t i = 0; err == HR_OK && i < a->count; i++) {
        const journal_file *file = a->held[i];
        char name[FILE_NAME_BYTES];
        uint64_t size = 0;
        log_position end = atomic_load(&file->end);
        int failed = disk_size(file->fd, &size);
        if (failed != 0) {
            return hr_why_errno(why, failed, "cannot read the journal in %s", a->j->folder);
        }
        end = end < limit ? end : limit;
        size = end - file->base < size ? end - file->base : size;
        file_name(name, file->seq, "log");
        err = visit(&(log_archive_file){.name = name, .fd = file->fd, .size = size}, context);
    }
    for (int i = 0; err == HR_OK && i < SIDE_COUNT; i++) {
        if (a->sides[i] != NULL) {
            err = visit(&(log_archive_file){.name = side_names[i],
                                            .fd = -1,
                                            .bytes = a->sides[i],
                                            .size = a->side_sizes[i]},
                        context);
        }
    }
    return err;
}

void log_archive_end(log_archive *a)
{
    if (a == NULL) {
        return;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        files_release(&a->j->files, a->held[i]);
    }
    for (int i = 0; i < SIDE_COUNT; i++) {
        free(a->sides[i]);
    }
    free(a->held);
    free(a);
}
