/* oracle_service.h - what the service says: its log, its rules, its events, by HTTP. */
#ifndef SIM_ORACLE_SERVICE_H
#define SIM_ORACLE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "oracle.h"

/* A fix of the log or of a truth. */
typedef struct oracle_fix {
    hr_fix fix;   /* flags apart */
    size_t order; /* as it stands in the log, or as it was sent */
} oracle_fix;

typedef struct oracle_fixes {
    oracle_fix *all;
    size_t count;
    size_t capacity;
} oracle_fixes;

HR_MUST_USE hr_err oracle_fixes_add(oracle_fixes *fixes, const oracle_fix *fix);

/* A fix of the log that counts in windows, and the rules by which it was judged. */
typedef struct oracle_reading {
    hr_fix fix;
    int64_t append_ms;
    const oracle_rules *rules; /* borrowed from the service */
} oracle_reading;

typedef struct oracle_readings {
    oracle_reading *all;
    size_t count;
    size_t capacity;
} oracle_readings;

/* Opaque. Threads: one. */
typedef struct oracle_service oracle_service;

HR_MUST_USE hr_err oracle_service_open(const char *address, const char *token, oracle_service **out,
                                       hr_why *why);
void oracle_service_close(oracle_service *service);

/* Go through all partitions up to where they end now: *fixes gets what is in the log, *events what
 * the log demands. HR_GONE: a partition no longer begins at 0. */
HR_MUST_USE hr_err oracle_service_read(oracle_service *service, oracle_fixes *fixes,
                                       oracle_events *events, hr_why *why);

/* What that went through and counts in windows. Borrowed. */
const oracle_readings *oracle_service_readings(const oracle_service *service);

/* The events there are, of sources that were read: in the order of the topic. */
HR_MUST_USE hr_err oracle_service_events(oracle_service *service, oracle_events *events,
                                         hr_why *why);

/* The answer to a GET, for cJSON_Delete; NULL: why says. */
cJSON *oracle_service_ask(oracle_service *service, const char *path, hr_why *why);

/* A device's id by its key; its key as text if the log has no name for it. Borrowed. */
const char *oracle_service_name(void *service, uint64_t device);

#endif
