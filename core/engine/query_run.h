/* core/engine/query_run.h - one standing query: its state, its answers, its progress. */
#ifndef ENGINE_QUERY_RUN_H
#define ENGINE_QUERY_RUN_H

#include "query_define.h"
#include "query_pairs.h"

#define QUERY_REPORTS_MAX 20 /* progress reports that are kept */

typedef enum query_status {
    QUERY_RUNNING,
    QUERY_STOPPED,
    QUERY_FAILED,
} query_status;

/* Counts since the run began, and of the last batch. */
typedef struct query_report {
    int64_t at_ms;
    uint64_t rows_in;
    uint64_t rows_passed; /* where let them through */
    uint64_t rows_late;
    uint64_t rows_out; /* ended windows */
    uint64_t batches;
    int64_t evaluate_ns; /* over all batches */
    int64_t pair_ns;
    int64_t close_ns;
    int64_t batch_ns_max;
    int64_t time_min_ms; /* event time; of all rows */
    int64_t time_max_ms;
    double time_sum_ms; /* relative to the first row, for the mean */
    int64_t time_first_ms;
    int64_t watermark_ms;
    uint64_t state_bytes;
    uint32_t groups;
} query_report;

/* Threads: one at a time (the runner's lock). */
typedef struct query_run {
    query_spec *spec; /* owned; NULL when the definition cannot be understood */
    char name[QUERY_NAME_MAX + 1];
    size_t bytes_max; /* what all queries together may hold */
    uint64_t number;  /* survives changes of the definition */
    uint64_t edition; /* of the definition, as the catalogue counts: a start makes one, too */
    uint64_t run_id;  /* of this start */
    uint64_t revision;
    query_status status;
    char reason[HR_WHY_MAX];     /* why it failed, or counts less than it should; may be empty */
    stream_evaluator *evaluator; /* NULL when it pairs rows: then theirs are asked */
    query_pairs *pairs;
    stream_windows *windows;
    int64_t mark_ms;        /* all lanes are there; STREAM_TIME_NONE: not known */
    int64_t spent_ns;       /* on the last few batches .. */
    uint64_t spent_on;      /* .. of so many rows */
    bool is_watched;        /* it seemed to be slow */
    bool is_ending;         /* windows that are over wait to be ended */
    int64_t ending_ns;      /* that went to ending windows .. */
    int64_t ending_from_ms; /* .. since those that were over then */
    char **kept;            /* ended windows as JSON objects, in a ring */
    uint32_t kept_count;
    uint32_t kept_next;
    size_t kept_bytes;
    hr_buf key; /* of the row at hand */
    query_report report;
    query_report reports[QUERY_REPORTS_MAX]; /* a ring */
    uint32_t report_count;
} query_run;

/* Takes the spec over, also on failure. A new run, stopped or running as the spec says. */
HR_MUST_USE hr_err query_run_new(query_spec *spec, uint64_t number, uint64_t run_id,
                                 size_t bytes_max, query_run **out, hr_why *why);
/* One whose definition cannot be understood, only to be shown. */
HR_MUST_USE hr_err query_run_new_failed(const char *name, uint64_t number, const char *reason,
                                        query_run **out);
void query_run_free(query_run *run);

/* Forget everything that was counted. HR_NO_MEMORY: it has failed then. */
HR_MUST_USE hr_err query_run_reset(query_run *run, uint64_t run_id);
void query_run_fail(query_run *run, const char *reason);
/* What it had counted is lost; it goes on and says so until it is started anew. */
void query_run_note_loss(query_run *run);
/* It holds too much: fail, and if it has already, forget the ended windows too. */
void query_run_shrink(query_run *run);

bool query_run_reads(const query_run *run, query_source source);
/* The least mark of the lanes at which it has something to end; INT64_MAX: none. */
int64_t query_run_due_ms(const query_run *run);

/* Count a batch of a source that it reads; whatever goes wrong makes it fail. */
void query_run_batch(query_run *run, query_source source, const void *rows, size_t count,
                     const hr_clock *clock);

/* All lanes are at mark_ms or beyond. True: there are more windows to end, and others may be let in
 * before. */
bool query_run_close(query_run *run, int64_t mark_ms, const hr_clock *clock);

/* Keep a report of how it goes. */
void query_run_note(query_run *run, int64_t now_ms);

size_t query_run_bytes(const query_run *run);

/* The counts as of now. */
void query_run_report(const query_run *run, query_report *report);

/* query_tell.c: JSON, as engine/query.h says; and one window of one group. */
void query_run_tell_output(const query_run *run, const stream_output *output, hr_json *json);
void query_run_tell(const query_run *run, hr_json *json);
void query_run_tell_rows(query_run *run, uint32_t limit, hr_json *json);
void query_run_tell_progress(const query_run *run, hr_json *json);

void query_run_write(const query_run *run, hr_buf *out);
/* Into a new run of the same spec. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err query_run_read(query_run *run, hr_cursor *in);

#endif
