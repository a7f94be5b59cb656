/* oracle_readings.h - standing queries over positions, against loops over the log's fixes.
 *
 * Looked at are queries where at most one column must be known, or be at most a number, by device,
 * by its group or all in one, in tumbling, hopping or running windows, that select `count()`,
 * `quantile(column, part)` and, in running ones, `trend(column, time_days, noise)`; and trends in
 * sessions. Each is held to what its documentation says: a count is exact but for rows that were
 * late; a quantile is exact up to 32 values and then within 1 % of the value of its rank; a trend
 * is the posterior of stream/trend.h, worked out in two passes; a session is as long as its fixes
 * are less than its gap apart. */
#ifndef SIM_ORACLE_READINGS_H
#define SIM_ORACLE_READINGS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "oracle_compare.h"
#include "oracle_service.h"

/* Is it a running query of that kind? From GET /v1/queries. */
bool oracle_readings_can_check(const cJSON *query);

/* From GET /v1/queries/{name}/rows. Every reading is in its rows or was late, and every row says
 * what its readings say. */
HR_MUST_USE hr_err oracle_readings_check(const cJSON *query, const cJSON *answer,
                                         const oracle_readings *readings, oracle_verdict *verdict);

#endif
