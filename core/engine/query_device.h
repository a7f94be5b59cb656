/* core/engine/query_device.h - devices as the readers of positions know them: ids, and the last
 * times of their fixes. */
#ifndef ENGINE_QUERY_DEVICE_H
#define ENGINE_QUERY_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/event.h"
#include "geo/rules.h"
#include "geo/tracker_state.h"

#define QUERY_TIMES_KEPT 8

/* A time in event time, in 48 bits: all that the tracker takes. */
typedef struct query_time {
    uint8_t bytes[6];
} query_time;

/* 88 bytes, because a gateway may have a hundred thousand. */
typedef struct query_device {
    uint64_t key;
    const geo_device_rules *rules; /* by rules_version; borrowed from the lane's rules */
    uint32_t rules_version;        /* its lower half: no fix is 2^32 versions behind the last one */
    uint32_t name;                 /* place in the names; 0: not known */
    query_time newest;             /* of all its fixes */
    query_time times[QUERY_TIMES_KEPT]; /* of its last fixes that were no repeats, a ring */
    query_time gone; /* the newest deciding one that has left them: others may have pushed it out */
    uint8_t decided; /* bit i: times[i] is of a fix that decided something (TRACKER rule 2, 3) */
    uint8_t taken;   /* times so far; from QUERY_TIMES_KEPT on, it goes round with the ring */
    bool has_gone;
} query_device;

/* All zeros is empty. Threads: one at a time. */
typedef struct query_devices {
    query_device **pages; /* of QUERY_DEVICES_PAGE: a device never moves */
    uint32_t *slots;      /* an open hash table of numbers + 1; 0: free */
    uint32_t slot_count;
    uint32_t count;
    char **names;      /* pages of QUERY_NAMES_PAGE bytes, ids with their ends: none ever moves */
    uint32_t names_at; /* where the next one goes */
} query_devices;

#define QUERY_DEVICES_PAGE 512
#define QUERY_NAMES_PAGE (16u << 10)

void query_devices_fini(query_devices *devices);

/* Find or add. NULL: no memory, or too many. */
query_device *query_devices_get(query_devices *devices, uint64_t key);
/* Ask the memory for what query_devices_get() will look at first. */
void query_devices_prefetch_slot(const query_devices *devices, uint64_t key);
void query_devices_prefetch(const query_devices *devices, uint64_t key);

/* A name record; a name that is known stays. At most HR_DEVICE_ID_MAX bytes. */
void query_devices_name(query_devices *devices, uint64_t key, const char *id, size_t size);
/* Its id, valid as long as the table; NULL: not known. */
const char *query_device_id(const query_devices *devices, const query_device *device);

/* Is it a repeat: a fix with one of the last times of its device (TRACKER rule 2)? If not, its time
 * joins them. is_accurate: by the settings in force. time_ms lies in GEO_TIME_MS_MIN..MAX. */
bool query_device_repeats(query_device *device, int64_t time_ms, bool is_accurate);

/* By how much the crossing that an event tells may be off: the time between the fixes around it, in
 * ms. The device's fixes are those before the one that decided the event. Times that a fix did not
 * decide are exact. */
int64_t query_device_uncertainty_ms(const query_device *device, const hr_event *event,
                                    const geo_fence *fence, const geo_settings *settings);

void query_devices_write(const query_devices *devices, hr_buf *out);
/* Into empty ones. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err query_devices_read(query_devices *devices, hr_cursor *in);

#endif
