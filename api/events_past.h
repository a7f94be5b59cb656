/* api/events_past.h - events from the newest back to the oldest, for lists that go on downwards. */
#ifndef API_EVENTS_PAST_H
#define API_EVENTS_PAST_H

#include "base/event.h"
#include "engine/history_read.h"

#define EVENTS_PAST_MAX 1000 /* in one answer */

/* What must be true of an event; a NULL text and a false has_... say nothing. */
typedef struct event_filter {
    const char *fence;
    const char *device;
    bool has_kind;
    hr_event_kind kind;
    bool has_severity;
    hr_severity severity;
    bool has_late;
    bool late;
    int64_t from_ms;
    int64_t to_ms;
} event_filter;

bool event_filter_passes(const event_filter *filter, const hr_event *event);

typedef void events_past_visitor(const hr_event *event, int64_t offset, void *context);

typedef struct events_past {
    const event_filter *filter;
    int64_t before; /* in: above what is wanted; out: everything from here on was looked at */
    int64_t floor;  /* nothing below it is wanted */
    uint32_t left;  /* in: how many are wanted, 1 to EVENTS_PAST_MAX; out: how many are missing */
    events_past_visitor *visit;
    void *context;
} events_past;

/* Visits what passes the filter, newest first, until enough is found or the reader's deadline is
 * over; then `before` says where to go on, and that is all: HR_OK. */
HR_MUST_USE hr_err events_past_each(history_reader *reader, events_past *past, hr_why *why);

#endif
