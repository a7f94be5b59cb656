/* api/cli_devices.c - a hash of devices and a heap of ticks. */
#include "cli_devices.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"

void cli_devices_fini(cli_devices *devices)
{
    for (uint32_t i = 0; i < devices->count; i++) {
        geo_tracker_state_fini(&devices->devices[i].state);
    }
    free(devices->devices);
    free(devices->places);
    free(devices->queue);
}

static uint32_t place_of(const cli_devices *devices, uint64_t key)
{
    uint32_t place = (uint32_t)(key >> 32) & devices->place_mask;
    while (devices->places[place] != 0 && devices->devices[devices->places[place] - 1].key != key) {
        place = (place + 1) & devices->place_mask;
    }
    return place;
}

/* Room for one device more, and a hash at most half full. */
static hr_err grow(cli_devices *devices)
{
    if (devices->count < devices->capacity) {
        return HR_OK;
    }
    uint32_t capacity = devices->capacity == 0 ? 256 : 2 * devices->capacity;
    cli_device *grown = realloc(devices->devices, capacity * sizeof *grown);
    if (grown == NULL) {
        return HR_NO_MEMORY;
    }
    devices->devices = grown;
    uint32_t *places = calloc(2 * (size_t)capacity, sizeof *places);
    if (places == NULL) {
        return HR_NO_MEMORY;
    }
    free(devices->places);
    devices->places = places;
    devices->place_mask = 2 * capacity - 1;
    devices->capacity = capacity;
    for (uint32_t i = 0; i < devices->count; i++) {
        devices->places[place_of(devices, devices->devices[i].key)] = i + 1;
    }
    return HR_OK;
}

hr_err cli_devices_find(cli_devices *devices, const char *id, size_t size, uint32_t *number)
{
    uint64_t key = hr_device_key(id, size);
    hr_err err = grow(devices);
    if (err != HR_OK) {
        return err;
    }
    uint32_t place = place_of(devices, key);
    if (devices->places[place] != 0) {
        *number = devices->places[place] - 1;
        const char *known = devices->devices[*number].id;
        return strlen(known) == size && memcmp(known, id, size) == 0 ? HR_OK : HR_EXISTS;
    }
    cli_device *device = &devices->devices[devices->count];
    geo_tracker_state_init(&device->state);
    device->key = key;
    device->queued_ms = CLI_NOT_QUEUED;
    memcpy(device->id, id, size);
    device->id[size] = '\0';
    *number = devices->count++;
    devices->places[place] = devices->count;
    return HR_OK;
}

hr_err cli_devices_wait(cli_devices *devices, uint32_t number, int64_t wake_ms)
{
    cli_device *device = &devices->devices[number];
    if (wake_ms >= device->queued_ms) {
        return HR_OK;
    }
    if (devices->queue_count == devices->queue_capacity) {
        size_t capacity = devices->queue_capacity == 0 ? 256 : 2 * devices->queue_capacity;
        cli_wait *queue = realloc(devices->queue, capacity * sizeof *queue);
        if (queue == NULL) {
            return HR_NO_MEMORY;
        }
        devices->queue = queue;
        devices->queue_capacity = capacity;
    }
    size_t at = devices->queue_count++;
    while (at > 0 && devices->queue[(at - 1) / 2].wake_ms > wake_ms) {
        devices->queue[at] = devices->queue[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    devices->queue[at] = (cli_wait){wake_ms, number};
    device->queued_ms = wake_ms;
    return HR_OK;
}

static void drop_first(cli_devices *devices)
{
    cli_wait *queue = devices->queue;
    cli_wait last = queue[--devices->queue_count];
    size_t at = 0;
    for (size_t child = 1; child < devices->queue_count; child = 2 * at + 1) {
        if (child + 1 < devices->queue_count && queue[child + 1].wake_ms < queue[child].wake_ms) {
            child++;
        }
        if (queue[child].wake_ms >= last.wake_ms) {
            break;
        }
        queue[at] = queue[child];
        at = child;
    }
    queue[at] = last;
}

bool cli_devices_due(cli_devices *devices, int64_t tick_ms, uint32_t *number)
{
    while (devices->queue_count > 0 && devices->queue[0].wake_ms <= tick_ms) {
        cli_wait first = devices->queue[0];
        drop_first(devices);
        if (devices->devices[first.device].queued_ms == first.wake_ms) {
            devices->devices[first.device].queued_ms = CLI_NOT_QUEUED;
            *number = first.device;
            return true;
        }
    }
    return false;
}
