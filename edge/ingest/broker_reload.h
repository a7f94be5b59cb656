/* ingest/broker_reload.h - when mosquitto may be told to read its users again.
 *
 * A durable session that it restored from its file keeps no password. On a reload it takes such a
 * session for one that may not log in any more, and delivers nothing of what comes until the client
 * has connected again. So after each start of the broker a reload waits until the service's own
 * session has come back: then the broker is "settled". Until it is, a file asks for the reload. */
#ifndef INGEST_BROKER_RELOAD_H
#define INGEST_BROKER_RELOAD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Whether the broker's next start will restore the service's session from its file. */
bool broker_stored_session(const char *folder);

/* A broker is about to start: it will read the files as they are. */
void broker_reload_forget(const char *folder);

/* That process knows the service's session. */
HR_MUST_USE hr_err broker_settle(const char *folder, pid_t pid, hr_why *why);
bool broker_is_settled(const char *folder, pid_t pid);

/* Users have changed: tell a running broker, or leave it to the service that watches it. */
HR_MUST_USE hr_err broker_reload_ask(const char *folder, hr_why *why);

/* A reload was asked for, and nobody could do it then. */
bool broker_reload_is_wanted(const char *folder);

/* Tell that process now. */
void broker_reload_now(const char *folder, pid_t pid);

/* Wait a little until what was asked for is done; false if it will be later. */
bool broker_reload_wait(const char *folder);

#endif
