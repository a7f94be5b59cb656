/* uplink.h - the simulator's connection to the broker: messages out, acknowledgements in. */
#ifndef SIM_UPLINK_H
#define SIM_UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SIM_UPLINK_INFLIGHT_MAX 100 /* messages that the broker has not answered */
#define SIM_UPLINK_ACKS_MAX 4096    /* waiting to be taken; the oldest are dropped */

typedef struct sim_ack {
    uint64_t epoch;
    int64_t seq;
} sim_ack;

/* Where to log in. */
typedef struct sim_login {
    char address[160]; /* "tcp://host:port" */
    char user[72];
    char password[80];
} sim_login;

/* Opaque. Threads: one, beside the connection's own. */
typedef struct sim_uplink sim_uplink;

/* client_id: the name of the session at the broker. Begins to connect and returns. */
HR_MUST_USE hr_err sim_uplink_start(const sim_login *login, const char *client_id, sim_uplink **out,
                                    hr_why *why);
void sim_uplink_stop(sim_uplink *uplink);

/* The broker has taken, or refused, everything that was sent. */
bool sim_uplink_is_idle(sim_uplink *uplink);

bool sim_uplink_is_up(sim_uplink *uplink);

/* HR_TIMEOUT: too many unanswered ones. HR_CLOSED: not connected. Nothing was sent then. */
HR_MUST_USE hr_err sim_uplink_send(sim_uplink *uplink, const char *topic, const void *bytes,
                                   size_t size);

/* The next acknowledgement that came, if any. */
bool sim_uplink_next_ack(sim_uplink *uplink, sim_ack *ack);

/* Until something changes, at most until then (monotonic time). */
void sim_uplink_wait(sim_uplink *uplink, int64_t until_ns);

/* Read {"user","password","host","port"}, as `hedgerow gateway add --json` prints it. */
HR_MUST_USE hr_err sim_login_parse(const char *text, size_t size, sim_login *login, hr_why *why);
HR_MUST_USE hr_err sim_login_load(const char *path, sim_login *login, hr_why *why);

#endif
