/* api/names.c - follows the positions' partitions and picks the name records out. */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/record.h"
#include "catalog/device.h"
#include "log/group.h"
#include "log/reader.h"

#define BATCH_NAMES_MAX 1024
#define KEY_BYTES 8

struct names {
    log_store *log;
    catalog *catalog;
    uint32_t partition_count;
    log_reader *readers[HR_PARTITIONS_MAX];
    size_t count;
    catalog_name batch[BATCH_NAMES_MAX];
    char ids[BATCH_NAMES_MAX][HR_DEVICE_ID_MAX + 1];
};

hr_err names_new(log_store *log, catalog *catalog, names **out, hr_why *why)
{
    names *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return HR_NO_MEMORY;
    }
    made->log = log;
    made->catalog = catalog;
    made->partition_count = log_topic_get(log, HR_TOPIC_POSITIONS)->partition_count;
    hr_err err = HR_OK;
    for (uint32_t p = 0; p < made->partition_count && err == HR_OK; p++) {
        uint16_t partition = (uint16_t)p;
        int64_t offset = log_group_offset(log, NAMES_GROUP, HR_TOPIC_POSITIONS, partition);
        int64_t start = log_start(log, HR_TOPIC_POSITIONS, partition);
        offset = offset > start ? offset : start;
        err = log_floor_set(log, NAMES_GROUP, HR_TOPIC_POSITIONS, partition, offset);
        if (err == HR_OK) {
            err = log_reader_open(log, HR_TOPIC_POSITIONS, partition, offset, LOG_COMMITTED,
                                  &made->readers[p]);
        }
    }
    if (err != HR_OK) {
        names_free(made);
        return hr_why_set(why, err, "cannot follow the log for names");
    }
    *out = made;
    return HR_OK;
}

void names_free(names *names)
{
    if (names == NULL) {
        return;
    }
    for (uint32_t p = 0; p < names->partition_count; p++) {
        log_reader_close(names->readers[p]);
    }
    free(names);
}

static hr_err flush(names *names, hr_why *why)
{
    geo_why geo = {.text = ""};
    if (names->count == 0) {
        return HR_OK;
    }
    geo_err err = catalog_names_put(names->catalog, names->batch, names->count, &geo);
    names->count = 0;
    /* Two ids of one key: ingest has refused the second already, and this one is as stale. */
    return err == GEO_OK || err == GEO_EXISTS ? HR_OK : hr_why_set(why, HR_IO, "%s", geo.text);
}

static hr_err take(names *names, const log_view *view, hr_why *why)
{
    size_t at = 0;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    hr_err err = HR_OK;
    while (err == HR_OK && log_record_next(view, &at, &bytes, &size)) {
        size_t id_size = size > KEY_BYTES ? size - KEY_BYTES : 0;
        if (id_size == 0 || id_size > HR_DEVICE_ID_MAX) {
            continue;
        }
        char *id = names->ids[names->count];
        memcpy(id, bytes + KEY_BYTES, id_size);
        id[id_size] = 0;
        names->batch[names->count++] =
            (catalog_name){.key = hr_load_u64(bytes), .id = id, .seen_ms = view->append_ms};
        if (names->count == BATCH_NAMES_MAX) {
            err = flush(names, why);
        }
    }
    return err;
}

static hr_err follow_partition(names *names, uint16_t partition, hr_why *why)
{
    log_reader *reader = names->readers[partition];
    int64_t before = log_reader_offset(reader);
    hr_err err = HR_OK;
    while (err == HR_OK) {
        log_view view;
        err = log_reader_next(reader, &view, why);
        if (err == HR_OK && view.type == HR_RECORD_NAME) {
            err = take(names, &view, why);
        } else if (err == HR_GONE || err == HR_CORRUPT) {
            err = HR_OK;
        }
    }
    err = err == HR_TIMEOUT ? flush(names, why) : err;
    int64_t offset = log_reader_offset(reader);
    if (err != HR_OK) {
        log_reader_seek(reader, before); /* again next time; names that are there cost little */
        return err;
    }
    if (offset != before) {
        err = log_group_commit(names->log, NAMES_GROUP, HR_TOPIC_POSITIONS, partition, offset);
    }
    if (err == HR_OK && offset != before) {
        err = log_floor_set(names->log, NAMES_GROUP, HR_TOPIC_POSITIONS, partition, offset);
    }
    return err;
}

hr_err names_follow(names *names, hr_why *why)
{
    hr_err err = HR_OK;
    for (uint32_t p = 0; p < names->partition_count && err == HR_OK; p++) {
        err = follow_partition(names, (uint16_t)p, why);
    }
    return err;
}
