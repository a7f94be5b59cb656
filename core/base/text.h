/* base/text.h - numbers and times as text, exactly; and what is text. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* "2026-11-20T08:00:00.123Z" and a terminator. */
#define HR_TIME_TEXT_SIZE 32

/* Times of the years 0000-9999. */
#define HR_TIME_MS_MIN (-62167219200000)
#define HR_TIME_MS_MAX 253402300799999

/* ISO 8601 in UTC with milliseconds. A time outside the range above is written as its bound. */
void hr_time_format(int64_t time_ms, char text[HR_TIME_TEXT_SIZE]);

/* ISO 8601: date, T or space, hours:minutes[:seconds[.fraction]], then Z or an offset. Fractions
 * beyond milliseconds are cut. HR_INVALID otherwise, also for dates that do not exist. */
HR_MUST_USE hr_err hr_time_parse(const char *text, size_t size, int64_t *time_ms);

/* Decimal text (sign, digits, point, exponent) in units of 10^-scale, rounded half away from zero;
 * the text is never a double on its way. HR_INVALID: not a number. HR_TOO_BIG: not an int64. */
HR_MUST_USE hr_err hr_decimal_parse(const char *text, size_t size, unsigned scale, int64_t *value);

/* The same for a double that was parsed from text of at most 15 digits: exact for such text.
 * HR_INVALID for NaN and infinities. */
HR_MUST_USE hr_err hr_decimal_from_double(double number, unsigned scale, int64_t *value);

#define HR_DECIMAL_TEXT_SIZE 24

/* value * 10^-scale with no more digits than needed ("16.3725", "-0.5", "3"). Returns the length.
 */
size_t hr_decimal_format(int64_t value, unsigned scale, char text[HR_DECIMAL_TEXT_SIZE]);

/* Bytes of the UTF-8 character at the start of a text of at least one byte; 0: there is none. */
size_t hr_utf8_length(const char *text, size_t size);

/* Whether all of it is UTF-8. */
bool hr_utf8_is_valid(const char *text, size_t size);

#endif
