/* tests/engine/story_check.c - what the log's events must be, by simple loops over its records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/record.h"
#include "geo/naive.h"
#include "log/reader.h"
#include "story.h"
#include "test.h"

typedef struct told {
    hr_event *events;
    size_t count;
    size_t at; /* the next to be compared */
} told;

typedef struct play {
    farm *farm;
    uint16_t partition;
    naive_device *devices; /* STORY_HERD, by key; only those of the partition are used */
    const geo_rules *rules;
    told *told;
    int64_t offset; /* of the record at hand */
    uint32_t index; /* of its next event */
    int64_t append_ms;
} play;

static void load_told(farm *farm, uint16_t partition, told *out)
{
    hr_buf bytes;
    hr_buf_init(&bytes, 256 << 20);
    farm_partition_events(farm, partition, &bytes);
    *out = (told){.events = calloc(bytes.size / 64 + 1, sizeof *out->events)};
    assert_non_null(out->events);
    for (size_t at = 0; at < bytes.size;) {
        size_t size = hr_load_u32(bytes.data + at);
        assert_int_equal(hr_event_load(bytes.data + at + 4, size, &out->events[out->count++]),
                         HR_OK);
        at += 4 + size;
    }
    hr_buf_fini(&bytes);
}

/* TRACKER.md rule 15. */
static hr_severity severity_of(const geo_event *said)
{
    geo_intent intent = said->fence != NULL ? said->fence->intent : GEO_INFO;
    if (said->cause == GEO_CAUSE_RULES) {
        return HR_SEVERITY_INFO;
    }
    if ((intent == GEO_KEEP_IN && said->kind == GEO_EXIT) ||
        (intent == GEO_KEEP_OUT && (said->kind == GEO_ENTER || said->kind == GEO_CROSS))) {
        return HR_SEVERITY_ALARM;
    }
    return said->kind == GEO_APPROACH || said->kind == GEO_STALE ? HR_SEVERITY_WARNING
                                                                 : HR_SEVERITY_INFO;
}

static void compare(play *play, const naive_device *device)
{
    for (size_t i = 0; i < device->event_count; i++, play->index++) {
        const geo_event *said = &device->events[i];
        assert_true(play->told->at < play->told->count);
        const hr_event *is = &play->told->events[play->told->at++];
        assert_int_equal(is->source_offset, play->offset);
        assert_int_equal(is->source_index, play->index);
        assert_int_equal(is->device, device->key);
        assert_string_equal(hr_event_kind_name(is->kind), geo_event_kind_text(said->kind));
        assert_string_equal(hr_event_cause_name(is->cause), geo_cause_text(said->cause));
        assert_int_equal(is->severity, severity_of(said));
        assert_string_equal(is->fence_id, said->fence != NULL ? said->fence->id : "");
        assert_int_equal(is->time_ms, said->time_ms);
        assert_int_equal(is->late, said->late);
        assert_int_equal(is->lon_e7, said->place.lon_e7);
        assert_int_equal(is->lat_e7, said->place.lat_e7);
        assert_int_equal(is->has_crossing, said->has_crossing);
        if (said->has_crossing) {
            assert_in_range(is->crossing_time_ms - said->crossing_ms + 1, 0, 2);
            assert_in_range(is->crossing_lon_e7 - said->crossing.lon_e7 + 1, 0, 2);
            assert_in_range(is->crossing_lat_e7 - said->crossing.lat_e7 + 1, 0, 2);
        }
        assert_int_equal(is->received_ms, play->append_ms);
        assert_int_equal(is->rules_version, geo_rules_version(play->rules));
    }
}

static bool is_here(const play *play, const naive_device *device)
{
    return device->seen && hr_device_partition(device->key, FARM_PARTITIONS) == play->partition;
}

static void play_rules(play *play, uint64_t version)
{
    const geo_rules *after;
    bool changed[NAIVE_FENCES_MAX] = {false};
    char id[8];
    assert_int_equal(catalog_rules_load(play->farm->catalog, version, &after, NULL), GEO_OK);
    story_changed_fence(version, id);
    for (uint32_t slot = 0; slot < NAIVE_FENCES_MAX; slot++) {
        const geo_rules *both[2] = {play->rules, after};
        for (int i = 0; i < 2; i++) {
            const geo_fence *fence =
                slot < geo_rules_slot_count(both[i]) ? geo_rules_fence(both[i], slot) : NULL;
            changed[slot] |= fence != NULL && strcmp(fence->id, id) == 0;
        }
    }
    const geo_rules *before = play->rules;
    play->rules = after;
    for (int d = 0; d < STORY_HERD; d++) {
        if (is_here(play, &play->devices[d])) {
            naive_rules(&play->devices[d], before, after, changed, play->append_ms);
            compare(play, &play->devices[d]);
        }
    }
    geo_rules_unref(before);
}

static void play_fix(play *play, const uint8_t *bytes)
{
    hr_fix fix;
    hr_fix_load(bytes, &fix);
    geo_fix input = {.time_ms = fix.time_ms,
                     .append_ms = play->append_ms,
                     .place = {fix.lon_e7, fix.lat_e7},
                     .accuracy_dm = fix.accuracy_dm};
    for (int d = 0; d < STORY_HERD; d++) {
        if (play->devices[d].key == fix.device) {
            naive_fix(&play->devices[d], play->rules, &input);
            compare(play, &play->devices[d]);
        }
    }
}

static void play_record(play *play, uint8_t type, const uint8_t *bytes, size_t size)
{
    play->index = 0;
    if (size != (type == HR_RECORD_FIX ? HR_FIX_BYTES : 8) && type != HR_RECORD_NAME) {
        return; /* not of ours */
    }
    switch (type) {
    case HR_RECORD_FIX:
        play_fix(play, bytes);
        break;
    case HR_RECORD_RULES:
        play_rules(play, hr_load_u64(bytes));
        break;
    case HR_RECORD_TICK:
        for (int d = 0; d < STORY_HERD; d++) {
            if (is_here(play, &play->devices[d])) {
                naive_tick(&play->devices[d], play->rules, (int64_t)hr_load_u64(bytes));
                compare(play, &play->devices[d]);
            }
        }
        break;
    default:
        break;
    }
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t left = ((const naive_device *)a)->key;
    uint64_t right = ((const naive_device *)b)->key;
    return left < right ? -1 : left > right;
}

static size_t check_partition(farm *farm, uint16_t partition)
{
    told told;
    log_reader *reader;
    log_view view;
    play play = {.farm = farm, .partition = partition, .told = &told};
    load_told(farm, partition, &told);
    play.devices = calloc(STORY_HERD, sizeof *play.devices);
    assert_non_null(play.devices);
    for (int d = 0; d < STORY_HERD; d++) {
        char id[16];
        int size = snprintf(id, sizeof id, "cow-%d", d);
        play.devices[d].key = hr_device_key(id, (size_t)size);
    }
    qsort(play.devices, STORY_HERD, sizeof *play.devices, compare_keys);
    assert_int_equal(catalog_rules_load(farm->catalog, 0, &play.rules, NULL), GEO_OK);
    assert_int_equal(
        log_reader_open(farm->log, HR_TOPIC_POSITIONS, partition, 0, LOG_APPENDED, &reader), HR_OK);
    while (log_reader_next(reader, &view, NULL) == HR_OK) {
        const uint8_t *bytes;
        size_t size;
        play.offset = view.first_offset;
        play.append_ms = view.append_ms;
        for (size_t at = 0; log_record_next(&view, &at, &bytes, &size); play.offset++) {
            play_record(&play, view.type, bytes, size);
        }
    }
    assert_int_equal(told.at, told.count);
    log_reader_close(reader);
    geo_rules_unref(play.rules);
    free(play.devices);
    free(told.events);
    return told.count;
}

size_t story_check(farm *farm)
{
    size_t count = 0;
    for (uint16_t p = 0; p < FARM_PARTITIONS; p++) {
        count += check_partition(farm, p);
    }
    return count;
}
