/* wire/nmea.c - checks a sentence, splits it, and reads RMC, GGA and GST of any talker. */
#include "wire/nmea.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

#define FIELDS_MAX 32
#define MS_PER_DAY 86400000
#define QUALITY_AGE_MAX_MS 5000 /* of a GGA or GST, to count for an RMC */
#define ROLLOVER_MS (INT64_C(1024) * 7 * MS_PER_DAY)
/* 2024-01-01: nobody runs this before, a machine included whose clock was left behind and that
 * plays both the receiver and us. Who says less has counted beyond its weeks; told apart until
 * 2043. */
#define EARLIEST_MS 1704067200000

/* RMC and GGA come in either order; so many GGA without one mean that there is none. */
#define GGA_ALONE_MIN 3

typedef struct field {
    const char *text;
    size_t size;
} field;

typedef struct sentence {
    field fields[FIELDS_MAX]; /* the first is talker and kind, as in GNRMC */
    size_t count;
} sentence;

void nmea_init(nmea *receiver)
{
    *receiver = (nmea){.now_ms = NMEA_NO_CLOCK,
                       .dated_ms = NMEA_NO_CLOCK,
                       .last_time_ms = INT64_MIN,
                       .quality_at_ms = -1};
}

void nmea_set_clock(nmea *receiver, int64_t now_ms)
{
    receiver->is_live = true;
    receiver->now_ms = now_ms;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Multiplexers on boats put a block of tags before a sentence: \s:gps,c:1795161600*1A\$GPRMC,... */
static field without_tags(field line)
{
    const char *end =
        line.size > 0 && line.text[0] == '\\' ? memchr(line.text + 1, '\\', line.size - 1) : NULL;
    size_t size = end != NULL ? (size_t)(end - line.text) + 1 : 0;
    return (field){line.text + size, line.size - size};
}

/* The part between $ and *, its checksum proven; or behind !, with which others' positions begin
 * (AIS), which are none of ours. */
static hr_err check(const char *text, size_t text_size, field *body, hr_why *why)
{
    while (text_size > 0 && (text[text_size - 1] == '\r' || text[text_size - 1] == '\n')) {
        text_size--;
    }
    field whole = without_tags((field){text, text_size});
    const char *line = whole.text;
    size_t size = whole.size;
    if (size > NMEA_LINE_MAX || size < 4 || (line[0] != '$' && line[0] != '!') ||
        line[size - 3] != '*') {
        return hr_why_set(why, HR_INVALID, "not a sentence like $GPRMC,...*5A");
    }
    int high = hex_digit(line[size - 2]), low = hex_digit(line[size - 1]);
    uint8_t sum = 0;
    for (size_t i = 1; i < size - 3; i++) {
        sum ^= (uint8_t)line[i];
    }
    if (high < 0 || low < 0 || sum != high * 16 + low) {
        return hr_why_set(why, HR_CORRUPT, "the checksum is wrong");
    }
    *body = (field){line + 1, size - 4};
    return HR_OK;
}

static void split(field body, sentence *out)
{
    out->count = 0;
    size_t first = 0;
    for (size_t i = 0; i <= body.size && out->count < FIELDS_MAX; i++) {
        if (i == body.size || body.text[i] == ',') {
            out->fields[out->count++] = (field){body.text + first, i - first};
            first = i + 1;
        }
    }
}

/* Any two letters of talker, then the kind. */
static bool is_kind(const sentence *s, const char *kind)
{
    return s->fields[0].size == 5 && memcmp(s->fields[0].text + 2, kind, 3) == 0;
}

static field at(const sentence *s, size_t index)
{
    return index < s->count ? s->fields[index] : (field){"", 0};
}

static bool two_digits(field f, size_t index, int32_t *value)
{
    if (index + 2 > f.size || f.text[index] < '0' || f.text[index] > '9' ||
        f.text[index + 1] < '0' || f.text[index + 1] > '9') {
        return false;
    }
    *value = (f.text[index] - '0') * 10 + (f.text[index + 1] - '0');
    return true;
}

/* hhmmss.sss as ms of the day. */
static bool read_time_of_day(field f, int32_t *ms)
{
    int32_t hours, minutes;
    int64_t seconds_ms;
    if (!two_digits(f, 0, &hours) || !two_digits(f, 2, &minutes) || f.size < 6 || f.text[4] < '0' ||
        f.text[4] > '6' || hr_decimal_parse(f.text + 4, f.size - 4, 3, &seconds_ms) != HR_OK ||
        hours > 23 || minutes > 59 || seconds_ms < 0 || seconds_ms >= 61000) {
        return false;
    }
    *ms = (int32_t)(hours * 3600000 + minutes * 60000 + (int32_t)seconds_ms);
    return true;
}

/* ddmmyy and a time of day as ms since 1970. GPS began in 1980, and a receiver that counts weeks
 * from there, twice beyond their end, says 1987 in 2026. */
static bool read_date(field f, int32_t day_ms, int64_t *time_ms)
{
    int32_t day, month, year;
    if (f.size != 6 || !two_digits(f, 0, &day) || !two_digits(f, 2, &month) ||
        !two_digits(f, 4, &year)) {
        return false;
    }
    char text[] = "20yy-mm-ddT00:00Z";
    memcpy(text, year >= 80 ? "19" : "20", 2);
    memcpy(text + 2, f.text + 4, 2);
    memcpy(text + 5, f.text + 2, 2);
    memcpy(text + 8, f.text, 2);
    if (hr_time_parse(text, sizeof text - 1, time_ms) != HR_OK) {
        return false;
    }
    *time_ms += day_ms;
    return true;
}

/* The date of a live receiver that has counted beyond its weeks. */
static int64_t mend_date(const nmea *receiver, int64_t time_ms)
{
    int64_t earliest_ms =
        receiver->now_ms != NMEA_NO_CLOCK ? receiver->now_ms - ROLLOVER_MS / 2 : EARLIEST_MS;
    while (receiver->is_live && time_ms < earliest_ms) {
        time_ms += ROLLOVER_MS;
    }
    return time_ms;
}

/* The day that brings a time of day nearest to what is known. False: nothing is. */
static bool find_day(const nmea *receiver, int32_t day_ms, int64_t *time_ms)
{
    int64_t near_ms = receiver->now_ms != NMEA_NO_CLOCK ? receiver->now_ms : receiver->dated_ms;
    if (near_ms == NMEA_NO_CLOCK) {
        return false;
    }
    int64_t t = near_ms - near_ms % MS_PER_DAY + day_ms;
    if (t - near_ms > MS_PER_DAY / 2) {
        t -= MS_PER_DAY;
    } else if (near_ms - t > MS_PER_DAY / 2) {
        t += MS_PER_DAY;
    }
    *time_ms = t;
    return true;
}

/* dddmm.mmmm and a letter, in 1e-7 degree. */
static bool read_coordinate(field f, field side, size_t degree_digits, char negative, char positive,
                            int32_t bound_degrees, int32_t *value_e7)
{
    int64_t degrees, minutes_e9;
    if (f.size < degree_digits + 2 || side.size != 1 ||
        hr_decimal_parse(f.text, degree_digits, 0, &degrees) != HR_OK || degrees < 0 ||
        hr_decimal_parse(f.text + degree_digits, f.size - degree_digits, 9, &minutes_e9) != HR_OK ||
        minutes_e9 < 0 || minutes_e9 >= INT64_C(60000000000)) {
        return false;
    }
    int64_t e7 = degrees * 10000000 + (minutes_e9 + 3000) / 6000;
    if (e7 > (int64_t)bound_degrees * 10000000 ||
        (side.text[0] != negative && side.text[0] != positive)) {
        return false;
    }
    *value_e7 = (int32_t)(side.text[0] == negative ? -e7 : e7);
    return true;
}

/* A number in units of 10^-scale, times numerator / denominator; unknown if absent or absurd. */
static uint16_t read_detail(field f, unsigned scale, int64_t numerator, int64_t denominator)
{
    int64_t value;
    if (f.size == 0 || hr_decimal_parse(f.text, f.size, scale, &value) != HR_OK || value < 0 ||
        value > 1000000000) {
        return HR_FIX_U16_UNKNOWN;
    }
    value = (value * numerator + denominator / 2) / denominator;
    return (uint16_t)(value < HR_FIX_U16_UNKNOWN ? value : HR_FIX_U16_UNKNOWN - 1);
}

static void note_quality(nmea *receiver, field time, uint16_t accuracy_dm)
{
    int32_t day_ms;
    if (accuracy_dm != HR_FIX_U16_UNKNOWN && read_time_of_day(time, &day_ms)) {
        receiver->quality_at_ms = day_ms;
        receiver->accuracy_dm = accuracy_dm;
    }
}

static uint16_t accuracy_at(const nmea *receiver, int32_t day_ms)
{
    if (receiver->quality_at_ms < 0) {
        return HR_FIX_U16_UNKNOWN;
    }
    int32_t age_ms = day_ms - receiver->quality_at_ms;
    age_ms = age_ms < 0 ? age_ms + MS_PER_DAY : age_ms;
    return age_ms <= QUALITY_AGE_MAX_MS ? receiver->accuracy_dm : HR_FIX_U16_UNKNOWN;
}

static uint64_t root_of(uint64_t square)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
        if ((root | bit) * (root | bit) <= square) {
            root |= bit;
        }
    }
    return root;
}

/* The root sum of squares of both standard deviations, in decimetres. */
static uint16_t gst_accuracy(const sentence *s)
{
    uint64_t lat_dm = read_detail(at(s, 6), 1, 1, 1);
    uint64_t lon_dm = read_detail(at(s, 7), 1, 1, 1);
    if (lat_dm == HR_FIX_U16_UNKNOWN || lon_dm == HR_FIX_U16_UNKNOWN) {
        return HR_FIX_U16_UNKNOWN;
    }
    uint64_t root = root_of(lat_dm * lat_dm + lon_dm * lon_dm);
    return (uint16_t)(root < HR_FIX_U16_UNKNOWN ? root : HR_FIX_U16_UNKNOWN - 1);
}

/* A warning (V), or from version 2.3 on the mode N, means that there is no fix. */
static bool is_valid_rmc(const sentence *s)
{
    field status = at(s, 2), mode = at(s, 12);
    return status.size == 1 && status.text[0] == 'A' && !(mode.size == 1 && mode.text[0] == 'N');
}

static hr_err read_rmc(nmea *receiver, const sentence *s, hr_fix *fix, hr_why *why)
{
    int32_t day_ms;
    hr_fix f = {.battery_pct = HR_FIX_U8_UNKNOWN};
    receiver->gga_in_a_row = 0;
    if (!is_valid_rmc(s)) {
        return HR_NOT_FOUND;
    }
    if (!read_time_of_day(at(s, 1), &day_ms) || !read_date(at(s, 9), day_ms, &f.time_ms) ||
        !read_coordinate(at(s, 3), at(s, 4), 2, 'S', 'N', 90, &f.lat_e7) ||
        !read_coordinate(at(s, 5), at(s, 6), 3, 'W', 'E', 180, &f.lon_e7)) {
        return hr_why_set(why, HR_INVALID, "an RMC sentence without a readable time and place");
    }
    f.time_ms = mend_date(receiver, f.time_ms);
    receiver->dated_ms = f.time_ms;
    if (f.time_ms == receiver->last_time_ms) {
        return HR_NOT_FOUND;
    }
    receiver->last_time_ms = f.time_ms;
    f.accuracy_dm = accuracy_at(receiver, day_ms);
    /* Knots: 1852 m an hour. */
    f.speed_cm_s = read_detail(at(s, 7), 3, 1852, 36000);
    f.heading_cdeg = read_detail(at(s, 8), 2, 1, 1);
    if (f.heading_cdeg >= 36000) {
        f.heading_cdeg = f.heading_cdeg == 36000 ? 0 : HR_FIX_U16_UNKNOWN;
    }
    *fix = f;
    return HR_OK;
}

/* hhmmss, day, month, year. */
static void read_zda(nmea *receiver, const sentence *s)
{
    int32_t day_ms;
    int64_t time_ms;
    field day = at(s, 2), month = at(s, 3), year = at(s, 4);
    if (day.size != 2 || month.size != 2 || year.size != 4 ||
        !read_time_of_day(at(s, 1), &day_ms)) {
        return;
    }
    char text[] = "yyyy-mm-ddT00:00Z";
    memcpy(text, year.text, 4);
    memcpy(text + 5, month.text, 2);
    memcpy(text + 8, day.text, 2);
    if (hr_time_parse(text, sizeof text - 1, &time_ms) == HR_OK && time_ms > 0) {
        receiver->dated_ms = mend_date(receiver, time_ms + day_ms);
    }
}

/* A fix by itself, where no RMC comes. */
static hr_err read_gga(nmea *receiver, const sentence *s, hr_fix *fix, hr_why *why)
{
    int32_t day_ms;
    field quality = at(s, 6);
    /* Quality 0: no fix, so its dilution means nothing. */
    if (quality.size != 1 || quality.text[0] == '0') {
        return HR_NOT_FOUND;
    }
    note_quality(receiver, at(s, 1), read_detail(at(s, 8), 2, NMEA_DM_PER_HDOP, 100));
    if (receiver->gga_in_a_row < GGA_ALONE_MIN) {
        receiver->gga_in_a_row++;
        return HR_NOT_FOUND;
    }
    hr_fix f = {.speed_cm_s = HR_FIX_U16_UNKNOWN,
                .heading_cdeg = HR_FIX_U16_UNKNOWN,
                .battery_pct = HR_FIX_U8_UNKNOWN};
    if (!read_time_of_day(at(s, 1), &day_ms) ||
        !read_coordinate(at(s, 2), at(s, 3), 2, 'S', 'N', 90, &f.lat_e7) ||
        !read_coordinate(at(s, 4), at(s, 5), 3, 'W', 'E', 180, &f.lon_e7)) {
        return hr_why_set(why, HR_INVALID, "a GGA sentence without a readable time and place");
    }
    f.accuracy_dm = accuracy_at(receiver, day_ms);
    if (!find_day(receiver, day_ms, &f.time_ms)) {
        f.time_ms = 0;
        f.flags = HR_FIX_TIME_ASSIGNED;
    } else if (f.time_ms == receiver->last_time_ms) {
        return HR_NOT_FOUND;
    } else {
        receiver->last_time_ms = f.time_ms;
        receiver->dated_ms = f.time_ms;
    }
    *fix = f;
    return HR_OK;
}

hr_err nmea_read(nmea *receiver, const char *line, size_t size, hr_fix *fix, hr_why *why)
{
    field body = {line, 0};
    sentence s;
    hr_err err = check(line, size, &body, why);
    if (err != HR_OK) {
        return err;
    }
    split(body, &s);
    if (is_kind(&s, "RMC")) {
        return read_rmc(receiver, &s, fix, why);
    }
    if (is_kind(&s, "GGA")) {
        return read_gga(receiver, &s, fix, why);
    }
    if (is_kind(&s, "ZDA")) {
        read_zda(receiver, &s);
    } else if (is_kind(&s, "GST")) {
        note_quality(receiver, at(&s, 1), gst_accuracy(&s));
    }
    return HR_NOT_FOUND;
}
