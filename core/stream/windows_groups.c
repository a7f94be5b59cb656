/* stream/windows_groups.c - groups and panes, and what they hold. */
#include "windows_groups.h"

#include <stdlib.h>

#include "base/hash.h"

#define BUCKETS_MIN 64

static bool state_grows(stream_aggregate_kind kind)
{
    return kind == STREAM_DISTINCT || kind == STREAM_TOPK || kind == STREAM_FREQUENCY ||
           kind == STREAM_QUANTILE || kind == STREAM_SAMPLE || kind == STREAM_MOMENT ||
           kind == STREAM_CLUSTERS;
}

hr_err stream_windows_new(const stream_window *window, const stream_aggregate *aggregates,
                          uint32_t count, uint64_t seed, stream_windows **out)
{
    stream_windows *windows = calloc(1, sizeof *windows);
    windows_group **buckets = calloc(BUCKETS_MIN, sizeof(windows_group *));
    if (windows == NULL || buckets == NULL) {
        free(windows);
        free(buckets);
        return HR_NO_MEMORY;
    }
    *windows = (stream_windows){.window = *window,
                                .count = count,
                                .seed = seed,
                                .buckets = buckets,
                                .bucket_count = BUCKETS_MIN,
                                .closed_ms = STREAM_TIME_NONE,
                                .pane_bytes = WINDOWS_PANE_HEAD_BYTES(window),
                                .next_end_ms = INT64_MAX,
                                .last_pane_ms = STREAM_TIME_NONE,
                                .bytes = sizeof *windows + BUCKETS_MIN * sizeof *buckets};
    memcpy(windows->aggregates, aggregates, count * sizeof *aggregates);
    for (uint32_t i = 0; i < count; i++) {
        windows->offsets[i] = windows->pane_bytes;
        windows->pane_bytes += (uint32_t)(stream_state_size(aggregates[i].kind) + 7) / 8 * 8;
        windows->grows[i] = state_grows(aggregates[i].kind);
    }
    *out = windows;
    return HR_OK;
}

/* ---- states ---- */

void windows_states_fini(const stream_windows *windows, windows_pane *pane)
{
    for (uint32_t i = 0; i < windows->count; i++) {
        stream_state_fini(&windows->aggregates[i], windows_state_of(windows, pane, i));
    }
}

static uint32_t hash_of(const stream_windows *windows, const uint8_t *key, size_t size)
{
    return (uint32_t)hr_hash64_seeded(key, size, windows->seed);
}

hr_err windows_states_init(const stream_windows *windows, const windows_group *group,
                           int64_t start_ms, windows_pane *pane)
{
    uint64_t seed = windows->seed ^ hash_of(windows, group->key, group->key_size);
    uint64_t part = hr_hash64_seeded(&start_ms, sizeof start_ms, seed);
    memset(pane, 0, windows->pane_bytes);
    for (uint32_t i = 0; i < windows->count; i++) {
        if (stream_state_init(&windows->aggregates[i], part + i,
                              windows_state_of(windows, pane, i)) != HR_OK) {
            /* The rest are zeros, which ending them takes well. */
            windows_states_fini(windows, pane);
            return HR_NO_MEMORY;
        }
    }
    return HR_OK;
}

size_t windows_states_bytes(const stream_windows *windows, const windows_pane *pane)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < windows->count; i++) {
        if (windows->grows[i]) {
            bytes +=
                stream_state_bytes(&windows->aggregates[i], windows_state_of(windows, pane, i));
        }
    }
    return bytes;
}

hr_err windows_states_merge(const stream_windows *windows, windows_pane *into,
                            const windows_pane *from)
{
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < windows->count; i++) {
        err = stream_state_merge(&windows->aggregates[i], windows_state_of(windows, into, i),
                                 windows_state_of(windows, from, i));
    }
    return err;
}

/* ---- groups ---- */

void windows_drop_panes(stream_windows *windows, windows_group *group, uint32_t from,
                        uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++) {
        windows->bytes -= windows_states_bytes(windows, windows_pane_of(windows, group, i));
        windows_states_fini(windows, windows_pane_of(windows, group, i));
    }
    memmove(windows_pane_of(windows, group, from), windows_pane_of(windows, group, from + count),
            (size_t)(group->used - from - count) * windows->pane_bytes);
    group->used -= count;
}

/* What a group takes, and the array of its panes. */
static size_t group_bytes(const stream_windows *windows, size_t key_size)
{
    return windows_room_at(key_size) + windows->pane_bytes;
}

static size_t array_bytes(const stream_windows *windows, uint32_t room)
{
    return room > 1 ? (size_t)room * windows->pane_bytes : 0;
}

static void group_free(stream_windows *windows, windows_group *group)
{
    if (group->used > 0) {
        windows_drop_panes(windows, group, 0, group->used);
    }
    windows->bytes -= group_bytes(windows, group->key_size) + array_bytes(windows, group->room);
    windows->group_count--;
    if (group->room > 1) {
        free(windows_panes_of(group));
    }
    free(group);
}

void stream_windows_free(stream_windows *windows)
{
    if (windows == NULL) {
        return;
    }
    for (uint32_t i = 0; i < windows->bucket_count; i++) {
        for (windows_group *at = windows->buckets[i], *next; at != NULL; at = next) {
            next = at->next;
            group_free(windows, at);
        }
    }
    free(windows->buckets);
    free(windows);
}

/* Twice the buckets; a failure only makes the chains longer. */
static void grow_buckets(stream_windows *windows)
{
    uint32_t count = windows->bucket_count * 2;
    windows_group **buckets = calloc(count, sizeof(windows_group *));
    if (buckets == NULL) {
        return;
    }
    for (uint32_t i = 0; i < windows->bucket_count; i++) {
        for (windows_group *at = windows->buckets[i], *next; at != NULL; at = next) {
            windows_group **bucket =
                &buckets[hash_of(windows, at->key, at->key_size) & (count - 1)];
            next = at->next;
            at->next = *bucket;
            *bucket = at;
        }
    }
    windows->bytes += (count - windows->bucket_count) * sizeof *buckets;
    free(windows->buckets);
    windows->buckets = buckets;
    windows->bucket_count = count;
}

windows_group *windows_get_group(stream_windows *windows, const uint8_t *key, size_t size)
{
    uint32_t hash = hash_of(windows, key, size);
    windows_group *at = windows->buckets[hash & (windows->bucket_count - 1)];
    while (at != NULL && (at->key_size != size || memcmp(at->key, key, size) != 0)) {
        at = at->next;
    }
    if (at != NULL) {
        return at;
    }
    if (windows->group_count >= windows->bucket_count) {
        grow_buckets(windows);
    }
    const size_t bytes = group_bytes(windows, size);
    at = malloc(bytes);
    if (at == NULL) {
        return NULL;
    }
    windows_group **bucket = &windows->buckets[hash & (windows->bucket_count - 1)];
    *at = (windows_group){.next = *bucket, .room = 1, .key_size = (uint16_t)size};
    memcpy(at->key, key, size);
    *bucket = at;
    windows->group_count++;
    windows->bytes += bytes;
    return at;
}

void windows_drop_empty_groups(stream_windows *windows)
{
    for (uint32_t i = 0; i < windows->bucket_count; i++) {
        for (windows_group **link = &windows->buckets[i]; *link != NULL;) {
            windows_group *at = *link;
            if (at->used == 0) {
                *link = at->next;
                group_free(windows, at);
            } else {
                link = &at->next;
            }
        }
    }
}

/* ---- panes ---- */

uint32_t windows_pane_from(const stream_windows *windows, const windows_group *group,
                           int64_t start_ms)
{
    uint32_t low = 0;
    uint32_t high = group->used;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (windows_pane_of(windows, group, middle)->start_ms < start_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Bring the pane behind the last one to its place. */
static windows_pane *move_last(const stream_windows *windows, windows_group *group, uint32_t at)
{
    uint8_t copy[sizeof(windows_pane) + STREAM_AGGREGATES_MAX * sizeof(stream_state)];
    windows_pane *place = windows_pane_of(windows, group, at);
    if (at < group->used) {
        memcpy(copy, windows_pane_of(windows, group, group->used), windows->pane_bytes);
        memmove(windows_pane_of(windows, group, at + 1), place,
                (size_t)(group->used - at) * windows->pane_bytes);
        memcpy(place, copy, windows->pane_bytes);
    }
    group->used++;
    return place;
}

void windows_note_end(stream_windows *windows, int64_t start_ms)
{
    const stream_window *window = &windows->window;
    int64_t step_ms = window->type == STREAM_SESSION ? window->gap_ms : window->every_ms;
    int64_t end_ms = start_ms + step_ms;
    if (window->type != STREAM_SESSION && windows->closed_ms != STREAM_TIME_NONE &&
        windows->closed_ms + step_ms > end_ms) {
        end_ms = windows->closed_ms + step_ms;
    }
    if (window->type != STREAM_RUNNING && end_ms < windows->next_end_ms) {
        windows->next_end_ms = end_ms;
    }
}

/* False: no memory. */
static bool make_room(stream_windows *windows, windows_group *group)
{
    uint32_t room = group->room + group->room / 4 + 1;
    uint8_t *before = windows_panes_of(group);
    uint8_t *panes = realloc(group->room > 1 ? before : NULL, array_bytes(windows, room));
    if (panes == NULL) {
        return false;
    }
    if (group->room == 1) {
        memcpy(panes, before, windows->pane_bytes);
    }
    windows->bytes += array_bytes(windows, room) - array_bytes(windows, group->room);
    memcpy(windows_room_of(group), &panes, sizeof panes);
    group->room = room;
    return true;
}

windows_pane *windows_insert_pane(stream_windows *windows, windows_group *group, uint32_t at,
                                  int64_t start_ms)
{
    if (group->used == group->room && !make_room(windows, group)) {
        return NULL;
    }
    /* In the free place at the end first: it may fail. */
    windows_pane *made = windows_pane_of(windows, group, group->used);
    if (windows_states_init(windows, group, start_ms, made) != HR_OK) {
        return NULL;
    }
    made->start_ms = start_ms;
    if (windows->window.type == STREAM_SESSION) {
        made->last_ms = start_ms;
    }
    windows->bytes += windows_states_bytes(windows, made);
    windows_note_end(windows, start_ms);
    return move_last(windows, group, at);
}

size_t stream_windows_pane_bytes(const stream_window *window, const stream_aggregate *aggregates,
                                 uint32_t count)
{
    size_t bytes = WINDOWS_PANE_HEAD_BYTES(window);
    for (uint32_t i = 0; i < count; i++) {
        bytes += (stream_state_size(aggregates[i].kind) + 7) / 8 * 8;
    }
    return bytes;
}

size_t stream_windows_bytes(const stream_windows *windows)
{
    return windows->bytes;
}

uint32_t stream_windows_groups(const stream_windows *windows)
{
    return windows->group_count;
}
