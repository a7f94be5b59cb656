/* api/live_handles.c - a hash table of keys, and bit sets. */
#include "live_handles.h"

#include <stdlib.h>
#include <string.h>

#define EMPTY UINT32_MAX
#define CAPACITY_MIN 1024u

void live_handles_fini(live_handles *handles)
{
    free(handles->keys);
    free(handles->handles);
    *handles = (live_handles){0};
}

static void place(live_handles *handles, uint64_t key, uint32_t handle)
{
    uint32_t slot = (uint32_t)key & handles->mask;
    while (handles->handles[slot] != EMPTY) {
        slot = (slot + 1) & handles->mask;
    }
    handles->keys[slot] = key;
    handles->handles[slot] = handle;
}

static hr_err grow(live_handles *handles)
{
    uint32_t capacity = handles->mask == 0 ? CAPACITY_MIN : (handles->mask + 1) * 2;
    live_handles larger = {.keys = malloc(capacity * sizeof *larger.keys),
                           .handles = malloc(capacity * sizeof *larger.handles),
                           .mask = capacity - 1,
                           .count = handles->count};
    if (larger.keys == NULL || larger.handles == NULL) {
        live_handles_fini(&larger);
        return HR_NO_MEMORY;
    }
    memset(larger.handles, 0xff, capacity * sizeof *larger.handles);
    for (uint32_t i = 0; handles->keys != NULL && i <= handles->mask; i++) {
        if (handles->handles[i] != EMPTY) {
            place(&larger, handles->keys[i], handles->handles[i]);
        }
    }
    live_handles_fini(handles);
    *handles = larger;
    return HR_OK;
}

hr_err live_handles_get(live_handles *handles, uint64_t key, uint32_t *handle)
{
    if (handles->keys != NULL) {
        for (uint32_t slot = (uint32_t)key & handles->mask; handles->handles[slot] != EMPTY;
             slot = (slot + 1) & handles->mask) {
            if (handles->keys[slot] == key) {
                *handle = handles->handles[slot];
                return HR_OK;
            }
        }
    }
    if (handles->count >= LIVE_HANDLES_MAX) {
        return HR_TOO_BIG;
    }
    if (handles->keys == NULL || handles->count * 4 >= handles->mask * 3) {
        hr_err err = grow(handles);
        if (err != HR_OK) {
            return err;
        }
    }
    *handle = handles->count++;
    place(handles, key, *handle);
    return HR_OK;
}

void live_told_fini(live_told *told)
{
    free(told->bits);
    *told = (live_told){0};
}

bool live_told_mark(live_told *told, uint32_t handle)
{
    uint32_t byte = handle / 8;
    uint8_t bit = (uint8_t)(1u << handle % 8);
    if (byte >= told->size) {
        uint32_t size = byte + 1 < 128 ? 128 : (byte + 1) * 2;
        uint8_t *bits = realloc(told->bits, size);
        if (bits == NULL) {
            return false;
        }
        memset(bits + told->size, 0, size - told->size);
        told->bits = bits;
        told->size = size;
    }
    bool was_marked = (told->bits[byte] & bit) != 0;
    told->bits[byte] |= bit;
    return was_marked;
}
