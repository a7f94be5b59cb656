/* api/cli_devices.h - the devices of a replay: their states by key, and who is due next. */
#ifndef API_CLI_DEVICES_H
#define API_CLI_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "geo/tracker.h"

#define CLI_NOT_QUEUED INT64_MAX

typedef struct cli_device {
    geo_tracker_state state;
    uint64_t key;
    int64_t queued_ms; /* the tick that it waits for in the queue, or CLI_NOT_QUEUED */
    char id[HR_DEVICE_ID_MAX + 1];
} cli_device;

typedef struct cli_wait {
    int64_t wake_ms;
    uint32_t device;
} cli_wait;

/* Devices are numbered in the order of their coming. Zeroed before the first use. */
typedef struct cli_devices {
    cli_device *devices;
    uint32_t count;
    uint32_t capacity;
    uint32_t *places; /* hash of keys to 1 + number */
    uint32_t place_mask;
    cli_wait *queue; /* a heap; entries that a device no longer waits for are left in it */
    size_t queue_count;
    size_t queue_capacity;
} cli_devices;

void cli_devices_fini(cli_devices *devices);

/* The device's number; a new one is made. HR_NO_MEMORY. HR_EXISTS: another id has the same key. */
HR_MUST_USE hr_err cli_devices_find(cli_devices *devices, const char *id, size_t size,
                                    uint32_t *number);

/* Let a device wait for a tick, unless it already waits for an earlier one. */
HR_MUST_USE hr_err cli_devices_wait(cli_devices *devices, uint32_t number, int64_t wake_ms);

/* Take a device out of the queue that waits for a tick of at most tick_ms; false if none does. */
bool cli_devices_due(cli_devices *devices, int64_t tick_ms, uint32_t *number);

#endif
