/* api/supervisor.h - tells a service manager (systemd) that we are ready, alive, stopping. */
#ifndef API_SUPERVISOR_H
#define API_SUPERVISOR_H

#include <stdint.h>

/* Threads: one. Without a manager (NOTIFY_SOCKET is not set) all of this does nothing. */
typedef struct supervisor {
    int fd;             /* -1: nobody listens */
    int64_t period_ns;  /* between two signs of life; 0: none wanted */
    int64_t told_at_ns; /* of the monotonic clock */
} supervisor;

/* Before other threads: takes the manager's variables out of the environment. */
void supervisor_init(supervisor *s);
void supervisor_fini(supervisor *s);

/* state is as sd_notify(3) has it: "READY=1", "STOPPING=1". A message that cannot be sent is lost:
 * the manager then does what it does with a silent service. */
void supervisor_tell(supervisor *s, const char *state);

/* A sign of life, if it is time for one. */
void supervisor_alive(supervisor *s, int64_t now_ns);

#endif
