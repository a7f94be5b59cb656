/* api/sql_tables.h - what people's SQL can see beside the catalogue's fences: virtual tables over
 * the live view, the history and the log. Nothing is copied until a statement asks for it. */
#ifndef API_SQL_TABLES_H
#define API_SQL_TABLES_H

#include <sqlite3.h>
#include <stdbool.h>

#include "context.h"
#include "engine/history_read.h"
#include "engine/live.h"

/* Make the tables device, inside, event and track in the connection's temp schema. The context must
 * outlive the connection. Returns SQLite's code. */
int sql_tables_add(sqlite3 *db, api_context *context);

/* Whether that is one of them. */
bool sql_tables_has(const char *name);

/* ---- what their files share ---- */

typedef struct sql_cursor sql_cursor;

/* One table. begin positions a cursor on the first row; next on the following one; both set
 * is_end after the last. Returns SQLite's codes. */
typedef struct sql_table {
    const char *name;
    const char *columns; /* of the CREATE TABLE */
    int key_column;      /* equality with it is given to begin; -1: none */
    int time_column;     /* a lower bound of it is given to begin; -1: none */
    int offset_column;   /* likewise */
    int (*begin)(sql_cursor *cursor, const char *key, int64_t from_ms, int64_t from_offset);
    int (*next)(sql_cursor *cursor);
    void (*column)(sql_cursor *cursor, sqlite3_context *result, int column);
    /* Of the row at hand, the same in every scan: SQLite leaves out what it has met in another (OR,
     * right and full joins). Rows that are equal in all columns share it: a condition passes all of
     * them or none. */
    int64_t (*rowid)(const sql_cursor *cursor);
} sql_table;

struct sql_cursor {
    sqlite3_vtab_cursor base; /* first, as SQLite wants it */
    const sql_table *table;
    api_context *context;
    bool is_end;
    char key[HR_DEVICE_ID_MAX + 1];
    engine_answer found; /* device, inside */
    size_t at;
    const void *rules; /* inside: geo_rules */
    uint32_t rank;     /* inside: fence at hand */
    char fence[HR_FENCE_ID_MAX + 1];
    int64_t to_ms;           /* an upper bound of the time column; INT64_MAX: none */
    history_reader *history; /* event, track; kept for the next begin */
    int64_t offset;          /* of the record at hand */
    uint64_t device;         /* track: whose id is in key */
    void *record;            /* what the record holds, by table; freed with the cursor */
};

/* Texts and numbers as results; NULL where the sender did not say. */
void sql_result_time(sqlite3_context *result, int64_t time_ms);
void sql_result_fix(sqlite3_context *result, const hr_fix *fix, int column);

extern const sql_table sql_table_device;
extern const sql_table sql_table_inside;
extern const sql_table sql_table_event;
extern const sql_table sql_table_track;

#endif
