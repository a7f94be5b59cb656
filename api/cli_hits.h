/* api/cli_hits.h - which areas many points lie in, point by point, for join and replay. */
#ifndef API_CLI_HITS_H
#define API_CLI_HITS_H

#include <stddef.h>
#include <stdint.h>

#include "geo/index.h"

#define CLI_BATCH 1024

/* The areas of point p are areas[starts[p] .. starts[p + 1]), ascending. */
typedef struct cli_hits {
    uint32_t starts[CLI_BATCH + 1];
    uint32_t *areas;
    geo_hit *raw; /* as the index gives them */
    size_t raw_count;
    size_t raw_max;
    size_t areas_max;
} cli_hits;

/* Zeroed before the first use; freed with cli_hits_fini. */
void cli_hits_fini(cli_hits *hits);

/* Ask for at most CLI_BATCH points. GEO_NO_MEMORY. */
GEO_MUST_USE geo_err cli_hits_find(cli_hits *hits, const geo_index_version *version,
                                   const geo_point *points, size_t count);

#endif
