/* tests/engine/farm.c - the parts that an engine needs, for real. */
#include "farm.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/record.h"
#include "engine/change.h"
#include "log/reader.h"
#include "test.h"

#define WAIT_MS 60000
#define HERD 40
#define WALK_MS INT64_C(1795161600000) /* when a walk begins */

static void must(hr_err err, const hr_why *why, const char *what)
{
    if (err != HR_OK) {
        fail_msg("%s: %s: %s", what, hr_err_text(err), why->text);
    }
}

void farm_close(farm *farm)
{
    engine_stop(farm->engine);
    catalog_close(farm->catalog);
    log_close(farm->log);
    farm->engine = NULL;
    farm->catalog = NULL;
    farm->log = NULL;
}

hr_err farm_try_open(farm *farm, uint32_t thread_count, hr_why *out)
{
    char path[128];
    geo_why geo = {""};
    const log_topic topics[] = {
        {"positions", (uint16_t)(farm->partitions > 0 ? farm->partitions : FARM_PARTITIONS)},
        {"events", 1},
        {"dead", 1},
    };
    snprintf(path, sizeof path, "%s/journal", farm->folder);
    log_options options = {.folder = path,
                           .topics = topics,
                           .topic_count = 3,
                           .clock = farm->clock,
                           .metrics = farm->metrics,
                           .kept_type = HR_RECORD_RULES,
                           .lazy_types = UINT64_C(1) << HR_RECORD_TICK,
                           .file_bytes = farm->file_bytes,
                           .retain_bytes = farm->retain_bytes,
                           .hard_bytes = farm->hard_bytes,
                           .commit_min_gap_ms = 0};
    hr_err err = log_open(&options, &farm->log, out);
    if (err != HR_OK) {
        farm->log = NULL;
        return err;
    }
    snprintf(path, sizeof path, "%s/catalog.db", farm->folder);
    if (catalog_open(path, &farm->catalog, &geo) != GEO_OK) {
        fail_msg("catalog_open: %s", geo.text);
    }
    snprintf(path, sizeof path, "%s/checkpoint", farm->folder);
    engine_options engine = {.log = farm->log,
                             .catalog = farm->catalog,
                             .metrics = farm->metrics,
                             .folder = path,
                             .thread_count = thread_count,
                             .checkpoint_bytes_min = farm->checkpoint_bytes};
    err = engine_start(&engine, &farm->engine, out);
    if (err == HR_OK) {
        err = engine_wait_ready(farm->engine, WAIT_MS, out);
    }
    if (err != HR_OK) {
        farm_close(farm);
    }
    return err;
}

void farm_open(farm *farm, uint32_t thread_count)
{
    hr_why why = {""};
    must(farm_try_open(farm, thread_count, &why), &why, "engine");
}

void farm_make(farm *farm)
{
    *farm = (struct farm){.folder = "/tmp/hr_engine_XXXXXX"};
    assert_non_null(mkdtemp(farm->folder));
    farm->clock = hr_clock_fake_new(1795161600000);
    farm->metrics = hr_metrics_new();
    assert_non_null(farm->clock);
    assert_non_null(farm->metrics);
}

void farm_start(farm *farm, uint32_t thread_count)
{
    farm_make(farm);
    farm_open(farm, thread_count);
}

void farm_restart(farm *farm, uint32_t thread_count)
{
    farm_close(farm);
    farm_open(farm, thread_count);
}

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

void farm_remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void farm_end(farm *farm)
{
    farm_close(farm);
    farm_remove_tree(farm->folder);
    hr_clock_fake_free(farm->clock);
    hr_metrics_free(farm->metrics);
}

void farm_fence(farm *farm, const char *id, const double box[4], const char *properties)
{
    char feature[1024];
    int size = snprintf(feature, sizeof feature,
                        "{\"type\":\"Feature\",\"properties\":{\"name\":\"%s\"%s},\"geometry\":"
                        "{\"type\":\"Polygon\",\"coordinates\":[[[%.7f,%.7f],[%.7f,%.7f],"
                        "[%.7f,%.7f],[%.7f,%.7f],[%.7f,%.7f]]]}}",
                        id, properties, box[0], box[1], box[2], box[1], box[2], box[3], box[0],
                        box[3], box[0], box[1]);
    hr_why why = {""};
    geo_why geo = {""};
    engine_change *change;
    must(engine_change_begin(farm->engine, "test", hr_clock_now_ms(farm->clock), &change, &why),
         &why, "engine_change_begin");
    if (catalog_change_put(engine_change_edits(change), id, feature, (size_t)size, CATALOG_ANY,
                           NULL, &geo) != GEO_OK) {
        fail_msg("catalog_change_put: %s", geo.text);
    }
    must(engine_change_commit(change, NULL, &why), &why, "engine_change_commit");
}

void farm_remove_fence(farm *farm, const char *id)
{
    hr_why why = {""};
    geo_why geo = {""};
    engine_change *change;
    must(engine_change_begin(farm->engine, "test", hr_clock_now_ms(farm->clock), &change, &why),
         &why, "engine_change_begin");
    if (catalog_change_remove(engine_change_edits(change), id, CATALOG_ANY, NULL, &geo) != GEO_OK) {
        fail_msg("catalog_change_remove: %s", geo.text);
    }
    must(engine_change_commit(change, NULL, &why), &why, "engine_change_commit");
}

static void append(farm *farm, log_batch *batches, uint32_t count)
{
    log_position end;
    assert_int_equal(log_append(farm->log, batches, count, NULL, NULL, &end), HR_OK);
}

void farm_name(farm *farm, const char *device)
{
    uint8_t record[4 + 8 + HR_DEVICE_ID_MAX];
    size_t size = strlen(device);
    uint64_t key = hr_device_key(device, size);
    hr_store_u32(record, (uint32_t)(8 + size));
    hr_store_u64(record + 4, key);
    memcpy(record + 12, device, size);
    log_batch batch = {.topic = HR_TOPIC_POSITIONS,
                       .type = HR_RECORD_NAME,
                       .partition = (uint16_t)hr_device_partition(key, FARM_PARTITIONS),
                       .count = 1,
                       .bytes = record,
                       .size = 12 + size};
    append(farm, &batch, 1);
}

void farm_fixes(farm *farm, const hr_fix *fixes, uint32_t count)
{
    uint8_t *bytes[FARM_PARTITIONS];
    log_batch batches[FARM_PARTITIONS];
    uint32_t used = 0;
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        bytes[p] = malloc((size_t)count * HR_FIX_BYTES + 1);
        assert_non_null(bytes[p]);
        uint32_t here = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (hr_device_partition(fixes[i].device, FARM_PARTITIONS) == p) {
                hr_fix_store(bytes[p] + (size_t)here++ * HR_FIX_BYTES, &fixes[i]);
            }
        }
        if (here > 0) {
            batches[used++] = (log_batch){.topic = HR_TOPIC_POSITIONS,
                                          .type = HR_RECORD_FIX,
                                          .partition = (uint16_t)p,
                                          .count = here,
                                          .record_bytes = HR_FIX_BYTES,
                                          .bytes = bytes[p],
                                          .size = (size_t)here * HR_FIX_BYTES};
        }
    }
    append(farm, batches, used);
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        free(bytes[p]);
    }
}

void farm_fix(farm *farm, const char *device, int64_t time_ms, double lon, double lat)
{
    hr_fix fix = {.device = hr_device_key(device, strlen(device)),
                  .time_ms = time_ms,
                  .lon_e7 = (int32_t)lround(lon * 1e7),
                  .lat_e7 = (int32_t)lround(lat * 1e7),
                  .accuracy_dm = HR_FIX_U16_UNKNOWN,
                  .speed_cm_s = HR_FIX_U16_UNKNOWN,
                  .heading_cdeg = HR_FIX_U16_UNKNOWN,
                  .battery_pct = HR_FIX_U8_UNKNOWN};
    farm_name(farm, device);
    farm_fixes(farm, &fix, 1);
}

void farm_tick(farm *farm, int64_t tick_ms)
{
    uint8_t record[4 + HR_TICK_BYTES];
    log_batch batches[FARM_PARTITIONS];
    hr_store_u32(record, HR_TICK_BYTES);
    hr_store_u64(record + 4, (uint64_t)tick_ms);
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        batches[p] = (log_batch){.topic = HR_TOPIC_POSITIONS,
                                 .type = HR_RECORD_TICK,
                                 .partition = (uint16_t)p,
                                 .count = 1,
                                 .bytes = record,
                                 .size = sizeof record};
    }
    append(farm, batches, FARM_PARTITIONS);
}

void farm_settle(farm *farm)
{
    hr_why why = {""};
    for (uint32_t p = 0; p < FARM_PARTITIONS; p++) {
        int64_t end = log_end(farm->log, HR_TOPIC_POSITIONS, (uint16_t)p, LOG_APPENDED);
        for (int tries = 0; engine_offset(farm->engine, p) < end; tries++) {
            must(engine_health(farm->engine, &why), &why, "engine_health");
            /* Waits on something that never comes, for a millisecond: the worker is on its way. */
            log_wait(farm->log, LOG_APPENDED, UINT64_MAX, 1);
            assert_true(tries < WAIT_MS);
        }
    }
    /* A checkpoint waits for every worker to have finished its batch, events included. */
    must(engine_checkpoint(farm->engine, &why), &why, "engine_checkpoint");
}

typedef void event_visit(const uint8_t *bytes, size_t size, const hr_event *event, void *context);

static void each_event(farm *farm, event_visit *visit, void *context)
{
    log_reader *reader;
    hr_why why = {""};
    int64_t start = log_start(farm->log, HR_TOPIC_EVENTS, 0);
    assert_int_equal(log_reader_open(farm->log, HR_TOPIC_EVENTS, 0, start, LOG_APPENDED, &reader),
                     HR_OK);
    log_view view;
    hr_err err;
    while ((err = log_reader_next(reader, &view, &why)) == HR_OK) {
        const uint8_t *bytes;
        size_t size;
        for (size_t at = 0; log_record_next(&view, &at, &bytes, &size);) {
            hr_event event;
            if (view.type == HR_RECORD_EVENT) {
                assert_int_equal(hr_event_load(bytes, size, &event), HR_OK);
                visit(bytes, size, &event, context);
            }
        }
    }
    assert_int_equal(err, HR_TIMEOUT);
    log_reader_close(reader);
}

typedef struct wanted_events {
    int partition; /* -1: all */
    hr_buf *out;
} wanted_events;

static void keep_bytes(const uint8_t *bytes, size_t size, const hr_event *event, void *context)
{
    wanted_events *wanted = context;
    if (wanted->partition < 0 || event->source_partition == wanted->partition) {
        hr_buf_put_u32(wanted->out, (uint32_t)size);
        hr_buf_put(wanted->out, bytes, size);
    }
}

static void keep_id(const uint8_t *bytes, size_t size, const hr_event *event, void *context)
{
    char id[HR_EVENT_ID_SIZE];
    (void)bytes;
    (void)size;
    hr_event_id(event, id);
    hr_buf_printf(context, "%s\n", id);
}

void farm_walk(farm *farm, uint64_t seed, int rounds, farm_between *between, void *context)
{
    hr_random random = {.state = seed};
    hr_fix fixes[HERD];
    for (int d = 0; d < HERD; d++) {
        char id[16];
        snprintf(id, sizeof id, "cow-%d", d);
        farm_name(farm, id);
        fixes[d] = (hr_fix){.device = hr_device_key(id, strlen(id)),
                            .lon_e7 = 160000000 + (int32_t)hr_random_below(&random, 100000),
                            .lat_e7 = 590000000 + (int32_t)hr_random_below(&random, 100000)};
    }
    for (int round = 0; round < rounds; round++) {
        for (int d = 0; d < HERD; d++) {
            fixes[d].time_ms = WALK_MS + round * 10000 + d;
            fixes[d].lon_e7 += (int32_t)hr_random_below(&random, 40001) - 20000;
            fixes[d].lat_e7 += (int32_t)hr_random_below(&random, 40001) - 20000;
        }
        farm_fixes(farm, fixes, HERD);
        if (between != NULL) {
            between(farm, context);
        }
    }
}

void farm_events(farm *farm, hr_buf *out)
{
    wanted_events wanted = {.partition = -1, .out = out};
    each_event(farm, keep_bytes, &wanted);
}

void farm_partition_events(farm *farm, uint16_t partition, hr_buf *out)
{
    wanted_events wanted = {.partition = partition, .out = out};
    each_event(farm, keep_bytes, &wanted);
}

void farm_event_ids(farm *farm, hr_buf *out)
{
    each_event(farm, keep_id, out);
}
