/* demo.h - the demo farm: waits for the service, logs in, and sees to the fences. */
#ifndef SIM_DEMO_H
#define SIM_DEMO_H

#include <stdbool.h>

#include "base/err.h"
#include "scenario.h"
#include "uplink.h"

typedef struct sim_demo_options {
    const char *program; /* how we were called: `hedgerow` lies beside us */
    const char *data;    /* the service's data folder */
    const char *http;    /* host:port */
    const char *mqtt;    /* host:port; NULL: as the service says */
    const char *token;   /* NULL: the one in DATA/local-token, if there is one */
} sim_demo_options;

/* Wait until the service is ready, make a gateway's login at the first start (kept in
 * DATA/demo-login.json), and add the scenario's fences once (DATA/demo-fences remembers it: what
 * the visitor removes stays away). HR_CLOSED: *stop became true. */
HR_MUST_USE hr_err sim_demo_prepare(const sim_demo_options *options, const sim_scenario *scenario,
                                    const volatile bool *stop, sim_login *login, hr_why *why);

#endif
