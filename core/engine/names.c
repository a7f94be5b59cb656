/* engine/names.c - tells the catalogue which devices the log has heard of. */
#include <stdlib.h>
#include <string.h>

#include "base/logline.h"
#include "catalog/device.h"
#include "internal.h"

/* Names handed to the catalogue in one transaction. */
#define NAMES_AT_ONCE_MAX 4096

void engine_names_note(engine_partition *partition, uint64_t key, const char *id, size_t size,
                       int64_t seen_ms)
{
    hr_buf_put_u64(&partition->new_names, key);
    hr_buf_put_u64(&partition->new_names, (uint64_t)seen_ms);
    hr_buf_put_u8(&partition->new_names, (uint8_t)size);
    hr_buf_put(&partition->new_names, id, size);
    hr_buf_put_u8(&partition->new_names, 0);
}

/* Move what the workers have noted to the engine's own list; the bytes are copied when no worker
 * waits any more. */
static hr_err collect(engine *engine)
{
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        engine_partition *partition = &engine->partitions[p];
        pthread_rwlock_wrlock(&partition->lock);
        hr_buf taken = partition->new_names;
        hr_buf_init(&partition->new_names, taken.size_max);
        pthread_rwlock_unlock(&partition->lock);
        hr_buf_put(&engine->names, taken.data, taken.size);
        hr_buf_fini(&taken);
    }
    return hr_buf_err(&engine->names);
}

/* One name that cannot be kept must not hold up the others, nor the checkpoints behind them. */
static geo_err put_one_by_one(catalog *catalog, const catalog_name *names, size_t count,
                              geo_why *detail)
{
    for (size_t i = 0; i < count; i++) {
        geo_err err = catalog_names_put(catalog, &names[i], 1, detail);
        if (err == GEO_EXISTS || err == GEO_INVALID) {
            hr_logline(HR_LEVEL_ERROR, "engine.name_refused", "device=%s why=\"%s\"", names[i].id,
                       detail->text);
        } else if (err != GEO_OK) {
            return err;
        }
    }
    return GEO_OK;
}

/* Hand over up to NAMES_AT_ONCE_MAX names; *used gets their bytes. */
static hr_err hand_over(engine *engine, catalog_name *names, size_t *used, hr_why *why)
{
    hr_cursor cursor = hr_cursor_of(engine->names.data, engine->names.size);
    size_t count = 0;
    while (count < NAMES_AT_ONCE_MAX && hr_cursor_left(&cursor) > 0) {
        names[count].key = hr_cursor_u64(&cursor);
        names[count].seen_ms = (int64_t)hr_cursor_u64(&cursor);
        size_t size = hr_cursor_u8(&cursor);
        names[count].id = (const char *)hr_cursor_take(&cursor, size + 1);
        count++;
    }
    geo_why detail = {""};
    geo_err err = catalog_names_put(engine->options.catalog, names, count, &detail);
    if (err == GEO_EXISTS || err == GEO_INVALID) {
        err = put_one_by_one(engine->options.catalog, names, count, &detail);
    }
    if (err != GEO_OK) {
        return hr_why_set(why, engine_err_from_geo(err), "cannot keep names of devices: %s",
                          detail.text);
    }
    *used = cursor.at;
    return HR_OK;
}

hr_err engine_names_flush(engine *engine, hr_why *why)
{
    pthread_mutex_lock(&engine->names_lock);
    hr_err err = collect(engine);
    catalog_name *names = NULL;
    if (err == HR_OK && engine->names.size > 0) {
        names = malloc(NAMES_AT_ONCE_MAX * sizeof *names);
        err = names != NULL ? HR_OK : HR_NO_MEMORY;
    }
    while (err == HR_OK && engine->names.size > 0) {
        size_t used = 0;
        err = hand_over(engine, names, &used, why);
        hr_buf_consume(&engine->names, used);
    }
    free(names);
    pthread_mutex_unlock(&engine->names_lock);
    return err;
}
