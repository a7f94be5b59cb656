/* ingest/frame.h - gathers what one message brings, for one append to the log. */
#ifndef INGEST_FRAME_H
#define INGEST_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fix.h"
#include "base/limits.h"
#include "log/log.h"

#define FRAME_DEAD_MAX 100              /* records of one message; later ones are only counted */
#define FRAME_DEAD_PAYLOAD_MAX 4096     /* bytes kept of a poison payload */
#define FRAME_PART_BYTES_MAX (8u << 20) /* fixes, or names, of one partition in one message */

typedef struct frame_part {
    hr_buf fixes;
    hr_buf names;
    uint32_t fix_count;
    uint32_t name_count;
} frame_part;

/* Threads: one at a time. */
typedef struct frame {
    frame_part parts[HR_PARTITIONS_MAX];
    uint32_t partition_count;
    hr_buf dead;
    uint32_t dead_count;
    hr_buf new_keys; /* u64 of every name in here, to be forgotten if the append fails */
} frame;

void frame_init(frame *f, uint32_t partition_count);
void frame_fini(frame *f);

/* Empty again; memory is kept. */
void frame_clear(frame *f);

void frame_add_fix(frame *f, const hr_fix *fix);

/* False: without memory even the key is not in new_keys. */
HR_MUST_USE bool frame_add_name(frame *f, uint64_t key, const char *id, size_t id_size);

/* Something could not be added for want of memory: frame_append will say so. */
void frame_spoil(frame *f);

/* A record for the dead topic. */
void frame_add_dead(frame *f, const char *topic, const char *reason, const void *payload,
                    size_t size);

/* Append everything; an empty frame is HR_OK with *end untouched. Errors as log_append, and
 * HR_NO_MEMORY or HR_TOO_BIG from what was added. */
HR_MUST_USE hr_err frame_append(frame *f, log_store *log, const log_producer *producer,
                                log_position *end);

#endif
