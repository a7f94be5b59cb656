/* tests/log/model.h - what a log must hold, kept in memory, and the checks against the real one. */
#ifndef TESTS_LOG_MODEL_H
#define TESTS_LOG_MODEL_H

#include "base/hash.h"
#include "log_fixture.h"

#define MODEL_PARTITIONS (FIXTURE_PARTITIONS + 1)
#define MODEL_PRODUCERS 3
#define MODEL_GROUPS 2

/* After which frame the log ends where: recovery may only end between two frames. */
typedef struct model_frame {
    log_position end;
    int64_t next[MODEL_PARTITIONS];
    uint64_t producer_next[MODEL_PRODUCERS];
} model_frame;

typedef struct model {
    fixture *f;
    uint64_t *values[MODEL_PARTITIONS]; /* owned; by offset */
    size_t capacity[MODEL_PARTITIONS];
    int64_t starts[MODEL_PARTITIONS];
    model_frame *frames; /* owned; frames[0] is the beginning of everything */
    size_t frame_count;
    size_t frame_capacity;
    log_position durable; /* the highest that was ever seen */
    int64_t groups[MODEL_GROUPS][MODEL_PARTITIONS];
    bool is_remembered[MODEL_GROUPS][MODEL_PARTITIONS]; /* over any crash */
    uint64_t next_value;
    hr_random random;
} model;

void model_init(model *m, fixture *f, uint64_t seed);
void model_fini(model *m);

/* Append a random frame to the log, and to the model if the log says it is appended. */
hr_err model_append(model *m, bool is_produced);

/* Take note of what the log has acknowledged so far. */
void model_see_durable(model *m);

typedef enum model_after {
    AFTER_CLOSE,     /* nothing may be missing */
    AFTER_CRASH,     /* the page cache survived: every append that returned is there */
    AFTER_POWER_CUT, /* what was durable is there */
} model_after;

/* The log has been opened again: does it hold what it must, nothing else, and is it not damaged?
 * The model forgets what is rightly lost. */
void model_check_opened(model *m, model_after after);

/* Read a partition from a random offset to the end. */
void model_read(model *m);
void model_commit_group(model *m);
void model_retain(model *m);

#endif
