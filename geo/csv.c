/* geo/csv.c - the lines of a CSV file of fixes. */
#include "geo/csv.h"

#include <stdbool.h>
#include <string.h>

#include "geo/json.h"
#include "geo/json_number.h"
#include "geo/tracker_state.h"

enum {
    COLUMN_DEVICE,
    COLUMN_TIME,
    COLUMN_LON,
    COLUMN_LAT,
    COLUMN_ACCURACY,
    COLUMN_SPEED,
    COLUMN_HEADING,
    COLUMN_BATTERY,
    COLUMN_REQUIRED = COLUMN_ACCURACY
};

static const char *const names[GEO_CSV_COLUMNS_MAX] = {
    "device", "time", "lon", "lat", "accuracy_m", "speed_mps", "heading_deg", "battery_pct"};

typedef struct field {
    const char *text;
    size_t size;
} field;

/* The field at *at, which is then behind its comma, or NULL behind the last one. */
static bool next_field(const char **at, const char *end, field *out)
{
    const char *start = *at;
    if (start < end && *start == '"') {
        const char *close = memchr(start + 1, '"', (size_t)(end - start - 1));
        if (close == NULL || (close + 1 < end && close[1] != ',')) {
            return false;
        }
        *out = (field){start + 1, (size_t)(close - start - 1)};
        *at = close + 1 < end ? close + 2 : NULL;
        return true;
    }
    const char *comma = start;
    while (comma < end && *comma != ',') {
        comma++;
    }
    *out = (field){start, (size_t)(comma - start)};
    *at = comma < end ? comma + 1 : NULL;
    return true;
}

static size_t without_return(const char *line, size_t size)
{
    return size > 0 && line[size - 1] == '\r' ? size - 1 : size;
}

static int column_named(field name)
{
    for (int i = 0; i < GEO_CSV_COLUMNS_MAX; i++) {
        if (strlen(names[i]) == name.size && memcmp(names[i], name.text, name.size) == 0) {
            return i;
        }
    }
    return -1;
}

/* What may be shown of a person's text in a message. */
static int shown(size_t size)
{
    return size < 40 ? (int)size : 40;
}

geo_err geo_csv_header(geo_csv *csv, const char *line, size_t size, geo_why *why)
{
    unsigned seen = 0;
    memset(csv, 0, sizeof *csv);
    size_t mark = geo_json_mark(line, size);
    line += mark;
    size -= mark;
    const char *end = line + without_return(line, size);
    for (const char *at = line; at != NULL;) {
        field name;
        if (!next_field(&at, end, &name)) {
            return geo_why_set(why, GEO_SYNTAX, "header: a quote is not closed");
        }
        int column = column_named(name);
        if (column < 0) {
            return geo_why_set(why, GEO_SYNTAX,
                               "header: unknown column \"%.*s\"; the columns are device,time,lon,"
                               "lat,accuracy_m,speed_mps,heading_deg,battery_pct",
                               shown(name.size), name.text);
        }
        if ((seen >> column & 1) != 0) {
            return geo_why_set(why, GEO_SYNTAX, "header: column %s is there twice", names[column]);
        }
        seen |= 1u << column;
        csv->columns[csv->column_count++] = (uint8_t)column;
    }
    for (int i = 0; i < COLUMN_REQUIRED; i++) {
        if ((seen >> i & 1) == 0) {
            return geo_why_set(why, GEO_SYNTAX, "header: column %s is missing", names[i]);
        }
    }
    return GEO_OK;
}

static bool device_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
}

static bool device_valid(field id)
{
    if (id.size == 0 || id.size > GEO_DEVICE_ID_MAX || strchr("._:-", id.text[0]) != NULL) {
        return false;
    }
    for (size_t i = 0; i < id.size; i++) {
        if (!device_letter(id.text[i])) {
            return false;
        }
    }
    return true;
}

/* The usual coordinate, [-]1-3 digits, a point, 1-7 digits: at most 10 digits, so no check of
 * overflow is needed. Anything else is left to the exact reader. */
static geo_err read_degrees(field f, int32_t max_e7, int32_t *out)
{
    static const int32_t scales[] = {0, 1000000, 100000, 10000, 1000, 100, 10, 1};
    const char *at = f.text;
    const char *end = f.text + f.size;
    bool negative = at < end && *at == '-';
    at += negative;
    int64_t value = 0;
    const char *whole = at;
    for (; at < end && (unsigned char)(*at - '0') <= 9; at++) {
        value = value * 10 + (*at - '0');
        if (at - whole == 3) {
            break;
        }
    }
    bool plain = at > whole && at - whole <= 3 && at < end && *at == '.';
    const char *fraction = plain ? at + 1 : at;
    if (plain && end - fraction >= 1 && end - fraction <= 7) {
        for (at = fraction; at < end && (unsigned char)(*at - '0') <= 9; at++) {
            value = value * 10 + (*at - '0');
        }
        plain = at == end;
        value *= scales[end - fraction];
        value = negative ? -value : value;
    } else {
        plain = false;
    }
    geo_err err = plain ? GEO_OK : geo_number_parse(f.text, f.size, 7, &value);
    if (err == GEO_OK && (value > max_e7 || value < -(int64_t)max_e7)) {
        err = GEO_RANGE;
    }
    *out = (int32_t)value;
    return err;
}

/* "2026-11-20T08:00:00" with ".123" or none and "Z": of the day only the comparison is needed when
 * it is the same as before. Anything else is left to geo_time_parse. */
static geo_err read_time(geo_csv *csv, field f, int64_t *time_ms)
{
    const char *t = f.text;
    bool usual = (f.size == 20 || f.size == 24) && t[10] == 'T' && t[13] == ':' && t[16] == ':' &&
                 t[f.size - 1] == 'Z' && (f.size == 20 || t[19] == '.') && csv->day[0] != '\0' &&
                 memcmp(t, csv->day, sizeof csv->day) == 0;
    if (!usual) {
        geo_err err = geo_time_parse(t, f.size, time_ms);
        if (err == GEO_OK && f.size >= 20 && t[f.size - 1] == 'Z') {
            memcpy(csv->day, t, sizeof csv->day);
            csv->day_ms = *time_ms - ((*time_ms % 86400000) + 86400000) % 86400000;
        }
        return err;
    }
    static const uint8_t places[] = {11, 12, 14, 15, 17, 18, 20, 21, 22};
    static const int32_t weights[] = {36000000, 3600000, 600000, 60000, 10000, 1000, 100, 10, 1};
    int32_t in_day = 0;
    for (unsigned i = 0; i < (f.size == 20 ? 6u : 9u); i++) {
        unsigned digit = (unsigned char)(t[places[i]] - '0');
        if (digit > 9) {
            return GEO_SYNTAX;
        }
        in_day += (int32_t)digit * weights[i];
    }
    if (t[14] > '5' || t[17] > '5' || in_day >= 86400000) {
        return GEO_SYNTAX;
    }
    *time_ms = csv->day_ms + in_day;
    return GEO_OK;
}

/* A number that is not negative in units of 10^-scale; empty is unknown; above max is max or, for
 * what has a natural end, out of range. */
static geo_err read_unsigned(field f, unsigned scale, uint16_t max, bool clamp, uint16_t *out)
{
    int64_t value = 0;
    if (f.size == 0) {
        return GEO_OK;
    }
    geo_err err = geo_number_parse(f.text, f.size, scale, &value);
    if (err == GEO_OK && (value < 0 || (value > max && !clamp))) {
        err = GEO_RANGE;
    }
    if (err == GEO_RANGE && clamp && f.text[0] != '-') {
        value = max;
        err = GEO_OK;
    }
    if (err == GEO_OK) {
        *out = value > max ? max : (uint16_t)value;
    }
    return err;
}

static geo_err read_column(geo_csv *csv, int column, field f, geo_csv_fix *fix)
{
    uint16_t battery = 0;
    geo_err err = GEO_OK;
    switch (column) {
    case COLUMN_DEVICE:
        fix->device = f.text;
        fix->device_size = f.size;
        return device_valid(f) ? GEO_OK : GEO_SYNTAX;
    case COLUMN_TIME:
        err = read_time(csv, f, &fix->time_ms);
        return err == GEO_OK && (fix->time_ms > GEO_TIME_MS_MAX || fix->time_ms < GEO_TIME_MS_MIN)
                   ? GEO_RANGE
                   : err;
    case COLUMN_LON:
        return read_degrees(f, GEO_LON_E7_MAX, &fix->place.lon_e7);
    case COLUMN_LAT:
        return read_degrees(f, GEO_LAT_E7_MAX, &fix->place.lat_e7);
    case COLUMN_ACCURACY:
        return read_unsigned(f, 1, GEO_CSV_U16_UNKNOWN - 1, true, &fix->accuracy_dm);
    case COLUMN_SPEED:
        return read_unsigned(f, 2, GEO_CSV_U16_UNKNOWN - 1, true, &fix->speed_cm_s);
    case COLUMN_HEADING:
        return read_unsigned(f, 2, 36000, false, &fix->heading_cdeg);
    default:
        err = read_unsigned(f, 0, 100, false, &battery);
        fix->battery_pct = f.size == 0 ? GEO_CSV_U8_UNKNOWN : (uint8_t)battery;
        return err;
    }
}

static geo_err tell_wrong(geo_err err, int column, field f, geo_why *why)
{
    static const char *const wanted[GEO_CSV_COLUMNS_MAX] = {
        "an id of 1-64 A-Z a-z 0-9 . _ : - that begins with a letter or a digit",
        "a time like 2026-11-20T08:00:00Z, with Z or an offset, or milliseconds since 1970",
        "a number from -180 to 180",
        "a number from -90 to 90",
        "a number of metres, not negative, or nothing",
        "a number of metres in a second, not negative, or nothing",
        "a number from 0 to 360, or nothing",
        "a number from 0 to 100, or nothing",
    };
    return geo_why_set(why, err, "%s \"%.*s\" is not %s", names[column], shown(f.size), f.text,
                       wanted[column]);
}

geo_err geo_csv_row(geo_csv *csv, const char *line, size_t size, geo_csv_fix *fix, geo_why *why)
{
    const char *at = line;
    const char *end = line + without_return(line, size);
    fix->accuracy_dm = GEO_CSV_U16_UNKNOWN;
    fix->speed_cm_s = GEO_CSV_U16_UNKNOWN;
    fix->heading_cdeg = GEO_CSV_U16_UNKNOWN;
    fix->battery_pct = GEO_CSV_U8_UNKNOWN;
    for (unsigned i = 0; i < csv->column_count; i++) {
        field f;
        if (at == NULL) {
            return geo_why_set(why, GEO_SYNTAX, "%u fields, but %u columns", i,
                               (unsigned)csv->column_count);
        }
        if (!next_field(&at, end, &f)) {
            return geo_why_set(why, GEO_SYNTAX, "%s: a quote is not closed",
                               names[csv->columns[i]]);
        }
        geo_err err = read_column(csv, csv->columns[i], f, fix);
        if (err != GEO_OK) {
            return tell_wrong(err, csv->columns[i], f, why);
        }
    }
    if (at != NULL) {
        return geo_why_set(why, GEO_SYNTAX, "more fields than the %u columns",
                           (unsigned)csv->column_count);
    }
    return GEO_OK;
}
