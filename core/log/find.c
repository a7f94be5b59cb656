/* core/log/find.c - which journal files a folder has, and where in the log each of them lies. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/logline.h"
#include "parts.h"

/* Most openings fit, and nothing is read of the file that is not needed. */
#define OPENING_AHEAD_BYTES 4096

void found_fini(found_files *found)
{
    for (uint32_t i = 0; i < found->count; i++) {
        free(found->list[i].next);
    }
    free(found->list);
    *found = (found_files){0};
}

typedef enum opening_look {
    OPENING_GOOD,
    OPENING_BAD,
    OPENING_NEWER,
    OPENING_UNREAD, /* see *failed */
} opening_look;

static opening_look look_at_opening(int fd, uint64_t size, window *w, opening *out, int *failed)
{
    const uint8_t *bytes = NULL;
    frame_head head;
    *failed = window_need(w, fd, 0, FRAME_HEAD_BYTES, size, OPENING_AHEAD_BYTES, &bytes);
    if (*failed != 0) {
        return *failed == ENODATA ? OPENING_BAD : OPENING_UNREAD;
    }
    frame_look look = frame_parse_head(bytes, &head);
    if (look == FRAME_BAD || head.kind != FRAME_OPENING) {
        return OPENING_BAD;
    }
    *failed = window_need(w, fd, 0, head.checked_bytes, size, OPENING_AHEAD_BYTES, &bytes);
    if (*failed != 0) {
        return *failed == ENODATA ? OPENING_BAD : OPENING_UNREAD;
    }
    if (!frame_check_head(bytes, &head)) {
        return OPENING_BAD;
    }
    if (look == FRAME_NEWER) {
        return OPENING_NEWER;
    }
    return opening_parse(bytes, &head, out) == HR_OK ? OPENING_GOOD : OPENING_BAD;
}

static hr_err add_found(found_files *found, found_file file)
{
    /* A copy of another file under a second name: the longer of the two counts. */
    for (uint32_t i = 0; i < found->count; i++) {
        if (found->list[i].base == file.base) {
            hr_logline(HR_LEVEL_WARN, "log.copy_ignored", "seq=%llu and seq=%llu begin alike",
                       (unsigned long long)file.seq, (unsigned long long)found->list[i].seq);
            if (file.size > found->list[i].size) {
                found_file kept = found->list[i];
                found->list[i] = file;
                file = kept;
            }
            free(file.next);
            return HR_OK;
        }
    }
    if (found->count == found->capacity) {
        uint32_t capacity = found->capacity > 0 ? found->capacity * 2 : 16;
        found_file *list = realloc(found->list, capacity * sizeof *list);
        if (list == NULL) {
            free(file.next);
            return HR_NO_MEMORY;
        }
        found->list = list;
        found->capacity = capacity;
    }
    uint32_t at = found->count++;
    for (; at > 0 && found->list[at - 1].base > file.base; at--) {
        found->list[at] = found->list[at - 1];
    }
    found->list[at] = file;
    return HR_OK;
}

static hr_err check_opening(const journal *j, found_files *found, const opening *o, uint64_t seq,
                            hr_why *why)
{
    if (!found->has_layout) {
        found->has_layout = true;
        found->layout = o->layout;
        found->log_id = o->log_id;
    } else if (found->log_id != o->log_id || !layout_equal(&found->layout, &o->layout)) {
        return hr_why_set(why, HR_CORRUPT, "%s/%012llu.log belongs to another log: move it away",
                          j->folder, (unsigned long long)seq);
    }
    return HR_OK;
}

static void note_unread(found_files *found, uint64_t seq)
{
    hr_logline(HR_LEVEL_ERROR, "log.file_unreadable", "seq=%llu", (unsigned long long)seq);
    found->unread_seq_max = seq > found->unread_seq_max ? seq : found->unread_seq_max;
}

/* A file without a readable opening still says where it lies, by any of its frames. */
static hr_err add_without_opening(journal *j, found_files *found, int fd, found_file file)
{
    scan *s = malloc(sizeof *s);
    if (s == NULL) {
        return HR_NO_MEMORY;
    }
    scan_init(s, fd, 0, file.size, &j->patience);
    bool is_ours = scan_find_base(s, &file.base);
    bool is_blank = !is_ours && s->failed == 0 && scan_last_nonzero(s, 0) == 0;
    bool is_unread = s->is_unread;
    int failed = s->failed;
    scan_fini(s);
    free(s);
    if (failed != 0) {
        return hr_err_from_errno(failed);
    }
    if (is_blank && !j->options.read_only) {
        /* Made by a crash between creating a file and its first write. */
        char name[FILE_NAME_BYTES];
        file_name(name, file.seq, "log");
        failed = disk_remove(j->folder, name);
        if (failed != 0) {
            /* It does no harm: no other file gets its number. */
            hr_logline(HR_LEVEL_WARN, "log.leftover", "file=%s error=%s", name,
                       strerrorname_np(failed));
        }
        return HR_OK;
    }
    if (!is_ours && is_unread) {
        note_unread(found, file.seq);
        return HR_OK;
    }
    if (!is_ours) {
        hr_logline(HR_LEVEL_WARN, "log.file_ignored", "seq=%llu holds no frame",
                   (unsigned long long)file.seq);
        return HR_OK;
    }
    return add_found(found, file);
}

static int open_patiently(journal *j, const char *path, int *fd)
{
    int failed = 0;
    uint32_t tries = 0;
    do {
        *fd = open(path, O_RDONLY | O_CLOEXEC);
        failed = *fd >= 0 ? 0 : errno;
    } while (patience_is_bad_place(failed) && patience_wait(&j->patience, ++tries));
    return failed;
}

static hr_err look_at_file(journal *j, const char *name, uint64_t seq, found_files *found,
                           hr_why *why)
{
    char path[DISK_PATH_MAX];
    found_file file = {.seq = seq};
    window w = {.patience = &j->patience};
    hr_err err = HR_NO_MEMORY;
    opening *o = malloc(sizeof *o);
    disk_path(path, j->folder, name);
    int fd = -1;
    int failed = open_patiently(j, path, &fd);
    if (failed == 0) {
        failed = disk_size(fd, &file.size);
    } else if (patience_is_bad_place(failed) && patience_give_up(&j->patience)) {
        note_unread(found, seq);
        err = HR_OK;
        goto out;
    }
    if (failed == ENOENT && j->options.read_only) {
        /* Others that went with it may be in the list already: it would have a hole. */
        err = hr_why_set(why, HR_GONE, "the service has let %s go meanwhile", path);
        goto out;
    }
    if (failed != 0 || o == NULL) {
        err = o == NULL ? HR_NO_MEMORY : hr_why_errno(why, failed, "open %s", path);
        goto out;
    }
    switch (look_at_opening(fd, file.size, &w, o, &failed)) {
    case OPENING_UNREAD:
        err = hr_why_errno(why, failed, "read %s", path);
        break;
    case OPENING_NEWER:
        err = hr_why_set(why, HR_TOO_NEW, "%s was written by a newer version", path);
        break;
    case OPENING_BAD:
        err = add_without_opening(j, found, fd, file);
        break;
    case OPENING_GOOD:
        err = check_opening(j, found, o, seq, why);
        if (err != HR_OK) {
            break;
        }
        file.base = o->position;
        file.has_opening = true;
        file.newest_ms = o->newest_ms;
        file.next = malloc(o->layout.total * sizeof *file.next + 1);
        if (file.next == NULL) {
            err = HR_NO_MEMORY;
            break;
        }
        memcpy(file.next, o->next, o->layout.total * sizeof *file.next);
        err = add_found(found, file);
        break;
    }
out:
    window_fini(&w);
    free(o);
    if (fd >= 0) {
        close(fd);
    }
    return err;
}

hr_err find_files(journal *j, found_files *found, hr_why *why)
{
    *found = (found_files){0};
    DIR *folder = opendir(j->folder);
    if (folder == NULL) {
        return hr_why_errno(why, errno, "open folder %s", j->folder);
    }
    hr_err err = HR_OK;
    errno = 0;
    for (struct dirent *entry; err == HR_OK && (entry = readdir(folder)) != NULL; errno = 0) {
        uint64_t seq = 0;
        if (file_name_parse(entry->d_name, "log", &seq)) {
            found->seq_max = seq > found->seq_max ? seq : found->seq_max;
            err = look_at_file(j, entry->d_name, seq, found, why);
        }
    }
    /* A list that was cut short would be a log that has lost files. */
    if (err == HR_OK && errno != 0) {
        err = hr_why_errno(why, errno, "read folder %s", j->folder);
    }
    closedir(folder);
    if (err != HR_OK) {
        found_fini(found);
    }
    return err;
}
