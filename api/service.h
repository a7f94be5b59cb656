/* api/service.h - everything together: opens the parts in order, stops them in reverse. */
#ifndef API_SERVICE_H
#define API_SERVICE_H

#include <stdbool.h>

#include "config.h"

/* Opaque. Threads: started and stopped by one. */
typedef struct api_service api_service;

/* Has somebody asked us to stop? */
typedef bool api_stop_asked(void);

/* Open the data folder and start every part. *out is stopped with api_service_stop.
 * The error of whichever part could not start; nothing is left running then. HR_CLOSED: stop_asked
 * said so before everything was ready. */
HR_MUST_USE hr_err api_service_start(const api_config *config, api_stop_asked *stop_asked,
                                     api_service **out, hr_why *why);

/* True when only a new start can help: a failed fsync, or an engine that no longer tells events. */
bool api_service_is_failed(api_service *service, hr_why *why);

/* Stop taking requests, finish what runs, close everything. NULL is fine. */
void api_service_stop(api_service *service);

/* A one-time link to make the owner's account; NULL when there is an owner. */
const char *api_service_setup_link(const api_service *service);

/* The port the API is served on. */
uint16_t api_service_port(const api_service *service);

#endif
