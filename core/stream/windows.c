/* stream/windows.c - a hash table of groups, each with its panes in the order of time. */
#include "stream/windows.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define BUCKETS_MIN 64
#define GROUPS_MAX (1u << 24)
#define PANES_OF_GROUP_MAX (1u << 24)
#define TIME_MS_MAX (INT64_C(1) << 60) /* of stored times: sums with windows stay in range */

/* Behind it stand the states, each at its offset: of many groups there may be one pane each, so
 * that every byte counts. */
typedef struct pane {
    int64_t start_ms; /* of a session: its first row */
    int64_t last_ms;  /* of a session: its last row; others end before this */
} pane;
#define PANE_HEAD_BYTES(window) ((window)->type == STREAM_SESSION ? 16u : 8u)

/* Behind the key, at a multiple of 8, is room for one pane, which is all that most groups ever
 * have. Where there are more, they lie in an array, and that room holds its address. */
typedef struct group {
    struct group *next; /* in its bucket */
    uint32_t used;      /* panes, sorted by their start */
    uint32_t room;
    uint16_t key_size;
    uint8_t key[];
} group;

struct stream_windows {
    stream_window window;
    uint32_t count; /* of aggregates */
    stream_aggregate aggregates[STREAM_AGGREGATES_MAX];
    uint32_t offsets[STREAM_AGGREGATES_MAX]; /* of states in a pane */
    bool grows[STREAM_AGGREGATES_MAX];       /* does a state hold memory of its own? */
    uint32_t pane_bytes;
    uint64_t seed;
    group **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t group_count;
    int64_t closed_ms;    /* windows that end at or before it are told and forgotten */
    int64_t next_end_ms;  /* no window ends before it; INT64_MAX: none is open */
    int64_t last_pane_ms; /* the start of the pane of the last row: most rows share it */
    size_t bytes;
};

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
    group **buckets = calloc(BUCKETS_MIN, sizeof(group *));
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
                                .pane_bytes = PANE_HEAD_BYTES(window),
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

/* Where in a group the room behind the key is. */
static size_t room_at(size_t key_size)
{
    return (offsetof(group, key) + key_size + 7) / 8 * 8;
}

static uint8_t *room_of(const group *group)
{
    return (uint8_t *)(uintptr_t)group + room_at(group->key_size);
}

static uint8_t *panes_of(const group *group)
{
    uint8_t *room = room_of(group);
    if (group->room <= 1) {
        return room;
    }
    uint8_t *apart;
    memcpy(&apart, room, sizeof apart);
    return apart;
}

static pane *pane_of(const stream_windows *windows, const group *group, uint32_t at)
{
    return (pane *)(void *)(panes_of(group) + (size_t)at * windows->pane_bytes);
}

static stream_state *state_of(const stream_windows *windows, const pane *pane, uint32_t at)
{
    return (stream_state *)(void *)((uint8_t *)(uintptr_t)pane + windows->offsets[at]);
}

static void states_fini(const stream_windows *windows, pane *pane)
{
    for (uint32_t i = 0; i < windows->count; i++) {
        stream_state_fini(&windows->aggregates[i], state_of(windows, pane, i));
    }
}

static uint32_t hash_of(const stream_windows *windows, const uint8_t *key, size_t size)
{
    return (uint32_t)hr_hash64_seeded(key, size, windows->seed);
}

static hr_err states_init(const stream_windows *windows, const group *group, int64_t start_ms,
                          pane *pane)
{
    uint64_t seed = windows->seed ^ hash_of(windows, group->key, group->key_size);
    uint64_t part = hr_hash64_seeded(&start_ms, sizeof start_ms, seed);
    memset(pane, 0, windows->pane_bytes);
    for (uint32_t i = 0; i < windows->count; i++) {
        if (stream_state_init(&windows->aggregates[i], part + i, state_of(windows, pane, i)) !=
            HR_OK) {
            /* The rest are zeros, which ending them takes well. */
            states_fini(windows, pane);
            return HR_NO_MEMORY;
        }
    }
    return HR_OK;
}

/* Beside the pane itself. */
static size_t states_bytes(const stream_windows *windows, const pane *pane)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < windows->count; i++) {
        if (windows->grows[i]) {
            bytes += stream_state_bytes(&windows->aggregates[i], state_of(windows, pane, i));
        }
    }
    return bytes;
}

static hr_err states_merge(const stream_windows *windows, pane *into, const pane *from)
{
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < windows->count; i++) {
        err = stream_state_merge(&windows->aggregates[i], state_of(windows, into, i),
                                 state_of(windows, from, i));
    }
    return err;
}

/* ---- groups ---- */

static void drop_panes(stream_windows *windows, group *group, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++) {
        windows->bytes -= states_bytes(windows, pane_of(windows, group, i));
        states_fini(windows, pane_of(windows, group, i));
    }
    memmove(pane_of(windows, group, from), pane_of(windows, group, from + count),
            (size_t)(group->used - from - count) * windows->pane_bytes);
    group->used -= count;
}

/* What a group takes, and the array of its panes. */
static size_t group_bytes(const stream_windows *windows, size_t key_size)
{
    return room_at(key_size) + windows->pane_bytes;
}

static size_t array_bytes(const stream_windows *windows, uint32_t room)
{
    return room > 1 ? (size_t)room * windows->pane_bytes : 0;
}

static void group_free(stream_windows *windows, group *group)
{
    if (group->used > 0) {
        drop_panes(windows, group, 0, group->used);
    }
    windows->bytes -= group_bytes(windows, group->key_size) + array_bytes(windows, group->room);
    windows->group_count--;
    if (group->room > 1) {
        free(panes_of(group));
    }
    free(group);
}

void stream_windows_free(stream_windows *windows)
{
    if (windows == NULL) {
        return;
    }
    for (uint32_t i = 0; i < windows->bucket_count; i++) {
        for (group *at = windows->buckets[i], *next; at != NULL; at = next) {
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
    group **buckets = calloc(count, sizeof(group *));
    if (buckets == NULL) {
        return;
    }
    for (uint32_t i = 0; i < windows->bucket_count; i++) {
        for (group *at = windows->buckets[i], *next; at != NULL; at = next) {
            group **bucket = &buckets[hash_of(windows, at->key, at->key_size) & (count - 1)];
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

static group *find_or_add_group(stream_windows *windows, const uint8_t *key, size_t size)
{
    uint32_t hash = hash_of(windows, key, size);
    group *at = windows->buckets[hash & (windows->bucket_count - 1)];
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
    group **bucket = &windows->buckets[hash & (windows->bucket_count - 1)];
    *at = (group){.next = *bucket, .room = 1, .key_size = (uint16_t)size};
    memcpy(at->key, key, size);
    *bucket = at;
    windows->group_count++;
    windows->bytes += bytes;
    return at;
}

/* ---- panes ---- */

/* The first pane that starts at or after start_ms. */
static uint32_t pane_from(const stream_windows *windows, const group *group, int64_t start_ms)
{
    uint32_t low = 0;
    uint32_t high = group->used;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (pane_of(windows, group, middle)->start_ms < start_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Bring the pane behind the last one to its place. */
static pane *move_last(const stream_windows *windows, group *group, uint32_t at)
{
    uint8_t copy[sizeof(pane) + STREAM_AGGREGATES_MAX * sizeof(stream_state)];
    pane *place = pane_of(windows, group, at);
    if (at < group->used) {
        memcpy(copy, pane_of(windows, group, group->used), windows->pane_bytes);
        memmove(pane_of(windows, group, at + 1), place,
                (size_t)(group->used - at) * windows->pane_bytes);
        memcpy(place, copy, windows->pane_bytes);
    }
    group->used++;
    return place;
}

/* A pane that begins there is in a window that ends soonest at .. */
static void note_end(stream_windows *windows, int64_t start_ms)
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
static bool make_room(stream_windows *windows, group *group)
{
    uint32_t room = group->room + group->room / 4 + 1;
    uint8_t *before = panes_of(group);
    uint8_t *panes = realloc(group->room > 1 ? before : NULL, array_bytes(windows, room));
    if (panes == NULL) {
        return false;
    }
    if (group->room == 1) {
        memcpy(panes, before, windows->pane_bytes);
    }
    windows->bytes += array_bytes(windows, room) - array_bytes(windows, group->room);
    memcpy(room_of(group), &panes, sizeof panes);
    group->room = room;
    return true;
}

static pane *insert_pane(stream_windows *windows, group *group, uint32_t at, int64_t start_ms)
{
    if (group->used == group->room && !make_room(windows, group)) {
        return NULL;
    }
    /* In the free place at the end first: it may fail. */
    pane *made = pane_of(windows, group, group->used);
    if (states_init(windows, group, start_ms, made) != HR_OK) {
        return NULL;
    }
    made->start_ms = start_ms;
    if (windows->window.type == STREAM_SESSION) {
        made->last_ms = start_ms;
    }
    windows->bytes += states_bytes(windows, made);
    note_end(windows, start_ms);
    return move_last(windows, group, at);
}

static int64_t floor_to(int64_t time_ms, int64_t step_ms)
{
    int64_t rest = time_ms % step_ms;
    return time_ms - (rest < 0 ? rest + step_ms : rest);
}

/* The session that a row at time_ms belongs to; rows that stand between two sessions make one of
 * them. NULL: no memory. */
static pane *session_at(stream_windows *windows, group *group, int64_t time_ms)
{
    int64_t gap_ms = windows->window.gap_ms;
    uint32_t at = pane_from(windows, group, time_ms);
    /* Of the sessions that start before, only the last can reach so far. */
    if (at > 0 && time_ms - pane_of(windows, group, at - 1)->last_ms < gap_ms) {
        at--;
    } else if (at == group->used || pane_of(windows, group, at)->start_ms - time_ms >= gap_ms) {
        return insert_pane(windows, group, at, time_ms);
    }
    pane *found = pane_of(windows, group, at);
    found->start_ms = time_ms < found->start_ms ? time_ms : found->start_ms;
    found->last_ms = time_ms > found->last_ms ? time_ms : found->last_ms;
    const pane *next = at + 1 < group->used ? pane_of(windows, group, at + 1) : NULL;
    if (next != NULL && next->start_ms - found->last_ms < gap_ms) {
        size_t before = states_bytes(windows, found);
        if (states_merge(windows, found, next) != HR_OK) {
            return NULL;
        }
        windows->bytes += states_bytes(windows, found) - before;
        found->last_ms = next->last_ms;
        drop_panes(windows, group, at + 1, 1);
    }
    return found;
}

/* Where the pane of a time starts. */
static int64_t pane_start(stream_windows *windows, int64_t time_ms)
{
    int64_t every_ms = windows->window.every_ms;
    if (windows->last_pane_ms == STREAM_TIME_NONE || time_ms < windows->last_pane_ms ||
        time_ms - windows->last_pane_ms >= every_ms) {
        windows->last_pane_ms = floor_to(time_ms, every_ms);
    }
    return windows->last_pane_ms;
}

static pane *pane_at(stream_windows *windows, group *group, int64_t time_ms)
{
    if (windows->window.type == STREAM_SESSION) {
        return session_at(windows, group, time_ms);
    }
    int64_t start_ms = windows->window.type == STREAM_RUNNING ? 0 : pane_start(windows, time_ms);
    /* Most rows belong into the last one. */
    if (group->used > 0 && pane_of(windows, group, group->used - 1)->start_ms == start_ms) {
        return pane_of(windows, group, group->used - 1);
    }
    uint32_t at = pane_from(windows, group, start_ms);
    if (at < group->used && pane_of(windows, group, at)->start_ms == start_ms) {
        return pane_of(windows, group, at);
    }
    return insert_pane(windows, group, at, start_ms);
}

static bool row_is_late(stream_windows *windows, int64_t time_ms, int64_t watermark_ms)
{
    switch (windows->window.type) {
    case STREAM_RUNNING:
        return false;
    case STREAM_SESSION:
        return time_ms < watermark_ms;
    default:
        return pane_start(windows, time_ms) + windows->window.every_ms <= watermark_ms;
    }
}

hr_err stream_windows_add(stream_windows *windows, const uint8_t *key, size_t key_size,
                          int64_t time_ms, int64_t watermark_ms, const stream_value *arguments,
                          bool *is_late)
{
    if (key_size > UINT16_MAX) {
        return HR_TOO_BIG;
    }
    *is_late = row_is_late(windows, time_ms, watermark_ms);
    if (*is_late) {
        return HR_OK;
    }
    group *group = find_or_add_group(windows, key, key_size);
    pane *pane = group != NULL ? pane_at(windows, group, time_ms) : NULL;
    if (pane == NULL) {
        return HR_NO_MEMORY;
    }
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < windows->count; i++) {
        const stream_aggregate *aggregate = &windows->aggregates[i];
        stream_state *state = state_of(windows, pane, i);
        size_t before = windows->grows[i] ? stream_state_bytes(aggregate, state) : 0;
        err = stream_state_add(aggregate, state, arguments);
        windows->bytes += windows->grows[i] ? stream_state_bytes(aggregate, state) - before : 0;
        arguments += stream_aggregate_law_of(aggregate->kind)->arguments;
    }
    return err;
}

/* ---- telling ---- */

static bool is_paned(const stream_windows *windows)
{
    return windows->window.type == STREAM_TUMBLING || windows->window.type == STREAM_HOPPING;
}

/* Whom windows are told, and what may still be merged for it. */
typedef struct telling {
    stream_output_visit *visit;
    void *context;
    bool is_final;
    bool goes_on;
    size_t merge_bytes_left;
} telling;

/* A window's panes into one of their own. */
static hr_err merge_panes(const stream_windows *windows, const group *group, uint32_t first,
                          uint32_t end, pane *merged, size_t *bytes_left)
{
    hr_err err = HR_OK;
    for (uint32_t i = first; err == HR_OK && i < end; i++) {
        const pane *from = pane_of(windows, group, i);
        size_t bytes = windows->pane_bytes + states_bytes(windows, from);
        err = bytes <= *bytes_left ? states_merge(windows, merged, from) : HR_TOO_BIG;
        *bytes_left -= bytes <= *bytes_left ? bytes : 0;
    }
    return err;
}

/* Tell the window of a group that ends at end_ms: the merge of its panes. */
static hr_err tell_window(const stream_windows *windows, const group *group, int64_t end_ms,
                          telling *telling)
{
    int64_t from_ms = end_ms - windows->window.size_ms;
    uint32_t first = pane_from(windows, group, from_ms);
    uint32_t end = pane_from(windows, group, end_ms);
    stream_output output = {.from_ms = from_ms,
                            .to_ms = end_ms,
                            .is_final = telling->is_final,
                            .key = group->key,
                            .key_size = group->key_size,
                            .windows = windows};
    if (first == end) {
        return HR_OK;
    }
    if (end - first == 1) {
        output.pane = pane_of(windows, group, first);
        telling->goes_on = telling->visit(telling->context, &output);
        return HR_OK;
    }
    union {
        pane head;
        uint8_t bytes[sizeof(pane) + STREAM_AGGREGATES_MAX * sizeof(stream_state)];
    } merged;
    hr_err err = states_init(windows, group, end_ms, &merged.head);
    if (err != HR_OK) {
        return err;
    }
    err = merge_panes(windows, group, first, end, &merged.head, &telling->merge_bytes_left);
    if (err == HR_OK) {
        output.pane = &merged.head;
        telling->goes_on = telling->visit(telling->context, &output);
    }
    states_fini(windows, &merged.head);
    return err;
}

const stream_state *stream_output_state(const stream_output *output, uint32_t at)
{
    return state_of(output->windows, output->pane, at);
}

static bool tell_pane(const stream_windows *windows, const group *group, const pane *pane,
                      bool is_final, stream_output_visit *visit, void *context)
{
    bool is_session = windows->window.type == STREAM_SESSION;
    stream_output output = {.from_ms = is_session ? pane->start_ms : STREAM_TIME_NONE,
                            .to_ms = is_session ? pane->last_ms + windows->window.gap_ms
                                                : STREAM_TIME_NONE,
                            .is_final = is_final,
                            .key = group->key,
                            .key_size = group->key_size,
                            .windows = windows,
                            .pane = pane};
    return visit(context, &output);
}

/* The end of the group's next window to close. It has panes. */
static int64_t next_end(const stream_windows *windows, const group *group)
{
    int64_t every_ms = windows->window.every_ms;
    int64_t end_ms = pane_of(windows, group, 0)->start_ms + every_ms;
    return windows->closed_ms != STREAM_TIME_NONE && windows->closed_ms + every_ms > end_ms
               ? windows->closed_ms + every_ms
               : end_ms;
}

static void drop_empty_groups(stream_windows *windows)
{
    for (uint32_t i = 0; i < windows->bucket_count; i++) {
        for (group **link = &windows->buckets[i]; *link != NULL;) {
            group *at = *link;
            if (at->used == 0) {
                *link = at->next;
                group_free(windows, at);
            } else {
                link = &at->next;
            }
        }
    }
}

#define EACH_GROUP(windows, at)                                                                    \
    for (uint32_t bucket = 0; bucket < (windows)->bucket_count; bucket++)                          \
        for (group *at = (windows)->buckets[bucket]; at != NULL; at = at->next)

/* Close the windows that end at end_ms. */
static hr_err close_at(stream_windows *windows, int64_t end_ms, stream_output_visit *visit,
                       void *context)
{
    telling telling = {
        .visit = visit, .context = context, .is_final = true, .merge_bytes_left = SIZE_MAX};
    EACH_GROUP(windows, at)
    {
        hr_err err = tell_window(windows, at, end_ms, &telling);
        if (err != HR_OK) {
            return err;
        }
        uint32_t over = pane_from(windows, at, end_ms - windows->window.size_ms + 1);
        if (over > 0) {
            drop_panes(windows, at, 0, over);
        }
    }
    windows->closed_ms = end_ms;
    drop_empty_groups(windows);
    return HR_OK;
}

static hr_err close_panes(stream_windows *windows, int64_t watermark_ms, stream_output_visit *visit,
                          void *context)
{
    int64_t limit_ms = floor_to(watermark_ms, windows->window.every_ms);
    hr_err err = HR_OK;
    if (windows->closed_ms != STREAM_TIME_NONE && limit_ms <= windows->closed_ms) {
        return HR_OK;
    }
    while (err == HR_OK && windows->next_end_ms <= limit_ms) {
        int64_t end_ms = INT64_MAX;
        EACH_GROUP(windows, at)
        {
            int64_t next_ms = next_end(windows, at);
            end_ms = next_ms < end_ms ? next_ms : end_ms;
        }
        windows->next_end_ms = end_ms;
        if (end_ms <= limit_ms) {
            err = close_at(windows, end_ms, visit, context);
        }
    }
    if (err == HR_OK) {
        windows->closed_ms = limit_ms;
    }
    return err;
}

static void close_sessions(stream_windows *windows, int64_t watermark_ms,
                           stream_output_visit *visit, void *context)
{
    int64_t gap_ms = windows->window.gap_ms;
    windows->closed_ms = watermark_ms;
    if (watermark_ms < windows->next_end_ms) {
        return;
    }
    windows->next_end_ms = INT64_MAX;
    EACH_GROUP(windows, at)
    {
        while (at->used > 0 && pane_of(windows, at, 0)->last_ms + gap_ms <= watermark_ms) {
            (void)tell_pane(windows, at, pane_of(windows, at, 0), true, visit, context);
            drop_panes(windows, at, 0, 1);
        }
        int64_t end_ms = at->used > 0 ? pane_of(windows, at, 0)->last_ms + gap_ms : INT64_MAX;
        windows->next_end_ms = end_ms < windows->next_end_ms ? end_ms : windows->next_end_ms;
    }
    drop_empty_groups(windows);
}

hr_err stream_windows_close(stream_windows *windows, int64_t watermark_ms,
                            stream_output_visit *visit, void *context)
{
    if (watermark_ms == STREAM_TIME_NONE) {
        return HR_OK;
    }
    if (is_paned(windows)) {
        return close_panes(windows, watermark_ms, visit, context);
    }
    if (windows->window.type == STREAM_SESSION) {
        close_sessions(windows, watermark_ms, visit, context);
    }
    return HR_OK;
}

static hr_err tell_open_group(const stream_windows *windows, const group *group, telling *telling)
{
    hr_err err = HR_OK;
    if (!is_paned(windows)) {
        for (uint32_t i = 0; telling->goes_on && i < group->used; i++) {
            telling->goes_on = tell_pane(windows, group, pane_of(windows, group, i), false,
                                         telling->visit, telling->context);
        }
        return HR_OK;
    }
    int64_t last_ms = pane_of(windows, group, group->used - 1)->start_ms + windows->window.size_ms;
    for (int64_t end_ms = next_end(windows, group);
         err == HR_OK && telling->goes_on && end_ms <= last_ms;
         end_ms += windows->window.every_ms) {
        err = tell_window(windows, group, end_ms, telling);
    }
    return err;
}

hr_err stream_windows_open(const stream_windows *windows, stream_output_visit *visit, void *context)
{
    telling telling = {.visit = visit,
                       .context = context,
                       .goes_on = true,
                       .merge_bytes_left = STREAM_OPEN_MERGE_BYTES_MAX};
    hr_err err = HR_OK;
    EACH_GROUP(windows, at)
    {
        err = telling.goes_on && err == HR_OK ? tell_open_group(windows, at, &telling) : err;
    }
    return err;
}

int64_t stream_windows_due_ms(const stream_windows *windows)
{
    return windows->next_end_ms;
}

size_t stream_windows_pane_bytes(const stream_window *window, const stream_aggregate *aggregates,
                                 uint32_t count)
{
    size_t bytes = PANE_HEAD_BYTES(window);
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

/* ---- stored form ---- */

static void write_group(const stream_windows *windows, const group *group, hr_buf *out)
{
    hr_buf_put_u32(out, (uint32_t)group->key_size);
    hr_buf_put(out, group->key, group->key_size);
    hr_buf_put_u32(out, group->used);
    for (uint32_t i = 0; i < group->used; i++) {
        const pane *pane = pane_of(windows, group, i);
        hr_buf_put_u64(out, (uint64_t)pane->start_ms);
        hr_buf_put_u64(out, (uint64_t)(windows->window.type == STREAM_SESSION ? pane->last_ms
                                                                              : pane->start_ms));
        for (uint32_t a = 0; a < windows->count; a++) {
            stream_state_write(&windows->aggregates[a], state_of(windows, pane, a), out);
        }
    }
}

void stream_windows_write(const stream_windows *windows, hr_buf *out)
{
    hr_buf_put_u64(out, (uint64_t)windows->closed_ms);
    hr_buf_put_u32(out, windows->group_count);
    EACH_GROUP(windows, at)
    {
        write_group(windows, at, out);
    }
}

static hr_err read_pane(stream_windows *windows, group *group, hr_cursor *in)
{
    int64_t start_ms = (int64_t)hr_cursor_u64(in);
    int64_t last_ms = (int64_t)hr_cursor_u64(in);
    if (in->short_read || last_ms < start_ms || start_ms < -TIME_MS_MAX || last_ms > TIME_MS_MAX ||
        (group->used > 0 && pane_of(windows, group, group->used - 1)->start_ms >= start_ms)) {
        return HR_CORRUPT;
    }
    pane *pane = insert_pane(windows, group, group->used, start_ms);
    if (pane == NULL) {
        return HR_NO_MEMORY;
    }
    hr_err err = HR_OK;
    size_t before = states_bytes(windows, pane);
    if (windows->window.type == STREAM_SESSION) {
        pane->last_ms = last_ms;
    }
    for (uint32_t a = 0; err == HR_OK && a < windows->count; a++) {
        err = stream_state_read(&windows->aggregates[a], state_of(windows, pane, a), in);
    }
    windows->bytes += states_bytes(windows, pane) - before;
    return err;
}

hr_err stream_windows_read(stream_windows *windows, hr_cursor *in)
{
    windows->closed_ms = (int64_t)hr_cursor_u64(in);
    uint32_t group_count = hr_cursor_u32(in);
    bool is_sane = windows->closed_ms == STREAM_TIME_NONE ||
                   (windows->closed_ms >= -TIME_MS_MAX && windows->closed_ms <= TIME_MS_MAX);
    hr_err err = in->short_read || !is_sane || group_count > GROUPS_MAX ? HR_CORRUPT : HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < group_count; i++) {
        uint32_t size = hr_cursor_u32(in);
        const uint8_t *key = hr_cursor_take(in, size);
        uint32_t panes = hr_cursor_u32(in);
        if (key == NULL || in->short_read || size > UINT16_MAX || panes == 0 ||
            panes > PANES_OF_GROUP_MAX) {
            return HR_CORRUPT;
        }
        group *group = find_or_add_group(windows, key, size);
        if (group == NULL) {
            return HR_NO_MEMORY;
        }
        err = group->used == 0 ? HR_OK : HR_CORRUPT;
        for (uint32_t p = 0; err == HR_OK && p < panes; p++) {
            err = read_pane(windows, group, in);
        }
    }
    return err;
}
