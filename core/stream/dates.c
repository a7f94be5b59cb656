/* stream/dates.c - each call is looked at, and then answered by SQLite itself on a connection
 * beside, since a function that was replaced cannot be called any more. */
#include "dates.h"

#include <stdlib.h>

#include "base/buf.h"

#define ARGUMENTS_MAX 16
#define SQL_BYTES_MAX 256

typedef struct date_function {
    stream_dates *dates;
    const char *name;
    int modifiers_from; /* the first argument that may be one */
    sqlite3_stmt *statement;
    int count; /* of the statement's arguments */
} date_function;

#define FUNCTIONS 6

struct stream_dates {
    const char *vfs;
    sqlite3 *beside; /* NULL until the first call */
    bool is_refused;
    date_function functions[FUNCTIONS];
};

static bool is_placed(sqlite3_value *value)
{
    const char *text = (const char *)sqlite3_value_text(value);
    return text != NULL &&
           (sqlite3_stricmp(text, "localtime") == 0 || sqlite3_stricmp(text, "utc") == 0);
}

/* The statement that calls the function with so many arguments. */
static int prepare(date_function *function, int count)
{
    stream_dates *dates = function->dates;
    hr_buf sql;
    int code = SQLITE_OK;
    if (function->statement != NULL && function->count == count) {
        return SQLITE_OK;
    }
    if (dates->beside == NULL) {
        code = sqlite3_open_v2(":memory:", &dates->beside,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, dates->vfs);
    }
    if (code != SQLITE_OK) {
        return code;
    }
    hr_buf_init(&sql, SQL_BYTES_MAX);
    hr_buf_printf(&sql, "SELECT %s(", function->name);
    for (int i = 0; i < count; i++) {
        hr_buf_put_text(&sql, i > 0 ? ",?" : "?");
    }
    hr_buf_put_text(&sql, ")");
    hr_buf_put_u8(&sql, 0);
    sqlite3_finalize(function->statement);
    function->statement = NULL;
    function->count = count;
    code = hr_buf_err(&sql) == HR_OK
               ? sqlite3_prepare_v3(dates->beside, (const char *)sql.data, -1,
                                    SQLITE_PREPARE_PERSISTENT, &function->statement, NULL)
               : SQLITE_NOMEM;
    hr_buf_fini(&sql);
    return code;
}

static void on_date(sqlite3_context *context, int count, sqlite3_value **values)
{
    date_function *function = sqlite3_user_data(context);
    if (count > ARGUMENTS_MAX) {
        sqlite3_result_error(context, "a date takes 16 arguments at most", -1);
        return;
    }
    for (int i = function->modifiers_from; i < count; i++) {
        if (is_placed(values[i])) {
            function->dates->is_refused = true;
            sqlite3_result_error(context,
                                 "'localtime' and 'utc' depend on where the machine is: add the "
                                 "hours, as in '+2 hours'",
                                 -1);
            return;
        }
    }
    int code = prepare(function, count);
    for (int i = 0; code == SQLITE_OK && i < count; i++) {
        code = sqlite3_bind_value(function->statement, i + 1, values[i]);
    }
    code = code == SQLITE_OK ? sqlite3_step(function->statement) : code;
    if (code == SQLITE_ROW) {
        sqlite3_result_value(context, sqlite3_column_value(function->statement, 0));
    } else {
        sqlite3_result_error_code(context, code);
    }
    sqlite3_reset(function->statement);
}

hr_err stream_dates_new(sqlite3 *db, const char *vfs, stream_dates **out)
{
    static const struct {
        const char *name;
        int modifiers_from;
    } known[FUNCTIONS] = {{"date", 1},      {"time", 1},      {"datetime", 1},
                          {"julianday", 1}, {"unixepoch", 1}, {"strftime", 2}};
    stream_dates *dates = calloc(1, sizeof *dates);
    if (dates == NULL) {
        return HR_NO_MEMORY;
    }
    dates->vfs = vfs;
    for (int i = 0; i < FUNCTIONS; i++) {
        date_function *function = &dates->functions[i];
        *function = (date_function){
            .dates = dates, .name = known[i].name, .modifiers_from = known[i].modifiers_from};
        if (sqlite3_create_function_v2(db, function->name, -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                       function, on_date, NULL, NULL, NULL) != SQLITE_OK) {
            free(dates);
            return HR_NO_MEMORY;
        }
    }
    *out = dates;
    return HR_OK;
}

bool stream_dates_refused(const stream_dates *dates)
{
    return dates->is_refused;
}

void stream_dates_free(stream_dates *dates)
{
    if (dates == NULL) {
        return;
    }
    for (int i = 0; i < FUNCTIONS; i++) {
        sqlite3_finalize(dates->functions[i].statement);
    }
    sqlite3_close(dates->beside);
    free(dates);
}
