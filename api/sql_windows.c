/* api/sql_windows.c - a virtual table over a query's rows, which are read once for each scan. */
#include "sql_windows.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/limits.h"
#include "engine/query.h"

#define PREFIX "window_"
#define MODULE "hedgerow_window"
#define ROWS_MAX 100000
#define ROWS_BYTES_MAX (32u << 20)
#define ROWS_KEY "\"rows\":["
#define COLUMNS_MAX 32
#define GROUPS_MAX 8

static const char *const fixed_columns[] = {"window_from", "window_to", "final"};
static const char *const fixed_members[] = {"from", "to", "final"};
#define FIXED_COUNT 3

typedef struct window_table {
    sqlite3_vtab base; /* first */
    api_context *context;
    char name[HR_FENCE_ID_MAX + 1]; /* of the query */
    int group_count;
    int value_count;
    char *values[COLUMNS_MAX]; /* names of the aggregates */
} window_table;

typedef struct window_cursor {
    sqlite3_vtab_cursor base; /* first */
    hr_buf text;
    const char *at; /* behind the row at hand */
    cJSON *row;     /* NULL: the end */
    sqlite3_int64 number;
} window_cursor;

bool sql_windows_has(const char *name)
{
    return strncasecmp(name, PREFIX, strlen(PREFIX)) == 0;
}

/* ---- tables ---- */

static void table_free(window_table *table)
{
    for (int i = 0; i < table->value_count; i++) {
        free(table->values[i]);
    }
    free(table);
}

/* Like SQLite: letters of either case are the same. */
static bool is_taken(char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcasecmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static char *append_column(char *sql, const char *name)
{
    char *longer = sql != NULL ? sqlite3_mprintf("%s, \"%w\"", sql, name) : NULL;
    sqlite3_free(sql);
    return longer;
}

/* The columns by the definition; a group's whose expression is an aggregate's name, or another
 * group's too, is told apart by its number. */
static char *declare(window_table *table, const cJSON *definition)
{
    char *names[COLUMNS_MAX + GROUPS_MAX];
    int name_count = 0;
    const cJSON *item = NULL;
    char *sql = sqlite3_mprintf("CREATE TABLE x(window_from, window_to, final");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(definition, "select"))
    {
        if (table->value_count < COLUMNS_MAX && item->string != NULL) {
            table->values[table->value_count] = strdup(item->string);
            if (table->values[table->value_count] == NULL) {
                break;
            }
            names[name_count++] = table->values[table->value_count++];
        }
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(definition, "group_by"))
    {
        char number[32];
        char *name = cJSON_GetStringValue(item);
        snprintf(number, sizeof number, "group_%d", ++table->group_count);
        if (name == NULL || name_count == COLUMNS_MAX + GROUPS_MAX) {
            continue;
        }
        bool is_other =
            !is_taken(names, name_count, name) && strcasecmp(name, fixed_columns[0]) != 0 &&
            strcasecmp(name, fixed_columns[1]) != 0 && strcasecmp(name, fixed_columns[2]) != 0;
        sql = append_column(sql, is_other ? name : number);
        names[name_count++] = name;
    }
    for (int i = 0; i < table->value_count; i++) {
        sql = append_column(sql, table->values[i]);
    }
    char *whole = sql != NULL ? sqlite3_mprintf("%s)", sql) : NULL;
    sqlite3_free(sql);
    return whole;
}

static int on_connect(sqlite3 *db, void *data, int argc, const char *const *argv,
                      sqlite3_vtab **out, char **error)
{
    hr_buf text;
    (void)error;
    window_table *table = argc > 3 ? calloc(1, sizeof *table) : NULL;
    if (table == NULL) {
        return SQLITE_NOMEM;
    }
    table->context = data;
    /* In double quotes, which no name has inside. */
    snprintf(table->name, sizeof table->name, "%.*s", (int)strlen(argv[3]) - 2, argv[3] + 1);
    hr_buf_init(&text, ROWS_BYTES_MAX);
    hr_err err = engine_query_get(table->context->queries, table->name, &text);
    cJSON *query = err == HR_OK ? cJSON_ParseWithLength((const char *)text.data, text.size) : NULL;
    hr_buf_fini(&text);
    char *sql = declare(table, cJSON_GetObjectItemCaseSensitive(query, "definition"));
    int code = sql != NULL ? sqlite3_declare_vtab(db, sql) : SQLITE_NOMEM;
    sqlite3_free(sql);
    cJSON_Delete(query);
    if (code != SQLITE_OK) {
        table_free(table);
        return code;
    }
    *out = &table->base;
    return SQLITE_OK;
}

static int on_disconnect(sqlite3_vtab *vtab)
{
    table_free((window_table *)(void *)vtab);
    return SQLITE_OK;
}

static int on_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    (void)vtab;
    info->estimatedCost = 1000;
    info->estimatedRows = 1000;
    return SQLITE_OK;
}

/* ---- rows ---- */

static int on_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    (void)vtab;
    window_cursor *cursor = calloc(1, sizeof *cursor);
    if (cursor == NULL) {
        return SQLITE_NOMEM;
    }
    hr_buf_init(&cursor->text, ROWS_BYTES_MAX);
    *out = &cursor->base;
    return SQLITE_OK;
}

static int on_close(sqlite3_vtab_cursor *base)
{
    window_cursor *cursor = (window_cursor *)(void *)base;
    cJSON_Delete(cursor->row);
    hr_buf_fini(&cursor->text);
    free(cursor);
    return SQLITE_OK;
}

/* One row is parsed at a time: all of them as a tree would take ten times the text. */
static int on_next(sqlite3_vtab_cursor *base)
{
    window_cursor *cursor = (window_cursor *)(void *)base;
    const char *end = NULL;
    cJSON_Delete(cursor->row);
    cursor->row = NULL;
    cursor->number++;
    cursor->at += *cursor->at == ',';
    if (*cursor->at == '{') {
        cursor->row = cJSON_ParseWithOpts(cursor->at, &end, false);
        if (cursor->row == NULL) {
            return SQLITE_NOMEM;
        }
        cursor->at = end;
    }
    return SQLITE_OK;
}

static int on_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc,
                     sqlite3_value **argv)
{
    window_cursor *cursor = (window_cursor *)(void *)base;
    const window_table *table = (const window_table *)(const void *)base->pVtab;
    (void)plan;
    (void)text;
    (void)argc;
    (void)argv;
    hr_buf_clear(&cursor->text);
    hr_err err = engine_query_rows(table->context->queries, table->name, ROWS_MAX, &cursor->text);
    if (err == HR_NOT_FOUND) {
        /* Removed meanwhile: there are no rows. */
        hr_buf_put_text(&cursor->text, ROWS_KEY "]");
        err = HR_OK;
    }
    hr_buf_put_u8(&cursor->text, 0);
    if (err != HR_OK || hr_buf_err(&cursor->text) != HR_OK) {
        return SQLITE_TOOBIG;
    }
    const char *all = (const char *)cursor->text.data;
    static const char cut[] = "],\"cut\":true}";
    size_t size = cursor->text.size - 1;
    if (size >= strlen(cut) && memcmp(all + size - strlen(cut), cut, strlen(cut)) == 0) {
        return SQLITE_TOOBIG; /* rather no answer than a part of one */
    }
    cursor->number = -1;
    cursor->at = strstr(all, ROWS_KEY) + strlen(ROWS_KEY);
    return on_next(base);
}

static int on_eof(sqlite3_vtab_cursor *base)
{
    return ((const window_cursor *)(const void *)base)->row == NULL;
}

static void result_value(sqlite3_context *result, const cJSON *value)
{
    if (cJSON_IsNumber(value)) {
        double number = value->valuedouble;
        if (number >= -1e15 && number <= 1e15 && number == (double)(int64_t)number) {
            sqlite3_result_int64(result, (int64_t)number);
        } else {
            sqlite3_result_double(result, number);
        }
    } else if (cJSON_IsString(value)) {
        sqlite3_result_text(result, value->valuestring, -1, SQLITE_TRANSIENT);
    } else if (cJSON_IsBool(value)) {
        sqlite3_result_int(result, cJSON_IsTrue(value));
    } else if (cJSON_IsObject(value) || cJSON_IsArray(value)) {
        sqlite3_result_text(result, cJSON_PrintUnformatted(value), -1, cJSON_free);
    } else {
        sqlite3_result_null(result);
    }
}

static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
    const window_cursor *cursor = (const window_cursor *)(const void *)base;
    const window_table *table = (const window_table *)(const void *)base->pVtab;
    const cJSON *value = NULL;
    if (column < FIXED_COUNT) {
        value = cJSON_GetObjectItemCaseSensitive(cursor->row, fixed_members[column]);
    } else if (column < FIXED_COUNT + table->group_count) {
        value = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(cursor->row, "group"),
                                   column - FIXED_COUNT);
    } else {
        value = cJSON_GetObjectItemCaseSensitive(
            cursor->row, table->values[column - FIXED_COUNT - table->group_count]);
    }
    result_value(result, value);
    return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *row)
{
    *row = ((const window_cursor *)(const void *)base)->number;
    return SQLITE_OK;
}

static const sqlite3_module window_module = {
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

/* ---- all of them ---- */

static int add_table(sqlite3 *db, const char *name, const char *query)
{
    char *sql = sqlite3_mprintf("CREATE VIRTUAL TABLE IF NOT EXISTS temp.\"" PREFIX
                                "%w\" USING " MODULE "(\"%w\")",
                                name, query);
    int code = sql != NULL ? sqlite3_exec(db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return code;
}

static const char *name_of(const cJSON *query)
{
    bool is_understood = cJSON_GetObjectItemCaseSensitive(query, "definition") != NULL;
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(query, "name"));
    return is_understood && name != NULL && hr_fence_id_is_valid(name, strlen(name)) ? name : NULL;
}

/* Own names before aliases, so that no alias hides another query. */
static int add_tables(sqlite3 *db, const cJSON *queries, bool aliases)
{
    int code = SQLITE_OK;
    const cJSON *query = NULL;
    cJSON_ArrayForEach(query, queries)
    {
        char plain[HR_FENCE_ID_MAX + 1];
        const char *name = name_of(query);
        if (name == NULL || code != SQLITE_OK) {
            continue;
        }
        snprintf(plain, sizeof plain, "%s", name);
        for (char *at = plain; aliases && *at != 0; at++) {
            *at = *at == '-' || *at == '.' ? '_' : *at;
        }
        code = add_table(db, plain, name);
    }
    return code;
}

int sql_windows_add(sqlite3 *db, api_context *context, const char *sql)
{
    hr_buf text;
    if (context->queries == NULL || strcasestr(sql, PREFIX) == NULL) {
        return SQLITE_OK;
    }
    hr_buf_init(&text, ROWS_BYTES_MAX);
    hr_err err = engine_queries_list(context->queries, &text);
    cJSON *root = err == HR_OK ? cJSON_ParseWithLength((const char *)text.data, text.size) : NULL;
    hr_buf_fini(&text);
    const cJSON *queries = cJSON_GetObjectItemCaseSensitive(root, "queries");
    int code = root != NULL ? sqlite3_create_module_v2(db, MODULE, &window_module, context, NULL)
                            : SQLITE_NOMEM;
    code = code == SQLITE_OK ? add_tables(db, queries, false) : code;
    code = code == SQLITE_OK ? add_tables(db, queries, true) : code;
    cJSON_Delete(root);
    return code;
}
