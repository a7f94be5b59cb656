/* ingest/broker_files.c - reads, replaces and locks what lies in the broker's folder. */
#include "ingest/broker_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/logline.h"

hr_err broker_path_of(const char *folder, const char *name, broker_path *path, hr_why *why)
{
    int size = snprintf(path->text, sizeof path->text, "%s/%s", folder, name);
    if (size < 0 || (size_t)size >= sizeof path->text) {
        return hr_why_set(why, HR_TOO_BIG, "the path %.60s... is too long", folder);
    }
    return HR_OK;
}

hr_err broker_folder_real(const char *folder, broker_path *real, hr_why *why)
{
    char *text = realpath(folder, NULL);
    if (text == NULL) {
        return hr_why_errno(why, errno, "cannot find %s", folder);
    }
    hr_err err = HR_OK;
    if (strlen(text) >= sizeof real->text) {
        err = hr_why_set(why, HR_TOO_BIG, "the path %.60s... is too long", text);
    } else {
        memcpy(real->text, text, strlen(text) + 1);
    }
    free(text);
    return err;
}

/* What root makes belongs to whom the folder around it belongs to: a command of root's must not
 * leave files that the service cannot read. */
static void hand_over(int fd, const char *around)
{
    struct stat st;
    if (geteuid() == 0 && stat(around, &st) == 0 && st.st_uid != 0 &&
        fchown(fd, st.st_uid, st.st_gid) != 0) {
        hr_logline(HR_LEVEL_WARN, "broker.owner", "folder=%s error=%s", around,
                   strerrorname_np(errno));
    }
}

hr_err broker_folder_make(const char *folder, hr_why *why)
{
    broker_path around;
    if (mkdir(folder, 0700) != 0) {
        return errno == EEXIST ? HR_OK : hr_why_errno(why, errno, "cannot make %s", folder);
    }
    hr_err err = broker_path_of(folder, "..", &around, why);
    int fd = err == HR_OK ? open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd >= 0) {
        hand_over(fd, around.text);
        close(fd);
    }
    return err;
}

static hr_err read_all(int fd, hr_buf *out, const char *path, hr_why *why)
{
    for (;;) {
        uint8_t chunk[4096];
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return hr_why_errno(why, errno, "cannot read %s", path);
        }
        if (got == 0) {
            break;
        }
        hr_buf_put(out, chunk, (size_t)got);
    }
    return hr_buf_err(out) == HR_OK ? HR_OK
                                    : hr_why_set(why, hr_buf_err(out), "%s is too big", path);
}

hr_err broker_file_read(const char *folder, const char *name, hr_buf *out, hr_why *why)
{
    broker_path path;
    hr_err err = broker_path_of(folder, name, &path, why);
    if (err != HR_OK) {
        return err;
    }
    int fd = open(path.text, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot open %s", path.text);
    }
    err = read_all(fd, out, path.text, why);
    close(fd);
    return err;
}

static hr_err write_all(int fd, const hr_buf *bytes, const char *path, hr_why *why)
{
    for (size_t at = 0; at < bytes->size;) {
        ssize_t put = write(fd, bytes->data + at, bytes->size - at);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return hr_why_errno(why, errno, "cannot write %s", path);
        }
        at += (size_t)put;
    }
    return fsync(fd) == 0 ? HR_OK : hr_why_errno(why, errno, "cannot sync %s", path);
}

hr_err broker_file_write(const char *folder, const char *name, const hr_buf *bytes, hr_why *why)
{
    broker_path path, aside;
    char aside_name[64];
    snprintf(aside_name, sizeof aside_name, "%s.new", name);
    hr_err err = broker_path_of(folder, name, &path, why);
    if (err == HR_OK) {
        err = broker_path_of(folder, aside_name, &aside, why);
    }
    if (err != HR_OK) {
        return err;
    }
    /* Left by a crash, or laid there for us to follow. */
    unlink(aside.text);
    int fd = open(aside.text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot make %s", aside.text);
    }
    hand_over(fd, folder);
    err = write_all(fd, bytes, aside.text, why);
    close(fd);
    if (err == HR_OK && rename(aside.text, path.text) != 0) {
        err = hr_why_errno(why, errno, "cannot replace %s", path.text);
    }
    if (err != HR_OK) {
        unlink(aside.text);
        return err;
    }
    return hr_folder_sync(folder, why);
}

hr_err broker_file_remove(const char *folder, const char *name, hr_why *why)
{
    broker_path path;
    hr_err err = broker_path_of(folder, name, &path, why);
    if (err == HR_OK && unlink(path.text) != 0 && errno != ENOENT) {
        err = hr_why_errno(why, errno, "cannot remove %s", path.text);
    }
    return err == HR_OK ? hr_folder_sync(folder, why) : err;
}

hr_err broker_folder_lock(const char *folder, int *fd, hr_why *why)
{
    broker_path path;
    hr_err err = broker_path_of(folder, "lock", &path, why);
    if (err != HR_OK) {
        return err;
    }
    int opened = open(path.text, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (opened >= 0) {
        hand_over(opened, folder);
    } else {
        opened = open(path.text, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    }
    if (opened < 0) {
        return hr_why_errno(why, errno, "cannot open %s", path.text);
    }
    while (flock(opened, LOCK_EX) != 0) {
        if (errno != EINTR) {
            err = hr_why_errno(why, errno, "cannot lock %s", path.text);
            close(opened);
            return err;
        }
    }
    *fd = opened;
    return HR_OK;
}

/* True when that process was started as "mosquitto -c <our configuration>": a pid file may be old
 * and its number somebody else's by now. */
static bool is_our_broker(pid_t pid, const char *config)
{
    char name[64];
    char line[BROKER_PATH_MAX + 256];
    snprintf(name, sizeof name, "/proc/%ld/cmdline", (long)pid);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t size = read(fd, line, sizeof line - 1);
    close(fd);
    if (size <= 0) {
        return false;
    }
    line[size] = '\0';
    bool names_mosquitto = strstr(line, "mosquitto") != NULL;
    for (ssize_t at = 0; at < size; at += (ssize_t)strlen(line + at) + 1) {
        if (names_mosquitto && strcmp(line + at, config) == 0) {
            return true;
        }
    }
    return false;
}

pid_t broker_running_pid(const char *folder)
{
    broker_path real, config;
    hr_buf text;
    hr_buf_init(&text, 64);
    pid_t found = 0;
    if (broker_folder_real(folder, &real, NULL) == HR_OK &&
        broker_path_of(real.text, BROKER_CONFIG_NAME, &config, NULL) == HR_OK &&
        broker_file_read(folder, BROKER_PID_NAME, &text, NULL) == HR_OK) {
        hr_buf_put_u8(&text, 0);
        long pid = hr_buf_err(&text) == HR_OK ? strtol((const char *)text.data, NULL, 10) : 0;
        if (pid > 1 && is_our_broker((pid_t)pid, config.text)) {
            found = (pid_t)pid;
        }
    }
    hr_buf_fini(&text);
    return found;
}
