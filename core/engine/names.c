/* engine/names.c - tells the catalogue which devices the log has heard of. */
#include <stdlib.h>
#include <string.h>

#include "base/logline.h"
#include "catalog/device.h"
#include "internal.h"

/* Names handed to the catalogue in one transaction. */
#define NAMES_AT_ONCE_MAX 4096
#define NAME_HEAD_BYTES 17 /* key, time, size; then the id and a zero byte */

void engine_names_note(engine_partition *partition, uint64_t key, const char *id, size_t size,
                       int64_t seen_ms)
{
    /* All of it or nothing: it is read from end to end. */
    uint8_t *room = hr_buf_extend(&partition->new_names, NAME_HEAD_BYTES + size + 1);
    if (room != NULL) {
        hr_store_u64(room, key);
        hr_store_u64(room + 8, (uint64_t)seen_ms);
        room[16] = (uint8_t)size;
        memcpy(room + NAME_HEAD_BYTES, id, size);
        room[NAME_HEAD_BYTES + size] = 0;
    }
}

/* Take what the worker has noted, in exchange for an empty list: that needs no memory, of which
 * there may be none. */
static void take(engine_partition *partition)
{
    pthread_rwlock_wrlock(&partition->lock);
    hr_buf taken = partition->new_names;
    partition->new_names = partition->taken_names;
    partition->taken_names = taken;
    pthread_rwlock_unlock(&partition->lock);
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

/* Hand over up to NAMES_AT_ONCE_MAX names. */
static hr_err hand_over(engine *engine, hr_buf *taken, catalog_name *names, hr_why *why)
{
    hr_cursor cursor = hr_cursor_of(taken->data, taken->size);
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
    hr_buf_consume(taken, cursor.at);
    return HR_OK;
}

static hr_err hand_over_all(engine *engine, hr_buf *taken, hr_why *why)
{
    if (taken->size == 0) {
        return HR_OK;
    }
    catalog_name *names = malloc(NAMES_AT_ONCE_MAX * sizeof *names);
    hr_err err = names != NULL ? HR_OK : HR_NO_MEMORY;
    while (err == HR_OK && taken->size > 0) {
        err = hand_over(engine, taken, names, why);
    }
    free(names);
    if (err == HR_OK) {
        hr_buf_fini(taken); /* a start's many names come once */
    }
    return err;
}

hr_err engine_names_flush(engine *engine, hr_why *why)
{
    hr_err err = HR_OK;
    pthread_mutex_lock(&engine->names_lock);
    for (uint32_t p = 0; err == HR_OK && p < engine->partition_count; p++) {
        engine_partition *partition = &engine->partitions[p];
        /* What was left over comes first. */
        err = hand_over_all(engine, &partition->taken_names, why);
        if (err == HR_OK) {
            take(partition);
            err = hand_over_all(engine, &partition->taken_names, why);
        }
    }
    pthread_mutex_unlock(&engine->names_lock);
    return err;
}
