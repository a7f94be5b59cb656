/* api/sql_windows.h - each standing query as a table window_<query>, as of now. */
#ifndef API_SQL_WINDOWS_H
#define API_SQL_WINDOWS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "context.h"

/* Make the tables that a statement may name in the connection's temp schema: window_<query> under
 * the query's own name (in double quotes where that has a '-' or '.'), and under the name with
 * those as '_' unless that is another query's. Columns: window_from, window_to (NULL for running
 * totals), final, the group's by their expressions, the aggregates by their names; what is an
 * object or a list is JSON. The context must outlive the connection. Returns SQLite's code. */
int sql_windows_add(sqlite3 *db, api_context *context, const char *sql);

/* Whether a table of the temp schema is one of them. */
bool sql_windows_has(const char *name);

#endif
