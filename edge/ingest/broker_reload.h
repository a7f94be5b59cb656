/* ingest/broker_reload.h - when and how mosquitto may be told to read its users again.
 *
 * A durable session that it restored from its file keeps no password. On a reload it takes such a
 * session for one that may not log in any more, and delivers nothing of what comes until the client
 * has connected again. So after each start of the broker a reload waits until the service's own
 * session has come back: then the broker is "settled". Until it is, a file asks for the reload.
 * Readers may stay away for days: a broker that has restored sessions of theirs is never reloaded,
 * but ended and started again, which keeps every session and makes it read its users too. */
#ifndef INGEST_BROKER_RELOAD_H
#define INGEST_BROKER_RELOAD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Whose sessions the broker's next start will restore from its file; what cannot be told is yes. */
typedef struct broker_stored {
    bool has_service;
    bool has_reader; /* any */
} broker_stored;

broker_stored broker_stored_sessions(const char *folder);

/* A broker is about to start: it will read the files as they are. */
void broker_reload_forget(const char *folder);

/* That process may be told from now on: with SIGHUP, or by ending it. */
typedef enum broker_manner {
    BROKER_BY_RELOAD,
    BROKER_BY_RESTART,
} broker_manner;

HR_MUST_USE hr_err broker_settle(const char *folder, pid_t pid, broker_manner manner, hr_why *why);

/* False: not yet. *manner gets what was said of the one that last was; may be NULL. */
bool broker_is_settled(const char *folder, pid_t pid, broker_manner *manner);

/* Users have changed: tell a running broker, or leave it to the service that watches it. An error:
 * neither, the broker goes on with the users it knows. */
HR_MUST_USE hr_err broker_reload_ask(const char *folder, hr_why *why);

/* A reload was asked for, and nobody could do it then. */
bool broker_reload_is_wanted(const char *folder);

/* Tell that process now. Whoever watches it starts it again at once if it ends for this. */
void broker_reload_now(const char *folder, pid_t pid, broker_manner manner);

/* Wait a little until what was asked for is done, and the broker accepts connections if there is
 * one; false if it will be later. */
bool broker_reload_wait(const char *folder);

#endif
