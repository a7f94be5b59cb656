/* tests/engine/story.c - a herd's story, told step by step. */
#include "story.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/record.h"
#include "engine/change.h"
#include "log/reader.h"
#include "test.h"

#define STEP_MS 10000
#define AHEAD_EVERY 37
#define AHEAD_AT 11
#define AHEAD_MS 1500000
#define CHANGE_EVERY 16
#define CHANGE_AT 5
#define LATE_MS 700000
#define REMOVE_EVERY 7
#define FENCES 5

static uint64_t roll(uint64_t seed, int animal, int64_t step)
{
    hr_random random = {.state = seed ^ (uint64_t)step << 8 ^ (uint64_t)animal};
    return hr_random_next(&random);
}

static uint64_t key_of(int animal, char id[16])
{
    int size = snprintf(id, 16, "cow-%d", animal);
    return hr_device_key(id, (size_t)size);
}

/* Where an animal is at a step, and how well it knows. */
static hr_fix fix_at(uint64_t seed, int animal, int64_t step)
{
    char id[16];
    double s = (double)step;
    double lon = 16.005 + 0.012 * sin(0.21 * s + animal * 1.7) + 0.004 * sin(0.077 * s + animal);
    double lat = 59.005 + 0.008 * cos(0.17 * s + animal * 0.9);
    uint64_t dice = roll(seed, animal, step) >> 32;
    return (hr_fix){.device = key_of(animal, id),
                    .time_ms = STORY_T0 + step * STEP_MS + animal,
                    .lon_e7 = (int32_t)lround(lon * 1e7),
                    .lat_e7 = (int32_t)lround(lat * 1e7),
                    .accuracy_dm = (uint16_t)(dice % 20 == 0  ? 5000
                                              : dice % 4 == 0 ? HR_FIX_U16_UNKNOWN
                                                              : 20 + dice % 60),
                    .speed_cm_s = HR_FIX_U16_UNKNOWN,
                    .heading_cdeg = HR_FIX_U16_UNKNOWN,
                    .battery_pct = HR_FIX_U8_UNKNOWN};
}

static bool is_delayed(uint64_t seed, int animal, int64_t step)
{
    return roll(seed, animal, step) % 100 < 10;
}

static uint32_t fixes_of(uint64_t seed, int64_t step, hr_fix *fixes)
{
    uint32_t count = 0;
    for (int animal = 0; animal < STORY_HERD; animal++) {
        uint64_t dice = roll(seed, animal, step) % 100;
        if (!is_delayed(seed, animal, step)) {
            fixes[count++] = fix_at(seed, animal, step);
        }
        if (step > 0 && is_delayed(seed, animal, step - 1)) {
            fixes[count++] = fix_at(seed, animal, step - 1);
        }
        if (dice >= 10 && dice < 40 && step > 6) {
            fixes[count++] = fix_at(seed, animal, step - (int64_t)dice % 6);
        }
        if (dice >= 40 && dice < 45) {
            fixes[count] = fix_at(seed, animal, step + 1000);
            fixes[count++].time_ms = STORY_T0 + step * STEP_MS - LATE_MS + 3;
        }
    }
    return count;
}

/* ---- rules ---- */

void story_changed_fence(uint64_t version, char id[8])
{
    snprintf(id, 8, "f%u", (unsigned)(version % FENCES));
}

static hr_err change_rules(farm *farm, uint64_t seed, uint64_t version)
{
    static const char *const properties[] = {
        "\"intent\":\"keep-in\",\"approach_m\":60", "\"intent\":\"keep-out\"", "\"dwell_s\":50",
        "\"intent\":\"keep-out\",\"confirm_fixes\":3,\"approach_m\":40"};
    char id[8];
    char feature[1024];
    hr_random random = {.state = seed ^ version << 40};
    double west = 15.99 + 0.02 * (double)hr_random_below(&random, 1000) / 1000;
    double south = 58.995 + 0.014 * (double)hr_random_below(&random, 1000) / 1000;
    double width = 0.0004 + 0.01 * (double)hr_random_below(&random, 1000) / 1000;
    double height = 0.002 + 0.006 * (double)hr_random_below(&random, 1000) / 1000;
    story_changed_fence(version, id);
    int size = snprintf(feature, sizeof feature,
                        "{\"type\":\"Feature\",\"properties\":{\"name\":\"%s\",%s},\"geometry\":"
                        "{\"type\":\"Polygon\",\"coordinates\":[[[%.7f,%.7f],[%.7f,%.7f],"
                        "[%.7f,%.7f],[%.7f,%.7f]]]}}",
                        id, properties[version % 4], west, south, west + width, south,
                        west + width / 2, south + height, west, south);
    engine_change *change;
    hr_err err = engine_change_begin(farm->engine, "test", STORY_T0, &change, NULL);
    if (err != HR_OK) {
        return err;
    }
    catalog_change *edits = engine_change_edits(change);
    geo_err geo =
        version % REMOVE_EVERY == 0
            ? catalog_change_remove(edits, id, CATALOG_ANY, NULL, NULL)
            : catalog_change_put(edits, id, feature, (size_t)size, CATALOG_ANY, NULL, NULL);
    assert_int_equal(geo, GEO_OK);
    return engine_change_commit(change, NULL, NULL);
}

/* The catalogue keeps a change by itself: if the log lost steps of before it, those would be told
 * again behind it, which is another story. */
static hr_err wait_durable(farm *farm)
{
    log_position needed = log_appended(farm->log);
    hr_err err = HR_OK;
    for (log_position durable = 0; err == HR_OK && durable < needed;) {
        durable = log_wait(farm->log, LOG_COMMITTED, durable, 100);
        err = log_health(farm->log, NULL);
    }
    return err;
}

/* ---- the log ---- */

typedef struct frame {
    log_batch batches[3 * FARM_PARTITIONS];
    uint32_t count;
    uint8_t names[FARM_PARTITIONS][STORY_HERD * 32];
    uint8_t fixes[FARM_PARTITIONS][STORY_HERD * 4 * HR_FIX_BYTES];
    uint8_t ticks[2][4 + HR_TICK_BYTES]; /* the second one is the step's own */
} frame;

static log_batch *add_batch(frame *f, uint8_t type, uint32_t partition, const uint8_t *bytes)
{
    log_batch *batch = &f->batches[f->count++];
    *batch = (log_batch){.topic = HR_TOPIC_POSITIONS,
                         .type = type,
                         .partition = (uint16_t)partition,
                         .bytes = bytes};
    return batch;
}

static void add_names(frame *f, uint32_t partition)
{
    log_batch *batch = add_batch(f, HR_RECORD_NAME, partition, f->names[partition]);
    for (int animal = 0; animal < STORY_HERD; animal++) {
        char id[16];
        uint64_t key = key_of(animal, id);
        if (hr_device_partition(key, FARM_PARTITIONS) == partition) {
            uint8_t *to = f->names[partition] + batch->size;
            hr_store_u32(to, (uint32_t)(8 + strlen(id)));
            hr_store_u64(to + 4, key);
            memcpy(to + 12, id, strlen(id));
            batch->size += 12 + strlen(id);
            batch->count++;
        }
    }
}

/* At times the clock has just been set right, and a tick before it was far ahead. */
static void add_ticks(frame *f, uint32_t partition, int64_t step)
{
    bool was_ahead = step % AHEAD_EVERY == AHEAD_AT;
    int64_t tick_ms = STORY_T0 + (step + 1) * STEP_MS;
    for (int i = 0; i < 2; i++) {
        hr_store_u32(f->ticks[i], HR_TICK_BYTES);
        hr_store_u64(f->ticks[i] + 4, (uint64_t)(tick_ms + (i == 0 ? AHEAD_MS : 0)));
    }
    log_batch *batch =
        add_batch(f, HR_RECORD_TICK, partition, was_ahead ? f->ticks[0] : f->ticks[1]);
    batch->count = was_ahead ? 2 : 1;
    batch->size = batch->count * sizeof f->ticks[0];
}

static void add_fixes(frame *f, uint32_t partition, const hr_fix *fixes, uint32_t count)
{
    log_batch *batch = add_batch(f, HR_RECORD_FIX, partition, f->fixes[partition]);
    batch->record_bytes = HR_FIX_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        if (hr_device_partition(fixes[i].device, FARM_PARTITIONS) == partition) {
            hr_fix_store(f->fixes[partition] + batch->size, &fixes[i]);
            batch->size += HR_FIX_BYTES;
            batch->count++;
        }
    }
    f->count -= batch->count == 0;
}

hr_err story_tell(farm *farm, uint64_t seed, int64_t step)
{
    static frame f;
    hr_fix fixes[STORY_HERD * 4];
    hr_clock_fake_step(farm->clock, STORY_T0 + step * STEP_MS);
    if (step % CHANGE_EVERY == CHANGE_AT) {
        uint64_t version = (uint64_t)(step / CHANGE_EVERY) + 1;
        hr_err err = HR_OK;
        if (catalog_version(farm->catalog) < version) {
            err = wait_durable(farm);
            err = err == HR_OK ? change_rules(farm, seed, version) : err;
        }
        if (err != HR_OK) {
            return err;
        }
    }
    f.count = 0;
    uint32_t count = fixes_of(seed, step, fixes);
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        if (step == 0) {
            add_names(&f, p);
        }
        add_fixes(&f, p, fixes, count);
        add_ticks(&f, p, step);
    }
    log_position end;
    return log_append(farm->log, f.batches, f.count, NULL, NULL, &end);
}

int64_t story_next(farm *farm)
{
    log_reader *reader;
    int64_t next = 0;
    assert_int_equal(log_reader_open(farm->log, HR_TOPIC_POSITIONS, 0, 0, LOG_APPENDED, &reader),
                     HR_OK);
    log_view view;
    while (log_reader_next(reader, &view, NULL) == HR_OK) {
        if (view.type == HR_RECORD_TICK) {
            const uint8_t *last = view.bytes + view.size - HR_TICK_BYTES;
            next = ((int64_t)hr_load_u64(last) - STORY_T0) / STEP_MS;
        }
    }
    log_reader_close(reader);
    return next;
}
