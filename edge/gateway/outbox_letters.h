/* gateway/outbox_letters.h - dead letters on their way to the service (what sources brought and
 * nobody could read), in a topic of the outbox's log, beside the fixes. */
#ifndef GATEWAY_OUTBOX_LETTERS_H
#define GATEWAY_OUTBOX_LETTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "log/log.h"

#define OUTBOX_LETTERS_TOPIC 1
#define OUTBOX_LETTERS_TYPE 2  /* lazy: no fsync of its own */
#define OUTBOX_LETTERS_MAX 256 /* further ones are not kept while so many wait */

/* Threads: any to put and to ask; one to read. */
typedef struct outbox_letters {
    log_store *log;       /* NULL: there are none, in an outbox that is older than letters */
    _Atomic int64_t next; /* the oldest that waits */
} outbox_letters;

void outbox_letters_open(outbox_letters *l, log_store *log);
void outbox_letters_close(outbox_letters *l);

/* HR_NO_SPACE: too many wait, or the disk is full. HR_UNSUPPORTED: the outbox has no such topic. */
HR_MUST_USE hr_err outbox_letters_put(outbox_letters *l, const void *message, size_t size);

bool outbox_letters_wait(const outbox_letters *l);

/* Append the oldest that waits to message; it waits until it is told to be done. HR_TIMEOUT: there
 * is none. */
HR_MUST_USE hr_err outbox_letters_first(outbox_letters *l, hr_buf *message);
void outbox_letters_done(outbox_letters *l);

#endif
