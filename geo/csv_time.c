/* geo/csv_time.c - times as text. */
#include <stdbool.h>

#include "geo/csv.h"
#include "geo/json_number.h"

#define DAY_MS 86400000

/* Counted from March, so that the leap day is the last day of a year. */
int64_t geo_days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* `count` digits at *at; -1 if they are not there. */
static int read_digits(const char **at, const char *end, int count)
{
    int value = 0;
    if (end - *at < count) {
        return -1;
    }
    for (int i = 0; i < count; i++) {
        unsigned digit = (unsigned)((unsigned char)(*at)[i] - '0');
        if (digit > 9) {
            return -1;
        }
        value = value * 10 + (int)digit;
    }
    *at += count;
    return value;
}

static bool read_char(const char **at, const char *end, char c)
{
    if (*at == end || **at != c) {
        return false;
    }
    (*at)++;
    return true;
}

static bool read_date(const char **at, const char *end, int64_t *days)
{
    static const uint8_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = read_digits(at, end, 4);
    bool dashes = read_char(at, end, '-');
    int month = read_digits(at, end, 2);
    dashes = read_char(at, end, '-') && dashes;
    int day = read_digits(at, end, 2);
    if (!dashes || year < 0 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1]) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    *days = geo_days_of(year, (unsigned)month, (unsigned)day);
    return month != 2 || day < 29 || leap;
}

/* Z, or +hh:mm or +hhmm or +hh. */
static bool read_offset(const char **at, const char *end, int *minutes)
{
    *minutes = 0;
    if (read_char(at, end, 'Z') || read_char(at, end, 'z')) {
        return true;
    }
    bool negative = read_char(at, end, '-');
    if (!negative && !read_char(at, end, '+')) {
        return false;
    }
    int hour = read_digits(at, end, 2);
    int minute = 0;
    if (*at < end) {
        (void)read_char(at, end, ':');
        minute = read_digits(at, end, 2);
    }
    *minutes = (hour * 60 + minute) * (negative ? -1 : 1);
    return hour >= 0 && hour < 24 && minute >= 0 && minute < 60;
}

static bool read_clock(const char **at, const char *end, int *time_ms)
{
    int hour = read_digits(at, end, 2);
    bool colon = read_char(at, end, ':');
    int minute = read_digits(at, end, 2);
    int second = 0;
    int fraction_ms = 0;
    if (read_char(at, end, ':')) {
        second = read_digits(at, end, 2);
        if (read_char(at, end, '.') || read_char(at, end, ',')) {
            int scale = 100;
            const char *first = *at;
            for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
                fraction_ms += (**at - '0') * scale;
                scale /= 10;
            }
            if (*at == first) {
                return false;
            }
        }
    }
    *time_ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction_ms;
    return colon && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 &&
           second < 60;
}

static geo_err parse_iso(const char *text, const char *end, int64_t *time_ms)
{
    int64_t days = 0;
    int clock_ms = 0;
    int offset_minutes = 0;
    const char *at = text;
    if (!read_date(&at, end, &days) ||
        (!read_char(&at, end, 'T') && !read_char(&at, end, 't') && !read_char(&at, end, ' ')) ||
        !read_clock(&at, end, &clock_ms) || !read_offset(&at, end, &offset_minutes) || at != end) {
        return GEO_SYNTAX;
    }
    *time_ms = days * DAY_MS + clock_ms - (int64_t)offset_minutes * 60000;
    return GEO_OK;
}

geo_err geo_time_parse(const char *text, size_t size, int64_t *time_ms)
{
    const char *end = text + size;
    if (size > 4 && text[4] == '-') {
        return parse_iso(text, end, time_ms);
    }
    /* Whole milliseconds: digits and a sign only, so that 1.79e12 is not taken for a time. */
    for (size_t i = size > 0 && text[0] == '-' ? 1 : 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return GEO_SYNTAX;
        }
    }
    return geo_number_parse(text, size, 0, time_ms);
}
