/* http.h - asks the service's HTTP API. */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "base/buf.h"
#include "base/err.h"

#define SIM_HTTP_ANSWER_BYTES_MAX (64u << 20) /* HR_IO above */
#define SIM_HTTP_TIMEOUT_S 30

/* Keeps its connection. Opaque. Threads: one. */
typedef struct sim_http sim_http;

/* address: "host:port", or with "https://" before it; token: "" for none. NULL without memory. */
sim_http *sim_http_new(const char *address, const char *token);
void sim_http_free(sim_http *http);

/* body NULL: none. The answer's body is put into *answer (cleared first), its status into *status.
 * HR_IO: no answer at all. */
HR_MUST_USE hr_err sim_http_ask(sim_http *http, const char *method, const char *path,
                                const char *body, hr_buf *answer, long *status, hr_why *why);

#endif
