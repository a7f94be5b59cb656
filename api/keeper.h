/* api/keeper.h - the service's housekeeping: what must be done now and then, and by nobody else. */
#ifndef API_KEEPER_H
#define API_KEEPER_H

#include "catalog/catalog.h"
#include "context.h"
#include "engine/engine.h"
#include "log/log.h"

/* Opaque. One thread: lets go of old log files, resolves schedules further ahead, looks
 * at the disk. */
typedef struct keeper keeper;

/* The parts are borrowed, and the engine is ready. */
HR_MUST_USE hr_err keeper_start(const api_context *context, const char *data_path, keeper **out,
                                hr_why *why);

/* NULL is fine. */
void keeper_stop(keeper *keeper);

/* For api_context_add_health(): the disk is filling up, or something of the above fails. */
void keeper_health(void *part, api_health_add *add, void *context);

#endif
