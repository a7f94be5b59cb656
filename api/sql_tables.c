/* api/sql_tables.c - the one virtual table module behind all of them. */
#include "sql_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "geo/rules.h"
#include "sql_windows.h"

#define MS_PER_MINUTE INT64_C(60000)
#define MS_PER_DAY INT64_C(86400000)
#define DATE_SIZE 10 /* of "2026-11-20" */

/* Bits of the plan's number: which values begin() gets, in this order. */
enum {
    PLAN_KEY = 1,
    PLAN_TIME = 2,
    PLAN_OFFSET = 4,
    PLAN_UNTIL = 8,
    PLANS = 4,
    PLAN_AT = 16, /* the value of PLAN_TIME is that of PLAN_UNTIL too: SQLite gives it once */
};

static const sql_table *const tables[] = {&sql_table_device, &sql_table_inside, &sql_table_event,
                                          &sql_table_track};

#define TABLE_COUNT (sizeof tables / sizeof tables[0])

typedef struct connected {
    sqlite3_vtab base; /* first */
    const sql_table *table;
    api_context *context;
} connected;

/* What a module is made with; as long-lived as the connection. */
typedef struct module_data {
    const sql_table *table;
    api_context *context;
} module_data;

bool sql_tables_has(const char *name)
{
    if (sql_windows_has(name)) {
        return true;
    }
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (sqlite3_stricmp(tables[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int on_connect(sqlite3 *db, void *data, int argc, const char *const *argv,
                      sqlite3_vtab **out, char **error)
{
    const module_data *module = data;
    char sql[512];
    (void)argc;
    (void)argv;
    (void)error;
    snprintf(sql, sizeof sql, "CREATE TABLE x(%s)", module->table->columns);
    int code = sqlite3_declare_vtab(db, sql);
    connected *made = code == SQLITE_OK ? calloc(1, sizeof *made) : NULL;
    if (made == NULL) {
        return code == SQLITE_OK ? SQLITE_NOMEM : code;
    }
    made->table = module->table;
    made->context = module->context;
    *out = &made->base;
    return SQLITE_OK;
}

static int on_disconnect(sqlite3_vtab *vtab)
{
    free(vtab);
    return SQLITE_OK;
}

static bool is_lower_bound(unsigned char op)
{
    return op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_GE ||
           op == SQLITE_INDEX_CONSTRAINT_GT;
}

static bool is_upper_bound(unsigned char op)
{
    return op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_LE ||
           op == SQLITE_INDEX_CONSTRAINT_LT;
}

/* What is equal or less by another collation may stand elsewhere. */
static bool is_binary(sqlite3_index_info *info, int constraint)
{
    const char *collation = sqlite3_vtab_collation(info, constraint);
    return collation != NULL && sqlite3_stricmp(collation, "BINARY") == 0;
}

/* SQLite checks every row again, so a bound only has to spare work. */
static int on_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    const sql_table *table = ((const connected *)(void *)vtab)->table;
    int used[PLANS] = {-1, -1, -1, -1};
    for (int i = 0; i < info->nConstraint; i++) {
        int column = info->aConstraint[i].iColumn;
        unsigned char op = info->aConstraint[i].op;
        if (!info->aConstraint[i].usable || column < 0 ||
            (column != table->offset_column && !is_binary(info, i))) {
            continue;
        }
        if (column == table->key_column && op == SQLITE_INDEX_CONSTRAINT_EQ) {
            used[0] = i;
        } else if (column == table->time_column && is_lower_bound(op)) {
            used[1] = i;
        } else if (column == table->offset_column && is_lower_bound(op)) {
            used[2] = i;
        }
        if (column == table->time_column && is_upper_bound(op)) {
            used[3] = i;
        }
    }
    if (used[1] >= 0 && used[1] == used[3]) {
        used[3] = -1;
        info->idxNum |= PLAN_AT;
    }
    int count = 0;
    info->estimatedCost = 1e6;
    for (int i = 0; i < PLANS; i++) {
        if (used[i] >= 0) {
            info->aConstraintUsage[used[i]].argvIndex = ++count;
            info->idxNum |= 1 << i;
            info->estimatedCost /= i == 0 ? 1000 : 10;
        }
    }
    return SQLITE_OK;
}

static int on_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    const connected *from = (const connected *)(void *)vtab;
    sql_cursor *cursor = calloc(1, sizeof *cursor);
    if (cursor == NULL) {
        return SQLITE_NOMEM;
    }
    cursor->table = from->table;
    cursor->context = from->context;
    engine_answer_init(&cursor->found);
    *out = &cursor->base;
    return SQLITE_OK;
}

static void cursor_clear(sql_cursor *cursor)
{
    geo_rules_unref(cursor->rules);
    cursor->rules = NULL;
    cursor->rank = 0;
    cursor->at = 0;
    cursor->found.count = 0;
    cursor->is_end = false;
}

static int on_close(sqlite3_vtab_cursor *base)
{
    sql_cursor *cursor = (sql_cursor *)(void *)base;
    cursor_clear(cursor);
    engine_answer_fini(&cursor->found);
    history_reader_free(cursor->history);
    free(cursor->record);
    free(cursor);
    return SQLITE_OK;
}

/* Texts are compared, not times: "08:00Z" stands behind "08:00:59.999Z", and "2026-11-20 23:00"
 * before all of that day. So what is written as the column is bounds it by a minute, what only
 * begins with a date by that day, and all else not at all. */
static void bounds_of(sqlite3_value *value, int64_t *from_ms, int64_t *to_ms)
{
    bool is_text = sqlite3_value_type(value) == SQLITE_TEXT;
    const char *text = is_text ? (const char *)sqlite3_value_text(value) : NULL;
    size_t size = text != NULL ? strlen(text) : 0;
    int64_t length_ms = MS_PER_MINUTE;
    int64_t time_ms = 0;
    *from_ms = INT64_MIN;
    *to_ms = INT64_MAX;
    if (size < DATE_SIZE) {
        return;
    }
    bool is_alike = text[DATE_SIZE] == 'T' && text[size - 1] == 'Z' &&
                    hr_time_parse(text, size, &time_ms) == HR_OK;
    if (!is_alike) {
        char midnight[] = "0000-00-00T00:00Z";
        memcpy(midnight, text, DATE_SIZE);
        length_ms = MS_PER_DAY;
        if (hr_time_parse(midnight, sizeof midnight - 1, &time_ms) != HR_OK) {
            return;
        }
    }
    /* A time outside what can be written stands in the column as the nearest that can. */
    *from_ms = time_ms <= HR_TIME_MS_MIN              ? INT64_MIN
               : time_ms > HR_TIME_MS_MAX - length_ms ? HR_TIME_MS_MAX - length_ms
                                                      : time_ms;
    *to_ms = time_ms < HR_TIME_MS_MAX - length_ms ? time_ms + length_ms : INT64_MAX;
}

static int on_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc,
                     sqlite3_value **argv)
{
    sql_cursor *cursor = (sql_cursor *)(void *)base;
    const char *key = NULL;
    int64_t from_ms = INT64_MIN;
    int64_t from_offset = 0;
    int at = 0;
    (void)text;
    cursor_clear(cursor);
    if ((plan & PLAN_KEY) != 0 && at < argc) {
        key = (const char *)sqlite3_value_text(argv[at++]);
        if (key == NULL || strlen(key) >= sizeof cursor->key) {
            cursor->is_end = true;
            return SQLITE_OK;
        }
        memcpy(cursor->key, key, strlen(key) + 1);
        key = cursor->key;
    }
    cursor->to_ms = INT64_MAX;
    if ((plan & PLAN_TIME) != 0 && at < argc) {
        int64_t to_ms;
        bounds_of(argv[at++], &from_ms, &to_ms);
        cursor->to_ms = (plan & PLAN_AT) != 0 ? to_ms : INT64_MAX;
    }
    if ((plan & PLAN_OFFSET) != 0 && at < argc) {
        from_offset = sqlite3_value_int64(argv[at++]);
    }
    if ((plan & PLAN_UNTIL) != 0 && at < argc) {
        int64_t ignored_ms;
        bounds_of(argv[at++], &ignored_ms, &cursor->to_ms);
    }
    return cursor->table->begin(cursor, key, from_ms, from_offset > 0 ? from_offset : 0);
}

static int on_next(sqlite3_vtab_cursor *base)
{
    sql_cursor *cursor = (sql_cursor *)(void *)base;
    return cursor->table->next(cursor);
}

static int on_eof(sqlite3_vtab_cursor *base)
{
    return ((const sql_cursor *)(void *)base)->is_end;
}

static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
    sql_cursor *cursor = (sql_cursor *)(void *)base;
    cursor->table->column(cursor, result, column);
    return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *row)
{
    const sql_cursor *cursor = (const sql_cursor *)(void *)base;
    *row = cursor->table->rowid(cursor);
    return SQLITE_OK;
}

int sql_tables_add(sqlite3 *db, api_context *context)
{
    static const sqlite3_module module = {
        .xCreate = on_connect,
        .xConnect = on_connect,
        .xBestIndex = on_best_index,
        .xDisconnect = on_disconnect,
        .xDestroy = on_disconnect,
        .xOpen = on_open,
        .xClose = on_close,
        .xFilter = on_filter,
        .xNext = on_next,
        .xEof = on_eof,
        .xColumn = on_column,
        .xRowid = on_rowid,
    };
    int code = SQLITE_OK;
    for (size_t i = 0; i < TABLE_COUNT && code == SQLITE_OK; i++) {
        char name[32];
        char sql[96];
        module_data *data = malloc(sizeof *data);
        if (data == NULL) {
            return SQLITE_NOMEM;
        }
        *data = (module_data){.table = tables[i], .context = context};
        snprintf(name, sizeof name, "hedgerow_%s", tables[i]->name);
        snprintf(sql, sizeof sql, "CREATE VIRTUAL TABLE temp.%s USING %s", tables[i]->name, name);
        code = sqlite3_create_module_v2(db, name, &module, data, free);
        code = code == SQLITE_OK ? sqlite3_exec(db, sql, NULL, NULL, NULL) : code;
    }
    return code;
}

/* ---- results ---- */

void sql_result_time(sqlite3_context *result, int64_t time_ms)
{
    char text[HR_TIME_TEXT_SIZE];
    hr_time_format(time_ms, text);
    sqlite3_result_text(result, text, -1, SQLITE_TRANSIENT);
}

static void result_scaled(sqlite3_context *result, int64_t value, bool is_known, double scale)
{
    if (is_known) {
        sqlite3_result_double(result, (double)value / scale);
    } else {
        sqlite3_result_null(result);
    }
}

static void store_double(uint8_t *to, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    hr_store_u64(to, bits);
}

/* SpatiaLite's form of a point: begin mark, little-endian, SRID, its box, class, the place. */
static void result_point(sqlite3_context *result, int32_t lon_e7, int32_t lat_e7)
{
    enum {
        POINT_BYTES = 60,
        SRID_WGS84 = 4326,
    };
    uint8_t blob[POINT_BYTES] = {0};
    double x = (double)lon_e7 / 1e7;
    double y = (double)lat_e7 / 1e7;
    blob[1] = 0x01;
    hr_store_u32(blob + 2, SRID_WGS84);
    for (int i = 0; i < 4; i++) {
        store_double(blob + 6 + 8 * i, i % 2 == 0 ? x : y);
    }
    blob[38] = 0x7c;
    hr_store_u32(blob + 39, 1);
    store_double(blob + 43, x);
    store_double(blob + 51, y);
    blob[59] = 0xfe;
    sqlite3_result_blob(result, blob, sizeof blob, SQLITE_TRANSIENT);
}

/* lon, lat, time, accuracy_m, speed_mps, heading_deg, battery_pct, geom: in every table of fixes */
void sql_result_fix(sqlite3_context *result, const hr_fix *fix, int column)
{
    switch (column) {
    case 0:
        result_scaled(result, fix->lon_e7, true, 1e7);
        break;
    case 1:
        result_scaled(result, fix->lat_e7, true, 1e7);
        break;
    case 2:
        sql_result_time(result, fix->time_ms);
        break;
    case 3:
        result_scaled(result, fix->accuracy_dm, fix->accuracy_dm != HR_FIX_U16_UNKNOWN, 10);
        break;
    case 4:
        result_scaled(result, fix->speed_cm_s, fix->speed_cm_s != HR_FIX_U16_UNKNOWN, 100);
        break;
    case 5:
        result_scaled(result, fix->heading_cdeg, fix->heading_cdeg != HR_FIX_U16_UNKNOWN, 100);
        break;
    case 6:
        result_scaled(result, fix->battery_pct, fix->battery_pct != HR_FIX_U8_UNKNOWN, 1);
        break;
    default:
        result_point(result, fix->lon_e7, fix->lat_e7);
    }
}
