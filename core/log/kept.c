/* core/log/kept.c - what was said before the log's start and still holds there. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

hr_err journal_kept(log_store *log, uint8_t topic, uint16_t partition,
                    uint8_t bytes[LOG_KEPT_BYTES_MAX], size_t *size)
{
    journal *j = journal_of(log);
    /* Retention moves the starts before it takes files, and what is kept behind that: until the
     * files are gone, a crash brings the old start back. */
    pthread_mutex_lock(&j->retain_lock);
    pthread_mutex_lock(&j->lock);
    kept_record kept = j->start_kept[layout_flat(&j->layout, topic, partition)];
    pthread_mutex_unlock(&j->lock);
    pthread_mutex_unlock(&j->retain_lock);
    if (kept.size == 0) {
        return HR_NOT_FOUND;
    }
    memcpy(bytes, kept.bytes, kept.size);
    *size = kept.size;
    return HR_OK;
}

/* The opening of the first file; a damaged one leaves kept as it is. */
static void read_opening(journal *j, journal_file *file, scan *s, kept_record *kept)
{
    scan_frame frame;
    uint64_t size = 0;
    if (disk_size(file->fd, &size) != 0) {
        return;
    }
    scan_init(s, file->fd, file->base, file->base + size, &j->patience);
    s->ahead = FRAME_HEAD_BYTES;
    if (scan_look(s, file->base, false, &frame) == SCAN_FRAME && frame.head.kind == FRAME_OPENING) {
        opening_get_kept(frame.bytes, &frame.head, &j->layout, kept);
    }
    scan_fini(s);
}

void journal_load_kept(journal *j)
{
    journal_file *file = NULL;
    kept_record *kept = calloc(j->layout.total + 1, sizeof *kept);
    scan *s = malloc(sizeof *s);
    if (kept != NULL && s != NULL && files_hold(&j->files, 0, &file) == HR_OK && file != NULL) {
        read_opening(j, file, s, kept);
        files_release(&j->files, file);
        pthread_mutex_lock(&j->lock);
        memcpy(j->start_kept, kept, j->layout.total * sizeof *kept);
        pthread_mutex_unlock(&j->lock);
    }
    free(kept);
    free(s);
}
