/* gateway/outbox_spans.h - under which epoch each sequence goes, in a small file beside the log.
 *
 * A span begins with every boot of the machine: a power cut may take from a disk what it had
 * called safe, and then numbers that the service knows would be given out again. Within a boot the
 * page cache stays, whoever is killed. */
#ifndef GATEWAY_OUTBOX_SPANS_H
#define GATEWAY_OUTBOX_SPANS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "gateway/outbox.h"

#define OUTBOX_SPANS_MAX                                                                           \
    1024 /* boots with fixes that are still unsent; then the newest goes on                        \
          */
#define OUTBOX_BOOT_SIZE 64

/* Threads: any, once open. */
typedef struct outbox_spans {
    const char *folder; /* borrowed */
    char boot[OUTBOX_BOOT_SIZE];
    pthread_mutex_t lock;
    outbox_span list[OUTBOX_SPANS_MAX]; /* protected by lock; end is not kept in it */
    size_t count;
    bool is_unsaved; /* the file does not have the newest yet; protected by lock, as count */
} outbox_spans;

/* The folder is borrowed. */
void outbox_spans_init(outbox_spans *spans, const char *folder);
void outbox_spans_fini(outbox_spans *spans);

/* acked: what is below needs no span any more. end: the sequence that the next fix will have. On a
 * full disk the span of a new boot is kept in memory only, for outbox_spans_keep(). */
HR_MUST_USE hr_err outbox_spans_open(outbox_spans *spans, const char *boot, uint64_t acked,
                                     uint64_t end, hr_why *why);

outbox_span outbox_spans_at(outbox_spans *spans, uint64_t sequence);

/* Before a sequence is given: its span must be on the disk. HR_NO_SPACE: the disk is full; it can
 * be called again. */
HR_MUST_USE hr_err outbox_spans_keep(outbox_spans *spans);

/* A new span from start on. */
HR_MUST_USE hr_err outbox_spans_begin(outbox_spans *spans, uint64_t acked, uint64_t start,
                                      hr_why *why);

#endif
