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

/* By broker_manner. */
static const char *const manner_names[] = {"reload", "restart"};

static void forget(const char *folder, const char *name)
{
    broker_path path;
    if (broker_path_of(folder, name, &path, NULL) == HR_OK) {
        unlink(path.text);
    }
}

/* Its format is mosquitto's own business; the names of clients and users stand in it as they are.
 */
typedef struct stored_file {
    const void *bytes;
    size_t size;
    broker_stored stored;
} stored_file;

static bool has_name(const stored_file *file, const char *name)
{
    return memmem(file->bytes, file->size, name, strlen(name)) != NULL;
}

static void look_for_reader(const char *name, broker_role role, void *context)
{
    stored_file *file = context;
    file->stored.has_reader |= role == BROKER_READER && has_name(file, name);
}

broker_stored broker_stored_sessions(const char *folder)
{
    broker_path path;
    struct stat st;
    stored_file file = {.stored = {false, false}};
    int fd = -1;
    if (broker_path_of(folder, BROKER_DB_NAME, &path, NULL) == HR_OK) {
        fd = open(path.text, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) {
        return file.stored;
    }
    void *bytes = MAP_FAILED;
    if (fstat(fd, &st) == 0 && st.st_size > 0) {
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    close(fd);
    if (bytes == MAP_FAILED) {
        return (broker_stored){true, true};
    }
    file.bytes = bytes;
    file.size = (size_t)st.st_size;
    file.stored.has_service = has_name(&file, BROKER_SERVICE_CLIENT);
    if (broker_user_each(folder, look_for_reader, &file, NULL) != HR_OK) {
        file.stored.has_reader = true;
    }
    munmap(bytes, file.size);
    return file.stored;
}

void broker_reload_forget(const char *folder)
{
    forget(folder, SETTLED_NAME);
    forget(folder, WANTED_NAME);
}

static hr_err write_text(const char *folder, const char *name, long pid, const char *word,
                         hr_why *why)
{
    hr_buf text;
    hr_buf_init(&text, 64);
    hr_buf_printf(&text, "%ld %s\n", pid, word);
    hr_err err = hr_buf_err(&text);
    if (err == HR_OK) {
        err = broker_file_write(folder, name, &text, why);
    }
    hr_buf_fini(&text);
    return err;
}

hr_err broker_settle(const char *folder, pid_t pid, broker_manner manner, hr_why *why)
{
    return write_text(folder, SETTLED_NAME, (long)pid, manner_names[manner], why);
}

bool broker_is_settled(const char *folder, pid_t pid, broker_manner *manner)
{
    hr_buf text;
    hr_buf_init(&text, 64);
    long settled = 0;
    char name[16] = "";
    if (broker_file_read(folder, SETTLED_NAME, &text, NULL) == HR_OK) {
        hr_buf_put_u8(&text, 0);
        if (hr_buf_err(&text) != HR_OK ||
            sscanf((const char *)text.data, "%ld %15s", &settled, name) != 2) {
            settled = 0;
        }
    }
    hr_buf_fini(&text);
    if (manner != NULL) {
        bool is_restart = strcmp(name, manner_names[BROKER_BY_RESTART]) == 0;
        *manner = is_restart ? BROKER_BY_RESTART : BROKER_BY_RELOAD;
    }
    return settled != 0 && settled == (long)pid;
}

bool broker_reload_is_wanted(const char *folder)
{
    broker_path path;
    return broker_path_of(folder, WANTED_NAME, &path, NULL) == HR_OK &&
           access(path.text, F_OK) == 0;
}

void broker_reload_now(const char *folder, pid_t pid, broker_manner manner)
{
    if (manner == BROKER_BY_RESTART) {
        /* What is wanted stays so until the next one has read its users. */
        kill(pid, SIGTERM);
        return;
    }
    /* In this order: who waits for the file to go relies on the signal. Whoever changes users from
     * here on finds the broker settled, and tells it again. */
    kill(pid, SIGHUP);
    forget(folder, WANTED_NAME);
}

hr_err broker_reload_ask(const char *folder, hr_why *why)
{
    broker_manner manner;
    hr_err err = write_text(folder, WANTED_NAME, (long)getpid(), "wants", why);
    pid_t pid = broker_running_pid(folder);
    if (pid != 0 && broker_is_settled(folder, pid, &manner)) {
        /* It needs no file. On a full disk too, whom nobody trusts any more must not stay. */
        broker_reload_now(folder, pid, manner);
        err = HR_OK;
    }
    return err;
}

bool broker_reload_wait(const char *folder)
{
    bool by_restart = false;
    for (int waited_ms = 0; waited_ms < WAIT_MAX_MS; waited_ms += LOOK_MS) {
        broker_manner manner;
        pid_t pid = broker_running_pid(folder);
        bool is_settled = broker_is_settled(folder, pid, &manner);
        bool is_wanted = broker_reload_is_wanted(folder);
        /* The next one is settled when it accepts connections. */
        by_restart |= manner == BROKER_BY_RESTART;
        if (by_restart ? is_settled && !is_wanted : pid == 0 || !is_wanted) {
            return true;
        }
        poll(NULL, 0, LOOK_MS);
    }
    return false;
}
