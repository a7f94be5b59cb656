/* geo/json_number.h - decimal text as whole units, exactly: the text is never a double. */
#ifndef GEO_JSON_NUMBER_H
#define GEO_JSON_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"

/* The number in units of 10^-scale, rounded half away from zero: "-16.37254999" with scale 7 is
 * -163725500. Sign, digits, point and exponent as in JSON, but leading zeros and "1." are allowed.
 * GEO_SYNTAX: not a number ("NaN", "0x10"). GEO_RANGE: does not fit. */
GEO_MUST_USE geo_err geo_number_parse(const char *text, size_t size, unsigned scale,
                                      int64_t *value);

#define GEO_NUMBER_TEXT_SIZE 24

/* The shortest decimal text of value * 10^-scale ("16.3725", "-0.5", "3"), without a terminator.
 * Returns the length, below GEO_NUMBER_TEXT_SIZE. */
size_t geo_number_format(int64_t value, unsigned scale, char text[GEO_NUMBER_TEXT_SIZE]);

#endif
