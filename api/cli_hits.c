/* api/cli_hits.c - the index's hits, which come in no useful order, by point and area. */
#include "cli_hits.h"

#include <stdlib.h>
#include <string.h>

#define RAW_MAX_FIRST 4096

void cli_hits_fini(cli_hits *hits)
{
    free(hits->areas);
    free(hits->raw);
}

static geo_err reserve_raw(cli_hits *hits, size_t needed)
{
    if (needed > hits->raw_max) {
        geo_hit *raw = realloc(hits->raw, needed * sizeof *raw);
        if (raw == NULL) {
            return GEO_NO_MEMORY;
        }
        hits->raw = raw;
        hits->raw_max = needed;
    }
    return GEO_OK;
}

/* All hits of the points into hits->raw, however many there are. */
static geo_err ask(cli_hits *hits, const geo_index_version *version, const geo_point *points,
                   size_t count)
{
    geo_err err = reserve_raw(hits, RAW_MAX_FIRST);
    hits->raw_count = 0;
    for (size_t from = 0; from < count && err == GEO_OK;) {
        size_t found = 0;
        size_t done = 0;
        geo_hit *raw = hits->raw + hits->raw_count;
        size_t room = hits->raw_max - hits->raw_count;
        err = geo_index_query(version, points + from, count - from, raw, room, &found, &done);
        if (err == GEO_OK) {
            for (size_t i = 0; i < found; i++) {
                raw[i].point += (uint32_t)from;
            }
            hits->raw_count += found;
            from += done;
        }
        if (err == GEO_TOO_BIG || (err == GEO_OK && from < count)) {
            err = reserve_raw(hits, 2 * hits->raw_max + 2 * found);
        }
    }
    return err;
}

static int compare_areas(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static void sort_areas(uint32_t *areas, size_t count)
{
    if (count > 16) {
        qsort(areas, count, sizeof *areas, compare_areas);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        uint32_t area = areas[i];
        size_t at = i;
        for (; at > 0 && areas[at - 1] > area; at--) {
            areas[at] = areas[at - 1];
        }
        areas[at] = area;
    }
}

geo_err cli_hits_find(cli_hits *hits, const geo_index_version *version, const geo_point *points,
                      size_t count)
{
    geo_err err = ask(hits, version, points, count);
    if (err == GEO_OK && hits->raw_count > hits->areas_max) {
        uint32_t *areas = realloc(hits->areas, hits->raw_max * sizeof *areas);
        err = areas == NULL ? GEO_NO_MEMORY : GEO_OK;
        hits->areas = areas == NULL ? hits->areas : areas;
        hits->areas_max = areas == NULL ? hits->areas_max : hits->raw_max;
    }
    if (err != GEO_OK) {
        return err;
    }
    /* By counting: first how many each point has, then each hit to its place. */
    uint32_t *starts = hits->starts;
    memset(starts, 0, (count + 1) * sizeof *starts);
    for (size_t i = 0; i < hits->raw_count; i++) {
        starts[hits->raw[i].point + 1]++;
    }
    for (size_t p = 0; p < count; p++) {
        starts[p + 1] += starts[p];
    }
    uint32_t filled[CLI_BATCH];
    memcpy(filled, starts, count * sizeof *filled);
    for (size_t i = 0; i < hits->raw_count; i++) {
        hits->areas[filled[hits->raw[i].point]++] = hits->raw[i].id;
    }
    for (size_t p = 0; p < count; p++) {
        sort_areas(hits->areas + starts[p], starts[p + 1] - starts[p]);
    }
    return GEO_OK;
}
