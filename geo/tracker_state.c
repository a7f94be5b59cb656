/* geo/tracker_state.c - a device's state: packing, reading, and bytes for a checkpoint. */
#include "geo/tracker_state.h"

#include <stdlib.h>
#include <string.h>

#include "tracker_store.h"

#define FIXED_SIZE 40 /* of the bytes for a checkpoint, without recent times and entries */
#define CROSSING_BIT 0x80

/* The entries of a state that has more than fit inside: what `entries` then points to. */
typedef struct heap_entries {
    uint32_t size;
    uint32_t capacity;
    uint8_t bytes[];
} heap_entries;

static heap_entries *heap_of(const store *s)
{
    heap_entries *heap;
    memcpy(&heap, s->entries, sizeof heap);
    return heap;
}

void geo_tracker_state_init(geo_tracker_state *state)
{
    memset(state, 0, sizeof *state);
}

void geo_tracker_state_fini(geo_tracker_state *state)
{
    store *s = store_of(state);
    if (s->entries_size == STORE_ON_HEAP) {
        free(heap_of(s));
    }
    memset(state, 0, sizeof *state);
}

const uint8_t *store_entries(const store *s, size_t *size)
{
    if (s->entries_size != STORE_ON_HEAP) {
        *size = s->entries_size;
        return s->entries;
    }
    const heap_entries *heap = heap_of(s);
    *size = heap->size;
    return heap->bytes;
}

geo_err store_replace_entries(store *s, const uint8_t *bytes, size_t size)
{
    heap_entries *old = s->entries_size == STORE_ON_HEAP ? heap_of(s) : NULL;
    if (size <= STORE_INLINE_SIZE) {
        free(old);
        memset(s->entries, 0, sizeof s->entries);
        if (size > 0) {
            memcpy(s->entries, bytes, size);
        }
        s->entries_size = (uint8_t)size;
        return GEO_OK;
    }
    if (old == NULL || old->capacity < size) {
        size_t capacity = size + size / 2;
        heap_entries *heap = malloc(sizeof *heap + capacity);
        if (heap == NULL) {
            return GEO_NO_MEMORY;
        }
        heap->capacity = (uint32_t)capacity;
        free(old);
        old = heap;
        memset(s->entries, 0, sizeof s->entries);
        memcpy(s->entries, &heap, sizeof(heap_entries *));
        s->entries_size = STORE_ON_HEAP;
    }
    memcpy(old->bytes, bytes, size);
    old->size = (uint32_t)size;
    return GEO_OK;
}

static size_t load_pending(const uint8_t *bytes, store_side *side)
{
    side->pending = bytes[0] & (CROSSING_BIT - 1);
    side->has_crossing = (bytes[0] & CROSSING_BIT) != 0;
    if (!side->has_crossing) {
        return 1;
    }
    store_time time;
    memcpy(&time, bytes + 1, sizeof time);
    side->crossing_ms = load_time(time);
    side->crossing.lon_e7 = (int32_t)load_u32(bytes + 7);
    side->crossing.lat_e7 = (int32_t)load_u32(bytes + 11);
    return 15;
}

size_t store_entry_load(const uint8_t *bytes, store_entry *entry)
{
    uint32_t head = load_u32(bytes);
    size_t size = 4;
    *entry = (store_entry){.slot = head >> ENTRY_SLOT_SHIFT};
    entry->dwelt = (head & ENTRY_DWELT) != 0;
    entry->fence.in = (head & ENTRY_IN) != 0;
    entry->zone.in = (head & ENTRY_ZONE_IN) != 0;
    if (entry->fence.in) {
        store_time since;
        memcpy(&since, bytes + size, sizeof since);
        entry->since_ms = load_time(since);
        size += sizeof since;
    }
    if ((head & ENTRY_PENDING) != 0) {
        size += load_pending(bytes + size, &entry->fence);
    }
    if ((head & ENTRY_ZONE_PENDING) != 0) {
        size += load_pending(bytes + size, &entry->zone);
    }
    return size;
}

static size_t save_pending(const store_side *side, uint8_t *bytes)
{
    bytes[0] = (uint8_t)(side->pending | (side->has_crossing ? CROSSING_BIT : 0));
    if (!side->has_crossing) {
        return 1;
    }
    store_time time = save_time(side->crossing_ms);
    memcpy(bytes + 1, &time, sizeof time);
    save_u32(bytes + 7, (uint32_t)side->crossing.lon_e7);
    save_u32(bytes + 11, (uint32_t)side->crossing.lat_e7);
    return 15;
}

size_t store_entry_save(const store_entry *entry, uint8_t *bytes)
{
    uint32_t head = entry->slot << ENTRY_SLOT_SHIFT;
    head |= entry->fence.in ? ENTRY_IN : 0;
    head |= entry->zone.in ? ENTRY_ZONE_IN : 0;
    head |= entry->dwelt ? ENTRY_DWELT : 0;
    head |= entry->fence.pending > 0 ? ENTRY_PENDING : 0;
    head |= entry->zone.pending > 0 ? ENTRY_ZONE_PENDING : 0;
    save_u32(bytes, head);
    size_t size = 4;
    if (entry->fence.in) {
        store_time since = save_time(entry->since_ms);
        memcpy(bytes + size, &since, sizeof since);
        size += sizeof since;
    }
    if (entry->fence.pending > 0) {
        size += save_pending(&entry->fence, bytes + size);
    }
    if (entry->zone.pending > 0) {
        size += save_pending(&entry->zone, bytes + size);
    }
    return size;
}

bool geo_tracker_state_last(const geo_tracker_state *state, geo_point *place, int64_t *time_ms)
{
    const store *s = store_read(state);
    *place = s->last_place;
    *time_ms = load_time(s->last);
    return (s->bits_recent & STORE_HAS_LAST) != 0;
}

bool geo_tracker_state_inside(const geo_tracker_state *state, size_t *at, uint32_t *slot,
                              int64_t *since_ms)
{
    size_t size = 0;
    const uint8_t *bytes = store_entries(store_read(state), &size);
    while (*at < size) {
        store_entry entry;
        *at += store_entry_load(bytes + *at, &entry);
        if (entry.fence.in) {
            *slot = entry.slot;
            *since_ms = entry.since_ms;
            return true;
        }
    }
    return false;
}

/* The bytes: u8 bits and count, u16 accuracy, four times of 6 bytes, place, u32 size of the
 * entries, u8 zero; then the recent times; then the entries. due_s is left out: it can be found
 * again. */
size_t geo_tracker_state_size(const geo_tracker_state *state)
{
    const store *s = store_read(state);
    size_t size = 0;
    (void)store_entries(s, &size);
    return FIXED_SIZE + store_recent_count(s) * sizeof(store_time) + size;
}

size_t geo_tracker_state_write(const geo_tracker_state *state, uint8_t *bytes)
{
    const store *s = store_read(state);
    size_t entries_size = 0;
    const uint8_t *entries = store_entries(s, &entries_size);
    size_t recent_size = store_recent_count(s) * sizeof(store_time);
    bytes[0] = s->bits_recent;
    bytes[1] = (uint8_t)s->last_accuracy_dm;
    bytes[2] = (uint8_t)(s->last_accuracy_dm >> 8);
    memcpy(bytes + 3, &s->newest, 6);
    memcpy(bytes + 9, &s->append, 6);
    memcpy(bytes + 15, &s->device, 6);
    memcpy(bytes + 21, &s->last, 6);
    save_u32(bytes + 27, (uint32_t)s->last_place.lon_e7);
    save_u32(bytes + 31, (uint32_t)s->last_place.lat_e7);
    save_u32(bytes + 35, (uint32_t)entries_size);
    bytes[39] = 0;
    memcpy(bytes + FIXED_SIZE, s->recent, recent_size);
    memcpy(bytes + FIXED_SIZE + recent_size, entries, entries_size);
    return FIXED_SIZE + recent_size + entries_size;
}

/* The size that an entry would have, or 0 if it is not well formed or cut short. */
static size_t check_entry(const uint8_t *bytes, size_t left)
{
    if (left < 4) {
        return 0;
    }
    uint32_t head = load_u32(bytes);
    size_t size = 4 + ((head & ENTRY_IN) != 0 ? 6 : 0);
    const uint32_t pending[] = {ENTRY_PENDING, ENTRY_ZONE_PENDING};
    for (int i = 0; i < 2; i++) {
        if ((head & pending[i]) == 0) {
            continue;
        }
        if (size >= left || (bytes[size] & (CROSSING_BIT - 1)) == 0) {
            return 0;
        }
        size += (bytes[size] & CROSSING_BIT) != 0 ? 15 : 1;
    }
    uint32_t any = ENTRY_IN | ENTRY_ZONE_IN | ENTRY_PENDING | ENTRY_ZONE_PENDING;
    return size <= left && (head & any) != 0 ? size : 0;
}

geo_err geo_tracker_state_read(geo_tracker_state *state, const uint8_t *bytes, size_t size,
                               size_t *used)
{
    geo_tracker_state_init(state);
    store *s = store_of(state);
    unsigned recent_count = size < FIXED_SIZE ? RECENT_COUNT + 1u : bytes[0] >> 4;
    size_t recent_size = recent_count * sizeof(store_time);
    if (recent_count > RECENT_COUNT || size < FIXED_SIZE + recent_size ||
        (bytes[0] & 0xF & ~(STORE_HAS_LAST | STORE_STALE_TOLD)) != 0 || bytes[39] != 0) {
        return GEO_SYNTAX;
    }
    size_t entries_size = load_u32(bytes + 35);
    const uint8_t *entries = bytes + FIXED_SIZE + recent_size;
    if (size - FIXED_SIZE - recent_size < entries_size) {
        return GEO_SYNTAX;
    }
    int64_t last_slot = -1;
    for (size_t at = 0; at < entries_size;) {
        size_t entry_size = check_entry(entries + at, entries_size - at);
        int64_t slot = entry_size == 0 ? -1 : (int64_t)(load_u32(entries + at) >> ENTRY_SLOT_SHIFT);
        if (slot <= last_slot) {
            return GEO_SYNTAX; /* entries are found by halving: out of order, they would get lost */
        }
        last_slot = slot;
        at += entry_size;
    }
    geo_err err = store_replace_entries(s, entries, entries_size);
    if (err != GEO_OK) {
        return err;
    }
    s->bits_recent = bytes[0];
    s->last_accuracy_dm = (uint16_t)(bytes[1] | bytes[2] << 8);
    memcpy(&s->newest, bytes + 3, 6);
    memcpy(&s->append, bytes + 9, 6);
    memcpy(&s->device, bytes + 15, 6);
    memcpy(&s->last, bytes + 21, 6);
    s->last_place.lon_e7 = (int32_t)load_u32(bytes + 27);
    s->last_place.lat_e7 = (int32_t)load_u32(bytes + 31);
    memcpy(s->recent, bytes + FIXED_SIZE, recent_size);
    *used = FIXED_SIZE + recent_size + entries_size;
    return GEO_OK;
}
