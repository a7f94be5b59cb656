/* core/engine/history_store.h - the writing side of history.db: slots of chunks, events, and how
 * far each source partition is kept.
 *
 * A slot is what one transaction brought: at most one run of chunks for each device, in the order
 * of the devices' numbers, under growing keys. So the file grows at its end, wherever the devices
 * are, and an SD card is written in few places; a reader asks each slot of its time for its device.
 */
#ifndef ENGINE_HISTORY_STORE_H
#define ENGINE_HISTORY_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

#define HISTORY_FORMAT 2
#define HISTORY_APPLICATION 0x48524859 /* "HRHY" */
#define HISTORY_SOURCES_MAX (HR_PARTITIONS_MAX + 1)

/* A chunk's key: slot, device number, and which of the device's chunks in the slot. */
#define HISTORY_DEVICE_BITS 24
#define HISTORY_TURN_BITS 12
#define HISTORY_DEVICES_MAX (1u << HISTORY_DEVICE_BITS)
#define HISTORY_TURNS_MAX (1u << HISTORY_TURN_BITS)
#define HISTORY_SLOT_SHIFT (HISTORY_DEVICE_BITS + HISTORY_TURN_BITS)
#define HISTORY_SLOTS_MAX (INT64_C(1) << (63 - HISTORY_SLOT_SHIFT)) /* 4 years of one a second */

/* No event of a slot happened after it. Slots of format 1 do not say when their last one did: it
 * came of a fix, most likely of the same slot, or was no further ahead of a clock that was right.
 */
#define HISTORY_EVENTS_TO_SQL "coalesce(events_to_ms, max(newest_ms + 60000, to_ms))"

/* Threads: one at a time. */
typedef struct history_store history_store;

/* What a transaction says of itself. */
typedef struct history_slot {
    int64_t from_ms; /* event times of its fixes; from > to: it has none */
    int64_t to_ms;
    int64_t newest_ms;    /* the newest append_ms in it */
    int64_t events_to_ms; /* the latest event time of its events; INT64_MIN: it has none */
    uint64_t fixes;
    uint64_t chunks;
    uint64_t bytes;                       /* of chunks and events */
    int64_t sources[HISTORY_SOURCES_MAX]; /* next offset of positions 0..n-1, then of events */
    uint32_t source_count;
} history_slot;

/* Open or make. HR_CORRUPT: not a history of ours, or damaged: put it aside. HR_TOO_NEW. HR_IO,
 * HR_NO_SPACE: try again later. */
HR_MUST_USE hr_err history_store_open(const char *path, history_store **out, hr_why *why);
void history_store_close(history_store *store);

/* How far each source is kept. HR_NOT_FOUND: nothing was written yet. HR_CORRUPT: other sources. */
HR_MUST_USE hr_err history_store_sources(history_store *store, uint32_t source_count,
                                         int64_t *sources, hr_why *why);

/* Every device, in the order of their numbers. visit: false ends it with HR_NO_MEMORY. */
typedef bool history_device_visit(void *context, uint32_t number, uint64_t key);
HR_MUST_USE hr_err history_store_devices(history_store *store, history_device_visit *visit,
                                         void *context, hr_why *why);

/* ---- one slot: begin, put what there is, commit or abandon ---- */

HR_MUST_USE hr_err history_store_begin(history_store *store, hr_why *why);
HR_MUST_USE hr_err history_store_put_device(history_store *store, uint32_t number, uint64_t key,
                                            hr_why *why);
HR_MUST_USE hr_err history_store_put_name(history_store *store, uint64_t key, const char *id,
                                          size_t size, hr_why *why);
HR_MUST_USE hr_err history_store_put_chunk(history_store *store, uint32_t device, uint32_t turn,
                                           const uint8_t *bytes, size_t size, hr_why *why);
HR_MUST_USE hr_err history_store_put_event(history_store *store, int64_t offset, uint8_t type,
                                           const uint8_t *bytes, size_t size, hr_why *why);

/* Durable when it returns. After any error: abandon. */
HR_MUST_USE hr_err history_store_commit(history_store *store, const history_slot *slot,
                                        hr_why *why);
void history_store_abandon(history_store *store);

/* ---- retention ---- */

/* Remove some of the oldest slots: those that were written before oldest_ms, and while the file
 * holds more than bytes_max (0: no limit). *removed gets how many; 0: nothing is left to do. The
 * newest slot stays. */
HR_MUST_USE hr_err history_store_trim(history_store *store, int64_t oldest_ms, uint64_t bytes_max,
                                      uint64_t *removed, hr_why *why);

/* Bytes in use. */
uint64_t history_store_bytes(history_store *store);

/* HR_CORRUPT: the file is damaged. Reads all of it. */
HR_MUST_USE hr_err history_store_check(history_store *store, hr_why *why);

/* What SQLite's code means here, with its message. */
#define HISTORY_UNREADABLE "history.unreadable" /* its reason, where the disk cannot read */
HR_MUST_USE hr_err history_err(sqlite3 *db, int code, const char *what, hr_why *why);

#endif
