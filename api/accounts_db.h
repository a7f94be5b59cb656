/* api/accounts_db.h - the statements behind accounts.h. Threads: one at a time. */
#ifndef API_ACCOUNTS_DB_H
#define API_ACCOUNTS_DB_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/err.h"

/* Open or make the database and its tables. *out is closed with sqlite3_close.
 * HR_TOO_NEW: a newer schema. */
HR_MUST_USE hr_err accounts_db_open(const char *path, sqlite3 **out, hr_why *why);

/* One statement. types has a letter for each ? : t text, i int64, b 32 bytes, n NULL (no argument).
 * HR_NO_SPACE and HR_IO as the disk has it. */
HR_MUST_USE hr_err accounts_db_run(sqlite3 *db, hr_why *why, const char *sql, const char *types,
                                   ...);

/* The same for a query; visit sees each row. */
typedef void accounts_db_visitor(sqlite3_stmt *row, void *context);
HR_MUST_USE hr_err accounts_db_each(sqlite3 *db, accounts_db_visitor *visit, void *context,
                                    hr_why *why, const char *sql, const char *types, ...);

/* Column i as text, "" for NULL; valid until the next row. */
const char *accounts_db_text(sqlite3_stmt *row, int column);

#endif
