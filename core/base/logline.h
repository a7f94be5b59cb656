/* base/logline.h - one line to stderr for each thing worth telling: `time level event key=value`.
 */
#ifndef BASE_LOGLINE_H
#define BASE_LOGLINE_H

#include <stdarg.h>

#include "base/clock.h"
#include "base/err.h"

typedef enum hr_level {
    HR_LEVEL_DEBUG,
    HR_LEVEL_INFO,
    HR_LEVEL_WARN,
    HR_LEVEL_ERROR,
} hr_level;

/* Lines of one event beyond HR_LOGLINE_BURST_MAX in HR_LOGLINE_PERIOD_MS are counted instead, and
 * the count is told by the first line of the next period. */
#define HR_LOGLINE_BURST_MAX 20
#define HR_LOGLINE_PERIOD_MS 10000
#define HR_LOGLINE_BYTES_MAX 2048
#define HR_LOGLINE_EVENTS_MAX 256

/* Least level that is written; info at start. Threads: any. */
void hr_logline_set_level(hr_level level);
HR_MUST_USE hr_err hr_level_parse(const char *text, hr_level *level);

/* event is a static name such as "ingest.connected"; format gives key=value pairs. Values from
 * outside go through \"%s\" as they are: quotes within come out escaped, control characters, line
 * ends and what is not UTF-8 as '?'. Threads: any; a line is one write(). */
void hr_logline(hr_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A program's first call. Standard files that were closed are opened as /dev/null, or the next file
 * that is opened takes their number, and gets the lines. */
void hr_logline_hold_files(void);

/* Where lines go instead of stderr, and by which clock, for tests. NULL: back to the default. */
typedef void hr_logline_sink(const char *line, void *context);
void hr_logline_redirect(hr_logline_sink *sink, void *context, const hr_clock *clock);

#endif
