/* gateway/gateway.h - the whole of hedgerow-edge: sources, outbox, sender. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "gateway/config.h"

#define GATEWAY_STAGE_MAX 4000 /* fixes on their way to the disk; sources wait above */

/* Threads: any. */
typedef struct gateway gateway;

/* confirm: where to write {"stored":N} after each fsync, N = fixes that the outbox has ever taken;
 * NULL: nowhere. The configuration is borrowed. */
HR_MUST_USE hr_err gateway_start(const config *c, const hr_clock *clock, FILE *confirm,
                                 gateway **out, hr_why *why);

/* Return when stopped by gateway_end(), or when every source has come to its end and the service
 * has acknowledged everything. HR_IO: the disk failed; start again to recover. */
hr_err gateway_wait(gateway *g, hr_why *why);

/* Let gateway_wait() return; may be called from any thread, also more than once. */
void gateway_end(gateway *g);

/* What was taken is written and fsynced first. NULL is fine. */
void gateway_stop(gateway *g);

#endif
