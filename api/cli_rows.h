/* api/cli_rows.h - the fixes of a CSV file from standard input, in a stream, for join and replay.
 */
#ifndef API_CLI_ROWS_H
#define API_CLI_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/csv.h"

/* What the two commands share on their command lines. */
typedef struct cli_rows_options {
    const char *command;     /* for messages: "join" */
    const char *fences_path; /* of --fences */
    bool skip_bad_rows;      /* --on-error skip */
    bool close_rings;        /* --close-rings */
} cli_rows_options;

/* Read argv; false when there is nothing to do but to return *exit_code. `help` is printed for
 * --help. */
bool cli_rows_parse(int argc, char **argv, const char *help, cli_rows_options *options,
                    int *exit_code);

/* The whole of a file, with a terminator; NULL, having told the reason, if it cannot be read. */
char *cli_read_file(const char *command, const char *path, size_t *size);

/* Opaque. */
typedef struct cli_rows cli_rows;

/* Begin reading a file descriptor, which stays the caller's: reads the header. NULL, having told
 * the reason, when there is none. options are borrowed. */
cli_rows *cli_rows_open(int fd, const cli_rows_options *options);
void cli_rows_close(cli_rows *rows);

typedef enum cli_rows_result {
    CLI_ROW,
    CLI_ROWS_END,
    CLI_ROWS_FAILED, /* a bad row, and --on-error stop, or a failed read; told by cli_rows_tell() */
} cli_rows_result;

/* The next good row. *line counts all data rows from 1; empty lines at the end are none;
 * fix->device is valid until the next call.
 */
cli_rows_result cli_rows_next(cli_rows *rows, geo_csv_fix *fix, uint64_t *line);

/* At the end, after all output is written: clear the progress line, tell what was wrong or how many
 * rows were skipped, and return the exit code. */
int cli_rows_tell(cli_rows *rows);

/* Output that is written in large pieces. */
#define CLI_OUTPUT_SIZE (1u << 18)

typedef struct cli_output {
    int fd;
    bool failed; /* a write failed; errno has been told */
    size_t used;
    char bytes[CLI_OUTPUT_SIZE];
} cli_output;

/* Room for `size` bytes, at most CLI_OUTPUT_SIZE: write there, then add to output->used. */
char *cli_output_reserve(cli_output *output, size_t size);
void cli_output_flush(cli_output *output);

#endif
