/* api/route_table.c - every route there is. A row without a role could not be written. */
#include "route.h"
#include "routes.h"

#define NONE API_ROLE_NONE
#define VIEWER API_ROLE_VIEWER
#define EDITOR API_ROLE_EDITOR
#define OWNER API_ROLE_OWNER

#define NO_BODY 0
#define SMALL_BODY 4096u
#define LARGE_BODY (1u << 20)
#define SQL_BODY (64u << 10)
#define FENCE_BODY (8u << 20)
#define IMPORT_BODY (50u << 20)

/* A table is read by its columns. */
/* clang-format off */
#define PARAMS(...) (const api_known_param[]){__VA_ARGS__, {0}}
#define TEXT "{\"type\":\"string\"}"
#define WHOLE "{\"type\":\"integer\"}"
#define NUMBER "{\"type\":\"number\"}"
#define TRUTH "{\"type\":\"boolean\"}"
#define NEEDED API_PARAM_REQUIRED

/* What means the same wherever it is taken. Times may be milliseconds too. */
#define LIMIT {"limit", WHOLE, "At most so many", 0}
#define AFTER_ID {"after", TEXT, "Go on behind this id", 0}
#define AFTER_OFFSET {"after", WHOLE, "Go on behind this offset: `next` of the last answer", 0}
#define BEFORE(what) {"before", WHOLE, "Go on with what is older than this " what, 0}
#define FROM {"from", TEXT, "From this time on: ISO 8601, or ms since 1970", 0}
#define TO {"to", TEXT, "Before this time: ISO 8601, or ms since 1970", 0}

#define IF_MATCH {"If-Match", TEXT, "Only if this is still its ETag", API_PARAM_HEADER}
#define IF_NONE_MATCH {"If-None-Match", TEXT, "\"*\": only if it is not there", API_PARAM_HEADER}

static const api_route table[] = {
    {API_GET, "/v1/health", NONE, NO_BODY, API_RATE_FREE, API_INLINE, route_health,
     "Is everything well", NULL, "Health", NULL},
    {API_GET, "/metrics", NONE, NO_BODY, API_RATE_FREE, API_INLINE, route_metrics,
     "Every number, as Prometheus text", NULL, NULL, NULL},
    {API_GET, "/v1/openapi.json", NONE, NO_BODY, API_RATE_FREE, API_INLINE, route_openapi,
     "This description", NULL, NULL, NULL},

    {API_POST, "/v1/setup", NONE, SMALL_BODY, API_RATE_LOGIN, API_LANE_PASSWORD, route_setup,
     "The first owner, once", "Setup", "Me", NULL},
    {API_POST, "/v1/login", NONE, SMALL_BODY, API_RATE_LOGIN, API_LANE_PASSWORD, route_login,
     "Begin a session (cookie)", "Login", "Me", NULL},
    {API_POST, "/v1/login-link", OWNER, SMALL_BODY, API_RATE_WRITE, API_LANE_PASSWORD,
     route_login_link, "A link that logs the owner in, once", "Nothing", "LoginLink", NULL},
    {API_POST, "/v1/logout", VIEWER, SMALL_BODY, API_RATE_WRITE, API_LANE_CHANGE, route_logout,
     "End this session", "Nothing", NULL, NULL},
    {API_GET, "/v1/me", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_me, "Who am I", NULL,
     "Me", NULL},
    {API_PATCH, "/v1/me", VIEWER, SMALL_BODY, API_RATE_LOGIN, API_LANE_PASSWORD, route_me_change,
     "Change one's own password", "PasswordChange", "Me", NULL},
    {API_GET, "/v1/users", OWNER, NO_BODY, API_RATE_READ, API_INLINE, route_users,
     "Everyone with an account", NULL, "UserList", NULL},
    {API_POST, "/v1/users", OWNER, SMALL_BODY, API_RATE_WRITE, API_LANE_PASSWORD, route_user_add,
     "Add a user", "NewUser", "User", NULL},
    {API_PATCH, "/v1/users/{user}", OWNER, SMALL_BODY, API_RATE_WRITE, API_LANE_PASSWORD,
     route_user_change, "Change a user's password or role", "UserChange", "User", NULL},
    {API_DELETE, "/v1/users/{user}", OWNER, NO_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_user_remove, "Remove a user with all sessions and tokens", NULL, NULL, NULL},
    {API_GET, "/v1/tokens", VIEWER, NO_BODY, API_RATE_READ, API_INLINE, route_tokens,
     "One's own tokens; everyone's for the owner", NULL, "TokenList", NULL},
    {API_POST, "/v1/tokens", VIEWER, SMALL_BODY, API_RATE_WRITE, API_LANE_CHANGE, route_token_add,
     "Make a token; its secret is told this once", "NewToken", "TokenMade", NULL},
    {API_DELETE, "/v1/tokens/{id}", VIEWER, NO_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_token_remove, "End a token", NULL, NULL, NULL},
    {API_GET, "/v1/audit", OWNER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_audit,
     "Who did what, newest first", NULL, "Audit", PARAMS(BEFORE("entry"), LIMIT)},

    {API_POST, "/v1/query/within", VIEWER, LARGE_BODY, API_RATE_READ, API_INLINE, route_within,
     "Devices whose latest fix lies in a GeoJSON geometry", "Geometry", "DevicesAsOf", NULL},
    {API_GET, "/v1/query/nearby", VIEWER, NO_BODY, API_RATE_READ, API_INLINE, route_nearby,
     "The nearest devices", NULL, "DevicesAsOf",
     PARAMS({"lon", NUMBER, "In degrees", NEEDED}, {"lat", NUMBER, "In degrees", NEEDED},
            {"radius_m", NUMBER, "How far they may be", NEEDED}, LIMIT)},
    {API_GET, "/v1/query/inside", VIEWER, NO_BODY, API_RATE_READ, API_INLINE, route_inside,
     "The fences that a device is in", NULL, "Inside", PARAMS({"device", TEXT, "Its id", NEEDED})},

    {API_GET, "/v1/fences", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_fences,
     "Fences by id", NULL, "FencePage",
     PARAMS(AFTER_ID, LIMIT, {"removed", TRUTH, "Those that can be restored instead", 0})},
    {API_POST, "/v1/fences", EDITOR, FENCE_BODY, API_RATE_WRITE, API_LANE_CHANGE, route_fence_add,
     "Add a fence", "Feature", "Feature", NULL},
    {API_POST, "/v1/fences/import", EDITOR, IMPORT_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_fences_import, "Add many, all or none", "FeatureCollection", "Imported",
     PARAMS({"replace", TRUTH, "Take the place of fences that are there", 0},
            {"close_rings", TRUTH, "Close rings that are open", 0})},
    {API_GET, "/v1/export/fences", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK,
     route_fences_export, "All fences as one file", NULL, "FeatureCollection", NULL},
    {API_GET, "/v1/fences/{id}", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_fence,
     "One fence, with its ETag", NULL, "Feature",
     PARAMS({"revision", WHOLE, "An older one", 0})},
    {API_PUT, "/v1/fences/{id}", EDITOR, FENCE_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_fence_put, "Add or replace a fence", "Feature", "Feature",
     PARAMS(IF_MATCH, IF_NONE_MATCH)},
    {API_PATCH, "/v1/fences/{id}", EDITOR, FENCE_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_fence_patch, "Change members of a fence (merge patch)", "Feature", "Feature",
     PARAMS(IF_MATCH)},
    {API_DELETE, "/v1/fences/{id}", EDITOR, NO_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_fence_remove, "Remove a fence", NULL, NULL, PARAMS(IF_MATCH)},
    {API_GET, "/v1/fences/{id}/devices", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK,
     route_fence_devices, "Who is inside, by the tracker's state", NULL, "DevicesAsOf", NULL},
    {API_GET, "/v1/fences/{id}/shape", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK,
     route_fence_shape, "What decisions are made of: circles and corridors as polygons", NULL,
     "Geometry", NULL},
    {API_GET, "/v1/fences/{id}/versions", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK,
     route_fence_versions, "Who changed it, and when", NULL, "FenceVersions",
     PARAMS(BEFORE("revision"), LIMIT)},
    {API_POST, "/v1/fences/{id}/restore", EDITOR, SMALL_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_fence_restore, "Make an older revision the newest", "Restore", "Feature",
     PARAMS(IF_MATCH)},

    {API_GET, "/v1/devices", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_devices,
     "Devices by id, each with its latest fix", NULL, "DevicePage",
     PARAMS(AFTER_ID, LIMIT)},
    {API_GET, "/v1/devices/{id}", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_device,
     "One device", NULL, "Device", NULL},
    {API_PATCH, "/v1/devices/{id}", EDITOR, SMALL_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_device_patch, "Change name, groups, stale_after_s", "DeviceChange", "Device",
     PARAMS(IF_MATCH)},
    {API_DELETE, "/v1/devices/{id}", EDITOR, NO_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_device_remove, "Forget what was said about it, until it is heard of again", NULL,
     NULL, PARAMS(IF_MATCH)},
    {API_GET, "/v1/devices/{id}/track", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK,
     route_track, "Where it was", NULL, "Track",
     PARAMS(FROM, TO, {"format", "{\"enum\":[\"geojson\",\"gpx\",\"csv\"]}", "As what", 0})},
    {API_GET, "/v1/device-groups", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK,
     route_device_groups, "Groups that a fence or a device is in", NULL, "DeviceGroups", NULL},

    {API_GET, "/v1/gateways", OWNER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_gateways,
     "Who may speak to our broker", NULL, "Gateways", NULL},
    {API_POST, "/v1/gateways", OWNER, SMALL_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_gateway_add, "Let a gateway or a reader in; its password is told this once",
     "NewGateway", "Gateway", NULL},
    {API_DELETE, "/v1/gateways/{name}", OWNER, NO_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_gateway_remove, "Shut it out at once", NULL, NULL, NULL},

    {API_GET, "/v1/events", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_events,
     "What happened, oldest first; below `before` newest first", NULL, "Events",
     PARAMS({"fence", TEXT, "Of this one", 0}, {"device", TEXT, "Of this one", 0},
            {"kind", "{\"enum\":[\"enter\",\"exit\",\"cross\",\"dwell\",\"approach\",\"stale\"]}",
             "Of this kind", 0},
            {"severity", "{\"enum\":[\"info\",\"warning\",\"alarm\"]}", "Of this severity", 0},
            {"late", TRUTH, "Only late ones, or only those in time", 0},
            FROM, TO, AFTER_OFFSET, BEFORE("offset: `next` of the last answer"), LIMIT)},
    {API_GET, "/v1/alerts", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_alerts,
     "Alarms and warnings, newest first", NULL, "Alerts",
     PARAMS({"state", "{\"enum\":[\"open\",\"all\"]}", "Open ones, or all", 0},
            BEFORE("offset: `next` of the last answer"), LIMIT)},
    {API_POST, "/v1/alerts/{offset}/ack", EDITOR, SMALL_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_alert_ack, "Say that somebody has seen to it", "Ack", "AckDone", NULL},

    {API_GET, "/v1/queries", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_queries,
     "Standing queries and how they are", NULL, "Queries", NULL},
    {API_POST, "/v1/queries", EDITOR, SQL_BODY, API_RATE_WRITE, API_LANE_WORK, route_query_add,
     "Add a standing query", "QueryDefinition", "Query", NULL},
    {API_GET, "/v1/queries/{name}", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_query,
     "One standing query", NULL, "Query", NULL},
    {API_PUT, "/v1/queries/{name}", EDITOR, SQL_BODY, API_RATE_WRITE, API_LANE_WORK,
     route_query_put, "Add or replace one; it begins anew", "QueryDefinition", "Query", NULL},
    {API_DELETE, "/v1/queries/{name}", EDITOR, NO_BODY, API_RATE_WRITE, API_LANE_WORK,
     route_query_remove, "Remove one", NULL, NULL, NULL},
    {API_POST, "/v1/queries/{name}/start", EDITOR, SMALL_BODY, API_RATE_WRITE, API_LANE_WORK,
     route_query_start, "Begin anew", "Nothing", "Query", NULL},
    {API_POST, "/v1/queries/{name}/stop", EDITOR, SMALL_BODY, API_RATE_WRITE, API_LANE_WORK,
     route_query_stop, "Stop counting; the last rows stay", "Nothing", "Query", NULL},
    {API_GET, "/v1/queries/{name}/rows", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK,
     route_query_rows, "Its answer: open windows, then ended ones, newest first", NULL,
     "QueryRows",
     PARAMS(LIMIT)},
    {API_GET, "/v1/queries/{name}/explain", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK,
     route_query_explain, "How it is answered, and what it may cost", NULL, "QueryPlan", NULL},
    {API_GET, "/v1/queries/{name}/progress", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK,
     route_query_progress, "What it has read and told, now and recently", NULL, "QueryProgress",
     NULL},

    {API_POST, "/v1/sql", VIEWER, SQL_BODY, API_RATE_SQL, API_LANE_SQL, route_sql,
     "One select over device, fence, inside, event, track", "Sql", "SqlRows", NULL},

    {API_GET, "/v1/rules", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_rules_history,
     "Versions of the rules, newest first", NULL, "RulesHistory",
     PARAMS(BEFORE("version"), LIMIT)},
    {API_GET, "/v1/rules/{version}", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_rules,
     "A version, whole, as decisions read it", NULL, "Rules", NULL},
    {API_GET, "/v1/settings", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_settings,
     "Settings of the rules", NULL, "Settings", NULL},
    {API_PATCH, "/v1/settings", OWNER, SMALL_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_settings_patch, "Change some", "SettingsChange", "Settings", PARAMS(IF_MATCH)},

    {API_GET, "/v1/farm", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_farm,
     "The farm's name, and the map under it", NULL, "Farm", NULL},
    {API_PUT, "/v1/farm", OWNER, SMALL_BODY, API_RATE_WRITE, API_LANE_CHANGE, route_farm_put,
     "Name the farm, and an online map", "Farm", "Farm", NULL},

    {API_GET, "/v1/log", VIEWER, NO_BODY, API_RATE_READ, API_INLINE, route_log,
     "Topics, partitions, and how far they reach", NULL, "Log", NULL},
    {API_GET, "/v1/log/{topic}/{partition}", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK,
     route_log_records, "Records of a partition, in order", NULL, "LogRecords",
     PARAMS({"offset", WHOLE, "The first; else the oldest there is", 0}, LIMIT)},
    {API_GET, "/v1/groups", VIEWER, NO_BODY, API_RATE_READ, API_INLINE, route_groups,
     "Every group of consumers and its offsets", NULL, "Offsets", NULL},
    {API_GET, "/v1/groups/{group}/offsets", VIEWER, NO_BODY, API_RATE_READ, API_INLINE,
     route_group_offsets, "How far a group has come", NULL, "Offsets", NULL},
    {API_PUT, "/v1/groups/{group}/offsets", EDITOR, LARGE_BODY, API_RATE_WRITE, API_LANE_CHANGE,
     route_group_commit, "Say how far a group has come", "NewOffsets", "Offsets", NULL},

    {API_GET, "/tiles/{z}/{x}/{y}", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_tile,
     "A tile of the background map", NULL, NULL, NULL},
    {API_GET, "/{*}", NONE, NO_BODY, API_RATE_FREE, API_INLINE, route_asset,
     "The dashboard's files", NULL, NULL, NULL},
};
/* clang-format on */

const api_route *api_routes(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}
