/* core/engine/history_reader.c - a snapshot of history.db, and the log's tail from its end on. */
#include "history_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 5000
#define PROGRESS_STEPS 20000 /* of SQLite's machine, between looks at the clock */
#define SOURCES_SQL "SELECT next FROM source WHERE id = 1"

hr_err history_reader_new(engine_history *history, log_store *log, history_reader **out,
                          hr_why *why)
{
    history_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    reader->history = history;
    reader->log = log;
    reader->until_ns = INT64_MAX;
    reader->partition_count = log_topic_get(log, HR_TOPIC_POSITIONS)->partition_count;
    *out = reader;
    return HR_OK;
}

void history_reader_set_deadline(history_reader *reader, int64_t until_ns)
{
    reader->until_ns = until_ns;
}

bool history_is_over(const history_reader *reader)
{
    return reader->until_ns != INT64_MAX && hr_clock_mono_ns(hr_clock_real()) >= reader->until_ns;
}

static int on_progress(void *context)
{
    return history_is_over(context);
}

static void drop_file(history_reader *reader)
{
    sqlite3_finalize(reader->statement);
    reader->statement = NULL;
    if (reader->is_snapshot) {
        (void)sqlite3_exec(reader->db, "ROLLBACK", NULL, NULL, NULL);
        reader->is_snapshot = false;
    }
}

void history_let_go(history_reader *reader)
{
    drop_file(reader);
    log_reader_close(reader->tail);
    reader->tail = NULL;
    reader->has_view = false;
    reader->fix_at = 0;
    reader->fix_count = 0;
}

void history_reader_free(history_reader *reader)
{
    if (reader != NULL) {
        history_let_go(reader);
        sqlite3_close(reader->db);
        free(reader);
    }
}

/* ---- the file ---- */

/* Damage is for the historian to see to. */
static hr_err file_err(history_reader *reader, int code, hr_why *why)
{
    if (code == SQLITE_INTERRUPT) {
        return hr_why_set(why, HR_TIMEOUT, "it took too long to read");
    }
    hr_err err = history_err(reader->db, code, "reading", why);
    if (err == HR_CORRUPT) {
        atomic_store(&reader->history->is_suspect, true);
    }
    return err;
}

/* No file, or none with our tables yet: the historian is about to make it. */
static hr_err open_file(history_reader *reader, hr_why *why)
{
    if (reader->history == NULL || reader->db != NULL) {
        return HR_OK;
    }
    if (access(reader->history->path, F_OK) != 0 && errno == ENOENT) {
        return HR_OK;
    }
    int code = sqlite3_open_v2(reader->history->path, &reader->db,
                               SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(reader->db, BUSY_TIMEOUT_MS);
        sqlite3_progress_handler(reader->db, PROGRESS_STEPS, on_progress, reader);
        code = sqlite3_exec(reader->db, "PRAGMA cache_size=-1024", NULL, NULL, NULL);
    }
    hr_err err = file_err(reader, code, why);
    if (err != HR_OK) {
        sqlite3_close(reader->db);
        reader->db = NULL;
    }
    return err;
}

/* HR_NOT_FOUND: the file says nothing yet. */
static hr_err read_sources(history_reader *reader, hr_why *why)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(reader->db, SOURCES_SQL, -1, &statement, NULL);
    if (code == SQLITE_ERROR) {
        return HR_NOT_FOUND;
    }
    code = code == SQLITE_OK ? sqlite3_step(statement) : code;
    hr_err err = file_err(reader, code, why);
    if (err == HR_OK) {
        const uint8_t *bytes = code == SQLITE_ROW ? sqlite3_column_blob(statement, 0) : NULL;
        uint32_t count = reader->partition_count + 1;
        bool is_whole = bytes != NULL && sqlite3_column_bytes(statement, 0) == (int)(count * 8);
        for (uint32_t i = 0; is_whole && i < count; i++) {
            int64_t end = (int64_t)hr_load_u64(bytes + (size_t)i * 8);
            reader->sources[i] = end > reader->sources[i] ? end : reader->sources[i];
        }
        err = is_whole ? HR_OK : HR_NOT_FOUND;
    }
    sqlite3_finalize(statement);
    return err;
}

hr_err history_snapshot(history_reader *reader, const char *sql, hr_why *why)
{
    history_let_go(reader);
    /* Asked before the file: what the log has let go of by now and the file has not is lost for
     * good; what it lets go of later is in a newer file, so whoever meets that begins again. */
    for (uint32_t i = 0; i <= reader->partition_count; i++) {
        bool is_event = i == reader->partition_count;
        reader->sources[i] = log_start(reader->log, is_event ? HR_TOPIC_EVENTS : HR_TOPIC_POSITIONS,
                                       is_event ? 0 : (uint16_t)i);
    }
    hr_err err = open_file(reader, why);
    if (err != HR_OK || reader->db == NULL) {
        return err;
    }
    err = file_err(reader, sqlite3_exec(reader->db, "BEGIN", NULL, NULL, NULL), why);
    reader->is_snapshot = err == HR_OK;
    if (err == HR_OK) {
        err = read_sources(reader, why);
    }
    if (err == HR_OK) {
        int code = sqlite3_prepare_v2(reader->db, sql, -1, &reader->statement, NULL);
        err = file_err(reader, code, why);
    }
    if (err != HR_OK) {
        drop_file(reader);
    }
    return err == HR_NOT_FOUND ? HR_OK : err;
}

hr_err history_step(history_reader *reader, hr_why *why)
{
    int code = sqlite3_step(reader->statement);
    if (code == SQLITE_ROW) {
        return HR_OK;
    }
    hr_err err = file_err(reader, code, why);
    drop_file(reader);
    return err == HR_OK ? HR_NOT_FOUND : err;
}

bool history_device_id(history_reader *reader, uint64_t device, char *id)
{
    sqlite3_stmt *statement = NULL;
    bool is_found = false;
    if (open_file(reader, NULL) != HR_OK || reader->db == NULL) {
        return false;
    }
    int code = sqlite3_prepare_v2(reader->db, "SELECT id FROM device WHERE key = ?1", -1,
                                  &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, (int64_t)device);
        const char *text = sqlite3_step(statement) == SQLITE_ROW
                               ? (const char *)sqlite3_column_text(statement, 0)
                               : NULL;
        is_found = text != NULL && strlen(text) <= HR_DEVICE_ID_MAX;
        if (is_found) {
            memcpy(id, text, strlen(text) + 1);
        }
    }
    sqlite3_finalize(statement);
    return is_found;
}

/* ---- the tail ---- */

hr_err history_tail_open(history_reader *reader, uint8_t topic, uint16_t partition, int64_t offset,
                         hr_why *why)
{
    uint32_t source = topic == HR_TOPIC_POSITIONS ? partition : reader->partition_count;
    int64_t from = reader->sources[source];
    reader->from = offset > from ? offset : from;
    reader->offset = reader->from;
    reader->has_view = false;
    log_reader_close(reader->tail);
    reader->tail = NULL;
    hr_err err =
        log_reader_open(reader->log, topic, partition, reader->from, LOG_COMMITTED, &reader->tail);
    return err == HR_OK ? HR_OK : hr_why_set(why, err, "cannot read the log");
}

hr_err history_tail_next(history_reader *reader, hr_why *why)
{
    hr_err err = HR_CORRUPT;
    reader->has_view = false;
    if (history_is_over(reader)) {
        return hr_why_set(why, HR_TIMEOUT, "it took too long to read");
    }
    while (err == HR_CORRUPT) { /* the log says so elsewhere; what stands behind is whole */
        err = log_reader_next(reader->tail, &reader->view, why);
        if (err == HR_GONE && reader->history == NULL) {
            err = HR_CORRUPT;
        }
    }
    if (err != HR_OK) {
        return err == HR_TIMEOUT ? HR_NOT_FOUND : err;
    }
    reader->has_view = true;
    reader->record_at = 0;
    reader->offset = reader->view.first_offset;
    return HR_OK;
}
