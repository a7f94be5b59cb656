/* api/supervisor.c - the notify protocol: one datagram for each state, to the socket in the
 * environment. */
#include "supervisor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SIGNS_IN_PERIOD 4 /* one that is late must not look like death */

void supervisor_init(supervisor *s)
{
    const char *path = getenv("NOTIFY_SOCKET");
    const char *watchdog_us = getenv("WATCHDOG_USEC");
    const char *watched_pid = getenv("WATCHDOG_PID");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *s = (supervisor){.fd = -1};
    if (path == NULL || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof address.sun_path) {
        return;
    }
    size_t size = strlen(path);
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') {
        address.sun_path[0] = 0; /* an abstract name */
    }
    s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    if (s->fd >= 0 && connect(s->fd, (const struct sockaddr *)&address, length) != 0) {
        supervisor_fini(s);
    }
    bool is_for_us = watched_pid == NULL || strtol(watched_pid, NULL, 10) == (long)getpid();
    if (watchdog_us != NULL && is_for_us) {
        s->period_ns = strtoll(watchdog_us, NULL, 10) * 1000 / SIGNS_IN_PERIOD;
    }
    /* The broker that we start would speak for us. */
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void supervisor_fini(supervisor *s)
{
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
}

void supervisor_tell(supervisor *s, const char *state)
{
    if (s->fd >= 0) {
        (void)!send(s->fd, state, strlen(state), MSG_NOSIGNAL);
    }
}

void supervisor_alive(supervisor *s, int64_t now_ns)
{
    if (s->period_ns > 0 && now_ns - s->told_at_ns >= s->period_ns) {
        s->told_at_ns = now_ns;
        supervisor_tell(s, "WATCHDOG=1");
    }
}
