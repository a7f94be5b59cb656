/* ingest/broker_reload.c - two small files between whoever changes users and whoever watches the
 * broker: which process is settled, and that a reload is wanted.
 *
 * Both sides write their own file first and look at the other's then, so one of them sees both. */
#include "ingest/broker_reload.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/broker_files.h"

#define SETTLED_NAME "settled"
#define WANTED_NAME "reload-wanted"
#define WAIT_MAX_MS 2000
#define LOOK_MS 20

static void forget(const char *folder, const char *name)
{
    broker_path path;
    if (broker_path_of(folder, name, &path, NULL) == HR_OK) {
        unlink(path.text);
    }
}

bool broker_stored_session(const char *folder)
{
    broker_path path;
    struct stat st;
    int fd = -1;
    if (broker_path_of(folder, BROKER_DB_NAME, &path, NULL) == HR_OK) {
        fd = open(path.text, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) {
        return false;
    }
    /* Its format is mosquitto's own business; the client's name stands in it as it is. */
    bool is_stored = true;
    if (fstat(fd, &st) == 0 && st.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED) {
            is_stored = memmem(bytes, (size_t)st.st_size, BROKER_SERVICE_CLIENT,
                               strlen(BROKER_SERVICE_CLIENT)) != NULL;
            munmap(bytes, (size_t)st.st_size);
        }
    }
    close(fd);
    return is_stored;
}

void broker_reload_forget(const char *folder)
{
    forget(folder, SETTLED_NAME);
    forget(folder, WANTED_NAME);
}

static hr_err write_number(const char *folder, const char *name, long number, hr_why *why)
{
    hr_buf text;
    hr_buf_init(&text, 64);
    hr_buf_printf(&text, "%ld\n", number);
    hr_err err = hr_buf_err(&text);
    if (err == HR_OK) {
        err = broker_file_write(folder, name, &text, why);
    }
    hr_buf_fini(&text);
    return err;
}

hr_err broker_settle(const char *folder, pid_t pid, hr_why *why)
{
    return write_number(folder, SETTLED_NAME, (long)pid, why);
}

bool broker_is_settled(const char *folder, pid_t pid)
{
    hr_buf text;
    hr_buf_init(&text, 64);
    long settled = 0;
    if (broker_file_read(folder, SETTLED_NAME, &text, NULL) == HR_OK) {
        hr_buf_put_u8(&text, 0);
        settled = hr_buf_err(&text) == HR_OK ? strtol((const char *)text.data, NULL, 10) : 0;
    }
    hr_buf_fini(&text);
    return settled == (long)pid;
}

bool broker_reload_is_wanted(const char *folder)
{
    broker_path path;
    return broker_path_of(folder, WANTED_NAME, &path, NULL) == HR_OK &&
           access(path.text, F_OK) == 0;
}

void broker_reload_now(const char *folder, pid_t pid)
{
    /* Whoever changes users from here on asks again. */
    forget(folder, WANTED_NAME);
    kill(pid, SIGHUP);
}

hr_err broker_reload_ask(const char *folder, hr_why *why)
{
    hr_err err = write_number(folder, WANTED_NAME, (long)getpid(), why);
    pid_t pid = broker_running_pid(folder);
    if (err == HR_OK && pid != 0 && broker_is_settled(folder, pid)) {
        broker_reload_now(folder, pid);
    }
    return err;
}

bool broker_reload_wait(const char *folder)
{
    for (int waited_ms = 0; waited_ms < WAIT_MAX_MS; waited_ms += LOOK_MS) {
        if (!broker_reload_is_wanted(folder) || broker_running_pid(folder) == 0) {
            return true;
        }
        poll(NULL, 0, LOOK_MS);
    }
    return false;
}
