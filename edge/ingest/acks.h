/* ingest/acks.h - what each gateway may be told: how far its fixes are durable.
 *
 * The receiving thread notes what it appended at which position of the log; once the log's durable
 * end has passed it, the gateway is told. Plain data, no thread, no clock of its own. */
#ifndef INGEST_ACKS_H
#define INGEST_ACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

#define ACKS_STREAMS_MAX 8192 /* (user, epoch) pairs; the longest idle one gives way */
#define ACKS_WAITING_MAX 32   /* appends of one stream awaiting the disk; later ones merge */
#define ACKS_GAP_NS INT64_C(20000000)

/* Threads: one at a time; the owner locks. */
typedef struct acks acks;

/* NULL when memory is short. */
acks *acks_new(void);
void acks_free(acks *table);

/* Fixes of that stream up to next (not included) are in the log at that position. durable_next is
 * what was expected before, and counts only when the stream is new here: it was read from disk.
 * HR_NO_MEMORY, HR_TOO_BIG (too many streams await the disk): not noted. A repeat will be, but as
 * durable: none may be taken before it is. */
HR_MUST_USE hr_err acks_appended(acks *table, const char *user, uint64_t epoch,
                                 uint64_t durable_next, uint64_t next, uint64_t position);

/* A repeated or refused batch: say again how far it is. Errors as above. */
HR_MUST_USE hr_err acks_answer(acks *table, const char *user, uint64_t epoch,
                               uint64_t durable_next);

/* Say everything again, as after a new connection. */
void acks_answer_all(acks *table);

typedef struct ack {
    char user[HR_USER_ID_MAX + 1];
    uint64_t epoch;
    int64_t seq; /* -1: nothing yet */
} ack;

/* The next acknowledgement to send now, if any. *wake_ns gets the time at which one that is held
 * back by ACKS_GAP_NS may go, INT64_MAX if there is none. */
bool acks_next(acks *table, uint64_t durable, int64_t now_ns, ack *out, int64_t *wake_ns);

#endif
