/* stream/windows.h - aggregates by group and window of event time.
 *
 * Hopping windows share panes: a row is counted once, in the pane of its time, and a window's
 * answer is the merge of its panes. Ends of windows are multiples of `every` since 1970. A row is
 * late when the first window to end after it has been passed by its lane's watermark; so whether a
 * row counts depends on its own lane (partition) alone, however lanes are read beside each other.
 * A watermark may go back. Rows may then come for windows that have been told, which are told
 * again: with those rows, and with what else of them is still held (of a tumbling window nothing).
 */
#ifndef STREAM_WINDOWS_H
#define STREAM_WINDOWS_H

#include "stream/aggregate.h"

#define STREAM_PANES_MAX 1440 /* of one window */
#define STREAM_AGGREGATES_MAX 8
#define STREAM_GROUP_KEYS_MAX 4
#define STREAM_TIME_NONE INT64_MIN

typedef enum stream_window_type {
    STREAM_RUNNING, /* one window without end */
    STREAM_TUMBLING,
    STREAM_HOPPING,
    STREAM_SESSION, /* ends when a group was silent for gap_ms */
} stream_window_type;

typedef struct stream_window {
    stream_window_type type;
    int64_t size_ms;
    int64_t every_ms; /* = size_ms for tumbling; divides it for hopping */
    int64_t gap_ms;
} stream_window;

/* Threads: one at a time. */
typedef struct stream_windows stream_windows;

HR_MUST_USE hr_err stream_windows_new(const stream_window *window,
                                      const stream_aggregate *aggregates, uint32_t count,
                                      uint64_t seed, stream_windows **out);
void stream_windows_free(stream_windows *windows);

/* Count a row: arguments are those of all aggregates, one after the other. watermark_ms is its
 * lane's; *is_late is set when the row was dropped. HR_NO_MEMORY. */
HR_MUST_USE hr_err stream_windows_add(stream_windows *windows, const uint8_t *key, size_t key_size,
                                      int64_t time_ms, int64_t watermark_ms,
                                      const stream_value *arguments, bool *is_late);

/* One window of one group. Borrowed for the call. */
typedef struct stream_output {
    int64_t from_ms; /* STREAM_TIME_NONE for running totals, and so is to_ms */
    int64_t to_ms;
    bool is_final;
    const uint8_t *key;
    size_t key_size;
    const stream_windows *windows;
    const void *pane;
} stream_output;

/* The state of one of the aggregates. */
const stream_state *stream_output_state(const stream_output *output, uint32_t at);

/* False: enough. */
typedef bool stream_output_visit(void *context, const stream_output *output);

/* The least watermark of all lanes: tell the windows that end at or before it, and forget them;
 * what fades in running totals does so once an hour. Whatever visit answers, all are told. */
HR_MUST_USE hr_err stream_windows_close(stream_windows *windows, int64_t watermark_ms,
                                        stream_output_visit *visit, void *context);

/* Tell the windows that are open. HR_TOO_BIG: there are more, but so many panes were merged for
 * those before that who asks would keep everyone else waiting. */
#define STREAM_OPEN_MERGE_BYTES_MAX (64u << 20)
HR_MUST_USE hr_err stream_windows_open(const stream_windows *windows, stream_output_visit *visit,
                                       void *context);

/* What a pane takes while its aggregates are small. */
size_t stream_windows_pane_bytes(const stream_window *window, const stream_aggregate *aggregates,
                                 uint32_t count);

/* The least watermark at which a window could end; INT64_MAX: nothing is open, or never ends. */
int64_t stream_windows_due_ms(const stream_windows *windows);

size_t stream_windows_bytes(const stream_windows *windows);
uint32_t stream_windows_groups(const stream_windows *windows);

void stream_windows_write(const stream_windows *windows, hr_buf *out);
/* Into new ones, made as those were. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_windows_read(stream_windows *windows, hr_cursor *in);

#endif
