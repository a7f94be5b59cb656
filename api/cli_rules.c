/* api/cli_rules.c - from a GeoJSON file to rules and an index. */
#include "cli_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geo/geojson_fence.h"

#define DAY_MS INT64_C(86400000)
/* As the catalogue does it: from 30 days back to 400 ahead; and anew when half of that is over. */
#define BACK_MS (30 * DAY_MS)
#define AHEAD_MS (400 * DAY_MS)
#define AHEAD_MIN_MS (200 * DAY_MS)

/* A feature without an id of our kind goes by its name, with what an id may not hold made a dash,
 * or else by its number. */
static void choose_id(const geo_feature *feature, uint32_t number, char id[GEO_FENCE_ID_MAX + 1])
{
    const char *from = feature->id[0] != '\0' ? feature->id : feature->name;
    size_t used = 0;
    for (; *from != '\0' && used < GEO_FENCE_ID_MAX; from++) {
        char one[] = {'x', *from, '\0'};
        bool fits = geo_fence_id_valid(one);
        if (used > 0 || (fits && strchr("._-", *from) == NULL)) {
            id[used++] = fits ? *from : '-';
        }
    }
    id[used] = '\0';
    if (used == 0) {
        snprintf(id, GEO_FENCE_ID_MAX + 1, "fence-%u", (unsigned)number);
    }
}

static geo_err keep_schedule(cli_rules *rules, const geo_feature *feature, uint32_t slot)
{
    if (rules->schedule_count == rules->schedule_capacity) {
        uint32_t capacity = rules->schedule_capacity == 0 ? 8 : 2 * rules->schedule_capacity;
        geo_weekly *schedules = realloc(rules->schedules, capacity * sizeof *schedules);
        rules->schedules = schedules != NULL ? schedules : rules->schedules;
        uint32_t *slots = realloc(rules->schedule_slots, capacity * sizeof *slots);
        rules->schedule_slots = slots != NULL ? slots : rules->schedule_slots;
        if (schedules == NULL || slots == NULL) {
            return GEO_NO_MEMORY;
        }
        rules->schedule_capacity = capacity;
    }
    rules->schedules[rules->schedule_count] = feature->schedule;
    rules->schedule_slots[rules->schedule_count++] = slot;
    return GEO_OK;
}

static geo_err add_feature(cli_rules *rules, geo_rules_builder *builder, geo_feature *feature,
                           uint32_t number, uint32_t *fence_count, geo_why *why)
{
    char id[GEO_FENCE_ID_MAX + 1];
    geo_why reason = {""};
    const geo_fence *fence = NULL;
    uint32_t slot = 0;
    choose_id(feature, number, id);
    feature->group_count = 0; /* a file of fixes knows no groups: every fence is for everyone */
    geo_err err = geo_feature_fence(feature, id, rules->span, NULL, &fence, &reason);
    err = err == GEO_OK ? geo_rules_put_fence(builder, fence, &slot) : err;
    if (err == GEO_OK && slot != *fence_count) {
        err = geo_why_set(&reason, GEO_EXISTS, "the id \"%s\" is there twice", id);
    }
    if (err == GEO_OK && feature->has_schedule) {
        err = keep_schedule(rules, feature, slot);
    }
    geo_fence_unref(fence);
    *fence_count += 1;
    return err == GEO_OK ? GEO_OK
                         : geo_why_set(why, err, "feature %u: %.220s", (unsigned)number,
                                       reason.text[0] != '\0' ? reason.text : geo_err_text(err));
}

static geo_err read_features(cli_rules *rules, geo_rules_builder *builder,
                             const cli_rows_options *options, const char *text, size_t size,
                             geo_why *why)
{
    geo_geojson reader;
    geo_geojson_options reading = {.close_rings = options->close_rings};
    geo_feature *feature = malloc(sizeof *feature);
    uint32_t fence_count = 0;
    geo_err err =
        feature == NULL ? GEO_NO_MEMORY : geo_geojson_open(text, size, &reading, &reader, why);
    while (err == GEO_OK && (err = geo_geojson_next(&reader, feature, why)) == GEO_OK) {
        err = add_feature(rules, builder, feature, reader.number - 1, &fence_count, why);
        geo_feature_fini(feature);
    }
    free(feature);
    return err == GEO_NOT_FOUND ? GEO_OK : err;
}

static geo_err make_rules(cli_rules *rules, const cli_rows_options *options, const char *text,
                          size_t size, geo_why *why)
{
    geo_rules_builder *builder = NULL;
    geo_err err = geo_rules_builder_new(NULL, &builder);
    err = err == GEO_OK ? read_features(rules, builder, options, text, size, why) : err;
    err = err == GEO_OK ? geo_rules_build(builder, 1, &rules->rules) : err;
    geo_rules_builder_free(builder);
    err = err == GEO_OK ? geo_index_new(NULL, &rules->index) : err;
    err = err == GEO_OK ? geo_tracker_index_build(rules->index, rules->rules) : err;
    if (err == GEO_OK) {
        rules->version = geo_index_acquire(rules->index);
        rules->areas = geo_tracker_index_of(rules->version);
    }
    return err;
}

bool cli_rules_open(cli_rules *rules, const cli_rows_options *options, int64_t first_ms,
                    int64_t last_ms)
{
    geo_why why = {""};
    size_t size = 0;
    *rules = (cli_rules){.span = {first_ms - BACK_MS, last_ms + AHEAD_MS}};
    char *text = cli_read_file(options->command, options->fences_path, &size);
    if (text == NULL) {
        return false;
    }
    geo_err err = make_rules(rules, options, text, size, &why);
    free(text);
    if (err != GEO_OK) {
        fprintf(stderr, "hedgerow %s: %s: %s\n", options->command, options->fences_path,
                why.text[0] != '\0' ? why.text : geo_err_text(err));
        cli_rules_close(rules);
        return false;
    }
    return true;
}

void cli_rules_close(cli_rules *rules)
{
    geo_index_release(rules->version);
    geo_index_free(rules->index);
    geo_rules_unref(rules->rules);
    free(rules->schedules);
    free(rules->schedule_slots);
    *rules = (cli_rules){0};
}

bool cli_rules_must_extend(const cli_rules *rules, int64_t first_ms, int64_t last_ms)
{
    return rules->schedule_count > 0 &&
           (first_ms < rules->span.from_ms + DAY_MS || last_ms > rules->span.to_ms - AHEAD_MIN_MS);
}

static geo_err copy_area(const geo_area *area, geo_area **out)
{
    *out = NULL;
    return area == NULL ? GEO_OK
                        : geo_area_new(area->vertices, area->ring_ends, area->ring_count, out);
}

/* The fence of a slot again, with its schedule resolved for the span. */
static geo_err resolve_again(geo_rules_builder *builder, const geo_fence *fence,
                             const geo_weekly *schedule, geo_interval span, geo_why *why)
{
    geo_fence again = *fence;
    geo_interval *on = NULL;
    geo_area *area = NULL;
    geo_area *zone = NULL;
    const geo_fence *made = NULL;
    geo_err err = copy_area(fence->area, &area);
    err = err == GEO_OK ? copy_area(fence->zone, &zone) : err;
    err = err == GEO_OK
              ? geo_schedule_resolve(schedule, span, NULL, &on, &again.schedule.on_count, why)
              : err;
    again.area = area;
    again.zone = zone;
    again.schedule.on = on;
    again.schedule.span = span;
    err = err == GEO_OK ? geo_fence_new(&again, &made, why) : err;
    if (err != GEO_OK) {
        geo_area_free(area);
        geo_area_free(zone);
    } else {
        err = geo_rules_put_fence(builder, made, NULL);
    }
    geo_fence_unref(made);
    free(on);
    return err;
}

geo_err cli_rules_extend(cli_rules *rules, int64_t first_ms, int64_t last_ms,
                         const geo_rules **before, geo_rules_diff **diff, geo_why *why)
{
    geo_interval span = rules->span;
    geo_rules_builder *builder = NULL;
    const geo_rules *after = NULL;
    span.from_ms = first_ms - BACK_MS < span.from_ms ? first_ms - BACK_MS : span.from_ms;
    span.to_ms = last_ms + AHEAD_MS > span.to_ms ? last_ms + AHEAD_MS : span.to_ms;
    geo_err err = geo_rules_builder_new(rules->rules, &builder);
    for (uint32_t i = 0; i < rules->schedule_count && err == GEO_OK; i++) {
        const geo_fence *fence = geo_rules_fence(rules->rules, rules->schedule_slots[i]);
        err = resolve_again(builder, fence, &rules->schedules[i], span, why);
    }
    err =
        err == GEO_OK ? geo_rules_build(builder, geo_rules_version(rules->rules) + 1, &after) : err;
    geo_rules_builder_free(builder);
    err = err == GEO_OK ? geo_rules_diff_new(rules->rules, after, diff) : err;
    if (err != GEO_OK) {
        geo_rules_unref(after);
        return err;
    }
    *before = rules->rules;
    rules->rules = after;
    rules->span = span;
    return GEO_OK;
}
