/* api/events_past.c - records can be read forwards only, so the past is read in windows, the newest
 * first, each forwards, and what was found in one is told backwards. */
#include "events_past.h"

#include <stdlib.h>
#include <string.h>

#include "base/record.h"

#define WINDOW_FIRST 1024    /* offsets */
#define WINDOW_MAX (1 << 16) /* of windows with records in them; empty ones cost nothing */
#define TRIES_MAX 3          /* the log may move on while it is read */

bool event_filter_passes(const event_filter *filter, const hr_event *event)
{
    return event->time_ms >= filter->from_ms && event->time_ms < filter->to_ms &&
           (!filter->has_kind || event->kind == filter->kind) &&
           (!filter->has_severity || event->severity == filter->severity) &&
           (!filter->has_late || event->late == filter->late) &&
           (filter->fence == NULL || strcmp(event->fence_id, filter->fence) == 0) &&
           (filter->device == NULL || strcmp(event->device_id, filter->device) == 0);
}

typedef struct found_event {
    int64_t offset;
    hr_event event;
} found_event;

/* The newest of a window's events, as a ring. */
typedef struct window {
    int64_t from;
    int64_t to;
    found_event *ring;
    uint32_t capacity;
    uint64_t count;  /* found, also those that were overwritten */
    bool is_visited; /* it has records, whatever they are */
} window;

static hr_err read_window(history_reader *reader, const event_filter *filter, window *w,
                          hr_why *why)
{
    w->count = 0;
    w->is_visited = false;
    hr_err err = history_events_begin(reader, w->from, why);
    while (err == HR_OK) {
        history_record record = {.offset = 0};
        err = history_events_next(reader, &record, why);
        if (err == HR_NOT_FOUND || (err == HR_OK && record.offset >= w->to)) {
            return HR_OK;
        }
        if (err == HR_OK) {
            found_event *place = &w->ring[w->count % w->capacity];
            w->is_visited = true;
            place->offset = record.offset;
            if (record.type == HR_RECORD_EVENT &&
                hr_event_load(record.bytes, record.size, &place->event) == HR_OK &&
                event_filter_passes(filter, &place->event)) {
                w->count++;
            }
        }
    }
    return err;
}

/* Newest first; the offset of the last one told, or where the window begins. */
static int64_t tell_window(const window *w, events_past *past)
{
    uint64_t kept = w->count < past->left ? w->count : past->left;
    int64_t oldest = w->from;
    for (uint64_t i = 1; i <= kept; i++) {
        const found_event *each = &w->ring[(w->count - i) % w->capacity];
        past->visit(&each->event, each->offset, past->context);
        oldest = each->offset;
    }
    past->left -= (uint32_t)kept;
    return past->left == 0 ? oldest : w->from;
}

hr_err events_past_each(history_reader *reader, events_past *past, hr_why *why)
{
    /* One place more than is wanted: the next record is read into it before it is judged. */
    window w = {.capacity = past->left + 1};
    w.ring = malloc(w.capacity * sizeof *w.ring);
    if (w.ring == NULL) {
        return HR_NO_MEMORY;
    }
    hr_err err = HR_OK;
    int64_t width = WINDOW_FIRST;
    while (err == HR_OK && past->left > 0 && past->before > past->floor) {
        w.to = past->before;
        w.from = w.to - past->floor > width ? w.to - width : past->floor;
        err = HR_GONE;
        for (int i = 0; i < TRIES_MAX && err == HR_GONE; i++) {
            err = read_window(reader, past->filter, &w, why);
        }
        if (err == HR_OK) {
            past->before = tell_window(&w, past);
            width = width < WINDOW_MAX || !w.is_visited ? width * 2 : WINDOW_MAX;
        }
    }
    free(w.ring);
    return err == HR_TIMEOUT ? HR_OK : err;
}
