/* core/log/tidy.c - what crashes leave beside the journal, and how much of it may stay. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/logline.h"
#include "parts.h"

/* Bytes cut by recovery are kept for whoever wants to look, but must not fill the disk. */
#define TORN_FILES_MAX 8

static bool ends_with(const char *name, const char *suffix)
{
    size_t size = strlen(name);
    size_t suffix_size = strlen(suffix);
    return size > suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

static bool drop(const journal *j, const char *name)
{
    int failed = disk_remove(j->folder, name);
    if (failed != 0 && failed != ENOENT) {
        hr_logline(HR_LEVEL_WARN, "log.leftover", "file=%s error=%s", name,
                   strerrorname_np(failed));
    }
    return failed == 0;
}

static bool has_journal_file(const journal *j, uint64_t seq)
{
    for (uint32_t i = 0; i < j->files.count; i++) {
        if (j->files.list[i]->seq == seq) {
            return true;
        }
    }
    return false;
}

/* One look at the folder: drop what nobody will read, count what was cut, find the oldest of it. */
static uint32_t look(const journal *j, DIR *folder, char oldest[FILE_NAME_BYTES])
{
    uint32_t torn = 0;
    struct timespec oldest_time = {0};
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *name = entry->d_name;
        char path[DISK_PATH_MAX + sizeof entry->d_name];
        struct stat status;
        uint64_t seq = 0;
        if ((file_name_parse(name, "idx", &seq) && !has_journal_file(j, seq)) ||
            (ends_with(name, ".tmp") && strncmp(name, "side-", 5) == 0)) {
            drop(j, name);
        }
        if (!ends_with(name, ".torn") || strlen(name) >= FILE_NAME_BYTES) {
            continue;
        }
        memcpy(path, j->folder, strlen(j->folder));
        path[strlen(j->folder)] = '/';
        memcpy(path + strlen(j->folder) + 1, name, strlen(name) + 1);
        if (stat(path, &status) != 0) {
            continue;
        }
        bool is_older = torn == 0 || status.st_mtim.tv_sec < oldest_time.tv_sec ||
                        (status.st_mtim.tv_sec == oldest_time.tv_sec &&
                         status.st_mtim.tv_nsec < oldest_time.tv_nsec);
        torn++;
        if (is_older) {
            oldest_time = status.st_mtim;
            memcpy(oldest, name, strlen(name) + 1);
        }
    }
    return torn;
}

void journal_tidy(journal *j)
{
    bool is_too_much = true;
    while (is_too_much) {
        char oldest[FILE_NAME_BYTES] = "";
        DIR *folder = opendir(j->folder);
        if (folder == NULL) {
            return;
        }
        is_too_much = look(j, folder, oldest) > TORN_FILES_MAX;
        closedir(folder);
        /* One that will not go is left: the next start tries again. */
        is_too_much = is_too_much && drop(j, oldest);
    }
}
