/* stream/windows_groups.h - what windows.c counts in: a hash table of groups, each with its panes
 * in the order of time. */
#ifndef STREAM_WINDOWS_GROUPS_H
#define STREAM_WINDOWS_GROUPS_H

#include <stddef.h>
#include <string.h>

#include "stream/windows.h"

/* Behind it stand the states, each at its offset: of many groups there may be one pane each, so
 * that every byte counts. */
typedef struct windows_pane {
    int64_t start_ms; /* of a session: its first row */
    int64_t last_ms;  /* of a session: its last row; others end before this */
} windows_pane;
#define WINDOWS_PANE_HEAD_BYTES(window) ((window)->type == STREAM_SESSION ? 16u : 8u)

/* Behind the key, at a multiple of 8, is room for one pane, which is all that most groups ever
 * have. Where there are more, they lie in an array, and that room holds its address. */
typedef struct windows_group {
    struct windows_group *next; /* in its bucket */
    uint32_t used;              /* panes, sorted by their start */
    uint32_t room;
    uint16_t key_size;
    uint8_t key[];
} windows_group;

struct stream_windows {
    stream_window window;
    uint32_t count; /* of aggregates */
    stream_aggregate aggregates[STREAM_AGGREGATES_MAX];
    uint32_t offsets[STREAM_AGGREGATES_MAX]; /* of states in a windows_pane */
    bool grows[STREAM_AGGREGATES_MAX];       /* does a state hold memory of its own? */
    uint32_t pane_bytes;
    uint64_t seed;
    windows_group **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t group_count;
    int64_t closed_ms;    /* windows, and panes of running totals, that end by then are over */
    int64_t next_end_ms;  /* no window ends before it; INT64_MAX: none is open */
    int64_t last_pane_ms; /* the start of the pane of the last row: most rows share it */
    size_t bytes;
};

/* Where in a group the room behind the key is. */
static inline size_t windows_room_at(size_t key_size)
{
    return (offsetof(windows_group, key) + key_size + 7) / 8 * 8;
}

static inline uint8_t *windows_room_of(const windows_group *group)
{
    return (uint8_t *)(uintptr_t)group + windows_room_at(group->key_size);
}

static inline uint8_t *windows_panes_of(const windows_group *group)
{
    uint8_t *room = windows_room_of(group);
    if (group->room <= 1) {
        return room;
    }
    uint8_t *apart;
    memcpy(&apart, room, sizeof apart);
    return apart;
}

static inline windows_pane *windows_pane_of(const stream_windows *windows,
                                            const windows_group *group, uint32_t at)
{
    return (windows_pane *)(void *)(windows_panes_of(group) + (size_t)at * windows->pane_bytes);
}

static inline stream_state *windows_state_of(const stream_windows *windows,
                                             const windows_pane *pane, uint32_t at)
{
    return (stream_state *)(void *)((uint8_t *)(uintptr_t)pane + windows->offsets[at]);
}

HR_MUST_USE hr_err windows_states_init(const stream_windows *windows, const windows_group *group,
                                       int64_t start_ms, windows_pane *pane);
void windows_states_fini(const stream_windows *windows, windows_pane *pane);
/* Beside the pane itself. */
size_t windows_states_bytes(const stream_windows *windows, const windows_pane *pane);
HR_MUST_USE hr_err windows_states_merge(const stream_windows *windows, windows_pane *into,
                                        const windows_pane *from);

/* Find or add. NULL: no memory. */
windows_group *windows_get_group(stream_windows *windows, const uint8_t *key, size_t size);
void windows_drop_empty_groups(stream_windows *windows);
#define WINDOWS_EACH_GROUP(windows, at)                                                            \
    for (uint32_t bucket = 0; bucket < (windows)->bucket_count; bucket++)                          \
        for (windows_group *at = (windows)->buckets[bucket]; at != NULL; at = at->next)

/* The first pane that starts at or after start_ms. */
uint32_t windows_pane_from(const stream_windows *windows, const windows_group *group,
                           int64_t start_ms);
/* A new one in its place. NULL: no memory. */
windows_pane *windows_insert_pane(stream_windows *windows, windows_group *group, uint32_t at,
                                  int64_t start_ms);
void windows_drop_panes(stream_windows *windows, windows_group *group, uint32_t from,
                        uint32_t count);
/* A pane that begins there is in a window that ends soonest at .. */
void windows_note_end(stream_windows *windows, int64_t start_ms);

#endif
