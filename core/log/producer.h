/* core/log/producer.h - which sequence each producer's epoch must append next. */
#ifndef LOG_PRODUCER_H
#define LOG_PRODUCER_H

#include <stdbool.h>

#include "base/buf.h"
#include "log/log.h"

typedef struct producer_entry {
    uint64_t id; /* 0: a free slot */
    uint64_t epoch;
    uint64_t next_seq;
    log_position heard_at; /* of its newest frame */
} producer_entry;

/* A hash table; all zeros is an empty one. Threads: protected by whoever owns it. */
typedef struct producer_table {
    producer_entry *slots; /* owned; a power of two, at most three quarters used */
    uint32_t slot_count;
    uint32_t used;
} producer_table;

typedef enum producer_answer {
    PRODUCER_EXPECTED, /* append; gap tells how many are lost for good */
    PRODUCER_REPEATED, /* some or all were appended before */
    PRODUCER_AHEAD,    /* it still holds what is missing: it must rewind */
} producer_answer;

void producer_fini(producer_table *table);

/* NULL if (id, epoch) is not known. Borrowed until the table's next change. */
const producer_entry *producer_find(const producer_table *table, uint64_t id, uint64_t epoch);

/* What is to become of a frame from this producer; *gap is set for PRODUCER_EXPECTED. */
producer_answer producer_judge(const producer_table *table, const log_producer *producer,
                               uint64_t *gap);

/* Room for one more, so that the next producer_set() cannot fail. */
HR_MUST_USE hr_err producer_reserve(producer_table *table);

/* (id, epoch) goes on at next_seq. At LOG_PRODUCERS_MAX the one longest silent is forgotten. */
void producer_set(producer_table *table, producer_entry entry);

/* Into the side file and back. producer_load: HR_CORRUPT, HR_NO_MEMORY. */
void producer_save(const producer_table *table, hr_buf *out);
HR_MUST_USE hr_err producer_load(producer_table *table, hr_cursor *in);

#endif
