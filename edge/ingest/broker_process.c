/* ingest/broker_process.c - spawns mosquitto, follows its output, sees it end. */
#include "ingest/broker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define ASK_AGAIN_MS 250
#define OUTPUT_BYTES (1 << 20) /* that may wait to be read */
#define READS_MAX 64           /* of a chunk each, before something else has its turn */

extern char **environ;

void broker_process_init(broker_process *p)
{
    *p = (broker_process){.fd = -1, .output_fd = -1};
}

/* Its lines come through a named pipe, so that a service which takes it over hears it too. Neither
 * side ever waits for the other: what nobody reads is lost. */
static hr_err listen_to(broker_process *p, const char *pipe_path, hr_why *why)
{
    if (mkfifo(pipe_path, 0600) != 0 && errno != EEXIST) {
        return hr_why_errno(why, errno, "cannot make %s", pipe_path);
    }
    p->output_fd = open(pipe_path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (p->output_fd < 0) {
        return hr_why_errno(why, errno, "cannot open %s", pipe_path);
    }
    (void)!fcntl(p->output_fd, F_SETPIPE_SZ, OUTPUT_BYTES);
    return HR_OK;
}

static void release(broker_process *p)
{
    if (p->fd >= 0) {
        close(p->fd);
    }
    if (p->output_fd >= 0) {
        close(p->output_fd);
    }
    p->pid = 0;
    p->fd = -1;
    p->output_fd = -1;
    broker_says_begin(&p->says);
}

/* Debian keeps it where an ordinary user's PATH does not look. */
static int spawn_found(pid_t *pid, char *const argv[], const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes)
{
    static const char *const places[] = {"/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"};
    int failed = posix_spawnp(pid, "mosquitto", actions, attributes, argv, environ);
    for (size_t i = 0; failed == ENOENT && i < sizeof places / sizeof places[0]; i++) {
        failed = posix_spawn(pid, places[i], actions, attributes, argv, environ);
    }
    return failed;
}

/* SIGPIPE is ignored as it is here: until mosquitto says so itself, a line that nobody hears, since
 * the service has just been killed, would end it. */
static int spawn_with_output(pid_t *pid, char *const argv[], const char *pipe_path)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGHUP);
    sigaddset(&defaults, SIGTERM);
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed |= posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        failed |=
            posix_spawn_file_actions_addopen(&actions, 2, pipe_path, O_WRONLY | O_NONBLOCK, 0);
        failed |= posix_spawn_file_actions_adddup2(&actions, 2, 1);
        /* Not every library marks its sockets: a broker must not hold its own clients' ones. */
        failed |= posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        failed |= posix_spawnattr_setsigmask(&attributes, &none);
        failed |= posix_spawnattr_setsigdefault(&attributes, &defaults);
        failed |= posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
        failed = failed != 0 ? ENOMEM : spawn_found(pid, argv, &actions, &attributes);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

hr_err broker_process_spawn(broker_process *p, const char *config, const char *pipe_path,
                            hr_why *why)
{
    char name[] = "mosquitto", option[] = "-c", path[4096];
    if (strlen(config) >= sizeof path) {
        return hr_why_set(why, HR_TOO_BIG, "the path %.60s... is too long", config);
    }
    memcpy(path, config, strlen(config) + 1);
    char *argv[] = {name, option, path, NULL};
    broker_says_begin(&p->says);
    hr_err err = listen_to(p, pipe_path, why);
    if (err != HR_OK) {
        return err;
    }
    pid_t pid;
    int failed = spawn_with_output(&pid, argv, pipe_path);
    if (failed != 0) {
        release(p);
        return failed == ENOENT ? hr_why_set(why, HR_NOT_FOUND, "mosquitto is not installed")
                                : hr_why_errno(why, failed, "cannot start mosquitto");
    }
    p->pid = pid;
    p->is_child = true;
    p->fd = pidfd_open(pid, 0);
    if (p->fd < 0) {
        err = hr_why_errno(why, errno, "cannot watch the broker");
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        release(p);
        return err;
    }
    return HR_OK;
}

hr_err broker_process_adopt(broker_process *p, pid_t pid, const char *pipe_path, hr_why *why)
{
    int fd = pidfd_open(pid, 0);
    if (fd < 0) {
        return errno == ESRCH ? HR_NOT_FOUND
                              : hr_why_errno(why, errno, "cannot watch process %ld", (long)pid);
    }
    broker_says_begin(&p->says);
    hr_err err = listen_to(p, pipe_path, why);
    if (err != HR_OK) {
        close(fd);
        return err;
    }
    p->pid = pid;
    p->is_child = false;
    p->fd = fd;
    return HR_OK;
}

void broker_process_read(broker_process *p)
{
    static _Thread_local char chunk[1 << 16];
    for (int i = 0; p->output_fd >= 0 && i < READS_MAX; i++) {
        ssize_t got = read(p->output_fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0) {
            close(p->output_fd);
            p->output_fd = -1;
            return;
        }
        broker_says_take(&p->says, chunk, (size_t)got, hr_clock_mono_ns(hr_clock_real()) / 1000000);
    }
}

bool broker_process_reap(broker_process *p)
{
    struct pollfd ended = {.fd = p->fd, .events = POLLIN};
    if (p->pid == 0) {
        return true;
    }
    if (poll(&ended, 1, 0) <= 0) {
        return false;
    }
    broker_process_read(p);
    if (p->is_child) {
        waitpid(p->pid, NULL, 0);
    }
    release(p);
    return true;
}

static void wait_for_end(broker_process *p, int timeout_ms)
{
    struct pollfd ended = {.fd = p->fd, .events = POLLIN};
    while (poll(&ended, 1, timeout_ms) < 0 && errno == EINTR) {
    }
}

void broker_process_end(broker_process *p, int timeout_ms)
{
    /* Asked more than once: mosquitto forgets a signal that comes while it is starting. */
    for (int waited_ms = 0; p->pid != 0 && waited_ms < timeout_ms; waited_ms += ASK_AGAIN_MS) {
        kill(p->pid, SIGTERM);
        wait_for_end(p, ASK_AGAIN_MS);
        broker_process_reap(p);
    }
    if (p->pid != 0) {
        kill(p->pid, SIGKILL);
        wait_for_end(p, -1);
        broker_process_reap(p);
    }
}
