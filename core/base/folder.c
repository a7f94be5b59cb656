/* base/folder.c - see folder.h. */
#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

hr_err hr_folder_sync(const char *path, hr_why *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot open %s", path);
    }
    hr_err err = fsync(fd) == 0 ? HR_OK : hr_why_errno(why, errno, "cannot sync %s", path);
    close(fd);
    return err;
}
