/* stream/evaluate.c - an in-memory SQLite connection with one virtual table: the batch; and the
 * short way for expressions that are simple. */
#include "stream/evaluate.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dates.h"

#define PROGRESS_STEPS 500 /* of SQLite's machine, between looks at the clock */
/* Between two looks at the clock a function may take the product of two values' lengths, and an
 * expression of many. No column is longer than a fence's name. */
#define VALUE_BYTES_MAX 1024
#define STILL_VFS "hedgerow-still"

struct stream_evaluator {
    const stream_shape *shape;
    sqlite3 *db;
    sqlite3_stmt *statement;
    stream_dates *dates;
    uint32_t count;
    uint64_t columns; /* bit i: column i is read */
    uint32_t selects; /* seen by the authoriser */
    uint32_t row_ids; /* likewise */
    bool is_simple;
    stream_condition condition;
    int simple[STREAM_EXPRESSIONS_MAX]; /* columns, when it is simple */
    const void *rows;                   /* of the run that is going on */
    size_t row_count;
    int64_t until_ns; /* of the thread's time; 0: no limit */
};

/* ---- the virtual table ---- */

typedef struct batch_table {
    sqlite3_vtab base;
    stream_evaluator *evaluator;
} batch_table;

typedef struct batch_cursor {
    sqlite3_vtab_cursor base;
    const stream_evaluator *evaluator;
    size_t row;
} batch_cursor;

static int on_connect(sqlite3 *db, void *context, int count, const char *const *arguments,
                      sqlite3_vtab **out, char **message)
{
    (void)count;
    (void)arguments;
    (void)message;
    stream_evaluator *evaluator = context;
    char *schema = sqlite3_mprintf("CREATE TABLE x(");
    for (int i = 0; schema != NULL && i < evaluator->shape->column_count; i++) {
        char *longer =
            sqlite3_mprintf("%s%s\"%w\"", schema, i > 0 ? "," : "", evaluator->shape->columns[i]);
        sqlite3_free(schema);
        schema = longer;
    }
    char *whole = schema != NULL ? sqlite3_mprintf("%s)", schema) : NULL;
    sqlite3_free(schema);
    int code = whole != NULL ? sqlite3_declare_vtab(db, whole) : SQLITE_NOMEM;
    sqlite3_free(whole);
    if (code != SQLITE_OK) {
        return code;
    }
    batch_table *table = sqlite3_malloc(sizeof *table);
    if (table == NULL) {
        return SQLITE_NOMEM;
    }
    *table = (batch_table){.evaluator = evaluator};
    *out = &table->base;
    return SQLITE_OK;
}

static int on_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

static int on_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedCost = 1000;
    info->estimatedRows = 1000;
    return SQLITE_OK;
}

static int on_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    batch_cursor *cursor = sqlite3_malloc(sizeof *cursor);
    if (cursor == NULL) {
        return SQLITE_NOMEM;
    }
    *cursor = (batch_cursor){.evaluator = ((batch_table *)table)->evaluator};
    *out = &cursor->base;
    return SQLITE_OK;
}

static int on_close(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int on_filter(sqlite3_vtab_cursor *base, int number, const char *text, int count,
                     sqlite3_value **values)
{
    (void)number;
    (void)text;
    (void)count;
    (void)values;
    ((batch_cursor *)base)->row = 0;
    return SQLITE_OK;
}

static int on_next(sqlite3_vtab_cursor *base)
{
    ((batch_cursor *)base)->row++;
    return SQLITE_OK;
}

static int on_eof(sqlite3_vtab_cursor *base)
{
    const batch_cursor *cursor = (batch_cursor *)base;
    return cursor->row >= cursor->evaluator->row_count;
}

static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    const batch_cursor *cursor = (batch_cursor *)base;
    stream_value value = {.type = STREAM_NULL};
    if (cursor->evaluator->rows != NULL) {
        cursor->evaluator->shape->read(cursor->evaluator->rows, cursor->row, column, &value);
    }
    switch (value.type) {
    case STREAM_WHOLE:
        sqlite3_result_int64(context, value.whole);
        break;
    case STREAM_REAL:
        sqlite3_result_double(context, value.real);
        break;
    case STREAM_TEXT:
        /* The rows outlive the step, so SQLite need not copy. */
        sqlite3_result_text64(context, value.text, value.size, SQLITE_STATIC, SQLITE_UTF8);
        break;
    default:
        sqlite3_result_null(context);
    }
    return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *row)
{
    *row = (sqlite3_int64)((batch_cursor *)base)->row;
    return SQLITE_OK;
}

/* No xCreate: the table is there under the module's own name. */
static const sqlite3_module batch_module = {
    .xConnect = on_connect,
    .xBestIndex = on_best_index,
    .xDisconnect = on_disconnect,
    .xOpen = on_open,
    .xClose = on_close,
    .xFilter = on_filter,
    .xNext = on_next,
    .xEof = on_eof,
    .xColumn = on_column,
    .xRowid = on_rowid,
};

/* ---- what an expression may do ---- */

static bool function_is_harmless(const char *name)
{
    static const char *const bad[] = {"load_extension",
                                      "fts3_tokenizer",
                                      "readfile",
                                      "writefile",
                                      "edit",
                                      "random",
                                      "randomblob",
                                      "zeroblob",
                                      "sqlite_version",
                                      "sqlite_source_id",
                                      "sqlite_compileoption_get",
                                      "sqlite_compileoption_used",
                                      "sqlite_log"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (sqlite3_stricmp(name, bad[i]) == 0) {
            return false;
        }
    }
    return true;
}

static void note_column(stream_evaluator *evaluator, const char *name)
{
    for (int i = 0; name != NULL && i < evaluator->shape->column_count; i++) {
        if (sqlite3_stricmp(evaluator->shape->columns[i], name) == 0) {
            evaluator->columns |= UINT64_C(1) << i;
        }
    }
}

/* Only the one select over the one table, and functions whose answer depends on their arguments
 * alone, on no version or place either: the same log must give the same windows. */
static int authorise(void *context, int action, const char *first, const char *second,
                     const char *schema, const char *trigger)
{
    stream_evaluator *evaluator = context;
    (void)schema;
    (void)trigger;
    switch (action) {
    case SQLITE_SELECT:
        return ++evaluator->selects == 1 ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_READ:
        if (first == NULL || sqlite3_stricmp(first, evaluator->shape->name) != 0) {
            return SQLITE_DENY;
        }
        if (second != NULL && sqlite3_stricmp(second, "rowid") == 0) {
            /* Ours. It is the place in the batch, on which no answer may depend. */
            return ++evaluator->row_ids == 1 ? SQLITE_OK : SQLITE_DENY;
        }
        note_column(evaluator, second);
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return second != NULL && function_is_harmless(second) ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

/* The thread's own time: a machine that is busy with others stops no query. */
int64_t stream_thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int on_progress(void *context)
{
    const stream_evaluator *evaluator = context;
    return evaluator->until_ns != 0 && stream_thread_ns() > evaluator->until_ns;
}

/* ---- no clock ---- */

static sqlite3_vfs still_vfs;
static pthread_once_t still_once = PTHREAD_ONCE_INIT;

static int no_time(sqlite3_vfs *vfs, sqlite3_int64 *julian_ms)
{
    (void)vfs;
    *julian_ms = INT64_C(210866760000000); /* 1970 */
    return SQLITE_OK;
}

static int no_day(sqlite3_vfs *vfs, double *julian)
{
    (void)vfs;
    *julian = 2440587.5;
    return SQLITE_OK;
}

/* SQLite takes the time from the file system's layer: one that stands still. */
static void make_still_vfs(void)
{
    const sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
    if (usual != NULL) {
        still_vfs = *usual;
        still_vfs.zName = STILL_VFS;
        still_vfs.pNext = NULL;
        still_vfs.xCurrentTime = no_day;
        still_vfs.xCurrentTimeInt64 = no_time;
        (void)sqlite3_vfs_register(&still_vfs, 0);
    }
}

static hr_err open_connection(stream_evaluator *evaluator, hr_why *why)
{
    (void)pthread_once(&still_once, make_still_vfs);
    int code = sqlite3_open_v2(":memory:", &evaluator->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, STILL_VFS);
    if (code == SQLITE_OK) {
        code = sqlite3_create_module_v2(evaluator->db, evaluator->shape->name, &batch_module,
                                        evaluator, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_db_config(evaluator->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    }
    if (code == SQLITE_OK) {
        /* The table is made when it is first named, which the authoriser would not allow. */
        char *sql = sqlite3_mprintf("SELECT 0 FROM \"%w\"", evaluator->shape->name);
        code = sql != NULL ? sqlite3_exec(evaluator->db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
        sqlite3_free(sql);
    }
    if (code != SQLITE_OK) {
        return hr_why_set(why, HR_NO_MEMORY, "SQLite: %s", sqlite3_errstr(code));
    }
    hr_err err = stream_dates_new(evaluator->db, STILL_VFS, &evaluator->dates);
    if (err != HR_OK) {
        return err;
    }
    sqlite3_limit(evaluator->db, SQLITE_LIMIT_EXPR_DEPTH, 100);
    sqlite3_limit(evaluator->db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000);
    sqlite3_limit(evaluator->db, SQLITE_LIMIT_COMPOUND_SELECT, 1);
    sqlite3_progress_handler(evaluator->db, PROGRESS_STEPS, on_progress, evaluator);
    sqlite3_set_authorizer(evaluator->db, authorise, evaluator);
    return HR_OK;
}

/* The line ends keep a comment in an expression from reaching beyond it. */
static hr_err prepare(stream_evaluator *evaluator, const char *const *expressions, uint32_t count,
                      const char *where, hr_why *why)
{
    hr_buf sql;
    hr_buf_init(&sql, (STREAM_EXPRESSIONS_MAX + 2) * (STREAM_EXPRESSION_BYTES_MAX + 64));
    hr_buf_put_text(&sql, "SELECT rowid");
    for (uint32_t i = 0; i < count; i++) {
        hr_buf_printf(&sql, ",(\n%s\n)", expressions[i]);
    }
    hr_buf_printf(&sql, " FROM \"%s\"", evaluator->shape->name);
    if (where != NULL) {
        hr_buf_printf(&sql, " WHERE (\n%s\n)", where);
    }
    hr_buf_put_u8(&sql, 0);
    const char *tail = NULL;
    hr_err err = hr_buf_err(&sql);
    if (err == HR_OK) {
        int code = sqlite3_prepare_v3(evaluator->db, (const char *)sql.data, -1,
                                      SQLITE_PREPARE_PERSISTENT, &evaluator->statement, &tail);
        if (code == SQLITE_NOMEM) {
            err = HR_NO_MEMORY;
        } else if (code == SQLITE_AUTH) {
            err = hr_why_set(why, HR_INVALID, "only the columns of %s and plain functions of them",
                             evaluator->shape->name);
        } else if (code != SQLITE_OK) {
            err = hr_why_set(why, HR_INVALID, "%s", sqlite3_errmsg(evaluator->db));
        } else if (*tail != 0 || sqlite3_column_count(evaluator->statement) != (int)count + 1) {
            err = hr_why_set(why, HR_INVALID, "that is more than one expression");
        }
    }
    hr_buf_fini(&sql);
    return err;
}

/* Are all of them columns by themselves, and where a plain condition? */
static bool find_simple(stream_evaluator *evaluator, const char *const *expressions, uint32_t count,
                        const char *where)
{
    if (!stream_condition_parse(evaluator->shape, where, &evaluator->condition)) {
        return false;
    }
    uint64_t columns = where != NULL ? UINT64_C(1) << evaluator->condition.column : 0;
    for (uint32_t i = 0; i < count; i++) {
        evaluator->simple[i] = stream_simple_column(evaluator->shape, expressions[i]);
        if (evaluator->simple[i] < 0) {
            return false;
        }
        columns |= UINT64_C(1) << evaluator->simple[i];
    }
    evaluator->columns = columns;
    return true;
}

static hr_err make(const stream_shape *shape, const char *const *expressions, uint32_t count,
                   const char *where, stream_evaluator **out, hr_why *why)
{
    stream_evaluator *evaluator = calloc(1, sizeof *evaluator);
    if (evaluator == NULL) {
        return HR_NO_MEMORY;
    }
    evaluator->shape = shape;
    evaluator->count = count;
    evaluator->is_simple = find_simple(evaluator, expressions, count, where);
    hr_err err = HR_OK;
    if (!evaluator->is_simple) {
        err = open_connection(evaluator, why);
        if (err == HR_OK) {
            err = prepare(evaluator, expressions, count, where, why);
            /* Only now: an expression is also the name of its result, and may be longer. */
            sqlite3_limit(evaluator->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
        }
    }
    if (err != HR_OK) {
        stream_evaluator_free(evaluator);
        return err;
    }
    *out = evaluator;
    return HR_OK;
}

/* Over a row of nulls: what is written down of a date is met there, whatever the columns say. Other
 * complaints are about nulls. */
static hr_err try_dates(stream_evaluator *evaluator, hr_why *why)
{
    if (evaluator->is_simple) {
        return HR_OK;
    }
    evaluator->row_count = 1;
    while (sqlite3_step(evaluator->statement) == SQLITE_ROW) {
    }
    hr_err err = stream_dates_refused(evaluator->dates)
                     ? hr_why_set(why, HR_INVALID, "%s", sqlite3_errmsg(evaluator->db))
                     : HR_OK;
    sqlite3_reset(evaluator->statement);
    return err;
}

/* In the place of a condition SQLite takes no aggregate. */
hr_err stream_expression_check(const stream_shape *shape, const char *expression, hr_why *why)
{
    stream_evaluator *evaluator;
    if (strlen(expression) > STREAM_EXPRESSION_BYTES_MAX) {
        return hr_why_set(why, HR_INVALID, "longer than %d bytes", STREAM_EXPRESSION_BYTES_MAX);
    }
    hr_err err = make(shape, &expression, 1, NULL, &evaluator, why);
    if (err == HR_OK) {
        err = try_dates(evaluator, why);
        stream_evaluator_free(evaluator);
    }
    if (err == HR_OK) {
        err = make(shape, NULL, 0, expression, &evaluator, why);
    }
    if (err == HR_OK) {
        stream_evaluator_free(evaluator);
    }
    return err;
}

hr_err stream_evaluator_new(const stream_shape *shape, const char *const *expressions,
                            uint32_t count, const char *where, stream_evaluator **out, hr_why *why)
{
    if (count > STREAM_EXPRESSIONS_MAX) {
        return hr_why_set(why, HR_INVALID, "more than %d expressions", STREAM_EXPRESSIONS_MAX);
    }
    return make(shape, expressions, count, where, out, why);
}

bool stream_evaluator_reads(const stream_evaluator *evaluator, int column)
{
    return (evaluator->columns >> column & 1) != 0;
}

bool stream_evaluator_is_simple(const stream_evaluator *evaluator)
{
    return evaluator->is_simple;
}

void stream_evaluator_free(stream_evaluator *evaluator)
{
    if (evaluator == NULL) {
        return;
    }
    sqlite3_finalize(evaluator->statement);
    sqlite3_close(evaluator->db);
    stream_dates_free(evaluator->dates);
    free(evaluator);
}

/* ---- running ---- */

static void read_value(sqlite3_stmt *statement, int column, stream_value *value)
{
    *value = (stream_value){.type = STREAM_NULL};
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        value->type = STREAM_WHOLE;
        value->whole = sqlite3_column_int64(statement, column);
        break;
    case SQLITE_FLOAT:
        value->real = sqlite3_column_double(statement, column);
        value->type = isfinite(value->real) ? STREAM_REAL : STREAM_NULL;
        break;
    case SQLITE_TEXT:
        value->type = STREAM_TEXT;
        value->text = (const char *)sqlite3_column_text(statement, column);
        value->size = (size_t)sqlite3_column_bytes(statement, column);
        break;
    default:
        break;
    }
}

static hr_err run_simple(const stream_evaluator *evaluator, const void *rows, size_t count,
                         stream_row_visit *visit, void *context)
{
    const stream_shape *shape = evaluator->shape;
    stream_value values[STREAM_EXPRESSIONS_MAX];
    hr_err err = HR_OK;
    for (size_t row = 0; err == HR_OK && row < count; row++) {
        if (evaluator->condition.kind != STREAM_IS_ANYTHING) {
            stream_value value = {.type = STREAM_NULL};
            shape->read(rows, row, evaluator->condition.column, &value);
            if (!stream_condition_holds(&evaluator->condition, &value)) {
                continue;
            }
        }
        for (uint32_t i = 0; i < evaluator->count; i++) {
            values[i].type = STREAM_NULL;
            shape->read(rows, row, evaluator->simple[i], &values[i]);
        }
        err = visit(context, row, values);
    }
    return err;
}

hr_err stream_evaluator_run(stream_evaluator *evaluator, const void *rows, size_t count,
                            int64_t time_ms_max, stream_row_visit *visit, void *context,
                            hr_why *why)
{
    stream_value values[STREAM_EXPRESSIONS_MAX];
    hr_err err = HR_OK;
    int code = SQLITE_ROW;
    if (evaluator->is_simple) {
        return run_simple(evaluator, rows, count, visit, context);
    }
    evaluator->rows = rows;
    evaluator->row_count = count;
    evaluator->until_ns = stream_thread_ns() + time_ms_max * 1000000;
    while (err == HR_OK && (code = sqlite3_step(evaluator->statement)) == SQLITE_ROW) {
        for (uint32_t i = 0; i < evaluator->count; i++) {
            read_value(evaluator->statement, (int)i + 1, &values[i]);
        }
        err = visit(context, (size_t)sqlite3_column_int64(evaluator->statement, 0), values);
    }
    if (code == SQLITE_INTERRUPT) {
        err = hr_why_set(why, HR_TIMEOUT, "a batch took longer than %d ms", (int)time_ms_max);
    } else if (code == SQLITE_NOMEM) {
        err = HR_NO_MEMORY;
    } else if (code != SQLITE_DONE && code != SQLITE_ROW) {
        err = hr_why_set(why, HR_INVALID, "%s", sqlite3_errmsg(evaluator->db));
    }
    sqlite3_reset(evaluator->statement);
    evaluator->rows = NULL;
    evaluator->row_count = 0;
    return err;
}
