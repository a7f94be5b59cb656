/* api/service.h - everything together: opens the parts in order, stops them in reverse. */
#ifndef API_SERVICE_H
#define API_SERVICE_H

#include <stdbool.h>

#include "config.h"

/* Opaque. Threads: started and stopped by one. */
typedef struct api_service api_service;

/* Open the data folder and start every part. *out is stopped with api_service_stop.
 * The error of whichever part could not start; nothing is left running then. */
HR_MUST_USE hr_err api_service_start(const api_config *config, api_service **out, hr_why *why);

/* Stop taking requests, finish what runs, close everything. NULL is fine. */
void api_service_stop(api_service *service);

/* A one-time link to make the owner's account; NULL when there is an owner. */
const char *api_service_setup_link(const api_service *service);

/* The port the API is served on. */
uint16_t api_service_port(const api_service *service);

#endif
