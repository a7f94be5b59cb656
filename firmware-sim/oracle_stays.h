/* oracle_stays.h - how long each device was within each fence, against sums by simple loops. */
#ifndef SIM_ORACLE_STAYS_H
#define SIM_ORACLE_STAYS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "oracle.h"
#include "oracle_compare.h"

/* Is it a running query over all enters and exits, by fence and device, for
 * stay(kind, crossing_time, uncertainty_s)? From GET /v1/queries. */
bool oracle_stays_can_check(const cJSON *query);

/* Every pair of a fence and a device has its row (unless the answer was cut), which says how often,
 * how long, since when, and how uncertain that is. The events are those that are demanded. */
HR_MUST_USE hr_err oracle_stays_check(const cJSON *query, const cJSON *rows, bool are_cut,
                                      const oracle_events *demanded, oracle_verdict *verdict);

#endif
