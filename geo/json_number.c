/* geo/json_number.c - exact decimal numbers. */
#include "geo/json_number.h"

#include <stdbool.h>
#include <stddef.h>

/* More than any exponent that can matter, and far from overflowing. */
#define EXPONENT_MAX 100000000

/* Together within an int64: 10 digits of a number and 8 of the scale. */
#define PLAIN_SIZE_MAX 11
#define PLAIN_SCALE_MAX 7

typedef struct digits {
    const char *first; /* the digits before and after the point, with the point among them */
    const char *end;
    int64_t before_point;
    bool negative;
} digits;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads "e-12" at *at. False if it is not well formed. */
static bool read_exponent(const char *at, const char *end, int64_t *exponent)
{
    bool negative = false;
    *exponent = 0;
    if (at == end) {
        return true;
    }
    if (*at != 'e' && *at != 'E') {
        return false;
    }
    at++;
    if (at < end && (*at == '+' || *at == '-')) {
        negative = *at == '-';
        at++;
    }
    if (at == end) {
        return false;
    }
    for (; at < end; at++) {
        if (!is_digit(*at)) {
            return false;
        }
        if (*exponent < EXPONENT_MAX) {
            *exponent = *exponent * 10 + (*at - '0');
        }
    }
    *exponent = negative ? -*exponent : *exponent;
    return true;
}

/* Takes the text apart; before_point has the exponent in it. */
static bool read_digits(const char *text, const char *end, digits *d)
{
    int64_t exponent = 0;
    int64_t before = 0;
    int64_t after = 0;
    bool point = false;
    d->negative = text < end && *text == '-';
    text += text < end && (*text == '-' || *text == '+');
    d->first = text;
    for (; text < end && (is_digit(*text) || (*text == '.' && !point)); text++) {
        if (*text == '.') {
            point = true;
        } else {
            *(point ? &after : &before) += 1;
        }
    }
    d->end = text;
    if (before + after == 0 || !read_exponent(text, end, &exponent)) {
        return false;
    }
    d->before_point = before + exponent;
    return true;
}

/* The common case, "-59.8512": no exponent, no more places than the scale, no overflow. False: it
 * is not that simple. */
static bool parse_plain(const char *text, size_t size, unsigned scale, int64_t *value)
{
    bool negative = size > 0 && *text == '-';
    const char *end = text + size;
    const char *point = NULL;
    int64_t whole = 0;
    text += negative;
    if (end - text < 1 || end - text > PLAIN_SIZE_MAX || scale > PLAIN_SCALE_MAX) {
        return false;
    }
    for (; text < end; text++) {
        if (is_digit(*text)) {
            whole = whole * 10 + (*text - '0');
        } else if (*text == '.' && point == NULL) {
            point = text;
        } else {
            return false;
        }
    }
    size_t places = point != NULL ? (size_t)(end - point) - 1 : 0;
    bool begins_with_point = point != NULL && end - point == (ptrdiff_t)size - negative;
    if (places > scale || begins_with_point) {
        return false;
    }
    for (; places < scale; places++) {
        whole *= 10;
    }
    *value = negative ? -whole : whole;
    return true;
}

geo_err geo_number_parse(const char *text, size_t size, unsigned scale, int64_t *value)
{
    digits d;
    if (parse_plain(text, size, scale, value)) {
        return GEO_OK;
    }
    if (!read_digits(text, text + size, &d)) {
        return GEO_SYNTAX;
    }
    /* Whole units are the digits before the point moved by the scale; the next one rounds, and
     * those behind it say nothing more, because halves go away from zero. */
    int64_t whole_digits = d.before_point + scale;
    uint64_t whole = 0;
    int64_t place = 0;
    for (const char *at = d.first; at < d.end && place <= whole_digits; at++) {
        if (*at == '.') {
            continue;
        }
        uint64_t digit = (uint64_t)(*at - '0');
        if (place == whole_digits) {
            whole += digit >= 5;
        } else if (whole > (INT64_MAX - digit) / 10) {
            return GEO_RANGE;
        } else {
            whole = whole * 10 + digit;
        }
        place++;
    }
    for (; place < whole_digits && whole != 0; place++) {
        if (whole > INT64_MAX / 10) {
            return GEO_RANGE;
        }
        whole *= 10;
    }
    if (whole > INT64_MAX) {
        return GEO_RANGE;
    }
    *value = d.negative ? -(int64_t)whole : (int64_t)whole;
    return GEO_OK;
}

size_t geo_number_format(int64_t value, unsigned scale, char text[GEO_NUMBER_TEXT_SIZE])
{
    char reversed[GEO_NUMBER_TEXT_SIZE];
    size_t count = 0;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    while (scale > 0 && rest % 10 == 0) {
        rest /= 10;
        scale--;
    }
    for (; scale > 0; scale--) {
        reversed[count++] = (char)('0' + rest % 10);
        rest /= 10;
        if (scale == 1) {
            reversed[count++] = '.';
        }
    }
    do {
        reversed[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        reversed[count++] = '-';
    }
    for (size_t i = 0; i < count; i++) {
        text[i] = reversed[count - 1 - i];
    }
    return count;
}
