/* api/cli_table.h - rows of JSON as a table for people. */
#ifndef API_CLI_TABLE_H
#define API_CLI_TABLE_H

#include <cjson/cJSON.h>

/* An array of objects: one row for each, one column for each name of `columns` (ends with NULL;
 * "a.b" looks into an object) that any row has. */
void cli_table_print(const cJSON *rows, const char *const *columns);

/* The same of an answer's text, at `key`. */
void cli_table_print_text(const char *json, const char *key, const char *const *columns);

/* How a level or severity is shown: its colour's escape on a terminal, else "" (also where NO_COLOR
 * is set), and what ends it. Colour never says anything alone. Static. */
const char *cli_colour_of(const char *level);
const char *cli_colour_end(void);

/* A name as a terminal may show it: what would move its cursor, or worse, becomes '?'. */
void cli_table_print_name(const char *name);

/* {"columns":[..],"rows":[[..]]}, the answer to SQL. */
void cli_table_print_rows(const char *json);

#endif
