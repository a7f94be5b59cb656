/* base/text.c - ISO 8601, exact decimals, UTF-8. */
#include "base/text.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MS_PER_DAY 86400000
#define DECIMAL_SCALE_MAX 18
#define EXPONENT_MAX 400

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar; eras of 400 years. */
static int64_t days_from_date(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *day = (unsigned)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *month = (unsigned)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* 00 to 99: answers are full of numbers, and two digits at a time take half as long. */
static const char digit_pairs[201] = "00010203040506070809101112131415161718192021222324"
                                     "25262728293031323334353637383940414243444546474849"
                                     "50515253545556575859606162636465666768697071727374"
                                     "75767778798081828384858687888990919293949596979899";

/* value, below 100, in two digits; returns the place behind them. */
static char *put_pair(char *at, unsigned value)
{
    memcpy(at, digit_pairs + (size_t)2 * value, 2);
    return at + 2;
}

void hr_time_format(int64_t time_ms, char text[HR_TIME_TEXT_SIZE])
{
    if (time_ms < HR_TIME_MS_MIN) {
        time_ms = HR_TIME_MS_MIN;
    } else if (time_ms > HR_TIME_MS_MAX) {
        time_ms = HR_TIME_MS_MAX;
    }
    int64_t days = time_ms / MS_PER_DAY;
    int64_t ms = time_ms % MS_PER_DAY;
    if (ms < 0) {
        ms += MS_PER_DAY;
        days--;
    }
    int64_t year;
    unsigned month, day;
    date_from_days(days, &year, &month, &day);
    /* By hand: answers are full of times, and snprintf costs more than the rest of them. */
    unsigned four = (unsigned)year % 10000u;
    unsigned left_ms = (unsigned)ms;
    char *at = put_pair(put_pair(text, four / 100), four % 100);
    *at++ = '-';
    at = put_pair(at, month);
    *at++ = '-';
    at = put_pair(at, day);
    *at++ = 'T';
    at = put_pair(at, left_ms / 3600000);
    *at++ = ':';
    at = put_pair(at, left_ms / 60000 % 60);
    *at++ = ':';
    at = put_pair(at, left_ms / 1000 % 60);
    *at++ = '.';
    at = put_pair(at, left_ms % 1000 / 10);
    *at++ = (char)('0' + left_ms % 10);
    *at++ = 'Z';
    *at = 0;
}

/* Exactly count digits at *at. */
static bool take_digits(const char *text, size_t size, size_t *at, unsigned count, unsigned *value)
{
    *value = 0;
    if (size - *at < count) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        char c = text[(*at)++];
        if (!is_digit(c)) {
            return false;
        }
        *value = *value * 10 + (unsigned)(c - '0');
    }
    return true;
}

static bool take_char(const char *text, size_t size, size_t *at, char wanted)
{
    if (*at < size && text[*at] == wanted) {
        (*at)++;
        return true;
    }
    return false;
}

static bool take_fraction_ms(const char *text, size_t size, size_t *at, unsigned *ms)
{
    unsigned weight = 100;
    size_t first = *at;
    *ms = 0;
    while (*at < size && is_digit(text[*at])) {
        *ms += (unsigned)(text[(*at)++] - '0') * weight;
        weight /= 10;
    }
    return *at > first;
}

static bool take_date(const char *text, size_t size, size_t *at, int64_t *days)
{
    static const uint8_t month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day;
    if (!take_digits(text, size, at, 4, &year) || !take_char(text, size, at, '-') ||
        !take_digits(text, size, at, 2, &month) || !take_char(text, size, at, '-') ||
        !take_digits(text, size, at, 2, &day)) {
        return false;
    }
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1] ||
        (month == 2 && day == 29 && !is_leap)) {
        return false;
    }
    *days = days_from_date(year, month, day);
    return true;
}

/* Z, +hh:mm, +hhmm or +hh; the offset in minutes. */
static bool take_zone(const char *text, size_t size, size_t *at, int *offset_minutes)
{
    *offset_minutes = 0;
    if (take_char(text, size, at, 'Z') || take_char(text, size, at, 'z')) {
        return true;
    }
    bool is_west = take_char(text, size, at, '-');
    if (!is_west && !take_char(text, size, at, '+')) {
        return false;
    }
    unsigned hours, minutes = 0;
    if (!take_digits(text, size, at, 2, &hours)) {
        return false;
    }
    if (*at < size) {
        take_char(text, size, at, ':');
        if (!take_digits(text, size, at, 2, &minutes)) {
            return false;
        }
    }
    if (hours > 14 || minutes > 59) {
        return false;
    }
    *offset_minutes = (int)(hours * 60 + minutes) * (is_west ? -1 : 1);
    return true;
}

hr_err hr_time_parse(const char *text, size_t size, int64_t *time_ms)
{
    size_t at = 0;
    int64_t days;
    unsigned hours, minutes, seconds = 0, ms = 0;
    int offset_minutes;
    if (!take_date(text, size, &at, &days)) {
        return HR_INVALID;
    }
    if (!take_char(text, size, &at, 'T') && !take_char(text, size, &at, 't') &&
        !take_char(text, size, &at, ' ')) {
        return HR_INVALID;
    }
    if (!take_digits(text, size, &at, 2, &hours) || !take_char(text, size, &at, ':') ||
        !take_digits(text, size, &at, 2, &minutes)) {
        return HR_INVALID;
    }
    if (take_char(text, size, &at, ':') && !take_digits(text, size, &at, 2, &seconds)) {
        return HR_INVALID;
    }
    if (take_char(text, size, &at, '.') && !take_fraction_ms(text, size, &at, &ms)) {
        return HR_INVALID;
    }
    /* 60 is a leap second, which ms since 1970 cannot tell from the second after. */
    if (hours > 23 || minutes > 59 || seconds > 60 ||
        !take_zone(text, size, &at, &offset_minutes) || at != size) {
        return HR_INVALID;
    }
    *time_ms = days * MS_PER_DAY + (int64_t)hours * 3600000 + (int64_t)minutes * 60000 +
               (int64_t)seconds * 1000 + ms - (int64_t)offset_minutes * 60000;
    return HR_OK;
}

/* Digits of a decimal text as a run of at most 40 significant ones and a power of ten. */
typedef struct decimal {
    char digits[40];
    unsigned count;
    int64_t exponent; /* value = 0.d1d2d3... * 10^exponent */
    bool is_negative;
} decimal;

static void push_digit(decimal *d, char c, bool *seen_nonzero)
{
    if (!*seen_nonzero && c == '0') {
        return;
    }
    *seen_nonzero = true;
    if (d->count < sizeof d->digits) {
        d->digits[d->count++] = c;
    }
}

static bool take_exponent(const char *text, size_t size, size_t *at, int64_t *exponent)
{
    bool is_negative = take_char(text, size, at, '-');
    if (!is_negative) {
        take_char(text, size, at, '+');
    }
    size_t first = *at;
    int64_t value = 0;
    for (; *at < size && is_digit(text[*at]); (*at)++) {
        /* Beyond this the result is zero or too big whatever the digits say. */
        value = value > EXPONENT_MAX ? value : value * 10 + (text[*at] - '0');
    }
    *exponent += is_negative ? -value : value;
    return *at > first;
}

static bool scan_decimal(const char *text, size_t size, decimal *d)
{
    *d = (decimal){.count = 0};
    size_t at = 0;
    bool seen_nonzero = false;
    size_t digits_seen = 0;
    d->is_negative = take_char(text, size, &at, '-');
    if (!d->is_negative) {
        take_char(text, size, &at, '+');
    }
    for (; at < size && is_digit(text[at]); at++, digits_seen++) {
        push_digit(d, text[at], &seen_nonzero);
        d->exponent += seen_nonzero;
    }
    if (take_char(text, size, &at, '.')) {
        for (; at < size && is_digit(text[at]); at++, digits_seen++) {
            push_digit(d, text[at], &seen_nonzero);
            d->exponent -= !seen_nonzero;
        }
    }
    if (digits_seen == 0) {
        return false;
    }
    if (take_char(text, size, &at, 'e') || take_char(text, size, &at, 'E')) {
        if (!take_exponent(text, size, &at, &d->exponent)) {
            return false;
        }
    }
    return at == size;
}

hr_err hr_decimal_parse(const char *text, size_t size, unsigned scale, int64_t *value)
{
    assert(scale <= DECIMAL_SCALE_MAX);
    decimal d;
    if (!scan_decimal(text, size, &d)) {
        return HR_INVALID;
    }
    int64_t whole_digits = d.count == 0 ? 0 : d.exponent + (int64_t)scale;
    if (whole_digits > 19) {
        return HR_TOO_BIG;
    }
    uint64_t magnitude = 0;
    for (int64_t i = 0; i < whole_digits; i++) {
        uint64_t digit = i < (int64_t)d.count ? (uint64_t)(d.digits[i] - '0') : 0;
        if (magnitude > (UINT64_MAX - digit) / 10) {
            return HR_TOO_BIG;
        }
        magnitude = magnitude * 10 + digit;
    }
    if (whole_digits >= 0 && whole_digits < (int64_t)d.count && d.digits[whole_digits] >= '5') {
        magnitude++;
    }
    if (magnitude > INT64_MAX) {
        return HR_TOO_BIG;
    }
    *value = d.is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return HR_OK;
}

hr_err hr_decimal_from_double(double number, unsigned scale, int64_t *value)
{
    if (!isfinite(number)) {
        return HR_INVALID;
    }
    char text[40];
    int size = snprintf(text, sizeof text, "%.15g", number);
    return hr_decimal_parse(text, (size_t)size, scale, value);
}

/* The last count digits of value, ending before `end`; returns where they begin. */
static char *put_digits_before(char *end, unsigned count, uint64_t *value)
{
    for (; count >= 2; count -= 2) {
        end -= 2;
        (void)put_pair(end, (unsigned)(*value % 100));
        *value /= 100;
    }
    if (count > 0) {
        *--end = (char)('0' + *value % 10);
        *value /= 10;
    }
    return end;
}

size_t hr_decimal_format(int64_t value, unsigned scale, char text[HR_DECIMAL_TEXT_SIZE])
{
    char digits[HR_DECIMAL_TEXT_SIZE]; /* from the last to the first */
    char *end = digits + sizeof digits;
    char *at = end;
    assert(scale <= DECIMAL_SCALE_MAX);
    uint64_t magnitude = value < 0 ? 0u - (uint64_t)value : (uint64_t)value;
    while (scale > 0 && magnitude % 10 == 0) {
        magnitude /= 10;
        scale--;
    }
    if (scale > 0) {
        at = put_digits_before(at, scale, &magnitude);
        *--at = '.';
    }
    while (magnitude >= 10) {
        at = put_digits_before(at, 2, &magnitude);
    }
    if (magnitude > 0 || at == end || *at == '.') {
        *--at = (char)('0' + magnitude);
    }
    if (value < 0) {
        *--at = '-';
    }
    size_t size = (size_t)(end - at);
    memcpy(text, at, size);
    text[size] = '\0';
    return size;
}

size_t hr_utf8_length(const char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)text;
    uint8_t first = at[0];
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first > 0xf4 || length == 0 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool is_overlong = (first == 0xe0 && at[1] < 0xa0) || (first == 0xf0 && at[1] < 0x90);
    bool is_surrogate = first == 0xed && at[1] >= 0xa0;
    bool is_beyond = first == 0xf4 && at[1] >= 0x90;
    return is_overlong || is_surrogate || is_beyond ? 0 : length;
}

bool hr_utf8_is_valid(const char *text, size_t size)
{
    for (size_t at = 0, length = 0; at < size; at += length) {
        length = hr_utf8_length(text + at, size - at);
        if (length == 0) {
            return false;
        }
    }
    return true;
}
