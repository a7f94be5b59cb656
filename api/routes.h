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
api_handler route_login_link;
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

/* routes_fences.c */
api_handler route_fences;
api_handler route_fence;
api_handler route_fence_shape;
api_handler route_fence_versions;
api_handler route_fences_export;
api_handler route_fences_import;
api_handler route_fence_add;
api_handler route_fence_put;
api_handler route_fence_patch;
api_handler route_fence_remove;
api_handler route_fence_restore;

/* routes_gateways.c */
api_handler route_gateways;
api_handler route_gateway_add;
api_handler route_gateway_remove;

/* routes_devices.c */
api_handler route_devices;
api_handler route_device;
api_handler route_device_patch;
api_handler route_device_remove;
api_handler route_device_groups;

/* routes_track.c */
api_handler route_track;

/* routes_query.c */
api_handler route_within;
api_handler route_nearby;
api_handler route_inside;
api_handler route_fence_devices;

/* routes_queries.c */
api_handler route_queries;
api_handler route_query_add;
api_handler route_query;
api_handler route_query_put;
api_handler route_query_remove;
api_handler route_query_start;
api_handler route_query_stop;
api_handler route_query_rows;
api_handler route_query_explain;
api_handler route_query_progress;

/* routes_events.c */
api_handler route_events;
api_handler route_alerts;
api_handler route_alert_ack;

/* routes_farm.c */
api_handler route_farm;
api_handler route_farm_put;

/* routes_sql.c */
api_handler route_sql;

/* routes_rules.c */
api_handler route_rules;
api_handler route_rules_history;
api_handler route_settings;
api_handler route_settings_patch;

/* routes_files.c */
api_handler route_asset;
api_handler route_tile;

#endif
