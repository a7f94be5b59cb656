/* api/routes_sql.c - people's SQL: each statement on a connection of its own, which can only read
 * what the contract names, and not for long. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "body.h"
#include "routes.h"
#include "sql_gate.h"
#include "sql_tables.h"
#include "sql_windows.h"

#define ROWS_DEFAULT 10000
#define ROWS_MAX 100000
#define ANSWER_BYTES_ENOUGH (16u << 20) /* rows beyond are left out; `cut` says so */
#define SQL_BYTES_MAX 60000
#define TIME_NS_MAX INT64_C(5000000000)
#define MEMORY_BYTES_MAX (64 << 20)
#define RESIDENT_BYTES_MAX (INT64_C(128) << 20) /* growth of the whole process meanwhile */
#define PROGRESS_STEPS 50       /* of SQLite's machine, between looks at the clock */
#define LOOK_NS INT64_C(200000) /* between looks at what costs more */
#define VALUE_BYTES_MAX (4 << 20)

typedef struct statement_run {
    api_context *context;
    const api_request *request;
    int64_t until_ns;
    int64_t memory_before;
    int64_t resident_before;
    int64_t looked_ns;
    int statm;              /* the process's memory as the system counts it; -1: cannot be told */
    const char *stopped_by; /* what limit it hit; NULL: none */
    sql_gate gate;
} statement_run;

/* ---- limits ---- */

/* SQLite counts what it takes itself, SpatiaLite's shapes only the system does. */
static int64_t resident_bytes(const statement_run *run)
{
    char text[128];
    ssize_t size = run->statm >= 0 ? pread(run->statm, text, sizeof text - 1, 0) : 0;
    text[size > 0 ? size : 0] = 0;
    const char *second = strchr(text, ' ');
    return second != NULL ? strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

static int on_progress(void *argument)
{
    statement_run *run = argument;
    int64_t now_ns = hr_clock_mono_ns(run->context->clock);
    if (now_ns - run->looked_ns < LOOK_NS) {
        return 0;
    }
    run->looked_ns = now_ns;
    if (run->request->is_gone != NULL && atomic_load(run->request->is_gone)) {
        run->stopped_by = "whoever asked has gone";
    } else if (now_ns > run->until_ns) {
        run->stopped_by = "it took more than 5 seconds";
    } else if (sqlite3_memory_used() - run->memory_before > MEMORY_BYTES_MAX) {
        run->stopped_by = "it needs more than 64 MB of memory";
    } else if (resident_bytes(run) - run->resident_before > RESIDENT_BYTES_MAX) {
        run->stopped_by = "it needs more than 128 MB of memory";
    }
    return run->stopped_by != NULL;
}

static void set_limits(sqlite3 *db)
{
    static const int limits[][2] = {{SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX},
                                    {SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX},
                                    {SQLITE_LIMIT_EXPR_DEPTH, 100},
                                    {SQLITE_LIMIT_COMPOUND_SELECT, 50},
                                    {SQLITE_LIMIT_ATTACHED, 0},
                                    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
                                    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
                                    {SQLITE_LIMIT_WORKER_THREADS, 0},
                                    {SQLITE_LIMIT_COLUMN, 500}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        sqlite3_limit(db, limits[i][0], limits[i][1]);
    }
}

/* With so many corners for a quarter of a circle as one likes. */
static int remove_boundless_buffer(sqlite3 *db)
{
    int code = sqlite3_create_function(db, "Buffer", 3, SQLITE_UTF8, NULL, NULL, NULL, NULL);
    return code == SQLITE_OK
               ? sqlite3_create_function(db, "ST_Buffer", 3, SQLITE_UTF8, NULL, NULL, NULL, NULL)
               : code;
}

static int open_connection(api_context *context, const char *sql, sqlite3 **out, hr_why *why)
{
    sqlite3 *db = NULL;
    char *said = NULL;
    int code = sqlite3_open_v2(context->catalog_path, &db,
                               SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_load_extension(db, "mod_spatialite", NULL, &said);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    }
    if (code == SQLITE_OK) {
        code = remove_boundless_buffer(db);
    }
    if (code == SQLITE_OK) {
        /* The tables behind JSON's functions are made when first named, which must be now. */
        code = sqlite3_exec(db,
                            "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
                            "SELECT 1 FROM json_each('[]'), json_tree('[]');",
                            NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sql_tables_add(db, context);
    }
    if (code == SQLITE_OK) {
        code = sql_windows_add(db, context, sql);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    }
    if (code == SQLITE_OK) {
        set_limits(db);
    } else { /* not all that fails leaves its words with the connection */
        bool is_told = db != NULL && sqlite3_errcode(db) != SQLITE_OK;
        const char *text = is_told ? sqlite3_errmsg(db) : sqlite3_errstr(code);
        snprintf(why->text, sizeof why->text, "%s", said != NULL ? said : text);
    }
    sqlite3_free(said);
    *out = db;
    return code;
}

/* ---- running ---- */

static void put_value(hr_json *json, sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        hr_json_i64(json, sqlite3_column_int64(statement, column));
        break;
    case SQLITE_FLOAT:
        hr_json_double(json, sqlite3_column_double(statement, column));
        break;
    case SQLITE_TEXT:
        hr_json_text_sized(json, (const char *)sqlite3_column_text(statement, column),
                           (size_t)sqlite3_column_bytes(statement, column));
        break;
    case SQLITE_BLOB: {
        /* Shapes are meant to go through AsGeoJSON(); the rest is shown as hexadecimal digits. */
        const uint8_t *bytes = sqlite3_column_blob(statement, column);
        int size = sqlite3_column_bytes(statement, column);
        hr_json_raw(json, "\"", 1);
        for (int i = 0; i < size; i++) {
            hr_buf_printf(json->buf, "%02x", bytes[i]);
        }
        hr_buf_put_u8(json->buf, '"');
        break;
    }
    default:
        hr_json_null(json);
    }
}

static int bind_values(sqlite3_stmt *statement, const cJSON *values)
{
    int code = SQLITE_OK;
    int number = 0;
    const cJSON *value = NULL;
    cJSON_ArrayForEach(value, values)
    {
        number++;
        if (code != SQLITE_OK) {
            break;
        }
        if (cJSON_IsNumber(value)) {
            bool is_whole = value->valuedouble == (double)(int64_t)value->valuedouble;
            code = is_whole ? sqlite3_bind_int64(statement, number, (int64_t)value->valuedouble)
                            : sqlite3_bind_double(statement, number, value->valuedouble);
        } else if (cJSON_IsString(value)) {
            code = sqlite3_bind_text(statement, number, value->valuestring, -1, SQLITE_TRANSIENT);
        } else if (cJSON_IsBool(value)) {
            code = sqlite3_bind_int(statement, number, cJSON_IsTrue(value));
        } else {
            code = sqlite3_bind_null(statement, number);
        }
    }
    return code;
}

/* Returns SQLite's code at the end; SQLITE_DONE is good. */
static int put_rows(sqlite3_stmt *statement, int64_t limit, api_answer *answer)
{
    int columns = sqlite3_column_count(statement);
    bool is_cut = false;
    int code = SQLITE_DONE;
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key(&json, "columns");
    hr_json_open_array(&json);
    for (int i = 0; i < columns; i++) {
        hr_json_text(&json, sqlite3_column_name(statement, i));
    }
    hr_json_close_array(&json);
    hr_json_key(&json, "rows");
    hr_json_open_array(&json);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        is_cut = limit-- <= 0 || answer->body.size > ANSWER_BYTES_ENOUGH;
        if (is_cut) {
            code = SQLITE_DONE;
            break;
        }
        hr_json_open_array(&json);
        for (int i = 0; i < columns; i++) {
            put_value(&json, statement, i);
        }
        hr_json_close_array(&json);
    }
    hr_json_close_array(&json);
    hr_json_key_bool(&json, "cut", is_cut);
    hr_json_close_object(&json);
    return code;
}

static void answer_denied(api_answer *answer, const char *what)
{
    api_answer_error(answer, 403, "sql.denied", "sql",
                     "only select from device, fence, inside, event, track and window_<query> (%s)",
                     what);
}

static void answer_failure(const statement_run *run, sqlite3 *db, int code, api_answer *answer)
{
    if (run->stopped_by != NULL) {
        api_answer_error(answer, 400, "sql.limit", "sql", "stopped: %s", run->stopped_by);
    } else if (code == SQLITE_AUTH) {
        answer_denied(answer, sqlite3_errmsg(db));
    } else if (code == SQLITE_NOMEM) {
        api_answer_error(answer, 503, "sql.no_memory", NULL, "out of memory");
    } else if (code == SQLITE_CANTOPEN || code == SQLITE_IOERR || code == SQLITE_FULL ||
               code == SQLITE_BUSY) {
        api_answer_error(answer, 503, "sql.unavailable", NULL, "SQL is not available: %s",
                         sqlite3_errmsg(db));
    } else {
        api_answer_error(answer, 400, "sql.invalid", "sql", "%s", sqlite3_errmsg(db));
    }
}

/* Behind the first one comments and semicolons may stand, and nothing else. */
static bool has_another(sqlite3 *db, const char *rest, api_answer *answer)
{
    bool is_any = false;
    while (*rest != 0 && !is_any) {
        sqlite3_stmt *next = NULL;
        is_any = sqlite3_prepare_v2(db, rest, -1, &next, &rest) != SQLITE_OK || next != NULL;
        sqlite3_finalize(next);
    }
    if (is_any) {
        api_answer_error(answer, 400, "sql.invalid", "sql", "one statement at a time");
    }
    return is_any;
}

/* A value that is missing, or of a kind that SQL does not have, would be null: another question. */
static bool are_all(sqlite3_stmt *statement, const cJSON *values, api_answer *answer)
{
    int wanted = sqlite3_bind_parameter_count(statement);
    bool is_list = values == NULL || cJSON_IsNull(values) || cJSON_IsArray(values);
    int given = cJSON_IsArray(values) ? cJSON_GetArraySize(values) : 0;
    const cJSON *value = NULL;
    cJSON_ArrayForEach(value, values)
    {
        is_list = is_list && !cJSON_IsArray(value) && !cJSON_IsObject(value);
    }
    if (!is_list) {
        api_answer_error(answer, 400, "body.field", "params",
                         "params must be a list of numbers, texts, true, false or null");
    } else if (given != wanted) {
        api_answer_error(answer, 400, "body.field", "params",
                         "the statement takes %d values, params has %d", wanted, given);
    }
    return is_list && given == wanted;
}

static void run_statement(statement_run *run, sqlite3 *db, const char *sql, const cJSON *values,
                          int64_t limit, api_answer *answer)
{
    sqlite3_stmt *statement = NULL;
    const char *rest = NULL;
    sql_gate_set(&run->gate, db);
    sqlite3_progress_handler(db, PROGRESS_STEPS, on_progress, run);
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, &rest);
    if (code == SQLITE_OK && statement == NULL) {
        api_answer_error(answer, 400, "sql.invalid", "sql", "there is no statement");
        return;
    }
    if (code == SQLITE_OK &&
        (has_another(db, rest, answer) || !are_all(statement, values, answer))) {
        sqlite3_finalize(statement);
        return;
    }
    const char *refused = code == SQLITE_OK ? sql_gate_close(&run->gate, db) : NULL;
    if (refused != NULL) {
        sqlite3_finalize(statement);
        answer_denied(answer, refused);
        return;
    }
    if (code == SQLITE_OK && !sqlite3_stmt_readonly(statement)) {
        code = SQLITE_AUTH; /* the authoriser has said so already */
    }
    code = code == SQLITE_OK ? bind_values(statement, values) : code;
    code = code == SQLITE_OK ? put_rows(statement, limit, answer) : code;
    if (code != SQLITE_DONE) {
        answer_failure(run, db, code, answer);
    }
    sqlite3_finalize(statement);
}

void route_sql(api_context *context, const api_request *request, api_answer *answer)
{
    cJSON *body = api_body_parse(request, answer);
    const char *sql = body != NULL ? api_body_text(body, "sql", SQL_BYTES_MAX, NULL, answer) : NULL;
    int64_t limit = 0;
    if (sql == NULL || !api_body_number(body, "limit", 1, ROWS_MAX, ROWS_DEFAULT, &limit, answer)) {
        cJSON_Delete(body);
        return;
    }
    if (context->catalog_path == NULL) {
        cJSON_Delete(body);
        api_answer_error(answer, 503, "catalog.absent", NULL, "the catalogue is not open yet");
        return;
    }
    statement_run run = {
        .context = context,
        .request = request,
        .until_ns = hr_clock_mono_ns(context->clock) + TIME_NS_MAX,
        .memory_before = sqlite3_memory_used(),
        .statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC),
    };
    sqlite3 *db = NULL;
    hr_why why = {.text = ""};
    int code = open_connection(context, sql, &db, &why);
    run.resident_before = resident_bytes(&run);
    if (code == SQLITE_OK) {
        run_statement(&run, db, sql, cJSON_GetObjectItemCaseSensitive(body, "params"), limit,
                      answer);
    } else {
        api_answer_error(answer, 503, "sql.unavailable", NULL, "SQL is not available: %s",
                         why.text);
    }
    sqlite3_close(db);
    if (run.statm >= 0) {
        close(run.statm);
    }
    cJSON_Delete(body);
}
