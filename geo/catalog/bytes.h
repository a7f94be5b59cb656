/* bytes.h - areas, instants and groups as they stand in the file; private to the catalogue. */
#ifndef CATALOG_BYTES_H
#define CATALOG_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "geo/area.h"
#include "geo/schedule.h"

/* Little-endian: u32 ring_count, u32 vertex_count, u32 ring ends, then i32 lon_e7, i32 lat_e7 of
 * every vertex. The caller frees *bytes. */
GEO_MUST_USE geo_err area_to_bytes(const geo_area *area, uint8_t **bytes, size_t *size);
/* GEO_CORRUPT: not such bytes. */
GEO_MUST_USE geo_err area_from_bytes(const uint8_t *bytes, size_t size, geo_area **out);

/* i64 from_ms, i64 to_ms for each interval. */
GEO_MUST_USE geo_err intervals_to_bytes(const geo_interval *on, uint32_t count, uint8_t **bytes,
                                        size_t *size);
GEO_MUST_USE geo_err intervals_from_bytes(const uint8_t *bytes, size_t size, geo_interval **out,
                                          uint32_t *count);

/* A list of group names from lines of text, sorted and each once. names point into text, a copy. */
typedef struct group_list {
    char *text;
    const char *names[GEO_FENCE_GROUPS_MAX];
    uint32_t count;
} group_list;

/* GEO_CORRUPT: more than GEO_FENCE_GROUPS_MAX. */
GEO_MUST_USE geo_err group_list_from_lines(const char *lines, group_list *out);
void group_list_fini(group_list *list);

/* A schedule as lines: the time zone, then "days from_min to_min" for each time. The caller frees
 * *lines. */
GEO_MUST_USE geo_err schedule_to_lines(const geo_weekly *weekly, char **lines);
/* GEO_CORRUPT: not such lines. */
GEO_MUST_USE geo_err schedule_from_lines(const char *lines, geo_weekly *out);

#endif
