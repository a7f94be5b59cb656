/* tests/geo/rulebook.c - see rulebook.h. */
#include "rulebook.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

geo_point world_point(double x_m, double y_m)
{
    return (geo_point){(int32_t)lround(x_m * WORLD_METRE), (int32_t)lround(y_m * WORLD_METRE)};
}

static geo_area *rectangle(double x0, double y0, double x1, double y1)
{
    geo_point corners[] = {world_point(x0, y0), world_point(x1, y0), world_point(x1, y1),
                           world_point(x0, y1)};
    uint32_t end = 4;
    geo_area *area = NULL;
    assert_int_equal(geo_area_new(corners, &end, 1, &area), GEO_OK);
    return area;
}

#define INTERVALS_MAX 8
#define GROUPS_MAX 4

typedef struct fence_text {
    geo_fence fence;
    geo_interval on[INTERVALS_MAX];
    const char *groups[GROUPS_MAX];
} fence_text;

static void read_option(fence_text *t, char *word)
{
    char *value = strchr(word, '=');
    assert_non_null(value);
    *value++ = '\0';
    double from = 0;
    double to = 0;
    if (strcmp(word, "dwell") == 0) {
        t->fence.dwell_s = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(word, "confirm") == 0) {
        t->fence.confirm_fixes = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(word, "expires") == 0) {
        t->fence.expires_at_ms = strtoll(value, NULL, 10) * 1000;
    } else if (strcmp(word, "name") == 0) {
        t->fence.name = value;
    } else if (strcmp(word, "group") == 0) {
        t->groups[t->fence.group_count++] = value;
    } else if (strcmp(word, "on") == 0) {
        assert_int_equal(sscanf(value, "%lf-%lf", &from, &to), 2);
        geo_interval *on = &t->on[t->fence.schedule.on_count++];
        *on = (geo_interval){(int64_t)(from * 1000), (int64_t)(to * 1000)};
        t->fence.schedule.scheduled = true;
    } else if (strcmp(word, "span") == 0) {
        assert_int_equal(sscanf(value, "%lf-%lf", &from, &to), 2);
        t->fence.schedule.span = (geo_interval){(int64_t)(from * 1000), (int64_t)(to * 1000)};
    } else if (strcmp(word, "zone") == 0) {
        double box[4];
        assert_int_equal(sscanf(value, "%lf,%lf,%lf,%lf", box, box + 1, box + 2, box + 3), 4);
        t->fence.zone = rectangle(box[0], box[1], box[2], box[3]);
        t->fence.approach_cm = 1;
    } else {
        fail_msg("unknown option %s", word);
    }
}

static void read_fence(geo_rules_builder *builder, const char *id, char *rest)
{
    fence_text t = {.fence = {.id = id, .name = "", .expires_at_ms = GEO_NEVER_MS}};
    t.fence.schedule.on = t.on;
    t.fence.groups = t.groups;
    t.fence.schedule.span = (geo_interval){0, INT64_C(1) << 40};
    char intent[16];
    double box[4];
    int used = 0;
    assert_int_equal(
        sscanf(rest, "%15s %lf %lf %lf %lf%n", intent, box, box + 1, box + 2, box + 3, &used), 5);
    t.fence.intent = strcmp(intent, "keep-in") == 0    ? GEO_KEEP_IN
                     : strcmp(intent, "keep-out") == 0 ? GEO_KEEP_OUT
                                                       : GEO_INFO;
    t.fence.area = rectangle(box[0], box[1], box[2], box[3]);
    char *save = NULL;
    for (char *word = strtok_r(rest + used, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        read_option(&t, word);
    }
    const geo_fence *fence = NULL;
    geo_why why = {""};
    if (geo_fence_new(&t.fence, &fence, &why) != GEO_OK) {
        fail_msg("%s: %s", id, why.text);
    }
    assert_int_equal(geo_rules_put_fence(builder, fence, NULL), GEO_OK);
    geo_fence_unref(fence);
}

static void read_device(geo_rules_builder *builder, char *rest)
{
    const char *groups[GROUPS_MAX];
    geo_device_rules device = {.groups = groups};
    char *save = NULL;
    device.device = strtoull(strtok_r(rest, " ", &save), NULL, 10);
    for (char *word; (word = strtok_r(NULL, " ", &save)) != NULL;) {
        if (strncmp(word, "stale=", 6) == 0) {
            device.has_stale_after = true;
            device.stale_after_s = (uint32_t)strtoul(word + 6, NULL, 10);
        } else {
            groups[device.group_count++] = word;
        }
    }
    assert_int_equal(geo_rules_put_device(builder, &device), GEO_OK);
}

static void read_settings(geo_rules_builder *builder, char *rest)
{
    geo_settings settings = geo_settings_default;
    char *save = NULL;
    for (char *word = strtok_r(rest, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');
        assert_non_null(value);
        uint32_t number = (uint32_t)strtoul(value + 1, NULL, 10);
        *(word[0] == 'g'   ? &settings.max_gap_s
          : word[0] == 'a' ? &settings.max_accuracy_m
          : word[0] == 'l' ? &settings.alert_max_age_s
          : word[1] == 'p' ? &settings.max_speed_mps
                           : &settings.stale_after_s) = number;
    }
    geo_rules_set_settings(builder, &settings);
}

const geo_rules *world_rules(const geo_rules *base, uint64_t version, const char *text)
{
    char lines[4096];
    geo_rules_builder *builder = NULL;
    assert_true(strlen(text) < sizeof lines);
    memcpy(lines, text, strlen(text) + 1);
    assert_int_equal(geo_rules_builder_new(base, &builder), GEO_OK);
    char *save = NULL;
    for (char *line = strtok_r(lines, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *word_end = strchr(line, ' ');
        assert_non_null(word_end);
        *word_end = '\0';
        if (strcmp(line, "device") == 0) {
            read_device(builder, word_end + 1);
        } else if (strcmp(line, "settings") == 0) {
            read_settings(builder, word_end + 1);
        } else {
            read_fence(builder, line, word_end + 1);
        }
    }
    for (uint32_t rank = 0; base != NULL && rank < geo_rules_fence_count(base); rank++) {
        const char *id = geo_rules_fence(base, geo_rules_slot_by_rank(base, rank))->id;
        char start[GEO_FENCE_ID_MAX + 3];
        snprintf(start, sizeof start, "\n%s ", id);
        if (strncmp(text, start + 1, strlen(start) - 1) != 0 && strstr(text, start) == NULL) {
            assert_int_equal(geo_rules_remove_fence(builder, id), GEO_OK);
        }
    }
    const geo_rules *rules = NULL;
    assert_int_equal(geo_rules_build(builder, version, &rules), GEO_OK);
    geo_rules_builder_free(builder);
    return rules;
}

static size_t scan_at(void *context, geo_point point, uint32_t *areas, size_t capacity)
{
    const geo_rules *rules = context;
    size_t count = 0;
    for (uint32_t slot = 0; slot < geo_rules_slot_count(rules); slot++) {
        const geo_fence *fence = geo_rules_fence(rules, slot);
        if (fence == NULL) {
            continue;
        }
        const geo_area *both[] = {fence->area, fence->zone};
        for (uint32_t i = 0; i < 2; i++) {
            if (both[i] != NULL && geo_area_contains(both[i], point)) {
                if (count < capacity) {
                    areas[count] = 2 * slot + i;
                }
                count++;
            }
        }
    }
    return count;
}

static size_t scan_touched(void *context, geo_point from, geo_point to, uint32_t *areas,
                           size_t capacity)
{
    const geo_rules *rules = context;
    size_t count = 0;
    (void)from;
    (void)to;
    for (uint32_t slot = 0; slot < geo_rules_slot_count(rules); slot++) {
        if (geo_rules_fence(rules, slot) != NULL) {
            if (count < capacity) {
                areas[count] = GEO_AREA_OF_SLOT(slot);
            }
            count++;
        }
    }
    return count;
}

geo_tracker_index world_index(const geo_rules *rules)
{
    return (geo_tracker_index){scan_at, scan_touched, (void *)(uintptr_t)rules};
}

size_t world_hits(const geo_rules *rules, geo_point point, uint32_t *areas, size_t capacity)
{
    size_t count = scan_at((void *)(uintptr_t)rules, point, areas, capacity);
    assert_true(count <= capacity);
    return count;
}
