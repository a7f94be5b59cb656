/* ingest/broker_process.h - one process of the broker: spawned or adopted, watched, ended. */
#ifndef INGEST_BROKER_PROCESS_H
#define INGEST_BROKER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "ingest/broker_says.h"

/* Threads: one at a time. */
typedef struct broker_process {
    pid_t pid;     /* 0: there is none */
    int fd;        /* pidfd: readable once the process has ended; -1 without one */
    int output_fd; /* its log lines; -1 once they have ended */
    bool is_child;
    broker_says says;
} broker_process;

/* No process. */
void broker_process_init(broker_process *p);

/* Start mosquitto with that configuration, in a session of its own, so that a signal for the
 * service's terminal leaves it alone; its lines come through the named pipe, which is made if it
 * is not there. HR_NOT_FOUND: it is not installed. */
HR_MUST_USE hr_err broker_process_spawn(broker_process *p, const char *config,
                                        const char *pipe_path, hr_why *why);

/* Watch a process that somebody else started. HR_NOT_FOUND: it has ended. */
HR_MUST_USE hr_err broker_process_adopt(broker_process *p, pid_t pid, const char *pipe_path,
                                        hr_why *why);

/* Read what it says into log lines; returns when there is no more for now. */
void broker_process_read(broker_process *p);

/* True when it has ended; then everything of it is released and there is no process. */
bool broker_process_reap(broker_process *p);

/* SIGTERM, and SIGKILL after timeout_ms. Returns when it has ended. */
void broker_process_end(broker_process *p, int timeout_ms);

#endif
