/* geo/csv.h - fixes as lines of CSV: a header, then one fix in each line, read exactly and fast. */
#ifndef GEO_CSV_H
#define GEO_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"
#include "geo/point.h"

#define GEO_CSV_LINE_MAX 4096
#define GEO_CSV_COLUMNS_MAX 8
#define GEO_DEVICE_ID_MAX 64

#define GEO_CSV_U16_UNKNOWN UINT16_MAX
#define GEO_CSV_U8_UNKNOWN UINT8_MAX

typedef struct geo_csv_fix {
    const char *device; /* a part of the line, without a terminator */
    size_t device_size;
    int64_t time_ms;
    geo_point place;
    uint16_t accuracy_dm;
    uint16_t speed_cm_s;
    uint16_t heading_cdeg;
    uint8_t battery_pct;
} geo_csv_fix;

/* Which column stands where, and the day read last, which most lines share. */
typedef struct geo_csv {
    uint8_t columns[GEO_CSV_COLUMNS_MAX];
    uint8_t column_count;
    char day[10];
    int64_t day_ms;
} geo_csv;

/* Lines come without their line end; a carriage return at the end is ignored. */

/* Read the header: device, time, lon and lat, and at will accuracy_m, speed_mps, heading_deg and
 * battery_pct, in any order. A byte order mark is passed over.
 * GEO_SYNTAX, with the reason in *why: a column is missing, unknown or there twice. */
GEO_MUST_USE geo_err geo_csv_header(geo_csv *csv, const char *line, size_t size, geo_why *why);

/* Read one fix. Optional columns may be empty. A field may stand in double quotes. Times that the
 * tracker could not keep (GEO_TIME_MS_MIN..MAX, the year 6429) are out of range.
 * GEO_SYNTAX or GEO_RANGE, with the column and the reason in *why. */
GEO_MUST_USE geo_err geo_csv_row(geo_csv *csv, const char *line, size_t size, geo_csv_fix *fix,
                                 geo_why *why);

/* ISO 8601 (date, T or space, time, fraction, Z or an offset) or whole milliseconds since 1970 UTC.
 * Fractions beyond milliseconds are cut. GEO_SYNTAX: neither, or a date that does not exist. */
GEO_MUST_USE geo_err geo_time_parse(const char *text, size_t size, int64_t *time_ms);

/* Days since 1970-01-01 of a date in the Gregorian calendar; the date must exist. */
int64_t geo_days_of(int64_t year, unsigned month, unsigned day);

#endif
