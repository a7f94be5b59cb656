/* gateway/outbox.h - the fixes a gateway keeps until the service has them, on core/log.
 *
 * A fix's offset is its sequence number. Fixes are fsynced before they are sent. Sequences go under
 * an epoch, a random number; those of another boot of the machine go under another one. */
#ifndef GATEWAY_OUTBOX_H
#define GATEWAY_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "gateway/outbox_letters.h"
#include "log/log.h"
#include "wire/fix_json.h"

#define OUTBOX_PUT_MAX 4096      /* fixes in one call; HR_TOO_BIG above */
#define OUTBOX_DEVICES_MAX 16384 /* whose fixes it has ever taken; fixes of others are refused */

/* Threads: outbox_put from one, reading from one, the rest from any. */
typedef struct outbox outbox;

typedef struct outbox_options {
    const char *folder;
    uint64_t cap_bytes; /* above it the oldest file of fixes goes, sent or not */
    const hr_clock *clock;
    const char *boot;    /* what names this boot of the machine; NULL: as the kernel says */
    int32_t patience_ms; /* as in log_options */
} outbox_options;

HR_MUST_USE hr_err outbox_open(const outbox_options *options, outbox **out, hr_why *why);
void outbox_close(outbox *box);

/* Sequences that go under one epoch: start to end, which is UINT64_MAX for the newest. */
typedef struct outbox_span {
    uint64_t epoch;
    uint64_t start;
    uint64_t end;
} outbox_span;

/* The span of a sequence that is not acknowledged yet. */
outbox_span outbox_span_at(outbox *box, uint64_t sequence);

/* The service knows of sequences that this outbox has lost: what is held from start on goes under a
 * new epoch, and what is below is never sent again. */
HR_MUST_USE hr_err outbox_renew(outbox *box, uint64_t start, hr_why *why);

/* Append fixes as one frame. *refused (may be NULL) gets how many were left out because of their
 * device: see OUTBOX_DEVICES_MAX. HR_NO_SPACE: the disk is full; nothing was written. */
HR_MUST_USE hr_err outbox_put(outbox *box, const wire_fix *fixes, size_t count, size_t *refused);

/* Lowest sequence held, and the one after the last that is fsynced. */
uint64_t outbox_start(const outbox *box);
uint64_t outbox_end(const outbox *box);

/* When the first fix held at or above a sequence was taken. HR_TIMEOUT: there is none. Threads:
 * any. */
HR_MUST_USE hr_err outbox_taken_ms(outbox *box, uint64_t sequence, int64_t *time_ms);

/* Read on from a sequence. */
void outbox_seek(outbox *box, uint64_t sequence);

typedef struct outbox_fix {
    wire_fix fix;
    uint64_t sequence; /* above the one asked for when those between are held no more */
    int64_t append_ms;
} outbox_fix;

/* The next fsynced fix. HR_TIMEOUT: none yet. */
HR_MUST_USE hr_err outbox_next(outbox *box, outbox_fix *out);

/* The service has everything below. The disk learns it in steps of that many fixes, since the
 * service knows it better: it is asked after each connection. */
#define OUTBOX_ACKED_STEP 8192
void outbox_acked(outbox *box, uint64_t next);

/* The disk is to have it now: while there is no link nobody can be asked. */
void outbox_keep_acked(outbox *box);

/* What the service said last; after a kill -9, what the disk has of it. */
uint64_t outbox_acked_next(const outbox *box);

/* Let old files go; how many fixes went that the service had not acknowledged. */
uint64_t outbox_trim(outbox *box);

/* For a disk that is full below the cap: let the oldest file go, one with fixes that the service
 * has not acknowledged only if may_lose. *dropped gets how many such fixes went. False: none may
 * go. */
bool outbox_make_room(outbox *box, bool may_lose, uint64_t *dropped);

/* Have a function called after each commit, on the log's thread: it must not block. NULL: none any
 * more, and none runs when this returns. */
void outbox_on_commit(outbox *box, void (*call)(void *context), void *context);

/* What was brought and cannot be read, on its way to the service: see outbox_letters.h. */
outbox_letters *outbox_letters_of(outbox *box);

/* For waiting on commits, and for health. */
log_store *outbox_log(outbox *box);

#endif
