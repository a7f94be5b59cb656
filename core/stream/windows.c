/* stream/windows.c - rows into panes, panes into windows. */
#include "stream/windows.h"

#include "windows_groups.h"

#define RUNNING_PANE_MS 3600000
#define GROUPS_MAX (1u << 24)
#define PANES_OF_GROUP_MAX (1u << 24)
#define TIME_MS_MAX (INT64_C(1) << 60) /* of stored times: sums with windows stay in range */

static int64_t floor_to(int64_t time_ms, int64_t step_ms)
{
    int64_t rest = time_ms % step_ms;
    return time_ms - (rest < 0 ? rest + step_ms : rest);
}

/* The session that a row at time_ms belongs to; rows that stand between two sessions make one of
 * them. NULL: no memory. */
static windows_pane *session_at(stream_windows *windows, windows_group *group, int64_t time_ms)
{
    int64_t gap_ms = windows->window.gap_ms;
    uint32_t at = windows_pane_from(windows, group, time_ms);
    /* Of the sessions that start before, only the last can reach so far. */
    if (at > 0 && time_ms - windows_pane_of(windows, group, at - 1)->last_ms < gap_ms) {
        at--;
    } else if (at == group->used ||
               windows_pane_of(windows, group, at)->start_ms - time_ms >= gap_ms) {
        return windows_insert_pane(windows, group, at, time_ms);
    }
    windows_pane *found = windows_pane_of(windows, group, at);
    found->start_ms = time_ms < found->start_ms ? time_ms : found->start_ms;
    found->last_ms = time_ms > found->last_ms ? time_ms : found->last_ms;
    const windows_pane *next =
        at + 1 < group->used ? windows_pane_of(windows, group, at + 1) : NULL;
    if (next != NULL && next->start_ms - found->last_ms < gap_ms) {
        size_t before = windows_states_bytes(windows, found);
        if (windows_states_merge(windows, found, next) != HR_OK) {
            return NULL;
        }
        windows->bytes += windows_states_bytes(windows, found) - before;
        found->last_ms = next->last_ms;
        windows_drop_panes(windows, group, at + 1, 1);
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

static windows_pane *pane_at(stream_windows *windows, windows_group *group, int64_t time_ms)
{
    if (windows->window.type == STREAM_SESSION) {
        return session_at(windows, group, time_ms);
    }
    int64_t start_ms = windows->window.type == STREAM_RUNNING ? 0 : pane_start(windows, time_ms);
    /* Most rows belong into the last one. */
    if (group->used > 0 && windows_pane_of(windows, group, group->used - 1)->start_ms == start_ms) {
        return windows_pane_of(windows, group, group->used - 1);
    }
    uint32_t at = windows_pane_from(windows, group, start_ms);
    if (at < group->used && windows_pane_of(windows, group, at)->start_ms == start_ms) {
        return windows_pane_of(windows, group, at);
    }
    return windows_insert_pane(windows, group, at, start_ms);
}

static bool is_paned(const stream_windows *windows)
{
    return windows->window.type == STREAM_TUMBLING || windows->window.type == STREAM_HOPPING;
}

/* A row came in time for windows that have been told: the watermark has gone back since, because a
 * clock had been ahead. They are told again when they end again. */
static void reopen(stream_windows *windows, int64_t time_ms)
{
    int64_t start_ms = is_paned(windows) ? pane_start(windows, time_ms) : INT64_MAX;
    if (start_ms < windows->closed_ms) {
        windows->closed_ms = start_ms;
        windows_note_end(windows, start_ms);
    }
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
    reopen(windows, time_ms);
    windows_group *group = windows_get_group(windows, key, key_size);
    windows_pane *pane = group != NULL ? pane_at(windows, group, time_ms) : NULL;
    if (pane == NULL) {
        return HR_NO_MEMORY;
    }
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < windows->count; i++) {
        const stream_aggregate *aggregate = &windows->aggregates[i];
        stream_state *state = windows_state_of(windows, pane, i);
        size_t before = windows->grows[i] ? stream_state_bytes(aggregate, state) : 0;
        err = stream_state_add(aggregate, state, arguments);
        windows->bytes += windows->grows[i] ? stream_state_bytes(aggregate, state) - before : 0;
        arguments += stream_aggregate_law_of(aggregate->kind)->arguments;
    }
    return err;
}

/* ---- telling ---- */

/* Whom windows are told, and what may still be merged for it. */
typedef struct telling {
    stream_output_visit *visit;
    void *context;
    bool is_final;
    bool goes_on;
    size_t merge_bytes_left;
} telling;

/* A window's panes into one of their own. */
static hr_err merge_panes(const stream_windows *windows, const windows_group *group, uint32_t first,
                          uint32_t end, windows_pane *merged, size_t *bytes_left)
{
    hr_err err = HR_OK;
    for (uint32_t i = first; err == HR_OK && i < end; i++) {
        const windows_pane *from = windows_pane_of(windows, group, i);
        size_t bytes = windows->pane_bytes + windows_states_bytes(windows, from);
        err = bytes <= *bytes_left ? windows_states_merge(windows, merged, from) : HR_TOO_BIG;
        *bytes_left -= bytes <= *bytes_left ? bytes : 0;
    }
    return err;
}

/* Tell the window of a group that ends at end_ms: the merge of its panes. */
static hr_err tell_window(const stream_windows *windows, const windows_group *group, int64_t end_ms,
                          telling *telling)
{
    int64_t from_ms = end_ms - windows->window.size_ms;
    uint32_t first = windows_pane_from(windows, group, from_ms);
    uint32_t end = windows_pane_from(windows, group, end_ms);
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
        output.pane = windows_pane_of(windows, group, first);
        telling->goes_on = telling->visit(telling->context, &output);
        return HR_OK;
    }
    union {
        windows_pane head;
        uint8_t bytes[sizeof(windows_pane) + STREAM_AGGREGATES_MAX * sizeof(stream_state)];
    } merged;
    hr_err err = windows_states_init(windows, group, end_ms, &merged.head);
    if (err != HR_OK) {
        return err;
    }
    err = merge_panes(windows, group, first, end, &merged.head, &telling->merge_bytes_left);
    if (err == HR_OK) {
        output.pane = &merged.head;
        telling->goes_on = telling->visit(telling->context, &output);
    }
    windows_states_fini(windows, &merged.head);
    return err;
}

const stream_state *stream_output_state(const stream_output *output, uint32_t at)
{
    return windows_state_of(output->windows, output->pane, at);
}

static bool tell_pane(const stream_windows *windows, const windows_group *group,
                      const windows_pane *pane, bool is_final, stream_output_visit *visit,
                      void *context)
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
static int64_t next_end(const stream_windows *windows, const windows_group *group)
{
    int64_t every_ms = windows->window.every_ms;
    int64_t end_ms = windows_pane_of(windows, group, 0)->start_ms + every_ms;
    return windows->closed_ms != STREAM_TIME_NONE && windows->closed_ms + every_ms > end_ms
               ? windows->closed_ms + every_ms
               : end_ms;
}

/* Close the windows that end at end_ms. */
static hr_err close_at(stream_windows *windows, int64_t end_ms, stream_output_visit *visit,
                       void *context)
{
    telling telling = {
        .visit = visit, .context = context, .is_final = true, .merge_bytes_left = SIZE_MAX};
    WINDOWS_EACH_GROUP(windows, at)
    {
        hr_err err = tell_window(windows, at, end_ms, &telling);
        if (err != HR_OK) {
            return err;
        }
        uint32_t over = windows_pane_from(windows, at, end_ms - windows->window.size_ms + 1);
        if (over > 0) {
            windows_drop_panes(windows, at, 0, over);
        }
    }
    windows->closed_ms = end_ms;
    windows_drop_empty_groups(windows);
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
        WINDOWS_EACH_GROUP(windows, at)
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
    WINDOWS_EACH_GROUP(windows, at)
    {
        while (at->used > 0 && windows_pane_of(windows, at, 0)->last_ms + gap_ms <= watermark_ms) {
            (void)tell_pane(windows, at, windows_pane_of(windows, at, 0), true, visit, context);
            windows_drop_panes(windows, at, 0, 1);
        }
        int64_t end_ms =
            at->used > 0 ? windows_pane_of(windows, at, 0)->last_ms + gap_ms : INT64_MAX;
        windows->next_end_ms = end_ms < windows->next_end_ms ? end_ms : windows->next_end_ms;
    }
    windows_drop_empty_groups(windows);
}

/* Running totals have panes too, at whose end they fade. A watermark that has gone back fades
 * nothing: panes go on from there. */
static void end_running_panes(stream_windows *windows, int64_t watermark_ms)
{
    int64_t before_ms = windows->closed_ms;
    windows->closed_ms = floor_to(watermark_ms, RUNNING_PANE_MS);
    if (before_ms == STREAM_TIME_NONE || windows->closed_ms <= before_ms) {
        return;
    }
    WINDOWS_EACH_GROUP(windows, at)
    {
        for (uint32_t i = 0; at->used > 0 && i < windows->count; i++) {
            stream_state_fade(&windows->aggregates[i],
                              windows_state_of(windows, windows_pane_of(windows, at, 0), i),
                              windows->closed_ms - before_ms);
        }
    }
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
    } else {
        end_running_panes(windows, watermark_ms);
    }
    return HR_OK;
}

static hr_err tell_open_group(const stream_windows *windows, const windows_group *group,
                              telling *telling)
{
    hr_err err = HR_OK;
    if (!is_paned(windows)) {
        for (uint32_t i = 0; telling->goes_on && i < group->used; i++) {
            telling->goes_on = tell_pane(windows, group, windows_pane_of(windows, group, i), false,
                                         telling->visit, telling->context);
        }
        return HR_OK;
    }
    int64_t last_ms =
        windows_pane_of(windows, group, group->used - 1)->start_ms + windows->window.size_ms;
    for (int64_t end_ms = next_end(windows, group);
         err == HR_OK && telling->goes_on && end_ms <= last_ms;
         end_ms += windows->window.every_ms) {
        /* Before a pane of a device that is years ahead lie millions of empty windows. */
        uint32_t at = windows_pane_from(windows, group, end_ms - windows->window.size_ms);
        int64_t first_ms = windows_pane_of(windows, group, at)->start_ms + windows->window.every_ms;
        end_ms = end_ms < first_ms ? first_ms : end_ms;
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
    WINDOWS_EACH_GROUP(windows, at)
    {
        err = telling.goes_on && err == HR_OK ? tell_open_group(windows, at, &telling) : err;
    }
    return err;
}

int64_t stream_windows_due_ms(const stream_windows *windows)
{
    return windows->next_end_ms;
}

/* ---- stored form ---- */

static void write_group(const stream_windows *windows, const windows_group *group, hr_buf *out)
{
    hr_buf_put_u32(out, (uint32_t)group->key_size);
    hr_buf_put(out, group->key, group->key_size);
    hr_buf_put_u32(out, group->used);
    for (uint32_t i = 0; i < group->used; i++) {
        const windows_pane *pane = windows_pane_of(windows, group, i);
        hr_buf_put_u64(out, (uint64_t)pane->start_ms);
        hr_buf_put_u64(out, (uint64_t)(windows->window.type == STREAM_SESSION ? pane->last_ms
                                                                              : pane->start_ms));
        for (uint32_t a = 0; a < windows->count; a++) {
            stream_state_write(&windows->aggregates[a], windows_state_of(windows, pane, a), out);
        }
    }
}

void stream_windows_write(const stream_windows *windows, hr_buf *out)
{
    hr_buf_put_u64(out, (uint64_t)windows->closed_ms);
    hr_buf_put_u32(out, windows->group_count);
    WINDOWS_EACH_GROUP(windows, at)
    {
        write_group(windows, at, out);
    }
}

static hr_err read_pane(stream_windows *windows, windows_group *group, hr_cursor *in)
{
    int64_t start_ms = (int64_t)hr_cursor_u64(in);
    int64_t last_ms = (int64_t)hr_cursor_u64(in);
    if (in->short_read || last_ms < start_ms || start_ms < -TIME_MS_MAX || last_ms > TIME_MS_MAX ||
        (group->used > 0 &&
         windows_pane_of(windows, group, group->used - 1)->start_ms >= start_ms)) {
        return HR_CORRUPT;
    }
    windows_pane *pane = windows_insert_pane(windows, group, group->used, start_ms);
    if (pane == NULL) {
        return HR_NO_MEMORY;
    }
    hr_err err = HR_OK;
    size_t before = windows_states_bytes(windows, pane);
    if (windows->window.type == STREAM_SESSION) {
        pane->last_ms = last_ms;
    }
    for (uint32_t a = 0; err == HR_OK && a < windows->count; a++) {
        err = stream_state_read(&windows->aggregates[a], windows_state_of(windows, pane, a), in);
    }
    windows->bytes += windows_states_bytes(windows, pane) - before;
    return err;
}

hr_err stream_windows_read(stream_windows *windows, hr_cursor *in)
{
    windows->closed_ms = (int64_t)hr_cursor_u64(in);
    uint32_t group_count = hr_cursor_u32(in);
    bool is_sane = windows->closed_ms == STREAM_TIME_NONE ||
                   (windows->closed_ms >= -TIME_MS_MAX && windows->closed_ms <= TIME_MS_MAX &&
                    (!is_paned(windows) || windows->closed_ms % windows->window.every_ms == 0));
    hr_err err = in->short_read || !is_sane || group_count > GROUPS_MAX ? HR_CORRUPT : HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < group_count; i++) {
        uint32_t size = hr_cursor_u32(in);
        const uint8_t *key = hr_cursor_take(in, size);
        uint32_t panes = hr_cursor_u32(in);
        if (key == NULL || in->short_read || size > UINT16_MAX || panes == 0 ||
            panes > PANES_OF_GROUP_MAX) {
            return HR_CORRUPT;
        }
        windows_group *group = windows_get_group(windows, key, size);
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
