/* core/engine/history_pending.h - what the historian has read and not yet written: fixes as they
 * came, events, names, and which number each device has in history.db. */
#ifndef ENGINE_HISTORY_PENDING_H
#define ENGINE_HISTORY_PENDING_H

#include "base/buf.h"
#include "base/fix.h"
#include "history_store.h"
#include "log/reader.h"

#define HISTORY_PENDING_BYTES_MAX (16u << 20) /* of each kind; above it a slot is written */

/* Threads: one at a time. */
typedef struct history_pending {
    hr_fix *fixes; /* device: its number */
    size_t fix_count;
    size_t fix_room;
    hr_buf events; /* i64 offset, u8 type, u32 size, bytes */
    uint64_t event_count;
    hr_buf names; /* u64 key, u8 size, text */
    int64_t from_ms;
    int64_t to_ms;
    int64_t newest_ms;
    int64_t events_to_ms;
    uint64_t refused; /* fixes of devices beyond HISTORY_DEVICES_MAX */

    uint64_t *keys; /* by number */
    uint32_t device_count;
    uint32_t device_room;
    uint32_t stored_devices; /* numbers below it are in history.db */
    uint32_t *places;        /* by hash: number + 1; 0: free */
    uint32_t place_room;     /* a power of two */
} history_pending;

void history_pending_init(history_pending *pending);
void history_pending_fini(history_pending *pending);

/* A device that history.db has; in the order of numbers, before anything is taken. */
HR_MUST_USE hr_err history_pending_load_device(history_pending *pending, uint64_t key);

/* A device and its name, to be written with the next slot. */
HR_MUST_USE hr_err history_pending_name(history_pending *pending, uint64_t key, const char *id,
                                        size_t size);

/* Take the records of a batch from an offset on. Takes all of them or fails (HR_NO_MEMORY). */
HR_MUST_USE hr_err history_pending_positions(history_pending *pending, const log_view *view,
                                             int64_t from);
HR_MUST_USE hr_err history_pending_events(history_pending *pending, const log_view *view,
                                          int64_t from);

bool history_pending_is_full(const history_pending *pending);

/* Write everything as one slot, whose sources the caller has filled in; slot gets the rest.
 * HR_OK: it is durable and nothing is pending any more. Else everything is as before. */
HR_MUST_USE hr_err history_pending_write(history_pending *pending, history_store *store,
                                         history_slot *slot, hr_why *why);

#endif
