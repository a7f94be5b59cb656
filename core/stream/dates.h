/* stream/dates.h - SQLite's functions of dates, without what depends on the machine.
 *
 * 'localtime' and 'utc' ask where the machine is set up to be: moved, or with new rules for summer
 * time, it would count the same log otherwise. They are refused where they are met. */
#ifndef STREAM_DATES_H
#define STREAM_DATES_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/err.h"

/* Threads: that of its connection. */
typedef struct stream_dates stream_dates;

/* In the place of db's own functions. vfs: the layer whose clock SQLite's own ones ask. Freed after
 * db was closed. HR_NO_MEMORY. */
HR_MUST_USE hr_err stream_dates_new(sqlite3 *db, const char *vfs, stream_dates **out);
void stream_dates_free(stream_dates *dates);

/* Has one been refused? */
bool stream_dates_refused(const stream_dates *dates);

#endif
