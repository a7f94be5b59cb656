/* stream/windows.c - a hash table of groups, each with its panes in the order of time. */
#include "stream/windows.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define BUCKETS_MIN 64
#define GROUPS_MAX (1u << 24)
#define PANES_OF_GROUP_MAX (1u << 24)
#define TIME_MS_MAX (INT64_C(1) << 60) /* of stored times: sums with windows stay in range */

typedef struct pane {
    int64_t start_ms; /* of a session: its first row */
    int64_t last_ms;  /* of a session: its last row */
    bool is_changed;
    stream_state *states; /* owned; one for each aggregate */
} pane;

typedef struct group {
    struct group *next; /* in its bucket */
    uint64_t hash;
    uint8_t *key;
    size_t key_size;
    pane *panes; /* sorted */
    uint32_t used;
    uint32_t room;
} group;

struct stream_windows {
    stream_window window;
    uint32_t count; /* of aggregates */
    stream_aggregate aggregates[STREAM_AGGREGATES_MAX];
    uint64_t seed;
    group **buckets;
    uint32_t bucket_count;
    uint32_t group_count;
    int64_t closed_ms; /* windows that end at or before it are told and forgotten */
    size_t bytes;
};

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
                                .bytes = sizeof *windows + BUCKETS_MIN * sizeof *buckets};
    memcpy(windows->aggregates, aggregates, count * sizeof *aggregates);
    *out = windows;
    return HR_OK;
}

/* ---- states ---- */

static void states_free(const stream_windows *windows, stream_state *states)
{
    for (uint32_t i = 0; states != NULL && i < windows->count; i++) {
        stream_state_fini(&windows->aggregates[i], &states[i]);
    }
    free(states);
}

static stream_state *states_new(const stream_windows *windows, const group *group, int64_t start_ms)
{
    uint64_t part = hr_hash64_seeded(&start_ms, sizeof start_ms, windows->seed ^ group->hash);
    stream_state *states = calloc(windows->count, sizeof *states);
    for (uint32_t i = 0; states != NULL && i < windows->count; i++) {
        if (stream_state_init(&windows->aggregates[i], part + i, &states[i]) != HR_OK) {
            /* The rest are zeros, which ending them takes well. */
            states_free(windows, states);
            return NULL;
        }
    }
    return states;
}

static size_t states_bytes(const stream_windows *windows, const stream_state *states)
{
    size_t bytes = windows->count * sizeof *states;
    for (uint32_t i = 0; i < windows->count; i++) {
        bytes += stream_state_bytes(&windows->aggregates[i], &states[i]);
    }
    return bytes;
}

static hr_err states_merge(const stream_windows *windows, stream_state *into,
                           const stream_state *from)
{
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < windows->count; i++) {
        err = stream_state_merge(&windows->aggregates[i], &into[i], &from[i]);
    }
    return err;
}

/* ---- groups ---- */

static void drop_panes(stream_windows *windows, group *group, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++) {
        windows->bytes -= states_bytes(windows, group->panes[i].states);
        states_free(windows, group->panes[i].states);
    }
    memmove(group->panes + from, group->panes + from + count,
            (group->used - from - count) * sizeof *group->panes);
    group->used -= count;
}

static void group_free(stream_windows *windows, group *group)
{
    if (group->used > 0) {
        drop_panes(windows, group, 0, group->used);
    }
    windows->bytes -= sizeof *group + group->key_size + group->room * sizeof *group->panes;
    windows->group_count--;
    free(group->panes);
    free(group->key);
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
            next = at->next;
            at->next = buckets[at->hash % count];
            buckets[at->hash % count] = at;
        }
    }
    windows->bytes += (count - windows->bucket_count) * sizeof *buckets;
    free(windows->buckets);
    windows->buckets = buckets;
    windows->bucket_count = count;
}

static group *find_or_add_group(stream_windows *windows, const uint8_t *key, size_t size)
{
    uint64_t hash = hr_hash64_seeded(key, size, windows->seed);
    group *at = windows->buckets[hash % windows->bucket_count];
    while (at != NULL &&
           (at->hash != hash || at->key_size != size || memcmp(at->key, key, size) != 0)) {
        at = at->next;
    }
    if (at != NULL) {
        return at;
    }
    if (windows->group_count >= windows->bucket_count) {
        grow_buckets(windows);
    }
    at = malloc(sizeof *at);
    uint8_t *copy = malloc(size + 1);
    if (at == NULL || copy == NULL) {
        free(at);
        free(copy);
        return NULL;
    }
    memcpy(copy, key, size);
    group **bucket = &windows->buckets[hash % windows->bucket_count];
    *at = (group){.next = *bucket, .hash = hash, .key = copy, .key_size = size};
    *bucket = at;
    windows->group_count++;
    windows->bytes += sizeof *at + size;
    return at;
}

/* ---- panes ---- */

/* The first pane that starts at or after start_ms. */
static uint32_t pane_from(const group *group, int64_t start_ms)
{
    uint32_t low = 0;
    uint32_t high = group->used;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (group->panes[middle].start_ms < start_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static pane *insert_pane(stream_windows *windows, group *group, uint32_t at, int64_t start_ms)
{
    if (group->used == group->room) {
        uint32_t room = group->room == 0 ? 1 : group->room * 2;
        pane *panes = realloc(group->panes, room * sizeof *panes);
        if (panes == NULL) {
            return NULL;
        }
        windows->bytes += (room - group->room) * sizeof *panes;
        group->panes = panes;
        group->room = room;
    }
    stream_state *states = states_new(windows, group, start_ms);
    if (states == NULL) {
        return NULL;
    }
    memmove(group->panes + at + 1, group->panes + at, (group->used - at) * sizeof *group->panes);
    group->panes[at] = (pane){.start_ms = start_ms, .last_ms = start_ms, .states = states};
    group->used++;
    windows->bytes += states_bytes(windows, states);
    return &group->panes[at];
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
    uint32_t at = pane_from(group, time_ms);
    /* Of the sessions that start before, only the last can reach so far. */
    if (at > 0 && time_ms - group->panes[at - 1].last_ms < gap_ms) {
        at--;
    } else if (at == group->used || group->panes[at].start_ms - time_ms >= gap_ms) {
        return insert_pane(windows, group, at, time_ms);
    }
    pane *found = &group->panes[at];
    found->start_ms = time_ms < found->start_ms ? time_ms : found->start_ms;
    found->last_ms = time_ms > found->last_ms ? time_ms : found->last_ms;
    if (at + 1 < group->used && group->panes[at + 1].start_ms - found->last_ms < gap_ms) {
        size_t before = states_bytes(windows, found->states);
        if (states_merge(windows, found->states, group->panes[at + 1].states) != HR_OK) {
            return NULL;
        }
        windows->bytes += states_bytes(windows, found->states) - before;
        found->last_ms = group->panes[at + 1].last_ms;
        drop_panes(windows, group, at + 1, 1);
    }
    return found;
}

static pane *pane_at(stream_windows *windows, group *group, int64_t time_ms)
{
    if (windows->window.type == STREAM_SESSION) {
        return session_at(windows, group, time_ms);
    }
    int64_t start_ms =
        windows->window.type == STREAM_RUNNING ? 0 : floor_to(time_ms, windows->window.every_ms);
    uint32_t at = pane_from(group, start_ms);
    if (at < group->used && group->panes[at].start_ms == start_ms) {
        return &group->panes[at];
    }
    return insert_pane(windows, group, at, start_ms);
}

static bool row_is_late(const stream_windows *windows, int64_t time_ms, int64_t watermark_ms)
{
    switch (windows->window.type) {
    case STREAM_RUNNING:
        return false;
    case STREAM_SESSION:
        return time_ms < watermark_ms;
    default:
        return floor_to(time_ms, windows->window.every_ms) + windows->window.every_ms <=
               watermark_ms;
    }
}

hr_err stream_windows_add(stream_windows *windows, const uint8_t *key, size_t key_size,
                          int64_t time_ms, int64_t watermark_ms, const stream_value *arguments,
                          bool *is_late)
{
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
    pane->is_changed = true;
    for (uint32_t i = 0; err == HR_OK && i < windows->count; i++) {
        const stream_aggregate *aggregate = &windows->aggregates[i];
        size_t before = stream_state_bytes(aggregate, &pane->states[i]);
        err = stream_state_add(aggregate, &pane->states[i], arguments);
        windows->bytes += stream_state_bytes(aggregate, &pane->states[i]) - before;
        arguments += stream_aggregate_law_of(aggregate->kind)->arguments;
    }
    return err;
}

/* ---- telling ---- */

static bool is_paned(const stream_windows *windows)
{
    return windows->window.type == STREAM_TUMBLING || windows->window.type == STREAM_HOPPING;
}

/* Tell the window of a group that ends at end_ms: the merge of its panes. */
static hr_err tell_window(const stream_windows *windows, const group *group, int64_t end_ms,
                          bool is_final, stream_output_visit *visit, void *context, bool *goes_on)
{
    int64_t from_ms = end_ms - windows->window.size_ms;
    uint32_t first = pane_from(group, from_ms);
    uint32_t end = pane_from(group, end_ms);
    stream_output output = {.from_ms = from_ms,
                            .to_ms = end_ms,
                            .is_final = is_final,
                            .key = group->key,
                            .key_size = group->key_size};
    if (first == end) {
        return HR_OK;
    }
    if (end - first == 1) {
        output.states = group->panes[first].states;
        *goes_on = visit(context, &output);
        return HR_OK;
    }
    stream_state *merged = states_new(windows, group, end_ms);
    hr_err err = merged != NULL ? HR_OK : HR_NO_MEMORY;
    for (uint32_t i = first; err == HR_OK && i < end; i++) {
        err = states_merge(windows, merged, group->panes[i].states);
    }
    if (err == HR_OK) {
        output.states = merged;
        *goes_on = visit(context, &output);
    }
    states_free(windows, merged);
    return err;
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
                            .states = pane->states};
    return visit(context, &output);
}

/* The end of the group's next window to close. It has panes. */
static int64_t next_end(const stream_windows *windows, const group *group)
{
    int64_t every_ms = windows->window.every_ms;
    int64_t end_ms = group->panes[0].start_ms + every_ms;
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
    EACH_GROUP(windows, at)
    {
        bool ignored;
        hr_err err = tell_window(windows, at, end_ms, true, visit, context, &ignored);
        if (err != HR_OK) {
            return err;
        }
        uint32_t over = pane_from(at, end_ms - windows->window.size_ms + 1);
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
    while (err == HR_OK) {
        int64_t end_ms = INT64_MAX;
        EACH_GROUP(windows, at)
        {
            int64_t next_ms = next_end(windows, at);
            end_ms = next_ms < end_ms ? next_ms : end_ms;
        }
        if (end_ms > limit_ms) {
            break;
        }
        err = close_at(windows, end_ms, visit, context);
    }
    if (err == HR_OK) {
        windows->closed_ms = limit_ms;
    }
    return err;
}

static void close_sessions(stream_windows *windows, int64_t watermark_ms,
                           stream_output_visit *visit, void *context)
{
    EACH_GROUP(windows, at)
    {
        while (at->used > 0 && at->panes[0].last_ms + windows->window.gap_ms <= watermark_ms) {
            (void)tell_pane(windows, at, &at->panes[0], true, visit, context);
            drop_panes(windows, at, 0, 1);
        }
    }
    drop_empty_groups(windows);
    windows->closed_ms = watermark_ms;
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

/* Did any pane of the window that ends at end_ms get rows? */
static bool window_changed(const stream_windows *windows, const group *group, int64_t end_ms)
{
    uint32_t end = pane_from(group, end_ms);
    for (uint32_t i = pane_from(group, end_ms - windows->window.size_ms); i < end; i++) {
        if (group->panes[i].is_changed) {
            return true;
        }
    }
    return false;
}

static hr_err tell_open_group(const stream_windows *windows, const group *group, bool changed,
                              stream_output_visit *visit, void *context, bool *goes_on)
{
    hr_err err = HR_OK;
    if (!is_paned(windows)) {
        for (uint32_t i = 0; *goes_on && i < group->used; i++) {
            if (!changed || group->panes[i].is_changed) {
                *goes_on = tell_pane(windows, group, &group->panes[i], false, visit, context);
            }
        }
        return HR_OK;
    }
    int64_t last_ms = group->panes[group->used - 1].start_ms + windows->window.size_ms;
    for (int64_t end_ms = next_end(windows, group); err == HR_OK && *goes_on && end_ms <= last_ms;
         end_ms += windows->window.every_ms) {
        if (!changed || window_changed(windows, group, end_ms)) {
            err = tell_window(windows, group, end_ms, false, visit, context, goes_on);
        }
    }
    return err;
}

hr_err stream_windows_open(stream_windows *windows, bool changed, stream_output_visit *visit,
                           void *context)
{
    bool goes_on = true;
    EACH_GROUP(windows, at)
    {
        hr_err err =
            goes_on ? tell_open_group(windows, at, changed, visit, context, &goes_on) : HR_OK;
        if (err != HR_OK) {
            return err;
        }
        for (uint32_t i = 0; changed && i < at->used; i++) {
            at->panes[i].is_changed = false;
        }
    }
    return HR_OK;
}

size_t stream_windows_pane_bytes(const stream_aggregate *aggregates, uint32_t count)
{
    (void)aggregates;
    return sizeof(pane) + count * sizeof(stream_state);
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
        hr_buf_put_u64(out, (uint64_t)group->panes[i].start_ms);
        hr_buf_put_u64(out, (uint64_t)group->panes[i].last_ms);
        for (uint32_t a = 0; a < windows->count; a++) {
            stream_state_write(&windows->aggregates[a], &group->panes[i].states[a], out);
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
        (group->used > 0 && group->panes[group->used - 1].start_ms >= start_ms)) {
        return HR_CORRUPT;
    }
    pane *pane = insert_pane(windows, group, group->used, start_ms);
    if (pane == NULL) {
        return HR_NO_MEMORY;
    }
    hr_err err = HR_OK;
    size_t before = states_bytes(windows, pane->states);
    pane->last_ms = last_ms;
    for (uint32_t a = 0; err == HR_OK && a < windows->count; a++) {
        err = stream_state_read(&windows->aggregates[a], &pane->states[a], in);
    }
    windows->bytes += states_bytes(windows, pane->states) - before;
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
        if (key == NULL || in->short_read || panes == 0 || panes > PANES_OF_GROUP_MAX) {
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
