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

/* The globals, which are borrowed, say where the service is and which token to use; they are looked
 * at with the first question, so that a wrong command line is told first. command is the name that
 * messages begin with. NULL after telling stderr that there is no memory. */
cli_client *cli_client_new(const cli_globals *globals, const char *command);
void cli_client_free(cli_client *client);

/* Where the service is and the token are looked at again with the next question. */
void cli_client_forget(cli_client *client);

/* For a libcurl handle that asks a service of this machine: a proxy would not find it, and would
 * learn the token; and its certificate is for the name by which others know it. */
void cli_client_set_local(void *curl);

/* Ask. body NULL: none. The answer's text, ended by a zero byte that size does not count, goes into
 * out. Returns CLI_OK for 2xx; else tells stderr the service's own words and returns CLI_FAILED. */
int cli_client_ask(cli_client *client, const char *method, const char *path, const char *body,
                   size_t body_size, hr_buf *out);

/* Ask and print the answer as it is. */
int cli_client_print(cli_client *client, const char *method, const char *path, const char *body,
                     size_t body_size);

/* A path's query, value escaped: "&name=value" (or "?", for the first) appended to path. */
void cli_client_add(cli_client *client, hr_buf *path, const char *name, const char *value);

/* Ask about one thing of a list, "/v1/fences" and its id, and print the answer as it is. */
int cli_client_print_one(cli_client *client, const char *method, const char *list, const char *id);

/* Ask for all pages of a list and print them: as a table of the array at `key` (see cli_table.h),
 * or as one JSON object with all of it. */
int cli_client_list(cli_client *client, const char *path, const char *key,
                    const char *const *columns, bool as_json);

/* Whether that text can be asked with as it stands: JSON is UTF-8. False after telling stderr. */
bool cli_is_utf8(const char *command, const char *what, const char *text);

/* A whole file, or stdin for "-". NULL after telling stderr; the caller frees. */
char *cli_slurp(const char *command, const char *path, size_t *size);

#endif
