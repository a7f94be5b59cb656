/* gateway/outbox_spans.c - a few lines of text, replaced whole. */
#include "gateway/outbox_spans.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/folder.h"
#include "base/logline.h"

#define PATH_SIZE 1100
#define TEXT_BYTES_MAX (OUTBOX_BOOT_SIZE + OUTBOX_SPANS_MAX * 48)
#define BOOT_PATH "/proc/sys/kernel/random/boot_id"

/* ---- the file: the boot's name, then an epoch and its first sequence on each line ---- */

static hr_err put_aside(const char *aside, const hr_buf *text, hr_why *why)
{
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot make %s", aside);
    }
    ssize_t put = pwrite(fd, text->data, text->size, 0);
    bool is_whole = put == (ssize_t)text->size;
    bool is_written = is_whole && fsync(fd) == 0;
    /* Half a write tells no reason, and there is one. */
    int failed = put >= 0 && !is_whole ? ENOSPC : errno;
    close(fd);
    return is_written ? HR_OK : hr_why_errno(why, failed, "cannot write %s", aside);
}

static hr_err save(outbox_spans *spans, hr_why *why)
{
    char path[PATH_SIZE], aside[PATH_SIZE];
    hr_buf text;
    snprintf(path, sizeof path, "%s/epochs", spans->folder);
    snprintf(aside, sizeof aside, "%s/epochs.new", spans->folder);
    hr_buf_init(&text, TEXT_BYTES_MAX);
    hr_buf_printf(&text, "%s\n", spans->boot);
    for (size_t i = 0; i < spans->count; i++) {
        hr_buf_printf(&text, "%" PRIu64 " %" PRIu64 "\n", spans->list[i].epoch,
                      spans->list[i].start);
    }
    hr_err err = hr_buf_err(&text);
    if (err == HR_OK) {
        err = put_aside(aside, &text, why);
    }
    hr_buf_fini(&text);
    if (err == HR_OK && rename(aside, path) != 0) {
        err = hr_why_errno(why, errno, "cannot replace %s", path);
    }
    return err == HR_OK ? hr_folder_sync(spans->folder, why) : err;
}

/* False: it says nothing that can be used. */
static bool parse(outbox_spans *spans, FILE *file, char boot[OUTBOX_BOOT_SIZE])
{
    outbox_span span;
    if (fgets(boot, OUTBOX_BOOT_SIZE, file) == NULL) {
        return false;
    }
    boot[strcspn(boot, "\n")] = '\0';
    while (spans->count < OUTBOX_SPANS_MAX &&
           fscanf(file, "%" SCNu64 " %" SCNu64, &span.epoch, &span.start) == 2) {
        if (spans->count > 0 && span.start < spans->list[spans->count - 1].start) {
            return false;
        }
        spans->list[spans->count++] = span;
    }
    return spans->count > 0;
}

static hr_err load(outbox_spans *spans, char boot[OUTBOX_BOOT_SIZE], hr_why *why)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/epochs", spans->folder);
    boot[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT ? HR_OK : hr_why_errno(why, errno, "cannot open %s", path);
    }
    if (!parse(spans, file, boot)) {
        /* Nobody is there to mend it. What was sent but not acknowledged is sent once more. */
        hr_logline(HR_LEVEL_ERROR, "outbox.damaged", "file=%s", path);
        spans->count = 0;
        boot[0] = '\0';
    }
    fclose(file);
    return HR_OK;
}

/* ---- which span ---- */

/* Under the lock, as what follows. Spans that are acknowledged go; the newest stays. */
static void prune(outbox_spans *spans, uint64_t acked)
{
    size_t gone = 0;
    while (gone + 1 < spans->count && spans->list[gone + 1].start <= acked) {
        gone++;
    }
    spans->count -= gone;
    memmove(spans->list, spans->list + gone, spans->count * sizeof spans->list[0]);
}

static hr_err begin(outbox_spans *spans, uint64_t acked, uint64_t start, hr_why *why)
{
    outbox_span span = {.start = start};
    if (getrandom(&span.epoch, sizeof span.epoch, 0) != (ssize_t)sizeof span.epoch) {
        return hr_why_errno(why, errno, "no random number for the outbox");
    }
    prune(spans, acked);
    if (spans->count > 0 && spans->list[spans->count - 1].start == start) {
        /* Nothing went under the newest, or what went is lost here: nothing will. */
        spans->count--;
    }
    if (spans->count == OUTBOX_SPANS_MAX) {
        hr_logline(HR_LEVEL_ERROR, "outbox.spans", "why=\"%d boots without a link\"",
                   OUTBOX_SPANS_MAX);
    } else {
        spans->list[spans->count++] = span;
    }
    hr_err err = save(spans, why);
    spans->is_unsaved = err != HR_OK;
    return err;
}

hr_err outbox_spans_begin(outbox_spans *spans, uint64_t acked, uint64_t start, hr_why *why)
{
    pthread_mutex_lock(&spans->lock);
    hr_err err = begin(spans, acked, start, why);
    pthread_mutex_unlock(&spans->lock);
    return err;
}

hr_err outbox_spans_keep(outbox_spans *spans)
{
    hr_why why = {{0}};
    hr_err err = HR_OK;
    pthread_mutex_lock(&spans->lock);
    if (spans->is_unsaved) {
        err = save(spans, &why);
        spans->is_unsaved = err != HR_OK;
    }
    pthread_mutex_unlock(&spans->lock);
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_ERROR, "outbox.epoch_not_kept", "why=\"%s\"", why.text);
    }
    return err;
}

outbox_span outbox_spans_at(outbox_spans *spans, uint64_t sequence)
{
    pthread_mutex_lock(&spans->lock);
    size_t at = spans->count - 1;
    while (at > 0 && spans->list[at].start > sequence) {
        at--;
    }
    outbox_span span = spans->list[at];
    span.end = at + 1 < spans->count ? spans->list[at + 1].start : UINT64_MAX;
    pthread_mutex_unlock(&spans->lock);
    return span;
}

/* Empty where the kernel does not say: then every start counts as a boot. */
static void read_boot(char boot[OUTBOX_BOOT_SIZE])
{
    boot[0] = '\0';
    FILE *file = fopen(BOOT_PATH, "re");
    if (file != NULL) {
        if (fgets(boot, OUTBOX_BOOT_SIZE, file) == NULL) {
            boot[0] = '\0';
        }
        fclose(file);
    }
    boot[strcspn(boot, "\n")] = '\0';
}

void outbox_spans_init(outbox_spans *spans, const char *folder)
{
    spans->folder = folder;
    spans->count = 0;
    spans->is_unsaved = false;
    pthread_mutex_init(&spans->lock, NULL);
}

hr_err outbox_spans_open(outbox_spans *spans, const char *boot, uint64_t acked, uint64_t end,
                         hr_why *why)
{
    char last_boot[OUTBOX_BOOT_SIZE];
    if (boot != NULL) {
        snprintf(spans->boot, sizeof spans->boot, "%s", boot);
    } else {
        read_boot(spans->boot);
    }
    hr_err err = load(spans, last_boot, why);
    if (err != HR_OK) {
        return err;
    }
    bool is_same_boot = spans->boot[0] != '\0' && strcmp(spans->boot, last_boot) == 0;
    if (spans->count > 0 && is_same_boot) {
        return HR_OK;
    }
    /* The first span of all holds what there is, so that no sequence is without one. */
    bool is_first = spans->count == 0;
    err = begin(spans, acked, is_first ? acked : end, why);
    /* On a full disk what is held goes out all the same, under the epochs that it has. */
    return err == HR_NO_SPACE && !is_first ? HR_OK : err;
}

void outbox_spans_fini(outbox_spans *spans)
{
    pthread_mutex_destroy(&spans->lock);
}
