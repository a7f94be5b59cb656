/* oracle_windows.h - what the standing queries say, against counts by simple loops.
 *
 * Looked at are queries over events that count (`count()`, `distinct(device)`) by fence or kind, in
 * tumbling, hopping or running windows, those of stays (oracle_stays.h), and those over positions
 * (oracle_readings.h); others are named. */
#ifndef SIM_ORACLE_WINDOWS_H
#define SIM_ORACLE_WINDOWS_H

#include "oracle.h"
#include "oracle_compare.h"
#include "oracle_service.h"

/* Every row of the running queries says what the events demand, and no row lacks. While rows were
 * late, a window may hold less than that, never more. Waits up to wait_s for the queries to have
 * read all events; *rows gets how many were looked at. */
HR_MUST_USE hr_err oracle_check_windows(oracle_service *service, const oracle_events *there,
                                        const oracle_events *demanded, unsigned wait_s,
                                        oracle_verdict *verdict, size_t *rows, hr_why *why);

#endif
