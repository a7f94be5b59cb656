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

/* A table is read by its columns. */
/* clang-format off */
static const api_route table[] = {
    {API_GET, "/v1/health", NONE, NO_BODY, API_RATE_FREE, API_INLINE, route_health,
     "Is everything well", NULL, "Health"},
    {API_GET, "/metrics", NONE, NO_BODY, API_RATE_FREE, API_INLINE, route_metrics,
     "Every number, as Prometheus text", NULL, NULL},
    {API_GET, "/v1/openapi.json", NONE, NO_BODY, API_RATE_FREE, API_INLINE, route_openapi,
     "This description", NULL, NULL},

    {API_POST, "/v1/setup", NONE, SMALL_BODY, API_RATE_LOGIN, API_LANE_PASSWORD, route_setup,
     "The first owner, once", "Setup", "Me"},
    {API_POST, "/v1/login", NONE, SMALL_BODY, API_RATE_LOGIN, API_LANE_PASSWORD, route_login,
     "Begin a session (cookie)", "Login", "Me"},
    {API_POST, "/v1/logout", VIEWER, SMALL_BODY, API_RATE_WRITE, API_LANE_WORK, route_logout,
     "End this session", NULL, NULL},
    {API_GET, "/v1/me", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_me, "Who am I", NULL,
     "Me"},
    {API_PATCH, "/v1/me", VIEWER, SMALL_BODY, API_RATE_LOGIN, API_LANE_PASSWORD, route_me_change,
     "Change one's own password", "PasswordChange", "Me"},
    {API_GET, "/v1/users", OWNER, NO_BODY, API_RATE_READ, API_INLINE, route_users,
     "Everyone with an account", NULL, "UserList"},
    {API_POST, "/v1/users", OWNER, SMALL_BODY, API_RATE_WRITE, API_LANE_PASSWORD, route_user_add,
     "Add a user", "NewUser", "User"},
    {API_PATCH, "/v1/users/{user}", OWNER, SMALL_BODY, API_RATE_WRITE, API_LANE_PASSWORD,
     route_user_change, "Change a user's password or role", "UserChange", "User"},
    {API_DELETE, "/v1/users/{user}", OWNER, NO_BODY, API_RATE_WRITE, API_LANE_WORK,
     route_user_remove, "Remove a user with all sessions and tokens", NULL, NULL},
    {API_GET, "/v1/tokens", VIEWER, NO_BODY, API_RATE_READ, API_INLINE, route_tokens,
     "One's own tokens; everyone's for the owner", NULL, "TokenList"},
    {API_POST, "/v1/tokens", VIEWER, SMALL_BODY, API_RATE_WRITE, API_LANE_WORK, route_token_add,
     "Make a token; its secret is told this once", "NewToken", "TokenMade"},
    {API_DELETE, "/v1/tokens/{id}", VIEWER, NO_BODY, API_RATE_WRITE, API_LANE_WORK,
     route_token_remove, "End a token", NULL, NULL},
    {API_GET, "/v1/audit", OWNER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_audit,
     "Who did what, newest first", NULL, "Audit"},

    {API_GET, "/v1/log", VIEWER, NO_BODY, API_RATE_READ, API_INLINE, route_log,
     "Topics, partitions, and how far they reach", NULL, "Log"},
    {API_GET, "/v1/log/{topic}/{partition}", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK,
     route_log_records, "Records from ?offset on, at most ?limit", NULL, "LogRecords"},
    {API_GET, "/v1/groups", VIEWER, NO_BODY, API_RATE_READ, API_INLINE, route_groups,
     "Every group of consumers and its offsets", NULL, "Offsets"},
    {API_GET, "/v1/groups/{group}/offsets", VIEWER, NO_BODY, API_RATE_READ, API_INLINE,
     route_group_offsets, "How far a group has come", NULL, "Offsets"},
    {API_PUT, "/v1/groups/{group}/offsets", EDITOR, LARGE_BODY, API_RATE_WRITE, API_LANE_WORK,
     route_group_commit, "Say how far a group has come", "NewOffsets", "Offsets"},

    {API_GET, "/tiles/{z}/{x}/{y}", VIEWER, NO_BODY, API_RATE_READ, API_LANE_WORK, route_tile,
     "A tile of the background map", NULL, NULL},
    {API_GET, "/{*}", NONE, NO_BODY, API_RATE_FREE, API_INLINE, route_asset,
     "The dashboard's files", NULL, NULL},
};
/* clang-format on */

const api_route *api_routes(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}
