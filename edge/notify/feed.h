/* notify/feed.h - a sink's way through the events: its consumer group, what is on its way, and how
 * far everything is done. */
#ifndef NOTIFY_FEED_H
#define NOTIFY_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"
#include "log/log.h"
#include "log/reader.h"

#define FEED_WINDOW_MAX 256 /* events on their way to one sink; the next wait in the log */

/* Threads: one at a time. */
typedef struct feed {
    log_store *log;
    const char *group;
    log_reader *reader;
    log_view view;
    bool has_view;
    size_t at;       /* in view */
    int64_t offset;  /* of the next record in view */
    int64_t skip_to; /* records before it are done already */
    int64_t committed;
    uint64_t lost; /* records that retention or damage took before they were told */
    /* Events taken, oldest first; slot i stands for sequence first + i. */
    int64_t offsets[FEED_WINDOW_MAX];
    bool is_done[FEED_WINDOW_MAX];
    uint64_t first;
    uint32_t count;
} feed;

/* Go on where the group stopped; a new group begins at the end. group is kept, not copied. */
HR_MUST_USE hr_err feed_open(feed *f, log_store *log, const char *group);
void feed_close(feed *f);

/* The next event that is news. *sequence is for feed_done. HR_TIMEOUT: none yet, or the window is
 * full. */
HR_MUST_USE hr_err feed_next(feed *f, hr_event *event, int64_t *offset, uint64_t *sequence);

/* That event is delivered, or given up. */
void feed_done(feed *f, uint64_t sequence);

/* Let the group go forward over everything that is done. */
void feed_commit(feed *f);

#endif
