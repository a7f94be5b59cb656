/* api/route_table.c - every route there is. A row without a role could not be written. */
#include "route.h"
#include "routes.h"

#define NO_BODY 0

static const api_route table[] = {
    {API_GET, "/v1/health", API_ROLE_NONE, NO_BODY, API_RATE_FREE, API_INLINE, route_health,
     "Is everything well", NULL, "Health"},
    {API_GET, "/metrics", API_ROLE_NONE, NO_BODY, API_RATE_FREE, API_INLINE, route_metrics,
     "Every number, as Prometheus text", NULL, NULL},
};

const api_route *api_routes(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}
