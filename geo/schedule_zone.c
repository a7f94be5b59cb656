/* geo/schedule_zone.c - TZif files (RFC 8536), versions 2 to 4: 64-bit transitions, and behind them
 * a rule in the form of POSIX's TZ for all time after. */
#include "geo/schedule_zone.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geo/csv.h"

#define HEADER_SIZE 44
#define DAY_S 86400
/* No zone is farther from UTC than this. */
#define OFFSET_S_MAX (26 * 3600)

typedef struct transition {
    int64_t utc_s;
    int32_t offset_s; /* from then on */
} transition;

/* When the clocks change in every year: in POSIX's TZ "M3.5.0/2", "J60" or "59". */
typedef struct yearly {
    char kind;    /* 'M', 'J', or '0' for a day that counts leap days */
    int month;    /* of M */
    int week;     /* of M; 5: the last */
    int day;      /* of the week for M, of the year else */
    int32_t at_s; /* local time of the day; may be negative or beyond the day */
} yearly;

struct geo_zone {
    uint32_t count;
    int32_t first_offset_s; /* before the first transition */
    bool has_rule;          /* standard and daylight below hold after the last transition */
    bool has_daylight;
    int32_t standard_s;
    int32_t daylight_s;
    yearly daylight_begins;
    yearly daylight_ends;
    transition transitions[];
};

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int64_t get_i64(const uint8_t *bytes)
{
    return (int64_t)((uint64_t)get_u32(bytes) << 32 | get_u32(bytes + 4));
}

/* ---- the rule behind the transitions ---- */

static bool read_int(const char **at, int max, int *out)
{
    const char *start = *at;
    *out = 0;
    while (**at >= '0' && **at <= '9' && *out <= max) {
        *out = *out * 10 + (**at - '0');
        (*at)++;
    }
    return *at > start && *out <= max;
}

/* [+-]h[h][:mm[:ss]] in seconds. */
static bool read_clock(const char **at, int32_t *out)
{
    int hours = 0;
    int minutes = 0;
    int seconds = 0;
    bool negative = **at == '-';
    *at += **at == '-' || **at == '+';
    if (!read_int(at, 167, &hours)) {
        return false;
    }
    if (**at == ':') {
        (*at)++;
        if (!read_int(at, 59, &minutes)) {
            return false;
        }
        if (**at == ':') {
            (*at)++;
            if (!read_int(at, 59, &seconds)) {
                return false;
            }
        }
    }
    *out = (hours * 3600 + minutes * 60 + seconds) * (negative ? -1 : 1);
    return true;
}

/* "CET" or "<+03>". */
static bool pass_name(const char **at)
{
    const char *start = *at;
    if (**at == '<') {
        const char *close = strchr(*at, '>');
        *at = close == NULL ? *at : close + 1;
        return close != NULL;
    }
    while ((**at >= 'A' && **at <= 'Z') || (**at >= 'a' && **at <= 'z')) {
        (*at)++;
    }
    return *at - start >= 3;
}

static bool read_yearly(const char **at, yearly *out)
{
    out->at_s = 2 * 3600;
    out->kind = '0';
    if (**at == 'M') {
        out->kind = 'M';
        (*at)++;
        bool sound = read_int(at, 12, &out->month) && *(*at)++ == '.' &&
                     read_int(at, 5, &out->week) && *(*at)++ == '.' && read_int(at, 6, &out->day);
        if (!sound || out->month < 1 || out->week < 1) {
            return false;
        }
    } else {
        if (**at == 'J') {
            out->kind = 'J';
            (*at)++;
        }
        if (!read_int(at, 365, &out->day) || (out->kind == 'J' && out->day == 0)) {
            return false;
        }
    }
    if (**at == '/') {
        (*at)++;
        return read_clock(at, &out->at_s);
    }
    return true;
}

static bool read_rule(const char *text, geo_zone *zone)
{
    const char *at = text;
    int32_t west_s = 0;
    if (*at == '\0') {
        return true;
    }
    if (!pass_name(&at) || !read_clock(&at, &west_s)) {
        return false;
    }
    zone->has_rule = true;
    zone->standard_s = -west_s;
    if (*at == '\0') {
        return true;
    }
    zone->has_daylight = true;
    zone->daylight_s = zone->standard_s + 3600;
    if (!pass_name(&at)) {
        return false;
    }
    if (*at != ',') {
        if (!read_clock(&at, &west_s)) {
            return false;
        }
        zone->daylight_s = -west_s;
    }
    return *at++ == ',' && read_yearly(&at, &zone->daylight_begins) && *at++ == ',' &&
           read_yearly(&at, &zone->daylight_ends) && *at == '\0';
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The local time of the change in a year, as seconds since 1970 by the wall clock before it. */
static int64_t yearly_local_s(const yearly *y, int64_t year)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day;
    if (y->kind == 'M') {
        int64_t first = geo_days_of(year, (unsigned)y->month, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
        day = first + (y->day - weekday + 7) % 7 + 7 * (int64_t)(y->week - 1);
        int64_t length = lengths[y->month - 1] + (y->month == 2 && is_leap(year));
        while (day >= first + length) {
            day -= 7;
        }
    } else {
        day = geo_days_of(year, 1, 1) + y->day;
        if (y->kind == 'J') {
            /* J60 is the first of March in every year. */
            day += (is_leap(year) && y->day >= 60 ? 1 : 0) - 1;
        }
    }
    return day * DAY_S + y->at_s;
}

/* The year of an instant, found from its day. */
static int64_t year_of(int64_t utc_s)
{
    int64_t days = utc_s / DAY_S - (utc_s % DAY_S < 0);
    int64_t year = 1970 + days / 366;
    while (geo_days_of(year + 1, 1, 1) <= days) {
        year++;
    }
    while (geo_days_of(year, 1, 1) > days) {
        year--;
    }
    return year;
}

/* The last change at or before the instant in its year or the year before decides. */
static int32_t rule_offset_s(const geo_zone *zone, int64_t utc_s)
{
    if (!zone->has_daylight) {
        return zone->standard_s;
    }
    int64_t year = year_of(utc_s + zone->standard_s);
    int64_t latest_s = INT64_MIN;
    int32_t offset_s = zone->standard_s;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t begins_s = yearly_local_s(&zone->daylight_begins, y) - zone->standard_s;
        int64_t ends_s = yearly_local_s(&zone->daylight_ends, y) - zone->daylight_s;
        /* One that begins as the one before it ends has no gap: daylight all the year. */
        if (begins_s <= utc_s && begins_s >= latest_s) {
            latest_s = begins_s;
            offset_s = zone->daylight_s;
        }
        if (ends_s <= utc_s && ends_s > latest_s) {
            latest_s = ends_s;
            offset_s = zone->standard_s;
        }
    }
    return offset_s;
}

/* ---- the file ---- */

typedef struct counts {
    uint32_t isut;
    uint32_t isstd;
    uint32_t leap;
    uint32_t time;
    uint32_t type;
    uint32_t chars;
} counts;

static bool read_header(const uint8_t *bytes, size_t size, counts *out)
{
    if (size < HEADER_SIZE || memcmp(bytes, "TZif", 4) != 0) {
        return false;
    }
    *out = (counts){get_u32(bytes + 20), get_u32(bytes + 24), get_u32(bytes + 28),
                    get_u32(bytes + 32), get_u32(bytes + 36), get_u32(bytes + 40)};
    return out->isut < 4096 && out->isstd < 4096 && out->leap < 4096 && out->time < 65536 &&
           out->type < 256 && out->chars < 4096;
}

static size_t block_size(const counts *c, size_t time_size)
{
    return c->time * (time_size + 1) + c->type * 6 + c->chars + c->leap * (time_size + 4) +
           c->isstd + c->isut;
}

/* Types are 6 bytes: i32 offset, u8 is daylight, u8 index of the name. */
static bool read_offset(const uint8_t *types, const counts *c, uint32_t type, int32_t *out)
{
    if (type >= c->type) {
        return false;
    }
    *out = (int32_t)get_u32(types + (size_t)6 * type);
    return *out > -OFFSET_S_MAX && *out < OFFSET_S_MAX;
}

static bool read_transitions(const uint8_t *block, const counts *c, geo_zone *zone)
{
    const uint8_t *indexes = block + (size_t)8 * c->time;
    const uint8_t *types = indexes + c->time;
    if (!read_offset(types, c, 0, &zone->first_offset_s)) {
        return false;
    }
    for (uint32_t i = 0; i < c->time; i++) {
        transition *t = &zone->transitions[i];
        t->utc_s = get_i64(block + (size_t)8 * i);
        if (!read_offset(types, c, indexes[i], &t->offset_s) ||
            (i > 0 && t->utc_s <= zone->transitions[i - 1].utc_s)) {
            return false;
        }
    }
    zone->count = c->time;
    return true;
}

geo_err geo_zone_parse(const uint8_t *bytes, size_t size, geo_zone **out)
{
    counts c;
    if (!read_header(bytes, size, &c) || bytes[4] < '2') {
        return GEO_SYNTAX;
    }
    /* The first block, with 32-bit times, is there for old readers only. */
    size_t skipped = HEADER_SIZE + block_size(&c, 4);
    if (skipped > size || !read_header(bytes + skipped, size - skipped, &c)) {
        return GEO_SYNTAX;
    }
    const uint8_t *block = bytes + skipped + HEADER_SIZE;
    size_t left = size - skipped - HEADER_SIZE;
    size_t block_bytes = block_size(&c, 8);
    if (block_bytes + 2 > left || block[block_bytes] != '\n') {
        return GEO_SYNTAX;
    }
    char rule[128];
    const uint8_t *rule_start = block + block_bytes + 1;
    const uint8_t *rule_end = memchr(rule_start, '\n', left - block_bytes - 1);
    if (rule_end == NULL || (size_t)(rule_end - rule_start) >= sizeof rule) {
        return GEO_SYNTAX;
    }
    memcpy(rule, rule_start, (size_t)(rule_end - rule_start));
    rule[rule_end - rule_start] = '\0';
    geo_zone *zone = calloc(1, sizeof *zone + c.time * sizeof(transition));
    if (zone == NULL) {
        return GEO_NO_MEMORY;
    }
    if (!read_transitions(block, &c, zone) || !read_rule(rule, zone)) {
        free(zone);
        return GEO_SYNTAX;
    }
    *out = zone;
    return GEO_OK;
}

void geo_zone_free(geo_zone *zone)
{
    free(zone);
}

/* Names are relative paths of letters, digits and a few signs: nothing that leaves the folder. */
static bool name_valid(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > 64 || name[0] == '/' || strstr(name, "..") != NULL) {
        return false;
    }
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
           length;
}

geo_err geo_zone_open(const char *zoneinfo, const char *name, geo_zone **out)
{
    char path[512];
    if (!name_valid(name)) {
        return GEO_NOT_FOUND;
    }
    int length = snprintf(path, sizeof path, "%s/%s",
                          zoneinfo == NULL ? GEO_ZONEINFO_DEFAULT : zoneinfo, name);
    FILE *file = length < (int)sizeof path ? fopen(path, "rbe") : NULL;
    if (file == NULL) {
        return GEO_NOT_FOUND;
    }
    uint8_t *bytes = malloc(GEO_ZONE_FILE_BYTES_MAX);
    size_t size = bytes == NULL ? 0 : fread(bytes, 1, GEO_ZONE_FILE_BYTES_MAX, file);
    /* A folder opens, but does not read. */
    bool failed = bytes != NULL && ferror(file) != 0;
    fclose(file);
    geo_err err = bytes == NULL ? GEO_NO_MEMORY
                  : failed      ? GEO_NOT_FOUND
                                : geo_zone_parse(bytes, size, out);
    free(bytes);
    return err;
}

int32_t geo_zone_offset_s(const geo_zone *zone, int64_t utc_s)
{
    uint32_t low = 0;
    uint32_t high = zone->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zone->transitions[middle].utc_s <= utc_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == zone->count && zone->has_rule) {
        return rule_offset_s(zone, utc_s);
    }
    return low == 0 ? zone->first_offset_s : zone->transitions[low - 1].offset_s;
}

/* The instant in (from_s, to_s] at which the clock jumps forward over the local time. */
static int64_t skip_instant(const geo_zone *zone, int64_t from_s, int64_t to_s, int64_t local_s)
{
    while (to_s - from_s > 1) {
        int64_t middle = from_s + (to_s - from_s) / 2;
        if (middle + geo_zone_offset_s(zone, middle) <= local_s) {
            from_s = middle;
        } else {
            to_s = middle;
        }
    }
    return to_s;
}

void geo_zone_instants(const geo_zone *zone, int64_t local_s, int64_t *first_s, int64_t *last_s)
{
    /* The offsets of a day before and after; between them the clock changes at most once. */
    int32_t before_s = geo_zone_offset_s(zone, local_s - DAY_S);
    int32_t after_s = geo_zone_offset_s(zone, local_s + DAY_S);
    int64_t by_before = local_s - before_s;
    int64_t by_after = local_s - after_s;
    bool before_holds = geo_zone_offset_s(zone, by_before) == before_s;
    bool after_holds = geo_zone_offset_s(zone, by_after) == after_s;
    if (!before_holds && !after_holds) {
        *first_s = skip_instant(zone, local_s - DAY_S - OFFSET_S_MAX,
                                local_s + DAY_S + OFFSET_S_MAX, local_s);
        *last_s = *first_s;
        return;
    }
    int64_t low = by_before < by_after ? by_before : by_after;
    int64_t high = by_before < by_after ? by_after : by_before;
    bool low_holds = low == by_before ? before_holds : after_holds;
    bool high_holds = high == by_before ? before_holds : after_holds;
    *first_s = low_holds ? low : high;
    *last_s = high_holds ? high : low;
}
