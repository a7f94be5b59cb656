/* geo/tracker_store.h - how a device's state lies in its 128 bytes; for geo/tracker*.c only.
 *
 * Entries are a string of bytes, so that a device in no fence has none and one in a fence ten:
 *   u32 slot << 5 | bits;  u48 since, if in;  then for each pending side, fence before zone:
 *   u8 fixes so far, bit 7: has a crossing;  if so u48 time, i32 lon, i32 lat. */
#ifndef GEO_TRACKER_STORE_H
#define GEO_TRACKER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/tracker_state.h"

#define RECENT_COUNT 8
#define STORE_INLINE_SIZE 40
#define STORE_ENTRY_SIZE_MAX 40
/* entries_size of a state whose entries are in a heap block. */
#define STORE_ON_HEAP 255

enum {
    STORE_HAS_LAST = 1,
    STORE_STALE_TOLD = 2,
};

enum {
    ENTRY_IN = 1,
    ENTRY_ZONE_IN = 2,
    ENTRY_DWELT = 4,
    ENTRY_PENDING = 8,
    ENTRY_ZONE_PENDING = 16,
    ENTRY_SLOT_SHIFT = 5,
};

typedef struct store_time {
    uint8_t bytes[6];
} store_time;

typedef struct store {
    store_time recent[RECENT_COUNT]; /* newest accepted first */
    store_time newest;               /* T */
    store_time append;               /* A */
    store_time device;               /* D */
    store_time last;                 /* time of L */
    geo_point last_place;
    uint16_t last_accuracy_dm;
    uint8_t bits_recent; /* STORE_* bits, and above them the number of recent times */
    uint8_t entries_size;
    uint32_t due_s; /* no timer is due before this second; 0: unknown */
    uint8_t entries[STORE_INLINE_SIZE];
} store;

_Static_assert(sizeof(store) == 128, "the budget of a device");
_Static_assert(sizeof(store) == sizeof(geo_tracker_state), "the public face of the same bytes");

/* One side of an entry: of the fence, or of its zone. */
typedef struct store_side {
    bool in;
    bool has_crossing;
    uint8_t pending; /* fixes in a row that said otherwise */
    int64_t crossing_ms;
    geo_point crossing;
} store_side;

typedef struct store_entry {
    uint32_t slot;
    bool dwelt;
    int64_t since_ms;
    store_side fence;
    store_side zone;
} store_entry;

static inline store *store_of(geo_tracker_state *state)
{
    return (store *)(void *)state;
}

static inline const store *store_read(const geo_tracker_state *state)
{
    return (const store *)(const void *)state;
}

static inline uint32_t load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static inline void save_u32(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
    bytes[2] = (uint8_t)(value >> 16);
    bytes[3] = (uint8_t)(value >> 24);
}

static inline int64_t load_time(store_time time)
{
    uint64_t low = load_u32(time.bytes);
    uint64_t high = (uint64_t)time.bytes[4] | (uint64_t)time.bytes[5] << 8;
    /* Up to the top and down again, which repeats the sign. */
    return (int64_t)(high << 48 | low << 16) >> 16;
}

static inline store_time save_time(int64_t time_ms)
{
    store_time time;
    save_u32(time.bytes, (uint32_t)time_ms);
    time.bytes[4] = (uint8_t)((uint64_t)time_ms >> 32);
    time.bytes[5] = (uint8_t)((uint64_t)time_ms >> 40);
    return time;
}

static inline unsigned store_recent_count(const store *s)
{
    return s->bits_recent >> 4;
}

/* The bytes of the entries, wherever they are. */
const uint8_t *store_entries(const store *s, size_t *size);

/* Read one entry of well-formed bytes; returns its size. */
size_t store_entry_load(const uint8_t *bytes, store_entry *entry);

/* Write one entry of at most STORE_ENTRY_SIZE_MAX bytes; returns its size. */
size_t store_entry_save(const store_entry *entry, uint8_t *bytes);

/* Put other entries in the place of the old. On GEO_NO_MEMORY nothing has changed. */
GEO_MUST_USE geo_err store_replace_entries(store *s, const uint8_t *bytes, size_t size);

#endif
