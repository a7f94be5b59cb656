/* geo/rules_bytes.c - writing and reading a version of the rules. */
#include "geo/rules_bytes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Layout, all little-endian, texts as u32 length + bytes:
 *   "HGR1", u64 version, 5 u32 settings, u32 fences, u32 devices;
 *   a fence: u32 slot, id, name, u8 intent, u32 dwell_s, u32 approach_cm, u32 confirm_fixes,
 *     i64 expires_at_ms, u8 scheduled, i64 span from, i64 span to, u32 intervals + 2 i64 each,
 *     u32 groups + texts, area, u8 has zone, zone if so;
 *   an area: u32 rings, u32 vertices, ring ends as u32, vertices as 2 i32;
 *   a device: u64 key, u8 has stale, u32 stale_after_s, u32 groups + texts. */
static const uint8_t magic[4] = {'H', 'G', 'R', '0' + GEO_RULES_BYTES_FORMAT};

typedef struct writer {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    bool failed;
} writer;

static uint8_t *grow(writer *w, size_t size)
{
    if (w->size + size > w->capacity && !w->failed) {
        size_t capacity = 2 * (w->size + size);
        uint8_t *bytes = realloc(w->bytes, capacity);
        w->failed = bytes == NULL;
        w->bytes = w->failed ? w->bytes : bytes;
        w->capacity = w->failed ? w->capacity : capacity;
    }
    if (w->failed) {
        return NULL;
    }
    w->size += size;
    return w->bytes + w->size - size;
}

static void put(writer *w, uint64_t value, size_t size)
{
    uint8_t *at = grow(w, size);
    for (size_t i = 0; at != NULL && i < size; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static void put_text(writer *w, const char *text)
{
    size_t length = strlen(text);
    put(w, length, 4);
    uint8_t *at = grow(w, length);
    if (at != NULL && length > 0) {
        memcpy(at, text, length);
    }
}

static void put_groups(writer *w, const char *const *groups, uint32_t count)
{
    put(w, count, 4);
    for (uint32_t i = 0; i < count; i++) {
        put_text(w, groups[i]);
    }
}

static void put_area(writer *w, const geo_area *area)
{
    put(w, area->ring_count, 4);
    put(w, area->vertex_count, 4);
    for (uint32_t i = 0; i < area->ring_count; i++) {
        put(w, area->ring_ends[i], 4);
    }
    for (uint32_t i = 0; i < area->vertex_count; i++) {
        put(w, (uint32_t)area->vertices[i].lon_e7, 4);
        put(w, (uint32_t)area->vertices[i].lat_e7, 4);
    }
}

static void put_fence(writer *w, const geo_fence *fence, uint32_t slot)
{
    put(w, slot, 4);
    put_text(w, fence->id);
    put_text(w, fence->name);
    put(w, fence->intent, 1);
    put(w, fence->dwell_s, 4);
    put(w, fence->approach_cm, 4);
    put(w, fence->confirm_fixes, 4);
    put(w, (uint64_t)fence->expires_at_ms, 8);
    put(w, fence->schedule.scheduled, 1);
    put(w, (uint64_t)fence->schedule.span.from_ms, 8);
    put(w, (uint64_t)fence->schedule.span.to_ms, 8);
    put(w, fence->schedule.on_count, 4);
    for (uint32_t i = 0; i < fence->schedule.on_count; i++) {
        put(w, (uint64_t)fence->schedule.on[i].from_ms, 8);
        put(w, (uint64_t)fence->schedule.on[i].to_ms, 8);
    }
    put_groups(w, fence->groups, fence->group_count);
    put_area(w, fence->area);
    put(w, fence->zone != NULL, 1);
    if (fence->zone != NULL) {
        put_area(w, fence->zone);
    }
}

geo_err geo_rules_to_bytes(const geo_rules *rules, uint8_t **bytes, size_t *size)
{
    writer w = {0};
    const geo_settings *settings = geo_rules_settings(rules);
    for (size_t i = 0; i < sizeof magic; i++) {
        put(&w, magic[i], 1);
    }
    put(&w, geo_rules_version(rules), 8);
    put(&w, settings->max_accuracy_m, 4);
    put(&w, settings->max_gap_s, 4);
    put(&w, settings->max_speed_mps, 4);
    put(&w, settings->alert_max_age_s, 4);
    put(&w, settings->stale_after_s, 4);
    put(&w, geo_rules_fence_count(rules), 4);
    put(&w, geo_rules_device_count(rules), 4);
    for (uint32_t rank = 0; rank < geo_rules_fence_count(rules); rank++) {
        uint32_t slot = geo_rules_slot_by_rank(rules, rank);
        put_fence(&w, geo_rules_fence(rules, slot), slot);
    }
    for (uint32_t rank = 0; rank < geo_rules_device_count(rules); rank++) {
        const geo_device_rules *device = geo_rules_device_by_rank(rules, rank);
        put(&w, device->device, 8);
        put(&w, device->has_stale_after, 1);
        put(&w, device->stale_after_s, 4);
        put_groups(&w, device->groups, device->group_count);
    }
    if (w.failed) {
        free(w.bytes);
        return GEO_NO_MEMORY;
    }
    *bytes = w.bytes;
    *size = w.size;
    return GEO_OK;
}

/* After the first failure everything reads as zero, and `err` stays. */
typedef struct reader {
    const uint8_t *bytes;
    size_t left;
    geo_err err;
} reader;

static const uint8_t *take(reader *r, size_t size)
{
    if (r->err == GEO_OK && r->left < size) {
        r->err = GEO_SYNTAX;
    }
    if (r->err != GEO_OK) {
        return NULL;
    }
    r->bytes += size;
    r->left -= size;
    return r->bytes - size;
}

static uint64_t get(reader *r, size_t size)
{
    const uint8_t *at = take(r, size);
    uint64_t value = 0;
    for (size_t i = 0; at != NULL && i < size; i++) {
        value |= (uint64_t)at[i] << 8 * i;
    }
    return value;
}

/* A count of things of at least the given size each: what is left bounds it. */
static uint32_t get_count(reader *r, size_t size_min)
{
    uint64_t count = get(r, 4);
    if (r->err == GEO_OK && count > r->left / size_min) {
        r->err = GEO_SYNTAX;
    }
    return r->err == GEO_OK ? (uint32_t)count : 0;
}

static void get_text(reader *r, char *text, size_t length_max)
{
    uint64_t length = get(r, 4);
    if (length > length_max && r->err == GEO_OK) {
        r->err = GEO_SYNTAX;
    }
    const uint8_t *at = take(r, (size_t)length);
    text[0] = '\0';
    if (at != NULL) {
        memcpy(text, at, (size_t)length);
        text[length] = '\0';
        if (strlen(text) != length) {
            r->err = GEO_SYNTAX;
        }
    }
}

typedef struct group_texts {
    char texts[GEO_FENCE_GROUPS_MAX][GEO_GROUP_NAME_MAX + 1];
    const char *pointers[GEO_FENCE_GROUPS_MAX];
} group_texts;

_Static_assert(GEO_FENCE_GROUPS_MAX == GEO_DEVICE_GROUPS_MAX, "one buffer serves both");

static uint32_t get_groups(reader *r, group_texts *groups)
{
    uint32_t count = get_count(r, 4);
    if (count > GEO_FENCE_GROUPS_MAX) {
        r->err = GEO_SYNTAX;
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        get_text(r, groups->texts[i], GEO_GROUP_NAME_MAX);
        groups->pointers[i] = groups->texts[i];
    }
    return count;
}

static geo_area *get_area(reader *r)
{
    uint32_t ring_count = get_count(r, 4);
    uint32_t vertex_count = get_count(r, 8);
    uint32_t *ring_ends = malloc((ring_count + 1) * sizeof *ring_ends);
    geo_point *vertices = malloc((vertex_count + 1) * sizeof *vertices);
    geo_area *area = NULL;
    if (ring_ends == NULL || vertices == NULL) {
        r->err = r->err == GEO_OK ? GEO_NO_MEMORY : r->err;
    } else {
        for (uint32_t i = 0; i < ring_count; i++) {
            ring_ends[i] = (uint32_t)get(r, 4);
        }
        for (uint32_t i = 0; i < vertex_count; i++) {
            vertices[i].lon_e7 = (int32_t)get(r, 4);
            vertices[i].lat_e7 = (int32_t)get(r, 4);
        }
        bool ordered = ring_count > 0 && ring_ends[ring_count - 1] == vertex_count;
        for (uint32_t i = 1; i < ring_count; i++) {
            ordered = ordered && ring_ends[i - 1] < ring_ends[i];
        }
        if (r->err == GEO_OK) {
            r->err = ordered ? geo_area_new(vertices, ring_ends, ring_count, &area) : GEO_SYNTAX;
        }
    }
    free(ring_ends);
    free(vertices);
    return area;
}

static const geo_interval *get_schedule(reader *r, geo_instants *schedule)
{
    schedule->scheduled = get(r, 1) != 0;
    schedule->span.from_ms = (int64_t)get(r, 8);
    schedule->span.to_ms = (int64_t)get(r, 8);
    schedule->on_count = get_count(r, 16);
    geo_interval *on = malloc((schedule->on_count + 1) * sizeof *on);
    if (on == NULL) {
        r->err = r->err == GEO_OK ? GEO_NO_MEMORY : r->err;
        return NULL;
    }
    for (uint32_t i = 0; i < schedule->on_count; i++) {
        on[i].from_ms = (int64_t)get(r, 8);
        on[i].to_ms = (int64_t)get(r, 8);
    }
    schedule->on = on;
    return on;
}

static void get_fence(reader *r, geo_rules_builder *builder, group_texts *groups)
{
    char id[GEO_FENCE_ID_MAX + 1];
    char name[GEO_FENCE_NAME_MAX + 1];
    uint32_t slot = (uint32_t)get(r, 4);
    get_text(r, id, GEO_FENCE_ID_MAX);
    get_text(r, name, GEO_FENCE_NAME_MAX);
    uint8_t intent = (uint8_t)get(r, 1);
    geo_fence fence = {.id = id, .name = name, .intent = (geo_intent)intent};
    fence.dwell_s = (uint32_t)get(r, 4);
    fence.approach_cm = (uint32_t)get(r, 4);
    fence.confirm_fixes = (uint32_t)get(r, 4);
    fence.expires_at_ms = (int64_t)get(r, 8);
    const geo_interval *on = get_schedule(r, &fence.schedule);
    fence.group_count = get_groups(r, groups);
    fence.groups = groups->pointers;
    geo_area *area = get_area(r);
    geo_area *zone = get(r, 1) != 0 ? get_area(r) : NULL;
    fence.area = area;
    fence.zone = zone;
    const geo_fence *made = NULL;
    if (r->err == GEO_OK) {
        r->err = geo_fence_new(&fence, &made, NULL);
    }
    if (made == NULL) {
        geo_area_free(area);
        geo_area_free(zone);
    } else {
        r->err = geo_rules_put_fence_at(builder, made, slot);
        geo_fence_unref(made);
    }
    free((void *)(uintptr_t)on);
}

static void get_all(reader *r, geo_rules_builder *builder, group_texts *groups, uint64_t *version)
{
    const uint8_t *start = take(r, sizeof magic);
    if (start == NULL || memcmp(start, magic, sizeof magic) != 0) {
        r->err = GEO_SYNTAX;
        return;
    }
    *version = get(r, 8);
    geo_settings settings;
    settings.max_accuracy_m = (uint32_t)get(r, 4);
    settings.max_gap_s = (uint32_t)get(r, 4);
    settings.max_speed_mps = (uint32_t)get(r, 4);
    settings.alert_max_age_s = (uint32_t)get(r, 4);
    settings.stale_after_s = (uint32_t)get(r, 4);
    geo_rules_set_settings(builder, &settings);
    uint32_t fence_count = get_count(r, 8);
    uint32_t device_count = (uint32_t)get(r, 4);
    for (uint32_t i = 0; i < fence_count && r->err == GEO_OK; i++) {
        get_fence(r, builder, groups);
    }
    for (uint32_t i = 0; i < device_count && r->err == GEO_OK; i++) {
        geo_device_rules device = {.device = get(r, 8)};
        device.has_stale_after = get(r, 1) != 0;
        device.stale_after_s = (uint32_t)get(r, 4);
        device.group_count = get_groups(r, groups);
        device.groups = groups->pointers;
        r->err = r->err == GEO_OK ? geo_rules_put_device(builder, &device) : r->err;
    }
}

geo_err geo_rules_from_bytes(const uint8_t *bytes, size_t size, const geo_rules **out)
{
    geo_rules_builder *builder = NULL;
    group_texts *groups = malloc(sizeof *groups);
    geo_err err = groups == NULL ? GEO_NO_MEMORY : geo_rules_builder_new(NULL, &builder);
    if (err == GEO_OK) {
        reader r = {bytes, size, GEO_OK};
        uint64_t version = 0;
        get_all(&r, builder, groups, &version);
        err = r.err == GEO_OK && r.left > 0 ? GEO_SYNTAX : r.err;
        err = err == GEO_OK ? geo_rules_build(builder, version, out) : err;
        /* Whatever is wrong with the bytes is one thing to a caller. */
        err = err == GEO_OK || err == GEO_NO_MEMORY ? err : GEO_SYNTAX;
    }
    geo_rules_builder_free(builder);
    free(groups);
    return err;
}
