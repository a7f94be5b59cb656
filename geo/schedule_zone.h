/* geo/schedule_zone.h - a time zone from zoneinfo: local times and UTC, without the process's TZ.
 */
#ifndef GEO_SCHEDULE_ZONE_H
#define GEO_SCHEDULE_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"

#define GEO_ZONE_FILE_BYTES_MAX 65536
#define GEO_ZONEINFO_DEFAULT "/usr/share/zoneinfo"

/* Opaque, immutable. */
typedef struct geo_zone geo_zone;

/* Read a zone by its name ("Europe/Stockholm"). zoneinfo is the folder; NULL: the system's.
 * GEO_NOT_FOUND: no such zone. GEO_SYNTAX: a damaged file. GEO_NO_MEMORY. */
GEO_MUST_USE geo_err geo_zone_open(const char *zoneinfo, const char *name, geo_zone **out);

/* The same from the bytes of a TZif file. */
GEO_MUST_USE geo_err geo_zone_parse(const uint8_t *bytes, size_t size, geo_zone **out);
void geo_zone_free(geo_zone *zone);

/* Seconds to add to UTC at an instant. */
int32_t geo_zone_offset_s(const geo_zone *zone, int64_t utc_s);

/* The instants that have a local time (seconds since 1970 as the clock on the wall shows them). One
 * that is skipped has the instant of the skip for both; one that comes twice has its first and its
 * second. */
void geo_zone_instants(const geo_zone *zone, int64_t local_s, int64_t *first_s, int64_t *last_s);

#endif
