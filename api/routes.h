/* api/routes.h - the handlers that the table of routes names, by file. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "route.h"

/* routes_health.c */
api_handler route_health;
api_handler route_metrics;

/* routes_openapi.c */
api_handler route_openapi;

/* routes_accounts.c */
api_handler route_setup;
api_handler route_login;
api_handler route_logout;
api_handler route_me;
api_handler route_me_change;
api_handler route_users;
api_handler route_user_add;
api_handler route_user_change;
api_handler route_user_remove;
api_handler route_tokens;
api_handler route_token_add;
api_handler route_token_remove;
api_handler route_audit;

/* routes_log.c */
api_handler route_log;
api_handler route_log_records;
api_handler route_groups;
api_handler route_group_offsets;
api_handler route_group_commit;

/* routes_files.c */
api_handler route_asset;
api_handler route_tile;

#endif
