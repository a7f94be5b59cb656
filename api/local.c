/* api/local.c - writes and reads DATA/local-token and DATA/local-address. */
#include "local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Written aside and renamed, so that a reader never sees half of it. */
static hr_err write_line(const api_data_folder *folder, const char *name, const char *text,
                         hr_why *why)
{
    char path[API_DATA_PATH_MAX];
    char aside[API_DATA_PATH_MAX + 8];
    hr_err err = api_data_folder_join(folder, name, path);
    if (err != HR_OK) {
        return err;
    }
    snprintf(aside, sizeof aside, "%s.new", path);
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot make %s", aside);
    }
    size_t size = strlen(text);
    bool is_written = write(fd, text, size) == (ssize_t)size && write(fd, "\n", 1) == 1;
    int error = errno;
    close(fd);
    if (!is_written || rename(aside, path) != 0) {
        return hr_why_errno(why, is_written ? errno : error, "cannot write %s", path);
    }
    return HR_OK;
}

hr_err api_local_offer(const api_data_folder *folder, accounts *accounts, const char *address,
                       hr_why *why)
{
    char token[ACCOUNTS_SECRET_SIZE];
    accounts_make_local(accounts, token);
    hr_err err = write_line(folder, "local-token", token, why);
    return err == HR_OK ? write_line(folder, "local-address", address, why) : err;
}

hr_err api_local_setup(const api_data_folder *folder, const char *link, hr_why *why)
{
    char path[API_DATA_PATH_MAX];
    if (link != NULL) {
        return write_line(folder, "local-setup", link, why);
    }
    hr_err err = api_data_folder_join(folder, "local-setup", path);
    if (err == HR_OK && unlink(path) != 0 && errno != ENOENT) {
        err = hr_why_errno(why, errno, "cannot remove %s", path);
    }
    return err;
}

hr_err api_local_read(const char *data, const char *name, char text[API_LOCAL_TEXT_MAX],
                      hr_why *why)
{
    char path[API_DATA_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", data, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot read %s", path);
    }
    ssize_t size = read(fd, text, API_LOCAL_TEXT_MAX - 1);
    int error = errno;
    close(fd);
    if (size < 0) {
        return hr_why_errno(why, error, "cannot read %s", path);
    }
    text[size] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return HR_OK;
}
