/* core/engine/query_input.h - what standing queries read: the committed log, batch by batch.
 *
 * A lane is a partition: its fixes, rules and ticks, and among them the events that they made. An
 * event comes in its lane just before the record that made it, whenever it is read: so what a row
 * sees of its lane (watermark, rules, the device's last fixes) is a pure function of the log. A
 * lane is therefore read only as far as its worker has told its events.
 *
 * A lane's mark is how far it is in event time: the greatest of its fixes' times, each at most its
 * append_ms; fixes from a backlog, or from a clock that is ahead of the gateway's by more than
 * HR_FUTURE_MAX_MS, neither advance nor hold it. A tick lifts it to QUERY_IDLE_MS before the tick's
 * time, so that a silent partition does not hold the others back; and to less by as much as the
 * lane's newest fix was behind the gateway's clock when it came, since what is behind may be all
 * devices, or the network, or it is that clock which is ahead.
 * A mark goes back in one case alone: a record with an append_ms below it says that the gateway's
 * clock was ahead and has been put right. Then the lane is where its fixes are. */
#ifndef ENGINE_QUERY_INPUT_H
#define ENGINE_QUERY_INPUT_H

#include "catalog/catalog.h"
#include "engine/engine.h"
#include "log/reader.h"
#include "query_device.h"
#include "query_rows.h"

#define QUERY_BATCH_ROWS 256
#define QUERY_IDLE_MS 60000
#define QUERY_BEHIND_MS_MAX 3600000 /* behind it by more are broken clocks, not a slow network */

/* One version of the rules. rules is counted; NULL: the catalogue has forgotten that version. */
typedef struct query_rules {
    uint64_t version;
    bool is_loaded; /* or cannot be */
    const geo_rules *rules;
} query_rules;

typedef struct query_lane {
    log_reader *reader;
    log_view view;
    bool has_view;
    size_t at;      /* in the view's bytes */
    int64_t offset; /* next to read */
    int64_t limit;  /* no event of what lies before it is to come */
    int64_t mark_ms;
    int64_t newest_ms;      /* of the fixes that advance it */
    int64_t behind_ms;      /* how far newest_ms was behind the clock when it came */
    uint64_t rules_version; /* in force .. */
    query_rules rules;      /* .. once they have been asked for */
} query_lane;

/* Rows of one source, at most QUERY_BATCH_ROWS at a time. */
typedef void query_rows_visit(void *context, query_source source, const void *rows, size_t count);

/* Threads: one at a time (the runner's lock). */
typedef struct query_input {
    log_store *log;
    catalog *catalog;
    engine *engine; /* NULL: no event will ever come of what is in the log now */
    log_reader *events;
    log_view events_view;
    bool has_events;
    size_t events_at;      /* in the view's bytes */
    int64_t events_record; /* that stands there */
    int64_t events_offset; /* the next one to take */
    uint32_t lane_count;
    query_lane lanes[HR_PARTITIONS_MAX];
    int64_t horizon[HR_PARTITIONS_MAX]; /* limits, once the events before horizon_end are read */
    int64_t horizon_end;                /* -1: none */
    query_devices devices;
    query_rules other; /* of events that the lane's rules did not judge */
    uint64_t gaps;     /* times that records, or the rules that judged them, were gone or damaged */
    query_rows_visit *visit;
    void *context;
    size_t event_count;
    size_t fix_count;
    query_event_row event_rows[QUERY_BATCH_ROWS];
    query_fix_row fix_rows[QUERY_BATCH_ROWS];
} query_input;

/* Reads from the log's start. */
HR_MUST_USE hr_err query_input_init(query_input *input, log_store *log, catalog *catalog,
                                    engine *engine, hr_why *why);
void query_input_fini(query_input *input);

/* Read some batches of the log. *is_read: there was something. */
HR_MUST_USE hr_err query_input_next(query_input *input, query_rows_visit *visit, void *context,
                                    bool *is_read, hr_why *why);

/* Is something committed that has not been read? */
bool query_input_is_behind(const query_input *input);

/* The least mark of all lanes; INT64_MIN: some lane has told nothing yet. */
int64_t query_input_mark(const query_input *input);

/* At clock_ms everything has been read: the lanes are where a tick would lift them. */
void query_input_raise(query_input *input, int64_t clock_ms);

/* The earliest tick that lifts every lane to mark_ms. */
int64_t query_input_tick_ms(const query_input *input, int64_t mark_ms);

void query_input_write(const query_input *input, hr_buf *out);
/* Go on where those bytes say; is_older: of the version before. HR_CORRUPT: not such bytes, or of
 * another log. */
HR_MUST_USE hr_err query_input_read(query_input *input, hr_cursor *in, bool is_older, hr_why *why);

#endif
