/* bytes.c - areas, instants and groups as they stand in the file. */
#include "bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void store_u32(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    to[2] = (uint8_t)(value >> 16);
    to[3] = (uint8_t)(value >> 24);
}

static uint32_t load_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

static void store_i64(uint8_t *to, int64_t value)
{
    store_u32(to, (uint32_t)(uint64_t)value);
    store_u32(to + 4, (uint32_t)((uint64_t)value >> 32));
}

static int64_t load_i64(const uint8_t *from)
{
    return (int64_t)((uint64_t)load_u32(from) | (uint64_t)load_u32(from + 4) << 32);
}

geo_err area_to_bytes(const geo_area *area, uint8_t **bytes, size_t *size)
{
    size_t needed = 8 + (size_t)area->ring_count * 4 + (size_t)area->vertex_count * 8;
    uint8_t *made = malloc(needed);
    if (made == NULL) {
        return GEO_NO_MEMORY;
    }
    uint8_t *at = made;
    store_u32(at, area->ring_count);
    store_u32(at + 4, area->vertex_count);
    at += 8;
    for (uint32_t i = 0; i < area->ring_count; i++, at += 4) {
        store_u32(at, area->ring_ends[i]);
    }
    for (uint32_t i = 0; i < area->vertex_count; i++, at += 8) {
        store_u32(at, (uint32_t)area->vertices[i].lon_e7);
        store_u32(at + 4, (uint32_t)area->vertices[i].lat_e7);
    }
    *bytes = made;
    *size = needed;
    return GEO_OK;
}

geo_err area_from_bytes(const uint8_t *bytes, size_t size, geo_area **out)
{
    if (size < 8) {
        return GEO_CORRUPT;
    }
    uint32_t ring_count = load_u32(bytes);
    uint32_t vertex_count = load_u32(bytes + 4);
    if (ring_count == 0 || ring_count > GEO_AREA_RINGS_MAX || vertex_count == 0 ||
        vertex_count > GEO_AREA_VERTICES_MAX ||
        size != 8 + (size_t)ring_count * 4 + (size_t)vertex_count * 8) {
        return GEO_CORRUPT;
    }
    geo_point *vertices = malloc(vertex_count * sizeof *vertices + ring_count * sizeof(uint32_t));
    if (vertices == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t *ends = (uint32_t *)(void *)(vertices + vertex_count);
    const uint8_t *at = bytes + 8;
    for (uint32_t i = 0; i < ring_count; i++, at += 4) {
        ends[i] = load_u32(at);
    }
    for (uint32_t i = 0; i < vertex_count; i++, at += 8) {
        vertices[i].lon_e7 = (int32_t)load_u32(at);
        vertices[i].lat_e7 = (int32_t)load_u32(at + 4);
    }
    /* geo_area_new checks the rings themselves, but cannot know how many vertices there are. */
    geo_err err = GEO_CORRUPT;
    if (ends[ring_count - 1] == vertex_count) {
        err = geo_area_new(vertices, ends, ring_count, out);
        err = err == GEO_OK || err == GEO_NO_MEMORY ? err : GEO_CORRUPT;
    }
    free(vertices);
    return err;
}

geo_err intervals_to_bytes(const geo_interval *on, uint32_t count, uint8_t **bytes, size_t *size)
{
    uint8_t *made = malloc(count == 0 ? 1 : (size_t)count * 16);
    if (made == NULL) {
        return GEO_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        store_i64(made + (size_t)i * 16, on[i].from_ms);
        store_i64(made + (size_t)i * 16 + 8, on[i].to_ms);
    }
    *bytes = made;
    *size = (size_t)count * 16;
    return GEO_OK;
}

geo_err intervals_from_bytes(const uint8_t *bytes, size_t size, geo_interval **out, uint32_t *count)
{
    if (size % 16 != 0 || size / 16 > GEO_FENCE_INTERVALS_MAX) {
        return GEO_CORRUPT;
    }
    geo_interval *made = malloc(size == 0 ? 1 : size / 16 * sizeof *made);
    if (made == NULL) {
        return GEO_NO_MEMORY;
    }
    for (size_t i = 0; i < size / 16; i++) {
        made[i].from_ms = load_i64(bytes + i * 16);
        made[i].to_ms = load_i64(bytes + i * 16 + 8);
    }
    *out = made;
    *count = (uint32_t)(size / 16);
    return GEO_OK;
}

geo_err group_list_from_lines(const char *lines, group_list *out)
{
    char *text = strdup(lines);
    if (text == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t count = 0;
    char *at = text;
    while (*at != '\0') {
        if (count == GEO_FENCE_GROUPS_MAX) {
            free(text);
            return GEO_CORRUPT;
        }
        out->names[count] = at;
        count++;
        at += strcspn(at, "\n");
        if (*at == '\n') {
            *at = '\0';
            at++;
        }
    }
    out->text = text;
    out->count = count;
    return GEO_OK;
}

void group_list_fini(group_list *list)
{
    free(list->text);
    list->text = NULL;
    list->count = 0;
}

#define SCHEDULE_LINE_SIZE 24

geo_err schedule_to_lines(const geo_weekly *weekly, char **lines)
{
    size_t size = sizeof weekly->tz + (size_t)weekly->count * SCHEDULE_LINE_SIZE;
    char *made = malloc(size);
    if (made == NULL) {
        return GEO_NO_MEMORY;
    }
    size_t at = (size_t)snprintf(made, size, "%s", weekly->tz);
    for (uint32_t i = 0; i < weekly->count; i++) {
        const geo_weekly_time *time = &weekly->times[i];
        at += (size_t)snprintf(made + at, size - at, "\n%u %u %u", (unsigned)time->days,
                               (unsigned)time->from_min, (unsigned)time->to_min);
    }
    *lines = made;
    return GEO_OK;
}

geo_err schedule_from_lines(const char *lines, geo_weekly *out)
{
    *out = (geo_weekly){0};
    size_t size = strcspn(lines, "\n");
    if (size == 0 || size > GEO_TZ_NAME_MAX) {
        return GEO_CORRUPT;
    }
    memcpy(out->tz, lines, size);
    for (const char *at = lines + size; *at != '\0'; at += strcspn(at, "\n")) {
        unsigned days = 0;
        unsigned from_min = 0;
        unsigned to_min = 0;
        at++;
        if (out->count == GEO_WEEKLY_MAX ||
            sscanf(at, "%3u %4u %4u", &days, &from_min, &to_min) != 3 || days > 127 ||
            from_min >= GEO_DAY_MINUTES || to_min > GEO_DAY_MINUTES) {
            return GEO_CORRUPT;
        }
        out->times[out->count] = (geo_weekly_time){
            .days = (uint8_t)days, .from_min = (uint16_t)from_min, .to_min = (uint16_t)to_min};
        out->count++;
    }
    return GEO_OK;
}
