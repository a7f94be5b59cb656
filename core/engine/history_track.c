/* core/engine/history_track.c - the fixes of a device, or of all: chunks, then the log's tail. */
#include "base/id.h"
#include "base/logline.h"
#include "history_reader.h"

/* Slots in their order, and in each, by the chunks' keys, one device's or everyone's. The joins are
 * "cross" so that SQLite never turns them round. */
_Static_assert(HISTORY_SLOT_SHIFT == 36 && HISTORY_TURN_BITS == 12, "the numbers in SQL are these");

static const char one_sql[] =
    "SELECT ?3, c.bytes FROM slot s CROSS JOIN device d ON d.key = ?3 CROSS JOIN chunk c ON "
    "c.place BETWEEN (s.number << 36) + (d.number << 12) AND "
    "(s.number << 36) + (d.number << 12) + 4095 "
    "WHERE s.to_ms >= ?1 AND s.from_ms < ?2 ORDER BY s.number";

static const char all_sql[] =
    "SELECT d.key, c.bytes FROM slot s CROSS JOIN chunk c ON "
    "c.place BETWEEN (s.number << 36) AND (s.number << 36) + 68719476735 CROSS JOIN device d ON "
    "d.number = ((c.place >> 12) & 16777215) "
    "WHERE s.to_ms >= ?1 AND s.from_ms < ?2 ORDER BY s.number";

hr_err history_track_begin(history_reader *reader, const history_span *span, hr_why *why)
{
    hr_err err = history_snapshot(reader, span->has_device ? one_sql : all_sql, why);
    if (err != HR_OK) {
        return err;
    }
    reader->span = *span;
    reader->partition =
        span->has_device ? hr_device_partition(span->device, reader->partition_count) : 0;
    reader->partition_end = span->has_device ? reader->partition + 1 : reader->partition_count;
    if (reader->statement != NULL) {
        sqlite3_bind_int64(reader->statement, 1, span->from_ms);
        sqlite3_bind_int64(reader->statement, 2, span->to_ms);
        if (span->has_device) {
            sqlite3_bind_int64(reader->statement, 3, (int64_t)span->device);
        }
    }
    return HR_OK;
}

static bool is_within(const history_span *span, const hr_fix *fix)
{
    return fix->time_ms >= span->from_ms && fix->time_ms < span->to_ms;
}

/* The next chunk. A damaged one is left out, and told. */
static hr_err next_chunk(history_reader *reader, hr_why *why)
{
    hr_err err = HR_CORRUPT;
    reader->fix_at = 0;
    reader->fix_count = 0;
    while (err == HR_CORRUPT) {
        err = history_step(reader, why);
        if (err != HR_OK) {
            return err;
        }
        const uint8_t *bytes = sqlite3_column_blob(reader->statement, 1);
        size_t size = (size_t)sqlite3_column_bytes(reader->statement, 1);
        uint64_t device = (uint64_t)sqlite3_column_int64(reader->statement, 0);
        err = bytes != NULL
                  ? history_chunk_read(bytes, size, device, reader->fixes, &reader->fix_count)
                  : HR_CORRUPT;
        if (err != HR_OK) {
            reader->fix_count = 0;
            err = HR_CORRUPT;
            if (atomic_fetch_add(&reader->history->damaged_chunks, 1) == 0) {
                hr_logline(HR_LEVEL_ERROR, "history.damaged_chunk", "device=%016llx",
                           (unsigned long long)device);
            }
        }
    }
    return HR_OK;
}

/* The next fix in the batch at hand. */
static bool next_in_view(history_reader *reader, hr_fix *fix)
{
    const log_view *view = &reader->view;
    if (!reader->has_view || view->type != HR_RECORD_FIX || view->record_bytes != HR_FIX_BYTES) {
        return false;
    }
    int64_t skip = reader->from - view->first_offset;
    size_t at = skip > (int64_t)reader->record_at ? (size_t)skip : reader->record_at;
    for (; at < view->count; at++) {
        const uint8_t *bytes = view->bytes + at * HR_FIX_BYTES;
        /* The key comes first in a fix: most are passed over by this one comparison. */
        if (reader->span.has_device && hr_load_u64(bytes) != reader->span.device) {
            continue;
        }
        hr_fix_load(bytes, fix);
        if (is_within(&reader->span, fix)) {
            reader->record_at = at + 1;
            return true;
        }
    }
    return false;
}

hr_err history_track_next(history_reader *reader, hr_fix *fix, hr_why *why)
{
    while (reader->fix_at < reader->fix_count || reader->statement != NULL) {
        while (reader->fix_at < reader->fix_count) {
            *fix = reader->fixes[reader->fix_at++];
            if (is_within(&reader->span, fix)) {
                return HR_OK;
            }
        }
        hr_err err = reader->statement != NULL ? next_chunk(reader, why) : HR_NOT_FOUND;
        if (err != HR_OK && err != HR_NOT_FOUND) {
            return err;
        }
    }
    hr_err err = HR_OK;
    while (err == HR_OK && !next_in_view(reader, fix)) {
        err = reader->tail != NULL ? history_tail_next(reader, why) : HR_NOT_FOUND;
        if (err == HR_NOT_FOUND && reader->partition < reader->partition_end) {
            err = history_tail_open(reader, HR_TOPIC_POSITIONS, (uint16_t)reader->partition++, 0,
                                    why);
        }
    }
    return err;
}
