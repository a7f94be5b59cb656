/* oracle_events.c - a growing list of events. */
#include <stdlib.h>

#include "oracle.h"

hr_err oracle_events_add(oracle_events *events, const oracle_event *event)
{
    if (events->count == events->capacity) {
        size_t capacity = events->capacity > 0 ? events->capacity * 2 : 256;
        oracle_event *all = realloc(events->all, capacity * sizeof *all);
        if (all == NULL) {
            return HR_NO_MEMORY;
        }
        events->all = all;
        events->capacity = capacity;
    }
    events->all[events->count++] = *event;
    return HR_OK;
}

void oracle_events_free(oracle_events *events)
{
    free(events->all);
    *events = (oracle_events){0};
}
