/* api/routes.h - the handlers that the table of routes names, by file. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "route.h"

/* routes_health.c */
api_handler route_health;
api_handler route_metrics;

#endif
