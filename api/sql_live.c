/* api/sql_live.c - the tables device and inside: where everything is now. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "catalog/catalog.h"
#include "geo/rules.h"
#include "sql_tables.h"

#define PAGE_DEVICES 1000

/* ---- device ---- */

/* The page behind the last device at hand; its end is the table's. */
static int device_page(sql_cursor *cursor, const char *after)
{
    hr_err err = engine_devices_list(cursor->context->engine, after, PAGE_DEVICES, &cursor->found);
    cursor->at = 0;
    cursor->is_end = err != HR_OK || cursor->found.count == 0;
    return err == HR_OK ? SQLITE_OK : SQLITE_ERROR;
}

static int device_begin(sql_cursor *cursor, const char *key, int64_t from_ms, int64_t from_offset)
{
    (void)key;
    (void)from_ms;
    (void)from_offset;
    cursor->is_end = cursor->context->engine == NULL;
    return cursor->is_end ? SQLITE_OK : device_page(cursor, NULL);
}

static int device_next(sql_cursor *cursor)
{
    if (++cursor->at < cursor->found.count) {
        return SQLITE_OK;
    }
    char after[HR_DEVICE_ID_MAX + 1];
    memcpy(after, cursor->found.devices[cursor->found.count - 1].id, sizeof after);
    return device_page(cursor, after);
}

static void device_column(sql_cursor *cursor, sqlite3_context *result, int column)
{
    const engine_device *device = &cursor->found.devices[cursor->at];
    if (column == 0) {
        sqlite3_result_text(result, device->id, -1, SQLITE_TRANSIENT);
    } else {
        sql_result_fix(result, &device->fix, column - 1);
    }
}

static int64_t device_rowid(const sql_cursor *cursor)
{
    return (int64_t)cursor->found.devices[cursor->at].fix.device;
}

const sql_table sql_table_device = {
    .name = "device",
    .columns = "id, lon, lat, time, accuracy_m, speed_mps, heading_deg, battery_pct, geom",
    .key_column = -1,
    .time_column = -1,
    .offset_column = -1,
    .begin = device_begin,
    .next = device_next,
    .column = device_column,
    .rowid = device_rowid,
};

/* ---- inside ---- */

/* The next fence that has somebody in it. */
static int inside_advance(sql_cursor *cursor)
{
    const geo_rules *rules = cursor->rules;
    cursor->at = 0;
    cursor->found.count = 0;
    while (cursor->found.count == 0 && cursor->rank < geo_rules_fence_count(rules)) {
        const geo_fence *fence =
            geo_rules_fence(rules, geo_rules_slot_by_rank(rules, cursor->rank++));
        snprintf(cursor->fence, sizeof cursor->fence, "%s", fence->id);
        hr_err err = engine_fence_devices(cursor->context->engine, fence->id, &cursor->found);
        if (err != HR_OK && err != HR_NOT_FOUND) {
            return SQLITE_ERROR;
        }
        if (err == HR_NOT_FOUND) {
            cursor->found.count = 0; /* removed meanwhile */
        }
    }
    cursor->is_end = cursor->found.count == 0;
    return SQLITE_OK;
}

static int inside_begin(sql_cursor *cursor, const char *key, int64_t from_ms, int64_t from_offset)
{
    const geo_rules *rules = NULL;
    (void)key;
    (void)from_ms;
    (void)from_offset;
    cursor->is_end = cursor->context->engine == NULL || cursor->context->catalog == NULL;
    if (cursor->is_end) {
        return SQLITE_OK;
    }
    if (catalog_rules_load(cursor->context->catalog, catalog_version(cursor->context->catalog),
                           &rules, NULL) != GEO_OK) {
        return SQLITE_ERROR;
    }
    cursor->rules = rules;
    return inside_advance(cursor);
}

static int inside_next(sql_cursor *cursor)
{
    return ++cursor->at < cursor->found.count ? SQLITE_OK : inside_advance(cursor);
}

static void inside_column(sql_cursor *cursor, sqlite3_context *result, int column)
{
    const engine_device *device = &cursor->found.devices[cursor->at];
    if (column == 0) {
        sqlite3_result_text(result, device->id, -1, SQLITE_TRANSIENT);
    } else if (column == 1) {
        sqlite3_result_text(result, cursor->fence, -1, SQLITE_TRANSIENT);
    } else {
        sql_result_time(result, device->since_ms);
    }
}

static int64_t inside_rowid(const sql_cursor *cursor)
{
    return (int64_t)hr_hash64_seeded(cursor->fence, strlen(cursor->fence),
                                     cursor->found.devices[cursor->at].fix.device);
}

const sql_table sql_table_inside = {
    .name = "inside",
    .columns = "device, fence, since",
    .key_column = -1,
    .time_column = -1,
    .offset_column = -1,
    .begin = inside_begin,
    .next = inside_next,
    .column = inside_column,
    .rowid = inside_rowid,
};
