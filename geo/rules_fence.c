/* geo/rules_fence.c - fences: one counted block each, checked when made. */
#include "geo/rules_fence.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The fence, its strings, groups and intervals are one allocation; the areas are their own. */
typedef struct fence_block {
    atomic_uint_fast32_t refs;
    geo_fence fence;
} fence_block;

static fence_block *block_of(const geo_fence *fence)
{
    return (fence_block *)((char *)(uintptr_t)fence - offsetof(fence_block, fence));
}

static bool letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool geo_fence_id_valid(const char *id)
{
    if (id == NULL || !letter_or_digit(id[0])) {
        return false;
    }
    size_t length = 1;
    for (; id[length] != '\0'; length++) {
        char c = id[length];
        if (length >= GEO_FENCE_ID_MAX || (!letter_or_digit(c) && strchr("._-", c) == NULL)) {
            return false;
        }
    }
    return true;
}

static geo_err check_schedule(const geo_instants *schedule, geo_why *why)
{
    if (!schedule->scheduled) {
        return schedule->on_count == 0
                   ? GEO_OK
                   : geo_why_set(why, GEO_INVALID, "instants without a schedule");
    }
    if (schedule->on_count > GEO_FENCE_INTERVALS_MAX) {
        return geo_why_set(why, GEO_TOO_BIG, "the schedule has more than %d intervals",
                           GEO_FENCE_INTERVALS_MAX);
    }
    for (uint32_t i = 0; i < schedule->on_count; i++) {
        const geo_interval *on = &schedule->on[i];
        if (on->from_ms >= on->to_ms || (i > 0 && schedule->on[i - 1].to_ms >= on->from_ms)) {
            return geo_why_set(why, GEO_INVALID, "interval %u of the schedule is out of order",
                               (unsigned)i);
        }
    }
    return GEO_OK;
}

static geo_err check(const geo_fence *fence, geo_why *why)
{
    if (!geo_fence_id_valid(fence->id)) {
        return geo_why_set(why, GEO_INVALID,
                           "a fence's id is 1 to %d of A-Z a-z 0-9 . _ - and begins with a letter "
                           "or a digit",
                           GEO_FENCE_ID_MAX);
    }
    if (fence->name == NULL || strlen(fence->name) > GEO_FENCE_NAME_MAX) {
        return geo_why_set(why, GEO_TOO_BIG, "the name is longer than %d bytes",
                           GEO_FENCE_NAME_MAX);
    }
    if (fence->area == NULL || fence->intent < GEO_INFO || fence->intent > GEO_KEEP_OUT) {
        return geo_why_set(why, GEO_INVALID, "a fence needs an area and an intent");
    }
    if (fence->confirm_fixes > GEO_FENCE_CONFIRM_MAX) {
        return geo_why_set(why, GEO_TOO_BIG, "confirm_fixes is above %d", GEO_FENCE_CONFIRM_MAX);
    }
    if (fence->group_count > GEO_FENCE_GROUPS_MAX) {
        return geo_why_set(why, GEO_TOO_BIG, "more than %d groups", GEO_FENCE_GROUPS_MAX);
    }
    for (uint32_t i = 0; i < fence->group_count; i++) {
        size_t length = strlen(fence->groups[i]);
        if (length == 0 || length > GEO_GROUP_NAME_MAX) {
            return geo_why_set(why, GEO_INVALID, "a group's name has 1 to %d bytes",
                               GEO_GROUP_NAME_MAX);
        }
    }
    return check_schedule(&fence->schedule, why);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Copies text to *at and moves *at behind it. */
static const char *place_text(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *start = memcpy(*at, text, size);
    *at += size;
    return start;
}

static uint32_t sort_groups(const char **groups, uint32_t count)
{
    qsort(groups, count, sizeof *groups, compare_text);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || strcmp(groups[kept - 1], groups[i]) != 0) {
            groups[kept++] = groups[i];
        }
    }
    return kept;
}

geo_err geo_fence_new(const geo_fence *description, const geo_fence **out, geo_why *why)
{
    geo_err err = check(description, why);
    if (err != GEO_OK) {
        return err;
    }
    size_t intervals_size = description->schedule.on_count * sizeof(geo_interval);
    size_t groups_size = description->group_count * sizeof(char *);
    size_t size = sizeof(fence_block) + intervals_size + groups_size;
    size += strlen(description->id) + 1 + strlen(description->name) + 1;
    for (uint32_t i = 0; i < description->group_count; i++) {
        size += strlen(description->groups[i]) + 1;
    }
    fence_block *block = malloc(size);
    if (block == NULL) {
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    atomic_init(&block->refs, 1);
    block->fence = *description;
    geo_interval *intervals = (geo_interval *)(void *)(block + 1);
    if (intervals_size > 0) {
        memcpy(intervals, description->schedule.on, intervals_size);
    }
    block->fence.schedule.on = intervals;
    const char **groups = (const char **)(void *)((char *)intervals + intervals_size);
    char *text = (char *)groups + groups_size;
    for (uint32_t i = 0; i < description->group_count; i++) {
        groups[i] = place_text(&text, description->groups[i]);
    }
    block->fence.groups = groups;
    block->fence.group_count = sort_groups(groups, description->group_count);
    block->fence.id = place_text(&text, description->id);
    block->fence.name = place_text(&text, description->name);
    *out = &block->fence;
    return GEO_OK;
}

const geo_fence *geo_fence_ref(const geo_fence *fence)
{
    if (fence != NULL) {
        atomic_fetch_add_explicit(&block_of(fence)->refs, 1, memory_order_relaxed);
    }
    return fence;
}

void geo_fence_unref(const geo_fence *fence)
{
    if (fence == NULL) {
        return;
    }
    fence_block *block = block_of(fence);
    if (atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) == 1) {
        geo_area_free((geo_area *)(uintptr_t)block->fence.area);
        geo_area_free((geo_area *)(uintptr_t)block->fence.zone);
        free(block);
    }
}

/* The first interval that ends after time_ms; on_count if none does. */
static uint32_t interval_ending_after(const geo_instants *schedule, int64_t time_ms)
{
    uint32_t low = 0;
    uint32_t high = schedule->on_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (schedule->on[middle].to_ms > time_ms) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static bool on_at(const geo_instants *schedule, int64_t time_ms)
{
    uint32_t i = interval_ending_after(schedule, time_ms);
    return i < schedule->on_count && schedule->on[i].from_ms <= time_ms;
}

bool geo_fence_on_at(const geo_fence *fence, int64_t time_ms)
{
    return !fence->schedule.scheduled || on_at(&fence->schedule, time_ms);
}

static int64_t next_on_ms(const geo_instants *schedule, int64_t after_ms)
{
    uint32_t i = interval_ending_after(schedule, after_ms);
    if (i < schedule->on_count && schedule->on[i].from_ms <= after_ms) {
        i++;
    }
    return i < schedule->on_count ? schedule->on[i].from_ms : GEO_NEVER_MS;
}

int64_t geo_fence_next_on_ms(const geo_fence *fence, int64_t after_ms)
{
    return next_on_ms(&fence->schedule, after_ms);
}

static int64_t next_off_ms(const geo_instants *schedule, int64_t after_ms)
{
    uint32_t i = interval_ending_after(schedule, after_ms);
    return i < schedule->on_count ? schedule->on[i].to_ms : GEO_NEVER_MS;
}

int64_t geo_fence_next_off_ms(const geo_fence *fence, int64_t after_ms)
{
    return next_off_ms(&fence->schedule, after_ms);
}

/* Whether two schedules switch alike wherever both are known. */
static bool schedules_agree(const geo_instants *a, const geo_instants *b)
{
    int64_t from = a->span.from_ms > b->span.from_ms ? a->span.from_ms : b->span.from_ms;
    int64_t to = a->span.to_ms < b->span.to_ms ? a->span.to_ms : b->span.to_ms;
    if (from >= to || on_at(a, from) != on_at(b, from)) {
        return false;
    }
    bool on = on_at(a, from);
    for (int64_t at = from; at < to; on = !on) {
        int64_t next_a = on ? next_off_ms(a, at) : next_on_ms(a, at);
        int64_t next_b = on ? next_off_ms(b, at) : next_on_ms(b, at);
        if (next_a != next_b && (next_a < to || next_b < to)) {
            return false;
        }
        at = next_a;
    }
    return true;
}

static bool areas_equal(const geo_area *a, const geo_area *b)
{
    if (a == b || a == NULL || b == NULL) {
        return a == b;
    }
    return a->ring_count == b->ring_count && a->vertex_count == b->vertex_count &&
           memcmp(a->ring_ends, b->ring_ends, a->ring_count * sizeof *a->ring_ends) == 0 &&
           memcmp(a->vertices, b->vertices, a->vertex_count * sizeof *a->vertices) == 0;
}

static bool groups_equal(const geo_fence *a, const geo_fence *b)
{
    if (a->group_count != b->group_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->group_count; i++) {
        if (strcmp(a->groups[i], b->groups[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool schedules_equal(const geo_instants *a, const geo_instants *b)
{
    return a->span.from_ms == b->span.from_ms && a->span.to_ms == b->span.to_ms &&
           a->on_count == b->on_count &&
           (a->on_count == 0 || memcmp(a->on, b->on, a->on_count * sizeof *a->on) == 0);
}

geo_fence_change geo_fence_compare(const geo_fence *before, const geo_fence *after)
{
    if (before == after) {
        return GEO_FENCE_SAME;
    }
    if (before == NULL || after == NULL || strcmp(before->id, after->id) != 0 ||
        before->intent != after->intent || before->dwell_s != after->dwell_s ||
        before->approach_cm != after->approach_cm ||
        before->confirm_fixes != after->confirm_fixes ||
        before->expires_at_ms != after->expires_at_ms ||
        before->schedule.scheduled != after->schedule.scheduled || !groups_equal(before, after) ||
        !areas_equal(before->area, after->area) || !areas_equal(before->zone, after->zone)) {
        return GEO_FENCE_CHANGED;
    }
    if (!before->schedule.scheduled || schedules_equal(&before->schedule, &after->schedule)) {
        return GEO_FENCE_SAME;
    }
    return schedules_agree(&before->schedule, &after->schedule) ? GEO_FENCE_RESOLVED
                                                                : GEO_FENCE_CHANGED;
}
