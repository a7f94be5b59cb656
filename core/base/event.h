/* base/event.h - a fence event as the log keeps it, and its id. */
#ifndef BASE_EVENT_H
#define BASE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"

#define HR_FENCE_NAME_MAX 256 /* bytes; longer names are refused by the catalogue */

/* Values are stored: never renumber. name as the outside sees it. */
#define HR_EVENT_KIND_LIST(X)                                                                      \
    X(HR_EVENT_ENTER, "enter")                                                                     \
    X(HR_EVENT_EXIT, "exit")                                                                       \
    X(HR_EVENT_CROSS, "cross")                                                                     \
    X(HR_EVENT_DWELL, "dwell")                                                                     \
    X(HR_EVENT_APPROACH, "approach")                                                               \
    X(HR_EVENT_STALE, "stale")

#define HR_EVENT_CAUSE_LIST(X)                                                                     \
    X(HR_CAUSE_FIX, "fix")                                                                         \
    X(HR_CAUSE_RULES, "rules")                                                                     \
    X(HR_CAUSE_SCHEDULE, "schedule")                                                               \
    X(HR_CAUSE_EXPIRY, "expiry")                                                                   \
    X(HR_CAUSE_TICK, "tick")

#define HR_SEVERITY_LIST(X)                                                                        \
    X(HR_SEVERITY_INFO, "info")                                                                    \
    X(HR_SEVERITY_WARNING, "warning")                                                              \
    X(HR_SEVERITY_ALARM, "alarm")

#define HR_EVENT_ENUM(value, name) value,
typedef enum hr_event_kind {
    HR_EVENT_KIND_LIST(HR_EVENT_ENUM) HR_EVENT_KINDS
} hr_event_kind;
typedef enum hr_event_cause {
    HR_EVENT_CAUSE_LIST(HR_EVENT_ENUM) HR_EVENT_CAUSES
} hr_event_cause;
typedef enum hr_severity {
    HR_SEVERITY_LIST(HR_EVENT_ENUM) HR_SEVERITIES
} hr_severity;
#undef HR_EVENT_ENUM

const char *hr_event_kind_name(hr_event_kind kind);
const char *hr_event_cause_name(hr_event_cause cause);
const char *hr_severity_name(hr_severity severity);

/* HR_INVALID for an unknown name. */
HR_MUST_USE hr_err hr_event_kind_parse(const char *name, size_t size, hr_event_kind *kind);

typedef struct hr_event {
    hr_event_kind kind;
    hr_event_cause cause;
    hr_severity severity;
    bool late;
    bool has_place; /* false for the stale of a device that never had a deciding fix */
    bool has_crossing;
    int64_t time_ms;
    int32_t lon_e7;
    int32_t lat_e7;
    int64_t crossing_time_ms;
    int32_t crossing_lon_e7;
    int32_t crossing_lat_e7;
    uint64_t device;        /* hr_device_key */
    uint64_t rules_version; /* by which it was decided */
    int64_t received_ms;    /* append_ms of the source's frame */
    uint16_t source_partition;
    int64_t source_offset;
    uint32_t source_index; /* among the events of that source record */
    char device_id[HR_DEVICE_ID_MAX + 1];
    char fence_id[HR_FENCE_ID_MAX + 1]; /* "" for stale */
    char fence_name[HR_FENCE_NAME_MAX + 1];
} hr_event;

/* Append the stored form: fixed fields, then the three texts. Equal events give equal bytes. */
void hr_event_store(hr_buf *out, const hr_event *event);

/* HR_CORRUPT: not a stored event. */
HR_MUST_USE hr_err hr_event_load(const uint8_t *bytes, size_t size, hr_event *event);

#define HR_EVENT_ID_SIZE (HR_FENCE_ID_MAX + HR_DEVICE_ID_MAX + 80)

/* "kind/fence/device/time_ms", and the cause where a fix did not decide (TRACKER rule 13): equal
 * for every repeat of the same happening. */
void hr_event_id(const hr_event *event, char id[HR_EVENT_ID_SIZE]);

#endif
