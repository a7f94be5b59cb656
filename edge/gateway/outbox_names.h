/* gateway/outbox_names.h - the ids behind the keys of an outbox's fixes, in a file beside them.
 *
 * One id on a line, in the order in which they were met. A key is the hash of its id, so the file
 * proves itself: what is damaged in it answers to no key. */
#ifndef GATEWAY_OUTBOX_NAMES_H
#define GATEWAY_OUTBOX_NAMES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "log/patience.h"

/* Threads: adding and syncing from one, looking up from any. */
typedef struct outbox_names {
    int fd;
    size_t synced; /* bytes of the file that are on the disk; the adding thread's */
    hr_buf added;  /* lines that are not in the file yet; the adding thread's */
    pthread_mutex_t lock;
    struct outbox_name **slots; /* protected by lock, as count */
    size_t count;
} outbox_names;

void outbox_names_init(outbox_names *names);
void outbox_names_fini(outbox_names *names);

/* A last line that was cut off is dropped: no fix refers to it yet. What cannot be read, tried with
 * that patience, is left out: a device that still sends makes itself known again. */
HR_MUST_USE hr_err outbox_names_open(outbox_names *names, const char *path, patience *p,
                                     hr_why *why);

/* HR_TOO_BIG: there are OUTBOX_DEVICES_MAX others already. HR_CONFLICT: another id has that key. */
HR_MUST_USE hr_err outbox_names_add(outbox_names *names, uint64_t key, const char *id,
                                    size_t id_size);

/* Bring what was added to the disk. HR_NO_SPACE: the disk is full; it can be called again. */
HR_MUST_USE hr_err outbox_names_sync(outbox_names *names);

/* False: not known. */
bool outbox_names_find(outbox_names *names, uint64_t key, char id[HR_DEVICE_ID_MAX + 1],
                       uint8_t *id_size);

#endif
