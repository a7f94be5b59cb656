/* oracle_trend.h - a line through points and its uncertainty, worked out the plain way. */
#ifndef SIM_ORACLE_TREND_H
#define SIM_ORACLE_TREND_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* Does what is said (null, or an object of slope, level, noise, zero ..) suit the points? noise is
 * the width that the query gave. False: what gets the reason. */
bool oracle_trend_is_right(const cJSON *said, const double *x, const double *y, size_t count,
                           double noise, char *what, size_t what_size);

#endif
