/* api/cli_client.h - the command line as a client of the service's API. */
#ifndef API_CLI_CLIENT_H
#define API_CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "cli.h"

#define CLI_ANSWER_BYTES_MAX ((size_t)1 << 30)

/* One connection, used again. Threads: one. */
typedef struct cli_client cli_client;

/* Find the service and the token by the globals. NULL after telling stderr what is wrong; command
 * is the name that messages begin with. */
cli_client *cli_client_new(const cli_globals *globals, const char *command);
void cli_client_free(cli_client *client);

/* Ask. body NULL: none. The answer's text, ended by a zero byte that size does not count, goes into
 * out. Returns CLI_OK for 2xx; else tells stderr the service's own words and returns CLI_FAILED. */
int cli_client_ask(cli_client *client, const char *method, const char *path, const char *body,
                   size_t body_size, hr_buf *out);

/* Ask and print the answer as it is. */
int cli_client_print(cli_client *client, const char *method, const char *path, const char *body,
                     size_t body_size);

/* A path's query, value escaped: "&name=value" (or "?", for the first) appended to path. */
void cli_client_add(cli_client *client, hr_buf *path, const char *name, const char *value);

/* The array at `key` of a JSON answer as a table for people: one row for each object, one column
 * for each name of `columns` (ends with NULL; "a.b" looks into an object) that any row has. */
void cli_print_table(const char *json, const char *key, const char *const *columns);

/* A whole file, or stdin for "-". NULL after telling stderr; the caller frees. */
char *cli_slurp(const char *command, const char *path, size_t *size);

#endif
